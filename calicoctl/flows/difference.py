"""What changes between two states: the packets on which the verdicts differ, by pairs of groups.

Both states are cut into the same atoms and regions (``Analysis``). Endpoints that both have, at the same address, are
grouped anew: two are one group if they are one in both states. For each destination, what passes before and what
passes after are laid over each other. Endpoints that only one state has are left to ``rows.py``: their flows come and
go with them, and should not hide what becomes of the others.
"""

from __future__ import annotations

from calicoctl.flows.groups import Group, addresses_of, iterate, mask_of
from calicoctl.flows.passage import paired
from calicoctl.flows.rows import without_itself
from calicoctl.flows.selection import Selection

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from calicoctl.felix.view import Felix
    from calicoctl.flows.flows import Block, Flows, Passing
    from calicoctl.flows.groups import Groups
    from calicoctl.flows.passage import ByGroup
    from calicoctl.flows.programs import Condition
    from calicoctl.model.address import Address
    from calicoctl.model.endpoint import Endpoint

OPENS, CLOSES, UNCERTAIN = "opens", "closes", "not certain"  # the last: before, or after
ALONE = "alone"  # the selection of those that the other state does not have


class Alone(Selection):
    """Endpoints at addresses at which another state does not have them."""

    def __init__(self, other: Felix) -> None:
        super().__init__("")
        self._others = {
            (name, address) for name, endpoint in other.endpoints.items() for address in addresses_of(endpoint, other)
        }

    def takes(self, endpoint: Endpoint | None, address: Address) -> bool:
        """Tell whether only this state has an endpoint at an address."""
        return endpoint is not None and (str(endpoint.name), address) not in self._others


class InEither(Selection):
    """Those that a selection takes in one of two states at least."""

    def __init__(self, selection: Selection, states: Iterable[Felix]) -> None:
        super().__init__(selection.text)
        self.networks = selection.networks
        self._of_addresses = selection
        self._taken = {
            (str(endpoint.name), address)
            for felix in states
            for endpoint in felix.endpoints.values()
            for address in addresses_of(endpoint, felix)
            if selection.takes(endpoint, address)
        }

    def takes(self, endpoint: Endpoint | None, address: Address) -> bool:
        """Tell whether an endpoint at an address is meant, or the address itself if no endpoint has it."""
        if endpoint is None:
            return self._of_addresses.takes(None, address)
        return (str(endpoint.name), address) in self._taken


class JointGroups:
    """The groups of what two states both have; ``pairs`` are their numbers before and after.

    They are named as after the change.
    """

    def __init__(self, before: Groups, after: Groups) -> None:
        self.ip_version = after.ip_version
        self.all: list[Group] = []
        self.pairs: list[tuple[int, int]] = []
        self.masks: dict[Condition, int] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        parties = {
            (party.name, party.address): number
            for number, group in enumerate(before.all)
            for party in group.parties
        }
        regions = {group.membership: number for number, group in enumerate(before.all) if group.guard is None}
        for number, group in enumerate(after.all):
            if group.guard is None:
                if (old := regions.get(group.membership)) is not None:
                    self._joint(old, number, before, after).ranges = group.ranges
                    self.all[-1].pieces = group.pieces
            for party in group.parties:
                if (old := parties.get((party.name, party.address))) is not None:
                    self._joint(old, number, before, after).parties.append(party)

    @property
    def mask(self) -> int:
        """All groups as bits."""
        return (1 << len(self.all)) - 1

    def selected(self, name: str) -> int:
        """Return the groups that a selection takes, before or after, as bits."""
        return mask_of(number for number, group in enumerate(self.all) if name in group.selected)

    def _joint(self, old: int, new: int, before: Groups, after: Groups) -> Group:
        number = self._numbers.get((old, new))
        if number is None:
            number = self._numbers[old, new] = len(self.all)
            group = after.all[new]
            self.pairs.append((old, new))
            self.all.append(Group(group.membership, group.guard, group.selected | before.all[old].selected))
            for condition in group.membership:
                self.masks[condition] = self.masks.get(condition, 0) | 1 << number
        return self.all[number]


