"""calicoctl profile: profiles, their tags and their rules."""

from __future__ import annotations

import re

from calicoctl.commands.messages import invalid_profile_names, provided
from calicoctl.datastore.profiles import Profiles
from calicoctl.errors import CommandError, MalformedObject
from calicoctl.model import rule_validation
from calicoctl.model.endpoint import MalformedEndpoint
from calicoctl.model.names import is_profile_name, is_tag
from calicoctl.model.network import Network
from calicoctl.model.rule import Rule
from calicoctl.model.rules import InvalidRules, MalformedRules, Rules, Update
from calicoctl.output import complaint, table, visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

USAGE = """
Usage:
  calicoctl profile show [--detailed]
  calicoctl profile add <PROFILE>
  calicoctl profile remove <PROFILE> [--no-check]
  calicoctl profile <PROFILE> tag show
  calicoctl profile <PROFILE> tag (add|remove) <TAG>
  calicoctl profile <PROFILE> rule add (inbound|outbound) [--at=<POSITION>]
    (allow|deny) [(
      (tcp|udp) [(from [(ports <SRCPORTS>)] [(tag <SRCTAG>)] [(cidr <SRCCIDR>)])]
                [(to   [(ports <DSTPORTS>)] [(tag <DSTTAG>)] [(cidr <DSTCIDR>)])] |
      icmp [(type <ICMPTYPE> [(code <ICMPCODE>)])]
           [(from [(tag <SRCTAG>)] [(cidr <SRCCIDR>)])]
           [(to   [(tag <DSTTAG>)] [(cidr <DSTCIDR>)])] |
      icmpv6 [(type <ICMPTYPE> [(code <ICMPCODE>)])]
             [(from [(tag <SRCTAG>)] [(cidr <SRCCIDR>)])]
             [(to   [(tag <DSTTAG>)] [(cidr <DSTCIDR>)])] |
      [(from [(tag <SRCTAG>)] [(cidr <SRCCIDR>)])]  
      [(to   [(tag <DSTTAG>)] [(cidr <DSTCIDR>)])]
    )]
  calicoctl profile <PROFILE> rule remove (inbound|outbound) (--at=<POSITION>|
    (allow|deny) [(
      (tcp|udp) [(from [(ports <SRCPORTS>)] [(tag <SRCTAG>)] [(cidr <SRCCIDR>)])]
                [(to   [(ports <DSTPORTS>)] [(tag <DSTTAG>)] [(cidr <DSTCIDR>)])] |
      icmp [(type <ICMPTYPE> [(code <ICMPCODE>)])]
           [(from [(tag <SRCTAG>)] [(cidr <SRCCIDR>)])]
           [(to   [(tag <DSTTAG>)] [(cidr <DSTCIDR>)])] |
      icmpv6 [(type <ICMPTYPE> [(code <ICMPCODE>)])]
             [(from [(tag <SRCTAG>)] [(cidr <SRCCIDR>)])]
             [(to   [(tag <DSTTAG>)] [(cidr <DSTCIDR>)])] |
      [(from [(tag <SRCTAG>)] [(cidr <SRCCIDR>)])]
      [(to   [(tag <DSTTAG>)] [(cidr <DSTCIDR>)])]
    )])
  calicoctl profile <PROFILE> rule show
  calicoctl profile <PROFILE> rule json
  calicoctl profile <PROFILE> rule update

Description:
  Modify available profiles and configure rules or tags.

Options:
  --detailed        Show additional information.
  --no-check        Remove a profile without checking if there are endpoints
                    associated with the profile.
  --at=<POSITION>   Specify the position in the chain where the rule should
                    be placed. Default: append at end.

Examples:
  Add and set up a rule to prevent all inbound traffic except pings from the 192.168/16 subnet
  $ calicoctl profile add only-local-pings
  $ calicoctl profile only-local-pings rule add inbound deny icmp
  $ calicoctl profile only-local-pings rule add inbound --at=0 allow from cidr 192.168.0.0/16

"""

