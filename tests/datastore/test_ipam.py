"""Address assignment in etcd: choice of the block, stored values, and blocks of other programs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calicoctl.datastore.blocks import Blocks
from calicoctl.datastore.ipam import AddressTaken, ForeignBlock, Ipam
from calicoctl.errors import MalformedObject
from calicoctl.etcd.client import Client
from calicoctl.etcd.settings import Settings
from calicoctl.model.address import Address
from calicoctl.model.network import Network
from calicoctl.model.pool import Pool
from tests.etcd_server import EtcdServer

BLOCKS = "/calico/ipam/v2/assignment/ipv4/block"
POOL = Pool.new(Network.parse("10.0.0.0/24"))  # room for four blocks
SMALL_POOL = Pool.new(Network.parse("10.9.0.0/26"))  # room for one block


@pytest.fixture
def client(etcd: EtcdServer) -> Client:
    """A connection to the emptied etcd."""
    return Client(Settings.from_environment(etcd.environ()))


@pytest.fixture
def ipam(client: Client) -> Ipam:
    """Address management for the host `h1`."""
    return Ipam(client, "h1")


def store(etcd: EtcdServer, cidr: str, **changes: Any) -> None:
    """Store a block of free addresses with affinity to `h2`."""
    fields = {
        "affinity": "host:h2", "strict_affinity": False, "allocations": [None] * 64, "unallocated": list(range(64)),
        "attributes": [], "cidr": cidr,
    }  # fmt: skip
    etcd.put(f"{BLOCKS}/{cidr.replace('/', '-')}", json.dumps({**fields, **changes}))


def stored(etcd: EtcdServer, cidr: str) -> Any:
    return json.loads(str(etcd.get(f"{BLOCKS}/{cidr.replace('/', '-')}")))


FULL: dict[str, Any] = {"allocations": [0] * 64, "unallocated": [], "attributes": [{"handle_id": "x", "secondary": {}}]}


def test_fixed_address_in_new_block(ipam: Ipam, etcd: EtcdServer) -> None:
    ipam.claim(Address.parse("10.0.0.70"), "a/b")
    block = stored(etcd, "10.0.0.64/26")
    assert (block["affinity"], block["allocations"][6]) == ("host:h1", 0)
    assert block["attributes"] == [{"handle_id": "a/b", "secondary": {}}]
    assert etcd.keys("/calico/ipam") == {
        "/calico/ipam/v2/host/h1/ipv4/block/10.0.0.64-26": "",
        f"{BLOCKS}/10.0.0.64-26": json.dumps(block),
        "/calico/ipam/v2/handle/a/b": '{"id": "a/b", "block": {"10.0.0.64/26": 1}}',
    }


def test_order_of_own_new_and_foreign_blocks(client: Client, etcd: EtcdServer) -> None:
    ipam = Ipam(client, "h1")
    store(etcd, "10.0.0.0/26")
    chosen = [ipam.claim_any([POOL], "w") for _ in range(64 * 3)]
    new = {address.value // 64 for address in chosen if address}
    assert len(new) == 3
    assert Address.parse("10.0.0.0").value // 64 not in new
    for start in range(0, 192, 64):  # each is full before the next one is used
        assert len({address.value // 64 for address in chosen[start : start + 64] if address}) == 1
    assert stored(etcd, "10.0.0.0/26")["attributes"] == []
    borrowed = [ipam.claim_any([POOL], "w") for _ in range(65)]
    assert [str(address) for address in borrowed[:64]] == [f"10.0.0.{number}" for number in range(64)]
    assert borrowed[64] is None
    assert stored(etcd, "10.0.0.0/26")["affinity"] == "host:h2"
    assert len(ipam.claimed_by("w")) == 256
    ipam.release_all("w")
    assert ipam.claimed_by("w") == []
    assert "/calico/ipam/v2/handle/w" not in etcd.keys("/calico/ipam/v2/handle")


def test_strict_affinity_never_uses_other_blocks(ipam: Ipam, etcd: EtcdServer) -> None:
    etcd.put("/calico/ipam/v2/config", '{"strict_affinity": true}')
    store(etcd, "10.9.0.0/26")
    assert ipam.claim_any([SMALL_POOL], "w") is None
    assert ipam.claim_any([POOL], "w") is not None
    (key,) = [key for key in etcd.keys(BLOCKS) if "10.0.0." in key]
    assert json.loads(str(etcd.get(key)))["strict_affinity"] is True


@pytest.mark.parametrize("field", ["strict_affinity", "strictAffinity"])
def test_strict_block_of_another_host_is_not_used(field: str, ipam: Ipam, etcd: EtcdServer) -> None:
    store(etcd, "10.9.0.0/26", **{field: True})
    index = etcd.index()
    assert ipam.claim_any([SMALL_POOL], "w") is None
    with pytest.raises(ForeignBlock, match="^h2$"):
        ipam.claim(Address.parse("10.9.0.5"), "w")
    assert etcd.index() == index


def test_no_new_blocks_if_configuration_forbids_them(ipam: Ipam, etcd: EtcdServer) -> None:
    etcd.put("/calico/ipam/v2/config", '{"auto_allocate_blocks": false, "strict_affinity": false}')
    assert ipam.claim_any([POOL], "w") is None
    store(etcd, "10.0.0.0/26")
    assert str(ipam.claim_any([POOL], "w")) == "10.0.0.0"


def test_only_blocks_of_given_pools(ipam: Ipam, etcd: EtcdServer) -> None:
    ipam.claim(Address.parse("10.0.0.70"), "w")
    assert str(ipam.claim_any([SMALL_POOL], "w")) == "10.9.0.0"
    assert ipam.claim_any([], "w") is None


def test_affinity_without_block_is_completed(ipam: Ipam, etcd: EtcdServer) -> None:
    etcd.put("/calico/ipam/v2/host/h1/ipv4/block/10.0.0.128-26", "")
    assert str(ipam.claim_any([POOL], "w")) == "10.0.0.128"


def test_affinity_to_block_of_another_host_is_removed(ipam: Ipam, etcd: EtcdServer) -> None:
    etcd.put("/calico/ipam/v2/host/h1/ipv4/block/10.0.0.128-26", "")
    store(etcd, "10.0.0.128/26")
    address = ipam.claim_any([POOL], "w")
    assert address is not None and not address.is_in(Network.parse("10.0.0.128/26"))
    assert "/calico/ipam/v2/host/h1/ipv4/block/10.0.0.128-26" not in etcd.keys("/calico/ipam/v2/host")


def test_claimed_address_is_refused(ipam: Ipam, etcd: EtcdServer) -> None:
    store(etcd, "10.9.0.0/26", **FULL)
    index = etcd.index()
    with pytest.raises(AddressTaken):
        ipam.claim(Address.parse("10.9.0.5"), "w")
    assert ipam.claim_any([SMALL_POOL], "w") is None
    assert etcd.index() == index


def test_empty_block_without_affinity_is_removed(ipam: Ipam, etcd: EtcdServer) -> None:
    store(etcd, "10.9.0.0/26", affinity="")
    ipam.claim(Address.parse("10.9.0.5"), "w")
    assert ipam.release(Address.parse("10.9.0.5"))
    assert [key for key in etcd.keys("/calico/ipam") if not key.endswith("/")] == []
    assert not ipam.release(Address.parse("10.9.0.5"))


def test_unknown_fields_of_other_programs_are_kept(ipam: Ipam, etcd: EtcdServer) -> None:
    claim = {"handle_id": "cni.1", "secondary": {"node": "h2"}}
    store(etcd, "10.9.0.0/26", allocations=[0] + [None] * 63, attributes=[claim], strictAffinity=False, deleted=False)
    etcd.put("/calico/ipam/v2/handle/cni.1", '{"id":"cni.1","block":{"10.9.0.0/26":1,"10.0.0.0/26":2},"later":5}')
    assert str(ipam.claim_any([SMALL_POOL], "w")) == "10.9.0.1"
    block = stored(etcd, "10.9.0.0/26")
    assert (block["strictAffinity"], block["deleted"], block["attributes"][0]) == (False, False, claim)
    assert ipam.release(Address.parse("10.9.0.0"))
    handle = json.loads(str(etcd.get("/calico/ipam/v2/handle/cni.1")))
    assert handle == {"id": "cni.1", "block": {"10.0.0.0/26": 2}, "later": 5}


def test_only_legacy_claims_are_taken_over(ipam: Ipam, etcd: EtcdServer) -> None:
    claims = [{"handle_id": None, "secondary": {}}, {"handle_id": "x", "secondary": {}}]
    store(etcd, "10.9.0.0/26", allocations=[0, 0, 1] + [None] * 61, attributes=claims)
    for last in range(4):
        ipam.take_over(Address.parse(f"10.9.0.{last}"), "w")
    assert [str(address) for address in ipam.claimed_by("w")] == ["10.9.0.0", "10.9.0.1"]
    assert json.loads(str(etcd.get("/calico/ipam/v2/handle/w")))["block"] == {"10.9.0.0/26": 2}
    assert stored(etcd, "10.9.0.0/26")["allocations"][:4] == [1, 1, 0, None]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"{BLOCKS}/10.9.0.0-26", "{"),
        ("/calico/ipam/v2/config", "[]x"),
        ("/calico/ipam/v2/handle/w", '{"block": {"10.9.0.0/26": "1"}}'),
        ("/calico/ipam/v2/handle/w", '{"block": {"10.9.0.0/26": 1}, "later": 1e999}'),
    ],
)
def test_unreadable_keys_are_named(key: str, value: str, ipam: Ipam, etcd: EtcdServer) -> None:
    etcd.put(key, value)
    with pytest.raises(MalformedObject, match=f"^Cannot read {key}: "):
        ipam.claim(Address.parse("10.9.0.5"), "w")
        ipam.claimed_by("w")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{", "it is not JSON"),
        *((value, "it is not a JSON object") for value in ("null", "1", '"strict_affinity"', '["strict_affinity"]')),
        *((f'{{"strict_affinity": {value}}}', "strict_affinity is neither true nor false")
          for value in ("null", "0", '"false"', "[]", "{}")),
        ('{"auto_allocate_blocks": "no"}', "auto_allocate_blocks is neither true nor false"),
    ],
)  # fmt: skip
def test_unreadable_configuration(value: str, reason: str, ipam: Ipam, etcd: EtcdServer) -> None:
    """The string "false" must not count as true."""
    etcd.put("/calico/ipam/v2/config", value)
    with pytest.raises(MalformedObject, match=f"^Cannot read /calico/ipam/v2/config: {reason}\\.$"):
        ipam.claim_any([POOL], "w")


def test_unreadable_block_does_not_prevent_assignment(ipam: Ipam, etcd: EtcdServer) -> None:
    etcd.put(f"{BLOCKS}/10.0.0.0-26", "{")
    for _ in range(192):
        assert ipam.claim_any([POOL], "w") is not None


def test_huge_closed_part_of_pool_is_skipped_quickly(ipam: Ipam) -> None:
    pool, part = Network.parse("fd80:65::/64"), Network.parse("fd80:65::/65")
    for closed in (part, Network.parse("fd80:65::8000:0:0:0/65")):
        address = ipam.claim_any([Pool.new(pool)], f"in {closed}", [closed])
        assert address is not None and not address.is_in(closed)
    assert ipam.claim_any([Pool.new(part)], "w", [pool]) is not None  # the smaller pool decides
    assert ipam.claim_any([Pool.new(pool)], "w", [pool]) is not None  # also if legacy stored it twice


def test_open_part_within_closed_part_of_pool(ipam: Ipam) -> None:
    pool, closed, inner = map(Network.parse, ("fd80:65::/64", "fd80:65::/65", "fd80:65::/122"))
    assert ipam.claim_any([Pool.new(inner)], "w", [closed]) is not None
    given = [ipam.claim_any([Pool.new(pool), Pool.new(inner)], "w", [pool, closed]) for _ in range(100)]
    assert None not in given


def test_handles_of_workload(ipam: Ipam, etcd: EtcdServer) -> None:
    for name in ("calicoctl:h1:docker:w:1", "calicoctl:h1:docker:w:2", "calicoctl:h1:docker:w:x:3", "other"):
        etcd.put(f"/calico/ipam/v2/handle/{name}", "{}")
    assert ipam.handles_of("calicoctl:h1:docker:w:") == ["calicoctl:h1:docker:w:1", "calicoctl:h1:docker:w:2"]


def test_block_whose_cidr_differs_from_key(ipam: Ipam, etcd: EtcdServer) -> None:
    store(etcd, "10.0.0.64/26")
    etcd.put(f"{BLOCKS}/10.0.0.0-26", str(etcd.get(f"{BLOCKS}/10.0.0.64-26")))
    message = rf"^Cannot read {BLOCKS}/10\.0\.0\.0-26: its cidr is 10\.0\.0\.64/26\.$"
    with pytest.raises(MalformedObject, match=message):
        ipam.claim(Address.parse("10.0.0.5"), "w")
    for _ in range(192):
        address = ipam.claim_any([POOL], "w")
        assert address is not None and not address.is_in(Network.parse("10.0.0.0/26"))


def test_strict_block_without_host(ipam: Ipam, etcd: EtcdServer) -> None:
    store(etcd, "10.9.0.0/26", affinity="", strict_affinity=True)
    with pytest.raises(ForeignBlock, match="^$"):
        ipam.claim(Address.parse("10.9.0.5"), "w")


@pytest.mark.parametrize("handle", ["/x", "a//b", "..", "a/../b"])
def test_foreign_handles_with_names_that_no_key_can_have(handle: str, ipam: Ipam, etcd: EtcdServer) -> None:
    store(etcd, "10.9.0.0/26", allocations=[0] + [None] * 63, attributes=[{"handle_id": handle, "secondary": {}}])
    assert ipam.release(Address.parse("10.9.0.0"))
    assert stored(etcd, "10.9.0.0/26")["allocations"] == [None] * 64


def test_unreadable_block_does_not_prevent_release_of_others(ipam: Ipam, etcd: EtcdServer) -> None:
    for address in ("10.0.0.5", "10.0.0.70", "10.0.0.130"):
        ipam.claim(Address.parse(address), "w")
    etcd.put(f"{BLOCKS}/10.0.0.64-26", "{")
    with pytest.raises(MalformedObject, match=rf"^Cannot read {BLOCKS}/10\.0\.0\.64-26: it is not JSON\.$"):
        ipam.release_all("w")
    assert stored(etcd, "10.0.0.0/26")["allocations"] == stored(etcd, "10.0.0.128/26")["allocations"] == [None] * 64
    assert json.loads(str(etcd.get("/calico/ipam/v2/handle/w")))["block"] == {"10.0.0.64/26": 1}


AFFINITY = "/calico/ipam/v2/host/h1/ipv4/block/10.9.0.0-26"


def test_discarded_block_recreated_by_another_command(
    client: Client, etcd: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, edit = SMALL_POOL.network, Blocks.edit
    assert Blocks(client).create(network, "h1", False)

    def edit_after_concurrent_change(*arguments: Any) -> None:
        edit(*arguments)
        assert Blocks(client).create(network, "h1", False)

    monkeypatch.setattr(Blocks, "edit", edit_after_concurrent_change)
    Blocks(client).discard(network, "h1")
    assert stored(etcd, "10.9.0.0/26")["affinity"] == "host:h1"
    assert etcd.get(AFFINITY) == ""


@pytest.mark.parametrize("has_affinity", [True, False])
def test_foreign_block_becomes_own_during_assignment(
    has_affinity: bool, client: Client, etcd: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, get = SMALL_POOL.network, Blocks.get
    store(etcd, "10.9.0.0/26")
    if has_affinity:
        etcd.put(AFFINITY, "")

    def get_after_concurrent_change(*arguments: Any) -> Any:
        monkeypatch.setattr(Blocks, "get", get)
        found = get(*arguments)
        etcd.delete(f"{BLOCKS}/10.9.0.0-26")
        assert Blocks(client).create(network, "h1", False)
        return found

    monkeypatch.setattr(Blocks, "get", get_after_concurrent_change)
    if has_affinity:
        Ipam(client, "h1").claim_any([SMALL_POOL], "w")
    else:
        assert Blocks(client).create(network, "h1", False) is None
    assert stored(etcd, "10.9.0.0/26")["affinity"] == "host:h1"
    assert etcd.get(AFFINITY) == ""
