"""The language of transcripts: commands are replayed, output is compared, and wrong expectations fail."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.transcript import World, check, replay


class FakeEtcd:
    def __init__(self) -> None:
        self.content: dict[str, str | None] = {"/b/empty/": None, "/b/a": "1", "/c": "2"}

    def keys(self, prefix: str) -> Mapping[str, str | None]:
        return {key: value for key, value in self.content.items() if key.startswith(prefix)}

    def put(self, key: str, value: str) -> None:
        self.content[key] = value


def say(arguments: list[str], stdin: bytes) -> Result:
    """A program whose arguments are its stdout, stderr and exit status."""
    stdout, stderr, status = arguments
    return Result(int(status), stdout.encode().decode("unicode_escape"), stderr.encode().decode("unicode_escape"))


def echo(arguments: list[str], stdin: bytes) -> Result:
    return Result(0, f"{arguments} {stdin!r}\n", "")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World({"say": say, "echo": echo}, FakeEtcd(), tmp_path)


def said(stdout: str, stderr: str, status: int, world: World) -> str:
    """Return the outcome as a transcript has it."""
    command = shlex.join(["say", stdout, stderr, str(status)])
    return replay(f"$ {command}\n", world).removeprefix(f"$ {command}\n")


RIGHT = """# a comment

@put /calico/x {"a": "b  c"}

$ say 'one\\n\\n two \\n\\n' '' 0
one

\x20two\x20

# comments end an outcome
$ say 'out\\n' 'err\\n\\nmore\\n' 3
out
! err
!
! more
[3]
@keys /b
/b/a 1
/b/empty/
@keys /calico
/calico/x {"a": "b  c"}
$ say '' '' 0
$ echo 'two words' three
['two words', 'three'] b''
"""


def test_expected_outcome_is_accepted(world: World) -> None:
    check(RIGHT, world)


@pytest.mark.parametrize(
    "written, wrong",
    [
        ("one\n", "One\n"),
        (" two \n", " two\n"),
        (" two \n\n", " two \n"),
        (" two \n\n", " two \n\n\n"),
        ("out\n", ""),
        ("out\n", "out\nout\n"),
        ("! err\n", ""),
        ("! err\n", "err\n"),
        ("!\n", ""),
        ("! more\n", "! more\n! and more\n"),
        ("[3]\n", ""),
        ("[3]\n", "[2]\n"),
        ("$ say '' '' 0\n", "$ say '' '' 0\n[1]\n"),
        ("$ say '' '' 0\n", "$ say '' '' 0\n\n"),
        ("/b/a 1\n", "/b/a 2\n"),
        ("/b/a 1\n", ""),
        ("/b/empty/\n", "/b/empty/\n/b/more 1\n"),
        ('{"a": "b  c"}\n$', '{"a": "b c"}\n$'),
    ],
)
def test_wrong_expectation_fails(world: World, written: str, wrong: str) -> None:
    assert RIGHT.count(written) == 1
    with pytest.raises(AssertionError, match="as written"):
        check(RIGHT.replace(written, wrong), world)


def test_difference_is_shown(world: World) -> None:
    with pytest.raises(AssertionError) as failure:
        check("$ say 'new\\n' '' 0\nold\n", world)
    assert str(failure.value) == (
        "\n--- as written\n+++ as it went\n@@ -1,2 +1,2 @@\n $ say 'new\\n' '' 0\n-old\n+new\n"
    )


def test_redirected_input_and_output_are_files_of_directory(world: World) -> None:
    (world.folder / "in.json").write_bytes(b"{}\xff")
    check("$ echo a < in.json\n['a'] b'{}\\xff'\n", world)
    check("$ say 'kept\\n' 'complaint\\n' 1 > out\n! complaint\n[1]\n", world)
    assert (world.folder / "out").read_bytes() == b"kept\n"


@pytest.mark.parametrize("line", ["$ x", "# x", "@keys /", "! x", "!", "[1]", "\\"])
def test_output_line_that_looks_like_a_mark_gets_a_backslash(world: World, line: str) -> None:
    assert said(line.replace("\\", "\\\\") + "\\n", "", 0, world) == f"\\{line}\n"


@pytest.mark.parametrize("line", [" $ x", "$x", "[1] x", "[", "[]", "(!)"])
def test_other_lines_are_unchanged(world: World, line: str) -> None:
    assert said(line + "\\n", "", 0, world) == f"{line}\n"


def test_missing_final_newline_is_shown(world: World) -> None:
    assert said("text", "", 0, world) == "text\n\\\n"
    assert said("text\\n", "complaint", 1, world) == "text\n! complaint\n\\\n[1]\n"


@pytest.mark.parametrize(
    "text", ["stray\n", "# comment\nstray\n", "@putt /a b\n", "@put /a\n", "@keys\n", "@keys / /\n"]
)
def test_invalid_steps_are_refused(world: World, text: str) -> None:
    with pytest.raises(ValueError):
        replay(text, world)
