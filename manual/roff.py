"""Write pages as man pages, in the macros of man(7) that groff and mandoc have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator

from calicoctl import __version__
from manual.blocks import Block, Items, Literal, Names, Page, Paragraph, Terms

SECTION = 1
# What groff would show as another character, or take for a command.
_CHARACTERS = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def page(page: Page) -> str:
    """Return a page as a file for man."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield r".\" Made by `make reference`; CONTRIBUTING.md says from what."
    yield f'.TH {_escaped(page.stem.upper())} {SECTION} "" "calicoctl {__version__}" "Manual of calicoctl"'
    yield ".SH NAME"
    yield f"{_escaped(page.stem)} \\- {_escaped(page.summary)}"
    for title, blocks in page.sections.items():
        yield f".SH {title.upper()}"
        for number, block in enumerate(blocks):
            yield from _block(block, is_first=not number)


def _block(block: Block, is_first: bool) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from ([] if is_first else [".PP"])
        yield _escaped(block.text)
    elif isinstance(block, Literal):
        yield from ([] if is_first else [".PP"])
        is_indented = block.is_session or not is_first
        yield from (".RS 4", ".nf") if is_indented else (".nf",)
        yield from map(_escaped, block.text.split("\n"))
        yield from (".fi", ".RE") if is_indented else (".fi",)
    elif isinstance(block, Terms):
        for term in block.terms:
            yield from (".TP", rf"\fB{_escaped(term.name)}\fR", _escaped(term.text))
    elif isinstance(block, Items):
        for text in block.texts:
            yield from (r".IP \(bu 2", _escaped(text))
    elif isinstance(block, Names):
        references = [rf"\fB{_escaped(name.replace(' ', '-'))}\fR({SECTION})" for name in block.names]
        yield ",\n".join(references)


def _escaped(text: str) -> str:
    escaped = re.sub(r"[\\'`^~-]", lambda match: _CHARACTERS[match[0]], text)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped
