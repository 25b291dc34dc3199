"""calicoq snapshot: all of Calico's keys in one file, for the other commands, for git or for a ticket."""

from __future__ import annotations

from calicoctl.datastore.saved import read_all, to_text
from calicoctl.private_file import write

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Print the keys, or write them to a file that only its owner can read. Raises CommandError."""
    text = to_text(read_all(environment.client()))
    path: str | None = arguments["<snapshot>"]
    if path is None:
        environment.say(text)
    else:
        write(path, f"{text}\n")
    return 0
