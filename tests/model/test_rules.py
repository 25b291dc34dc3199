"""The value of the ``rules`` key, and new rules that replace stored ones."""

from __future__ import annotations

import difflib
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.model.rule import Rule
from calicoctl.model.rule_update import InvalidRules, Update
from calicoctl.model.rules import MalformedRules, Rules, decode
from tests.model.strategies import ANY_TEXT, json_values, odd_fields, typed_fields, valid_fields
from tests.sampling import examples

ALLOW = {"action": "allow"}
ODD = {"action": "allow", "dst_ports": [80]}  # stored by another program, and refused as new: no protocol


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Arbitrary stored documents: unusual rules, duplicates, missing lists, additional members."""
    rules = draw(st.lists(st.one_of(odd_fields(), typed_fields(), valid_fields()), max_size=4))
    lists = st.lists(st.sampled_from(rules), max_size=5) if rules else st.just([])
    document = draw(st.fixed_dictionaries({}, optional={"inbound_rules": lists, "outbound_rules": lists}))
    names = st.one_of(st.sampled_from(["id", "order", "inbound", ""]), ANY_TEXT)
    more = draw(st.dictionaries(names, json_values(), max_size=3))
    return dict(draw(st.permutations(list({**more, **document}.items()))))


def same_json(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, and 1 is not 1.0; the order of members is ignored."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def rules_text(*inbound: Any, outbound: list[Any] | None = None, **more: Any) -> str:
    return json.dumps({"inbound_rules": inbound, "outbound_rules": outbound or [], **more})


def fields_of(rules: list[Rule]) -> list[dict[str, Any]]:
    return [rule.fields for rule in rules]


def stored(*inbound: dict[str, Any], outbound: list[dict[str, Any]] | None = None, **more: Any) -> Rules:
    return Rules.from_json(rules_text(*inbound, outbound=outbound, **more))


def malformed(text: str) -> str:
    """Return the message, which is the same for a stored value and for new rules."""
    with pytest.raises(MalformedRules) as of_stored:
        Rules.from_json(text)
    with pytest.raises(MalformedRules) as of_new:
        Update(text, None)
    assert str(of_new.value) == str(of_stored.value)
    return str(of_new.value)


def problems(text: str, present: Rules | None = None) -> list[str]:
    with pytest.raises(InvalidRules) as caught:
        Update(text, present)
    return str(caught.value).split("\n")


# Stored values


@settings(max_examples=examples(200))
@given(documents())
def test_round_trip(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    read = Rules.from_json(text)
    for indent in (None, 2):
        written = read.to_json(indent)
        assert written.isascii()
        assert same_json(json.loads(written), {"inbound_rules": [], "outbound_rules": [], **json.loads(text)})
        again = Rules.from_json(written)
        assert again.same_as(read)
        assert again.to_json(indent) == written


@settings(max_examples=examples(200))
@given(documents())
def test_rule_update_with_output_of_rule_json_changes_nothing(document: dict[str, Any]) -> None:
    present = Rules.from_json(json.dumps(document))
    update = Update(present.to_json(indent=2), present)
    assert update.rules.same_as(present)
    assert update.rules.to_json() == present.to_json()


@settings(max_examples=examples(100))
@given(documents(), documents())
def test_same_as_distinguishes_documents(one: dict[str, Any], other: dict[str, Any]) -> None:
    empty: dict[str, Any] = {"inbound_rules": [], "outbound_rules": []}
    texts = json.dumps(one), json.dumps(other)
    rules = [Rules.from_json(text) for text in texts]
    assert rules[0].same_as(rules[1]) == same_json(*({**empty, **json.loads(text)} for text in texts))
    assert not rules[0].same_as(Rules(rules[0].inbound, [*rules[0].outbound, Rule({})], rules[0].extra))


def test_order_of_members_is_ignored_but_not_order_of_rules() -> None:
    text = '{"inbound_rules": [%s, {}], "outbound_rules": [], "id": "WEB"}'
    rules = Rules.from_json(text % '{"src_tag": "a", "x": 1, "y": {"b": 1, "c": 2}}')
    assert rules.same_as(Rules.from_json(text % '{"y": {"c": 2, "b": 1}, "x": 1, "src_tag": "a"}'))
    assert not rules.same_as(Rules(rules.inbound[::-1], rules.outbound, rules.extra))


def test_stored_value_is_read_unchanged() -> None:
    rules = Rules.from_json(' {"id": "WEB", "outbound_rules": [{"action": "x", "zone": [1]}]}\n')
    assert rules.inbound == []
    assert fields_of(rules.outbound) == [{"action": "x", "zone": [1]}]
    assert rules.extra == {"id": "WEB"}
    assert rules.in_direction("inbound") is rules.inbound
    assert rules.in_direction("outbound") is rules.outbound


def test_rules_of_new_profile() -> None:
    assert Rules.of_new_profile("WEB").to_json() == (
        '{"inbound_rules": [{"action": "allow", "src_tag": "WEB"}], "outbound_rules": [{"action": "allow"}]}'
    )


def test_output_of_rule_json() -> None:
    rules = stored({"src_ports": [80, "1:2"], "x": "é", "protocol": "tcp", "action": "deny"}, id="WEB")
    assert rules.to_json(indent=2) == (
        "{\n"
        '  "inbound_rules": [\n'
        "    {\n"
        '      "action": "deny",\n'
        '      "protocol": "tcp",\n'
        '      "src_ports": [\n'
        "        80,\n"
        '        "1:2"\n'
        "      ],\n"
        '      "x": "\\u00e9"\n'
        "    }\n"
        "  ],\n"
        '  "outbound_rules": [],\n'
        '  "id": "WEB"\n'
        "}"
    )


# Invalid texts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value at line 1, column 1"),
        (" \n\n", "Expecting value at line 3, column 1"),
        ("inbound", "Expecting value at line 1, column 1"),
        ('{"inbound_rules": [],\n "outbound_rules" []}', "Expecting ':' delimiter at line 2, column 19"),
        ('{"inbound_rules": []\n  "outbound_rules": []}', "Expecting ',' delimiter at line 2, column 3"),
        ("{}\n{}", "Extra data at line 2, column 1"),
        ('{"a": "x\ny"}', "Invalid control character at line 1, column 9"),
        ('{"a": "x', "Unterminated string starting at line 1, column 7"),
        ('{"a": "\\x"}', "Invalid \\escape at line 1, column 8"),
        ('{"a": NaN}', "NaN is not JSON at line 1, column 7"),
        ('{"a": Infinity}', "Infinity is not JSON at line 1, column 7"),
        ('{"a": [-Infinity]}', "-Infinity is not JSON at line 1, column 8"),
        ('{"a": 1e400}', "the number 1e400 is out of range at line 1, column 7"),
        ('{"a": -1e999}', "the number -1e999 is out of range at line 1, column 7"),
        ('{"a": 1' + "0" * 400 + ".0}", "the number 1" + "0" * 39 + " is out of range at line 1, column 7"),
        ('{"NaN": "NaN",\n "a": NaN}', "NaN is not JSON at line 2, column 7"),
        ('{"a": [NaNx]}', "NaN is not JSON at line 1, column 8"),
        ("[-Infinity9]", "-Infinity is not JSON at line 1, column 2"),
        ("[1e999x]", "the number 1e999 is out of range at line 1, column 2"),
        ("[1e999.5]", "the number 1e999 is out of range at line 1, column 2"),
        ("[1e999-1e999]", "the number 1e999 is out of range at line 1, column 2"),
        ('["1e999", "\\"1e999", 1e99, 1e999x]', "the number 1e999 is out of range at line 1, column 28"),
        ('{"a": ' + "9" * 5000 + "}", "a number has too many digits at line 1, column 7"),
        ("[1, -" + "9" * 5000 + "x]", "a number has too many digits at line 1, column 5"),
        ("[" * 100_000, "it is nested too deeply at line 1, column 101"),
        ('{"a": ' * 100_000, "it is nested too deeply at line 1, column 601"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "it is nested too deeply at line 1, column 106"),
        ("[]", "it is not an object with the lists inbound_rules and outbound_rules"),
        ("null", "it is not an object with the lists inbound_rules and outbound_rules"),
        ('"rules"', "it is not an object with the lists inbound_rules and outbound_rules"),
    ],
    ids=lambda text: text[:20],
)
def test_malformed_documents(text: str, message: str) -> None:
    assert malformed(text) == message


BITS = ["NaN", "-Infinity", "1e999", "9" * 4301, "[" * 101, *'{}[]":,\\-+.0e1x\n ', "\ud800", "\ufeff", "true"]
HAS_A_PLACE = re.compile(r".* at line [0-9]+, column [0-9]+")


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The text of a document with a few insertions and deletions."""
    text = json.dumps(draw(documents()), indent=draw(st.sampled_from([None, 2])))
    for _ in range(draw(st.integers(1, 3))):
        first, last = sorted(draw(st.integers(0, len(text))) for _ in range(2))
        rest = text[first if draw(st.booleans()) else last :]
        text = text[:first] + draw(st.sampled_from(["", *BITS])) + rest
    return text


