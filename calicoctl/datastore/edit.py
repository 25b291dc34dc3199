"""Read-modify-write of one key by compare-and-swap: no update is lost, even with many concurrent writers."""

from __future__ import annotations

import time

from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.signals import wait

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable

    from calicoctl.etcd.client import Client, RawNode

REMOVED = ""  # instead of a value: remove the key; no object of the data model is an empty string
MOST_SECONDS = 30.0  # of attempts that all lose against other writers
_STUCK = 20  # conflicts in a row although the key has not changed: the cause is not another writer


def edit(
    client: Client,
    key: str,
    read: Callable[[], RawNode | None],
    change: Callable[[RawNode | None], str | None],
    made: Callable[[int], None] | None = None,
) -> None:
    """Replace the value of a key.

    ``read`` returns the key's node, or None if there is none. ``change`` takes it and returns the value to write,
    REMOVED to remove the key, or None to write nothing. Both are called again after each conflict with another writer,
    for up to 30 seconds. ``made`` is called with the index of the write if the key is new. Raises DatastoreError, and
    all exceptions of the three functions.
    """
    overtaken = Overtaken(key)
    while True:
        node = read()
        value = change(node)
        if value is None:
            return
        try:
            if value == REMOVED:
                if node is not None:
                    client.delete(key, node["modifiedIndex"])
            elif node is None:
                index = client.create(key, value)
                if made is not None:
                    made(index)
            else:
                client.swap(key, value, node["modifiedIndex"])
            return
        except Conflict:
            overtaken.wait(node["modifiedIndex"] if node else None)


def first(node: RawNode | None, read: Callable[[], RawNode | None]) -> Callable[[], RawNode | None]:
    """Return a ``read`` function for `edit` that returns ``node`` on its first call and calls ``read`` after that."""
    known = [node]
    return lambda: known.pop() if known else read()


class Overtaken:
    """Limits the retries of a change that conflicts with other writers, and waits between them."""

    def __init__(self, of: str) -> None:
        """``of`` is the key or another name of the changed object, for messages."""
        self._of = of
        self._began = time.monotonic()
        self._seen: list[object] = []

    def wait(self, seen: object) -> None:
        """Wait a random time, up to 10 ms per conflict so far and at most 1 s, so that writers do not stay in step.

        ``seen`` identifies the state that was read before the latest attempt. Raises DatastoreError after 30 seconds,
        or if the state has not changed for 20 conflicts.
        """
        self._seen.append(seen)
        tries = len(self._seen)
        if tries >= _STUCK and len(set(self._seen[-_STUCK:])) == 1:
            raise DatastoreError(f"etcd refuses every change of {self._of} though nobody else changes it.")
        if time.monotonic() - self._began > MOST_SECONDS:
            raise DatastoreError(
                f"Others have changed {self._of} before each of {tries} tries within {MOST_SECONDS:g} s, so this "
                "command gave up. Run it again when they are done."
            )
        import random

        wait(random.uniform(0, 0.01 * min(tries, 100)))
