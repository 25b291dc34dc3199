"""A client of etcd's v2 API that never loses a write or applies it twice.

If the reply to a write is lost, the history of the key tells whether the write was applied.
"""

from __future__ import annotations

from calicoctl.etcd.answers import (
    ALREADY_EXISTS,
    COMPARE_FAILED,
    KEY_NOT_FOUND,
    NOT_A_DIRECTORY,
    NOT_EMPTY,
    REMOVALS,
    NotEtcd,
    Refused,
    Undecided,
)
from calicoctl.etcd.cluster import Cluster
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.etcd.form import excess, form_of
from calicoctl.etcd.wire import Dropped, ReplyLost, Unreachable

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

    from calicoctl.etcd.settings import Settings

    RawNode = dict[str, Any]

# Without this, etcd returns the new and the previous value.
_NO_ECHO = {"noValueOnSuccess": "true"}
_TRIES_OF_A_WRITE = 5
_TRIES_OF_HISTORY = 3
_MOST_REMOVALS = 5  # of a directory, while a key is being created in it
_SECONDS_FOR_HISTORY = 2.0


class Client:
    """The operations on etcd that the datastore modules use.

    Keys are quoted paths (see ``datastore.keys``). Nodes are etcd's JSON objects: ``key`` (not quoted), ``value`` or
    ``dir`` and ``nodes``, ``modifiedIndex``, ``createdIndex``. Every operation raises DatastoreError if etcd cannot be
    used.
    """

    def __init__(
        self, settings: Settings, terminal: TextIO | None = None, trace: Callable[[str], None] | None = None
    ) -> None:
        """The progress of long reads is shown on ``terminal``; ``trace`` is called with a line about each request."""
        self._cluster = Cluster(settings, terminal, trace)

    @property
    def index(self) -> int:
        """etcd's index from the latest response."""
        return self._cluster.index

    @property
    def remarks(self) -> list[str]:
        """Messages for the operator, for example about unclear outcomes of writes or skipped objects."""
        return self._cluster.remarks

    def remark(self, text: str) -> None:
        """Add a message for the operator, unless it was added before."""
        self._cluster.remark(text)

    def close(self) -> None:
        """Close all connections that were kept open."""
        self._cluster.close()

    # Reading

    def get(self, key: str, recursive: bool = False, quorum: bool = False) -> RawNode | None:
        """Return the node of a key, with its children if it is a directory; None if the key does not exist.

        ``recursive`` reads the whole tree below the key. ``quorum`` returns the latest state of the cluster; without
        it, the responding member may be behind.
        """
        query = {name: "true" for name, wanted in (("recursive", recursive), ("quorum", quorum)) if wanted}
        try:
            node: RawNode = self._cluster.read(key, query)["node"]
        except Refused as refusal:
            if refusal.code == KEY_NOT_FOUND:
                return None
            raise self._cluster.error(str(refusal)) from None
        return node

    def endpoint(self) -> str:
        """Return the URL of the first endpoint, without credentials."""
        return self._cluster.settings.endpoints[0]

    def version(self) -> str:
        """Return what the first endpoint that responds says about its version, whatever that is."""
        return self._cluster.version()

    # Writing

    def create(self, key: str, value: str) -> int:
        """Create a key and return the index of the write. Raises Conflict if the key exists."""
        return self._write("create", key, value, {"prevExist": "false"}, self.index)

    def swap(self, key: str, value: str, index: int) -> int:
        """Replace the value of a key that was last modified at ``index``; return the index of the write.

        Raises Conflict if the key was changed or removed since.
        """
        return self._write("compareAndSwap", key, value, {"prevIndex": str(index)}, max(index, self.index))

    def put(self, key: str, value: str) -> RawNode | None:
        """Write a key unconditionally, and again after a lost reply. Only for values that all writers agree on.

        Returns the written node, or None if the response does not contain it.
        """
        lost: ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                return self._cluster.write("set", key, form_of({"value": value}), lost).get("node")
            except Refused as refusal:
                raise self._cluster.error(str(refusal)) from None
            except ReplyLost as failure:
                lost = failure
        raise self._gave_up(lost, "It is not known whether the change was made.")

    def delete(self, key: str, index: int) -> bool:
        """Remove a key that was last modified at ``index``; return False if it was already gone.

        Raises Conflict if it was changed since.
        """
        lost: ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                self._cluster.write("compareAndDelete", key, {"prevIndex": str(index)}, lost)
                return True
            except Refused as refusal:
                if refusal.code == KEY_NOT_FOUND:
                    return lost is not None  # an earlier attempt was applied after all
                if refusal.code == COMPARE_FAILED:
                    raise Conflict from None
                raise self._cluster.error(str(refusal)) from None
            except ReplyLost as failure:
                lost = failure
                now = self._state_after(lost, key)
                if now is None or created_index(now) > index:  # removed and created again
                    return True
                if now["modifiedIndex"] != index:
                    raise Conflict from None
        raise self._gave_up(lost, "The key is still there.")

    def prune(self, directory: str) -> None:
        """Remove a directory if it exists and is empty; otherwise do nothing."""
        try:
            self._cluster.write("delete", directory, {"dir": "true"}, None)
        except Refused as refusal:
            if refusal.code not in (KEY_NOT_FOUND, NOT_A_DIRECTORY, NOT_EMPTY):
                raise self._cluster.error(str(refusal)) from None
        except ReplyLost:
            pass  # it does no harm if an empty directory remains

    def delete_tree(self, key: str, node: RawNode) -> bool:
        """Remove a directory and everything below it; return False if it was already gone.

        ``node`` is the directory as it was read.
        """
        since = max(created_index(node), self.index)
        lost: ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                self._cluster.write("delete", key, {"recursive": "true", "dir": "true"}, lost)
                return True
            except Refused as refusal:
                if refusal.code == KEY_NOT_FOUND:
                    return lost is not None  # an earlier attempt was applied after all
                raise self._cluster.error(str(refusal)) from None
            except ReplyLost as failure:
                lost = failure
                now = self._state_after(lost, key)
                if now is None or created_index(now) > since:  # removed and created again
                    return True
        raise self._gave_up(lost, "The directory is still there.")

    def _write(self, action: str, key: str, value: str, condition: dict[str, str], since: int) -> int:
        form = form_of({"value": value, **condition, **_NO_ECHO})
        if too_much := excess(len(form)):
            raise DatastoreError(f"Too large for etcd: {too_much}. Nothing was written.")
        lost: ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                self._cluster.write(action, key, form, lost)
                return self._index_of_own(key, value, since)
            except Refused as refusal:
                if refusal.code not in (COMPARE_FAILED, ALREADY_EXISTS, KEY_NOT_FOUND):
                    raise self._cluster.error(str(refusal)) from None
                # The conflicting write may be an earlier attempt of this same write that was applied late.
                if lost is not None and (index := self._applied_at(lost, action, key, value, since)):
                    return index
                raise Conflict from None
            except ReplyLost as failure:
                # A second attempt is safe: if the first one was applied after all, the condition no longer holds.
                lost = failure
                if index := self._applied_at(lost, action, key, value, since):
                    return index
        raise self._gave_up(lost, f"{key} was not written, according to etcd.")

    def _index_of_own(self, key: str, value: str, since: int) -> int:
        """Return the index of the write that etcd has just confirmed; ``since`` if it cannot be determined."""
        if self.index > since:
            return self.index  # etcd's response to a write has the index of that write
        node = self.get(key, quorum=True)  # a proxy has removed etcd's headers
        return node["modifiedIndex"] if node is not None and node.get("value") == value else since

    def _applied_at(self, lost: ReplyLost, action: str, key: str, value: str, since: int) -> int:
        """Find out from the history of the key whether a conditional write was applied after its reply was lost.

        ``since`` is etcd's index before the first attempt. Returns the index of the write, or 0 if it has not been
        applied so far. Raises Conflict if another change came first, DatastoreError if the outcome is unknown.
        """
        now = self._state_after(lost, key)
        if now is not None and now["modifiedIndex"] <= since:
            return 0
        has_changed = now is not None or action != "create"
        try:
            event = self._first_event(key, since + 1, has_changed)
            # A removal before the creation of the key can only be that of its directory: look at the next event.
            for _ in range(_MOST_REMOVALS if action == "create" and now is not None else 0):
                if event is None or event["action"] not in REMOVALS:
                    break
                event = self._first_event(key, event["node"]["modifiedIndex"] + 1, has_changed)
        except Refused:  # etcd keeps its latest 1,000 events
            return self._judged_by_state(lost, now, value, "does not reach back to the write")
        if event is None:
            return self._judged_by_state(lost, now, value, "cannot be read") if has_changed else 0
        if event["node"].get("value") == value and event["action"] == action:
            return int(event["node"]["modifiedIndex"])
        raise Conflict

    def _judged_by_state(self, lost: ReplyLost, now: RawNode | None, value: str, fault: str) -> int:
        """Do the same as ``_applied_at`` from the current value of the key, if its history has a ``fault``."""
        if now is None or now.get("value") != value:
            raise self._cluster.unknown_outcome(lost)
        self.remark(f"The reply of etcd was lost and its history {fault}, but the key holds the new value.")
        return int(now["modifiedIndex"])

    def _state_after(self, lost: ReplyLost, key: str) -> RawNode | None:
        try:
            return self.get(key, quorum=True)
        except DatastoreError:
            raise self._cluster.unknown_outcome(lost) from None

    def _first_event(self, key: str, index: int, has_changed: bool) -> dict[str, Any] | None:
        """Return the first change of a key at or after an index; None if there is none or etcd does not respond.

        ``has_changed`` tells that a change is certain, so the full read timeout is allowed for the response.
        """
        timeout = self._cluster.settings.read_timeout
        for _ in range(_TRIES_OF_HISTORY):
            try:
                return self._cluster.event(key, index, timeout if has_changed else min(_SECONDS_FOR_HISTORY, timeout))
            except Dropped:
                continue
            except (Unreachable, ReplyLost, NotEtcd):  # a timeout means that there is no change yet
                break
        return None

    def _gave_up(self, lost: ReplyLost | None, advice: str) -> DatastoreError:
        """Return the error after the last attempt of a write, which failed with ``lost``."""
        happened = "etcd answered each try with an error" if isinstance(lost, Undecided) else "every reply was lost"
        return self._cluster.error(f"{happened}: {lost}", advice)


def created_index(node: RawNode) -> int:
    """Return the index at which a node was created; 0 if it is missing."""
    index = node.get("createdIndex")
    return index if isinstance(index, int) else 0
