"""Profile edits with lost replies or requests, and failures of etcd."""

from __future__ import annotations

import json
import time

import pytest

from calicoctl.etcd import client
from tests.conftest import Calicoctl, Result
from tests.datastore.conftest import ADDED, DROPPED, NEW_RULES, PROFILE, RULES, TAGS, every_write
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request, answer, answer_raw, drop_reply, drop_request

NOT_KNOWN = "It is not known whether the change was made: check before you run the command again."
EVENTS_KEPT = 1000  # by etcd, of all keys together
HASTY = {"CALICOCTL_READ_TIMEOUT": "0.5"}  # shortens the wait for an event that never comes


def complaint_of(proxy: Proxy, cause: str, advice: str) -> str:
    return f"Error accessing etcd at http://{proxy.authority} ({cause}).  {advice}\n"


# The write is applied, its reply is lost


@pytest.mark.parametrize("number", [2, 3, 4])
def test_add_after_lost_reply(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, number: int) -> None:
    index = etcd.index()
    proxy.at(number, drop_reply)
    assert calicoctl("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert etcd.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}
    assert etcd.index() == index + 3
    # The client reads the key, then the first event in its history.
    part = ("tags", "labels", "rules")[number - 2]
    assert proxy.requests[number - 1 : number + 2] == [
        f"PUT /v2/keys{PROFILE}/{part}",
        f"GET /v2/keys{PROFILE}/{part}",
        f"GET /v2/keys{PROFILE}/{part}",
    ]
    assert len(proxy.requests) == 6


@pytest.mark.parametrize(
    "reply", [drop_request, answer_raw(b"\x00"), answer("200 OK", "{}"), answer("502 Bad Gateway", "")]
)
def test_edit_after_lost_reply(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy, reply: Behaviour) -> None:
    def forward_and_reply(request: Request) -> bytes | None:
        request.forward()
        return reply(request)

    index = profile.index()
    proxy.at(2, forward_and_reply)
    assert calicoctl("profile", "P", "rule", "remove", "inbound", "--at=1") == Result(0, "", "")
    assert profile.get(RULES) == '{"inbound_rules": [], "outbound_rules": [{"action": "allow"}]}'
    assert profile.index() == index + 1


def test_remove_after_lost_reply(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(3, drop_reply)
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert profile.get(TAGS) is None
    assert len(proxy.requests) == 4


def test_remove_after_lost_reply_keeps_profile_added_since(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    def lose_and_add(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["new"]')
        return None

    proxy.at(3, lose_and_add)
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert profile.get(TAGS) == '["new"]'  # a new profile, not the one to remove


def test_slow_history_is_awaited(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client must wait: otherwise it would remove a second rule."""
    rules = [{"action": "allow", "protocol": "tcp", "dst_ports": [port]} for port in range(1, 5)]
    profile.put(RULES, json.dumps({"inbound_rules": rules, "outbound_rules": []}))
    monkeypatch.setattr(client, "_SECONDS_FOR_HISTORY", 0.1)

    def late(request: Request) -> bytes | None:
        if "wait=true" in request.query:
            time.sleep(0.5)
        return request.forward()

    proxy.since(1, late)
    proxy.at(2, drop_reply)
    assert calicoctl("profile", "P", "rule", "remove", "inbound", "--at=1") == Result(0, "", "")
    assert json.loads(profile.get(RULES) or "")["inbound_rules"] == rules[1:]


def test_history_is_unavailable(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def change_by_others(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["other"]')
        return None

    proxy.since(1, lambda request: None if "wait=true" in request.query else request.forward())
    proxy.at(2, drop_reply)
    remark = "The reply of etcd was lost and its history cannot be read, but the key holds the new value.\n"
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(*ADDED[:2], remark)
    proxy.at(len(proxy.requests) + 2, change_by_others)
    result = calicoctl("profile", "P", "tag", "add", "U")
    assert result == Result(1, "", complaint_of(proxy, DROPPED, NOT_KNOWN))
    assert profile.get(TAGS) == '["other"]'


def test_lost_reply_followed_by_edit_of_others(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def lose_and_edit(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["P", "T", "other"]')
        return None

    proxy.at(2, lose_and_edit)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "T", "other"]'
    assert proxy.requests.count(f"PUT /v2/keys{TAGS}") == 1


def test_lost_reply_followed_by_undo_of_others(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def lose_and_undo(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["P"]')
        return None

    proxy.at(2, lose_and_undo)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P"]'


def test_lost_reply_followed_by_removal_of_profile(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def lose_and_remove(request: Request) -> bytes | None:
        request.forward()
        profile.delete(PROFILE)
        return None

    proxy.at(2, lose_and_remove)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) is None


# The request is lost, the write is not applied


@pytest.mark.parametrize(
    "behaviour",
    [
        drop_request,
        answer("502 Bad Gateway", "<html>"),
        answer("500 Error", '{"errorCode": 300, "message": "m", "cause": "c"}'),
    ],
)
def test_edit_after_lost_request(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy, behaviour: Behaviour) -> None:
    index = profile.index()
    proxy.at(2, behaviour)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "T"]'
    assert profile.index() == index + 1
    # The key is unchanged, so its history need not be read.
    assert proxy.requests[1:] == [f"PUT /v2/keys{TAGS}", f"GET /v2/keys{TAGS}", f"PUT /v2/keys{TAGS}"]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_add_after_lost_request(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, number: int) -> None:
    index = etcd.index()
    proxy.at(number, drop_request)
    assert calicoctl("profile", "add", "P", env=HASTY) == Result(0, "Created profile P\n", "")
    assert etcd.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}
    assert etcd.index() == index + 3


def test_remove_after_lost_request(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(3, drop_request)
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert profile.get(TAGS) is None


def test_lost_request_and_concurrent_edit(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def drop_and_edit(request: Request) -> bytes | None:
        other = Calicoctl(profile.environ({}))
        assert other("profile", "P", "tag", "add", "other") == Result(0, "Tag other added to profile P\n", "")
        return None

    proxy.at(2, drop_and_edit)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "other", "T"]'


def test_lost_request_and_concurrent_removal(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def drop_and_remove(request: Request) -> bytes | None:
        profile.delete(PROFILE)
        return None

    proxy.at(2, drop_and_remove)
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", "Profile P not found.\n")
    assert profile.get(TAGS) is None  # the profile is not partly recreated


def test_lost_request_and_removal_while_add_completes_profile(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    profile.delete(RULES)

    def drop_and_remove(request: Request) -> bytes | None:
        profile.delete(PROFILE)
        return None

    proxy.at(2, drop_and_remove)
    assert calicoctl("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert profile.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}


def test_lost_request_and_concurrent_add(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    def drop_and_add(request: Request) -> bytes | None:
        assert Calicoctl(etcd.environ({}))("profile", "add", "P").stdout == "Created profile P\n"
        return None

    proxy.at(4, drop_and_add)  # the write of the rules
    result = calicoctl("profile", "add", "P")
    assert etcd.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}
    # Both commands wrote the same value under the same condition, so either may report success.
    assert (result.status, result.stderr) == (0, "")


# The write is delayed until the client has stopped waiting for it


def delayed() -> tuple[Behaviour, Behaviour]:
    """Return two behaviours: one that holds the first write back, and one that applies it just before the second."""
    first: list[Request] = []

    def hold(request: Request) -> bytes | None:
        first.append(request)
        return None

    def release(request: Request) -> bytes | None:
        first.pop().forward()
        return request.forward()

    return hold, release


def test_delayed_edit_is_applied_once(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    profile.put(RULES, '{"inbound_rules": [{"action": "allow"}, {"action": "deny"}], "outbound_rules": []}')
    hold, release = delayed()
    proxy.at(2, hold)
    proxy.at(4, release)
    assert calicoctl("profile", "P", "rule", "remove", "inbound", "--at=1") == Result(0, "", "")
    assert profile.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'
    assert [request.split(" ")[0] for request in proxy.requests] == ["GET", "PUT", "GET", "PUT", "GET", "GET"]


def test_delayed_tag_remove_succeeds(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    hold, release = delayed()
    proxy.at(2, hold)
    proxy.at(4, release)
    assert calicoctl("profile", "P", "tag", "remove", "P") == Result(0, "Tag P removed from profile P\n", "")
    assert profile.get(TAGS) == "[]"


def test_delayed_add(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    hold, release = delayed()
    proxy.at(4, hold)
    proxy.at(7, release)  # after a read of the key and a wait for its history
    assert calicoctl("profile", "add", "P", env=HASTY) == Result(0, "Created profile P\n", "")
    assert etcd.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}
    assert proxy.requests[6] == f"PUT /v2/keys{RULES}"


def test_delayed_remove(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    hold, release = delayed()
    proxy.at(3, hold)
    proxy.at(5, release)
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert profile.get(TAGS) is None


# The outcome is unknown


def test_etcd_fails_after_write(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, drop_reply)
    proxy.since(3, drop_request)
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", complaint_of(proxy, DROPPED, NOT_KNOWN))
    assert profile.get(TAGS) == '["P", "T"]'


def test_etcd_fails_after_removal(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(3, drop_reply)
    proxy.since(4, drop_request)
    assert calicoctl("profile", "remove", "P") == Result(1, "", complaint_of(proxy, DROPPED, NOT_KNOWN))
    assert profile.get(TAGS) is None


def test_etcd_fails_before_second_try(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    # The key is unchanged, but the first request may still arrive.
    proxy.at(2, drop_request)
    proxy.since(4, answer("404 Not Found", "404 page not found"))
    complaint = complaint_of(proxy, "it has no v2 API; start etcd with --enable-v2", NOT_KNOWN)
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", complaint)


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (("P", "tag", "add", "T"), "/calico/v1/policy/profile/P/tags was not written, according to etcd."),
        (("remove", "P", "--no-check"), "The directory is still there."),
    ],
)
def test_every_reply_is_lost(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy, command: tuple[str, ...], advice: str
) -> None:
    index = profile.index()
    proxy.since(1, every_write(drop_request))
    complaint = complaint_of(proxy, f"every reply was lost: {DROPPED}", advice)
    assert calicoctl("profile", *command) == Result(1, "", complaint)
    assert profile.index() == index
    assert len([request for request in proxy.requests if not request.startswith("GET")]) == 5


def overflow_history(etcd: EtcdServer) -> None:
    for number in range(EVENTS_KEPT + 1):
        etcd.put("/other", str(number))


def test_history_too_short_but_key_has_new_value(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def lose_for_long(request: Request) -> bytes | None:
        request.forward()
        overflow_history(profile)
        return None

    proxy.at(2, lose_for_long)
    remark = (
        "The reply of etcd was lost and its history does not reach back to the write, but the key holds the new "
        "value.\n"
    )
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(0, ADDED.stdout, remark)
    assert profile.get(TAGS) == '["P", "T"]'


def test_history_too_short_and_key_has_other_value(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def lose_for_long(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["other"]')
        overflow_history(profile)
        return None

    proxy.at(2, lose_for_long)
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", complaint_of(proxy, DROPPED, NOT_KNOWN))
    assert profile.get(TAGS) == '["other"]'


def test_key_last_changed_long_ago(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    # History must reach back to the read, not to the latest change of the key.
    overflow_history(profile)

    def lose_and_edit(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["P", "T", "other"]')
        return None

    proxy.at(2, lose_and_edit)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "T", "other"]'
