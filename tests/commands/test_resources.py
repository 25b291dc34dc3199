"""create, apply, replace, delete and diff on profiles, against a real etcd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calicoctl.datastore import keys
from calicoctl.etcd.form import LONGEST_CONDITION, MAX_FORM_BYTES
from tests.commands.resources import DEV_APPS, DEV_APPS_KEYS, NOTHING_WRITTEN, PROFILES, done, failed, profile, stdin_of
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer

# create


def test_create_stores_the_sample_of_the_page(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    assert calicoctl("create", "-f", "-", stdin=DEV_APPS) == done("created", 1, "Profile(dev-apps): created")
    assert etcd.keys(PROFILES) == DEV_APPS_KEYS


def test_create_of_what_exists(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("create", "-f", "-", stdin=DEV_APPS)
    before = etcd.index()
    message = "resource already exists: Profile(dev-apps)"
    assert calicoctl("create", "-f", "-", stdin=DEV_APPS) == failed(f"Failed to create 'Profile' resource: {message}")
    both = stdin_of(profile("new"), profile("dev-apps"))
    assert calicoctl("create", "-f", "-", stdin=both) == failed(f"Failed to create any 'Profile' resources: {message}")
    assert etcd.index() == before


def test_create_skips_what_exists(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("create", "-f", "-", stdin=DEV_APPS)
    both = stdin_of(profile("dev-apps"), profile("new"))
    expected = done("created", 1, "Profile(dev-apps): exists, skipped", "Profile(new): created")
    assert calicoctl("create", "-f", "-", "--skip-exists", stdin=both) == expected
    assert etcd.keys(f"{PROFILES}/dev-apps") == DEV_APPS_KEYS
    assert etcd.get(f"{PROFILES}/new/rules") == '{"inbound_rules": [], "outbound_rules": []}'


@pytest.mark.parametrize("name", ["_x", "a/b", "a b", ".", "..", "x" * 129, "é", "%2f"])
def test_names_that_are_not_created(etcd: EtcdServer, calicoctl: Calicoctl, name: str) -> None:
    for verb in ("create", "apply", "validate"):
        result = calicoctl(verb, "-f", "-", stdin=stdin_of(profile(name)))
        assert (result.status, result.stdout) == (1, "")
        assert ": metadata.name: " in result.stderr
    assert etcd.keys() == {}


@pytest.mark.parametrize("stored", [(), ("tags",), ("tags", "labels", "rules")])
@pytest.mark.parametrize("options", [(), ("--skip-exists",), ("--dry-run",)])
def test_create_refuses_a_resource_version_whatever_is_stored(
    etcd: EtcdServer, calicoctl: Calicoctl, stored: tuple[str, ...], options: tuple[str, ...]
) -> None:
    for part in stored:
        etcd.put(f"{PROFILES}/a/{part}", "[]" if part == "tags" else "{}")
    document = profile("a", meta_resourceVersion="5")
    problem = "stdin:1: Profile(a): metadata.resourceVersion: must not be set to create a resource\n"
    refused = Result(1, "", problem + NOTHING_WRITTEN)
    before = etcd.index()
    assert calicoctl("create", "-f", "-", *options, stdin=stdin_of(document)) == refused
    assert etcd.index() == before


def test_create_refuses_a_resource_version(calicoctl: Calicoctl) -> None:
    result = calicoctl("create", "-f", "-", stdin=stdin_of(profile("a", meta_resourceVersion="5")))
    problem = "stdin:1: Profile(a): metadata.resourceVersion: must not be set to create a resource\n"
    assert result == Result(1, "", problem + NOTHING_WRITTEN)
    document = profile("a", meta_resourceVersion="5", ingress=[{"action": "allow"}])
    another = 'stdin:1: Profile(a): spec.ingress[0].action: "allow" is not one of Allow, Deny, Log, Pass\n'
    result = calicoctl("create", "-f", "-", stdin=stdin_of(document))
    assert result == Result(1, "", problem + another + NOTHING_WRITTEN)


def test_labels_and_annotations_of_the_object_have_a_key_of_their_own(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    document = profile("a", meta_labels={"team": "x"}, meta_annotations={"why": "because"}, meta_tags=["web", "db"])
    calicoctl("create", "-f", "-", stdin=stdin_of(document))
    assert etcd.keys(PROFILES) == {
        f"{PROFILES}/a/labels": "{}",
        f"{PROFILES}/a/metadata": '{"labels": {"team": "x"}, "annotations": {"why": "because"}}',
        f"{PROFILES}/a/rules": '{"inbound_rules": [], "outbound_rules": []}',
        f"{PROFILES}/a/tags": '["web", "db"]',
    }


def test_the_other_commands_work_beside_the_key_of_labels_and_annotations(
    etcd: EtcdServer, calicoctl: Calicoctl
) -> None:
    calicoctl("create", "-f", "-", stdin=stdin_of(profile("a", meta_labels={"team": "x"})))
    assert calicoctl("profile", "a", "rule", "add", "inbound", "allow").status == 0
    assert calicoctl("profile", "a", "tag", "add", "web").status == 0
    assert calicoctl("profile", "add", "a").stdout == "Profile a already exists.\n"
    assert etcd.get(f"{PROFILES}/a/metadata") == '{"labels": {"team": "x"}}'
    assert calicoctl("profile", "remove", "a").status == 0
    assert etcd.keys() == {f"{PROFILES}/": None}


# apply


def test_apply_creates_then_leaves_alone_then_changes(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    assert calicoctl("apply", "-f", "-", stdin=DEV_APPS) == done("applied", 1, "Profile(dev-apps): created")
    before = etcd.index()
    assert calicoctl("apply", "-f", "-", stdin=DEV_APPS) == done("applied", 1, "Profile(dev-apps): unchanged")
    assert etcd.index() == before
    changed = DEV_APPS.replace("stage: development", "stage: production")
    assert calicoctl("apply", "-f", "-", stdin=changed) == done("applied", 1, "Profile(dev-apps): changed")
    assert etcd.keys(PROFILES) == {**DEV_APPS_KEYS, f"{PROFILES}/dev-apps/labels": '{"stage": "production"}'}
    assert etcd.index() == before + 1


def test_apply_leaves_alone_what_the_document_does_not_mention(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    full = profile("a", meta_tags=["web"], meta_labels={"l": "1"}, meta_annotations={"n": "2"})
    calicoctl("apply", "-f", "-", stdin=stdin_of(full))
    for verb in ("apply", "replace"):
        calicoctl(verb, "-f", "-", stdin=stdin_of(profile("a", egress=[{"action": "Allow"}])))
        assert etcd.get(f"{PROFILES}/a/tags") == '["web"]'
        assert etcd.get(f"{PROFILES}/a/metadata") == '{"labels": {"l": "1"}, "annotations": {"n": "2"}}'
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a", meta_tags=[], meta_labels={})))
    assert etcd.get(f"{PROFILES}/a/tags") == "[]"
    assert etcd.get(f"{PROFILES}/a/metadata") == '{"annotations": {"n": "2"}}'


def test_apply_over_a_legacy_profile_keeps_its_tag(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "WEB")
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("WEB", labelsToApply={"role": "web"})))
    assert result == done("applied", 1, "Profile(WEB): changed")
    assert etcd.keys(PROFILES) == {
        f"{PROFILES}/WEB/labels": '{"role": "web"}',
        f"{PROFILES}/WEB/rules": '{"inbound_rules": [], "outbound_rules": []}',
        f"{PROFILES}/WEB/tags": '["WEB"]',
    }


def test_several_networks_are_a_rule_each_and_come_back_as_one(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    rule = {
        "action": "Allow",
        "protocol": "TCP",
        "source": {"nets": ["10.0.0.0/8", "11.0.0.0/8"]},
        "destination": {"nets": ["12.0.0.0/8", "13.0.0.0/8"], "ports": [80]},
    }
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a", ingress=[rule])))
    stored = json.loads(etcd.get(f"{PROFILES}/a/rules") or "")["inbound_rules"]
    assert [(each["src_net"], each["dst_net"]) for each in stored] == [
        ("10.0.0.0/8", "12.0.0.0/8"),
        ("10.0.0.0/8", "13.0.0.0/8"),
        ("11.0.0.0/8", "12.0.0.0/8"),
        ("11.0.0.0/8", "13.0.0.0/8"),
    ]
    assert {tuple(each) for each in stored} == {("action", "dst_net", "protocol", "dst_ports", "src_net")}
    shown = json.loads(calicoctl("get", "profile", "a", "-o", "json").stdout)
    assert shown["spec"]["ingress"] == [rule]


def test_one_bad_document_keeps_all_from_being_written(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    text = """\
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: good}
---
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: bad, tag: web}
spec:
  ingress:
  - action: allow
    protocol: TCP
    source: {ports: [80, 010, 65536]}
