"""calicoq check: every finding that there is, and the exit status."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.felix.rules import _is_usual, rule_problems
from tests.calicoq.conftest import Calicoq, Store
from tests.conftest import Calicoctl
from tests.model.strategies import Fields, odd_fields, typed_fields, valid_fields
from tests.sampling import examples

WEB = "host/h1/workload/k8s/web/endpoint/e"
GOOD: dict[str, list[Any]] = {"inbound_rules": [], "outbound_rules": []}
DROPPED = "; Felix drops all traffic of its endpoints"
DELETED = "; Felix treats the endpoint as deleted"
IGNORED = "; Felix ignores the policy"
STAYS = "; the rules that were in force before stay in force"
NULL = "inbound rule 1: !protocol is null, so the rule does not test it"
DEEP = json.loads("[" * 150 + "]" * 150)


@pytest.fixture
def sound(store: Store) -> Store:
    """A datastore with nothing to complain about: IPv4 and IPv6, a profile, a policy, a tier, a host endpoint."""
    store.put(WEB, workload())
    store.host_endpoint("h1/up", expected_ipv4_addrs=["192.0.2.1"], profile_ids=["web"])
    store.profile("web", tags=["WEB"], labels={"role": "web"}, inbound=[{"src_tag": "WEB"}])
    store.policy("p", "role == 'web'", inbound=[{"src_selector": "has(role)"}], order=1)
    store.policy("q", "role == 'web'", tier="sec")
    store.tier("sec", order="default")
    store.put("host/h1/bird_ip", "192.0.2.1")
    store.put("ipam/v4/pool/10.0.0.0-8", {"cidr": "10.0.0.0/8", "masquerade": True})
    return store


def workload(**fields: Any) -> dict[str, Any]:
    return {
        "state": "active", "name": "cali1", "mac": "ca:fe:1d:52:bb:e1", "profile_ids": ["web"],
        "ipv4_nets": ["10.0.0.1/32"], "ipv6_nets": ["fd00::1/128"], "labels": {}, **fields,
    }  # fmt: skip


def policy(**fields: Any) -> dict[str, Any]:
    return {"selector": "role == 'web'", **fields}


def inbound(*rules: Any) -> dict[str, Any]:
    return {"inbound_rules": list(rules), "outbound_rules": []}


def test_nothing_to_say(sound: Store, calicoq: Calicoq) -> None:
    assert calicoq("check") == (0, "0 errors, 0 warnings, 0 notes\n", "")


P = "policy/tier/default/policy/p"
R = "policy/profile/web/rules"
FINDINGS: list[tuple[str, Any, str, str, str]] = [
    # key, value, severity, key of the finding where it is another, reason
    ("Ready", "false", "error", "", 'it is "false", not "true": Felix waits and applies nothing'),
    ("Ready", "True", "error", "", 'it is "True", not "true": Felix waits and applies nothing'),
    (R, "{", "error", "", f"it is not JSON{DROPPED}"),
    (R, '{"inbound_rules": NaN}', "error", "", f"inbound_rules is not a list{DROPPED}"),
    (R, inbound({"protocol": "tcp", "!protocol": None}), "warning", "", NULL),
    (R, [], "error", "", f"it is not an object with the lists inbound_rules and outbound_rules{DROPPED}"),
    (R, {"inbound_rules": None}, "error", "", f"inbound_rules is not a list{DROPPED}"),
    (R, inbound({}, 1), "error", "", f"inbound rule 2: it is not an object{DROPPED}"),
    (R, inbound({"colour": 1}), "error", "", f'inbound rule 1: "colour" is not a field of a rule{DROPPED}'),
    (
        R,
        inbound({"protocol": "tcp", "dst_ports": ["80"]}),
        "error",
        "",
        f'inbound rule 1: dst_ports: "80" is neither a port as a number nor a range as "80:90"{DROPPED}',
    ),
    (
        R,
        inbound({"dst_ports": [80]}),
        "error",
        "",
        f"inbound rule 1: dst_ports: ports need the protocol tcp or udp{DROPPED}",
    ),
    (R, inbound({"dst_ports": "80"}), "error", "", f'inbound rule 1: dst_ports: "80" is not a list of ports{DROPPED}'),
    (
        R,
        inbound({"src_net": "10.0.0.0/33"}),
        "error",
        "",
        f'inbound rule 1: src_net: "10.0.0.0/33" is not a CIDR{DROPPED}',
    ),
    (
        R,
        inbound({"src_net": "10.0.0.0/8", "ip_version": 6}),
        "error",
        "",
        f'inbound rule 1: src_net: "10.0.0.0/8" is not of IP version 6{DROPPED}',
    ),
    (
        R,
        inbound({"ip_version": "4"}),
        "error",
        "",
        f'inbound rule 1: ip_version: "4" is not the number 4 or 6{DROPPED}',
    ),
    (
        R,
        inbound({"protocol": "icmp", "ip_version": 6}),
        "error",
        "",
        f"inbound rule 1: protocol: icmp is not of IP version 6{DROPPED}",
    ),
    (
        R,
        inbound({"action": "permit"}),
        "error",
        "",
        f'inbound rule 1: action: "permit" is not one of allow, deny, next-tier, log{DROPPED}',
    ),
    (R, inbound({"!action": "allow"}), "error", "", f'inbound rule 1: "!action" is not a field of a rule{DROPPED}'),
    (R, inbound({"src_tag": "a b"}), "error", "", f'inbound rule 1: src_tag: "a b" is not a tag{DROPPED}'),
    (
        R,
        inbound({"src_tag": 5}),
        "error",
        "",
        f"inbound rule 1: src_tag: 5 is not a string, which ends the Felix process{STAYS}",
    ),
    (
        R,
        inbound({"protocol": ["tcp"]}),
        "error",
        "",
        f'inbound rule 1: protocol: ["tcp"] is a list, which ends the Felix process{STAYS}',
    ),
    (
        R,
        inbound({"src_selector": "role = 'web'"}),
        "error",
        "",
        f"inbound rule 1: src_selector: expected == at column 6{DROPPED}",
    ),
    (R, inbound({"icmp_code": 1}), "error", "", f"inbound rule 1: icmp_code: it needs icmp_type{DROPPED}"),
    (
        R,
        inbound({"icmp_type": 256}),
        "error",
        "",
        f"inbound rule 1: icmp_type: 256 is not a number from 0 to 255{DROPPED}",
    ),
    (R, inbound({"log_prefix": 1}), "error", "", f"inbound rule 1: log_prefix: 1 is not a string{DROPPED}"),
    (R, inbound({"src_net": "10.0.0.0/8"}), "error", "", "inbound rule 1: src_net is left out for IPv6"),
    (R, inbound({"!dst_net": "fd00::/8"}), "error", "", "inbound rule 1: !dst_net is left out for IPv4"),
    (
        R,
        inbound({"protocol": "icmp", "icmp_type": 8}),
        "error",
        "",
        "inbound rule 1: icmp_type without protocol icmpv6 makes it drop all IPv6 traffic",
    ),
    (
        R,
        inbound({"protocol": "icmpv6", "icmp_type": 128}),
        "error",
        "",
        "inbound rule 1: icmp_type is left out for IPv4: the protocol is not icmp",
    ),
    (
        R,
        inbound({"protocol": "icmp", "icmp_type": 255, "ip_version": 4}),
        "error",
        "",
        "inbound rule 1: ICMP type 255 makes it drop all IPv4 traffic",
    ),
    (
        R,
        inbound({"protocol": 6, "dst_ports": [80], "ip_version": 4}),
        "error",
        "",
        "inbound rule 1: with protocol 6, dst_ports makes it drop all IPv4 traffic",
    ),
    (P, policy(inbound_rules=[{"dst_net": "10.0.0.0/8"}]), "error", "", "inbound rule 1: dst_net is left out for IPv6"),
    ("policy/profile/web/tags", "{}", "error", "", "it is not a list; the profile has no tag for Felix"),
    (
        "policy/profile/web/tags",
        ["WEB", "a b"],
        "error",
        "",
        '"a b" is not a tag: letters, digits and ._-; the profile has no tag for Felix',
    ),
    (
        "policy/profile/web/labels",
        {"role": 1},
        "error",
        "",
        'label "role": 1 is not a string; its endpoints inherit no label from it',
    ),
    (
        "policy/profile/web/labels",
        {"a b": ""},
        "error",
        "",
        'label "a b" has other characters than letters, digits and ._-/; its endpoints inherit no label from it',
    ),
    (WEB, "{", "error", "", f"it is not JSON{DELETED}"),
    (WEB, [], "error", "", f"it is not an object{DELETED}"),
    (WEB, workload(mac=None), "error", "", f"mac: null is not a MAC address{DELETED}"),
    (WEB, workload(state="up"), "error", "", f'state: "up" is neither active nor inactive{DELETED}'),
    (WEB, workload(state=None), "error", "", f"state is missing{DELETED}"),
    (
        WEB,
        workload(name="cali-with-a-long-name"),
        "error",
        "",
        f'name: "cali-with-a-long-name" is not an interface name: at most 15 letters, digits and _-{DELETED}',
    ),
    (
        WEB,
        workload(profile_ids="web"),
        "error",
        "",
        'profile_ids: "web" is not a list: Felix takes each character for a profile',
    ),
    (WEB, workload(profile_ids="a/b"), "error", "", f'profile_ids: "a/b" is not a list{DELETED}'),
    (
        WEB,
        workload(profile_ids={"web": 1}),
        "error",
        "",
        'profile_ids: {"web": 1} is not a list: Felix takes each key for a profile',
    ),
    (WEB, workload(profile_ids={"a/b": 1}), "error", "", f'profile_ids: "a/b" is not a profile\'s name{DELETED}'),
    (
        WEB,
        workload(ipv4_nets=None, ipv4_nat=[{"int_ip": "10.0.0.1", "ext_ip": "192.0.2.9"}]),
        "error",
        "",
        f"ipv4_nets: null is not a list, and ipv4_nat needs one, which ends the Felix process{STAYS}",
    ),
    (
        WEB,
        workload(ipv4_nat=[{"int_ip": " 10.0.0.1", "ext_ip": "192.0.2.9"}]),
        "error",
        "",
        f'ipv4_nat: int_ip " 10.0.0.1" is not an IPv4 address{DELETED}',
    ),
    (
        WEB,
        workload(ipv4_nat=[{"int_ip": "10.0.0.1", "ext_ip": "192.0.2.9 "}]),
        "error",
        "",
        f'ipv4_nat: ext_ip "192.0.2.9 " is not an IPv4 address{DELETED}',
    ),
    *(
        (
            "host/h1/endpoint/up",
            {"expected_ipv4_addrs": addresses, "profile_ids": ["web"]},
            "error",
            "",
            f"expected_ipv4_addrs: {shown} is not an IPv4 address{effect}",
        )
        for addresses, shown, effect in (
            (["192.0.2.1 "], '"192.0.2.1 "', DELETED),
            (["192.0.2.1", "x"], '"x"', f" and stands beside one, which ends the Felix process{STAYS}"),
            ([""], '""', f", which ends the Felix process{STAYS}"),
            (["192.0.2.1", None], "null", DELETED),
            (["x"], '"x"', DELETED),
        )
    ),
    (
        R,
        inbound({"src_tag": "web\n"}),
        "error",
        "",
        f'inbound rule 1: src_tag: "web\\n" ends in a line end, which ends the Felix process{STAYS}',
    ),
    (R, inbound({"src_tag": "web\n\n"}), "error", "", f'inbound rule 1: src_tag: "web\\n\\n" is not a tag{DROPPED}'),
    (
        R,
        inbound({"protocol": "tcp", "dst_ports": ["8ö"]}),
        "error",
        "",
        f'inbound rule 1: dst_ports: "8ö" is not ASCII, which ends the Felix process{STAYS}',
    ),
    (R, inbound(1, {"src_tag": 5}), "error", "", f"inbound rule 1: it is not an object{DROPPED}"),
    (
        R,
        "[" * 3000 + "]" * 3000,
        "error",
        "",
        f"it is nested too deeply, which ends the Felix process{STAYS}",
    ),
    (
        R,
        inbound({"ip_version": 4, "src_selector": "role in {'web'} && has(role)"}),
        "error",
        "",
        "inbound rule 1: source selector \"role in {'web'} && has(role)\": it combines an in of a single value "
        "with other conditions: Felix 1.4 may not apply it to all endpoints that match",
    ),
    (
        P,
        policy(selector="role in {'web'} && has(role)"),
        "error",
        "",
        "selector \"role in {'web'} && has(role)\": it combines an in of a single value with other "
        "conditions: Felix 1.4 may not apply it to all endpoints that match",
    ),
    (
        R,
        inbound({"protocol": "tcp", "dst_ports": ["80 :81"]}),
        "error",
        "",
        'inbound rule 1: iptables refuses the blanks of "80 :81" in dst_ports: Felix programs nothing of this profile '
        "for IPv4. What was in force before stays in force; if the profile is new, its endpoints drop all IPv4 traffic",
    ),
    *(
        (key, value, "error", "", f'"{value}": {reason}: Felix ends when it starts')
        for key, value, reason in (
            (
                "config/DefaultEndpointToHostAction",
                "Accept",
                "it is not one of DROP, RETURN, ACCEPT, spelled exactly so",
            ),
            ("host/h1/config/FailsafeInboundHostPorts", "22,ssh", '"ssh" is not a port from 1 to 65535'),
            ("config/FailsafeOutboundHostPorts", "70000", '"70000" is not a port from 1 to 65535'),
            ("config/IpInIpEnabled", "maybe", "it is neither true nor false"),
            ("config/ReportingIntervalSecs", "30s", "it is not a whole number"),
            ("config/IptablesMarkMask", "0x1", "it has only one bit set, and Felix needs two"),
            ("config/MetadataAddr", "", "it is empty"),
        )
    ),
    (
        "config/LogSeverityFile",
        "verbose",
        "error",
        "",
        '"verbose": it is not one of none, debug, info, warn, warning, err, error, crit, critical: Felix ends when it '
        "starts",
    ),
    (
        "config/InterfacePrefix",
        "",
        "error",
        "",
        '"": Felix takes every interface for that of a workload, also the host\'s own and loopback',
    ),
    (
        "host/h1/config/DropActionOverride",
        "LOG-and-ACCEPT",
        "error",
        "",
        '"LOG-and-ACCEPT": Felix lets every packet pass that its rules drop',
    ),
    (
        "config/DropActionOverride",
        "accept",
        "warning",
        "",
        '"accept": Felix takes it for DROP: the values are DROP, LOG-and-DROP, ACCEPT, LOG-and-ACCEPT, spelled exactly '
        "so",
    ),
    (
        "config/MetadataAddr",
        "metadata.example",
        "warning",
        "",
        '"metadata.example": until this name resolves on a host, Felix programs nothing there',
    ),
    (
        WEB,
        workload(profile_ids=None),
        "error",
        "",
        f"profile_ids: null is not a list, which ends the Felix process{STAYS}",
    ),
    (WEB, workload(profile_ids=["web", "a/b"]), "error", "", f'profile_ids: "a/b" is not a profile\'s name{DELETED}'),
    (WEB, workload(ipv4_nets=["10.0.0.1/32", "x"]), "error", "", f'ipv4_nets: "x" is not an IPv4 network{DELETED}'),
    (WEB, workload(ipv4_nets=None), "error", "", f"ipv4_nets is not a list{DELETED}"),
    (WEB, workload(ipv6_gateway="10.0.0.1"), "error", "", f'ipv6_gateway: "10.0.0.1" is not an IPv6 address{DELETED}'),
    (
        WEB,
        workload(ipv4_nets=["10.0.0.1/24"], ipv4_nat=[{"int_ip": "10.0.0.1", "ext_ip": "192.0.2.9"}]),
        "error",
        "",
        f"ipv4_nat: int_ip 10.0.0.1 is not in ipv4_nets{DELETED}",
    ),
    (WEB, workload(ipv4_nat={}), "error", "", f"ipv4_nat is not a list{DELETED}"),
    (
        WEB,
        workload(ipv4_nat=[{"int_ip": "10.0.0.9", "ext_ip": "192.0.2.9"}]),
        "error",
        "",
        f"ipv4_nat: int_ip 10.0.0.9 is not in ipv4_nets{DELETED}",
    ),
    (
        WEB,
        workload(ipv4_nat=[{"int_ip": "10.0.0.1"}]),
        "error",
        "",
        f"ipv4_nat: ext_ip null is not an IPv4 address{DELETED}",
    ),
    (WEB, workload(labels=None), "error", "", f"labels are not an object{DELETED}"),
    (WEB, workload(expected_ipv4_addrs=[]), "error", "", f"expected_ipv4_addrs is for host endpoints{DELETED}"),
    (
        "host/h1/endpoint/up",
        {"profile_ids": ["web"]},
        "error",
        "",
        f"it has neither a name nor expected addresses{DELETED}",
    ),
    (
        "host/h1/endpoint/up",
        {"name": "eth0", "profile_ids": ["web"], "state": "active"},
        "error",
        "",
        f"state is for workload endpoints{DELETED}",
    ),
    (
        "host/h1/endpoint/up",
        {"expected_ipv6_addrs": ["192.0.2.1"], "profile_ids": ["web"]},
        "error",
        "",
        f'expected_ipv6_addrs: "192.0.2.1" is not an IPv6 address{DELETED}',
    ),
    (
        WEB,
        workload(profile_ids=["web", "gone"]),
        "error",
        "",
        "profile gone does not exist: Felix drops all traffic that comes to it",
    ),
    (
        WEB,
        workload(name="tap1"),
        "error",
        "",
        "interface tap1 does not begin with cali: its own Felix rejects it, unless the configuration file of that "
        "Felix has another InterfacePrefix",
    ),
    (
        "config/InterfacePrefix",
        "tap,eth",
        "error",
        WEB,
        "interface cali1 does not begin with tap or eth: its own Felix rejects it",
    ),
    (P, "{", "error", "", f"it is not JSON{IGNORED}"),
    (P, GOOD, "error", "", f"selector is missing{IGNORED}"),
    (P, policy(selector="role = 'web'"), "error", "", f"selector: expected == at column 6{IGNORED}"),
    (P, policy(selector="a in {}"), "error", "", f"selector: Felix 1.4 cannot read an empty set at column 7{IGNORED}"),
    (P, policy(selector=5), "error", "", f"selector: 5 is not a string, which ends the Felix process{STAYS}"),
    (P, policy(order="soon"), "error", "", f'order: "soon" is neither a number nor "default"{IGNORED}'),
    (P, policy(order=None), "error", "", f'order: null is neither a number nor "default"{IGNORED}'),
    (P, policy(annotations=DEEP), "error", "", f"it is nested too deeply at line 1, column 145{IGNORED}"),
    (R, {**GOOD, "id": DEEP}, "error", "", f"it is nested too deeply at line 1, column 150{DROPPED}"),
    (
        "policy/tier/default/policy/a%2fb",
        policy(),
        "error",
        "",
        f'the name of the policy, "a/b", has other characters than letters, digits and ._-{IGNORED}',
    ),
    (
        "policy/tier/default/metadata",
        {"order": "soon"},
        "error",
        "",
        'order: "soon" is neither a number nor "default"; packets skip the tier',
    ),
    (
        "policy/tier/lost/policy/x",
        policy(),
        "error",
        "",
        "tier lost has no valid metadata: packets skip its policies",
    ),
    ("policy/tier/empty/metadata", [], "error", "", "it is not an object; packets skip the tier"),
    ("host/h1/bird_ip", "", "error", "", f"it is empty, which ends the Felix process{STAYS}"),
    ("host/h1/bird_ip", "10.0.0.1 ", "error", "", '"10.0.0.1 " is not an IP address'),
    ("host/h1/bird_ip", "host1", "error", "", '"host1" is not an IP address'),
    (
        "ipam/v4/pool/10.0.0.0-8",
        {"cidr": "fd00::/8"},
        "error",
        "",
        'cidr: "fd00::/8" is not an IPv4 network; Felix ignores the pool',
    ),
    (
        "ipam/v4/pool/10.0.0.0-8",
        {"cidr": "10.0.0.0/8", "masquerade": "yes"},
        "error",
        "",
        "masquerade is neither true nor false; Felix ignores the pool",
    ),
    ("ipam/v4/pool/x", {"cidr": "10.0.0.0/8"}, "error", "", '"x" is not the id of a pool; Felix ignores the pool'),
    (
        R,
        inbound({"src_tag": "NOBODY"}),
        "warning",
        "",
        'inbound rule 1: source tag "NOBODY": no endpoint with an address has it',
    ),
    (
        R,
        inbound({"!dst_selector": "has(nobody)"}),
        "warning",
        "",
        'inbound rule 1: !destination selector "has(nobody)": it matches no endpoint with an address, so it excludes '
        "no packet",
    ),
    (
        R,
        inbound({"protocol": "tcp", "src_ports": []}),
        "warning",
        "",
        "inbound rule 1: src_ports is an empty list, which matches every port",
    ),
    *(
        (
            R,
            inbound({"protocol": wanted, "!protocol": excluded}),
            "error",
            "",
            "inbound rule 1: iptables refuses protocol and !protocol in one rule: Felix programs nothing of this "
            "profile for IPv4. What was in force before stays in force; if the profile is new, its endpoints drop all "
            "IPv4 traffic",
        )
        for wanted, excluded in (("tcp", "tcp"), (17, "udp"), ("132", 132))
    ),
    (
        R,
        inbound({"action": "log", "log_prefix": "a b:c.d"}),
        "warning",
        "",
        'inbound rule 1: Felix writes log_prefix as "a_b:c_d"',
    ),
    (
        R,
        inbound({"action": "next-tier"}),
        "warning",
        "",
        "inbound rule 1: next-tier ends a profile without accepting the packet",
    ),
    (R, {**GOOD, "comment": "x"}, "warning", "", "Felix ignores the member comment"),
    (P, policy(selector="role == 'nobody'"), "warning", "", "selector \"role == 'nobody'\" selects no endpoint"),
    (
        P,
        policy(untracked=True),
        "warning",
        "",
        "it is untracked, which has no effect on the workload endpoints that it selects",
    ),
    (
        P,
        policy(types=["ingress"]),
        "warning",
        "",
        "Felix 1.4 ignores types: the policy is for both directions, and ends the tier in both",
    ),
    (P, policy(doNotTrack=True), "warning", "", "Felix ignores doNotTrack"),
    (P, policy(pre_dnat=True), "warning", "", "Felix 1.4 ignores the member pre_dnat"),
    (
        "host/h2/workload/k8s/alone/endpoint/e",
        workload(profile_ids=[]),
        "warning",
        "",
        "it has no profile and no policy selects it: Felix drops all its traffic",
    ),
    (
        WEB,
        workload(ipv4_nets=["10.0.0.0/24"]),
        "warning",
        "",
        "10.0.0.0/24 is more than one address: Felix takes the address before the slash only",
    ),
    ("policy/profile/unused/rules", GOOD, "note", "policy/profile/unused", "no endpoint uses this profile"),
]


@pytest.mark.parametrize(("key", "value", "severity", "key_of_finding", "reason"), FINDINGS)
def test_every_finding(
    sound: Store, calicoq: Calicoq, key: str, value: Any, severity: str, key_of_finding: str, reason: str
) -> None:
    sound.put(key, value)
    result = calicoq("check", "-o", "json")
    found = json.loads(result.stdout)
    assert (severity, f"/calico/v1/{key_of_finding or key}", reason) in [
        (each["severity"], each["key"], each["reason"]) for each in found
    ]
    assert all(each["remedy"] for each in found)
    has_error = any(each["severity"] == "error" for each in found)
    assert result.status == (1 if has_error else 0)
    assert has_error == (severity == "error")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (R, inbound({"protocol": "tcp", "dst_ports": ["+80:81"]})),
        (R, inbound({"ip_version": 4.0, "src_net": "10.0.0.0/8"})),
        (R, inbound({"src_selector": "role\n==\r\n'web'"})),
        *((P, policy(order=order)) for order in (True, False, 10**400, -(10**400), 1e300)),
        (P, '{"selector": "", "order": Infinity}'),
        (P, '{"selector": "", "order": -1e999}'),
        ("policy/tier/huge/metadata", {"order": 10**400}),
        (P, policy(untracked=0)),
        (P, policy(selector="has(in/use) || in/use == 'x' || not == 'x' || role == 'web'")),
        *(("host/h1/bird_ip", address) for address in ("0", "10.1", "10.0.0", "0x0a000001", "fd00::1")),
        ("config/IptablesMarkMask", "0xff000000"),
        ("config/IptablesMarkMask", "-1"),
        ("config/ReportingIntervalSecs", " 0x1e "),
        ("config/FailsafeInboundHostPorts", "22, ,80,"),
        ("config/IpInIpEnabled", "Yes"),
        ("config/MetadataAddr", "None"),
        ("config/Other", "anything"),
    ],
)
def test_what_felix_takes(sound: Store, calicoq: Calicoq, key: str, value: Any) -> None:
    sound.put(key, value)
    assert calicoq("check") == (0, "0 errors, 0 warnings, 0 notes\n", "")


def test_values_that_felix_takes_otherwise_count_so(sound: Store, calicoq: Calicoq) -> None:
    sound.host_endpoint("h1/up", expected_ipv4_addrs=["192.0.2.1"], profile_ids=["web"], labels={"role": "up"})
    sound.policy("late", "role == 'up'", order=10**400, inbound=[{"action": "deny"}])
    sound.policy("early", "role == 'up'", order=False, untracked="yes", inbound=[{"ip_version": 4.0}])
    result = calicoq("verdict", "192.0.2.9", "192.0.2.1")
    assert 'Policy "early" [untracked]: inbound rule 1 decides: allow' in result.stdout


def test_directories_in_place_of_keys(sound: Store, calicoq: Calicoq) -> None:
    sound.etcd.delete("/calico/v1/Ready")
    places = {
        "Ready": 'it is a directory, not "true": Felix waits and applies nothing',
        "policy/profile/D/labels": "it is a directory; its endpoints inherit no label from it",
        "policy/profile/D/rules": f"it is a directory{DROPPED}",
        "policy/profile/D/tags": "it is a directory; the profile has no tag for Felix",
    }
    for key in places:
        sound.etcd.mkdir(f"/calico/v1/{key}")
    found = json.loads(calicoq("check", "-o", "json").stdout)
    errors = {each["key"]: each["reason"] for each in found if each["severity"] == "error"}
    assert errors == {f"/calico/v1/{key}": reason for key, reason in places.items()}


# Remedies

ADDRESSABLE = ["old", "show", "tag", "rule", "add", "remove", "update", "a.b", ".x", "1"]
NEEDS_DELETE = {
    "a%2fb": "a/b", "50%25": "50%", "x y": '"x y"', "é": '"é"', "a&b;c": '"a&b;c"', "x" * 129: "x" * 129,
    "a=b": "a=b", "(*)": '"(*)"',
}  # fmt: skip
DOCUMENT = {"apiVersion": "projectcalico.org/v3", "kind": "Profile"}


@pytest.fixture
def remedied(sound: Store, calicoq: Calicoq, calicoctl: Calicoctl) -> Callable[[str], list[str]]:
    """Runs the commands that the remedies name; the remedies. Nothing is found after the commands but notes."""

    def run(name: str) -> list[str]:
        remedies = [each["remedy"] for each in json.loads(calicoq("check", "-o", "json").stdout)]
        commands = [command for remedy in remedies for command in re.findall("'(calicoctl [^']*)'", remedy)]
        for command in dict.fromkeys(commands):
            words = shlex.split(command.replace("FILE", "-"))[1:]
            document = {**DOCUMENT, "metadata": {"name": name, "tags": ["x"]}}
            result = calicoctl(*words, stdin=json.dumps(GOOD if words[-2:] == ["rule", "update"] else document))
            assert result.status == 0, (command, result)
        assert calicoq("check").status == 0
        return remedies

    return run


@pytest.mark.parametrize("name", ADDRESSABLE)
def test_the_remedies_for_a_profile(
    sound: Store, remedied: Callable[[str], list[str]], name: str
) -> None:
    sound.put(WEB, workload(profile_ids=["web", name]))
    sound.put(f"policy/profile/{name}/rules", "{")
    sound.put(f"policy/profile/{name}/tags", ["x", "a b", "c/d", "a b"])
    assert remedied(name)[:2] == [
        f"Correct it: 'calicoctl profile {name} rule update'.",
        f"Remove the invalid tags: 'calicoctl profile {name} tag remove \"a b\"', "
        f"'calicoctl profile {name} tag remove c/d'.",
    ]


@pytest.mark.parametrize("value", ["{", {}, ["a", 5], "x", ["a'b"], ["a$b"], ["a\n"], ["a b", "-x y"], [""]])
def test_the_remedy_for_tags_that_no_command_names(
    sound: Store, remedied: Callable[[str], list[str]], value: Any
) -> None:
    sound.put("policy/profile/old/tags", value)
    sound.put("policy/profile/old/rules", GOOD)
    assert remedied("old") == [
        "Replace them: 'calicoctl apply -f FILE' of the whole profile, with metadata.tags.",
        "If nobody needs it: 'calicoctl profile remove old'.",
    ]
    assert sound.etcd.get("/calico/v1/policy/profile/old/tags") is None


@pytest.mark.parametrize("name", ADDRESSABLE)
def test_the_remedy_for_an_unused_profile(sound: Store, remedied: Callable[[str], list[str]], name: str) -> None:
    sound.put(f"policy/profile/{name}/rules", GOOD)
    assert remedied(name) == [f"If nobody needs it: 'calicoctl profile remove {name}'."]
    assert sound.etcd.get(f"/calico/v1/policy/profile/{name}/rules") is None


@pytest.mark.parametrize(("segment", "word"), NEEDS_DELETE.items())
def test_the_remedies_for_a_profile_that_only_delete_names(
    sound: Store, remedied: Callable[[str], list[str]], segment: str, word: str
) -> None:
    for part, value in (("rules", "{"), ("tags", "{"), ("labels", "{")):
        sound.put(f"policy/profile/{segment}/{part}", value)
    delete = f"'calicoctl delete profile {word}'"
    move = f"Move them to a profile with a proper name, and delete this one: {delete}."
    assert remedied(segment) == [move, move, move, f"If nobody needs it: {delete}."]
    assert sound.etcd.keys(f"/calico/v1/policy/profile/{segment}") == {}


@pytest.mark.parametrize("segment", ["a%2Fb", "-x", "it's", "$HOME", "a\nb", "a\\b", "!x", '"'])
def test_the_remedy_for_a_profile_that_no_command_line_names(
    sound: Store, calicoq: Calicoq, segment: str
) -> None:
    sound.put(f"policy/profile/{segment}/rules", GOOD)
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert found[-1]["remedy"] == f"If nobody needs it: remove /calico/v1/policy/profile/{segment} from etcd."


@pytest.mark.parametrize(
    ("place", "profile", "remedy"),
    [
        ("h1/k8s/web/e", "gone", "Create it: 'calicoctl profile add gone'."),
        (
            "h1/k8s/web/e",
            "_gone",
            "Remove it from the endpoint's profile_ids: 'calicoctl endpoint e profile remove _gone --host=h1 "
            "--orchestrator=k8s --workload=web'.",
        ),
        (
            "h 1/k8s/a%2fb c/e",
            "_gone",
            "Remove it from the endpoint's profile_ids: 'calicoctl endpoint e profile remove _gone --host=\"h 1\" "
            "--orchestrator=k8s --workload=\"a%2fb c\"'.",
        ),
        (
            "h1/k8s/web/e",
            "x" * 129,
            f"Remove it from the endpoint's profile_ids: 'calicoctl endpoint e profile remove {'x' * 129} --host=h1 "
            "--orchestrator=k8s --workload=web'.",
        ),
    ],
)
def test_the_remedy_for_a_missing_profile(
    sound: Store, remedied: Callable[[str], list[str]], place: str, profile: str, remedy: str
) -> None:
    sound.workload(place, profile_ids=["web", profile, profile])
    assert remedied(profile)[0] == remedy


@pytest.mark.parametrize(
    ("place", "profile"), [("h1/k8s/web/e", ".."), ("h1/k8s/web/e", "-x"), ("h1/k8s/-w/e", "_x")]
)
def test_a_missing_profile_that_no_command_takes_out(
    sound: Store, calicoq: Calicoq, place: str, profile: str
) -> None:
    sound.workload(place, profile_ids=["web", profile])
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert [each["remedy"] for each in found] == ["Remove it from the endpoint's profile_ids."]


def test_a_missing_profile_of_a_host_endpoint(sound: Store, calicoq: Calicoq) -> None:
    sound.host_endpoint("h1/up", expected_ipv4_addrs=["192.0.2.1"], profile_ids=["_x"])
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert [each["remedy"] for each in found] == ["Remove it from the endpoint's profile_ids."]


def test_a_new_profile_is_only_unused(sound: Store, calicoq: Calicoq) -> None:
    rules = {"inbound": [{"action": "allow", "src_tag": "new"}, {"src_tag": "nwe"}], "outbound": [{"action": "allow"}]}
    sound.profile("new", **rules, tags=["new"], labels={})
    assert [each["reason"] for each in json.loads(calicoq("check", "-o", "json").stdout)] == [
        'inbound rule 2: source tag "nwe": no endpoint with an address has it',
        "no endpoint uses this profile",
    ]


def test_rules_without_ip_version_are_fine_where_there_is_no_ipv6(sound: Store, calicoq: Calicoq) -> None:
    sound.put(WEB, workload(ipv6_nets=[]))
    sound.put(R, inbound({"src_net": "10.0.0.0/8"}, {"protocol": "icmp", "icmp_type": 8}))
    assert calicoq("check") == (0, "0 errors, 0 warnings, 0 notes\n", "")


def test_a_text_for_a_list_of_profiles_names_one_a_character(sound: Store, calicoq: Calicoq) -> None:
    sound.profile("x")
    sound.put(WEB, workload(profile_ids="xy"))
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert [each["reason"] for each in found if "/profile" not in each["key"]] == [
        'profile_ids: "xy" is not a list: Felix takes each character for a profile'
    ]
    assert "no endpoint uses this profile" not in [each["reason"] for each in found]


def test_rules_behind_one_for_every_packet(sound: Store, calicoq: Calicoq) -> None:
    sound.put(R, inbound({"action": "log"}, {"action": "deny", "log_prefix": "x"}, {"action": "allow"}))
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert [(each["severity"], each["reason"]) for each in found] == [
        ("warning", "inbound rule 2: it applies to every packet: no rule after it is ever reached")
    ]


def test_a_profile_is_not_told_unused_where_an_endpoint_cannot_be_read(sound: Store, calicoq: Calicoq) -> None:
    sound.profile("unused", inbound=[], outbound=[], tags=[], labels={})
    assert "no endpoint uses this profile" in calicoq("check").stdout
    sound.put("host/h2/workload/k8s/broken/endpoint/e", "no JSON")
    assert "no endpoint uses this profile" not in calicoq("check").stdout


def test_profiles_of_an_endpoint_that_felix_refuses_are_used(sound: Store, calicoq: Calicoq) -> None:
    for name in ("used", "unused"):
        sound.profile(name, inbound=[], outbound=[], tags=[], labels={})
    sound.put("host/h2/workload/k8s/refused/endpoint/e", workload(mac=None, profile_ids=["used"]))
    notes = [each["key"] for each in json.loads(calicoq("check", "-o", "json").stdout) if each["severity"] == "note"]
    assert notes == ["/calico/v1/policy/profile/unused"]


def test_labels_that_two_profiles_give_different_values(sound: Store, calicoq: Calicoq) -> None:
    sound.profile("db", inbound=[], outbound=[], tags=[], labels={"role": "web", "stage": "live"})
    sound.profile("test", inbound=[], outbound=[], tags=[], labels={"stage": "test"})
    sound.put(WEB, workload(profile_ids=["web", "db", "test"]))
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert [(each["severity"], each["key"], each["reason"]) for each in found] == [
        (
            "warning",
            f"/calico/v1/{WEB}",
            "profiles db and test give it different values of the label stage: Felix takes that of the last one in its "
            "list, Felix 2.2 and later that of the first",
        )
    ]
    sound.put(WEB, workload(profile_ids=["web", "db", "test"], labels={"stage": "live"}))
    assert calicoq("check") == (0, "0 errors, 0 warnings, 0 notes\n", "")


def test_a_policy_in_a_tier_that_is_skipped_is_none(sound: Store, calicoq: Calicoq) -> None:
    sound.put("host/h2/workload/k8s/alone/endpoint/e", workload(profile_ids=[], labels={"lost": "x"}))
    sound.policy("lost", "has(lost)", tier="lost")
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert [each["reason"] for each in found if each["severity"] == "warning"] == [
        "it has no profile and only policies of tiers without valid metadata select it: Felix drops all its traffic"
    ]


def test_a_host_endpoint_that_is_known_by_its_interface_only(sound: Store, calicoq: Calicoq) -> None:
    """It may have addresses of both IP versions, and is nobody's source or destination."""
    sound.host_endpoint("h1/eth0", profile_ids=["host"])
    sound.profile("host", tags=["HOST"], labels={}, inbound=[{"src_tag": "HOST"}, {"src_net": "10.0.0.0/8"}])
    found = json.loads(calicoq("check", "-o", "json").stdout)
    key = "/calico/v1/policy/profile/host/rules"
    assert [(each["severity"], each["key"], each["reason"].partition(":")[0]) for each in found] == [
        ("error", key, "inbound rule 2"), ("warning", key, "inbound rule 1")
    ]  # fmt: skip
    assert found[1]["reason"] == 'inbound rule 1: source tag "HOST": no endpoint with an address has it'


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"protocol": "tcp", "!protocol": "udp"}, "protocol and !protocol in one rule"),
        ({"src_net": "10.0.0.0/8", "!src_net": "10.1.0.0/16"}, "src_net and !src_net in one rule"),
        ({"dst_net": "10.0.0.0/8", "!dst_net": "10.1.0.0/16"}, "dst_net and !dst_net in one rule"),
        ({"protocol": "tcp", "dst_ports": ["080:0081"]}, 'the leading zeros of "080:0081" in dst_ports'),
        ({"src_net": "10.0.0.0/8", "!dst_net": "10.1.0.0/16", "ip_version": 4}, None),
        ({"protocol": "tcp", "src_ports": [80], "!src_ports": [81]}, None),
    ],
)
def test_what_iptables_refuses(sound: Store, calicoq: Calicoq, fields: Any, refused: str | None) -> None:
    sound.put(R, inbound(fields))
    result = calicoq("check", "-o", "json")
    errors = [each["reason"] for each in json.loads(result.stdout) if each["severity"] == "error"]
    refusals = {reason.partition(": Felix programs")[0] for reason in errors if "iptables refuses" in reason}
    assert refusals == ({f"inbound rule 1: iptables refuses {refused}"} if refused else set())


