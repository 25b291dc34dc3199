"""Packets as an operator names them: ``tcp:5432``, ``udp:53:60``, ``udp:53:from:1024:65535``, ``icmp:3/1``,
``icmp:9:10``, ``47``, ``47-50``, ``all``.
"""

from __future__ import annotations

import re

from calicoctl.flows.atoms import ICMP, NAMES, runs
from calicoctl.model.protocols import PROTOCOLS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.flows.atoms import Part
    from calicoctl.flows.packets import Cuts, PacketSpace

WITH_PORTS = tuple(PROTOCOLS[name] for name in ("tcp", "udp", "sctp", "udplite"))


class PacketFilter:
    """Packets of one protocol; all of them, those to or from a range of ports, or those of ICMP types and codes.

    Or packets of several ``protocols``. ``icmp`` has pairs of type and code, with None for all codes.
    """

    def __init__(self, text: str) -> None:
        """Read ``<protocol>``, ``<protocol>:<ports>``, a range of protocol numbers or ``all``. Raises ValueError."""
        self.text = text
        name, colon, rest = text.partition(":")
        self.protocols = _protocols(name)
        self.protocol = self.protocols[0]
        self.ports: tuple[int, int] | None = None
        self.source_ports: tuple[int, int] | None = None
        self.icmp: list[tuple[int, int | None]] = []
        if colon and self.protocol in ICMP.values():
            self.icmp = _icmp(rest)
        elif colon:
            if self.protocol not in WITH_PORTS:
                raise ValueError(f"{name} has no ports")
            to, has_source, source = rest.partition("from:")
            self.source_ports = _ports(source) if has_source else None
            self.ports = _ports(to.removesuffix(":")) if to or not has_source else None

    def cut(self, cuts: Cuts) -> None:
        """Let these packets be told apart."""
        if self.text != "all":
            cuts.protocols.update(self.protocols)
        if self.ports is not None:
            cuts.add_ports(self.protocol, "dst", *self.ports)
        if self.source_ports is not None:
            cuts.add_ports(self.protocol, "src", *self.source_ports)
        for icmp_type, code in self.icmp:
            cuts.add_icmp(icmp_type, code)

    def packets(self, space: PacketSpace) -> int:
        """Return them as a set of packets of a space for which they were told apart."""
        found = 0
        if self.icmp:
            version = next(version for version, number in ICMP.items() if number == self.protocol)
            for icmp_type, code in self.icmp:
                found |= space.icmp(version, icmp_type, code)
            return found
        for number in self.protocols:
            found |= space.protocol(number)
        for side, ports in (("dst", self.ports), ("src", self.source_ports)):
            if ports is not None:
                found &= space.ports(self.protocol, side, [f"{ports[0]}:{ports[1]}"])
        return found


def filters_from(text: str) -> list[PacketFilter]:
    """Read a list as ``tcp:5432,icmp:8``. Raises ValueError."""
    return [PacketFilter(item) for item in text.split(",")]


def _protocols(text: str) -> list[int]:
    if text == "all":
        return list(range(1, 256))
    found = re.fullmatch(r"([0-9]{1,3})-([0-9]{1,3})", text, re.ASCII)
    if found and 1 <= int(found[1]) <= int(found[2]) <= 255:
        return list(range(int(found[1]), int(found[2]) + 1))
    return [_protocol(text)]


def _protocol(text: str) -> int:
    if text in PROTOCOLS:
        return PROTOCOLS[text]
    if re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) and 1 <= int(text) <= 255:
        return int(text)
    raise ValueError(f'"{text}" is not a protocol: {", ".join(PROTOCOLS)} or a number from 1 to 255')


def _ports(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,5})(?::([0-9]{1,5}))?", text, re.ASCII)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if first > last or last > 65535:
        raise ValueError(f'"{text}" is neither a port from 0 to 65535 nor a range of them as 80:90')
    return first, last


def _icmp(text: str) -> list[tuple[int, int | None]]:
    found = re.fullmatch(r"([0-9]{1,3})(?::([0-9]{1,3}))?(?:/([0-9]{1,3})(?::([0-9]{1,3}))?)?", text, re.ASCII)
    first, last, code, last_code = map(_number, found.groups()) if found else (None, None, None, None)
    types = range(first, (first if last is None else last) + 1) if first is not None else range(0)
    codes = [None] if code is None else range(code, (code if last_code is None else last_code) + 1)
    if not types or not codes or types[-1] > 255 or (code is not None and (len(types) > 1 or (codes[-1] or 0) > 255)):
        raise ValueError(f'"{text}" is no ICMP type or type/code: numbers from 0 to 255, as 8 or 3/1')
    return [(icmp_type, each) for icmp_type in types for each in codes]


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def filter_texts(part: Part) -> list[str]:
    """Return the texts that together name the packets of a part of a set."""
    numbers = part.numbers
    if len(numbers) > 1:
        return [str(first) if first == last else f"{first}-{last}" for first, last in runs(numbers)]
    name = NAMES.get(numbers[0]) or str(numbers[0])
    if part.ports is None and part.source_ports is None:
        return [name]
    sources = [""] if part.source_ports is None else [f"from:{ports}" for ports in part.source_ports]
    return [
        ":".join(filter(None, (name, ports, source))) for ports in part.ports or ("",) for source in sources
    ]
