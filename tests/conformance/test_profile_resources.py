"""The tables of the original programs for Profile resources, row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calicoctl.model.rule_update import InvalidRules, Update
from calicoctl.resources import documents
from calicoctl.resources.fields import Problems
from calicoctl.resources.profile.plan import Plan
from calicoctl.resources.profile.resource import read_profile
from calicoctl.resources.profile.rule_form import read_form
from calicoctl.resources.profile.rule_form_validation import check_form
from calicoctl.resources.profile.stored import StoredProfile
from calicoctl.resources.text import to_json, to_yaml
from tests.conformance.differences import (
    OTHER_SPELLINGS,
    OTHER_VERDICT,
    REFUSED_WHEN_CHECKED,
    STORED_AS_TEXTS,
    STORED_OTHERWISE,
    STRICTER_THAN_BOTH,
    STRICTER_THAN_LIBCALICO_GO,
    TAKEN_AS_PORTS,
    UNKNOWN_PROTOCOL,
    WITHOUT_IDLE_NOT_NETS,
)
from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer

PROFILES = "/calico/v1/policy/profile"

Row = dict[str, Any]


def rows(folder: Path, file: str, count: int) -> list[Row]:
    read: list[Row] = json.loads((folder / file).read_text(encoding="utf-8"), object_hook=_repeated)
    assert len(read) == count
    return read


def _repeated(value: dict[str, Any]) -> Any:
    return value["$repeat"][0] * value["$repeat"][1] if set(value) == {"$repeat"} else value


def planned(document: Any) -> tuple[list[str], Plan]:
    """Return the problems of a document for a new profile, and the values to be written for it."""
    problems = Problems()
    plan = Plan(read_profile(document, problems), None)
    return problems.texts + plan.problems, plan


def of_resource(resource: Any) -> tuple[list[str], Plan]:
    """Return the same for a resource in YAML and in JSON, which must agree."""
    outcomes = [planned(documents.read(write(resource))[0]) for write in (to_yaml, to_json)]
    in_yaml, in_json = ([problem.replace('"', "") for problem in problems] for problems, _ in outcomes)
    assert in_yaml == in_json  # except for quotes around a text
    assert outcomes[0][1].changes == outcomes[1][1].changes
    return outcomes[0]


def unchanged_by_get_and_apply(values: dict[str, str]) -> None:
    stored = StoredProfile("profile1", values)
    assert stored.unreadable == {}
    shown = stored.to_resource().to_document()
    for text in (to_yaml(shown), to_json(shown)):
        problems = Problems()
        plan = Plan(read_profile(documents.read(text)[0], problems), stored)
        assert (problems.texts, plan.problems, plan.changes) == ([], [], {})


# v3-validator-table.json


@pytest.fixture(scope="module")
def validator_rows(conformance_dir: Path) -> list[Row]:
    return rows(conformance_dir, "v3-validator-table.json", 116)


def test_calico_3_7_validator_agrees(validator_rows: list[Row]) -> None:
    for row in validator_rows:
        problems, _ = of_resource(row["resource"])
        expected = bool(row["reference_accepts"] and row["v1_representable"]) != (row["name"] in OTHER_VERDICT)
        assert (problems == []) == expected, (row["name"], problems)


def test_fields_missing_in_v1_model_are_refused_by_name(validator_rows: list[Row]) -> None:
    refused = [row for row in validator_rows if row["reference_accepts"] and not row["v1_representable"]]
    assert len(refused) == 10
    for row in refused:
        problems, _ = of_resource(row["resource"])
        for field in row["v1_unrepresentable_fields"]:  # a path, with its value in brackets
            found = [text for text in problems if text.startswith(field.partition(" ")[0])]
            assert found and found[0].endswith("cannot be stored in the Calico v1 data model"), row["name"]


def test_networks_are_stored_as_one_rule_each(validator_rows: list[Row]) -> None:
    accepted = [row for row in validator_rows if row.get("v1_representable") and row["name"] not in OTHER_VERDICT]
    assert len(accepted) == 41
    for row in accepted:
        _, plan = of_resource(row["resource"])
        stored = json.loads(plan.changes["rules"])
        assert (stored == row["v1_rules_single_net"]) == (row["name"] not in STORED_OTHERWISE), row["name"]
        assert json.loads(plan.changes["labels"]) == row["v1_labels"]
        assert json.loads(plan.changes["tags"]) == row["v1_tags"]
        assert json.loads(plan.changes.get("metadata", "{}")) == {
            name: content for name, content in row["resource"]["metadata"].items() if name in ("labels", "annotations")
        }


def test_every_difference_is_in_table(validator_rows: list[Row], report_rows: list[Row]) -> None:
    names = {row["name"] for row in validator_rows + report_rows}
    assert names >= set(OTHER_VERDICT) - {"every row whose api is v1"} | set(STORED_OTHERWISE)


# port-protocol-parsing.json


def test_numorstring_reads_same_ports_and_protocols(conformance_dir: Path) -> None:
    for row in rows(conformance_dir, "port-protocol-parsing.json", 77):
        if row["kind"] == "parse":
            check_parsed(row)
        elif row["kind"] == "print-json":
            field = "ports" if row["field_type"].endswith("Port") else "protocol"
            value = json.loads(row["expect"])
            form = {"protocol": value} if field == "protocol" else {"source": {"ports": [value]}}
            assert json.loads(to_json(form)) == form
        elif row["kind"] == "supports-ports":
            name = {"udp": "UDP", "tcp": "TCP"}.get(row["protocol"], row["protocol"])
            problems = checked({"action": "Allow", "protocol": name, "source": {"ports": [1]}})
            assert ("source.ports: needs the protocol TCP or UDP" not in problems) == row["expect"]
        else:
            check_spelling(row)


def test_every_value_refused_by_validation_is_in_table(conformance_dir: Path) -> None:
    listed = rows(conformance_dir, "port-protocol-parsing.json", 77)
    parsed = {row["expect"]["value"] for row in listed if row["kind"] == "parse" and row["expect"] != "reject"}
    assert parsed >= set(REFUSED_WHEN_CHECKED)


def check_parsed(row: Row) -> None:
    port = row["field_type"] == "Port"
    try:
        (value,) = documents.read(f"[{row['json_text']}]")[0]
    except documents.MalformedDocument:
        assert row["expect"] == "reject"
        return
    entity = {"source": {"ports": [value]}} if port else {"protocol": value}
    found = Problems()
    form = read_form({"action": "Allow", **({"protocol": "TCP"} if port else {}), **entity}, "", found)
    assert form is not None
    problems = found.texts + checked(form)
    if row["expect"] == "reject":
        assert problems != [], row
        return
    given = form["source"]["ports"][0] if port else form["protocol"]
    assert str(given) == row["expect"]["go"]
    value = row["expect"]["value"]
    is_taken = port and value in TAKEN_AS_PORTS
    assert (problems != []) == (value in REFUSED_WHEN_CHECKED and not is_taken), row


def checked(form: Row) -> list[str]:
    problems = Problems()
    check_form(form, "", problems)
    return problems.texts


def check_spelling(row: Row) -> None:
    """Each name has one spelling in a resource and one in etcd, and no other spelling is accepted."""
    name = row["input"]
    problems = checked({"action": "Allow", "protocol": name})
    exact = name in ("TCP", "UDP", "UDPLite", 2)
    assert (problems == []) == exact
    assert exact or name in OTHER_SPELLINGS or name == UNKNOWN_PROTOCOL
    if exact and isinstance(name, str):
        resource = {"metadata": {"name": "p"}, "spec": {"ingress": [{"action": "Allow", "protocol": name}]}}
        (stored,) = json.loads(of_resource(resource)[1].changes["rules"])["inbound_rules"]
        assert stored["protocol"] == name.lower()


# v1-backend-rule-table.json and felix-1-4-reader-table.json


def test_rules_of_backend_table(conformance_dir: Path) -> None:
    for row in rows(conformance_dir, "v1-backend-rule-table.json", 56):
        unchanged_by_get_and_apply({"rules": json.dumps({"inbound_rules": [row["rule"]]})})
        shown = StoredProfile("p", {"rules": json.dumps({"inbound_rules": [row["rule"]]})}).to_resource().to_document()
        problems, plan = of_resource(shown)
        if not row["upstream_expects"]:
            assert problems != [], row["name"]
        if not problems:
            assert row["felix_1_4_9_check"] == "ok", row["name"]
            assert Update(plan.changes["rules"], None).warnings == []


def test_new_rules_refused_only_here_have_known_reasons(conformance_dir: Path) -> None:
    stricter = STRICTER_THAN_BOTH | STRICTER_THAN_LIBCALICO_GO
    reasons = set()
    for row in rows(conformance_dir, "v1-backend-rule-table.json", 56):
        if row["upstream_expects"]:
            try:
                Update(json.dumps({"inbound_rules": [row["rule"]], "outbound_rules": []}), None)
            except InvalidRules as error:
                reasons |= {next((part for part in stricter if part in text), text)
                            for text in str(error).split("\n")}  # fmt: skip
    assert reasons == set(stricter)


def test_values_of_felix_table_survive_get_and_apply(conformance_dir: Path) -> None:
    read = 0
    for row in rows(conformance_dir, "felix-1-4-reader-table.json", 258):
        values = {row["check"]: json.dumps(row["value"])}
        if row["check"] in ("rules", "tags", "labels") and not StoredProfile("p", values).unreadable:
            unchanged_by_get_and_apply(values)
            read += 1
        elif row["check"] in ("rules", "tags", "labels"):
            assert not row["accept"], row["name"]
    assert read == 226


def test_accepted_tags_and_labels_are_accepted_by_felix(conformance_dir: Path) -> None:
    accepted = 0
    for row in rows(conformance_dir, "felix-1-4-reader-table.json", 258):
        resource: Row = {"metadata": {"name": row.get("profile_id")}}
        if row["check"] == "tags":
            resource["metadata"]["tags"] = row["value"]
        elif row["check"] == "labels":
            resource["spec"] = {"labelsToApply": row["value"]}
        else:
            continue
        problems, plan = of_resource(resource)
        if not problems:
            are_texts = all(isinstance(text, str) for text in json.loads(plan.changes[row["check"]]))
            assert row["accept"] or are_texts, STORED_AS_TEXTS
            accepted += 1
        else:
            assert not row["accept"], row["name"]
    assert accepted == 5


# system-test-and-docs-resources.json


@pytest.fixture(scope="module")
def system_rows(conformance_dir: Path) -> list[Row]:
    return rows(conformance_dir, "system-test-and-docs-resources.json", 32)


def test_v3_resources_of_system_tests(system_rows: list[Row]) -> None:
    of_v3 = [row for row in system_rows if row["api"] == "v3"]
    assert len(of_v3) == 7
    for row in of_v3:
        problems, plan = of_resource(row["resource"])
        assert (problems == []) == (row["calicoctl_3_7_create"]["rc"] == 0), row["name"]
        if not problems:
            rules = row["v1_rules_single_net"]
            expected = documents.read(row["calicoctl_3_7_get_export_yaml"])[0]
            if row["name"] in WITHOUT_IDLE_NOT_NETS:
                for side in ("src", "dst"):
                    del rules["inbound_rules"][0][f"!{side}_net"]
                for side in ("source", "destination"):
                    del expected["spec"]["ingress"][0][side]["notNets"]
            assert json.loads(plan.changes["rules"]) == rules
            assert json.loads(plan.changes["labels"]) == row["v1_labels"]
            shown = plan.result({}).to_resource().to_document()
            del expected["metadata"]["creationTimestamp"]
            assert documents.read(to_yaml(shown)) == [expected], row["name"]


def test_output_equals_go_calicoctl_3_7(system_rows: list[Row], etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    for row in system_rows:
        if "calicoctl_3_7_get_table" in row:
            etcd.clear()
            created = calicoctl("create", "-f", "-", stdin=json.dumps(row["resource"]))
            name = row["resource"]["metadata"]["name"]
            # Listing the created names is this project's own addition.
            assert created == (0, f"{row['calicoctl_3_7_create']['stdout']}Profile({name}): created\n", "")
            assert calicoctl("get", "profile") == (0, row["calicoctl_3_7_get_table"], "")
            assert calicoctl("get", "profile", "-o", "wide") == (0, row["calicoctl_3_7_get_wide"], "")
            assert list(etcd.keys(f"{PROFILES}/{name}")) == [
                f"{PROFILES}/{name}/{part}"
                for part in ("labels", "metadata", "rules", "tags")
                if part != "metadata" or "labels" in row["resource"]["metadata"]
            ]


def test_v1_documents_are_refused_completely(
    system_rows: list[Row], report_rows: list[Row], etcd: EtcdServer, calicoctl: Calicoctl
) -> None:
    texts = [
        row.get("document") or json.dumps(row["resource"]) for row in system_rows + report_rows if row["api"] == "v1"
    ]
    assert len(texts) == 31
    for text in texts:
        result = calicoctl("apply", "-f", "-", stdin=text)
        assert (result.status, result.stdout) == (1, "")
        *problems, last = result.stderr.splitlines()
        assert last == "Nothing was written."
        assert problems and all(": Unknown resource type (" in problem for problem in problems), problems
    assert etcd.keys() == {}


def test_stored_profiles_of_system_tests(system_rows: list[Row]) -> None:
    count = 0
    for row in system_rows:
        for text in ("etcd_v2_raw", "etcd_v2"):
            by_profile: dict[str, dict[str, str]] = {}
            for key, value in row.get(text, {}).items():
                _, _, _, _, _, name, part = key.split("/")
                by_profile.setdefault(name, {})[part] = value if isinstance(value, str) else json.dumps(value)
            for values in by_profile.values():
                unchanged_by_get_and_apply(values)
                count += 1
    assert count == 32


# user-reports.json


@pytest.fixture(scope="module")
def report_rows(conformance_dir: Path) -> list[Row]:
    return rows(conformance_dir, "user-reports.json", 13)


def test_v3_documents_of_user_reports(report_rows: list[Row]) -> None:
    of_v3 = [row for row in report_rows if row["api"] == "v3"]
    assert len(of_v3) == 5
    for row in of_v3:
        problems, plan = planned(documents.read(row["document"])[0])
        accepted = row["calicoctl_3_7"]["rc"] == 0
        assert (problems == []) == (accepted != (row["name"] in OTHER_VERDICT)), row["name"]
        if accepted:
            assert json.loads(plan.changes["labels"]) == row["v1_labels"]


def test_stored_profiles_of_user_reports(report_rows: list[Row]) -> None:
    stored = [row["rules"] for row in report_rows if row["api"] == "v1-backend"]
    stored += [value for row in report_rows for key, value in row.get("etcd_v2", {}).items() if key.endswith("/rules")]
    assert len(stored) == 7
    for rules in stored:
        unchanged_by_get_and_apply({"rules": json.dumps(rules)})
