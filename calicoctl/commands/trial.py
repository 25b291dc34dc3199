"""Carry a command out on a copy of etcd, to see what it would do: ``--dry-run`` and ``--flows``."""

from __future__ import annotations

from calicoctl.calicoq.diff import flow_changes
from calicoctl.calicoq.state import read_snapshot, snapshot_of
from calicoctl.datastore.saved import read_all
from calicoctl.errors import CommandError
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

# The commands that do nothing else than read and write etcd.
_COMMANDS = ("profile", "endpoint", "pool", "bgp", "config", "ipam")


class Trial:
    """Lets the environment's commands work on a copy of etcd from now on, until ``end``."""

    def __init__(self, environment: Environment) -> None:
        """Read the copy, in one request. Raises DatastoreError."""
        self._environment = environment
        self._etcd = environment.client()
        environment.work_on(read_all(self._etcd))
        self._before = snapshot_of(environment)

    def flow_changes(self) -> tuple[list[str], set[str]]:
        """Return the changes of flows so far, as ``calicoq diff`` shows them, and their signs: ``+``, ``-``, ``?``.

        Raises CommandError if there is too much to compare.
        """
        return flow_changes(self._before, read_snapshot(self._environment))

    def end(self) -> None:
        """Let commands work on etcd again."""
        self._environment.work_on(self._etcd)


def say_flow_changes(lines: list[str], environment: Environment) -> None:
    """Print changes of flows after what else the command has said."""
    environment.say("\n".join(["", "Flow changes:", *map(visible, lines)]), painter="change")


def run(
    name: str, command: Callable[[Arguments, Environment], int], arguments: Arguments, environment: Environment
) -> int:
    """Run a command that has no ``--dry-run`` of its own on a copy of etcd, and return its exit status.

    Raises CommandError if the command does more than that, or if ``--flows`` stands alone.
    """
    if "--dry-run" not in environment.options:
        raise CommandError("--flows before the command goes with --dry-run: calicoctl --dry-run --flows ...")
    if name not in _COMMANDS:
        known = f"{', '.join(_COMMANDS[:-1])} and {_COMMANDS[-1]}"
        raise CommandError(f"'calicoctl {name}' cannot be tried: --dry-run before the command is for {known}.")
    trial = Trial(environment)
    environment.complain("Dry run: nothing is written.")
    status = command(arguments, environment)
    if "--flows" in environment.options:
        say_flow_changes(trial.flow_changes()[0], environment)
    return status