@settings(max_examples=examples(250))
@given(mutated())
def test_error_in_changed_document_has_its_place(text: str) -> None:
    try:
        document = decode(text)
    except MalformedRules as error:
        assert HAS_A_PLACE.fullmatch(str(error)) or str(error).startswith("it is not an object"), error
    else:
        assert json.loads(text) == document


def test_maximum_nesting() -> None:
    text = rules_text(x=json.loads("[" * 99 + "]" * 99))
    present = Rules.from_json(text)
    assert present.to_json() == text
    assert Update(present.to_json(indent=2), present).rules.same_as(present)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"inbound_rules": null}', "inbound_rules is not a list of objects"),
        ('{"inbound_rules": {}}', "inbound_rules is not a list of objects"),
        ('{"outbound_rules": [{}, "allow"]}', "outbound_rules is not a list of objects"),
    ],
)
def test_stored_values_that_are_not_rules(text: str, message: str) -> None:
    with pytest.raises(MalformedRules) as caught:
        Rules.from_json(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"inbound_rules": [], "inbound_rules": []}', '"inbound_rules"'),
        (rules_text()[:-1] + ', "id": "a", "id": "a"}', '"id"'),
        ('{"é": 1, "\\u00e9": 2}', '"\\u00e9"'),
    ],
)
def test_duplicate_member_of_object(text: str, name: str) -> None:
    with pytest.raises(MalformedRules) as caught:
        Update(text, None)
    assert str(caught.value) == f"{name} appears twice in one object"
    # In a stored value the last member counts, as in Python's json and in Felix.
    assert json.loads(Rules.from_json(text).to_json()).items() >= json.loads(text).items()


