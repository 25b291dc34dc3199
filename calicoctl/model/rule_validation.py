"""What a new rule may say: the stricter of the documents and of Felix 1.4 (docs/data-model.md, section 2).

Felix drops a whole profile for one rule that it refuses, and turns some rules that it takes into a drop of all
traffic. Neither is stored. Rules that are stored already are not judged here.
"""

from __future__ import annotations

import math
import re

from calicoctl.model.names import ALLOWED, is_tag
from calicoctl.model.network import Network, ambiguity
from calicoctl.model.protocols import PROTOCOLS
from calicoctl.model.rule import Rule, has_leading_zero
from calicoctl.model.wording import shown as _shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from calicoctl.model.rule import Fields

_ACTIONS = ("allow", "deny", "next-tier", "log")
LAST_TYPE, LAST_CODE = 254, 255  # of ICMP; the kernel takes type 255 for any, and Felix makes a drop of it
MOST_RULES = 200_000  # with two networks each, already more than the 10 MB that etcd takes
MANY_RULES = 100  # that one rule becomes; more are told to the operator
_HINTS = 20
_NAMES_OF_NUMBERS = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}
_VERSIONS = {"icmp": 4, "icmpv6": 6}  # of IP; protocols that are given as numbers Felix takes with both
_RANGE = re.compile(r"([0-9]{1,9})(?:[:-]([0-9]{1,9}))?")


