"""Rules and JSON for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = Any
Fields = dict[str, Any]

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=6)  # including control characters and lone surrogates

POSITIVE_FIELDS = [
    "protocol",
    "icmp_type",
    "icmp_code",
    *(f"{side}_{field}" for side in ("src", "dst") for field in ("tag", "selector", "net", "nets", "ports")),
]
FIELDS = ["action", "ip_version", "log_prefix", *POSITIVE_FIELDS, *(f"!{field}" for field in POSITIVE_FIELDS)]

TAGS = st.one_of(
    st.sampled_from(
        ["WEB", "from", "to", "tag", "cidr", "ports", "tcp", "icmp", "type", "80", "true", "ipv4", "not", "a.b_c-d"]
    ),
    st.from_regex(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,9}", fullmatch=True),
)
SELECTORS = st.sampled_from(["", "all()", "a == 'b'", 'has(a) && b in {"x", "y z"}', "!has(role)"])
IPV4_NETS = st.builds(
    lambda octets, length: f"{'.'.join(map(str, octets))}/{length}",
    st.lists(st.integers(0, 255), min_size=4, max_size=4),
    st.integers(0, 32),
)
IPV6_NETS = st.builds(
    lambda group, last, length: f"fd{group:02x}::{last:x}/{length}",
    st.integers(0, 255),
    st.integers(1, 0xFFFF),
    st.integers(0, 128),
)
NETS = st.one_of(IPV4_NETS, IPV6_NETS)
PORT_RANGES = st.lists(st.integers(0, 65535), min_size=2, max_size=2).map(sorted)
PORTS: st.SearchStrategy[int | str] = st.one_of(
    st.integers(0, 65535), PORT_RANGES.filter(lambda ends: ends[0] < ends[1]).map(lambda ends: f"{ends[0]}:{ends[1]}")
)


def json_values(leaves: st.SearchStrategy[Json] | None = None) -> st.SearchStrategy[Json]:
    """Arbitrary JSON values, including nested and unusual ones."""
    scalars: st.SearchStrategy[Json] = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([10**400, -1, 2**64, 1.0, -0.0, 1e308, 5e-324]),
        st.floats(allow_nan=False, allow_infinity=False),
        ANY_TEXT,
    )
    return st.recursive(
        scalars if leaves is None else st.one_of(scalars, leaves),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ANY_TEXT, inner, max_size=3)),
        max_leaves=6,
    )


def odd_fields() -> st.SearchStrategy[Fields]:
    """Arbitrary stored rules: known and unknown keys, valid and invalid values."""
    good_values = st.one_of(
        st.sampled_from(
            ["allow", "deny", "log", "tcp", "udp", "icmp", "icmpv6", 4, 6, 8, 80, "8", "80", "80:80", "080:90"]
        ),
        TAGS,
        NETS,
        SELECTORS,
        st.lists(PORTS, max_size=3),
        st.lists(NETS, max_size=3),
    )
    return st.dictionaries(
        st.one_of(st.sampled_from(FIELDS), ANY_TEXT), st.one_of(good_values, json_values(good_values)), max_size=6
    )


def typed_fields() -> st.SearchStrategy[Fields]:
    """Rules with fields of the data model, each value of its type, in any combination."""
    values: dict[str, st.SearchStrategy[Json]] = {
        "action": st.sampled_from(["allow", "deny", "next-tier", "log"]),
        "ip_version": st.sampled_from([4, 6]),
        "log_prefix": st.sampled_from(["", "a b", "drop: "]),
        "protocol": st.sampled_from(["tcp", "udp", "icmp", "icmpv6", "sctp", "udplite", 6, "6", 47]),
        "icmp_type": st.integers(0, 3),
        "icmp_code": st.integers(0, 3),
        "tag": st.sampled_from(["a", "b", "to", "80", "not"]),
        "selector": st.sampled_from(["", "has(a)", "has(b)"]),
        "net": st.sampled_from(["10.0.0.0/8", "11.0.0.0/8", "fd80::/64"]),
        "nets": st.lists(st.sampled_from(["10.0.0.0/8", "11.0.0.0/8"]), min_size=1, max_size=2),
        "ports": st.lists(st.sampled_from([1, "1", "1:1", "1:2", 12]), min_size=1, max_size=2),
    }
    strategies = {
        field: values[field if field in values else field.removeprefix("!").partition("_")[2]]
        for field in FIELDS
        if not field.startswith("!")
    }
    strategies |= {f"!{field}": strategies[field] for field in POSITIVE_FIELDS}
    return st.fixed_dictionaries({}, optional=strategies)


@st.composite
def valid_fields(draw: st.DrawFn) -> Fields:
    """Storable rules in their stored form, with every field of the data model."""
    version = draw(st.sampled_from([None, 4, 6]))
    icmp = {None: ["icmp"], 4: ["icmp"], 6: ["icmpv6"]}[version]
    protocol = draw(st.sampled_from([None, "tcp", "udp", "sctp", 132, 6, *icmp, *icmp]))
    nets = IPV6_NETS if version == 6 else IPV4_NETS
    fields: Fields = {"action": draw(st.sampled_from(["allow", "deny", "next-tier", "log"]))}
    optional: dict[str, st.SearchStrategy[Json]] = {"log_prefix": ANY_TEXT}
    if version is not None:
        optional["ip_version"] = st.just(version)
    if protocol is not None:
        fields["protocol"] = protocol
    else:
        optional["!protocol"] = st.sampled_from(["tcp", "udp", 1, 255, *icmp])
    for negation in ("", "!"):
        for side in ("src", "dst"):
            optional[f"{negation}{side}_tag"] = TAGS
            optional[f"{negation}{side}_selector"] = SELECTORS
            optional[f"{negation}{side}_net"] = nets
            if protocol in ("tcp", "udp"):
                optional[f"{negation}{side}_ports"] = st.lists(PORTS, min_size=1, max_size=4)
        if protocol in ("icmp", "icmpv6") and draw(st.booleans()):
            fields[f"{negation}icmp_type"] = draw(st.integers(0, 254))
            optional[f"{negation}icmp_code"] = st.integers(0, 255)
    fields |= draw(st.fixed_dictionaries({}, optional=optional))
    for net in ("src_net", "dst_net"):  # Felix cannot program both for one side.
        if net in fields:
            fields.pop(f"!{net}", None)
    return dict(draw(st.permutations(list(fields.items()))))
