"""The rule table of libcalico-go's v1 backend model, with Felix 1.4.9's verdicts: both must accept stored rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calicoctl.model.rule_validation import RuleProblems, new_rules
from tests.conformance.differences import STRICTER_THAN_BOTH, STRICTER_THAN_FELIX, STRICTER_THAN_LIBCALICO_GO

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows(conformance_dir: Path) -> list[Row]:
    read: list[Row] = json.loads((conformance_dir / "v1-backend-rule-table.json").read_text(encoding="utf-8"))
    assert len(read) == 56
    return read


def complaints(row: Row) -> list[str]:
    """Return this project's complaints about the rule of a row, without suggestions."""
    try:
        new_rules(row["rule"])
    except RuleProblems as error:
        return [problem.partition(";")[0] for problem in error.problems]
    return []


def felix_takes(row: Row) -> bool:
    return bool(row["felix_1_4_9_check"] == "ok")


def test_accepted_rule_is_accepted_by_both(rows: list[Row]) -> None:
    accepted = [row for row in rows if not complaints(row)]
    assert len(accepted) >= 7
    assert [row["name"] for row in accepted if not (row["upstream_expects"] and felix_takes(row))] == []


def test_accepted_rule_is_stored_unchanged(rows: list[Row]) -> None:
    for row in rows:
        if not complaints(row):
            assert [rule.fields for rule in new_rules(row["rule"])] == [row["rule"]]


@pytest.mark.parametrize(
    ("by_libcalico_go", "by_felix", "reasons"),
    [
        (True, True, STRICTER_THAN_BOTH),
        (True, False, STRICTER_THAN_LIBCALICO_GO),
        (False, True, STRICTER_THAN_FELIX),
    ],
)
def test_rule_refused_only_here_has_a_reason(
    rows: list[Row], by_libcalico_go: bool, by_felix: bool, reasons: dict[str, str]
) -> None:
    refused = [
        line
        for row in rows
        if (row["upstream_expects"], felix_takes(row)) == (by_libcalico_go, by_felix)
        for line in complaints(row)
    ]
    assert [line for line in refused if not line.endswith(tuple(reasons))] == []
    assert {ending for ending in reasons for line in refused if line.endswith(ending)} == set(reasons)


def test_rule_refused_by_both_is_refused(rows: list[Row]) -> None:
    both = [row for row in rows if not row["upstream_expects"] and not felix_takes(row)]
    assert len(both) >= 20
    assert [row["name"] for row in both if not complaints(row)] == []
