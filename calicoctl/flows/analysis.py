"""The flows of a whole datastore: one set of atoms, and for each IP version its groups and flows."""

from __future__ import annotations

from calicoctl.flows.flows import Flows
from calicoctl.flows.groups import Groups, Tests, addresses_of
from calicoctl.flows.packets import PacketSpace

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from calicoctl.felix.view import Felix
    from calicoctl.flows.packet_filter import PacketFilter
    from calicoctl.flows.selection import Selection

MOST_GROUPS = 20_000  # of sources and of destinations, if there are as many: about 1 GB and half a minute


FROM, TO = "from", "to"  # the selections that flows begin and end at, if they are there


class TooManyGroups(ValueError):
    """The rules tell more groups apart than can be compared with each other; the message says how many."""


class Analysis:
    """What passes in one state of the datastore: ``flows`` by IP version, if an endpoint has an address of it."""

    def __init__(
        self, felix: Felix, felix_version: int, filters: Sequence[PacketFilter] = (),
        selections: Mapping[str, Selection] | None = None, with_imagined: bool = False, tests: Tests | None = None,
        before: Analysis | None = None,
    ) -> None:  # fmt: skip
        """``filters`` and ``selections`` are told apart from other packets, endpoints and addresses.

        To compare two states, the first is analysed with the ``tests`` of both, and the second with the first one's
        analysis as ``before``: so both have the same atoms and regions, and what the rules of both have in common is
        gone through once. Raises TooManyGroups.
        """
        self.tests: Tests = before.tests if before is not None else tests or Tests.of(felix)
        if before is None:
            for each in filters:
                each.cut(self.tests.cuts)
            for selection in (selections or {}).values():
                self.tests.networks.update(selection.networks)
        self.space: PacketSpace = before.space if before is not None else PacketSpace(self.tests.cuts)
        self.flows: dict[int, Flows] = {}
        self.groups: dict[int, Groups] = {}
        endpoints = felix.endpoints.values()
        for version in sorted({address.version for each in endpoints for address in addresses_of(each, felix)}):
            groups = Groups(felix, self.tests, version, felix_version, selections, with_imagined)
            chosen = selections or {}
            sources, destinations = (
                groups.selected(name) if name in chosen else groups.mask for name in (FROM, TO)
            )
            if sources.bit_count() * destinations.bit_count() > MOST_GROUPS**2:
                raise TooManyGroups(
                    f"the rules tell {sources.bit_count():,} groups of IPv{version} addresses that send and "
                    f"{destinations.bit_count():,} that receive apart"
                )
            earlier = before.flows.get(version) if before is not None else None
            self.flows[version] = Flows(felix, self.space, groups, felix_version, earlier, (sources, destinations))
            self.groups[version] = groups
