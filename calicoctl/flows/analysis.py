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

MOST_GROUPS = 20_000  # about 1 GB and half a minute


class TooManyGroups(ValueError):
    """The rules tell more groups apart than can be compared with each other; the message says how many."""


class Analysis:
    """What passes in one state of the datastore: ``flows`` by IP version, if an endpoint has an address of it."""

    def __init__(
        self, felix: Felix, felix_version: int, filters: Sequence[PacketFilter] = (),
        selections: Mapping[str, Selection] | None = None, with_imagined: bool = False, beside: Felix | None = None,
    ) -> None:  # fmt: skip
        """``filters`` and ``selections`` are told apart from other packets, endpoints and addresses.

        So is what the rules of another state ``beside`` it tell apart, of packets and of addresses by their networks:
        analyses of two states beside each other have the same atoms and regions. Raises TooManyGroups.
        """
        tests = Tests.of(felix)
        if beside is not None:
            tests.add_cuts(Tests.of(beside))
        for each in filters:
            each.cut(tests.cuts)
        for selection in (selections or {}).values():
            tests.networks.update(selection.networks)
        self.space = PacketSpace(tests.cuts)
        self.flows: dict[int, Flows] = {}
        self.groups: dict[int, Groups] = {}
        endpoints = felix.endpoints.values()
        for version in sorted({address.version for each in endpoints for address in addresses_of(each, felix)}):
            groups = Groups(felix, tests, version, felix_version, selections, with_imagined)
            if len(groups.all) > MOST_GROUPS:
                raise TooManyGroups(f"the rules tell {len(groups.all):,} groups of IPv{version} addresses apart")
            self.flows[version] = Flows(felix, self.space, groups, felix_version)
            self.groups[version] = groups
