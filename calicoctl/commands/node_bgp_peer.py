"""calicoctl node bgp peer: add, remove and show the BGP peers of a single node."""

from __future__ import annotations

from calicoctl.commands import bgp_peers
from calicoctl.commands.node_choice import host_of
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``node bgp peer`` command line and return the exit status. Raises CommandError."""
    host = host_of(arguments, environment)
    is_named = arguments["--hostname"] is not None
    node = f"node {visible(host)}" if is_named else "this node"
    of_node = node.replace("{", "{{").replace("}", "}}")
    scope = bgp_peers.Scope(
        host=host,
        heading="Node specific IPv{} BGP Peer",
        none=f"No IPv{{}} BGP Peers defined for {of_node}.",
        missing=f"{{}} is not a configured peer for {of_node}.",
        removed="BGP peer removed from node configuration",
        is_named=is_named,
    )
    return bgp_peers.run(arguments, scope, environment)
