"""A line on the terminal for a long wait: that something is happening, and how much has come."""

from __future__ import annotations

import os
import time

from calicoctl.signals import Blocked

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from threading import Event, Thread
    from typing import TextIO

_PATIENCE = 2.0  # seconds without a sign, counted from the first request
_AT_LEAST = 0.2  # seconds that a request takes before it is worth a line, however long those before it took
_BETWEEN = 0.25  # seconds between two changes of the line
_COLUMNS = 80  # of a terminal that does not say how many it has


class Progress:
    """Shows a line while requests take long: ``with progress: ...`` around each, ``count`` for the bytes that come.

    The line is gone when the request ends, and never longer than a row of the terminal. ``terminal`` is None for no
    line at all.
    """

    def __init__(self, terminal: TextIO | None) -> None:
        self._terminal = terminal
        self._bytes = 0
        self._began: float | None = None
        self._shown = ""
        self._ended: Event | None = None
        self._thread: Thread | None = None

    def count(self, received: int) -> None:
        """Note that so many more bytes have come."""
        self._bytes += received

    def __enter__(self) -> None:
        if self._terminal is None:
            return
        import threading  # of urllib3, too

        now = time.monotonic()
        self._began = now if self._began is None else self._began
        self._ended = threading.Event()
        # Its own thread, because a line is due also while the request waits for a first byte.
        self._thread = threading.Thread(
            target=self._run, args=(self._began + _PATIENCE - now, self._bytes), daemon=True
        )
        with Blocked():  # signals are for the main thread: it may have to let them wait
            self._thread.start()

    def __exit__(self, *error: object) -> None:
        if self._ended is not None and self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._show("")

    def _run(self, delay: float, seen: int) -> None:
        assert self._ended is not None
        delay = max(delay, _AT_LEAST)
        while not self._ended.wait(delay):
            count = self._bytes
            self._show(_text(count, count > seen))
            seen = count
            delay = _BETWEEN

    def _show(self, text: str) -> None:
        if self._terminal is None:
            return
        space = _columns(self._terminal) - 1  # a row that is full would go on in the next one
        text = text[:space]
        if text == self._shown:
            return
        blanks = " " * (min(len(self._shown), space) - len(text))
        try:
            self._terminal.write(f"\r{text}{blanks}" if text else f"\r{blanks}\r")
            self._terminal.flush()
        except OSError:
            self._terminal = None  # it has gone away
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
