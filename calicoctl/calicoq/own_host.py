"""Packets between a workload and its own host. Policies and profiles of host endpoints do not apply to them.

Felix does not police packets from a host to its own workloads. Packets from a workload to its own host pass the rules
of the workload; then the parameter DefaultEndpointToHostAction decides (docs/data-model.md, section 7).
"""

from __future__ import annotations

from calicoctl.calicoq.journey import Journey, Side
from calicoctl.calicoq.parties import are_host_and_workload
from calicoctl.felix import questions
from calicoctl.felix.parameters import DNS_AND_DHCP
from calicoctl.felix.walk import ALLOW, DENY, Step
from calicoctl.model.protocols import PROTOCOLS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.calicoq.parties import Party
    from calicoctl.felix.chances import Chances
    from calicoctl.felix.packet import Packet
    from calicoctl.felix.view import Felix


class OwnHostJourney(Journey):
    """Packets of one IP version between a workload and its own host."""

    def replies_dropped_by(self, packet: Packet, chances: Chances) -> str:
        """Return an empty text: replies do not arrive through the interface of a host endpoint."""
        return ""

    def _all(self, packet: Packet, chances: Chances) -> Iterator[Side]:
        workload = self._source.endpoint
        if workload is None or workload.name.workload is None:
            what = "Felix does not police what a host sends to its own workloads"
            yield Side(self._source.title, "outbound", [Step("", what, ALLOW)])
            yield from self._unreachable(packet, chances)
            return
        host = workload.name.host
        service = self._service_of_host(packet, host)
        steps, is_overridden = self._as_stored(self._walk(workload, "outbound", packet, chances), host)
        if service and not chances.likely(service):
            yield Side(self._source.title, "outbound", [*steps, Step("", service, ALLOW)], is_last=True)
            return
        if steps[-1].outcome == DENY or is_overridden:
            self._stand_still(steps, host, chances)
            yield Side(self._source.title, "outbound", steps, is_last=True)
            return
        yield Side(self._source.title, "outbound", steps)
        steps = [self._action(host, chances)]
        self._stand_still(steps, host, chances)
        yield Side(self._destination.title, "inbound", steps, is_last=True)

    def _unreachable(self, packet: Packet, chances: Chances) -> Iterator[Side]:
        """Yield a side with the reason if Felix creates neither chains nor a route for the destination."""
        workload = self._destination.endpoint
        if workload is None:
            return
        walk = self._walk(workload, "inbound", packet, chances)
        steps = walk.steps()
        if not walk.has_chains:
            self._stand_still(steps, workload.name.host, chances)
            yield Side(self._destination.title, "inbound", steps, is_last=True)

    def _action(self, host: str, chances: Chances) -> Step:
        """Return the step for DefaultEndpointToHostAction on a host."""
        is_default = self._felix.parameter(host, "DefaultEndpointToHostAction") is None
        action = self._felix.endpoint_to_host_action(host, self._felix_version)
        what = f'DefaultEndpointToHostAction is "{action}" on {host}' + (", the default" if is_default else "")
        if action == "RETURN":
            return Step("", what, ALLOW if chances.likely(questions.rules_of_host(host)) else DENY)
        return Step("", what, ALLOW if action == "ACCEPT" else DENY)

    def _service_of_host(self, packet: Packet, host: str) -> str:
        is_udp = packet.protocol == PROTOCOLS["udp"]
        return questions.service_of_host(host) if is_udp and packet.ends["dst"].port in DNS_AND_DHCP else ""


def journey_between(
    source: Party, destination: Party, felix: Felix, ip_version: int, felix_version: int
) -> Journey:
    """Return the path between two ends; between a workload and its own host, an OwnHostJourney."""
    kind = OwnHostJourney if are_host_and_workload(source, destination, felix) else Journey
    return kind(source, destination, felix, ip_version, felix_version)
