"""Every example of the documents, and the README's, replayed against a real etcd and compared to the letter."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.calicoq.conftest import Calicoq
from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer
from tests.transcript import Program, World, check

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"


@pytest.fixture
def world(calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """calicoctl, an empty etcd, and a copy of the files that the documents speak of."""
    folder = tmp_path / "files"
    shutil.copytree(HERE / "files", folder)
    monkeypatch.chdir(folder)
    programs: dict[str, Program] = {
        "calicoctl": lambda arguments, stdin: calicoctl(*arguments, stdin=stdin),
        "calicoq": lambda arguments, stdin: Calicoq(calicoctl.environ)(*arguments),
    }
    return World(programs, etcd, folder)


@pytest.mark.parametrize("path", sorted(HERE.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path, world: World) -> None:
    check(path.read_text(encoding="utf-8"), world)


def test_the_tour_of_the_readme(world: World) -> None:
    # Beside the commands there are comments, which no reader sees, that put keys into etcd.
    step = re.compile(r"^```console\n(.*?)^```$|^<!-- (@put .*?) -->$", re.DOTALL | re.MULTILINE)
    steps = step.findall(README.read_text(encoding="utf-8"))
    assert steps
    check("".join(commands or f"{put}\n" for commands, put in steps), world)


def test_the_file_of_the_rule_update_example_is_the_documents() -> None:
    contents = (HERE / "files" / "web_rules.json").read_text(encoding="utf-8")
    transcript = (HERE / "profile-rule-update.txt").read_text(encoding="utf-8")
    assert "".join(f"# {line}\n" for line in contents.splitlines()) in transcript
