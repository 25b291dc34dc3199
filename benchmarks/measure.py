"""Timing of whole processes, by turns, so that a ratio holds though the machine's speed drifts."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
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
    """Of one contestant: wall time of each run in seconds, and the peak of resident memory in MB over all runs.

    The kernel counts into that peak the memory of the process that started it: it is never below that of the benchmark.
    """

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


def _run(contestant: Contestant, environ: Mapping[str, str]) -> tuple[float, float]:
    with open(contestant.stdin, "rb") as stdin, tempfile.TemporaryFile() as output:
        # What is written to the terminal stays in its buffer: a few lines, that nobody reads.
        ours, theirs = os.openpty() if contestant.terminal else (None, None)
        stderr = subprocess.STDOUT if theirs is None else theirs
        begin = time.perf_counter()
        process = subprocess.Popen(contestant.command, stdin=stdin, stdout=output, stderr=stderr, env=dict(environ))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        for end in (ours, theirs):
            if end is not None:
                os.close(end)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{contestant.name} failed: {output.read(1000).decode(errors='replace')}")
    return seconds, usage.ru_maxrss / 1024
