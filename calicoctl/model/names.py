"""What profiles and tags may be called (docs/data-model.md, section 6: the rule of Felix and of libcalico-go)."""

from __future__ import annotations

import re

ALLOWED = "1 to 128 letters, digits, dots, dashes and underscores"
_MOST = 128
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def is_profile_name(name: str) -> bool:
    """Tell whether a new profile can be called so: 1 to 128 letters, digits, ``_``, ``.``, ``-``; not ``.``, ``..``.

    The two are refused because etcd cleans them out of a path: the profile ``.`` would be the directory of all.
    """
    return is_stored_profile_name(name) and len(name) <= _MOST


def is_stored_profile_name(name: str) -> bool:
    """Tell whether a profile that exists may be called so: as a new one, but of any length, which Felix takes too."""
    return is_stored_tag(name) and name not in (".", "..")


def is_tag(name: str) -> bool:
    """Tell whether a new tag can be called so: 1 to 128 letters, digits, ``_``, ``.``, ``-``."""
    return is_stored_tag(name) and len(name) <= _MOST


def is_stored_tag(name: str) -> bool:
    """Tell whether a tag that exists may be called so: as a new one, but of any length."""
    return _NAME.fullmatch(name) is not None
