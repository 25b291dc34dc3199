"""docs/data-model.md: every cited section exists, and its table of keys agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast
from urllib.parse import unquote

import pytest

from calicoctl.datastore import keys
from calicoctl.datastore.snapshot import Snapshot
from calicoctl.etcd.client import Client
from calicoctl.model.network import Network
from calicoctl.resources.profile.stored import PARTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "data-model.md").read_text(encoding="utf-8")
SECTIONS = set(re.findall(r"^## (\d)\. ", PAGE, re.MULTILINE))
CITATION = re.compile(r"data[ -]model(?:\.md)?,?\s+\(?sections?\s+(\d)(?: to (\d))?")
KEYS = re.findall(r"^\| `(/[^`]+)` \|.*\| ?(F?) \| [^|]+ \|$", PAGE, re.MULTILINE)
EXAMPLES = {"network": "10.65.0.0-26", "version": "4"}  # others are used literally


def citations(text: str) -> set[str]:
    """Return the numbers of the sections cited in a text."""
    return {number for found in CITATION.findall(text) for number in found if number}


def test_every_cited_section_exists() -> None:
    sources = [path for room in ("calicoctl", "tests") for path in sorted((ROOT / room).rglob("*.py"))]
    cited = {str(path.relative_to(ROOT)): citations(path.read_text(encoding="utf-8")) for path in sources}
    assert {path: numbers - SECTIONS for path, numbers in cited.items() if numbers - SECTIONS} == {}
    assert cited["calicoctl/model/rules.py"] == {"2"}
    assert set(re.findall(r"section (\d)", PAGE)) <= SECTIONS


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("the data model, too", ""),
        ("(data model, section 2)", "2"),
        ("the data model\n(section 3)", "3"),
        ("docs/data-model.md, sections 2 to 4", "24"),
    ],
)
def test_citations_in_text(text: str, numbers: str) -> None:
    assert citations(text) == set(numbers)


class Reader:
    """Answers the single read of a snapshot with keys whose values are the keys themselves."""

    def __init__(self, below: list[str]) -> None:
        self.below = below

    def get(self, key: str, recursive: bool) -> dict[str, object]:
        return {"key": key, "dir": True, "nodes": [{"key": each, "value": each} for each in self.below]}


def taken(given: list[str]) -> set[str]:
    """Return the keys that a snapshot keeps, at the position of their kinds."""
    snapshot = Snapshot.read(cast(Client, Reader(given)))
    stored = [stored for _, stored in [*snapshot.endpoints, *snapshot.pools]]
    stored += [stored for _, _, stored in snapshot.policies] + [*snapshot.tiers.values(), *snapshot.bird_ips.values()]
    stored += [part for parts in snapshot.profiles.values() for part in parts.values()]
    stored += [snapshot.ready] if snapshot.ready else []
    return {each.value for each in stored} | {*snapshot.config.values(), *snapshot.host_config.values()}


def built() -> set[str]:
    """Return one key of each kind that keys.py can build, as etcd reports it."""
    found = [keys.READY, keys.IPIP_ENABLED, keys.IPAM_CONFIG, keys.handle("handle")]
    found += [keys.workloads("host", "orchestrator", "workload", "endpoint")]
    found += [keys.profile_part("profile", part) for part in PARTS]
    for network in map(Network.parse, ("10.65.0.0/26", "fd80::/122")):
        found += [keys.pool(network), keys.block(network), keys.affinity("host", network)]
    return set(map(unquote, found))


def pattern(row: str) -> re.Pattern[str]:
    return re.compile(re.sub("<[a-z]+>", "[^/]+", row))


def test_felix_reads_marked_keys() -> None:
    examples = {re.sub("<([a-z]+)>", lambda name: EXAMPLES.get(name[1], name[1]), row): mark for row, mark in KEYS}
    below_v1 = [key for key in examples if key.startswith(f"{keys.ROOT}/")]
    assert len(below_v1) < len(KEYS)
    assert taken(below_v1) == {key for key, mark in examples.items() if mark}


def test_other_keys_of_table_are_built_by_code() -> None:
    others = [row for row, mark in KEYS if not mark]
    assert [row for row in others if not any(map(pattern(row).fullmatch, built()))] == []


def test_keys_built_by_code_are_in_table() -> None:
    assert [key for key in sorted(built()) if not any(pattern(row).fullmatch(key) for row, _ in KEYS)] == []
