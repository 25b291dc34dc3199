"""calicoctl as pip installs it, in the environments of tox."""

from __future__ import annotations

import sysconfig
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from calicoctl import __version__
from manual.files import MAN, ROOT


def test_the_man_pages_are_installed() -> None:
    # Not what is on sys.path: the checkout stands there too.
    (installed,) = Distribution.discover(name="calicoctl", path=[sysconfig.get_path("purelib")])
    assert installed.version == __version__
    if '"editable": true' in (installed.read_text("direct_url.json") or ""):
        pytest.skip("calicoctl is installed in place, without its man pages")
    folder = Path(sysconfig.get_path("data"), "share", "man", "man1")
    assert {path.name: path.read_text() for path in folder.glob("calico*.1")} == {
        path.name: path.read_text() for path in (ROOT / MAN).glob("*.1")
    }
