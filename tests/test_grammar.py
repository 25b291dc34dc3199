"""The grammar gives the same result as plain ``docopt.docopt`` 0.6.2 for every argument list.

``grammar.parse`` differs from docopt only in fixing the pattern, a step that does not depend on the arguments. So the
fixed patterns are compared directly; some argument lists for each grammar are compared with plain docopt; and
thousands, of which `make test` takes a quarter, with a docopt that fixes each pattern once, keeps a copy, and is
otherwise unchanged.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import docopt
import pytest

from calicoctl import grammar
from calicoctl.calicoq import cli as calicoq_cli
from calicoctl.usage import profile, version
from calicoctl.usage.table import COMMANDS, OVERVIEW, usage_of
from tests.sampling import QUARTERS, Sampling

# Features that none of our commands uses, such as options that may be repeated.
SHORT_OPTIONS = """
Usage: tool [-v...] [-n <NUMBER> | --name=<NAME>]... [--] <FILE>...
       tool (-a | --all) [-x]

Options: -h, --help  Say this
  -n, --number=<NUMBER>  A number [default: 1 2]
  -a, --all  Everything
"""


class Grammar(NamedTuple):
    """A usage text under test, with the number of argument lists to compare, in total and with plain docopt."""

    usage: str
    lists: int
    plain_lists: int
    options_first: bool = False


GRAMMARS = {
    **{name: Grammar(usage_of(command), 300, 30) for name, command in COMMANDS.items()},
    "profile": Grammar(profile.USAGE, 2000, 60),
    "node": Grammar(usage_of(COMMANDS["node"]), 600, 50),
    "calicoctl": Grammar(OVERVIEW, 300, 100, options_first=True),
    "calicoq": Grammar(calicoq_cli.USAGE, 300, 50),
    "short options": Grammar(SHORT_OPTIONS, 300, 50),
}
each_grammar = pytest.mark.parametrize("name", GRAMMARS)

WORDS = [
    *("WEB", "allow", "from", "to", "tag", "show", "rule", "add", "tcp", "profile", "calicoctl", "stop"),
    *("80,443", "10.0.0.0/8", "é", "日本", "", " ", "-", "a b", "x=y", "0", "\udc80"),
]
ODD_WORDS = [
    *WORDS,
    *("--", "--", "-h", "--help", "--hel", "-1", "-x", "--=1", "--at", "--at=", "--at=2", "--a", "--no", "--d"),
    *("--detailed=1", "--unknown", "--é", "---", "-hv", "--ip", "--host", "--w=\udc80", "--version", "-é"),
]


def pattern_of(usage: str) -> Any:
    """The pattern as docopt reads it, before it is fixed."""
    return docopt.parse_pattern(docopt.formal_usage(docopt.printable_usage(usage)), docopt.parse_defaults(usage))


def keywords_and_options(usage: str) -> list[str]:
    leaves = pattern_of(usage).flat(docopt.Command, docopt.Option)
    return sorted({leaf.name for leaf in leaves})


# Argument lists


def accepted(pattern: Any, random: Random) -> list[list[str]]:
    """Return a random list that a pattern accepts, in pieces; an option with its value is one piece."""
    kind = type(pattern)
    if kind is docopt.Optional and random.random() < 0.5:
        return []
    if kind is docopt.Either:
        return accepted(random.choice(pattern.children), random)
    if kind in (docopt.Required, docopt.Optional):
        return [piece for child in pattern.children for piece in accepted(child, random)]
    if kind is docopt.OneOrMore:
        return [piece for _ in range(random.randint(1, 3)) for piece in accepted(pattern.children[0], random)]
    if kind is docopt.Command:
        return [[pattern.name]]
    if kind is docopt.Argument:
        return [[random.choice(WORDS)]]
    return [spelled_option(pattern, random)]


def spelled_option(option: docopt.Option, random: Random) -> list[str]:
    if not option.long:
        return [option.short, random.choice(WORDS)] if option.argcount else [option.short]
    name = option.long if random.random() < 0.6 else option.long[: random.randint(3, len(option.long))]
    if not option.argcount:
        return [name]
    value = random.choice([*WORDS, "-1", "--", "-h"])
    return [name, value] if random.random() < 0.5 else [f"{name}={value}"]


def options_moved(pieces: list[list[str]], random: Random) -> list[list[str]]:
    """Move options to random places, which docopt allows."""
    moved = [piece for piece in pieces if not piece[0].startswith("-")]
    for piece in pieces:
        if piece[0].startswith("-"):
            moved.insert(random.randint(0, len(moved)), piece)
    return moved


def mutated(argv: list[str], random: Random, words: Sequence[str]) -> list[str]:
    argv = list(argv)
    for _ in range(random.randint(1, 3)):
        place = random.randint(0, len(argv))
        kind = random.randrange(5) if place < len(argv) else 0
        if kind == 0:
            argv.insert(place, random.choice(words))
        elif kind == 1:
            argv[place] = random.choice(words)
        elif kind == 2:
            del argv[place]
        elif kind == 3:
            argv.insert(random.randint(0, len(argv)), argv[place])
        else:
            argv[place] = argv[place][: random.randint(0, len(argv[place]))]
    return argv


def argument_lists(usage: str, count: int, random: Random) -> list[list[str]]:
    """Three in five lists are accepted by the grammar; the others have mistakes or are random words."""
    pattern = pattern_of(usage)
    words = keywords_and_options(usage) * 2 + ODD_WORDS
    lists = []
    for number in range(count):
        argv = [word for piece in options_moved(accepted(pattern, random), random) for word in piece]
        if number % 5 == 3:
            argv = mutated(argv, random, words)
        elif number % 5 == 4:
            argv = random.choices(words, k=random.randint(0, 12)) if number % 2 else mutated(argv, random, ODD_WORDS)
        lists.append(argv)
    return lists


# Results: the kind, and either the dictionary in its order or the text


def by_docopt(usage: str, argv: list[str], options_first: bool) -> tuple[str, str]:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            arguments = docopt.docopt(usage, argv, options_first=options_first)
    except docopt.DocoptExit as error:
        return "error", str(error)
    except SystemExit as done:
        assert done.code is None
        return "help", printed.getvalue()
    return "arguments", repr(list(arguments.items()))


def by_grammar(usage: str, argv: list[str], options_first: bool) -> tuple[str, str]:
    try:
        arguments = grammar.parse(usage, argv, options_first)
    except grammar.UsageError as error:
        return "error", str(error)
    except grammar.HelpRequested as text:
        return "help", f"{text}\n"
    return "arguments", repr(list(arguments.items()))


def compare(usage: str, lists: list[list[str]], options_first: bool) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for argv in lists:
        given = list(argv)
        outcome = by_grammar(usage, argv, options_first)
        assert argv == given
        assert outcome == by_docopt(usage, argv, options_first), argv
        outcomes[outcome[0]] += 1
    return outcomes


@pytest.fixture
def patterns_fixed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let docopt fix each pattern once and copy the result from then on."""
    fix: Callable[[Any], Any] = docopt.Pattern.fix
    fixed: dict[str, bytes] = {}

    def fix_once(pattern: Any) -> Any:
        key = repr(pattern)
        if key not in fixed:
            fixed[key] = pickle.dumps(fix(pattern))
        pattern.children = pickle.loads(fixed[key]).children
        return pattern

    monkeypatch.setattr(docopt.Pattern, "fix", fix_once)


