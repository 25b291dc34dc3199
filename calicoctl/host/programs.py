"""Running a program for what it prints, into a file and with a time limit."""

from __future__ import annotations

import os

from calicoctl.host import program

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    import subprocess
    from typing import BinaryIO


class ProgramFailed(Exception):
    """A program could not be started, failed, or took too long; the text says which, as the end of a sentence."""


def write_output(command: list[str], file: BinaryIO, seconds: float) -> None:
    """Run a program that writes to a file, its complaints too. However this ends, the program has ended.

    Raises ProgramFailed.
    """
    import subprocess

    path = program.find(command[0])
    if path is None:
        raise ProgramFailed(f"the program '{command[0]}' was not found")

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [path, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={"LC_ALL": "C", "PATH": os.defpath},
        )

    try:
        status, _, _ = program.run(start, seconds)
    except subprocess.TimeoutExpired:
        raise ProgramFailed(f"it did not end within {seconds:g} s") from None
    except OSError as error:
        raise ProgramFailed(f"it cannot be run: {error.strerror}") from None
    if status:
        raise ProgramFailed(f"exit status {status}" if status > 0 else f"signal {-status} has ended it")
