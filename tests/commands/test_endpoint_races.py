"""`calicoctl endpoint ENDPOINT profile append|remove|set` with concurrent writers and lost replies."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request, drop_reply, drop_request, first

PROFILES = "/calico/v1/policy/profile"
HOSTS = "/calico/v1/host"
KEY = f"{HOSTS}/h/workload/o/w/endpoint/e"

READ_ONE = f"GET /v2/keys{KEY}"
WRITE = f"PUT /v2/keys{KEY}"
BEFORE_THE_WRITE = [f"GET /v2/keys{PROFILES}/WEB", f"GET /v2/keys{HOSTS}"]  # for `append`: request 3 is the write

APPENDED = Result(0, "Profile(s) WEB appended.\n\n", "")
UNKNOWN = {
    "append": "Failed to append profiles to endpoint.\n\nEndpoint e is unknown to Calico.\n\n",
    "remove": """\
Failed to remove profiles from endpoint.

Endpoint could not be found.
Endpoint e is unknown to Calico.

""",
    "set": """\
Failed to set profiles for endpoint.

Endpoint could not be found.
Endpoint e is unknown to Calico.

""",
}


@pytest.fixture(autouse=True)
def profile(etcd: EtcdServer) -> None:
    """The only profile."""
    etcd.put(f"{PROFILES}/WEB/tags", '["WEB"]')


def value(*profiles: str) -> str:
    return json.dumps({"state": "active", "name": "cali0", "profile_ids": list(profiles)})


def append(calicoctl: Calicoctl) -> Result:
    return calicoctl("endpoint", "e", "profile", "append", "WEB")


def test_concurrent_change_is_kept(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(KEY, '{"profile_ids": ["PROF"], "state": "active"}')
    proxy.at(3, first(lambda: etcd.put(KEY, '{"profile_ids": ["NEW"], "state": "inactive", "more": 1}')))
    assert append(calicoctl) == APPENDED
    assert etcd.get(KEY) == '{"profile_ids": ["NEW", "WEB"], "state": "inactive", "more": 1}'
    assert proxy.requests == [*BEFORE_THE_WRITE, WRITE, READ_ONE, WRITE]


def test_many_concurrent_changes_are_kept(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(KEY, value())
    for number in range(5):
        others = [f"other{n}" for n in range(number + 1)]
        proxy.at(3 + 2 * number, first(lambda others=others: etcd.put(KEY, value(*others))))  # type: ignore[misc]
    assert append(calicoctl) == APPENDED
    assert etcd.get(KEY) == value("other0", "other1", "other2", "other3", "other4", "WEB")
    assert proxy.requests == [*BEFORE_THE_WRITE, WRITE, *[READ_ONE, WRITE] * 5]


@pytest.mark.parametrize(
    ("command", "meanwhile", "complaint"),
    [
        (["append", "WEB"], value("WEB"), "Profile WEB is already in endpoint profile list\n\n"),
        (["append", "WEB"], "{", f"Cannot read {KEY}: it is not JSON.\n"),
        (["remove", "PROF"], value("NEW"), "Profile PROF is not in endpoint profile list.\n\n"),
        (["set"], "[]", f"Cannot read {KEY}: it is not a JSON object.\n"),
    ],
)
def test_concurrent_change_makes_edit_invalid(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, command: list[str], meanwhile: str, complaint: str
) -> None:
    etcd.put(KEY, value("PROF"))
    write = 3 if command[0] == "append" else 2
    proxy.at(write, first(lambda: etcd.put(KEY, meanwhile)))
    assert calicoctl("endpoint", "e", "profile", *command) == Result(1, "", complaint)
    assert etcd.get(KEY) == meanwhile
    assert proxy.requests[write - 1 :] == [WRITE, READ_ONE]


@pytest.mark.parametrize("command", [["append", "WEB"], ["remove", "PROF"], ["set"]])
def test_removed_endpoint_is_not_recreated(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, command: list[str]
) -> None:
    etcd.put(KEY, value("PROF"))
    proxy.at(3 if command[0] == "append" else 2, first(lambda: etcd.delete(KEY)))
    assert calicoctl("endpoint", "e", "profile", *command) == Result(1, "", UNKNOWN[command[0]])
    assert etcd.keys(HOSTS) == {f"{HOSTS}/h/workload/o/w/endpoint/": None}


def test_endpoint_becomes_directory_before_retry(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    def replace() -> None:
        etcd.delete(KEY)
        etcd.put(f"{KEY}/x", value())

    etcd.put(KEY, value("PROF"))
    proxy.at(3, first(lambda: etcd.put(KEY, value("NEW"))))
    proxy.at(4, first(replace))
    assert append(calicoctl) == Result(1, "", UNKNOWN["append"])
    assert etcd.keys(HOSTS) == {f"{KEY}/x": value()}


def test_endpoint_becomes_directory_before_write(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    def replace() -> None:
        etcd.delete(KEY)
        etcd.put(f"{KEY}/x", value())

    etcd.put(KEY, value("PROF"))
    proxy.at(3, first(replace))
    complaint = f"Error accessing etcd at http://{proxy.authority} (Not a file : {KEY}).\n"
    assert append(calicoctl) == Result(1, "", complaint)
    assert etcd.keys(HOSTS) == {f"{KEY}/x": value()}


@pytest.mark.parametrize("lost", [drop_reply, drop_request])
def test_write_without_reply_is_applied_once(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, lost: Behaviour
) -> None:
    etcd.put(KEY, value("PROF"))
    index = etcd.index()
    proxy.at(3, lost)
    assert append(calicoctl) == APPENDED
    assert etcd.get(KEY) == value("PROF", "WEB")
    assert etcd.index() == index + 1
    assert proxy.requests.count(WRITE) == (1 if lost is drop_reply else 2)


def test_lost_reply_followed_by_other_change(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    def lose_reply(request: Request) -> bytes | None:
        request.forward()
        etcd.put(KEY, value("WEB", "NEW"))
        return None

    etcd.put(KEY, value())
    proxy.at(3, lose_reply)
    assert append(calicoctl) == APPENDED
    assert etcd.get(KEY) == value("WEB", "NEW")
    assert proxy.requests.count(WRITE) == 1


def test_thirty_concurrent_processes(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    names = [f"P{number}" for number in range(30)]
    for name in names:
        etcd.put(f"{PROFILES}/{name}/tags", "[]")
    etcd.put(KEY, value("PROF"))
    with ThreadPoolExecutor(len(names)) as pool:
        results = list(pool.map(lambda name: calicoctl.process("endpoint", "e", "profile", "append", name), names))
    assert results == [Result(0, f"Profile(s) {name} appended.\n\n", "") for name in names]
    stored = json.loads(etcd.get(KEY) or "")
    assert stored["profile_ids"][0] == "PROF"
    assert sorted(stored["profile_ids"][1:]) == sorted(names)
    assert {**stored, "profile_ids": []} == json.loads(value())
