"""calicoq endpoint: the policies and profiles of the endpoints whose full names contain a substring."""

from __future__ import annotations

from calicoctl.calicoq.listing import show
from calicoctl.suggestion import did_you_mean

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.datastore.snapshot import Snapshot
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """List the endpoints. Full names: ``host/orchestrator/workload/endpoint``; for host endpoints ``host/endpoint``.

    Raises CommandError if no endpoint's name contains the substring.
    """
    substring: str = arguments["<substring>"]

    def unknown(snapshot: Snapshot) -> str:
        parts = {part for name, _ in snapshot.endpoints for part in str(name).split("/")}
        nobody = f'No endpoint has "{substring}" in its full name, <host>/<orchestrator>/<workload>/<endpoint>.'
        return f"{nobody}{did_you_mean(substring, parts)}" if substring else ""

    return show(lambda name: substring in str(name), unknown, arguments, environment)
