"""The packet that ``calicoq verdict`` asks about, and whether a rule matches it."""

from __future__ import annotations

from calicoctl.felix import questions
from calicoctl.model.network import Network
from calicoctl.model.protocols import PROTOCOLS
from calicoctl.model.selector import parse

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from calicoctl.felix.chances import Chances
    from calicoctl.felix.evaluation import Identity
    from calicoctl.model.address import Address
    from calicoctl.model.rule import Fields

_SIDES = {"src": "source", "dst": "destination"}


class End:
    """The source or destination of a packet: its address and its port, None if not given.

    ``identities`` are those of every endpoint that has the address.
    """

    __slots__ = ("address", "port", "identities")

    def __init__(self, address: Address, port: int | None, identities: Sequence[Identity]) -> None:
        self.address = address
        self.port = port
        self.identities = identities


class Packet:
    """``version`` is the IP version, ``protocol`` a number; what is None was not given.

    A packet of which something was not given stands for those whose value there no rule names.
    """

    __slots__ = ("version", "protocol", "ends", "icmp_type", "icmp_code")

    def __init__(
        self, version: int, source: End, destination: End, protocol: int | None,
        icmp_type: int | None = None, icmp_code: int | None = None,
    ) -> None:  # fmt: skip
        self.version = version
        self.protocol = protocol
        self.ends = {"src": source, "dst": destination}
        self.icmp_type = icmp_type
        self.icmp_code = icmp_code


def match(
    fields: Fields, packet: Packet, left_out: frozenset[str], chances: Chances | None
) -> tuple[bool, list[str]]:
    """Tell whether all conditions of a rule hold, but those of the fields ``left_out``.

    With False, the list names what was not given of the packet, where only that keeps the rule from matching.
    ``chances`` decide on the selectors that Felix 1.4 misfiles; without, every selector means what it says.
    """
    open_questions = []
    for condition, negated, unknown in _conditions(fields, packet, left_out, chances):
        if condition is None:
            if not negated:
                open_questions.append(unknown)
        elif condition == negated:
            return False, []
    return not open_questions, list(dict.fromkeys(open_questions))


def _conditions(
    fields: Fields, packet: Packet, left_out: frozenset[str], chances: Chances | None
) -> Iterator[tuple[bool | None, bool, str]]:
    """Yield for each condition of a rule whether it holds without its negation, if it is negated, and what it asks of.

    None: it depends on what was not given.
    """
    for key, value in fields.items():
        if value is None or key in left_out:
            continue
        negated = key.startswith("!")
        field = key.removeprefix("!")
        if field == "ip_version":
            yield value == packet.version, False, ""
        elif field == "protocol":
            same = None if packet.protocol is None else protocol_number(value) == packet.protocol
            yield same, negated, "the protocol"
        elif field == "icmp_type":
            yield _icmp(value, fields.get(key.replace("type", "code")), packet), negated, "the ICMP type and code"
        elif field[:4] in ("src_", "dst_"):
            end = packet.ends[field[:3]]
            if not (field.endswith("_ports") and value == []):
                yield _of_end(field[4:], value, end, chances), negated, f"the {_SIDES[field[:3]]} port"


def _of_end(what: str, value: Any, end: End, chances: Chances | None) -> bool | None:
    if what == "ports":
        if end.port is None:  # there is no port but those of 1:65535
            return True if any(_covers(item, 1) and _covers(item, 65535) for item in value) else None
        return any(_covers(item, end.port) for item in value)
    if what == "tag":
        return any(value in who.tags for who in end.identities)
    if what == "selector":
        selector = parse(value)
        if not any(selector.matches(who.labels) for who in end.identities):
            return False
        return not (selector.is_misfiled and chances) or chances.likely(
            questions.misfiled_selector(value, str(end.address))
        )
    return end.address.is_in(Network.parse(value))


def _covers(item: int | str, port: int) -> bool:
    first, _, last = str(item).partition(":")
    return int(first) <= port <= int(last or first)


def _icmp(icmp_type: int, icmp_code: int | None, packet: Packet) -> bool | None:
    if packet.protocol is None:
        return None
    if packet.protocol != (PROTOCOLS["icmp"] if packet.version == 4 else PROTOCOLS["icmpv6"]):
        return False
    if packet.icmp_type is None:
        return None
    if packet.icmp_type != icmp_type or icmp_code is None:
        return packet.icmp_type == icmp_type
    return None if packet.icmp_code is None else packet.icmp_code == icmp_code


def protocol_number(value: str | int) -> int:
    """Return the number of a protocol that Felix takes: a name, a number or a number as text."""
    return PROTOCOLS.get(str(value)) or int(value)
