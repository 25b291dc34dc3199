"""calicoctl node show: show the addresses, AS numbers and own peers of all nodes."""

from __future__ import annotations

from calicoctl.datastore.nodes import read_nodes
from calicoctl.output import table

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.bgp import Node

_HEADINGS = ("Hostname", "Bird IPv4", "Bird IPv6", "AS Num", "BGP Peers v4", "BGP Peers v6")


def run(arguments: Arguments, environment: Environment) -> int:
    """Print a row for each node and return the exit status: 1 if some of their settings could not be read."""
    nodes, complaints = read_nodes(environment.client())
    if not environment.say_rows(map(_fields, nodes)):
        environment.say(table(_HEADINGS, map(_row, nodes)) + "\n")
    for complaint in complaints:
        environment.complain(complaint)
    return 1 if complaints else 0


def _row(node: Node) -> tuple[object, ...]:
    as_num = f"{node.inherited} (inherited)" if node.own_as is None else node.own_as
    return node.name, node.addresses[4], node.addresses[6], as_num, _peers(node, 4), _peers(node, 6)


def _fields(node: Node) -> dict[str, object]:
    return {
        "hostname": node.name,
        "ip_addr_v4": node.addresses[4],
        "ip_addr_v6": node.addresses[6],
        "as_num": node.inherited if node.own_as is None else node.own_as,
        "as_num_inherited": node.own_as is None,
        "peers_v4": _peers_as_objects(node, 4),
        "peers_v6": _peers_as_objects(node, 6),
    }


def _peers_as_objects(node: Node, version: int) -> list[dict[str, str]]:
    return [
        {"ip": str(peer.address), "as_num": peer.as_num} for peer in node.peers if peer.address.version == version
    ]


def _peers(node: Node, version: int) -> list[str]:
    return [f"{peer.address} as {peer.as_num}" for peer in node.peers if peer.address.version == version]
