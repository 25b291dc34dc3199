"""Entry points of both programs. They handle signals before they import the program itself.

So a signal during the imports also ends the process with a message. Signals that arrive earlier, while the Python
interpreter itself starts, cannot be handled.
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

RETRY_SECONDS = 0.001
SAME_REQUEST_SECONDS = 0.2  # signals within this time of each other count as one

_latest = 0.0  # time of the last signal that interrupted the program, in seconds of the monotonic clock


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
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and shells let background jobs ignore signals
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    """End the process at once: nothing has been started that would have to be undone."""
    try:
        os.write(2, b"Aborted command.\n")
    finally:
        os._exit(128 + number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, so that the command undoes its partial changes. Its argument is the exit status.

    A system shutdown, a closed terminal or a key held down can send several signals at once. They are treated as one
    request, because a second interrupt would stop the command from undoing its changes.
    """
    global _latest
    now = time.monotonic()
    if _latest and now - _latest < SAME_REQUEST_SECONDS:
        return
    _latest = now
    raise KeyboardInterrupt(128 + number)


def _interrupt_later(lost: UnraisableHookArgs) -> None:
    """Repeat an interrupt that was lost: Python drops exceptions in destructors and callbacks of weak references."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    status: int = lost.exc_value.args[0]

    def interrupt(number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code is _interrupt_later.__code__:  # inside the hook it would be lost again
            signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)
        else:
            raise KeyboardInterrupt(status)

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)
