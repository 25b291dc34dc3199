"""docs/man/: man shows the pages as they are meant, without a warning, and finds them by what they are about."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from manual import roff
from manual.blocks import Block, Literal, Page, Paragraph
from manual.files import MAN, ROOT
from manual.pages import pages
from tests.conftest import PROCESS_SECONDS

pytestmark = pytest.mark.once

PAGES = sorted((ROOT / MAN).glob("*.1"))
PROFILE = ROOT / MAN / "calicoctl-profile.1"


def run(*command: str | Path) -> str:
    """Return what a command shows, without bold print; it must succeed and say nothing on standard error."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "120"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PROCESS_SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    return re.sub(".\b", "", done.stdout)


def test_man_shows_every_page_without_a_warning() -> None:
    shown = run("man", "--warnings", "-l", "-Tutf8", *PAGES)
    assert re.findall(r"^NAME\n +(\S+) +- ", shown, re.MULTILINE) == [path.stem for path in PAGES]


def test_man_shows_a_page_as_it_is_meant() -> None:
    text = run("man", "-l", "-Tutf8", PROFILE)
    assert re.findall(r"^[A-Z].*", text, re.MULTILINE)[1:] == [
        "NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO",
    ]  # fmt: skip
    for line in (
        "       calicoctl profile <PROFILE> tag (add|remove) <TAG>\n",
        "       --at=<POSITION>\n",
        "           $ calicoctl profile WEB rule add inbound --at=1 deny from cidr 10.66.0.0/16\n",
        '             "inbound_rules": [\n',
    ):
        assert line in text


def test_man_shows_every_character_as_it_is(tmp_path: Path) -> None:
    lines = ["".join(map(chr, range(33, 127))), ".TH at the beginning", "'tis", "\\fBnot bold\\fR", "-- -\u2026 \u00e9"]
    sections: dict[str, Sequence[Block]] = {
        "Synopsis": [Literal("\n".join(lines))],
        "Description": [Paragraph(lines[1])],
    }
    page = Page("calicoctl test", "test", sections)
    path = tmp_path / "calicoctl-test.1"
    path.write_text(roff.page(page), encoding="utf-8")
    shown = [line.strip() for line in run("man", "-l", "-Tutf8", path).splitlines()]
    start = shown.index("SYNOPSIS") + 1
    assert shown[start : start + len(lines)] == lines
    assert shown[shown.index("DESCRIPTION") + 1] == lines[1]


def test_the_pages_are_found_by_what_they_are_about() -> None:
    found = run("lexgrog", *PAGES)
    for page in pages():
        assert f'"{page.stem} - {page.summary}"' in found
