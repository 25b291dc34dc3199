"""A copy of this machine's file system to change; the changes vanish with the copy."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.conftest import Result
from tests.release.process import run

# Changes go to memory, in a mount namespace of its own: no other process sees them.
START = """\
set -e
mount -t tmpfs none "$1"
cd "$1"
mkdir changes work root
mount -t overlay overlay -o lowerdir=/,upperdir=changes,workdir=work root
mount --rbind /dev root/dev
mount --bind /proc root/proc
echo ready
read end
"""


class NoMachine(Exception):
    """This machine does not let us make a copy; the text says why."""


class Machine:
    """A context manager, running inside `with`; `folder` must be empty. Raises NoMachine."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "root"
        try:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", START, "sh", str(folder)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
        except OSError as error:
            raise NoMachine(str(error)) from None

    def __enter__(self) -> Machine:
        assert self._process.stdout and self._process.stderr
        if self._process.stdout.readline() != "ready\n":
            raise NoMachine(self._process.stderr.read().strip())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()  # the end of its input ends it

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs a command on the copy."""
        namespace = f"--mount=/proc/{self._process.pid}/ns/mnt"
        return ["nsenter", namespace, "chroot", str(self._root), *words]

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> Result:
        """Run a command on the copy as root, with nothing of this process's environment."""
        system = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
        return run(self.command(*words), {**system, **(environ or {})})

    def copy(self, path: Path, name: str) -> str:
        """Copy a file from here to the root of the copy; return its path there."""
        subprocess.run(self.command("tee", f"/{name}"), stdin=path.open("rb"), stdout=subprocess.DEVNULL, check=True)
        return f"/{name}"
