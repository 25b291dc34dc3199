"""Edits of profiles when replies are lost, etcd goes away or others write at the same time."""

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
HASTY = {"CALICOCTL_READ_TIMEOUT": "0.5"}  # shortens the wait in vain for an event that has not happened


@pytest.fixture
def profile(etcd: EtcdServer) -> EtcdServer:
    """The etcd with a new profile P."""
    etcd.put(TAGS, '["P"]')
    etcd.put(f"{PROFILE}/labels", "{}")
    etcd.put(RULES, NEW_RULES)
    return etcd


def write(request: Request) -> bool:
    return request.method != "GET"


def every_write(behaviour: Behaviour) -> Behaviour:
    """Do that with all writes; pass on what only reads."""
    return lambda request: behaviour(request) if write(request) else request.forward()


def complaint_of(proxy: Proxy, cause: str, advice: str) -> str:
    return f"Error accessing etcd at http://{proxy.authority} ({cause}).  {advice}\n"


# The write was carried out and its reply lost


@pytest.mark.parametrize("number", [2, 3, 4])
def test_add(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, number: int) -> None:
    index = etcd.index()
    proxy.at(number, drop_reply)
    assert calicoctl("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert etcd.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}
    assert etcd.index() == index + 3
    # Where it is, its state is read, then the first thing that happened to it.
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
def test_edit(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy, reply: Behaviour) -> None:
    def forward_and_reply(request: Request) -> bytes | None:
        request.forward()
        return reply(request)

    index = profile.index()
    proxy.at(2, forward_and_reply)
    assert calicoctl("profile", "P", "rule", "remove", "inbound", "--at=1") == Result(0, "", "")
    assert profile.get(RULES) == '{"inbound_rules": [], "outbound_rules": [{"action": "allow"}]}'
    assert profile.index() == index + 1


def test_remove(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(3, drop_reply)
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert profile.get(TAGS) is None
    assert len(proxy.requests) == 4


def test_remove_that_was_followed_by_another_s_add(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def lose_and_add(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["new"]')
        return None

    proxy.at(3, lose_and_add)
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert profile.get(TAGS) == '["new"]'  # this is another profile than the one that was to be removed


def test_history_that_answers_late(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later than etcd is waited for where it may have nothing to tell: a rule was removed, and the next one with it."""
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


def test_history_that_does_not_answer(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def others_change_it_then(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["other"]')
        return None

    proxy.since(1, lambda request: None if "wait=true" in request.query else request.forward())
    proxy.at(2, drop_reply)
    remark = "The reply of etcd was lost and its history cannot be read, but the key holds the new value.\n"
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(*ADDED[:2], remark)
    proxy.at(len(proxy.requests) + 2, others_change_it_then)
    result = calicoctl("profile", "P", "tag", "add", "U")
    assert result == Result(1, "", complaint_of(proxy, DROPPED, NOT_KNOWN))
    assert profile.get(TAGS) == '["other"]'


def test_edit_that_was_followed_by_another_s(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def lose_and_edit(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["P", "T", "other"]')
        return None

    proxy.at(2, lose_and_edit)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "T", "other"]'
    assert proxy.requests.count(f"PUT /v2/keys{TAGS}") == 1


def test_edit_that_was_undone_by_another(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def lose_and_undo(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["P"]')
        return None

    proxy.at(2, lose_and_undo)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P"]'


def test_edit_of_a_profile_that_was_removed_thereafter(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    def lose_and_remove(request: Request) -> bytes | None:
        request.forward()
        profile.delete(PROFILE)
        return None

    proxy.at(2, lose_and_remove)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) is None


# The write was not carried out and its reply lost


@pytest.mark.parametrize(
    "behaviour",
    [
        drop_request,
        answer("502 Bad Gateway", "<html>"),
        answer("500 Error", '{"errorCode": 300, "message": "m", "cause": "c"}'),
    ],
)
def test_edit_that_did_not_arrive(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy, behaviour: Behaviour
) -> None:
    index = profile.index()
    proxy.at(2, behaviour)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "T"]'
    assert profile.index() == index + 1
    # As the key has not changed there is no need to look into its history.
    assert proxy.requests[1:] == [f"PUT /v2/keys{TAGS}", f"GET /v2/keys{TAGS}", f"PUT /v2/keys{TAGS}"]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_add_that_did_not_arrive(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, number: int) -> None:
    index = etcd.index()
    proxy.at(number, drop_request)
    assert calicoctl("profile", "add", "P", env=HASTY) == Result(0, "Created profile P\n", "")
    assert etcd.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}
    assert etcd.index() == index + 3


def test_remove_that_did_not_arrive(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(3, drop_request)
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert profile.get(TAGS) is None


def test_edit_that_did_not_arrive_and_another_s_that_did(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    def drop_and_edit(request: Request) -> bytes | None:
        other = Calicoctl(profile.environ({}))
        assert other("profile", "P", "tag", "add", "other") == Result(0, "Tag other added to profile P\n", "")
        return None

    proxy.at(2, drop_and_edit)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "other", "T"]'


def test_edit_that_did_not_arrive_of_a_profile_that_was_removed(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    def drop_and_remove(request: Request) -> bytes | None:
        profile.delete(PROFILE)
        return None

    proxy.at(2, drop_and_remove)
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", "Profile P not found.\n")
    assert profile.get(TAGS) is None  # it is not brought back in part


def test_completion_that_did_not_arrive_of_a_profile_that_was_removed(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    profile.delete(RULES)

    def drop_and_remove(request: Request) -> bytes | None:
        profile.delete(PROFILE)
        return None

    proxy.at(2, drop_and_remove)
    assert calicoctl("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert profile.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}


def test_add_that_did_not_arrive_and_another_s_that_did(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    def drop_and_add(request: Request) -> bytes | None:
        assert Calicoctl(etcd.environ({}))("profile", "add", "P").stdout == "Created profile P\n"
        return None

    proxy.at(4, drop_and_add)  # the rules
    result = calicoctl("profile", "add", "P")
    assert etcd.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}
    # Both wrote the same value under the same condition: nobody can tell whose it is, and nobody needs to.
    assert (result.status, result.stderr) == (0, "")


# The write was delayed, and carried out after the command had given it up


def delayed() -> tuple[Behaviour, Behaviour]:
    """What becomes of a first write, which seems lost, and of the second one, which the first one arrives before."""
    first: list[Request] = []

    def hold(request: Request) -> bytes | None:
        first.append(request)
        return None

    def release(request: Request) -> bytes | None:
        first.pop().forward()
        return request.forward()

    return hold, release


def test_a_delayed_edit_is_applied_once(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    profile.put(RULES, '{"inbound_rules": [{"action": "allow"}, {"action": "deny"}], "outbound_rules": []}')
    hold, release = delayed()
    proxy.at(2, hold)
    proxy.at(4, release)
    assert calicoctl("profile", "P", "rule", "remove", "inbound", "--at=1") == Result(0, "", "")
    assert profile.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'
    assert [request.split(" ")[0] for request in proxy.requests] == ["GET", "PUT", "GET", "PUT", "GET", "GET"]


def test_a_delayed_tag_remove_does_not_miss_the_tag(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    hold, release = delayed()
    proxy.at(2, hold)
    proxy.at(4, release)
    assert calicoctl("profile", "P", "tag", "remove", "P") == Result(0, "Tag P removed from profile P\n", "")
    assert profile.get(TAGS) == "[]"


def test_a_delayed_add(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    hold, release = delayed()
    proxy.at(4, hold)
    proxy.at(7, release)  # after the key's state and a wait for its history
    assert calicoctl("profile", "add", "P", env=HASTY) == Result(0, "Created profile P\n", "")
    assert etcd.keys() == {TAGS: '["P"]', f"{PROFILE}/labels": "{}", RULES: NEW_RULES}
    assert proxy.requests[6] == f"PUT /v2/keys{RULES}"


def test_a_delayed_remove(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    hold, release = delayed()
    proxy.at(3, hold)
    proxy.at(5, release)
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert profile.get(TAGS) is None


# Nobody can tell


def test_etcd_goes_away_after_the_write(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, drop_reply)
    proxy.since(3, drop_request)
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", complaint_of(proxy, DROPPED, NOT_KNOWN))
    assert profile.get(TAGS) == '["P", "T"]'


def test_etcd_goes_away_after_the_removal(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(3, drop_reply)
    proxy.since(4, drop_request)
    assert calicoctl("profile", "remove", "P") == Result(1, "", complaint_of(proxy, DROPPED, NOT_KNOWN))
    assert profile.get(TAGS) is None


def test_etcd_cannot_be_reached_for_a_second_try(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    # The key's state shows no change, but the first try may still be on its way.
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


def test_history_that_does_not_reach_back_and_the_value_is_there(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
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


def test_history_that_does_not_reach_back_and_another_value_is_there(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    def lose_for_long(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["other"]')
        overflow_history(profile)
        return None

    proxy.at(2, lose_for_long)
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", complaint_of(proxy, DROPPED, NOT_KNOWN))
    assert profile.get(TAGS) == '["other"]'


def test_a_key_that_was_last_changed_long_ago(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    # History need not reach back to the key's latest change, only to when it was read.
    overflow_history(profile)

    def lose_and_edit(request: Request) -> bytes | None:
        request.forward()
        profile.put(TAGS, '["P", "T", "other"]')
        return None

    proxy.at(2, lose_and_edit)
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "T", "other"]'


# Others write at the same time


def first(action: Callable[[], None]) -> Behaviour:
    """Let somebody else act before the request is passed on."""

    def behaviour(request: Request) -> bytes | None:
        action()
        return request.forward()

    return behaviour


def test_both_edits_are_there(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, first(lambda: profile.put(TAGS, '["P", "1"]')))
    proxy.at(4, first(lambda: profile.put(TAGS, '["P", "1", "2"]')))
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert profile.get(TAGS) == '["P", "1", "2", "T"]'
    assert [request.split(" ")[0] for request in proxy.requests] == ["GET", "PUT"] * 3


def test_the_position_is_judged_anew(calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, first(lambda: profile.put(RULES, '{"inbound_rules": [], "outbound_rules": []}')))
    complaint = "Rule position out-of-range.\nThe profile has 0 inbound rules; the position given is 1.\n"
    assert calicoctl("profile", "P", "rule", "remove", "inbound", "--at=1") == Result(1, "", complaint)
    assert profile.get(RULES) == '{"inbound_rules": [], "outbound_rules": []}'


def test_an_update_replaces_what_others_wrote_but_keeps_their_members(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    proxy.at(2, first(lambda: profile.put(RULES, '{"inbound_rules": [], "outbound_rules": [], "id": "theirs"}')))
    document = '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'
    result = calicoctl("profile", "P", "rule", "update", stdin=document)
    assert result == Result(0, "Successfully updated rules on profile P\n", "Rules added: 1, removed: 0, kept: 0.\n")
    assert profile.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": [], "id": "theirs"}'


def test_a_profile_that_is_removed_meanwhile_stays_removed(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    proxy.at(2, first(lambda: profile.delete(PROFILE)))
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", "Profile P not found.\n")
    assert profile.keys() == {"/calico/v1/policy/profile/": None}


def test_a_key_that_is_made_meanwhile(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(RULES, NEW_RULES)
    proxy.at(2, first(lambda: etcd.put(TAGS, '["other"]')))
    assert calicoctl("profile", "P", "tag", "add", "T") == ADDED
    assert etcd.get(TAGS) == '["other", "T"]'


# An edit of what the profile lacks: etcd cannot make a key on condition that its directory is still there

LABELS = f"{PROFILE}/labels"
EDITS_OF_WHAT_IS_MISSING = [("tag", "add", "T"), ("rule", "add", "inbound", "allow"), ("rule", "update")]
NOT_FOUND = Result(1, "", "Profile P not found.\n")
NOTHING_LEFT = {"/calico/v1/policy/profile/": None}


@pytest.fixture
def partial(etcd: EtcdServer) -> EtcdServer:
    """The etcd with a profile P that has neither tags nor rules."""
    etcd.put(LABELS, "{}")
    return etcd


def edit_it(calicoctl: Calicoctl, *command: str) -> Result:
    return calicoctl("profile", "P", *command, stdin='{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}')


def key_of(command: tuple[str, ...]) -> str:
    return TAGS if command[0] == "tag" else RULES


def removed_before_the_write(partial: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, first(lambda: partial.delete(PROFILE)))


@pytest.mark.parametrize("command", EDITS_OF_WHAT_IS_MISSING)
def test_a_missing_part_is_made_and_looked_at(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, command: tuple[str, ...]
) -> None:
    assert edit_it(calicoctl, *command).status == 0
    assert partial.keys().keys() == {LABELS, key_of(command)}
    assert proxy.requests == [
        f"GET /v2/keys{PROFILE}", f"PUT /v2/keys{key_of(command)}", f"GET /v2/keys{PROFILE}",
    ]  # fmt: skip


@pytest.mark.parametrize("command", EDITS_OF_WHAT_IS_MISSING)
def test_a_missing_part_is_taken_back_where_the_profile_was_removed(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, command: tuple[str, ...]
) -> None:
    removed_before_the_write(partial, proxy)
    assert edit_it(calicoctl, *command) == NOT_FOUND
    assert partial.keys() == NOTHING_LEFT
    assert proxy.requests[1:] == [
        f"PUT /v2/keys{key_of(command)}", f"GET /v2/keys{PROFILE}", f"DELETE /v2/keys{key_of(command)}",
        f"DELETE /v2/keys{PROFILE}",
    ]  # fmt: skip


def test_a_part_is_taken_back_from_an_addition_that_has_begun(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy
) -> None:
    def remove_and_begin() -> None:
        partial.delete(PROFILE)
        partial.put(TAGS, '["P"]')

    proxy.at(2, first(remove_and_begin))
    assert edit_it(calicoctl, "rule", "add", "inbound", "allow") == NOT_FOUND
    assert partial.keys() == {TAGS: '["P"]'}


def test_a_part_stays_that_a_new_profile_was_completed_around(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy
) -> None:
    added: list[Result] = []
    removed_before_the_write(partial, proxy)
    proxy.at(3, first(lambda: added.append(Calicoctl(partial.environ({}))("profile", "add", "P"))))
    assert edit_it(calicoctl, "tag", "add", "T") == ADDED
    assert added == [Result(0, "Created profile P\n", "")]
    assert partial.keys() == {LABELS: "{}", RULES: NEW_RULES, TAGS: '["T"]'}


@pytest.mark.parametrize("number", [3, 4])
def test_a_part_stays_that_others_have_changed(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, number: int
) -> None:
    removed_before_the_write(partial, proxy)
    proxy.at(number, first(lambda: partial.put(TAGS, '["T", "other"]')))
    assert edit_it(calicoctl, "tag", "add", "T") == ADDED
    assert partial.keys() == {TAGS: '["T", "other"]'}


@pytest.mark.parametrize(("number", "result"), [(3, ADDED), (4, NOT_FOUND), (5, NOT_FOUND)])
def test_a_part_that_others_have_removed(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, number: int, result: Result
) -> None:
    """Where it is gone before it is looked at, the profile may well have been removed after the edit."""
    removed_before_the_write(partial, proxy)
    proxy.at(number, first(lambda: partial.delete(PROFILE)))
    assert edit_it(calicoctl, "tag", "add", "T") == result
    assert partial.keys() == NOTHING_LEFT


def test_two_edits_do_not_bring_a_profile_back_together(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy
) -> None:
    results: list[Result] = []
    with Proxy(partial) as others:
        other = Calicoctl({**calicoctl.environ, "ETCD_AUTHORITY": others.authority})

        def let_the_other_make_the_rules(request: Request) -> bytes | None:
            replies: list[bytes] = []
            others.at(2, first(lambda: partial.delete(PROFILE)))
            others.at(3, first(lambda: replies.append(request.forward())))
            results.append(edit_it(other, "rule", "add", "inbound", "allow"))
            return replies.pop()

        proxy.at(2, let_the_other_make_the_rules)
        results.append(edit_it(calicoctl, "tag", "add", "T"))
    assert results == [NOT_FOUND] * 2
    assert partial.keys() == NOTHING_LEFT


def test_an_edit_of_what_is_then_taken_back_is_taken_back_too(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy
) -> None:
    results: list[Result] = []
    made, taken_back = threading.Event(), threading.Event()
    with Proxy(partial) as others:
        other = Calicoctl({**calicoctl.environ, "ETCD_AUTHORITY": others.authority})
        thread = threading.Thread(target=lambda: results.append(edit_it(other, "rule", "add", "inbound", "allow")))

        def let_the_other_read_and_write() -> None:
            thread.start()
            assert made.wait(PROCESS_SECONDS)

        def look_when_the_tags_are_gone(request: Request) -> bytes | None:
            made.set()
            assert taken_back.wait(PROCESS_SECONDS)
            return request.forward()

        others.at(3, look_when_the_tags_are_gone)
        removed_before_the_write(partial, proxy)
        proxy.at(3, first(let_the_other_read_and_write))
        results.append(edit_it(calicoctl, "tag", "add", "T"))
        assert partial.keys().keys() == {RULES}
        taken_back.set()
        thread.join(PROCESS_SECONDS)
    assert results == [NOT_FOUND] * 2
    assert partial.keys() == NOTHING_LEFT


def test_a_directory_that_a_removal_has_left_empty_is_no_profile_to_edit(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    etcd.mkdir(PROFILE)
    for command in EDITS_OF_WHAT_IS_MISSING:
        assert edit_it(calicoctl, *command) == NOT_FOUND
    assert [request.split(" ")[0] for request in proxy.requests] == ["GET"] * 3


# The same with lost requests and replies


def test_the_reply_to_a_part_that_is_taken_back_was_lost(
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
def test_requests_and_replies_are_lost_while_a_part_is_taken_back(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, behaviour: Behaviour, number: int
) -> None:
    removed_before_the_write(partial, proxy)
    proxy.at(number, behaviour)
    result = edit_it(calicoctl, "tag", "add", "T")
    assert result == NOT_FOUND
    empty = {f"{PROFILE}/": None}
    assert partial.keys() == (empty if number == 5 and behaviour is drop_request else NOTHING_LEFT)


def test_a_part_that_is_made_anew_after_the_reply_to_its_taking_back_was_lost(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy
) -> None:
    def lose_and_add(request: Request) -> bytes | None:
        request.forward()
        partial.put(TAGS, '["P"]')
        return None

    removed_before_the_write(partial, proxy)
    proxy.at(4, lose_and_add)
    assert edit_it(calicoctl, "tag", "add", "T") == NOT_FOUND
    assert partial.keys() == {TAGS: '["P"]'}


@pytest.mark.parametrize("number", [3, 4])
def test_etcd_goes_away_before_a_part_can_be_taken_back(
    calicoctl: Calicoctl, partial: EtcdServer, proxy: Proxy, number: int
) -> None:
    removed_before_the_write(partial, proxy)
    proxy.since(number, drop_request)
    result = edit_it(calicoctl, "tag", "add", "T")
    assert (result.status, result.stdout) == (1, "")
    cause, advice = result.stderr.splitlines()
    assert cause.startswith(f"Error accessing etcd at http://{proxy.authority} ({DROPPED}).  ")
    assert advice == "The tags of profile P were written; check whether the profile was removed at the same time."
    assert partial.keys() == {TAGS: '["T"]'}


def test_a_server_that_refuses_every_change_does_not_keep_us_for_ever(
    calicoctl: Calicoctl, profile: EtcdServer, proxy: Proxy
) -> None:
    body = '{"errorCode": 101, "message": "Compare failed", "cause": "[1 != 2]", "index": 9}'
    proxy.since(1, every_write(answer("412 Precondition Failed", body, "application/json")))
    complaint = f"etcd refuses every change of {TAGS} though nobody else changes it.\n"
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(1, "", complaint)
    assert len(proxy.requests) == 40


@pytest.mark.parametrize("command", ["profile P tag add T", "apply -f -"])
def test_a_rival_that_is_always_faster_does_not_keep_us_for_ever(
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


def test_a_server_that_shows_no_new_profile_does_not_keep_us_for_ever(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    proxy.since(1, every_write(answer("412 Precondition Failed", REFUSAL, "application/json")))
    complaint = f"etcd refuses every change of {PROFILE} though nobody else changes it.\n"
    assert calicoctl("profile", "add", "P") == Result(1, "", complaint)
    assert len(proxy.requests) == 20 * 4
