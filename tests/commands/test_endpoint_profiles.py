"""`calicoctl endpoint ENDPOINT profile append|remove|set|show`, with a real etcd."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request

PROFILES = "/calico/v1/policy/profile"
HOSTS = "/calico/v1/host"
KEY = f"{HOSTS}/h/workload/o/w/endpoint/e"

LOOK_AT_PROFILE = f"GET /v2/keys{PROFILES}/{{}}"
LIST_PROFILES = f"GET /v2/keys{PROFILES}"
READ_ALL = f"GET /v2/keys{HOSTS}"
READ_ONE = f"GET /v2/keys{KEY}"
WRITE = f"PUT /v2/keys{KEY}"

FAILED = {
    "show": "Failed to list profiles in endpoint.\n\n",
    "append": "Failed to append profiles to endpoint.\n\n",
    "remove": "Failed to remove profiles from endpoint.\n\n",
    "set": "Failed to set profiles for endpoint.\n\n",
}
SEVERAL = """\
More than 1 endpoint matches the provided criteria.  Please provide additional
parameters to refine the search.
It may be one of: {}

"""
NAME_REFUSED = """\
Profile names must be < 129 character long and can only contain numbers,
letters, dots, dashes and underscores.
Value provided is '{}'

"""
ALL_VERBS = [("show",), ("append", "NEW"), ("remove", "PROF"), ("set", "NEW"), ("set",)]


@pytest.fixture(autouse=True)
def profiles(etcd: EtcdServer) -> None:
    """The existing profiles."""
    for name in ("PROF", "WEB", "NEW"):
        etcd.put(f"{PROFILES}/{name}/tags", f'["{name}"]')


def value(*profiles: str) -> str:
    return json.dumps({"state": "active", "name": "cali0", "profile_ids": list(profiles)})


def unknown(verb: str, endpoint: str) -> Result:
    named = f"Endpoint {endpoint} is unknown to Calico.\n\n"
    found = "" if verb in ("show", "append") else "Endpoint could not be found.\n"
    return Result(1, "", FAILED[verb] + found + named)


# Results, messages and requests


@pytest.mark.parametrize(
    ("before", "command", "after", "said", "looks"),
    [
        ([], ["append", "WEB"], ["WEB"], "Profile(s) WEB appended.", [LOOK_AT_PROFILE.format("WEB")]),
        (["Z"], ["append", "WEB"], ["Z", "WEB"], "Profile(s) WEB appended.", [LOOK_AT_PROFILE.format("WEB")]),
        (["Z"], ["append", "WEB", "NEW"], ["Z", "WEB", "NEW"], "Profile(s) WEB, NEW appended.", [LIST_PROFILES]),
        (["Z", "Y"], ["set", "PROF"], ["PROF"], "Profile(s) PROF set.", [LOOK_AT_PROFILE.format("PROF")]),
        (["WEB"], ["set", "WEB", "PROF"], ["WEB", "PROF"], "Profile(s) WEB, PROF set.", [LIST_PROFILES]),
        (["WEB"], ["set", "WEB"], ["WEB"], "Profile(s) WEB set.", [LOOK_AT_PROFILE.format("WEB")]),
        (["WEB", "Z"], ["set"], [], "Removed all profiles from endpoint.", []),
        ([], ["set"], [], "Removed all profiles from endpoint.", []),
        (["PROF", "Z", "WEB"], ["remove", "WEB", "PROF"], ["Z"], "Profile(s) WEB,PROF removed.", []),
        (["PROF", "GONE"], ["remove", "GONE"], ["PROF"], "Profile(s) GONE removed.", []),
        (["_x", "WEB", "_x"], ["remove", "_x"], ["WEB"], "Profile(s) _x removed.", []),
        (["PROF"], ["remove", "PROF"], [], "Profile(s) PROF removed.", []),
    ],
)
@pytest.mark.parametrize(
    ("filters", "read"),
    [
        ([], READ_ALL),
        (["--host=h"], f"GET /v2/keys{HOSTS}/h/workload"),
        (["--host=h", "--orchestrator=o"], f"GET /v2/keys{HOSTS}/h/workload/o"),
        (["--workload=w", "--orchestrator=o"], READ_ALL),
        (["--host=h", "--orchestrator=o", "--workload=w"], READ_ONE),
    ],
)
def test_edits(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, before: list[str], command: list[str], after: list[str],
    said: str, looks: list[str], filters: list[str], read: str,
) -> None:  # fmt: skip
    etcd.put(KEY, value(*before))
    etcd.put(f"{HOSTS}/h/workload/o/w/endpoint/e2", value(*before))
    etcd.put(f"{HOSTS}/h/endpoint/e", "no workload endpoint")
    others = {key: stored for key, stored in etcd.keys().items() if key != KEY}
    index = etcd.index()
    assert calicoctl("endpoint", "e", "profile", *command, *filters) == Result(0, f"{said}\n\n", "")
    assert etcd.keys() == {**others, KEY: value(*after)}
    assert etcd.index() == index + 1
    assert proxy.requests == [*looks, read, WRITE]


def test_long_list_is_wrapped(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    names = [f"profile-of-{number}" for number in range(5)] + ["x" * 100]
    for name in names:
        etcd.put(f"{PROFILES}/{name}/tags", "[]")
    etcd.put(KEY, value())
    appended = f"""\
