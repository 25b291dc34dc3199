"""calicoctl delete: remove resources."""

from __future__ import annotations

from calicoctl.resources import changes
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

USAGE = """
Usage:
  calicoctl delete (<KIND> <NAME>... | --filename=<FILENAME>) [--recursive] [--skip-not-exists] [--dry-run]

Description:
  Remove resources, given by kind and names or by the documents of a file. A
  document with a resourceVersion removes the resource only if that is still
  its version.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  -s --skip-not-exists      Pass over resources that do not exist.
  --dry-run                 Say what would be done, and write nothing.

"""


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl delete`` and return the exit status. Raises CommandError."""
    manifest = Manifest(environment, environment.client(), identity_only=True)
    if arguments["<KIND>"] is not None:
        manifest.name(arguments["<KIND>"], arguments["<NAME>"])
    else:
        manifest.read(arguments["--filename"], arguments["--recursive"])
    return changes.run(changes.DELETE, manifest, environment, arguments["--skip-not-exists"], arguments["--dry-run"])
