"""calicoq lint: each finding, and none where there is nothing to find."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calicoctl.calicoq.lint_codes import CODES
from tests.calicoq.conftest import Calicoq, Store

TCP: dict[str, Any] = {"protocol": "tcp"}
IPV4: dict[str, Any] = {"ip_version": 4}
HTTP: dict[str, Any] = {**TCP, "dst_ports": [80]}

# Inbound rules, and the findings: code, rule and the rules that cover it
CASES: list[tuple[str, list[dict[str, Any]], list[tuple[str, int, list[int]]]]] = [
    ("nothing", [HTTP, TCP | {"action": "deny"}, {}], []),
    ("the same twice", [HTTP, HTTP | {"src_tag": "A"}], [("CL002", 2, [1])]),
    ("by several", [TCP | {"dst_ports": ["0:100"]}, TCP | {"dst_ports": ["101:65535"]}, TCP, {"protocol": "udp"}],
     [("CL002", 3, [1, 2])]),
    ("both ways", [HTTP, TCP, HTTP], [("CL004", 1, [2]), ("CL002", 3, [1])]),
    ("otherwise", [{"action": "deny"}, HTTP], [("CL003", 2, [1])]),
    ("networks",
     [IPV4 | {"src_net": "10.0.0.0/9"}, IPV4 | {"src_net": "10.128.0.0/9"}, IPV4 | {"src_net": "10.3.0.0/8"}],
     [("CL002", 3, [1, 2])]),
    ("in one IP version only", [{"src_net": "10.0.0.0/9"}, {"src_net": "10.128.0.0/9"}], []),  # IPv6 loses the networks
    ("another tag", [{"src_tag": "A"}, {"src_tag": "B"}], []),
    ("a negated tag", [{"!src_tag": "A"}, {"src_tag": "A"}], []),
    ("empty by tags", [{"src_tag": "A", "!src_tag": "A"}], [("CL001", 1, [])]),
    ("empty by ports", [TCP | {"dst_ports": [80], "!dst_ports": ["79:81"]}], [("CL001", 1, [])]),
    ("replies", [{"protocol": "icmp", "icmp_type": 0, "ip_version": 4}], [("CL001", 1, [])]),
    ("log covers nothing", [{"action": "log"}, {"action": "log"}, HTTP], []),
    ("redundant", [HTTP, {"protocol": "udp", "action": "deny"}, TCP], [("CL004", 1, [3])]),
    ("not redundant", [HTTP, {"src_tag": "A", "action": "deny"}, TCP], []),
    ("a fault of Felix", [{"protocol": "sctp", "dst_ports": [80], "ip_version": 4}, HTTP | {"ip_version": 4}],
     [("CL003", 2, [1])]),
    ("refused by iptables", [TCP | {"!protocol": "udp"}, TCP], []),
    ("the mark of next-tier", [HTTP, {"action": "next-tier"}, HTTP], [("CL002", 3, [1])]),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rules(
    store: Store, calicoq: Calicoq, rules: list[dict[str, Any]], found: list[tuple[str, int, list[int]]]
) -> None:
    store.profile("P", inbound=rules)
    result = calicoq("lint", "P", "-o", "json")
    shown = [finding for finding in json.loads(result.stdout) if finding["code"] < "CL010"]
    shown.sort(key=lambda each: each["rule_number"])
    assert [(each["code"], each["rule_number"], each.get("covered_by", [])) for each in shown] == found
    assert all(each["level"] == "always" for each in shown)


def test_the_text(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"])
    store.profile("P", inbound=[{"action": "deny"}, {**HTTP, "src_tag": "A"}])
    expected = (
        "1 finding\n\n"
        "Warning CL003, a rule that never decides, while others decide otherwise (always): 1 case\n"
        '  Profile "P" inbound rule 2: allow tcp from tag A to ports 80\n'
        "    covered by rule 1: deny\n"
        "    Remedy: calicoctl profile P rule remove inbound --at=2\n\n"
        "'calicoq explain-code <code>' says more about a code.\n"
    )
    assert calicoq("lint") == (0, expected, "")
    assert calicoq("lint", "--strict") == (1, expected, "")


def test_nothing_found(store: Store, calicoq: Calicoq) -> None:
    assert calicoq("lint", "--strict") == (0, "0 findings\n", "")


def test_what_nobody_uses(store: Store, calicoq: Calicoq) -> None:
    store.profile("P", tags=["T", "USED"], labels={"stage": "a", "role": "b"}, inbound=[{"src_tag": "USED"}])
    store.policy("p", "role == 'c'")
    store.tier("empty")
    found = json.loads(calicoq("lint", "-o", "json").stdout)
    assert [(each["code"], each["owner"], each.get("what", ""), each["remedy"]) for each in found] == [
        ("CL020", 'Profile "P"', "", "calicoctl profile remove P"),
        ("CL021", 'Profile "P"', "tag T", "calicoctl profile P tag remove T"),
        ("CL022", 'Policy "p"', "", "Remove it, or correct its selector."),
        ("CL023", 'Tier "empty"', "", "Remove it."),
        ("CL024", 'Profile "P"', "label stage", "Leave it out of the profile."),
    ]


def test_rules_that_no_packet_comes_to(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/o/w/e", profile_ids=["P", "Q"], ipv4_nets=["10.65.0.1/32"])
    store.profile("P", inbound=[{}])
    store.profile("Q", inbound=[TCP], outbound=[TCP])

    def unreached() -> list[tuple[str, str]]:
        found = json.loads(calicoq("lint", "-o", "json").stdout)
        return [(each["owner"], each["what"]) for each in found if each["code"] == "CL010"]

    assert unreached() == [('Profile "Q"', "inbound rules")]
    store.policy("p", outbound=[TCP])
    assert unreached() == [(f'Profile "{name}"', f"{way} rules") for name, way in
                           (("P", "inbound"), ("Q", "inbound"), ("Q", "outbound"))]  # fmt: skip
    store.policy("p", outbound=[{"action": "next-tier"}], inbound=[TCP, {"action": "next-tier"}])
    assert unreached() == [('Profile "Q"', "inbound rules")]


def test_an_unknown_name(store: Store, calicoq: Calicoq) -> None:
    assert calicoq("lint", "nobody") == (2, "", "There is no profile, policy or tier nobody.\n")


def test_every_code_is_explained(calicoq: Calicoq) -> None:
    for code, said in CODES.items():
        assert calicoq("explain-code", code).stdout.startswith(f"{code}  {said.severity}: {said.title}\n")
