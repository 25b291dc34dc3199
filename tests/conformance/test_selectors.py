"""The selector tables of libcalico-go and Felix, row by row."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from calicoctl.model.selector import SelectorError, parse
from tests.conformance.differences import LATER_OPERATORS
from tests.conftest import CONFORMANCE_DIR

Row = dict[str, Any]


def read(file: str) -> Any:
    folder = os.environ.get(CONFORMANCE_DIR)
    if not folder:
        return None
    with open(os.path.join(folder, file), encoding="utf-8") as stream:
        return json.load(stream)


def each_row_of(file: str, table: str | None = None) -> Callable[[Callable[[Row], None]], Callable[[Row], None]]:
    """Decorate a test to run for each row of a file or of a table in it; skip it without the data."""
    data = read(file)
    if data is None:
        rows = [pytest.param(None, marks=pytest.mark.skip(reason=f"{CONFORMANCE_DIR} is not set"))]
    else:
        rows = [
            pytest.param(row, id=f"{number}: {row.get('selector', row.get('expression'))}")
            for number, row in enumerate(data if table is None else data[table])
        ]
    return pytest.mark.parametrize("row", rows)


def check_matches(text: str, row: Row) -> None:
    selector = parse(text)
    for labels in row.get("matches", []):
        assert selector.matches(labels), labels
    for labels in row.get("non_matches", []):
        assert not selector.matches(labels), labels


@each_row_of("selectors.json")
def test_selectors(row: Row) -> None:
    text = row["selector"]
    if text in LATER_OPERATORS:
        assert row["accept"]
        with pytest.raises(SelectorError, match=r" is later than the v1 data model$"):
            parse(text)
    elif row["accept"]:
        assert str(parse(text)) == row["canonical"]
        check_matches(text, row)
    else:
        with pytest.raises(SelectorError):
            parse(text)


@each_row_of("selectors.json")
def test_strict_parser_agrees_with_felix(row: Row) -> None:
    if row["felix_1_4_9_check"] == "ok":
        assert str(parse(row["selector"], strict=True)) == row["canonical"]
    else:
        with pytest.raises(SelectorError):
            parse(row["selector"], strict=True)


@each_row_of("selector-parser.json", "match")
def test_parser_matches(row: Row) -> None:
    assert str(parse(row["expression"])) == row["canonical_from_running"]
    check_matches(row["expression"], row)


@each_row_of("selector-parser.json", "bad")
def test_parser_errors(row: Row) -> None:
    assert row["expected"] == "parse error"
    with pytest.raises(SelectorError):
        parse(row["expression"])


@each_row_of("selector-parser.json", "canonical")
def test_parser_canonical_text(row: Row) -> None:
    selector = parse(row["expression"])
    assert str(selector) == row["canonical"]
    # Some ids are missing in the table.
    assert row["unique_id"] in (None, selector.unique_id())


@each_row_of("selector-felix-1.4.json")
def test_felix(row: Row) -> None:
    if row["check"] == "check_bad_selector":
        with pytest.raises(SelectorError):
            parse(row["expression"], strict=True)
    else:
        assert parse(row["expression"], strict=True).matches(row["labels"]) == (row["check"] == "check_match")


def test_every_difference_is_in_table() -> None:
    data = read("selectors.json")
    if data is None:
        pytest.skip(f"{CONFORMANCE_DIR} is not set")
    assert {row["selector"] for row in data} >= set(LATER_OPERATORS)
