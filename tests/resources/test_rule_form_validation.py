"""New rules in Profile documents: each refusal names the path and value, and says what is allowed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.model.rule_update import Update
from calicoctl.resources import documents
from calicoctl.resources.fields import Problems
from calicoctl.resources.profile.rule_form import ENTITY_FIELDS, FIELDS, read_form
from calicoctl.resources.profile.rule_mapping import canonical_text, form_of, rules_of
from tests.sampling import examples

PATH = "spec.ingress[1]"
NOT_IN_V1 = "cannot be stored in the Calico v1 data model"
PORT = "is not a port from 0 to 65535 or a range such as 8000:8080"
NET = "is not a CIDR such as 10.0.0.0/8 or fd80::/64"
TAG = "is not a tag: 1 to 128 letters, digits, dots, dashes and underscores"
PROTOCOL = "is not one of TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or a number from 1 to 255"


def problems_of(text: str) -> list[str]:
    """Return the problems of a rule in YAML or JSON, without the path of the rule."""
    problems = Problems()
    form = read_form(documents.read(text)[0], PATH, problems)
    if form is not None:
        rules_of(form, PATH, problems)
    assert all(problem.startswith(PATH) for problem in problems.texts)
    return [problem[len(PATH) :].lstrip(".: ") for problem in problems.texts]


def stored(text: str) -> list[dict[str, Any]]:
    problems = Problems()
    form = read_form(documents.read(text)[0], PATH, problems)
    assert form is not None
    rules = rules_of(form, PATH, problems)
    assert problems.texts == []
    return [rule.fields for rule in rules]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("{}", ["action: is missing; one of Allow, Deny, Log, Pass"]),
        ("action: ''", ['action: "" is not one of Allow, Deny, Log, Pass']),
        ("action: allow", ['action: "allow" is not one of Allow, Deny, Log, Pass']),
        ("action: [Allow]", ['action: ["Allow"] is not a string', "action: is missing; one of Allow, Deny, Log, Pass"]),
        ("action: Allow\nport: 80", ["port: is not a field here"]),
        ("action: Allow\ndst_net: 10.0.0.0/8", ["dst_net: is not a field here"]),
        ("action: Allow\nAction: Deny", ["action: appears twice"]),
        ("action: Allow\nsource: {net: 10.0.0.0/8}", ["source.net: is not a field here; did you mean nets?"]),
        ("action: Allow\nsource: 10.0.0.0/8", ["source: 10.0.0.0/8 is not a mapping"]),
        ("action: Allow\nipVersion: 5", ["ipVersion: 5 is not 4 or 6"]),
        ("action: Allow\nipVersion: '4'", ['ipVersion: "4" is not a number']),
        ("action: Allow\nipVersion: four", ["ipVersion: four is not accepted as a number: it is not a whole number"]),
        ("action: Allow\nprotocol: tcp", [f'protocol: "tcp" {PROTOCOL}']),
        ("action: Allow\nprotocol: 0", [f"protocol: 0 {PROTOCOL}"]),
        ("action: Allow\nprotocol: '256'", [f"protocol: 256 {PROTOCOL}"]),
        ("action: Allow\nnotProtocol: -1", [f"notProtocol: -1 {PROTOCOL}"]),
        ("action: Allow\nprotocol: 6.5", ["protocol: 6.5 is not accepted as a number: it is not a whole number"]),
        ("action: Allow\nprotocol: ICMP\nicmp: {type: 255}", ["icmp.type: 255 is not a number from 0 to 254"]),
        ("action: Allow\nprotocol: ICMP\nicmp: {type: 8, code: 256}", ["icmp.code: 256 is not a number from 0 to 255"]),
        ("action: Allow\nprotocol: ICMP\nicmp: {code: 0}", ["icmp.code: needs a type"]),
        ("action: Allow\nicmp: {}", ["icmp: needs the protocol ICMP or ICMPv6"]),
        ("action: Allow\nprotocol: 1\nicmp: {type: 8}", ["icmp: needs the protocol ICMP or ICMPv6"]),
        ("action: Allow\nnotICMP: {type: 8}", ["notICMP: needs the protocol ICMP or ICMPv6"]),
        ("action: Allow\nipVersion: 6\nprotocol: ICMP", ["ipVersion: 6 does not go with protocol ICMP"]),
        ("action: Allow\nipVersion: 4\nnotProtocol: ICMPv6", ["ipVersion: 4 does not go with notProtocol ICMPv6"]),
        (
            "action: Allow\nprotocol: ICMP\nsource: {nets: ['fd80::/64']}",
            ["source.nets[0]: fd80::/64 is IPv6, but the protocol is ICMP"],
        ),
        (
            "action: Allow\nsource: {nets: [10.0.0.0/8]}\ndestination: {notNets: ['fd80::/64']}",
            ["destination.notNets[0]: fd80::/64 is IPv6, but source.nets[0] is IPv4"],
        ),
        (
            "action: Allow\nipVersion: 6\nsource: {nets: [10.0.0.0/8, 11.0.0.0/8]}",
            [f"source.nets[{n}]: 1{n}.0.0.0/8 is IPv4, but ipVersion is 6" for n in (0, 1)],
        ),
        (
            "action: allow\nprotocol: ICMPv6\nsource: {nets: [10.0.0.0/8]}",
            [
                'action: "allow" is not one of Allow, Deny, Log, Pass',
                "source.nets[0]: 10.0.0.0/8 is IPv4, but the protocol is ICMPv6",
            ],
        ),
        *(
            (f"action: Allow\nsource: {{nets: ['{net}']}}", [f'source.nets[0]: "{net}" {NET}'])
            for net in (
                "10.0.20.1", "::1", "", "10/8", "010.0.0.0/8", "10.0.0.0/08", "10.0.0.0/33", "10.0.0.0/255.0.0.0",
                "fd80::/129",
                "10.0.0.0/8 ", "nonsense", ":::/0", "1.2.3.4.5/8",
            )
        ),
        (
            "action: Allow\nsource: {nets: ['::ffff:10.0.0.0/104']}",
            [
                'source.nets[0]: "::ffff:10.0.0.0/104" is not accepted: some programs read it as IPv4, others as IPv6: '
                'write it as IPv4'
            ],
        ),
        (
            "action: Allow\nsource: {notNets: [10.0.0.0/8, 11.0.0.0/8]}",
            [f"source.notNets: more than one network {NOT_IN_V1}"],
        ),
        ("action: Allow\nsource: {nets: 10.0.0.0/8}", ["source.nets: 10.0.0.0/8 is not a list"]),
        ("action: Allow\nsource: {nets: [[10.0.0.0/8]]}", ['source.nets[0]: ["10.0.0.0/8"] is not a string']),
        (
            "action: Allow\nsource: {selector: a == b}",
            ['source.selector: "a == b" is not accepted as a selector: expected a string after == at column 6'],
        ),
        (
            "action: Allow\nsource: {notSelector: a contains 'b'}",
            [
                'source.notSelector: "a contains \'b\'" is not accepted as a selector: "contains" at column 3 is later '
                "than the v1 data model"
            ],
        ),
        ("action: Allow\nsource: {namespaceSelector: all()}", [f"source.namespaceSelector: {NOT_IN_V1}"]),
        ("action: Allow\nsource: {serviceAccounts: {names: [a]}}", [f"source.serviceAccounts: {NOT_IN_V1}"]),
        ("action: Allow\nsource: {serviceAccounts: {selector: all()}}", [f"source.serviceAccounts: {NOT_IN_V1}"]),
        ("action: Allow\nsource: {serviceAccounts: {name: a}}", [
            "source.serviceAccounts.name: is not a field here; did you mean names?"]),
        ("action: Allow\nhttp: {methods: [GET]}", [f"http: {NOT_IN_V1}"]),
        ("action: Allow\nhttp: {}", [f"http: {NOT_IN_V1}"]),
        ("action: Allow\nsource: {tag: a b}", [f'source.tag: "a b" {TAG}']),
        ("action: Allow\ndestination: {notTag: ''}", [f'destination.notTag: "" {TAG}']),
        *(
            (f"action: Allow\nprotocol: TCP\nsource: {{ports: [{port}]}}", [f"source.ports[0]: {shown} {PORT}"])
            for port, shown in (
                ("65536", "65536"), ("-1", "-1"), ("1:65536", '"1:65536"'),
                ("80-90", '"80-90"'), ("1:2:3", '"1:2:3"'), ("'*'", '"*"'), ("''", '""'), ("HTTP", '"HTTP"'),
            )
        ),
        ("action: Allow\nprotocol: TCP\nsource: {ports: [1e3]}", [
            f'source.ports[0]: "1e3" is a named port, which {NOT_IN_V1}']),
        ("action: Allow\nprotocol: TCP\nsource: {ports: [20:10]}", [
            'source.ports[0]: "20:10" ends before it begins']),
        (
            "action: Allow\nprotocol: TCP\nsource: {notPorts: [80, http]}",
            [f'source.notPorts[1]: "http" is a named port, which {NOT_IN_V1}'],
        ),
        (
            "action: Allow\nprotocol: TCP\nsource: {ports: [010]}",
            [
                "source.ports[0]: 010 is not accepted as a number: some programs read it as octal, others as decimal; "
                "write it without leading zeros"
            ],
        ),
        *(
            (f"action: Allow\n{protocol}source: {{ports: [80]}}", ["source.ports: needs the protocol TCP or UDP"])
            for protocol in ("", "protocol: SCTP\n", "protocol: 132\n", "notProtocol: TCP\n")
        ),
        (
            "action: Allow\nstoredFields: {a: 1}",
            ["storedFields: is only accepted in a rule that is already stored in this profile and unchanged"],
        ),
        ("action: Allow\nstoredFields: a", ["storedFields: a is not a mapping"]),
    ],
)  # fmt: skip
def test_invalid_rules(text: str, problems: list[str]) -> None:
    assert problems_of(text) == problems


def test_more_rules_than_fit_in_one_profile() -> None:
    nets = ", ".join(f"10.{high}.{low}.0/24" for high in range(2) for low in range(250))
    assert problems_of(f"action: allow\nsource: {{nets: [{nets}]}}\ndestination: {{nets: [{nets}]}}") == [
        'action: "allow" is not one of Allow, Deny, Log, Pass',
        "its networks make 250,000 rules, more than fit in one profile",
    ]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("action: Allow\nnotProtocol: 1\nipVersion: 6", [{"action": "allow", "ip_version": 6, "!protocol": 1}]),
        ("action: Pass", [{"action": "next-tier"}]),
        ("ACTION: Log\nLogPrefix: x", [{"action": "log", "log_prefix": "x"}]),
        ("action: Allow\nsource: {}\ndestination: null\nhttp: null\nicmp: ~", [{"action": "allow"}]),
        (
            "action: Allow\nsource: {nets: [], ports: [], selector: '', serviceAccounts: {}, namespaceSelector: ''}",
            [{"action": "allow"}],
        ),
        ("action: Allow\nsource: {serviceAccounts: {names: [], selector: null}}", [{"action": "allow"}]),
        ("action: Allow\nsource: {serviceAccounts: {selector: ''}}", [{"action": "allow"}]),
        *(
            (f"action: Allow\nprotocol: {six}", [{"action": "allow", "protocol": 6}])
            for six in ("6", "'6'", "06", "'06'", "6.0", "0x6", "0o6")
        ),
        (
            "action: Allow\nprotocol: 17\nsource: {ports: ['80', 80:80, 443, 10:20]}",
            [{"action": "allow", "protocol": "udp", "src_ports": [80, 80, 443, "10:20"]}],
        ),
        (
            "action: Deny\nprotocol: ICMPv6\nicmp: {type: 128, code: 0}\nnotICMP: {type: 1}\nipVersion: 6",
            [
                {
                    "action": "deny",
                    "ip_version": 6,
                    "protocol": "icmpv6",
                    "icmp_type": 128,
                    "icmp_code": 0,
                    "!icmp_type": 1,
                }
            ],
        ),
        (
            "action: Allow\nnotProtocol: UDPLite\nsource: {tag: web, notTag: db, notSelector: has(a)}\n"
            "destination: {notNets: ['2001:DB8::/32']}",
            [
                {
                    "action": "allow",
                    "!protocol": "udplite",
                    "src_tag": "web",
                    "!src_tag": "db",
                    "!src_selector": "has(a)",
                    "!dst_net": "2001:db8::/32",
                }
            ],
        ),
        (
            "action: Allow\ndestination: {nets: [10.0.0.0/8, 11.0.0.0/8]}",
            [{"action": "allow", "dst_net": "10.0.0.0/8"}, {"action": "allow", "dst_net": "11.0.0.0/8"}],
        ),
        ("action: Allow\nsource: {nets: [0.0.0.0/0]}", [{"action": "allow", "src_net": "0.0.0.0/0"}]),
    ],
)
def test_stored_form(text: str, rules: list[dict[str, Any]]) -> None:
    assert stored(text) == rules


NETS = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "fd80::/64", "1.2.3.4/24", "x"])
PORTS = st.one_of(st.integers(0, 65536), st.sampled_from(["1:2", "2:1", "80:80", "http"]))
PROTOCOLS = st.one_of(
    st.sampled_from(["TCP", "UDP", "ICMP", "ICMPv6", "SCTP", "UDPLite", "tcp", 1, 6, 17, 58]), st.integers(0, 256)
)
ENTITIES = st.fixed_dictionaries(
    {},
    optional={
        "nets": st.lists(NETS, max_size=3),
        "notNets": st.lists(NETS, max_size=2),
        "ports": st.lists(PORTS, max_size=3),
        "notPorts": st.lists(PORTS, max_size=3),
        "selector": st.sampled_from(["a == 'b'", "", "a in {}", "&&", "a contains 'b'"]),
        "notSelector": st.sampled_from(["has(a)", ""]),
        "tag": st.sampled_from(["web", "a b"]),
        "notTag": st.sampled_from(["web", ""]),
    },
)
ICMP = st.fixed_dictionaries({}, optional={"type": st.integers(0, 255), "code": st.integers(0, 256)})
FORMS = st.fixed_dictionaries(
    {"action": st.sampled_from(["Allow", "Deny", "Log", "Pass", "allow"])},
    optional={
        "ipVersion": st.sampled_from([4, 6, 5]),
        "protocol": PROTOCOLS,
        "notProtocol": PROTOCOLS,
        "icmp": ICMP,
        "notICMP": ICMP,
        "source": ENTITIES,
        "destination": ENTITIES,
        "logPrefix": st.text(),
    },
)


@pytest.mark.parametrize(
    ("nets", "excluded", "stored"),
    [
        (["10.0.0.0/8"], ["11.0.0.0/8"], ["10.0.0.0/8"]),
        (["10.0.0.0/8"], ["10.64.0.0/10"], ["10.128.0.0/9", "10.0.0.0/10"]),
        (["10.0.0.0/30", "11.0.0.0/8"], ["10.0.0.1/32"], ["10.0.0.2/31", "10.0.0.0/32", "11.0.0.0/8"]),
        (["10.0.0.0/30"], ["10.0.0.1/32", "10.0.0.2/32"], ["10.0.0.3/32", "10.0.0.0/32"]),
        (["fd80::/64", "fd80:0:0:1::/64"], ["fd80::/64"], ["fd80:0:0:1::/64"]),
    ],
)
def test_networks_minus_excluded_networks(nets: list[str], excluded: list[str], stored: Any) -> None:
    problems = Problems()
    rules = rules_of({"action": "Allow", "source": {"nets": nets, "notNets": excluded}}, "", problems)
    assert problems.texts == []
    assert [rule.fields for rule in rules] == [{"action": "allow", "src_net": net} for net in stored]


def test_exclusion_of_all_networks_is_refused() -> None:
    problems = Problems()
    form = {"action": "Allow", "source": {"nets": ["10.1.0.0/16"], "notNets": ["10.0.0.0/8"]}}
    assert rules_of(form, "", problems) == []
    assert problems.texts == ["source.notNets: excludes all of nets: the rule would match nothing"]


@settings(max_examples=examples(300), deadline=None)
@given(FORMS)
def test_accepted_rule_survives_rule_update_and_get(form: Any) -> None:
    problems = Problems()
    rules = rules_of(form, "", problems)
    assert bool(rules) != bool(problems.texts)
    text = json.dumps({"inbound_rules": [rule.fields for rule in rules], "outbound_rules": []})
    assert [rule.exact() for rule in Update(text, None).rules.inbound] == [rule.exact() for rule in rules]
    if len(rules) == 1:
        again = Problems()
        shown = form_of(rules[0])
        assert [rule.exact() for rule in rules_of(shown, "", again)] == [rule.exact() for rule in rules]
        assert canonical_text(form_of(rules_of(shown, "", again)[0])) == canonical_text(shown)


@settings(max_examples=examples(300), deadline=None)
@given(FORMS)
def test_refusals_name_path_of_field(form: Any) -> None:
    """All problems must be found before the form is converted to the names used in etcd."""
    problems = Problems()
    rules_of(form, PATH, problems)
    assert all(re.match(r"spec\.ingress\[1\]\.[a-zA-Z.]+(\[[0-9]+\])?: ", problem) for problem in problems.texts)


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 70000), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*FIELDS, *ENTITY_FIELDS, "type", "code", "names"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=examples(300), deadline=None)
@given(ANYTHING)
def test_any_value_is_read_or_refused(value: Any) -> None:
    try:
        (document,) = documents.read(json.dumps({"rule": value}))
    except documents.MalformedDocument:
        return  # a number in the spelling of Python's JSON, such as NaN
    problems = Problems()
    form = read_form(document["rule"], PATH, problems)
    if form is not None:
        rules_of(form, PATH, problems)
    assert all(problem.startswith(PATH) for problem in problems.texts)