def structure(pattern: Any) -> list[Any]:
    """Return the tree with the text of each leaf, and the identity of leaves that are the same object."""
    numbers: dict[int, int] = {}

    def walk(part: Any) -> Any:
        if hasattr(part, "children"):
            return [type(part).__name__, *map(walk, part.children)]
        return repr(part), numbers.setdefault(id(part), len(numbers))

    return [walk(pattern), len(numbers)]


def assert_fixed_alike(usage: str) -> None:
    ours, plain = pattern_of(usage), pattern_of(usage)
    grammar._fix(ours)
    assert structure(ours) == structure(plain.fix()), usage


@each_grammar
def test_fixed_patterns(name: str) -> None:
    assert_fixed_alike(GRAMMARS[name].usage)


def test_fixing_changes_pattern_of_profile() -> None:
    # Otherwise the test above could not fail.
    pattern = pattern_of(profile.USAGE)
    before = structure(pattern)
    grammar._fix(pattern)
    after = structure(pattern)
    leaves = pattern.flat()
    assert before[1] == len(leaves)
    assert after[1] == len({leaf.name for leaf in leaves}) < before[1]
    assert after[0] != before[0]


def random_expression(random: Random, depth: int) -> str:
    atoms = ["a", "b", "<X>", "<Y>", "-f", "--long", "--value=<V>", "--default=<D>", "-n"]
    kind = random.randrange(6) if depth else 0
    if kind < 2:
        atom = random.choice(atoms)
    elif kind == 2:
        atom = " ".join(random_expression(random, depth - 1) for _ in range(random.randint(1, 3)))
    elif kind == 3:
        atom = "[" + random_expression(random, depth - 1) + "]"
    else:
        alternatives = "|".join(random_expression(random, depth - 1) for _ in range(random.randint(2, 3)))
        atom = f"({alternatives})"
    if " " not in atom and random.random() < 0.15:
        return f"{atom}..."
    return atom


