"""What several commands say and ask about what was given."""

from __future__ import annotations

import re

from calicoctl.output import complaint, visible


def invalid_profile_names(names: list[str]) -> str:
    """Say what a profile can be called."""
    return complaint(
        "Profile names must be < 129 character long and can only contain numbers, letters, dots, dashes and "
        "underscores.",
        provided(names),
    )


def provided(values: list[str]) -> str:
    """Say what was given, on one line, whatever the values hold."""
    return "Value provided is " + " and ".join(f"'{visible(value)}'" for value in values)


def is_number(text: str, last: int | None = None) -> bool:
    """Tell whether a text is a whole number as Python's ``int`` reads it, and from 0 to ``last`` if that is given."""
    is_number = re.fullmatch(r"\s*[+-]?[0-9]{1,1000}\s*", text, re.ASCII) is not None
    return is_number and (last is None or 0 <= int(text) <= last)
