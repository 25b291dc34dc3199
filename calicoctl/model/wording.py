"""Stored values in messages."""

from __future__ import annotations

import json

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any


def shown(value: Any) -> str:
    """Return a value as JSON, cut to 80 characters."""
    return cut(json.dumps(value, ensure_ascii=False))


def cut(text: str) -> str:
    """Return a text for a message, cut to 80 characters."""
    return text if len(text) <= 80 else text[:77] + "..."
