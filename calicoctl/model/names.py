"""Valid names of profiles and tags (docs/data-model.md, section 6: the rule of Felix and of libcalico-go)."""

from __future__ import annotations

import re

ALLOWED = "1 to 128 letters, digits, dots, dashes and underscores"
_MOST = 128
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def is_profile_name(name: str) -> bool:
    """Tell whether a name is valid for a new profile: 1 to 128 letters, digits, ``_``, ``.``, ``-``.

    ``.`` and ``..`` are refused because etcd normalises paths: the profile ``.`` would be the directory of all
    profiles.
    """
    return is_stored_profile_name(name) and len(name) <= _MOST


def is_stored_profile_name(name: str) -> bool:
    """Tell whether an existing profile can have this name: the rule for new profiles without the limit on length."""
    return is_stored_tag(name) and name not in (".", "..")


def is_tag(name: str) -> bool:
    """Tell whether a name is valid for a new tag: 1 to 128 letters, digits, ``_``, ``.``, ``-``."""
    return is_stored_tag(name) and len(name) <= _MOST


def is_stored_tag(name: str) -> bool:
    """Tell whether an existing tag can have this name: the rule for new tags without the limit on length."""
    return _NAME.fullmatch(name) is not None
