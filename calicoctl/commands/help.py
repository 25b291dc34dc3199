"""calicoctl help: print the overview of commands, or the usage text of one command."""

from __future__ import annotations

from calicoctl.errors import CommandError
from calicoctl.suggestion import unknown_command
from calicoctl.usage.table import COMMANDS, OVERVIEW, usage_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Print a help text. Needs neither etcd nor valid settings. Raises CommandError for an unknown command."""
    name = arguments["<COMMAND>"]
    if name is None:
        text = OVERVIEW
    elif name in COMMANDS:
        text = usage_of(COMMANDS[name])
    else:
        raise CommandError(unknown_command("calicoctl", name, COMMANDS))
    environment.say(text.strip("\n"))
    return 0
