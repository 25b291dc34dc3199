"""The programs and files for the examples of documents and pages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.calicoq.conftest import Calicoq
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.transcript import World

FILES = Path(__file__).parent / "files"


@pytest.fixture
def world(calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """calicoctl and calicoq, an empty etcd, and a copy of the files mentioned in the documents."""
    folder = tmp_path / "files"
    shutil.copytree(FILES, folder)
    monkeypatch.chdir(folder)

    def run_calicoctl(arguments: list[str], stdin: bytes) -> Result:
        return calicoctl(*arguments, stdin=stdin)

    def run_calicoq(arguments: list[str], stdin: bytes) -> Result:
        return Calicoq(calicoctl.environ)(*arguments)

    def env(arguments: list[str], stdin: bytes) -> Result:
        setting, program, *rest = arguments
        assert program == "calicoctl"
        name, _, value = setting.partition("=")
        return calicoctl(*rest, stdin=stdin, env={name: value})

    def mkdir(arguments: list[str], stdin: bytes) -> Result:
        (folder / arguments[0]).mkdir()
        return Result(0, "", "")

    return World({"calicoctl": run_calicoctl, "calicoq": run_calicoq, "env": env, "mkdir": mkdir}, etcd, folder)
