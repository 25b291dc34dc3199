"""calicoctl profile <PROFILE> rule: the rules of a profile."""

from __future__ import annotations

from calicoctl.commands.messages import is_number, provided
from calicoctl.commands.profiles import profiles_and_networks, warn_of_dropped_profile
from calicoctl.errors import CommandError
from calicoctl.model.rules import PORTS_MENDED, MalformedRules, Rules
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.rule import Rule


def run_rule(arguments: Arguments, environment: Environment) -> int:
    """Carry out one ``profile <PROFILE> rule`` command line and return the exit status. Raises CommandError."""
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
        return _rule_remove_at(name, direction, position, environment)
    from calicoctl.commands.rule_arguments import rule_of

    if arguments["add"]:
        return _rule_add(name, direction, position, rule_of(arguments), environment)
    return _rule_remove(name, direction, rule_of(arguments), environment)


def _rule_show(name: str, environment: Environment) -> int:
    from calicoctl.model.rule_text import rule_text

    rules = profiles_and_networks(environment).rules(name)
    if environment.listing:
        from calicoctl.rows import say_rows

        say_rows(_rows(rules), environment)
        warn_of_dropped_profile(name, rules, environment)
        return 0
    for heading, listed in (("Inbound rules:", rules.inbound), ("Outbound rules:", rules.outbound)):
        lines = [f" {position:3d} {rule_text(rule)}" for position, rule in enumerate(listed, start=1)]
        environment.say("\n".join([heading, *map(visible, lines)]))
    warn_of_dropped_profile(name, rules, environment)
    return 0


def _rows(rules: Rules) -> Iterator[dict[str, Any]]:
    from calicoctl.model.rule_text import rule_text

    for direction in ("inbound", "outbound"):
        for position, rule in enumerate(rules.in_direction(direction), start=1):
            yield {"direction": direction, "position": position, "text": rule_text(rule), "rule": rule.ordered()}


def _rule_json(name: str, environment: Environment) -> int:
    environment.say(profiles_and_networks(environment).rules(name).to_json(indent=2))
    return 0


def _rule_update(name: str, environment: Environment) -> int:
    from calicoctl.model.rule_update import InvalidRules, Update

    text = environment.read_input()
    warnings: list[str] = []
    tally: list[int] = []
    mended = 0

    def updated(stored: Rules | None) -> Rules | None:
        nonlocal mended
        before = stored or Rules([], [])
        readable, _ = before.with_ports_as_numbers()
        update = Update(text, None if stored is None else readable)
        warnings[:] = update.warnings
        tally[:] = update.rules.tally(readable)
        mended = tally[-1] - update.rules.tally(before)[-1]  # of those that are kept
        return None if stored is not None and update.rules.same_as(stored) else update.rules

    try:
        profiles_and_networks(environment).replace_rules(name, updated)
    except MalformedRules as error:
        raise CommandError(f"Invalid rules on standard input: {error}.\nNothing was written.") from None
    except InvalidRules as error:
        raise CommandError(f"{error}\nNothing was written.") from None
    for warning in warnings:
        environment.complain(f"Warning: {warning}.")
    environment.say(f"Successfully updated rules on profile {name}")
    _say_mended(mended, environment)
    added, removed, kept = tally
    environment.complain(f"Rules added: {added}, removed: {removed}, kept: {kept}.")
    return 0


def _rule_add(name: str, direction: str, position: int | None, rule: Rule, environment: Environment) -> int:
    present: list[tuple[int, int, Rule]] = []  # where it was, where it is now, and as it is stored

    def with_rule(rules: Rules) -> Rules | None:
        listed = rules.in_direction(direction)
        place = len(listed) + 1 if position is None else max(position, 1) if position >= 0 else position
        if not 1 <= place <= len(listed) + 1:
            raise CommandError(
                f"Position {position} is out-of-range.\n"
                f"The profile has {len(listed)} {direction} rules: positions 1 to {len(listed) + 1} are possible."
            )
        present.clear()
        index = next(rule.places_in(listed), None)
        if index is None:
            listed.insert(place - 1, rule)
            return rules
        stored = listed.pop(index)
        to = index + 1 if position is None else min(place, len(listed) + 1)
        listed.insert(to - 1, stored)
        present.append((index + 1, to, stored))
        return None if to == index + 1 else rules

    rules = _edit(name, with_rule, environment)
    warn_of_dropped_profile(name, rules, environment)
    if present:
        was, place, _ = present[0]
        _say_present(direction, was, place, rules.in_direction(direction)[place - 1], environment)
    return 0


def _say_present(direction: str, was: int, place: int, stored: Rule, environment: Environment) -> None:
    """Say what became of a rule that was there already, and what is wrong with it as it is stored."""
    from calicoctl.model.rule_validation import stored_problems  # rarely needed

    if place == was:
        environment.say("Rule already present, skipping.")
    else:
        environment.say(f"Rule already present, moved from {direction} position {was} to {place}.")
    problems = stored_problems(stored.fields)
    if problems:
        environment.complain(
            f"Warning: it is {direction} rule {place}, which is stored in a form that would not be stored as new: "
            f"{'; '.join(problems)}. Remove it and add it again."
        )


def _edit(name: str, change: Callable[[Rules], Rules | None], environment: Environment) -> Rules:
    """Edit the rules of a profile; ports that are stored as text become numbers. Returns the rules as they are now."""
    latest: list[Rules] = []
    mended = 0

    def changed(stored: Rules) -> Rules | None:
        nonlocal mended
        mended = 0
        rules = change(stored)
        latest[:] = [stored if rules is None else rules]
        if rules is None:
            return None
        latest[0], mended = rules.with_ports_as_numbers()
        return latest[0]

    profiles_and_networks(environment).edit_rules(name, changed)
    _say_mended(mended, environment)
    return latest[0]


def _say_mended(count: int, environment: Environment) -> None:
    if count:
        environment.complain(f"P{PORTS_MENDED.format(count)[1:]}.")


def _rule_remove_at(name: str, direction: str, position: int, environment: Environment) -> int:
    def without_rule(rules: Rules) -> Rules:
        listed = rules.in_direction(direction)
        if not 1 <= position <= len(listed):
            raise CommandError(
                f"Rule position out-of-range.\nThe profile has {len(listed)} {direction} rules; "
                f"the position given is {position}."
            )
        del listed[position - 1]
        return rules

    _edit(name, without_rule, environment)
    return 0


def _rule_remove(name: str, direction: str, rule: Rule, environment: Environment) -> int:
    def without_rule(rules: Rules) -> Rules:
        listed = rules.in_direction(direction)
        first = next(rule.places_in(listed), None)
        if first is None:
            raise CommandError("Rule not found.")
        del listed[first]
        return rules

    _edit(name, without_rule, environment)
    return 0


def invalid_rule_arguments(arguments: Arguments) -> Iterator[str]:
    """Say what is wrong with a rule's matches and its position: legacy's messages in legacy's order."""
    if arguments["allow"] or arguments["deny"]:
        from calicoctl.commands.rule_arguments import invalid_matches

        yield from invalid_matches(arguments)
    position = arguments["--at"]
    if position is not None and not is_number(position):
        yield f"Invalid position specified.\n{provided([position])}; a position is a whole number"
