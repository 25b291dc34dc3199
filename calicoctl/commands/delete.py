"""calicoctl delete: remove resources."""

from __future__ import annotations

from calicoctl.resources import changes
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl delete`` and return the exit status. Raises CommandError."""
    manifest = Manifest(environment, environment.client(), identity_only=True)
    if arguments["<KIND>"] is not None:
        manifest.name(arguments["<KIND>"], arguments["<NAME>"])
    else:
        manifest.read(arguments["--filename"], arguments["--recursive"])
    return changes.run(changes.DELETE, manifest, environment, arguments["--skip-not-exists"], arguments["--dry-run"])
