"""docs/configuration.md: every command gives the output shown, and the table has every value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calicoctl.configuration.values import VARIABLES
from calicoctl.output import table
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.transcript import World, check

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(yaml|console) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"^\+-(?:.*\n)+?(?=[^+|]|\Z)", re.MULTILINE)


def test_commands_of_page(
    etcd: EtcdServer, calicoctl: Calicoctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home, system_file = str(tmp_path / "home"), str(tmp_path / "calicoctl.cfg")
    # The page's names, and their equivalents here
    real = {"/home/op": home, "/etc/calico/calicoctl.cfg": system_file, "127.0.0.1:2379": etcd.endpoint}
    environ = {"PATH": calicoctl.environ["PATH"], "HOME": home}
    programs = {name: Calicoctl(environ, name, system_file) for name in ("calicoctl", "calicoq")}

    def run(program: Calicoctl, arguments: list[str], stdin: bytes) -> Result:
        result = program(*arguments, stdin=stdin)
        return Result(result.status, as_on_the_page(result.stdout), as_on_the_page(result.stderr))

    def as_on_the_page(text: str) -> str:
        for shown, name in real.items():
            text = text.replace(name, shown)
        return TABLE.sub(lambda found: redrawn(found[0]), text)

    world = World(
        {name: lambda arguments, stdin, name=name: run(programs[name], arguments, stdin) for name in programs},  # type: ignore[misc]
        etcd,
        tmp_path,
    )
    etcd.put("/calico/v1/Ready", "true")
    blocks = BLOCK.findall(PAGE)
    assert [kind for kind, _, _ in blocks].count("console") == 7
    for kind, name, text in blocks:
        if kind == "console":
            check(text, world)
            continue
        for shown, actual in real.items():
            name, text = name.replace(shown, actual), text.replace(shown, actual)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def redrawn(drawing: str) -> str:
    """Return a table redrawn for the current width of its cells."""
    rows = [[cell.strip() for cell in line[1:-1].split(" |")] for line in drawing.splitlines() if line[0] == "|"]
    return table(rows[0], rows[1:]) + "\n"


def test_every_value_is_in_table() -> None:
    for name, variable in VARIABLES.items():
        assert re.search(rf"^\|.*`{name}`.*\|.*`{variable}`.*\|", PAGE, re.MULTILINE), name