def test_a_stored_null_for_an_action_is_named(sound: Store, calicoq: Calicoq) -> None:
    sound.put(R, inbound({"protocol": "udp", "action": None}))
    result = calicoq("check", "-o", "json")
    assert [(each["severity"], each["reason"]) for each in json.loads(result.stdout)] == [
        ("warning", "inbound rule 1: action is null, so the rule allows")
    ]


@pytest.mark.parametrize(
    ("action", "remedy"),
    [
        ({}, "Make it two rules: one that denies the exception, then one that allows the network."),
        ({"action": "deny"}, "Make it one rule for each network that is left without the exception."),
    ],
)
def test_the_other_way_to_say_an_exception(sound: Store, calicoq: Calicoq, action: Any, remedy: str) -> None:
    sound.put(R, inbound({"ip_version": 4, "src_net": "10.0.0.0/8", "!src_net": "10.1.0.0/16", **action}))
    assert [each["remedy"] for each in json.loads(calicoq("check", "-o", "json").stdout)] == [remedy]


def test_a_stored_null_is_named(sound: Store, calicoq: Calicoq) -> None:
    sound.put(R, inbound({"protocol": "tcp", "!protocol": None}))
    result = calicoq("check", "-o", "json")
    assert [each["reason"] for each in json.loads(result.stdout)] == [
        "inbound rule 1: !protocol is null, so the rule does not test it"
    ]


