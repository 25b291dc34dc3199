"""The selector language: syntax, matching, canonical text and errors."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.model.selector import SelectorError, parse, without_one_value_sets

ANYTHING_BUT_LABEL = "expected a label, has(), all(), ! or ("
READ_AS_OPERATOR = "is an operator; a label that begins with it can be used only in has()"


def error(text: str, *, strict: bool = False, new: bool = False) -> str:
    with pytest.raises(SelectorError) as caught:
        parse(text, strict=strict, new=new)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", "all()"),
        (" \t ", "all()"),
        ("all( \n)", "all()"),
        ("a=='b'", 'a == "b"'),
        ("a=='say \"b\"'", "a == 'say \"b\"'"),
        ('a == "it\'s"', 'a == "it\'s"'),
        ('a == "x\n\\"', 'a == "x\n\\"'),
        ('a\t!=\t""', 'a != ""'),
        ("a in{'c','b','c',}", 'a in {"b", "c"}'),
        ("a in {}", "a in {}"),
        ("a not in { }", "a not in {}"),
        ("a notin{'b'}", 'a not in {"b"}'),
        ("a not \n\f\r\tin {'b'}", 'a not in {"b"}'),
        ("a in {'B', 'a', 'é', '\U0001f600', '\uffff'}", 'a in {"B", "a", "é", "\uffff", "\U0001f600"}'),
        ("has(\n\f\r\ta )", "has(a)"),
        ("has(in)", "has(in)"),
        ("has(in-use)&&has( notin )", "(has(in-use) && has(notin))"),
        ("in_use == 'b'", 'in_use == "b"'),
        ("in1 == 'b' || inner == 'b'", '(in1 == "b" || inner == "b")'),
        ("not == 'b' && not not in {'b'}", '(not == "b" && not not in {"b"})'),
        ("has == 'b'", 'has == "b"'),
        ("all == 'b'", 'all == "b"'),
        ("contains == 'b' || global == 'b' || starts != 'b'", '(contains == "b" || global == "b" || starts != "b")'),
        ("a.b-c_d/E/9 == 'b'", 'a.b-c_d/E/9 == "b"'),
        ("-./ == 'b'", '-./ == "b"'),
        ("a" * 512 + " == ''", "a" * 512 + ' == ""'),
        ("((((has(a)))))", "has(a)"),
        ("!!!has(a)", "!has(a)"),
        ("! ! has(a)", "has(a)"),
        ("!(!has(a))", "has(a)"),
        ("!(!(!has(a)))", "!has(a)"),
        ("!has(a)&&has(b)", "(!has(a) && has(b))"),
        ("!(has(a)&&has(b))", "!(has(a) && has(b))"),
        ("has(a)&&has(b)||has(c)&&has(d)", "((has(a) && has(b)) || (has(c) && has(d)))"),
        ("has(a)&&(has(b)||has(c))&&has(d)", "(has(a) && (has(b) || has(c)) && has(d))"),
        ("has(a)&&(has(b)&&has(c))", "(has(a) && (has(b) && has(c)))"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert parse(text).canonical() == str(parse(text)) == canonical
    assert str(parse(canonical)) == canonical


@pytest.mark.parametrize(
    ("text", "selected", "not_selected"),
    [
        ("", [{}, {"a": ""}], []),
        ("a == 'b'", [{"a": "b"}, {"a": "b", "c": "d"}], [{}, {"a": "B"}, {"a": ""}, {"b": "a"}]),
        ("a == ''", [{"a": ""}], [{}, {"a": " "}]),
        ("a != 'b'", [{}, {"a": ""}], [{"a": "b"}]),
        ("a in {'b', ''}", [{"a": "b"}, {"a": ""}], [{}, {"a": "c"}]),
        ("a not in {'b', ''}", [{}, {"a": "c"}], [{"a": "b"}, {"a": ""}]),
        ("a in {}", [], [{}, {"a": ""}]),
        ("a not in {}", [{}, {"a": ""}], []),
        ("has(a)", [{"a": ""}], [{}, {"b": "a"}]),
        ("!a == 'b' && has(c)", [{"c": ""}], [{}, {"a": "b", "c": ""}]),
        ("has(a) || has(b) && has(c)", [{"a": ""}, {"b": "", "c": ""}], [{}, {"b": ""}, {"c": ""}]),
        ("(has(a) || has(b)) && has(c)", [{"a": "", "c": ""}], [{"a": ""}, {"c": ""}]),
        ("!(has(a) || has(b))", [{}], [{"a": ""}, {"b": ""}]),
        ("!!has(a)", [{"a": ""}], [{}]),
    ],
)
def test_matches(text: str, selected: list[dict[str, str]], not_selected: list[dict[str, str]]) -> None:
    matches = parse(text).matches
    assert [labels for labels in selected if not matches(labels)] == []
    assert [labels for labels in not_selected if matches(labels)] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a == b", "expected a string after == at column 6"),
        ("a !=", "expected a string after != at column 5"),
        ("a != ||", "expected a string after != at column 6"),
        ("a", "expected ==, !=, in or not in after a at column 2"),
        ("a  ", "expected ==, !=, in or not in after a at column 4"),
        ("a b", "expected ==, !=, in or not in after a at column 3"),
        ("has (a)", "expected ==, !=, in or not in after has at column 5"),
        ("has()", "expected ==, !=, in or not in after has at column 4"),
        ("all ()", "expected ==, !=, in or not in after all at column 5"),
        ("a = 'b'", "expected == at column 3"),
        ("has(a) & has(b)", "expected && at column 8"),
        ("has(a) | has(b)", "expected || at column 8"),
        ("a == 'b", "string without closing ' at column 6"),
        ("a == \"b'", 'string without closing " at column 6'),
        ("é == 'b'", "unexpected character 'é' at column 1"),
        ("a == 'é' %", "unexpected character '%' at column 10"),
        ("a == 'b' && ", f"{ANYTHING_BUT_LABEL} at column 13"),
        ("'a' == b", f"{ANYTHING_BUT_LABEL} at column 1"),
        ("!", f"{ANYTHING_BUT_LABEL} at column 2"),
        ("()", f"{ANYTHING_BUT_LABEL} at column 2"),
        (")", f"{ANYTHING_BUT_LABEL} at column 1"),
        ("|| has(a)", f"{ANYTHING_BUT_LABEL} at column 1"),
        ("has(a) has(b)", "expected &&, || or the end at column 8"),
        ("has(a))", "expected &&, || or the end at column 7"),
        ("has(a) global()", "expected &&, || or the end at column 8"),
        ("(has(a)", "expected &&, || or ) at column 8"),
        ("(has(a) has(b))", "expected &&, || or ) at column 9"),
        ("a in 'b'", "expected { after in at column 6"),
        ("a not in 'b'", "expected { after not in at column 10"),
        ("a in {b}", "expected a string or } at column 7"),
        ("a in {,}", "expected a string or } at column 7"),
        ("a in {'b',,}", "expected a string or } at column 11"),
        ("a in {'b' 'c'}", "expected , or } at column 11"),
        ("a in {'b'", "expected , or } at column 10"),
        ("a" * 513 + " == 'b'", "label name of more than 512 characters at column 1"),
        ("!has(" + "a" * 513 + ")", "label name of more than 512 characters at column 2"),
        ("a contains 'b'", '"contains" at column 3 is later than the v1 data model'),
        ("a starts with 'b'", '"starts with" at column 3 is later than the v1 data model'),
        ("a startswith 'b'", '"starts with" at column 3 is later than the v1 data model'),
        ("has(a) && b ends with 'b'", '"ends with" at column 13 is later than the v1 data model'),
        ("a endswith 'b'", '"ends with" at column 3 is later than the v1 data model'),
        ("!global()", '"global()" at column 2 is later than the v1 data model'),
        ("global( )", '"global()" at column 1 is later than the v1 data model'),
    ],
)
def test_errors(text: str, message: str) -> None:
    assert error(text) == error(text, strict=True) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a in {}", "an empty set at column 7"),
        ("a not in {}", "an empty set at column 11"),
        ("a in {'b', }", "a comma before } at column 12"),
        ("a notin {'b'}", "notin without a blank at column 3"),
        ("has(a) || all( )", "blanks inside all() at column 11"),
        ("has(\fa)", "a form feed at column 1"),
        ("a not\fin {'b'}", "a form feed at column 3"),
        ("a == 'b\tc'", "a tab, a line end or an escape such as \\t in a string at column 6"),
        ("a in {'b', 'c\n'}", "a tab, a line end or an escape such as \\t in a string at column 12"),
        ("a == '\r'", "a tab, a line end or an escape such as \\t in a string at column 6"),
        ("a == 'C:\\new'", "a tab, a line end or an escape such as \\t in a string at column 6"),
    ],
)
def test_strict_refuses_what_felix_cannot_read(text: str, message: str) -> None:
    parse(text)
    assert error(text, strict=True) == f"Felix 1.4 cannot read {message}"


@pytest.mark.parametrize(
    "text", ["a == 'C:\\data \f'", "has( \n\r\ta )", "a not\n in\t{'b'}", "\ta\t==\t'b'", "!! all()"]
)
def test_strict_accepts_other_selectors(text: str) -> None:
    assert str(parse(text, strict=True)) == str(parse(text))


@pytest.mark.parametrize(("strict", "limit"), [(False, 100), (True, 32)])
def test_nesting_is_limited(strict: bool, limit: int) -> None:
    unit = "!(all() && has(b) || "
    selector = parse(unit * limit + "has(a)" + ")" * limit, strict=strict)
    assert selector.canonical() == "!((all() && has(b)) || " * limit + "has(a)" + ")" * limit
    # With label a and without b, each pair of parentheses negates its content.
    assert selector.matches({"a": ""})
    assert not selector.matches({"b": ""})
    assert error("(" * (limit + 1), strict=strict) == f"more than {limit} nested brackets at column {limit + 1}"
    assert error("(" * 10_000, strict=strict) == f"more than {limit} nested brackets at column {limit + 1}"


def test_lists_and_negations_are_not_limited() -> None:
    assert str(parse("!" * 100_001 + "has(a)")) == "!has(a)"
    both = parse(" && ".join(f"l{number} != 'x'" for number in range(20_000)))
    assert both.matches({"l19999": "y"})
    assert not both.matches({"l19999": "x"})
    either = parse(" || ".join(f"l == '{number}'" for number in range(20_000)))
    assert either.matches({"l": "19999"})
    assert not either.matches({"l": "20000"})
    assert either.requires == {"l": frozenset(map(str, range(20_000)))}


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a" * MEGABYTE, "label name of more than 512 characters at column 1"),
        ("has(" + " " * MEGABYTE, "expected ==, !=, in or not in after has at column 4"),
        ("has(a" + " " * MEGABYTE + "b)", "expected ==, !=, in or not in after has at column 4"),
        ("a not" + " " * MEGABYTE, "expected ==, !=, in or not in after a at column 3"),
        ("a == '" + "b" * MEGABYTE, "string without closing ' at column 6"),
        (" " * MEGABYTE + "%", f"unexpected character '%' at column {MEGABYTE + 1}"),
    ],
    ids=["label", "has", "has label", "not", "string", "blanks"],
)
def test_error_in_long_text_is_found_quickly(text: str, message: str) -> None:
    assert error(text) == message


@pytest.mark.parametrize(
    ("text", "requires"),
    [
        ("", {}),
        ("a == 'b'", {"a": {"b"}}),
        ("a in {'b', 'c'}", {"a": {"b", "c"}}),
        ("has(a)", {"a": None}),
        ("a != 'b' || a not in {'b'}", {}),
        ("!has(a)", {}),
        ("!!has(a)", {"a": None}),
        ("has(a) && a in {'b', 'c'} && a in {'c', 'd'} && has(a)", {"a": {"c"}}),
        ("a == 'b' && has(c) && d != 'e'", {"a": {"b"}, "c": None}),
        ("a == 'b' && a == 'c'", {"a": set()}),
        ("a == 'b' || a == 'c' && d == 'e'", {"a": {"b", "c"}}),
        ("a == 'b' || has(a)", {"a": None}),
        ("a == 'b' || all()", {}),
        ("a == 'b' || a == 'c' || d == 'e'", {}),
    ],
)
def test_requires(text: str, requires: dict[str, set[str] | None]) -> None:
    assert parse(text).requires == requires


def test_unique_id_of_invalid_unicode() -> None:
    assert parse("a == '\ud800'").unique_id() != parse("a == '\ud801'").unique_id()


# Trees as tuples: (operator, label, value or values), (operator, tree, ...).
Tree = tuple[Any, ...]
HAS_ONLY = ["in", "in-use", "notin", "not.in/x"]
BEFORE_IN = ["a", "b", "calico/k8s_ns", "in_x", "inner", "has", "all", "contains", "global", "9.-"]
LABELS = [*BEFORE_IN, "not"]
VALUES = ["", "b", "c", "'", '"', "it's", "&& (", "é", "x\n\t", "\\"]

values = st.sampled_from(VALUES)
labels = st.sampled_from(LABELS)
label_sets = st.dictionaries(st.sampled_from(LABELS + HAS_ONLY), values)
conditions = st.one_of(
    st.tuples(st.sampled_from(["==", "!="]), labels, values),
    st.tuples(st.sampled_from(["in", "not in"]), st.sampled_from(BEFORE_IN), st.lists(values, max_size=4)),
    st.tuples(st.just("has"), st.sampled_from(LABELS + HAS_ONLY)),
    st.just(("all",)),
)
trees: st.SearchStrategy[Tree] = st.recursive(
    conditions,
    lambda parts: st.one_of(
        st.tuples(st.just("!"), parts),
        st.builds(lambda operator, some: (operator, *some), st.sampled_from(["&&", "||"]), st.lists(parts, min_size=2)),
    ),
    max_leaves=12,
)


def selects(tree: Tree, labels: dict[str, str]) -> bool:
    """A slow implementation of the language's documentation."""
    operator = tree[0]
    if operator == "all":
        return True
    if operator == "!":
        return not selects(tree[1], labels)
    if operator == "&&":
        return all(selects(part, labels) for part in tree[1:])
    if operator == "||":
        return any(selects(part, labels) for part in tree[1:])
    present = tree[1] in labels
    if operator == "has":
        return present
    wanted = tree[2] if isinstance(tree[2], list) else [tree[2]]
    found = present and labels[tree[1]] in wanted
    return found if operator in ("==", "in") else not found


