"""Forms, as etcd's v2 API takes what is to be written."""

from __future__ import annotations

from urllib.parse import quote_plus

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGE = 1000
_KEPT = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
# The percent sign first, because the others bring it in; the blank last, because its plus is not to be quoted.
_OTHERS = [char for char in map(chr, range(128)) if char not in f"{_KEPT}% "]


def form_of(fields: Mapping[str, str]) -> str:
    """Return the fields as ``urllib.parse.urlencode`` does."""
    return "&".join(f"{quote_plus(name)}={_quoted(value)}" for name, value in fields.items())


def _quoted(value: str) -> str:
    if len(value) < _LARGE or not value.isascii():
        return quote_plus(value)
    # For a megabyte a tenth of the time: that goes through the characters one by one
    for char in ["%", *_OTHERS]:
        value = value.replace(char, f"%{ord(char):02X}")
    return value.replace(" ", "+")
