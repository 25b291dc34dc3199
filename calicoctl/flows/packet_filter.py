"""Packets as an operator names them: ``tcp:5432``, ``udp:53:60``, ``icmp:3/1``, ``47``, ``47-50``, ``all``."""

from __future__ import annotations

import re

from calicoctl.flows.atoms import ICMP
from calicoctl.model.protocols import PROTOCOLS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.flows.packets import Cuts, PacketSpace

WITH_PORTS = tuple(PROTOCOLS[name] for name in ("tcp", "udp", "sctp", "udplite"))


class PacketFilter:
    """Packets of one protocol; all of them, those to a range of ports, or those of an ICMP type and code.

    Or packets of several ``protocols``.
    """

    def __init__(self, text: str) -> None:
        """Read ``<protocol>``, ``<protocol>:<ports>``, a range of protocol numbers or ``all``. Raises ValueError."""
        self.text = text
        name, colon, rest = text.partition(":")
        self.protocols = _protocols(name)
        self.protocol = self.protocols[0]
        self.ports: tuple[int, int] | None = None
        self.icmp: tuple[int, int | None] | None = None
        if colon and self.protocol in ICMP.values():
            self.icmp = _icmp(rest)
        elif colon:
            if self.protocol not in WITH_PORTS:
                raise ValueError(f"{name} has no ports")
            self.ports = _ports(rest)

    def cut(self, cuts: Cuts) -> None:
        """Let these packets be told apart."""
        if self.text != "all":
            cuts.protocols.update(self.protocols)
        if self.ports is not None:
            cuts.add_ports(self.protocol, "dst", *self.ports)
        if self.icmp is not None:
            cuts.add_icmp(*self.icmp)

    def packets(self, space: PacketSpace) -> int:
        """Return them as a set of packets of a space for which they were told apart."""
        if self.ports is not None:
            return space.ports(self.protocol, "dst", [f"{self.ports[0]}:{self.ports[1]}"])
        if self.icmp is not None:
            return space.icmp(next(version for version, number in ICMP.items() if number == self.protocol), *self.icmp)
        found = 0
        for number in self.protocols:
            found |= space.protocol(number)
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


def _icmp(text: str) -> tuple[int, int | None]:
    found = re.fullmatch(r"([0-9]{1,3})(?:/([0-9]{1,3}))?", text, re.ASCII)
    numbers = [int(number) for number in found.groups() if number is not None] if found else []
    if not numbers or max(numbers) > 255:
        raise ValueError(f'"{text}" is no ICMP type or type/code: numbers from 0 to 255, as 8 or 3/1')
    return numbers[0], numbers[1] if len(numbers) > 1 else None
