"""calicoq test --record: expectations that hold, and that notice every change of flows."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from calicoctl.flows.packet_filter import filter_texts, filters_from
from calicoctl.flows.packets import Cuts, PacketSpace
from tests.calicoq.conftest import Calicoq, Store
from tests.flows.shop import fill
from tests.flows.worlds import random_rule, random_rules, random_state
from tests.sampling import Sampling


def test_the_shop(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    fill(store)
    recorded = calicoq("test", "--record")
    assert (recorded.status, recorded.stderr) == (0, "")
    assert recorded.stdout.startswith("- allow:\n  - tcp:80\n  - tcp:443\n  from:\n  - profile:WEB\n")
    path = tmp_path / "flows.yaml"
    path.write_text(recorded.stdout)
    number = len(json.loads(calicoq("test", "--record", "-o", "json").stdout))
    assert calicoq("test", str(path)) == (0, f"{number} of {number} expectations hold.\n", "")
    store.put("policy/profile/WEB/tags", ["WEB"])  # closes a flow
    assert calicoq("test", str(path)).status == 1
    store.put("policy/profile/WEB/tags", ["WEB", "DB-CLIENT"])
    assert calicoq("test", str(path)).status == 0
    store.profile("WEB", [{"protocol": "tcp", "dst_ports": [80, 443, 22]}], [{}])  # opens one
    assert calicoq("test", str(path)).status == 1


def test_files_or_recording(store: Store, calicoq: Calicoq) -> None:
    message = "Give the files with the expectations, or --record to print some.\n"
    assert calicoq("test") == calicoq("test", "x.yaml", "--record") == (2, "", message)


def test_nothing_to_record(store: Store, calicoq: Calicoq) -> None:
    message = "There is nothing to record: Felix accepts no endpoint with an address.\n"
    assert calicoq("test", "--record") == (2, "", message)


@pytest.mark.once
def test_what_is_recorded_holds_until_a_flow_changes(
    calicoq: Calicoq, tmp_path: Path, dice: random.Random, sampling: Sampling
) -> None:
    left = sampling.number(1_000, 20)
    path = tmp_path / "flows.yaml"
    while left > 0:
        felix = f"--felix={dice.choice([1, 2])}"
        state = {"/calico/v1/Ready": "true", **random_state(dice)}
        before = saved(tmp_path / "before", state)
        recorded = calicoq("test", "--record", before, felix)
        if recorded.status != 0:
            continue
        path.write_text(recorded.stdout)
        found = calicoq("test", str(path), before, felix)
        assert found.status == 0, (found, felix, state)
        changed = {**state, f"/calico/v1/policy/profile/{dice.choice('pq')}/rules": random_rules(dice)}
        after = saved(tmp_path / "after", changed)
        difference = calicoq("diff", before.replace("snapshot", "before"), after.replace("snapshot", "after"), felix,
                             "-o", "json")  # fmt: skip
        changes = {each["change"] for each in json.loads(difference.stdout)["changes"]} - {"not certain"}
        if changes and "endpoints that share" not in recorded.stderr:
            assert calicoq("test", str(path), after, felix).status == 1, (felix, state, changed)
        left -= 1


def saved(path: Path, state: dict[str, Any]) -> str:
    """Write a snapshot, and return the option to look at it."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in state.items()}
    keys = {key: {"index": 1, "value": text} for key, text in texts.items()}
    path.write_text(json.dumps({"format": "calico-datastore/1", "keys": keys}))
    return f"--snapshot={path}"


@pytest.mark.once
def test_filters_name_exactly_a_set_of_packets(dice: random.Random, sampling: Sampling) -> None:
    left = sampling.number(10_000, 200)
    while left > 0:
        rules = [random_rule(dice) for _ in range(5)]
        chosen, version = dice.choice(rules), dice.choice([4, 6])
        cuts = Cuts()
        for rule in rules:
            cuts.add_rule(rule)
        space = PacketSpace(cuts)
        packets = space.of_rule(chosen, version, frozenset()) & space.opening[version]
        texts = [text for part in space.parts(packets, version) for text in filter_texts(part)]
        filters = [each for text in texts for each in filters_from(text)]
        for each in filters:
            each.cut(cuts)
        space = PacketSpace(cuts)
        named = 0
        for each in filters:
            named |= each.packets(space)
        expected = space.of_rule(chosen, version, frozenset()) & space.opening[version]
        assert named & space.opening[version] == expected, (texts, rules, version)
        left -= 1
