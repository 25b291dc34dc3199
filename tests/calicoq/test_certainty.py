"""calicoq verdict and check where Felix ends or waits: the rules of before stay in force, so nothing is certain."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.calicoq.conftest import Calicoq, Store

WEB, DB = "h1/k8s/web/e", "h2/k8s/db/e"
STAYS = "the rules that were in force before stay in force"
DEEP = "[" * 3000 + "]" * 3000


@pytest.fixture
def pair(store: Store) -> Store:
    """Two workloads on two hosts that may do everything."""
    store.workload(WEB, profile_ids=["open"], ipv4_nets=["10.0.0.1/32"], labels={"role": "web"})
    store.workload(DB, profile_ids=["open"], ipv4_nets=["10.0.0.2/32"], labels={"role": "db"})
    store.profile("open", inbound=[{}], outbound=[{}])
    return store


class TestRefusedEndpoints:
    def test_fatal_value(self, pair: Store, calicoq: Calicoq) -> None:
        key = pair.workload(WEB, profile_ids=None, ipv4_nets=["10.0.0.1/32"])
        question = f"Felix on h1 ends when it reads {key}: the rules that were in force before stay in force"
        for source in (WEB, "10.0.0.1"):
            assert calicoq("verdict", source, DB, "tcp", "1") == (
                2,
                f"Not certain: {question}.\n\n"
                f"From Workload endpoint {WEB} to Workload endpoint {DB}: tcp, port 1\n\n"
                f"Outbound, Workload endpoint {WEB}:\n"
                "  Felix cannot read it: profile_ids: null is not a list, which ends the Felix process\n"
                "  => denied\n\n"
                "Verdict of Felix 1.4: not certain\n",
                "",
            )
        document = json.loads(calicoq("verdict", WEB, DB, "-o", "json").stdout)
        assert (document["allowed"], document["certainty"]) == (None, "not certain")
        assert document["uncertain_because"] == [question]
        assert calicoq("verdict", WEB, DB, "--felix=2").status == 1

    @pytest.mark.parametrize(
        ("key", "value", "status"),
        [("Ready", "false", 2), ("host/h1/config/IpInIpEnabled", "maybe", 2), ("host/h2/config/IpInIpEnabled", "x", 1)],
    )
    def test_felix_that_applies_nothing(
        self, pair: Store, calicoq: Calicoq, key: str, value: str, status: int
    ) -> None:
        pair.workload(WEB, state="bad", ipv4_nets=["10.0.0.1/32"])
        assert calicoq("verdict", WEB, DB).status == 1
        pair.put(key, value)
        result = calicoq("verdict", WEB, DB)
        assert result.status == status
        assert result.stdout.startswith("Not certain: ") == (status == 2)

    def test_parameters_of_its_host_are_noted(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload(WEB, state="bad", ipv4_nets=["10.0.0.1/32"])
        pair.put("host/h1/config/DropActionOverride", "")
        assert '\nNote: DropActionOverride is "" on h1: Felix takes it for DROP: ' in calicoq("verdict", WEB, DB).stdout

    def test_one_certain_refusal_of_two(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload(WEB, state="bad", ipv4_nets=["10.0.0.1/32"])
        pair.workload(DB, state="bad", ipv4_nets=["10.0.0.2/32"])
        pair.put("host/h1/config/IpInIpEnabled", "maybe")
        assert calicoq("verdict", WEB, DB).status == 1
        pair.put("host/h2/config/IpInIpEnabled", "maybe")
        result = calicoq("verdict", WEB, DB)
        assert (result.status, result.stdout.count("Not certain: ")) == (2, 2)

    def test_left_out_of_flows(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload("h3/k8s/bad/e", state="bad", ipv4_nets=["10.0.0.3/32"])
        left_out = "Left out: 1 endpoint that Felix refuses: {}, see 'calicoq check'"
        assert left_out.format("nothing passes there") in calicoq("reach").stderr
        pair.put("Ready", "false")
        stays = "the rules that were in force before may still be"
        assert left_out.format(stays) in calicoq("reach").stderr


def test_pool_that_ends_felix(pair: Store, calicoq: Calicoq) -> None:
    assert calicoq("verdict", WEB, DB).status == 0
    key = pair.put("ipam/v4/pool/10.0.0.0-8", DEEP)
    result = calicoq("verdict", WEB, DB)
    assert result.status == 2
    assert result.stdout.startswith(f"Not certain: Felix on h1 ends when it reads {key}: ")
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert [(each["code"], each["reason"]) for each in found if each["key"] == key] == [
        ("CQ002", f"it is nested too deeply, which ends the Felix process; {STAYS}")
    ]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("policy/tier/default/policy/p", {"selector": 5}, "selector: 5 is not a string"),
        ("policy/profile/o/rules", {"inbound_rules": [{"src_tag": 5}]}, "inbound rule 1: src_tag: 5 is not a string"),
        ("host/h1/workload/k8s/web/endpoint/e", {"profile_ids": 5}, "profile_ids: 5 is not a list"),
        ("policy/tier/t/metadata", DEEP, "it is nested too deeply"),
        ("host/h1/bird_ip", "", "it is empty"),
    ],
)
def test_fatal_value_has_no_other_consequence(
    pair: Store, calicoq: Calicoq, key: str, value: Any, reason: str
) -> None:
    """Felix does not get as far as to ignore the object."""
    whole = pair.put(key, value)
    found = json.loads(calicoq("check", "-o", "json").stdout)
    assert [each["reason"] for each in found if each["key"] == whole] == [
        f"{reason}, which ends the Felix process; {STAYS}"
    ]
