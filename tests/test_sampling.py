"""The quarters together cover every pair, and a run reports the remaining cases."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.sampling import EXAMPLES, QUARTERS, Sampling, examples, parse_quarters

ROWS, ANSWERS = range(61), range(45)


def pairs(sampling: Sampling) -> Counter[tuple[int, int]]:
    return Counter((row, answer) for answer in ANSWERS for row in sampling.quarter(ROWS, answer))


def test_quarters_cover_every_pair_once() -> None:
    met = [pairs(Sampling(False, frozenset({quarter}))) for quarter in range(QUARTERS)]
    assert sum(met, Counter()) == Counter((row, answer) for row in ROWS for answer in ANSWERS)
    assert pairs(Sampling(True, frozenset({0}))) == sum(met, Counter())
    for quarter in met:
        assert {row for row, _ in quarter} == set(ROWS)
        assert {answer for _, answer in quarter} == set(ANSWERS)
    assert met[1] + met[3] == pairs(Sampling(False, parse_quarters("1,3")))


def test_taken_and_left_cases_are_counted() -> None:
    sampling = Sampling(False, frozenset({2}))
    assert list(sampling.quarter("abcdefgh", 1)) == ["b", "f"]
    assert sampling.some("abc", "a") == "a"
    assert sampling.number(100, 5) == 5
    assert (sampling.taken, sampling.left) == (2 + 1 + 5, 6 + 2 + 95)


def test_random_examples_are_in_proportion_to_the_usual_number() -> None:
    assert [examples(100), examples(250), examples(1)] == [EXAMPLES, EXAMPLES * 5 // 2, 1]


@pytest.mark.parametrize("text", ["", "4", "-1", "0,x"])
def test_invalid_quarters(text: str) -> None:
    with pytest.raises(pytest.UsageError, match=f"--quarters={text}: name numbers from 0 to 3, such as 0,2."):
        parse_quarters(text)
