"""Timing of whole processes, by turns, so that a ratio holds though the machine's speed drifts."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Contestant(NamedTuple):
    """A command to measure: its name in the table, its arguments, and the file it reads as standard input."""

    name: str
    command: Sequence[str]
    stdin: str = os.devnull


class Figures(NamedTuple):
    """Of one contestant: wall time of each run in seconds, and the peak of resident memory in MB over all runs."""

    seconds: list[float]
    peak_mb: float

    @property
    def median(self) -> float:
        """Median wall time in seconds."""
        return statistics.median(self.seconds)


def measure(
    contestants: Sequence[Contestant],
    runs: int,
    environ: Mapping[str, str],
    before_each: Callable[[], None] = lambda: None,
) -> dict[str, Figures]:
    """Run the contestants by turns, once to warm up and then `runs` times; their figures by name.

    `before_each` is called before each run and not measured. Raises RuntimeError for a command that fails.
    """
    figures = {contestant.name: Figures([], 0.0) for contestant in contestants}
    for turn in range(runs + 1):
        for contestant in contestants:
            before_each()
            seconds, peak_mb = _run(contestant, environ)
            if turn:
                so_far = figures[contestant.name]
                so_far.seconds.append(seconds)
                figures[contestant.name] = so_far._replace(peak_mb=max(so_far.peak_mb, peak_mb))
    return figures


def _run(contestant: Contestant, environ: Mapping[str, str]) -> tuple[float, float]:
    with open(contestant.stdin, "rb") as stdin, tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            contestant.command, stdin=stdin, stdout=output, stderr=subprocess.STDOUT, env=dict(environ)
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{contestant.name} failed: {output.read(1000).decode(errors='replace')}")
    return seconds, usage.ru_maxrss / 1024


def table(reference: str, figures: Mapping[str, Figures], bounds: Mapping[str, float]) -> str:
    """Draw the figures as a Markdown table: times in ms, the ratio to `reference` and, where given, its bound."""
    lines = ["| command | median ms | min ms | max ms | peak MB | ratio | at most |", "|---|---|---|---|---|---|---|"]
    for name, figure in figures.items():
        ratio = figure.median / figures[reference].median
        times = " | ".join(f"{1000 * value:.0f}" for value in (figure.median, min(figure.seconds), max(figure.seconds)))
        bound = f"{bounds[name]:g}" if name in bounds else ""
        lines.append(f"| {name} | {times} | {figure.peak_mb:.0f} | {ratio:.2f} | {bound} |")
    return "\n".join(lines)
