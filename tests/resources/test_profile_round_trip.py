"""`apply` accepts the output of `get` for every stored profile, and changes nothing."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from calicoctl.environment import Environment
from calicoctl.model.rule import Rule
from calicoctl.model.rule_validation import RuleProblems, new_rules
from calicoctl.resources import documents
from calicoctl.resources.fields import Problems
from calicoctl.resources.profile.plan import Plan
from calicoctl.resources.profile.resource import ProfileResource, read_profile
from calicoctl.resources.profile.rule_folding import groups_of
from calicoctl.resources.profile.rule_mapping import form_of, rules_of
from calicoctl.resources.profile.stored import StoredProfile
from calicoctl.resources.text import to_json, to_yaml
from tests.model.strategies import typed_fields, valid_fields
from tests.sampling import examples
from tests.stored_profiles import ANY_JSON, NAMES, profiles, rule_lists

TEXTS = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["", "x"]), max_size=2)


def read_back(text: str) -> ProfileResource:
    problems = Problems()
    (document,) = documents.read(text)
    resource = read_profile(document, problems)
    assert problems.texts == []
    return resource


@settings(max_examples=examples(150), deadline=None)
@given(NAMES, profiles())
def test_apply_of_get_output_changes_nothing(name: str, values: dict[str, str]) -> None:
    stored = StoredProfile(name, values)
    assert stored.unreadable == {}
    document = stored.to_resource().to_document()
    for text in (to_yaml(document), to_json(document)):
        plan = Plan(read_back(text), stored)
        assert (plan.problems, plan.changes) == ([], {})


@settings(max_examples=examples(100), deadline=None)
@given(NAMES, profiles())
def test_second_replace_of_get_output_changes_nothing(name: str, values: dict[str, str]) -> None:
    stored = StoredProfile(name, values)
    replaced = Plan(read_back(to_yaml(stored.to_resource().to_document())), stored, rewrite=True)
    assert replaced.problems == []
    result = replaced.result(values)
    again = Plan(read_back(to_yaml(result.to_resource().to_document())), result, rewrite=True)
    assert (again.problems, again.changes) == ([], {})


@settings(max_examples=examples(150), deadline=None)
@given(
    st.dictionaries(st.sampled_from(["labels", "annotations", "more"]), st.one_of(ANY_JSON, TEXTS)),
    st.dictionaries(st.sampled_from(["labels", "annotations"]), TEXTS),
)
def test_unmentioned_labels_and_annotations_stay(stored: dict[str, Any], given: dict[str, Any]) -> None:
    values = {"rules": "{}", "metadata": json.dumps(stored)}
    document = {"metadata": {"name": "web", **given}}
    plan = Plan(read_back(to_json(document)), StoredProfile("web", values))
    assert plan.problems == []
    result = json.loads({**values, **plan.changes}["metadata"])
    expected = {**stored, **given}
    result, expected = ({name: value for name, value in each.items() if value != {}} for each in (result, expected))
    assert result == expected
    again = Plan(read_back(to_json(document)), plan.result(values))
    assert again.changes == {}


@settings(max_examples=examples(150), deadline=None)
@given(rule_lists())
def test_folding_keeps_all_rules_in_order(listed: list[dict[str, Any]]) -> None:
    stored = [Rule(fields) for fields in listed]
    groups = groups_of(stored)
    assert [rule for group in groups for rule in group.rules] == stored
    for group in groups:
        if len(group.rules) > 1:
            assert group.is_canonical()


@pytest.mark.parametrize(
    ("stored", "folded"),
    [
        ([("a", None)], [(["a"], None)]),
        ([("a", None), ("b", None)], [(["a", "b"], None)]),
        ([("a", None), ("a", None)], [(["a"], None), (["a"], None)]),
        ([("a", None), ("b", None), ("a", None)], [(["a", "b"], None), (["a"], None)]),
        ([("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")], [(["a", "b"], ["c", "d"])]),
        ([("a", "c"), ("a", "d"), ("b", "c")], [(["a"], ["c", "d"]), (["b"], ["c"])]),
        ([("a", "c"), ("b", "c")], [(["a", "b"], ["c"])]),
        ([("a", "c"), ("a", "d"), ("b", "d"), ("b", "c")], [(["a"], ["c", "d"]), (["b"], ["d", "c"])]),
        ([(None, "c"), (None, "d")], [(None, ["c", "d"])]),
        ([("a", None), (None, "a")], [(["a"], None), (None, ["a"])]),
    ],
)
def test_folding(stored: list[tuple[str | None, ...]], folded: list[tuple[list[str] | None, ...]]) -> None:
    def network(letter: str) -> str:
        return f"{ord(letter)}.0.0.0/8"

    rules = [
        Rule({key: network(net) for key, net in zip(("src_net", "dst_net"), pair, strict=True) if net})
        for pair in stored
    ]
    for rule in rules:
        rule.fields["action"] = "allow"
    shown = [
        tuple(group.form.get(side, {}).get("nets") for side in ("source", "destination")) for group in groups_of(rules)
    ]
    assert shown == [tuple(nets and [network(net) for net in nets] for nets in pair) for pair in folded]


@pytest.mark.parametrize(
    ("odd", "version"), [("::ffff:10.0.0.0/120", 6), ("::ffff:10.0.0.1/120", 6), ("10.0.0.1/024", 4)]
)
def test_network_that_is_invalid_as_new_is_not_folded(odd: str, version: int) -> None:
    """The other networks are folded, in linear and not quadratic time."""
    before, after = (
        [f"10.{high}.{low}.0/24" if version == 4 else f"fd{high:02x}:{low:x}::/32" for low in range(1, 251)
         for high in range(first, first + 4)]
        for first in (0, 4)
    )  # fmt: skip
    rules = [{"action": "allow", "src_net": net} for net in (*before, odd, *after)]
    stored = StoredProfile("web", {"rules": json.dumps({"inbound_rules": rules})})
    began = time.process_time()
    resource = stored.to_resource()
    plan = Plan(read_back(to_json(resource.to_document())), stored)
    assert time.process_time() - began < 2  # quadratic time would be much longer
    assert (plan.problems, plan.changes) == ([], {})
    assert [form["source"]["nets"] for form, _ in resource.rules["ingress"]] == [before, [odd], after]


@pytest.mark.parametrize("digits", [4000, 4001, 4300])
@pytest.mark.parametrize("field", ["protocol", "ip_version", "icmp_type", "later"])
def test_numbers_with_many_digits(field: str, digits: int) -> None:
    rules = f'{{"inbound_rules": [{{"action": "allow", "{field}": -{"9" * digits}}}]}}'
    stored = StoredProfile("web", {"rules": rules})
    assert stored.unreadable == {}
    document = stored.to_resource().to_document()
    for text in (to_yaml(document), to_json(document)):
        plan = Plan(read_back(text), stored)
        assert (plan.problems, plan.changes) == ([], {})


def test_networks_of_different_ip_versions_are_not_folded() -> None:
    rules = [Rule({"action": "allow", "src_net": net}) for net in ("10.0.0.0/8", "fd80::/64")]
    assert [group.rules for group in groups_of(rules)] == [[rules[0]], [rules[1]]]


@pytest.mark.parametrize("net", [[], {}, ["10.0.0.0/8"], 1, "x"])
def test_invalid_networks_are_not_folded(net: Any) -> None:
    rules = [Rule({"action": "allow", "src_net": each}) for each in (net, net, "10.0.0.0/8", net)]
    assert [group.rules for group in groups_of(rules)] == [[rule] for rule in rules]


def test_stored_port_as_text_differs_from_number() -> None:
    stored = StoredProfile("web", {"rules": json.dumps({"inbound_rules": [
        {"action": "allow", "protocol": "tcp", "dst_ports": ["80"]}]})})  # fmt: skip
    text = to_yaml(stored.to_resource().to_document())
    assert '- "80"' in text
    plan = Plan(read_back(text.replace('"80"', "80")), stored)
    assert json.loads(plan.changes["rules"])["inbound_rules"] == [
        {"action": "allow", "protocol": "tcp", "dst_ports": [80]}
    ]


@settings(max_examples=examples(500), deadline=None)
@given(st.one_of(typed_fields(), valid_fields()))
def test_documents_accept_what_rule_update_accepts(fields: dict[str, Any]) -> None:
    """A rule stored by one of them can thus be changed with the other."""
    try:
        rules = new_rules(fields)
    except RuleProblems:
        reject()
    for rule in rules:
        problems = Problems()
        assert ([each.fields for each in rules_of(form_of(rule), "", problems)], problems.texts) == (
            [with_action_and_selectors(rule.fields)], []
        )  # fmt: skip


def with_action_and_selectors(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields as in documents: with an action, and all() in place of an empty selector."""
    selectors = {key: "all()" for key, value in fields.items() if key.endswith("_selector") and value == ""}
    return {"action": "allow", **fields, **selectors}