@pytest.mark.parametrize("mac", ["ca-fe-1d-52-bb-e1", "cafe.1d52.bbe1", "cafe1d52bbe1", "a:b:c:d:e:f"])
def test_mac_addresses_that_felix_reads(sound: Store, calicoq: Calicoq, mac: str) -> None:
    sound.put(WEB, workload(mac=mac))
    assert calicoq("check") == (0, "0 errors, 0 warnings, 0 notes\n", "")


def test_a_missing_key_ready(sound: Store, calicoq: Calicoq) -> None:
    sound.etcd.delete("/calico/v1/Ready")
    assert json.loads(calicoq("check", "-o", "json").stdout)[0]["reason"] == (
        'it does not exist, not "true": Felix waits and applies nothing'
    )


def test_a_missing_profile_is_told_once_an_endpoint(sound: Store, calicoq: Calicoq) -> None:
    sound.put(WEB, workload(profile_ids=["gone", "gone"]))
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert sum("gone" in each["reason"] for each in found) == 1


def test_the_text(sound: Store, calicoq: Calicoq) -> None:
    sound.profile("old")
    sound.put(R, inbound({"src_tag": "WEB"}, {"src_tag": "GONE"}))
    sound.put("policy/profile/old/tags", "{\x1b")
    assert calicoq("check") == (
        1,
        """\
1 error, 1 warning, 1 note

Error CQ011, tags that Felix ignores: 1 case
  /calico/v1/policy/profile/old/tags
    it is not JSON; the profile has no tag for Felix
    Remedy: Replace them: 'calicoctl apply -f FILE' of the whole profile, with metadata.tags.

Warning CQ051, a tag or selector that matches no endpoint: 1 case
  /calico/v1/policy/profile/web/rules
    inbound rule 2: source tag "GONE": no endpoint with an address has it
    Remedy: Correct the rule, or remove it.

Note CQ045, a profile that no endpoint uses: 1 case
  /calico/v1/policy/profile/old
    no endpoint uses this profile
    Remedy: If nobody needs it: 'calicoctl profile remove old'.

'calicoq explain-code <code>' says more about a code.
""",
        "",
    )
    assert calicoq("check", "--errors-only").stdout == (
        """\
1 error, 1 warning, 1 note

Error CQ011, tags that Felix ignores: 1 case
  /calico/v1/policy/profile/old/tags
    it is not JSON; the profile has no tag for Felix
    Remedy: Replace them: 'calicoctl apply -f FILE' of the whole profile, with metadata.tags.

'calicoq explain-code <code>' says more about a code.
"""
    )
    documents = json.loads(calicoq("check", "--errors-only", "-o", "json").stdout)
    assert [each["code"] for each in documents] == ["CQ011"]


