"""Addresses: valid texts and the canonical form."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.model.address import Address
from calicoctl.model.network import Network


@given(st.ip_addresses())
def test_round_trip(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    parsed = Address.parse(str(address))
    assert (parsed.version, parsed.value) == (address.version, int(address))
    assert Address.parse(str(parsed)) == parsed
    assert parsed.net == f"{parsed}/{address.max_prefixlen}"


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_membership(address: ipaddress.IPv4Address, prefix_length: int) -> None:
    network = ipaddress.ip_network(f"10.77.3.9/{prefix_length}", strict=False)
    assert Address.parse(str(address)).is_in(Network.parse(f"10.77.3.9/{prefix_length}")) == (address in network)


def test_ipv4_and_ipv6_are_not_equal() -> None:
    assert not Address.parse("::1").is_in(Network.parse("0.0.0.0/0"))
    assert Address.parse("::1") != Address.parse("0.0.0.1")
    assert sorted(map(Address.parse, ["::1", "10.0.0.10", "10.0.0.9"])) == [
        Address.parse("10.0.0.9"), Address.parse("10.0.0.10"), Address.parse("::1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "10", "10.1", "10.0.0.256", "010.0.0.1", "1.2.3.4 ", "1.2.3.4/32", "fe80::1%eth0", "x", "1.2.3.4\0"],
)
def test_invalid_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="is no IP address"):
        Address.parse(text)
