"""etcd's own history of all changes below a directory, in the order of etcd."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from types import TracebackType
from typing import Any, NamedTuple

from tests.etcd_server import EtcdServer

_SECONDS = 60.0
_END = "/calico/end-of-the-history"


class Event(NamedTuple):
    """A change: its index in etcd, the key, and the values before and after; None for no key or a directory."""

    at: int
    key: str
    before: str | None
    after: str | None


class History:
    """Records every change below `/calico`; a context manager, complete once its block has ended.

    A separate process does the recording: etcd keeps only 1,000 events, and a thread could not keep up with a hundred
    writers.
    """

    def __init__(self, etcd: EtcdServer) -> None:
        self.events: list[Event] = []
        self._etcd = etcd

    def __enter__(self) -> History:
        command = [sys.executable, "-m", "tests.trust.history", self._etcd.endpoint, str(self._etcd.index() + 1)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._etcd.put(_END, "x")
        try:
            lines = self._process.communicate(timeout=_SECONDS)[0].splitlines()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            lines = []
        self.events = [Event(*json.loads(line)) for line in lines]
        if error is None:
            assert self._process.returncode == 0, "the history is incomplete"


def record(endpoint: str, index: int) -> None:
    """Print the changes from an index on, one JSON line each, until the end mark is written."""
    connection = http.client.HTTPConnection(endpoint, timeout=_SECONDS)
    events = []
    while True:
        connection.request("GET", f"/v2/keys/calico?wait=true&recursive=true&waitIndex={index}")
        event: dict[str, Any] = json.loads(connection.getresponse().read())
        node, before = event["node"], event.get("prevNode", {})
        if node["key"] == _END:
            break
        index = node["modifiedIndex"] + 1
        events.append(Event(node["modifiedIndex"], node["key"], before.get("value"), node.get("value")))
    # Print only at the end: nobody reads earlier, and a full pipe would block the recording.
    print("\n".join(map(json.dumps, events)))


if __name__ == "__main__":
    record(sys.argv[1], int(sys.argv[2]))
