"""Which stored rules Felix 1.4.9 refuses, and which it generates incorrectly (docs/data-model.md, section 2).

One refused rule makes a whole profile or policy invalid. A rule that Felix accepts may still become a drop of all
traffic of one IP version, or lose one of its conditions there.
"""

from __future__ import annotations

import re

from calicoctl.model.network import Network
from calicoctl.model.protocols import PROTOCOLS
from calicoctl.model.rule import has_leading_zero
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from calicoctl.model.rule import Fields

ID = re.compile(r"[a-zA-Z0-9_.\-]+")
_ACTIONS = ("allow", "deny", "next-tier", "log")
_PORT_PROTOCOLS = ("tcp", "udp", "udplite", "sctp", "6", "17", "33", "132", "136")
_NEVER_NEGATED = ("action", "ip_version", "log_prefix")
_MATCHES = (
    "protocol", "src_net", "dst_net", "src_tag", "dst_tag", "src_selector", "dst_selector", "src_ports", "dst_ports",
    "icmp_type", "icmp_code",
)  # fmt: skip
_KNOWN = {*_NEVER_NEGATED, *_MATCHES, *("!" + field for field in _MATCHES)}
_DOUBLES = ("protocol", "src_net", "dst_net")  # matches of which iptables takes one in a rule, plain or negated
_WITHOUT_IP_VERSION = "Give the rule an ip_version, or update Felix to 2.0."


class FatalValue(ValueError):
    """A value whose type Felix does not expect and which ends its process; the message says which."""


def rules_problems(document: Any) -> Iterator[str]:
    """Yield why Felix refuses the rules of a profile or policy, given as decoded JSON. Raises FatalValue."""
    if not isinstance(document, dict):
        yield "it is not an object with the lists inbound_rules and outbound_rules"
        return
    for direction in ("inbound", "outbound"):
        listed = document.get(f"{direction}_rules", [])
        if not isinstance(listed, list):
            yield f"{direction}_rules is not a list"
            continue
        for number, fields in enumerate(listed, start=1):
            if _is_usual(fields):
                continue
            where = f"{direction} rule {number}"
            if not isinstance(fields, dict):
                yield f"{where}: it is not an object"
                break  # Felix does not check the rules after it
            try:
                for problem in rule_problems(fields):
                    yield f"{where}: {problem}"
            except FatalValue as error:
                raise FatalValue(f"{where}: {error}") from None


def _is_usual(fields: Any) -> bool:
    """Tell quickly whether a rule is one of the many with which nothing is wrong; False says nothing."""
    if type(fields) is not dict:
        return False
    for key, value in fields.items():
        check = _USUAL.get(key)
        if check is None or not check(value):
            return False
    has_ports = "dst_ports" in fields or "src_ports" in fields
    return not has_ports or fields.get("protocol") in ("tcp", "udp")


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_USUAL_NETWORK = rf"{_OCTET}(?:\.{_OCTET}){{3}}/(?:[12]?[0-9]|3[0-2])"  # compiled at its first use


def _is_usual_net(value: Any) -> bool:
    return type(value) is str and re.fullmatch(_USUAL_NETWORK, value) is not None


def _is_usual_tag(value: Any) -> bool:
    return type(value) is str and ID.fullmatch(value) is not None


def _are_usual_ports(value: Any) -> bool:
    return type(value) is list and all(map(is_port, value))


_USUAL: dict[str, Callable[[Any], bool]] = {
    "action": lambda value: type(value) is str and value in _ACTIONS,
    "protocol": lambda value: type(value) is str and value in PROTOCOLS,
    "src_net": _is_usual_net,
    "dst_net": _is_usual_net,
    "src_tag": _is_usual_tag,
    "dst_tag": _is_usual_tag,
    "src_ports": _are_usual_ports,
    "dst_ports": _are_usual_ports,
    "icmp_type": lambda value: type(value) is int and 0 <= value <= 255,
}


def rule_problems(fields: Fields) -> Iterator[str]:
    """Yield why Felix refuses one rule, given as decoded JSON. Raises FatalValue."""
    present: Fields = {key: value for key, value in fields.items() if value is not None}
    version = present.get("ip_version", 4)
    if isinstance(version, bool) or version not in (4, 6):
        yield f"ip_version: {shown(version)} is not the number 4 or 6"
        return  # Felix looks at nothing else in it
    _check_fatal(present)
    for key, value in present.items():
        if key not in _KNOWN:
            yield f"{shown(key)} is not a field of a rule"
            continue
        problem = _field_problem(key.removeprefix("!"), value, present)
        if problem:
            yield f"{key}: {problem}"
    for prefix in ("", "!"):
        if f"{prefix}icmp_code" in present and f"{prefix}icmp_type" not in present:
            yield f"{prefix}icmp_code: it needs {prefix}icmp_type"
    if (present.get("ip_version"), present.get("protocol")) in ((4, "icmpv6"), (6, "icmp")):
        yield f"protocol: {present['protocol']} is not of IP version {present['ip_version']}"


