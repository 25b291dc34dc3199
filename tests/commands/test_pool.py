"""calicoctl pool."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from calicoctl.commands import pool as pool_command
from calicoctl.datastore.blocks import Blocks
from calicoctl.datastore.pools import PoolNode, Pools
from calicoctl.etcd.client import Client
from calicoctl.etcd.errors import DatastoreError
from calicoctl.model.address import Address
from calicoctl.model.network import Network
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request, drop_reply, drop_request

V4, V6 = "/calico/v1/ipam/v4/pool", "/calico/v1/ipam/v6/pool"
REMOVED = "Disabling IP Pool\nRemoving IPAM configuration for pool\nDeleted IP Pool\n"


def said(text: str) -> Result:
    return Result(0, text, "")


def refused(text: str, stdout: str = "") -> Result:
    return Result(1, stdout, text)


def values(etcd: EtcdServer) -> dict[str, str | None]:
    return {key: value for key, value in etcd.keys("/calico").items() if not key.endswith("/")}


# Adding


def test_pools_of_both_versions_go_where_they_belong(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("pool", "add", "10.0.3.4/16", "FD80::1/64", "--nat-outgoing") == said("")
    assert values(etcd) == {
        f"{V4}/10.0.0.0-16": '{"masquerade": true, "cidr": "10.0.0.0/16"}',
        f"{V6}/fd80::-64": '{"masquerade": true, "cidr": "fd80::/64"}',
    }


def test_ipip_is_switched_on(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/config/IpInIpEnabled", "false")
    assert calicoctl("pool", "add", "10.0.0.0/16", "--ipip") == said("")
    assert values(etcd) == {
        "/calico/v1/config/IpInIpEnabled": "true",
        f"{V4}/10.0.0.0-16": '{"cidr": "10.0.0.0/16", "ipip": "tunl0"}',
    }


def test_adding_again_changes_the_options_and_keeps_the_rest(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/10.0.0.0-16", '{"cidr": "10.0.0.0/16", "ipip": "tunl0", "later": 1, "disabled": true}')
    assert calicoctl("pool", "add", "10.0.0.0/16", "--nat-outgoing") == said("")
    assert etcd.get(f"{V4}/10.0.0.0-16") == '{"masquerade": true, "cidr": "10.0.0.0/16", "later": 1}'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["10.0.0.0/16", "x", "y"], "Invalid CIDR specified x\n"),
        (["fd80::/64", "--ipip"], "IP in IP not supported for IPv6 pools\n"),
        (["10.1.0.0/27"],
         "An IPv4 pool must have a prefix length of 26 or lower.\nGiven: 10.1.0.0/27.\nNo pools added.\n"),
        (["fd80::/123"],
         "An IPv6 pool must have a prefix length of 122 or lower.\nGiven: fd80::/123.\nNo pools added.\n"),
        (["10.9.0.0/16", "192.168.8.0/24"],
         "Cannot add IP pool 192.168.8.0/24 - pool overlaps with an existing pool 192.168.0.0/16\n"),
        (["10.9.0.0/16", "10.9.1.0/24"],
         "Cannot add IP pool 10.9.1.0/24 - pool overlaps with another new pool 10.9.0.0/16\n"),
    ],
)  # fmt: skip
def test_pools_that_are_refused(arguments: list[str], message: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/192.168.0.0-16", '{"cidr": "192.168.0.0/16"}')
    index = etcd.index()
    assert calicoctl("pool", "add", *arguments) == refused(message)
    assert etcd.index() == index


def test_ranges(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("pool", "range", "add", "10.0.0.64", "10.0.1.255") == said("")
    assert list(values(etcd)) == [f"{V4}/10.0.0.128-25", f"{V4}/10.0.0.64-26", f"{V4}/10.0.1.0-24"]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("x", "10.0.0.1", "Invalid START_IP specified.\nValue provided is 'x'\n"),
        ("10.0.0.1", "10.0.0.0/8", "Invalid END_IP specified.\nValue provided is '10.0.0.0/8'\n"),
        ("10.0.0.1", "::1", "START_IP and END_IP must be the same ip version\n"),
        ("10.0.0.1", "10.0.0.1", "START_IP must be a smaller ip address than END_IP\n"),
        ("192.167.0.0", "192.168.0.63", "Cannot add range - range conflicts with pool 192.168.0.0/16\n"),
        ("192.168.3.0", "192.168.3.63", "Cannot add range - range conflicts with pool 192.168.0.0/16\n"),
        ("10.0.0.0", "10.0.0.64",
         "IPv4 ranges are split into pools, with the smallest pool size allowed having a prefix length of /26. One or "
         "more of the generated pools is too small (prefix length is too high).\nRange given: 10.0.0.0 - 10.0.0.64\n"
         "Pools: ['10.0.0.0/26', '10.0.0.64/32']\nNo pools added.\n"),
    ],
)  # fmt: skip
def test_ranges_that_are_refused(start: str, end: str, message: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/192.168.0.0-16", '{"cidr": "192.168.0.0/16"}')
    index = etcd.index()
    assert calicoctl("pool", "range", "add", start, end) == refused(message)
    assert etcd.index() == index


def first(action: Callable[[], object]) -> Behaviour:
    """Let somebody else act before the request is passed on."""

    def behaviour(request: Request) -> bytes | None:
        action()
        return request.forward()

    return behaviour


def methods(proxy: Proxy) -> str:
    return " ".join(request.split(" ")[0] for request in proxy.requests)


def test_an_overlapping_pool_of_somebody_who_was_faster(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    def others() -> None:
        etcd.put(f"{V4}/10.1.0.0-16", '{"cidr": "10.1.0.0/16"}')
        etcd.put(f"{V4}/10.1.2.0-24", '{"cidr": "10.1.2.0/24"}')

    proxy.at(3, first(others))
    message = "Cannot add IP pool 10.1.0.0/16 - pool overlaps with an existing pool 10.1.2.0/24"
    answer = calicoctl("pool", "add", "10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16")
    assert answer == refused(f"{message}  Added before that: 10.0.0.0/16.\n")
    assert list(values(etcd)) == [f"{V4}/10.0.0.0-16", f"{V4}/10.1.0.0-16", f"{V4}/10.1.2.0-24"]
    assert methods(proxy) == "GET PUT PUT GET"


def test_the_same_pool_of_somebody_who_was_faster(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, first(lambda: etcd.put(f"{V4}/10.0.0.0-16", '{"cidr": "10.0.0.0/16", "later": 1}')))
    assert calicoctl("pool", "add", "10.0.0.0/16", "--nat-outgoing") == said("")
    assert etcd.get(f"{V4}/10.0.0.0-16") == '{"masquerade": true, "cidr": "10.0.0.0/16", "later": 1}'
    assert methods(proxy) == "GET PUT GET GET PUT"


@pytest.mark.parametrize(("options", "status"), [("", 0), (', "ipip": "tunl0"', 1)])
def test_a_pool_of_a_range_of_somebody_who_was_faster(
    options: str, status: int, calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    theirs = f'{{"cidr": "10.0.1.0/24"{options}}}'
    proxy.at(4, first(lambda: etcd.put(f"{V4}/10.0.1.0-24", theirs)))
    answer = calicoctl("pool", "range", "add", "10.0.0.64", "10.0.1.255")
    message = (
        "Cannot add range - range conflicts with pool 10.0.0.64/26  Added before that: 10.0.0.64/26, 10.0.0.128/25.\n"
    )
    assert answer == (refused(message) if status else said(""))
    assert list(values(etcd)) == [f"{V4}/10.0.0.128-25", f"{V4}/10.0.0.64-26", f"{V4}/10.0.1.0-24"]
    assert etcd.get(f"{V4}/10.0.1.0-24") == theirs


INNER = (f"{V4}/10.1.2.0-24", '{"cidr": "10.1.2.0/24"}')


def test_an_overlapping_pool_that_others_made_while_ours_was_written(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    proxy.at(3, first(lambda: etcd.put(*INNER)))
    message = "Cannot add IP pool 10.1.0.0/16 - pool overlaps with an existing pool 10.1.2.0/24"
    answer = calicoctl("pool", "add", "10.0.0.0/16", "10.1.0.0/16")
    assert answer == refused(f"{message}  Added before that: 10.0.0.0/16.\n")
    assert list(values(etcd)) == [f"{V4}/10.0.0.0-16", f"{V4}/10.1.2.0-24"]
    assert methods(proxy) == "GET PUT PUT GET DELETE"


def test_an_overlapping_pool_that_others_made_while_a_range_was_written(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    proxy.at(2, first(lambda: etcd.put(*INNER)))
    message = "Cannot add range - range conflicts with pool 10.1.2.0/24  Added before that: 10.2.0.0/16.\n"
    assert calicoctl("pool", "range", "add", "10.1.0.0", "10.2.255.255") == refused(message)
    assert list(values(etcd)) == [f"{V4}/10.1.2.0-24", f"{V4}/10.2.0.0-16"]


def test_the_older_of_two_overlapping_pools_stays(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    proxy.at(3, first(lambda: etcd.put(*INNER)))
    assert calicoctl("pool", "add", "10.1.0.0/16") == said("")
    assert list(values(etcd)) == [f"{V4}/10.1.0.0-16", f"{V4}/10.1.2.0-24"]


def test_a_pool_that_is_to_be_taken_back_while_others_change_it(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    other = (f"{V4}/10.1.0.0-16", '{"cidr": "10.1.0.0/16", "later": 1}')
    proxy.at(2, first(lambda: etcd.put(*INNER)))
    proxy.at(4, first(lambda: etcd.put(*other)))
    assert calicoctl("pool", "add", "10.1.0.0/16").status == 1
    assert list(values(etcd)) == [f"{V4}/10.1.2.0-24"]
    assert methods(proxy) == "GET PUT GET DELETE GET DELETE"


def test_a_pool_that_others_change_before_every_try_to_take_it_back(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_before(request: Request) -> bytes | None:
        if request.method == "DELETE":
            etcd.put(f"{V4}/10.1.0.0-16", '{"cidr": "10.1.0.0/16"}')
        return request.forward()

    monkeypatch.setattr("calicoctl.datastore.edit.MOST_SECONDS", 0.3)
    proxy.at(2, first(lambda: etcd.put(*INNER)))
    proxy.since(3, change_before)
    answer = calicoctl("pool", "add", "10.1.0.0/16")
    assert (answer.status, answer.stdout) == (1, "")
    assert re.search(
        r"Others have changed /calico/v1/ipam before each of [0-9]+ tries within 0\.3 s, so this command gave up\. "
        r"Run it again when they are done\.",
        answer.stderr,
    )
    assert len(proxy.requests) < 100


def test_two_overlapping_pools_at_once(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    cidrs = ["10.80.0.0/16", "10.80.5.0/24"]
    for _ in range(4):
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda cidr: calicoctl.process("pool", "add", cidr), cidrs))
        assert sorted(answer.status for answer in answers) == [0, 1]
        (left,) = values(etcd)
        assert left == f"{V4}/{cidrs[[answer.status for answer in answers].index(0)].replace('/', '-')}"
        etcd.delete(left)


def test_a_directory_in_the_place_of_a_pool(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.mkdir(f"{V4}/10.0.0.0-16")
    complaint = f"Cannot read {V4}/10.0.0.0-16: it is a directory.\n"
    for line in (("pool", "add", "10.0.0.0/16"), ("pool", "remove", "10.0.0.0/16")):
        assert calicoctl(*line) == refused(complaint)
    overlap = calicoctl("pool", "add", "10.0.1.0/24")
    assert (overlap.status, etcd.keys()) == (1, {f"{V4}/10.0.0.0-16/": None})
    shown = calicoctl("pool", "show", "--ipv4")
    assert (shown.status, shown.stderr) == (1, complaint)


# Pools that cannot be read

UNREADABLE = f"Cannot read {V4}/10.9.0.0-16: it is not JSON.\n"
NAMELESS = f"Cannot read {V4}/x: it is not JSON.\n"


@pytest.fixture
def unreadable(etcd: EtcdServer) -> EtcdServer:
    """Two pools that cannot be read, one under a key that names no network, and one in order."""
    etcd.put(f"{V4}/10.9.0.0-16", "{")
    etcd.put(f"{V4}/x", "{")
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24"}')
    return etcd


def test_other_pools_are_added_beside_one_that_cannot_be_read(calicoctl: Calicoctl, unreadable: EtcdServer) -> None:
    assert calicoctl("pool", "add", "10.1.0.0/16") == Result(1, "", UNREADABLE + NAMELESS)
    assert unreadable.get(f"{V4}/10.1.0.0-16") == '{"cidr": "10.1.0.0/16"}'
    assert calicoctl("pool", "range", "add", "10.2.0.0", "10.2.255.255") == Result(1, "", UNREADABLE + NAMELESS)
    assert unreadable.get(f"{V4}/10.2.0.0-16") == '{"cidr": "10.2.0.0/16"}'


def test_other_pools_are_removed_beside_one_that_cannot_be_read(calicoctl: Calicoctl, unreadable: EtcdServer) -> None:
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == Result(1, REMOVED, UNREADABLE + NAMELESS)
    assert list(values(unreadable)) == [f"{V4}/10.9.0.0-16", f"{V4}/x"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["add", "10.9.1.0/24"], UNREADABLE + NAMELESS
         + "Cannot add IP pool 10.9.1.0/24 - pool overlaps with an existing pool 10.9.0.0/16\n"),
        (["range", "add", "10.9.1.0", "10.9.1.255"], UNREADABLE + NAMELESS
         + "Cannot add range - range conflicts with pool 10.9.0.0/16\n"),
        (["add", "10.1.0.0/16", "10.9.0.0/16"], UNREADABLE),
        (["range", "add", "10.9.0.0", "10.9.255.255"], UNREADABLE),
        (["remove", "10.0.0.0/24", "10.9.0.0/16", "--wait=0"], UNREADABLE),
        (["remove", "10.3.0.0/16"], "10.3.0.0/16 is not a configured pool.\n"),
    ],
)  # fmt: skip
def test_a_pool_that_cannot_be_read_is_judged_by_its_key(
    command: list[str], message: str, calicoctl: Calicoctl, unreadable: EtcdServer
) -> None:
    index = unreadable.index()
    assert calicoctl("pool", *command) == refused(message)
    assert unreadable.index() == index


# Showing


def test_show(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/9.0.0.0-16", '{"cidr": "9.0.0.0/16", "ipip": "tunl0", "masquerade": true}')
    etcd.put(f"{V4}/10.0.0.0-16", '{"cidr": "10.0.0.0/16", "disabled": true}')
    etcd.put(f"{V4}/fd80::-64", '{"cidr": "fd80::/64", "masquerade": true}')  # where legacy could put it
    ipv4 = (
        "+-------------+-------------------+\n"
        "|  IPv4 CIDR  |      Options      |\n"
        "+-------------+-------------------+\n"
        "| 10.0.0.0/16 |      disabled     |\n"
        "|  9.0.0.0/16 | ipip,nat-outgoing |\n"
        "+-------------+-------------------+\n"
    )
    ipv6 = (
        "+-----------+--------------+\n"
        "| IPv6 CIDR |   Options    |\n"
        "+-----------+--------------+\n"
        "| fd80::/64 | nat-outgoing |\n"
        "+-----------+--------------+\n"
    )
    assert calicoctl("pool", "show") == said(ipv4 + ipv6)
    assert calicoctl("pool", "show", "--ipv4") == said(ipv4)
    assert calicoctl("pool", "show", "--ipv6") == said(ipv6)


def test_a_pool_that_cannot_be_read_is_named_and_the_rest_shown(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/9.0.0.0-16", "{")
    etcd.put(f"{V4}/10.0.0.0-16", '{"cidr": "10.0.0.0/16"}')
    answer = calicoctl("pool", "show", "--ipv4")
    assert (answer.status, answer.stderr) == (1, f"Cannot read {V4}/9.0.0.0-16: it is not JSON.\n")
    assert "10.0.0.0/16" in answer.stdout


# Removing


def block(cidr: str, host: str, claimed: bool) -> str:
    fields: dict[str, Any] = {
        "affinity": f"host:{host}", "strict_affinity": False,
        "allocations": [0 if claimed else None] + [None] * 63, "unallocated": list(range(1 if claimed else 0, 64)),
        "attributes": [{"handle_id": None, "secondary": {}}] if claimed else [], "cidr": cidr,
    }  # fmt: skip
    return json.dumps(fields)


@pytest.fixture
def in_use(etcd: EtcdServer) -> EtcdServer:
    """A pool with a block in use, an empty block and an affinity without a block, and a block of another pool."""
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24", "masquerade": true, "later": 1}')
    etcd.put(f"{V4}/10.1.0.0-24", '{"cidr": "10.1.0.0/24"}')
    blocks = (("10.0.0.0/26", "h1", True), ("10.0.0.64/26", "h2", False), ("10.1.0.0/26", "h1", False))
    for cidr, host, claimed in blocks:
        etcd.put(f"/calico/ipam/v2/assignment/ipv4/block/{cidr.replace('/', '-')}", block(cidr, host, claimed))
        etcd.put(f"/calico/ipam/v2/host/{host}/ipv4/block/{cidr.replace('/', '-')}", "")
    etcd.put("/calico/ipam/v2/host/h3/ipv4/block/10.0.0.128-26", "")
    return etcd


def test_removing_empties_the_affinities(calicoctl: Calicoctl, in_use: EtcdServer) -> None:
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    left = values(in_use)
    kept = json.loads(left.pop("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26") or "")
    assert (kept["affinity"], kept["allocations"][0]) == ("", 0)
    assert list(left) == [
        "/calico/ipam/v2/assignment/ipv4/block/10.1.0.0-26",
        "/calico/ipam/v2/host/h1/ipv4/block/10.1.0.0-26",
        f"{V4}/10.1.0.0-24",
    ]


def test_removing_reads_nothing_twice(calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy) -> None:
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    blocks, affinities = "/v2/keys/calico/ipam/v2/assignment/ipv4/block", "/v2/keys/calico/ipam/v2/host"
    assert proxy.requests == [
        "GET /v2/keys/calico/v1/ipam",
        f"PUT /v2/keys{V4}/10.0.0.0-24",
        f"GET {blocks}",
        f"PUT {blocks}/10.0.0.0-26",
        f"DELETE {blocks}/10.0.0.64-26",
        f"GET {affinities}",
        f"DELETE {affinities}/h1/ipv4/block/10.0.0.0-26",
        f"DELETE {affinities}/h2/ipv4/block/10.0.0.64-26",
        f"DELETE {affinities}/h3/ipv4/block/10.0.0.128-26",
        f"DELETE /v2/keys{V4}/10.0.0.0-24",
    ]


def test_removing_while_others_change_the_blocks(calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy) -> None:
    blocks = "/calico/ipam/v2/assignment/ipv4/block"
    affinity = "/calico/ipam/v2/host/h2/ipv4/block/10.0.0.64-26"
    proxy.at(4, first(lambda: in_use.delete(f"{blocks}/10.0.0.0-26")))
    proxy.at(6, first(lambda: in_use.put(f"{blocks}/10.0.0.64-26", block("10.0.0.64/26", "h3", True))))
    proxy.at(10, first(lambda: in_use.put(affinity, "")))
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    assert methods(proxy) == "GET PUT GET PUT GET DELETE GET PUT GET DELETE DELETE DELETE DELETE"
    kept = json.loads(str(in_use.get(f"{blocks}/10.0.0.64-26")))
    assert (kept["affinity"], kept["allocations"][0]) == ("", 0)
    left = [key for key in values(in_use) if "10.0.0" in key]
    assert left == [f"{blocks}/10.0.0.64-26", affinity]  # one that is made anew is somebody's who has just come


def test_removing_a_block_of_a_host_that_etcd_hides(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24"}')
    etcd.put("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26", block("10.0.0.0/26", "_h", False))
    etcd.put("/calico/ipam/v2/host/_h/ipv4/block/10.0.0.0-26", "")
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    assert etcd.get("/calico/ipam/v2/host/_h/ipv4/block/10.0.0.0-26") is None


def test_removing_what_was_changed_since_the_first_reading(
    calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy
) -> None:
    proxy.at(2, first(lambda: in_use.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24", "ipip": "tunl0"}')))
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    complaint = "Somebody else has changed pool 10.0.0.0/24 meanwhile. Trying again.\n"
    assert answer == Result(0, "Disabling IP Pool\n" + REMOVED, complaint)
    assert methods(proxy).startswith("GET PUT GET PUT GET ")


def test_a_pool_enabled_after_a_lost_reply_is_not_deleted_unseen(
    calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy
) -> None:
    def lose_and_enable(request: Request) -> bytes | None:
        request.forward()
        in_use.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24", "ipip": "tunl0"}')
        return None

    proxy.at(2, lose_and_enable)
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    complaint = "Somebody else has changed pool 10.0.0.0/24 meanwhile. Trying again.\n"
    assert answer == Result(0, "Disabling IP Pool\nRemoving IPAM configuration for pool\n" + REMOVED, complaint)


def test_a_removal_whose_first_write_s_reply_was_lost(calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, drop_reply)
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    assert methods(proxy).startswith("GET PUT GET GET GET PUT ")  # state, history, the blocks


def test_a_disabled_pool_that_is_enabled_while_another_is_removed(
    calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy
) -> None:
    in_use.put(f"{V4}/10.1.0.0-24", '{"cidr": "10.1.0.0/24", "disabled": true}')
    enabled = '{"cidr": "10.1.0.0/24"}'
    proxy.at(3, first(lambda: in_use.put(f"{V4}/10.1.0.0-24", enabled)))
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "10.1.0.0/24", "--wait=0")
    complaint = "Somebody else has changed pool 10.1.0.0/24 meanwhile. Trying again.\n"
    assert answer == Result(0, REMOVED + "Disabling IP Pool\n" + REMOVED, complaint)


def test_the_wait(calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []

    def wait(seconds: float) -> None:
        assert json.loads(str(in_use.get(f"{V4}/10.0.0.0-24")))["disabled"] is True
        assert len([key for key in values(in_use) if "/assignment/" in key]) == 3
        waits.append(seconds)

    monkeypatch.setattr(pool_command, "wait", wait)
    answer = calicoctl("pool", "remove", "10.0.0.0/24")
    assert answer == Result(0, REMOVED, "Waiting 3 s for address assignments in progress (see --wait).\n")
    assert waits == [3.0]


@pytest.mark.parametrize("wait", ["x", "-1", "1e3", "3601", ""])
def test_waits_that_are_none(wait: str, calicoctl: Calicoctl, in_use: EtcdServer) -> None:
    index = in_use.index()
    answer = calicoctl("pool", "remove", "10.0.0.0/24", f"--wait={wait}")
    assert answer == refused(
        f"Invalid wait specified.\nValue provided is '{wait}'; expecting seconds, from 0 to 3600\n"
    )
    assert in_use.index() == index


def test_removing_what_is_not_there(calicoctl: Calicoctl, in_use: EtcdServer) -> None:
    index = in_use.index()
    missing = "10.0.0.0/25 is not a configured pool.\n10.9.0.0/24 is not a configured pool.\n"
    assert calicoctl("pool", "remove", "10.0.0.0/25", "10.9.0.0/24", "--wait=0") == refused(missing)
    assert calicoctl("pool", "remove", "10.1.0.0/24", "x", "--wait=0") == refused("Invalid CIDR specified x\n")
    assert in_use.index() == index


def test_removing_pools_of_which_some_are_gone_already(calicoctl: Calicoctl, in_use: EtcdServer) -> None:
    """So it is when a command that was interrupted is given again."""
    missing = "10.0.0.0/25 is not a configured pool.\n"
    result = calicoctl("pool", "remove", "10.0.0.0/25", "10.1.0.0/24", "--wait=0")
    assert result == Result(1, REMOVED, missing)
    assert "10.1.0.0/24" not in calicoctl("pool", "show").stdout


def test_a_removal_that_fails_says_what_was_done_and_what_was_missing(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    calicoctl("pool", "add", "10.1.0.0/24", "10.2.0.0/24")
    proxy.reset()
    assert calicoctl("pool", "remove", "10.1.0.0/24", "--wait=0").status == 0
    one_removal = len(proxy.requests)
    calicoctl("pool", "add", "10.1.0.0/24")
    proxy.reset()
    proxy.since(one_removal + 1, drop_request)  # the list of pools is read once for both
    result = calicoctl("pool", "remove", "10.1.0.0/24", "10.9.0.0/24", "10.2.0.0/24", "--wait=0")
    assert result.status == 1
    end = "  Removed before that: 10.1.0.0/24.\n10.9.0.0/24 is not a configured pool.\n"
    assert result.stderr.endswith(end), result.stderr
    assert f"{V4}/10.1.0.0-24" not in etcd.keys()


def test_removing_a_pool_that_legacy_put_in_the_wrong_place(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/fd80::-64", '{"cidr": "fd80::/64"}')
    etcd.put(f"{V6}/fd80::-64", '{"cidr": "fd80::/64"}')
    assert calicoctl("pool", "remove", "fd80::/64", "--wait=0") == said(REMOVED * 2)
    assert values(etcd) == {}


@pytest.mark.parametrize("failure", [DatastoreError("etcd has gone"), KeyboardInterrupt()])
def test_a_failed_removal_does_not_leave_the_pool_disabled(
    failure: BaseException, calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = values(in_use)

    def fail(*arguments: object) -> None:
        assert json.loads(str(in_use.get(f"{V4}/10.0.0.0-24")))["disabled"] is True
        raise failure

    monkeypatch.setattr(Blocks, "release_affinity", fail)
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    assert answer.status == (130 if isinstance(failure, KeyboardInterrupt) else 1)
    assert answer.stderr in ("etcd has gone\n", "Aborted command.\n")
    assert values(in_use) == before


def test_a_conflict_is_retried(calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    release = pool_command._release_blocks
    changes: list[int] = []

    def change_meanwhile(*arguments: Any) -> None:
        if not changes:
            changes.append(1)
            in_use.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24", "ipip": "tunl0"}')
        release(*arguments)

    monkeypatch.setattr(pool_command, "_release_blocks", change_meanwhile)
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    assert answer == Result(
        0,
        "Disabling IP Pool\nRemoving IPAM configuration for pool\n" + REMOVED,
        "Somebody else has changed pool 10.0.0.0/24 meanwhile. Trying again.\n",
    )
    assert f"{V4}/10.0.0.0-24" not in values(in_use)


def test_conflicts_without_end(calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = '{"cidr": "10.0.0.0/24"}'
    monkeypatch.setattr(pool_command, "_release_blocks", lambda *_: in_use.put(f"{V4}/10.0.0.0-24", pool))
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    assert answer.status == 1
    assert answer.stderr.endswith(
        "Conflicting modifications have been made to the IPAM configuration for this\npool.  Please retry the "
        "command.\n\n"
    )
    assert in_use.get(f"{V4}/10.0.0.0-24") == pool


def test_pools_that_are_not_to_be_assigned_from(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24", "disabled": true}')
    etcd.put(f"{V4}/10.1.0.0-24", '{"cidr": "10.1.0.0/24", "ipam": false}')
    from calicoctl.commands.address_choice import AddressChoice
    from calicoctl.datastore.ipam import Ipam
    from calicoctl.environment import Environment
    from calicoctl.errors import CommandError
    from tests.conftest import _stream

    environment = Environment(calicoctl.environ, None, _stream(), _stream())
    ipam = Ipam(environment.client(), "h1")
    index = etcd.index()
    for wanted, message in (
        ("ipv4", "Failed to allocate any IPs (requested 1 IPv4s and 0 IPv6s). Pools are likely exhausted."),
        ("10.0.0.0/24", "Invalid CIDR specified for desired pool. No pool found for 10.0.0.0/24.\n"
                        "The pool exists, but no addresses may be assigned from it.\n"),
        ("10.1.0.0/24", "Invalid CIDR specified for desired pool. No pool found for 10.1.0.0/24.\n"
                        "The pool exists, but no addresses may be assigned from it.\n"),
        ("10.0.0.9", "10.0.0.9 is not in any configured pools\nPool 10.0.0.0/24 is disabled."),
    ):  # fmt: skip
        with pytest.raises(CommandError) as caught:
            AddressChoice(wanted, environment).claim(ipam, "w", [])
        assert caught.value.message == message
    assert etcd.index() == index
    assert str(AddressChoice("10.1.0.9", environment).claim(ipam, "w", [])) == "10.1.0.9"


@pytest.mark.parametrize(
    "inner", ['{"cidr": "10.0.0.0/25", "disabled": true}', '{"cidr": "10.0.0.0/25", "ipam": false}', "{"]
)
def test_no_addresses_of_a_pool_within_a_pool_that_is_not_to_be_assigned_from(
    inner: str, calicoctl: Calicoctl, etcd: EtcdServer
) -> None:
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24"}')
    etcd.put(f"{V4}/10.0.0.0-25", inner)
    for host, cidr in (("h1", "10.0.0.0-26"), ("h2", "10.0.0.64-26")):
        etcd.put(f"/calico/ipam/v2/assignment/ipv4/block/{cidr}", block(cidr.replace("-", "/"), host, False))
        etcd.put(f"/calico/ipam/v2/host/{host}/ipv4/block/{cidr}", "")
    from calicoctl.commands.address_choice import AddressChoice
    from calicoctl.datastore.ipam import Ipam
    from calicoctl.environment import Environment
    from calicoctl.errors import CommandError
    from tests.conftest import _stream

    environment = Environment(calicoctl.environ, None, _stream(), _stream())
    ipam = Ipam(environment.client(), "h1")
    choice, of_outer = AddressChoice("ipv4", environment), AddressChoice("10.0.0.0/24", environment)
    closed, open_ = Address.parse("10.0.0.9"), Address.parse("10.0.0.130")
    assert choice.claim(ipam, "w", [closed, open_]) == open_  # of the claims that were left behind
    given = [(choice, of_outer)[number % 2].claim(ipam, "w", []) for number in range(128)]
    assert {address.value // 64 * 64 & 255 for address in given} == {128, 192}
    with pytest.raises(CommandError, match="Pools are likely exhausted"):
        choice.claim(ipam, "w", [])


def test_an_address_by_name_of_a_pool_within_a_pool(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24"}')
    etcd.put(f"{V4}/10.0.0.0-25", '{"cidr": "10.0.0.0/25", "disabled": true}')
    etcd.put(f"{V4}/10.0.0.64-28", '{"cidr": "10.0.0.64/28"}')
    from calicoctl.commands.address_choice import AddressChoice
    from calicoctl.datastore.ipam import Ipam
    from calicoctl.environment import Environment
    from calicoctl.errors import CommandError
    from tests.conftest import _stream

    environment = Environment(calicoctl.environ, None, _stream(), _stream())
    ipam = Ipam(environment.client(), "h1")
    index = etcd.index()
    with pytest.raises(CommandError) as caught:
        AddressChoice("10.0.0.9", environment).claim(ipam, "w", [])
    assert caught.value.message == "10.0.0.9 is not in any configured pools\nPool 10.0.0.0/25 is disabled."
    assert etcd.index() == index
    for wanted in ("10.0.0.65", "10.0.0.130"):
        assert str(AddressChoice(wanted, environment).claim(ipam, "w", [])) == wanted


def test_a_pool_that_legacy_has_stored_twice_is_in_use_if_one_of_them_is(
    calicoctl: Calicoctl, etcd: EtcdServer
) -> None:
    from calicoctl.commands.address_choice import AddressChoice
    from calicoctl.datastore.ipam import Ipam
    from calicoctl.environment import Environment
    from tests.conftest import _stream

    one, other = '{"cidr": "fd90::/64", "disabled": true}', '{"cidr": "fd90::/64"}'
    for in_v4, in_v6 in ((one, other), (other, one)):
        etcd.put(f"{V4}/fd90::-64", in_v4)
        etcd.put(f"{V6}/fd90::-64", in_v6)
        for wanted in ["ipv6"] + ["fd90::/64"] * 8:  # etcd lists the two in any order
            environment = Environment(calicoctl.environ, None, _stream(), _stream())
            address = AddressChoice(wanted, environment).claim(Ipam(environment.client(), "h1"), "w", [])
            assert address.is_in(Network.parse("fd90::/64"))


def test_a_removal_is_not_disturbed_by_another_that_begins(
    calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = pool_command._release_blocks

    def while_another_begins(network: Network, client: Client) -> None:
        (found,) = [node for node in Pools(client).read()[0] if node.pool.network.key() == network.key()]
        Pools(client).disable(found)
        release(network, client)

    monkeypatch.setattr(pool_command, "_release_blocks", while_another_begins)
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    assert f"{V4}/10.0.0.0-24" not in values(in_use)


def test_a_removal_that_comes_too_late_to_disable_does_not_enable(
    calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    disable, swap = Pools.disable, Client.swap
    written: list[str] = []

    def too_late(self: Pools, found: PoolNode) -> PoolNode:
        monkeypatch.setattr(Pools, "disable", disable)
        in_use.put(f"{V4}/10.0.0.0-24", found.pool.as_disabled().to_json())
        return disable(self, found)

    def noted(self: Client, key: str, value: str, index: int) -> None:
        swap(self, key, value, index)
        written.append(key)

    monkeypatch.setattr(Pools, "disable", too_late)
    monkeypatch.setattr(Client, "swap", noted)
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    assert answer.status == 0
    assert answer.stderr == "Somebody else has changed pool 10.0.0.0/24 meanwhile. Trying again.\n"
    assert [key for key in written if key.startswith(V4)] == []


def test_a_range_that_was_added_in_part_is_completed(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    command = ("pool", "range", "add", "10.65.0.0", "10.65.2.255")
    assert calicoctl(*command) == Result(0, "", "")
    complete = etcd.keys()
    etcd.delete("/calico/v1/ipam/v4/pool/10.65.2.0-24")
    # With other options it would be another command's.
    conflict = Result(1, "", "Cannot add range - range conflicts with pool 10.65.0.0/23\n")
    assert calicoctl(*command, "--nat-outgoing") == conflict
    assert calicoctl(*command) == Result(0, "", "")
    assert etcd.keys() == complete
    assert calicoctl(*command) == conflict
