"""calicoctl as pip installs it, in the environments of tox."""

from __future__ import annotations

import sysconfig
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from calicoctl import __version__
from manual.files import MAN, ROOT


@pytest.fixture
def packages() -> Path:
    """The folder in which calicoctl is installed; on sys.path the checkout comes before it."""
    folder = sysconfig.get_path("purelib")
    (installed,) = Distribution.discover(name="calicoctl", path=[folder])
    assert installed.version == __version__
    if '"editable": true' in (installed.read_text("direct_url.json") or ""):
        pytest.skip("calicoctl is installed in place")
    return Path(folder)


def test_every_file_is_installed(packages: Path) -> None:
    def files(folder: Path) -> set[Path]:
        return {
            path.relative_to(folder)
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    assert files(ROOT / "calicoctl") - files(packages / "calicoctl") == set()


def test_the_man_pages_are_installed(packages: Path) -> None:
    folder = Path(sysconfig.get_path("data"), "share", "man", "man1")
    assert {path.name: path.read_text() for path in folder.glob("calico*.1")} == {
        path.name: path.read_text() for path in (ROOT / MAN).glob("*.1")
    }
