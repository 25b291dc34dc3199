"""`calicoctl profile`: profiles and tags, against a real etcd."""

from __future__ import annotations

import json
import re
import threading

import pytest

from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request, drop_request

PROFILES = "/calico/v1/policy/profile"
HOSTS = "/calico/v1/host"

NAME_REFUSED = """\
Profile names must be < 129 character long and can only contain numbers,
letters, dots, dashes and underscores.
Value provided is '{}'

"""
TAG_REFUSED = """\
Tags names can only contain numbers, letters, dots, dashes and underscores.
Value provided is '{}'; a tag has 1 to 128 characters

"""
UNDERSCORE_REFUSED = (
    "A profile cannot be created with a name that begins with an underscore, as {} does: etcd hides such keys from "
    "every listing.\n"
)
IN_USE = """\
Cannot remove profile - profile in use by endpoint(s).
Use the '--no-check' flag to remove the profile anyway.
"""
NOT_KNOWN = "It is not known whether the change was made: check before you run the command again."
BAD_NAMES = ["", ".", "..", "a/b", "a?b", "%41", "WEB\n", "a b", "a#b", "é", "\udcff", "a\x1b[2Jb"]


def new_profile(name: str) -> dict[str, str]:
    """The keys that make a new profile, as they are stored."""
    rules = (
        f'{{"inbound_rules": [{{"action": "allow", "src_tag": "{name}"}}], "outbound_rules": [{{"action": "allow"}}]}}'
    )
    return {
        f"{PROFILES}/{name}/labels": "{}",
        f"{PROFILES}/{name}/rules": rules,
        f"{PROFILES}/{name}/tags": f'["{name}"]',
    }


def put_all(etcd: EtcdServer, keys: dict[str, str]) -> None:
    for key, value in keys.items():
        etcd.put(key, value)


def put_endpoint(
    etcd: EtcdServer, host: str, workload: str, endpoint: str, *profiles: str, state: str = "active"
) -> None:
    fields = {
        "state": state,
        "name": "cali0",
        "mac": None,
        "profile_ids": list(profiles),
        "ipv4_nets": [],
        "ipv6_nets": [],
    }
    etcd.put(f"{HOSTS}/{host}/workload/docker/{workload}/endpoint/{endpoint}", json.dumps(fields))


# show


def test_show_of_no_profiles_is_an_empty_table(calicoctl: Calicoctl) -> None:
    assert calicoctl("profile", "show") == Result(0, "+------+\n| Name |\n+------+\n+------+\n", "")


