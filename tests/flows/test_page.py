"""docs/flows.md: each command that it shows prints what it shows, in the order of the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.calicoq.conftest import Calicoq, Store
from tests.calicoq.test_documentation import examples
from tests.conftest import Calicoctl
from tests.flows.shop import fill

PAGE = Path(__file__).parents[2] / "docs" / "flows.md"


def test_the_examples(
    store: Store, calicoq: Calicoq, calicoctl: Calicoctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(store)
    page = PAGE.read_text(encoding="utf-8")
    for name, content in re.findall(r"<!-- @file (\S+) -->\n```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(content)
    shown = list(examples(page))
    for command, output, status in shown:
        program, *arguments = shlex.split(command)
        assert program in ("calicoq", "calicoctl")
        result = (calicoq if program == "calicoq" else calicoctl)(*arguments)
        remark, rest = (result.stderr, "") if "--dry-run" in arguments else ("", result.stderr)
        assert (result.status, remark + result.stdout + rest) == (status, output), command
    assert shown
