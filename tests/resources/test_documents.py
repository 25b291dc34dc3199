"""YAML and JSON: scalars keep the author's meaning, and no text crashes the reader or exhausts memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.resources import documents
from calicoctl.resources.documents import MalformedDocument, Mapping, Plain
from calicoctl.resources.text import to_json, to_yaml
from tests.sampling import examples
from tests.stored_profiles import ANY_JSON

UNQUOTED = [
    "10:20",
    "8:9",
    "010",
    "1e3",
    "y",
    "yes",
    "on",
    "0x6",
    "0o7",
    "1_000",
    "2016-01-01",
    "true",
    "6.0",
    ".5",
    "=",
]


@pytest.mark.parametrize("text", UNQUOTED)
@pytest.mark.parametrize("form", ["a: {}", "a: [{}]", "a:\n- {}", "{{a: {}}}"])
def test_unquoted_scalar_is_text_as_written(text: str, form: str) -> None:
    (document,) = documents.read(form.format(text))
    value = document["a"][0] if isinstance(document["a"], list) else document["a"]
    assert value == text
    assert type(value) is Plain


@pytest.mark.parametrize("text", UNQUOTED)
def test_quoted_scalar_is_text_and_not_a_number(text: str) -> None:
    for quoted in (f'"{text}"', f"'{text}'", f"!!str {text}", f"|-\n  {text}"):
        (document,) = documents.read(f"a: {quoted}")
        assert document == {"a": text}
        assert type(document["a"]) is str


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("80", 80),
        ("-1", -1),
        ("+1", 1),
        ("6.0", 6),
        ("6.", 6),
        ("0x1f", 31),
        ("0o17", 15),
        ("06", 6),
        ("00", 0),
    ],
)
def test_integers(text: str, number: int) -> None:
    assert Plain(text).integer() == number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("010", "some programs read it as octal, others as decimal; write it without leading zeros"),
        ("08", "some programs read it as octal, others as decimal; write it without leading zeros"),
        ("1e3", "it is not a whole number"),
        ("6.5", "it is not a whole number"),
        ("1_000", "it is not a whole number"),
        ("10:20", "it is not a whole number"),
        ("", "it is not a whole number"),
        ("٣", "it is not a whole number"),
        ("1" * 5000, "it is not a whole number"),
        ("0" * 5000, "it is not a whole number"),
    ],
)
def test_scalars_that_are_not_integers(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as error:
        Plain(text).integer()
    assert str(error.value) == reason


@pytest.mark.parametrize("digits", ["1" * 4000, "1" * 4300, "-" + "1" * 4300, "1" * 4301, "-" + "1" * 4301, "9" * 9000])
def test_long_numbers_are_limited_as_in_python(digits: str) -> None:
    """Python also reads stored JSON, so the limits must agree."""
    try:
        number = json.loads(digits)
    except ValueError:
        assert Plain(digits).value() == digits
        with pytest.raises(ValueError, match="^it is not a whole number$"):
            Plain(digits).integer()
    else:
        assert Plain(digits).value() == Plain(digits).integer() == number


@pytest.mark.parametrize("text", ["0x" + "f" * 3500, "0x" + "f" * 3900, "0o" + "7" * 4700, "0" * 4301])
def test_accepted_long_numbers_can_be_written(text: str) -> None:
    try:
        number = Plain(text).integer()
    except ValueError as error:
        assert str(error) == "it is not a whole number"
    else:
        assert int(str(number)) == number


@pytest.mark.parametrize("text", ["a:", "a: ~", "a: null", "a: Null", "a: !!null ~"])
def test_null(text: str) -> None:
    assert documents.read(text) == [{"a": None}]


def test_documents_are_separated_by_dashes_and_empty_ones_skipped() -> None:
    text = "---\n# nothing\n---\na: 1\n--- # more\n- b\n---\n...\n---\n"
    assert documents.read(text) == [{"a": "1"}, ["b"]]


def test_mapping_has_its_line_number() -> None:
    (first, second) = documents.read("# profiles\na: 1\n---\n\n- b:\n    c: 2\n")
    assert (first.line, second[0].line, second[0]["b"].line) == (2, 5, 6)


def test_json_with_tabs_escapes_and_literal_numbers() -> None:
    text = '{\t"a":\t[1.50, 1e400, true, false, null, "\\ud83d\\ude00", "\\/"],\n\t"b": {}}'
    assert documents.read(text) == [{"a": ["1.50", "1e400", "true", "false", None, "😀", "/"], "b": {}}]


def test_yaml_flow_mapping_is_not_mistaken_for_json() -> None:
    assert documents.read("{a: b, c: [10:20]}\n--- {d: e}\n") == [{"a": "b", "c": ["10:20"]}, {"d": "e"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "line 2, column 1: a appears twice in one mapping"),
        ('{"a": 1, "a": 2}', 'line 1, column 10: "a" appears twice in one object'),
        (
            '{"a": [":{\\"", {"a": {}, "b": "a"}, {}],\n\t"\\u0062": {"a": "b"}, "b" : 1}',
            'line 2, column 24: "b" appears twice in one object',
        ),
        ('[{"a": {"b": 1, "b": 2}, "a": 1}]', 'line 1, column 17: "b" appears twice in one object'),
        ('{"a": NaN}', "line 1, column 7: NaN is not JSON"),
        ('{"NaN": 1,\n "b": -Infinity}', "line 2, column 7: -Infinity is not JSON"),
        ("? [1]\n: 2", "line 1, column 3: the name of a field is not a string"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed in this context"),
        ("a: [", "line 2, column 1: did not find expected node content"),
        ("a: *x", "line 1, column 4: there is no complete value named x"),
        ("a: &x [*x]", "line 1, column 8: there is no complete value named x"),
        ("a: !!binary aGk=", "line 1, column 4: the tag tag:yaml.org,2002:binary is not supported"),
        ("a: !!python/name:os x", "line 1, column 4: the tag tag:yaml.org,2002:python/name:os is not supported"),
        ("a: !!set {b}", "line 1, column 4: the tag tag:yaml.org,2002:set is not supported"),
        ("a: 1\nb: \x07", "line 2: control characters are not allowed in YAML"),
        ("[" * 200, "line 1, column 151: it is nested more than 150 levels deep"),
        ("[" * 200 + "]" * 200, "line 1, column 151: it is nested more than 150 levels deep"),
        ("[" * 100_000 + "]" * 100_000, "line 1, column 151: it is nested more than 150 levels deep"),
        ('[{"a": ' * 100 + "1" + "}]" * 100, "line 1, column 526: it is nested more than 150 levels deep"),
        ("- " * 200 + "a", "line 1, column 301: it is nested more than 150 levels deep"),
        ("a: &a {b: 1}\n<<: *a\n<<: *a", "line 3, column 1: << appears twice in one mapping"),
        ("a: &a {b: 1}\n<<: *a\nb: 1\nb: 2", "line 4, column 1: b appears twice in one mapping"),
        ("a: &a {<<: *a}", "line 1, column 12: there is no complete value named a"),
        *(
            (f"a:\n b: 1\n <<: {wrong}", "line 3, column 6: the value of << must be a mapping or a list of mappings")
            for wrong in ("~", "null", "b", "[b]", "[{b: 2}, [{}]]")
        ),
    ],
)  # fmt: skip
def test_invalid_documents(text: str, message: str) -> None:
    with pytest.raises(MalformedDocument) as error:
        documents.read(text)
    assert str(error.value) == message


def test_aliases() -> None:
    assert documents.read("a: &x {b: 1}\nc: [*x, *x]") == [{"a": {"b": "1"}, "c": [{"b": "1"}, {"b": "1"}]}]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {b: 1, c: {d: 2}}\ne: {<<: *a}",
        "a: &a {b: 1, c: {d: 2}}\ne: {<<: *a, b: 3}",
        "a: &a {b: 1, c: {d: 2}}\ne: {b: 3, c: null, <<: *a}",
        "a: &a {b: 1}\nc: &c {b: 2, d: 2}\ne:\n  <<: [*a, *c, {b: 3, f: 3}]\n  d: 4",
        "a: &a {b: 1}\nc: &c {<<: *a, d: 2}\ne: [{<<: *c, b: 5}, *c]",
        "a: &a [{b: 1}, {b: 2, c: 2}]\n<<: *a",
        "<<: {a: 1}\nb: 2",
        "<<: []\nb: 2",
    ],
)
def test_merge_keys(text: str) -> None:
    """Members of the mapping itself win wherever they are; then the first entry of the list wins."""
    assert documents.plain_values(documents.read(text)) == [yaml.safe_load(text)]


def test_quoted_and_json_merge_keys_are_ordinary_names() -> None:
    for text in ('{"<<": {"a": 1}}', "'<<': {a: 1}", "!!str <<: {a: 1}"):
        assert documents.read(text) == [{"<<": {"a": "1"}}]


def test_merged_mapping_keeps_line_numbers() -> None:
    ((first, second),) = documents.read("- &a\n  b: {c: 1}\n-\n  <<: *a\n  d: 1\n")
    assert (first.line, second.line, second["b"].line) == (1, 4, 2)


def test_exponential_merges_are_refused() -> None:
    lines = ["a0: &a0 {b: x}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 20))]
    with pytest.raises(
        MalformedDocument, match=r"^line \d, column \d+: the aliases expand to more than 2,000,000 values$"
    ):
        documents.read("\n".join(lines))


def test_exponential_aliases_are_refused() -> None:
    lines = ["a0: &a0 x", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
    with pytest.raises(
        MalformedDocument, match=r"^line 8, column \d+: the aliases expand to more than 2,000,000 values$"
    ):
        documents.read("\n".join(lines))


def test_reader_works_without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &x [10:20, '1']\nb: {c: *x}\n"
    with_libyaml = documents.read(text)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert documents.read(text) == with_libyaml == [{"a": ["10:20", "1"], "b": {"c": ["10:20", "1"]}}]


@settings(max_examples=examples(200), deadline=None)
@given(st.dictionaries(st.text(), ANY_JSON, min_size=1, max_size=4))
def test_round_trip(document: dict[str, Any]) -> None:
    for text in (to_yaml(document), to_json(document)):
        (back,) = documents.read(text)
        assert repr(documents.plain_values(back)) == repr(_sorted(document) if text[0] != "{" else document)


@settings(max_examples=examples(200), deadline=None)
@given(st.one_of(st.text(), st.sampled_from(UNQUOTED)))
def test_other_yaml_readers_get_the_same_text(text: str) -> None:
    assert yaml.safe_load(to_yaml({"a": text})) == {"a": text}


@settings(max_examples=examples(200), deadline=None)
@given(st.text(alphabet="ab:-#[]{}&*!|>'\"%@,? \n\t0~"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = documents.read(text)
    except MalformedDocument as error:
        assert str(error)
    else:
        assert all(isinstance(document, (Mapping, list, str)) for document in read)


def test_lone_surrogate_round_trip() -> None:
    document = {"a": "\ud800"}
    assert to_yaml(document) == 'a: "\\uD800"'
    assert documents.read(to_yaml(document)) == documents.read(to_json(document)) == [document]


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