def test_fixed_patterns_of_random_grammars() -> None:
    random = Random(20)
    different = 0
    for _ in range(1500):
        usage = f"Usage: tool {random_expression(random, 3)}\n\nOptions: -f\n  --default=<D>  Has one [default: x y]\n"
        try:
            before = structure(pattern_of(usage))
        except docopt.DocoptLanguageError:
            continue
        assert_fixed_alike(usage)
        fixed = pattern_of(usage)
        grammar._fix(fixed)
        different += structure(fixed) != before
    assert different > 400


@each_grammar
def test_plain_docopt(name: str) -> None:
    usage, _, count, options_first = GRAMMARS[name]
    outcomes = compare(usage, argument_lists(usage, count, Random(f"plain {name}")), options_first)
    assert outcomes["arguments"] >= 0.3 * count
    assert outcomes["error"] + outcomes["help"] >= 0.1 * count


@pytest.mark.once
@pytest.mark.product
@pytest.mark.usefixtures("patterns_fixed_once")
def test_docopt_with_cached_patterns(sampling: Sampling) -> None:
    outcomes: Counter[str] = Counter()
    for number, (name, (usage, count, _, options_first)) in enumerate(GRAMMARS.items()):
        lists = list(sampling.quarter(argument_lists(usage, count, Random(name)), number))
        of_this = compare(usage, lists, options_first)
        assert of_this["arguments"] >= 0.3 * len(lists), name
        outcomes += of_this
    parts = 1 if sampling.complete else QUARTERS
    assert outcomes.total() * parts >= 4000
    assert outcomes["arguments"] * parts >= 2000
    assert outcomes["error"] * parts >= 800
    assert outcomes["help"] * parts >= 100


@pytest.mark.usefixtures("patterns_fixed_once")
def test_help_anywhere_in_arguments() -> None:
    random = Random(7)
    lists = []
    for argv in argument_lists(profile.USAGE, 60, random):
        place = random.randint(0, len(argv))
        lists.append([*argv[:place], random.choice(["-h", "--help", "-xh"]), *argv[place:]])
    assert compare(profile.USAGE, lists, False)["help"] >= 30


# Examples


def parsed(*argv: str) -> dict[str, Any]:
    """The arguments that are neither absent nor zero."""
    return {name: value for name, value in grammar.parse(profile.USAGE, ["profile", *argv]).items() if value}


def refused(*argv: str) -> str:
    with pytest.raises(grammar.UsageError) as caught:
        grammar.parse(profile.USAGE, ["profile", *argv])
    return str(caught.value)


USAGE_OF_PROFILE = profile.USAGE.split("\n\n")[0].strip()


