"""Forms, as etcd's v2 API takes what is to be written."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

# What etcd reads of a form at most: the limit of its HTTP library.
MAX_FORM_BYTES = 10 * 1024 * 1024
# The condition that goes with a value; no index is larger.
LONGEST_CONDITION = len(f"&prevIndex={2**64 - 1}&noValueOnSuccess=true")
_MOST_BYTES_OF_A_CHARACTER = 12

# What means something in a form. The percent sign first, because the others bring it in.
_SPECIAL = "%&;+"


def form_of(fields: Mapping[str, str]) -> str:
    """Return the fields as a form, ``application/x-www-form-urlencoded``.

    Names are plain words; of values in printable ASCII only what means something in a form is quoted: JSON stays as
    it is.
    """
    return "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def _quoted(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        from urllib.parse import quote_plus  # takes long to load

        return quote_plus(value)
    for char in _SPECIAL:
        value = value.replace(char, f"%{ord(char):02X}")
    return value.replace(" ", "+")


def excess(size: int) -> str:
    """Say that a form of so many bytes is too large; nothing if it is not."""
    if size <= MAX_FORM_BYTES:
        return ""
    return f"{size:,} bytes in the form that etcd's v2 API takes, of at most {MAX_FORM_BYTES:,}"


def excess_of(value: str) -> str:
    """Say that a value is too large to be written on any condition; nothing if it is not."""
    if len(value) * _MOST_BYTES_OF_A_CHARACTER + LONGEST_CONDITION < MAX_FORM_BYTES:
        return ""  # as nearly all are
    return excess(len(form_of({"value": value})) + LONGEST_CONDITION)
