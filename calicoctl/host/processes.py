"""The processes of this machine, found by their exact names."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Collection

PROC = "/proc"


def named(names: Collection[str], proc: str | None = None) -> list[int]:
    """Return the ids of all processes that have one of these names and have not ended, in ascending order.

    A name is what the kernel calls the process: the first 15 bytes of the file that it was started from. ``proc`` is
    the directory to read instead of /proc.
    """
    proc = proc or PROC
    found = ((pid, _status_of(pid, proc)) for pid in _all(proc))
    return [pid for pid, status in found if status.get("Name") in names and not status.get("State", "").startswith("Z")]


def signal_catchers(name: str, number: signal.Signals) -> tuple[list[int], list[int]]:
    """Send a signal to each process of this name that has a handler for it. It would end any other process.

    Returns the ids of the processes that were sent the signal, and of those that do not catch it.
    """
    sent, left_alone = [], []
    for pid in named([name]):
        try:
            handle = os.pidfd_open(pid)  # the signal goes to the process that was checked
        except OSError:
            continue
        try:
            status = _status_of(pid, PROC)
            if status.get("Name") != name:
                continue
            if int(status.get("SigCgt", "0"), 16) >> (number - 1) & 1:
                signal.pidfd_send_signal(handle, number)
                sent.append(pid)
            else:
                left_alone.append(pid)
        except OSError:
            pass  # it has ended
        finally:
            os.close(handle)
    return sent, left_alone


def _all(proc: str) -> list[int]:
    try:
        return sorted(int(entry) for entry in os.listdir(proc) if entry.isdigit())
    except OSError:  # it is not mounted
        return []


def _status_of(pid: int, proc: str) -> dict[str, str]:
    """Return the fields of a process; none if it has ended."""
    try:
        with open(f"{proc}/{pid}/status", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