def canonical(tree: Tree) -> str:
    operator = tree[0]
    if operator == "all":
        return "all()"
    if operator == "has":
        return f"has({tree[1]})"
    if operator == "!":
        text = canonical(tree[1])
        return text[1:] if text.startswith("!") else "!" + text
    if operator in ("&&", "||"):
        return "(" + f" {operator} ".join(canonical(part) for part in tree[1:]) + ")"
    if operator in ("==", "!="):
        return f"{tree[1]} {operator} {quoted(tree[2])}"
    return f"{tree[1]} {operator} {{{', '.join(quoted(value) for value in sorted(set(tree[2])))}}}"


def quoted(value: str) -> str:
    return f"'{value}'" if '"' in value else f'"{value}"'


@st.composite
def spellings(draw: st.DrawFn, tree: Tree) -> str:
    """One of the many texts for a tree: random blanks, quotes, parentheses and negations."""
    blank = st.sampled_from(["", " ", "\t", "  "])
    space = st.sampled_from([" ", "\t", " \t"])
    white = st.sampled_from(["", " ", "\n", "\f\r\t"])

    def string(value: str) -> str:
        quote = draw(st.sampled_from([quote for quote in "\"'" if quote not in value]))
        return quote + value + quote

    def condition(tree: Tree) -> list[str]:
        operator = tree[0]
        if operator == "all":
            return ["all(" + draw(white) + ")"]
        if operator == "has":
            return ["has(" + draw(white) + tree[1] + draw(white) + ")"]
        if operator in ("==", "!="):
            return [tree[1], operator, string(tree[2])]
        word = "in" if operator == "in" else "not" + draw(white) + "in"
        tokens = [tree[1] + draw(space) + word, "{"]
        for value in tree[2]:
            tokens += [string(value), ","]
        if tree[2] and draw(st.booleans()):
            tokens.pop()
        return [*tokens, "}"]

    def spell(tree: Tree, binding: int) -> list[str]:
        """Return the tokens of a tree; binding is 1 in a list of ||, 2 in a list of &&, 3 after !, otherwise 0."""
        if tree[0] == "!":
            tokens = ["!", *spell(tree[1], 3)]
        elif tree[0] in ("&&", "||"):
            own = 2 if tree[0] == "&&" else 1
            tokens = spell(tree[1], own)
            for part in tree[2:]:
                tokens += [tree[0], *spell(part, own)]
            if own <= binding:
                tokens = ["(", *tokens, ")"]
        else:
            tokens = condition(tree)
        extra = draw(st.sampled_from(["", "", "", "", "brackets", "negations"]))
        if extra == "brackets":
            return ["(", *tokens, ")"]
        if extra == "negations" and tree[0] not in ("&&", "||"):
            return ["!", "!", *tokens]
        return tokens

    tokens = spell(tree, 0)
    return draw(blank) + "".join(token + draw(blank) for token in tokens)


