"""The atoms of one protocol: its block of bits in a set of packets, and the words for what is in it."""

from __future__ import annotations

from bisect import bisect_right

from calicoctl.felix.walk import OPENING_ICMP_TYPES
from calicoctl.model.protocols import PROTOCOLS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

ICMP = {4: PROTOCOLS["icmp"], 6: PROTOCOLS["icmpv6"]}  # by IP version, which no packet of the other has
_MOST_PORT = 65535
_MOST_ICMP = 255
NAMES = {number: name for name, number in PROTOCOLS.items()}


class Header:
    """What rules look at in one packet; what its protocol does not have is None."""

    __slots__ = ("protocol", "source_port", "port", "icmp_type", "icmp_code")

    def __init__(
        self, protocol: int, source_port: int | None = None, port: int | None = None,
        icmp_type: int | None = None, icmp_code: int | None = None,
    ) -> None:  # fmt: skip
        self.protocol = protocol
        self.source_port = source_port
        self.port = port
        self.icmp_type = icmp_type
        self.icmp_code = icmp_code

    def text(self) -> str:
        """Return it in words: ``tcp 80 from port 1024``, ``icmp 8/0``, ``protocol 47``."""
        words = protocol_name(self.protocol)
        if self.icmp_type is not None:
            return f"{words} {self.icmp_type}/{self.icmp_code}"
        if self.port is not None:
            words += f" {self.port}"
        return f"{words} from port {self.source_port}" if self.source_port else words


def protocol_name(number: int) -> str:
    """Return the name that rules have for a protocol, or ``protocol 47``."""
    return NAMES.get(number) or f"protocol {number}"


def name_or_number(number: int) -> str:
    """Return the name that rules have for a protocol, or its number."""
    return NAMES.get(number) or str(number)


class Part:
    """Packets of one protocol, or of the ``numbers`` of several that no rule names.

    ``ports`` are the destination ports and ``source_ports`` the source ports, or for ICMP ``ports`` are the types; as
    texts (``80``, ``80:90``, ``3/1``), None for all.
    """

    def __init__(self, numbers: tuple[int, ...], ports: list[str] | None, source_ports: list[str] | None) -> None:
        self.numbers = numbers
        self.ports = ports
        self.source_ports = source_ports

    def text(self) -> str:
        """Return it in words."""
        words = protocol_name(self.numbers[0]) if len(self.numbers) == 1 else "other protocols"
        if self.ports is not None:
            words += f" {','.join(self.ports)}"
        return words if self.source_ports is None else f"{words} from ports {','.join(self.source_ports)}"

    def document(self) -> dict[str, Any]:
        """Return it as an object."""
        is_icmp = self.numbers[0] in ICMP.values()
        name = NAMES.get(self.numbers[0], self.numbers[0]) if len(self.numbers) == 1 else "other"
        return {
            "protocol": name,
            **({"icmp_types" if is_icmp else "ports": self.ports} if self.ports is not None else {}),
            **({"source_ports": self.source_ports} if self.source_ports is not None else {}),
        }


class Block:
    """The atoms of one protocol, or the one atom of all protocols that no rule names; ``base`` is the first bit."""

    def __init__(self, base: int, numbers: tuple[int, ...], size: int = 1) -> None:
        self.base = base
        self.numbers = numbers
        self.size = size
        self.all = ((1 << size) - 1) << base

    def of_header(self, header: Header) -> int:
        return self.all

    def header(self, index: int) -> Header:
        return Header(self.numbers[0])

    def parts(self, bits: int) -> Iterator[Part]:
        yield Part(self.numbers, None, None)


