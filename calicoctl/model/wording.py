"""Formatting of values in messages."""

from __future__ import annotations

import json

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any


def shown(value: Any) -> str:
    """Return a value as JSON, cut to 80 characters."""
    return cut(json.dumps(value, ensure_ascii=False))


def cut(text: str) -> str:
    """Return a text cut to 80 characters."""
    return text if len(text) <= 80 else text[:77] + "..."


_GO_ESCAPES = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"'
}  # fmt: skip


def go_quoted(text: str) -> str:
    """Put a text in double quotes as Go does: control characters are escaped, printable non-ASCII is not."""
    return '"' + "".join(map(_go_character, text)) + '"'


def _go_character(character: str) -> str:
    escaped = _GO_ESCAPES.get(character)
    if escaped or character.isprintable():
        return escaped or character
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
