"""Short waits and deferred signals."""

from __future__ import annotations

import io
import signal
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl import signals
from calicoctl.progress import Progress


@given(st.floats(min_value=0, max_value=300))
def test_wait_consists_of_short_sleeps(seconds: float) -> None:
    now, slept = 1000.0, []

    def sleep(each: float) -> None:
        nonlocal now
        now += each
        slept.append(each)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", sleep)
        patch.setattr(time, "monotonic", lambda: now)
        signals.wait(seconds)
    assert max(slept, default=0) <= 0.1
    assert sum(slept) == pytest.approx(seconds, abs=1e-9)


def test_signal_is_deferred_until_end_of_block() -> None:
    seen: list[str] = []
    before = signal.signal(signal.SIGHUP, lambda number, frame: seen.append("signal"))
    try:
        with signals.Blocked():
            with signals.Blocked():
                signal.pthread_kill(threading.get_ident(), signal.SIGHUP)
            seen.append("inside")
        seen.append("after")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert seen == ["inside", "signal", "after"]


def test_progress_thread_receives_no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    masks: list[object] = []
    run = Progress._run

    def watched(self: Progress, delay: float, seen: int) -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        run(self, delay, seen)

    monkeypatch.setattr(Progress, "_run", watched)
    with Progress(io.StringIO()):
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    assert masks == [set(signals.INTERRUPTIONS)]
