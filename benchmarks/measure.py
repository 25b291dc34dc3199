"""Measure the run time of whole processes. They run in turn, so that ratios stay right if the machine slows down."""

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
    """A command to measure: its unique name, its arguments, and the file for its standard input.

    `before` and `after` are called around each run; their time is not measured. With `terminal`, standard error is a
    terminal.
    """

    name: str
    command: Sequence[str]
    stdin: str = os.devnull
    before: Callable[[], None] = _nothing
    after: Callable[[], None] = _nothing
    terminal: bool = False


class Figures(NamedTuple):
    """The figures of one contestant: the wall time of each run in seconds, and its peak resident memory in MB."""

    seconds: list[float]
    peak_mb: float

    @property
    def median(self) -> float:
        """The median wall time in seconds."""
        return statistics.median(self.seconds)

    @property
    def ms(self) -> str:
        """The median in ms, as text for a table."""
        return f"{1000 * self.median:.0f}"


def measure(contestants: Iterable[Contestant], runs: int, environ: Mapping[str, str]) -> dict[str, Figures]:
    """Run the contestants in turn, once to warm up and then `runs` times. Returns their figures by name.

    Raises RuntimeError if a command fails. Exceptions of `before` and `after` pass through.
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


# The kernel's figure for the peak memory of a process includes the memory of its parent at the start. So the parent is
# this small script.
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
            # Nobody reads from the terminal. The few lines that are written fit into its buffer.
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
