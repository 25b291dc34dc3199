"""calicoq endpoint: what applies to the endpoints whose full name has a substring."""

from __future__ import annotations

from calicoctl.calicoq.listing import show

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """List them. The full name is ``host/orchestrator/workload/endpoint``, of a host endpoint ``host/endpoint``."""
    substring: str = arguments["<substring>"]
    return show(lambda endpoint: substring in str(endpoint.name), arguments, environment)
