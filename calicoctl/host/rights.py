"""What only root may do."""

from __future__ import annotations

import os

from calicoctl.errors import CommandError

_MUST_BE_ROOT = 2


def check_root() -> None:
    """Raise CommandError, with exit status 2, for anybody but root."""
    if os.geteuid() != 0:
        raise CommandError("This command must be run as root.", _MUST_BE_ROOT)
