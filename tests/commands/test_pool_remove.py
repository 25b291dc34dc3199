"""`calicoctl pool remove`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calicoctl.commands import pool as pool_command
from calicoctl.datastore.blocks import Blocks
from calicoctl.datastore.pools import PoolNode, Pools
from calicoctl.etcd.client import Client
from calicoctl.etcd.errors import DatastoreError
from calicoctl.model.network import Network
from tests.commands.pools import REMOVED, V4, V6, block, methods, refused, said, values
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request, drop_reply, drop_request, first


@pytest.fixture
def in_use(etcd: EtcdServer) -> EtcdServer:
    """A pool with a block in use, an empty block and an affinity without a block; and a block of another pool."""
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24", "masquerade": true, "later": 1}')
    etcd.put(f"{V4}/10.1.0.0-24", '{"cidr": "10.1.0.0/24"}')
    blocks = (("10.0.0.0/26", "h1", True), ("10.0.0.64/26", "h2", False), ("10.1.0.0/26", "h1", False))
    for cidr, host, claimed in blocks:
        etcd.put(f"/calico/ipam/v2/assignment/ipv4/block/{cidr.replace('/', '-')}", block(cidr, host, claimed))
        etcd.put(f"/calico/ipam/v2/host/{host}/ipv4/block/{cidr.replace('/', '-')}", "")
    etcd.put("/calico/ipam/v2/host/h3/ipv4/block/10.0.0.128-26", "")
    return etcd


def test_remove_clears_affinities(calicoctl: Calicoctl, in_use: EtcdServer) -> None:
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    left = values(in_use)
    kept = json.loads(left.pop("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26") or "")
    assert (kept["affinity"], kept["allocations"][0]) == ("", 0)
    assert list(left) == [
        "/calico/ipam/v2/assignment/ipv4/block/10.1.0.0-26",
        "/calico/ipam/v2/host/h1/ipv4/block/10.1.0.0-26",
        f"{V4}/10.1.0.0-24",
    ]


def test_remove_reads_each_key_once(calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy) -> None:
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


def test_remove_with_concurrent_block_changes(calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy) -> None:
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
    assert left == [f"{blocks}/10.0.0.64-26", affinity]  # a recreated affinity belongs to a new user


def test_remove_block_of_hidden_host(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24"}')
    etcd.put("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26", block("10.0.0.0/26", "_h", False))
    etcd.put("/calico/ipam/v2/host/_h/ipv4/block/10.0.0.0-26", "")
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    assert etcd.get("/calico/ipam/v2/host/_h/ipv4/block/10.0.0.0-26") is None


def test_remove_pool_changed_after_first_read(calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, first(lambda: in_use.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24", "ipip": "tunl0"}')))
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    complaint = "Somebody else has changed pool 10.0.0.0/24 meanwhile. Trying again.\n"
    assert answer == Result(0, "Disabling IP Pool\n" + REMOVED, complaint)
    assert methods(proxy).startswith("GET PUT GET PUT GET ")


def test_remove_notices_pool_enabled_after_lost_reply(calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy) -> None:
    def lose_and_enable(request: Request) -> bytes | None:
        request.forward()
        in_use.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24", "ipip": "tunl0"}')
        return None

    proxy.at(2, lose_and_enable)
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    complaint = "Somebody else has changed pool 10.0.0.0/24 meanwhile. Trying again.\n"
    assert answer == Result(0, "Disabling IP Pool\nRemoving IPAM configuration for pool\n" + REMOVED, complaint)


def test_remove_after_lost_reply_to_first_write(calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, drop_reply)
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    assert methods(proxy).startswith("GET PUT GET GET GET PUT ")  # state, history, the blocks


def test_remove_notices_disabled_pool_enabled_meanwhile(calicoctl: Calicoctl, in_use: EtcdServer, proxy: Proxy) -> None:
    in_use.put(f"{V4}/10.1.0.0-24", '{"cidr": "10.1.0.0/24", "disabled": true}')
    enabled = '{"cidr": "10.1.0.0/24"}'
    proxy.at(3, first(lambda: in_use.put(f"{V4}/10.1.0.0-24", enabled)))
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "10.1.0.0/24", "--wait=0")
    complaint = "Somebody else has changed pool 10.1.0.0/24 meanwhile. Trying again.\n"
    assert answer == Result(0, REMOVED + "Disabling IP Pool\n" + REMOVED, complaint)


def test_remove_waits_before_release(calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_invalid_wait(wait: str, calicoctl: Calicoctl, in_use: EtcdServer) -> None:
    index = in_use.index()
    answer = calicoctl("pool", "remove", "10.0.0.0/24", f"--wait={wait}")
    assert answer == refused(
        f"Invalid wait specified.\nValue provided is '{wait}'; expecting seconds, from 0 to 3600\n"
    )
    assert in_use.index() == index


def test_remove_missing_pools(calicoctl: Calicoctl, in_use: EtcdServer) -> None:
    index = in_use.index()
    missing = "10.0.0.0/25 is not a configured pool.\n10.9.0.0/24 is not a configured pool.\n"
    assert calicoctl("pool", "remove", "10.0.0.0/25", "10.9.0.0/24", "--wait=0") == refused(missing)
    assert calicoctl("pool", "remove", "10.1.0.0/24", "x", "--wait=0") == refused("Invalid CIDR specified x\n")
    assert in_use.index() == index


def test_remove_pools_if_some_are_missing(calicoctl: Calicoctl, in_use: EtcdServer) -> None:
    """This happens when an interrupted command is run again."""
    missing = "10.0.0.0/25 is not a configured pool.\n"
    result = calicoctl("pool", "remove", "10.0.0.0/25", "10.1.0.0/24", "--wait=0")
    assert result == Result(1, REMOVED, missing)
    assert "10.1.0.0/24" not in calicoctl("pool", "show").stdout


def test_failed_remove_reports_removed_and_missing_pools(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    calicoctl("pool", "add", "10.1.0.0/24", "10.2.0.0/24")
    proxy.reset()
    assert calicoctl("pool", "remove", "10.1.0.0/24", "--wait=0").status == 0
    one_removal = len(proxy.requests)
    calicoctl("pool", "add", "10.1.0.0/24")
    proxy.reset()
    proxy.since(one_removal + 1, drop_request)  # both removals use one read of the list of pools
    result = calicoctl("pool", "remove", "10.1.0.0/24", "10.9.0.0/24", "10.2.0.0/24", "--wait=0")
    assert result.status == 1
    end = "  Removed before that: 10.1.0.0/24.\n10.9.0.0/24 is not a configured pool.\n"
    assert result.stderr.endswith(end), result.stderr
    assert f"{V4}/10.1.0.0-24" not in etcd.keys()


def test_remove_pool_stored_by_legacy_under_wrong_version(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/fd80::-64", '{"cidr": "fd80::/64"}')
    etcd.put(f"{V6}/fd80::-64", '{"cidr": "fd80::/64"}')
    assert calicoctl("pool", "remove", "fd80::/64", "--wait=0") == said(REMOVED * 2)
    assert values(etcd) == {}


@pytest.mark.parametrize("failure", [DatastoreError("etcd has gone"), KeyboardInterrupt()])
def test_failed_remove_reenables_pool(
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


def test_remove_retries_after_conflict(
    calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_remove_gives_up_after_repeated_conflicts(
    calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = '{"cidr": "10.0.0.0/24"}'
    monkeypatch.setattr(pool_command, "_release_blocks", lambda *_: in_use.put(f"{V4}/10.0.0.0-24", pool))
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    assert answer.status == 1
    assert answer.stderr.endswith(
        "Conflicting modifications have been made to the IPAM configuration for this\npool.  Please retry the "
        "command.\n\n"
    )
    assert in_use.get(f"{V4}/10.0.0.0-24") == pool


def test_remove_continues_if_another_remove_begins(
    calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = pool_command._release_blocks

    def release_after_another_began(network: Network, client: Client) -> None:
        (found,) = [node for node in Pools(client).read()[0] if node.pool.network.key() == network.key()]
        Pools(client).disable(found)
        release(network, client)

    monkeypatch.setattr(pool_command, "_release_blocks", release_after_another_began)
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == said(REMOVED)
    assert f"{V4}/10.0.0.0-24" not in values(in_use)


def test_remove_does_not_enable_pool_disabled_by_another_remove(
    calicoctl: Calicoctl, in_use: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    disable, swap = Pools.disable, Client.swap
    written: list[str] = []

    def disable_after_another(self: Pools, found: PoolNode) -> PoolNode:
        monkeypatch.setattr(Pools, "disable", disable)
        in_use.put(f"{V4}/10.0.0.0-24", found.pool.as_disabled().to_json())
        return disable(self, found)

    def recording_swap(self: Client, key: str, value: str, index: int) -> None:
        swap(self, key, value, index)
        written.append(key)

    monkeypatch.setattr(Pools, "disable", disable_after_another)
    monkeypatch.setattr(Client, "swap", recording_swap)
    answer = calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0")
    assert answer.status == 0
    assert answer.stderr == "Somebody else has changed pool 10.0.0.0/24 meanwhile. Trying again.\n"
    assert [key for key in written if key.startswith(V4)] == []
