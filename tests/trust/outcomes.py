"""What a command line does when nothing disturbs it: what every disturbed run is compared with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from tests.commands.resources import PROFILES, bar
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy
from tests.trust.commands import Row, run_row

Keys = dict[str, "str | None"]


class Outcome(NamedTuple):
    """The result, the keys before and after, how often etcd changed, and the requests in order."""

    result: Result
    before: Keys
    after: Keys
    changes: int
    requests: list[str]

    def writes(self) -> list[int]:
        """The numbers, from 1, of the requests that write."""
        return [number for number, request in enumerate(self.requests, 1) if not request.startswith("GET")]

    def interruptions(self, row: Row) -> list[str]:
        """What the row may say if it is interrupted: that all is denied too where it writes a profile's rules twice."""
        writes = [re.fullmatch(f"PUT /v2/keys{PROFILES}/(.+)/rules", request) for request in self.requests]
        names = [found[1] for found in writes if found]
        barred = sorted({name for name in names if names.count(name) == 2})
        bars = [bar(name, row.arguments[0]).replace(" stands ", " may stand ") for name in barred]
        return ["Aborted command.\n", *(f"Aborted command.  {text}\n" for text in bars)]


def fill(etcd: EtcdServer, keys: Mapping[str, str]) -> None:
    """Let etcd hold these keys and no others."""
    etcd.clear()
    for key, value in keys.items():
        etcd.put(key, value)


def undisturbed(row: Row, etcd: EtcdServer, calicoctl: Calicoctl) -> Outcome:
    """Run a row with a proxy that only counts."""
    fill(etcd, row.before)
    before, index = etcd.keys(), etcd.index()
    with Proxy(etcd) as proxy:
        result = run_row(row, calicoctl, {"ETCD_AUTHORITY": proxy.authority})
        requests = list(proxy.requests)
    return Outcome(result, before, etcd.keys(), etcd.index() - index, requests)
