"""Fixtures of the reliability tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.command_lines import ALL, Row
from tests.sampling import Sampling


@pytest.fixture(autouse=True)
def everywhere(on_host: None) -> None:
    """Every test here may run every row of the table."""


@pytest.fixture
def most(sampling: Sampling) -> Callable[[int], Iterator[Row]]:
    """The rows for the case with this number: a quarter of them, but only one of `container`, as these are slow."""

    def rows(number: int) -> Iterator[Row]:
        of_container = [row for row in ALL if row.of_container]
        yield from sampling.quarter([row for row in ALL if not row.of_container], number)
        start = (number + sampling.first_quarter) % max(len(of_container), 1)
        yield from sampling.some(of_container, of_container[start : start + 1])

    return rows
