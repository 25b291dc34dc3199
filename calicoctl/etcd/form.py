"""The encoding of values as forms, which etcd's v2 API requires for writes."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

# The limit of etcd's HTTP library.
MAX_FORM_BYTES = 10 * 1024 * 1024
# The longest condition that is sent with a value: it has the largest possible index.
LONGEST_CONDITION = len(f"&prevIndex={2**64 - 1}&noValueOnSuccess=true")
_MOST_BYTES_OF_A_CHARACTER = 12

# Characters with a meaning in a form. The percent sign is first because quoting the others adds it.
_SPECIAL = "%&;+"


def form_of(fields: Mapping[str, str]) -> str:
    """Encode fields as ``application/x-www-form-urlencoded``.

    Names must be plain words. In a value of printable ASCII, only characters with a meaning in a form are quoted, so
    JSON stays short.
    """
    return "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def _quoted(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        from urllib.parse import quote_plus  # slow to import

        return quote_plus(value)
    for char in _SPECIAL:
        value = value.replace(char, f"%{ord(char):02X}")
    return value.replace(" ", "+")


def excess(size: int) -> str:
    """Describe by how much a form of ``size`` bytes exceeds etcd's limit; empty if it does not."""
    if size <= MAX_FORM_BYTES:
        return ""
    return f"{size:,} bytes in the form that etcd's v2 API takes, of at most {MAX_FORM_BYTES:,}"


def excess_of(value: str) -> str:
    """Describe by how much a value exceeds etcd's limit if it is written with a condition; empty if it does not."""
    if len(value) * _MOST_BYTES_OF_A_CHARACTER + LONGEST_CONDITION < MAX_FORM_BYTES:
        return ""  # the usual case
    return excess(len(form_of({"value": value})) + LONGEST_CONDITION)
