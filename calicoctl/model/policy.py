"""Policies and tiers: their JSON objects (docs/data-model.md, section 4) and their order."""

from __future__ import annotations

import math

from calicoctl.model.rule_match import RuleMatch, check_types, matches_of
from calicoctl.model.rules import MalformedRules, Rules
from calicoctl.model.selector import SelectorError, parse
from calicoctl.model.stored_json import decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.model.selector import Selector

DEFAULT_TIER = "default"  # policies in it are shown without a tier


class MalformedPolicy(ValueError):
    """A stored policy or the metadata of a tier cannot be read; the message says why."""


class Policy:
    """A stored policy.

    ``order`` is None if the policy has none; such policies come last. ``selector_text`` is the selector as stored,
    ``selector`` the parsed selector. ``matches`` lists the selectors and tags of its rules.
    """

    __slots__ = ("tier", "name", "order", "selector_text", "selector", "untracked", "rules", "matches")

    def __init__(self, tier: str, name: str, rules: Rules) -> None:
        fields = rules.extra
        self.tier = tier
        self.name = name
        self.order = order_of(fields)
        self.selector_text = _typed(fields, "selector", str, "a string") or ""
        self.untracked = bool(_typed(fields, "untracked", bool, "true or false"))
        self.selector: Selector = parse(self.selector_text)
        self.rules = rules
        self.matches: list[RuleMatch] = matches_of(rules)

    @classmethod
    def from_json(cls, tier: str, name: str, text: str) -> Policy:
        """Parse a stored value. Raises MalformedPolicy."""
        try:
            rules = Rules.from_json(text)
            check_types(rules)
            return cls(tier, name, rules)
        except SelectorError as error:
            raise MalformedPolicy(f"selector: {error}") from None
        except (MalformedRules, ValueError) as error:
            raise MalformedPolicy(str(error)) from None

    @property
    def position(self) -> tuple[float, str]:
        """The sort key of policies within a tier: by order, policies without one last, and then by name."""
        return (math.inf if self.order is None else self.order), self.name


class Tier:
    """A tier; ``exists`` is True if it has metadata."""

    __slots__ = ("name", "order", "exists")

    def __init__(self, name: str, order: float | None = None, exists: bool = False) -> None:
        self.name = name
        self.order = order
        self.exists = exists

    @classmethod
    def from_json(cls, name: str, text: str) -> Tier:
        """Parse the metadata of a tier. Raises MalformedPolicy."""
        try:
            fields = decode(text)
        except ValueError as error:
            raise MalformedPolicy(str(error)) from None
        if not isinstance(fields, dict):
            raise MalformedPolicy("it is not a JSON object")
        return cls(name, order_of(fields), True)

    @property
    def is_skipped(self) -> bool:
        """Whether packets skip the tier because it has no metadata. Felix 1.4 skips even ``default`` then."""
        return not self.exists

    @property
    def position(self) -> tuple[bool, float, str]:
        """The sort key of tiers: by order and name like policies, and skipped tiers last."""
        return self.is_skipped, (math.inf if self.order is None else self.order), self.name


def order_of(fields: dict[str, Any]) -> float | None:
    """Return the member ``order`` of a policy or tier; None if it is absent, null or ``"default"``.

    Raises MalformedPolicy.
    """
    order = fields.get("order")
    if order is None or order == "default":
        return None
    if isinstance(order, bool) or not isinstance(order, (int, float)):
        raise MalformedPolicy("order is not a number")
    try:
        number = float(order)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MalformedPolicy("order is out of range")
    return number


def order_text(order: float | None) -> str:
    """Format an order as calicoq does: ``500``, ``0.1``, ``1e+06`` from one million up, ``default`` for None.

    This is Go's shortest representation of a number: the fewest digits that identify it.
    """
    if order is None:
        return "default"
    text = repr(float(order))
    if "e" in text:
        return text
    if abs(order) < 1_000_000:
        return text.removesuffix(".0")
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = digits.partition(".")
    significant = (whole + fraction).rstrip("0")
    mantissa = f"{significant[0]}.{significant[1:]}" if len(significant) > 1 else significant
    return f"{sign}{mantissa}e+{len(whole) - 1:02d}"


def _typed(fields: dict[str, Any], name: str, kind: type, words: str) -> Any:
    value = fields.get(name)
    if value is not None and not isinstance(value, kind):
        raise MalformedPolicy(f"{name} is not {words}")
    return value
