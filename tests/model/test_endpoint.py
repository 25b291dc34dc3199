"""The fields of an endpoint: known fields, unknown fields and malformed values."""

from __future__ import annotations

import json
from typing import Any

import netaddr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.model.endpoint import Endpoint, EndpointName, MalformedEndpoint
from tests.model.strategies import ANY_TEXT, json_values
from tests.sampling import examples

NAME = EndpointName("h", "o", "w", "e")
SHOWN_FIELDS = ["profile_id", "profile_ids", "ipv4_nets", "ipv6_nets", "mac", "state"]
FIELDS = st.dictionaries(st.one_of(st.sampled_from([*SHOWN_FIELDS, "name", "labels"]), ANY_TEXT), json_values())
ADDRESS_LIKE = st.text("0123456789abcdefF.:/ -+x%_\t\n\0é٣", max_size=24)
IPV4 = st.integers(0, 2**32 - 1).map(lambda number: str(netaddr.IPAddress(number, 4)))
IPV6 = st.one_of(st.integers(0, 2**128 - 1), st.integers(0, 2**48 - 1)).map(
    lambda number: str(netaddr.IPAddress(number, 6))
)


def of(fields: dict[str, Any]) -> Endpoint:
    return Endpoint(NAME, fields)


def nets(addresses: st.SearchStrategy[str], longest: int) -> st.SearchStrategy[str]:
    """Addresses in stored forms: plain, with a prefix length, in upper case."""
    length = st.one_of(st.just(""), st.integers(0, longest).map(lambda bits: f"/{bits}"))
    return st.builds(lambda address, bits, upper: (address.upper() if upper else address) + bits, addresses, length,
                     st.booleans())  # fmt: skip


def test_names() -> None:
    assert str(NAME) == "h/o/w/e"
    assert str(EndpointName("h", None, None, "eth0")) == "h/eth0"


def test_names_that_are_not_endpoints() -> None:
    endpoint = Endpoint.from_json(NAME, "{}")
    assert (endpoint.profile_ids, endpoint.addresses, endpoint.mac, endpoint.state) == ([], [], None, None)
    endpoint = of(dict.fromkeys(SHOWN_FIELDS))
    assert (endpoint.profile_ids, endpoint.addresses, endpoint.mac, endpoint.state) == ([], [], None, None)


@pytest.mark.parametrize(
    ("fields", "profile_ids"),
    [
        ({"profile_ids": ["b", "a", "b"]}, ["b", "a", "b"]),
        ({"profile_id": "old"}, ["old"]),
        ({"profile_id": "old", "profile_ids": ["new"]}, ["new"]),
        ({"profile_id": "", "profile_ids": ["new"]}, ["new"]),
        ({"profile_id": None, "profile_ids": ["new"]}, ["new"]),
        ({"profile_id": "old", "profile_ids": []}, []),
        ({"profile_id": "old", "profile_ids": None}, ["old"]),
    ],
)
def test_both_forms_of_profile_field(fields: dict[str, Any], profile_ids: list[str]) -> None:
    assert of(fields).profile_ids == profile_ids


@settings(max_examples=examples(200), deadline=None)
@given(FIELDS, st.lists(ANY_TEXT, max_size=3))
def test_change_of_profiles_keeps_other_fields(fields: dict[str, Any], profiles: list[str]) -> None:
    before = json.dumps(fields)
    changed = of(fields).with_profiles(profiles)
    kept = [key for key in fields if key != "profile_id"]
    assert json.dumps(fields) == before
    assert changed.profile_ids == profiles
    assert list(changed.fields) == (kept if "profile_ids" in fields else [*kept, "profile_ids"])
    assert all(json.dumps(changed.fields[key]) == json.dumps(fields[key]) for key in kept if key != "profile_ids")
    assert changed.name is NAME


