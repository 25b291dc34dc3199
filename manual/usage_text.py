"""Read a usage text: its sections by their headings, and the paragraphs, lists and examples in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from calicoctl import grammar
from manual.blocks import Block, Items, Literal, Paragraph, Term, Terms

WIDTH = 78
_HEADING = re.compile(r"^([A-Z][a-z]+(?:,? [a-z]+)*):$", re.MULTILINE)


def sections(usage: str) -> dict[str, Sequence[Block]]:
    """Return the sections of a usage text but for ``Usage:``, in their order, by their titles."""
    _, *parts = _HEADING.split(usage)
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    found.pop("Usage", None)
    return {title: list(_blocks(title, text)) for title, text in found.items()}


def synopsis(usage: str) -> Literal:
    """Return the usage lines, with lines that are too long for a terminal wrapped."""
    lines = [line.strip().removeprefix("Usage: ") for line in grammar.usage_lines(usage)]
    return Literal("\n".join(_wrapped(line) for line in lines if line != "Usage:"))


def _wrapped(line: str) -> str:
    """Wrap a usage line where no bracket is open, unless it has several lines already."""
    if "\n" in line:
        return re.sub(r" *\n  ", "\n", line)
    rows = [""]
    depth = 0
    word = ""
    for character in f"{line} ":
        depth += (character in "[(") - (character in "])")
        if character != " " or depth:
            word += character
            continue
        if rows[-1] and len(rows[-1]) + 1 + len(word) > WIDTH:
            rows.append("   ")
        rows[-1] += f" {word}" if rows[-1] else word
        word = ""
    return "\n".join(rows)


def _blocks(title: str, text: str) -> Iterator[Block]:
    """Yield the blocks of a section: lists under ``Options``, items after ``-``, literal lines where it is indented."""
    text = textwrap.dedent(text.strip("\n"))
    if title == "Examples":
        yield Literal(text.rstrip("\n"), is_session=True)
        return
    for part in re.split(r"\n\n+", text.strip("\n")):
        lines = part.split("\n")
        if title.startswith("Options") and re.match(r"\S.*?(  |\n )", part):
            yield Terms(list(_terms(lines)))
        elif all(line.startswith("  ") for line in lines):
            yield Literal(textwrap.dedent(part))
        elif lines[0].startswith("-  "):
            yield Items([" ".join(item.split()) for item in re.split(r"^-  ", part, flags=re.MULTILINE)[1:]])
        else:
            yield Paragraph(" ".join(part.split()))


def _terms(lines: list[str]) -> Iterator[Term]:
    """Yield the terms of a list. A term begins at the margin; two blanks or a line break separate it from its text."""
    for term in re.split(r"\n(?=\S)", "\n".join(lines)):
        name, _, text = re.sub(r"\n", "  ", term, count=1).partition("  ")
        yield Term(name, " ".join(text.split()))
