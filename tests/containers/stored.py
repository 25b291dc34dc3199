"""The traces of container commands in etcd, in a comparable form."""

from __future__ import annotations

import json
from typing import Any

from tests.etcd_server import EtcdServer


def state(etcd: EtcdServer) -> dict[str, Any]:
    """Every key with its value, without directories, the order of free addresses and MAC addresses."""
    found: dict[str, Any] = {}
    for key, text in etcd.keys("/calico").items():
        if key.endswith("/"):
            continue
        value: Any = json.loads(text) if text and text.startswith("{") else text
        if "/ipam/v2/assignment/" in key:
            value["unallocated"] = sorted(value["unallocated"])
        if "/endpoint/" in key:
            assert len(value.pop("mac").split(":")) == 6
        found[key] = value
    return found


def allocated(etcd: EtcdServer) -> dict[str, str | None]:
    """Every claimed address with its handle."""
    claims: dict[str, str | None] = {}
    for key, text in etcd.keys("/calico/ipam/v2/assignment").items():
        if not text:
            continue
        block = json.loads(text)
        address = block["cidr"].partition("/")[0]
        head, separator, last = address.rpartition("." if "." in address else ":")
        base = 10 if separator == "." else 16
        for ordinal, index in enumerate(block["allocations"]):
            if index is not None:
                number = int(last or "0", base) + ordinal
                shown = str(number) if base == 10 else format(number, "x")
                claims[f"{head}{separator}{shown}"] = block["attributes"][index]["handle_id"]
            else:
                assert ordinal in block["unallocated"], key
    return claims


def endpoints(etcd: EtcdServer) -> dict[str, Any]:
    """Every workload endpoint by its key below the hosts."""
    prefix = "/calico/v1/host/"
    return {key.removeprefix(prefix): json.loads(text) for key, text in etcd.keys(prefix).items() if text is not None}


def handles(etcd: EtcdServer) -> dict[str, Any]:
    """The counts of addresses by block, for every handle."""
    prefix = "/calico/ipam/v2/handle/"
    return {key.removeprefix(prefix): json.loads(text)["block"] for key, text in etcd.keys(prefix).items() if text}


def forget_empty_blocks(etcd: EtcdServer, before: dict[str, Any]) -> None:
    """Delete new blocks without claims and the affinities to them, which a host keeps."""
    for key, value in state(etcd).items():
        if key not in before and "/block/" in key and not (value and value["attributes"]):
            etcd.delete(key)
