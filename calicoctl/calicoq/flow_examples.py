"""Example packets for sets of packets: two ends of a flow, and the verdict of ``calicoq verdict`` on the packet."""

from __future__ import annotations

from calicoctl.calicoq.own_host import journey_between
from calicoctl.calicoq.parties import Party
from calicoctl.felix.chances import judged
from calicoctl.model.address import Address

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calicoctl.calicoq.journey import Side
    from calicoctl.felix.view import Felix
    from calicoctl.flows.atoms import Header
    from calicoctl.flows.groups import Group

    Ends = tuple[Party, Party]

WORDS = {True: "allowed", False: "denied", None: "not certain"}


def two_ends(sources: Iterable[Group], destinations: Iterable[Group], ip_version: int) -> Ends | None:
    """Return two different ends from groups, at least one of them an endpoint; None if there are none."""
    receivers = [each for group in destinations for each in _ends(group, ip_version)]
    for source in (each for group in sources for each in _ends(group, ip_version)):
        for destination in receivers:
            if source.endpoint is not destination.endpoint:
                return source, destination
    return None


def _ends(group: Group, ip_version: int) -> list[Party]:
    if group.guard is None:
        if not group.ranges:
            return []  # an imagined endpoint, which does not exist yet
        address = Address(ip_version, group.ranges[0][0])
        return [Party(str(address), {ip_version: address}, None)]
    return [Party(party.name, {ip_version: party.address}, party.endpoint) for party in group.parties[:2]]


def way(ends: Ends, felix: Felix, ip_version: int, felix_version: int, header: Header) -> tuple[list[Side], list[str]]:
    """Return the sides that a packet passes, and the doubts: unstored facts that decide; empty if it is certain."""
    source, destination = (
        Party(end.title, end.addresses, felix.endpoints.get(str(end.endpoint.name)) if end.endpoint else None)
        for end in ends
    )
    journey = journey_between(source, destination, felix, ip_version, felix_version)
    packet = journey.packet(header.protocol, header.port, header.source_port, header.icmp_type, header.icmp_code)
    return judged(
        lambda chances: journey.sides(packet, chances), lambda one, other: one[-1].allowed == other[-1].allowed
    )


def verdict_text(ends: Ends, felix: Felix, ip_version: int, felix_version: int, header: Header) -> str:
    """Return the verdict and the step that decides, as text."""
    sides, doubts = way(ends, felix, ip_version, felix_version, header)
    return f"{WORDS[None if doubts else sides[-1].allowed]}; {sides[-1].last_text()}"
