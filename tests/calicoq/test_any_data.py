"""Whatever is stored, calicoq answers or complains; it never fails for the contents of etcd."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calicoq.memory import calicoq_on
from tests.sampling import examples

pytestmark = pytest.mark.once

KEYS = [
    "host/h/workload/k8s/w/endpoint/e",
    "host/h/workload/k8s/v/endpoint/e%2f",
    "host/h/endpoint/up",
    "host/h/bird_ip",
    "policy/profile/p/rules",
    "policy/profile/p/tags",
    "policy/profile/p/labels",
    "policy/tier/default/policy/p",
    "policy/tier/t/policy/q",
    "policy/tier/t/metadata",
    "ipam/v4/pool/10.0.0.0-8",
    "config/InterfacePrefix",
    "config/FailsafeInboundHostPorts",
    "Ready",
]
MEMBERS = [
    "state", "name", "mac", "profile_ids", "profile_id", "ipv4_nets", "ipv6_nets", "ipv4_nat", "ipv6_gateway", "labels",
    "expected_ipv4_addrs", "inbound_rules", "outbound_rules", "selector", "order", "untracked", "types", "cidr",
    "action", "protocol", "!protocol", "ip_version", "src_net", "!dst_net", "src_ports", "!dst_ports", "src_tag",
    "dst_tag", "src_selector", "!dst_selector", "icmp_type", "!icmp_code", "log_prefix", "int_ip", "dst_nets",
]  # fmt: skip
TEXTS = st.sampled_from(
    ["active", "cali1", "ca:fe:1d:52:bb:e1", "p", "gone", "10.0.0.1", "10.0.0.1/32", "fd00::1", "a == 'b'", "has(a", "",
     "allow", "deny", "next-tier", "tcp", "icmp", "1:2", "ingress", "\x1b[2J\n", "\ud800", "9" * 5000]
)  # fmt: skip
SCALARS = st.one_of(
    TEXTS, st.none(), st.booleans(), st.integers(-1, 300), st.floats(), st.just(10**400), st.sampled_from([6, 80, 255])
)
VALUES = st.recursive(
    SCALARS,
    lambda values: st.one_of(
        st.lists(values, max_size=3), st.dictionaries(st.sampled_from(MEMBERS), values, max_size=6)
    ),
    max_leaves=12,
)
# Objects that are mostly right get further than those of chance.
ENDPOINT = {
    "state": "active",
    "name": "cali1",
    "profile_ids": ["p"],
    "ipv4_nets": ["10.0.0.1/32"],
    "labels": {"a": "b"},
}
RULES = st.lists(st.dictionaries(st.sampled_from(MEMBERS[18:]), SCALARS, max_size=3), max_size=3)
OBJECTS = st.one_of(
    st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=3).map(lambda extra: {**ENDPOINT, **extra}),
    st.fixed_dictionaries({"inbound_rules": RULES, "outbound_rules": RULES}, optional={"selector": TEXTS}),
    VALUES,
)
COMMANDS = st.sampled_from(
    [("endpoint", ""), ("endpoint", "", "-o", "json"), ("host", "h", "-o", "yaml"), ("policy", "p"), ("eval", "has(a)"),
     ("verdict", "k8s/w", "h/up"), ("verdict", "10.0.0.1", "fd00::1", "tcp", "80"),
     ("verdict", "k8s/w", "k8s/v", "icmp", "8"), ("check",), ("check", "-o", "yaml")]
)  # fmt: skip


@settings(max_examples=examples(375))
@given(st.dictionaries(st.sampled_from(KEYS), st.one_of(OBJECTS.map(json.dumps), TEXTS), max_size=8), COMMANDS)
def test_no_internal_error(state: dict[str, Any], command: tuple[str, ...]) -> None:
    result = calicoq_on({f"/calico/v1/{key}": value for key, value in state.items()}, *command)
    assert "Traceback" not in result.stderr and "Internal error" not in result.stderr
    assert result.status in (0, 1, 2)
    assert result.status == 0 or result.stdout or result.stderr
    assert "\x1b" not in result.stdout + result.stderr
