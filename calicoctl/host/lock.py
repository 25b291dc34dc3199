"""One command at a time for each workload of this machine."""

from __future__ import annotations

import os

from calicoctl.errors import CommandError

LOCK_FILE = "/run/calicoctl.lock"


class WorkloadLock:
    """Held while a workload's network is changed; a context manager that waits until it is free.

    Every workload has a byte of its own in one file, so that there are no files to clean away. The kernel frees the
    lock of a process that dies: whoever holds it knows that what it finds half done was left behind.
    """

    def __init__(self, number: int) -> None:
        """``number`` tells the workloads apart: 0 up to 2**60 - 1."""
        self._number = number
        self._file = -1

    def __enter__(self) -> None:
        import fcntl

        try:
            self._file = os.open(LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._number)
        except OSError as error:
            raise CommandError(f"Cannot lock {LOCK_FILE}: {error.strerror}.") from None

    def __exit__(self, *error: object) -> None:
        os.close(self._file)
