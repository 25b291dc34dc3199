"""calicoctl create: create resources that must not exist yet."""

from __future__ import annotations

from calicoctl.resources import changes
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl create`` and return the exit status. Raises CommandError."""
    manifest = Manifest(environment, environment.client())
    manifest.read(arguments["--filename"], arguments["--recursive"])
    return changes.run(changes.CREATE, manifest, environment, arguments["--skip-exists"], arguments["--dry-run"])
