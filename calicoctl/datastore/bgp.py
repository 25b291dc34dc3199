"""BGP in etcd: the peers of all nodes, the peers of single nodes (a key for each), and the node-to-node mesh."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.parameters import edit_setting, remove_setting
from calicoctl.errors import MalformedObject
from calicoctl.model.bgp import MalformedMesh, MalformedPeer, Mesh, Peer, takes_as
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.etcd.client import Client, RawNode
    from calicoctl.model.address import Address


class Peers:
    """The peers of all nodes or, with ``host``, those of one node. Every method raises DatastoreError."""

    def __init__(self, client: Client, host: str | None = None) -> None:
        self._client = client
        self._host = host

    def read(self, versions: Sequence[int]) -> tuple[list[Peer], list[str]]:
        """Return the peers of the given IP versions, sorted by address, and complaints.

        There is a complaint for each peer that cannot be read, or that BIRD does not take as it is stored.
        """
        return peers_below(self._client.get(keys.bgp_settings(self._host), recursive=True), versions)

    def save(self, address: Address, as_num: str, anyway: bool = False) -> tuple[str | None, bool]:
        """Store the AS number of a peer; return the previous one, None if the peer is new, and whether it was written.

        Other fields of the peer are kept. An unreadable peer is replaced. Nothing is written if no field changes.
        Raises NoNode if the host is not a node, unless ``anyway`` is set.
        """
        before: str | None = None
        is_written = False

        def change(node: RawNode | None) -> str | None:
            nonlocal before, is_written
            stored = None
            try:
                stored = Peer.from_json(node["value"]) if node else None
            except MalformedPeer:
                pass
            before = stored.as_num if stored else None
            peer = Peer.new(address, as_num, stored.fields if stored else {})
            is_written = stored is None or stored.fields != peer.fields
            return peer.to_json() if is_written else None

        edit_setting(self._client, keys.peer(address, self._host), change, None if anyway else self._host)
        return before, is_written

    def remove(self, address: Address) -> bool:
        """Remove a peer; return False if it did not exist."""
        return remove_setting(self._client, keys.peer(address, self._host))


def peers_below(settings: RawNode | None, versions: Sequence[int] = (4, 6)) -> tuple[list[Peer], list[str]]:
    """Return the peers in a directory of settings, like `Peers.read`; confd and this ignore directories among them."""
    peers: list[Peer] = []
    complaints: list[str] = []
    directories = {keys.last_segment(node["key"]): node for node in (settings or {}).get("nodes", ())}
    for version in versions:
        for node in directories.get(f"peer_v{version}", {}).get("nodes", ()):
            if "value" not in node:
                continue
            try:
                peers.append(Peer.from_json(node["value"]))
            except MalformedPeer as error:
                complaints.append(MalformedObject(node["key"], error).message)
            else:
                if problem := peers[-1].problem(version, keys.last_segment(node["key"])):
                    complaints.append(odd_value(node["key"], problem))
    return sorted(peers, key=lambda peer: peer.address), sorted(complaints)


def odd_value(key: str, problem: str) -> str:
    """Return the complaint about a value that is shown although BIRD does not take it as it is."""
    return f"{key}: {problem}. See 'calicoq check'."


def odd_as_number(key: str, text: str) -> str:
    """Return the complaint about a stored AS number that BIRD does not take; empty if BIRD takes it."""
    return "" if takes_as(text) else odd_value(key, f"{shown(text)} is not an AS number")


def read_mesh(client: Client) -> Mesh | None:
    """Return the node-to-node mesh; None if nothing is stored. Raises MalformedObject, DatastoreError."""
    node = client.get(keys.MESH)
    if node is None:
        return None
    if "value" not in node:
        raise MalformedObject(node["key"], "it is a directory")
    try:
        return Mesh.from_json(node["value"])
    except MalformedMesh as error:
        raise MalformedObject(node["key"], error) from None


def switch_mesh(client: Client, enabled: bool) -> None:
    """Switch the node-to-node mesh on or off. Other stored fields are kept; an unreadable value is replaced."""

    def change(node: RawNode | None) -> str | None:
        mesh = Mesh({})
        try:
            mesh = Mesh.from_json(node["value"]) if node else mesh
        except MalformedMesh:
            pass
        text = mesh.with_enabled(enabled).to_json()
        return None if node and node["value"] == text else text

    edit_setting(client, keys.MESH, change)
