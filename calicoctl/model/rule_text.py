"""A rule as ``rule show`` writes it: the words of ``rule add``, and more of them for what that cannot say."""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.model.rule import Fields, Rule

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_.:/-]+")


def rule_text(rule: Rule) -> str:
    """Return the rule in words: action, protocol, ICMP type and code, then ``from`` and ``to`` with their matches.

    What the legacy grammar cannot say stands in the same order, each match after its positive form: ``ipv4``,
    ``not tcp``, ``not tag X``, ``cidr A,B`` for several networks, ``selector "..."``, ``log-prefix "..."``; fields
    that are not in the data model last, as ``with key=value`` in JSON. Nothing of a rule is left out.
    """
    left = {key: value for key, value in rule.fields.items() if value is not None}
    words = [_word(left.pop("action", "allow"))]
    if left.get("ip_version") in (4, 6):
        words.append(f"ipv{left.pop('ip_version')}")
    words += _match(left, "protocol", "")
    words += _match(left, "icmp_type", "type")
    words += _match(left, "icmp_code", "code")
    for side, preposition in (("src", "from"), ("dst", "to")):
        matches = [
            word
            for field, keyword in (("ports", "ports"), ("tag", "tag"), ("net", "cidr"), ("nets", "cidr"))
            for word in _match(left, f"{side}_{field}", keyword)
        ] + _selector(left, f"{side}_selector")
        words += [preposition, *matches] if matches else []
    if "log_prefix" in left:
        words += ["log-prefix", json.dumps(left.pop("log_prefix"), ensure_ascii=False)]
    if left:
        words += ["with", *(f"{_word(key)}={json.dumps(value, ensure_ascii=False)}" for key, value in left.items())]
    return " ".join(words)


def _match(left: Fields, field: str, keyword: str) -> list[str]:
    """Take a field and its negation out of ``left`` and return the words for both."""
    words = []
    for name, negation in ((field, []), ("!" + field, ["not"])):
        if name in left:
            words += [*negation, *([keyword] if keyword else []), _value(left.pop(name))]
    return words


def _selector(left: Fields, field: str) -> list[str]:
    words = []
    for name, negation in ((field, []), ("!" + field, ["not"])):
        if name in left:
            words += [*negation, "selector", json.dumps(left.pop(name), ensure_ascii=False)]
    return words


def _value(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(item, (int, str)) for item in value):
        return ",".join(_word(item) for item in value)
    return _word(value)


def _word(value: Any) -> str:
    if isinstance(value, str) and _PLAIN_WORD.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)
