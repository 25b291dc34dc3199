"""calicoctl bgp: show and change the BGP settings of all nodes that have no settings of their own."""

from __future__ import annotations

from calicoctl.commands import bgp_peers
from calicoctl.datastore import keys
from calicoctl.datastore.bgp import odd_as_number, read_mesh, switch_mesh
from calicoctl.datastore.parameters import Parameter
from calicoctl.errors import CommandError
from calicoctl.model.bgp import DEFAULT_AS, as_number
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_SCOPE = bgp_peers.Scope(
    host=None,
    heading="Global IPv{} BGP Peer",
    none="No global IPv{} BGP Peers defined.",
    missing="{} is not a globally configured peer.",
    removed="BGP peer removed from global configuration",
)


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``bgp`` command line and return the exit status. Raises CommandError."""
    if arguments["peer"]:
        return bgp_peers.run(arguments, _SCOPE, environment)
    if arguments["node-mesh"]:
        return _node_mesh(arguments, environment)
    return _default_node_as(arguments["<AS_NUM>"], environment)


def _node_mesh(arguments: Arguments, environment: Environment) -> int:
    if arguments["on"] or arguments["off"]:
        switch_mesh(environment.client(), arguments["on"])
        return 0
    mesh = read_mesh(environment.client())
    environment.say("on" if mesh is None or mesh.is_on else "off")
    return 0


def _default_node_as(number: str | None, environment: Environment) -> int:
    stored = Parameter(environment.client(), keys.DEFAULT_AS)
    if number is None:
        return _show_default_as(stored.get(), environment)
    try:
        stored.set(as_number(number))
    except ValueError:
        raise CommandError(bgp_peers.invalid_as_number(number)) from None
    return 0


def _show_default_as(stored: str | None, environment: Environment) -> int:
    if stored is None:
        environment.say(DEFAULT_AS)
        return 0
    environment.say(visible(stored))
    if complaint := odd_as_number(keys.DEFAULT_AS, stored):
        environment.complain(complaint)
        return 1
    return 0
