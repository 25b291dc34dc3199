"""The modules that each command loads, which determine the start-up time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from calicoctl import grammar
from calicoctl.calicoq import cli as calicoq_cli
from calicoctl.usage.table import COMMANDS, usage_of
from tests.command_lines import EVERY_ROW, Row, costly_of, most_modules
from tests.conftest import PROCESS_SECONDS, Calicoctl
from tests.etcd_server import EtcdServer
from tests.trust.outcomes import prepare

# Starts like the console script and leaves a list of the loaded modules.
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


def loaded(row: Row, calicoctl: Calicoctl, report: Path) -> set[str]:
    """The modules that a process of a row loads, without those that every Python process loads."""
    subprocess.run(
        [sys.executable, "-c", PROCESS, row.program, str(report), *row.arguments],
        env={**calicoctl.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        input=row.stdin.encode(),
        capture_output=True,
        timeout=PROCESS_SECONDS,
    )
    return {name for name in report.read_text().split("\n") if not _is_inner(name)}


def _is_inner(module: str) -> bool:
    parts = module.split(".")
    return parts[0] == "encodings" or any(part.startswith("_") or "cython" in part for part in parts)


@pytest.mark.parametrize("row", EVERY_ROW, ids=str)
def test_modules(row: Row, etcd: EtcdServer, calicoctl: Calicoctl, on_host: None, tmp_path: Path) -> None:
    prepare(row, etcd, calicoctl)
    modules = loaded(row, calicoctl, tmp_path / "report")
    costly = sorted(modules & costly_of(row))
    assert not costly, (
        f"`{row}` loads {', '.join(costly)}, and can do without: import it inside the function that needs it. If this "
        "command always needs it, name it in `loads` of its row in tests/command_lines.py."
    )
    group, most = most_modules(row)
    assert len(modules) <= most, (
        f"`{row}` loads {len(modules)} modules; {most} are the most for {group}. See which are new (`python -X "
        "importtime -c 'from calicoctl.start import calicoctl as run; run()' ...`) and import what few commands need "
        f"inside the function that needs it. If all are needed, raise MOST_MODULES in tests/command_lines.py. Loaded: "
        f"{' '.join(sorted(modules))}"
    )


def _beginnings(usage: str) -> set[tuple[str, ...]]:
    """Return the words at the start of each line of a usage text, with every choice of keywords expanded; <> is any
    word.
    """
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
    """Return the possible keywords at this point, <> for an argument; nothing if options or several words are
    possible.
    """
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
def test_every_command_is_in_table(program: str) -> None:
    of_program = [row.line for row in EVERY_ROW if row.program == program]
    lines = [line.split() for line in of_program if not line.endswith(("--help", "--nonsense"))]
    usages = [calicoq_cli.USAGE]
    if program == "calicoctl":
        usages = list(map(usage_of, COMMANDS.values()))
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


def test_https_loads_rarely_used_modules_on_first_call() -> None:
    code = """\
import sys
from calicoctl.etcd import https
assert "urllib3" in sys.modules and "etcd" in sys.modules
assert not {name for name in sys.modules if name.split(".")[0] == "dns"}
assert not {"uuid", "importlib.metadata", "calendar"} & set(sys.modules)
import dns.resolver
assert dns.resolver.Resolver
from urllib3.util import retry
assert len(https.etcd.lock.uuid.uuid4().hex) == 32
assert not hasattr(retry, "random") or 0 <= retry.random.random() < 1  # urllib3 1.26 pauses by no chance
try:
    from urllib3.http2 import version
except ImportError:  # of urllib3 before 2.3
    pass
else:
    assert version("urllib3").count(".") == 2
import uuid
assert isinstance(https.etcd.lock.uuid.uuid4(), uuid.UUID)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, timeout=PROCESS_SECONDS,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("options", [(), ("--context=c7",), ("--config=calicoctl.cfg",)], ids=" ".join)
def test_ordinary_files_are_read_without_yaml(
    options: tuple[str, ...], etcd: EtcdServer, calicoctl: Calicoctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = f'etcdEndpoints: "http://{etcd.endpoint}"'
    (tmp_path / "calicoctl.cfg").write_text(f"apiVersion: v1\nkind: calicoApiConfig\nspec:\n  {address}\n")
    (tmp_path / "calicoctl").mkdir()
    contexts = "".join(f"  c{number}:\n    {address}\n" for number in range(20))
    (tmp_path / "calicoctl" / "config.yaml").write_text(f"contexts:\n{contexts}")
    (tmp_path / "calicoctl" / "current-context").write_text("c19\n")
    usual = loaded(Row("profile show"), calicoctl, tmp_path / "report")
    calicoctl.environ = {"PATH": calicoctl.environ["PATH"], "XDG_CONFIG_HOME": str(tmp_path)}
    modules = loaded(Row(" ".join([*options, "profile show"])), calicoctl, tmp_path / "report")
    assert modules >= usual | {"calicoctl.configuration.text"}
    room = {f"calicoctl.configuration.{name}" for name in ("contexts", "files", "text")}
    assert modules - usual <= room | {"calicoctl.global_options"}
