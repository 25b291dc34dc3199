"""What profiles and tags may be called (docs/data-model.md, section 6: the rule of Felix and of libcalico-go)."""

from __future__ import annotations

import re

ALLOWED = "1 to 128 letters, digits, dots, dashes and underscores"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def is_profile_name(name: str) -> bool:
    """Tell whether a profile can be called so: 1 to 128 letters, digits, ``_``, ``.``, ``-``; not ``.`` or ``..``.

    The two are refused because etcd cleans them out of a path: the profile ``.`` would be the directory of all.
    """
    return is_tag(name) and name not in (".", "..")


def is_tag(name: str) -> bool:
    """Tell whether a tag can be called so: 1 to 128 letters, digits, ``_``, ``.``, ``-``."""
    return _NAME.fullmatch(name) is not None
