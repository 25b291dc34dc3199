"""`calicoctl profile show|add|remove`, with a real etcd."""

from __future__ import annotations

import threading

import pytest

from tests.commands.profiles import HOSTS, PROFILES, new_profile, put_all, put_endpoint
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request, drop_request

UNDERSCORE_REFUSED = (
    "A profile cannot be created with a name that begins with an underscore, as {} does: etcd hides such keys from "
    "every listing.\n"
)
IN_USE = """\
Cannot remove profile - profile in use by endpoint(s).
Use the '--no-check' flag to remove the profile anyway.
"""
NOT_KNOWN = "It is not known whether the change was made: check before you run the command again."


# show


def test_show_without_profiles_prints_empty_table(calicoctl: Calicoctl) -> None:
    assert calicoctl("profile", "show") == Result(0, "+------+\n| Name |\n+------+\n+------+\n", "")


def test_show_sorts_profiles_by_bytes(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


def test_show_lists_all_visible_children(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


def test_show_with_key_in_place_of_directory(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


def test_show_detailed_without_profiles(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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
def test_show_detailed_reports_unreadable_endpoint_and_shows_the_rest(
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


def test_add_stores_what_legacy_stores(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("profile", "add", "WEB") == Result(0, "Created profile WEB\n", "")
    assert etcd.keys() == {
        "/calico/v1/policy/profile/WEB/labels": "{}",
        "/calico/v1/policy/profile/WEB/rules": (
            '{"inbound_rules": [{"action": "allow", "src_tag": "WEB"}], "outbound_rules": [{"action": "allow"}]}'
        ),
        "/calico/v1/policy/profile/WEB/tags": '["WEB"]',
    }


@pytest.mark.parametrize("name", ["x" * 128, "...", "a_b.c-D9", "show", "9"])
def test_add_accepts_every_valid_name(calicoctl: Calicoctl, etcd: EtcdServer, name: str) -> None:
    assert calicoctl("profile", "add", name) == Result(0, f"Created profile {name}\n", "")
    assert etcd.keys() == new_profile(name)


def test_add_again_does_not_change_profile(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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
    # Existing parts are kept, whatever they contain.
    kept = {f"{PROFILES}/P/{part}": f'"kept {part}"' for part in present}
    put_all(etcd, kept)
    assert calicoctl("profile", "add", "P") == result
    assert etcd.keys() == {**new_profile("P"), **kept}


def test_add_to_an_empty_directory(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.mkdir(f"{PROFILES}/P")
    assert calicoctl("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert etcd.keys() == new_profile("P")


def test_add_with_key_in_place_of_profile(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P", "x")
    complaint = f"Cannot read {PROFILES}/P: it is a value where the profile's directory should be.\n"
    assert calicoctl("profile", "add", "P") == Result(1, "", complaint)
    assert etcd.keys() == {f"{PROFILES}/P": "x"}


@pytest.mark.parametrize(("number", "left"), [(1, []), (2, []), (3, ["tags"]), (4, ["tags", "labels"])])
def test_interrupted_add_denies_and_can_be_completed(
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
def test_add_during_another_add_leaves_complete_profile(
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


def test_concurrent_adds_leave_complete_profile(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    barrier = threading.Barrier(2, timeout=20)

    def wait_for_the_other(request: Request) -> bytes | None:
        barrier.wait()
        return request.forward()

    for number in range(1, 1 + 2 * 4):  # one read and three writes each; the slower command reads once more
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


def test_remove_deletes_all_keys(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    etcd.put(f"{PROFILES}/WEB/further/key", "x")
    etcd.put(f"{PROFILES}/WEB2/tags", "[]")
    assert calicoctl("profile", "remove", "WEB") == Result(0, "Deleted profile WEB\n", "")
    assert etcd.keys() == {f"{PROFILES}/WEB2/tags": "[]"}


@pytest.mark.parametrize("options", [(), ("--no-check",)])
def test_remove_missing_profile(calicoctl: Calicoctl, etcd: EtcdServer, options: tuple[str, ...]) -> None:
    index = etcd.index()
    assert calicoctl("profile", "remove", "WEB", *options) == Result(1, "", "Profile WEB not found.\n")
    assert etcd.index() == index


@pytest.mark.parametrize("key", ["h/workload/docker/w/endpoint/e", "h/endpoint/eth0"])
@pytest.mark.parametrize("value", ['{"profile_ids": ["OTHER", "WEB"]}', '{"profile_id": "WEB"}'])
def test_remove_profile_in_use(calicoctl: Calicoctl, etcd: EtcdServer, key: str, value: str) -> None:
    put_all(etcd, new_profile("WEB"))
    etcd.put(f"{HOSTS}/{key}", value)
    index = etcd.index()
    name = key.replace("workload/", "").replace("endpoint/", "")
    assert calicoctl("profile", "remove", "WEB") == Result(1, "", f"{IN_USE}1 endpoint uses it: {name}.\n")
    assert etcd.index() == index
    assert calicoctl("profile", "remove", "--no-check", "WEB") == Result(0, "Deleted profile WEB\n", "")
    assert etcd.keys() == {f"{PROFILES}/": None, f"{HOSTS}/{key}": value}


def test_remove_keeps_other_profiles_and_keys(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    put_endpoint(etcd, "h", "w", "e", "WEB2", "web")
    etcd.put(f"{HOSTS}/h/config/profile_ids", '{"profile_ids": ["WEB"]}')
    assert calicoctl("profile", "remove", "WEB") == Result(0, "Deleted profile WEB\n", "")


@pytest.mark.parametrize("count", [1, 2, 10, 11])
def test_remove_names_endpoints_with_profile(calicoctl: Calicoctl, etcd: EtcdServer, count: int) -> None:
    put_all(etcd, new_profile("WEB"))
    for number in range(count):
        etcd.put(f"{HOSTS}/h/workload/o/w/endpoint/e{number:02}", '{"profile_ids": ["WEB"], "state": "active"}')
    names = ", ".join(f"h/o/w/e{number:02}" for number in range(min(count, 10)))
    uses = {1: f"1 endpoint uses it: {names}.\n", 11: f"11 endpoints use it; the first 10 are {names}.\n"}
    result = calicoctl("profile", "remove", "WEB")
    assert result == Result(1, "", IN_USE + uses.get(count, f"{count} endpoints use it: {names}.\n"))


def test_remove_reports_unreadable_endpoint(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


def test_remove_profile_deleted_meanwhile(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    put_all(etcd, new_profile("WEB"))

    def remove_before(request: Request) -> bytes | None:
        etcd.delete(f"{PROFILES}/WEB")
        return request.forward()

    proxy.at(3, remove_before)
    assert calicoctl("profile", "remove", "WEB") == Result(1, "", "Profile WEB not found.\n")


def test_remove_stray_key(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/WEB", "x")
    assert calicoctl("profile", "remove", "WEB") == Result(0, "Deleted profile WEB\n", "")
    assert etcd.keys() == {f"{PROFILES}/": None}


@pytest.mark.parametrize("number", [3, 4])
def test_remove_during_add_is_detected(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, number: int
) -> None:
    def remove_before(request: Request) -> bytes | None:
        etcd.delete(f"{PROFILES}/P")
        return request.forward()

    proxy.at(number, remove_before)  # the tags are written, the rules are not
    assert calicoctl("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert etcd.keys() == new_profile("P")
