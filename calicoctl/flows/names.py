"""Names for sets of groups: the shortest that is true."""

from __future__ import annotations

from calicoctl.flows.groups import iterate
from calicoctl.flows.regions import gaps, networks, surrounding

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from calicoctl.flows.difference import JointGroups
    from calicoctl.flows.groups import Group, Groups
    from calicoctl.flows.regions import Range

_MOST_NAMES = 3
_MOST_LISTS = 8
_NO_LIST = -1
_MOST_EXCEPTIONS = 3


class Names:
    """Names the sets of groups of one IP version.

    Endpoints are named by their profiles (``profile WEB (40)``), by a tag that exactly they have, or one by one;
    addresses that no endpoint has as networks.
    """

    def __init__(self, groups: Groups | JointGroups) -> None:
        self._groups = groups.all
        self._ip_version = groups.ip_version
        self._endpoints = self._outside = 0
        self._sizes = [len(group.parties) for group in self._groups]
        guards = {group.guard for group in self._groups if group.guard is not None and group.guard.is_workload}
        self._lists = sorted({tuple(guard.endpoint.profile_ids) for guard in guards})
        self._wholes = dict.fromkeys((*range(len(self._lists)), _NO_LIST), 0)
        numbers = {profiles: number for number, profiles in enumerate(self._lists)}
        self._list_of = [_NO_LIST] * len(self._groups)
        for number, group in enumerate(self._groups):
            if group.guard is None:
                self._outside |= 0 if group.imagined else 1 << number
                continue
            self._endpoints |= 1 << number
            if group.guard.is_workload:
                self._list_of[number] = numbers[tuple(group.guard.endpoint.profile_ids)]
            self._wholes[self._list_of[number]] |= 1 << number
        self._of_tags = {
            mask & self._endpoints: str(value)
            for (what, value), mask in sorted(groups.masks.items(), key=lambda item: str(item[0]), reverse=True)
            if what == "tag" and mask & self._endpoints
        }
        self._known: dict[int, list[str]] = {}
        self._number_of_lists = sum(map(bool, self._wholes.values()))
        parties = [party for group in self._groups for party in group.parties]
        self._has_each_once = len({id(party.endpoint) for party in parties}) == len(parties)
        self._number_of_parties = len(parties)

    def of(self, mask: int) -> list[str]:
        """Return the names of what is in a set of groups."""
        endpoints, outside = mask & self._endpoints, mask & self._outside
        imagined = [self._groups[number].imagined for number in iterate(mask ^ endpoints ^ outside)]
        return [*self._once(endpoints, self._of_endpoints), *self._once(outside, self._of_outside), *imagined]

    def groups_in(self, mask: int) -> list[Group]:
        """Return the groups of a set."""
        return [self._groups[number] for number in iterate(mask)]

    def is_outside(self, mask: int) -> bool:
        """Tell whether a set has only addresses without an endpoint."""
        return not mask & ~self._outside

    def _once(self, mask: int, name: Callable[[int], list[str]]) -> list[str]:
        if mask not in self._known:
            self._known[mask] = name(mask) if mask else []
        return self._known[mask]

    def _of_endpoints(self, mask: int) -> list[str]:
        first = self._list_of[mask.bit_length() - 1]
        if not mask & ~self._wholes[first]:
            return self._by_lists(mask, [first])
        if mask == self._endpoints:
            return [f"all endpoints ({self._count(mask)})"]
        if mask in self._of_tags:
            return [f"tag {self._of_tags[mask]} ({self._count(mask)})"]
        others = self._endpoints & ~mask
        if others.bit_count() < mask.bit_count():
            lists = self._lists_of(others)
            missing = [number for number in lists if not self._wholes[number] & mask]
            excepted = self._by_lists(others, lists)
            if len(excepted) <= _MOST_EXCEPTIONS < self._number_of_lists - len(missing):
                return [f"all endpoints ({self._count(mask)}) but {' and '.join(excepted)}"]
        return self._by_lists(mask, self._lists_of(mask))

    def _lists_of(self, mask: int) -> list[int]:
        """Return the numbers of the lists of profiles that groups have."""
        return sorted(set(map(self._list_of.__getitem__, iterate(mask))))

    def _by_lists(self, mask: int, lists: list[int]) -> list[str]:
        named = [number for number in lists if number != _NO_LIST]
        shown = named if len(named) <= _MOST_LISTS else named[: _MOST_LISTS - 1]
        names: list[str] = []
        rest = mask
        for number in shown:
            here = mask & self._wholes[number]
            rest &= ~here
            names += self._of_list(number, here)
        if len(named) > len(shown):
            names.append(f"{self._count(rest)} endpoints of {len(named) - len(shown)} more profiles")
            return names
        return names + self._endpoint_names(rest)

    def _of_list(self, number: int, here: int) -> list[str]:
        title, whole = _profiles_text(self._lists[number]), self._wholes[number]
        if here == whole:
            return [f"{title} ({self._count(here)})"]
        count = self._count(here)
        if count > _MOST_NAMES:
            return [f"{count} of the {self._count(whole)} of {title}"]
        return self._endpoint_names(here)

    def _endpoint_names(self, mask: int) -> list[str]:
        parties = (party for number in iterate(mask) for party in self._groups[number].parties)
        return sorted({party.name for party in parties})

    def _count(self, mask: int) -> int:
        """Return the number of endpoints in a set."""
        if self._has_each_once:
            others = self._endpoints & ~mask
            if others.bit_count() < mask.bit_count():
                return self._number_of_parties - sum(map(self._sizes.__getitem__, iterate(others)))
            return sum(map(self._sizes.__getitem__, iterate(mask)))
        return len({id(party.endpoint) for number in iterate(mask) for party in self._groups[number].parties})

    def _of_outside(self, mask: int) -> list[str]:
        if mask == self._outside:
            return ["all other addresses"]
        others = self._outside & ~mask
        if others.bit_count() < mask.bit_count():
            excepted = self.networks(others)
            return [f"all other addresses but {' and '.join(_few(excepted, _MOST_EXCEPTIONS))}"]
        inside = self.networks(mask)
        if len(inside) > _MOST_EXCEPTIONS:
            ranges = self._ranges(mask)
            around = surrounding(self._ip_version, ranges)
            excepted = list(map(str, networks(self._ip_version, gaps(around, ranges))))
            if len(excepted) <= _MOST_EXCEPTIONS:
                return [f"{around} but {' and '.join(excepted)}"]
        return _few(inside, _MOST_LISTS)

    def networks(self, mask: int) -> list[str]:
        """Return networks that hold the addresses of groups, and no others but those of endpoints."""
        return [str(network) for network in networks(self._ip_version, self._ranges(mask))]

    def _ranges(self, mask: int) -> list[Range]:
        return [each for number in iterate(mask) for each in self._groups[number].pieces]


def _few(names: list[str], most: int) -> list[str]:
    """Return names, or some of them and how many there are beside."""
    return names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more networks"]


def _profiles_text(profiles: Sequence[str]) -> str:
    if not profiles:
        return "no profile"
    return f"profile {profiles[0]}" if len(profiles) == 1 else f"profiles {','.join(profiles)}"
