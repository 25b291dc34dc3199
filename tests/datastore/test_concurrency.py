"""Concurrent edits of one profile by many calicoctl processes: no edit is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.sampling import Sampling

pytestmark = pytest.mark.once

PROFILE = "/calico/v1/policy/profile/P"


def all_at_once(calicoctl: Calicoctl, commands: Sequence[Sequence[str]]) -> list[Result]:
    """Start a process for each command, then wait for all of them."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "calicoctl", "profile", *command],
            env=calicoctl.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for command in commands
    ]
    try:
        outputs = [process.communicate(timeout=PROCESS_SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [Result(process.returncode, *output) for process, output in zip(processes, outputs, strict=True)]


def test_many_concurrent_edits_of_one_profile(calicoctl: Calicoctl, etcd: EtcdServer, sampling: Sampling) -> None:
    calicoctl("profile", "add", "P")
    numbers = range(1, sampling.number(50, 20) + 1)
    rules = [("P", "rule", "add", "inbound", "allow", "tcp", "to", "ports", str(number)) for number in numbers]
    tags = [("P", "tag", "add", f"T{number}") for number in numbers]
    index = etcd.index()
    results = all_at_once(calicoctl, [command for pair in zip(rules, tags, strict=True) for command in pair])
    added = [Result(0, f"Tag T{number} added to profile P\n", "") for number in numbers]
    assert results == [result for tag in added for result in (Result(0, "", ""), tag)]
    assert etcd.index() == index + 2 * len(numbers)

    document = json.loads(etcd.get(f"{PROFILE}/rules") or "")
    first, *others = document["inbound_rules"]
    assert first == {"action": "allow", "src_tag": "P"}
    expected = [{"action": "allow", "protocol": "tcp", "dst_ports": [number]} for number in numbers]
    assert sorted(others, key=lambda rule: int(rule["dst_ports"][0])) == expected
    assert document["outbound_rules"] == [{"action": "allow"}]
    first, *others = json.loads(etcd.get(f"{PROFILE}/tags") or "")
    assert first == "P"
    assert sorted(others) == sorted(f"T{number}" for number in numbers)


def test_concurrent_additions_and_removals(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    tags = [f"T{number}" for number in range(10)]
    etcd.put(f"{PROFILE}/tags", json.dumps(tags))
    removals = [("P", "tag", "remove", tag) for tag in tags]
    additions = [("P", "tag", "add", tag.lower()) for tag in tags]
    results = all_at_once(calicoctl, removals + additions)
    assert {result.status for result in results} == {0}
    assert sorted(json.loads(etcd.get(f"{PROFILE}/tags") or "")) == [tag.lower() for tag in tags]


def test_same_rule_added_concurrently_is_stored_once(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILE}/rules", '{"inbound_rules": [], "outbound_rules": []}')
    results = all_at_once(calicoctl, [("P", "rule", "add", "inbound", "deny")] * 12)
    present = Result(0, "Rule already present, skipping.\n", "")
    assert sorted(results) == [Result(0, "", "")] + [present] * 11
    assert etcd.get(f"{PROFILE}/rules") == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


def test_concurrent_adds_leave_complete_profile(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    results = all_at_once(calicoctl, [("add", "P")] * 12)
    assert {result.status for result in results} == {0}
    assert sorted(result.stdout for result in results) == (
        ["Created profile P\n"] + ["Profile P already exists.\n"] * 11
    )
    assert etcd.keys() == {
        f"{PROFILE}/labels": "{}",
        f"{PROFILE}/rules": (
            '{"inbound_rules": [{"action": "allow", "src_tag": "P"}], "outbound_rules": [{"action": "allow"}]}'
        ),
        f"{PROFILE}/tags": '["P"]',
    }
