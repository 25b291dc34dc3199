"""What etcd holds for BIRD on one host: its addresses, its AS number and its peers."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.bgp_snapshot import BgpSnapshot
from calicoctl.model.bgp import DEFAULT_AS, MalformedMesh, Mesh, Peer, check_peers_as, neighbour

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from calicoctl.datastore.snapshot import Stored
    from calicoctl.etcd.client import Client
    from calicoctl.model.address import Address

_VERSIONS = (4, 6)


class BgpSettings:
    """A host's ``addresses`` by IP version, empty where it has none, and its ``as_number``, as they are stored.

    ``is_inherited`` says that the AS number is that of all nodes. ``peers`` are the addresses of its peers by IP
    version: the other nodes of the mesh, the global peers and its own. ``unusable`` are the keys that should hold a
    peer, or the mesh, and from which BIRD gets none.
    """

    def __init__(
        self,
        addresses: dict[int, str],
        as_number: str,
        is_inherited: bool,
        peers: dict[int, set[Address]],
        unusable: list[str],
    ) -> None:
        self.addresses = addresses
        self.as_number = as_number
        self.is_inherited = is_inherited
        self.peers = peers
        self.unusable = unusable


def read_bgp_settings(host: str, client: Client) -> BgpSettings:
    """Return what is stored for a host, from one read of all BGP settings. Raises DatastoreError."""
    snapshot = BgpSnapshot.read(client)
    own = snapshot.hosts.get(host, {})
    as_number = own.get("as_num") or snapshot.everywhere.get("as_num")
    addresses = {version: own[name].value if (name := f"ip_addr_v{version}") in own else "" for version in _VERSIONS}
    peers: dict[int, set[Address]] = {version: set() for version in _VERSIONS}
    unusable: set[str] = set()
    for stored, version, address in _stored_peers(snapshot, host, unusable):
        if addresses[version]:  # otherwise there is no BIRD of this version
            try:
                peers[version].add(address(stored.value, version))
            except ValueError:
                unusable.add(stored.key)
    return BgpSettings(
        addresses, as_number.value if as_number else DEFAULT_AS, "as_num" not in own, peers, sorted(unusable)
    )


def _stored_peers(
    snapshot: BgpSnapshot, host: str, unusable: set[str]
) -> Iterator[tuple[Stored, int, Callable[[str, int], Address]]]:
    """Yield each key with a peer of a host, its IP version, and the function that reads the address in its value.

    A mesh that cannot be read is added to ``unusable``.
    """
    others = [settings for name, settings in snapshot.hosts.items() if name != host]
    for version in _VERSIONS:
        name, directory = f"ip_addr_v{version}", f"peer_v{version}/"
        if _is_mesh_on(snapshot, unusable):
            for settings in others:
                if name in settings and settings[name].value:
                    yield settings[name], version, neighbour
        for settings in (snapshot.everywhere, snapshot.hosts.get(host, {})):
            for place, stored in settings.items():
                if place.startswith(directory):
                    yield stored, version, _peers_address


def _is_mesh_on(snapshot: BgpSnapshot, unusable: set[str]) -> bool:
    stored = snapshot.everywhere.get("node_mesh")
    try:
        return stored is None or Mesh.from_json(stored.value).is_on
    except MalformedMesh:
        unusable.add(keys.MESH)
        return False


def _peers_address(text: str, version: int) -> Address:
    """Return the address that BIRD takes a stored peer for. Raises ValueError if it takes none."""
    peer = Peer.from_json(text)
    check_peers_as(peer.fields["as_num"])
    return neighbour(peer.fields["ip"], version)
