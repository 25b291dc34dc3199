"""Write a file that only its owner can read, as a whole or not at all."""

from __future__ import annotations

import os
import stat

from calicoctl.errors import CommandError


def write(path: str, text: str) -> None:
    """Write a file; an older one is replaced only when all of the new one is on disk. Raises CommandError.

    A pipe or a device is written to and not replaced.
    """
    try:
        target = os.path.realpath(path)
        if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
        else:
            _replace(target, text)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else "there can be no such file"
        raise CommandError(f"Cannot write {path}: {reason}.") from None


def _replace(target: str, text: str) -> None:
    new = f"{target}.{os.getpid()}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, target)
    except BaseException:
        os.unlink(new)
        raise
