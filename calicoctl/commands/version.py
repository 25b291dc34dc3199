"""calicoctl version: print the version."""

from __future__ import annotations

from calicoctl import __version__

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Print the version. Needs neither etcd nor valid settings."""
    environment.say(__version__)
    return 0
