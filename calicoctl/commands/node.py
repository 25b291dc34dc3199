"""calicoctl node: manage the node of this host and the stored settings of nodes. Each subcommand has a module."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``node`` command line and return the exit status. Raises CommandError."""
    if arguments["bgp"]:
        from calicoctl.commands import node_bgp_peer

        return node_bgp_peer.run(arguments, environment)
    if arguments["show"]:
        from calicoctl.commands import node_show

        return node_show.run(arguments, environment)
    if arguments["stop"]:
        from calicoctl.commands import node_stop

        return node_stop.run(arguments, environment)
    if arguments["remove"]:
        from calicoctl.commands import node_remove

        return node_remove.run(arguments, environment)
    from calicoctl.commands import node_start

    return node_start.run(arguments, environment)
