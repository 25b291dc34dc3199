"""The tags of a profile: the value of its ``tags`` key (docs/data-model.md, section 2)."""

from __future__ import annotations

import json

from calicoctl.model.stored_json import decode_or_say_why


class MalformedTags(ValueError):
    """A stored value is not a JSON list of strings."""


def tags_from_json(text: str) -> list[str]:
    """Parse a stored value; the order is kept. Raises MalformedTags."""
    try:
        tags = decode_or_say_why(text)
    except ValueError as error:
        raise MalformedTags(f"it is not JSON ({error})") from None
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise MalformedTags("it is not a list of strings")
    return tags


def tags_to_json(tags: list[str]) -> str:
    """Return the value to store."""
    return json.dumps(tags)
