"""Generated values for the keys of a profile, as this and other tools may have written them, including invalid ones."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

NETS = st.sampled_from(
    ["10.0.0.0/8", "10.1.2.3/32", "192.168.77.0/24", "10.1.2.3/24", "10.0.0.1", "10/8", "fd80::/64", "FD80::1", "x", ""]
)
PORTS = st.one_of(st.integers(-1, 70000), st.sampled_from(["80:90", "90:80", "80", "10:20", "http", "010", "1e3", ""]))
TAGS = st.sampled_from(["web", "PROF_1", "a b", "1", "true", "10:20", ""])
SELECTORS = st.sampled_from(
    ["a == 'b'", "has(calico/k8s_ns)", "a in {}", "a contains 'b'", "", "all()", 'a != "it\'s" && !has(b)', "&&"]
)
# Some of these names cannot be created.
NAMES = st.sampled_from(["web", "PROF_1", "a/b", "50%", "x y", "_hid", "é", "x" * 129, "show"])
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


def _fields() -> dict[str, st.SearchStrategy[Any]]:
    protocols = st.one_of(
        st.sampled_from(["tcp", "udp", "icmp", "icmpv6", "sctp", "udplite", "6", "TCP", "dccp", "06"]),
        st.integers(-1, 300),
    )
    fields: dict[str, st.SearchStrategy[Any]] = {
        "action": st.sampled_from(["allow", "deny", "log", "next-tier", "", "pass", "Allow", None]),
        "ip_version": st.sampled_from([4, 6, 5, "4", None]),
        "log_prefix": st.text(),
        "protocol": protocols,
        "!protocol": protocols,
    }
    for negation in ("", "!"):
        for part in ("type", "code"):
            fields[f"{negation}icmp_{part}"] = st.one_of(st.integers(-1, 256), st.sampled_from(["8", True]))
        for side in ("src", "dst"):
            fields[f"{negation}{side}_net"] = NETS
            fields[f"{negation}{side}_nets"] = st.lists(NETS, max_size=3)
            fields[f"{negation}{side}_tag"] = TAGS
            fields[f"{negation}{side}_selector"] = SELECTORS
            fields[f"{negation}{side}_ports"] = st.lists(PORTS, max_size=3)
    return fields


FIELDS = _fields()


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """One stored rule: mostly fields of the data model with valid and invalid values, sometimes arbitrary JSON."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True))
    rule = {name: draw(FIELDS[name]) for name in names}
    if draw(st.integers(0, 4)) == 0:
        rule[draw(st.one_of(st.sampled_from(sorted(FIELDS)), st.text()))] = draw(ANY_JSON)
    return rule


@st.composite
def rule_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Stored rules, often with neighbours that differ only in their networks."""
    listed: list[dict[str, Any]] = []
    for rule in draw(st.lists(rules(), max_size=3)):
        sides = draw(st.sampled_from([(), ("src_net",), ("dst_net",), ("src_net", "dst_net")]))
        pairs = draw(st.lists(st.tuples(NETS, NETS), min_size=1, max_size=4))
        listed += [{**rule, **dict(zip(sides, pair, strict=False))} for pair in pairs] if sides else [rule]
    return listed


@st.composite
def profiles(draw: st.DrawFn) -> dict[str, str]:
    """The values of a profile's keys by part; any of them may be missing."""
    rules_object: dict[str, Any] = {"inbound_rules": draw(rule_lists()), "outbound_rules": draw(rule_lists())}
    for name in draw(st.sets(st.sampled_from(["inbound_rules", "outbound_rules"]))):
        del rules_object[name]
    if draw(st.booleans()):
        rules_object[draw(st.sampled_from(["id", "order", "x y"]))] = draw(ANY_JSON)
    texts = st.dictionaries(st.text(), st.text(), max_size=3)
    values = {
        "tags": json.dumps(draw(st.lists(st.one_of(TAGS, st.text()), max_size=3))),
        "labels": json.dumps(draw(texts)),
        "metadata": json.dumps({"labels": draw(texts), "annotations": draw(texts)}),
        "rules": json.dumps(rules_object),
    }
    present = draw(st.sets(st.sampled_from(sorted(values)), min_size=2))
    return {part: values[part] for part in present}