class RuleProblems(ValueError):
    """A rule cannot be stored; ``problems`` says why, one text for each problem, beginning with the field's name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def new_rules(fields: Fields, hints: int = _HINTS) -> list[Rule]:
    """Check a rule that is about to be stored and return it in the form that is stored.

    That form is the one of legacy: ports as numbers or ``"80:90"``, networks with a prefix length. Mostly this is one
    rule; several networks under ``src_nets`` or ``dst_nets``, which Felix does not know or ignores, become one rule
    each, in order (the first match decides, so they mean the same).

    Raises RuleProblems with all that is wrong. Of so many first problems as ``hints`` says they tell what may have been
    meant: to find that takes far longer than all the rest.
    """
    return [Rule(expanded) for expanded in _one_network_each(_checked(fields, hints))]


def _checked(fields: Fields, hints: int) -> Fields:
    """Return the fields, each in the form that is stored. Raises RuleProblems."""
    problems: list[str] = []
    checked: Fields = {}
    for key, value in fields.items():
        check = _CHECKS.get(key) or _check_for_negated(key)
        if check is None:
            problems.append(f"{_shown(key)} is not a field of a rule{_nearest(key) if len(problems) < hints else ''}")
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
    """Tell whether the author of a rule may mean another: a value is null, a port octal or a network cut short."""
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
    """Return what is worth telling of a new rule that was given so and that becomes these stored rules."""
    texts = []
    for key, text in given.items():
        stored = rules[0].fields.get(key)
        if key.endswith("_selector") and stored != text:
            texts.append(f"{key}: {_shown(text)} is stored as {_shown(stored)}: Felix 1.4 may not apply the other")
    for key in ("src_net", "dst_net", "!src_net", "!dst_net"):
        networks = [Network.parse(text) for text in dict.fromkeys(rule.fields.get(key) for rule in rules) if text]
        with_host_bits = [network for network in networks if network.has_host_bits()]
        if with_host_bits:
            meant = Network(*with_host_bits[0].key())
            texts.append(f"{key}: {with_host_bits[0]} has bits set beyond its prefix length: it means {meant}")
    if len(rules) > MANY_RULES:
        texts.append(f"it becomes {len(rules):,} stored rules, one for each network")
    return texts


def stored_problems(fields: Fields, hints: int = _HINTS) -> list[str]:
    """Return why Felix refuses, or reads otherwise, a rule as it is stored; empty for a sound one.

    These are the problems that the rule would have as new input (with ``hints`` as in ``new_rules``), and the forms
    that new input is brought out of.
    """
    try:
        if _checked(fields, hints) == fields and _NETWORK_LISTS.isdisjoint(fields):
            return []  # as nearly all are
    except RuleProblems as error:
        return error.problems
    problems = []
    for key, value in fields.items():
        if key in _NETWORK_LISTS and value is not None:
            problems.append(f"{key}: some versions of Felix refuse lists of networks, and some ignore them")
        for item in value if key.endswith("_ports") and value is not None else ():
            if item != port_item(item):
                problems.append(f"{key}: Felix refuses {_shown(item)}, which is {_shown(port_item(item))}")
    for key in ("src_selector", "dst_selector", "!src_selector", "!dst_selector"):
        text = fields.get(key)
        if text is not None and _selector(text) != text:
            problems.append(f"{key}: Felix 1.4 may not apply {_shown(text)}; {_shown(_selector(text))} says the same")
    if _needs_protocol_name(fields) and fields.get("protocol") not in PROTOCOLS:
        problems.append(f"protocol: Felix drops everything here unless {_shown(fields['protocol'])} is given by name")
    return problems


def _check_for_negated(key: str) -> Callable[[Any], Any] | None:
    field = key.removeprefix("!")
    return None if field == key or field in _NEVER_NEGATED else _CHECKS.get(field)


# Single fields: each takes a JSON value and returns what is stored, or raises ValueError.


def _action(value: Any) -> str:
    return _one_of(value, _ACTIONS)


def _ip_version(value: Any) -> int:
    if not _is_int(value) or value not in (4, 6):
        raise ValueError(f"{_shown(value)} is not the number 4 or 6")
    return int(value)


def _protocol(value: Any) -> str | int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 3:
        value = int(value)
    if _is_int(value) and 1 <= value <= 255:
        return int(value)
    return _one_of(value, tuple(PROTOCOLS), " or a number from 1 to 255")


def _one_of(value: Any, allowed: tuple[str, ...], or_else: str = "") -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise ValueError(f"{_shown(value)} is not one of {', '.join(allowed)}{or_else}")


def _tag(value: Any) -> str:
    if not isinstance(value, str) or not is_tag(value):
        raise ValueError(f"{_shown(value)} is not a tag: {ALLOWED}")
    return value


def _selector(value: Any) -> str:
    from calicoctl.model import selector

    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not a string")
    if selector.parse(value, new=True).is_misfiled:
        return selector.without_one_value_sets(value)
    return value


def _log_prefix(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not a string")
    return value


def _network(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not a CIDR")
    try:
        network = Network.parse(value)
    except ValueError:
        raise ValueError(f"{_shown(value)} is not a CIDR such as 10.0.0.0/8 or fd80::/64") from None
    if problem := ambiguity(value):
        raise ValueError(f"{_shown(value)}: {problem}")
    return str(network)


def _networks(value: Any) -> list[str]:
    return _each(_filled_list(value, "networks"), _network)


def _ports(value: Any) -> list[int | str]:
    return _each(_filled_list(value, "ports"), new_port_item)


def _each(items: list[Any], check: Callable[[Any], Any]) -> list[Any]:
    """Check every item of a list. Raises ValueError that names all that are wrong."""
    checked, problems = [], []
    for item in items:
        try:
            checked.append(check(item))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return checked


def _filled_list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{_shown(value)} is not a list of {what}")
    if not value:
        raise ValueError(f"the list of {what} is empty; leave the field out to match all {what}")
    return value


def port_item(value: Any) -> int | str:
    """Return a port (``80`` or ``"80"``) or range of ports (``"80:90"``, ``"80-90"``) as it is stored: 80, ``"80:90"``.

    Ports are 0 to 65535; a range of one port is that port. Raises ValueError.
    """
    if type(value) is int and 0 <= value <= 65535:
        return value
    text = str(value) if _is_int(value) else value
    match = _RANGE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{_shown(value)} is not a port or a range of ports such as 80:90")
    first, last = int(match[1]), int(match[2] or match[1])
    if max(first, last) > 65535:
        raise ValueError(f"{_shown(value)} is above the last port, 65535")
    if first > last:
        raise ValueError(f"{_shown(value)} ends below its beginning")
    return first if first == last else f"{first}:{last}"


def new_port_item(value: Any) -> int | str:
    """Return a port or range of ports of a new rule as ``port_item`` does, but refuse numbers with leading zeros.

    iptables reads those as octal. Raises ValueError.
    """
    item = port_item(value)
    if isinstance(value, str) and has_leading_zero(value):
        raise ValueError(f"{_shown(value)} has leading zeros; write {item}")
    return item


def _icmp_type(value: Any) -> int:
    return _number(value, LAST_TYPE)


def _icmp_code(value: Any) -> int:
    return _number(value, LAST_CODE)


def _number(value: Any, last: int) -> int:
    if not _is_int(value) or not 0 <= value <= last:
        raise ValueError(f"{_shown(value)} is not a number from 0 to {last}")
    return int(value)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_NEVER_NEGATED = ("action", "ip_version", "log_prefix")
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "action": _action,
    "ip_version": _ip_version,
    "log_prefix": _log_prefix,
    "protocol": _protocol,
    "icmp_type": _icmp_type,
    "icmp_code": _icmp_code,
    **{
        f"{side}_{field}": check
        for side in ("src", "dst")
        for field, check in (
            ("tag", _tag), ("selector", _selector), ("net", _network), ("nets", _networks), ("ports", _ports)
        )
    },
}  # fmt: skip
_NETWORK_LISTS = {"src_nets", "dst_nets", "!src_nets", "!dst_nets"}
_NETWORKS = {"src_net", "dst_net", "!src_net", "!dst_net"} | _NETWORK_LISTS
_PORTS = {"src_ports", "dst_ports", "!src_ports", "!dst_ports"}
_ICMP = {"icmp_type", "icmp_code", "!icmp_type", "!icmp_code"}


# Fields together.


def _prefer_protocol_names(fields: Fields) -> None:
    """Name the protocols that have ports or ICMP types: Felix 1.4 understands those only beside the name."""
    number = fields.get("protocol")
    if number in _NAMES_OF_NUMBERS and _needs_protocol_name(fields):
        fields["protocol"] = _NAMES_OF_NUMBERS[number]


def _needs_protocol_name(fields: Fields) -> bool:
    return any((key in _PORTS or key in _ICMP) and value is not None for key, value in fields.items())


def _contradictions(fields: Fields, given: Fields) -> list[str]:
    """Return what is wrong with fields together.

    ``given`` are the fields as they were given, ``fields`` those that are sound alone: what another one may say that
    is not sound is not judged.
    """
    problems: list[str] = []
    protocol = fields.get("protocol")
    is_protocol_known = "protocol" in fields or "protocol" not in given
    for key in fields:
        if key in _PORTS:
            if is_protocol_known and protocol not in ("tcp", "udp"):
                problems.append(f"{key}: ports need the protocol tcp or udp")
        elif key in _ICMP:
            if is_protocol_known and protocol not in ("icmp", "icmpv6"):
                problems.append(f"{key}: needs the protocol icmp or icmpv6")
            if key.replace("code", "type") not in given:
                problems.append(f"{key}: needs {key.replace('code', 'type')}")
    if not _NETWORK_LISTS.isdisjoint(fields):
        problems += _problems_of_lists(fields)
    problems += _doubles(fields)
    implied = _ip_versions(fields)
    if len(implied) > 1 and len({version for version, _ in implied}) > 1:
        versions = ", ".join(f"{what} is IPv{version}" for version, what in implied)
        problems.append(f"mixed IP versions: {versions}")
    return problems


def _doubles(fields: Fields) -> Iterator[str]:
    """Yield what iptables refuses of a rule: a network or protocol beside a negated one, for which Felix has one place.

    Felix then programs nothing of the whole profile, and what it programmed before stays in force.
    """
    if "protocol" in fields and "!protocol" in fields:
        yield "!protocol: Felix cannot program it beside protocol; leave one of them out"
    for side in ("src", "dst"):
        given = [key for key in (f"{side}_net", f"{side}_nets") if key in fields]
        excluded = [key for key in (f"!{side}_net", f"!{side}_nets") if key in fields]
        if given and excluded and (":" in str(fields[given[0]])) == (":" in str(fields[excluded[0]])):
            exception = f"{excluded[0][1:]} {_shown(fields[excluded[0]])}"
            other_way = f"make one rule for each network that is left without {exception}"
            if fields.get("action", "allow") == "allow":
                other_way = f"make two rules: deny with {exception} for the exception, then allow with {given[0]}"
            yield f"{excluded[0]}: Felix cannot program it beside {given[0]}; {other_way}"


def _ip_versions(fields: Fields) -> list[tuple[int, str]]:
    """Return each IP version that a part of the rule implies, with that part; networks are in the form stored."""
    implied: list[tuple[int, str]] = []
    if "ip_version" in fields:
        implied.append((fields["ip_version"], "ip_version"))
    protocol, excluded = fields.get("protocol"), fields.get("!protocol")
    if protocol in _VERSIONS:
        implied.append((_VERSIONS[protocol], f"protocol {protocol}"))
    # This says nothing about the version, but Felix refuses the name beside the other version.
    if "ip_version" in fields and excluded in ("icmp", "icmpv6"):
        implied.append((_VERSIONS[excluded], f"!protocol {excluded}"))
    for key, value in fields.items():
        if key in _NETWORKS:
            implied += [
                (6 if ":" in network else 4, f"{key} {network}")
                for network in (value if isinstance(value, list) else [value])
            ]
    return implied


def _problems_of_lists(fields: Fields) -> Iterator[str]:
    lists = [key for key in fields if key in _NETWORK_LISTS]
    for key in lists:
        if key[:-1] in fields:
            yield f"{key}: stands beside {key[:-1]}; give one of them"
        if key.startswith("!") and len(fields[key]) > 1:
            yield f"{key}: several networks under ! cannot be stored so that every Felix understands them"
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


# Wording.


def _nearest(key: str) -> str:
    from difflib import get_close_matches

    names = [*_CHECKS, *("!" + name for name in _CHECKS if name not in _NEVER_NEGATED)]
    nearest = get_close_matches(key, names, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""
