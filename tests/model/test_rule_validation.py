"""Valid new rules and their stored form."""

from __future__ import annotations

import re
from typing import Any

import netaddr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.model import selector
from calicoctl.model.rule_fields import port_item
from calicoctl.model.rule_validation import RuleProblems, new_rules
from tests.model.strategies import ANY_TEXT, FIELDS, Fields, json_values, odd_fields, typed_fields, valid_fields
from tests.sampling import examples

TCP = {"protocol": "tcp"}
TEN = "10.0.0.0/8"
ICMP = {"protocol": "icmp"}

NO_TAG = "is not a tag: 1 to 128 letters, digits, dots, dashes and underscores"
NO_PROTOCOL = "is not one of tcp, udp, icmp, icmpv6, sctp, udplite or a number from 1 to 255"
NO_CIDR = "is not a CIDR such as 10.0.0.0/8 or fd80::/64"
NO_PORT = "is not a port or a range of ports such as 80:90"
NO_PORT_PROTOCOL = "ports need the protocol tcp or udp"
NO_ICMP = "needs the protocol icmp or icmpv6"
NULL = "null is not a value; give one, or leave the field out"
EMPTY = "is empty; leave the field out to match all"
SEVERAL_NOT = "several excluded networks cannot be stored in a form that every version of Felix supports"


def stored(fields: Fields) -> list[Fields]:
    return [rule.fields for rule in new_rules(fields)]


