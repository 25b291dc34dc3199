"""The nodes of BGP in etcd: a directory for each host, with its addresses, its AS number and its own peers."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.bgp import peers_below
from calicoctl.errors import MalformedObject
from calicoctl.model.bgp import DEFAULT_AS, Node

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.etcd.client import Client, RawNode

_OF_NODES = ("ip_addr_v4", "ip_addr_v6", "as_num")  # any of them, or a peer, makes a node of a host


def read_nodes(client: Client) -> tuple[list[Node], list[str]]:
    """Return all nodes by name, from one read, and a complaint for each value that cannot be read.

    A host counts if it has an address, an AS number or a peer. Raises DatastoreError.
    """
    tree = client.get(keys.BGP, recursive=True)
    scopes = {node["key"]: node for node in (tree or {}).get("nodes", ())}
    complaints: list[str] = []
    inherited = _texts(scopes.get(keys.BGP_GLOBAL), complaints).get("as_num", DEFAULT_AS)
    nodes = []
    for host in scopes.get(keys.BGP_HOSTS, {}).get("nodes", ()):
        texts = _texts(host, complaints)
        peers, of_peers = peers_below(host)
        complaints += of_peers
        addresses = {version: texts.get(f"ip_addr_v{version}", "") for version in (4, 6)}
        if peers or of_peers or not texts.keys().isdisjoint(_OF_NODES):
            name = keys.last_segment(host["key"])
            nodes.append(Node(name, addresses, texts.get("as_num"), inherited, peers))
    return sorted(nodes, key=lambda node: node.name), complaints


def _texts(directory: RawNode | None, complaints: list[str]) -> dict[str, str]:
    """Return what tells a node's addresses and AS number, and complain of what is no text."""
    found = {}
    for node in (directory or {}).get("nodes", ()):
        name = keys.last_segment(node["key"])
        if "value" in node:
            found[name] = node["value"]
        elif name in _OF_NODES:
            complaints.append(MalformedObject(node["key"], "it is a directory").message)
    return found


def names(client: Client) -> list[str]:
    """Return the names of all hosts of which something is stored for BGP. Raises DatastoreError."""
    directory = client.get(keys.BGP_HOSTS) or {}
    return [keys.last_segment(node["key"]) for node in directory.get("nodes", ())]