def test_many_cases_are_grouped_by_their_cause(sound: Store, calicoq: Calicoq) -> None:
    for number in range(5):
        sound.workload(f"h1/k8s/w{number}/e", profile_ids=["gone", f"lost{number}"], ipv4_nets=["10.0.0.9/32"])
    remedy = "    Remedy: Create it: 'calicoctl profile add {}'."
    gone = "    profile {} does not exist: Felix drops all traffic that comes to it"
    keys = [f"  /calico/v1/host/h1/workload/k8s/w{number}/endpoint/e" for number in range(5)]
    heading = ["10 errors, 0 warnings, 0 notes", "", "Error CQ031, a profile that is missing: 10 cases"]
    result = calicoq("check")
    assert (result.status, result.stdout.splitlines()[:-2]) == (
        1,
        [
            *heading,
            *keys[:3], "  and 2 more (--all)", gone.format("gone"), remedy.format("gone"),
            keys[0], gone.format("lost0"), remedy.format("lost0"),
            keys[1], gone.format("lost1"), remedy.format("lost1"),
            "  and 3 more for other reasons (--all)",
        ],
    )  # fmt: skip
    shown = calicoq("check", "--all").stdout.splitlines()
    assert (shown[:3], sum(line in keys for line in shown)) == (heading, 10)
    assert len(json.loads(calicoq("check", "-o", "json").stdout)) == 10


