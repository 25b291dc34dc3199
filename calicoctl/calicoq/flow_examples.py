"""One packet for a whole set of them: two ends of a flow, and what ``calicoq verdict`` says of it."""

from __future__ import annotations

from calicoctl.calicoq.own_host import journey_between
from calicoctl.calicoq.parties import Party, are_host_and_workload
from calicoctl.felix.chances import judged
from calicoctl.model.address import Address

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calicoctl.calicoq.journey import Side
    from calicoctl.felix.view import Felix
    from calicoctl.flows.atoms import Header
    from calicoctl.flows.flows import Flows, Passing
    from calicoctl.flows.groups import Group

    Ends = tuple[Party, Party]

WORDS = {True: "allowed", False: "denied", None: "not certain"}


def two_ends(
    sources: Iterable[Group], destinations: Iterable[Group], ip_version: int, felix: Felix
) -> Ends | None:
    """Return two different ends out of groups, of which one is an endpoint; None if there are none.

    They are a workload and its own host only if there are no others.
    """
    receivers = [each for group in destinations for each in _ends(group, ip_version)]
    own: Ends | None = None
    for source in (each for group in sources for each in _ends(group, ip_version)):
        for destination in receivers:
            if source.endpoint is not destination.endpoint:
                if not are_host_and_workload(source, destination, felix):
                    return source, destination
                own = own or (source, destination)
    return own


def _ends(group: Group, ip_version: int) -> list[Party]:
    """Return two ends of a group, on two hosts if possible; fewer if it has no more."""
    if group.guard is None:
        if not group.ranges:
            return []  # an endpoint that nobody has made yet
        addresses = {Address(ip_version, address) for address in (group.ranges[0][0], group.ranges[-1][1])}
        return [Party(str(address), {ip_version: address}, None) for address in sorted(addresses)]
    first = group.parties[0]
    elsewhere = (party for party in group.parties[1:] if party.endpoint.name.host != first.endpoint.name.host)
    others = [next(elsewhere, None) or group.parties[1]] if len(group.parties) > 1 else []
    return [Party(party.name, {ip_version: party.address}, party.endpoint) for party in (first, *others)]


def way(ends: Ends, felix: Felix, ip_version: int, felix_version: int, header: Header) -> tuple[list[Side], list[str]]:
    """Return what a packet meets in a state, and what it depends on that is not stored; nothing if it is certain."""
    source, destination = (
        Party(end.title, end.addresses, felix.endpoints.get(str(end.endpoint.name)) if end.endpoint else None)
        for end in ends
    )
    journey = journey_between(source, destination, felix, ip_version, felix_version)
    packet = journey.packet(header.protocol, header.port, header.source_port, header.icmp_type, header.icmp_code)
    return judged(
        lambda chances: journey.sides(packet, chances), lambda one, other: one[-1].allowed == other[-1].allowed
    )


def with_own_host(flows: Flows, source: int, destination: int, felix: Felix, felix_version: int) -> Passing:
    """Return what surely passes and what may, between groups that are workloads and their own host."""
    surely = maybe = 0
    ends = two_ends([flows.groups[source]], [flows.groups[destination]], flows.ip_version, felix)
    assert ends is not None  # a workload and a host
    for piece in flows.pieces_to_own_host(source, destination):
        sides, doubts = way(ends, felix, flows.ip_version, felix_version, flows.space.example(piece))
        surely |= piece if sides[-1].allowed and not doubts else 0
        maybe |= piece if sides[-1].allowed or doubts else 0
    return surely, maybe


def verdict_text(ends: Ends, felix: Felix, ip_version: int, felix_version: int, header: Header) -> str:
    """Return the verdict and what decides, in words."""
    sides, doubts = way(ends, felix, ip_version, felix_version, header)
    return f"{WORDS[None if doubts else sides[-1].allowed]}; {sides[-1].last_text()}"
