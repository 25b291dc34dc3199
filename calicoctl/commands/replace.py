"""calicoctl replace: write resources that must exist."""

from __future__ import annotations

from calicoctl.resources import changes
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

USAGE = """
Usage:
  calicoctl replace --filename=<FILENAME> [--recursive] [--dry-run]

Description:
  Change resources that exist to what documents in YAML or JSON say. It is an
  error if one of them does not exist. Other than 'calicoctl apply', this also
  rewrites rules that other tools have stored in another form, and completes
  what lacks a part.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --dry-run                 Say what would be done, and write nothing.

"""


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl replace`` and return the exit status. Raises CommandError."""
    manifest = Manifest(environment, environment.client())
    manifest.read(arguments["--filename"], arguments["--recursive"])
    return changes.run(changes.REPLACE, manifest, environment, dry_run=arguments["--dry-run"])