@settings(max_examples=examples(200), deadline=None)
@given(FIELDS)
def test_round_trip_keeps_text_exactly(fields: dict[str, Any]) -> None:
    text = json.dumps(fields)
    assert Endpoint.from_json(NAME, text).to_json() == text


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(nets(IPV4, 32), max_size=4), st.lists(nets(IPV6, 128), max_size=4), st.booleans())
def test_addresses_match_netaddr_in_numeric_order(ipv4: list[str], ipv6: list[str], swap: bool) -> None:
    networks = [netaddr.IPNetwork(text) for text in ipv4 + ipv6]
    networks.sort(key=lambda network: (network.version, network.value, network.prefixlen))
    fields = {"ipv4_nets": ipv6, "ipv6_nets": ipv4} if swap else {"ipv4_nets": ipv4, "ipv6_nets": ipv6}
    assert of(fields).addresses == [str(network) for network in networks]


@settings(deadline=None)
@given(st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}", fullmatch=True))
def test_single_address_is_read_like_several(text: str) -> None:
    def addresses(*texts: str) -> list[str] | str:
        try:
            return of({"ipv4_nets": list(texts)}).addresses
        except MalformedEndpoint as error:
            return str(error)

    one, two = addresses(text), addresses(text, text)
    assert two == (one if isinstance(one, str) else one * 2)


def read_all(text: str) -> None:
    try:
        endpoint = Endpoint.from_json(NAME, text)
    except MalformedEndpoint:
        return
    for attribute in ("profile_ids", "addresses", "mac", "state"):
        try:
            value = getattr(endpoint, attribute)
        except MalformedEndpoint:
            continue
        if attribute in ("mac", "state"):
            assert value is None or isinstance(value, str)
        else:
            assert isinstance(value, list) and all(isinstance(item, str) for item in value)


@settings(max_examples=examples(300), deadline=None)
@given(st.one_of(ANY_TEXT, json_values().map(json.dumps), FIELDS.map(json.dumps)))
def test_any_stored_value_is_read_or_malformed(text: str) -> None:
    read_all(text)


@settings(max_examples=examples(300), deadline=None)  # the first unusual address imports netaddr
@given(st.lists(st.one_of(ADDRESS_LIKE, nets(IPV4, 40)), max_size=2))
def test_any_address_is_read_or_malformed(texts: list[str]) -> None:
    read_all(json.dumps({"ipv4_nets": texts}))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not JSON"),
        ("nul", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("9" * 5_000, "it is not JSON"),
        ("[{}]", "it is not a JSON object"),
        ("null", "it is not a JSON object"),
    ],
)
def test_values_that_are_not_endpoints(text: str, reason: str) -> None:
    with pytest.raises(MalformedEndpoint) as caught:
        Endpoint.from_json(NAME, text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("fields", "attribute", "reason"),
    [
        ({"mac": 1}, "mac", "mac is not a string"),
        ({"state": []}, "state", "state is not a string"),
        ({"profile_id": 0, "profile_ids": None}, "profile_ids", "profile_id is not a string"),
        ({"profile_ids": "PROF"}, "profile_ids", "profile_ids is not a list of strings"),
        ({"ipv4_nets": "10.0.0.1"}, "addresses", "ipv4_nets is not a list of strings"),
        ({"ipv6_nets": [6]}, "addresses", "ipv6_nets is not a list of strings"),
        ({"ipv4_nets": ["10.0.0.1/32", 'a"\n']}, "addresses", '"a\\"\\n" is not an address'),
        ({"ipv4_nets": ["10.0.0.256/32"]}, "addresses", '"10.0.0.256/32" is not an address'),
        ({"ipv4_nets": ["10.0.0.1/33"]}, "addresses", '"10.0.0.1/33" is not an address'),
    ],
)
def test_fields_of_wrong_type(fields: dict[str, Any], attribute: str, reason: str) -> None:
    with pytest.raises(MalformedEndpoint) as caught:
        getattr(of(fields), attribute)
    assert str(caught.value) == reason


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": [-Infinity]}', '{"a": {"b": 1e999}}'])
def test_non_json_numbers_are_not_written(text: str) -> None:
    endpoint = Endpoint.from_json(NAME, text)
    with pytest.raises(MalformedEndpoint) as caught:
        endpoint.to_json()
    assert str(caught.value) == "it has a number that is not JSON"
