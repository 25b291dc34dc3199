"""docs/flows.md: each command that it shows prints what it shows, in the order of the page."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.calicoq.conftest import Calicoq, Store
from tests.calicoq.test_documentation import examples
from tests.flows.shop import fill

PAGE = Path(__file__).parents[2] / "docs" / "flows.md"


def test_the_examples(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    shown = list(examples(PAGE.read_text(encoding="utf-8")))
    for command, output, status in shown:
        program, *arguments = shlex.split(command)
        assert program == "calicoq"
        result = calicoq(*arguments)
        assert (result.status, result.stdout + result.stderr) == (status, output), command
    assert shown
