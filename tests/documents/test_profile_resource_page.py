"""docs/profile-resource.md: its tables agree with the schema, and it mentions every command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "profile-resource.md").read_text(encoding="utf-8")
MARKS = ("<!-- fields -->\n", "<!-- end of fields -->\n")
SECTIONS = (
    ("Top level", ()),
    ("metadata", ("definitions", "metadata")),
    ("spec", ("definitions", "spec")),
    ("A rule", ("definitions", "rule")),
    ("source, destination", ("definitions", "entity")),
    ("icmp, notICMP", ("definitions", "icmp")),
)


def field_tables() -> str:
    """The tables of fields, generated from the descriptions in the schema."""
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


def test_tables_of_fields_agree_with_schema() -> None:
    before, rest = PAGE.split(MARKS[0])
    tables, after = rest.split(MARKS[1])
    assert tables == field_tables()


def test_every_command_is_mentioned() -> None:
    from calicoctl.usage.table import COMMANDS

    for command in {"create", "apply", "replace", "delete", "get", "diff", "validate"}:
        assert command in COMMANDS
        assert f"| `calicoctl {command} -f FILE`" in PAGE or f", `calicoctl {command} -f FILE`" in PAGE


if __name__ == "__main__":  # rewrites the tables
    before, rest = PAGE.split(MARKS[0])
    (ROOT / "docs" / "profile-resource.md").write_text(
        before + MARKS[0] + field_tables() + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8"
    )