---
apiVersion: v1
kind: profile
metadata: {name: older}
"""
    for verb in ("create", "apply"):
        assert calicoctl(verb, "-f", "-", stdin=text) == Result(
            1,
            "",
            "stdin:14: Unknown resource type (profile) and/or version (v1); known are Profile and ProfileList of "
            "projectcalico.org/v3\n"
            "stdin:5: Profile(bad): metadata.tag: is not a field here; did you mean tags?\n"
            "stdin:5: Profile(bad): spec.ingress[0].source.ports[1]: 010 is not accepted as a number: some programs "
            "read it as octal, others as decimal; write it without leading zeros\n"
            'stdin:5: Profile(bad): spec.ingress[0].action: "allow" is not one of Allow, Deny, Log, Pass\n'
            "stdin:5: Profile(bad): spec.ingress[0].source.ports[2]: 65536 is not a port from 0 to 65535 or a range "
            "such as 8000:8080\n" + NOTHING_WRITTEN,
        )
    assert etcd.keys() == {}


def test_all_problems_of_a_document_without_a_name(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    document = {**profile("a", ingress=[{"action": "allow"}]), "metadata": {}}
    problems = (
        "stdin:1: Profile(): metadata.name: is missing\n"
        'stdin:1: Profile(): spec.ingress[0].action: "allow" is not one of Allow, Deny, Log, Pass\n'
    )
    for verb in ("create", "apply", "replace"):
        assert calicoctl(verb, "-f", "-", stdin=stdin_of(document)) == Result(1, "", problems + NOTHING_WRITTEN)
    assert calicoctl("validate", "-f", "-", stdin=stdin_of(document)) == Result(1, "", problems)
    assert etcd.keys() == {}


def test_control_characters_in_names_do_not_reach_the_terminal(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    etcd.put(f"{PROFILES}/a\x1b\nb/rules", "{}")
    stdin = stdin_of(profile("a\x1b\nb"))
    shown = "Profile(a\\x1b\\x0ab)"
    assert calicoctl("apply", "-f", "-", stdin=stdin) == done("applied", 1, f"{shown}: unchanged")
    changed = stdin_of(profile("a\x1b\nb", labelsToApply={"a": "b"}))
    assert calicoctl("diff", "-f", "-", stdin=changed).stdout.splitlines()[0] == f"--- {shown} as it is stored"
    assert calicoctl("delete", "profile", "a\x1b\nb") == done("deleted", 1, f"{shown}: deleted")
    missing = f"resource does not exist: {shown}"
    assert calicoctl("delete", "-f", "-", stdin=stdin) == failed(f"Failed to delete 'Profile' resource: {missing}")
    assert calicoctl("get", "profile", "a\x1b\nb") == failed(f"Failed to get resources: {missing}")


def test_the_same_resource_twice(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a"), profile("a")))
    problem = "stdin:1: Profile(a): appears twice in the input, first at stdin:1\n"
    assert result == Result(1, "", problem + NOTHING_WRITTEN)
    assert etcd.keys() == {}


@pytest.mark.parametrize("text", ["", "---\n# nothing\n---\n", "[]", "null"])
def test_nothing_in_the_input(calicoctl: Calicoctl, text: str) -> None:
    for verb in ("create", "apply", "replace", "delete", "get", "validate"):
        assert calicoctl(verb, "-f", "-", stdin=text) == failed("No resources specified in file")
    assert calicoctl("diff", "-f", "-", stdin=text) == Result(2, "", "No resources specified in file\n")


def test_a_list_and_a_profile_list(calicoctl: Calicoctl) -> None:
    items = [{"metadata": {"name": "a"}}, profile("b")]
    listed = {"kind": "ProfileList", "apiVersion": "projectcalico.org/v3", "metadata": {"resourceVersion": "9"}}
    text = json.dumps({**listed, "items": items})
    assert calicoctl("apply", "-f", "-", stdin=text) == done("applied", 2, "Profile(a): created", "Profile(b): created")
    bad = calicoctl("apply", "-f", "-", stdin=json.dumps({**listed, "items": {"a": 1}, "more": 1}))
    assert bad.stderr == (
        'stdin:1: ProfileList: more: is not a field here\nstdin:1: ProfileList: items: {"a": 1} is not a list\n'
        + NOTHING_WRITTEN
    )


def test_what_is_larger_than_etcd_takes_is_refused_before_anything_is_written(
    etcd: EtcdServer, calicoctl: Calicoctl
) -> None:
    log = {"action": "Log", "logPrefix": "a%" * 3_000_000}
    big = profile("big", ingress=[log], meta_tags=["t" * 128] * 80_000, labelsToApply={"a b": "c"})
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("okay"), big))
    assert result == Result(
        1,
        "",
        'stdin:1: Profile(big): spec.labelsToApply["a b"]: "a b" is not accepted: a key has 1 to 63 letters, digits, '
        "dashes, underscores and dots, the first and last a letter or digit; a domain name and / may stand before it\n"
        "stdin:1: Profile(big): its tags are too large for etcd: 10,560,059 bytes in the form that etcd's v2 API "
        "takes, of at most 10,485,760; divide them among several profiles\n"
        "stdin:1: Profile(big): its rules are too large for etcd: 12,000,137 bytes in the form that etcd's v2 API "
        "takes, of at most 10,485,760; divide them among several profiles\n" + NOTHING_WRITTEN,
    )
    big = profile("big", ingress=[log])
    problem = result.stderr.splitlines()[2]
    for verb in ("create", "apply"):
        for options in ((), ("--dry-run",)):
            refused = calicoctl(verb, "-f", "-", *options, stdin=stdin_of(profile("okay"), big))
            assert refused == failed(f"{problem}\nNothing was written.")
    assert calicoctl("validate", "-f", "-", stdin=stdin_of(big)) == failed(problem)
    assert calicoctl("diff", "-f", "-", stdin=stdin_of(big)) == Result(2, "", problem + "\n")
    assert etcd.keys() == {}


def test_the_size_that_etcd_takes(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    largest = '{"inbound_rules": [{"action": "log", "log_prefix": ""}], "outbound_rules": []}'
    room = MAX_FORM_BYTES - LONGEST_CONDITION - len(f"value={largest}")
    for more, status in ((0, 0), (1, 1)):
        log = {"action": "Log", "logPrefix": "a" * (room + more)}
        assert calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a", ingress=[log]))).status == status
    # Another one takes the place of these rules, but while tags change too the bar before them is too much.
    before = etcd.index()
    other = profile("a", egress=[{"action": "Allow"}], meta_tags=["web"])
    assert calicoctl("apply", "-f", "-", stdin=stdin_of(other)) == failed(
        "stdin:1: Profile(a): its stored rules, with a temporary rule that denies everything while tags and labels "
        "change, are too large for etcd: 10,485,798 bytes in the form that etcd's v2 API takes, of at most 10,485,760; "
        "change the rules first, without other changes\n" + NOTHING_WRITTEN.rstrip()
    )
    assert etcd.index() == before
    for document in (profile("a", egress=[{"action": "Allow"}]), other):
        assert calicoctl("apply", "-f", "-", stdin=stdin_of(document)).status == 0


def test_what_is_no_resource_is_named_by_its_place(calicoctl: Calicoctl) -> None:
    text = """\