class Change:
    """``packets`` of which the verdict changes, from each of the ``sources`` to each of the ``destinations``.

    ``kind`` is OPENS, CLOSES or UNCERTAIN.
    """

    __slots__ = ("kind", "sources", "destinations", "packets")

    def __init__(self, kind: str, sources: int, destinations: int, packets: int) -> None:
        self.kind = kind
        self.sources = sources
        self.destinations = destinations
        self.packets = packets


class Difference:
    """What changes between the flows of two states of one IP version."""

    def __init__(self, before: Flows, after: Flows, groups: JointGroups) -> None:
        self._before = before
        self._after = after
        self.groups = groups
        self._joint = tuple(self._masks_of(side) for side in (0, 1))
        self._is_renumbered = [
            any(number != pair[side] for number, pair in enumerate(groups.pairs)) for side in (0, 1)
        ]
        self._translated: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._laid_over: dict[object, list[tuple[int, Passing, Passing]]] = {}

    def changes(
        self, blocks: Iterable[Block], only: int = -1, show: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Change]:
        """Return the changes of the packets ``only`` in blocks of pairs, which do not overlap.

        ``show`` is called as by ``rows_of``.
        """
        wanted = only & self._after.space.opening[self._after.ip_version]
        found: dict[tuple[str, int, int], int] = {}
        for sources, destinations in blocks:
            total = destinations.bit_count()
            for done, number in enumerate(iterate(destinations)):
                show(done, total)
                for mask, before, after in self._into(number, sources):
                    for kind, packets in _kinds(before, after):
                        if packets & wanted:
                            key = kind, mask, packets & wanted
                            found[key] = found.get(key, 0) | 1 << number
        merged: dict[tuple[str, int, int], int] = {}
        for (kind, sources, packets), destinations in found.items():
            merged[kind, destinations, packets] = merged.get((kind, destinations, packets), 0) | sources
        return [
            Change(kind, *block, packets)
            for (kind, destinations, packets), sources in merged.items()
            if all(block := without_itself((sources, destinations), self.groups.all))
        ]

    def _into(self, number: int, sources: int) -> list[tuple[int, Passing, Passing]]:
        """Return the sources from which something else passes into a group than before, with both."""
        old, new = self.groups.pairs[number]
        before, after = self._before.into(old), self._after.into(new)
        key = id(before), id(after), sources  # both stay where they are
        if key not in self._laid_over and before == after and not any(self._is_renumbered):
            self._laid_over[key] = []
        if key not in self._laid_over:
            both = paired(self._translate(before, 0, sources), self._translate(after, 1, sources))
            self._laid_over[key] = [(mask, *passing) for mask, passing in both if passing[0] != passing[1]]
        return self._laid_over[key]

    def _translate(self, passing: ByGroup[Passing], side: int, sources: int) -> ByGroup[Passing]:
        """Return what passes by joint groups; of those that are left out nothing does."""
        found: ByGroup[Passing] = []
        rest = sources
        for mask, value in passing:
            known = self._translated[side].get(mask) if self._is_renumbered[side] else mask & self.groups.mask
            if known is None:
                known = 0
                for number in iterate(mask):
                    known |= self._joint[side].get(number, 0)
                self._translated[side][mask] = known
            found.append((known & sources, value))
            rest &= ~known
        return [*found, (rest, (0, 0))]

    def _masks_of(self, side: int) -> dict[int, int]:
        masks: dict[int, int] = {}
        for number, pair in enumerate(self.groups.pairs):
            masks[pair[side]] = masks.get(pair[side], 0) | 1 << number
        return masks


def _kinds(before: Passing, after: Passing) -> Iterator[tuple[str, int]]:
    """Yield the packets whose verdict changes, by how it does."""
    (surely_before, maybe_before), (surely_after, maybe_after) = before, after
    yield OPENS, surely_after & ~maybe_before
    yield CLOSES, surely_before & ~maybe_after
    yield UNCERTAIN, (maybe_before & ~surely_before) ^ (maybe_after & ~surely_after)