def problems(fields: Fields) -> list[str]:
    with pytest.raises(RuleProblems) as caught:
        new_rules(fields)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"action": "permit"}, ['action: "permit" is not one of allow, deny, next-tier, log']),
        ({"action": "Allow"}, ['action: "Allow" is not one of allow, deny, next-tier, log']),
        ({"action": ["allow"]}, ['action: ["allow"] is not one of allow, deny, next-tier, log']),
        ({"ip_version": 5}, ["ip_version: 5 is not the number 4 or 6"]),
        ({"ip_version": "4"}, ['ip_version: "4" is not the number 4 or 6']),
        ({"ip_version": 4.0}, ["ip_version: 4.0 is not the number 4 or 6"]),
        ({"ip_version": True}, ["ip_version: true is not the number 4 or 6"]),
        ({"protocol": "bloop"}, [f'protocol: "bloop" {NO_PROTOCOL}']),
        ({"protocol": "TCP"}, [f'protocol: "TCP" {NO_PROTOCOL}']),
        ({"protocol": 0}, [f"protocol: 0 {NO_PROTOCOL}"]),
        ({"protocol": "256"}, [f"protocol: 256 {NO_PROTOCOL}"]),
        ({"protocol": "0006"}, [f'protocol: "0006" {NO_PROTOCOL}']),
        ({"protocol": "٦"}, [f'protocol: "٦" {NO_PROTOCOL}']),
        ({"protocol": 6.0}, [f"protocol: 6.0 {NO_PROTOCOL}"]),
        ({"protocol": True}, [f"protocol: true {NO_PROTOCOL}"]),
        ({"!protocol": {}}, [f"!protocol: {{}} {NO_PROTOCOL}"]),
        ({"src_tag": ""}, [f'src_tag: "" {NO_TAG}']),
        ({"dst_tag": "a b"}, [f'dst_tag: "a b" {NO_TAG}']),
        ({"!src_tag": "a\n"}, [f'!src_tag: "a\\n" {NO_TAG}']),
        ({"!dst_tag": 1}, [f"!dst_tag: 1 {NO_TAG}"]),
        ({"src_tag": "a" * 129}, [f'src_tag: "{"a" * 76}... {NO_TAG}']),
        ({"log_prefix": 1}, ["log_prefix: 1 is not a string"]),
        ({"src_selector": 1}, ["src_selector: 1 is not a string"]),
        ({"!dst_selector": ["a"]}, ['!dst_selector: ["a"] is not a string']),
        ({"src_net": "nonsense"}, [f'src_net: "nonsense" {NO_CIDR}']),
        ({"dst_net": "10.0.0.0/33"}, [f'dst_net: "10.0.0.0/33" {NO_CIDR}']),
        ({"!src_net": 10}, ["!src_net: 10 is not a CIDR"]),
        ({"src_nets": "10.0.0.0/8"}, ['src_nets: "10.0.0.0/8" is not a list of networks']),
        ({"src_nets": []}, [f"src_nets: the list of networks {EMPTY} networks"]),
        ({"!dst_nets": ["10.0.0.0/8", None]}, ["!dst_nets: null is not a CIDR"]),
        ({**TCP, "src_ports": "80"}, ['src_ports: "80" is not a list of ports']),
        ({**TCP, "src_ports": {}}, ["src_ports: {} is not a list of ports"]),
        ({**TCP, "dst_ports": []}, [f"dst_ports: the list of ports {EMPTY} ports"]),
        ({**TCP, "dst_ports": ["http"]}, [f'dst_ports: "http" {NO_PORT}']),
        ({**TCP, "dst_ports": [80, [90]]}, [f"dst_ports: [90] {NO_PORT}"]),
        ({**TCP, "dst_ports": [True]}, [f"dst_ports: true {NO_PORT}"]),
        ({**TCP, "dst_ports": [-1]}, [f"dst_ports: -1 {NO_PORT}"]),
        ({**TCP, "dst_ports": [80.0]}, [f"dst_ports: 80.0 {NO_PORT}"]),
        ({**TCP, "dst_ports": ["1:2:3"]}, [f'dst_ports: "1:2:3" {NO_PORT}']),
        ({**TCP, "dst_ports": ["80:"]}, [f'dst_ports: "80:" {NO_PORT}']),
        ({**TCP, "dst_ports": ["٨"]}, [f'dst_ports: "٨" {NO_PORT}']),
        ({**TCP, "dst_ports": ["80\n"]}, [f'dst_ports: "80\\n" {NO_PORT}']),
        ({**TCP, "dst_ports": [65536]}, ["dst_ports: 65536 is above the last port, 65535"]),
        ({**TCP, "dst_ports": ["5:65536"]}, ['dst_ports: "5:65536" is above the last port, 65535']),
        ({**TCP, "!dst_ports": ["90:80"]}, ['!dst_ports: "90:80" ends before it begins']),
        ({**TCP, "dst_ports": ["81-80"]}, ['dst_ports: "81-80" ends before it begins']),
        ({**ICMP, "icmp_type": 255}, ["icmp_type: 255 is not a number from 0 to 254"]),
        ({**ICMP, "icmp_type": "8"}, ['icmp_type: "8" is not a number from 0 to 254']),
        ({**ICMP, "!icmp_type": -1}, ["!icmp_type: -1 is not a number from 0 to 254"]),
        ({**ICMP, "icmp_type": True}, ["icmp_type: true is not a number from 0 to 254"]),
        ({**ICMP, "icmp_type": 8, "icmp_code": 256}, ["icmp_code: 256 is not a number from 0 to 255"]),
        ({"colour": "red"}, ['"colour" is not a field of a rule']),
        ({"src_port": [80]}, ['"src_port" is not a field of a rule; did you mean src_ports?']),
        ({"!Src_Tag": "a"}, ['"!Src_Tag" is not a field of a rule; did you mean !src_tag?']),
        ({"!action": "allow"}, ['"!action" is not a field of a rule; did you mean action?']),
        ({"!ip_version": 4}, ['"!ip_version" is not a field of a rule; did you mean ip_version?']),
        ({"!log_prefix": "a"}, ['"!log_prefix" is not a field of a rule; did you mean log_prefix?']),
        ({"!!src_tag": "a"}, ['"!!src_tag" is not a field of a rule; did you mean !src_tag?']),
        ({"": 1}, ['"" is not a field of a rule']),
        # Combinations of fields
        ({"src_ports": [80]}, [f"src_ports: {NO_PORT_PROTOCOL}"]),
        ({"protocol": "icmp", "!dst_ports": [80]}, [f"!dst_ports: {NO_PORT_PROTOCOL}"]),
        ({"!protocol": "tcp", "dst_ports": [80]}, [f"dst_ports: {NO_PORT_PROTOCOL}"]),
        ({"protocol": "sctp", "dst_ports": [80]}, [f"dst_ports: {NO_PORT_PROTOCOL}"]),
        ({"protocol": 132, "dst_ports": [80]}, [f"dst_ports: {NO_PORT_PROTOCOL}"]),
        ({"protocol": 1, "dst_ports": [80]}, [f"dst_ports: {NO_PORT_PROTOCOL}"]),
        ({"icmp_type": 8}, [f"icmp_type: {NO_ICMP}"]),
        ({**TCP, "!icmp_type": 8}, [f"!icmp_type: {NO_ICMP}"]),
        ({"!protocol": "icmp", "icmp_type": 8}, [f"icmp_type: {NO_ICMP}"]),
        ({**ICMP, "icmp_code": 0}, ["icmp_code: needs icmp_type"]),
        ({**ICMP, "icmp_type": 8, "!icmp_code": 0}, ["!icmp_code: needs !icmp_type"]),
        ({"icmp_code": 0}, [f"icmp_code: {NO_ICMP}", "icmp_code: needs icmp_type"]),
        ({"src_net": TEN, "src_nets": ["11.0.0.0/8"]}, ["src_nets: cannot be combined with src_net; give only one"]),
        (
            {"!dst_net": TEN, "!dst_nets": ["11.0.0.0/8"]},
            ["!dst_nets: cannot be combined with !dst_net; give only one"],
        ),
        ({"!src_nets": ["10.0.0.0/8", "11.0.0.0/8"]}, [f"!src_nets: {SEVERAL_NOT}"]),
        (
            {"src_net": "10.0.0.0/8", "dst_net": "fd80::/64"},
            ["mixed IP versions: src_net 10.0.0.0/8 is IPv4, dst_net fd80::/64 is IPv6"],
        ),
        (
            {"ip_version": 6, "!src_net": "10.0.0.0/8"},
            ["mixed IP versions: ip_version is IPv6, !src_net 10.0.0.0/8 is IPv4"],
        ),
        (
            {"src_nets": ["10.0.0.0/8", "fd80::/64"]},
            ["mixed IP versions: src_nets 10.0.0.0/8 is IPv4, src_nets fd80::/64 is IPv6"],
        ),
        (
            {"protocol": "icmpv6", "dst_net": "10.0.0.0/8"},
            ["mixed IP versions: protocol icmpv6 is IPv6, dst_net 10.0.0.0/8 is IPv4"],
        ),
        (
            {"protocol": "icmp", "ip_version": 6},
            ["mixed IP versions: ip_version is IPv6, protocol icmp is IPv4"],
        ),
        (
            {"protocol": 58, "icmp_type": 128, "ip_version": 4},
            ["mixed IP versions: ip_version is IPv4, protocol icmpv6 is IPv6"],
        ),
        (
            {"!protocol": "icmp", "ip_version": 6},
            ["mixed IP versions: ip_version is IPv6, !protocol icmp is IPv4"],
        ),
        ({"src_net": None, "!dst_tag": None}, [f"src_net: {NULL}", f"!dst_tag: {NULL}"]),
        ({**TCP, "dst_ports": ["080"]}, ['dst_ports: "080" has leading zeros; write 80']),
        ({**TCP, "dst_ports": ["080:0081"]}, ['dst_ports: "080:0081" has leading zeros; write 80:81']),
        # iptables accepts one match of a kind in a rule
        (
            {**TCP, "!protocol": "udp"},
            ["!protocol: Felix cannot program it beside protocol; leave one of them out"],
        ),
        (
            {"src_net": "10.0.0.0/8", "!src_net": "10.1.0.0/16"},
            [
                "!src_net: Felix cannot program it beside src_net; make two rules: deny with "
                'src_net "10.1.0.0/16" for the exception, then allow with src_net'
            ],
        ),
        (
            {"action": "deny", "src_net": "10.0.0.0/8", "!src_net": "10.1.0.0/16"},
            [
                "!src_net: Felix cannot program it beside src_net; make one rule for each network that remains without "
                'src_net "10.1.0.0/16"'
            ],
        ),
        # All problems in the order of the fields; combinations are checked once each field is valid
        (
            {"src_tag": "a b", "colour": 1, "src_ports": [80, "x", "y"], "action": None},
            [
                f'src_tag: "a b" {NO_TAG}',
                '"colour" is not a field of a rule',
                f'src_ports: "x" {NO_PORT}; "y" {NO_PORT}',
                f"action: {NULL}",
            ],
        ),
        (
            {"src_net": "10/8", "dst_net": "010.1.2.3/8", "src_tag": "a b", "icmp_type": 8},
            [
                'src_net: "10/8": it is only the beginning of an address: give all four numbers',
                'dst_net: "010.1.2.3/8": some programs read leading zeros as octal: write it without them',
                f'src_tag: "a b" {NO_TAG}',
                f"icmp_type: {NO_ICMP}",
            ],
        ),
        # a combination with an invalid field is not checked
        (
            {"protocol": "tpc", "dst_ports": [80], "icmp_type": 999, "icmp_code": 1},
            [
                'protocol: "tpc" is not one of tcp, udp, icmp, icmpv6, sctp, udplite or a number from 1 to 255',
                "icmp_type: 999 is not a number from 0 to 254",
            ],
        ),
        (
            {"src_ports": [80], "icmp_type": 8, "!src_nets": ["10.0.0.0/8", "11.0.0.0/8"]},
            [f"src_ports: {NO_PORT_PROTOCOL}", f"icmp_type: {NO_ICMP}", f"!src_nets: {SEVERAL_NOT}"],
        ),
    ],
)  # fmt: skip
def test_invalid_rules(fields: Fields, expected: list[str]) -> None:
    assert problems(fields) == expected