def test_duplicate_member_of_large_object_is_found_at_once() -> None:
    members = "".join(f'"k{number}": 0, ' for number in range(50_000))
    begin = time.process_time()
    with pytest.raises(MalformedRules, match=r'^"k49999" appears twice in one object$'):
        Update("{" + members + '"k49999": 0}', None)
    assert time.process_time() - begin < 5


# New rules


def test_new_rules_are_converted_to_stored_form() -> None:
    nets = {"src_nets": ["10.0.0.0/8", "11.0.0.0/8"]}
    update = Update(rules_text(nets, {"protocol": "6", "dst_ports": ["80"]}, outbound=[{}]), None)
    assert fields_of(update.rules.inbound) == [
        {"src_net": "10.0.0.0/8"},
        {"src_net": "11.0.0.0/8"},
        {"protocol": "tcp", "dst_ports": [80]},
    ]
    assert fields_of(update.rules.outbound) == [{}]
    assert update.rules.extra == {}
    assert update.warnings == ["outbound rule 1: it is empty, which allows everything"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"inbound_rules": [{"src_tag": "a", "src_tag": "c"}], "outbound_rules": []}',
            ['inbound rule 1: "src_tag" appears twice in one object'],
        ),
        ("{}", [f"{name} is missing; an empty list means no rules" for name in ("inbound_rules", "outbound_rules")]),
        ('{"inbound_rules": []}', ["outbound_rules is missing; an empty list means no rules"]),
        (
            '{"inbound_rules": null, "outbound_rules": {}}',
            ["inbound_rules is not a list", "outbound_rules is not a list"],
        ),
        (
            rules_text(ALLOW, "allow", None, [], outbound=[1]),
            [f"{rule}: is not an object" for rule in [*(f"inbound rule {n}" for n in (2, 3, 4)), "outbound rule 1"]],
        ),
        (
            rules_text(ALLOW, {"action": "x", "src_tag": ""}, outbound=[{"colour": 1}]),
            [
                'inbound rule 2: action: "x" is not one of allow, deny, next-tier, log',
                'inbound rule 2: src_tag: "" is not a tag: 1 to 128 letters, digits, dots, dashes and underscores',
                'outbound rule 1: "colour" is not a field of a rule',
            ],
        ),
        (rules_text(order=1), ['"order" is neither inbound_rules nor outbound_rules']),
        (rules_text()[:-1] + ', "a\\n": 1}', ['"a\\n" is neither inbound_rules nor outbound_rules']),
        (rules_text(id=1), ["id is not a string"]),
    ],
)  # fmt: skip
def test_invalid_new_rules(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_more_than_twenty_problems_are_counted() -> None:
    sentence = "is not an object"
    assert problems(rules_text(*[0] * 20)) == [f"inbound rule {number}: {sentence}" for number in range(1, 21)]
    assert problems(rules_text(*[0] * 21))[20:] == ["and 1 more"]
    assert problems(rules_text(*[0] * 1000))[20:] == ["and 980 more"]


@pytest.mark.parametrize("key", ["source_tag", "source_tag{}"])
def test_suggestions_are_computed_only_for_shown_problems(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suggestions are slow, which matters if a generator makes the same mistake in 50,000 rules."""
    asked: list[str] = []
    get_close_matches = difflib.get_close_matches

    def counted(word: str, *arguments: Any, **named: Any) -> list[str]:
        asked.append(word)
        return get_close_matches(word, *arguments, **named)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    text = rules_text(*({key.format(number): "a"} for number in range(1000)))
    said = "is not a field of a rule; did you mean src_tag?"
    shown = [f'"{key.format(number)}" {said}' for number in range(20)]
    assert problems(text) == [*(f"inbound rule {n}: {each}" for n, each in enumerate(shown, 1)), "and 980 more"]
    assert len(asked) == 20
    kept = Update(text, Rules.from_json(text)).warnings
    shown = [f"kept as it is stored, though {each}" for each in shown]
    assert kept == [*(f"inbound rule {n}: {each}" for n, each in enumerate(shown, 1)), "and 980 more"]
    assert len(asked) == 40
    assert len(problems(rules_text({f"source_tag{number}": "a" for number in range(1000)}))) == 21
    assert len(asked) == 60


# New rules that replace stored ones


def test_stored_rules_invalid_as_new_are_kept_with_warning() -> None:
    present = stored(ODD, ALLOW)
    update = Update(rules_text({"src_tag": "a"}, outbound=[{"dst_ports": ["80"]}]), present)
    assert fields_of(update.rules.inbound) == [{"src_tag": "a"}]
    assert fields_of(update.rules.outbound) == [ODD]
    assert update.warnings == [
        "outbound rule 1: kept as it is stored, though dst_ports: ports need the protocol tcp or udp"
    ]


def test_each_problem_of_kept_rule_is_a_warning() -> None:
    odd = {"colour": 1, "icmp_type": "8"}
    assert Update(rules_text(odd, odd), stored(odd)).warnings == [
        f"inbound rule {number}: kept as it is stored, though {problem}"
        for number in (1, 2)
        for problem in ('"colour" is not a field of a rule', 'icmp_type: "8" is not a number from 0 to 254')
    ]


def test_rule_with_identical_json_is_kept_in_preference_to_equal_one() -> None:
    spellings: list[dict[str, Any]] = [{"dst_ports": ["80"]}, {"dst_ports": [80]}, {"dst_ports": ["80:80"]}]
    present = stored(*spellings)
    assert fields_of(Update(rules_text(*reversed(spellings)), present).rules.inbound) == spellings[::-1]
    # Without identical JSON, the first equal rule is kept.
    assert fields_of(Update(rules_text({"dst_ports": [80, "80"]}), present).rules.inbound) == spellings[:1]


def test_valid_stored_rule_in_other_spelling_is_kept() -> None:
    spelled = {"src_net": "10.0.0.0/255.0.0.0", "action": None}
    present = stored(spelled)
    update = Update(rules_text(spelled), present)
    assert fields_of(update.rules.inbound) == [spelled]
    null = "action: null is not a value; give one, or leave the field out"
    assert update.warnings == [f"inbound rule 1: kept as it is stored, though {null}"]
    # Another spelling is stored as a new rule.
    again = {"src_net": "10.0.0.0/8"}
    assert fields_of(Update(rules_text(again), present).rules.inbound) == [again]


def test_changed_rule_is_validated_as_new() -> None:
    assert problems(rules_text({**ODD, "dst_ports": [81]}), stored(ODD)) == [
        "inbound rule 1: dst_ports: ports need the protocol tcp or udp"
    ]


def test_other_members_of_stored_object_are_kept() -> None:
    present = stored(id="old", order=10, nested={"a": [1, None]})
    assert Update(rules_text(), present).rules.extra == present.extra
    assert Update(rules_text(order=10, nested={"a": [1, None]}), present).rules.extra == present.extra
    assert Update(rules_text(id="new"), present).rules.extra == {**present.extra, "id": "new"}
    assert Update(rules_text(id="new"), None).rules.extra == {"id": "new"}
    for changed in (11, 10.0, "10", True):
        assert problems(rules_text(order=changed), present) == ['"order" is neither inbound_rules nor outbound_rules']
    assert problems(rules_text(id=None), present) == ["id is not a string"]


def test_unusual_stored_id_is_kept() -> None:
    assert Update(rules_text(id=1), stored(id=1)).rules.extra == {"id": 1}


@settings(max_examples=examples(150))
@given(documents(), st.lists(valid_fields(), max_size=3))
def test_new_rules_between_stored_ones(document: dict[str, Any], new: list[dict[str, Any]]) -> None:
    present = Rules.from_json(json.dumps(document))
    mixed = [*map(Rule, new), *present.inbound, *map(Rule, new)]
    update = Update(Rules(mixed, present.outbound).to_json(), present)
    expected = Rules(mixed, present.outbound, present.extra)
    assert update.rules.same_as(expected)


@settings(max_examples=examples(100))
@given(documents(), documents())
def test_document_over_another_is_refused_or_stored_completely(new: dict[str, Any], old: dict[str, Any]) -> None:
    present = Rules.from_json(json.dumps(old))
    try:
        update = Update(json.dumps(new), present)
    except InvalidRules as error:
        assert str(error)
        return
    # An accepted document is accepted again over itself, without a change.
    again = Update(update.rules.to_json(), update.rules)
    assert again.rules.same_as(update.rules)
    assert update.rules.extra.items() >= {key: value for key, value in present.extra.items() if key != "id"}.items()


@given(st.one_of(ANY_TEXT, json_values().map(json.dumps), st.text('{}[]":,0123456789.eE-truefalsn\\ u\n', max_size=12)))
def test_any_text_gives_rules_or_a_message(text: str) -> None:
    try:
        Update(text, None)
    except (MalformedRules, InvalidRules) as error:
        assert str(error)