@given(st.data(), trees, st.lists(label_sets, min_size=1, max_size=8))
def test_every_spelling_has_same_meaning(data: st.DataObject, tree: Tree, samples: list[dict[str, str]]) -> None:
    text = data.draw(spellings(tree), label="text")
    selector = parse(text)
    again = parse(str(selector))
    assert str(selector) == str(again) == canonical(tree)
    assert again.requires == selector.requires
    for sample in samples:
        assert selector.matches(sample) == again.matches(sample) == selects(tree, sample)


@given(trees, label_sets)
def test_matching_labels_include_required_ones(tree: Tree, sample: dict[str, str]) -> None:
    selector = parse(canonical(tree))
    if selector.matches(sample):
        for label, allowed in selector.requires.items():
            assert label in sample
            assert allowed is None or sample[label] in allowed


PIECES = [*"!(){},=&|'\" \t\n\fab%", "==", "!=", "&&", "||", "in", "not", "notin", "has(", "has(a)", "all(", "all()"]
PIECES += ["contains", "starts with", "global(", "a == 'b'", "a in {", "\\t", "é", "\ud800"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)), st.booleans())
def test_any_text_gives_selector_or_error(text: str, strict: bool) -> None:
    try:
        selector = parse(text, strict=strict)
    except SelectorError as problem:
        assert " at column " in str(problem)
        return
    assert str(parse(str(selector))) == str(selector)
    assert str(parse(text)) == str(selector)