def _check_fatal(fields: Fields) -> None:
    for key, value in fields.items():
        field = key.removeprefix("!")
        if field in ("protocol", "action") and isinstance(value, (list, dict)):
            raise FatalValue(f"{key}: {shown(value)} is a {'list' if isinstance(value, list) else 'object'}")
        if field.endswith(("_tag", "_selector")) and field in _MATCHES and not isinstance(value, str):
            raise FatalValue(f"{key}: {shown(value)} is not a string")
        if field.endswith("_tag") and field in _MATCHES and value.endswith("\n") and ID.fullmatch(value[:-1]):
            raise FatalValue(f"{key}: {shown(value)} ends in a line end")
        for text in value if field.endswith("_ports") and isinstance(value, list) else [value]:
            if field in ("protocol", "src_ports", "dst_ports") and isinstance(text, str) and not text.isascii():
                raise FatalValue(f"{key}: {shown(text)} is not ASCII")


def _field_problem(field: str, value: Any, fields: Fields) -> str | None:
    if field == "action":
        return None if value in _ACTIONS else f"{shown(value)} is not one of {', '.join(_ACTIONS)}"
    if field == "ip_version":
        return None
    if field == "protocol":
        return None if _is_protocol(value) else f"{shown(value)} is not a protocol that Felix knows"
    if field.endswith("_net"):
        return _network_problem(value, fields.get("ip_version"))
    if field.endswith("_tag"):
        return None if ID.fullmatch(value) else f"{shown(value)} is not a tag"
    if field.endswith("_selector"):
        return selector_problem(value)
    if field.endswith("_ports"):
        return _ports_problem(value, fields.get("protocol"))
    if field.startswith("icmp_"):
        return None if _is_int(value) and 0 <= value <= 255 else f"{shown(value)} is not a number from 0 to 255"
    return None if isinstance(value, str) else f"{shown(value)} is not a string"


def selector_problem(text: str) -> str | None:
    """Tell why Felix cannot read a selector."""
    from calicoctl.model.selector import SelectorError, parse

    try:
        parse(text, strict=True)
    except SelectorError as error:
        return str(error)
    return None


def _is_protocol(value: Any) -> bool:
    if isinstance(value, str):
        return value in PROTOCOLS or (re.fullmatch(r"[1-9][0-9]{0,2}", value) is not None and int(value) <= 255)
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 255


def _network_problem(value: Any, ip_version: Any) -> str | None:
    try:
        network = Network.parse(value)
    except (ValueError, AttributeError):
        return f"{shown(value)} is not a CIDR"
    if ip_version in (4, 6) and network.version != ip_version:
        return f"{shown(value)} is not of IP version {ip_version}"
    return None


def _ports_problem(value: Any, protocol: Any) -> str | None:
    if not isinstance(value, list):
        return f"{shown(value)} is not a list of ports"
    if str(protocol) not in _PORT_PROTOCOLS:
        return "ports need the protocol tcp or udp"
    wrong = [port for port in value if not is_port(port)]
    return f'{shown(wrong[0])} is neither a port as a number nor a range as "80:90"' if wrong else None


