"""Sets of packets as integers: one bit for each atom.

Rules cut what packets can be into atoms: packets that no rule tells apart. With the rules ``tcp to ports 80:90`` and
``tcp to ports 85`` the atoms of TCP are the destination ports 0:79, 80:84, 85, 86:90 and 91:65535. A set of packets is
then an integer with a bit for each atom that is in it, and union, intersection and difference are ``|``, ``&`` and
``& ~``. Two sets are equal exactly if their integers are.

An atom is about one protocol: a range of destination ports and one of source ports, an ICMP type and its codes, or the
protocol as a whole. All protocols that no rule names are one atom. Source ports cut only protocols for which a rule
names some.
"""

from __future__ import annotations

from calicoctl.felix.packet import protocol_number
from calicoctl.flows.atoms import ICMP, Block, IcmpBlock, Part, PortsBlock, name_or_number, range_of
from calicoctl.model.protocols import PROTOCOLS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from calicoctl.flows.atoms import Header
    from calicoctl.model.rule import Fields

_NUMBERS = range(1, 256)  # of protocols


class Cuts:
    """Where atoms have to end, collected from rules before ``PacketSpace`` numbers the atoms."""

    def __init__(self) -> None:
        self.protocols: set[int] = {PROTOCOLS["tcp"], PROTOCOLS["udp"], *ICMP.values()}
        self.ports: dict[int, dict[str, set[int]]] = {}
        self.icmp: dict[int, set[int]] = {}
        self._seen: set[str] = set()

    def add_rule(self, fields: Fields) -> None:
        """Let what a rule tests of a packet be told apart."""
        tested = {key: value for key, value in fields.items() if value is not None and key.lstrip("!")[:4] in _TESTING}
        if not tested or (text := repr(tested)) in self._seen:
            return
        self._seen.add(text)
        for key, value in tested.items():
            field = key.removeprefix("!")
            if field == "protocol":
                self.protocols.add(protocol_number(value))
            elif field.endswith("_ports") and fields.get("protocol") is not None:
                for item in value:
                    self.add_ports(protocol_number(fields["protocol"]), field[:3], *range_of(item))
            elif field == "icmp_type":
                self.add_icmp(value, fields.get(key.replace("type", "code")))

    def add_ports(self, protocol: int, side: str, first: int, last: int) -> None:
        """Tell a range of ports apart, of the ``side`` ``src`` or ``dst``."""
        self.protocols.add(protocol)
        borders = self.ports.setdefault(protocol, {"src": set(), "dst": set()})[side]
        borders.update((first, last + 1))

    def add_icmp(self, icmp_type: int, code: int | None) -> None:
        """Tell an ICMP type apart, and one of its codes if that is given."""
        codes = self.icmp.setdefault(icmp_type, set())
        if code is not None:
            codes.add(code)


def _as_shown(protocol: int) -> tuple[bool, int]:
    """What orders protocols where they are listed: TCP and UDP, then by number."""
    return protocol not in (PROTOCOLS["tcp"], PROTOCOLS["udp"]), protocol


_TESTING = ("prot", "icmp", "src_", "dst_")


