"""The common parts of all measurements: the commands to compare, the etcd and the report."""

from __future__ import annotations

import functools
import json
import operator
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import dataset
from benchmarks.measure import Contestant, Figures, measure
from benchmarks.report import Report

HERE = Path(__file__).parent
NAIVE = str(HERE / "naive.py")
PASS = Contestant("python -c pass", [sys.executable, "-c", "pass"])


class Change(NamedTuple):
    """The effect of a command line: the key that it changes, its value before each run, and its JSON value after."""

    key: str
    before: str
    after: Any


class Line(NamedTuple):
    """A command line for calicoctl and the naive script.

    ``title`` is its name in the table, ``words`` are its arguments, and ``bound`` is the highest ratio of the times.
    """

    title: str
    words: Sequence[str]
    bound: float | None = None
    stdin: str = os.devnull
    change: Change | None = None


class Bench:
    """The etcd, the number of runs, the report, and the help texts that the naive script parses."""

    def __init__(self, runs: int, folder: Path) -> None:
        self.runs = runs
        self.long_runs = max(1, runs // 4)
        self.folder = folder
        self.report = Report()
        self.other_figures: dict[str, Figures] = {}
        self.etcd = os.environ["ETCD_AUTHORITY"]
        self.environ = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONDONTWRITEBYTECODE": ""}
        for command in ("profile", "endpoint"):
            with open(folder / f"{command}.txt", "wb") as output:
                help_text = self.ours(command, "--help").command
                subprocess.run(help_text, stdout=output, env=self.environ, check=True)

    def ours(self, *arguments: str, stdin: str = os.devnull) -> Contestant:
        """Return calicoctl, started with the code of its console script."""
        start = "import sys; from calicoctl.start import calicoctl; sys.exit(calicoctl())"
        return Contestant(shlex.join(["calicoctl", *arguments]), [sys.executable, "-c", start, *arguments], stdin)

    def calicoq(self, *arguments: str) -> Contestant:
        """Return calicoq, started with the code of its console script."""
        start = "import sys; from calicoctl.start import calicoq; sys.exit(calicoq())"
        return Contestant(shlex.join(["calicoq", *arguments]), [sys.executable, "-c", start, *arguments])

    def naive(self, *arguments: str, stdin: str = os.devnull) -> Contestant:
        """Return the naive script with the same command line."""
        help_text = str(self.folder / f"{arguments[0]}.txt")
        return Contestant(shlex.join(["naive", *arguments]), [sys.executable, NAIVE, help_text, *arguments], stdin)

    def changing(self, contestant: Contestant, key: str, before: str, done: Callable[[Any], bool]) -> Contestant:
        """Return the contestant with a reset and a check around each run.

        Before each run, the value of the key is set to `before`. After it, `done` must return true for the JSON value.
        """

        def restore() -> None:
            dataset.put_all(self.etcd, [(key, before)])

        def check() -> None:
            after = dataset.get(self.etcd, key)
            if not done(json.loads(after)):
                raise RuntimeError(f"{contestant.name} has stored a wrong value as {key}: {after[:1000]}")

        return contestant._replace(before=restore, after=check)

    def measure(self, contestants: Iterable[Contestant], runs: int = 0) -> dict[str, Figures]:
        """Return the figures by the contestants' names."""
        return measure(contestants, runs or self.runs, self.environ)

    def race(
        self, lines: Sequence[Line], runs: int = 0, others: Sequence[Contestant] = ()
    ) -> list[tuple[Figures, Figures]]:
        """Run everything in turn; return the figures of the naive script and of calicoctl for each command line.

        The commands in `others` run in turn with them; their figures are then in `other_figures`.
        """
        pairs = []
        for line in lines:
            naive, ours = self.naive(*line.words, stdin=line.stdin), self.ours(*line.words, stdin=line.stdin)
            if line.change:
                key, before, after = line.change
                done = functools.partial(operator.eq, after)
                naive, ours = (self.changing(contestant, key, before, done) for contestant in (naive, ours))
            pairs.append((naive, ours))
        figures = self.measure([*others, *(contestant for pair in pairs for contestant in pair)], runs)
        self.other_figures = {other.name: figures[other.name] for other in others}
        return [(figures[naive.name], figures[ours.name]) for naive, ours in pairs]

    def compare(self, reference: str, figures: Mapping[str, Figures], bounds: Mapping[str, float]) -> None:
        """Print a table of times, memory, and ratios to the time of the command `reference`."""
        self.report.columns("command", "median ms", "MB", f"ratio to `{reference}`", "at most")
        for name, figure in figures.items():
            ratio = self.report.bounded(name, figure.median / figures[reference].median, bounds.get(name))
            self.report.row(name, figure.ms, f"{figure.peak_mb:.0f}", *ratio)
