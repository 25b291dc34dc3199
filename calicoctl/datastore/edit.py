"""Read-modify-write of one key by compare-and-swap: no update is lost, however many write at once."""

from __future__ import annotations

import time

from calicoctl.etcd.errors import Conflict, DatastoreError

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable

    from calicoctl.etcd.client import Client, RawNode

REMOVED = ""  # in place of a value to write: remove the key; no object of the data model is empty text
MOST_SECONDS = 30.0  # in which others are faster each time
_STUCK = 20  # conflicts in a row without any change of the key: something other than a writer is in the way


def edit(
    client: Client,
    key: str,
    read: Callable[[], RawNode | None],
    change: Callable[[RawNode | None], str | None],
    made: Callable[[int], None] | None = None,
) -> None:
    """Replace the value of a key by what ``change`` makes of it.

    ``read`` returns the key's node or None where there is none; ``change`` turns it into the value to write, REMOVED
    to remove the key, or None to write nothing. Both are called again if others are faster, for 30 seconds. ``made`` is
    told the index at which a key was made that was not there. Raises DatastoreError, and whatever the three raise.
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
    """Return a ``read`` for `edit` that begins with a node that was read before; None says that there was none."""
    known = [node]
    return lambda: known.pop() if known else read()


class Overtaken:
    """Decides how often a change that others overtake is tried again, and waits in between."""

    def __init__(self, of: str) -> None:
        """``of`` is the key, or what else is to be changed."""
        self._of = of
        self._began = time.monotonic()
        self._seen: list[object] = []

    def wait(self, seen: object) -> None:
        """Wait up to 10 ms for each conflict so far, at most 1 s, so that many writers do not meet again and again.

        ``seen`` tells the state that was read before the latest try from others. Raises DatastoreError after 30
        seconds, or if something else than a writer is in the way.
        """
        self._seen.append(seen)
        tries = len(self._seen)
        if tries >= _STUCK and len(set(self._seen[-_STUCK:])) == 1:
            raise DatastoreError(f"etcd refuses every change of {self._of} though nobody else changes it.")
        if time.monotonic() - self._began > MOST_SECONDS:
            raise DatastoreError(
                f"Others have changed {self._of} before each of {tries} tries within {MOST_SECONDS:g} s: this command "
                "has given up. Run it again when they are done."
            )
        import random

        time.sleep(random.uniform(0, 0.01 * min(tries, 100)))
