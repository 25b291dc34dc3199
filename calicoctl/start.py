"""The first lines of the process: a signal ends it in good order even while the program is still being loaded.

What comes before them, the start of the Python interpreter, is out of reach.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time

from calicoctl.signals import INTERRUPTIONS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from sys import UnraisableHookArgs
    from types import FrameType

LATER_SECONDS = 0.001
SAME_WISH_SECONDS = 0.2

_latest = 0.0  # when a signal has interrupted the program, in seconds of the monotonic clock


def calicoctl() -> None:
    """Run as the process ``calicoctl`` and exit."""
    _run("calicoctl.cli")


def calicoq() -> None:
    """Run as the process ``calicoq`` and exit."""
    _run("calicoctl.calicoq.cli")


def _run(program: str) -> None:
    _on_signals(_leave)
    module = importlib.import_module(program)
    _on_signals(_interrupt)
    sys.unraisablehook = _interrupt_later
    module.console_main()


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in INTERRUPTIONS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # so they are for nohup, and for what shells run with &
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    """Nothing has begun that would have to be undone."""
    try:
        os.write(2, b"Aborted command.\n")
    finally:
        os._exit(128 + number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let the command undo what it has done in part; the argument is the exit status.

    A system that shuts down, a terminal that is closed and a key held down send several signals at once: they are one
    wish, and the second must not keep the first from being carried out.
    """
    global _latest
    now = time.monotonic()
    if _latest and now - _latest < SAME_WISH_SECONDS:
        return
    _latest = now
    raise KeyboardInterrupt(128 + number)


def _interrupt_later(lost: UnraisableHookArgs) -> None:
    """Interrupt once more: what is raised in a destructor, or in the callback of a weak reference, ends nothing."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    status: int = lost.exc_value.args[0]

    def interrupt(number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code is _interrupt_later.__code__:  # still here: it would be lost again
            signal.setitimer(signal.ITIMER_REAL, LATER_SECONDS)
        else:
            raise KeyboardInterrupt(status)

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, LATER_SECONDS)
