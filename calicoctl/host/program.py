"""Running other programs: none is still running when the command goes on or ends."""

from __future__ import annotations

import os

from calicoctl.signals import Blocked

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")  # searched too, because they are often missing in PATH


def find(name: str) -> str | None:
    """Return the path of a program in PATH or in a folder of the system; None if there is none.

    Entries of PATH that are not absolute are ignored. They mean the current folder, which others may write to.
    """
    import shutil

    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    return shutil.which(name, path=os.pathsep.join([*folders, *_SYSTEM_FOLDERS]))


def run(start: Callable[[], subprocess.Popen[bytes]], seconds: float) -> tuple[int, bytes, bytes]:
    """Let ``start`` start a program and return its exit status, standard output and standard error.

    The program has always ended when this function returns or raises. Signals are delayed until it has started:
    otherwise an interrupt could leave it running, and it would make its change after everything has been undone.
    Raises OSError, subprocess.TimeoutExpired, and whatever ``start`` raises.
    """
    process = None
    try:
        with Blocked():
            process = start()
        output, complaint = process.communicate(timeout=seconds)
        return process.returncode, output, complaint
    except BaseException:
        if process is not None:
            with Blocked():
                end(process)
        raise


def started(command: Sequence[str], files: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start a program, which also gets open files. Raises OSError."""
    import subprocess

    # Without preexec_fn Python uses vfork. Copying a large process would take longer than `ip` itself.
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"LC_ALL": "C"},
        pass_fds=files,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and wait until it has ended."""
    process.kill()
    process.wait()
