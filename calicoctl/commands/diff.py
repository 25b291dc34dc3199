"""calicoctl diff: what apply would change."""

from __future__ import annotations

from calicoctl.resources import comparison
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

USAGE = """
Usage:
  calicoctl diff --filename=<FILENAME> [--recursive]

Description:
  Show what 'calicoctl apply' would change, for each resource as a unified
  diff of what 'calicoctl get' shows. The exit status is 0 where nothing would
  be changed, 1 where something would, and 2 on an error.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.

"""
FAILURE_STATUS = 2  # 1 is an answer


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl diff`` and return the exit status. Raises CommandError."""
    manifest = Manifest(environment, environment.client())
    manifest.read(arguments["--filename"], arguments["--recursive"])
    return comparison.run(manifest, environment)
