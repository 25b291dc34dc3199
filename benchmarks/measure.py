"""Timing of whole processes, by turns, so that a ratio holds though the machine's speed drifts."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple


def _nothing() -> None:
    pass


class Contestant(NamedTuple):
    """A command to measure: its name among the others, its arguments, and the file it reads as standard input.

    `before` and `after` are called around each run and not measured. With `terminal`, standard error is one.
    """

    name: str
    command: Sequence[str]
    stdin: str = os.devnull
    before: Callable[[], None] = _nothing
    after: Callable[[], None] = _nothing
    terminal: bool = False


class Figures(NamedTuple):
    """Of one contestant: wall time of each run in seconds, and the peak of resident memory in MB over all runs."""

    seconds: list[float]
    peak_mb: float

    @property
    def median(self) -> float:
        """Median wall time in seconds."""
        return statistics.median(self.seconds)

    @property
    def ms(self) -> str:
        """The median in ms, for a table."""
        return f"{1000 * self.median:.0f}"


def measure(contestants: Iterable[Contestant], runs: int, environ: Mapping[str, str]) -> dict[str, Figures]:
    """Run the contestants by turns, once to warm up and then `runs` times; their figures by name.

    Raises RuntimeError for a command that fails, and whatever their `before` and `after` raise.
    """
    contestants = list(contestants)
    figures = {contestant.name: Figures([], 0.0) for contestant in contestants}
    for turn in range(runs + 1):
        for contestant in contestants:
            contestant.before()
            seconds, peak_mb = _run(contestant, environ)
            contestant.after()
            if turn:
                so_far = figures[contestant.name]
                so_far.seconds.append(seconds)
                figures[contestant.name] = so_far._replace(peak_mb=max(so_far.peak_mb, peak_mb))
    return figures


# The kernel counts into the peak of a process also the memory of the one that it was started by. So that one is small.
_LAUNCH = """
import os, sys, time
begin = time.perf_counter()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - begin
os.write(int(sys.argv[1]), f"{seconds} {usage.ru_maxrss}".encode())
sys.exit(status != 0)
"""


def _run(contestant: Contestant, environ: Mapping[str, str]) -> tuple[float, float]:
    with contextlib.ExitStack() as stack:
        stdin = stack.enter_context(open(contestant.stdin, "rb"))
        output, figures = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        stderr = subprocess.STDOUT
        if contestant.terminal:
            # What is written there stays in its buffer: a few lines, that nobody reads.
            end, stderr = os.openpty()
            stack.callback(os.close, end)
            stack.callback(os.close, stderr)
        status = subprocess.call(
            [sys.executable, "-I", "-S", "-c", _LAUNCH, str(figures.fileno()), *contestant.command],
            stdin=stdin, stdout=output, stderr=stderr, env=dict(environ), pass_fds=[figures.fileno()],
        )  # fmt: skip
        if status:
            output.seek(0)
            raise RuntimeError(f"{contestant.name} failed: {output.read(1000).decode(errors='replace')}")
        figures.seek(0)
        seconds, peak_kb = figures.read().split()
        return float(seconds), int(peak_kb) / 1024
