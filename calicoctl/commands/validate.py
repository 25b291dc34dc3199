"""calicoctl validate: check documents without a datastore."""

from __future__ import annotations

from calicoctl.resources import changes, kinds
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl validate`` and return the exit status. Raises CommandError."""
    if arguments["--schema"] is not None:
        environment.say(kinds.of_word(arguments["--schema"], None).schema())
        return 0
    manifest = Manifest(environment, None)
    manifest.read(arguments["--filename"], arguments["--recursive"])
    return changes.validate(manifest, environment)
