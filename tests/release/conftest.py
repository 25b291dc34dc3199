"""Fixtures: what is handed out, built once."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from release import pyz as pyz_module
from release.tree import CannotBuild
from tests.conftest import PROCESS_SECONDS, Result


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `make pyz` builds, named `calicoctl`, with a link named `calicoq` beside it."""
    path = tmp_path_factory.mktemp("pyz") / "calicoctl"
    try:
        pyz_module.build(path)
    except CannotBuild as error:
        pytest.skip(str(error))
    path.with_name("calicoq").symlink_to(path)
    return path


def run(command: Sequence[str | Path], environ: Mapping[str, str], stdin: bytes = b"") -> Result:
    """Run a process, and return what it leaves."""
    done = subprocess.run(command, input=stdin, env=environ, capture_output=True, timeout=PROCESS_SECONDS)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())
