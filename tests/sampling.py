"""The selection of cases in a run, the number left to `make torture`, and the summary at the end."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import settings

QUARTERS = 4
EXAMPLES, EXAMPLES_OF_TORTURE = 40, 1000  # of a property that names no number; hypothesis itself takes 100
T = TypeVar("T")


class Sampling:
    """Chooses the cases of one test: all with --torture, otherwise a fixed part, the same in every run.

    `taken` and `left` count the chosen and the other cases.
    """

    def __init__(self, complete: bool, quarters: frozenset[int]) -> None:
        self.complete = complete
        self.taken = self.left = 0
        self.first_quarter = min(quarters)
        self._quarters = quarters

    def quarter(self, cases: Iterable[T], number: int) -> Iterator[T]:
        """Choose a quarter of the cases, a different one for each of four consecutive numbers: a Latin square.

        Runs with other --quarters choose the rest, so that all runs together combine every case with every number.
        """
        for place, case in enumerate(cases):
            if self._counts(self.complete or (place + number) % QUARTERS in self._quarters):
                yield case

    def some(self, cases: Sequence[T], few: Sequence[T]) -> Sequence[T]:
        """Return all cases with --torture, otherwise the few."""
        self.number(len(cases), len(few))
        return cases if self.complete else few

    def number(self, most: int, few: int) -> int:
        """Return the number of cases: the most with --torture, otherwise the few."""
        chosen = most if self.complete else few
        self.taken += chosen
        self.left += most - chosen
        return chosen

    def _counts(self, chosen: bool) -> bool:
        self.taken += chosen
        self.left += not chosen
        return chosen


def examples(number: int) -> int:
    """Return how many examples a property takes in this run that needs another number than the usual 100."""
    return max(1, number * settings().max_examples // 100)


def parse_quarters(text: str) -> frozenset[int]:
    """Parse a list such as `0,2`. Raises pytest.UsageError."""
    try:
        quarters = frozenset(map(int, text.split(",")))
    except ValueError:
        quarters = frozenset({-1})
    if not quarters <= set(range(QUARTERS)):
        raise pytest.UsageError(f"--quarters={text}: name numbers from 0 to {QUARTERS - 1}, such as 0,2.")
    return quarters


def processor_seconds() -> float:
    """The processor time so far of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def seconds_of_rooms(reports: Iterable[pytest.TestReport]) -> list[str]:
    """The seconds of the tests in each room over all processes: of a processor, and from the beginning to the end."""
    processor: defaultdict[str, float] = defaultdict(float)
    whole: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        parts = report.nodeid.partition("::")[0].split("/")
        room = f"{'/'.join(parts[:2])}{'/' * (len(parts) > 2)}"
        whole[room] += report.duration
        if report.when == "teardown":
            noted: dict[str, Any] = dict(report.user_properties)
            processor[room] += noted.get("processor", 0.0)
    rooms = sorted(whole, key=lambda room: -processor[room])
    rows = [f"{processor[room]:9.1f}  {whole[room]:7.1f}  {room}" for room in rooms]
    return ["processor    whole  seconds of each room", *rows]


def summary(reports: Iterable[pytest.TestReport], long_tests: int, seed: int, complete: bool) -> list[str]:
    """The lines at the end of a run: a table with --torture, otherwise the number of cases left out, if any."""
    cases: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    left = 0
    for report in reports:
        test = report.nodeid.partition("[")[0]
        failures[test] += report.failed
        if report.when == "teardown":  # the last phase of a test, which has all its records
            noted: dict[str, Any] = dict(report.user_properties)
            cases[test] += noted.get("cases", 1)
            left += noted.get("left", 0)
    if complete:
        width = max(map(len, cases), default=0)
        table = [f"{test:{width}}  {cases[test]:>7,}  {failures[test]:>8,}" for test in sorted(cases)]
        total = f"{'all':{width}}  {cases.total():>7,}  {failures.total():>8,}"
        return [f"{'test':{width}}    cases  failures", *table, total, f"Repeat this run: make torture SEED={seed}"]
    if left:
        sampled = cases.total() + left
        return [
            f"Left to `make torture`: {long_tests} long tests, {left:,} of {sampled:,} cases of the others, and more "
            f"random examples ({EXAMPLES_OF_TORTURE // EXAMPLES} for each of these)."
        ]
    return []
