"""calicoq version."""

from __future__ import annotations

from calicoctl import __version__

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Print the version; needs neither etcd nor a valid environment."""
    environment.say(__version__)
    return 0
