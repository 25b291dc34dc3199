"""Equality of rules and their stored form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.model.rule import Rule
from tests.model.strategies import odd_fields, typed_fields

TCP = {"action": "allow", "protocol": "tcp"}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rules are equal, checked in both directions."""
    meanings = Rule(one).meaning(), Rule(other).meaning()
    assert (meanings[0] == meanings[1]) == (meanings[1] == meanings[0])
    return meanings[0] == meanings[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"action": "allow"}),
        ({"action": None}, {"action": "allow"}),
        ({"src_tag": "a"}, {"action": "allow", "src_tag": "a", "dst_tag": None, "src_ports": None, "ip_version": None}),
        ({"action": "deny", "src_tag": "a"}, {"src_tag": "a", "action": "deny"}),
        ({**TCP, "dst_ports": [80, 443]}, {**TCP, "dst_ports": [443, 80]}),
        ({**TCP, "dst_ports": [80, 443]}, {**TCP, "dst_ports": [443, 80, 443]}),
        ({**TCP, "dst_ports": [80]}, {**TCP, "dst_ports": ["80"]}),
        ({**TCP, "dst_ports": [80]}, {**TCP, "dst_ports": ["80:80"]}),
        ({**TCP, "dst_ports": [80]}, {**TCP, "dst_ports": ["080"]}),
        ({**TCP, "dst_ports": [0]}, {**TCP, "dst_ports": ["000:000"]}),
        ({**TCP, "!src_ports": [80, "1:2"]}, {**TCP, "!src_ports": ["1:2", "80"]}),
        ({"protocol": 6}, {"protocol": "6"}),
        ({"!protocol": 6}, {"!protocol": "006"}),
        ({"protocol": "0"}, {"protocol": 0}),
        ({"src_net": "10.0.0.0/8"}, {"src_net": "10.1.2.3/8"}),
        ({"src_net": "10.0.0.0/8"}, {"src_net": "10/8"}),
        ({"src_net": "10.0.0.0/8"}, {"src_net": "10.0.0.0/255.0.0.0"}),
        ({"src_net": "10.0.0.1"}, {"src_net": "10.0.0.1/32"}),
        ({"dst_net": "FD80:0::1/64"}, {"dst_net": "fd80::/64"}),
        ({"!dst_net": "10.0.0.0/8"}, {"!dst_net": "10.9.9.9/8"}),
        ({"src_net": "10.0.0.0/8"}, {"src_nets": ["10.0.0.0/8"]}),
        ({"!dst_net": "10.0.0.0/8"}, {"!dst_nets": ["10.1.1.1/8"]}),
        ({"src_nets": ["10/8", "11/8"]}, {"src_nets": ["11.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8"]}),
        ({"src_net": "10/8", "src_nets": ["11/8"]}, {"src_nets": ["10/8"], "src_net": "11/8"}),
        ({"src_net": "no net"}, {"src_net": "no net"}),
        ({"x": {"a": 1, "b": [2]}}, {"x": {"b": [2], "a": 1}}),
        ({**TCP, "dst_ports": [{"a": 1, "b": 2}]}, {**TCP, "dst_ports": [{"b": 2, "a": 1}]}),
    ],
)
def test_equal_rules(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"action": "deny"}),
        ({"src_tag": "a"}, {"dst_tag": "a"}),
        ({"src_tag": "a"}, {"src_tag": "A"}),
        ({"src_tag": "a"}, {"!src_tag": "a"}),
        ({"src_tag": "a"}, {"src_tag": "a", "dst_tag": "b"}),
        ({"src_tag": "6"}, {"src_tag": "06"}),
        ({"ip_version": 4}, {}),
        ({"ip_version": 4}, {"ip_version": 6}),
        ({"ip_version": 4}, {"ip_version": "4"}),
        ({"src_net": "10.0.0.0/8", "ip_version": 4}, {"src_net": "10.0.0.0/8"}),
        ({"protocol": "tcp"}, {"protocol": 6}),
        ({"protocol": 6}, {"protocol": 6.0}),
        ({"protocol": 1}, {"protocol": True}),
        ({"protocol": 6}, {"protocol": "٦"}),
        ({"icmp_type": 8}, {"icmp_type": "8"}),
        ({"icmp_type": 1}, {"icmp_type": True}),
        ({"icmp_type": 0}, {"icmp_type": False}),
        ({"icmp_type": 0}, {}),
        ({**TCP, "dst_ports": [80]}, {**TCP, "src_ports": [80]}),
        ({**TCP, "dst_ports": [80]}, {**TCP, "dst_ports": [80, 81]}),
        ({**TCP, "dst_ports": ["80:81"]}, {**TCP, "dst_ports": [80, 81]}),
        ({**TCP, "dst_ports": ["80:90"]}, {**TCP, "dst_ports": ["80-90"]}),
        ({**TCP, "dst_ports": [80]}, {**TCP, "dst_ports": ["80:"]}),
        ({**TCP, "dst_ports": [80]}, {**TCP, "dst_ports": [" 80"]}),
        ({**TCP, "dst_ports": [1]}, {**TCP, "dst_ports": [True]}),
        ({**TCP, "dst_ports": ["true"]}, {**TCP, "dst_ports": [True]}),
        ({**TCP, "dst_ports": ["null"]}, {**TCP, "dst_ports": [None]}),
        ({**TCP, "dst_ports": [80]}, {**TCP, "dst_ports": 80}),
        ({**TCP, "dst_ports": []}, TCP),
        ({"src_net": "10.0.0.0/8"}, {"src_net": "10.0.0.0/9"}),
        ({"src_net": "10.0.0.0/8"}, {"!src_net": "10.0.0.0/8"}),
        ({"src_net": "10.0.0.0/8"}, {"src_nets": ["10.0.0.0/8", "11.0.0.0/8"]}),
        ({"src_net": "0.0.0.0/0"}, {"src_net": "::/0"}),
        ({"src_net": "0.0.0.0/0"}, {}),
        ({"src_nets": []}, {}),
        ({"src_net": "no net"}, {"src_net": "no other net"}),
        ({"src_net": 10}, {"src_net": "10"}),
        ({"src_net": ["10/8"]}, {"src_net": "10/8"}),
        ({"x": 1}, {"x": True}),
        ({"x": 1}, {"x": 1.0}),
        ({"x": 1}, {"y": 1}),
        ({"x": "1"}, {"x": 1}),
        ({"src_selector": "a=='b'"}, {"src_selector": "a == 'b'"}),
    ],
)
def test_different_rules(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert not same(one, other)
    assert Rule(one).exact() != Rule(other).exact()


@pytest.mark.parametrize("field", ["protocol", "src_ports"])
def test_numbers_of_any_length(field: str) -> None:
    digits = "9" * 5000
    value: Any = digits if field == "protocol" else [digits]
    zero_first: Any = f"0{digits}" if field == "protocol" else [f"0{digits}"]
    assert same({field: value}, {field: zero_first})


@given(odd_fields(), odd_fields())
def test_equal_json_has_equal_meaning(one: dict[str, Any], other: dict[str, Any]) -> None:
    rules = Rule(one), Rule(other)
    hash(rules[0].meaning())
    assert same(one, dict(reversed(one.items())))
    if rules[0].exact() == rules[1].exact():
        assert same(one, other)
    if not same(one, other):
        assert rules[0].exact() != rules[1].exact()


@given(st.one_of(odd_fields(), typed_fields()))
def test_additional_field_makes_rules_different(fields: dict[str, Any]) -> None:
    for key, value in fields.items():
        without = {other: fields[other] for other in fields if other != key}
        twin = key.removesuffix("s") if key.endswith("s") else f"{key}s"
        if "_net" in key and twin in without:
            continue  # src_net and src_nets may name the same network
        assert same(fields, without) == (value is None or (key == "action" and value == "allow")), key


def test_stored_order_of_keys() -> None:
    fields = dict.fromkeys(
        [
            "src_ports",
            "zone",
            "src_net",
            "dst_ports",
            "src_tag",
            "!src_tag",
            "protocol",
            "dst_tag",
            "icmp_type",
            "icmp_code",
        ]
    )
    fields |= dict.fromkeys(["dst_net", "action", "ip_version"])
    ordered = Rule(fields).ordered()
    assert list(ordered) == [
        "action", "dst_net", "icmp_type", "dst_tag", "protocol", "src_tag", "dst_ports", "src_net", "src_ports",
        "zone", "!src_tag", "icmp_code", "ip_version",
    ]  # fmt: skip
    assert ordered == fields


def test_exact_comparison_ignores_order_of_keys_but_not_null() -> None:
    assert Rule({"b": {"d": 1, "c": 2}, "a": "é"}).exact() == '{"a": "\\u00e9", "b": {"c": 2, "d": 1}}'
    assert Rule({"a": None}).exact() != Rule({}).exact()


@given(odd_fields(), odd_fields())
def test_places_in_finds_equal_rules(one: dict[str, Any], other: dict[str, Any]) -> None:
    rules = [Rule(other), Rule({**one, "dst_tag": None}), Rule({**one, **other}), Rule(dict(reversed(one.items())))]
    expected = [index for index, rule in enumerate(rules) if rule.meaning() == Rule(one).meaning()]
    assert list(Rule(one).places_in(rules)) == expected
