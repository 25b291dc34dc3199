"""Errors that end a command with a message for the operator instead of a traceback."""

from __future__ import annotations

_INTERRUPTED = 130  # 128 + SIGINT, for a KeyboardInterrupt that Python's own handler has raised


class CommandError(Exception):
    """A command cannot be carried out.

    ``message`` is printed on standard error: one or more lines, without a final newline. ``status`` is the exit
    status of the process.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def status_of(interruption: KeyboardInterrupt) -> int:
    """Return the exit status of an interrupted command: 128 plus the number of the signal (``calicoctl.start``)."""
    return int(interruption.args[0]) if interruption.args else _INTERRUPTED


class MalformedObject(CommandError):
    """A command needs a stored value but cannot read it. The message names the key."""

    def __init__(self, key: str, reason: object, remedy: str = "") -> None:
        super().__init__(f"Cannot read {key}: {reason}.{'  ' + remedy if remedy else ''}")
