"""Paragraphs, tables and escaped text, compared with prettytable and textwrap."""

from __future__ import annotations

import sys
import textwrap
import unicodedata
from typing import Any

import prettytable
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.output import complaint, paragraph, shortened, table, visible
from tests.sampling import examples

ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
ASCII_LINES = st.lists(ASCII, max_size=3)
ASCII_CELLS = st.one_of(st.none(), st.integers(), ASCII, ASCII_LINES)
ANY_CELLS = st.one_of(
    ASCII_CELLS,
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.text("aé日本\U0001f600\u0301\u200b\t\x1b\x7f\x9b\r\n\\", max_size=8),
    st.lists(st.text("aé\t\n", max_size=4), max_size=3),
)


def drawn_by_prettytable(headings: list[str], rows: list[list[Any]], to_the_left: bool) -> str:
    drawn = prettytable.PrettyTable(headings)
    if to_the_left:
        drawn.align = "l"
    drawn.add_rows([["\n".join(cell) if isinstance(cell, list) else cell for cell in row] for row in rows])
    return str(drawn)


@st.composite
def tables(draw: st.DrawFn, cells: st.SearchStrategy[Any]) -> tuple[list[str], list[list[Any]]]:
    headings = draw(st.lists(ASCII.filter(str.strip), min_size=1, max_size=4, unique=True))
    return headings, draw(st.lists(st.lists(cells, min_size=len(headings), max_size=len(headings)), max_size=5))


def escaped(text: str) -> str:
    """Apply the rule of ``visible`` independently: it escapes the Unicode categories Other and Separator, except
    space.
    """
    return "".join(
        character
        if character == " " or unicodedata.category(character)[0] not in "CZ"
        else f"\\x{ord(character):02x}"
        if ord(character) < 0x100
        else f"\\u{ord(character):04x}"
        if ord(character) < 0x10000
        else f"\\U{ord(character):08x}"
        for character in text
    )


@settings(max_examples=examples(300))
@given(tables(ASCII_CELLS), st.booleans())
def test_table_equals_prettytable(drawn: tuple[list[str], list[list[Any]]], to_the_left: bool) -> None:
    headings, rows = drawn
    assert table(headings, rows, to_the_left) == drawn_by_prettytable(headings, rows, to_the_left)


@settings(max_examples=examples(200))
@given(tables(ANY_CELLS), st.booleans())
def test_table_of_any_text_equals_prettytable_with_escapes(
    drawn: tuple[list[str], list[list[Any]]], to_the_left: bool
) -> None:
    headings, rows = drawn
    safe = [
        [list(map(escaped, cell)) if isinstance(cell, list) else escaped(str(cell)) for cell in row] for row in rows
    ]
    assert table(headings, rows, to_the_left) == drawn_by_prettytable(headings, safe, to_the_left)


def test_rows_keep_their_order_and_cells_are_centred() -> None:
    rows: list[list[object]] = [["b", 10], ["", None], [["a", "ccc"], "9"]]
    assert table(["Name", "N"], rows) == (
        "+------+------+\n"
        "| Name |  N   |\n"
        "+------+------+\n"
        "|  b   |  10  |\n"
        "|      | None |\n"
        "|  a   |  9   |\n"
        "| ccc  |      |\n"
        "+------+------+"
    )


def test_table_without_rows() -> None:
    assert table(["Name"], []) == "+------+\n| Name |\n+------+\n+------+"


def test_table_with_wide_and_control_characters() -> None:
    assert table(["Name"], [["日本"], ["\x1b[2J"], ["e\u0301"]]) == (
        "+---------+\n|   Name  |\n+---------+\n|   日本  |\n| \\x1b[2J |\n|    e\u0301    |\n+---------+"
    )


def test_rows_from_iterator() -> None:
    assert table(["Name"], (row for row in [["a"]])) == "+------+\n| Name |\n+------+\n|  a   |\n+------+"


def test_ascii_tables_do_not_import_prettytable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prettytable", None)
    table(["Name"], [["a\x1b\tb"], [None], [["two", "lines"]], ["no\nlines"]])
    with pytest.raises(ImportError):
        table(["Name"], [["é"]])


def test_visible_escapes_exactly_unprintable_characters() -> None:
    changed = [character for character in map(chr, range(sys.maxunicode + 1)) if visible(character) != character]
    assert [
        character for character in changed if character == " " or unicodedata.category(character)[0] not in "CZ"
    ] == []
    assert {unicodedata.category(character) for character in changed} >= {
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
        "Zl",
        "Zp",
        "Zs",
    }
    kept = set(map(chr, range(sys.maxunicode + 1))) - set(changed)
    assert {unicodedata.category(character) for character in kept} & {"Cc", "Cf", "Cs"} == set()


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_visible(text: str) -> None:
    shown = visible(text)
    assert shown == escaped(text)
    assert shown.isprintable()
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("a b \\x1b é 日本", "a b \\x1b é 日本"),
        ("\x00\x1b[2J\x7f\x9b", "\\x00\\x1b[2J\\x7f\\x9b"),
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\u202eabc\u2028", "\\u202eabc\\u2028"),
        ("\udc80", "\\udc80"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_visible_texts(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.one_of(ASCII_LINES.map("\n".join), st.text("ab -\n\té日", max_size=300)))
def test_paragraph_is_wrapped_at_80_characters(text: str) -> None:
    assert paragraph(text) == textwrap.fill(text, width=80) + "\n"


def test_long_paragraph() -> None:
    lines = [
        "Profile names must be < 129 character long and can only contain numbers,",
        "letters, dots, dashes and underscores.",
    ]
    assert paragraph(" ".join(lines)) == f"{lines[0]}\n{lines[1]}\n"


def test_error_has_paragraph_and_remedy() -> None:
    assert complaint("It is wrong.") == "It is wrong.\n"
    assert complaint("It is wrong.", "Value provided is 'x'") == "It is wrong.\nValue provided is 'x'\n"


def test_long_lines_of_messages_are_shortened_in_the_middle() -> None:
    assert shortened("x" * 1000) == "x" * 1000
    assert shortened(f"Profile {'x' * 1000} not found.") == f"Profile {'x' * 492}...{'x' * 489} not found."
    assert len(complaint(f"Pool {'x' * 10**6} is no pool.").replace("\n", "")) == 1003
