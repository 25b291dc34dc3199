"""Messages and checks for arguments, shared by several commands."""

from __future__ import annotations

import re

from calicoctl.output import complaint, visible


def invalid_profile_names(names: list[str]) -> str:
    """Return legacy's message for invalid names of profiles."""
    return complaint(
        "Profile names must be < 129 character long and can only contain numbers, letters, dots, dashes and "
        "underscores.",
        provided(names),
    )


def provided(values: list[str]) -> str:
    """Return a line that quotes the values given. Line ends and other control characters are escaped."""
    return "Value provided is " + " and ".join(f"'{visible(value)}'" for value in values)


def is_number(text: str, last: int | None = None) -> bool:
    """Tell whether a text is a whole number that Python's ``int`` accepts; with ``last``, also from 0 to ``last``."""
    is_number = re.fullmatch(r"\s*[+-]?[0-9]{1,1000}\s*", text, re.ASCII) is not None
    return is_number and (last is None or 0 <= int(text) <= last)