@pytest.mark.parametrize(
    "text",
    [
        "a in {'1'} && b != '2'", "has(a) && a in {'1'}", "a in {'1'} && a in {'1'}", "a == '1' && c in {'3'}",
        "a in {'1'} && c == '3'", "a in {'1'} || b in {'1'}", "a in {'1', '1'} && has(b)", "(a in {'1'}) && has(b)",
        "x == '1' || (a in {'1'} && has(b))", "a in {'1'} || has(b)", "!!(a in {'1'}) && has(b)",
    ],
)  # fmt: skip
def test_felix_indexes_in_with_one_value_wrongly_in_combinations(text: str) -> None:
    assert parse(text).is_misfiled
    mended = parse(without_one_value_sets(text))
    assert not mended.is_misfiled
    labels = [dict(zip("abc", values, strict=True)) for values in itertools.product("123", repeat=3)]
    assert [mended.matches(each) for each in labels] == [parse(text).matches(each) for each in labels]


@pytest.mark.parametrize(
    "text",
    [
        "a in {'1'}", "(a in {'1'})", "a in {'1', '2'} && has(b)", "a == '1' && has(b)", "!(a in {'1'})",
        "a in {'1'} || b == '2'", "a not in {'1'} && has(b)", "!(a in {'1'}) && has(b)", "all()", "",
    ],
)  # fmt: skip
def test_felix_indexes_other_selectors_correctly(text: str) -> None:
    assert not parse(text).is_misfiled


