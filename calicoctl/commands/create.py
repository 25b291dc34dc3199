"""calicoctl create: write resources that must not exist yet."""

from __future__ import annotations

from calicoctl.resources import changes
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

USAGE = """
Usage:
  calicoctl create --filename=<FILENAME> [--recursive] [--skip-exists] [--dry-run]

Description:
  Create resources from documents in YAML or JSON. It is an error if one of
  them exists already.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --skip-exists             Pass over resources that exist already.
  --dry-run                 Say what would be done, and write nothing.

"""


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl create`` and return the exit status. Raises CommandError."""
    manifest = Manifest(environment, environment.client())
    manifest.read(arguments["--filename"], arguments["--recursive"])
    return changes.run(changes.CREATE, manifest, environment, arguments["--skip-exists"], arguments["--dry-run"])
