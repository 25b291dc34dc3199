"""The endpoints of an etcd cluster: which of them gets a request, and which errors end the attempts.

This module decides nothing about the outcome of a write. It raises ReplyLost, and the client finds out what happened.
"""

from __future__ import annotations

import time

from calicoctl.etcd.answers import EVENTS, NotEtcd, Refused, answer_of
from calicoctl.etcd.errors import DatastoreError
from calicoctl.etcd.settings import https_as_asked
from calicoctl.etcd.wire import LONGEST_KEY, Dropped, HungUp, ReplyLost, Unreachable, Unusable, number_of
from calicoctl.progress import Progress

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TextIO

    from calicoctl.etcd.settings import Settings
    from calicoctl.etcd.wire import Response, Wire

# The method for each action, as etcd names it in its response
_METHODS = {
    "get": "GET", "set": "PUT", "create": "PUT", "compareAndSwap": "PUT", "delete": "DELETE",
    "compareAndDelete": "DELETE",
}  # fmt: skip
_TRIES_OF_A_READ = 3


class Cluster:
    """Sends requests to the endpoints in turn, starting with the one that answered last.

    ``index`` is etcd's index from the latest response. ``remarks`` are messages for the operator.
    """

    def __init__(self, settings: Settings, terminal: TextIO | None, trace: Callable[[str], None] | None) -> None:
        """``terminal`` and ``trace`` as for ``Client``."""
        self.settings = settings
        self._progress = Progress(terminal)
        self._trace = trace
        self._wires: dict[int, Wire] = {}
        self._headers = settings.authorization()
        self._current = 0
        self.index = 0
        self.remarks: list[str] = []

    def close(self) -> None:
        """Close all connections that were kept open."""
        for wire in self._wires.values():
            wire.close()

    def remark(self, text: str) -> None:
        """Add a message for the operator, unless it was added before."""
        if text not in self.remarks:
            self.remarks.append(text)

    # Requests

    def read(self, key: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Read a key from the first endpoint that responds. Raises Refused, DatastoreError."""
        failures: dict[int, Exception] = {}
        deadline = time.monotonic() + self.settings.read_timeout
        positions = self._order()
        for _ in range(_TRIES_OF_A_READ):
            for position in positions:
                try:
                    with self._progress:
                        return self._exchange(position, "GET", key, query, ("get",))
                except (Unreachable, ReplyLost, NotEtcd) as failure:
                    failures[position] = failure
            # Only dropped connections are worth another attempt: servers restart, and firewalls drop idle connections.
            positions = [position for position in positions if isinstance(failures[position], Dropped)]
            if time.monotonic() >= deadline:
                break
        raise self._no_endpoint(list(failures.items()))

    def write(self, action: str, key: str, fields: Mapping[str, str] | str, lost: ReplyLost | None) -> dict[str, Any]:
        """Send a write to the first endpoint that can be reached.

        ``action`` is etcd's name for it; ``lost`` is the failure of the previous attempt, if any. Raises Refused,
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
                self._current = (position + 1) % len(self.settings.endpoints)  # the next one may work better
                raise
        raise self._no_endpoint(failures) if lost is None else self.unknown_outcome(lost)

    def event(self, key: str, index: int, seconds: float) -> dict[str, Any]:
        """Return the first change of a key at or after an index from the current endpoint; wait for one if needed.

        Makes one attempt. Raises Refused, Unreachable, ReplyLost, NotEtcd.
        """
        query = {"wait": "true", "waitIndex": str(index)}
        return self._exchange(self._current, "GET", key, query, EVENTS, seconds)

    def version(self) -> str:
        """Return what the first endpoint that responds says about its version. Raises DatastoreError."""
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

    def _order(self) -> list[int]:
        """Return the positions of the endpoints in the order of attempts: first the one that answered last."""
        count = len(self.settings.endpoints)
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
        """Send one request and return the checked response, which must be about this key and one of ``actions``.

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

    def _response(
        self, position: int, method: str, target: str, form: str | None = None, seconds: float | None = None
    ) -> Response:
        """Send one request, keep etcd's index, and trace the outcome. Raises Unreachable, ReplyLost, Unusable."""
        began = time.monotonic()
        try:
            response = self._wire(position).exchange(
                method, target, form, self._headers, seconds or self.settings.read_timeout
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
        """Return the wire of an endpoint; it is made on first use."""
        if position not in self._wires:
            endpoint = self.settings.endpoints[position]
            if endpoint.startswith("https:"):
                from calicoctl.etcd.https import HttpsWire

                self._wires[position] = HttpsWire(endpoint, self.settings, self._progress.count)
            else:
                from calicoctl.etcd.http import HttpWire

                self._warn_of_password()
                self._wires[position] = HttpWire(endpoint, self.settings.connect_timeout, self._progress.count)
        return self._wires[position]

    def _warn_of_password(self) -> None:
        if self._headers:
            self.remark("Warning: the password for etcd is sent over http, where others can read it. Use https.")

    def _show(self, position: int, method: str, target: str, form: str | None, outcome: str, began: float) -> None:
        """Trace a request without the value that it writes, which may be long or secret."""
        if self._trace is None:
            return
        condition = f" {form.partition('&')[2]}" if form and "&" in form else ""
        milliseconds = (time.monotonic() - began) * 1000
        endpoint = self.settings.endpoints[position]
        self._trace(f"etcd: {method} {target.removeprefix('/v2/keys')}{condition} at {endpoint}: {outcome}, "
                    f"{milliseconds:.1f} ms")  # fmt: skip

    # Errors

    def error(self, cause: str, advice: str = "", position: int | None = None) -> DatastoreError:
        """Return an error about the current endpoint, or the one at ``position``."""
        where = self.settings.endpoints[self._current if position is None else position]
        return DatastoreError(f"Error accessing etcd at {where} ({cause}).{'  ' + advice if advice else ''}")

    def _no_endpoint(self, failures: list[tuple[int, Any]]) -> DatastoreError:
        causes = [f"{self.settings.endpoints[position]} ({failure})" for position, failure in failures]
        not_etcd = any(isinstance(failure, NotEtcd) for _, failure in failures)
        hung_up = any(isinstance(failure, HungUp) for _, failure in failures)
        takes = "http, not https"
        if self.settings.endpoints[0].startswith("https:"):
            takes = https_as_asked(self.settings.certificate)
        advice = f"  Is etcd running{f', and does it take {takes}' if hung_up else ''}?"
        return DatastoreError(f"Error accessing etcd at {', '.join(causes)}.{'' if not_etcd else advice}")

    def unknown_outcome(self, lost: ReplyLost) -> DatastoreError:
        """Return the error for a write that may or may not have been applied."""
        return self.error(
            str(lost),
            "It is not known whether the change was made: check before you run the command again.",
            lost.position,
        )


def _too_long(failure: HungUp, method: str, key: str) -> NotEtcd | ReplyLost:
    """Return the error for a connection that was closed because the key (quoted) is too long for etcd."""
    most = f"the key has {len(key):,} bytes, and etcd may take no more than {LONGEST_KEY:,}"
    return (NotEtcd if method == "GET" else ReplyLost)(f"{failure}; a name is too long: {most}")