@pytest.mark.parametrize("text", ["a!b", "+b", "a ==", "has(a", "a contains 'b'", "a in {}", "a notin {'b'}"])
def test_invalid_selector_is_refused_with_reason_of_parser(text: str) -> None:
    with pytest.raises(selector.SelectorError) as caught:
        selector.parse(text, strict=True)
    assert problems({"src_selector": text}) == [f"src_selector: {caught.value}"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"action": "log", "log_prefix": "\x00é" * 50}, {"action": "log", "log_prefix": "\x00é" * 50}),
        ({"protocol": "47"}, {"protocol": 47}),
        ({"protocol": "006"}, {"protocol": 6}),
        ({"protocol": 6}, {"protocol": 6}),
        ({"protocol": 6, "src_ports": [80]}, {"protocol": "tcp", "src_ports": [80]}),
        ({"protocol": "17", "!dst_ports": [80]}, {"protocol": "udp", "!dst_ports": [80]}),
        ({"protocol": 1, "icmp_type": 8}, {"protocol": "icmp", "icmp_type": 8}),
        ({"protocol": 58, "!icmp_type": 8}, {"protocol": "icmpv6", "!icmp_type": 8}),
        (
            {**TCP, "dst_ports": ["80", "443:443", "80-90", "1:65535", 0, 80]},
            {**TCP, "dst_ports": [80, 443, "80:90", "1:65535", 0, 80]},
        ),
        ({"src_net": "10.0.0.1", "dst_net": "10.1.2.3/8"}, {"src_net": "10.0.0.1/32", "dst_net": "10.1.2.3/8"}),
        *(({"protocol": number, "ip_version": version},) * 2 for number in (1, 58) for version in (4, 6)),
        ({"!src_net": " FD80:0::1/64"}, {"!src_net": "fd80::1/64"}),
        ({"src_nets": ["10.0.0.0/8"], "action": "deny"}, {"src_net": "10.0.0.0/8", "action": "deny"}),
        ({"!dst_nets": ["10.0.0.0/8"]}, {"!dst_net": "10.0.0.0/8"}),
        ({"src_selector": "", "!dst_selector": "a=='b'"}, {"src_selector": "", "!dst_selector": "a=='b'"}),
        ({"!protocol": "icmp", "src_net": "fd80::/64"}, {"!protocol": "icmp", "src_net": "fd80::/64"}),
        ({"protocol": "icmpv6", "ip_version": 6}, {"protocol": "icmpv6", "ip_version": 6}),
        (
            {**ICMP, "icmp_type": 254, "icmp_code": 255, "!icmp_type": 0, "!icmp_code": 0},
            {**ICMP, "icmp_type": 254, "icmp_code": 255, "!icmp_type": 0, "!icmp_code": 0},
        ),
    ],
)
def test_stored_form(fields: Fields, expected: Fields) -> None:
    given = repr(fields)
    assert [list(one.items()) for one in stored(fields)] == [list(expected.items())]
    assert repr(fields) == given


