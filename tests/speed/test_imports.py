"""Which modules each command loads: start-up is the speed of a command line tool."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from calicoctl import cli, grammar
from calicoctl.query import cli as query
from tests.conftest import PROCESS_SECONDS, Calicoctl
from tests.etcd_server import EtcdServer
from tests.speed.command_lines import FOR_ETCD, LINES, MODULES_OF_OTHERS, WITH_DOCKER, WITHOUT_ETCD, Line

# A process as the console script starts it, which leaves a list of what it has loaded.
PROCESS = """\
import os, sys
program, report = sys.argv[1:3]
sys.argv[:3] = [program]
before = set(sys.modules)
leave = os._exit
def report_and_leave(status):
    with open(report, "w") as file:
        file.write("\\n".join(set(sys.modules) - before))
    leave(status)
os._exit = report_and_leave
from calicoctl import start
getattr(start, program)()
"""
def loaded(calicoctl: Calicoctl, line: Line, report: Path) -> set[str]:
    subprocess.run(
        [sys.executable, "-c", PROCESS, line.program, str(report), *line.line.split()],
        env={**calicoctl.environ, "DOCKER_HOST": "unix:///none", "PYTHONPATH": str(Path(__file__).parents[2])},
        input=line.stdin.encode(),
        capture_output=True,
        timeout=PROCESS_SECONDS,
    )
    return set(report.read_text().split("\n"))


@pytest.mark.parametrize("line", LINES, ids=str)
def test_modules(calicoctl: Calicoctl, etcd: EtcdServer, line: Line, tmp_path: Path) -> None:
    for key, value in line.state.items():
        etcd.put(key, value)
    modules = loaded(calicoctl, line, tmp_path / "report")
    assert {name for name in modules if _package(name) == "calicoctl"} == line.ours
    others = {name for name in modules if _package(name) not in sys.stdlib_module_names | {"calicoctl"}}
    others = {name for name in others if "cython" not in name}  # it makes up modules of its own
    packages = set(map(_package, others))
    if line.others is None:  # the rest is the Docker SDK's affair
        assert packages <= WITH_DOCKER
        return
    assert packages == line.others
    assert others <= MODULES_OF_OTHERS
    standard = {name for name in modules if _package(name) in sys.stdlib_module_names and not _is_inner(name)}
    assert standard <= (FOR_ETCD if "etcd" in line.others else WITHOUT_ETCD) | line.standard


def _package(module: str) -> str:
    return module.partition(".")[0]


def _is_inner(module: str) -> bool:
    """Tell whether a module of the standard library is one that no program imports by itself."""
    return any(part.startswith("_") for part in module.split(".")) or module.startswith("encodings.")


def _beginnings(usage: str) -> set[tuple[str, ...]]:
    """Return the words that each line of a usage text begins with, every choice of keywords made; <> is any word."""
    found = set()
    for pattern in grammar.patterns(usage)[1]:
        begun: list[tuple[str, ...]] = [()]
        for part in pattern.children:
            choices = _choices(part)
            if not choices:
                break
            begun = [(*words, choice) for words in begun for choice in choices]
        found.update(begun)
    return found


def _choices(part: Any) -> list[str]:
    """Return the keywords that can stand here, <> for an argument; nothing if options or several words can."""
    kind = type(part).__name__
    if kind == "Command":
        return [part.name]
    if kind == "Argument":
        return ["<>"]
    if kind == "Required" and len(part.children) == 1:
        return _choices(part.children[0])
    if kind == "Either" and all(type(child).__name__ == "Command" for child in part.children):
        return [child.name for child in part.children]
    return []


@pytest.mark.parametrize("program", ["calicoctl", "calicoq"])
def test_every_command_is_in_the_table(program: str) -> None:
    of_program = [line.line for line in LINES if line.program == program]
    lines = [line.split() for line in of_program if not line.endswith(("--help", "--nonsense"))]
    usages = [query.USAGE]
    if program == "calicoctl":
        usages = [importlib.import_module(f"calicoctl.usage.{name}").USAGE for name in cli.COMMANDS]
    beginnings = set().union(*map(_beginnings, usages))
    assert len(beginnings) > 5
    missing = [
        words
        for words in beginnings
        if not any(
            len(line) >= len(words) and all(word in ("<>", given) for word, given in zip(words, line, strict=False))
            for line in lines
        )
    ]
    assert not missing


def test_a_release_of_the_libraries_that_does_not_get_along_with_stand_ins(tmp_path: Path) -> None:
    # An `etcd` that asks a stand-in at once for what it does not have
    (tmp_path / "etcd.py").write_text("import uuid, random, urllib3\nassert random.__spec__ is not None\n")
    code = "from calicoctl.datastore.libraries import etcd, urllib3; import random; print(etcd.random is random)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
        capture_output=True, text=True, timeout=PROCESS_SECONDS,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_what_stands_for_a_module_turns_into_it_when_asked() -> None:
    code = """\
import sys
from calicoctl.datastore.libraries import etcd
assert not {"uuid", "importlib.metadata", "random"} & set(sys.modules)
from urllib3.util import retry
assert len(etcd.lock.uuid.uuid4().hex) == 32
assert not hasattr(retry, "random") or 0 <= retry.random.random() < 1  # urllib3 1.26 pauses by no chance
try:
    from urllib3.http2 import version
except ImportError:  # of urllib3 before 2.3
    pass
else:
    assert version("urllib3").count(".") == 2
import uuid
assert etcd.lock.uuid.uuid4 is uuid.uuid4
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, timeout=PROCESS_SECONDS,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
