"""A line on the terminal for a long wait: that something is happening, and how much has come."""

from __future__ import annotations

import time

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from threading import Event, Thread
    from typing import TextIO

_PATIENCE = 2.0  # seconds without a sign, counted from the first request
_AT_LEAST = 0.2  # seconds that a request takes before it is worth a line, however long those before it took
_BETWEEN = 0.25  # seconds between two changes of the line


class Progress:
    """Shows a line while requests take long: ``with progress: ...`` around each, ``count`` for the bytes that come.

    The line is gone when the request ends. ``terminal`` is None for no line at all.
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
        self._thread = threading.Thread(target=self._run, args=(self._began + _PATIENCE - now,), daemon=True)
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        if self._ended is not None and self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._show("")

    def _run(self, delay: float) -> None:
        assert self._ended is not None
        delay = max(delay, _AT_LEAST)
        while not self._ended.wait(delay):
            self._show(_read(self._bytes) if self._bytes else "Waiting for etcd ...")
            delay = _BETWEEN

    def _show(self, text: str) -> None:
        if self._terminal is None or text == self._shown:
            return
        blanks = " " * (len(self._shown) - len(text))
        try:
            self._terminal.write(f"\r{text}{blanks}" if text else f"\r{blanks}\r")
            self._terminal.flush()
        except OSError:
            self._terminal = None  # it has gone away
        self._shown = text


def _read(count: int) -> str:
    amount = f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
    return f"Read from etcd: {amount} ..."
