"""The operations on etcd's v2 API that a tool needs which must not lose a write.

A request is sent once to each of the endpoints that the operator named until one takes it. After a lost reply the key's
own history tells what became of the write.
"""

from __future__ import annotations

import time

from calicoctl.etcd.answers import (
    ALREADY_EXISTS,
    COMPARE_FAILED,
    EVENTS,
    KEY_NOT_FOUND,
    NOT_A_DIRECTORY,
    NOT_EMPTY,
    REMOVALS,
    NotEtcd,
    Refused,
    Undecided,
    answer_of,
    version_of,
)
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.etcd.form import excess, form_of
from calicoctl.etcd.settings import https_as_asked
from calicoctl.etcd.wire import LONGEST_KEY, Dropped, HungUp, ReplyLost, Unreachable, Unusable, number_of
from calicoctl.progress import Progress

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TextIO

    from calicoctl.etcd.settings import Settings
    from calicoctl.etcd.wire import Response, Wire

    RawNode = dict[str, Any]

# Otherwise etcd answers with the value, and with the one before.
_NO_ECHO = {"noValueOnSuccess": "true"}
# What etcd says that it has done, and the method to ask for it
_METHODS = {
    "get": "GET", "set": "PUT", "create": "PUT", "compareAndSwap": "PUT", "delete": "DELETE",
    "compareAndDelete": "DELETE",
}  # fmt: skip
_TRIES_OF_A_READ = 3
_TRIES_OF_A_WRITE = 5
_MOST_REMOVALS = 5  # of a directory, while one key is made in it
_SECONDS_FOR_HISTORY = 2.0


