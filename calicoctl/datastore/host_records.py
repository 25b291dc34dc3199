"""Everything that is stored for one host, for BGP, Felix and address management, and its removal."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.blocks import Blocks
from calicoctl.datastore.endpoints import Endpoints, endpoint_nodes
from calicoctl.datastore.ipam import Ipam
from calicoctl.errors import MalformedObject
from calicoctl.model.address import Address
from calicoctl.model.endpoint import MalformedEndpoint
from calicoctl.model.ipam import handle_name

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from calicoctl.datastore.endpoints import EndpointNode
    from calicoctl.etcd.client import Client, RawNode
    from calicoctl.model.network import Network

_DEFAULT_PREFIX = "cali"


class HostRecords:
    """What is stored of a host, as it was read: see `read`. Methods raise DatastoreError.

    ``endpoints`` are its workload and host endpoints, ``handles`` the names under which calicoctl has claimed addresses
    for it, ``blocks`` the blocks that it has an affinity to. ``complaints`` collects what could not be read, or not
    be released.
    """

    def __init__(self, client: Client, host: str, trees: Sequence[RawNode | None], handles: list[str]) -> None:
        self.host = host
        self.handles = handles
        self.complaints: list[str] = []
        self._client = client
        self._bgp, self._felix, self._ipam = trees
        self.endpoints = sorted(endpoint_nodes(self._felix), key=lambda found: found.key)
        self.blocks = _networks(self._ipam)
        self.addresses = self._addresses() if self._felix else []

    @classmethod
    def read(cls, client: Client, host: str) -> HostRecords:
        """Read all of it. Raises DatastoreError."""
        places = (keys.bgp_settings(host), keys.host(host), keys.ipam_host(host))
        trees = [client.get(place, recursive=True, quorum=True) for place in places]
        return cls(client, host, trees, Ipam(client).handles_of_host(host))

    @property
    def exist(self) -> bool:
        """Whether anything is stored for the host."""
        return bool(self.handles or self.trees())

    def trees(self) -> list[tuple[str, int]]:
        """Return the directories that there are, by their keys, with the number of keys in them."""
        return [(tree["key"], _count(tree)) for tree in (self._bgp, self._felix, self._ipam) if tree is not None]

    def interfaces(self) -> list[str]:
        """Return the interfaces of the host's workload endpoints that have a prefix of such interfaces."""
        named = {_interface(found) for found in self.endpoints if found.name.workload is not None} - {""}
        prefixes = self._interface_prefixes() if named else ()
        return sorted(name for name in named if name.startswith(prefixes))

    def _interface_prefixes(self) -> tuple[str, ...]:
        """Return what the interfaces of the host's workloads begin with; nothing where any interface may be one."""
        node = _child(_child(self._felix, "config"), "InterfacePrefix")
        node = node or self._client.get(keys.felix_parameter("InterfacePrefix"))
        text = _DEFAULT_PREFIX if node is None else node.get("value", "")
        return tuple(filter(None, (prefix.strip() for prefix in text.split(","))))

    # Removing, in an order in which each repeat finds what an interruption left

    def remove_from_bgp(self) -> None:
        """Remove its BGP data, so that no other node connects to it any more."""
        if self._bgp is not None:
            self._client.delete_tree(keys.bgp_settings(self.host), self._bgp)

    def claim_addresses(self) -> None:
        """Put the addresses of its endpoints and of its tunnel under a handle of the host, to be found until released.

        Addresses that endpoints of other hosts have too are theirs.
        """
        try:
            Ipam(self._client).adopt(self.addresses, self._handle)
        except MalformedObject as error:
            self.complaints.append(error.message)

    def remove_endpoints(self) -> None:
        """Remove what Felix reads of it: its endpoints, addresses and parameters."""
        if self._felix is not None:
            self._client.delete_tree(keys.host(self.host), self._felix)

    def release_addresses(self) -> None:
        """Release what is claimed for it, and make its blocks nobody's own."""
        ipam = Ipam(self._client)
        for handle in dict.fromkeys([*ipam.handles_of_host(self.host), self._handle]):
            try:
                ipam.release_all(handle, known=self.addresses if handle == self._handle else ())
            except MalformedObject as error:
                self.complaints.append(error.message)
        for network in self.blocks:
            try:
                Blocks(self._client).disown(network, self.host)
            except MalformedObject as error:
                self.complaints.append(error.message)
        if self._ipam is not None:
            self._client.delete_tree(keys.ipam_host(self.host), self._ipam)

    @property
    def _handle(self) -> str:
        return handle_name(self.host, "", "", "removal")

    def _addresses(self) -> list[Address]:
        """Return the addresses to release: of its endpoints and its tunnel, but for those that others have too."""
        listed = [address for found in self.endpoints for address in self._addresses_of(found)]
        tunnel = _child(_child(self._felix, "config"), "IpInIpTunnelAddr")
        try:
            listed += [Address.parse(tunnel["value"])] if tunnel and tunnel.get("value") else []
        except ValueError:
            self.complaints.append(MalformedObject(tunnel["key"] if tunnel else "", "it is no IP address").message)
        if not listed:
            return []
        in_use = {address: name for name, address in self._addresses_of_others()}
        for address in sorted(in_use.keys() & set(listed)):
            self.complaints.append(f"{address} stays assigned: endpoint {in_use[address]} has it too.")
        return sorted(set(listed) - in_use.keys())

    def _addresses_of(self, found: EndpointNode) -> list[Address]:
        """Return the addresses of one of its endpoints. calicoctl and Felix know no larger networks there."""
        if found.name.workload is None:
            return []
        try:
            endpoint = found.decode()
            listed, single = endpoint.addresses, endpoint.host_addresses()
        except MalformedEndpoint as error:
            self.complaints.append(MalformedObject(found.key, error, "Its addresses stay assigned.").message)
            return []
        for network in sorted(set(listed) - {address.net for address in single}):
            self.complaints.append(
                f"{network} of endpoint {found.name} is no single address: what is assigned of it stays so. "
                "'calicoctl ipam release' releases an address."
            )
        return single

    def _addresses_of_others(self) -> Iterator[tuple[str, Address]]:
        for found in Endpoints(self._client).all():
            if found.name.host != self.host and found.name.workload is not None:
                try:
                    for address in found.decode().host_addresses():
                        yield str(found.name), address
                except MalformedEndpoint:  # none of ours: calicoq check names it
                    pass


def _interface(found: EndpointNode) -> str:
    try:
        return found.decode().interface
    except MalformedEndpoint:
        return ""


def _child(node: RawNode | None, name: str) -> RawNode | None:
    children = (node or {}).get("nodes", ())
    return next((child for child in children if keys.last_segment(child["key"]) == name), None)


def _count(node: RawNode) -> int:
    return 1 if "value" in node else sum(map(_count, node.get("nodes", ())))


def _networks(tree: RawNode | None) -> list[Network]:
    """Return the networks of the blocks that affinities are stored to, in numeric order."""
    named = [
        keys.network_of(marker["key"])
        for version in ("ipv4", "ipv6")
        for marker in (_child(_child(tree, version), "block") or {}).get("nodes", ())
    ]
    return sorted((network for network in named if network is not None), key=lambda network: network.key())
