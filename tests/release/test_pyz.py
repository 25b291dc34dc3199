"""The file that `make pyz` builds: it does what the documents show, on every Python, with no library installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from release import pyz as pyz_module
from release import tree
from tests.calicoq.conftest import Calicoq, Store
from tests.calicoq.test_documentation import check_calicoq_page
from tests.conftest import Calicoctl, Result
from tests.documents.page import check_page
from tests.documents.test_documents import HERE as DOCUMENTS
from tests.documents.test_pages import DOCS, README
from tests.etcd_server import EtcdServer
from tests.release.process import run
from tests.transcript import Program, World, check

pytestmark = pytest.mark.once

# -I and -S: without the libraries that are installed here.
ALONE = ("-I", "-S")
# Runs one command line after the other with the modules of the file: a process for each would take longer.
SERVER = """\
import io, json, sys
import re
sys.path.insert(0, sys.argv[1])
from calicoctl import cli
from calicoctl.calicoq import cli as calicoq_cli
for line in sys.stdin:
    name, arguments, variables, stdin = json.loads(line)
    streams = [io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline="") for text in (stdin, "", "")]
    status = {"calicoctl": cli, "calicoq": calicoq_cli}[name].run(arguments, variables, *streams)
    for stream in streams[1:]:
        stream.flush()
        stream.seek(0)
    print(json.dumps([status, streams[1].read(), streams[2].read()]), flush=True)
"""


def pythons() -> list[str]:
    """Return the Python of the tests, and one of each other supported version that is on PATH and runs."""
    return [sys.executable, *filter(None, map(_find, tree.PYTHONS))]


def _find(version: str) -> str | None:
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return None
    for folder in os.environ["PATH"].split(os.pathsep):
        path = os.path.join(folder, f"python{version}")  # the first on PATH may be a stand-in of pyenv
        if os.access(path, os.X_OK) and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    return None


@contextmanager
def served(python: str, pyz: Path, calicoctl: Calicoctl) -> Iterator[Callable[[str], Program]]:
    """Start a Python that runs command lines from the file, all in one process; return a function for each program."""
    command = [python, *ALONE, "-c", SERVER, str(pyz)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout

        def run_line(name: str, arguments: list[str], stdin: bytes) -> Result:
            assert process.stdin and process.stdout
            print(json.dumps([name, arguments, calicoctl.environ, stdin.decode()]), file=process.stdin, flush=True)
            return Result(*json.loads(process.stdout.readline()))

        yield lambda name: partial(run_line, name)
        process.stdin.close()


def test_the_examples_of_the_documents(
    pyz: Path, calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(DOCUMENTS / "files", tmp_path / "files"))
    with served(sys.executable, pyz, calicoctl) as program:
        world = World({name: program(name) for name in ("calicoctl", "calicoq")}, etcd, Path(os.curdir))
        for path in sorted(DOCUMENTS.glob("*.txt")):
            etcd.clear()
            check(path.read_text(encoding="utf-8"), world)
        for page in (README, DOCS / "profile-resource.md"):
            etcd.clear()
            check_page(page, world)


def test_the_examples_of_calicoq(
    pyz: Path, calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with served(sys.executable, pyz, calicoctl) as program:
        check_calicoq_page(Store(etcd), lambda *arguments: program("calicoq")(list(arguments), b""), tmp_path)


def test_what_could_fail_in_a_file(pyz: Path, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "WEB")
    calicoctl.environ = {**calicoctl.environ, "DOCKER_HOST": "unix:///none"}
    for python in pythons()[:2]:  # each takes a second to compile the library for Docker
        with served(python, pyz, calicoctl) as program:
            for arguments in (
                ["validate", "--schema=profile"],  # a file that is no module
                ["get", "profile", "-o", "yaml"],  # PyYAML without its compiled module
                ["container", "W", "endpoint", "show"],  # the library for Docker
            ):
                assert program("calicoctl")(arguments, b"") == calicoctl(*arguments), python


def test_https_in_a_file(pyz: Path, calicoctl: Calicoctl) -> None:
    calicoctl.environ = {**calicoctl.environ, "ETCD_SCHEME": "https"}  # the etcd does not speak it
    with served(sys.executable, pyz, calicoctl) as program:
        result = program("calicoctl")(["pool", "show"], b"")
    assert result == calicoctl("pool", "show")
    assert (result.status, "TLS" in result.stderr) == (1, True)


def test_every_python_runs_it(pyz: Path, calicoctl: Calicoctl) -> None:
    for python in pythons():
        done = run([python, *ALONE, pyz, "completion", "bash"], calicoctl.environ)
        assert done == calicoctl("completion", "bash"), python


def test_the_name_of_the_file_chooses_the_program(pyz: Path, calicoctl: Calicoctl) -> None:
    shown = {name: run([pyz.with_name(name), "help"], calicoctl.environ) for name in ("calicoctl", "calicoq")}
    assert shown == {"calicoctl": calicoctl("help"), "calicoq": Calicoq(calicoctl.environ)("help")}


def test_an_old_python_is_refused() -> None:
    before = "import sys; sys.version_info = (3, 9, 1)\n"
    done = run([sys.executable, "-c", before + pyz_module.MAIN], {})
    assert done == (1, "", "calicoctl needs Python 3.10 or later, and this is Python 3.9.\n")


def test_nothing_in_it_is_for_one_machine(pyz: Path) -> None:
    names = zipfile.ZipFile(pyz).namelist()
    assert len(names) == len(set(names))
    assert [name for name in names if name.endswith(".so") or re.search("/tests?/", name)] == []
    assert {"__main__.py", "docker/__init__.py", "docopt.py", "etcd/__init__.py", "yaml/__init__.py"} < set(names)


def test_a_library_that_is_missing_or_too_new_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "OLDEST_PYTHON", "3.1")
    with pytest.raises(tree.CannotBuild, match=r"^\S+ \S+ needs Python >=3\.\d+\. Build with Python 3\.1, "):
        tree.libraries()
    with pytest.raises(tree.CannotBuild, match="^nonsense is not installed here: "):
        tree._installed("nonsense")
