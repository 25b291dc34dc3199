"""The rules of a profile: the value of its ``rules`` key (data model, section 2)."""

from __future__ import annotations

import json
import math
import re

from calicoctl.model.rule import Rule
from calicoctl.model.rule_validation import RuleProblems, new_rules, stored_problems

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LISTS = ("inbound_rules", "outbound_rules")
_SHOWN_PROBLEMS = 20
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.0-9A-Za-z]+', re.DOTALL)
_DEEPEST = 100  # far more than any rule needs, and far less than what Python's JSON encoder can write


class MalformedRules(ValueError):
    """Text that is no JSON, or JSON that is not of the shape of rules; the message says what is wrong."""


class InvalidRules(ValueError):
    """New rules that cannot be stored; the message has a line for each problem."""


class Rules:
    """``inbound`` and ``outbound`` rules in the order of evaluation; ``extra`` holds further members of the object."""

    def __init__(self, inbound: list[Rule], outbound: list[Rule], extra: dict[str, Any] | None = None) -> None:
        self.inbound = inbound
        self.outbound = outbound
        self.extra = extra or {}

    @classmethod
    def of_new_profile(cls, name: str) -> Rules:
        """Return the rules that a profile begins with: in from its own tag, out to everywhere."""
        return cls([Rule({"action": "allow", "src_tag": name})], [Rule({"action": "allow"})])

    @classmethod
    def from_json(cls, text: str) -> Rules:
        """Read a stored value; a missing list counts as empty. Raises MalformedRules."""
        document = _decode(text)
        lists = {name: document.pop(name, []) for name in _LISTS}
        for name, rules in lists.items():
            if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
                raise MalformedRules(f"{name} is not a list of objects")
        inbound, outbound = ([Rule(fields) for fields in rules] for rules in lists.values())
        return cls(inbound, outbound, document)

    def in_direction(self, direction: str) -> list[Rule]:
        """Return the list itself, to read or edit, of ``inbound`` or ``outbound``."""
        return self.inbound if direction == "inbound" else self.outbound

    def to_json(self, indent: int | None = None) -> str:
        """Return the value to store, or with ``indent`` the lines that ``rule json`` prints."""
        return json.dumps(self._document(), indent=indent)

    def same_as(self, other: Rules) -> bool:
        """Tell whether both are the same JSON, whatever the order of the members of an object."""
        return (
            _same_rules(self.inbound, other.inbound)
            and _same_rules(self.outbound, other.outbound)
            and json.dumps(self.extra, sort_keys=True) == json.dumps(other.extra, sort_keys=True)
        )

    def _document(self) -> dict[str, Any]:
        return {
            "inbound_rules": [rule.ordered() for rule in self.inbound],
            "outbound_rules": [rule.ordered() for rule in self.outbound],
            **self.extra,
        }


def _same_rules(some: list[Rule], others: list[Rule]) -> bool:
    return len(some) == len(others) and all(
        rule is other or rule.exact() == other.exact() for rule, other in zip(some, others, strict=True)
    )


