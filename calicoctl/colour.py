"""Colours for output on a terminal: green for allow, red for deny, the colours of git for differences, and so on.

Each public function, except ``is_wanted``, is a painter: it adds the escape sequences for colours to a text. The
environment selects a painter by its name.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

_RED, _GREEN, _YELLOW, _CYAN, _BOLD = "31", "32", "33", "36", "1"
_OF_WORDS = {
    "allow": _GREEN, "allowed": _GREEN, "deny": _RED, "denied": _RED, "not certain": _YELLOW,
    "Error": _RED, "Warning": _YELLOW, "Warning:": _YELLOW, "WARNING:": _YELLOW, "ERROR:": _RED,
    "Cannot read": _RED,
}  # fmt: skip
_ACTION = re.compile(r"^( *[0-9]+ )(allow|deny)\b()", re.MULTILINE)  # after the position, as in `rule show`
_VERDICT = re.compile(r"^(.*(?:=>|:) )(allowed|denied|not certain)()$", re.MULTILINE)
_FINDING = re.compile(r"^()(Error|Warning)( C[LQ][0-9]+, .*)$", re.MULTILINE)
_COMPLAINT = re.compile(r"^()(Warning:|WARNING:|ERROR:|Cannot read)()", re.MULTILINE)


def is_wanted(when: str, variables: Mapping[str, str], stream: TextIO) -> bool:
    """Tell whether to use colours on a stream; ``when`` is the value of ``--color``.

    With ``auto``, NO_COLOR (no-color.org) turns colours off and CLICOLOR_FORCE turns them on. Without either, they are
    used on a terminal unless TERM is ``dumb``.
    """
    if when != "auto":
        return when == "always"
    if variables.get("NO_COLOR"):
        return False
    if variables.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return stream.isatty() and variables.get("TERM") != "dumb"


def rule(text: str) -> str:
    """Colour the actions of rules."""
    return _ACTION.sub(_with_painted_word, text)


def verdict(text: str) -> str:
    """Colour the verdicts at the ends of lines."""
    return _VERDICT.sub(_with_painted_word, text)


def finding(text: str) -> str:
    """Colour the word Error or Warning in the headings of findings."""
    return _FINDING.sub(_with_painted_word, text)


def message(text: str) -> str:
    """Colour the word Warning at the beginning of lines."""
    return _COMPLAINT.sub(_with_painted_word, text)


def failure(text: str) -> str:
    """Colour the first line, which says why a command has failed."""
    first, newline, rest = text.partition("\n")
    return _painted(first, _RED) + newline + rest


def difference(text: str) -> str:
    """Colour the lines of a unified diff."""
    first, second, *rest = [*text.split("\n"), ""]
    headings = [_painted(line, _BOLD) for line in (first, second)]
    return "\n".join([*headings, *map(_line_of_difference, rest)]).removesuffix("\n")


def change(text: str) -> str:
    """Colour lines that begin with + or -."""
    return "\n".join(map(_line_of_difference, text.split("\n")))


def _line_of_difference(line: str) -> str:
    colours = {"-": _RED, "+": _GREEN, "@": _CYAN}
    return _painted(line, colours[line[0]]) if line[:1] in colours else line


def _with_painted_word(found: re.Match[str]) -> str:
    before, word, after = found.groups()
    return before + _painted(word, _OF_WORDS[word]) + after


def _painted(text: str, colour: str) -> str:
    return f"\033[{colour}m{text}\033[0m" if text else text
