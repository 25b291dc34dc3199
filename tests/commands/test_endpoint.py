"""`calicoctl endpoint show`, and endpoints in `calicoctl profile`, with a real etcd."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import prettytable
import pytest

from calicoctl.suggestion import near
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy

PROFILES = "/calico/v1/policy/profile"
HOSTS = "/calico/v1/host"
GET_HOSTS = f"GET /v2/keys{HOSTS}"

HEADINGS = ["Hostname", "Orchestrator ID", "Number of Workloads", "Number of Endpoints"]
DETAILED_HEADINGS = [
    "Hostname", "Orchestrator ID", "Workload ID", "Endpoint ID", "Addresses", "MAC", "Profiles", "State",
]  # fmt: skip


def table(headings: list[str], rows: Sequence[Sequence[object]]) -> str:
    """Return the table as the command prints it: by prettytable, followed by an empty line."""
    drawn = prettytable.PrettyTable(headings)
    drawn.add_rows([list(row) for row in rows])
    return f"{drawn}\n\n"


def key_of(host: str, orchestrator: str, workload: str, endpoint: str) -> str:
    return f"{HOSTS}/{host}/workload/{orchestrator}/{workload}/endpoint/{endpoint}"


def put(etcd: EtcdServer, name: str, **fields: Any) -> str:
    """Store an endpoint by its name, HOST/ORCHESTRATOR/WORKLOAD/ENDPOINT; return its key."""
    key = key_of(*name.split("/"))
    etcd.put(key, json.dumps(fields))
    return key


# Every combination of filters


class Stored(NamedTuple):
    """An endpoint: its four names, its fields, and the last four columns of its row."""

    names: tuple[str, ...]
    fields: dict[str, Any]
    shown: tuple[str, str, str, str]


FIELDS: list[tuple[dict[str, Any], tuple[str, str, str, str]]] = [
    (
        {"state": "active", "mac": "d6:43:59:f7:93:d3", "profile_ids": ["PROF"], "ipv4_nets": ["192.168.1.4/32"]},
        ("192.168.1.4/32", "d6:43:59:f7:93:d3", "PROF", "active"),
    ),
    (
        {"state": "inactive", "profile_ids": ["b", "a"], "ipv6_nets": ["fd80::1"], "ipv4_nets": ["9.9.9.9"]},
        ("9.9.9.9/32\nfd80::1/128", "None", "b,a", "inactive"),
    ),
    ({"profile_id": "old", "labels": {"role": "db"}}, ("", "None", "old", "None")),
]
NAMES = [
    "h1/docker/w1/e1",
    "h1/docker/w1/e2",
    "h1/docker/w2/e1",
    "h1/libnetwork/w1/e1",
    "h2/docker/w1/e1",
    "h/docker/w/e",
    "h%2f1/doc%ker/w%2e/e%00",
    "h?1/docker?wait=true/w?/e?",
    "h#1/docker#x/w#/e#",
    "h 1/ doc ker/w  1/e 1 ",
    "höst/dökker/日本/é",
    "..h/.../.w/e.",
    '&=;+~/a\'b/"w"/e,e',
    "endpoint/endpoint/endpoint/endpoint",
    "workload/workload/workload/workload",
    "_h1/docker/w1/e1",
    "h1/_docker/w1/e1",
    "h1/docker/_w1/e1",
    "h1/docker/w1/_e1",
]
WORLD = [Stored(tuple(name.split("/")), *fields) for name, fields in zip(NAMES, itertools.cycle(FIELDS), strict=False)]
ABSENT = [("h1", "docker", "w2", "e2"), ("H1", "DOCKER", "W1", "E1"), ("h*", "*", "*", "*"), ("none", "no", "nil", "0")]
OPTIONS = ("--host", "--orchestrator", "--workload", "--endpoint")


@pytest.mark.parametrize("given", list(itertools.product([False, True], repeat=4)))
@pytest.mark.parametrize("detailed", [False, True])
def test_every_combination_of_filters(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, given: tuple[bool, ...], detailed: bool
) -> None:
    for stored in WORLD:
        etcd.put(key_of(*stored.names), json.dumps(stored.fields))
    candidates = [stored.names for stored in WORLD] + ABSENT
    for wanted in {
        tuple(name if is_given else None for name, is_given in zip(names, given, strict=True)) for names in candidates
    }:
        found = [stored for stored in WORLD if matches(stored.names, wanted)]
        shown = table(DETAILED_HEADINGS, detailed_rows(found)) if detailed else table(HEADINGS, rows(found))
        unknown = [] if found else unknown_names(wanted)
        expected = Result(1, "", "".join(unknown)) if unknown else Result(0, shown, "")
        further = [] if found or not any(wanted) else [GET_HOSTS]
        options = [f"{option}={name}" for option, name in zip(OPTIONS, wanted, strict=True) if name is not None]
        proxy.reset()
        assert calicoctl("endpoint", "show", *options, *["--detailed"] * detailed) == expected
        assert proxy.requests == [f"GET {narrowest_path(wanted)}", *further]


def unknown_names(wanted: tuple[str | None, ...]) -> list[str]:
    """Return the message for names without a key; names with a leading underscore have another one."""
    shown = [stored.names for stored in WORLD]
    said = []
    for position, name in enumerate(wanted):
        kind = ("Host", "Orchestrator", "Workload", "Endpoint")[position]
        listed = [names[: position + 1] for names in shown]
        known = sorted({names[-1] for names in listed if not any(part.startswith("_") for part in names)})
        if name is not None and name not in known and not name.startswith("_"):
            meant = " or ".join(near(name, known, most=3))
            said.append(f"{kind} {name} is unknown to Calico.{f' Did you mean {meant}?' if meant else ''}\n")
    return said


def test_unknown_names(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    put(etcd, "node1/docker/w1/e1", **FIELDS[0][0])
    etcd.put(f"{HOSTS}/node2/bird_ip", "10.0.0.2")
    etcd.put(f"{HOSTS}/node3/workload/k8s/w2/other", "x")
    for option in ([], ["--detailed"]):
        for filters, said in {
            "--host=nope": "Host nope is unknown to Calico.\n",
            "--host=nod": "Host nod is unknown to Calico. Did you mean node1 or node2 or node3?\n",
            "--host=NODE1": "Host NODE1 is unknown to Calico. Did you mean node1?\n",
            "--host=a/b": "Host a/b is unknown to Calico.\n",
            "--orchestrator=doker": "Orchestrator doker is unknown to Calico. Did you mean docker?\n",
            "--workload=nope": "Workload nope is unknown to Calico.\n",
            "--endpoint=nope": "Endpoint nope is unknown to Calico.\n",
            "--host=node1 --endpoint=nope --workload=w2": "Endpoint nope is unknown to Calico.\n",
            "--host=nope --workload=no": "Host nope is unknown to Calico.\nWorkload no is unknown to Calico.\n",
        }.items():
            assert calicoctl("endpoint", "show", *filters.split(), *option) == Result(1, "", said), filters
    for filters in ("--host=node2", "--host=node1 --workload=w2", "--orchestrator=k8s", "--host=_node"):
        proxy.reset()
        assert calicoctl("endpoint", "show", *filters.split()) == Result(0, table(HEADINGS, []), "")
        assert proxy.requests[1:] == [GET_HOSTS]
    proxy.reset()
    assert calicoctl("endpoint", "show", "--host=node1").status == 0
    assert len(proxy.requests) == 1


def matches(names: tuple[str, ...], wanted: tuple[str | None, ...]) -> bool:
    """Whether the filters match an endpoint. etcd hides a leading underscore unless the full path is requested."""
    named = wanted.index(None) if None in wanted else len(wanted)
    hidden = any(name.startswith("_") for name in names[named:])
    return not hidden and all(want is None or want == name for want, name in zip(wanted, names, strict=True))


def rows(found: list[Stored]) -> list[tuple[object, ...]]:
    places = sorted({stored.names[:2] for stored in found})
    return [
        (
            *place,
            len({stored.names[2] for stored in found if stored.names[:2] == place}),
            len([stored for stored in found if stored.names[:2] == place]),
        )
        for place in places
    ]


def detailed_rows(found: list[Stored]) -> list[tuple[object, ...]]:
    return [(*stored.names, *stored.shown) for stored in sorted(found, key=lambda stored: stored.names)]


def narrowest_path(wanted: tuple[str | None, ...]) -> str:
    named = wanted[: wanted.index(None)] if None in wanted else wanted
    if not named:
        return f"/v2/keys{HOSTS}"
    host, *below = (quote(str(name), safe="") for name in named)
    return "/".join([f"/v2/keys{HOSTS}/{host}/workload", *below[:2], *(f"endpoint/{name}" for name in below[2:])])


def test_paths_read(calicoctl: Calicoctl, proxy: Proxy) -> None:
    filters = ["--host=h", "--orchestrator=o", "--workload=w", "--endpoint=e"]
    for count in range(5):
        calicoctl("endpoint", "show", *filters[:count])
    calicoctl("endpoint", "show", *filters[1:])
    calicoctl("endpoint", "show", "--host=h", "--workload=w", "--endpoint=e")
    # The second request of each command checks whether the names exist.
    assert [proxy.requests[0], *proxy.requests[1::2]] == [
        "GET /v2/keys/calico/v1/host",
        "GET /v2/keys/calico/v1/host/h/workload",
        "GET /v2/keys/calico/v1/host/h/workload/o",
        "GET /v2/keys/calico/v1/host/h/workload/o/w",
        "GET /v2/keys/calico/v1/host/h/workload/o/w/endpoint/e",
        "GET /v2/keys/calico/v1/host",
        "GET /v2/keys/calico/v1/host/h/workload",
    ]


@pytest.mark.parametrize("option", OPTIONS)
def test_empty_filter_matches_all(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, option: str) -> None:
    put(etcd, "h/o/w/e", **FIELDS[0][0])
    expected = Result(0, table(DETAILED_HEADINGS, [("h", "o", "w", "e", *FIELDS[0][1])]), "")
    assert calicoctl("endpoint", "show", f"{option}=", "--detailed") == expected
    assert proxy.requests == [GET_HOSTS]


@pytest.mark.parametrize("value", ["/", ".", "..", "h/workload", "../h", "h/", "o/w/endpoint/e", "%2e%2e", "h?x", "*"])
@pytest.mark.parametrize("position", range(4))
def test_filter_never_reads_other_keys(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, value: str, position: int
) -> None:
    put(etcd, "h/o/w/e", **FIELDS[0][0])
    names = ["h", "o", "w", "e"]
    names[position] = value
    for options in ([f"{OPTIONS[position]}={value}"], [f"{o}={n}" for o, n in zip(OPTIONS, names, strict=True)]):
        result = calicoctl("endpoint", "show", *options)
        assert (result.status, result.stdout) == (1, "")
        assert result.stderr.startswith(f"{OPTIONS[position][2:].capitalize()} {value} is unknown to Calico.")
    for request in proxy.requests:
        path = request.removeprefix("GET /v2/keys/")
        # No segment that etcd would normalize or drop, and no more segments than the filters ask for.
        assert not {"", ".", ".."} & set(path.split("/"))
        assert f"/{path}/".startswith(f"{HOSTS}/") and path.count("/") in (2, 4, 5, 6, 8)


def test_show_without_endpoints(calicoctl: Calicoctl, proxy: Proxy) -> None:
    text = """\
