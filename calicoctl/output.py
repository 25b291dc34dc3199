"""Format output: paragraphs, tables, and text that is safe to print on a terminal."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_WIDTH = 80
_LONGEST_LINE = 1000  # characters in one line of a message; valid names are far shorter


def paragraph(text: str) -> str:
    """Wrap a message at 80 characters and add an empty line, as legacy calicoctl does.

    The result has no final newline; printing adds it.
    """
    import textwrap

    return textwrap.fill(text, width=_WIDTH) + "\n"


def complaint(sentence: str, remedy: str = "") -> str:
    """Return a complaint: legacy's sentence as a paragraph, and below it a line with the value and the remedy."""
    filled = paragraph(shortened(sentence))
    return f"{filled}{remedy}\n" if remedy else filled


def shortened(line: str) -> str:
    """Cut the middle out of a line that is too long to read. The beginning and end, with problem and remedy, remain."""
    half = _LONGEST_LINE // 2
    return line if len(line) <= _LONGEST_LINE else f"{line[:half]}...{line[-half:]}"


def visible(text: str) -> str:
    """Replace control characters by ``\\xNN`` or ``\\uNNNN``: stored text may contain terminal escape sequences."""
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

    With ``to_the_left`` the cells are aligned to the left.
    A cell shows its object as text, None as ``None``, and a list of texts on one line each. Rows keep their order.
    Control characters, including line ends inside a text, are made ``visible``. The result has no final newline.
    Tables of printable ASCII are drawn here, which is faster. All others are left to prettytable, which knows how wide
    each character is.
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
    if "".join(cells).isprintable():  # true of nearly all rows; a line end is not printable
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
    # Column by column, so that each cell takes only one call of str.center or str.ljust.
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
