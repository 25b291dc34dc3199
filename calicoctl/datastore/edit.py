"""Read-modify-write of one key by compare-and-swap: no update is lost, however many write at once."""

from __future__ import annotations

import time

from calicoctl.etcd.errors import Conflict, DatastoreError

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from calicoctl.etcd.client import Client, RawNode

REMOVED = ""  # in place of a value to write: remove the key; no object of the data model is empty text
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
    to remove the key, or None to write nothing. Both are called again as long as others are faster. ``made`` is told
    the index at which a key was made that was not there. Raises DatastoreError, and whatever the three raise.
    """
    indexes: list[int | None] = []
    while not is_stuck(indexes):
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
            indexes.append(node["modifiedIndex"] if node else None)
            pause(len(indexes))
    raise refusal(key)


def first(node: RawNode | None, read: Callable[[], RawNode | None]) -> Callable[[], RawNode | None]:
    """Return a ``read`` for `edit` that begins with a node that was read before; None says that there was none."""
    known = [node]
    return lambda: known.pop() if known else read()


def is_stuck(seen: Sequence[object]) -> bool:
    """Tell whether something else than a writer is in the way, by what was read before each try so far."""
    return len(seen) >= _STUCK and len(set(seen[-_STUCK:])) == 1


def refusal(of: str) -> DatastoreError:
    """Return the error that ends a change that is stuck; ``of`` is the key, or what else was to be changed."""
    return DatastoreError(f"etcd refuses every change of {of} though nobody else changes it.")


def pause(conflicts: int) -> None:
    """Wait up to 10 ms for each conflict so far, at most 200 ms, so that many writers do not meet again and again."""
    import random

    time.sleep(random.uniform(0, 0.01 * min(conflicts, 20)))
