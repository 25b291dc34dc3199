"""Colour on a terminal: allow green, deny red, errors and warnings marked, differences as git shows them.

A painter returns a text with the escape sequences of a terminal; the environment chooses it by its name.
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
    "Error": _RED, "Warning": _YELLOW, "Warning:": _YELLOW,
}  # fmt: skip
_ACTION = re.compile(r"^( *[0-9]+ )(allow|deny)\b()", re.MULTILINE)  # after the position, as in `rule show`
_VERDICT = re.compile(r"^(.*(?:=>|:) )(allowed|denied|not certain)()$", re.MULTILINE)
_FINDING = re.compile(r"^()(Error|Warning)( CQ[0-9]+, .*)$", re.MULTILINE)
_WARNING = re.compile(r"^()(Warning:)()", re.MULTILINE)


def is_wanted(when: str, variables: Mapping[str, str], stream: TextIO) -> bool:
    """Tell whether a stream gets colour; ``when`` is the value of ``--color``.

    With ``auto`` a terminal does, unless NO_COLOR is set (no-color.org) or TERM is ``dumb``. CLICOLOR_FORCE colours
    every stream.
    """
    if when != "auto":
        return when == "always"
    if variables.get("NO_COLOR"):
        return False
    if variables.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return stream.isatty() and variables.get("TERM") != "dumb"


def rule(text: str) -> str:
    """Paint the actions of rules."""
    return _ACTION.sub(_with_painted_word, text)


def verdict(text: str) -> str:
    """Paint the answers at the ends of lines."""
    return _VERDICT.sub(_with_painted_word, text)


def finding(text: str) -> str:
    """Paint the headings of the kinds of findings."""
    return _FINDING.sub(_with_painted_word, text)


def message(text: str) -> str:
    """Paint the beginnings of warnings."""
    return _WARNING.sub(_with_painted_word, text)


def failure(text: str) -> str:
    """Paint the first line, which says why a command has failed."""
    first, newline, rest = text.partition("\n")
    return _painted(first, _RED) + newline + rest


def difference(text: str) -> str:
    """Paint the lines of a unified diff."""
    return "\n".join(map(_line_of_difference, text.split("\n")))


def _line_of_difference(line: str) -> str:
    if line.startswith(("--- ", "+++ ")):
        return _painted(line, _BOLD)
    colours = {"-": _RED, "+": _GREEN, "@": _CYAN}
    return _painted(line, colours[line[0]]) if line[:1] in colours else line


def _with_painted_word(found: re.Match[str]) -> str:
    before, word, after = found.groups()
    return before + _painted(word, _OF_WORDS[word]) + after


def _painted(text: str, colour: str) -> str:
    return f"\033[{colour}m{text}\033[0m" if text else text
