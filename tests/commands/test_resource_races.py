"""`create`, `apply`, `replace` and `delete` with concurrent writers, lost replies or failures of etcd."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.commands.resources import DEV_APPS, DEV_APPS_KEYS, PROFILES, deny_notice, done, failed, profile, stdin_of
from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request, drop_reply, drop_request


def test_apply_makes_few_requests(calicoctl: Calicoctl, proxy: Proxy) -> None:
    directory = f"/v2/keys{PROFILES}/dev-apps"
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    writes = [f"PUT {directory}/{part}" for part in ("tags", "labels", "rules")]
    assert proxy.requests == [f"GET {directory}", *writes]
    proxy.reset()
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    assert proxy.requests == [f"GET {directory}"]
    proxy.reset()
    calicoctl("apply", "-f", "-", stdin=stdin_of(*(profile(f"p{number}") for number in range(20))))
    assert proxy.requests[0] == f"GET /v2/keys{PROFILES}"
    assert len(proxy.requests) == 1 + 20 * 3


def test_apply_keeps_concurrent_change(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    proxy.reset()
    other = '{"inbound_rules": [{"action": "log"}], "outbound_rules": [], "id": "kept"}'

    def change_rules(request: Request) -> bytes:
        etcd.put(f"{PROFILES}/dev-apps/rules", other)
        return request.forward()

    proxy.at(2, change_rules)
    changed = DEV_APPS.replace("action: Deny", "action: Log")
    assert calicoctl("apply", "-f", "-", stdin=changed) == done("applied", 1, "Profile(dev-apps): changed")
    stored = json.loads(etcd.get(f"{PROFILES}/dev-apps/rules") or "")
    assert stored["id"] == "kept"
    assert stored["inbound_rules"][0] == {"action": "log", "src_net": "10.0.20.0/24"}
    assert [request.split()[0] for request in proxy.requests] == ["GET", "PUT", "GET", "PUT"]


def test_replace_with_version_reports_concurrent_change(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    shown = json.loads(calicoctl("get", "profile", "dev-apps", "-o", "json").stdout)
    shown["spec"]["labelsToApply"] = {"a": "b"}
    shown["spec"]["egress"] = []
    proxy.reset()

    def change_rules(request: Request) -> bytes:
        etcd.put(f"{PROFILES}/dev-apps/rules", "{}")
        return request.forward()

    proxy.at(3, change_rules)
    assert calicoctl("replace", "-f", "-", stdin=json.dumps(shown)) == failed(
        "Failed to replace 'Profile' resource: update conflict: Profile(dev-apps)\n"
        "Somebody else changed it at the same time.\n"
        "Its labels were written before that.\n" + deny_notice("dev-apps", "replace")
    )
    assert etcd.get(f"{PROFILES}/dev-apps/rules") == "{}"


def test_traffic_is_denied_while_labels_and_rules_change(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    stored = json.loads(DEV_APPS_KEYS[f"{PROFILES}/dev-apps/rules"])
    denying = {way: [{"action": "deny"}, *rules] for way, rules in stored.items()}
    seen: list[Any] = []

    def look(request: Request) -> bytes:
        seen.append(json.loads(etcd.get(f"{PROFILES}/dev-apps/rules") or ""))
        return request.forward()

    proxy.reset()
    proxy.since(1, look)
    changed = DEV_APPS.replace("action: Deny", "action: Log").replace("stage: development", "stage: test")
    assert calicoctl("apply", "-f", "-", stdin=changed) == done("applied", 1, "Profile(dev-apps): changed")
    assert [request.rpartition("/")[2] for request in proxy.requests] == ["dev-apps", "rules", "labels", "rules"]
    assert seen == [stored, stored, denying, denying]
    # A temporary deny rule left by a killed command is recognized.
    etcd.put(f"{PROFILES}/dev-apps/rules", json.dumps(denying))
    proxy.reset()
    assert calicoctl("apply", "-f", "-", stdin=DEV_APPS) == done("applied", 1, "Profile(dev-apps): changed")
    assert [request.rpartition("/")[2] for request in proxy.requests] == ["dev-apps", "labels", "rules"]
    assert etcd.keys(PROFILES) == DEV_APPS_KEYS


def test_traffic_is_denied_while_tags_and_labels_change(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    rules = '{"outbound_rules": [], "id": "P", "inbound_rules": [{"src_tag": "T", "action": "allow"}]}'
    for part, value in {"tags": "[]", "labels": "{}", "rules": rules}.items():
        etcd.put(f"{PROFILES}/P/{part}", value)
    document = json.loads(calicoctl("get", "profile", "P", "-o", "json", "--export").stdout)
    document["metadata"]["tags"] = ["T"]
    document["spec"]["labelsToApply"] = {"a": "b"}
    proxy.reset()
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(document)).stderr == ""
    assert [request.rpartition("/")[2] for request in proxy.requests] == ["P", "rules", "tags", "labels", "rules"]
    assert etcd.keys(PROFILES) == {
        f"{PROFILES}/P/tags": '["T"]', f"{PROFILES}/P/labels": '{"a": "b"}', f"{PROFILES}/P/rules": rules
    }  # fmt: skip


def test_stored_invalid_rule_survives_interrupted_change(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    rules = '{"inbound_rules": [{"action": "allow", "protocol": "sctp", "dst_ports": [7]}], "outbound_rules": []}'
    for part, value in {"tags": "[]", "labels": "{}", "rules": rules}.items():
        etcd.put(f"{PROFILES}/P/{part}", value)
    document = json.loads(calicoctl("get", "profile", "P", "-o", "json", "--export").stdout)
    document["spec"]["labelsToApply"] = {"a": "b"}
    document["spec"]["egress"] = [{"action": "Allow"}]
    proxy.reset()
    proxy.since(3, drop_request)
    result = calicoctl("apply", "-f", "-", stdin=json.dumps(document))
    assert result.stderr.endswith(f"\n{deny_notice('P', 'apply')}\n")
    proxy.reset()
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(document)).status == 0
    assert json.loads(etcd.get(f"{PROFILES}/P/rules") or "") == {
        **json.loads(rules), "outbound_rules": [{"action": "allow"}]
    }  # fmt: skip


def test_permanently_refused_write_removes_temporary_deny(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    etcd.put(f"{PROFILES}/dev-apps/labels", "{}")
    etcd.put(f"{PROFILES}/dev-apps/rules", DEV_APPS_KEYS[f"{PROFILES}/dev-apps/rules"])

    def refuse_labels(request: Request) -> bytes:
        if request.path.endswith("/labels"):
            request.body = re.sub(rb"(?<=prevIndex=)[0-9]+", lambda found: b"9" * len(found[0]), request.body)
        return request.forward()

    proxy.since(1, refuse_labels)
    result = calicoctl("apply", "-f", "-", stdin=DEV_APPS.replace("action: Deny", "action: Log"))
    assert result == failed(
        "Failed to apply 'Profile' resource: etcd refuses every change of Profile(dev-apps) though nobody else changes "
        "it."
    )
    assert etcd.get(f"{PROFILES}/dev-apps/rules") == DEV_APPS_KEYS[f"{PROFILES}/dev-apps/rules"]
    assert etcd.get(f"{PROFILES}/dev-apps/labels") == "{}"


STORED = {
    f"{PROFILES}/P/tags": '["a b", "a"]',
    f"{PROFILES}/P/labels": "{}",
    f"{PROFILES}/P/rules": '{"inbound_rules": [], "outbound_rules": []}',
}
CHANGED = profile("P", meta_tags=["a b", "b"], labelsToApply={"a": "b"}, egress=[{"action": "Allow"}])
DENYING = {"inbound_rules": [{"action": "deny"}], "outbound_rules": [{"action": "deny"}]}


def test_concurrent_change_makes_rest_of_apply_invalid(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    for key, value in STORED.items():
        etcd.put(key, value)

    def change_concurrently(request: Request) -> bytes:
        etcd.put(f"{PROFILES}/P/labels", '{"c": "d"}')
        etcd.put(f"{PROFILES}/P/tags", "[]")
        return request.forward()

    proxy.at(4, change_concurrently)
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(CHANGED))
    assert result.status == 1
    assert result.stderr.splitlines() == [
        "Failed to apply 'Profile' resource: stdin:1: Profile(P): metadata.tags[0]: \"a b\" is not a tag: 1 to 128 "
        "letters, digits, dots, dashes and underscores",
        "Its tags were written before that.",
        deny_notice("P", "apply"),
    ]
    assert json.loads(etcd.get(f"{PROFILES}/P/rules") or "") == DENYING
    accepted = profile("P", meta_tags=["b"], labelsToApply={"a": "b"}, egress=[{"action": "Allow"}])
    assert calicoctl("apply", "-f", "-", stdin=stdin_of(accepted)).status == 0
    assert etcd.get(f"{PROFILES}/P/rules") == '{"inbound_rules": [], "outbound_rules": [{"action": "allow"}]}'


def test_etcd_fails_while_apply_recomputes_its_changes(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    for key, value in STORED.items():
        etcd.put(key, value)

    def change_concurrently(request: Request) -> bytes:
        etcd.put(f"{PROFILES}/P/labels", '{"c": "d"}')
        return request.forward()

    proxy.at(4, change_concurrently)
    proxy.since(5, drop_request)
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(CHANGED))
    first, *others = result.stderr.splitlines()
    assert first.startswith("Failed to apply 'Profile' resource: Error accessing etcd at ")
    assert (result.status, others) == (1, ["Its tags were written before that.", deny_notice("P", "apply")])
    proxy.reset()
    assert calicoctl("apply", "-f", "-", stdin=stdin_of(CHANGED)).status == 0
    assert etcd.get(f"{PROFILES}/P/rules") == '{"inbound_rules": [], "outbound_rules": [{"action": "allow"}]}'


def test_profile_removed_during_apply_is_recreated(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    for key, value in STORED.items():
        etcd.put(key, value)
    accepted = profile("P", meta_tags=["b"], labelsToApply={"a": "b"}, egress=[{"action": "Allow"}])

    def delete_profile(request: Request) -> bytes:
        etcd.delete(f"{PROFILES}/P")
        return request.forward()

    proxy.at(4, delete_profile)
    assert calicoctl("apply", "-f", "-", stdin=stdin_of(accepted)) == done("applied", 1, "Profile(P): created")
    assert etcd.get(f"{PROFILES}/P/rules") == '{"inbound_rules": [], "outbound_rules": [{"action": "allow"}]}'


def test_conflict_removes_temporary_deny(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    shown = json.loads(calicoctl("get", "profile", "dev-apps", "-o", "json").stdout)
    shown["spec"] = {"labelsToApply": {"a": "b"}}
    proxy.reset()

    def change_labels(request: Request) -> bytes:
        etcd.put(f"{PROFILES}/dev-apps/labels", '{"c": "d"}')
        return request.forward()

    proxy.at(3, change_labels)
    assert calicoctl("replace", "-f", "-", stdin=json.dumps(shown)) == failed(
        "Failed to replace 'Profile' resource: update conflict: Profile(dev-apps)\n"
        "Somebody else changed it at the same time."
    )
    assert etcd.keys(PROFILES) == {**DEV_APPS_KEYS, f"{PROFILES}/dev-apps/labels": '{"c": "d"}'}


def test_concurrent_creates(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    def create_concurrently(request: Request) -> bytes:
        etcd.put(f"{PROFILES}/dev-apps/tags", '["first"]')
        return request.forward()

    proxy.at(2, create_concurrently)
    assert calicoctl("create", "-f", "-", stdin=DEV_APPS) == failed(
        "Failed to create 'Profile' resource: resource already exists: Profile(dev-apps)"
    )
    assert etcd.keys(PROFILES) == {f"{PROFILES}/dev-apps/tags": '["first"]'}
    etcd.clear()
    proxy.reset()
    proxy.at(2, create_concurrently)
    assert calicoctl("create", "-f", "-", "--skip-exists", stdin=DEV_APPS) == done(
        "created", 0, "Profile(dev-apps): exists, skipped"
    )


def test_apply_completes_concurrent_creation(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    def create_concurrently(request: Request) -> bytes:
        etcd.put(f"{PROFILES}/dev-apps/tags", '["first"]')
        return request.forward()

    proxy.at(2, create_concurrently)
    assert calicoctl("apply", "-f", "-", stdin=DEV_APPS) == done("applied", 1, "Profile(dev-apps): changed")
    assert etcd.keys(PROFILES) == {**DEV_APPS_KEYS, f"{PROFILES}/dev-apps/tags": '["first"]'}


def test_concurrent_delete(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    def delete_concurrently(request: Request) -> bytes:
        etcd.delete(f"{PROFILES}/dev-apps")
        return request.forward()

    changed = DEV_APPS.replace("action: Deny", "action: Log")
    expected = {
        "apply": done("applied", 1, "Profile(dev-apps): created"),
        "replace": failed(
            "Failed to replace 'Profile' resource: resource does not exist: Profile(dev-apps)"
        ),
        "delete": failed(
            "Failed to delete 'Profile' resource: resource does not exist: Profile(dev-apps)"
        ),
    }
    for verb, result in expected.items():
        calicoctl("apply", "-f", "-", stdin=DEV_APPS)
        proxy.reset()
        proxy.at(2, delete_concurrently)
        assert calicoctl(verb, "-f", "-", stdin=changed) == result
        assert (f"{PROFILES}/dev-apps/rules" in etcd.keys(PROFILES)) == (verb == "apply")


def test_unchanged_is_reported_only_if_nothing_was_written(
    etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy
) -> None:
    """The profile is deleted and recreated with the same content after our write."""
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    changed = DEV_APPS.replace("name: dev-apps", "name: dev-apps\n  annotations: {a: b}").replace("Deny", "Log")
    proxy.reset()

    def delete_concurrently(request: Request) -> bytes:
        etcd.delete(f"{PROFILES}/dev-apps")
        return request.forward()

    def apply_same_document(request: Request) -> bytes:
        other = calicoctl("apply", "-f", "-", stdin=changed, env={"ETCD_AUTHORITY": etcd.endpoint})
        assert other == done("applied", 1, "Profile(dev-apps): created")
        return request.forward()

    proxy.at(3, delete_concurrently)
    proxy.at(5, apply_same_document)
    assert calicoctl("apply", "-f", "-", stdin=changed) == done("applied", 1, "Profile(dev-apps): changed")
    assert [request.rpartition("/")[2] for request in proxy.requests] == [
        "dev-apps", "metadata", "rules", "dev-apps", "tags", "dev-apps",
    ]  # fmt: skip


def test_etcd_fails_during_create(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    proxy.since(6, drop_request)
    three = stdin_of(profile("a"), profile("b"), profile("c"))
    result = calicoctl("create", "-f", "-", stdin=three)
    assert (result.status, result.stdout) == (1, "Profile(a): created\n")
    assert result.stderr.startswith(
        "Partial success: created the first 1 out of 3 'Profile' resources:\nHit error: Error accessing etcd at "
    )
    assert result.stderr.endswith(
        "Its tags were written before that.  'calicoctl create --skip-exists' with the same input completes it.\n"
    )
    assert sorted(etcd.keys(PROFILES)) == [
        f"{PROFILES}/a/labels",
        f"{PROFILES}/a/rules",
        f"{PROFILES}/a/tags",
        f"{PROFILES}/b/tags",
    ]
    proxy.reset()
    outcomes = ["Profile(a): exists, skipped", "Profile(b): created", "Profile(c): created"]
    assert calicoctl("create", "-f", "-", "--skip-exists", stdin=three) == done("created", 2, *outcomes)
    assert len(etcd.keys(PROFILES)) == 9


@pytest.mark.parametrize("verb", ["apply", "replace"])
def test_etcd_fails_during_change(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy, verb: str) -> None:
    etcd.put(f"{PROFILES}/a/labels", '{"x": "y"}')
    etcd.put(f"{PROFILES}/a/rules", "{}")
    proxy.reset()
    proxy.since(4, drop_request)
    result = calicoctl(verb, "-f", "-", stdin=stdin_of(profile("a", meta_tags=["t"])))
    assert (result.status, result.stderr.splitlines()[-2:]) == (
        1,
        [
            "Its tags were written before that.",
            deny_notice("a", verb),
        ],
    )


@pytest.mark.parametrize("metadata", [{}, {"meta_tags": ["t"], "labelsToApply": {"a": "b"}}])
@pytest.mark.parametrize("request_number", [2, 3, 4])
def test_repeated_apply_completes_profile_without_rules(
    etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy, request_number: int, metadata: dict[str, Any]
) -> None:
    document = stdin_of(profile("a", **metadata))
    proxy.since(request_number, drop_request)
    assert calicoctl("apply", "-f", "-", stdin=document).status == 1
    proxy.reset()
    assert calicoctl("apply", "-f", "-", stdin=document).stderr == ""
    assert etcd.get(f"{PROFILES}/a/rules") == '{"inbound_rules": [], "outbound_rules": []}'
    assert (etcd.get(f"{PROFILES}/a/tags") or "[]") == json.dumps(metadata.get("meta_tags", []))
    assert (etcd.get(f"{PROFILES}/a/labels") or "{}") == json.dumps(metadata.get("labelsToApply", {}))


def test_lost_reply_is_not_an_error(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    for number in (2, 3):
        proxy.at(number + 2 * (number - 2), drop_reply)
    assert calicoctl("create", "-f", "-", stdin=DEV_APPS) == done("created", 1, "Profile(dev-apps): created")
    assert etcd.keys(PROFILES) == DEV_APPS_KEYS


def test_delete_with_version_reads_before_each_delete(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a"), profile("b"), profile("c")))
    shown = calicoctl("get", "profile", "-o", "json").stdout
    proxy.reset()

    def change_tags_first(request: Request) -> bytes:
        etcd.put(f"{PROFILES}/c/tags", '["new"]')
        return request.forward()

    proxy.at(6, change_tags_first)
    result = calicoctl("delete", "-f", "-", stdin=shown)
    assert result.stdout == "Profile(a): deleted\nProfile(b): deleted\n"
    assert result.stderr.startswith(
        "Partial success: deleted the first 2 out of 3 'Profile' resources:\nHit error: update conflict: Profile(c)\n"
    )
    assert etcd.get(f"{PROFILES}/c/tags") == '["new"]'
    assert [request.replace(f"/v2/keys{PROFILES}", "") for request in proxy.requests] == [
        "GET ", "GET /v2/keys/calico/v1/host", "DELETE /a", "GET /b", "DELETE /b", "GET /c",
    ]  # fmt: skip


def test_delete_without_version_reads_once(etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a"), profile("b"), profile("c")))
    proxy.reset()

    def delete_first(request: Request) -> bytes:
        etcd.delete(f"{PROFILES}/c")
        return request.forward()

    proxy.at(3, delete_first)
    result = calicoctl("delete", "profile", "a", "b", "c")
    assert result == failed(
        "resource does not exist: Profile(c)",
        "Successfully deleted 2 'Profile' resource(s)\nProfile(a): deleted\nProfile(b): deleted\n",
    )
    assert [request.split(" ")[0] for request in proxy.requests] == ["GET", "GET", "DELETE", "DELETE", "DELETE"]


def test_delete_after_lost_request_deletes_recreated_profile(
    etcd: EtcdServer, calicoctl: Calicoctl, proxy: Proxy
) -> None:
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a"), profile("b")))
    proxy.reset()

    def recreate_first(request: Request) -> bytes:
        etcd.delete(f"{PROFILES}/b")
        etcd.put(f"{PROFILES}/b/tags", '["b"]')
        return request.forward()

    proxy.at(2, recreate_first)
    proxy.at(3, drop_request)
    assert calicoctl("delete", "profile", "a", "b").status == 0
    assert etcd.get(f"{PROFILES}/b/tags") is None


@pytest.mark.parametrize("parts", [(), ("tags",), ("tags", "labels")])
def test_create_completes_its_own_partial_profile(
    etcd: EtcdServer, calicoctl: Calicoctl, parts: tuple[str, ...]
) -> None:
    etcd.mkdir(f"{PROFILES}/dev-apps")
    for part in parts:
        etcd.put(f"{PROFILES}/dev-apps/{part}", DEV_APPS_KEYS[f"{PROFILES}/dev-apps/{part}"])
    assert calicoctl("create", "-f", "-", stdin=DEV_APPS) == done("created", 1, "Profile(dev-apps): created")
    assert etcd.keys(PROFILES) == DEV_APPS_KEYS


@pytest.mark.parametrize(
    ("part", "value"),
    [("tags", '["x"]'), ("labels", '{"stage": "x"}'), ("metadata", '{"labels": {"a": "b"}}'), ("rules", "{}")],
)
def test_create_refuses_partial_profile_of_another_writer(
    etcd: EtcdServer, calicoctl: Calicoctl, part: str, value: str
) -> None:
    etcd.put(f"{PROFILES}/dev-apps/{part}", value)
    assert calicoctl("create", "-f", "-", stdin=DEV_APPS) == failed(
        "Failed to create 'Profile' resource: resource already exists: Profile(dev-apps)"
    )
    assert etcd.keys(PROFILES) == {f"{PROFILES}/dev-apps/{part}": value}
