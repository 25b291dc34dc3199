"""calicoctl backup: save all of Calico's keys to a file."""

from __future__ import annotations

from calicoctl.datastore.saved import read_all, to_text
from calicoctl.output import visible
from calicoctl.private_file import write

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl backup`` and return the exit status. Raises CommandError."""
    copy = read_all(environment.client())
    write(arguments["<FILE>"], f"{to_text(copy)}\n")
    environment.say(f"Saved {copy.count():,} keys to {visible(arguments['<FILE>'])}")
    return 0
