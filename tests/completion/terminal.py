"""An interactive shell on its own pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

SECONDS = 30.0


class Terminal:
    """A process on a pseudo-terminal; a context manager, running inside `with`."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], columns: int = 200) -> None:
        self._ours, its = os.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        self._process = subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, env=dict(environ), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(its)
        self._read = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self._ours, text.encode())

    def until(self, expected: str) -> str:
        """Wait until a text appears; return all output up to its end since the last call."""
        wanted = expected.encode()
        end = time.monotonic() + SECONDS
        while wanted not in self._read:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{expected!r} does not come; shown so far: {self._read!r}"
            self._read += os.read(self._ours, 65536)
        shown, _, self._read = self._read.partition(wanted)
        return (shown + wanted).decode(errors="replace")
