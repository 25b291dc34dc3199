"""Address blocks: claims, releases and the stored form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.model.address import Address
from calicoctl.model.ipam import Block, MalformedBlock, block_of, blocks_of, handle_name, handle_prefix
from calicoctl.model.network import Network, contains

NETWORK = Network.parse("10.0.0.64/26")


def address(text: str) -> Address:
    return Address.parse(text)


def block(**changes: Any) -> Block:
    return Block.from_json(json.dumps({**Block.new(NETWORK, "h1", False).fields, **changes}))


def test_new_block_has_legacy_form() -> None:
    fields = json.loads(Block.new(NETWORK, "h1", False).to_json())
    assert list(fields) == ["affinity", "strict_affinity", "allocations", "unallocated", "attributes", "cidr"]
    assert (fields["affinity"], fields["strict_affinity"], fields["cidr"]) == ("host:h1", False, "10.0.0.64/26")
    assert (fields["allocations"], fields["unallocated"]) == ([None] * 64, list(range(64)))


def test_strict_block_sets_field_of_go_programs_too() -> None:
    fields = Block.new(NETWORK, "h1", True).fields
    assert (fields["strict_affinity"], fields["strictAffinity"]) == (True, True)


def test_claims_and_releases() -> None:
    each = block()
    for text, handle in (("10.0.0.65", "a"), ("10.0.0.64", "b"), ("10.0.0.127", "a")):
        each.claim(address(text), handle)
    assert each.fields["allocations"][:3] + each.fields["allocations"][-1:] == [1, 0, None, 0]
    assert each.fields["attributes"] == [
        {"handle_id": "a", "secondary": {}}, {"handle_id": "b", "secondary": {}},
    ]  # fmt: skip
    assert each.fields["unallocated"] == list(range(2, 63))
    each.release(address("10.0.0.65"))
    assert each.fields["unallocated"] == [*range(2, 63), 1]  # the address free for the longest time is next
    each.release(address("10.0.0.127"))
    assert each.fields["attributes"] == [{"handle_id": "b", "secondary": {}}]
    assert each.fields["allocations"][0] == 0
    assert (each.attributes_of(address("10.0.0.64")), each.attributes_of(address("10.0.0.65"))) == (
        {"handle_id": "b", "secondary": {}}, None,
    )  # fmt: skip
    assert not each.is_empty
    each.hand_over(address("10.0.0.64"), "c")
    assert list(each.claims()) == [(address("10.0.0.64"), {"handle_id": "c", "secondary": {}})]
    each.release(address("10.0.0.64"))
    assert each.is_empty


@given(st.lists(st.tuples(st.integers(0, 63), st.sampled_from("abc")), max_size=200))
def test_every_address_is_free_or_claimed(steps: list[tuple[int, str]]) -> None:
    each = block()
    expected: dict[Address, str] = {}
    for ordinal, handle in steps:
        which = Address(4, NETWORK.key()[1] + ordinal)
        if which in expected:
            each.release(which)
            del expected[which]
        else:
            each.claim(which, handle)
            expected[which] = handle
    again = Block.from_json(each.to_json())
    assert {which: claim["handle_id"] for which, claim in again.claims()} == expected
    assert {*again.free_addresses(), *expected} == {Address(4, NETWORK.key()[1] + number) for number in range(64)}
    allocations = again.fields["allocations"]
    assert sorted(again.fields["unallocated"]) == [number for number in range(64) if allocations[number] is None]
    assert len(again.fields["attributes"]) == len(set(expected.values()))


def test_unknown_fields_are_kept() -> None:
    claims = [{"handle_id": None, "secondary": {"node": "x"}, "later": 1}]
    each = block(attributes=claims, allocations=[0] + [None] * 63, strictAffinity=False, deleted=False)
    each.claim(address("10.0.0.65"), "mine")
    fields = json.loads(each.to_json())
    assert fields["attributes"][0] == claims[0]
    assert (fields["strictAffinity"], fields["deleted"]) == (False, False)


@pytest.mark.parametrize(
    ("changes", "host", "open_to_others"),
    [
        ({}, "h1", True),
        ({"strict_affinity": True}, "h1", False),
        ({"strictAffinity": True}, "h1", False),
        ({"affinity": ""}, None, True),
        ({"affinity": None, "hostAffinity": "h3"}, "h3", True),
        ({"affinity": None}, None, True),
        ({"affinity": "", "strict_affinity": True}, None, False),
    ],
)
def test_all_forms_of_affinity(changes: dict[str, Any], host: str | None, open_to_others: bool) -> None:
    each = block(**changes)
    assert (each.host, each.is_open_to("h2")) == (host, open_to_others)
    assert each.is_open_to(host or "h2") == (open_to_others or host is not None)
    each.clear_affinity()
    assert (each.host, each.fields["affinity"], "hostAffinity" in each.fields) == (None, "", False)


def test_missing_or_invalid_list_of_free_addresses_is_ignored() -> None:
    claims = [{"handle_id": "a", "secondary": {}}]
    each = block(attributes=claims, allocations=[0] + [None] * 63, unallocated=[0, 63, 99, "x"])
    assert [str(free) for free in each.free_addresses()][:2] == ["10.0.0.127", "10.0.0.65"]
    assert len(list(each.free_addresses())) == 63
    assert len(list(block(unallocated=None).free_addresses())) == 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cidr": "x"}, "cidr is not a network"),
        ({"cidr": "10.0.0.0/24"}, "cidr 10.0.0.0/24 is not a network of 64 addresses"),
        ({"allocations": []}, "allocations is not a list of 64"),
        ({"allocations": [0] * 64}, "allocations has something that is no index into attributes"),
        ({"allocations": [True] * 64}, "allocations has something that is no index into attributes"),
        ({"attributes": {}}, "attributes is not a list of objects"),
        ({"attributes": [1]}, "attributes is not a list of objects"),
        ({"unallocated": 1}, "unallocated is not a list"),
    ],
)
def test_malformed_blocks(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedBlock, match=f"^{message}$"):
        block(**changes)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 5000])
def test_values_that_are_not_blocks(text: str) -> None:
    with pytest.raises(MalformedBlock, match="^it is not"):
        Block.from_json(text)


@pytest.mark.parametrize("number", ["1e999", "NaN"])
def test_non_json_number(number: str) -> None:
    with pytest.raises(MalformedBlock, match="^it is not JSON$"):
        Block.from_json(block().to_json()[:-1] + f', "later": {number}}}')


@pytest.mark.parametrize(
    ("text", "network"), [("10.0.0.200", "10.0.0.192/26"), ("0.0.0.0", "0.0.0.0/26"), ("fd80::ff", "fd80::c0/122")]
)
def test_block_of_address(text: str, network: str) -> None:
    assert str(block_of(address(text))) == network


@given(st.text(), st.integers(16, 26))
def test_blocks_of_pool_are_complete_and_unique(seed: str, prefix_length: int) -> None:
    pool = Network(4, 0x0A400000, prefix_length)
    found = [each.key() for each in blocks_of(pool, seed)]
    assert sorted(found) == [(4, 0x0A400000 + place * 64, 26) for place in range(2 ** (26 - prefix_length))]


PARTS = st.builds(Network, st.just(4), st.integers(0x0A400000, 0x0A403FFF), st.integers(17, 28))


@given(st.text(), st.lists(PARTS))
def test_blocks_of_closed_parts_are_skipped(seed: str, closed: list[Network]) -> None:
    pool = Network(4, 0x0A400000, 18)
    closed = [each for each in closed if contains(pool, each)]
    expected = [each.key() for each in blocks_of(pool, seed) if not any(contains(part, each) for part in closed)]
    assert [each.key() for each in blocks_of(pool, seed, closed)] == expected


def test_closed_parts_of_huge_pool_are_skipped_quickly() -> None:
    closed = [Network.parse("fd80:65::/65"), Network.parse("fd80:65::8000:0:0:0/66"), Network.parse("fd80:65::/70")]
    for number in range(20):
        block = next(blocks_of(Network.parse("fd80:65::/64"), f"h{number}", closed))
        assert contains(Network.parse("fd80:65::c000:0:0:0/66"), block)
    assert list(blocks_of(Network.parse("fd80:65::/65"), "h1", closed)) == []


def test_hosts_start_at_different_blocks() -> None:
    firsts = {str(next(blocks_of(Network.parse("fd80::/16"), f"h{number}"))) for number in range(20)}
    assert len(firsts) == 20


def test_similar_workloads_have_different_handles() -> None:
    name = handle_name("h1", "namespace", "-proc-1-ns-net", "e1")
    assert name == "calicoctl:h1:namespace:-proc-1-ns-net:e1"
    assert name.startswith(handle_prefix("h1", "namespace", "-proc-1-ns-net"))
    assert not name.startswith(handle_prefix("h1", "namespace", "-proc-1"))


def test_pool_smaller_than_block_has_no_blocks() -> None:
    assert list(blocks_of(Network.parse("10.0.0.0/28"), "h1")) == []