class Update:
    """New rules for a profile, read from what an operator or a script pipes in.

    Each rule that is already stored in the profile, in whichever list, is taken as it is; every other one is
    checked and brought to the form that is stored (``new_rules``). ``rules`` is the result, with the further members
    of the stored object kept; ``warnings`` has a line for each rule that is kept though it would not be stored so as
    new input, and for each new one that is empty.
    """

    def __init__(self, text: str, stored: Rules | None) -> None:
        """Read and check; ``stored`` is None where nothing readable is stored. Raises MalformedRules, InvalidRules."""
        self._stored = stored or Rules([], [])
        self._by_fields = {repr(rule.fields): rule for rule in self._stored_rules()}
        self._by_text: dict[str, Rule] | None = None
        self._by_identity: dict[Any, Rule] | None = None
        self._problems: list[str] = []
        self._doubts: list[str] = []
        document = _decode(text, _members)
        if isinstance(document, _Twice):
            raise MalformedRules(document.complaint())
        inbound, outbound = (self._rules(document, name) for name in _LISTS)
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
            if all(value is None for value in fields.values()):
                self._doubts.append(f"{where}: it is empty, which allows everything")
            try:
                return new_rules(fields)
            except RuleProblems as error:
                known = self._stored_equal(Rule(fields))
                if known is None:
                    self._problems += [f"{where}: {problem}" for problem in error.problems]
                    return []
        self._doubts += [f"{where}: kept as it is stored, though {text}" for text in stored_problems(known.fields)]
        return [known]

    def _stored_alike(self, rule: Rule) -> Rule | None:
        """Return the stored rule with the same JSON but for the order of its keys."""
        if self._by_text is None:
            self._by_text = {stored.exact(): stored for stored in self._stored_rules()}
        return self._by_text.get(rule.exact())

    def _stored_equal(self, rule: Rule) -> Rule | None:
        """Return the first stored rule that means the same."""
        if self._by_identity is None:
            self._by_identity = {stored.identity(): stored for stored in reversed(self._stored_rules())}
        return self._by_identity.get(rule.identity())

    def _extra(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the further members: those stored, and those given that are ``id`` or are stored already."""
        extra = dict(self._stored.extra)
        for name, value in document.items():
            if json.dumps(value, sort_keys=True) == json.dumps(extra.get(name, math.nan), sort_keys=True):
                continue
            if name != "id":
                self._problems.append(f"{json.dumps(name)} is neither inbound_rules nor outbound_rules")
            elif not isinstance(value, str):
                self._problems.append("id is not a text")
            else:
                extra[name] = value
        return extra


def _first(texts: list[str]) -> list[str]:
    more = len(texts) - _SHOWN_PROBLEMS
    return texts[:_SHOWN_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])


def _decode(text: str, pairs_hook: Callable[[list[tuple[str, Any]]], dict[str, Any]] | None = None) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=pairs_hook, parse_constant=_no_json, parse_float=_finite)
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise MalformedRules(f"{what} at line {error.lineno}, column {error.colno}") from None
    except _NotJson as error:
        raise MalformedRules(f"{error} at {error.place(text)}") from None
    except ValueError as error:
        too_long = str(error).startswith("Exceeds the limit")  # Python's own, for integers
        raise MalformedRules("a number has too many digits" if too_long else str(error)) from None
    except RecursionError:
        raise MalformedRules("it is nested too deeply") from None
    if not isinstance(document, dict):
        raise MalformedRules(f"it is not an object with the lists {' and '.join(_LISTS)}")
    if _is_too_deep(document):
        raise MalformedRules("it is nested too deeply")
    return document


def _is_too_deep(document: dict[str, Any]) -> bool:
    level: list[Any] = [document]
    for _ in range(_DEEPEST):
        level = [
            value
            for parent in level
            for value in (parent.values() if type(parent) is dict else parent)
            if type(value) in (dict, list)
        ]
        if not level:
            return False
    return True


class _Twice(dict):  # type: ignore[type-arg]
    """An object in which a member stands twice, with the first such member's name."""

    def complaint(self) -> str:
        return f"{json.dumps(self.name)} stands twice in one object"

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


class _NotJson(ValueError):
    """A number that Python reads and JSON cannot hold; ``token`` is its text."""

    def __init__(self, message: str, token: str) -> None:
        super().__init__(message)
        self.token = token

    def place(self, text: str) -> str:
        """Say where it stands first in the text."""
        offset = next(found.start() for found in _TOKEN.finditer(text) if found[0] == self.token)
        line = text.count("\n", 0, offset) + 1
        return f"line {line}, column {offset - text.rfind(chr(10), 0, offset)}"


def _no_json(constant: str) -> Any:
    raise _NotJson(f"{constant} is not JSON", constant)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NotJson(f"the number {text[:40]} is out of range", text)
    return number
