"""The source and the destination of the packet that ``calicoq verdict`` judges."""

from __future__ import annotations

from calicoctl.calicoq.state import full_title
from calicoctl.errors import CommandError
from calicoctl.felix.view import address_from, address_of, networks_of
from calicoctl.model.network import Network
from calicoctl.model.stored_json import decode
from calicoctl.output import visible
from calicoctl.suggestion import did_you_mean

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.datastore.snapshot import Snapshot
    from calicoctl.felix.view import Felix
    from calicoctl.model.address import Address
    from calicoctl.model.endpoint import Endpoint, EndpointName

_SHOWN = 10


class Party:
    """One end of the packet: ``title`` for the answer, ``addresses`` by IP version.

    ``endpoint`` is None for an address that no endpoint has, and for an endpoint that Felix refuses. In the second case
    ``refusal`` says why, and ``refused`` is its name; otherwise both are None. If no endpoint has the address, ``host``
    is the host with this address, or else ``pool`` is the pool that contains it; both may be empty.
    """

    def __init__(
        self, title: str, addresses: dict[int, Address], endpoint: Endpoint | None, refusal: str | None = None,
        refused: EndpointName | None = None, host: str = "", pool: str = "",
    ) -> None:  # fmt: skip
        self.title = title
        self.addresses = addresses
        self.endpoint = endpoint
        self.refusal = refusal
        self.refused = refused
        self.host = host
        self.pool = pool

    @property
    def address(self) -> Address:
        """The first address."""
        return next(iter(self.addresses.values()))


def find(text: str, felix: Felix, snapshot: Snapshot) -> Party:
    """Find a party by its IP address, by the full name of its endpoint, or by a unique part of that name.

    Raises CommandError if no party or more than one matches, or if the endpoint has no address.
    """
    address = address_from(text)
    if address is not None:
        return _at(address, felix, snapshot)
    name, key = _named(text, snapshot)
    endpoint = felix.endpoints.get(str(name))
    if endpoint is None:
        return _refused(name, key, felix)
    addresses: dict[int, Address] = {}
    for network in networks_of(endpoint):
        addresses.setdefault(network.version, address_of(network))
    if not addresses and name.workload is None:
        host = felix.host_address(name.host)
        addresses = {host.version: host} if host else {}
    if not addresses and name.workload is None:
        raise CommandError(
            f"The address of {full_title(endpoint)} is not stored. Store it as expected_ipv4_addrs of the endpoint, or "
            f"as bird_ip of the host {name.host}."
        )
    if not addresses:
        raise CommandError(f"{full_title(endpoint)} has no IP address: nothing reaches it.")
    return Party(full_title(endpoint), addresses, endpoint)


def are_host_and_workload(one: Party, other: Party, felix: Felix) -> bool:
    """Tell whether one party is a workload endpoint and the other its own host, as an endpoint or an address."""
    for workload, host in ((one, other), (other, one)):
        name = workload.endpoint.name if workload.endpoint else None
        if name is None or name.workload is None:
            continue
        if host.endpoint is not None:
            if host.endpoint.name.workload is None and host.endpoint.name.host == name.host:
                return True
        elif not set(felix.addresses_of_host(name.host)).isdisjoint(host.addresses.values()):
            return True
    return False


def _at(address: Address, felix: Felix, snapshot: Snapshot) -> Party:
    endpoints = felix.at(address) or _of_host_at(address, felix)
    if len(endpoints) > 1:
        raise CommandError(f"{address} is the address of several endpoints; name one of them:\n" + _listed(endpoints))
    if endpoints:
        return Party(full_title(endpoints[0]), {address.version: address}, endpoints[0])
    for endpoint in felix.endpoints.values():
        translations = endpoint.fields.get(f"ipv{address.version}_nat") or ()
        if any(address_from(item["ext_ip"]) == address for item in translations):
            raise CommandError(
                f"{address} is an external address (NAT) of {full_title(endpoint)}; give its own, or its name."
            )
    of_refused = felix.addresses_of_refused()
    for name, stored in snapshot.endpoints:
        if address in of_refused.get(stored.key, ()):
            return _refused(name, stored.key, felix)
    host = felix.host_at(address) or ""
    pool = "" if host else _pool_with(address, snapshot)
    return Party(f"{address} (no endpoint)", {address.version: address}, None, host=host, pool=pool)


def _pool_with(address: Address, snapshot: Snapshot) -> str:
    """Return the network of the pool that contains an address; an empty text if no readable pool does."""
    return next((str(network) for network, _ in _pools(snapshot) if address.is_in(network)), "")


def _pools(snapshot: Snapshot) -> Iterator[tuple[Network, bool]]:
    """Yield the network of each readable pool, and whether packets to it go through a tunnel."""
    for stored in [*(stored for _, stored in snapshot.pools), *snapshot.ipv6_pools]:
        try:
            fields = stored.read(decode)
            yield Network.parse(fields["cidr"]), bool(fields.get("ipip"))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue


def tunnel_problem(source: Party, destination: Party, felix: Felix, snapshot: Snapshot) -> str:
    """Return a note that host endpoints may block the IPv4 tunnel; empty if there is no tunnel or no host endpoint."""
    names = [party.endpoint.name for party in (source, destination) if party.endpoint is not None]
    hosts = sorted({name.host for name in names})
    address = destination.addresses.get(4)
    if len(hosts) < 2 or address is None or names[-1].workload is None:
        return ""
    policed = any(
        endpoint.name.workload is None and endpoint.name.host in hosts for endpoint in felix.endpoints.values()
    )
    pools = [network for network, is_tunnelled in _pools(snapshot) if is_tunnelled and address.is_in(network)]
    if not pools or not policed:
        return ""
    return (
        f"Packets to the pool {pools[0]} go from {names[0].host} to {names[-1].host} in a tunnel. Whether the host "
        "endpoints there let the packets of the tunnel (protocol 4) pass is not part of this verdict."
    )


def _of_host_at(address: Address, felix: Felix) -> list[Endpoint]:
    """Return the host endpoints without own addresses on the host that has the given address."""
    return [
        endpoint
        for endpoint in felix.endpoints.values()
        if endpoint.name.workload is None
        and not networks_of(endpoint)
        and felix.host_address(endpoint.name.host) == address
    ]


def _refused(name: EndpointName, key: str, felix: Felix) -> Party:
    kind = "Host" if name.workload is None else "Workload"
    effect = "Felix cannot read it" if key in felix.fatal else "Felix treats it as deleted"
    return Party(f"{kind} endpoint {name}", {}, None, f"{effect}: {felix.refused[key]}", refused=name)


def _named(text: str, snapshot: Snapshot) -> tuple[EndpointName, str]:
    named = [(name, stored.key) for name, stored in snapshot.endpoints if text in str(name)]
    exactly = [found for found in named if str(found[0]) == text]
    if len(exactly or named) == 1:
        return (exactly or named)[0]
    if not named:
        parts = {part for name, _ in snapshot.endpoints for part in str(name).split("/")}
        unknown = f'"{visible(text)}" is neither an IP address nor in the full name of an endpoint.'
        raise CommandError(unknown + did_you_mean(text, parts))
    names = sorted(str(name) for name, _ in named)
    more = f"\n  and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    listed = "".join(f"\n  {visible(name)}" for name in names[:_SHOWN])
    raise CommandError(
        f'"{visible(text)}" is in the full names of {len(names)} endpoints; give more of one:{listed}{more}'
    )


def _listed(endpoints: list[Endpoint]) -> str:
    return "\n".join(sorted(f"  {visible(str(endpoint.name))}" for endpoint in endpoints))
