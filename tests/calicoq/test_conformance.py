"""What the original calicoq printed in its own tests and documents, and the policies of Felix's test states.

All that this project does otherwise on purpose is in ``as_decided``.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from calicoctl import grammar
from calicoctl.calicoq.cli import USAGE
from calicoctl.calicoq.verdict import Question, answer_to
from calicoctl.datastore.snapshot import Snapshot, Stored
from calicoctl.felix.objects import profile_labels_problems, profile_rules_problems, tags_problems
from calicoctl.felix.rules import FatalValue, is_port
from calicoctl.felix.view import Felix
from tests.calicoq.conftest import Calicoq, Store
from tests.calicoq.memory import calicoq_on
from tests.conftest import CONFORMANCE_DIR

Case = dict[str, Any]
NO_ARGUMENTS = grammar.parse(USAGE, ["verdict", "from", "to"])


def cases(file: str) -> Any:
    folder = os.environ.get(CONFORMANCE_DIR)
    if not folder:
        skip = pytest.mark.skip(reason=f"{CONFORMANCE_DIR} is not set")
        return [pytest.param({}, {}, marks=skip)]
    with open(os.path.join(folder, file), encoding="utf-8") as stream:
        data = json.load(stream)
    return [pytest.param(case, data["inputs"][case["input"]], id=case["id"]) for case in data["cases"]]


def as_decided(case: Case, state: dict[str, str]) -> tuple[list[str], int]:
    """Return the lines and the exit status that this project has for a case of the original, in no order."""
    if any(word.startswith(("-c", "--config")) for word in case["argv"]):
        return [], 1  # there is no configuration file: the environment is that of calicoctl
    lines = []
    for line in case["expected_stdout"].splitlines():
        if re.match(r"Policies and profiles for .*:", line):
            line = "Policies that match each endpoint:"
        line = re.sub(r'^    Profile "(.*)"$', r"    Profile \1", line)
        line = re.sub(r'^(Policy|Endpoints matching policy) "([^"]*)" (applies|rules)', r"\1 \2 \3", line)
        lines.append(line)
    listing = case["subcommand"] in ("endpoint", "host")
    if listing and case["expected_exit"] == 0 and len(lines) == 1:
        return [], 1  # a name that nothing has is no empty answer
    hidden = {"-r", "-rs", "--hide-rule-matches"} & set(case["argv"])
    if not listing or hidden:
        return lines, case["expected_exit"]
    return with_rule_matches(lines, state, "-s" not in case["argv"] and "--hide-selectors" not in case["argv"]), 0


def with_rule_matches(lines: list[str], state: dict[str, str], selectors: bool) -> list[str]:
    """Add the second list: what generation S left out by a defect, and the lines for profiles that no one had.

    It is worked out for these inputs alone: their selectors compare the label ``calico/k8s_ns`` and no other.
    """
    result: list[str] = []
    for block in "\n".join(lines).split("\n\n"):
        kept = block.partition("\n  Rule matches:")[0].split("\n")
        title = re.fullmatch(r"Workload endpoint (.*)/(.*)/(.*)", kept[0])
        if title:
            orchestrator, workload, endpoint = title.groups()
            path = f"/workload/{orchestrator}/{workload}/endpoint/{endpoint}"
            (value,) = (json.loads(value) for key, value in state.items() if key.endswith(path))
            matches = sorted(rule_matches(value["labels"]["calico/k8s_ns"], state, selectors))
            kept += ["  Rule matches:", *matches] if matches else []
        result += [*([""] if result else []), *kept]
    return result


def rule_matches(namespace: str, state: dict[str, str], selectors: bool) -> list[str]:
    found = []
    for key, value in state.items():
        kind, name = ("Policy", key.split("/")[-1]) if "/tier/" in key else ("Profile", key.split("/")[-2])
        if not (key.endswith("/rules") or "/policy/tier/" in key):
            continue
        for direction in ("inbound", "outbound"):
            for number, rule in enumerate(json.loads(value).get(f"{direction}_rules", []), start=1):
                for field, side in (("src_selector", "source"), ("dst_selector", "destination")):
                    selector = rule.get(field, "")
                    if selector.startswith("calico/k8s_ns ") and f"'{namespace}'" in selector:
                        what = f'; selector "{selector}"' if selectors else ""
                        found.append(f'    {kind} "{name}" {direction} rule {number} {side} match{what}')
    return found


@pytest.mark.parametrize(("case", "state"), cases("calicoq-tests.json"))
def test_the_original_tests(case: Case, state: dict[str, str], calicoq: Calicoq, store: Store) -> None:
    store.put_all(state)
    expected, status = as_decided(case, state)
    result = calicoq(*case["argv"])
    assert result.status == status, result.stderr
    assert result.stdout.splitlines() == expected


@pytest.mark.parametrize(("case", "state"), cases("policy-states.json"))
def test_the_states_of_felix(case: Case, state: dict[str, str], calicoq: Calicoq, store: Store) -> None:
    store.put_all(state)
    (listing,) = json.loads(calicoq("endpoint", "", "-o", "json").stdout)
    check_policy_order(case["expected_policy_order"], listing)
    for selector, members in case["expected_selector_members"].items():
        if selector.startswith("TAG "):
            assert addresses_with_tag(selector.removeprefix("TAG "), listing, state) == set(members)
        else:
            (matching,) = json.loads(calicoq("eval", selector, "-o", "json").stdout)
            assert addresses(matching["endpoints"], state) == felix_1_members(case, selector, members)


@pytest.mark.once
def test_real_packets() -> None:
    """Verdict says what Felix 1.4.9 let pass on a real kernel, and what it did not."""
    folder = os.environ.get(CONFORMANCE_DIR)
    if not folder:
        pytest.skip(f"{CONFORMANCE_DIR} is not set")
    with gzip.open(os.path.join(folder, "felix-packets.json.gz"), "rt", encoding="utf-8") as stream:
        states = json.load(stream)
    assert (len(states), sum(len(state["packets"]) for state in states)) == (127, 4108)
    for state in states:  # one packet of each state by the whole command
        packet = state["packets"][0]
        assert calicoq_on(state["keys"], "verdict", *packet["packet"]).status == (0 if packet["passed"] else 1)
    assert [(state["state"], packet) for state in states for packet in packets_judged_wrongly(state)] == []


def packets_judged_wrongly(state: Case) -> Iterator[Any]:
    """Yield the packets of which verdict, having read the state once, does not say what was seen."""
    snapshot = Snapshot()
    for key, value in {"/calico/v1/Ready": "true", **state["keys"]}.items():
        snapshot._add(Stored(key, value if isinstance(value, str) else json.dumps(value)))
    felix = Felix(snapshot)
    for each in state["packets"]:
        given = dict(zip(("<from>", "<to>", "<protocol>", "<port>"), each["packet"], strict=False))
        if (last := each["packet"][-1]).startswith("--source-port="):
            given = {**{name: word for name, word in given.items() if word != last}, "--source-port": last[14:]}
        if answer_to(Question({**NO_ARGUMENTS, **given}), felix, snapshot).allowed is not each["passed"]:
            yield each["packet"]


def felix_1_members(case: Case, selector: str, members: list[str]) -> set[str]:
    """Return a selector's members for Felix 1.4, to which a profile's tag is no label."""
    tag_as_label = case["id"] == "felix/localEpsWithTagInheritProfile" and selector == "has(tag-1)"
    return set() if tag_as_label else set(members)


def check_policy_order(expected: dict[str, Any], listing: Any) -> None:
    shown = {}
    for endpoint in listing["endpoints"]:
        name = "/".join(endpoint[part] for part in ("orchestrator", "workload", "name") if part in endpoint)
        groups: dict[str, list[Any]] = {"untracked": [], "tracked": []}
        for policy in endpoint["policies"]:
            tiers = groups["untracked" if policy["untracked"] else "tracked"]
            if not tiers or tiers[-1][0] != policy["tier_name"]:
                tiers.append([policy["tier_name"], []])
            tiers[-1][1].append(policy["name"])
        shown[name] = groups
    assert {name: shown[name] for name in expected} == expected


def addresses_with_tag(tag: str, listing: Any, state: dict[str, str]) -> set[str]:
    endpoints = [
        each for each in listing["endpoints"] if any(match.get("tag") == tag for match in each["rule_matches"])
    ]
    return addresses(endpoints, state)


def addresses(endpoints: list[Any], state: dict[str, str]) -> set[str]:
    found = set()
    for endpoint in endpoints:
        middle = [] if "workload" not in endpoint else ["workload", endpoint["orchestrator"], endpoint["workload"]]
        key = "/".join(["/calico/v1/host", endpoint["node"], *middle, "endpoint", endpoint["name"]])
        fields = json.loads(state[key])
        for field in ("ipv4_nets", "ipv6_nets", "expected_ipv4_addrs", "expected_ipv6_addrs"):
            found |= {text.partition("/")[0] for text in fields.get(field, ())}
    return found


def reader_rows() -> Any:
    folder = os.environ.get(CONFORMANCE_DIR)
    if not folder:
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"{CONFORMANCE_DIR} is not set"))]
    with open(os.path.join(folder, "felix-1-4-reader-table.json"), encoding="utf-8") as stream:
        return [pytest.param(row, id=row["name"]) for row in json.load(stream)]


@pytest.mark.parametrize("row", reader_rows())
def test_what_felix_refuses(row: dict[str, Any]) -> None:
    if row["check"] == "rule_port":
        assert is_port(row["value"]) == row["accept"]
        return
    problems = {"rules": profile_rules_problems, "tags": tags_problems, "labels": profile_labels_problems}[row["check"]]
    try:
        accepted = not list(problems(row["profile_id"], row["value"]))
    except FatalValue:
        accepted = False
    assert accepted == row["accept"], row["error"]
