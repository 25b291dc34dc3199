"""Forms, as etcd's v2 API takes what is to be written."""

from __future__ import annotations

from urllib.parse import quote_plus

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

# What means something in a form. The percent sign first, because the others bring it in.
_SPECIAL = "%&;+"


def form_of(fields: Mapping[str, str]) -> str:
    """Return the fields as a form, ``application/x-www-form-urlencoded``.

    Names and values are texts; of printable ASCII only what means something in a form is quoted: JSON stays as it is.
    """
    return "&".join(f"{quote_plus(name)}={_quoted(value)}" for name, value in fields.items())


def _quoted(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        return quote_plus(value)
    for char in _SPECIAL:
        value = value.replace(char, f"%{ord(char):02X}")
    return value.replace(" ", "+")
