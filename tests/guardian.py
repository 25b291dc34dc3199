"""Stops a server of the tests and removes its directory when the process that started it has ended, for any reason.

    python tests/guardian.py FOLDER COMMAND [ARG...]

runs COMMAND until standard input or the command ends. The output of both goes to standard error.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

TERM_SECONDS = 30.0


def main(folder: str, command: list[str]) -> int:
    """Guard a command; return its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # signals of a terminal or shell are for the tests, which close the pipe
    server = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr, start_new_session=True
    )
    select.select([os.pidfd_open(server.pid), sys.stdin], [], [])
    server.terminate()
    try:
        server.wait(TERM_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    _remove(folder)
    return server.returncode


def _remove(folder: str) -> None:
    # The content of a mount must not be deleted through its mount point.
    for line in reversed(Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()):
        if line.split()[1].startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", line.split()[1]], check=False)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