def test_every_element_has_a_value() -> None:
    arguments = grammar.parse(version.USAGE, ["version"])
    assert arguments == {"version": True, "--client": False}
    absent = {name: value for name, value in grammar.parse(profile.USAGE, ["profile", "show"]).items() if not value}
    assert absent == {
        **dict.fromkeys(["--at", "<DSTCIDR>", "<DSTPORTS>", "<DSTTAG>", "<ICMPCODE>", "<ICMPTYPE>", "<PROFILE>"]),
        **dict.fromkeys(["<SRCCIDR>", "<SRCPORTS>", "<SRCTAG>", "<TAG>"]),
        **dict.fromkeys(["--detailed", "--no-check", "add", "allow", "code", "deny", "from", "icmp", "icmpv6"], False),
        **dict.fromkeys(["inbound", "json", "outbound", "remove", "rule", "tcp", "to", "type", "udp", "update"], False),
        **dict.fromkeys(["cidr", "ports", "tag"], 0),
    }


def test_names_that_look_like_keywords() -> None:
    assert parsed("show", "tag", "show") == {"profile": True, "<PROFILE>": "show", "tag": 1, "show": True}
    assert parsed("add", "rule", "json") == {"profile": True, "<PROFILE>": "add", "rule": True, "json": True}
    words = {"profile": True, "<PROFILE>": "rule", "rule": True, "add": True, "inbound": True, "allow": True}
    assert parsed(*"rule rule add inbound allow from tag to to tag from".split()) == {
        **words, "from": True, "to": True, "tag": 2, "<SRCTAG>": "to", "<DSTTAG>": "from"
    }  # fmt: skip


@pytest.mark.parametrize("at", [["--at=2"], ["--at", "2"], ["--a=2"], ["--a", "2"]], ids=" ".join)
def test_options_are_accepted_anywhere(at: list[str]) -> None:
    words = "WEB rule add inbound deny".split()
    expected = parsed(*words, "--at=2")
    assert expected["--at"] == "2"
    for place in range(len(words) + 1):
        assert parsed(*words[:place], *at, *words[place:]) == expected


def test_option_values() -> None:
    assert parsed(*"WEB rule add inbound allow --at -1".split())["--at"] == "-1"
    assert parsed(*"WEB rule add inbound allow --at --detailed".split())["--at"] == "--detailed"
    assert grammar.parse(profile.USAGE, "profile WEB rule add inbound allow --at=".split())["--at"] == ""
    assert parsed("show", "--det") == {"profile": True, "show": True, "--detailed": True}


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ("", ""),
        ("frob", ""),
        ("show WEB", ""),
        ("add -1", ""),
        ("add -- WEB", ""),
        ("WEB rule add inbound --at=0 allow from 192.168.0.0/16", ""),
        ("WEB rule remove inbound --at=1 allow", ""),
        ("WEB rule add inbound allow --at=1 --at=2", ""),
        ("WEB rule add inbound allow --at", "--at requires argument\n"),
        ("show --detailed=1", "--detailed must not have an argument\n"),
        ("show --=1", "-- is not a unique prefix: --detailed, --no-check, --at?\n"),
    ],
)
def test_usage_errors(argv: str, reason: str) -> None:
    assert refused(*argv.split()) == reason + USAGE_OF_PROFILE


@pytest.mark.parametrize("argv", ["--help", "-h", "profile show -h", "frob --help", "profile show --unknown -h"])
def test_help(argv: str) -> None:
    with pytest.raises(grammar.HelpRequested) as caught:
        grammar.parse(profile.USAGE, argv.split())
    assert str(caught.value) == profile.USAGE.strip("\n")


def test_option_after_two_dashes_is_not_a_name() -> None:
    assert refused("add", "--", "-h") == USAGE_OF_PROFILE


def import_of(module: str, cache: Path) -> str:
    """The standard error of a process that imports a module without byte-code."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-X", f"pycache_prefix={cache}", "-c", f"import {module}"],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    return done.stderr


def test_import_of_docopt_gives_no_warning(tmp_path: Path) -> None:
    assert "docopt.py" in import_of("docopt", tmp_path / "plain")  # otherwise there would be no warning to suppress
    assert import_of("calicoctl.grammar", tmp_path / "guarded") == ""
