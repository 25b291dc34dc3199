"""docs/profile-resource.md: every command on it does what it shows, and its tables are those of the schema."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer
from tests.transcript import World, check

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "profile-resource.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\S+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARKS = ("<!-- fields -->\n", "<!-- end of fields -->\n")
SECTIONS = (
    ("Top level", ()),
    ("metadata", ("definitions", "metadata")),
    ("spec", ("definitions", "spec")),
    ("A rule", ("definitions", "rule")),
    ("source, destination", ("definitions", "entity")),
    ("icmp, notICMP", ("definitions", "icmp")),
)


def test_every_command_of_the_page(
    etcd: EtcdServer, calicoctl: Calicoctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(
        {"calicoctl": lambda arguments, stdin: calicoctl(*arguments, stdin=stdin.decode())}, etcd, Path(os.curdir)
    )
    kinds = [kind for kind, _, _ in BLOCK.findall(PAGE)]
    assert (kinds.count("yaml"), kinds.count("console"), kinds.count("etcd")) == (2, 5, 1)
    for kind, file, text in BLOCK.findall(PAGE):
        if kind == "yaml":
            (tmp_path / file).write_text(text, encoding="utf-8")
        elif kind == "console":
            check(re.sub("^@@ ", r"\\@@ ", text, flags=re.MULTILINE), world)  # a hunk of a diff is no step
        else:
            listed = [f"{key} {value}\n" for key, value in sorted(etcd.keys("/calico/v1/policy/profile").items())]
            assert "".join(listed) == text


def field_tables() -> str:
    """The tables of fields, made of the descriptions in the schema."""
    schema = json.loads((ROOT / "calicoctl" / "resources" / "profile" / "schema.json").read_text(encoding="utf-8"))
    return "\n".join(line for title, path in SECTIONS for line in _table(title, _at(schema, path)["properties"]))


def _at(schema: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        schema = schema[name]
    return schema


def _table(title: str, properties: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield from (f"**{title}**", "", "| field | meaning and allowed values |", "|---|---|")
    ignored = []
    for name, field in properties.items():
        if field["description"] == "Accepted and ignored.":
            ignored.append(f"`{name}`")
        else:
            yield f"| `{name}` | {field['description'].replace('|', chr(92) + '|')} |"
    if ignored:
        yield f"| {', '.join(ignored)} | Accepted and ignored. |"
    yield ""


def test_the_tables_of_fields_are_those_of_the_schema() -> None:
    before, rest = PAGE.split(MARKS[0])
    tables, after = rest.split(MARKS[1])
    assert tables == field_tables()


def test_every_command_is_mentioned() -> None:
    from calicoctl.usage.table import COMMANDS

    for command in {"create", "apply", "replace", "delete", "get", "diff", "validate"}:
        assert command in COMMANDS
        assert f"| `calicoctl {command} -f FILE`" in PAGE or f", `calicoctl {command} -f FILE`" in PAGE


if __name__ == "__main__":  # writes the tables anew
    before, rest = PAGE.split(MARKS[0])
    (ROOT / "docs" / "profile-resource.md").write_text(
        before + MARKS[0] + field_tables() + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8"
    )
