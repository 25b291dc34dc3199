"""calicoq host: the policies and profiles of the endpoints of one host."""

from __future__ import annotations

from calicoctl.calicoq.listing import show
from calicoctl.suggestion import did_you_mean

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.datastore.snapshot import Snapshot
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """List the endpoints; the argument is the full name of the host. Raises CommandError for an unknown host."""
    host: str = arguments["<hostname>"]

    def unknown(snapshot: Snapshot) -> str:
        known = snapshot.hosts
        return "" if host in known else f"Host {host} is unknown to Calico.{did_you_mean(host, known)}"

    return show(lambda name: name.host == host, unknown, arguments, environment)
