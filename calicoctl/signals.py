"""The signals that interrupt a command, and how to wait or to start something in spite of them."""

from __future__ import annotations

import signal
import time

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Set

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

SLICE = 0.1  # seconds: a signal that arrives just before a wait begins is noticed only when that ends


class Blocked:
    """``with Blocked(): ...`` delays signals until its end. A thread or process started inside inherits that."""

    def __enter__(self) -> None:
        self._before: Set[int] = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)

    def __exit__(self, *error: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


def wait(seconds: float) -> None:
    """Sleep in short slices."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, SLICE))
