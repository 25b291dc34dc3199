"""The text of a rule in ``rule show``: the syntax of ``rule add``, extended to all fields of stored rules."""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.model.rule import Fields, Rule

_PORTS = re.compile(r"[0-9]{1,5}(?::[0-9]{1,5})?", re.ASCII)  # as a string; Felix accepts only ranges in this form
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_.:/-]+")


def rule_text(rule: Rule) -> str:
    """Return the rule in words: action, protocol, ICMP type and code, then ``from`` and ``to`` with their matches.

    Matches outside the legacy grammar appear in the same order, each negation after its positive form: ``ipv4``,
    ``not tcp``, ``not tag X``, ``cidr A,B`` for several networks, ``selector "..."``, ``log-prefix "..."``. Fields
    that are unknown or have the wrong type come last, as ``with key=value`` in JSON. Nothing is left out.
    """
    left = {key: value for key, value in rule.fields.items() if value is not None}
    words = [_word(left.pop("action", "allow"))] if isinstance(left.get("action", "allow"), str) else []
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
    """Remove a field and its negation from ``left`` and return the words for both."""
    negated = "!" + field
    words: list[str] = []
    if field not in left and negated not in left:  # the usual case
        return words
    for name, negation in ((field, []), (negated, ["not"])):
        if name in left and _has_words(field, left[name]):
            words += [*negation, *([keyword] if keyword else []), _value(left.pop(name))]
    return words


def _has_words(field: str, value: Any) -> bool:
    """Tell whether a value has the type of its field; otherwise ``"8"`` and ``8`` would look the same in words.

    Ports stored as strings are shown as in legacy; other code warns that Felix may refuse them.
    """
    if field.endswith("_ports"):
        return _is_list_of(value, int, str) and all(type(port) is int or _PORTS.fullmatch(port) for port in value)
    if field.endswith("_nets"):
        return _is_list_of(value, str)
    if field.startswith("icmp_"):
        return type(value) is int
    return type(value) is str or (field == "protocol" and type(value) is int)


def _is_list_of(value: Any, *types: type) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) in types for item in value)


def _selector(left: Fields, field: str) -> list[str]:
    words = []
    for name, negation in ((field, []), ("!" + field, ["not"])):
        if name in left:
            words += [*negation, "selector", json.dumps(left.pop(name), ensure_ascii=False)]
    return words


def _value(value: Any) -> str:
    return ",".join(map(_word, value)) if isinstance(value, list) else _word(value)


def _word(value: Any) -> str:
    if isinstance(value, str) and _PLAIN_WORD.fullmatch(value):
        return value
    return str(value) if type(value) is int else json.dumps(value, ensure_ascii=False)
