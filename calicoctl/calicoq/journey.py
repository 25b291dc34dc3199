"""The path of a packet from its source to its destination, with the rules that decide on it at each endpoint."""

from __future__ import annotations

from calicoctl.calicoq.state import full_title
from calicoctl.felix import questions
from calicoctl.felix.chances import Chances
from calicoctl.felix.evaluation import FELIX_1
from calicoctl.felix.packet import End, Packet
from calicoctl.felix.walk import ALLOW, DENY, Step, Walk

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.calicoq.formats import Document
    from calicoctl.calicoq.parties import Party
    from calicoctl.felix.evaluation import Identity
    from calicoctl.felix.view import Felix
    from calicoctl.model.endpoint import Endpoint

WORDS = {True: "allowed", False: "denied"}


class Side:
    """The steps of a packet at the endpoint ``title``; if ``is_last``, no later side decides."""

    def __init__(self, title: str, direction: str, steps: list[Step], is_last: bool = False) -> None:
        self.title = title
        self.direction = direction
        self.steps = steps
        self.allowed = not steps or steps[-1].outcome != DENY
        self.is_last = is_last or not self.allowed

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text output."""
        yield f"{self.direction.capitalize()}, {self.title}:"
        for step in self.steps:
            yield f"  {step.text()}"
        yield f"  => {WORDS[self.allowed]}"

    def document(self) -> Document:
        """Return the steps as a document."""
        steps = [
            {
                "where": step.where,
                "what": step.what,
                **({"rule_number": step.number, "rule": step.rule} if step.rule is not None else {}),
                "outcome": step.outcome,
            }
            for step in self.steps
        ]
        return {"endpoint": self.title, "direction": self.direction, "steps": steps, "allowed": self.allowed}

    def last_text(self) -> str:
        """Return a text that describes the step that decides."""
        return f"{self.direction}, {self.steps[-1].text()}"


class Journey:
    """Packets of one IP version between two ends, as one version of Felix treats them."""

    def __init__(self, source: Party, destination: Party, felix: Felix, ip_version: int, felix_version: int) -> None:
        self._source = source
        self._destination = destination
        self._felix = felix
        self._ip_version = ip_version
        self._felix_version = felix_version

    def packet(
        self, protocol: int | None, port: int | None, source_port: int | None,
        icmp_type: int | None, icmp_code: int | None,
    ) -> Packet:  # fmt: skip
        """Return a packet from the source to the destination; None stands for an omitted value."""
        ends = [
            End(party.addresses[self._ip_version], number, self._identities(party))
            for party, number in ((self._source, source_port), (self._destination, port))
        ]
        return Packet(self._ip_version, ends[0], ends[1], protocol, icmp_type, icmp_code)

    def sides(self, packet: Packet, chances: Chances) -> list[Side]:
        """Return the sides that the packet passes, up to the first that drops it."""
        found: list[Side] = []
        for side in self._all(packet, chances):
            found.append(side)
            if side.is_last:
                break
        return found

    def replies_dropped_by(self, packet: Packet, chances: Chances) -> str:
        """Return which untracked policy on the source's host drops replies to the packet; empty if none does."""
        endpoint = self._source.endpoint
        if endpoint is None or self._is_on_one_host() or self._felix.lets_pass(endpoint.name.host, self._felix_version):
            return ""
        reply = Packet(packet.version, packet.ends["dst"], packet.ends["src"], packet.protocol)
        in_the_way = [endpoint] if endpoint.name.workload is None else self._host_endpoints(endpoint.name.host)
        for host_endpoint, steps in self._untracked_decisions(in_the_way, reply, chances):
            is_denied = steps[-1].outcome == DENY
            return f"{full_title(host_endpoint)}, {steps[-1].text()}" if is_denied else ""
        return ""

    def _all(self, packet: Packet, chances: Chances) -> Iterator[Side]:
        is_marked = False
        if self._source.endpoint is None:
            yield Side(self._source.title, "outbound", [_unpoliced(self._source)])
        else:
            walk = self._walk(self._source.endpoint, "outbound", packet, chances)
            yield self._side(walk, self._source.endpoint, "outbound", chances, leaves=self._is_on_one_host())
            is_marked = walk.is_marked and self._is_on_one_host() and self._source.endpoint.name.workload is not None
        endpoint = self._destination.endpoint
        if endpoint is None:
            yield Side(self._destination.title, "inbound", [_unpoliced(self._destination)])
            return
        if endpoint.name.workload is not None and not self._is_on_one_host():
            yield from self._before_workload(endpoint, packet, chances)
        walk = self._walk(endpoint, "inbound", packet, chances, is_marked and endpoint.name.workload is not None)
        yield self._side(walk, endpoint, "inbound", chances, leaves=True)

    def _side(self, walk: Walk, endpoint: Endpoint, direction: str, chances: Chances, leaves: bool) -> Side:
        """Return the steps at an endpoint; with ``leaves``, it is the last side if an override lets the packet pass."""
        host = endpoint.name.host
        steps, is_overridden = self._as_stored(walk, host)
        self._stand_still(steps, host, chances)
        return Side(full_title(endpoint), direction, steps, is_last=is_overridden and leaves)

    def _as_stored(self, walk: Walk, host: str) -> tuple[list[Step], bool]:
        """Return the steps by the stored rules, and whether DropActionOverride lets a packet pass that they drop."""
        steps = walk.steps()
        is_denied = walk.has_chains and steps[-1].outcome == DENY
        is_overridden = is_denied and self._felix.lets_pass(host, self._felix_version)
        if is_overridden:
            action = self._felix.parameter(host, "DropActionOverride")
            what = f"DropActionOverride is {action} on {host}: its Felix lets pass what it would drop"
            steps.append(Step("", what, ALLOW))
        return steps, is_overridden

    def _stand_still(self, steps: list[Step], host: str, chances: Chances) -> None:
        """Reverse the outcome if Felix on a host applies nothing and ``chances`` assumes other rules in force there."""
        standstill = self._felix.standstill(host) if self._felix_version == FELIX_1 else ""
        if standstill and not chances.likely(questions.standstill(standstill)):
            steps.append(Step("", standstill, ALLOW if steps[-1].outcome == DENY else DENY))

    def _before_workload(self, endpoint: Endpoint, packet: Packet, chances: Chances) -> Iterator[Side]:
        """Yield the decisions of untracked policies of host endpoints on a packet from another host to a workload."""
        in_the_way = self._host_endpoints(endpoint.name.host)
        for host_endpoint, steps in self._untracked_decisions(in_the_way, packet, chances):
            if steps[-1].outcome == ALLOW:
                steps.append(Step("", "An untracked policy allows it: it skips the rules of the workload", ALLOW))
            yield Side(f"{full_title(host_endpoint)}, before the workload", "inbound", steps, is_last=True)

    def _untracked_decisions(
        self, in_the_way: list[Endpoint], packet: Packet, chances: Chances
    ) -> Iterator[tuple[Endpoint, list[Step]]]:
        """Yield the host endpoints of one host whose untracked policies decide on an inbound packet, with the steps."""
        for host_endpoint in in_the_way:
            steps = self._walk(host_endpoint, "inbound", packet, chances).untracked_steps()
            if not steps or steps[-1].outcome not in (ALLOW, DENY):
                continue
            if steps[-1].outcome == DENY and self._felix.lets_pass(host_endpoint.name.host, self._felix_version):
                continue
            if len(in_the_way) > 1 and not chances.likely(questions.interface(full_title(host_endpoint))):
                continue
            yield host_endpoint, steps

    def _walk(
        self, endpoint: Endpoint, direction: str, packet: Packet, chances: Chances, is_marked: bool = False
    ) -> Walk:
        return Walk(self._felix, endpoint, direction, packet, self._felix_version, chances, is_marked)

    def _host_endpoints(self, host: str) -> list[Endpoint]:
        on_host = [each for each in self._felix.endpoints.values() if each.name.host == host]
        return [endpoint for endpoint in on_host if endpoint.name.workload is None]

    def _is_on_one_host(self) -> bool:
        one, other = self._source.endpoint, self._destination.endpoint
        return one is not None and other is not None and one.name.host == other.name.host

    def _identities(self, party: Party) -> list[Identity]:
        endpoints = self._felix.at(party.addresses[self._ip_version])
        return list(map(self._felix.identities[self._felix_version].of_endpoint, endpoints))


def _unpoliced(party: Party) -> Step:
    if party.host:
        return Step("", f"It is an address of the host {party.host}: Calico does not police it", ALLOW)
    if party.pool:
        return Step("", f"It is in the pool {party.pool}, but no endpoint has it", ALLOW)
    return Step("", "It is not an endpoint: Calico does not police it", ALLOW)