_DETAILED_HEADINGS = ("Name", "Host", "Orchestrator ID", "Workload ID", "Endpoint ID", "State")
_FORCE = "Use the '--no-check' flag to remove the profile anyway."
_PORTS_FORM = "Expecting a comma-separated list of ports and port ranges such as 80,443,8080:8090"
_PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6")


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out one ``profile`` command line, parsed by ``USAGE``, and return the exit status.

    Raises CommandError.
    """
    name = arguments["<PROFILE>"]
    complaints = list(_invalid_arguments(arguments))
    if complaints:
        raise CommandError("\n".join(complaints))
    if arguments["rule"]:
        return _run_rule(name, arguments, environment)
    if arguments["tag"]:
        return _run_tag(name, arguments["<TAG>"], arguments, environment)
    if name is None:
        return _show_detailed(environment) if arguments["--detailed"] else _show(environment)
    if arguments["add"]:
        return _add(name, environment)
    return _remove(name, not arguments["--no-check"], environment)


def _run_tag(name: str, tag: str, arguments: Arguments, environment: Environment) -> int:
    if arguments["show"]:
        return _tag_show(name, environment)
    return (_tag_add if arguments["add"] else _tag_remove)(name, tag, environment)


def _run_rule(name: str, arguments: Arguments, environment: Environment) -> int:
    if arguments["show"]:
        return _rule_show(name, environment)
    if arguments["json"]:
        return _rule_json(name, environment)
    if arguments["update"]:
        return _rule_update(name, environment)
    direction = "inbound" if arguments["inbound"] else "outbound"
    position = None if arguments["--at"] is None else int(arguments["--at"])
    if arguments["add"]:
        return _rule_add(name, direction, position, _rule_of(arguments), environment)
    if position is not None:
        return _rule_remove_at(name, direction, position, environment)
    return _rule_remove(name, direction, _rule_of(arguments), environment)


# Profiles


def _show(environment: Environment) -> int:
    names = Profiles(environment.client()).names()
    environment.say(table(["Name"], [[name] for name in names]))
    return 0


def _show_detailed(environment: Environment) -> int:
    names = Profiles(environment.client()).names()
    users, complaints = _users_of_profiles(environment)
    rows: list[tuple[str | None, ...]] = []
    for name in names:
        rows += [(name, *row) for row in sorted(users.get(name, ()))] or [(name, *[None] * 5)]
    environment.say(table(_DETAILED_HEADINGS, rows))
    for text in complaints:
        environment.complain(text)
    return 1 if complaints else 0


def _users_of_profiles(environment: Environment) -> tuple[dict[str, list[tuple[str, ...]]], list[str]]:
    """Return the workload endpoints by the profiles they use, as rows, and complaints about unreadable ones."""
    from calicoctl.datastore.endpoints import Endpoints, Filter

    users: dict[str, list[tuple[str, ...]]] = {}
    complaints = []
    for found in Endpoints(environment.client()).matching(Filter()):
        name = found.name
        try:
            endpoint = found.decode()
            row = (name.host, str(name.orchestrator), str(name.workload), name.endpoint, str(endpoint.state))
            for profile in dict.fromkeys(endpoint.profile_ids):
                users.setdefault(profile, []).append(row)
        except MalformedEndpoint as error:
            complaints.append(MalformedObject(found.key, error).message)
    return users, sorted(complaints)


def _add(name: str, environment: Environment) -> int:
    if name.startswith("_"):
        raise CommandError(
            f"A profile cannot be created with a name that begins with an underscore, as {name} does: etcd hides such "
            "keys from every listing."
        )
    created, written = Profiles(environment.client()).create(name)
    environment.say(f"Created profile {name}" if created else f"Profile {name} already exists.")
    if written and not created:
        environment.complain(f"It was incomplete; added its {' and '.join(written)}.")
    return 0


def _remove(name: str, check: bool, environment: Environment) -> int:
    profiles = Profiles(environment.client())
    directory = profiles.find(name)
    if check:
        _check_unused(name, environment)
    profiles.delete(name, directory)
    environment.say(f"Deleted profile {name}")
    return 0


def _check_unused(name: str, environment: Environment) -> None:
    from calicoctl.datastore.endpoints import Endpoints

    used = False
    unreadable = []
    for found in Endpoints(environment.client()).all():
        try:
            used = used or name in found.decode().profile_ids
        except MalformedEndpoint as error:
            unreadable.append(MalformedObject(found.key, error).message)
    if used:
        raise CommandError(f"Cannot remove profile - profile in use by endpoint(s).\n{_FORCE}")
    if unreadable:
        reasons = "\n".join(sorted(unreadable))
        raise CommandError(f"Cannot remove profile - an endpoint that may use it cannot be read.\n{reasons}\n{_FORCE}")


# Tags


def _tag_show(name: str, environment: Environment) -> int:
    for tag in _profiles(environment).tags(name):
        environment.say(visible(tag))
    return 0


def _tag_add(name: str, tag: str, environment: Environment) -> int:
    _profiles(environment).edit_tags(name, lambda tags: None if tag in tags else [*tags, tag])
    environment.say(f"Tag {tag} added to profile {name}")
    return 0


def _tag_remove(name: str, tag: str, environment: Environment) -> int:
    def without_tag(tags: list[str]) -> list[str]:
        if tag not in tags:
            raise CommandError(f"Tag {tag} is not on profile {name}")
        return [other for other in tags if other != tag]

    _profiles(environment).edit_tags(name, without_tag)
    environment.say(f"Tag {visible(tag)} removed from profile {name}")
    return 0


# Rules


def _rule_show(name: str, environment: Environment) -> int:
    from calicoctl.model.rule_text import rule_text

    rules = _profiles(environment).rules(name)
    for heading, listed in (("Inbound rules:", rules.inbound), ("Outbound rules:", rules.outbound)):
        lines = [f" {position:3d} {rule_text(rule)}" for position, rule in enumerate(listed, start=1)]
        environment.say("\n".join([heading, *map(visible, lines)]))
    return 0


def _rule_json(name: str, environment: Environment) -> int:
    environment.say(_profiles(environment).rules(name).to_json(indent=2))
    return 0


def _rule_update(name: str, environment: Environment) -> int:
    text = environment.read_input()
    warnings: list[str] = []

    def updated(stored: Rules | None) -> Rules | None:
        update = Update(text, stored)
        warnings[:] = update.warnings
        return None if stored is not None and update.rules.same_as(stored) else update.rules

    try:
        _profiles(environment).replace_rules(name, updated)
    except (MalformedRules, InvalidRules) as error:
        raise CommandError(f"{_input_error(error)}\nNothing was written.") from None
    for warning in warnings:
        environment.complain(f"Warning: {warning}.")
    environment.say(f"Successfully updated rules on profile {name}")
    return 0


def _input_error(error: ValueError) -> str:
    return f"Invalid rules on standard input: {error}." if isinstance(error, MalformedRules) else str(error)


def _rule_add(name: str, direction: str, position: int | None, rule: Rule, environment: Environment) -> int:
    present: list[tuple[int, Rule]] = []

    def with_rule(rules: Rules) -> Rules | None:
        listed = rules.in_direction(direction)
        place = len(listed) + 1 if position is None else max(position, 1) if position >= 0 else position
        if not 1 <= place <= len(listed) + 1:
            raise CommandError(
                f"Position {position} is out-of-range.\n"
                f"The profile has {len(listed)} {direction} rules: positions 1 to {len(listed) + 1} are possible."
            )
        present[:] = [(index + 1, listed[index]) for index in rule.places_in(listed)][:1]
        listed.insert(place - 1, rule)
        return None if present else rules

    _profiles(environment).edit_rules(name, with_rule)
    if present:
        environment.say("Rule already present, skipping.")
        place, stored = present[0]
        problems = rule_validation.stored_problems(stored.fields)
        if problems:
            environment.complain(
                f"Warning: it is {direction} rule {place}, which is stored in a form that would not be stored as new: "
                f"{'; '.join(problems)}. Remove it and add it again."
            )
        elif position is not None:
            environment.complain(f"It is {direction} rule {place}; to move it, remove it first.")
    return 0


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

    _profiles(environment).edit_rules(name, without_rule)
    return 0


def _rule_remove(name: str, direction: str, rule: Rule, environment: Environment) -> int:
    def without_rule(rules: Rules) -> Rules:
        listed = rules.in_direction(direction)
        first = next(rule.places_in(listed), None)
        if first is None:
            raise CommandError("Rule not found.")
        del listed[first]
        return rules

    _profiles(environment).edit_rules(name, without_rule)
    return 0


def _rule_of(arguments: Arguments) -> Rule:
    """Make the rule that valid arguments describe."""
    fields: dict[str, object] = {"action": "allow" if arguments["allow"] else "deny"}
    for protocol in _PROTOCOLS:
        if arguments[protocol]:
            fields["protocol"] = protocol
    for field, argument in (("icmp_type", "<ICMPTYPE>"), ("icmp_code", "<ICMPCODE>")):
        if arguments[argument] is not None:
            fields[field] = int(arguments[argument])
    for side in ("src", "dst"):
        for field in ("ports", "tag", "net"):
            text = arguments[f"<{side.upper()}{'CIDR' if field == 'net' else field.upper()}>"]
            if text is not None:
                fields[f"{side}_{field}"] = text.split(",") if field == "ports" else text
    return rule_validation.new_rules(fields)[0]


def _profiles(environment: Environment) -> Profiles:
    """Return the profiles for tags and rules: also those that are named after Docker networks, if there is Docker."""
    from calicoctl.datastore.network_profiles import NetworkProfiles
    from calicoctl.host.docker import Networks

    return NetworkProfiles(environment.client(), Networks(environment.variables).find)


# Arguments, all of which are checked before anything is read: legacy's messages in legacy's order


def _invalid_arguments(arguments: Arguments) -> Iterator[str]:
    name = arguments["<PROFILE>"]
    if name is not None and not is_profile_name(name):
        yield invalid_profile_names([name])
    tags = _given(arguments, "<SRCTAG>", "<DSTTAG>", *(["<TAG>"] if arguments["add"] else []))
    invalid_tags = [tag for tag in tags if not is_tag(tag)]
    if invalid_tags:
        yield complaint(
            "Tags names can only contain numbers, letters, dots, dashes and underscores.",
            f"{provided(invalid_tags)}; a tag has 1 to 128 characters",
        )
    yield from _invalid_matches(arguments)
    position = arguments["--at"]
    if position is not None and not _is_number(position):
        yield f"Invalid position specified.\n{provided([position])}; a position is a whole number"


def _invalid_matches(arguments: Arguments) -> Iterator[str]:
    networks = {text: _network(text) for text in _given(arguments, "<SRCCIDR>", "<DSTCIDR>")}
    unreadable = [text for text, network in networks.items() if network is None]
    if unreadable:
        yield f"Invalid CIDR specified.\n{provided(unreadable)}"
    bad_icmp = [text for text in _given(arguments, "<ICMPTYPE>") if not _is_number(text, rule_validation.LAST_TYPE)]
    bad_icmp += [text for text in _given(arguments, "<ICMPCODE>") if not _is_number(text, rule_validation.LAST_CODE)]
    if bad_icmp:
        yield (
            f"Invalid ICMP type or ICMP code specified.\n{provided(bad_icmp)}; "
            f"a type is a number from 0 to {rule_validation.LAST_TYPE}, a code from 0 to {rule_validation.LAST_CODE}"
        )
    problems = {text: _ports_problem(text) for text in _given(arguments, "<SRCPORTS>", "<DSTPORTS>")}
    bad_ports = [f"{provided([text])}: {problem}" for text, problem in problems.items() if problem]
    if bad_ports:
        yield "\n".join(["Invalid SRCPORTS or DSTPORTS specified.", *bad_ports, _PORTS_FORM])
    versions = {network.version for network in networks.values() if network is not None}
    versions |= {4} if arguments["icmp"] else {6} if arguments["icmpv6"] else set()
    if unreadable or len(versions) > 1:
        yield "Invalid or unmatching IP versions for SRCCIDR/DSTCIDR."


def _given(arguments: Arguments, *names: str) -> list[str]:
    return [arguments[name] for name in names if arguments[name] is not None]


def _network(text: str) -> Network | None:
    try:
        return Network.parse(text)
    except ValueError:
        return None


def _ports_problem(text: str) -> str:
    try:
        for item in text.split(","):
            rule_validation.port_item(item)
    except ValueError as error:
        return str(error)
    return ""


def _is_number(text: str, last: int | None = None) -> bool:
    """Tell whether a text is a whole number as Python's ``int`` reads it, and from 0 to ``last`` if that is given."""
    is_number = re.fullmatch(r"\s*[+-]?[0-9]{1,1000}\s*", text, re.ASCII) is not None
    return is_number and (last is None or 0 <= int(text) <= last)
