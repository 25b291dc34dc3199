"""Write a saved datastore back to etcd: each key by compare-and-swap, in an order that Felix can follow."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.saved import read_all
from calicoctl.etcd.errors import Conflict, DatastoreError

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from calicoctl.etcd.client import Client, RawNode
    from calicoctl.etcd.memory import MemoryClient

CREATED, CHANGED, DELETED = "+", "~", "-"
# Addresses and settings come first, then policy, then the endpoints that need it.
_ORDER = (f"{keys.IPAM}/", f"{keys.ROOT}/ipam/", f"{keys.ROOT}/config/", f"{keys.ROOT}/policy/")


class Step:
    """The change of one key: ``sign`` is CREATED, CHANGED or DELETED; ``value`` is to be stored, None for a deletion.

    ``stored`` is the key as it is now, None if it does not exist.
    """

    def __init__(self, sign: str, key: str, value: str | None, stored: RawNode | None) -> None:
        self.sign = sign
        self.key = key
        self.value = value
        self.stored = stored

    def carry_out(self, client: Client) -> None:
        """Write the change if the key is still as it was read. Raises Conflict, DatastoreError."""
        path = keys.quoted(self.key)
        if self.value is None:
            assert self.stored is not None
            client.delete(path, self.stored["modifiedIndex"])
        elif self.stored is None:
            client.create(path, self.value)
        else:
            client.swap(path, self.value, self.stored["modifiedIndex"])


class Restoration:
    """The difference between a saved datastore and etcd.

    ``steps`` are the changes in the order of writing. ``kept`` are the keys in etcd that are not in the saved one and
    stay; ``obstacles`` are keys that cannot be written, each with the reason. ``has_written`` tells that etcd has been
    changed, or may have been by a write without a reply.
    """

    def __init__(self, saved: MemoryClient, client: Client, delete: bool) -> None:
        """Read etcd, in one request. Without ``delete``, no key is deleted. Raises DatastoreError."""
        self._client = client
        self.has_written = False
        self._wanted = {node["key"]: str(node["value"]) for node in _values(saved)}
        self._stored = {node["key"]: node for node in _values(read_all(client))}
        beyond = sorted(self._stored.keys() - self._wanted.keys())
        self.kept = [] if delete else beyond
        self.steps = sorted(self._steps(beyond if delete else []), key=lambda step: _position(step))
        self.obstacles = list(self._obstacles())

    def carry_out(self, show: Callable[[int, int], None]) -> list[str]:
        """Write the changes, and return the keys that others have changed meanwhile; these are left as they are.

        ``show`` is called with the number of changes that are done, and of all. Raises DatastoreError.
        """
        overtaken = []
        steps = self._while_felix_waits()
        for number, step in enumerate(steps):
            show(number, len(steps))
            had_written, self.has_written = self.has_written, True  # even if no reply comes
            try:
                step.carry_out(self._client)
            except Conflict:
                self.has_written = had_written
                overtaken.append(step.key)
        return overtaken

    def _while_felix_waits(self) -> list[Step]:
        """Set Ready to false if it is true; return the changes, of which the last one sets it to its value again."""
        stored, wanted = self._stored.get(keys.READY), self._wanted.get(keys.READY)
        others = [step for step in self.steps if step.key != keys.READY]
        if stored is None or stored["value"] != "true" or wanted is None or not others:
            return self.steps
        self.has_written = True  # even if no reply comes
        try:
            index = self._client.swap(keys.READY, "false", stored["modifiedIndex"])
        except Conflict:
            self.has_written = False
            raise DatastoreError(f"Somebody else has changed {keys.READY}.  Nothing was written.") from None
        return [*others, Step(CHANGED, keys.READY, wanted, {**stored, "modifiedIndex": index})]

    def _steps(self, deleted: list[str]) -> Iterator[Step]:
        for key, value in self._wanted.items():
            stored = self._stored.get(key)
            if stored is None:
                yield Step(CREATED, key, value, None)
            elif stored["value"] != value:
                yield Step(CHANGED, key, value, stored)
        for key in deleted:
            yield Step(DELETED, key, None, self._stored[key])

    def _obstacles(self) -> Iterator[str]:
        """Yield the keys that are directories in etcd, and those below a value, with the reason."""
        directories = {parent for key in self._stored for parent in _parents(key)}
        for step in self.steps:
            if step.sign == CREATED and step.key in directories:
                yield f"{step.key}: it is a directory in etcd"
            above = next((parent for parent in _parents(step.key) if parent in self._stored), None)
            if step.sign == CREATED and above is not None:
                yield f"{step.key}: {above} is a value in etcd"


def _values(copy: MemoryClient) -> Iterator[RawNode]:
    for node in copy.nodes():
        if "value" in node and not node["key"].startswith(f"{keys.REPORTS_OF_FELIX}/"):
            yield node


def _parents(key: str) -> Iterator[str]:
    while (key := keys.parent(key)) not in ("", keys.EVERYTHING):
        yield key


def _position(step: Step) -> tuple[bool, bool, int, bool, str]:
    """Return the position of a change: rules after other policy, deletions after all else, and Ready last."""
    place = next((place for place, prefix in enumerate(_ORDER) if step.key.startswith(prefix)), len(_ORDER))
    is_deleted = step.sign == DELETED
    return step.key == keys.READY, is_deleted, -place if is_deleted else place, step.key.endswith("/rules"), step.key