+----------+-----------------+---------------------+---------------------+
| Hostname | Orchestrator ID | Number of Workloads | Number of Endpoints |
+----------+-----------------+---------------------+---------------------+
+----------+-----------------+---------------------+---------------------+

"""
    detailed = """\
+----------+-----------------+-------------+-------------+-----------+-----+----------+-------+
| Hostname | Orchestrator ID | Workload ID | Endpoint ID | Addresses | MAC | Profiles | State |
+----------+-----------------+-------------+-------------+-----------+-----+----------+-------+
+----------+-----------------+-------------+-------------+-----------+-----+----------+-------+

"""
    assert calicoctl("endpoint", "show") == Result(0, text, "")
    assert calicoctl("endpoint", "show", "--detailed") == Result(0, detailed, "")
    assert proxy.requests == [GET_HOSTS] * 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "expected 'show' or <ENDPOINT_ID> after 'endpoint'"),
        (("show", "--host"), "--host requires argument"),
        (("show", "--host=a", "--host=b"), "--host is given more than once"),
        (("show", "e"), "unexpected 'e' after 'show'"),
        (("--detailed",), "expected 'show' after 'endpoint'"),
        (("e", "profile"), "expected 'append', 'remove', 'set' or 'show' after 'profile'"),
        (
            ("e", "profile", "append", "P", "--endpoint=e"),
            "--endpoint cannot be given with 'endpoint e profile append P'",
        ),
        (("e", "profile", "show", "--detailed"), "--detailed cannot be given with 'endpoint e profile show'"),
    ],
)
def test_usage_errors(calicoctl: Calicoctl, proxy: Proxy, arguments: tuple[str, ...], problem: str) -> None:
    result = calicoctl("endpoint", *arguments)
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{problem}\nUsage:\n  calicoctl endpoint ")
    assert proxy.requests == []


# Unreadable endpoints

GOOD_ROW = ("h", "o", "w", "good", "192.168.1.4/32", "d6:43:59:f7:93:d3", "PROF", "active")
NO_JSON = ["", " ", "{", "\ufeff{}", "{'mac': 1}", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
NO_OBJECT = ["[]", '["mac"]', "null", '"{}"', "1"]
NO_TEXT = [0, 1, 1.5, True, False, [], ["x"], {}, {"x": "y"}]
NO_TEXTS = [0, 1, 1.5, True, False, "", "x", {}, {"x": "y"}, [1], ["x", None], [["x"]], [{}]]
NO_ADDRESS = ["", "x", "1.2.3.4/33", "::1/129", "1.2.3.256", "1.2.3.4/-1", "fe80::1%eth0", "é", "\x1b[2J", "\ud800"]
WRONG_FIELDS = [
    *((field, value, f"{field} is not a string") for field in ("mac", "state", "profile_id") for value in NO_TEXT),
    *(
        (field, value, f"{field} is not a list of strings")
        for field in ("profile_ids", "ipv4_nets", "ipv6_nets")
        for value in NO_TEXTS
    ),
    *(
        (field, ["10.0.0.1", value], f"{json.dumps(value)} is not an address")
        for field in ("ipv4_nets", "ipv6_nets")
        for value in NO_ADDRESS
    ),
]


@pytest.mark.parametrize(
    ("value", "cause"),
    [*((text, "it is not JSON") for text in NO_JSON), *((text, "it is not a JSON object") for text in NO_OBJECT)],
    ids=lambda text: text[:25],
)
@pytest.mark.parametrize("options", [(), ("--detailed",), ("--host=h", "--orchestrator=o", "--workload=w")])
def test_value_is_not_an_object(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, options: tuple[str, ...], value: str, cause: str
) -> None:
    put(etcd, "h/o/w/good", **FIELDS[0][0])
    etcd.put(f"{HOSTS}/h/workload/o/w/endpoint/bad", value)
    shown = table(DETAILED_HEADINGS, [GOOD_ROW]) if options == ("--detailed",) else table(HEADINGS, [("h", "o", 1, 1)])
    complaint = f"Cannot read {HOSTS}/h/workload/o/w/endpoint/bad: {cause}.\n"
    assert calicoctl("endpoint", "show", *options) == Result(1, shown, complaint)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(("field", "value", "cause"), WRONG_FIELDS)
def test_field_has_wrong_type(calicoctl: Calicoctl, etcd: EtcdServer, field: str, value: Any, cause: str) -> None:
    put(etcd, "h/o/w/good", **FIELDS[0][0])
    key = put(etcd, "h/o/w/bad", **{field: value})
    shown = table(DETAILED_HEADINGS, [GOOD_ROW])
    complaint = f"Cannot read {key}: {cause}.\n"
    assert calicoctl("endpoint", "show", "--detailed") == Result(1, shown, complaint)
    assert calicoctl("endpoint", "show") == Result(1, table(HEADINGS, [("h", "o", 1, 1)]), complaint)


def test_unreadable_endpoints_are_reported_in_order(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    for letter in "ihabgcfed":  # etcd lists keys in no particular order
        etcd.put(key_of("h1", "o", "w", letter), "x")
    put(etcd, "h0/o/\x1bw/e", mac=1)
    complaints = f"Cannot read {HOSTS}/h0/workload/o/\\x1bw/endpoint/e: mac is not a string.\n"
    complaints += "".join(f"Cannot read {key_of('h1', 'o', 'w', letter)}: it is not JSON.\n" for letter in "abcdefghi")
    assert calicoctl("endpoint", "show", "--detailed") == Result(1, table(DETAILED_HEADINGS, []), complaints)
    expected = Result(0, table(DETAILED_HEADINGS, []), "")
    etcd.put(f"{HOSTS}/h3/bird_ip", "10.0.0.3")
    assert calicoctl("endpoint", "show", "--detailed", "--host=h3") == expected


def test_other_host_keys_are_not_workload_endpoints(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put(etcd, "h/o/w/e")
    for key in ("h/bird_ip", "h/config/marker", "h/endpoint/eth0", "h/endpoint/eth1/x", "h/workload/stray", "stray",
                "h/workload/o/w/endpoint/dir/x", "h/workload/o/w/endpoint/dir/workload/o/w/endpoint/e",
                "h/workload/o/w/labels", "h/workload/o/stray", "h/workload/o/w2/endpoint",
                "h/workload/o/w3/endpoints/e", "h/config/o/w/endpoint/e"):  # fmt: skip
        etcd.put(f"{HOSTS}/{key}", "no JSON")
    etcd.mkdir(f"{HOSTS}/h/workload/o/w/endpoint/emptydir")
    etcd.mkdir(f"{HOSTS}/empty")
    expected = Result(0, table(HEADINGS, [("h", "o", 1, 1)]), "")
    assert calicoctl("endpoint", "show") == expected
    assert calicoctl("endpoint", "show", "--host=h", "--orchestrator=o", "--workload=w") == expected
    place = ["--host=h", "--orchestrator=o", "--workload=w"]
    for endpoint in ("dir", "emptydir"):
        nothing = Result(0, table(HEADINGS, []), "")
        assert calicoctl("endpoint", "show", *place, f"--endpoint={endpoint}") == nothing


def test_key_in_place_of_host_directory(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(HOSTS, "x")
    assert calicoctl("endpoint", "show") == Result(0, table(HEADINGS, []), "")


# Format of the table


def test_one_address_per_line_in_numeric_order(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put(
        etcd, "h/o/w/e",
        state="active", mac=None, profile_ids=["B", "A", "B"],
        ipv4_nets=["192.168.10.1/32", "192.168.9.1", " 10.1.2.3/8", "10.0.0.010/255.255.255.255"],
        ipv6_nets=["FD80:0::10", "fd80::9/128", "::ffff:1.2.3.4/128", "200.1.1.1"],
    )  # fmt: skip
    text = """\
