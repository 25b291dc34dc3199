"""Listings of random states against an evaluator that is slow and obvious: no index, no cache, no shared code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calicoq.memory import calicoq_on
from tests.sampling import examples

pytestmark = pytest.mark.once

State = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "c", "A", "b.b"])
VALUES = st.sampled_from(["1", "2", ""])
LABELS = st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES, max_size=3)
TAGS = st.lists(st.sampled_from(["T1", "T2"]), max_size=2, unique=True)
REMARKS = (
    "Warning: Felix refuses ", "Warning: Felix 1.4 applies ", "Warning: Felix 1.4 refuses ",
    "Note: Felix 2 (--felix=2) decides otherwise ",
)  # fmt: skip

# A selector is made as a tree, which the evaluator below walks, and printed for calicoq.
Tree = tuple[Any, ...]
CONDITIONS: st.SearchStrategy[Tree] = st.one_of(
    st.tuples(st.sampled_from(["==", "!="]), st.sampled_from("xyz"), VALUES),
    st.tuples(st.sampled_from(["in", "not in"]), st.sampled_from("xyz"), st.lists(VALUES, max_size=2)),
    st.tuples(st.just("has"), st.sampled_from("xyz")),
    st.just(("all",)),
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    CONDITIONS,
    lambda trees: st.one_of(st.tuples(st.sampled_from(["&&", "||"]), trees, trees), st.tuples(st.just("!"), trees)),
    max_leaves=4,
)


def printed(tree: Tree) -> str:
    kind = tree[0]
    if kind in ("==", "!="):
        return f"{tree[1]} {kind} '{tree[2]}'"
    if kind in ("in", "not in"):
        return f"{tree[1]} {kind} {{{', '.join(repr(value) for value in tree[2])}}}"
    if kind == "has":
        return f"has({tree[1]})"
    if kind == "!":
        return f"!({printed(tree[1])})"
    return "all()" if kind == "all" else f"({printed(tree[1])}) {kind} ({printed(tree[2])})"


def holds(tree: Tree, labels: dict[str, str]) -> bool:
    kind = tree[0]
    if kind == "==":
        return tree[1] in labels and labels[tree[1]] == tree[2]
    if kind == "!=":
        return not holds(("==", *tree[1:]), labels)
    if kind == "in":
        return tree[1] in labels and labels[tree[1]] in tree[2]
    if kind == "not in":
        return not holds(("in", *tree[1:]), labels)
    if kind == "has":
        return tree[1] in labels
    if kind == "!":
        return not holds(tree[1], labels)
    if kind == "&&":
        return holds(tree[1], labels) and holds(tree[2], labels)
    return kind == "all" or holds(tree[1], labels) or holds(tree[2], labels)


RULES = st.fixed_dictionaries(
    {},
    optional={
        **{f"{sign}{side}_selector": TREES for sign in ("", "!") for side in ("src", "dst")},
        **{f"{sign}{side}_tag": st.sampled_from(["T1", "T2"]) for sign in ("", "!") for side in ("src", "dst")},
    },
)
DIRECTIONS = st.fixed_dictionaries({"inbound": st.lists(RULES, max_size=2), "outbound": st.lists(RULES, max_size=2)})
POLICIES = st.fixed_dictionaries(
    {
        "selector": TREES,
        "order": st.sampled_from([None, 1, 2.5, 10]),
        "untracked": st.booleans(),
        "rules": DIRECTIONS,
    }
)
STATES = st.fixed_dictionaries(
    {
        "profiles": st.dictionaries(
            NAMES, st.fixed_dictionaries({"labels": LABELS, "tags": TAGS, "rules": DIRECTIONS}), max_size=3
        ),
        "tiers": st.dictionaries(st.sampled_from(["default", "t", "u"]), st.sampled_from([None, 1, 2]), max_size=3),
        "policies": st.dictionaries(st.tuples(st.sampled_from(["default", "t", "u"]), NAMES), POLICIES, max_size=5),
        "endpoints": st.dictionaries(
            st.tuples(st.sampled_from(["h1", "h2"]), st.one_of(st.none(), NAMES), st.sampled_from(["e", "f"])),
            st.fixed_dictionaries({"labels": LABELS, "profiles": st.lists(NAMES, max_size=3)}),
            max_size=5,
        ),
    }
)


def stored(state: State) -> dict[str, Any]:
    """Return the keys and values that say what a state says."""
    keys: dict[str, Any] = {}
    for name, profile in state["profiles"].items():
        keys[f"/calico/v1/policy/profile/{name}/labels"] = profile["labels"]
        keys[f"/calico/v1/policy/profile/{name}/tags"] = profile["tags"]
        keys[f"/calico/v1/policy/profile/{name}/rules"] = stored_rules(profile["rules"])
    for tier, order in state["tiers"].items():
        keys[f"/calico/v1/policy/tier/{tier}/metadata"] = {"order": "default" if order is None else order}
    for (tier, name), policy in state["policies"].items():
        keys[f"/calico/v1/policy/tier/{tier}/policy/{name}"] = {
            "selector": printed(policy["selector"]), "order": policy["order"], "untracked": policy["untracked"],
            **stored_rules(policy["rules"]),
        }  # fmt: skip
    for (host, workload, name), endpoint in state["endpoints"].items():
        middle = "" if workload is None else f"workload/k8s/{workload}/"
        keys[f"/calico/v1/host/{host}/{middle}endpoint/{name}"] = {
            "name": "cali1", "labels": endpoint["labels"], "profile_ids": endpoint["profiles"],
            **({} if workload is None else {"state": "active"}),
        }  # fmt: skip
    return keys


def stored_rules(rules: Any) -> dict[str, Any]:
    return {
        f"{direction}_rules": [
            {key: printed(value) if key.endswith("selector") else value for key, value in rule.items()}
            for rule in listed
        ]
        for direction, listed in rules.items()
    }


def expected(state: State) -> str:
    """Return the listing of all endpoints."""
    blocks = []
    for (host, workload, name), endpoint in state["endpoints"].items():
        title = f"Host endpoint {name}" if workload is None else f"Workload endpoint k8s/{workload}/{name}"
        blocks.append((title, host, block(state, title, endpoint)))
    return "Policies that match each endpoint:\n" + "".join("\n" + text for _, _, text in sorted(blocks))


def block(state: State, title: str, endpoint: Any) -> str:
    inherited: dict[str, str] = {}
    tags: set[str] = set()
    for profile in endpoint["profiles"]:
        if profile in state["profiles"]:
            tags |= set(state["profiles"][profile]["tags"])
            inherited.update(state["profiles"][profile]["labels"])
    labels = {**inherited, **endpoint["labels"]}
    lines = [title, "  Policies:"]
    chosen = []
    for (tier, name), policy in state["policies"].items():
        if holds(policy["selector"], labels):
            missing = tier not in state["tiers"]
            tier_order = state["tiers"].get(tier)
            place = (
                not policy["untracked"], missing, tier_order is None, tier_order or 0, tier,
                policy["order"] is None, policy["order"] or 0, name,
            )  # fmt: skip
            chosen.append((place, policy_lines(state, tier, name, policy)))
    for _, of_policy in sorted(chosen):
        lines += of_policy
    if endpoint["profiles"]:
        lines += ["  Profiles:", *(f"    Profile {name}" for name in endpoint["profiles"])]
    matches = set()
    for (_, name), policy in state["policies"].items():
        matches |= set(lines_of_rules(f'    Policy "{name}"', policy["rules"], labels, tags))
    for name, profile in state["profiles"].items():
        matches |= set(lines_of_rules(f'    Profile "{name}"', profile["rules"], labels, tags))
    # Rules have one digit here, so the order of the bytes is the order of the numbers.
    lines += ["  Rule matches:", *sorted(matches)] if matches else []
    return "\n".join(lines) + "\n"


def policy_lines(state: State, tier: str, name: str, policy: Any) -> list[str]:
    order = {None: "default", 1: "1", 2.5: "2.5", 10: "10"}[policy["order"]]
    untracked = " [untracked]" if policy["untracked"] else ""
    line = f'Policy "{name}" (order {order}; selector "{printed(policy["selector"])}"){untracked}'
    warnings = []
    if tier not in state["tiers"]:
        warnings = [f'    WARNING: tier "{tier}" metadata missing; packets will skip tier']
    if tier == "default":
        return [*warnings, f"    {line}"]
    if warnings:
        return [*warnings, f'    Tier "{tier}" (order missing) {line}']
    tier_order = "default" if state["tiers"][tier] is None else state["tiers"][tier]
    return [f'    Tier "{tier}" (order {tier_order}) {line}']


def lines_of_rules(prefix: str, rules: Any, labels: dict[str, str], tags: set[str]) -> list[str]:
    lines = []
    for direction, listed in rules.items():
        for number, rule in enumerate(listed, start=1):
            for key, value in rule.items():
                side = key.replace("src", "source").replace("dst", "destination").partition("_")[0]
                start = f"{prefix} {direction} rule {number} {side} match"
                if key.endswith("_tag") and value in tags:
                    lines.append(f'{start}; tag "{value}"')
                elif key.endswith("_selector") and holds(value, labels):
                    lines.append(f'{start}; selector "{printed(value)}"')
    return lines


@settings(max_examples=examples(150))
@given(STATES)
def test_listings(state: State) -> None:
    result = calicoq_on(stored(state), "endpoint", "")
    assert (result.status, result.stdout) == (0, expected(state))
    assert all(line.startswith(REMARKS) for line in result.stderr.splitlines())


@settings(max_examples=examples(75))
@given(STATES, TREES)
def test_eval(state: State, selector: Tree) -> None:
    lines = []
    for (host, workload, name), endpoint in state["endpoints"].items():
        labels: dict[str, str] = {}
        for profile in endpoint["profiles"]:
            labels.update(state["profiles"].get(profile, {}).get("labels", {}))
        if holds(selector, {**labels, **endpoint["labels"]}):
            title = (
                f"Host endpoint {host}/{name}"
                if workload is None
                else f"Workload endpoint {host}/k8s/{workload}/{name}"
            )
            lines.append(f"  {title}\n")
    text = printed(selector)
    expected_text = f"Endpoints matching selector {text}:\n" + "".join(sorted(lines))
    result = calicoq_on(stored(state), "eval", text)
    assert (result.status, result.stdout) == (0, expected_text)
    assert all(line.startswith(REMARKS) for line in result.stderr.splitlines())


@settings(max_examples=examples(50))
@given(STATES)
def test_every_line_of_the_text_is_in_the_document(state: State) -> None:
    (document,) = json.loads(calicoq_on(stored(state), "endpoint", "", "-o", "json").stdout)
    text = calicoq_on(stored(state), "endpoint", "").stdout
    assert len(document["endpoints"]) == text.count("endpoint ")
    for endpoint, of_text in zip(document["endpoints"], text.split("\n\n")[1:], strict=True):
        lines = of_text.splitlines()
        assert endpoint["name"] == lines[0].split("/")[-1].split(" ")[-1]
        assert len(endpoint["policies"]) == sum('Policy "' in line and "(order " in line for line in lines)
        assert [each["name"] for each in endpoint["profiles"]] == [
            line.removeprefix("    Profile ") for line in lines if line.startswith("    Profile ") and '"' not in line
        ]
        for match in endpoint["rule_matches"]:
            owner = (
                f'Policy "{match["policy_name"]}"' if "policy_name" in match else f'Profile "{match["profile_name"]}"'
            )
            what = f'tag "{match["tag"]}"' if "tag" in match else f'selector "{match["selector"]}"'
            line = f"    {owner} {match['direction']} rule {match['order']} {match['selector_type']} match; {what}"
            assert line in lines