class Client:
    """The few operations on etcd that the datastore modules are made of.

    Keys are quoted paths (see ``datastore.keys``). Nodes are etcd's own JSON objects: ``key`` (not quoted),
    ``value`` or ``dir`` and ``nodes``, ``modifiedIndex``, ``createdIndex``. Every operation raises DatastoreError
    where etcd cannot be used.

    ``index`` is etcd's index as of the latest answer. ``remarks`` collects what the operator should know about how
    a write ended, or about what was passed over.
    """

    def __init__(
        self, settings: Settings, terminal: TextIO | None = None, trace: Callable[[str], None] | None = None
    ) -> None:
        """``terminal`` is where to show that a long read goes on; ``trace`` is given a line about each request."""
        self._settings = settings
        self._progress = Progress(terminal)
        self._trace = trace
        self._wires: dict[int, Wire] = {}
        self._headers = settings.authorization()
        self._current = 0
        self.index = 0
        self.remarks: list[str] = []

    def close(self) -> None:
        """Close the connections that were kept for a next request."""
        for wire in self._wires.values():
            wire.close()

    def remark(self, text: str) -> None:
        """Note something for the operator, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    # Reading

    def get(self, key: str, recursive: bool = False, quorum: bool = False) -> RawNode | None:
        """Return a key's node, with its children if it is a directory, or None if there is none.

        ``recursive`` reads the whole tree below. ``quorum`` asks for the cluster's latest state instead of that of
        the one member that answers.
        """
        query = {name: "true" for name, wanted in (("recursive", recursive), ("quorum", quorum)) if wanted}
        try:
            node: RawNode = self._read(key, query)["node"]
        except Refused as refusal:
            if refusal.code == KEY_NOT_FOUND:
                return None
            raise self._error(str(refusal)) from None
        return node

    def version(self) -> str:
        """Return what the first endpoint that answers says about its version, whatever that is."""
        failures: list[tuple[int, Exception]] = []
        for position in self._order():
            try:
                with self._progress:
                    response = self._response(position, "GET", "/version")
            except (Unreachable, ReplyLost, Unusable) as failure:
                failures.append((position, failure))
            else:
                self._current = position
                return response.body.decode("utf-8", "replace")
        raise self._no_endpoint(failures)

    # Writing

    def create(self, key: str, value: str) -> int:
        """Write a key that must not exist; return the index at which it is so made. Raises Conflict if it does."""
        return self._write("create", key, value, {"prevExist": "false"}, self.index)

    def swap(self, key: str, value: str, index: int) -> int:
        """Replace the value of a key last modified at ``index``; return the index at which it is so modified.

        Raises Conflict if it was changed or removed since.
        """
        return self._write("compareAndSwap", key, value, {"prevIndex": str(index)}, max(index, self.index))

    def put(self, key: str, value: str) -> RawNode | None:
        """Write a key, whatever it was; after a lost reply again. For values that every writer would write.

        Returns the node that was written; None where the answer does not tell.
        """
        lost: ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                return self._send("set", key, form_of({"value": value}), lost).get("node")
            except Refused as refusal:
                raise self._error(str(refusal)) from None
            except ReplyLost as failure:
                lost = failure
        raise self._gave_up(lost, "It is not known whether the change was made.")

    def delete(self, key: str, index: int) -> None:
        """Remove a key last modified at ``index``, or gone already. Raises Conflict if it was changed since."""
        lost: ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                self._send("compareAndDelete", key, {"prevIndex": str(index)}, lost)
                return
            except Refused as refusal:
                if refusal.code == KEY_NOT_FOUND:
                    return
                if refusal.code == COMPARE_FAILED:
                    raise Conflict from None
                raise self._error(str(refusal)) from None
            except ReplyLost as failure:
                lost = failure
                now = self._state_after(lost, key)
                if now is None or created_index(now) > index:  # another one, made since
                    return
                if now["modifiedIndex"] != index:
                    raise Conflict from None
        raise self._gave_up(lost, "The key is still there.")

    def prune(self, directory: str) -> None:
        """Remove a directory if nothing is in it; any other outcome is fine too."""
        try:
            self._send("delete", directory, {"dir": "true"}, None)
        except Refused as refusal:
            if refusal.code not in (KEY_NOT_FOUND, NOT_A_DIRECTORY, NOT_EMPTY):
                raise self._error(str(refusal)) from None
        except ReplyLost:
            pass  # an empty directory means nothing

    def delete_tree(self, key: str, node: RawNode) -> bool:
        """Remove a directory, read before as ``node``, and all below it; False if it was gone already."""
        since = max(created_index(node), self.index)
        lost: ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                self._send("delete", key, {"recursive": "true", "dir": "true"}, lost)
                return True
            except Refused as refusal:
                if refusal.code == KEY_NOT_FOUND:
                    return lost is not None  # an earlier try came through after all
                raise self._error(str(refusal)) from None
            except ReplyLost as failure:
                lost = failure
                now = self._state_after(lost, key)
                if now is None or created_index(now) > since:  # another one, made since
                    return True
        raise self._gave_up(lost, "The directory is still there.")

    def _write(self, action: str, key: str, value: str, condition: dict[str, str], since: int) -> int:
        form = form_of({"value": value, **condition, **_NO_ECHO})
        if too_much := excess(len(form)):
            raise DatastoreError(f"Too large for etcd: {too_much}. Nothing was written.")
        lost: ReplyLost | None = None
        for _ in range(_TRIES_OF_A_WRITE):
            try:
                self._send(action, key, form, lost)
                return self._index_of_own(key, value, since)
            except Refused as refusal:
                if refusal.code not in (COMPARE_FAILED, ALREADY_EXISTS, KEY_NOT_FOUND):
                    raise self._error(str(refusal)) from None
                # What is in the way may be an earlier try of this very write, which came through late.
                if lost is not None and (index := self._applied_at(lost, action, key, value, since)):
                    return index
                raise Conflict from None
            except ReplyLost as failure:
                # The condition still guards a second try: it cannot be applied on top of the first one.
                lost = failure
                if index := self._applied_at(lost, action, key, value, since):
                    return index
        raise self._gave_up(lost, f"{key} was not written, as far as etcd can tell.")

    def _index_of_own(self, key: str, value: str, since: int) -> int:
        """Return the index of the write that was just answered; ``since`` if it cannot be told."""
        if self.index > since:
            return self.index  # etcd answers a write with the index as of that very write
        node = self.get(key, quorum=True)  # something on the way takes etcd's headers off
        return node["modifiedIndex"] if node is not None and node.get("value") == value else since

    def _applied_at(self, lost: ReplyLost, action: str, key: str, value: str, since: int) -> int:
        """Find out from the key's history what became of a conditional write whose reply was lost.

        ``since`` is etcd's index before the write was sent first. Returns the index at which it was applied, or 0: not
        applied so far. Raises Conflict if another change came first, DatastoreError if nobody can tell.
        """
        now = self._state_after(lost, key)
        if now is not None and now["modifiedIndex"] <= since:
            return 0
        has_changed = now is not None or action != "create"
        try:
            event = self._first_event(key, since + 1, has_changed)
            # The key was not there yet: so what was removed is the directory, before the key was made.
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
        """Do as ``_applied_at`` where the history has a ``fault``: the key, which has changed, may be as wanted."""
        if now is None or now.get("value") != value:
            raise self._unknown_outcome(lost)
        self.remark(f"The reply of etcd was lost and its history {fault}, but the key holds what was to be written.")
        return int(now["modifiedIndex"])

    def _state_after(self, lost: ReplyLost, key: str) -> RawNode | None:
        try:
            return self.get(key, quorum=True)
        except DatastoreError:
            raise self._unknown_outcome(lost) from None

    def _first_event(self, key: str, index: int, has_changed: bool) -> dict[str, Any] | None:
        """Return the first change of a key at or after an index; None if there was none, or etcd does not tell.

        ``has_changed``: there must have been one, so that etcd is given all the time that an answer may take.
        """
        query = {"wait": "true", "waitIndex": str(index)}
        seconds = self._settings.read_timeout if has_changed else min(_SECONDS_FOR_HISTORY, self._settings.read_timeout)
        for _ in range(_TRIES_OF_A_READ):
            try:
                return self._exchange(self._current, "GET", key, query, EVENTS, seconds)
            except Dropped:
                continue
            except (Unreachable, ReplyLost, NotEtcd):  # etcd would wait for the first change to come
                break
        return None

    # Endpoints

    def _read(self, key: str, query: Mapping[str, str]) -> dict[str, Any]:
        """GET from the first endpoint that answers. Raises Refused, DatastoreError."""
        failures: dict[int, Exception] = {}
        deadline = time.monotonic() + self._settings.read_timeout
        positions = self._order()
        for _ in range(_TRIES_OF_A_READ):
            for position in positions:
                try:
                    with self._progress:
                        return self._exchange(position, "GET", key, query, ("get",))
                except (Unreachable, ReplyLost, NotEtcd) as failure:
                    failures[position] = failure
            # A connection that drops is no reason to give up: servers restart, and networks forget connections.
            positions = [position for position in positions if isinstance(failures[position], Dropped)]
            if time.monotonic() >= deadline:
                break
        raise self._no_endpoint(list(failures.items()))

    def _send(self, action: str, key: str, fields: Mapping[str, str] | str, lost: ReplyLost | None) -> dict[str, Any]:
        """Hand a write to the first endpoint that can be reached.

        ``action`` is what etcd calls it; ``lost`` is what became of the try before this one. Raises Refused,
        ReplyLost, DatastoreError.
        """
        failures: list[tuple[int, Exception]] = []
        for position in self._order():
            try:
                with self._progress:
                    return self._exchange(position, _METHODS[action], key, fields, (action,))
            except (Unreachable, NotEtcd) as failure:
                failures.append((position, failure))
            except ReplyLost as failure:
                failure.position = position
                self._current = (position + 1) % len(self._settings.endpoints)  # another one may be in better order
                raise
        raise self._no_endpoint(failures) if lost is None else self._unknown_outcome(lost)

    def _order(self) -> list[int]:
        """Return the positions of the endpoints to try: first the one that answered last."""
        count = len(self._settings.endpoints)
        return [(self._current + step) % count for step in range(count)]

    def _exchange(
        self,
        position: int,
        method: str,
        key: str,
        fields: Mapping[str, str] | str,
        actions: tuple[str, ...],
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Send one request and return its answer, which must be about one of the actions, and this key.

        Raises Refused, Unreachable, ReplyLost, NotEtcd.
        """
        target = f"/v2/keys{key}"
        form = fields if isinstance(fields, str) else None
        if not isinstance(fields, str) and fields:
            target += "?" + "&".join(f"{name}={value}" for name, value in fields.items())
        try:
            response = self._response(position, method, target, form, seconds)
        except HungUp as failure:
            if len(key) > LONGEST_KEY:
                raise _too_long(failure, method, key) from None
            raise
        except Unusable as failure:
            raise (NotEtcd if method == "GET" else ReplyLost)(str(failure)) from None
        try:
            answer = answer_of(response, key, fields, actions, bool(self._headers))
        except Refused:
            self._current = position
            raise
        self._current = position
        return answer

    def endpoint(self) -> str:
        """Return the URL of the first endpoint, without credentials."""
        return self._settings.endpoints[0]

    def server_version(self, seconds: float) -> str | None:
        """Return the version of etcd, of the first endpoint alone; None if it does not answer within ``seconds``."""
        try:
            response = self._wire(0).exchange("GET", "/version", None, {}, seconds)
        except (Unreachable, ReplyLost, Unusable):
            return None
        return version_of(response)

    def _response(
        self, position: int, method: str, target: str, form: str | None = None, seconds: float | None = None
    ) -> Response:
        """Send one request, note etcd's index and show what became of it. Raises Unreachable, ReplyLost, Unusable."""
        began = time.monotonic()
        try:
            response = self._wire(position).exchange(
                method, target, form, self._headers, seconds or self._settings.read_timeout
            )
        except (Unreachable, ReplyLost, Unusable) as failure:
            self._show(position, method, target, form, f"failed: {failure}", began)
            raise
        index = number_of(response.headers.get("x-etcd-index", ""))
        outcome = f"{response.status}, index {'unknown' if index is None else index}, {len(response.body):,} bytes"
        self._show(position, method, target, form, outcome, began)
        if index is not None:
            self.index = index
        return response

    def _wire(self, position: int) -> Wire:
        """Return the way to an endpoint."""
        if position not in self._wires:
            endpoint = self._settings.endpoints[position]
            if endpoint.startswith("https:"):
                from calicoctl.etcd.https import HttpsWire

                self._wires[position] = HttpsWire(endpoint, self._settings, self._progress.count)
            else:
                from calicoctl.etcd.http import HttpWire

                self._warn_of_password()
                self._wires[position] = HttpWire(endpoint, self._settings.connect_timeout, self._progress.count)
        return self._wires[position]

    def _warn_of_password(self) -> None:
        if self._headers:
            self.remark("Warning: the password for etcd is sent over http, where others can read it. Use https.")

    def _show(self, position: int, method: str, target: str, form: str | None, outcome: str, began: float) -> None:
        """Trace a request: all but the value that is written, which may be long, and secret."""
        if self._trace is None:
            return
        condition = f" {form.partition('&')[2]}" if form and "&" in form else ""
        milliseconds = (time.monotonic() - began) * 1000
        endpoint = self._settings.endpoints[position]
        self._trace(f"etcd: {method} {target.removeprefix('/v2/keys')}{condition} at {endpoint}: {outcome}, "
                    f"{milliseconds:.1f} ms")  # fmt: skip

    # Errors

    def _error(self, cause: str, advice: str = "", position: int | None = None) -> DatastoreError:
        where = self._settings.endpoints[self._current if position is None else position]
        return DatastoreError(f"Error accessing etcd at {where} ({cause}).{'  ' + advice if advice else ''}")

    def _gave_up(self, lost: ReplyLost | None, advice: str) -> DatastoreError:
        """Return the error that ends the tries of a write, of which ``lost`` is what became of the last one."""
        happened = "etcd answered each try with an error" if isinstance(lost, Undecided) else "every reply was lost"
        return self._error(f"{happened}: {lost}", advice)

    def _no_endpoint(self, failures: list[tuple[int, Any]]) -> DatastoreError:
        causes = [f"{self._settings.endpoints[position]} ({failure})" for position, failure in failures]
        not_etcd = any(isinstance(failure, NotEtcd) for _, failure in failures)
        hung_up = any(isinstance(failure, HungUp) for _, failure in failures)
        takes = "http, not https"
        if self._settings.endpoints[0].startswith("https:"):
            takes = https_as_asked(self._settings.certificate)
        advice = f"  Is etcd running{f', and does it take {takes}' if hung_up else ''}?"
        return DatastoreError(f"Error accessing etcd at {', '.join(causes)}.{'' if not_etcd else advice}")

    def _unknown_outcome(self, lost: ReplyLost) -> DatastoreError:
        return self._error(
            str(lost),
            "It is not known whether the change was made: look before you run the command again.",
            lost.position,
        )


def created_index(node: RawNode) -> int:
    """Return the index at which a node was made; 0 if it does not tell."""
    index = node.get("createdIndex")
    return index if isinstance(index, int) else 0


def _too_long(failure: HungUp, method: str, key: str) -> NotEtcd | ReplyLost:
    """Return what it means that a server hung up on a request about a key (quoted) that is longer than etcd takes."""
    most = f"the key has {len(key):,} bytes, and etcd may take no more than {LONGEST_KEY:,}"
    return (NotEtcd if method == "GET" else ReplyLost)(f"{failure}; a name is too long: {most}")
