"""calicoq host: what applies to the endpoints of one host."""

from __future__ import annotations

from calicoctl.calicoq.listing import show

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """List them; the argument is the host's whole name."""
    return show(lambda endpoint: endpoint.name.host == arguments["<hostname>"], arguments, environment)