@settings(max_examples=examples(300), deadline=None)
@given(rule_lists())
def test_rule_update_accepts_what_documents_accept(rules: list[Any]) -> None:
    for group in groups_of([Rule(fields) for fields in rules if isinstance(fields, dict)]):
        as_new, problems = group.as_new()
        if not problems:
            for rule in as_new:
                assert [each.fields for each in new_rules(rule.fields)] == [rule.fields]


@settings(max_examples=examples(150), deadline=None)
@given(NAMES, profiles(), st.sampled_from(["ascii", "latin-1", "iso8859-15", "koi8-r", "utf-8", "UTF8"]))
def test_get_output_has_same_meaning_in_every_encoding(name: str, values: dict[str, str], encoding: str) -> None:
    stored = StoredProfile(name, values)
    document = stored.to_resource().to_document()
    stdout = io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace", newline="")  # opened as the program opens it
    environment = Environment({}, None, stdout, io.StringIO())
    for write in (to_yaml, to_json):
        stdout.buffer.seek(0)
        stdout.buffer.truncate()
        environment.say(write(document, environment.takes_all_characters()))
        stdout.flush()
        written = stdout.buffer.getvalue()
        plan = Plan(read_back(written.decode("utf-8")), stored)
        assert (plan.problems, plan.changes) == ([], {})
