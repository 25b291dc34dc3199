"""Pools: stored form, fields kept by an edit, and network arithmetic."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.model.address import Address
from calicoctl.model.network import Network, contains, overlap
from calicoctl.model.pool import MalformedPool, Pool, networks_of_range


@pytest.mark.parametrize(
    ("ipip", "masquerade", "stored"),
    [
        (False, False, '{"cidr": "10.0.0.0/16"}'),
        (True, False, '{"cidr": "10.0.0.0/16", "ipip": "tunl0"}'),
        (False, True, '{"masquerade": true, "cidr": "10.0.0.0/16"}'),
        (True, True, '{"masquerade": true, "cidr": "10.0.0.0/16", "ipip": "tunl0"}'),
    ],
)
def test_new_pools_have_legacy_form(ipip: bool, masquerade: bool, stored: str) -> None:
    pool = Pool.new(Network.parse("10.0.3.4/16")).with_options(ipip, masquerade)
    assert pool.to_json() == stored
    assert (pool.ipip, pool.masquerade, pool.disabled, pool.is_assignable) == (ipip, masquerade, False, True)


def test_options_are_replaced_and_other_fields_kept() -> None:
    options = '"ipip": "tunl0", "ipip_mode": "always", "masquerade": false, "ipam": false, "disabled": true'
    pool = Pool.from_json(f'{{"cidr": "10.0.0.0/16", {options}}}').with_options(ipip=False, masquerade=True)
    assert pool.to_json() == '{"masquerade": true, "ipam": false, "cidr": "10.0.0.0/16", "ipip_mode": "always"}'
    assert not pool.disabled
    assert not pool.is_assignable


def test_disable() -> None:
    pool = Pool.from_json('{"cidr": "10.0.0.0/16", "later": [1]}').as_disabled()
    assert pool.to_json() == '{"disabled": true, "cidr": "10.0.0.0/16", "later": [1]}'
    assert not pool.is_assignable


def test_pool_stored_by_go() -> None:
    pool = Pool.from_json(
        '{"cidr":"10.0.0.0/16","ipip":"","ipip_mode":"","masquerade":false,"ipam":true,"disabled":false}'
    )
    assert (pool.ipip, pool.masquerade, pool.disabled, pool.is_assignable) == (False, False, False, True)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"cidr": 5}', '{"cidr": "x/y"}', '{"cidr": "10.0.0.0/16", "later": 1e999}',
     '{"cidr": "10.0.0.0/16", "later": NaN}'],
)  # fmt: skip
def test_malformed_pools(text: str) -> None:
    with pytest.raises(MalformedPool):
        Pool.from_json(text)


ADDRESSES = st.integers(0, 2**32 - 1)


@given(ADDRESSES, ADDRESSES)
def test_networks_of_range(one: int, other: int) -> None:
    first, last = sorted((one, other))
    found = [str(network) for network in networks_of_range(Address(4, first), Address(4, last))]
    expected = ipaddress.summarize_address_range(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last))
    assert found == [str(network) for network in expected]


def test_networks_of_entire_address_space() -> None:
    assert [str(each) for each in networks_of_range(Address(4, 0), Address(4, 2**32 - 1))] == ["0.0.0.0/0"]
    assert [str(each) for each in networks_of_range(Address.parse("fd80::"), Address.parse("fd80::ffff"))] == [
        "fd80::/112"
    ]


NETWORKS = st.tuples(st.integers(0, 255), st.integers(24, 32)).map(lambda each: f"10.0.0.{each[0]}/{each[1]}")


@given(NETWORKS, NETWORKS)
def test_overlap(one: str, other: str) -> None:
    expected = ipaddress.ip_network(one, strict=False), ipaddress.ip_network(other, strict=False)
    networks = Network.parse(one), Network.parse(other)
    assert overlap(*networks) == expected[0].overlaps(expected[1])
    assert contains(*networks) == (
        isinstance(expected[1], ipaddress.IPv4Network) and expected[1].subnet_of(expected[0])  # type: ignore[arg-type]
    )


def test_ipv4_and_ipv6_do_not_overlap() -> None:
    assert not overlap(Network.parse("::/0"), Network.parse("0.0.0.0/0"))
    assert json.loads(Pool.new(Network.parse("FD80::1/64")).to_json()) == {"cidr": "fd80::/64"}