def test_show_lists_the_profiles_in_byte_order(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    for name in ("b", "A", "a_1", "a.1", "1", "B-2"):
        etcd.put(f"{PROFILES}/{name}/tags", "[]")
    table = """\
+------+
| Name |
+------+
|  1   |
|  A   |
| B-2  |
| a.1  |
| a_1  |
|  b   |
+------+
"""
    assert calicoctl("profile", "show") == Result(0, table, "")


def test_show_lists_every_child_but_those_that_etcd_hides(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/stray", "a key where a directory should be")
    etcd.mkdir(f"{PROFILES}/empty")
    etcd.put(f"{PROFILES}/_hidden/tags", "[]")
    etcd.put(f"{PROFILES}/two\nlines\x1b/tags", "[]")
    table = """\
+------------------+
|       Name       |
+------------------+
|      empty       |
|      stray       |
| two\\x0alines\\x1b |
+------------------+
"""
    assert calicoctl("profile", "show") == Result(0, table, "")


def test_show_where_a_key_is_in_place_of_the_directory(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(PROFILES, "x")
    assert calicoctl("profile", "show") == Result(0, "+------+\n| Name |\n+------+\n+------+\n", "")


def test_show_detailed(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    for name in ("WEB", "DB", "IDLE"):
        put_all(etcd, new_profile(name))
    put_endpoint(etcd, "h2", "w1", "e1", "WEB", "DB")
    put_endpoint(etcd, "h1", "w2", "e2", "WEB", "WEB", state="inactive")
    put_endpoint(etcd, "h1", "w1", "e3", "GONE")
    etcd.put(f"{HOSTS}/h1/workload/docker/w9/endpoint/old", '{"profile_id": "DB", "state": "active"}')
    etcd.put(f"{HOSTS}/h1/workload/docker/w9/endpoint/none", '{"name": "cali7"}')
    etcd.put(f"{HOSTS}/h1/endpoint/eth0", '{"profile_ids": ["IDLE"]}')
    etcd.put(f"{HOSTS}/h1/bird_ip", "10.0.0.1")
    table = """\
+------+------+-----------------+-------------+-------------+----------+
| Name | Host | Orchestrator ID | Workload ID | Endpoint ID |  State   |
+------+------+-----------------+-------------+-------------+----------+
|  DB  |  h1  |      docker     |      w9     |     old     |  active  |
|  DB  |  h2  |      docker     |      w1     |      e1     |  active  |
| IDLE | None |       None      |     None    |     None    |   None   |
| WEB  |  h1  |      docker     |      w2     |      e2     | inactive |
| WEB  |  h2  |      docker     |      w1     |      e1     |  active  |
+------+------+-----------------+-------------+-------------+----------+
"""
    assert calicoctl("profile", "show", "--detailed") == Result(0, table, "")


def test_show_detailed_of_no_profiles(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_endpoint(etcd, "h", "w", "e", "GONE")
    table = """\
+------+------+-----------------+-------------+-------------+-------+
| Name | Host | Orchestrator ID | Workload ID | Endpoint ID | State |
+------+------+-----------------+-------------+-------------+-------+
+------+------+-----------------+-------------+-------------+-------+
"""
    assert calicoctl("profile", "show", "--detailed") == Result(0, table, "")


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ("null", "it is not a JSON object"),
        ('{"profile_ids": "WEB"}', "profile_ids is not a list of strings"),
        ('{"profile_ids": [1]}', "profile_ids is not a list of strings"),
    ],
)
def test_show_detailed_names_an_unreadable_endpoint_and_shows_the_rest(
    calicoctl: Calicoctl, etcd: EtcdServer, value: str, cause: str
) -> None:
    etcd.put(f"{PROFILES}/WEB/tags", "[]")
    put_endpoint(etcd, "h", "w", "good", "WEB")
    etcd.put(f"{HOSTS}/h/workload/docker/w/endpoint/bad", value)
    table = """\
+------+------+-----------------+-------------+-------------+--------+
| Name | Host | Orchestrator ID | Workload ID | Endpoint ID | State  |
+------+------+-----------------+-------------+-------------+--------+
| WEB  |  h   |      docker     |      w      |     good    | active |
+------+------+-----------------+-------------+-------------+--------+
"""
    complaint = f"Cannot read {HOSTS}/h/workload/docker/w/endpoint/bad: {cause}.\n"
    assert calicoctl("profile", "show", "--detailed") == Result(1, table, complaint)


# add


def test_add_writes_what_legacy_writes(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("profile", "add", "WEB") == Result(0, "Created profile WEB\n", "")
    assert etcd.keys() == {
        "/calico/v1/policy/profile/WEB/labels": "{}",
        "/calico/v1/policy/profile/WEB/rules": (
            '{"inbound_rules": [{"action": "allow", "src_tag": "WEB"}], "outbound_rules": [{"action": "allow"}]}'
        ),
        "/calico/v1/policy/profile/WEB/tags": '["WEB"]',
    }


@pytest.mark.parametrize("name", ["x" * 128, "...", "a_b.c-D9", "show", "9"])
def test_add_of_every_name_that_is_allowed(calicoctl: Calicoctl, etcd: EtcdServer, name: str) -> None:
    assert calicoctl("profile", "add", name) == Result(0, f"Created profile {name}\n", "")
    assert etcd.keys() == new_profile(name)


def test_add_again_leaves_the_profile_alone(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    calicoctl("profile", "add", "WEB")
    calicoctl("profile", "WEB", "tag", "add", "OTHER")
    index = etcd.index()
    assert calicoctl("profile", "add", "WEB") == Result(0, "Profile WEB already exists.\n", "")
    assert etcd.index() == index


def test_add_refuses_a_leading_underscore(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    assert calicoctl("profile", "add", "_x") == Result(1, "", UNDERSCORE_REFUSED.format("_x"))
    assert etcd.keys() == {}
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("present", "result"),
    [
        ((), Result(0, "Created profile P\n", "")),
        (("tags",), Result(0, "Created profile P\n", "")),
        (("labels",), Result(0, "Created profile P\n", "")),
        (("tags", "labels"), Result(0, "Created profile P\n", "")),
        (("rules",), Result(0, "Profile P already exists.\n", "It was incomplete; added its tags and labels.\n")),
        (("rules", "tags"), Result(0, "Profile P already exists.\n", "It was incomplete; added its labels.\n")),
        (("rules", "labels"), Result(0, "Profile P already exists.\n", "It was incomplete; added its tags.\n")),
        (("rules", "tags", "labels"), Result(0, "Profile P already exists.\n", "")),
    ],
)
def test_add_completes_a_partial_profile(
    calicoctl: Calicoctl, etcd: EtcdServer, present: tuple[str, ...], result: Result
) -> None:
    # What is there is kept, whatever it is.
    kept = {f"{PROFILES}/P/{part}": f'"kept {part}"' for part in present}
    put_all(etcd, kept)
    assert calicoctl("profile", "add", "P") == result
    assert etcd.keys() == {**new_profile("P"), **kept}


def test_add_to_an_empty_directory(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.mkdir(f"{PROFILES}/P")
    assert calicoctl("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert etcd.keys() == new_profile("P")


def test_add_where_a_key_is_in_place_of_the_profile(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P", "x")
    complaint = f"Cannot read {PROFILES}/P: it is a value where the profile's directory should be.\n"
    assert calicoctl("profile", "add", "P") == Result(1, "", complaint)
    assert etcd.keys() == {f"{PROFILES}/P": "x"}


@pytest.mark.parametrize(("number", "left"), [(1, []), (2, []), (3, ["tags"]), (4, ["tags", "labels"])])
def test_add_cut_off_denies_and_can_be_completed(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, number: int, left: list[str]
) -> None:
    proxy.since(number, drop_request)
    advice = NOT_KNOWN if number > 1 else "Is etcd running, and does it take http, not https?"
    complaint = (
        f"Error accessing etcd at http://{proxy.authority} (Remote end closed connection without response).  {advice}\n"
    )
    if left:
        complaint += f"Its {' and '.join(left)} were written before that; 'calicoctl profile add P' completes it.\n"
    assert calicoctl("profile", "add", "P") == Result(1, "", complaint)
    # Felix drops the traffic of a profile without rules.
    assert etcd.keys() == {f"{PROFILES}/P/{part}": new_profile("P")[f"{PROFILES}/P/{part}"] for part in left}
    proxy.reset()
    assert calicoctl("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert etcd.keys() == new_profile("P")


@pytest.mark.parametrize(
    ("number", "remark"),
    [
        (1, ""),
        (2, ""),
        (3, "It was incomplete; added its tags.\n"),
        (4, "It was incomplete; added its tags and labels.\n"),
    ],
)
def test_an_add_within_an_add_leaves_one_whole_profile(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, number: int, remark: str
) -> None:
    within: list[Result] = []

    def add_first(request: Request) -> bytes | None:
        within.append(Calicoctl(etcd.environ({}))("profile", "add", "P"))
        return request.forward()

    proxy.at(number, add_first)
    assert calicoctl("profile", "add", "P") == Result(0, "Profile P already exists.\n", remark)
    assert within == [Result(0, "Created profile P\n", "")]
    assert etcd.keys() == new_profile("P")


def test_adds_in_step_leave_one_whole_profile(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    barrier = threading.Barrier(2, timeout=20)

    def wait_for_the_other(request: Request) -> bytes | None:
        barrier.wait()
        return request.forward()

    for number in range(1, 1 + 2 * 4):  # one look and three writes of each; who was second looks once more
        proxy.at(number, wait_for_the_other)
    results: list[Result] = []
    threads = [threading.Thread(target=lambda: results.append(calicoctl("profile", "add", "P"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.stdout for result in results) == ["Created profile P\n", "Profile P already exists.\n"]
    assert etcd.keys() == new_profile("P")


# remove


def test_remove_leaves_nothing(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    etcd.put(f"{PROFILES}/WEB/further/key", "x")
    etcd.put(f"{PROFILES}/WEB2/tags", "[]")
    assert calicoctl("profile", "remove", "WEB") == Result(0, "Deleted profile WEB\n", "")
    assert etcd.keys() == {f"{PROFILES}/WEB2/tags": "[]"}


@pytest.mark.parametrize("options", [(), ("--no-check",)])
def test_remove_of_a_missing_profile(calicoctl: Calicoctl, etcd: EtcdServer, options: tuple[str, ...]) -> None:
    index = etcd.index()
    assert calicoctl("profile", "remove", "WEB", *options) == Result(1, "", "Profile WEB not found.\n")
    assert etcd.index() == index


@pytest.mark.parametrize("key", ["h/workload/docker/w/endpoint/e", "h/endpoint/eth0"])
@pytest.mark.parametrize("value", ['{"profile_ids": ["OTHER", "WEB"]}', '{"profile_id": "WEB"}'])
def test_remove_of_a_profile_in_use(calicoctl: Calicoctl, etcd: EtcdServer, key: str, value: str) -> None:
    put_all(etcd, new_profile("WEB"))
    etcd.put(f"{HOSTS}/{key}", value)
    index = etcd.index()
    name = key.replace("workload/", "").replace("endpoint/", "")
    assert calicoctl("profile", "remove", "WEB") == Result(1, "", f"{IN_USE}1 endpoint uses it: {name}.\n")
    assert etcd.index() == index
    assert calicoctl("profile", "remove", "--no-check", "WEB") == Result(0, "Deleted profile WEB\n", "")
    assert etcd.keys() == {f"{PROFILES}/": None, f"{HOSTS}/{key}": value}


def test_remove_passes_over_other_profiles_and_other_keys(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    put_endpoint(etcd, "h", "w", "e", "WEB2", "web")
    etcd.put(f"{HOSTS}/h/config/profile_ids", '{"profile_ids": ["WEB"]}')
    assert calicoctl("profile", "remove", "WEB") == Result(0, "Deleted profile WEB\n", "")


@pytest.mark.parametrize("count", [1, 2, 10, 11])
def test_remove_names_the_endpoints_that_use_the_profile(calicoctl: Calicoctl, etcd: EtcdServer, count: int) -> None:
    put_all(etcd, new_profile("WEB"))
    for number in range(count):
        etcd.put(f"{HOSTS}/h/workload/o/w/endpoint/e{number:02}", '{"profile_ids": ["WEB"], "state": "active"}')
    names = ", ".join(f"h/o/w/e{number:02}" for number in range(min(count, 10)))
    uses = {1: f"1 endpoint uses it: {names}.\n", 11: f"11 endpoints use it; the first 10 are {names}.\n"}
    result = calicoctl("profile", "remove", "WEB")
    assert result == Result(1, "", IN_USE + uses.get(count, f"{count} endpoints use it: {names}.\n"))


def test_remove_does_not_guess_about_an_unreadable_endpoint(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    etcd.put(f"{HOSTS}/h/workload/docker/w/endpoint/e", "{")
    index = etcd.index()
    complaint = f"""\
Cannot remove profile - an endpoint that may use it cannot be read.
Cannot read {HOSTS}/h/workload/docker/w/endpoint/e: it is not JSON.
Use the '--no-check' flag to remove the profile anyway.
'calicoq check' explains what is wrong with each endpoint.
"""
    assert calicoctl("profile", "remove", "WEB") == Result(1, "", complaint)
    assert etcd.index() == index


def test_remove_of_a_profile_that_vanishes(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    put_all(etcd, new_profile("WEB"))

    def remove_before(request: Request) -> bytes | None:
        etcd.delete(f"{PROFILES}/WEB")
        return request.forward()

    proxy.at(3, remove_before)
    assert calicoctl("profile", "remove", "WEB") == Result(1, "", "Profile WEB not found.\n")


def test_remove_of_a_stray_key(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/WEB", "x")
    assert calicoctl("profile", "remove", "WEB") == Result(0, "Deleted profile WEB\n", "")
    assert etcd.keys() == {f"{PROFILES}/": None}


@pytest.mark.parametrize("number", [3, 4])
def test_a_remove_between_the_writes_of_an_add_is_noticed(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, number: int
) -> None:
    def remove_before(request: Request) -> bytes | None:
        etcd.delete(f"{PROFILES}/P")
        return request.forward()

    proxy.at(number, remove_before)  # the tags are written, the rules are not
    assert calicoctl("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert etcd.keys() == new_profile("P")


# tags


def test_tag_show_keeps_the_stored_order(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P/tags", '["zeta", "P", "alpha", "a b", "é", "x\\u001b[2J"]')
    assert calicoctl("profile", "P", "tag", "show") == Result(0, "zeta\nP\nalpha\na b\né\nx\\x1b[2J\n", "")


@pytest.mark.parametrize("keys", [{"tags": "[]"}, {"labels": "{}"}])
def test_tag_show_of_no_tags(calicoctl: Calicoctl, etcd: EtcdServer, keys: dict[str, str]) -> None:
    put_all(etcd, {f"{PROFILES}/P/{part}": value for part, value in keys.items()})
    assert calicoctl("profile", "P", "tag", "show") == Result(0, "", "")


def test_tags_of_a_profile_that_etcd_hides(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/_x/tags", '["t"]')
    assert calicoctl("profile", "_x", "tag", "show") == Result(0, "t\n", "")
    assert calicoctl("profile", "_x", "tag", "add", "u") == Result(0, "Tag u added to profile _x\n", "")
    assert etcd.get(f"{PROFILES}/_x/tags") == '["t", "u"]'
    assert calicoctl("profile", "remove", "_x") == Result(0, "Deleted profile _x\n", "")
    assert etcd.get(f"{PROFILES}/_x/tags") is None


def test_tag_add_appends(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    assert calicoctl("profile", "WEB", "tag", "add", "B") == Result(0, "Tag B added to profile WEB\n", "")
    assert calicoctl("profile", "WEB", "tag", "add", "A") == Result(0, "Tag A added to profile WEB\n", "")
    assert etcd.keys() == {**new_profile("WEB"), f"{PROFILES}/WEB/tags": '["WEB", "B", "A"]'}


def test_tag_add_of_what_is_there_writes_nothing(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    index = etcd.index()
    remark = "The profile already had this tag: nothing was written.\n"
    assert calicoctl("profile", "WEB", "tag", "add", "WEB") == Result(0, "Tag WEB added to profile WEB\n", remark)
    assert etcd.index() == index


def test_tag_add_to_a_profile_without_tags(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P/rules", "{}")
    assert calicoctl("profile", "P", "tag", "add", "A") == Result(0, "Tag A added to profile P\n", "")
    assert etcd.keys() == {f"{PROFILES}/P/rules": "{}", f"{PROFILES}/P/tags": '["A"]'}


def test_tag_edits_keep_tags_that_could_not_be_added(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P/tags", '["a b", "é", "", "a b"]')
    assert calicoctl("profile", "P", "tag", "add", "A") == Result(0, "Tag A added to profile P\n", "")
    assert etcd.get(f"{PROFILES}/P/tags") == '["a b", "\\u00e9", "", "a b", "A"]'
    assert calicoctl("profile", "P", "tag", "remove", "a b") == Result(0, "Tag a b removed from profile P\n", "")
    assert etcd.get(f"{PROFILES}/P/tags") == '["\\u00e9", "", "A"]'
    assert calicoctl("profile", "P", "tag", "remove", "") == Result(0, "Tag  removed from profile P\n", "")
    assert etcd.get(f"{PROFILES}/P/tags") == '["\\u00e9", "A"]'


def test_tag_remove_of_the_last_one_leaves_an_empty_list(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    assert calicoctl("profile", "WEB", "tag", "remove", "WEB") == Result(0, "Tag WEB removed from profile WEB\n", "")
    assert etcd.get(f"{PROFILES}/WEB/tags") == "[]"


@pytest.mark.parametrize("tag", ["A", "web", "a b"])
def test_tag_remove_of_what_is_not_there(calicoctl: Calicoctl, etcd: EtcdServer, tag: str) -> None:
    put_all(etcd, new_profile("WEB"))
    index = etcd.index()
    assert calicoctl("profile", "WEB", "tag", "remove", tag) == Result(1, "", f"Tag {tag} is not on profile WEB\n")
    assert etcd.index() == index


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("", "it is not JSON (Expecting value at line 1, column 1)"),
        ('["WEB"', "it is not JSON (Expecting ',' delimiter at line 1, column 7)"),
        ("{}", "it is not a list of strings"),
        ('["WEB", 1]', "it is not a list of strings"),
        ("null", "it is not a list of strings"),
    ],
)
def test_malformed_tags_are_named_and_left_alone(
    calicoctl: Calicoctl, etcd: EtcdServer, value: str, cause: str
) -> None:
    etcd.put(f"{PROFILES}/P/tags", value)
    index = etcd.index()
    remedy = "'calicoctl apply -f FILE' of the whole profile, with metadata.tags, replaces them."
    expected = Result(1, "", f"Cannot read {PROFILES}/P/tags: {cause}.  {remedy}\n")
    assert calicoctl("profile", "P", "tag", "show") == expected
    assert calicoctl("profile", "P", "tag", "add", "A") == expected
    assert calicoctl("profile", "P", "tag", "remove", "A") == expected
    assert etcd.index() == index
    document = {"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "P", "tags": ["A"]}}
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(document)).status == 0
    assert calicoctl("profile", "P", "tag", "show") == Result(0, "A\n", "")


def test_a_directory_in_place_of_the_tags(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P/tags/x", "[]")
    expected = Result(1, "", f"Cannot read {PROFILES}/P/tags: it is a directory.\n")
    assert calicoctl("profile", "P", "tag", "show") == expected
    assert calicoctl("profile", "P", "tag", "add", "A") == expected
    assert etcd.keys() == {f"{PROFILES}/P/tags/x": "[]"}


def test_a_key_in_place_of_the_profile(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P", "x")
    complaint = f"Cannot read {PROFILES}/P: it is a value where the profile's directory should be.\n"
    assert calicoctl("profile", "P", "tag", "show") == Result(1, "", complaint)
    assert calicoctl("profile", "P", "tag", "add", "A") == Result(1, "", complaint)


TAG_COMMANDS = [("tag", "show"), ("tag", "add", "T"), ("tag", "remove", "T")]


@pytest.mark.parametrize("command", TAG_COMMANDS)
def test_tags_of_a_missing_profile(calicoctl: Calicoctl, etcd: EtcdServer, command: tuple[str, ...]) -> None:
    index = etcd.index()
    assert calicoctl("profile", "NOPE", *command) == Result(1, "", "Profile NOPE not found.\n")
    assert etcd.index() == index


def test_keyword_shaped_names(calicoctl: Calicoctl) -> None:
    assert calicoctl("profile", "add", "show") == Result(0, "Created profile show\n", "")
    assert calicoctl("profile", "show", "tag", "show") == Result(0, "show\n", "")
    assert calicoctl("profile", "remove", "tag", "show") == Result(1, "", "Profile remove not found.\n")
    assert calicoctl("profile", "add", "rule", "json") == Result(1, "", "Profile add not found.\n")


# Arguments: refused before anything is read


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize(
    "command",
    [("add", "{}"), ("remove", "{}"), ("remove", "{}", "--no-check"), ("{}", "tag", "show"), ("{}", "rule", "json")],
)
def test_names_that_are_refused(calicoctl: Calicoctl, proxy: Proxy, name: str, command: tuple[str, ...]) -> None:
    shown = {"WEB\n": "WEB\\x0a", "\udcff": "\\udcff", "a\x1b[2Jb": "a\\x1b[2Jb"}.get(name, name)
    result = calicoctl("profile", *(name if word == "{}" else word for word in command))
    assert result == Result(1, "", NAME_REFUSED.format(shown))
    assert proxy.requests == []


@pytest.mark.parametrize("length", [129, 5000])
def test_only_a_new_profile_needs_a_short_name(calicoctl: Calicoctl, proxy: Proxy, length: int) -> None:
    result = calicoctl("profile", "add", "x" * length)
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith(NAME_REFUSED.partition("Value")[0])
    assert proxy.requests == []


LONG = "x" * 300  # legacy took it, and so does Felix
COMMANDS_ON_WHAT_EXISTS = [
    ("tag", "show"), ("tag", "add", "T"), ("tag", "remove", LONG), ("rule", "show"), ("rule", "json"),
    ("rule", "add", "inbound", "deny"), ("rule", "remove", "outbound", "--at=1"), ("rule", "update"),
]  # fmt: skip


def test_an_existing_profile_with_a_long_name(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile(LONG))
    for command in COMMANDS_ON_WHAT_EXISTS:
        document = '{"inbound_rules": [], "outbound_rules": []}'
        result = calicoctl("profile", LONG, *command, stdin=document)
        tally = "Rules added: 0, removed: 2, kept: 0.\n" if command == ("rule", "update") else ""
        assert (result.status, result.stderr) == (0, tally), command
    assert etcd.get(f"{PROFILES}/{LONG}/tags") == '["T"]'
    assert etcd.get(f"{PROFILES}/{LONG}/rules") == document
    assert calicoctl("profile", "remove", LONG) == Result(0, f"Deleted profile {LONG}\n", "")
    assert etcd.keys(f"{PROFILES}/{LONG}") == {}


def test_an_unknown_profile_with_a_long_name(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    index = etcd.index()
    removals = [("remove", LONG), ("remove", LONG, "--no-check")]
    for words in [*removals, *((LONG, *command) for command in COMMANDS_ON_WHAT_EXISTS)]:
        assert calicoctl("profile", *words) == Result(1, "", f"Profile {LONG} not found.\n")
    assert etcd.index() == index


@pytest.mark.parametrize("length", [5000, 100_000])
def test_a_name_that_no_request_to_etcd_can_hold(calicoctl: Calicoctl, etcd: EtcdServer, length: int) -> None:
    name = "x" * length
    for words in (("remove", name), (name, "tag", "show"), (name, "rule", "add", "inbound", "deny")):
        result = calicoctl("profile", *words)
        assert (result.status, result.stdout) == (1, "")
        assert re.fullmatch(
            rf"Error accessing etcd at http://{etcd.endpoint} \([^();]*; a name is too long: the key has [0-9,]+ "
            r"bytes, and etcd may take no more than 4,000\)\.\n",
            result.stderr,
        )


@pytest.mark.parametrize("tag", ["", "a b", "a/b", "a,b", "é", "T\n", "x" * 129])
def test_tags_that_are_refused(calicoctl: Calicoctl, proxy: Proxy, tag: str) -> None:
    assert calicoctl("profile", "P", "tag", "add", tag) == Result(1, "", TAG_REFUSED.format(tag.replace("\n", "\\x0a")))
    assert proxy.requests == []


@pytest.mark.parametrize("tag", ["x" * 128, ".", "..", "_x", "show"])
def test_tags_that_are_allowed(calicoctl: Calicoctl, etcd: EtcdServer, tag: str) -> None:
    put_all(etcd, new_profile("P"))
    assert calicoctl("profile", "P", "tag", "add", tag) == Result(0, f"Tag {tag} added to profile P\n", "")
    assert etcd.get(f"{PROFILES}/P/tags") == f'["P", "{tag}"]'


def test_name_and_tag_are_refused_together(calicoctl: Calicoctl, proxy: Proxy) -> None:
    result = calicoctl("profile", "a/b", "tag", "add", "c d")
    assert result == Result(1, "", NAME_REFUSED.format("a/b") + TAG_REFUSED.format("c d"))
    assert proxy.requests == []


# Requests

DIRECTORY = f"/v2/keys{PROFILES}/P"


@pytest.mark.parametrize(
    ("command", "requests"),
    [
        (("show",), [f"GET /v2/keys{PROFILES}"]),
        (("show", "--detailed"), [f"GET /v2/keys{PROFILES}", f"GET /v2/keys{HOSTS}"]),
        (
            ("add", "NEW"),
            [
                f"GET /v2/keys{PROFILES}/NEW",
                f"PUT /v2/keys{PROFILES}/NEW/tags",
                f"PUT /v2/keys{PROFILES}/NEW/labels",
                f"PUT /v2/keys{PROFILES}/NEW/rules",
            ],
        ),
        (("add", "P"), [f"GET {DIRECTORY}"]),
        (("remove", "P"), [f"GET {DIRECTORY}", f"GET /v2/keys{HOSTS}", f"DELETE {DIRECTORY}"]),
        (("remove", "P", "--no-check"), [f"GET {DIRECTORY}", f"DELETE {DIRECTORY}"]),
        (("P", "tag", "show"), [f"GET {DIRECTORY}"]),
        (("P", "tag", "add", "T"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/tags"]),
        (("P", "tag", "add", "P"), [f"GET {DIRECTORY}"]),
        (("P", "tag", "remove", "P"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/tags"]),
        (("P", "rule", "show"), [f"GET {DIRECTORY}"]),
        (("P", "rule", "json"), [f"GET {DIRECTORY}"]),
        (("P", "rule", "add", "inbound", "deny"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/rules"]),
        (("P", "rule", "add", "outbound", "allow"), [f"GET {DIRECTORY}"]),
        (("P", "rule", "remove", "inbound", "--at=1"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/rules"]),
        (("P", "rule", "remove", "outbound", "allow"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/rules"]),
        (("P", "rule", "update"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/rules"]),
        (("--help",), []),
    ],
)
def test_requests_to_etcd(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, command: tuple[str, ...], requests: list[str]
) -> None:
    put_all(etcd, new_profile("P"))
    for name in ("Q", "R"):
        put_all(etcd, new_profile(name))
        put_endpoint(etcd, "h", "w", name, name)
    result = calicoctl("profile", *command, stdin='{"inbound_rules": [], "outbound_rules": []}')
    assert result.status == 0
    assert proxy.requests == requests
