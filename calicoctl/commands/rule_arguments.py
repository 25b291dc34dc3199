"""Make a rule from the arguments of a command line, and check these arguments."""

from __future__ import annotations

from calicoctl.commands.messages import is_number, provided
from calicoctl.model import rule_fields, rule_validation
from calicoctl.model.network import Network, ambiguity
from calicoctl.model.rule import Rule

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from calicoctl.grammar import Arguments

    PortItem = Callable[[str], int | str]

_PORTS_FORM = "Expecting a comma-separated list of ports and port ranges such as 80,443,8080:8090"
_PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6")


def rule_of(arguments: Arguments) -> Rule:
    """Return the rule that valid arguments describe. A rule to remove may have a form that is not allowed for new ones.
    """
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
                fields[f"{side}_{field}"] = _ports(text) if field == "ports" else text
    return Rule(fields) if arguments["remove"] else rule_validation.new_rules(fields)[0]


def invalid_matches(arguments: Arguments) -> Iterator[str]:
    """Yield the problems of the networks, ICMP types and ports, with legacy's messages in legacy's order."""
    networks = {text: _network(text) for text in _given(arguments, "<SRCCIDR>", "<DSTCIDR>")}
    unreadable = [text for text, network in networks.items() if network is None]
    # Legacy stored ambiguous networks as they were typed. To remove such a rule, the same text must be accepted.
    reasons = {} if arguments["remove"] else {text: ambiguity(text) for text in networks if text not in unreadable}
    ambiguous = [text for text, reason in reasons.items() if reason]
    if unreadable or ambiguous:
        problem = f"Invalid CIDR specified.\n{provided(unreadable + ambiguous)}"
        yield "\n".join([problem, *(f"{text}: {reasons[text]}" for text in ambiguous)])
    # Legacy also stored type 255, so such a rule can be removed but not added.
    last_type = 255 if arguments["remove"] else rule_fields.LAST_TYPE
    bad_icmp = [text for text in _given(arguments, "<ICMPTYPE>") if not is_number(text, last_type)]
    bad_icmp += [text for text in _given(arguments, "<ICMPCODE>") if not is_number(text, rule_fields.LAST_CODE)]
    if bad_icmp:
        yield (
            f"Invalid ICMP type or ICMP code specified.\n{provided(bad_icmp)}; "
            f"a type is a number from 0 to {last_type}, a code from 0 to {rule_fields.LAST_CODE}"
        )
    item = rule_fields.port_item if arguments["remove"] else rule_fields.new_port_item
    problems = {text: _ports_problem(text, item) for text in _given(arguments, "<SRCPORTS>", "<DSTPORTS>")}
    bad_ports = [f"{provided([text])}: {problem}" for text, problem in problems.items() if problem]
    if bad_ports:
        yield "\n".join(["Invalid SRCPORTS or DSTPORTS specified.", *bad_ports, _PORTS_FORM])
    versions = {network.version for network in networks.values() if network is not None}
    versions |= {4} if arguments["icmp"] else {6} if arguments["icmpv6"] else set()
    if len(versions) > 1:
        yield "Invalid or unmatching IP versions for SRCCIDR/DSTCIDR."


def _given(arguments: Arguments, *names: str) -> list[str]:
    return [arguments[name] for name in names if arguments[name] is not None]


def _network(text: str) -> Network | None:
    try:
        return Network.parse(text)
    except ValueError:
        return None


def _ports(text: str, item: PortItem = rule_fields.port_item) -> list[int | str]:
    return [item(part) for part in text.split(",")]


def _ports_problem(text: str, item: PortItem) -> str:
    try:
        _ports(text, item)
    except ValueError as error:
        return str(error)
    return ""