Profile(s) profile-of-0, profile-of-1, profile-of-2, profile-of-3, profile-of-4,
{"x" * 80}
{"x" * 20} appended.

"""
    removed = f"""\
Profile(s) profile-of-0,profile-of-1,profile-of-2,profile-of-3,profile-of-
4,{"x" * 78}
{"x" * 22} removed.

"""
    assert calicoctl("endpoint", "e", "profile", "append", *names) == Result(0, appended, "")
    assert etcd.get(KEY) == value(*names)
    assert calicoctl("endpoint", "e", "profile", "remove", *names) == Result(0, removed, "")
    assert etcd.get(KEY) == value()


def test_edit_reads_with_quorum_and_compares(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(KEY, value())
    index = etcd.index()
    seen: list[tuple[str, str, bytes]] = []

    def note(request: Request) -> bytes | None:
        seen.append((request.method, request.query, request.body.partition(b"&")[2].partition(b"&")[0]))
        return request.forward()

    proxy.since(1, note)
    assert calicoctl("endpoint", "e", "profile", "append", "WEB").status == 0
    assert seen[1:] == [("GET", "recursive=true&quorum=true", b""), ("PUT", "", f"prevIndex={index}".encode())]


def test_hidden_profiles_can_be_set(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(f"{PROFILES}/_x/tags", "[]")
    etcd.put(KEY, value())
    assert calicoctl("endpoint", "e", "profile", "set", "_x") == Result(0, "Profile(s) _x set.\n\n", "")
    assert calicoctl("endpoint", "e", "profile", "set", "WEB", "_x") == Result(0, "Profile(s) WEB, _x set.\n\n", "")
    assert etcd.get(KEY) == value("WEB", "_x")
    result = calicoctl("endpoint", "e", "profile", "set", "_y", "_x")
    assert result == Result(1, "", "Profile with name _y was not found.\n")


@pytest.mark.parametrize("endpoint", ["show", "profile", "append", "set", "endpoint", "_e", "a%2fb", "a b?#", "é"])
def test_unusual_endpoint_names(calicoctl: Calicoctl, etcd: EtcdServer, endpoint: str) -> None:
    key = f"{HOSTS}/h/workload/o/w/endpoint/{endpoint}"
    etcd.put(key, value("PROF"))
    # All filters are given because etcd omits _e from every listing.
    filters = ("--host=h", "--orchestrator=o", "--workload=w")
    text = "+------+\n| Name |\n+------+\n| PROF |\n+------+\n\n"
    assert calicoctl("endpoint", endpoint, "profile", "show", *filters) == Result(0, text, "")
    appended = Result(0, "Profile(s) WEB appended.\n\n", "")
    assert calicoctl("endpoint", endpoint, "profile", "append", "WEB", *filters) == appended
    assert etcd.get(key) == value("PROF", "WEB")


def test_long_profile_names(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    """An existing profile works as usual; a missing one can be removed, and is otherwise not found."""
    long, gone = "x" * 300, "y" * 300
    etcd.put(f"{PROFILES}/{long}/tags", "[]")
    etcd.put(KEY, value("PROF", gone))
    assert calicoctl("endpoint", "e", "profile", "append", long).status == 0
    assert etcd.get(KEY) == value("PROF", gone, long)
    assert calicoctl("endpoint", "e", "profile", "remove", long, gone).status == 0
    assert etcd.get(KEY) == value("PROF")
    assert calicoctl("endpoint", "e", "profile", "set", long, "WEB").status == 0
    assert etcd.get(KEY) == value(long, "WEB")
    index = etcd.index()
    for words in (["append", gone], ["set", gone], ["set", "WEB", gone]):
        not_found = Result(1, "", f"Profile with name {gone} was not found.\n")
        assert calicoctl("endpoint", "e", "profile", *words) == not_found
    assert calicoctl("endpoint", "e", "profile", "remove", gone).stderr.startswith("Profile yyyyy")
    assert etcd.index() == index


# Refusals: one message, nothing written


@pytest.mark.parametrize(
    ("command", "complaint", "requests"),
    [
        (["append"], "No profile specified.\n\n", []),
        (["remove"], "No profile specified.\n\n", []),
        (["append", "NEW", "WEB", "NEW"], "Profile with name NEW was specified more than once.\n", []),
        (["remove", "Z", "Z"], "Profile with name Z was specified more than once.\n", []),
        (["set", "NEW", "NEW"], "Profile with name NEW was specified more than once.\n", []),
        (["append", "NONE"], "Profile with name NONE was not found.\n", [LOOK_AT_PROFILE.format("NONE")]),
        (["set", "NONE"], "Profile with name NONE was not found.\n", [LOOK_AT_PROFILE.format("NONE")]),
        (["append", "NEW", "NO1", "NO2"], "Profile with name NO1 was not found.\n", [LIST_PROFILES]),
        (["set", "web", "WEB"], "Profile with name web was not found.\n", [LIST_PROFILES]),
        (
            ["append", "WEB"],
            "Profile WEB is already in endpoint profile list\n\n",
            [LOOK_AT_PROFILE.format("WEB"), READ_ALL],
        ),
        (
            # The first profile in the endpoint's own list is named.
            ["append", "NEW", "WEB", "PROF"],
            "Profile PROF is already in endpoint profile list\n\n",
            [LIST_PROFILES, READ_ALL],
        ),
        (["remove", "NEW"], "Profile NEW is not in endpoint profile list.\n\n", [READ_ALL]),
        (["remove", "WEB", "Z", "NEW"], "Profile Z is not in endpoint profile list.\n\n", [READ_ALL]),
        (["remove", "web"], "Profile web is not in endpoint profile list.\n\n", [READ_ALL]),
    ],
)
def test_refusals(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, command: list[str], complaint: str, requests: list[str]
) -> None:
    etcd.put(KEY, value("PROF", "WEB"))
    index = etcd.index()
    assert calicoctl("endpoint", "e", "profile", *command) == Result(1, "", complaint)
    assert etcd.index() == index
    assert proxy.requests == requests


@pytest.mark.parametrize("verb", ["append", "remove", "set"])
@pytest.mark.parametrize(
    "names",
    [[""], ["."], [".."], ["a/b"], ["a b"], ["a?b"], ["%41"], ["é"], ["WEB\x1b"], ["a,b", "WEB", "c d"],
     ["WEB", "..", "WEB", ""]],
)  # fmt: skip
def test_every_name_is_checked(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, verb: str, names: list[str]
) -> None:
    etcd.put(KEY, value("PROF", *names))
    index = etcd.index()
    bad = "' and '".join(name.replace("\x1b", "\\x1b") for name in names if name != "WEB")
    complaints = NAME_REFUSED.format(bad)
    assert calicoctl("endpoint", "e", "profile", verb, *names) == Result(1, "", complaints)
    assert etcd.index() == index
    assert proxy.requests == []


@pytest.mark.parametrize("command", ALL_VERBS)
@pytest.mark.parametrize(
    ("endpoint", "filters"),
    [
        ("other", []),
        ("E", []),
        ("e", ["--host=h2"]),
        ("e", ["--orchestrator=o2"]),
        ("e", ["--workload=w2"]),
        ("e", ["--host=h", "--orchestrator=o", "--workload=w2"]),
        ("e", ["--host=..", "--workload=w"]),
        ("../e", ["--host=h", "--orchestrator=o", "--workload=w"]),
        ("w/endpoint/e", ["--host=h", "--orchestrator=o"]),
        ("eth0", ["--host=h"]),  # a host endpoint
        ("dir", []),
        ("", []),
        ("", ["--host=h", "--orchestrator=o", "--workload=w"]),
    ],
)
def test_unknown_endpoints(
    calicoctl: Calicoctl, etcd: EtcdServer, command: tuple[str, ...], endpoint: str, filters: list[str]
) -> None:
    etcd.put(KEY, value("PROF"))
    etcd.put(f"{HOSTS}/h/endpoint/eth0", value("PROF"))
    etcd.put(f"{HOSTS}/h/workload/o/w/endpoint/dir/x", value("PROF"))
    index = etcd.index()
    result = calicoctl("endpoint", endpoint, "profile", *command, *filters)
    assert result == unknown(command[0], endpoint)
    assert etcd.index() == index


@pytest.mark.parametrize("command", ALL_VERBS)
@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], "h/o/w/e, h/o/w2/e, h/o2/w/e, h2/o/w/e"),
        (["--host=h"], "h/o/w/e, h/o/w2/e, h/o2/w/e"),
        (["--orchestrator=o", "--workload=w"], "h/o/w/e, h2/o/w/e"),
        (["--host=h", "--orchestrator=o"], "h/o/w/e, h/o/w2/e"),
        (["--host=h", "--workload=w"], "h/o/w/e, h/o2/w/e"),
    ],
)
def test_several_matching_endpoints(
    calicoctl: Calicoctl, etcd: EtcdServer, command: tuple[str, ...], filters: list[str], found: str
) -> None:
    for place in ("h/workload/o/w", "h/workload/o/w2", "h/workload/o2/w", "h2/workload/o/w"):
        etcd.put(f"{HOSTS}/{place}/endpoint/e", value("PROF"))
        etcd.put(f"{HOSTS}/{place}/endpoint/e2", value("PROF"))
    index = etcd.index()
    result = calicoctl("endpoint", "e", "profile", *command, *filters)
    assert result == Result(1, "", FAILED[command[0]] + SEVERAL.format(found))
    assert etcd.index() == index


def test_ten_of_many_matching_endpoints_are_named(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    for number in range(13):
        etcd.put(f"{HOSTS}/h{number:02}/workload/o/w/endpoint/e", "malformed")
    found = ", ".join(f"h{number:02}/o/w/e" for number in range(10)) + " and 3 more"
    assert calicoctl("endpoint", "e", "profile", "set") == Result(1, "", FAILED["set"] + SEVERAL.format(found))


# Stored values

ODD = (
    '{"name": "cali1", "ipv4_nat": [{"int_ip": "10.0.0.1", "ext_ip": "1.2.3.4"}], "ipv4_gateway": null, '
    '"profile_ids": ["PROF"], "labels": {"b": "2", "a": "1"}, "active_instance_id": "x", '
    '"odd": {"": [[], {}, null, true, 1.5, -0.0, 1e+22, 12345678901234567890, "\\u00e9\\ud83d\\ude00\\ud800\\u0000"]}, '
    '"mac": 5, "ipv4_nets": "wrong"}'
)


@pytest.mark.parametrize(
    ("command", "after"),
    [(["append", "WEB"], '["PROF", "WEB"]'), (["set", "NEW"], '["NEW"]'), (["set"], "[]"), (["remove", "PROF"], "[]")],
)
def test_other_fields_stay_byte_for_byte(
    calicoctl: Calicoctl, etcd: EtcdServer, command: list[str], after: str
) -> None:
    etcd.put(KEY, ODD)
    assert calicoctl("endpoint", "e", "profile", *command).status == 0
    assert etcd.get(KEY) == ODD.replace('["PROF"]', after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"profile_id": "PROF", "mac": null}', '{"mac": null, "profile_ids": ["PROF", "WEB"]}'),
        ('{"profile_ids": ["Z"], "profile_id": "PROF", "a": 1}', '{"profile_ids": ["Z", "WEB"], "a": 1}'),
        ('{"profile_id": "", "profile_ids": ["Z"]}', '{"profile_ids": ["Z", "WEB"]}'),
        ('{"profile_ids": ["Z"], "profile_id": null}', '{"profile_ids": ["Z", "WEB"]}'),
        ('{"profile_ids": null, "a": 1}', '{"profile_ids": ["WEB"], "a": 1}'),
        ('{"a": 1}', '{"a": 1, "profile_ids": ["WEB"]}'),
        ("{}", '{"profile_ids": ["WEB"]}'),
    ],
)
def test_old_and_missing_profile_fields(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, before: str, after: str
) -> None:
    etcd.put(KEY, before)
    assert calicoctl("endpoint", "e", "profile", "append", "WEB").status == 0
    assert etcd.get(KEY) == after
    assert proxy.requests == [LOOK_AT_PROFILE.format("WEB"), READ_ALL, WRITE]


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        ('{"profile_ids": ["zeta", "PROF", "A", "a\\u001bb", "PROF"]}', ["zeta", "PROF", "A", "a\\x1bb", "PROF"]),
        ('{"profile_id": "old", "mac": 5}', ["old"]),
        ('{"profile_ids": ["x"], "profile_id": ""}', ["x"]),
    ],
)
def test_show_keeps_the_stored_order(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, stored: str, names: list[str]
) -> None:
    etcd.put(KEY, stored)
    width = max(4, *map(len, names))
    border = f"+-{'-' * width}-+\n"
    lines = [f"| {name.center(width)} |\n" for name in ["Name", *names]]
    text = border + lines[0] + border + "".join(lines[1:]) + border + "\n"
    assert calicoctl("endpoint", "e", "profile", "show") == Result(0, text, "")
    assert proxy.requests == [READ_ALL]


@pytest.mark.parametrize("stored", ["{}", '{"profile_ids": []}', '{"profile_ids": null}', '{"profile_id": ""}'])
def test_show_without_profiles(calicoctl: Calicoctl, etcd: EtcdServer, stored: str) -> None:
    etcd.put(KEY, stored)
    text = "Endpoint has no profiles associated with it.\n"
    assert calicoctl("endpoint", "e", "profile", "show") == Result(0, text, "")


@pytest.mark.parametrize("command", ALL_VERBS)
@pytest.mark.parametrize(
    ("stored", "cause"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ('{"profile_ids": "PROF"}', "profile_ids is not a list of strings"),
        ('{"profile_ids": ["PROF", 1]}', "profile_ids is not a list of strings"),
        ('{"profile_id": ["PROF"]}', "profile_id is not a string"),
    ],
)
def test_malformed_endpoint_is_not_changed(
    calicoctl: Calicoctl, etcd: EtcdServer, command: tuple[str, ...], stored: str, cause: str
) -> None:
    etcd.put(KEY, stored)
    index = etcd.index()
    result = calicoctl("endpoint", "e", "profile", *command)
    if command[0] == "set" and "profile_id" in stored:  # `set` replaces the profiles without reading them
        assert result.status == 0
        assert json.loads(etcd.get(KEY) or "") == {"profile_ids": list(command[1:])}
        return
    assert result == Result(1, "", f"Cannot read {KEY}: {cause}.\n")
    assert etcd.index() == index


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_edit_refuses_value_with_non_json_number(calicoctl: Calicoctl, etcd: EtcdServer, number: str) -> None:
    etcd.put(KEY, f'{{"profile_ids": ["PROF"], "odd": [{number}]}}')
    index = etcd.index()
    complaint = f"Cannot read {KEY}: it has a number that is not JSON.\n"
    assert calicoctl("endpoint", "e", "profile", "append", "WEB") == Result(1, "", complaint)
    assert etcd.index() == index
    assert calicoctl("endpoint", "e", "profile", "show").status == 0


def test_malformed_endpoint_elsewhere_is_ignored(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    for place in ("h/workload/o/w/endpoint/e2", "g/workload/o/w/endpoint/x", "h/endpoint/eth0"):
        etcd.put(f"{HOSTS}/{place}", "{")
    etcd.put(KEY, value("PROF"))
    assert calicoctl("endpoint", "e", "profile", "append", "WEB").status == 0
    assert etcd.get(KEY) == value("PROF", "WEB")
    assert calicoctl("endpoint", "e", "profile", "show").status == 0
