"""Which modules each command loads: start-up is the speed of a command line tool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from calicoctl import cli
from tests.conftest import PROCESS_SECONDS, Calicoctl
from tests.etcd_server import EtcdServer
from tests.speed.command_lines import LINES, Line

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
# Of the standard library, what is slow to load and what no command needs at its start
NEVER = {
    "argparse", "asyncio", "calendar", "concurrent", "ctypes", "dataclasses", "decimal", "inspect", "logging.config",
    "multiprocessing", "pickle", "platform", "traceback", "unittest", "uuid", "xml", "zipfile", "importlib.metadata",
}  # fmt: skip
WITHOUT_ETCD = NEVER | {"email", "hashlib", "http", "logging", "ssl", "subprocess", "typing"}
BARE = ("calicoctl", "calicoctl --help", "calicoctl version", "calicoctl completion bash")
WITHOUT_ANYTHING = WITHOUT_ETCD | {"json", "socket", "random", "threading", "urllib"}


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
    ours = {name for name in modules if name.partition(".")[0] == "calicoctl"}
    assert ours == line.ours
    if line.others is None:
        return
    assert packages_of_others(modules) == line.others
    forbidden = NEVER if "etcd" in line.others else WITHOUT_ETCD
    assert not modules & forbidden


@pytest.mark.parametrize("line", [line for line in LINES if str(line) in BARE], ids=str)
def test_help_and_version_load_next_to_nothing(calicoctl: Calicoctl, line: Line, tmp_path: Path) -> None:
    assert not loaded(calicoctl, line, tmp_path / "report") & WITHOUT_ANYTHING


def packages_of_others(modules: set[str]) -> set[str]:
    """Return the packages that are neither of the standard library nor ours; what Cython makes up is none."""
    packages = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"calicoctl"}
    return {name for name in packages if "cython" not in name}


def test_every_command_is_in_the_table() -> None:
    assert {line.line.partition(" ")[0] for line in LINES if line.program == "calicoctl"} >= set(cli.COMMANDS)


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
