"""Every example of the documents, replayed with a real etcd and compared exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcript import World, check

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path, world: World) -> None:
    check(path.read_text(encoding="utf-8"), world)


def test_rule_update_example_file_matches_document() -> None:
    contents = (HERE / "files" / "web_rules.json").read_text(encoding="utf-8")
    transcript = (HERE / "profile-rule-update.txt").read_text(encoding="utf-8")
    assert "".join(f"# {line}\n" for line in contents.splitlines()) in transcript
