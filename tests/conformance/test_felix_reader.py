"""Felix 1.4.9's verdicts on values of `rules` keys: Felix accepts everything that this project stores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calicoctl.model.names import is_profile_name
from calicoctl.model.rule_fields import port_item
from calicoctl.model.rule_update import InvalidRules, Update
from calicoctl.model.rules import MalformedRules, Rules
from tests.conformance.differences import STORED_IN_ANOTHER_FORM, STRICTER_THAN_THE_READER

ROWS = {"rules": 226, "rule_port": 20}

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows(conformance_dir: Path) -> list[Row]:
    read: list[Row] = json.loads((conformance_dir / "felix-1-4-reader-table.json").read_text(encoding="utf-8"))
    return read


def rows_of(rows: list[Row], check: str) -> list[Row]:
    chosen = [row for row in rows if row["check"] == check]
    assert len(chosen) == ROWS[check]
    return chosen


def complaints(row: Row) -> list[str]:
    """Return this project's complaints about the value of a row as the rules of its profile."""
    if not is_profile_name(row["profile_id"]):
        return ["no profile name"]
    try:
        Update(json.dumps(row["value"]), None)
    except (InvalidRules, MalformedRules) as error:
        return str(error).split("\n")
    return []


def test_accepted_value_is_accepted_by_felix(rows: list[Row]) -> None:
    accepted = [row for row in rows_of(rows, "rules") if not complaints(row)]
    assert len(accepted) >= 76
    assert [row["name"] for row in accepted if not row["accept"]] == []


def test_stored_value_is_accepted_by_felix_unchanged(rows: list[Row]) -> None:
    # The stored form has networks written in full, which Felix accepts too; nothing else changes here.
    for row in rows_of(rows, "rules"):
        if not complaints(row):
            stored = json.loads(Update(json.dumps(row["value"]), None).rules.to_json())
            given = {"inbound_rules": [], "outbound_rules": [], **row["value"]}
            assert _spelled_alike(stored) == _spelled_alike(given), row["name"]


def test_value_refused_only_here_has_a_reason(rows: list[Row]) -> None:
    refused = [line for row in rows_of(rows, "rules") if row["accept"] for line in complaints(row)]
    assert [line for line in refused if not line.endswith(tuple(STRICTER_THAN_THE_READER))] == []
    assert {ending for ending in STRICTER_THAN_THE_READER for line in refused if line.endswith(ending)} == set(
        STRICTER_THAN_THE_READER
    )


def test_every_value_accepted_by_felix_can_be_read(rows: list[Row]) -> None:
    for row in rows_of(rows, "rules"):
        if row["accept"]:
            assert json.loads(Rules.from_json(json.dumps(row["value"])).to_json()).items() >= row["value"].items()


def test_ports(rows: list[Row]) -> None:
    for row in rows_of(rows, "rule_port"):
        if row["accept"]:
            assert port_item(row["value"]) == row["value"]
        elif row["value"] in list(STORED_IN_ANOTHER_FORM):
            assert port_item(row["value"]) == int(row["value"])
        else:
            with pytest.raises(ValueError):
                port_item(row["value"])


def _spelled_alike(document: Row) -> Row:
    return {
        name: [
            {key: _without_spelling(key, value) for key, value in rule.items() if value is not None} for rule in rules
        ]
        for name, rules in document.items()
    }


def _without_spelling(key: str, value: Any) -> Any:
    return "a network" if key.endswith("_net") else str(value) if key.endswith("protocol") else value
