"""Write pages in Markdown, as GitHub shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from manual.blocks import Block, Items, Literal, Names, Page, Paragraph, Terms

_NOTE = "<!-- Made by `make reference`; CONTRIBUTING.md says from what. -->"
# What a text sets apart: a command in quotes, an argument, an option, a variable.
_CODE = re.compile(
    r"(?<!\w)'(?P<quoted>[^']+)'(?!\w)"
    r"|(?P<plain><[^<>\s]+>(?:/<[^<>\s]+>)*"
    r"|(?<![\w-])--?[a-z][\w-]*(?:[= ]<[^<>]+>)?"
    r"|\b[A-Z]+(?:_[A-Z]+)+\b)"
)


def page(page: Page) -> str:
    """Return a page as a Markdown file."""
    parts = [f"# {page.name}", _NOTE, f"{_sentence(page.summary)}."]
    for title, blocks in page.sections.items():
        parts += [f"## {title}", *map(_block, blocks)]
    return "\n\n".join(parts) + "\n"


def index(pages: Sequence[Page]) -> str:
    """Return the table of contents."""
    rows = [f"| [`{each.name}`]({each.stem}.md) | {_sentence(each.summary)} |" for each in pages]
    return "\n".join(
        ["# The commands", "", _NOTE, "", "| command | |", "|---|---|", *rows, "",
         "The same pages as man pages are in [docs/man](../man): `man calicoctl-profile` shows one where calicoctl is",
         "installed."]
    ) + "\n"  # fmt: skip


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return _text(block.text)
    if isinstance(block, Literal):
        return f"```{'console' if block.is_session else 'text'}\n{block.text}\n```"
    if isinstance(block, Terms):
        return "\n".join(f"- `{term.name}`: {_text(term.text)}" for term in block.terms)
    if isinstance(block, Items):
        return "\n".join(f"- {_text(text)}" for text in block.texts)
    assert isinstance(block, Names)
    return ", ".join(f"[{name}]({name.replace(' ', '-')}.md)" for name in block.names)


def _sentence(text: str) -> str:
    return _text(text[0].upper() + text[1:])


def _text(text: str) -> str:
    """Return running text with its commands, arguments, options and variables as code."""
    done = []
    end = 0
    for match in _CODE.finditer(text):
        done += [_escaped(text[end : match.start()]), f"`{match['quoted'] or match['plain']}`"]
        end = match.end()
    return "".join([*done, _escaped(text[end:])])


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_<>|\[\]])", r"\\\1", text)
