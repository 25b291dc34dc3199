"""The rules of a profile: the value of its ``rules`` key (docs/data-model.md, section 2)."""

from __future__ import annotations

import json
import re
from collections import Counter

from calicoctl.model import stored_json
from calicoctl.model.rule import Rule

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LISTS = ("inbound_rules", "outbound_rules")
_PORT = re.compile("[0-9]{1,5}", re.ASCII)
PORTS_MENDED = "ports stored as text, which make Felix reject the profile, are now numbers in {} rule(s)"
_DEEPEST = 100  # levels of nesting: far more than rules need, far fewer than Python's JSON encoder can write


class MalformedRules(ValueError):
    """A text is not JSON, or not the JSON of rules; the message says what is wrong."""


class Rules:
    """``inbound`` and ``outbound`` rules in order of evaluation; ``extra`` holds other members of the stored object."""

    def __init__(self, inbound: list[Rule], outbound: list[Rule], extra: dict[str, Any] | None = None) -> None:
        self.inbound = inbound
        self.outbound = outbound
        self.extra = extra or {}

    @classmethod
    def of_new_profile(cls, name: str) -> Rules:
        """Return the initial rules of a profile: allow inbound from its own tag, and allow everything outbound."""
        return cls([Rule({"action": "allow", "src_tag": name})], [Rule({"action": "allow"})])

    @classmethod
    def from_json(cls, text: str) -> Rules:
        """Parse a stored value; a missing list counts as empty. Raises MalformedRules."""
        document = decode(text)
        lists = {name: document.pop(name, []) for name in LISTS}
        for name, rules in lists.items():
            if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
                raise MalformedRules(f"{name} is not a list of objects")
        inbound, outbound = ([Rule(fields) for fields in rules] for rules in lists.values())
        return cls(inbound, outbound, document)

    def in_direction(self, direction: str) -> list[Rule]:
        """Return the list for ``inbound`` or ``outbound``. It is not a copy: edits change this object."""
        return self.inbound if direction == "inbound" else self.outbound

    def to_json(self, indent: int | None = None) -> str:
        """Return the value to store, or the output of ``rule json`` if ``indent`` is given."""
        return json.dumps(self.document(), indent=indent)

    def same_as(self, other: Rules) -> bool:
        """Tell whether both are the same JSON, ignoring the order of members in objects."""
        return (
            _same_rules(self.inbound, other.inbound)
            and _same_rules(self.outbound, other.outbound)
            and json.dumps(self.extra, sort_keys=True) == json.dumps(other.extra, sort_keys=True)
        )

    def count(self) -> int:
        """Return the number of rules in both directions."""
        return len(self.inbound) + len(self.outbound)

    def with_ports_as_numbers(self) -> tuple[Rules, int]:
        """Convert ports that are stored as strings (``"80"``) to numbers; return the rules and how many were changed.

        Felix rejects a whole profile if one port is a string. Legacy ``rule update`` stored such ports unchecked.
        """
        lists = [[_with_ports_as_numbers(rule) for rule in rules] for rules in (self.inbound, self.outbound)]
        before = self.inbound + self.outbound
        changed = sum(rule is not old for rule, old in zip(lists[0] + lists[1], before, strict=True))
        return (Rules(lists[0], lists[1], self.extra), changed) if changed else (self, 0)

    def tally(self, before: Rules) -> tuple[int, int, int]:
        """Compare with earlier rules; return the numbers of added, removed and kept rules.

        A rule that moves to the other direction counts as one removed and one added.
        """
        kept = _in_both(self.inbound, before.inbound) + _in_both(self.outbound, before.outbound)
        added, removed = (rules.count() - kept for rules in (self, before))
        return added, removed, kept

    def document(self) -> dict[str, Any]:
        """Return the object to store."""
        return {
            "inbound_rules": [rule.ordered() for rule in self.inbound],
            "outbound_rules": [rule.ordered() for rule in self.outbound],
            **self.extra,
        }


def _with_ports_as_numbers(rule: Rule) -> Rule:
    changes = {}
    for key, items in rule.fields.items():
        if key.endswith("_ports") and isinstance(items, list):
            numbers = [int(item) if isinstance(item, str) and _PORT.fullmatch(item) else item for item in items]
            if numbers != items:
                changes[key] = numbers
    return Rule({**rule.fields, **changes}) if changes else rule


def _in_both(now: list[Rule], before: list[Rule]) -> int:
    """Return how many rules are in both lists; a rule that both contain twice counts twice."""
    gone = {id(rule): rule for rule in before}
    new = [rule for rule in now if gone.pop(id(rule), None) is None]  # most rules are the same object: skip the rest
    alike = Counter(map(Rule.exact, new)) & Counter(map(Rule.exact, gone.values()))
    return len(now) - len(new) + alike.total()


def _same_rules(some: list[Rule], others: list[Rule]) -> bool:
    return len(some) == len(others) and all(
        rule is other or rule.exact() == other.exact() for rule, other in zip(some, others, strict=True)
    )


def decode(text: str, pairs_hook: Callable[[list[tuple[str, Any]]], dict[str, Any]] | None = None) -> dict[str, Any]:
    """Parse a JSON object with rules; ``pairs_hook`` is that of ``json.loads``. Raises MalformedRules."""
    try:
        document = stored_json.decode_or_say_why(text, pairs_hook, _DEEPEST)
    except ValueError as error:
        raise MalformedRules(str(error)) from None
    if not isinstance(document, dict):
        raise MalformedRules(f"it is not an object with the lists {' and '.join(LISTS)}")
    return document
