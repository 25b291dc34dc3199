"""calicoctl node bgp peer: add, remove and show the BGP peers of a single node."""

from __future__ import annotations

from calicoctl.commands import bgp_peers
from calicoctl.commands.node_choice import check_is_known, host_of
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``node bgp peer`` command line and return the exit status. Raises CommandError."""
    host = host_of(arguments, environment)
    is_named = arguments["--hostname"] is not None
    node = f"node {host}" if is_named else "this node"
    scope = bgp_peers.Scope(
        host=host,
        heading=lambda version: f"Node specific IPv{version} BGP Peer",
        none=lambda version: f"No IPv{version} BGP Peers defined for {visible(node)}.",
        missing=lambda address: f"{address} is not a configured peer for {node}.",
        removed="BGP peer removed from node configuration",
        check_empty=lambda: check_is_known(host, environment) if is_named else None,
    )
    return bgp_peers.run(arguments, scope, environment)