class PortsBlock(Block):
    """Atoms by destination port, and within each of its ranges by source port."""

    def __init__(self, base: int, number: int, borders: dict[str, set[int]]) -> None:
        self._starts = {side: sorted({0, *found} - {_MOST_PORT + 1}) for side, found in borders.items()}
        self._row = len(self._starts["src"])  # the bits of one range of destination ports
        super().__init__(base, (number,), len(self._starts["dst"]) * self._row)
        self._each_row = sum(1 << row * self._row for row in range(len(self._starts["dst"])))

    def ports(self, side: str, first: int, last: int) -> int:
        begin, end = (bisect_right(self._starts[side], port) - 1 for port in (first, last))
        if side == "dst":
            bits = ((1 << (end - begin + 1) * self._row) - 1) << begin * self._row
        else:
            bits = self._each_row * (((1 << (end - begin + 1)) - 1) << begin)
        return bits << self.base

    def of_header(self, header: Header) -> int:
        assert header.port is not None and header.source_port is not None
        return self.ports("dst", header.port, header.port) & self.ports("src", header.source_port, header.source_port)

    def header(self, index: int) -> Header:
        row, column = divmod(index, self._row)
        return Header(self.numbers[0], self._starts["src"][column], self._starts["dst"][row])

    def parts(self, bits: int) -> Iterator[Part]:
        if self._row == 1:
            yield Part(self.numbers, self._texts("dst", _runs_of_bits(bits)), None)
            return
        by_sources: dict[int, int] = {}
        full = (1 << self._row) - 1
        for row in range(len(self._starts["dst"])):
            if sources := bits >> row * self._row & full:
                by_sources[sources] = by_sources.get(sources, 0) | 1 << row
        for sources, rows in by_sources.items():
            texts = (self._texts(side, _runs_of_bits(of)) for side, of in (("dst", rows), ("src", sources)))
            yield Part(self.numbers, *texts)

    def _texts(self, side: str, runs: list[tuple[int, int]]) -> list[str] | None:
        starts = [*self._starts[side], _MOST_PORT + 1]
        if runs == [(0, len(starts) - 2)]:
            return None
        return [_range_text(starts[first], starts[last + 1] - 1) for first, last in runs]


class IcmpBlock(Block):
    """Atoms by ICMP type, by code where a rule names one; types that no rule names are two atoms: those that open a
    connection and those that do not.
    """

    def __init__(self, base: int, number: int, named: dict[int, set[int]]) -> None:
        opening = OPENING_ICMP_TYPES[number]
        unnamed = [icmp_type for icmp_type in range(_MOST_ICMP + 1) if icmp_type not in named]
        cells: list[tuple[tuple[int, ...], frozenset[int] | None]] = []  # types and codes, None for all codes
        for wanted in (True, False):
            if types := tuple(icmp_type for icmp_type in unnamed if (icmp_type in opening) == wanted):
                cells.append((types, None))
        for icmp_type, codes in sorted(named.items()):
            cells += [((icmp_type,), frozenset((code,))) for code in sorted(codes)]
            rest = frozenset(range(_MOST_ICMP + 1)) - codes
            if rest:
                cells.append(((icmp_type,), rest if codes else None))
        self._cells = cells
        super().__init__(base, (number,), len(cells))

    def of_type(self, icmp_type: int, code: int | None) -> int:
        bits = 0
        for index, (types, codes) in enumerate(self._cells):
            if icmp_type in types and (code is None or codes is None or code in codes):
                bits |= 1 << index
        return bits << self.base

    def opening(self) -> int:
        opening = OPENING_ICMP_TYPES[self.numbers[0]]
        return sum(1 << index for index, (types, _) in enumerate(self._cells) if types[0] in opening) << self.base

    def of_header(self, header: Header) -> int:
        assert header.icmp_type is not None and header.icmp_code is not None
        return self.of_type(header.icmp_type, header.icmp_code)

    def header(self, index: int) -> Header:
        types, codes = self._cells[index]
        return Header(self.numbers[0], icmp_type=types[0], icmp_code=0 if codes is None else min(codes))

    def parts(self, bits: int) -> Iterator[Part]:
        whole: list[int] = []
        some: list[str] = []
        codes_of: dict[int, list[int]] = {}
        for index, (types, codes) in enumerate(self._cells):
            if bits >> index & 1:
                if codes is None:
                    whole += types
                else:
                    codes_of.setdefault(types[0], []).extend(codes)
        for icmp_type, listed in codes_of.items():
            if len(listed) > _MOST_ICMP:
                whole.append(icmp_type)
            else:
                some += [f"{icmp_type}/{_range_text(*run)}" for run in runs(sorted(listed))]
        yield Part(self.numbers, [_range_text(*run) for run in runs(sorted(whole))] + some, None)


def range_of(item: int | str) -> tuple[int, int]:
    """Return the first and the last of a port or range, as ``80`` or ``"80:90"``."""
    first, _, last = str(item).partition(":")
    return int(first), int(last or first)


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the runs of consecutive numbers in a sorted sequence: the first and the last of each."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found


def _runs_of_bits(bits: int) -> list[tuple[int, int]]:
    """Return the runs of bits that are set: the numbers of the first and the last of each."""
    runs = []
    while bits:
        first = (bits & -bits).bit_length() - 1
        from_first = bits >> first
        length = (~from_first & (from_first + 1)).bit_length() - 1
        runs.append((first, first + length - 1))
        bits = (from_first >> length) << first + length
    return runs


def _range_text(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}:{last}"
