"""Complaints that several commands share."""

from __future__ import annotations

from calicoctl.output import complaint


def invalid_profile_name(name: str) -> str:
    """Say what a profile can be called."""
    return complaint(
        "Profile names must be < 129 character long and can only contain numbers, letters, dots, dashes and "
        "underscores.",
        f"Value provided is '{name}'",
    )