class PacketSpace:
    """The atoms that cuts make. ``universe`` has all packets of an IP version; ``opening`` those of them that can open
    a connection: Linux drops other ICMP types before any rule.
    """

    def __init__(self, cuts: Cuts) -> None:
        others = [number for number in _NUMBERS if number not in cuts.protocols]
        blocks: list[Block] = []
        base = 0
        for number in sorted(cuts.protocols, key=_as_shown):
            block: Block
            if number in ICMP.values():
                block = IcmpBlock(base, number, cuts.icmp)
            elif number in cuts.ports:
                block = PortsBlock(base, number, cuts.ports[number])
            else:
                block = Block(base, (number,))
            blocks.append(block)
            base += block.size
        if others:
            blocks.append(Block(base, tuple(others)))
            base += 1
        self.size = base
        self._blocks = blocks
        self._by_number = {number: block for block in blocks for number in block.numbers}
        everything = (1 << base) - 1
        self.universe = {4: everything & ~self.protocol(ICMP[6]), 6: everything & ~self.protocol(ICMP[4])}
        self.opening = {version: self.universe[version] & ~self._invalid(version) for version in (4, 6)}
        self._of_rules: dict[str, int] = {}
        self._texts: dict[tuple[int, int], str] = {}

    def told_apart(self) -> list[str]:
        """Return the protocols, by name or number, that have atoms of their own."""
        return [name_or_number(number) for block in self._blocks if len(block.numbers) == 1 for number in block.numbers]

    def protocol(self, number: int) -> int:
        """Return all packets of a protocol, which has to be one that was told apart."""
        return self._by_number[number].all

    def ports(self, number: int, side: str, items: Sequence[int | str]) -> int:
        """Return the packets of a protocol from or to ports: numbers, and ranges as ``"80:90"``."""
        block = self._by_number[number]
        found = 0
        if isinstance(block, PortsBlock):
            for item in items:
                found |= block.ports(side, *range_of(item))
        return found

    def icmp(self, version: int, icmp_type: int, code: int | None) -> int:
        """Return the packets of an ICMP type, of all codes or of one."""
        block = self._by_number[ICMP[version]]
        assert isinstance(block, IcmpBlock)
        return block.of_type(icmp_type, code)

    def of_rule(self, fields: Fields, version: int, left_out: frozenset[str]) -> int:
        """Return the packets that a rule's conditions on protocol, ports and ICMP types take, those of the fields
        ``left_out`` aside. The conditions mean what ``calicoctl.felix.packet.match`` says they do.
        """
        tested = [(key, value) for key, value in fields.items() if _is_tested(key, value) and key not in left_out]
        codes = [fields.get(key.replace("type", "code")) for key, _ in tested if key.endswith("icmp_type")]
        text = f"{version}{tested}{codes}"
        if (known := self._of_rules.get(text)) is not None:
            return known
        packets = self.universe[version]
        for key, value in tested:
            found = self._of_condition(key.removeprefix("!"), value, fields, key, version)
            packets &= ~found if key.startswith("!") else found
        self._of_rules[text] = packets
        return packets

    def _of_condition(self, field: str, value: Any, fields: Fields, key: str, version: int) -> int:
        if field == "protocol":
            return self.protocol(protocol_number(value))
        if field == "icmp_type":
            return self.icmp(version, value, fields.get(key.replace("type", "code")))
        return self.ports(protocol_number(fields["protocol"]), field[:3], value)

    def of_header(self, header: Header) -> int:
        """Return the set of the one atom that a packet is in."""
        return self._by_number[header.protocol].of_header(header)

    def example(self, packets: int) -> Header:
        """Return a packet of a set that is not empty, one that people know if there is one."""
        for number in (PROTOCOLS["tcp"], PROTOCOLS["udp"], *ICMP.values(), *self._by_number):
            block = self._by_number[number]
            if within := packets & block.all:
                return block.header((within & -within).bit_length() - 1 - block.base)
        raise ValueError("an empty set has no example")

    def parts(self, packets: int, version: int) -> Iterator[Part]:
        """Yield what a set consists of, protocol by protocol; whole protocols without their ports or types."""
        for block in self._blocks:
            whole = block.all & self.opening[version]
            within = packets & block.all
            if whole and within & whole == whole:
                yield Part(block.numbers, None, None)
            elif within:
                yield from block.parts(within >> block.base)

    def text(self, packets: int, version: int) -> str:
        """Return a set in words: ``tcp 80,443; icmp 8``, ``all`` for every packet that can open a connection."""
        known = self._texts.get((packets, version))
        if known is None:
            is_all = packets & self.opening[version] == self.opening[version]
            parts = "; ".join(part.text() for part in self.parts(packets, version)) or "nothing"
            known = self._texts[packets, version] = "all" if is_all else parts
        return known

    def document(self, packets: int, version: int) -> list[dict[str, Any]]:
        """Return a set for a document: an object for each protocol, with its ports or ICMP types if not all."""
        return [part.document() for part in self.parts(packets, version)]

    def _invalid(self, version: int) -> int:
        block = self._by_number[ICMP[version]]
        assert isinstance(block, IcmpBlock)
        return block.all & ~block.opening()


def _is_tested(key: str, value: Any) -> bool:
    field = key.removeprefix("!")
    return value is not None and (field in ("protocol", "icmp_type") or (field.endswith("_ports") and value != []))
