"""What etcd holds for BIRD on one host: its addresses, its AS number and its peers."""

from __future__ import annotations

from calicoctl.datastore.bgp_snapshot import BgpSnapshot
from calicoctl.model.bgp import DEFAULT_AS, MalformedMesh, MalformedPeer, Mesh, Peer, neighbour

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.datastore.bgp_snapshot import Settings
    from calicoctl.etcd.client import Client
    from calicoctl.model.address import Address

_VERSIONS = (4, 6)


class BgpSettings:
    """A host's ``addresses`` by IP version, empty where it has none, and its ``as_number``, as they are stored.

    ``is_inherited`` says that the AS number is that of all nodes. ``peers`` are the addresses of its peers by IP
    version: the other nodes of the mesh, the global peers and its own. Peers that BIRD does not take are left out.
    """

    def __init__(
        self, addresses: dict[int, str], as_number: str, is_inherited: bool, peers: dict[int, set[Address]]
    ) -> None:
        self.addresses = addresses
        self.as_number = as_number
        self.is_inherited = is_inherited
        self.peers = peers


def read_bgp_settings(host: str, client: Client) -> BgpSettings:
    """Return what is stored for a host, from one read of all BGP settings. Raises DatastoreError."""
    snapshot = BgpSnapshot.read(client)
    own = snapshot.hosts.get(host, {})
    as_number = own.get("as_num") or snapshot.everywhere.get("as_num")
    return BgpSettings(
        {version: _text(own, f"ip_addr_v{version}") for version in _VERSIONS},
        as_number.value if as_number else DEFAULT_AS,
        "as_num" not in own,
        {version: set(_peers(snapshot, host, version)) for version in _VERSIONS},
    )


def _text(settings: Settings, name: str) -> str:
    return settings[name].value if name in settings else ""


def _peers(snapshot: BgpSnapshot, host: str, version: int) -> Iterator[Address]:
    name = f"ip_addr_v{version}"
    own = _text(snapshot.hosts.get(host, {}), name)
    if _is_mesh_on(snapshot):
        for text in {_text(settings, name) for settings in snapshot.hosts.values()} - {"", own}:
            yield from _address(text, version)
    for settings in (snapshot.everywhere, snapshot.hosts.get(host, {})):
        for place, stored in settings.items():
            if place.startswith(f"peer_v{version}/"):
                try:
                    yield from _address(Peer.from_json(stored.value).fields["ip"], version)
                except MalformedPeer:
                    continue


def _is_mesh_on(snapshot: BgpSnapshot) -> bool:
    stored = snapshot.everywhere.get("node_mesh")
    try:
        return stored is None or Mesh.from_json(stored.value).is_on
    except MalformedMesh:
        return False


def _address(text: str, version: int) -> Iterator[Address]:
    """Yield the address that BIRD takes a text for; nothing if it takes none."""
    try:
        yield neighbour(text, version)
    except ValueError:
        return
