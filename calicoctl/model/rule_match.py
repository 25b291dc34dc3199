"""The selectors and tags of stored rules, and the check of the types of their fields."""

from __future__ import annotations

from calicoctl.model.network import Network
from calicoctl.model.selector import SelectorError, parse

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.model.rule import Fields
    from calicoctl.model.rules import Rules
    from calicoctl.model.selector import Selector

_SIDES = (("src", "source"), ("dst", "destination"), ("!src", "!source"), ("!dst", "!destination"))
_TEXT, _NUMBER = ((str,), "a string"), ((int,), "a number")
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "action": _TEXT,
    "log_prefix": _TEXT,
    "ip_version": _NUMBER,
    "icmp_type": _NUMBER,
    "icmp_code": _NUMBER,
    "protocol": ((str, int), "a string or a number"),
    **{f"{side}_{field}": _TEXT for side in ("src", "dst") for field in ("tag", "selector", "net")},
    **{f"{side}_{field}": ((list,), "a list") for side in ("src", "dst") for field in ("ports", "nets")},
}


class RuleMatch:
    """One selector or tag of one rule.

    ``direction`` is ``inbound`` or ``outbound``; ``number`` is the position of the rule, counted from 1. ``side`` is
    ``source`` or ``destination``, with ``!`` before it if the rule applies to endpoints that do *not* match. ``text``
    is the selector or tag as stored; ``selector`` is the parsed selector, None for a tag.
    """

    __slots__ = ("direction", "number", "side", "text", "selector")

    def __init__(self, direction: str, number: int, side: str, text: str, selector: Selector | None) -> None:
        self.direction = direction
        self.number = number
        self.side = side
        self.text = text
        self.selector = selector

    @property
    def place(self) -> str:
        """``inbound rule`` or ``outbound rule``; the number of the rule follows it in all listings."""
        return f"{self.direction} rule"

    @property
    def what(self) -> str:
        """``selector "..."`` or ``tag "..."``."""
        return f'{"tag" if self.selector is None else "selector"} "{self.text}"'

    def sort_key(self) -> tuple[str, int, str]:
        """The sort key of the matches of a policy: direction, rule number (numerically), then side and text."""
        return self.direction, self.number, f"{self.side} match; {self.what}"


def matches_of(rules: Rules) -> list[RuleMatch]:
    """Return all selectors and tags of rules. Raises ValueError, naming the rule, for an invalid selector."""
    return [
        match
        for direction, listed in (("inbound", rules.inbound), ("outbound", rules.outbound))
        for number, rule in enumerate(listed, start=1)
        for match in _matches_of_rule(direction, number, rule.fields)
    ]


def _matches_of_rule(direction: str, number: int, fields: Fields) -> Iterator[RuleMatch]:
    for prefix, side in _SIDES:
        tag, selector = fields.get(f"{prefix}_tag"), fields.get(f"{prefix}_selector")
        if selector is not None:
            try:
                yield RuleMatch(direction, number, side, selector, parse(selector))
            except SelectorError as error:
                raise ValueError(f"{direction} rule {number}: {prefix}_selector: {error}") from None
        if tag is not None:
            yield RuleMatch(direction, number, side, tag, None)


def check_types(rules: Rules) -> None:
    """Check that the fields of stored rules have the types of the data model and that networks are valid.

    Raises ValueError, naming the rule. Fields outside the data model are ignored.
    """
    for direction, listed in (("inbound", rules.inbound), ("outbound", rules.outbound)):
        for number, rule in enumerate(listed, start=1):
            for key, value in rule.fields.items():
                problem = None if value is None else _type_problem(key.removeprefix("!"), value)
                if problem:
                    raise ValueError(f"{direction} rule {number}: {key} {problem}")


def _type_problem(field: str, value: Any) -> str | None:
    kinds, words = _TYPES.get(field, ((), ""))
    if not kinds:
        return None
    if not isinstance(value, kinds) or isinstance(value, bool):
        return f"is not {words}"
    if isinstance(value, list):
        return "are not networks" if field.endswith("_nets") and not all(map(_is_network, value)) else None
    return "is not a network" if field.endswith("_net") and not _is_network(value) else None


def _is_network(value: Any) -> bool:
    try:
        Network.parse(value)
    except (ValueError, AttributeError):
        return False
    return True
