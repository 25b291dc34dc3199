"""Options before the command: every form is recognized, misplaced ones are refused, and completion offers them."""

from __future__ import annotations

import pytest

from calicoctl import __version__, global_options
from calicoctl.global_options import GlobalOption, Leading
from tests.conftest import Calicoctl, Result

USAGE = "Usage: calicoctl <command> [<args>...]\n"
USAGE_OF_SHOW = "Usage:\n  calicoctl profile show [--detailed]\nSee 'calicoctl profile --help' for the rest.\n"


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add an option without a value."""
    monkeypatch.setattr(global_options, "OPTIONS", (*global_options.OPTIONS, GlobalOption("--quiet", short="-q")))


@pytest.mark.parametrize(
    ("line", "values", "rest"),
    [
        ("", {}, ""),
        ("profile show", {}, "profile show"),
        ("--context lab profile show", {"--context": "lab"}, "profile show"),
        ("--context=lab profile show", {"--context": "lab"}, "profile show"),
        ("--context=a=b x", {"--context": "a=b"}, "x"),
        ("-c f x", {"--config": "f"}, "x"),
        ("-cf x", {"--config": "f"}, "x"),
        ("-ojson --columns=a x", {"--output": "json", "--columns": "a"}, "x"),
        ("--config=f -q --context --x profile --quiet", {"--config": "f", "--quiet": "", "--context": "--x"},
         "profile --quiet"),
        ("--help --context lab", {}, "--help --context lab"),
        ("--contex lab x", {}, "--contex lab x"),
        ("-- --context lab", {}, "-- --context lab"),
        ("profile --context lab", {}, "profile --context lab"),
    ],
)  # fmt: skip
def test_options_before_command(quiet: None, line: str, values: dict[str, str], rest: str) -> None:
    leading = Leading("calicoctl", line.split())
    assert (leading.values, leading.rest, leading.problem, leading.awaiting) == (values, rest.split(), "", None)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--context"], "--context requires argument"),
        (["-c"], "--config requires argument"),
        (["--context=", "profile", "show"], "the value of --context is empty"),
        (["--context", "", "profile", "show"], "the value of --context is empty"),
        (["--context", "a", "--context=b", "profile", "show"], "--context is given more than once"),
        (["-c", "a", "--config", "b", "profile", "show"], "--config is given more than once"),
        (["--quiet=x", "profile", "show"], "--quiet must not have an argument"),
    ],
)
def test_problems(calicoctl: Calicoctl, quiet: None, arguments: list[str], problem: str) -> None:
    assert calicoctl(*arguments) == Result(1, "", f"{problem}\n{USAGE}")


def test_exit_status_of_failure_depends_on_command(calicoctl: Calicoctl) -> None:
    calicoq = Calicoctl(calicoctl.environ, "calicoq")
    assert calicoctl("--context=", "diff", "-f", "x").status == 2
    assert calicoctl("--context", "diff", "prfile").status == 1
    assert calicoq("--context=", "check").status == 2
    assert calicoq("--context=", "host", "h").status == 1
    result = calicoq("--context", "check", "host", "h")
    assert (result.status, result.stdout) == (1, "")


@pytest.mark.parametrize("word", ["--contxt=lab", "--contxt", "--Context", "--cont"])
def test_misspelt_option(calicoctl: Calicoctl, word: str) -> None:
    said = f"unknown option '{word}'; did you mean '--context'?\n{USAGE}"
    assert calicoctl(word, "profile", "show") == Result(1, "", said)
    result = Calicoctl(calicoctl.environ, "calicoq")(word, "check")
    assert (result.status, result.stderr.splitlines()[0]) == (2, said.splitlines()[0])


@pytest.mark.parametrize("word", ["--verson", "--versio"])
def test_misspelt_version(calicoctl: Calicoctl, word: str) -> None:
    assert calicoctl(word).stderr.splitlines()[0] == f"unknown option '{word}'; did you mean '--version'?"


@pytest.mark.parametrize(
    ("words", "name", "line"),
    [
        ("profile show --context lab", "--context", "--context lab profile show"),
        ("profile show --context=lab", "--context", "--context=lab profile show"),
        ("profile --context lab show", "--context", "--context lab profile show"),
        ("profile show --detailed --config f", "--config", "--config f profile show --detailed"),
        ("profile show -c f", "--config", "-c f profile show"),
        ("profile show --context", "--context", "--context <CONTEXT> profile show"),
    ],
)
def test_option_after_command(calicoctl: Calicoctl, words: str, name: str, line: str) -> None:
    result = calicoctl(*words.split())
    problem, _, usage = result.stderr.partition("\n")
    assert problem == f"{name} must stand before the command and its options: calicoctl {line}"
    assert (result.status, result.stdout) == (1, "")
    assert usage == USAGE_OF_SHOW or "profile --context" in words


def test_option_after_command_of_calicoq(calicoctl: Calicoctl) -> None:
    calicoq = Calicoctl(calicoctl.environ, "calicoq")
    for words in ("check --context lab -o json", "-o json --context lab check"):
        result = calicoq(*words.split())
        first = result.stderr.splitlines()[0]
        others = words.replace("--context lab ", "")
        assert (result.status, first) == (
            2, f"--context must stand before the command and its options: calicoq --context lab {others}"
        )  # fmt: skip


def test_suggested_command_line_can_be_pasted(calicoctl: Calicoctl) -> None:
    result = calicoctl("profile", "a b", "tag", "show", "--config=my file")
    assert result.stderr.splitlines()[0].endswith(": calicoctl '--config=my file' profile 'a b' tag show")


def test_unknown_option_that_starts_like_a_short_one(calicoctl: Calicoctl) -> None:
    assert calicoctl("profile", "show", "-cidr").stderr.splitlines()[0] == "unknown option '-cidr'"


@pytest.mark.parametrize("program", ["calicoctl", "calicoq"])
def test_help_and_version_ignore_these_options(calicoctl: Calicoctl, program: str) -> None:
    run = Calicoctl(calicoctl.environ, program)
    for words in (["--help"], ["version"], ["help"]):
        assert run("--context", "none", "--config=/none", *words) == run(*words)
    shown = run("--context", "none", "--config=/none", "--version")
    assert (shown.status, shown.stdout.splitlines()[0], shown.stderr) == (0, __version__, "")
    assert calicoctl("--context", "none") == calicoctl()