def test_list_of_networks_becomes_one_rule_each_in_order() -> None:
    nets = {"dst_nets": ["12.0.0.0/8", "13.0.0.0/8"], "src_nets": ["10.0.0.0/8", "11.0.0.0/8"]}
    assert stored({"action": "deny", **nets, "src_tag": "a"}) == [
        {"action": "deny", "dst_net": f"{dst}.0.0.0/8", "src_net": f"{src}.0.0.0/8", "src_tag": "a"}
        for src in (10, 11)
        for dst in (12, 13)
    ]


# An independent restatement of what Felix 1.4 accepts and applies (docs/data-model.md, section 2)

FELIX_FIELDS = {field for field in FIELDS if not field.endswith("_nets")}


def felix_refuses(fields: Fields) -> list[str]:
    """The fields that Felix would refuse or apply with another meaning."""
    return [
        *(key for key in fields if key not in FELIX_FIELDS or not _felix_takes(key.removeprefix("!"), fields[key])),
        *(key for key in fields if "_ports" in key and fields.get("protocol") not in ("tcp", "udp")),
        *(key for key in fields if "icmp_" in key and fields.get("protocol") not in ("icmp", "icmpv6")),
        *(key for key in fields if "icmp_code" in key and key.replace("code", "type") not in fields),
        *(["ip_version"] if len(_versions(fields)) > 1 else []),
    ]


