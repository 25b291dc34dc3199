"""Validation of new rules: the stricter of the documents and Felix 1.4 (docs/data-model.md, section 2).

Felix rejects a whole profile because of one invalid rule, and turns some valid rules into a rule that drops all
traffic. Both kinds are refused here. Rules that are already stored are not validated.
"""

from __future__ import annotations

import math

from calicoctl.model.network import Network, ambiguity
from calicoctl.model.protocols import PROTOCOLS
from calicoctl.model.rule import Rule, has_leading_zero
from calicoctl.model.rule_fields import (
    ICMP,
    NETWORK_LISTS,
    NETWORKS,
    PORTS,
    check_of,
    nearest_field,
    port_item,
    stored_selector,
)
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.model.rule import Fields

# A rule with lists of networks becomes several rules. More than MOST_RULES exceed the 10 MB that etcd accepts; more
# than _MANY_RULES cause a remark.
MOST_RULES = 200_000
_MANY_RULES = 100
_HINTS = 20
_NAMES_OF_NUMBERS = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}
_VERSIONS = {"icmp": 4, "icmpv6": 6}  # IP versions; Felix accepts protocol numbers with both


class RuleProblems(ValueError):
    """A rule cannot be stored; ``problems`` has a text for each reason, which begins with the name of the field."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def new_rules(fields: Fields, hints: int = _HINTS) -> list[Rule]:
    """Validate a new rule and return the rules to store for it.

    They have the stored form of legacy: ports as numbers or ``"80:90"``, networks with a prefix length. Usually there
    is one. Felix does not support lists of networks, so each combination of the networks in ``src_nets`` and
    ``dst_nets`` becomes a rule of its own. The meaning is the same because the first match decides.

    Raises RuleProblems with all problems. At most ``hints`` of them suggest the correct name of a misspelt field,
    because finding it takes far longer than all other checks.
    """
    return [Rule(expanded) for expanded in _one_network_each(_checked(fields, hints))]


def _checked(fields: Fields, hints: int) -> Fields:
    """Return the fields in their stored form. Raises RuleProblems."""
    problems: list[str] = []
    checked: Fields = {}
    for key, value in fields.items():
        check = check_of(key)
        if check is None:
            nearest = nearest_field(key) if len(problems) < hints else ""
            problems.append(f"{shown(key)} is not a field of a rule{f'; did you mean {nearest}?' if nearest else ''}")
            continue
        if value is None:
            problems.append(f"{key}: null is not a value; give one, or leave the field out")
            continue
        try:
            checked[key] = check(value)
        except ValueError as error:
            problems.append(f"{key}: {error}")
    _prefer_protocol_names(checked)
    problems += _contradictions(checked, fields)
    if problems:
        raise RuleProblems(problems)
    return checked


def may_mean_another(fields: Fields) -> bool:
    """Tell whether a rule is ambiguous: it has a null value, a port with a leading zero or an ambiguous network."""
    for key, value in fields.items():
        items = value if isinstance(value, list) else [value]
        if value is None or (key.endswith("_ports") and any(isinstance(p, str) and has_leading_zero(p) for p in items)):
            return True
        if key.endswith(("_net", "_nets")) and any(isinstance(text, str) and _is_ambiguous(text) for text in items):
            return True
    return False


def _is_ambiguous(text: str) -> bool:
    try:
        return bool(ambiguity(text))
    except ValueError:
        return False


def remarks(given: Fields, rules: list[Rule]) -> list[str]:
    """Return remarks for the operator on a new rule: ``given`` is the input, ``rules`` the rules to store for it."""
    texts = []
    for key, text in given.items():
        stored = rules[0].fields.get(key)
        if key.endswith("_selector") and stored != text:
            texts.append(f"{key}: {shown(text)} is stored as {shown(stored)}: Felix 1.4 may not apply the original")
    for key in ("src_net", "dst_net", "!src_net", "!dst_net"):
        networks = [Network.parse(text) for text in dict.fromkeys(rule.fields.get(key) for rule in rules) if text]
        with_host_bits = [network for network in networks if network.has_host_bits()]
        if with_host_bits:
            meant = Network(*with_host_bits[0].key())
            texts.append(f"{key}: {with_host_bits[0]} has bits set beyond its prefix length: it means {meant}")
    if len(rules) > _MANY_RULES:
        texts.append(f"it becomes {len(rules):,} stored rules, one for each network")
    return texts


def stored_problems(fields: Fields, hints: int = _HINTS) -> list[str]:
    """Return why Felix refuses or misinterprets a stored rule; empty for a valid rule.

    These are the problems that the rule would have as new input (``hints`` as in ``new_rules``), and spellings that
    would be normalised in new input.
    """
    try:
        if _checked(fields, hints) == fields and NETWORK_LISTS.isdisjoint(fields):
            return []  # the usual case
    except RuleProblems as error:
        return error.problems
    problems = []
    for key, value in fields.items():
        if key in NETWORK_LISTS and value is not None:
            problems.append(f"{key}: some versions of Felix refuse lists of networks, and some ignore them")
        for item in value if key.endswith("_ports") and value is not None else ():
            if item != port_item(item):
                problems.append(f"{key}: Felix refuses {shown(item)}, which is {shown(port_item(item))}")
    for key in ("src_selector", "dst_selector", "!src_selector", "!dst_selector"):
        text = fields.get(key)
        if text is not None and (sound := stored_selector(text)) != text:
            problems.append(f"{key}: Felix 1.4 may not apply {shown(text)}; {shown(sound)} means the same")
    if _needs_protocol_name(fields) and fields.get("protocol") not in PROTOCOLS:
        problems.append(f"protocol: {shown(fields['protocol'])} must be given by name, or Felix drops all traffic")
    return problems


def _prefer_protocol_names(fields: Fields) -> None:
    """Replace a protocol number by its name if the rule has ports or ICMP types: Felix 1.4 requires the name then."""
    number = fields.get("protocol")
    if number in _NAMES_OF_NUMBERS and _needs_protocol_name(fields):
        fields["protocol"] = _NAMES_OF_NUMBERS[number]


def _needs_protocol_name(fields: Fields) -> bool:
    return any((key in PORTS or key in ICMP) and value is not None for key, value in fields.items())


def _contradictions(fields: Fields, given: Fields) -> list[str]:
    """Return the problems of combinations of fields.

    ``given`` is the input, ``fields`` those of its fields that are valid by themselves. An invalid field counts as
    present, but nothing is concluded from its value.
    """
    problems: list[str] = []
    protocol = fields.get("protocol")
    is_protocol_known = "protocol" in fields or "protocol" not in given
    for key in fields:
        if key in PORTS:
            if is_protocol_known and protocol not in ("tcp", "udp"):
                problems.append(f"{key}: ports need the protocol tcp or udp")
        elif key in ICMP:
            if is_protocol_known and protocol not in ("icmp", "icmpv6"):
                problems.append(f"{key}: needs the protocol icmp or icmpv6")
            if key.replace("code", "type") not in given:
                problems.append(f"{key}: needs {key.replace('code', 'type')}")
    if not NETWORK_LISTS.isdisjoint(fields):
        problems += _problems_of_lists(fields)
    problems += _unsupported_negations(fields)
    implied = _ip_versions(fields)
    if len(implied) > 1 and len({version for version, _ in implied}) > 1:
        versions = ", ".join(f"{what} is IPv{version}" for version, what in implied)
        problems.append(f"mixed IP versions: {versions}")
    return problems


def _unsupported_negations(fields: Fields) -> Iterator[str]:
    """Yield a problem for each negated network or protocol next to a positive one: iptables refuses such a rule.

    Felix then programs no rule of the profile, and the rules that it programmed before stay in force.
    """
    if "protocol" in fields and "!protocol" in fields:
        yield "!protocol: Felix cannot program it beside protocol; leave one of them out"
    for side in ("src", "dst"):
        given = [key for key in (f"{side}_net", f"{side}_nets") if key in fields]
        excluded = [key for key in (f"!{side}_net", f"!{side}_nets") if key in fields]
        if given and excluded and (":" in str(fields[given[0]])) == (":" in str(fields[excluded[0]])):
            exception = f"{excluded[0][1:]} {shown(fields[excluded[0]])}"
            other_way = f"make one rule for each network that remains without {exception}"
            if fields.get("action", "allow") == "allow":
                other_way = f"make two rules: deny with {exception} for the exception, then allow with {given[0]}"
            yield f"{excluded[0]}: Felix cannot program it beside {given[0]}; {other_way}"


def _ip_versions(fields: Fields) -> list[tuple[int, str]]:
    """Return each IP version that a field of the rule implies, with a description of that field.

    Networks must be in their stored form.
    """
    implied: list[tuple[int, str]] = []
    if "ip_version" in fields:
        implied.append((fields["ip_version"], "ip_version"))
    protocol, excluded = fields.get("protocol"), fields.get("!protocol")
    if protocol in _VERSIONS:
        implied.append((_VERSIONS[protocol], f"protocol {protocol}"))
    # A negated protocol implies no IP version, but Felix refuses its name together with the other version.
    if "ip_version" in fields and excluded in ("icmp", "icmpv6"):
        implied.append((_VERSIONS[excluded], f"!protocol {excluded}"))
    for key, value in fields.items():
        if key in NETWORKS:
            implied += [
                (6 if ":" in network else 4, f"{key} {network}")
                for network in (value if isinstance(value, list) else [value])
            ]
    return implied


def _problems_of_lists(fields: Fields) -> Iterator[str]:
    lists = [key for key in fields if key in NETWORK_LISTS]
    for key in lists:
        if key[:-1] in fields:
            yield f"{key}: cannot be combined with {key[:-1]}; give only one"
        if key.startswith("!") and len(fields[key]) > 1:
            yield f"{key}: several excluded networks cannot be stored in a form that every version of Felix supports"
    count = math.prod(len(fields[key]) for key in lists if not key.startswith("!"))
    if count > MOST_RULES:
        yield f"src_nets and dst_nets: together they make {count:,} rules, more than fit in one profile"


def _one_network_each(fields: Fields) -> list[Fields]:
    expanded = [fields]
    for key in ("src_nets", "dst_nets", "!src_nets", "!dst_nets"):
        if key in fields:
            expanded = [
                {name[:-1] if name == key else name: network if name == key else value for name, value in rule.items()}
                for rule in expanded
                for network in fields[key]
            ]
    return expanded
