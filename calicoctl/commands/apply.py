"""calicoctl apply: create resources, or change those that exist."""

from __future__ import annotations

from calicoctl.resources import changes
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

USAGE = """
Usage:
  calicoctl apply --filename=<FILENAME> [--recursive] [--dry-run]

Description:
  Create resources from documents in YAML or JSON, or change those that exist
  to what the documents say. What is as it should be is not written again.
  Tags, and labels and annotations of the resource itself, stay as they are
  where a document does not mention them.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --dry-run                 Say what would be done, and write nothing.

"""


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl apply`` and return the exit status. Raises CommandError."""
    manifest = Manifest(environment, environment.client())
    manifest.read(arguments["--filename"], arguments["--recursive"])
    return changes.run(changes.APPLY, manifest, environment, dry_run=arguments["--dry-run"])