class TestCodes:
    def test_one(self, calicoq: Calicoq) -> None:
        assert calicoq("explain-code", "cq050", env={"ETCD_AUTHORITY": "127.0.0.1:1"}) == (
            0,
            "CQ050  warning: a rule that is never reached\n\n"
            "An earlier rule without conditions decides about every packet.\n",
            "",
        )

    def test_all(self, calicoq: Calicoq) -> None:
        lines = calicoq("explain-code").stdout.splitlines()
        assert lines == [calicoq("explain-code", line.partition(" ")[0]).stdout.splitlines()[0] for line in lines]
        assert all(len(line) <= 80 for line in calicoq("explain-code", "CQ021").stdout.splitlines())

    def test_none(self, calicoq: Calicoq) -> None:
        said = "nonsense is no code of 'calicoq check' or 'calicoq lint'.\n"
        assert calicoq("explain-code", "nonsense") == (1, "", said)
        assert "Did you mean CQ0" in calicoq("explain-code", "CQ059").stderr

    def test_every_finding_has_the_severity_of_its_code(self, sound: Store, calicoq: Calicoq) -> None:
        severities: dict[str, set[str]] = {}
        for key, value, *_ in FINDINGS:
            before = sound.etcd.get(f"/calico/v1/{key}")
            sound.put(key, value)
            for each in json.loads(calicoq("check", "-o", "json").stdout):
                severities.setdefault(each["code"], set()).add(each["severity"])
            if before is None:
                sound.etcd.delete(f"/calico/v1/{key}")
            else:
                sound.etcd.put(f"/calico/v1/{key}", before)
        listed = dict(re.findall("(CQ[0-9]{3})  ([a-z]+):", calicoq("explain-code").stdout))
        assert {code: {severity} for code, severity in listed.items() if code in severities} == severities
        elsewhere = {"CQ032", "CQ050", *(f"CQ07{number}" for number in range(8))}  # found in tests of their own
        assert listed.keys() - severities.keys() == elsewhere


