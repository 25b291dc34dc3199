"""Profile edits with lost replies, failures of etcd and concurrent writers."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable

import pytest

from calicoctl.etcd import client
from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request, answer, answer_raw, drop_reply, drop_request

PROFILE = "/calico/v1/policy/profile/P"
TAGS = f"{PROFILE}/tags"
RULES = f"{PROFILE}/rules"
NEW_RULES = '{"inbound_rules": [{"action": "allow", "src_tag": "P"}], "outbound_rules": [{"action": "allow"}]}'
ADDED = Result(0, "Tag T added to profile P\n", "")
NOT_KNOWN = "It is not known whether the change was made: check before you run the command again."
DROPPED = "Remote end closed connection without response"
EVENTS_KEPT = 1000  # by etcd, of all keys together
HASTY = {"CALICOCTL_READ_TIMEOUT": "0.5"}  # shortens the wait for an event that never comes


@pytest.fixture
def profile(etcd: EtcdServer) -> EtcdServer:
    """An etcd with a new profile P."""
    etcd.put(TAGS, '["P"]')
    etcd.put(f"{PROFILE}/labels", "{}")
    etcd.put(RULES, NEW_RULES)
    return etcd


def write(request: Request) -> bool:
    return request.method != "GET"


def every_write(behaviour: Behaviour) -> Behaviour:
    """Apply the behaviour to all writes; forward all reads."""
    return lambda request: behaviour(request) if write(request) else request.forward()


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


# Concurrent writers


def first(action: Callable[[], None]) -> Behaviour:
    """Return a behaviour that does something before it forwards the request."""

    def behaviour(request: Request) -> bytes | None:
        action()
        return request.forward()

    return behaviour


def test_concurrent_edits_are_both_applied(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, first(lambda: profile.put(TAGS, '["P", "1"]')))
    proxy.at(4, first(lambda: profile.put(TAGS, '["P", "1", "2"]')))
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "1", "2", "T"]'
    assert [request.split(" ")[0] for request in proxy.requests] == ["GET", "PUT"] * 3


def test_position_is_checked_again_after_concurrent_change(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    proxy.at(2, first(lambda: profile.put(RULES, '{"inbound_rules": [], "outbound_rules": []}')))
    complaint = "Rule position out-of-range.\nThe profile has 0 inbound rules; the position given is 1.\n"
    assert calicoctl("profile", "P", "rule", "remove", "inbound", "--at=1") == Result(1, "", complaint)
    assert profile.get(RULES) == '{"inbound_rules": [], "outbound_rules": []}'


def test_update_replaces_concurrent_rules_but_keeps_other_members(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    proxy.at(2, first(lambda: profile.put(RULES, '{"inbound_rules": [], "outbound_rules": [], "id": "theirs"}')))
    document = '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'
    result = calicoctl("profile", "P", "rule", "update", stdin=document)
    assert result == Result(0, "Successfully updated rules on profile P\n", "Rules added: 1, removed: 0, kept: 0.\n")
    assert profile.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": [], "id": "theirs"}'


def test_removed_profile_stays_removed(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, first(lambda: profile.delete(PROFILE)))
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", "Profile P not found.\n")
    assert profile.keys() == {"/calico/v1/policy/profile/": None}


def test_missing_key_is_created_concurrently(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(RULES, NEW_RULES)
    proxy.at(2, first(lambda: etcd.put(TAGS, '["other"]')))
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert etcd.get(TAGS) == '["other", "T"]'


# Edits that create a missing part: etcd cannot create a key on condition that its directory still exists

LABELS = f"{PROFILE}/labels"
EDITS_OF_MISSING_PARTS = [("tag", "add", "T"), ("rule", "add", "inbound", "allow"), ("rule", "update")]
NOT_FOUND = Result(1, "", "Profile P not found.\n")
NOTHING_LEFT = {"/calico/v1/policy/profile/": None}


@pytest.fixture
def partial(etcd: EtcdServer) -> EtcdServer:
    """An etcd with a profile P that has neither tags nor rules."""
    etcd.put(LABELS, "{}")
    return etcd


def edit_it(calicoctl: Calicoctl, *command: str) -> Result:
    return calicoctl("profile", "P", *command, stdin='{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}')


def key_of(command: tuple[str, ...]) -> str:
    return TAGS if command[0] == "tag" else RULES


def remove_before_write(partial: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, first(lambda: partial.delete(PROFILE)))


@pytest.mark.parametrize("command", EDITS_OF_MISSING_PARTS)
def test_missing_part_is_created_and_checked(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, command: tuple[str, ...]
) -> None:
    assert edit_it(calicoctl, *command).status == 0
    assert partial.keys().keys() == {LABELS, key_of(command)}
    assert proxy.requests == [
        f"GET /v2/keys{PROFILE}", f"PUT /v2/keys{key_of(command)}", f"GET /v2/keys{PROFILE}",
    ]  # fmt: skip


@pytest.mark.parametrize("command", EDITS_OF_MISSING_PARTS)
def test_part_is_undone_if_profile_was_removed(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, command: tuple[str, ...]
) -> None:
    remove_before_write(partial, proxy)
    assert edit_it(calicoctl, *command) == NOT_FOUND
    assert partial.keys() == NOTHING_LEFT
    assert proxy.requests[1:] == [
        f"PUT /v2/keys{key_of(command)}", f"GET /v2/keys{PROFILE}", f"DELETE /v2/keys{key_of(command)}",
        f"DELETE /v2/keys{PROFILE}",
    ]  # fmt: skip


def test_part_is_undone_if_new_add_is_incomplete(calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy) -> None:
    def remove_and_begin() -> None:
        partial.delete(PROFILE)
        partial.put(TAGS, '["P"]')

    proxy.at(2, first(remove_and_begin))
    assert edit_it(calicoctl, "rule", "add", "inbound", "allow") == NOT_FOUND
    assert partial.keys() == {TAGS: '["P"]'}


def test_part_stays_if_new_add_has_completed_profile(calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy) -> None:
    added: list[Result] = []
    remove_before_write(partial, proxy)
    proxy.at(3, first(lambda: added.append(Calicoctl(partial.environ({}))("profile", "add", "P"))))
    assert edit_it(calicoctl, "tag", "add", "T") == ADDED
    assert added == [Result(0, "Created profile P\n", "")]
    assert partial.keys() == {LABELS: "{}", RULES: NEW_RULES, TAGS: '["T"]'}


@pytest.mark.parametrize("number", [3, 4])
def test_part_changed_by_others_stays(calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, number: int) -> None:
    remove_before_write(partial, proxy)
    proxy.at(number, first(lambda: partial.put(TAGS, '["T", "other"]')))
    assert edit_it(calicoctl, "tag", "add", "T") == ADDED
    assert partial.keys() == {TAGS: '["T", "other"]'}


@pytest.mark.parametrize(("number", "result"), [(3, ADDED), (4, NOT_FOUND), (5, NOT_FOUND)])
def test_part_removed_by_others(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, number: int, result: Result
) -> None:
    """If the part is gone before the check, the profile may have been removed after the edit, which then succeeded."""
    remove_before_write(partial, proxy)
    proxy.at(number, first(lambda: partial.delete(PROFILE)))
    assert edit_it(calicoctl, "tag", "add", "T") == result
    assert partial.keys() == NOTHING_LEFT


def test_two_edits_do_not_recreate_removed_profile(calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy) -> None:
    results: list[Result] = []
    with Proxy(partial) as others:
        other = Calicoctl({**calicoctl.environ, "ETCD_AUTHORITY": others.authority})

        def let_other_create_rules(request: Request) -> bytes | None:
            replies: list[bytes] = []
            others.at(2, first(lambda: partial.delete(PROFILE)))
            others.at(3, first(lambda: replies.append(request.forward())))
            results.append(edit_it(other, "rule", "add", "inbound", "allow"))
            return replies.pop()

        proxy.at(2, let_other_create_rules)
        results.append(edit_it(calicoctl, "tag", "add", "T"))
    assert results == [NOT_FOUND] * 2
    assert partial.keys() == NOTHING_LEFT


def test_edit_of_recreated_part_is_undone_with_it(calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy) -> None:
    results: list[Result] = []
    made, taken_back = threading.Event(), threading.Event()
    with Proxy(partial) as others:
        other = Calicoctl({**calicoctl.environ, "ETCD_AUTHORITY": others.authority})
        thread = threading.Thread(target=lambda: results.append(edit_it(other, "rule", "add", "inbound", "allow")))

        def let_other_read_and_write() -> None:
            thread.start()
            assert made.wait(PROCESS_SECONDS)

        def check_after_tags_are_gone(request: Request) -> bytes | None:
            made.set()
            assert taken_back.wait(PROCESS_SECONDS)
            return request.forward()

        others.at(3, check_after_tags_are_gone)
        remove_before_write(partial, proxy)
        proxy.at(3, first(let_other_read_and_write))
        results.append(edit_it(calicoctl, "tag", "add", "T"))
        assert partial.keys().keys() == {RULES}
        taken_back.set()
        thread.join(PROCESS_SECONDS)
    assert results == [NOT_FOUND] * 2
    assert partial.keys() == NOTHING_LEFT


def test_edit_of_empty_directory_finds_no_profile(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.mkdir(PROFILE)
    for command in EDITS_OF_MISSING_PARTS:
        assert edit_it(calicoctl, *command) == NOT_FOUND
    assert [request.split(" ")[0] for request in proxy.requests] == ["GET"] * 3


# The same with lost requests and replies


def test_part_is_undone_after_lost_reply_to_its_creation(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy
) -> None:
    def remove_and_lose(request: Request) -> bytes | None:
        partial.delete(PROFILE)
        return drop_reply(request)

    proxy.at(2, remove_and_lose)
    assert edit_it(calicoctl, "tag", "add", "T") == NOT_FOUND
    assert partial.keys() == NOTHING_LEFT


@pytest.mark.parametrize("behaviour", [drop_request, drop_reply])
@pytest.mark.parametrize("number", [3, 4, 5])
def test_part_is_undone_despite_lost_requests_and_replies(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, behaviour: Behaviour, number: int
) -> None:
    remove_before_write(partial, proxy)
    proxy.at(number, behaviour)
    result = edit_it(calicoctl, "tag", "add", "T")
    assert result == NOT_FOUND
    empty = {f"{PROFILE}/": None}
    assert partial.keys() == (empty if number == 5 and behaviour is drop_request else NOTHING_LEFT)


def test_part_recreated_after_lost_delete_reply(calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy) -> None:
    def lose_and_add(request: Request) -> bytes | None:
        request.forward()
        partial.put(TAGS, '["P"]')
        return None

    remove_before_write(partial, proxy)
    proxy.at(4, lose_and_add)
    assert edit_it(calicoctl, "tag", "add", "T") == NOT_FOUND
    assert partial.keys() == {TAGS: '["P"]'}


@pytest.mark.parametrize("number", [3, 4])
def test_etcd_fails_before_part_can_be_undone(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, number: int
) -> None:
    remove_before_write(partial, proxy)
    proxy.since(number, drop_request)
    result = edit_it(calicoctl, "tag", "add", "T")
    assert (result.status, result.stdout) == (1, "")
    cause, advice = result.stderr.splitlines()
    assert cause.startswith(f"Error accessing etcd at http://{proxy.authority} ({DROPPED}).  ")
    assert advice == "The tags of profile P were written; check whether the profile was removed at the same time."
    assert partial.keys() == {TAGS: '["T"]'}


def test_edit_gives_up_if_etcd_refuses_every_write(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    body = '{"errorCode": 101, "message": "Compare failed", "cause": "[1 != 2]", "index": 9}'
    proxy.since(1, every_write(answer("412 Precondition Failed", body, "application/json")))
    complaint = f"etcd refuses every change of {TAGS} though nobody else changes it.\n"
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", complaint)
    assert len(proxy.requests) == 40


@pytest.mark.parametrize("command", ["profile P tag add T", "apply -f -"])
def test_edit_gives_up_after_repeated_concurrent_changes(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def write_before(request: Request) -> bytes | None:
        if request.method == "PUT":
            for key in (TAGS, RULES):
                profile.put(key, profile.get(key) or "")
        return request.forward()

    monkeypatch.setattr("calicoctl.datastore.edit.MOST_SECONDS", 0.3)
    proxy.since(1, write_before)
    document = {"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "P"},
                "spec": {"ingress": [{"action": "Deny"}], "egress": []}}  # fmt: skip
    result = calicoctl(*command.split(), stdin=json.dumps(document))
    assert (result.status, result.stdout) == (1, "")
    what = re.escape(TAGS if command.startswith("profile") else "Profile(P)")
    assert re.search(
        rf"Others have changed {what} before each of [0-9]+ tries within 0\.3 s, so this command gave up\. "
        r"Run it again when they are done\.\n",
        result.stderr,
    )
    assert len(proxy.requests) < 100


REFUSAL = '{"errorCode": 105, "message": "Key already exists", "cause": "/x", "index": 9}'


def test_add_gives_up_if_etcd_refuses_every_write(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    proxy.since(1, every_write(answer("412 Precondition Failed", REFUSAL, "application/json")))
    complaint = f"etcd refuses every change of {PROFILE} though nobody else changes it.\n"
    assert calicoctl("profile", "add", "P") == Result(1, "", complaint)
    assert len(proxy.requests) == 20 * 4
