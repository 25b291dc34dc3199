"""Fixtures: the file and the package, built once for all processes of a run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from release import deb as deb_module
from release import pyz as pyz_module
from release.tree import CannotBuild


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "release"
    folder.mkdir(exist_ok=True)
    return folder


def built(path: Path, build: Callable[[Path], None]) -> Path:
    """Build a file unless another process has."""
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            part = path.with_name(f"{path.name}.part")
            try:
                build(part)
            except CannotBuild as error:
                pytest.skip(str(error))
            part.rename(path)
    return path


@pytest.fixture(scope="session")
def pyz(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `make pyz` builds, named `calicoctl`, with a link named `calicoq` beside it."""
    path = tmp_path_factory.mktemp("pyz") / "calicoctl"
    for name in (path, path.with_name("calicoq")):
        name.symlink_to(built(folder / "calicoctl.pyz", pyz_module.build))
    return path


@pytest.fixture(scope="session")
def deb(folder: Path) -> Path:
    """The package that `make deb` builds."""
    return built(folder / deb_module.TARGET.name, deb_module.build)
