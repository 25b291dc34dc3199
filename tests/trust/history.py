"""etcd's own history of every change below a directory, in the order in which etcd made them."""

from __future__ import annotations

import http.client
import json
import threading
from types import TracebackType
from typing import Any, NamedTuple

from tests.etcd_server import EtcdServer

_SECONDS = 60.0


class Event(NamedTuple):
    """A change: at which index of etcd, the key, and the values before and after; None for none or a directory."""

    at: int
    key: str
    before: str | None
    after: str | None


class History:
    """Records every change below `/calico`, as it happens; a context manager, whole once its block has ended."""

    def __init__(self, etcd: EtcdServer) -> None:
        self.events: list[Event] = []
        self._etcd = etcd
        self._next = 0
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._record, daemon=True)

    def __enter__(self) -> History:
        self._next = self._etcd.index() + 1
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._etcd.put("/calico/end-of-the-history", "x")
        self._thread.join(_SECONDS)
        if error is None and (self._failure or self._thread.is_alive()):
            raise AssertionError("the history is not whole") from self._failure

    def _record(self) -> None:
        connection = http.client.HTTPConnection(self._etcd.endpoint, timeout=_SECONDS)
        try:
            while True:
                connection.request("GET", f"/v2/keys/calico?wait=true&recursive=true&waitIndex={self._next}")
                event: dict[str, Any] = json.loads(connection.getresponse().read())
                node, before = event["node"], event.get("prevNode", {})
                if node["key"] == "/calico/end-of-the-history":
                    return
                self.events.append(Event(node["modifiedIndex"], node["key"], before.get("value"), node.get("value")))
                self._next = node["modifiedIndex"] + 1
        except BaseException as failure:
            self._failure = failure
        finally:
            connection.close()