kind: ProfileList
apiVersion: projectcalico.org/v3
items:
- metadata: {name: a}
- b
---
- apiVersion: projectcalico.org/v3
  kind: Profile
  metadata: {name: c}
- 3
- kind: [a]
  apiVersion: {b: 1}
---

text
"""
    assert calicoctl("validate", "-f", "-", stdin=text) == failed(
        "stdin:1: ProfileList: items[1]: b is not a resource: a mapping with apiVersion and kind\n"
        "stdin:7: [1]: 3 is not a resource: a mapping with apiVersion and kind\n"
        'stdin:11: Unknown resource type (["a"]) and/or version ({"b": 1}); known are Profile and ProfileList of '
        "projectcalico.org/v3\n"
        "stdin:15: text is not a resource: a mapping with apiVersion and kind"
    )


# What is stored in a form that would be refused as new


def test_unchanged_rules_are_kept_with_a_warning(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    mapped = {"action": "allow", "src_net": "::ffff:1.2.3.4/128"}
    rules: Any = {"inbound_rules": [mapped], "outbound_rules": [{"future": 1}]}
    etcd.put(f"{PROFILES}/old/rules", json.dumps(rules))
    shown = calicoctl("get", "profile", "old", "-o", "yaml").stdout
    before = etcd.index()
    result = calicoctl("apply", "-f", "-", stdin=shown)
    assert result._replace(stderr="") == done("applied", 1, "Profile(old): unchanged")
    assert result.stderr == (
        "Warning: Profile(old): spec.ingress[0] is kept as it is stored, though it would be refused as new: "
        'source.nets[0]: "::ffff:1.2.3.4/128" is not accepted: some programs read it as IPv4, others as IPv6: write it '
        'as IPv4.\n'
        "Warning: Profile(old): spec.egress[0] is kept as it is stored, though it would be refused as new: "
        "storedFields: is only accepted in a rule that is already stored in this profile and unchanged.\n"
    )
    assert etcd.index() == before
    more = shown.replace("  ingress:\n", "  ingress:\n  - action: Deny\n")
    assert calicoctl("apply", "-f", "-", stdin=more).status == 0
    stored = json.loads(etcd.get(f"{PROFILES}/old/rules") or "")
    assert stored == {**rules, "inbound_rules": [{"action": "deny"}, *rules["inbound_rules"]]}


def test_stored_fields_cannot_be_made_up(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    document = profile("a", ingress=[{"action": "Allow", "storedFields": {"x": 1}}], storedFields={"order": 1})
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(document))
    assert result.stderr == (
        "stdin:1: Profile(a): spec.ingress[0].storedFields: is only accepted in a rule that is already stored in this "
        "profile and unchanged\n"
        "stdin:1: Profile(a): spec.storedFields.order: is only accepted here if this profile already has it with this "
        "value\n"
        + NOTHING_WRITTEN
    )


def test_the_id_that_other_tools_write_can_be_any_text(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    document = profile("a", storedFields={"id": "b"})
    assert calicoctl("apply", "-f", "-", stdin=stdin_of(document)).status == 0
    assert etcd.get(f"{PROFILES}/a/rules") == '{"inbound_rules": [], "outbound_rules": [], "id": "b"}'
    document = profile("a", storedFields={"id": [1]})
    assert calicoctl("apply", "-f", "-", stdin=stdin_of(document)).status == 1


def test_replace_rewrites_what_go_has_stored_and_apply_does_not(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    rules = '{"inbound_rules":[{"action":"allow","src_nets":["10.0.0.0/8","11.0.0.0/8"]}]}'
    for part, value in (("tags", "[]"), ("labels", "{}"), ("rules", rules)):
        etcd.put(f"{PROFILES}/go/{part}", value)
    shown = calicoctl("get", "profile", "go", "-o", "yaml", "--export").stdout
    result = calicoctl("apply", "-f", "-", stdin=shown)
    assert result.stdout == done("applied", 1, "Profile(go): unchanged").stdout
    assert result.stderr == (
        "Warning: Profile(go): spec.ingress[0] is kept as it is stored; 'calicoctl replace' rewrites it in the "
        "form of new rules, which every version of Felix reads.\n"
    )
    assert etcd.get(f"{PROFILES}/go/rules") == rules
    assert calicoctl("replace", "-f", "-", stdin=shown) == done("replaced", 1, "Profile(go): changed")
    assert json.loads(etcd.get(f"{PROFILES}/go/rules") or "")["inbound_rules"] == [
        {"action": "allow", "src_net": "10.0.0.0/8"},
        {"action": "allow", "src_net": "11.0.0.0/8"},
    ]


def test_a_profile_without_rules_key(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    etcd.put(f"{PROFILES}/half/tags", '["web"]')
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("half")))
    assert result.stdout == done("applied", 1, "Profile(half): unchanged").stdout
    assert result.stderr == (
        "Warning: Profile(half): it has no rules key, so Felix treats it as missing and drops the traffic of its "
        "endpoints; 'calicoctl replace' writes it.\n"
    )
    assert calicoctl("replace", "-f", "-", stdin=stdin_of(profile("half"))) == done(
        "replaced", 1, "Profile(half): changed"
    )
    assert etcd.keys(PROFILES) == {
        f"{PROFILES}/half/labels": "{}",
        f"{PROFILES}/half/rules": '{"inbound_rules": [], "outbound_rules": []}',
        f"{PROFILES}/half/tags": '["web"]',
    }


def test_a_number_that_could_not_be_stored_again(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    """Python reads it, and would write Infinity, which no other program takes."""
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("P")))
    etcd.put(f"{PROFILES}/P/metadata", '{"labels": {"a": "b"}, "later": 1e999}')
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("P", meta_labels={"a": "c"})))
    assert result.stderr == (
        "Warning: Profile(P): its metadata cannot be read (it is not JSON (the number 1e999 is out of range at line 1, "
        "column 33)) and are replaced.\n"
    )
    assert etcd.get(f"{PROFILES}/P/metadata") == '{"labels": {"a": "c"}}'


def test_labels_and_annotations_that_are_not_mentioned_are_kept_also_where_they_cannot_be_read(
    etcd: EtcdServer, calicoctl: Calicoctl
) -> None:
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("P")))
    key = f"{PROFILES}/P/metadata"
    etcd.put(key, '{"labels": {"a": "b"}, "annotations": {"x": 1}, "more": [1]}')
    unreadable = "Profile(P): its metadata.annotations cannot be read (it is not an object of strings)"
    for labels, change in (({"a": "c"}, "changed"), ({"a": "c"}, "unchanged"), ({}, "changed"), ({}, "unchanged")):
        assert calicoctl("apply", "-f", "-", stdin=stdin_of(profile("P", meta_labels=labels))) == Result(
            0,
            done("applied", 1, f"Profile(P): {change}").stdout,
            f"Warning: {unreadable} and stay unchanged: the document does not mention them.\n",
        )
        expected = {"labels": labels, "annotations": {"x": 1}, "more": [1]}
        assert json.loads(etcd.get(key) or "") == {name: value for name, value in expected.items() if value}
    document = stdin_of(profile("P", meta_annotations={}))
    difference = calicoctl("diff", "-f", "-", stdin=document)
    assert difference.stdout.splitlines()[3] == f"-# {unreadable.partition(' ')[2]}"
    replaced = Result(0, done("applied", 1, "Profile(P): changed").stdout, f"Warning: {unreadable} and are replaced.\n")
    assert calicoctl("apply", "-f", "-", stdin=document) == replaced
    assert etcd.get(key) == '{"more": [1]}'


def test_what_cannot_be_read_is_replaced_with_a_warning(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    for part, value in (("tags", "web"), ("labels", '{"a": 1}'), ("rules", "{")):
        etcd.put(f"{PROFILES}/broken/{part}", value)
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("broken")))
    assert result.stdout == done("applied", 1, "Profile(broken): changed").stdout
    assert result.stderr == (
        "Warning: Profile(broken): its tags cannot be read (it is not JSON (Expecting value at line 1, column 1))"
        " and stay unchanged: the document does not mention them.\n"
        "Warning: Profile(broken): its labels cannot be read (it is not an object of strings) and are replaced.\n"
        "Warning: Profile(broken): its rules cannot be read (Expecting property name enclosed in double quotes at line "
        "1, column 2) and are replaced.\n"
    )
    assert etcd.keys(PROFILES) == {
        f"{PROFILES}/broken/labels": "{}",
        f"{PROFILES}/broken/rules": '{"inbound_rules": [], "outbound_rules": []}',
        f"{PROFILES}/broken/tags": "web",
    }


# replace


def test_directories_in_place_of_keys(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    for part in ("tags", "rules", "labels", "metadata"):
        etcd.mkdir(f"{PROFILES}/D/{part}")
    before = etcd.index()
    complaints = "".join(
        f"Cannot read {PROFILES}/D/{part}: it is a directory.\n" for part in ("tags", "labels", "metadata", "rules")
    )
    assert calicoctl("get", "profile", "D", "-o", "yaml") == Result(1, "", complaints)
    document = stdin_of(profile("D"))
    problems = "".join(
        f"stdin:1: Profile(D): {PROFILES}/D/{part} is a directory, so it cannot be written; "
        "'calicoctl delete' removes the profile and everything below it\n"
        for part in ("labels", "rules")
    )
    for verb in ("apply", "replace"):
        for options in ((), ("--dry-run",)):
            assert calicoctl(verb, "-f", "-", *options, stdin=document) == failed(f"{problems}Nothing was written.")
    assert calicoctl("diff", "-f", "-", stdin=document) == Result(2, "", problems)
    exists = "Failed to create 'Profile' resource: resource already exists: Profile(D)"
    assert calicoctl("create", "-f", "-", stdin=document) == failed(exists)
    assert etcd.index() == before
    assert calicoctl("delete", "profile", "D").status == 0
    assert calicoctl("apply", "-f", "-", stdin=document).status == 0


@pytest.mark.parametrize("name", ["v", "_v", "a/b"])
def test_a_value_in_place_of_a_profile(etcd: EtcdServer, calicoctl: Calicoctl, name: str) -> None:
    key = f"{PROFILES}/{keys.escaped(name)}"
    etcd.put(key, "x")
    before = etcd.index()
    complaint = f"Cannot read {key}: it is a value where the profile's directory should be."
    for output in ("ps", "yaml"):
        assert calicoctl("get", "profile", name, "-o", output) == failed(complaint)
    problem = f"{key} is a value where the profile's directory should be; 'calicoctl delete' removes it"
    does_not_exist = f"resource does not exist: Profile({name})"
    for documents in ([profile(name)], [profile("a"), profile(name)]):
        stdin = stdin_of(*documents)
        for verb, options in (("apply", ()), ("apply", ("--dry-run",)), ("create", ()), ("create", ("--skip-exists",))):
            result = calicoctl(verb, "-f", "-", *options, stdin=stdin)
            assert (result.status, result.stdout) == (1, "")
            assert f"stdin:1: Profile({name}): {problem}\n" in result.stderr
        assert calicoctl("diff", "-f", "-", stdin=stdin).stderr.endswith(f"stdin:1: Profile({name}): {problem}\n")
        assert does_not_exist in calicoctl("replace", "-f", "-", stdin=stdin).stderr
    assert etcd.index() == before
    assert calicoctl("delete", "profile", name) == done("deleted", 1, f"Profile({name}): deleted")
    assert etcd.get(key) is None


def test_replace_of_what_does_not_exist(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    assert calicoctl("replace", "-f", "-", stdin=DEV_APPS) == failed(
        "Failed to replace 'Profile' resource: resource does not exist: Profile(dev-apps)"
    )
    assert etcd.keys() == {}


def test_replace(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "dev-apps")
    assert calicoctl("replace", "-f", "-", stdin=DEV_APPS) == done("replaced", 1, "Profile(dev-apps): changed")
    assert etcd.keys(PROFILES) == {**DEV_APPS_KEYS, f"{PROFILES}/dev-apps/tags": '["dev-apps"]'}
    assert calicoctl("replace", "-f", "-", stdin=DEV_APPS) == done("replaced", 1, "Profile(dev-apps): unchanged")


# delete


def test_delete_by_names_and_aliases(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    for name in "abcd":
        calicoctl("profile", "add", name)
    assert calicoctl("delete", "Profile", "a", "b", "a") == done(
        "deleted", 2, "Profile(a): deleted", "Profile(b): deleted"
    )
    for word, name in (("PROS", "c"), ("pro", "d")):
        assert calicoctl("delete", word, name).status == 0
    assert etcd.keys() == {f"{PROFILES}/": None}


def test_delete_by_file_needs_the_name_only(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "a")
    document = profile("a", ingress=[{"action": "nonsense"}], unknown=1)
    assert calicoctl("delete", "-f", "-", stdin=stdin_of(document)) == done("deleted", 1, "Profile(a): deleted")
    assert etcd.keys() == {f"{PROFILES}/": None}


def test_delete_by_file_refuses_a_misspelt_version(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "a")
    before = etcd.index()
    document = profile("a", meta_resourceVerison="1")
    problem = "stdin:1: Profile(a): metadata.resourceVerison: is not a field here; did you mean resourceVersion?\n"
    assert calicoctl("delete", "-f", "-", stdin=stdin_of(document)) == Result(1, "", problem + NOTHING_WRITTEN)
    assert etcd.index() == before


def test_a_profile_in_use_is_deleted_with_a_warning(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "P")
    for number in range(11):
        key = f"/calico/v1/host/h/workload/o/w{number:02}/endpoint/e"
        etcd.put(key, json.dumps({"name": "cali1", "state": "active", "profile_ids": ["P", "P"]}))
    etcd.put("/calico/v1/host/h/workload/o/x/endpoint/e", "no JSON")
    names = ", ".join(f"h/o/w{number:02}/e" for number in range(10))
    warning = (
        f"Warning: Profile(P): 11 endpoints use it ({names}, ...); endpoints that cannot be read (see 'calicoq "
        "check'): 1. Felix will drop all their traffic that no earlier profile allows.\n"
    )
    assert calicoctl("delete", "profile", "P", "--dry-run").stderr == warning
    result = calicoctl("delete", "profile", "P")
    assert result == Result(0, done("deleted", 1, "Profile(P): deleted").stdout, warning)


@pytest.mark.parametrize("verb", ["apply", "replace", "diff"])
def test_a_document_without_a_spec_takes_all_rules_away_with_a_warning(
    etcd: EtcdServer, calicoctl: Calicoctl, verb: str
) -> None:
    calicoctl("profile", "add", "P")
    document = json.dumps({"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "P"}})
    begin = "Warning: Profile(P): the document has no spec, so all of its 2 stored rules are removed; "
    assert calicoctl("diff", "-f", "-", stdin=document).stderr == f"{begin}no endpoint uses it.\n"
    etcd.put("/calico/v1/host/h/endpoint/e", json.dumps({"name": "eth0", "profile_ids": ["P"]}))
    assert calicoctl(verb, "-f", "-", stdin=document).stderr == f"{begin}1 endpoint uses it (h/e).\n"


def test_an_empty_spec_takes_all_rules_of_a_profile_in_use_away_with_a_warning(
    etcd: EtcdServer, calicoctl: Calicoctl
) -> None:
    calicoctl("profile", "add", "P")
    document = stdin_of(profile("P", ingress=[], egress=[]))
    assert calicoctl("diff", "-f", "-", stdin=document).stderr == ""
    etcd.put("/calico/v1/host/h/endpoint/e", json.dumps({"name": "eth0", "profile_ids": ["P"]}))
    assert calicoctl("apply", "-f", "-", stdin=document).stderr == (
        "Warning: Profile(P): the document has no rules, so all of its 2 stored rules are removed; 1 endpoint uses it "
        "(h/e).\n"
    )


def test_a_stream_of_json_documents(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "a")
    calicoctl("profile", "add", "b")
    items = json.loads(calicoctl("get", "profile", "-o", "json").stdout)["items"]
    stream = "\n".join(json.dumps(item, indent=2) for item in items)  # as jq '.items[]' prints it
    unchanged = ("Profile(a): unchanged", "Profile(b): unchanged")
    assert calicoctl("apply", "-f", "-", stdin=stream) == done("applied", 2, *unchanged)
    close = "".join(json.dumps(item) for item in items)
    assert calicoctl("validate", "-f", "-", stdin=close).status == 0
    line = json.dumps(items[0], indent=2).count("\n") + 2
    bad = stream.replace('"name": "b"', '"nam": "b"')
    assert calicoctl("validate", "-f", "-", stdin=bad).stderr.startswith(f"stdin:{line}: ")


def test_a_rule_of_many_networks_says_how_many_it_becomes(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    warning = "Warning: Profile(P): spec.ingress[0]: it becomes 101 stored rules, one for each network.\n"
    for count, expected in ((100, ""), (101, warning)):
        nets = [f"10.{number}.0.0/16" for number in range(count)]
        document = stdin_of(profile("P", ingress=[{"action": "Allow", "source": {"nets": nets}}]))
        assert calicoctl("apply", "-f", "-", stdin=document).stderr == expected
    given = json.dumps({"inbound_rules": [{"src_nets": nets, "action": "deny"}], "outbound_rules": []})
    result = calicoctl("profile", "P", "rule", "update", stdin=given)
    assert result.stderr.startswith("Warning: inbound rule 1: it becomes 101 stored rules, one for each network.\n")


@pytest.mark.parametrize("field", ["selector", "notSelector"])
def test_an_in_of_one_value_is_stored_as_an_equality(etcd: EtcdServer, calicoctl: Calicoctl, field: str) -> None:
    selector, better = "role in {'db'} && has(team)", "role == 'db' && has(team)"
    rule = {"action": "Allow", "source": {field: selector}}
    document = stdin_of(profile("P", ingress=[rule]))
    key = "src_selector" if field == "selector" else "!src_selector"
    warning = f'{key}: "{selector}" is stored as "{better}": Felix 1.4 may not apply the original'
    result = calicoctl("apply", "-f", "-", stdin=document)
    assert (result.status, result.stderr) == (0, f"Warning: Profile(P): spec.ingress[0]: {warning}.\n")
    rules = etcd.get(f"{PROFILES}/P/rules") or ""
    assert json.loads(rules)["inbound_rules"] == [{"action": "allow", key: better}]
    assert calicoctl("diff", "-f", "-", stdin=document).status == 0
    given = json.dumps({"inbound_rules": [{key: selector}], "outbound_rules": []})
    result = calicoctl("profile", "P", "rule", "update", stdin=given)
    assert result.stderr.startswith(f"Warning: inbound rule 1: {warning}.\n")
    # What is stored so already stays so, and is named.
    etcd.put(f"{PROFILES}/P/rules", given)
    shown = calicoctl("get", "profile", "P", "-o", "yaml").stdout
    kept = calicoctl("apply", "-f", "-", stdin=shown)
    assert (kept.status, "calicoctl replace' rewrites it" in kept.stderr) == (0, True)
    assert etcd.get(f"{PROFILES}/P/rules") == given


def test_host_bits_are_kept_with_a_warning(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    """What `rule update` takes documents take, also where another field of the rule is changed."""
    rule = {"action": "allow", "protocol": "tcp", "src_net": "10.1.2.3/8", "dst_ports": [0]}
    given = json.dumps({"inbound_rules": [rule], "outbound_rules": []})
    calicoctl("profile", "add", "P")
    remark = "src_net: 10.1.2.3/8 has bits set beyond its prefix length: it means 10.0.0.0/8"
    result = calicoctl("profile", "P", "rule", "update", stdin=given)
    assert result.stderr.startswith(f"Warning: inbound rule 1: {remark}.\n")
    shown = json.loads(calicoctl("get", "profile", "P", "-o", "json").stdout)
    shown["spec"]["ingress"][0]["destination"]["tag"] = "WEB"
    result = calicoctl("apply", "-f", "-", stdin=json.dumps(shown))
    assert (result.status, result.stderr) == (0, f"Warning: Profile(P): spec.ingress[0]: {remark}.\n")
    stored = json.loads(etcd.get(f"{PROFILES}/P/rules") or "")["inbound_rules"]
    assert stored == [{**rule, "dst_tag": "WEB"}]
    again = json.dumps({"inbound_rules": [{**stored[0], "action": "deny"}], "outbound_rules": []})
    assert calicoctl("profile", "P", "rule", "update", stdin=again).status == 0


def test_an_empty_selector_is_every_endpoint_in_a_document(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    rules = '{"inbound_rules": [{"action": "allow", "src_selector": ""}], "outbound_rules": []}'
    etcd.put(f"{PROFILES}/P/rules", rules)
    shown = json.loads(calicoctl("get", "profile", "P", "-o", "json").stdout)
    assert shown["spec"]["ingress"][0]["source"] == {"selector": "all()"}
    shown["spec"]["ingress"][0]["protocol"] = "TCP"
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(shown)).status == 0
    assert json.loads(etcd.get(f"{PROFILES}/P/rules") or "")["inbound_rules"] == [
        {"action": "allow", "src_selector": "all()", "protocol": "tcp"}
    ]


def test_ports_as_text_become_numbers_with_a_change(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    rules = '{"inbound_rules": [{"action": "allow", "protocol": "tcp", "dst_ports": ["80"]}], "outbound_rules": []}'
    etcd.put(f"{PROFILES}/P/rules", rules)
    shown = json.loads(calicoctl("get", "profile", "P", "-o", "json").stdout)
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(shown)).stdout.endswith("Profile(P): unchanged\n")
    assert etcd.get(f"{PROFILES}/P/rules") == rules
    shown["spec"]["egress"] = [{"action": "Deny"}]
    result = calicoctl("apply", "-f", "-", stdin=json.dumps(shown))
    mended = "ports stored as text, which make Felix reject the profile, are now numbers in 1 rule(s)"
    assert f"Warning: Profile(P): {mended}.\n" in result.stderr
    assert json.loads(etcd.get(f"{PROFILES}/P/rules") or "")["inbound_rules"][0]["dst_ports"] == [80]


def test_delete_of_what_does_not_exist(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "a")
    message = "resource does not exist: Profile(nope)"
    assert calicoctl("delete", "profile", "nope") == failed(f"Failed to delete 'Profile' resource: {message}")
    several = f"Failed to delete any 'Profile' resources: {message}\nresource does not exist: Profile(never)"
    assert calicoctl("delete", "profile", "nope", "never") == failed(several)
    # As it is when a command that was interrupted is given again
    answer = "Successfully deleted 1 'Profile' resource(s)\nProfile(a): deleted\n"
    assert calicoctl("delete", "profile", "a", "nope") == failed(message, answer)
    calicoctl("profile", "add", "a")
    assert calicoctl("delete", "profile", "nope", "a", "--skip-not-exists") == done(
        "deleted", 1, "Profile(nope): does not exist, skipped", "Profile(a): deleted"
    )
    assert etcd.keys() == {f"{PROFILES}/": None}


@pytest.mark.parametrize("name", ["x" * 200_000, "_" + "x" * 200_000, "%" * 1500, "é" * 1000, "x" * 3974])
def test_a_name_that_is_too_long_for_any_key(etcd: EtcdServer, calicoctl: Calicoctl, name: str) -> None:
    calicoctl("profile", "add", "a")
    before = etcd.index()
    for verb in ("delete", "get"):
        for names in ((name,), (name, name + "x"), (name, "nope")):
            result = calicoctl(verb, "profile", *names)
            assert (result.status, result.stdout) == (1, "")
            assert " resource does not exist: Profile(" in result.stderr
    assert calicoctl("get", "profile", name, "a", "-o", "name").stdout == "a\n"
    document = stdin_of(profile(name))
    for verb in ("apply", "create"):
        assert ": metadata.name: " in calicoctl(verb, "-f", "-", stdin=document).stderr
    assert " resource does not exist: Profile(" in calicoctl("replace", "-f", "-", stdin=document).stderr
    assert etcd.index() == before


@pytest.mark.parametrize("name", [".", "..", ""])
def test_delete_never_takes_a_path_for_a_name(etcd: EtcdServer, calicoctl: Calicoctl, name: str) -> None:
    calicoctl("profile", "add", "a")
    before = etcd.index()
    for verb in ("delete", "get"):
        result = calicoctl(verb, "profile", name)
        assert (result.status, result.stdout) == (1, "")
        assert result.stderr.startswith(f"command line: Profile(): metadata.name: {name or 'is missing'}"[:48])
    assert etcd.index() == before


def test_an_unknown_kind(calicoctl: Calicoctl) -> None:
    for verb in ("get", "delete"):
        assert calicoctl(verb, "prof", "x") == failed(
            "resource type 'prof' is not supported\nKnown are: profile, profiles, pro, pros"
        )


# resourceVersion


def test_a_stale_resource_version(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    shown = json.loads(calicoctl("get", "profile", "dev-apps", "-o", "json").stdout)
    version = shown["metadata"]["resourceVersion"]
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(shown)).status == 0
    calicoctl("profile", "dev-apps", "tag", "add", "web")
    newer = etcd.index()
    for verb in ("apply", "replace", "delete"):
        assert calicoctl(verb, "-f", "-", stdin=json.dumps(shown)) == failed(
            f"Failed to {verb} 'Profile' resource: update conflict: Profile(dev-apps)\n"
            f"The resourceVersion given is {version}, and the resource is {newer} now: get it again and repeat the "
            "change, or leave resourceVersion out to overwrite what others have written."
        )
    assert etcd.index() == newer
    shown["metadata"]["resourceVersion"] = str(newer)
    assert calicoctl("delete", "-f", "-", stdin=json.dumps(shown)).status == 0
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(shown)).stderr.startswith(
        "Failed to apply 'Profile' resource: update conflict: Profile(dev-apps)\n"
        f"The resourceVersion given is {newer}, and the resource does not exist any more"
    )


@pytest.mark.parametrize("part", ["tags", "labels", "metadata", "rules"])
def test_the_version_is_the_latest_of_any_key(etcd: EtcdServer, calicoctl: Calicoctl, part: str) -> None:
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a", meta_labels={"x": "y"})))
    etcd.put(f"{PROFILES}/a/{part}", etcd.get(f"{PROFILES}/a/{part}") or "")
    shown = json.loads(calicoctl("get", "profile", "a", "-o", "json").stdout)
    assert shown["metadata"]["resourceVersion"] == str(etcd.index())


# --dry-run


def test_dry_run(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a"), profile("b")))
    before = etcd.index()
    documents = stdin_of(profile("a"), profile("b", egress=[{"action": "Allow"}]))
    lead = "Dry run, nothing was written: would have successfully"
    both = "Profile(a): unchanged\nProfile(b): changed\n"
    for verb, past in (("apply", "applied"), ("replace", "replaced")):
        result = calicoctl(verb, "-f", "-", "--dry-run", stdin=documents)
        assert result == Result(0, f"{lead} {past} 2 'Profile' resource(s)\n{both}", "")
    assert calicoctl("create", "-f", "-", "--dry-run", stdin=DEV_APPS) == Result(
        0, f"{lead} created 1 'Profile' resource(s)\nProfile(dev-apps): created\n", ""
    )
    assert calicoctl("delete", "profile", "a", "--dry-run") == Result(
        0, f"{lead} deleted 1 'Profile' resource(s)\nProfile(a): deleted\n", ""
    )
    assert calicoctl("create", "-f", "-", "--dry-run", stdin=documents).status == 1
    assert etcd.index() == before


# diff


def test_diff(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    assert calicoctl("diff", "-f", "-", stdin=stdin_of(profile("a"))) == Result(
        1,
        "--- /dev/null\n"
        "+++ Profile(a) as the document says\n"
        "@@ -0,0 +1,5 @@\n"
        "+apiVersion: projectcalico.org/v3\n"
        "+kind: Profile\n"
        "+metadata:\n"
        "+  name: a\n"
        "+spec: {}\n",
        "",
    )
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    before = etcd.index()
    assert calicoctl("diff", "-f", "-", stdin=DEV_APPS) == Result(0, "", "")
    changed = DEV_APPS.replace("action: Deny", "action: Log")
    assert calicoctl("diff", "-f", "-", stdin=changed) == Result(
        1,
        "--- Profile(dev-apps) as it is stored\n"
        "+++ Profile(dev-apps) as the document says\n"
        "@@ -8,7 +8,7 @@\n"
        "     destination: {}\n"
        "     source: {}\n"
        "   ingress:\n"
        "-  - action: Deny\n"
        "+  - action: Log\n"
        "     destination: {}\n"
        "     source:\n"
        "       nets:\n",
        "",
    )
    assert etcd.index() == before


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ("rules", '{"inbound_rules": 3}', "its rules cannot be read (inbound_rules is not a list of objects)"),
        ("labels", "[]", "its labels cannot be read (it is not an object)"),
        ("tags", "{}", "its tags cannot be read (it is not a list of strings)"),
    ],
)
def test_diff_shows_that_what_cannot_be_read_is_replaced(
    etcd: EtcdServer, calicoctl: Calicoctl, part: str, value: str, reason: str
) -> None:
    document = stdin_of(profile("a", meta_tags=[]))
    calicoctl("create", "-f", "-", stdin=document)
    etcd.put(f"{PROFILES}/a/{part}", value)
    assert calicoctl("diff", "-f", "-", stdin=document) == Result(
        1,
        "--- Profile(a) as it is stored\n"
        "+++ Profile(a) as the document says\n"
        "@@ -1,4 +1,3 @@\n"
        f"-# {reason}\n"
        " apiVersion: projectcalico.org/v3\n"
        " kind: Profile\n"
        " metadata:\n",
        f"Warning: Profile(a): {reason} and are replaced.\n",
    )


def test_diff_fails_with_2(calicoctl: Calicoctl) -> None:
    usage = "--filename is missing after 'diff'\nUsage:\n  calicoctl diff --filename=<FILENAME> [--recursive]\n"
    assert calicoctl("diff") == Result(2, "", usage)
    assert calicoctl("diff", "-f", "-", stdin=stdin_of(profile("a b"))).status == 2
    assert calicoctl("diff", "-f", "/nonexistent") == Result(
        2, "", "Failed to execute command: open /nonexistent: no such file or directory\n"
    )
    assert calicoctl("diff", "-f", "-", stdin=DEV_APPS, env={"ETCD_AUTHORITY": "nonsense"}).status == 2
    assert calicoctl("diff", "-f", "-", stdin=DEV_APPS, env={"ETCD_AUTHORITY": "127.0.0.1:1"}).status == 2
    assert calicoctl("diff", "--help").status == 0


# validate


def test_validate_needs_no_etcd(calicoctl: Calicoctl) -> None:
    nowhere = {"ETCD_AUTHORITY": "nonsense"}
    assert calicoctl("validate", "-f", "-", stdin=DEV_APPS, env=nowhere) == Result(
        0, "Successfully validated 1 'Profile' resource(s)\n", ""
    )
    result = calicoctl("validate", "-f", "-", stdin=DEV_APPS.replace("Deny", "deny"), env=nowhere)
    assert result == failed(
        'stdin:1: Profile(dev-apps): spec.ingress[0].action: "deny" is not one of Allow, Deny, Log, Pass'
    )


def test_validate_takes_a_document_with_a_version(calicoctl: Calicoctl) -> None:
    assert calicoctl("validate", "-f", "-", stdin=stdin_of(profile("a", meta_resourceVersion="7"))).status == 0


# Files


def test_files(calicoctl: Calicoctl, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(json.dumps(profile("b")), encoding="utf-8-sig")
    (tmp_path / "c" / "d").mkdir(parents=True)
    (tmp_path / "c" / "d" / "x.yml").write_text("---\n" + json.dumps(profile("x")) + "\n---\n" + DEV_APPS)
    (tmp_path / "a.JSON").write_text(json.dumps([profile("a")]))
    (tmp_path / "README.md").write_text("no resource")
    (tmp_path / ".hidden.yaml").write_text("no resource")
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "a.yaml").write_text("no resource")
    assert calicoctl("create", "-f", str(tmp_path), "--recursive") == done(
        "created", 4, *(f"Profile({name}): created" for name in ("a", "b", "x", "dev-apps"))
    )
    assert calicoctl("apply", "-f", str(tmp_path / "b.yaml")) == done("applied", 1, "Profile(b): unchanged")
    assert calicoctl("apply", "-f", str(tmp_path)) == failed(
        f"Failed to execute command: read {tmp_path}: is a directory\nUse --recursive to read the files in it."
    )


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="this system has no /proc/self/mem")
def test_a_file_that_opens_but_cannot_be_read(calicoctl: Calicoctl) -> None:
    complaint = "Failed to execute command: read /proc/self/mem: input/output error\n"
    assert calicoctl("apply", "-f", "/proc/self/mem") == Result(1, "", complaint)


def test_files_that_cannot_be_read(calicoctl: Calicoctl, tmp_path: Path) -> None:
    missing = str(tmp_path / "nofile.yaml")
    assert calicoctl("create", "-f", missing) == failed(
        f"Failed to execute command: open {missing}: no such file or directory"
    )
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: \xe9")
    assert calicoctl("create", "-f", str(latin)) == failed(f"Failed to execute command: {latin} is not UTF-8: byte 4")
    broken = tmp_path / "broken.yaml"
    broken.write_text("kind: Profile\nmetadata: a: b\n")
    assert calicoctl("create", "-f", str(broken)) == Result(
        1,
        "",
        f"{broken}: error parsing document: line 2, column 12: mapping values are not allowed in this context\n"
        + NOTHING_WRITTEN,
    )
    (tmp_path / "empty").mkdir()
    assert calicoctl("create", "-f", str(tmp_path / "empty"), "--recursive") == failed("No resources specified in file")


def test_a_fault_of_one_document_does_not_hide_what_is_wrong_with_those_before_it(calicoctl: Calicoctl) -> None:
    a, b = (json.dumps(profile(name, more=1)) for name in "ab")
    text = f"{a}\n---\nkind: Pod\n---\na: b: c\n---\n{b}\n"
    assert calicoctl("apply", "-f", "-", stdin=text) == Result(
        1,
        "",
        "stdin:3: Unknown resource type (Pod) and/or version (); known are Profile and ProfileList of "
        "projectcalico.org/v3\n"
        "stdin: error parsing document: line 5, column 5: mapping values are not allowed in this context\n"
        "stdin:1: Profile(a): spec.more: is not a field here\n" + NOTHING_WRITTEN,
    )


def test_a_file_of_a_directory_that_cannot_be_read_does_not_hide_what_is_wrong_with_the_others(
    calicoctl: Calicoctl, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xe9")
    (tmp_path / "b.yaml").symlink_to("nowhere")
    (tmp_path / "c.yaml").write_text(json.dumps(profile("c", more=1)))
    assert calicoctl("apply", "-f", str(tmp_path), "--recursive") == Result(
        1,
        "",
        f"{tmp_path}/a.yaml is not UTF-8: byte 4\n"
        f"open {tmp_path}/b.yaml: no such file or directory\n"
        f"{tmp_path}/c.yaml:1: Profile(c): spec.more: is not a field here\n" + NOTHING_WRITTEN,
    )


def test_the_problems_of_all_files_are_reported(etcd: EtcdServer, calicoctl: Calicoctl, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text(json.dumps(profile("b", more=1)))
    (tmp_path / "c.yaml").write_text(json.dumps([1, profile("c")]))
    assert calicoctl("apply", "-f", str(tmp_path), "--recursive") == Result(
        1,
        "",
        f"{tmp_path}/a.yaml: error parsing document: line 2, column 1: did not find expected node content\n"
        f"{tmp_path}/c.yaml:1: [0]: 1 is not a resource: a mapping with apiVersion and kind\n"
        f"{tmp_path}/b.yaml:1: Profile(b): spec.more: is not a field here\n" + NOTHING_WRITTEN,
    )
    assert etcd.keys() == {}
