"""What the answers look like: paragraphs, tables and text that is safe for a terminal."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_WIDTH = 80
_LONGEST_LINE = 1000  # characters of a message; no name that etcd's data model allows comes near it


def paragraph(text: str) -> str:
    """Fill a message to lines of at most 80 characters, followed by one empty line, as legacy calicoctl does.

    The result lacks the last newline, which printing adds.
    """
    import textwrap

    return textwrap.fill(text, width=_WIDTH) + "\n"


def complaint(sentence: str, remedy: str = "") -> str:
    """Compose a complaint: legacy's sentence as a paragraph, with a line on the value and the remedy below it."""
    filled = paragraph(shortened(sentence))
    return f"{filled}{remedy}\n" if remedy else filled


def shortened(line: str) -> str:
    """Cut a line of a message in its middle if it is too long to be read: what is wrong and what to do remain."""
    half = _LONGEST_LINE // 2
    return line if len(line) <= _LONGEST_LINE else f"{line[:half]}...{line[-half:]}"


def visible(text: str) -> str:
    """Replace control characters by ``\\xNN`` or ``\\uNNNN``: others may have stored what a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], to_the_left: bool = False) -> str:
    """Draw a table as prettytable does by default: ``+-|`` borders, one blank of padding, centred cells.

    With ``to_the_left`` they are aligned so instead.
    A cell is the text of its object (None gives ``None``); a list has a line for each of its texts. Rows keep their
    order. Control characters, line ends in a text among them, are made ``visible``.
    The result lacks the last newline. Text of printable ASCII is drawn here; for all other text prettytable
    itself knows the width of the characters.
    """
    cells = [_cells(row) for row in rows]
    if all("".join(row).isascii() for row in cells):
        return _ascii_table(headings, cells, str.ljust if to_the_left else str.center)
    import prettytable

    drawn = prettytable.PrettyTable(list(headings))
    drawn.align = "l" if to_the_left else "c"
    drawn.add_rows(cells)
    return str(drawn)


def _cells(row: Sequence[object]) -> list[str]:
    cells = [value if type(value) is str else _cell(value) for value in row]
    if "".join(cells).isprintable():  # as nearly all rows are, of one line
        return cells
    return [_visible_cell(value) for value in row]


def _cell(value: object) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value)


def _visible_cell(value: object) -> str:
    return "\n".join(map(visible, value)) if isinstance(value, list) else visible(str(value))


def _ascii_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], align: Callable[[str, int], str]
) -> str:
    lines: list[Sequence[str]] = [headings]
    for row in rows:
        lines += _lines_of_a_tall_row(row) if "\n" in "".join(row) else [row]
    # Column by column, so that the work for each cell is one call of str.center or str.ljust
    columns = []
    border = "+"
    for column in zip(*lines, strict=True):
        width = max(map(len, column))
        border += "-" * (width + 2) + "+"
        columns.append([align(text, width) for text in column])
    heading, *body = ["| " + " | ".join(line) + " |" for line in zip(*columns, strict=True)]
    return "\n".join([border, heading, border, *body, border])


def _lines_of_a_tall_row(row: Sequence[str]) -> list[list[str]]:
    columns = [text.split("\n") for text in row]
    height = max(map(len, columns))
    padded = [column + [""] * (height - len(column)) for column in columns]
    return [list(line) for line in zip(*padded, strict=True)]
