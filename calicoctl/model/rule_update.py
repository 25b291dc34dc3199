"""The input of ``rule update``: new rules are validated, and rules that are already stored are kept unchanged."""

from __future__ import annotations

import json
import math

from calicoctl.model.rule import Rule
from calicoctl.model.rule_validation import RuleProblems, may_mean_another, new_rules, remarks, stored_problems
from calicoctl.model.rules import LISTS, MalformedRules, Rules, decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

_SHOWN_PROBLEMS = 20


class InvalidRules(ValueError):
    """New rules cannot be stored; the message has a line for each problem."""


class Update:
    """New rules for a profile, read from standard input.

    A rule that is already stored in the profile, in either direction, is accepted unchanged. Any other rule is
    validated and normalised (see ``new_rules``). ``rules`` is the result; it keeps other members of the stored object.
    ``warnings`` has a line for each rule that is kept although it would be refused as new, and remarks on new rules.
    """

    def __init__(self, text: str, stored: Rules | None) -> None:
        """Parse and validate the input. Raises MalformedRules, InvalidRules.

        ``stored`` is None if the profile has no rules or they cannot be read.
        """
        self._stored = stored or Rules([], [])
        self._by_fields = {repr(rule.fields): rule for rule in self._stored_rules()}
        self._by_text: dict[str, Rule] | None = None
        self._by_meaning: dict[Any, Rule] | None = None
        self._problems: list[str] = []
        self._doubts: list[str] = []
        document = decode(text, _members)
        if isinstance(document, _Twice):
            raise MalformedRules(document.complaint())
        inbound, outbound = (self._rules(document, name) for name in LISTS)
        self.rules = Rules(inbound, outbound, self._extra(document))
        if self._problems:
            raise InvalidRules("\n".join(_first(self._problems)))
        self.warnings = _first(self._doubts)

    def _stored_rules(self) -> list[Rule]:
        return self._stored.inbound + self._stored.outbound

    def _rules(self, document: dict[str, Any], name: str) -> list[Rule]:
        if name not in document:
            self._problems.append(f"{name} is missing; an empty list means no rules")
            return []
        listed = document.pop(name)
        if not isinstance(listed, list):
            self._problems.append(f"{name} is not a list")
            return []
        direction = name.partition("_")[0]
        return [
            rule
            for number, fields in enumerate(listed, start=1)
            for rule in self._rule(f"{direction} rule {number}", fields)
        ]

    def _rule(self, where: str, fields: Any) -> list[Rule]:
        if not isinstance(fields, dict):
            self._problems.append(f"{where}: is not an object")
            return []
        if isinstance(fields, _Twice):
            self._problems.append(f"{where}: {fields.complaint()}")
            return []
        known = self._by_fields.get(repr(fields)) or self._stored_alike(Rule(fields))
        if known is None:
            if not fields:
                self._doubts.append(f"{where}: it is empty, which allows everything")
            try:
                rules = new_rules(fields, hints=_SHOWN_PROBLEMS - len(self._problems))
                self._doubts += [f"{where}: {remark}" for remark in remarks(fields, rules)]
                return rules
            except RuleProblems as error:
                # An ambiguous rule is refused even if a stored rule seems equivalent: its author may mean another one.
                known = None if may_mean_another(fields) else self._stored_equal(Rule(fields))
                if known is None:
                    self._problems += [f"{where}: {problem}" for problem in error.problems]
                    return []
        doubts = stored_problems(known.fields, hints=_SHOWN_PROBLEMS - len(self._doubts))
        self._doubts += [f"{where}: kept as it is stored, though {text}" for text in doubts]
        return [known]

    def _stored_alike(self, rule: Rule) -> Rule | None:
        """Return the stored rule whose JSON is the same except for the order of keys."""
        if self._by_text is None:
            self._by_text = {stored.exact(): stored for stored in self._stored_rules()}
        return self._by_text.get(rule.exact())

    def _stored_equal(self, rule: Rule) -> Rule | None:
        """Return the first equivalent stored rule."""
        if self._by_meaning is None:
            self._by_meaning = {stored.meaning(): stored for stored in reversed(self._stored_rules())}
        return self._by_meaning.get(rule.meaning())

    def _extra(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the members besides the two lists: the stored ones, and ``id`` if the input has it.

        Any other member of the input must be stored with the same value, or it is a problem.
        """
        extra = dict(self._stored.extra)
        for name, value in document.items():
            if json.dumps(value, sort_keys=True) == json.dumps(extra.get(name, math.nan), sort_keys=True):
                continue
            if name != "id":
                self._problems.append(f"{json.dumps(name)} is neither inbound_rules nor outbound_rules")
            elif not isinstance(value, str):
                self._problems.append("id is not a string")
            else:
                extra[name] = value
        return extra


def _first(texts: list[str]) -> list[str]:
    more = len(texts) - _SHOWN_PROBLEMS
    return texts[:_SHOWN_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])


class _Twice(dict):  # type: ignore[type-arg]
    """An object in which a member appears twice; ``name`` is that of the first such member."""

    def complaint(self) -> str:
        return f"{json.dumps(self.name)} appears twice in one object"

    def __init__(self, members: dict[str, Any], name: str) -> None:
        super().__init__(members)
        self.name = name


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            break
        seen.add(name)
    return _Twice(members, name)
