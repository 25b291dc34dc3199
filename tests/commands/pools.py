"""Keys, results and helpers for the tests of pools."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy

V4, V6 = "/calico/v1/ipam/v4/pool", "/calico/v1/ipam/v6/pool"
REMOVED = "Disabling IP Pool\nRemoving IPAM configuration for pool\nDeleted IP Pool\n"


def said(text: str) -> Result:
    return Result(0, text, "")


def refused(text: str, stdout: str = "") -> Result:
    return Result(1, stdout, text)


def values(etcd: EtcdServer) -> dict[str, str | None]:
    return {key: value for key, value in etcd.keys("/calico").items() if not key.endswith("/")}


def methods(proxy: Proxy) -> str:
    return " ".join(request.split(" ")[0] for request in proxy.requests)


def block(cidr: str, host: str, claimed: bool) -> str:
    fields: dict[str, Any] = {
        "affinity": f"host:{host}", "strict_affinity": False,
        "allocations": [0 if claimed else None] + [None] * 63, "unallocated": list(range(1 if claimed else 0, 64)),
        "attributes": [{"handle_id": None, "secondary": {}}] if claimed else [], "cidr": cidr,
    }  # fmt: skip
    return json.dumps(fields)
