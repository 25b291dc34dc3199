"""The JSON Schema of Profile: it accepts everything that the tool accepts, and refuses most of what it refuses."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.cli import run
from calicoctl.resources.profile.rule_form import ENTITY_FIELDS, FIELDS
from tests.commands.resources import DEV_APPS, known_words, profile
from tests.sampling import examples

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "calicoctl" / "resources" / "profile" / "schema.json").read_text(encoding="utf-8")
)


def calicoctl(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
    output, errors = io.StringIO(), io.StringIO()
    status = run(list(arguments), {}, io.StringIO(stdin), output, errors)
    return status, output.getvalue(), errors.getvalue()


def is_accepted(document: Any) -> bool:
    status, _, errors = calicoctl("validate", "-f", "-", stdin=json.dumps(document))
    assert "Internal error" not in errors
    return status == 0


def schema_accepts(document: Any) -> bool:
    return bool(jsonschema.Draft7Validator(SCHEMA).is_valid(document))


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 300), st.floats(-2, 300), st.sampled_from(["", "a", "TCP"])
)
TEXTS = st.one_of(st.sampled_from(["web", "a b", "", "x/y", "-"]), SCALARS)
NETS = st.one_of(
    st.lists(st.one_of(st.sampled_from(["10.0.0.0/8", "fd80::/64", "10.0.0.1", "x"]), SCALARS), max_size=2), SCALARS
)
PADDED = ["000080", "00001:000002", "0000000080", "1:00", "000:1"]
PORTS = st.one_of(
    st.lists(
        st.one_of(st.integers(-1, 65536), st.sampled_from(["80", "1:2", "http", "0", *PADDED]), SCALARS), max_size=2
    ),
    SCALARS,
)
KEYS = ["a", "x.org/a", "X.org/a", "a b", "", "x" * 63, "x" * 64, f"x.org/{'a' * 63}", f"x.org/{'a' * 64}", "X/A-"]
LABELS = st.one_of(st.dictionaries(st.sampled_from(KEYS), TEXTS, max_size=2), SCALARS)
ENTITIES: st.SearchStrategy[Any] = st.one_of(
    SCALARS,
    st.fixed_dictionaries(
        {},
        optional={
            **{name: NETS for name in ("nets", "notNets")},
            **{name: PORTS for name in ("ports", "notPorts")},
            **{name: TEXTS for name in ("selector", "notSelector", "tag", "notTag", "namespaceSelector", "net")},
            "serviceAccounts": st.sampled_from([None, "a", {}, {"names": []}, {"names": ["a"]}, {"selector": ""}]),
        },
    ),
)
PROTOCOLS = st.one_of(st.sampled_from(["TCP", "UDP", "ICMP", "ICMPv6", "tcp", "6", "300"]), SCALARS)
ICMP = st.one_of(SCALARS, st.fixed_dictionaries({}, optional={"type": SCALARS, "code": SCALARS}))
RULES = st.one_of(
    SCALARS,
    st.fixed_dictionaries(
        {"action": st.one_of(st.sampled_from(["Allow", "Deny", "Log", "Pass"]), SCALARS)},
        optional={
            "ipVersion": st.one_of(st.sampled_from([4, 6, 4.0, "4"]), SCALARS),
            "protocol": PROTOCOLS,
            "notProtocol": PROTOCOLS,
            "icmp": ICMP,
            "notICMP": ICMP,
            "source": ENTITIES,
            "destination": ENTITIES,
            "http": st.one_of(st.none(), st.just({"methods": ["GET"]})),
            "logPrefix": TEXTS,
            "storedFields": st.one_of(SCALARS, st.just({"a": 1})),
            "ports": PORTS,
        },
    ),
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["projectcalico.org/v3"] * 9 + ["v1"]),
        "kind": st.sampled_from(["Profile"] * 9 + ["profile"]),
        "metadata": st.fixed_dictionaries(
            {"name": st.one_of(st.sampled_from(["web", "_web", "a b", ".", ""]), st.just("web"), SCALARS)},
            optional={
                "labels": LABELS,
                "annotations": LABELS,
                "tags": st.one_of(st.lists(TEXTS, max_size=2), SCALARS),
                "namespace": TEXTS,
                "resourceVersion": st.one_of(st.sampled_from(["1", "x"]), SCALARS),
                "uid": TEXTS,
                "tag": TEXTS,
            },
        ),
    },
    optional={
        "spec": st.one_of(
            SCALARS,
            st.fixed_dictionaries(
                {},
                optional={
                    "ingress": st.one_of(st.lists(RULES, max_size=2), SCALARS),
                    "egress": st.one_of(st.lists(RULES, max_size=2), SCALARS),
                    "labelsToApply": LABELS,
                    "storedFields": st.one_of(SCALARS, st.just({"id": "x"})),
                },
            ),
        ),
        "status": SCALARS,
    },
)


def test_schema_is_valid() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_validate_prints_schema() -> None:
    status, output, errors = calicoctl("validate", "--schema", "Profile")
    assert (status, json.loads(output), errors) == (0, SCHEMA, "")
    assert calicoctl("validate", "--schema", "cat") == (
        1, "", f"resource type 'cat' is not supported\nKnown are: {known_words()}\n"
    )  # fmt: skip


def test_schema_has_every_field() -> None:
    assert set(SCHEMA["definitions"]["rule"]["properties"]) == set(FIELDS)
    assert set(SCHEMA["definitions"]["entity"]["properties"]) == set(ENTITY_FIELDS)


@settings(max_examples=examples(500), deadline=None)
@given(DOCUMENTS)
def test_tool_refuses_what_schema_refuses(document: Any) -> None:
    if not schema_accepts(document):
        assert not is_accepted(document)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.dictionaries(st.sampled_from(["labels", "annotations", "tags"]), st.one_of(LABELS, st.lists(TEXTS, max_size=2))),
    st.lists(RULES, max_size=1),
)
def test_schema_accepts_what_tool_accepts(metadata: dict[str, Any], rules: list[Any]) -> None:
    document = profile("web", ingress=rules)
    document["metadata"].update(metadata)
    if is_accepted(document):
        assert schema_accepts(document)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "profile"},
        {"metadata": {}},
        {"metadata": {"name": "a b"}},
        {"spec": {"ingress": [{}]}},
        {"spec": {"ingress": [{"action": "allow"}]}},
        {"spec": {"ingress": [{"action": "Allow", "protocol": "tcp"}]}},
        {"spec": {"ingress": [{"action": "Allow", "source": {"net": "10.0.0.0/8"}}]}},
        {"spec": {"ingress": [{"action": "Allow", "source": {"ports": [65536]}}]}},
        {"spec": {"ingress": [{"action": "Allow", "http": {"methods": ["GET"]}}]}},
        {"spec": {"labelsToApply": {"a b": "c"}}},
    ],
)
def test_editor_shows_common_mistakes(change: dict[str, Any]) -> None:
    assert schema_accepts(profile("web"))
    document = {**profile("web"), **change}
    assert not schema_accepts(document)
    assert not is_accepted(document)


@pytest.mark.parametrize("name", [".", "..", "...", ".a", "a.", "-", "x" * 128, "x" * 129, "_a", "a_", "a b", ""])
def test_names(name: str) -> None:
    assert schema_accepts(profile(name)) == is_accepted(profile(name))


@pytest.mark.parametrize("port", ["80", "65535", "http", "80:", ":80", "80-90", "0:1", *PADDED])
def test_ports_in_quotes(port: str) -> None:
    for field in ("ports", "notPorts"):
        document = profile("web", ingress=[{"action": "Allow", "protocol": "TCP", "source": {field: [port]}}])
        assert schema_accepts(document) == is_accepted(document)


@pytest.mark.parametrize("key", [*KEYS, f"{'x' * 253}/a", f"{'x' * 254}/a", "/a", "a/", "a/b/c", "-a", "A_b.C"])
def test_label_and_annotation_keys(key: str) -> None:
    for document in (
        profile("web", meta_labels={key: ""}),
        profile("web", labelsToApply={key: ""}),
        profile("web", meta_annotations={key: ""}),
    ):
        assert schema_accepts(document) == is_accepted(document)


def test_example_of_documentation() -> None:
    import yaml

    assert schema_accepts(yaml.safe_load(DEV_APPS))
