"""Complaints that several commands share."""

from __future__ import annotations

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
