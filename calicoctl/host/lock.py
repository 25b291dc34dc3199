"""A lock for each workload of this machine, so that only one command at a time changes its network."""

from __future__ import annotations

import os

from calicoctl.errors import CommandError

LOCK_FILE = "/run/calicoctl.lock"
NODE_LOCK = 2**60  # the number of this host's node, beyond those of the workloads


class WorkloadLock:
    """The lock for the network of one workload: a context manager that waits until the lock is free.

    Each workload has its own byte in one lock file, so no files are left to clean up. The kernel releases the lock
    when a process ends. So the holder knows that any half-done change it finds was left by a process that has ended.
    """

    def __init__(self, number: int) -> None:
        """``number`` identifies the workload: 0 to 2**60 - 1. NODE_LOCK stands for the node of this host."""
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
