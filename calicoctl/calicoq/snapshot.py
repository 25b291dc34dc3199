"""calicoq snapshot: all of Calico's keys in one file, for the other commands, for git or for a ticket."""

from __future__ import annotations

import os

from calicoctl.datastore.saved import read_all, to_text
from calicoctl.errors import CommandError

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
        _write(path, f"{text}\n")
    return 0


def _write(path: str, text: str) -> None:
    """Write a file as a whole: it takes the place of an older one only when all of it is on disk."""
    made = f"{path}.{os.getpid()}.new"
    try:
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(made, path)
        except BaseException:
            os.unlink(made)
            raise
    except (OSError, ValueError) as error:  # a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else "there can be no such file"
        raise CommandError(f"Cannot write {path}: {reason}.") from None
