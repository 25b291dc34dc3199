"""Regions of addresses: what the borders of the rules' networks leave of the address space in pieces.

With the networks 10.0.0.0/8 and 10.1.0.0/16 there are three regions: 10.1.0.0/16, the rest of 10.0.0.0/8, and all else.
No rule tells two addresses of one region apart by their networks. Networks of one IP version either lie within each
other or apart, so one pass over their borders finds, for each piece, all networks that hold it.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache

from calicoctl.model.network import Network

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    NetworkKey = tuple[int, int, int]
    Holders = frozenset[NetworkKey]  # the networks that hold an address
    Range = tuple[int, int]  # the first and the last address

WIDTH = {4: 32, 6: 128}


@cache
def key_of(text: str) -> NetworkKey:
    """Return the key of a network as a rule has it, which is often in many rules."""
    return Network.parse(text).key()


class Regions:
    """The regions of one IP version that networks, given by their keys (``Network.key``), make."""

    def __init__(self, version: int, networks: Iterable[NetworkKey]) -> None:
        self._starts: list[int] = []
        self._holders: list[Holders] = []
        self._last = (1 << WIDTH[version]) - 1
        around: list[tuple[int, Holders]] = [(self._last, frozenset())]  # the last address and the holders, outermost
        self._begin(0, frozenset())
        for key in sorted({key for key in networks if key[0] == version}):
            _, first, prefix_length = key
            last = first | ((1 << WIDTH[version] - prefix_length) - 1)
            while around[-1][0] < first:
                ended, _ = around.pop()
                self._begin(ended + 1, around[-1][1])
            holders = around[-1][1] | {key}
            around.append((last, holders))
            self._begin(first, holders)
        while len(around) > 1:
            ended, _ = around.pop()
            if ended < self._last:
                self._begin(ended + 1, around[-1][1])

    def holders(self, address: int) -> Holders:
        """Return the networks that hold an address."""
        return self._holders[bisect_right(self._starts, address) - 1]

    def pieces(self) -> Iterator[tuple[Range, Holders]]:
        """Yield the ranges of addresses between neighbouring borders with the networks that hold them."""
        ends = [*(start - 1 for start in self._starts[1:]), self._last]
        yield from zip(zip(self._starts, ends, strict=True), self._holders, strict=True)

    def _begin(self, start: int, holders: Holders) -> None:
        """Let a region begin; one that began at the same address has no addresses."""
        if self._starts and self._starts[-1] == start:
            self._holders[-1] = holders
        else:
            self._starts.append(start)
            self._holders.append(holders)


def without(ranges: Iterable[Range], addresses: list[int]) -> list[Range]:
    """Return ranges without single addresses, which are sorted."""
    left: list[Range] = []
    for first, last in ranges:
        for address in addresses[bisect_right(addresses, first - 1) : bisect_right(addresses, last)]:
            if first < address:
                left.append((first, address - 1))
            first = address + 1
        if first <= last:
            left.append((first, last))
    return left


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges in order, those that touch each other as one."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and found[-1][1] + 1 >= first:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def networks(version: int, ranges: Iterable[Range]) -> list[Network]:
    """Return the fewest networks that have the addresses of ranges."""
    found = []
    for first, last in joined(ranges):
        while first <= last:
            size = min(first & -first or 1 << WIDTH[version], 1 << (last - first + 1).bit_length() - 1)
            found.append(Network(version, first, WIDTH[version] - size.bit_length() + 1))
            first += size
    return found


def surrounding(version: int, ranges: list[Range]) -> Network:
    """Return the smallest network that holds ranges."""
    first, last = min(first for first, _ in ranges), max(last for _, last in ranges)
    host_bits = (first ^ last).bit_length()
    return Network(version, first >> host_bits << host_bits, WIDTH[version] - host_bits)


def gaps(network: Network, ranges: Iterable[Range]) -> Iterator[Range]:
    """Yield what is in a network but not in ranges that it holds."""
    begin = network.address
    for first, last in joined(ranges):
        if begin < first:
            yield begin, first - 1
        begin = last + 1
    end = network.address | ((1 << network.width - network.prefix_length) - 1)
    if begin <= end:
        yield begin, end
