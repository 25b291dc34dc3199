"""Profile edits with concurrent writers, and edits that create a missing part."""

from __future__ import annotations

import json
import re
import threading

import pytest

from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.datastore.conftest import ADDED, DROPPED, NEW_RULES, PROFILE, RULES, TAGS, every_write
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request, answer, drop_reply, drop_request, first


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
    made, undone = threading.Event(), threading.Event()
    with Proxy(partial) as others:
        other = Calicoctl({**calicoctl.environ, "ETCD_AUTHORITY": others.authority})
        thread = threading.Thread(target=lambda: results.append(edit_it(other, "rule", "add", "inbound", "allow")))

        def let_other_read_and_write() -> None:
            thread.start()
            assert made.wait(PROCESS_SECONDS)

        def check_after_tags_are_gone(request: Request) -> bytes | None:
            made.set()
            assert undone.wait(PROCESS_SECONDS)
            return request.forward()

        others.at(3, check_after_tags_are_gone)
        remove_before_write(partial, proxy)
        proxy.at(3, first(let_other_read_and_write))
        results.append(edit_it(calicoctl, "tag", "add", "T"))
        assert partial.keys().keys() == {RULES}
        undone.set()
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
