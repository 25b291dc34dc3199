"""calicoctl profile <PROFILE> rule: show and change the rules of a profile."""

from __future__ import annotations

from abc import ABC, abstractmethod

from calicoctl.commands.messages import is_number, provided
from calicoctl.commands.profiles import profiles_and_networks, warn_of_dropped_profile
from calicoctl.errors import CommandError
from calicoctl.model.rules import PORTS_MENDED, MalformedRules, Rules
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.rule import Rule


def run_rule(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``profile <PROFILE> rule`` command line and return the exit status. Raises CommandError."""
    name = arguments["<PROFILE>"]
    if arguments["show"]:
        return _rule_show(name, environment)
    if arguments["json"]:
        return _rule_json(name, environment)
    if arguments["update"]:
        return _rule_update(name, environment)
    direction = "inbound" if arguments["inbound"] else "outbound"
    position = None if arguments["--at"] is None else int(arguments["--at"])
    if position is not None and not arguments["add"]:
        _RemovalAt(direction, position).run(name, environment)
        return 0
    from calicoctl.commands.rule_arguments import rule_of

    if arguments["add"]:
        return _rule_add(name, _Insertion(direction, position, rule_of(arguments)), environment)
    _Removal(direction, rule_of(arguments)).run(name, environment)
    return 0


def _rule_show(name: str, environment: Environment) -> int:
    rules = profiles_and_networks(environment).rules(name)
    if not environment.say_rows(_rows(rules)):
        _say_rules(rules, environment)
    warn_of_dropped_profile(name, rules, environment)
    return 0


def _say_rules(rules: Rules, environment: Environment) -> None:
    from calicoctl.model.rule_text import rule_text

    for heading, listed in (("Inbound rules:", rules.inbound), ("Outbound rules:", rules.outbound)):
        lines = [f" {position:3d} {rule_text(rule)}" for position, rule in enumerate(listed, start=1)]
        environment.say("\n".join([heading, *map(visible, lines)]), painter="rule")


def _rows(rules: Rules) -> Iterator[dict[str, Any]]:
    from calicoctl.model.rule_text import rule_text

    for direction in ("inbound", "outbound"):
        for position, rule in enumerate(rules.in_direction(direction), start=1):
            yield {"direction": direction, "position": position, "text": rule_text(rule), "rule": rule.ordered()}


def _rule_json(name: str, environment: Environment) -> int:
    environment.say(profiles_and_networks(environment).rules(name).to_json(indent=2))
    return 0


def _rule_update(name: str, environment: Environment) -> int:
    from calicoctl.model.rule_update import InvalidRules

    update = _Replacement(environment.read_input())
    try:
        profiles_and_networks(environment).replace_rules(name, update.apply)
    except MalformedRules as error:
        raise CommandError(f"Invalid rules on standard input: {error}.\nNothing was written.") from None
    except InvalidRules as error:
        raise CommandError(f"{error}\nNothing was written.") from None
    for warning in update.warnings:
        environment.complain(f"Warning: {warning}.")
    environment.say(f"Successfully updated rules on profile {name}")
    _say_mended(update.mended, environment)
    added, removed, kept = update.tally
    environment.complain(f"Rules added: {added}, removed: {removed}, kept: {kept}.")
    return 0


class _Replacement:
    """Replaces all rules of a profile by those in a text. The attributes describe the last call of ``apply``.

    ``tally`` has the numbers of rules added, removed and kept; ``mended`` is the number of kept rules whose ports were
    stored as text and become numbers.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.warnings: list[str] = []
        self.tally = (0, 0, 0)
        self.mended = 0

    def apply(self, stored: Rules | None) -> Rules | None:
        """Return the new rules; None if they are the same as the stored ones. Raises MalformedRules, InvalidRules."""
        from calicoctl.model.rule_update import Update

        before = stored or Rules([], [])
        readable, _ = before.with_ports_as_numbers()
        update = Update(self._text, None if stored is None else readable)
        self.warnings = update.warnings
        self.tally = update.rules.tally(readable)
        _, _, kept = self.tally
        _, _, kept_unchanged = update.rules.tally(before)
        self.mended = kept - kept_unchanged
        return None if stored is not None and update.rules.same_as(stored) else update.rules


class _Edit(ABC):
    """A change of the rules of one direction. Subclasses define the change.

    If somebody else changes the rules at the same time, the change is applied again to the newer rules. The attributes
    describe the last time. ``rules`` holds all rules of the profile after the change.
    """

    rules: Rules

    def __init__(self, direction: str) -> None:
        self.direction = direction
        self._mended = 0

    @abstractmethod
    def change(self, listed: list[Rule]) -> bool:
        """Change the list of rules in place and tell whether it is different now. Raises CommandError."""

    def run(self, name: str, environment: Environment) -> None:
        """Edit the rules of a profile. In changed rules, ports that are stored as text become numbers."""
        profiles_and_networks(environment).edit_rules(name, self._apply)
        _say_mended(self._mended, environment)

    def _apply(self, stored: Rules) -> Rules | None:
        self.rules, self._mended = stored, 0
        if not self.change(stored.in_direction(self.direction)):
            return None
        self.rules, self._mended = stored.with_ports_as_numbers()
        return self.rules


class _Insertion(_Edit):
    """Insert a rule at a position, or at the end without one. An equal rule that is stored already is moved instead.

    ``was`` is the old position of the equal rule, None if there was none, and ``place`` its position now.
    """

    def __init__(self, direction: str, position: int | None, rule: Rule) -> None:
        super().__init__(direction)
        self._position = position
        self._rule = rule
        self.was: int | None = None
        self.place = 0

    def change(self, listed: list[Rule]) -> bool:
        place = self._place_in(listed)
        index = next(self._rule.places_in(listed), None)
        if index is None:
            self.was, self.place = None, place
            listed.insert(place - 1, self._rule)
            return True
        stored = listed.pop(index)
        self.was = index + 1
        self.place = self.was if self._position is None else min(place, len(listed) + 1)
        listed.insert(self.place - 1, stored)
        return self.place != self.was

    def _place_in(self, listed: list[Rule]) -> int:
        """Return the position for a new rule, counted from 1; position 0 also means 1. Raises CommandError."""
        last = len(listed) + 1
        place = last if self._position is None else 1 if self._position == 0 else self._position
        if not 1 <= place <= last:
            raise CommandError(
                f"Position {self._position} is out-of-range.\n"
                f"The profile has {len(listed)} {self.direction} rules: positions 1 to {last} are possible."
            )
        return place


class _RemovalAt(_Edit):
    """Remove the rule at a position."""

    def __init__(self, direction: str, position: int) -> None:
        super().__init__(direction)
        self._position = position

    def change(self, listed: list[Rule]) -> bool:
        if not 1 <= self._position <= len(listed):
            raise CommandError(
                f"Rule position out-of-range.\nThe profile has {len(listed)} {self.direction} rules; "
                f"the position given is {self._position}."
            )
        del listed[self._position - 1]
        return True


class _Removal(_Edit):
    """Remove the first rule that equals a given one."""

    def __init__(self, direction: str, rule: Rule) -> None:
        super().__init__(direction)
        self._rule = rule

    def change(self, listed: list[Rule]) -> bool:
        first = next(self._rule.places_in(listed), None)
        if first is None:
            raise CommandError("Rule not found.")
        del listed[first]
        return True


def _rule_add(name: str, addition: _Insertion, environment: Environment) -> int:
    addition.run(name, environment)
    warn_of_dropped_profile(name, addition.rules, environment)
    if addition.was is not None:
        _say_present(addition.direction, addition.was, addition.place, addition.rules, environment)
    return 0


def _say_present(direction: str, was: int, place: int, rules: Rules, environment: Environment) -> None:
    """Say whether a rule that was already stored has been moved, and whether its stored form is invalid."""
    from calicoctl.model.rule_validation import stored_problems  # rarely needed

    if place == was:
        environment.say("Rule already present, skipping.")
    else:
        environment.say(f"Rule already present, moved from {direction} position {was} to {place}.")
    problems = stored_problems(rules.in_direction(direction)[place - 1].fields)
    if problems:
        environment.complain(
            f"Warning: {direction} rule {place} is stored in a form that is not allowed for new rules: "
            f"{'; '.join(problems)}. Remove it and add it again."
        )


def _say_mended(count: int, environment: Environment) -> None:
    if count:
        environment.complain(f"P{PORTS_MENDED.format(count)[1:]}.")


def invalid_rule_arguments(arguments: Arguments) -> Iterator[str]:
    """Yield the problems of a rule's matches and position, with legacy's messages in legacy's order."""
    if arguments["allow"] or arguments["deny"]:
        from calicoctl.commands.rule_arguments import invalid_matches

        yield from invalid_matches(arguments)
    position = arguments["--at"]
    if position is not None and not is_number(position):
        yield f"Invalid position specified.\n{provided([position])}; a position is a whole number"
