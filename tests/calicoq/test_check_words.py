"""calicoq check: what it says of an object is true of that very object, and the remedy works."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.calicoq.conftest import Calicoq, Store

WEB = "h1/k8s/web/e"
DOUBLE = {"protocol": "tcp", "!protocol": "udp"}


@pytest.fixture
def web(store: Store) -> Store:
    """A workload of both IP versions with a profile."""
    store.workload(WEB, profile_ids=["web"], ipv4_nets=["10.0.0.1/32"], ipv6_nets=["fd00::1/128"], labels={"r": "w"})
    store.profile("web", outbound=[{}])
    return store


def found(calicoq: Calicoq, code: str) -> list[dict[str, Any]]:
    return [each for each in json.loads(calicoq("check", "-o", "json").stdout) if each["code"] == code]


class TestEndpointsWithoutProfile:
    BEGINNING = "it has no profile and "
    UNTRACKED = "only untracked policies select it"
    SKIPPED = "only policies of tiers without valid metadata select it"
    BOTH = "only untracked policies and policies of tiers without valid metadata select it"

    @pytest.mark.parametrize(
        ("policies", "why", "but"),
        [
            ([], "no policy selects it", " but that of failsafe ports"),
            (["raw"], UNTRACKED, " but that of failsafe ports and what untracked policies allow"),
            (["lost"], SKIPPED, " but that of failsafe ports"),
            (["raw", "lost"], BOTH, " but that of failsafe ports and what untracked policies allow"),
        ],
    )
    def test_reason(self, web: Store, calicoq: Calicoq, policies: list[str], why: str, but: str) -> None:
        if "raw" in policies:
            web.policy("raw", "has(alone)", untracked=True, inbound=[{"protocol": "tcp"}])
        if "lost" in policies:
            web.policy("lost", "has(alone)", tier="lost")
        host_endpoint = web.host_endpoint("h1/eth0", expected_ipv4_addrs=["192.0.2.1"], labels={"alone": ""})
        workload = web.workload("h1/k8s/alone/e", ipv4_nets=["10.0.0.9/32"], labels={"alone": ""})
        assert {each["key"]: each["reason"] for each in found(calicoq, "CQ035")} == {
            host_endpoint: f"{self.BEGINNING}{why}: Felix drops all its traffic{but}",
            workload: f"{self.BEGINNING}{why}: Felix drops all its traffic",
        }

    def test_verdict_agrees(self, web: Store, calicoq: Calicoq) -> None:
        web.policy("raw", "has(alone)", untracked=True, inbound=[{"protocol": "tcp", "dst_ports": [80]}])
        web.host_endpoint("h9/eth0", expected_ipv4_addrs=["192.0.2.1"], labels={"alone": ""})
        ports = ("22", "80", "81")
        assert [calicoq("verdict", "10.0.0.1", "h9/eth0", "tcp", port).status for port in ports] == [0, 0, 1]


NETWORKS: list[tuple[dict[str, Any], str, list[dict[str, Any]]]] = [
    (
        {"src_net": "10.0.0.0/8", "dst_net": "fd00::/8"},
        "Remove the rule: no packet has addresses of both IP versions.",
        [],
    ),
    (
        {"src_net": "10.0.0.0/8", "!src_net": "fd00::/8"},
        "Leave !src_net out, and give the rule ip_version 4.",
        [{"src_net": "10.0.0.0/8", "ip_version": 4}],
    ),
    (
        {"!src_net": "10.0.0.0/8", "!dst_net": "10.0.0.0/8", "dst_net": "fd00::/8"},
        "Leave !src_net and !dst_net out, and give the rule ip_version 6.",
        [{"dst_net": "fd00::/8", "ip_version": 6}],
    ),
    (
        {"!src_net": "10.0.0.0/8", "!dst_net": "fd00::/8"},
        "Make it two rules, one for each ip_version with the networks of that version.",
        [{"!src_net": "10.0.0.0/8", "ip_version": 4}, {"!dst_net": "fd00::/8", "ip_version": 6}],
    ),
    (
        {"src_net": "10.0.0.0/8"},
        "Give the rule an ip_version, or update Felix to 2.0.",
        [{"src_net": "10.0.0.0/8", "ip_version": 4}],
    ),
]


@pytest.mark.parametrize(("rule", "remedy", "mended"), NETWORKS)
def test_networks_of_both_ip_versions(
    web: Store, calicoq: Calicoq, rule: dict[str, Any], remedy: str, mended: list[dict[str, Any]]
) -> None:
    web.profile("web", inbound=[rule])
    assert {each["remedy"] for each in found(calicoq, "CQ022")} == {remedy}
    web.profile("web", inbound=mended)
    assert calicoq("check") == (0, "0 errors, 0 warnings, 0 notes\n", "")


class TestSkippedTiers:
    def test_policy_that_selects_nobody(self, web: Store, calicoq: Calicoq) -> None:
        web.policy("lost", "has(nothing)", tier="lost")
        result = calicoq("check", "-o", "json")
        assert (result.status, [each["code"] for each in json.loads(result.stdout)]) == (0, ["CQ040"])

    def test_remedy(self, web: Store, calicoq: Calicoq) -> None:
        web.policy("lost", "has(r)", tier="my.tier")
        (finding,) = found(calicoq, "CQ020")
        key = "/calico/v1/policy/tier/my.tier/metadata"
        assert finding["remedy"] == (
            f'Write {{"order": 100}}, or {{}} for the last tier, to {key}. The policies of the tier are then in force, '
            "and the end of the tier drops the packets of their endpoints that no policy in it allows."
        )

    def test_rule_that_iptables_refuses(self, web: Store, calicoq: Calicoq) -> None:
        web.workload(WEB, profile_ids=["web"], ipv4_nets=["10.0.0.1/32"], labels={"r": "w"})
        web.policy("lost", "has(r)", tier="lost", inbound=[DOUBLE])
        assert [each["reason"] for each in found(calicoq, "CQ021")] == [
            "inbound rule 1: iptables refuses protocol and !protocol in one rule: packets skip this policy now, but "
            "once its tier has valid metadata, Felix programs nothing of it for IPv4 and its endpoints drop all IPv4 "
            "traffic"
        ]


def test_null_beside_a_condition(web: Store, calicoq: Calicoq) -> None:
    """The rule still needs tcp."""
    web.profile("web", inbound=[{"protocol": "tcp", "src_net": None}])
    assert [each["reason"] for each in found(calicoq, "CQ052")] == [
        "inbound rule 1: src_net is null, so the rule does not test it"
    ]
    assert [calicoq("verdict", "10.0.0.9", WEB, protocol, "1").status for protocol in ("tcp", "udp")] == [0, 1]


@pytest.mark.parametrize(("users", "versions"), [(["10.0.0.1/32"], ["IPv4"]), ([], ["IPv4", "IPv6"])])
def test_versions_for_which_iptables_refuses(
    web: Store, calicoq: Calicoq, users: list[str], versions: list[str]
) -> None:
    """A profile without users may be meant for both versions, another one for those of its users."""
    web.profile("double", inbound=[DOUBLE])
    if users:
        web.workload("h1/k8s/user/e", profile_ids=["double"], ipv4_nets=users)
    reasons = [each["reason"] for each in found(calicoq, "CQ021")]
    assert [next(name for name in ("IPv4", "IPv6") if f"for {name}." in reason) for reason in reasons] == versions


class TestParameters:
    @pytest.mark.parametrize("value", ["000022", " 22 ", "22,80", "0000000022"])
    def test_failsafe_ports(self, web: Store, calicoq: Calicoq, value: str) -> None:
        web.put("config/FailsafeInboundHostPorts", value)
        web.host_endpoint("h9/eth0", expected_ipv4_addrs=["192.0.2.1"], profile_ids=["web"])
        assert calicoq("check").stdout == "0 errors, 0 warnings, 0 notes\n"
        assert calicoq("verdict", "10.0.0.1", "h9/eth0", "tcp", "22").status == 0

    @pytest.mark.parametrize(
        ("name", "value", "note"),
        [
            (
                "InterfacePrefix",
                "",
                "Felix takes every interface for that of a workload, also the host's own and loopback",
            ),
            ("MetadataAddr", "meta.example", "until this name resolves on a host, Felix programs nothing there"),
        ],
    )
    def test_notes_of_verdict(self, web: Store, calicoq: Calicoq, name: str, value: str, note: str) -> None:
        web.put(f"host/h1/config/{name}", value)
        result = calicoq("verdict", WEB, "192.0.2.1")
        assert result.status == 0
        assert f'\nNote: {name} is "{value}" on h1: {note}.\n' in result.stdout
        assert name not in calicoq("verdict", WEB, "192.0.2.1", "--felix=2").stdout


class TestWalks:
    def test_mark_of_untracked_policies_is_not_carried_on(self, web: Store, calicoq: Calicoq) -> None:
        """A next-tier rule of an untracked policy leaves no mark that a profile looks at."""
        web.policy("raw", "has(host)", untracked=True, inbound=[{"action": "next-tier"}])
        web.profile("host", inbound=[{"action": "next-tier", "protocol": "udp"}, {}])
        web.host_endpoint("h9/eth0", expected_ipv4_addrs=["192.0.2.1"], profile_ids=["host"], labels={"host": ""})
        result = calicoq("verdict", WEB, "h9/eth0", "tcp", "80")
        assert (result.status, 'Profile "host": inbound rule 2 decides: allow' in result.stdout) == (0, True)

    def test_misfiled_selectors_of_a_skipped_tier(self, web: Store, calicoq: Calicoq) -> None:
        """Nothing depends on them, however many they are."""
        for number in range(8):
            web.policy(f"p{number}", "r in {'w'} && has(r)", tier="lost")
        result = calicoq("verdict", WEB, "192.0.2.1")
        assert (result.status, 'Tier "lost" has no metadata: packets skip its policies' in result.stdout) == (0, True)
