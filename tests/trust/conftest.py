"""Fixtures of the tests of reliability."""

from __future__ import annotations

import random

import pytest

from tests.command_lines import ALL, Row


@pytest.fixture(autouse=True)
def everywhere(on_host: None) -> None:
    """Every test here may run any row of the table."""


@pytest.fixture
def most(torture: bool, dice: random.Random) -> list[Row]:
    """Every row where there is time; else one alone of `container`, which take the longest."""
    of_container = [row for row in ALL if row.of_container]
    if torture or not of_container:
        return ALL
    chosen = dice.choice(of_container)
    return [row for row in ALL if row is chosen or not row.of_container]
