"""Packets between workloads and the endpoints of their own host, on which no policy or profile of the host decides.

``OwnHostJourney`` of calicoq does the same for one packet, and says why.
"""

from __future__ import annotations

from calicoctl.felix import questions
from calicoctl.felix.parameters import DNS_AND_DHCP
from calicoctl.model.protocols import PROTOCOLS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.felix.view import Felix
    from calicoctl.flows.groups import Group
    from calicoctl.flows.packets import PacketSpace
    from calicoctl.flows.programs import Course
    from calicoctl.flows.sides import Inbound, Outbound


class OwnHosts:
    """Which groups are workloads and endpoints of one host, and what passes between these."""

    def __init__(self, felix: Felix, felix_version: int, space: PacketSpace, groups: Sequence[Group]) -> None:
        self._felix = felix
        self._felix_version = felix_version
        self.services = space.ports(PROTOCOLS["udp"], "dst", DNS_AND_DHCP)
        self._masks: dict[tuple[str, bool], int] = {}
        for number, group in enumerate(groups):
            if group.host and group.guard is not None:
                key = group.host, group.guard.is_workload
                self._masks[key] = self._masks.get(key, 0) | 1 << number

    def opposite(self, group: Group) -> int:
        """Return, as bits, the endpoints of the own host of workloads, or the workloads of a host."""
        if not group.host or group.guard is None:
            return 0
        return self._masks.get((group.host, not group.guard.is_workload), 0)

    def questions(self, outbound: Outbound, inbound: Inbound, host: str) -> frozenset[str]:
        """Return what may come up between a workload and its host, in whichever direction."""
        if inbound.guard.is_workload:
            return inbound.questions_of_guard
        found = {questions.service_of_host(host)}
        if self._felix.endpoint_to_host_action(host, self._felix_version) == "RETURN":
            found.add(questions.rules_of_host(host))
        return outbound.questions | found

    def passing(self, outbound: Outbound, inbound: Inbound, host: str, number: int, course: Course) -> int:
        """Return the packets that pass between a workload and its host; ``number`` is the destination's."""
        if inbound.guard.is_workload:
            return inbound.from_own_host(course)
        action = self._felix.endpoint_to_host_action(host, self._felix_version)
        is_taken = action == "ACCEPT" or (action == "RETURN" and questions.rules_of_host(host) not in course)
        passing = outbound.to_own_host(number, course, is_taken)
        return passing | self.services if questions.service_of_host(host) in course else passing
