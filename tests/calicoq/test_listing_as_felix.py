"""calicoq endpoint, policy and eval agree with verdict and check on what Felix 1.4 refuses, and on what it takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.calicoq.conftest import Calicoq, Store

W = "h/k8s/w/e"
MISFILED = "role in {'db'} && has(role)"


@pytest.fixture
def one(store: Store) -> Store:
    """A workload that a policy selects."""
    store.workload(W, labels={"role": "db"}, profile_ids=["p"], ipv4_nets=["10.0.0.1/32"])
    store.profile("p", outbound=[{}])
    store.policy("wall", "role == 'db'")
    return store


def test_tier_whose_metadata_felix_refuses(one: Store, calicoq: Calicoq) -> None:
    key = one.put("policy/tier/default/metadata", {"order": None})
    warning = 'WARNING: tier "default" metadata missing; packets will skip tier'
    refusal = (
        f'Warning: Felix refuses {key}: order: null is neither a number nor "default". '
        "'calicoq check' says what it does instead.\n"
    )
    result = calicoq("endpoint", W)
    assert (result.status, result.stderr, f"    {warning}\n    Policy \"wall\"" in result.stdout) == (0, refusal, True)
    assert calicoq("policy", "wall").stderr == f"{warning}\n{refusal}"
    (document,) = json.loads(calicoq("policy", "wall", "-o", "json").stdout)
    assert document["tier_order"] == "missing"
    (document,) = json.loads(calicoq("policy", "wall", "-o", "json", "--felix=2").stdout)
    assert document["tier_order"] == "default"


@pytest.mark.parametrize(
    ("fields", "profiles"),
    [
        ({"profile_ids": {"b": 1}}, ["b"]),
        ({"profile_ids": "ab"}, ["a", "b"]),
        ({"mac": "cafe.1d52.bbe1"}, ["p"]),
        ({"mac": "1:2:3:4:5:6"}, ["p"]),
    ],
)
def test_endpoint_that_felix_takes(one: Store, calicoq: Calicoq, fields: Any, profiles: list[str]) -> None:
    one.workload(W, **{"labels": {"role": "db"}, "profile_ids": ["p"], **fields})
    result = calicoq("endpoint", W)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.partition("  Profiles:\n")[2] == "".join(f"    Profile {name}\n" for name in profiles)
    assert calicoq("eval", "role == 'db'") == (
        0, f"Endpoints matching selector role == 'db':\n  Workload endpoint {W}\n", ""
    )  # fmt: skip


@pytest.mark.parametrize("selector", ["r notin {'a'}", "r in {}"])
def test_selector_that_felix_refuses(one: Store, calicoq: Calicoq, selector: str) -> None:
    result = calicoq("eval", selector)
    assert result.status == 0
    assert result.stderr.startswith("Warning: Felix 1.4 refuses policies and rules with this selector: ")
    assert "refuses" not in calicoq("eval", selector, "--felix=2").stderr
    assert calicoq("eval", "r not in {'a', 'b'}").stderr == ""


@pytest.mark.parametrize("felix", ["1", "2"])
def test_labels_and_tags_that_felix_ignores(one: Store, calicoq: Calicoq, felix: str) -> None:
    one.workload(W, profile_ids=["p"], ipv4_nets=["10.0.0.1/32"])
    one.put("policy/profile/p/labels", {"role": "db", "a b": "1"})
    one.put("policy/profile/p/tags", ["T", "a b"])
    one.profile("p", inbound=[{"src_tag": "T"}])
    result = calicoq("endpoint", W, f"--felix={felix}")
    assert result.stdout == (
        "Policies that match each endpoint:\n\nWorkload endpoint k8s/w/e\n  Policies:\n  Profiles:\n    Profile p\n"
    )
    assert result.stderr.count("Warning: Felix refuses /calico/v1/policy/profile/p/") == 2
    assert "No policy applies" in calicoq("verdict", W, "192.0.2.1", f"--felix={felix}").stdout


def test_misfiled_selectors_in_documents(one: Store, calicoq: Calicoq) -> None:
    one.policy("wall", MISFILED, inbound=[{"src_selector": MISFILED}, {"src_selector": "role == 'db'"}])
    (answer,) = json.loads(calicoq("endpoint", W, "-o", "json").stdout)
    (endpoint,) = answer["endpoints"]
    (policy,) = json.loads(calicoq("policy", "wall", "-o", "json").stdout)
    for listed in (endpoint["policies"], [policy]):
        assert [each["certainty"] for each in listed] == ["not certain"]
    for rules in (endpoint["rule_matches"], policy["rule_matches"][0]["rules"]):
        assert [each.get("certainty") for each in rules] == ["not certain", None]
    for command in (("endpoint", W), ("policy", "wall")):
        assert "certainty" not in calicoq(*command, "-o", "json", "--felix=2").stdout


def test_policy_that_cannot_be_read_exists(one: Store, calicoq: Calicoq) -> None:
    key = one.put("policy/tier/default/policy/p", {"selector": 5})
    assert calicoq("policy", "p") == (1, "", f"Cannot read {key}: selector is not a string.\n")


def test_near_names(one: Store, calicoq: Calicoq) -> None:
    one.put("policy/tier/default/policy/walls", "{")
    one.workload("host2/k8s/webserver/eth0")
    assert calicoq("policy", "wal").stderr.splitlines()[-1] == "Policy wal not found. Did you mean wall or walls?"
    assert calicoq("policy", "x").stderr.splitlines()[-1] == "Policy x not found."
    assert calicoq("verdict", "webservre", W) == (
        2,
        "",
        '"webservre" is neither an IP address nor in the full name of an endpoint. Did you mean webserver?\n',
    )


def test_endpoint_without_address(one: Store, calicoq: Calicoq) -> None:
    one.host_endpoint("h/eth0")
    assert calicoq("verdict", W, "h/eth0").stderr == (
        "The address of Host endpoint h/eth0 is not stored. Store it as expected_ipv4_addrs of the endpoint, or as "
        "bird_ip of the host h.\n"
    )
    one.workload("h/k8s/bare/e")
    assert calicoq("verdict", W, "bare").stderr == (
        "Workload endpoint h/k8s/bare/e has no IP address: nothing reaches it.\n"
    )
