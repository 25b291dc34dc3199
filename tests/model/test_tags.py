"""The value of the ``tags`` key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.model.tags import MalformedTags, tags_from_json, tags_to_json


def refusal(text: str) -> str:
    with pytest.raises(MalformedTags) as caught:
        tags_from_json(text)
    return str(caught.value)


def test_order_and_duplicates_are_kept() -> None:
    assert tags_from_json(' ["WEB", "DB", "WEB", ""]\n') == ["WEB", "DB", "WEB", ""]
    assert tags_from_json("[]") == []


def test_stored_text() -> None:
    assert tags_to_json(["WEB", "é"]) == '["WEB", "\\u00e9"]'


@given(st.lists(st.text(st.characters(exclude_categories=()))))
def test_round_trip(tags: list[str]) -> None:
    stored = tags_to_json(tags)
    assert stored.isascii()
    read = tags_from_json(stored)
    assert tags_to_json(read) == stored
    assert [tag.encode("utf-16", "surrogatepass") for tag in read] == [
        tag.encode("utf-16", "surrogatepass") for tag in tags
    ]


@pytest.mark.parametrize("text", ["{}", "null", '"WEB"', "1", "[1]", '["WEB", null]', '[["WEB"]]', "[true]"])
def test_values_that_are_not_lists_of_texts(text: str) -> None:
    assert refusal(text) == "it is not a list of strings"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is not JSON at line 1, column 1"),
        ("", "Expecting value at line 1, column 1"),
        ('["WEB"', "Expecting ',' delimiter at line 1, column 7"),
        ('["WEB"]\n]', "Extra data at line 2, column 1"),
    ],
)
def test_invalid_json(text: str, reason: str) -> None:
    assert refusal(text) == f"it is not JSON ({reason})"


@pytest.mark.parametrize("text", ["[" * 200_000, "[" + "9" * 5000 + "]"])
def test_json_that_python_cannot_read(text: str) -> None:
    assert refusal(text).startswith("it is not JSON (")
