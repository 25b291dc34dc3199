"""Warnings of `apply` and `replace`: stored values that are invalid as new, and risky or converted rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.commands.resources import NOTHING_WRITTEN, PROFILES, done, profile, stdin_of
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer

# Stored values that are invalid as new


def test_unchanged_rules_are_kept_with_warning(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
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


def test_document_cannot_add_stored_fields(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    document = profile("a", ingress=[{"action": "Allow", "storedFields": {"x": 1}}], storedFields={"order": 1})
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(document))
    assert result.stderr == (
        "stdin:1: Profile(a): spec.ingress[0].storedFields: is only accepted in a rule that is already stored in this "
        "profile and unchanged\n"
        "stdin:1: Profile(a): spec.storedFields.order: is only accepted here if this profile already has it with this "
        "value\n"
        + NOTHING_WRITTEN
    )


def test_id_of_other_tools_can_be_any_text(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    document = profile("a", storedFields={"id": "b"})
    assert calicoctl("apply", "-f", "-", stdin=stdin_of(document)).status == 0
    assert etcd.get(f"{PROFILES}/a/rules") == '{"inbound_rules": [], "outbound_rules": [], "id": "b"}'
    document = profile("a", storedFields={"id": [1]})
    assert calicoctl("apply", "-f", "-", stdin=stdin_of(document)).status == 1


def test_replace_rewrites_rules_stored_by_go_but_apply_does_not(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
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


def test_profile_without_rules_key(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
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


def test_stored_number_out_of_range(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    """Python would read it and write Infinity, which is not JSON."""
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("P")))
    etcd.put(f"{PROFILES}/P/metadata", '{"labels": {"a": "b"}, "later": 1e999}')
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("P", meta_labels={"a": "c"})))
    assert result.stderr == (
        "Warning: Profile(P): its metadata cannot be read (it is not JSON (the number 1e999 is out of range at line 1, "
        "column 33)) and are replaced.\n"
    )
    assert etcd.get(f"{PROFILES}/P/metadata") == '{"labels": {"a": "c"}}'


def test_unmentioned_metadata_is_kept_even_if_unreadable(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
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


def test_unreadable_parts_are_replaced_with_warning(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
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


@pytest.mark.parametrize("verb", ["apply", "replace", "diff"])
def test_document_without_spec_removes_all_rules_with_warning(
    etcd: EtcdServer, calicoctl: Calicoctl, verb: str
) -> None:
    calicoctl("profile", "add", "P")
    document = json.dumps({"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "P"}})
    begin = "Warning: Profile(P): the document has no spec, so all of its 2 stored rules are removed; "
    assert calicoctl("diff", "-f", "-", stdin=document).stderr == f"{begin}no endpoint uses it.\n"
    etcd.put("/calico/v1/host/h/endpoint/e", json.dumps({"name": "eth0", "profile_ids": ["P"]}))
    assert calicoctl(verb, "-f", "-", stdin=document).stderr == f"{begin}1 endpoint uses it (h/e).\n"


def test_empty_spec_removes_all_rules_of_profile_in_use_with_warning(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "P")
    document = stdin_of(profile("P", ingress=[], egress=[]))
    assert calicoctl("diff", "-f", "-", stdin=document).stderr == ""
    etcd.put("/calico/v1/host/h/endpoint/e", json.dumps({"name": "eth0", "profile_ids": ["P"]}))
    assert calicoctl("apply", "-f", "-", stdin=document).stderr == (
        "Warning: Profile(P): the document has no rules, so all of its 2 stored rules are removed; 1 endpoint uses it "
        "(h/e).\n"
    )


def test_rule_with_many_networks_warns_of_number_of_stored_rules(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    warning = "Warning: Profile(P): spec.ingress[0]: it becomes 101 stored rules, one for each network.\n"
    for count, expected in ((100, ""), (101, warning)):
        nets = [f"10.{number}.0.0/16" for number in range(count)]
        document = stdin_of(profile("P", ingress=[{"action": "Allow", "source": {"nets": nets}}]))
        assert calicoctl("apply", "-f", "-", stdin=document).stderr == expected
    given = json.dumps({"inbound_rules": [{"src_nets": nets, "action": "deny"}], "outbound_rules": []})
    result = calicoctl("profile", "P", "rule", "update", stdin=given)
    assert result.stderr.startswith("Warning: inbound rule 1: it becomes 101 stored rules, one for each network.\n")


@pytest.mark.parametrize("field", ["selector", "notSelector"])
def test_in_with_one_value_is_stored_as_equality(etcd: EtcdServer, calicoctl: Calicoctl, field: str) -> None:
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
    # Existing rules stay as stored, with a warning.
    etcd.put(f"{PROFILES}/P/rules", given)
    shown = calicoctl("get", "profile", "P", "-o", "yaml").stdout
    kept = calicoctl("apply", "-f", "-", stdin=shown)
    assert (kept.status, "calicoctl replace' rewrites it" in kept.stderr) == (0, True)
    assert etcd.get(f"{PROFILES}/P/rules") == given


def test_host_bits_are_kept_with_warning(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    """Documents accept the same networks as `rule update`, even if another field of the rule changes."""
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


def test_empty_selector_becomes_all_in_document(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    rules = '{"inbound_rules": [{"action": "allow", "src_selector": ""}], "outbound_rules": []}'
    etcd.put(f"{PROFILES}/P/rules", rules)
    shown = json.loads(calicoctl("get", "profile", "P", "-o", "json").stdout)
    assert shown["spec"]["ingress"][0]["source"] == {"selector": "all()"}
    shown["spec"]["ingress"][0]["protocol"] = "TCP"
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(shown)).status == 0
    assert json.loads(etcd.get(f"{PROFILES}/P/rules") or "")["inbound_rules"] == [
        {"action": "allow", "src_selector": "all()", "protocol": "tcp"}
    ]


def test_text_ports_become_numbers_with_any_change(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
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
