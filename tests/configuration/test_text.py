"""The text of configuration files: the plain form means the same as YAML, and errors name their line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.configuration.text import Malformed, Node, read, read_plain, read_yaml


def plainly(members: dict[str, Node]) -> dict[str, Any]:
    """Return nodes as comparable tuples: the line, and the text or the members."""
    return {
        name: (node.line, plainly(node.value) if isinstance(node.value, dict) else node.value)
        for name, node in members.items()
    }


CONFIG = """\
# of all users
---
apiVersion: v1
kind:   "calicoApiConfig"   # as Go has it
metadata:

spec:
    # the cluster
    etcdEndpoints: http://a:1, https://[not plain
    etcdScheme: ''
    etcdPassword: 0123
    etcdUsername: ~
"""


def test_plain_form() -> None:
    text = CONFIG.replace("https://[not plain", "https://b:2")
    assert plainly(read_plain(text) or {}) == {
        "apiVersion": (3, "v1"),
        "kind": (4, "calicoApiConfig"),
        "metadata": (5, None),
        "spec": (
            7,
            {
                "etcdEndpoints": (9, "http://a:1, https://b:2"),
                "etcdScheme": (10, ""),
                "etcdPassword": (11, "0123"),
                "etcdUsername": (12, None),
            },
        ),
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# only this", "---", "--- # no more\n"])
def test_empty_text(text: str) -> None:
    assert read_plain(text) == {} == read_yaml(text)


# Fragments of lines, combined at random: some results are plain, some are other YAML, and some are invalid.
NAMES = ["a", "b", "spec", "0", "null", "etcdPassword", "a b", "<<", "'q'", "-", "?", "x.y", "_"]
VALUES = ["", "v", "0123", "1e3", "~", "null", "Null", "yes", "http://a:1,http://b:2", "a  b", "a: b", "a #b", "a#b",
          "'it''s'", "'x'", '"x"', '"\\x41"', '"é"', "é", "'", '"', "[a]", "{a: b}", "|", ">", "&x v", "*x", "!t v",
          "- a", "-a", "a:", ":a", "a,", "@a", "`a", "%a", "=", "<<", "...", "---", "2001-01-01", "a\tb", "\t", "~/x",
          "/x", ".5", "x y z", "'a' b", "\x07", "\u2028", "\ufeff", "#", "\r"]  # fmt: skip
LINES = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "", " ", "  ", "    ", "\t"]),
    st.sampled_from(NAMES),
    st.sampled_from([": ", ": ", ":", ":  ", " : ", ":\t", ""]),
    st.sampled_from(VALUES),
    st.sampled_from(["", "", " # c", "#c", "  ", "\t"]),
)
OTHERS = st.sampled_from(["", "# c", "  # c", "---", "...", "- a", "--- # c", "%YAML 1.1", "  ", "é # c"])


TEXTS = st.lists(st.one_of(LINES, LINES, LINES, OTHERS), max_size=7).map("\n".join)


@given(TEXTS)
def test_plain_form_means_the_same_in_yaml(text: str) -> None:
    members = read_plain(text)
    if members is not None:
        assert plainly(members) == plainly(read_yaml(text))


@given(st.one_of(TEXTS, st.text("{}[]:,'\"&*!|>?#-%@` \n\r\t\\ab\0\x07\x85\u2028\ufeffé\U0001f600", max_size=20)))
def test_every_text_is_read_or_refused(text: str) -> None:
    try:
        plainly(read(text))
    except Malformed as refusal:
        assert 1 <= refusal.line <= text.count("\n") + text.count("\r") + 2


SAFE = [name for name in NAMES if name.replace(".", "").isalnum()]


@given(
    st.recursive(
        st.sampled_from(["v", "0123", "'x y'", '"a # b"', "", "~", "http://a:1,http://b:2"]),
        lambda children: st.dictionaries(st.sampled_from(SAFE), children, min_size=1, max_size=4),
        max_leaves=12,
    ),
    st.integers(1, 4),
)
def test_plain_mappings_are_recognized(value: Any, step: int) -> None:
    def lines(value: Any, indent: int) -> list[str]:
        return [
            line
            for name, member in value.items()
            for line in (
                [f"{' ' * indent}{name}:", *lines(member, indent + step)]
                if isinstance(member, dict)
                else [f"{' ' * indent}{name}: {member}"]
            )
        ]

    text = "\n".join(lines({"top": value}, 0))
    members = read_plain(text)
    assert members is not None
    assert plainly(members) == plainly(read_yaml(text))


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ('{"kind": "x",\n "spec": {\n  "a": "b"}}', {"kind": (1, "x"), "spec": (2, {"a": (3, "b")})}),
        ('{\n\t"kind":\t"x",\n\t"spec": {}\n}\n', {"kind": (2, "x"), "spec": (3, {})}),
        ("kind: x\nspec: {a: b, c: 01}", {"kind": (1, "x"), "spec": (2, {"a": (2, "b"), "c": (2, "01")})}),
        ("a: >\n  b\n  c\n", {"a": (1, "b c\n")}),
        ("a: &x v\nb: *x", {"a": (1, "v"), "b": (2, "v")}),
        ("a: ü\r\nb: c\r\n", {"a": (1, "ü"), "b": (2, "c")}),
        ('a: "\\u00fc"', {"a": (1, "ü")}),
    ],
)
def test_other_yaml(text: str, members: dict[str, Any]) -> None:
    assert read_plain(text) is None
    assert plainly(read(text)) == members


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: b\na: c", 2, "a appears twice"),
        ("a:\n  b: c\n   d: e", 3, "mapping values are not allowed here"),
        ("a: b\n  c: d", 2, "mapping values are not allowed here"),
        ("a: b\nc", 2, "could not find expected ':'"),
        ("\n- a", 2, "names with values are expected, as in 'name: value'"),
        ("text", 1, "names with values are expected, as in 'name: value'"),
        ("a: b\nc: [x, y]", 2, "c is a list; write text, with commas between several endpoints"),
        ("a: b\n? [x]\n: y", 2, "a name is not text"),
        ("a: &x {b: c}\nd: *x", 1, "aliases of mappings are not supported"),
        ("a: &x\n  b: *x", 1, "aliases of mappings are not supported"),
        ("a: b\n---\nc: d", 2, "but found another document"),
        ("a: b\nc: \x07", 2, "control characters are not allowed in YAML"),
        ("\ta: b", 1, "found character '\\t' that cannot start any token"),
        ("a: " + "[\n" * 2000, 1, "it is not YAML, or nested too deeply"),
        ('a: b\nc: "\\ud800"', 2, "c has half of a surrogate pair, such as \\uD800"),
        # A value that may be a password is not repeated.
        ("a: b\nc: *s3cret", 2, "found undefined alias"),
        ("a: b\nc: !s3cret", 2, "c begins with '!'; put the text in quotes"),
        ("a: b\nc: !s3cret!x", 2, "found undefined tag handle"),
        ("a: b\nc: @s3cret", 2, "found character '@' that cannot start any token"),
        ("a: b\nc: %s3cret", 2, "found character '%' that cannot start any token"),
        ("a: b\nc: {s3cret", 2, "expected ',' or '}', but got '<stream end>'"),
        ("a: b\nc: 's3cret", 2, "found unexpected end of stream"),
        ('a: b\nc: "s3cret\\q"', 2, "found unknown escape character 'q'"),
    ],
)
def test_errors(text: str, line: int, problem: str) -> None:
    with pytest.raises(Malformed) as raised:
        read(text)
    assert (raised.value.line, str(raised.value)) == (line, problem)
