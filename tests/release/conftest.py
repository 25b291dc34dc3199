"""Fixtures: the file and the package, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from release import deb as deb_module
from release import pyz as pyz_module
from release.tree import CannotBuild


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


@pytest.fixture(scope="session")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package that `make deb` builds."""
    path = tmp_path_factory.mktemp("deb") / deb_module.TARGET.name
    try:
        deb_module.build(path)
    except CannotBuild as error:
        pytest.skip(str(error))
    return path