NESTED = st.recursive(
    st.sampled_from(["a in {'1'}", "b in {'1'}", "a in {'1', '2'}", "a == '1'", "b == '2'", "has(c)", "c != '1'"]),
    lambda parts: st.tuples(st.sampled_from(["!", "&&", "||"]), st.lists(parts, min_size=1, max_size=3)),
    max_leaves=6,
)


def nested_text(tree: Any) -> str:
    if isinstance(tree, str):
        return tree
    operator, parts = tree
    texts = [f"({nested_text(part)})" for part in parts]
    return f"!{texts[0]}" if operator == "!" else f" {operator} ".join(texts)


def collect_required(tree: Any, required: set[str]) -> None:
    """Collect what Felix 1.4 believes every match to have, as its index does: of ``in``, the value without a label."""
    if isinstance(tree, str):
        if tree.endswith("in {'1'}"):
            required.add("1")
        elif " == " in tree:
            required.add(tree)
        return
    operator, parts = tree
    if operator == "!":
        return
    collect_required(parts[0], required)
    for part in parts[1:]:
        if operator == "&&":
            collect_required(part, required)
        else:
            others: set[str] = set()
            collect_required(part, others)
            required &= others


@given(NESTED)
def test_nested_in_with_one_value_that_felix_indexes_wrongly(tree: Any) -> None:
    """Whatever Felix files under a value without a label is known as misfiled, unless it is a lone ``in``."""
    required: set[str] = set()
    collect_required(tree, required)
    text = nested_text(tree)
    assert "1" not in required or parse(text).is_misfiled or str(parse(text)) in ('a in {"1"}', 'b in {"1"}')
    assert not parse(without_one_value_sets(text)).is_misfiled


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a in {'1'} && b != '2'", "a == '1' && b != '2'"),
        ("a  in\t{ \"x }\" , } || in-use in {'1','2'} ", None),
        ("has(in) && a in { '1' }&&b in{'in'}", "has(in) && a == '1'&&b == 'in'"),
        ("a not in {'1'} && b in {'1', \"1\"} && c in{'1','2'}", "a not in {'1'} && b == '1' && c in{'1','2'}"),
    ],
)
def test_sets_of_one_value_are_written_as_equalities(text: str, written: str | None) -> None:
    if written is None:
        with pytest.raises(SelectorError):
            without_one_value_sets(text)
    else:
        assert without_one_value_sets(text) == written


@pytest.mark.parametrize(
    ("text", "labels", "message"),
    [
        ("a\n== 'b'", {"a": "b"}, "line break before the text at column 3: write the selector in one line"),
        ("a == 'b'\r\n", {"a": "b"}, "line break before the text at column 11: write the selector in one line"),
        ("in == 'b'", {"in": "b"}, f'"in" at column 1 {READ_AS_OPERATOR}'),
        ("has(a) && in-use == 'b'", {"a": "", "in-use": "b"}, f'"in" at column 11 {READ_AS_OPERATOR}'),
        ("in/use in {'b'}", {"in/use": "b"}, f'"in" at column 1 {READ_AS_OPERATOR}'),
        ("not in {'b'}", {"not": "b"}, f'"not in" at column 1 {READ_AS_OPERATOR}'),
        ("notin == 'b'", {"notin": "b"}, f'"notin" at column 1 {READ_AS_OPERATOR}'),
    ],
)
def test_new_selectors_beyond_the_language_are_refused(text: str, labels: dict[str, str], message: str) -> None:
    assert error(text, new=True) == message
    selector = parse(text, strict=True)
    assert (selector.matches(labels), selector.matches({})) == (True, False)