def is_port(value: object) -> bool:
    """Tell whether Felix takes an item of a list of ports: a number, or two in a text, the first one lower.

    The two may have a sign and blanks around them.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return 0 <= value <= 65535
    match = re.fullmatch(r"\s*([-+]?[0-9]{1,9})\s*:\s*([-+]?[0-9]{1,9})\s*", value) if isinstance(value, str) else None
    return match is not None and 0 <= int(match[1]) < int(match[2]) <= 65535


_NETWORKS = frozenset(("src_net", "dst_net", "!src_net", "!dst_net"))
_PORTS = frozenset(("src_ports", "dst_ports", "!src_ports", "!dst_ports"))


class Fault:
    """What Felix 1.4 makes wrongly of a valid rule in one IP version.

    ``drops_all`` tells whether it becomes a drop of all traffic of that version; otherwise ``left_out`` names the
    fields whose matches are missing there. ``reason`` and ``remedy`` are for the operator.
    """

    __slots__ = ("reason", "remedy", "drops_all", "left_out")

    def __init__(self, reason: str, remedy: str, drops_all: bool = False, left_out: tuple[str, ...] = ()) -> None:
        self.reason = reason
        self.remedy = remedy
        self.drops_all = drops_all
        self.left_out = left_out


def faults(fields: Fields, version: int) -> list[Fault]:
    """Return what is wrong with a valid rule in IP version 4 or 6; of several drops only the first is told."""
    if fields.get("ip_version") not in (None, version):
        return []
    drop = _drop(fields, version)
    if drop:
        return [drop]
    found = []
    foreign = foreign_networks(fields, version)
    if foreign:
        reason = f"{' and '.join(foreign)} {'is' if len(foreign) == 1 else 'are'} left out for IPv{version}"
        found.append(Fault(reason, _for_networks(fields), left_out=foreign))
    types = _icmp_types(fields)
    if types and version == 4 and fields.get("protocol") != "icmp":
        left_out = tuple(key for key in ("icmp_type", "icmp_code", "!icmp_type", "!icmp_code") if key in fields)
        reason = f"{types[0]} is left out for IPv4: the protocol is not icmp"
        found.append(Fault(reason, "Give the rule ip_version 6 with icmpv6, or protocol icmp.", left_out=left_out))
    return found


def unprogrammable(fields: Fields, version: int) -> Fault | None:
    """Return what keeps iptables from taking a valid rule in IP version 4 or 6; None if nothing does.

    Felix then programs nothing of the whole profile or policy for that version. What it programmed before stays in
    force, also after a restart; of a new profile or policy there is nothing, and its endpoints drop.
    """
    fault = _double(fields, version) or _odd_port(fields)
    if fault and (fields.get("ip_version") not in (None, version) or _drop(fields, version)):
        return None  # Felix writes no rule, or one that drops everything in its place
    return fault


def _double(fields: Fields, version: int) -> Fault | None:
    """Return the fault of a match beside its negation."""
    for key in _DOUBLES:
        if f"!{key}" in fields and fields[f"!{key}"] is not None and fields.get(key) is not None:
            if key == "protocol" or not {key, f"!{key}"}.intersection(foreign_networks(fields, version)):
                return Fault(f"{key} and !{key} in one rule", _other_way(key, fields.get("action")))
    return None


def _odd_port(fields: Fields) -> Fault | None:
    """Return the fault of a range of ports that iptables cannot read."""
    for key, ports in fields.items():
        if key in _PORTS:
            for port in ports or ():
                if isinstance(port, str) and has_leading_zero(port):
                    reason = f"the leading zeros of {shown(port)} in {key}"
                    return Fault(reason, "Write the ports without leading zeros.")
                if isinstance(port, str) and re.search(r"\s", port):
                    return Fault(f"the blanks of {shown(port)} in {key}", "Write the ports without blanks.")
    return None


def _other_way(key: str, action: str | None) -> str:
    """Return how to say what a rule with a match and its negation says."""
    if key == "protocol":
        return "Leave !protocol out if it is another protocol; if it is the same, remove the rule."
    if action in (None, "allow"):
        return "Make it two rules: one that denies the exception, then one that allows the network."
    return "Make it one rule for each network that is left without the exception."


def foreign_networks(fields: Fields, version: int) -> tuple[str, ...]:
    """Return the fields of a valid rule that hold a network of the other IP version."""
    networks = [key for key in fields if key in _NETWORKS and fields[key] is not None]
    return tuple(key for key in networks if (":" in fields[key]) != (version == 6))


def _for_networks(fields: Fields) -> str:
    """Return what to do about a valid rule with networks and without an ip_version."""
    of_version = {version: foreign_networks(fields, 10 - version) for version in (4, 6)}
    if not all(of_version.values()):
        return _WITHOUT_IP_VERSION
    wanted = [version for version, keys in of_version.items() if not all(key.startswith("!") for key in keys)]
    if len(wanted) == 2:
        return "Remove the rule: no packet has addresses of both IP versions."
    if not wanted:
        return "Make it two rules, one for each ip_version with the networks of that version."
    useless = " and ".join(of_version[10 - wanted[0]])
    return f"Leave {useless} out, and give the rule ip_version {wanted[0]}."


def _drop(fields: Fields, version: int) -> Fault | None:
    protocol = fields.get("protocol")
    ports = [] if protocol in ("tcp", "udp") else [key for key in fields if key in _PORTS and fields[key]]
    if ports:
        reason = f"with protocol {shown(protocol)}, {ports[0]} makes it drop all IPv{version} traffic"
        return Fault(reason, 'Only the names "tcp" and "udp" can have ports.', drops_all=True)
    types = _icmp_types(fields)
    if any(fields[key] == 255 for key in types):
        reason = f"ICMP type 255 makes it drop all IPv{version} traffic"
        return Fault(reason, "Name the types that are meant.", drops_all=True)
    if types and version == 6 and fields.get("protocol") != "icmpv6":
        reason = f"{types[0]} without protocol icmpv6 makes it drop all IPv6 traffic"
        return Fault(reason, "Give the rule ip_version 4, or update Felix to 2.0.", drops_all=True)
    return None


def _icmp_types(fields: Fields) -> list[str]:
    return [key for key in ("icmp_type", "!icmp_type") if fields.get(key) is not None]


def log_prefix_written(prefix: str) -> str:
    """Return what Felix writes for a log prefix: cut to 27 characters, others than letters, digits and _:- as ``_``."""
    return re.sub(r"[^a-zA-Z0-9_:\-]", "_", prefix)[:27]


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
