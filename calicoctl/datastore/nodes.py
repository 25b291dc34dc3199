"""BGP nodes in etcd: a directory for each host with its addresses, its AS number and its own peers."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.bgp import odd_as_number, odd_value, peers_below
from calicoctl.errors import MalformedObject
from calicoctl.model.bgp import DEFAULT_AS, Node, neighbour
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.etcd.client import Client, RawNode

_OF_NODES = ("ip_addr_v4", "ip_addr_v6", "as_num")  # a host with any of these keys, or a peer, is a node


def read_nodes(client: Client) -> tuple[list[Node], list[str]]:
    """Return all nodes, sorted by name, and a complaint for each value that is unreadable or that BIRD refuses.

    A host is a node if it has an address, an AS number or a peer. One request. Raises DatastoreError.
    """
    tree = client.get(keys.BGP, recursive=True)
    scopes = {node["key"]: node for node in (tree or {}).get("nodes", ())}
    complaints: list[str] = []
    everywhere = _texts(scopes.get(keys.BGP_GLOBAL), complaints)
    complaints += _odd_values(keys.BGP_GLOBAL, everywhere)
    inherited = everywhere.get("as_num", DEFAULT_AS)
    nodes = []
    for host in scopes.get(keys.BGP_HOSTS, {}).get("nodes", ()):
        texts = _texts(host, complaints)
        peers, of_peers = peers_below(host)
        complaints += of_peers
        complaints += _odd_values(host["key"], texts)
        addresses = {version: texts.get(f"ip_addr_v{version}", "") for version in (4, 6)}
        if peers or of_peers or not texts.keys().isdisjoint(_OF_NODES):
            name = keys.last_segment(host["key"])
            nodes.append(Node(name, addresses, texts.get("as_num"), inherited, peers))
    return sorted(nodes, key=lambda node: node.name), sorted(complaints)


def stored_settings(host: str, client: Client) -> dict[str, str]:
    """Return what is stored of a host's node: its addresses, AS number and so on by name. Raises DatastoreError."""
    return _texts(client.get(keys.bgp_settings(host)), [])


def _texts(directory: RawNode | None, complaints: list[str]) -> dict[str, str]:
    """Return the values in a directory by name; complain about an address or AS number that is a directory."""
    found = {}
    for node in (directory or {}).get("nodes", ()):
        name = keys.last_segment(node["key"])
        if "value" in node:
            found[name] = node["value"]
        elif name in _OF_NODES:
            complaints.append(MalformedObject(node["key"], "it is a directory").message)
    return found


def _odd_values(directory: str, texts: dict[str, str]) -> Iterator[str]:
    """Yield a complaint about each address and AS number in a directory that BIRD does not take."""
    for version in (4, 6):
        if address := texts.get(f"ip_addr_v{version}"):
            try:
                neighbour(address, version)
            except ValueError as error:
                yield odd_value(f"{directory}/ip_addr_v{version}", f"{shown(address)} {error}")
    if "as_num" in texts and (complaint := odd_as_number(f"{directory}/as_num", texts["as_num"])):
        yield complaint


def names(client: Client) -> list[str]:
    """Return the names of all hosts with a BGP setting. Raises DatastoreError."""
    directory = client.get(keys.BGP_HOSTS) or {}
    return [keys.last_segment(node["key"]) for node in directory.get("nodes", ())]
