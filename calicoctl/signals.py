"""The signals that interrupt a command: how to delay them, and how to sleep without missing one."""

from __future__ import annotations

import signal
import time

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Set

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

SLICE = 0.1  # seconds: a signal that arrives just before a wait is noticed only at its end, so each wait is this short


class Blocked:
    """``with Blocked(): ...`` delays signals to the end of the block. Threads and processes started in it inherit this.
    """

    def __enter__(self) -> None:
        self._before: Set[int] = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)

    def __exit__(self, *error: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


def wait(seconds: float) -> None:
    """Sleep in short slices, so that every signal is noticed soon."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, SLICE))
