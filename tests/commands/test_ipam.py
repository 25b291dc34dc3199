"""`calicoctl ipam`."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer

BLOCK = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26"
HANDLE = "/calico/ipam/v2/handle/k8s.1"


@pytest.fixture
def assigned(etcd: EtcdServer) -> EtcdServer:
    """Assign 10.0.0.0 as a CNI plugin does, with attributes and a handle, and 10.0.0.1 as legacy calicoctl does."""
    fields = {
        "affinity": "host:h1", "strict_affinity": False, "allocations": [0, 1] + [None] * 62,
        "unallocated": list(range(2, 64)), "cidr": "10.0.0.0/26",
        "attributes": [{"handle_id": "k8s.1", "secondary": {"pod": "web", "node": "h1"}},
                       {"handle_id": None, "secondary": {}}],
    }  # fmt: skip
    etcd.put(BLOCK, json.dumps(fields))
    etcd.put(HANDLE, '{"id": "k8s.1", "block": {"10.0.0.0/26": 1}}')
    return etcd


def test_info(calicoctl: Calicoctl, assigned: EtcdServer) -> None:
    index = assigned.index()
    for address, answer in (
        ("10.0.0.0", '{"pod": "web", "node": "h1"}\n'),
        ("10.0.0.1", "No attributes defined for 10.0.0.1\n"),
        ("10.0.0.2", "IP 10.0.0.2 is not currently assigned\n"),
        ("FD80::0:1", "IP fd80::1 is not currently assigned\n"),
    ):
        assert calicoctl("ipam", "info", address) == Result(0, answer, "")
    assert assigned.index() == index


def test_release(calicoctl: Calicoctl, assigned: EtcdServer) -> None:
    for address in ("10.0.0.0", "10.0.0.1"):
        assert calicoctl("ipam", "release", address) == Result(0, "Address successfully released\n", "")
    fields = json.loads(str(assigned.get(BLOCK)))
    assert (fields["allocations"], fields["attributes"]) == ([None] * 64, [])
    assert fields["unallocated"] == [*range(2, 64), 0, 1]
    assert assigned.get(HANDLE) is None


def test_release_unassigned_address(calicoctl: Calicoctl, assigned: EtcdServer) -> None:
    index = assigned.index()
    for address in ("10.0.0.2", "10.0.1.2"):
        assert calicoctl("ipam", "release", address) == Result(
            1, "", f"Failed to release address\nIP {address} is not currently assigned\n"
        )
    assert assigned.index() == index


@pytest.mark.parametrize("command", ["info", "release"])
def test_invalid_addresses(command: str, calicoctl: Calicoctl) -> None:
    for text in ("10", "10.0.0.0/8", "x"):
        answer = Result(1, "", f"Invalid IP address specified.\nValue provided is '{text}'\n")
        assert calicoctl("ipam", command, text) == answer


def test_unreadable_block(calicoctl: Calicoctl, assigned: EtcdServer) -> None:
    assigned.put(BLOCK, '{"cidr": "10.0.0.0/26"}')
    message = f"Cannot read {BLOCK}: attributes is not a list of objects.\n"
    assert calicoctl("ipam", "info", "10.0.0.0") == Result(1, "", message)


def test_release_address_with_unreadable_handle(calicoctl: Calicoctl, assigned: EtcdServer) -> None:
    assigned.put(HANDLE, "{")
    message = f"Cannot read {HANDLE}: it is not JSON.  IP 10.0.0.0 was released anyway.\n"
    assert calicoctl("ipam", "release", "10.0.0.0") == Result(1, "", message)
    assert json.loads(str(assigned.get(BLOCK)))["allocations"][0] is None
