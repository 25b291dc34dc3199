"""Rows for the answer: flows of pairs of groups, with as many pairs in a row as the same packets pass between."""

from __future__ import annotations

from calicoctl.flows.groups import iterate

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from calicoctl.flows.flows import Block, Flows
    from calicoctl.flows.groups import Group
    from calicoctl.flows.names import Names
    from calicoctl.flows.passage import ByGroup


class Row:
    """``packets`` that pass from each of the ``sources`` to each of the ``destinations``, both as bits of groups.

    Where it is not certain that they pass, ``is_certain`` is false. An endpoint sends itself nothing.
    """

    __slots__ = ("sources", "destinations", "packets", "is_certain")

    def __init__(self, sources: int, destinations: int, packets: int, is_certain: bool) -> None:
        self.sources = sources
        self.destinations = destinations
        self.packets = packets
        self.is_certain = is_certain


def rows_of(
    flows: Flows, blocks: Iterable[Block], only: int = -1, show: Callable[[int, int], None] = lambda done, total: None
) -> list[Row]:
    """Return the rows for blocks of pairs that do not overlap, as far as they are about the packets ``only``.

    Packets that open no connection never pass, whatever the rules say. ``show`` is called with the number of
    destinations that have been looked at, and the number of all.
    """
    certain: dict[tuple[int, int], int] = {}
    uncertain: dict[tuple[int, int], int] = {}
    wanted = only & flows.space.opening[flows.ip_version]
    for sources, destinations in blocks:
        total = destinations.bit_count()
        for done, number in enumerate(iterate(destinations)):
            show(done, total)
            for mask, (surely, maybe) in flows.into(number, sources):
                for found, packets in ((certain, surely & wanted), (uncertain, maybe & ~surely & wanted)):
                    if packets:
                        found[mask, packets] = found.get((mask, packets), 0) | 1 << number
    return [
        Row(*others, packets, is_certain)
        for found, is_certain in ((certain, True), (uncertain, False))
        for block, packets in _merged(found)
        if all(others := without_itself(block, flows.groups))
    ]


def blocked_rows(flows: Flows, blocks: Iterable[Block]) -> list[Row]:
    """Return rows for the packets that surely do not pass, of those that can open a connection."""
    blocked: dict[tuple[int, int], int] = {}
    opening = flows.space.opening[flows.ip_version]
    for sources, destinations in blocks:
        for number in iterate(destinations):
            rest = sources
            for mask, (_, maybe) in flows.into(number, sources):
                rest &= ~mask
                if packets := opening & ~maybe:
                    blocked[mask, packets] = blocked.get((mask, packets), 0) | 1 << number
            if rest:
                blocked[rest, opening] = blocked.get((rest, opening), 0) | 1 << number
    return [
        Row(*others, packets, True)
        for block, packets in _merged(blocked)
        if all(others := without_itself(block, flows.groups))
    ]


def _merged(found: dict[tuple[int, int], int]) -> Iterator[tuple[Block, int]]:
    """Yield blocks with their packets; those with the same destinations and packets are one."""
    merged: dict[tuple[int, int], int] = {}
    for (sources, packets), destinations in found.items():
        merged[destinations, packets] = merged.get((destinations, packets), 0) | sources
    for (destinations, packets), sources in merged.items():
        yield (sources, destinations), packets


def without_itself(block: Block, groups: Sequence[Group]) -> Block:
    """Return a block without the flow of an endpoint to itself, if one side is nothing but this endpoint."""
    sources, destinations = block
    if destinations.bit_count() == 1 and groups[destinations.bit_length() - 1].is_one:
        return sources & ~destinations, destinations
    if sources.bit_count() == 1 and groups[sources.bit_length() - 1].is_one:
        return sources, destinations & ~sources
    return block


def questions_of(flows: Flows, rows: Iterable[Row]) -> list[str]:
    """Return what may come up on the way of packets of which it is not certain that they pass."""
    found: set[str] = set()
    seen: set[tuple[object, object]] = set()
    for row in rows:
        if row.is_certain:
            continue
        for destination in iterate(row.destinations):
            for source in iterate(row.sources):
                one, other = flows.groups[source], flows.groups[destination]
                key = (one.guard, one.host), (other.guard, other.host)
                if key not in seen:
                    seen.add(key)
                    found |= flows.questions(source, destination)
    return sorted(found)


def one_by_one(flows: Flows, rows: Iterable[Row], names: Names) -> Iterator[tuple[str, str, Row]]:
    """Yield each row for each pair of parties and networks, with their names."""
    for row in rows:
        for source, source_key in _ends(flows, row.sources, names):
            for destination, destination_key in _ends(flows, row.destinations, names):
                if source_key != destination_key:
                    yield source, destination, row


def _ends(flows: Flows, mask: int, names: Names) -> list[tuple[str, object]]:
    found: dict[str, object] = {}
    outside = 0
    for number in iterate(mask):
        group = flows.groups[number]
        found.update((party.name, party.endpoint) for party in group.parties)
        if not group.parties:
            outside |= 1 << number
    return [*sorted(found.items()), *((name, name) for name in names.of(outside))]


def passing_between(by_source: ByGroup[tuple[int, int]], source: int) -> tuple[int, int]:
    """Return what surely passes and what may, from one source."""
    return next((passing for mask, passing in by_source if mask >> source & 1), (0, 0))