class TestFelix2:
    def test_what_it_has_mended_is_no_finding(self, sound: Store, calicoq: Calicoq) -> None:
        sound.put(R, inbound({"src_net": "10.0.0.0/8"}, {"src_selector": "role in {'web'} && has(role)"}))
        sound.put(P, policy(types=["ingress"]))
        sound.put("config/LogSeverityFile", "verbose")
        sound.etcd.delete("/calico/v1/policy/tier/default/metadata")
        assert calicoq("check", "--felix=2") == (0, "0 errors, 0 warnings, 0 notes\n", "")
        codes = {each["code"] for each in json.loads(calicoq("check", "-o", "json").stdout)}
        assert codes == {"CQ020", "CQ022", "CQ023", "CQ043", "CQ060"}

    def test_another_one(self, calicoq: Calicoq) -> None:
        message = '--felix is 1, for Felix 1.4, or 2, for Felix 2.2 and later; not "3".\n'
        assert calicoq("check", "--felix=3") == (2, "", message)


def test_yaml(sound: Store, calicoq: Calicoq) -> None:
    sound.profile("old")
    assert yaml.safe_load(calicoq("check", "-o", "yaml").stdout) == [
        {
            "severity": "note",
            "code": "CQ045",
            "key": "/calico/v1/policy/profile/old",
            "reason": "no endpoint uses this profile",
            "remedy": "If nobody needs it: 'calicoctl profile remove old'.",
        }
    ]


def test_it_could_not_look(calicoq: Calicoq) -> None:
    result = calicoq("check", env={"ETCD_AUTHORITY": "127.0.0.1:1"})
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr.startswith("Error accessing etcd at http://127.0.0.1:1 (")


def test_an_empty_datastore(store: Store, calicoq: Calicoq) -> None:
    store.etcd.clear()
    assert calicoq("check").status == 1


@settings(max_examples=examples(500))
@given(st.one_of(odd_fields(), typed_fields(), valid_fields()))
def test_nothing_is_wrong_with_rules_that_are_passed_over_quickly(fields: Fields) -> None:
    assert not _is_usual(fields) or list(rule_problems(fields)) == []
