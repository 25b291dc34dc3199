"""Names for sets of groups: the shortest that is true."""

from __future__ import annotations

from functools import reduce
from operator import or_

from calicoctl.flows.groups import iterate
from calicoctl.flows.regions import gaps, networks, surrounding

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from calicoctl.flows.difference import JointGroups
    from calicoctl.flows.groups import Groups
    from calicoctl.flows.regions import Range

_MOST_NAMES = 3
_MOST_LISTS = 8
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
        self._by_profiles: dict[tuple[str, ...], int] = {}
        self._profiles_of: dict[int, tuple[str, ...]] = {}
        for number, group in enumerate(self._groups):
            if group.guard is None:
                self._outside |= 0 if group.imagined else 1 << number
                continue
            self._endpoints |= 1 << number
            if group.guard.is_workload:
                profiles = self._profiles_of[number] = tuple(group.guard.endpoint.profile_ids)
                self._by_profiles[profiles] = self._by_profiles.get(profiles, 0) | 1 << number
        self._of_tags = {
            mask & self._endpoints: str(value)
            for (what, value), mask in sorted(groups.masks.items(), key=lambda item: str(item[0]), reverse=True)
            if what == "tag" and mask & self._endpoints
        }
        self._known: dict[int, list[str]] = {}
        parties = [party for group in self._groups for party in group.parties]
        self._has_each_once = len({id(party.endpoint) for party in parties}) == len(parties)

    def of(self, mask: int) -> list[str]:
        """Return the names of what is in a set of groups."""
        endpoints, outside = mask & self._endpoints, mask & self._outside
        imagined = [self._groups[number].imagined for number in iterate(mask ^ endpoints ^ outside)]
        return [*self._once(endpoints, self._of_endpoints), *self._once(outside, self._of_outside), *imagined]

    def _once(self, mask: int, name: Callable[[int], list[str]]) -> list[str]:
        if mask not in self._known:
            self._known[mask] = name(mask) if mask else []
        return self._known[mask]

    def _of_endpoints(self, mask: int) -> list[str]:
        if len(profiles := {self._profiles_of.get(number) for number in iterate(mask)}) == 1:
            return self._by_profile_lists(mask)
        if mask == self._endpoints:
            return [f"all endpoints ({self._count(mask)})"]
        if mask in self._of_tags:
            return [f"tag {self._of_tags[mask]} ({self._count(mask)})"]
        others = self._endpoints & ~mask
        if len(profiles) > _MOST_EXCEPTIONS and others.bit_count() < mask.bit_count():
            excepted = self._by_profile_lists(others)
            if len(excepted) <= _MOST_EXCEPTIONS:
                return [f"all endpoints ({self._count(mask)}) but {' and '.join(excepted)}"]
        return self._by_profile_lists(mask)

    def _by_profile_lists(self, mask: int) -> list[str]:
        found: dict[tuple[str, ...], int] = {}
        rest = 0
        for number in iterate(mask):
            profiles = self._profiles_of.get(number)
            if profiles is None:
                rest |= 1 << number
            else:
                found[profiles] = found.get(profiles, 0) | 1 << number
        shown = sorted(found) if len(found) <= _MOST_LISTS else sorted(found)[: _MOST_LISTS - 1]
        names = [name for profiles in shown for name in self._of_profiles(profiles, found.pop(profiles))]
        if found:
            names.append(f"{self._count(reduce(or_, found.values()))} endpoints of {len(found)} more profiles")
        return names + self._endpoint_names(rest)

    def _of_profiles(self, profiles: tuple[str, ...], here: int) -> list[str]:
        title, whole = _profiles_text(profiles), self._by_profiles[profiles]
        if here == whole:
            return [f"{title} ({self._count(here)})"]
        names = self._endpoint_names(here)
        return names if len(names) <= _MOST_NAMES else [f"{len(names)} of the {self._count(whole)} of {title}"]

    def _endpoint_names(self, mask: int) -> list[str]:
        parties = (party for number in iterate(mask) for party in self._groups[number].parties)
        return sorted({party.name for party in parties})

    def _count(self, mask: int) -> int:
        """Return the number of endpoints in a set."""
        if self._has_each_once:
            return sum(len(self._groups[number].parties) for number in iterate(mask))
        return len({id(party.endpoint) for number in iterate(mask) for party in self._groups[number].parties})

    def _of_outside(self, mask: int) -> list[str]:
        if mask == self._outside:
            return ["all other addresses"]
        others = self._outside & ~mask
        if others.bit_count() < mask.bit_count():
            excepted = self._networks(others)
            if len(excepted) <= _MOST_EXCEPTIONS:
                return [f"all other addresses but {' and '.join(excepted)}"]
        inside = self._networks(mask)
        if len(inside) > _MOST_EXCEPTIONS:
            ranges = self._ranges(mask)
            around = surrounding(self._ip_version, ranges)
            excepted = list(map(str, networks(self._ip_version, gaps(around, ranges))))
            if len(excepted) <= _MOST_EXCEPTIONS:
                return [f"{around} but {' and '.join(excepted)}"]
        return inside

    def _networks(self, mask: int) -> list[str]:
        """Return networks that hold the addresses of groups, and no others but those of endpoints."""
        return [str(network) for network in networks(self._ip_version, self._ranges(mask))]

    def _ranges(self, mask: int) -> list[Range]:
        return [each for number in iterate(mask) for each in self._groups[number].pieces]


def _profiles_text(profiles: Sequence[str]) -> str:
    if not profiles:
        return "no profile"
    return f"profile {profiles[0]}" if len(profiles) == 1 else f"profiles {','.join(profiles)}"
