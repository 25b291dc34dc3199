"""Transcripts: commands of an operator and their expected results, replayed and compared exactly.

A transcript is a list of steps, each at the start of a line:

    $ calicoctl profile WEB rule update < web_rules.json
                        a command with shell quoting; `< FILE` and `> FILE`, as separate words, redirect
    @put KEY VALUE      sets a key of etcd
    @keys PREFIX        lists every key of etcd at and below PREFIX, as `KEY VALUE` in the order of the keys
    # text              a comment

The lines after a command or `@keys`, up to the next step, are its outcome, including empty lines. The outcome of a
command is its standard output; then its standard error, each line marked with `! ` (an empty one with `!`); then its
exit status as `[STATUS]`, unless it is 0. A line of standard output that looks like a step or a mark has a backslash
before it. If the last line of an output has no newline, a line with a single backslash follows. Empty lines after a
comment or `@put` are ignored.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol


class Outcome(Protocol):
    """The result of a program."""

    @property
    def status(self) -> int: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...


class Keys(Protocol):
    """The part of an etcd that transcripts use."""

    def keys(self, prefix: str) -> Mapping[str, str | None]: ...
    def put(self, key: str, value: str) -> None: ...


# A program is called with its arguments and the content of its standard input.
Program = Callable[[list[str], bytes], Outcome]


class World(NamedTuple):
    """The environment of a transcript: the programs by name, the etcd, and the directory of redirected files."""

    programs: Mapping[str, Program]
    etcd: Keys
    folder: Path


def check(text: str, world: World) -> None:
    """Replay a transcript; raise AssertionError, with the differences, for unexpected outcomes."""
    replayed = replay(text, world)
    if replayed != text:
        lines = difflib.unified_diff(
            text.splitlines(keepends=True), replayed.splitlines(keepends=True), "as written", "as it went"
        )
        raise AssertionError("\n" + "".join(lines))


def replay(text: str, world: World) -> str:
    """Run the steps of a transcript and return it with the actual outcomes; raise ValueError if it is not a
    transcript.
    """
    lines = []
    in_outcome = False
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("$ "):
            in_outcome = True
            lines += [line, *_command(line[2:], world)]
        elif line.startswith("@keys "):
            in_outcome = True
            _, prefix = line.split()
            lines += [line, *_keys(prefix, world.etcd)]
        elif line.startswith("@put "):
            in_outcome = False
            _, key, value = line.split(maxsplit=2)
            world.etcd.put(key, value)
            lines.append(line)
        elif line.startswith("@"):
            raise ValueError(f"No step of a transcript: {line}")
        elif line.startswith("#"):
            in_outcome = False
            lines.append(line)
        elif not in_outcome:
            if line:
                raise ValueError(f"No step of a transcript: {line}")
            lines.append(line)
        # Other lines are expected outcomes, which the actual outcomes replace.
    return "".join(line + "\n" for line in lines)


def _command(command: str, world: World) -> list[str]:
    words, source, target = _redirects(shlex.split(command))
    stdin = (world.folder / source).read_bytes() if source else b""
    outcome = world.programs[words[0]](words[1:], stdin)
    if target:
        (world.folder / target).write_text(outcome.stdout, encoding="utf-8", newline="")
    return [
        *([] if target else _lines(outcome.stdout, _escaped)),
        *_lines(outcome.stderr, lambda line: f"! {line}" if line else "!"),
        *([f"[{outcome.status}]"] if outcome.status else []),
    ]


def _redirects(words: list[str]) -> tuple[list[str], str | None, str | None]:
    """Separate the words of a command from the files of its `<` and `>`."""
    files: dict[str, str] = {}
    rest = []
    remaining = iter(words)
    for word in remaining:
        if word in ("<", ">"):
            files[word] = next(remaining)
        else:
            rest.append(word)
    return rest, files.get("<"), files.get(">")


def _escaped(line: str) -> str:
    return re.sub(r"^(?=\$ |#|@|!|\\|\[\d+\]$)", r"\\", line)


def _lines(output: str, marked: Callable[[str], str]) -> list[str]:
    """Return the lines of an output as a transcript has them."""
    *lines, unended = output.split("\n")
    return [marked(line) for line in lines] + ([marked(unended), "\\"] if unended else [])


def _keys(prefix: str, etcd: Keys) -> list[str]:
    return [key if value is None else f"{key} {value}" for key, value in sorted(etcd.keys(prefix).items())]