+----------+-----------------+-------------+-------------+--------------------+------+----------+--------+
| Hostname | Orchestrator ID | Workload ID | Endpoint ID |     Addresses      | MAC  | Profiles | State  |
+----------+-----------------+-------------+-------------+--------------------+------+----------+--------+
|    h     |        o        |      w      |      e      |    10.0.0.10/32    | None |  B,A,B   | active |
|          |                 |             |             |     10.1.2.3/8     |      |          |        |
|          |                 |             |             |   192.168.9.1/32   |      |          |        |
|          |                 |             |             |  192.168.10.1/32   |      |          |        |
|          |                 |             |             |    200.1.1.1/32    |      |          |        |
|          |                 |             |             | ::ffff:1.2.3.4/128 |      |          |        |
|          |                 |             |             |    fd80::9/128     |      |          |        |
|          |                 |             |             |    fd80::10/128    |      |          |        |
+----------+-----------------+-------------+-------------+--------------------+------+----------+--------+

"""
    assert calicoctl("endpoint", "show", "--detailed") == Result(0, text, "")


def test_rows_are_in_byte_order(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    names = ["10/o/w/e", "2/o/w/e", "A/o/w/e", "a/O/w/e", "a/o/9/e", "a/o/w/e", "a/o/w/e1", "é/o/w/e"]
    for name in reversed(names):
        put(etcd, name)
    rows = [(*name.split("/"), "", "None", "", "None") for name in names]
    assert calicoctl("endpoint", "show", "--detailed").stdout == table(DETAILED_HEADINGS, rows)


def test_control_characters_are_escaped(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put(etcd, "h\x1b[2J/o\x07/w\x7f/e\u202e", mac="\x1b]0;x\x07", profile_ids=["A\rB", "\u0085"], state="\ud800\t")
    shown = ("h\\x1b[2J", "o\\x07", "w\\x7f", "e\\u202e", "", "\\x1b]0;x\\x07", "A\\x0dB,\\x85", "\\ud800\\x09")
    assert calicoctl("endpoint", "show", "--detailed") == Result(0, table(DETAILED_HEADINGS, [shown]), "")
    assert calicoctl("endpoint", "show") == Result(0, table(HEADINGS, [("h\\x1b[2J", "o\\x07", 1, 1)]), "")


# profile show --detailed, profile remove


def test_profile_show_detailed_ignores_unused_fields(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P/tags", "[]")
    put(etcd, "h/o/w/a", profile_ids=["P"], mac=1, ipv4_nets="x", ipv6_nets=["x"], state=None)
    key = put(etcd, "h/o/w/b", profile_ids=["P"], state=1)
    headings = ["Name", "Host", "Orchestrator ID", "Workload ID", "Endpoint ID", "State"]
    text = table(headings, [("P", "h", "o", "w", "a", "None")]).removesuffix("\n")
    result = calicoctl("profile", "show", "--detailed")
    assert result == Result(1, text, f"Cannot read {key}: state is not a string.\n")


@pytest.mark.parametrize("use", [[], ["h/workload/o/w/endpoint/user", '{"profile_ids": ["P"], "state": 5}']])
def test_profile_remove_with_unreadable_endpoints(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, use: list[str]
) -> None:
    etcd.put(f"{PROFILES}/P/tags", "[]")
    unreadable = {"h/workload/o/w/endpoint/e": "x", "h/endpoint/eth1": "[]", "h/endpoint/eth0": '{"profile_ids": [1]}'}
    for key, value in unreadable.items():
        etcd.put(f"{HOSTS}/{key}", value)
    reasons = f"""\
Cannot remove profile - an endpoint that may use it cannot be read.
Cannot read {HOSTS}/h/endpoint/eth0: profile_ids is not a list of strings.
Cannot read {HOSTS}/h/endpoint/eth1: it is not a JSON object.
Cannot read {HOSTS}/h/workload/o/w/endpoint/e: it is not JSON.
"""
    if use:
        etcd.put(f"{HOSTS}/{use[0]}", use[1])
        reasons = "Cannot remove profile - profile in use by endpoint(s).\n"
    advice = "'calicoq check' explains what is wrong with each endpoint.\n"
    remark = "1 endpoint uses it: h/o/w/user.\n" if use else advice
    index = etcd.index()
    force = "Use the '--no-check' flag to remove the profile anyway.\n"
    assert calicoctl("profile", "remove", "P") == Result(1, "", reasons + force + remark)
    assert etcd.index() == index
    proxy.reset()
    assert calicoctl("profile", "remove", "P", "--no-check") == Result(0, "Deleted profile P\n", "")
    assert proxy.requests == [f"GET /v2/keys{PROFILES}/P", f"DELETE /v2/keys{PROFILES}/P"]
    assert etcd.keys(PROFILES) == {f"{PROFILES}/": None}
