"""The examples of the document, byte for byte."""

from __future__ import annotations

import pytest

from tests.calicoq.conftest import Calicoq, Store

GROUPS = """\
Policies that match each endpoint:

Workload endpoint k8s/g1w1/eth0
  Policies:
    Policy "p1" (order 500; selector "calico/k8s_ns == 'group1'")
  Profiles:
    Profile group1

Workload endpoint k8s/g1w2/eth0
  Policies:
    Policy "p1" (order 500; selector "calico/k8s_ns == 'group1'")
  Profiles:
    Profile group1

Workload endpoint k8s/g1w3/eth0
  Policies:
    Policy "p1" (order 500; selector "calico/k8s_ns == 'group1'")
  Profiles:
    Profile group1
"""
UNTRACKED = """\
Policies that match each endpoint:

Workload endpoint k8s/advanced-policy-demo.nginx-2371676037-bk6v2/eth0
  Policies:
    Policy "donottrack" (order 500; selector "calico/k8s_ns == 'advanced-policy-demo'") [untracked]
    Policy "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" (order 400; selector "calico/k8s_ns == 'advanced-policy-demo'")
  Profiles:
    Profile k8s_ns.advanced-policy-demo
"""  # noqa: E501 - as it is printed
RULE_MATCHES = """\
  Rule matches:
    Policy "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" outbound rule 1 destination match; selector "calico/k8s_ns == 'advanced-policy-demo'"
    Profile "k8s_ns.advanced-policy-demo" inbound rule 1 source match; selector "calico/k8s_ns == 'advanced-policy-demo'"
"""  # noqa: E501 - as it is printed
DEMO = "calico/k8s_ns == 'advanced-policy-demo'"


@pytest.fixture
def groups(store: Store) -> None:
    store.policy("p1", "calico/k8s_ns == 'group1'", order=500)
    for workload in ("g1w1", "g1w2", "g1w3", "g2w1"):
        group = f"group{workload[1]}"
        store.workload(f"host1/k8s/{workload}/eth0", profile_ids=[group], labels={"calico/k8s_ns": group})


@pytest.fixture
def demo(store: Store) -> None:
    rule = {"action": "allow", "dst_selector": DEMO}
    store.policy("donottrack", DEMO, order=500, untracked=True, outbound=[{"dst_selector": "type == 'production'"}])
    store.policy("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", DEMO, order=400, outbound=[rule])
    store.profile("k8s_ns.advanced-policy-demo", inbound=[{"action": "allow", "src_selector": DEMO}])
    store.workload(
        "tigera-lwr-kubetest-02/k8s/advanced-policy-demo.nginx-2371676037-bk6v2/eth0",
        profile_ids=["k8s_ns.advanced-policy-demo"],
        labels={"calico/k8s_ns": "advanced-policy-demo"},
    )


def test_three_workloads_of_a_group(groups: None, calicoq: Calicoq) -> None:
    assert calicoq("endpoint", "g1w") == (0, GROUPS, "")


def test_untracked_policy_comes_first(demo: None, calicoq: Calicoq) -> None:
    assert calicoq("endpoint", "tigera-lwr-kubetest-02/", "-r") == (0, UNTRACKED, "")


def test_the_second_list_is_shown_by_default(demo: None, calicoq: Calicoq) -> None:
    assert calicoq("endpoint", "tigera-lwr-kubetest-02/") == (0, UNTRACKED + RULE_MATCHES, "")


def test_host_shows_the_same(demo: None, calicoq: Calicoq) -> None:
    assert calicoq("host", "tigera-lwr-kubetest-02") == (0, UNTRACKED + RULE_MATCHES, "")


def test_without_selectors(demo: None, calicoq: Calicoq) -> None:
    def without(text: str) -> str:
        return text.replace(f'; selector "{DEMO}"', "")

    assert calicoq("endpoint", "nginx", "-s") == (0, without(UNTRACKED + RULE_MATCHES), "")
    assert calicoq("endpoint", "nginx", "-rs") == (0, without(UNTRACKED), "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("-rs", "endpoint", "nginx"),
        ("endpoint", "-sr", "nginx"),
        ("endpoint", "nginx", "-r", "-s"),
        ("endpoint", "--hide-rule-matches", "nginx", "--hide-selectors"),
        ("--hide-rule", "endpoint", "nginx", "--hide-sel"),
    ],
)
def test_options_stand_anywhere(demo: None, calicoq: Calicoq, arguments: tuple[str, ...]) -> None:
    assert calicoq(*arguments) == calicoq("endpoint", "nginx", "-rs")


def test_as_a_process(demo: None, calicoq: Calicoq) -> None:
    assert calicoq.process("endpoint", "nginx") == (0, UNTRACKED + RULE_MATCHES, "")
