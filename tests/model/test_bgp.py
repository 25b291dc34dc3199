"""AS numbers, peers and the mesh as they are stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.model.address import Address
from calicoctl.model.bgp import (
    LAST_AS,
    MalformedMesh,
    MalformedPeer,
    Mesh,
    Peer,
    address_problem,
    as_number,
    peer_address,
)


@given(st.integers(1, LAST_AS), st.integers(0, 20))
def test_every_as_number_is_stored_in_decimal(number: int, zeros: int) -> None:
    assert as_number("0" * zeros + str(number)) == str(number)
    high, low = divmod(number, 2**16)
    assert as_number(f"{high}.{'0' * zeros}{low}") == str(number)


@pytest.mark.parametrize(
    "text",
    ["", " ", "0", "000", "0.0", "-1", "+5", " 64512", "64512 ", "64512\n", "4294967296", "9" * 5000, "1.2.3", "1.",
     ".1", "65536.1", "1.65536", "0xFC00", "1e3", "1_000", "\u0661", "\uff15", "AS5", "1.-1", "1. 1"],
)  # fmt: skip
def test_what_is_no_as_number(text: str) -> None:
    with pytest.raises(ValueError):
        as_number(text)


@given(st.text(max_size=12) | st.from_regex(r"[0-9.+ -]{0,12}", fullmatch=True))
def test_an_as_number_is_a_number_bird_takes(text: str) -> None:
    try:
        number = as_number(text)
    except ValueError:
        return
    assert str(int(number)) == number and 0 < int(number) <= LAST_AS


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("10.0.0.1", "10.0.0.1"), ("FD80:0:0::1", "fd80::1"), ("fd80:0:0:0:0:0:0:1", "fd80::1"), ("::1", "::1"),
        ("255.255.255.255", "255.255.255.255"), ("fec0::1", "fec0::1"), ("64:ff9b::10.0.0.1", "64:ff9b::a00:1"),
    ],
)  # fmt: skip
def test_addresses_of_peers(text: str, stored: str) -> None:
    assert str(peer_address(text)) == stored


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "expecting a whole IPv4 or IPv6 address, such as 10.0.0.1 or fd80::1") for text in (
            "", "10", "10.1", "10.0.0", "167772161", "0x0a000001", "010.0.0.1", "10.0.0.1/32", " 10.0.0.1", "10.0.0.1 ",
            "fe80::1%eth0", "fd80::1%1", "fd80:", "fd80::/64", "host1", "10.0.0.1\n", "1\u0660.0.0.1",
        )),
        *((text, "BIRD does not take IPv4 in the form of IPv6: write it as IPv4") for text in (
            "::ffff:10.0.0.1", "::FFFF:a00:1", "::10.0.0.1", "0:0:0:0:0:ffff:0a00:0001",
        )),
        *((text, "BIRD takes no link-local address without an interface, and a peer has none here") for text in (
            "fe80::1", "FEBF:ffff::",
        )),
        *((text, "it is the address of no host") for text in ("0.0.0.0", "::")),
    ],
)  # fmt: skip
def test_addresses_that_no_peer_can_have(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as error:
        peer_address(text)
    assert str(error.value) == reason


@given(st.integers(0, 2**32 - 1).map(lambda value: Address(4, value)) |
       st.integers(0, 2**128 - 1).map(lambda value: Address(6, value)), st.integers(1, LAST_AS))
def test_a_peer_that_is_stored_reads_the_same(address: Address, number: int) -> None:
    peer = Peer.new(address, str(number), {})
    again = Peer.from_json(peer.to_json())
    assert (again.address, again.as_num, again.fields) == (address, str(number), peer.fields)
    if not address_problem(address):
        assert peer_address(str(address)) == address


def test_a_peer_is_stored_as_legacy_stores_it() -> None:
    peer = Peer.new(Address.parse("10.0.0.1"), "64512", {})
    assert peer.to_json() == '{"ip": "10.0.0.1", "as_num": "64512"}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[]", "it is not an object"),
        ("{}", "ip is not text"),
        ('{"ip": 10, "as_num": "5"}', "ip is not text"),
        ('{"ip": "10", "as_num": "5"}', "ip is not an IP address"),
        *(
            (f'{{"ip": "10.0.0.1", "as_num": {as_num}}}', "as_num is neither text nor a whole number")
            for as_num in ("null", "true", "1.5", "[]")
        ),
        ('{"ip": "10.0.0.1"}', "as_num is neither text nor a whole number"),
    ],
)
def test_peers_that_cannot_be_read(text: str, reason: str) -> None:
    with pytest.raises(MalformedPeer) as error:
        Peer.from_json(text)
    assert str(error.value) == reason


@pytest.mark.parametrize("as_num", ["64512", 64512, "", "+5", "any word", 4200000000])
def test_whatever_as_number_others_have_stored_is_read(as_num: Any) -> None:
    assert Peer.from_json(json.dumps({"ip": "10.0.0.1", "as_num": as_num})).as_num == str(as_num)


@pytest.mark.parametrize(
    ("enabled", "is_on"), [("true", True), ("false", False), ('"false"', True), ('""', False), ("null", False)]
)
def test_the_mesh_is_on_by_the_truth_of_its_member(enabled: str, is_on: bool) -> None:
    assert Mesh.from_json(f'{{"enabled": {enabled}}}').is_on is is_on


def test_switching_the_mesh_keeps_what_else_is_stored() -> None:
    mesh = Mesh.from_json('{"later": [1], "enabled": true}').with_enabled(False)
    assert mesh.to_json() == '{"later": [1], "enabled": false}'


@pytest.mark.parametrize(
    ("text", "reason"), [("x", "it is not JSON"), ("null", "it is not an object"), ("{}", "enabled is missing")]
)
def test_a_mesh_that_cannot_be_read(text: str, reason: str) -> None:
    with pytest.raises(MalformedMesh) as error:
        Mesh.from_json(text)
    assert str(error.value) == reason
