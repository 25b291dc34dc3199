"""Show a progress line on the terminal while etcd is slow: how much data has been received."""

from __future__ import annotations

import os
import time

from calicoctl.signals import Blocked

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from threading import Event, Thread
    from typing import TextIO

_FIRST_DELAY = 2.0  # seconds from the first request until a line is shown
_LEAST_DELAY = 0.2  # the shortest time, in seconds, from the start of a request until a line is shown
_INTERVAL = 0.25  # seconds between two updates of the line
_COLUMNS = 80  # if the terminal does not report its width


class Progress:
    """Shows a line while a request takes long.

    Put ``with progress: ...`` around each request and call ``count`` for the bytes received. The line never exceeds
    the width of the terminal, and is erased when the request ends. If ``terminal`` is None, no line is shown.
    """

    def __init__(self, terminal: TextIO | None) -> None:
        self._terminal = terminal
        self._line = _Line(terminal)
        self._bytes = 0
        self._began: float | None = None
        self._ended: Event | None = None
        self._thread: Thread | None = None

    def count(self, received: int) -> None:
        """Add to the number of bytes received."""
        self._bytes += received

    def __enter__(self) -> None:
        if self._terminal is None:
            return
        import threading  # here, because commands without a terminal do not need it

        now = time.monotonic()
        self._began = now if self._began is None else self._began
        self._ended = threading.Event()
        # In a thread, because the line must also appear while the request waits for the first byte.
        self._thread = threading.Thread(
            target=self._run, args=(self._began + _FIRST_DELAY - now, self._bytes), daemon=True
        )
        with Blocked():  # the thread must not receive signals: the main thread may have blocked them for a while
            self._thread.start()

    def __exit__(self, *error: object) -> None:
        if self._ended is not None and self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._line.show("")

    def _run(self, delay: float, seen: int) -> None:
        assert self._ended is not None
        delay = max(delay, _LEAST_DELAY)
        while not self._ended.wait(delay):
            count = self._bytes
            self._line.show(_text(count, count > seen))
            seen = count
            delay = _INTERVAL


class Steps:
    """Shows a line while a command works through many steps: what it does, and how far it is.

    Call ``show`` before each step, and ``erase`` before anything else is printed and at the end. If ``terminal`` is
    None, no line is shown.
    """

    def __init__(self, terminal: TextIO | None, what: str, began: float) -> None:
        """``what`` is the beginning of the line, such as ``Resources to apply``; ``began`` is when the command did."""
        self._line = _Line(terminal)
        self._what = what
        self._next = began + _FIRST_DELAY

    def show(self, done: int, total: int) -> None:
        """Note that so many steps of all are done."""
        now = time.monotonic()
        if now >= self._next:
            self._line.show(f"{self._what}: {done:,} of {total:,} ...")
            self._next = now + _INTERVAL

    def erase(self) -> None:
        """Erase the line."""
        self._line.show("")


class _Line:
    """A line of a terminal that is replaced and erased; nothing where ``terminal`` is None."""

    def __init__(self, terminal: TextIO | None) -> None:
        self._terminal = terminal
        self._shown = ""

    def show(self, text: str) -> None:
        """Replace the line by a text; an empty one erases it."""
        if self._terminal is None:
            return
        space = _columns(self._terminal) - 1  # a character in the last column could move the cursor to the next line
        text = text[:space]
        if text == self._shown:
            return
        blanks = " " * (min(len(self._shown), space) - len(text))
        try:
            self._terminal.write(f"\r{text}{blanks}" if text else f"\r{blanks}\r")
            self._terminal.flush()
        except OSError:
            self._terminal = None  # it is closed
        self._shown = text


def _columns(terminal: TextIO) -> int:
    try:
        return os.get_terminal_size(terminal.fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS


def _text(count: int, is_growing: bool) -> str:
    if not count:
        return "Waiting for etcd ..."
    amount = f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
    return f"Read from etcd: {amount} ..." if is_growing else f"Waiting for etcd, {amount} read ..."
