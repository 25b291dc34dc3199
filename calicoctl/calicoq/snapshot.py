"""calicoq snapshot: all of Calico's keys in one file, for the other commands, for git or for a ticket."""

from __future__ import annotations

from calicoctl import private_file
from calicoctl.datastore.saved import ANONYMOUS, FORMAT, read_all, to_text

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Print the keys, or write them to a file that only its owner can read. Raises CommandError on failure."""
    copy = read_all(environment.client())
    left_out, form = 0, FORMAT
    if arguments["--anonymize"]:
        from calicoctl.calicoq.anonymous import anonymized

        copy, left_out = anonymized(copy)
        form = ANONYMOUS
    text = to_text(copy, form)
    path: str | None = arguments["<snapshot>"]
    if path is None:
        environment.say(text)
    else:
        private_file.write(path, f"{text}\n")
    if left_out:
        environment.complain(f"Note: Left out: {left_out} key{'s' if left_out > 1 else ''} on which no flow depends.")
    return 0
