"""Rules as text: text of the grammar gives the same rule, and no field of any rule is omitted."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl import grammar
from calicoctl.commands import profile, rule_arguments
from calicoctl.model.rule import Rule
from calicoctl.model.rule_text import rule_text
from calicoctl.usage.profile import USAGE
from tests.model.strategies import FIELDS, IPV4_NETS, IPV6_NETS, TAGS, odd_fields, typed_fields, valid_fields
from tests.sampling import examples

Words = list[str]


def rule_of(words: Words, command: str = "add") -> Rule | None:
    """The rule that ``rule add`` (or ``remove``) creates from words; None if it refuses them."""
    arguments = grammar.parse(USAGE, ["profile", "WEB", "rule", command, "inbound", *words])
    if list(profile._invalid_arguments(arguments)):
        return None
    return rule_arguments.rule_of(arguments)


# Rules of the grammar


def some(draw: st.DrawFn, *words: str | st.SearchStrategy[str]) -> Words:
    """Some words, or none."""
    if draw(st.booleans()):
        return []
    return [word if isinstance(word, str) else draw(word) for word in words]


@st.composite
def port_lists(draw: st.DrawFn) -> str:
    """Ports and ranges in every spelling."""
    port = st.integers(0, 65535)
    items = []
    for first, last in draw(st.lists(st.tuples(port, port).map(sorted), min_size=1, max_size=4)):
        items.append(draw(st.sampled_from([f"{first}", f"{first}:{last}", f"{first}-{last}"])))
    return ",".join(items)


@st.composite
def numbers(draw: st.DrawFn, last: int) -> str:
    number = draw(st.integers(0, last))
    return draw(st.sampled_from([f"{number}", f"0{number}", f"+{number}", f" {number} "]))


@st.composite
def sayable(draw: st.DrawFn) -> Words:
    """The words of a rule, from action to destination, in every form that the grammar and the command accept."""
    protocol = draw(st.sampled_from(["", "tcp", "udp", "icmp", "icmpv6"]))
    version = {"icmp": 4, "icmpv6": 6}.get(protocol) or draw(st.sampled_from([4, 6]))
    cidrs = (
        st.one_of(IPV4_NETS, st.sampled_from(["10.1.2.3", "10.0.0.0/255.0.0.0"]))
        if version == 4
        else st.one_of(IPV6_NETS, st.sampled_from(["::", "FD80:0::/64"]))
    )
    words = [draw(st.sampled_from(["allow", "deny"]))] + [protocol] * bool(protocol)
    if protocol.startswith("icmp") and draw(st.booleans()):
        words += ["type", draw(numbers(254)), *some(draw, "code", numbers(255))]
    for side in ("from", "to"):
        if draw(st.booleans()):
            words.append(side)
            words += some(draw, "ports", port_lists()) if protocol in ("tcp", "udp") else []
            words += some(draw, "tag", TAGS)
            words += some(draw, "cidr", cidrs)
    return words


@settings(max_examples=examples(250))
@given(sayable())
def test_text_of_grammar_gives_same_rule(words: Words) -> None:
    rule = rule_of(words)
    assert rule is not None
    text = rule_text(rule)
    again = rule_of(text.split())
    assert again is not None
    assert again.exact() == rule.exact()
    assert again.meaning() == rule.meaning()
    assert rule_text(again) == text
    for spelling in (words, text.split()):
        removed = rule_of(spelling, "remove")
        assert removed is not None
        assert removed.meaning() == rule.meaning()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("allow", "allow"),
        ("deny from to", "deny"),
        ("allow tcp", "allow tcp"),
        ("allow icmp type 8", "allow icmp type 8"),
        ("deny icmpv6 type 008 code 0", "deny icmpv6 type 8 code 0"),
        ("allow from tag WEB", "allow from tag WEB"),
        ("allow to cidr 10.0.0.0/255.0.0.0", "allow to cidr 10.0.0.0/8"),
        ("allow from tag to to tag from", "allow from tag to to tag from"),
        (
            "deny udp from ports 80-90,443,22:22 tag a cidr 10.1.2.3/8 to ports 0 tag b cidr 10.0.0.1",
            "deny udp from ports 80:90,443,22 tag a cidr 10.1.2.3/8 to ports 0 tag b cidr 10.0.0.1/32",
        ),
        ("allow tcp to cidr FD80:0::1/64", "allow tcp to cidr fd80::1/64"),
    ],
)
def test_text_of_rules_in_grammar(words: str, text: str) -> None:
    rule = rule_of(words.split())
    assert rule is not None
    assert rule_text(rule) == text


@settings(max_examples=examples(150))
@given(
    st.sampled_from(
        [
            ["allow", "icmp", "type", "X"],
            ["deny", "icmpv6", "type", "X", "code", "Y"],
            ["allow", "tcp", "from", "ports", "X", "tag", "Y"],
            ["allow", "udp", "to", "ports", "X", "cidr", "Y"],
            ["allow", "icmp", "from", "cidr", "X", "to", "cidr", "Y"],
            ["deny", "from", "tag", "X", "to", "cidr", "Y"],
        ]
    ),
    st.dictionaries(
        st.sampled_from("XY"),
        st.one_of(
            st.sampled_from(
                ["8", "255", "256", "80:70", "65536", "10/8", "::/0", "9" * 2000, "+1", " 1", "a,b", ",", "."]
            ),
            st.text(st.characters(exclude_categories=()), max_size=6).filter(lambda word: not word.startswith("-")),
        ),
        min_size=2,
    ),
)
def test_accepted_words_give_a_rule(words: Words, values: dict[str, str]) -> None:
    words = [values.get(word, word) for word in words]
    rule, removed = rule_of(words), rule_of(words, "remove")
    assert removed is not None or rule is None
    if rule is not None:
        again = rule_of(rule_text(rule).split())
        assert again is not None
        assert again.exact() == rule.exact()


# Rules beyond the grammar


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "allow"),
        ({"action": None, "protocol": None, "src_ports": None}, "allow"),
        ({"action": "next-tier"}, "next-tier"),
        ({"action": "log", "log_prefix": 'say "drop": é'}, 'log log-prefix "say \\"drop\\": é"'),
        ({"ip_version": 4, "protocol": "tcp"}, "allow ipv4 tcp"),
        ({"ip_version": 6, "!protocol": "tcp"}, "allow ipv6 not tcp"),
        ({"protocol": 132}, "allow 132"),
        ({"protocol": "dccp v2"}, 'allow "dccp v2"'),
        ({"protocol": "icmp", "!icmp_type": 8, "!icmp_code": 0}, "allow icmp not type 8 not code 0"),
        (
            {"protocol": "icmp", "icmp_type": 3, "!icmp_type": 8, "icmp_code": 1, "!icmp_code": 0},
            "allow icmp type 3 not type 8 code 1 not code 0",
        ),
        (
            {"protocol": "tcp", "dst_ports": [80, "90:99"], "!dst_ports": ["91:92"], "!src_ports": [1]},
            "allow tcp from not ports 1 to ports 80,90:99 not ports 91:92",
        ),
        ({"src_tag": "a", "!src_tag": "b", "!dst_tag": "c"}, "allow from tag a not tag b to not tag c"),
        ({"src_net": "10.0.0.0/8", "!src_net": "10.1.0.0/16"}, "allow from cidr 10.0.0.0/8 not cidr 10.1.0.0/16"),
        ({"src_nets": ["10.0.0.0/8", "fd80::/64"]}, "allow from cidr 10.0.0.0/8,fd80::/64"),
        ({"!dst_nets": ["10.0.0.0/8"]}, "allow to not cidr 10.0.0.0/8"),
        ({"src_selector": "a == 'b'", "!dst_selector": ""}, 'allow from selector "a == \'b\'" to not selector ""'),
        ({"src_tag": "a b"}, 'allow from tag "a b"'),
        ({"src_net": "10.0.0.0/8,11.0.0.0/8"}, 'allow from cidr "10.0.0.0/8,11.0.0.0/8"'),
        ({"zone": [1, {"a": None}], "!x y": 2.5}, 'allow with zone=[1, {"a": null}] "!x y"=2.5'),
        # Values of the wrong type are not mistaken for valid ones.
        ({"action": 5}, "with action=5"),
        ({"ip_version": "4"}, 'allow with ip_version="4"'),
        ({"icmp_type": "8"}, 'allow with icmp_type="8"'),
        ({"icmp_type": True}, "allow with icmp_type=true"),
        ({"src_ports": 80}, "allow with src_ports=80"),
        ({"src_ports": []}, "allow with src_ports=[]"),
        ({"src_ports": [80, True]}, "allow with src_ports=[80, true]"),
        ({"src_tag": 80, "dst_tag": ["a"]}, 'allow with src_tag=80 dst_tag=["a"]'),
        ({"!src_nets": [10]}, 'allow with "!src_nets"=[10]'),
        ({"src_selector": ["a"]}, 'allow from selector ["a"]'),
    ],
)
def test_text_of_rules_beyond_grammar(fields: dict[str, Any], text: str) -> None:
    assert rule_text(Rule(fields)) == text


@settings(max_examples=examples(200))
@given(st.one_of(odd_fields(), typed_fields(), valid_fields()))
def test_no_field_is_omitted(fields: dict[str, Any]) -> None:
    text = rule_text(Rule(fields))
    assert rule_text(Rule(dict(fields))) == text
    for key, value in fields.items():
        without = {other: fields[other] for other in fields if other != key}
        says_nothing = value is None or (key == "action" and value == "allow")
        assert (rule_text(Rule(without)) == text) == says_nothing, key


@settings(max_examples=examples(300))
@given(typed_fields(), typed_fields())
def test_rules_with_same_text_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    if rule_text(Rule(one)) == rule_text(Rule(other)):
        assert Rule(one).meaning() == Rule(other).meaning()


def test_short_rules_with_same_text_are_equal() -> None:
    values: dict[str, list[Any]] = {
        "action": ["deny", "log", 1],
        "ip_version": [4, 6, "4"],
        "protocol": ["tcp", 6, "6", [6]],
        "type": [8, "8", True],
        "code": [8, "8", [8]],
        "tag": ["8", "to", 8, ["to"], "not", "a,b"],
        "selector": ["8", "", 8, ["8"]],
        "net": ["10.0.0.0/8", "11.0.0.0/8", "10.0.0.0/8,11.0.0.0/8", 8],
        "nets": [["10.0.0.0/8"], ["10.0.0.0/8", "11.0.0.0/8"], ["10.0.0.0/8,11.0.0.0/8"], "10.0.0.0/8", []],
        "ports": [[8], ["8"], ["8:9"], [8, 9], 8, "8", [True], ["true"]],
        "prefix": ["8", 8, "a b"],
    }
    members = [
        (field, value) for field in FIELDS for value in values.get(field, values.get(field.rpartition("_")[2], []))
    ] + [("x", 8), ("x", "8"), ("protocol", "dccp"), ("!protocol", "tcp")]
    by_text: dict[str, Rule] = {}
    for pair in itertools.combinations(members, 2):
        for fields in (dict(pair[:1]), dict(pair)):
            rule = Rule(fields)
            first = by_text.setdefault(rule_text(rule), rule)
            assert first.meaning() == rule.meaning(), (first.fields, rule.fields)
    assert len(by_text) > 7000