def _felix_takes(field: str, value: Any) -> bool:
    kind = type(value)
    if field == "action":
        return value in ("allow", "deny", "next-tier", "log")
    if field == "ip_version":
        return kind is int and value in (4, 6)
    if field == "protocol":
        names = ("tcp", "udp", "icmp", "icmpv6", "sctp", "udplite")
        return value in names or (kind in (int, str) and str(value) in map(str, range(1, 256)))
    if field.endswith("_tag"):
        return kind is str and re.fullmatch(r"[a-zA-Z0-9_.\-]+", value) is not None
    if field.endswith("_selector"):
        selector.parse(value, strict=True)
        return True
    if field.endswith("_net"):
        return netaddr.IPNetwork(value, expand_partial=True).version in (4, 6)
    if field.endswith("_ports"):
        return kind is list and value != [] and all(map(_felix_takes_port, value))
    if field.startswith("icmp_"):
        return kind is int and value in range(255 if field == "icmp_type" else 256)
    return field == "log_prefix" and kind is str


def _felix_takes_port(port: Any) -> bool:
    if type(port) is int:
        return port in range(65536)
    ends = [int(end) for end in port.split(":")]
    return len(ends) == 2 and 0 <= ends[0] < ends[1] <= 65535


def _versions(fields: Fields) -> set[int]:
    versions = {netaddr.IPNetwork(value).version for key, value in fields.items() if key.endswith("_net")}
    return versions | {
        *([fields["ip_version"]] if "ip_version" in fields else []),
        *([4] if fields.get("protocol") == "icmp" else []),
        *([6] if fields.get("protocol") == "icmpv6" else []),
    }


@pytest.mark.parametrize(
    "fields", [{"src_nets": []}, {"action": "a"}, {"src_ports": [80]}, {"icmp_type": 8}, {**TCP, "src_ports": [70000]}]
)
def test_restatement_refuses_invalid_rules(fields: Fields) -> None:
    assert felix_refuses(fields) != []


@settings(max_examples=examples(200))
@given(valid_fields())
def test_valid_rule_is_stored_unchanged(fields: Fields) -> None:
    (only,) = stored(fields)
    assert list(only.items()) == list(fields.items())
    assert felix_refuses(fields) == []


@settings(max_examples=examples(400))
@given(
    st.one_of(
        odd_fields(),
        typed_fields(),
        st.dictionaries(st.one_of(st.sampled_from(FIELDS), ANY_TEXT), json_values(), max_size=4),
    )
)
def test_accepted_rule_is_accepted_by_felix_and_stays_unchanged(fields: Fields) -> None:
    try:
        rules = stored(fields)
    except RuleProblems as error:
        assert error.problems
        return
    assert rules
    for rule in rules:
        assert felix_refuses(rule) == []
        (again,) = stored(rule)
        assert list(again.items()) == list(rule.items())


@settings(max_examples=examples(200))
@given(valid_fields(), st.sampled_from(FIELDS), json_values())
def test_one_invalid_value_in_valid_rule(fields: Fields, key: str, value: Any) -> None:
    try:
        rules = stored({**fields, key: value})
    except RuleProblems as error:
        assert error.problems
        return
    assert [felix_refuses(rule) for rule in rules] == [[]] * len(rules)


@given(st.one_of(st.integers(-2, 70000), json_values().filter(lambda value: not isinstance(value, str))))
def test_ports_without_other_fields(value: Any) -> None:
    try:
        result = port_item(value)
    except ValueError:
        assert not (type(value) is int and 0 <= value <= 65535)
    else:
        assert result == int(value)
        assert type(result) is int
        assert 0 <= result <= 65535
