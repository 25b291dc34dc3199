"""Files that only their owner can read, because they contain policy and addresses."""

from __future__ import annotations

import os

from calicoctl.errors import CommandError


def write(path: str, text: str) -> None:
    """Write a file of mode 0600. It replaces an existing one only when all of it is on disk. Raises CommandError."""
    made = f"{path}.{os.getpid()}.new"
    try:
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(made, path)
        except BaseException:
            os.unlink(made)
            raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else "there can be no such file"
        raise CommandError(f"Cannot write {path}: {reason}.") from None
