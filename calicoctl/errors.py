"""Errors that end a command with a message for the operator instead of a traceback."""

from __future__ import annotations

_INTERRUPTED = 130  # by SIGINT, where Python's own handler has raised it


class CommandError(Exception):
    """A command cannot do what it was asked to.

    ``message`` is what the operator reads on standard error, as it is to be printed (one or more lines, no
    newline at the end); ``status`` is the exit status of the process.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def status_of(interruption: KeyboardInterrupt) -> int:
    """Return the exit status for the signal that caused it (see ``calicoctl.start``): 128 and its number."""
    return int(interruption.args[0]) if interruption.args else _INTERRUPTED


class MalformedObject(CommandError):
    """A stored value that a command needs cannot be read; the message names its key."""

    def __init__(self, key: str, reason: object, remedy: str = "") -> None:
        super().__init__(f"Cannot read {key}: {reason}.{'  ' + remedy if remedy else ''}")
