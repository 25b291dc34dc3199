"""calicoq verdict between a workload and its own host, and the replies that untracked policies drop."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.calicoq.conftest import Calicoq, Store

WEB, DB = "h1/k8s/web/e", "h2/k8s/db/e"


@pytest.fixture
def pair(store: Store) -> Store:
    """Two workloads that may send anything and take nothing, and a host endpoint before the second."""
    store.workload(WEB, profile_ids=["out"], ipv4_nets=["10.0.0.1/32"])
    store.workload(DB, profile_ids=["out"], ipv4_nets=["10.0.0.2/32"])
    store.profile("out", outbound=[{}])
    store.host_endpoint("h2/eth0", expected_ipv4_addrs=["192.0.2.2"], labels={"role": "h2"})
    store.put("host/h2/bird_ip", "192.168.0.2")
    return store


def test_host_sends_to_its_workload(pair: Store, calicoq: Calicoq) -> None:
    """Neither the workload's profile nor an untracked policy of the host endpoint is in the way."""
    pair.policy("raw", "role == 'h2'", untracked=True, inbound=[{"action": "deny"}])
    for source, title in (("h2/eth0", "Host endpoint h2/eth0"), ("192.168.0.2", "192.168.0.2 (no endpoint)")):
        result = calicoq("verdict", source, DB, "tcp", "80")
        assert (result.status, result.stdout.partition(f"Outbound, {title}:\n")[2]) == (
            0,
            "  Felix does not police what a host sends to its own workloads\n  => allowed\n\n"
            "Verdict of Felix 1.4: allowed\n",
        )
    assert calicoq("verdict", "192.168.0.9", DB, "tcp", "80").status == 1


def test_workload_that_is_not_active(pair: Store, calicoq: Calicoq) -> None:
    """Felix makes no route to it."""
    pair.workload(DB, profile_ids=["out"], ipv4_nets=["10.0.0.2/32"], state="inactive")
    result = calicoq("verdict", "h2/eth0", DB, "tcp", "80")
    assert (result.status, "  It is inactive: Felix lets nothing pass\n  => denied\n" in result.stdout) == (1, True)
    pair.put("Ready", "false")
    assert calicoq("verdict", "h2/eth0", DB, "tcp", "80").status == 2


@pytest.mark.parametrize("destination", ["h2/eth0", "192.168.0.2"])
@pytest.mark.parametrize(
    ("action", "status", "what"),
    [
        (None, 1, '"DROP" on h2, the default'),
        ("DROP", 1, '"DROP" on h2'),
        ("ACCEPT", 0, '"ACCEPT" on h2'),
        ("RETURN", 2, '"RETURN" on h2'),
    ],
)
def test_workload_sends_to_its_host(
    pair: Store, calicoq: Calicoq, destination: str, action: str | None, status: int, what: str
) -> None:
    if action is not None:
        pair.put("host/h2/config/DefaultEndpointToHostAction", action)
    result = calicoq("verdict", DB, destination, "tcp", "80")
    assert (result.status, f"\n  DefaultEndpointToHostAction is {what}\n" in result.stdout) == (status, True)
    if status == 2:
        assert result.stdout.startswith(
            "Not certain: DefaultEndpointToHostAction is RETURN on h2: rules of iptables that are not Felix's decide "
            "on packets of its workloads to it.\n"
        )
    pair.profile("out", outbound=[{"action": "deny"}])
    denied = calicoq("verdict", DB, destination, "tcp", "80")
    assert (denied.status, "DefaultEndpointToHostAction" in denied.stdout) == (1, False)


@pytest.mark.parametrize("outbound", ["allow", "deny"])
@pytest.mark.parametrize("action", ["DROP", "ACCEPT", "Accept"])
def test_felix_that_applies_nothing(pair: Store, calicoq: Calicoq, outbound: str, action: str) -> None:
    """The rules and the parameter of before may have allowed it, or not."""
    pair.put("Ready", "false")
    pair.put("config/DefaultEndpointToHostAction", action)
    pair.profile("out", outbound=[{"action": outbound}])
    assert calicoq("verdict", DB, "h2/eth0", "tcp", "80").status == 2
    assert calicoq("verdict", "h2/eth0", DB, "tcp", "80").status == 0


def test_drops_of_the_workload_that_are_overridden(pair: Store, calicoq: Calicoq) -> None:
    pair.put("config/DropActionOverride", "ACCEPT")
    pair.profile("out", outbound=[{"action": "deny"}])
    assert calicoq("verdict", DB, "h2/eth0", "tcp", "80").status == 0


def test_dns_and_dhcp(pair: Store, calicoq: Calicoq) -> None:
    assert [calicoq("verdict", DB, "h2/eth0", "udp", port).status for port in ("53", "67", "54")] == [2, 2, 1]
    assert calicoq("verdict", DB, "h2/eth0", "tcp", "53").status == 1


class TestReplies:
    """What untracked policies of the source's host do to replies."""

    RAW: dict[str, Any] = {"untracked": True, "inbound": [{"action": "deny", "protocol": "tcp"}]}
    MAYBE = "Replies over IPv4 may be dropped: "
    BY = 'Host endpoint h2/eth0, Policy "raw" [untracked]: inbound rule 1 decides: deny tcp'

    @pytest.fixture(autouse=True)
    def taken(self, pair: Store) -> None:
        pair.profile("out", inbound=[{}], outbound=[{}])

    def note(self, calicoq: Calicoq) -> str:
        """Return the note of a packet that is allowed for certain."""
        document = json.loads(calicoq("verdict", DB, WEB, "tcp", "80", "-o", "json").stdout)
        assert (document["allowed"], document["certainty"]) == (True, "certain")
        return "\n".join(document["notes"])

    def test_dropped(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'h2'", **self.RAW)
        assert self.note(calicoq) == f"Replies over IPv4 are dropped: {self.BY}."

    def test_one_of_two_interfaces(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'h2'", **self.RAW)
        pair.host_endpoint("h2/eth1", name="eth1")
        assert self.note(calicoq) == (
            f"Replies over IPv4 may be dropped: {self.BY}. The untracked policies of Host endpoint h2/eth0 decide if "
            "the packet comes in by its interface, and not by that of another host endpoint."
        )

    def test_misfiled_selector(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role in {'h2'} && has(role)", **self.RAW)
        assert self.note(calicoq).startswith(f"{self.MAYBE}{self.BY}. The selector of Policy \"raw\" ")

    def test_misfiled_selector_that_allows(self, pair: Store, calicoq: Calicoq) -> None:
        """If Felix does not apply the policy that allows replies, the next one drops them."""
        pair.policy("first", "role in {'h2'} && has(role)", untracked=True, order=1, inbound=[{}])
        pair.policy("raw", "role == 'h2'", order=2, **self.RAW)
        assert self.note(calicoq).startswith(f"{self.MAYBE}{self.BY}. The selector of Policy \"first\"")

    def test_rules_that_iptables_refuses(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'h2'", untracked=True, inbound=[{"protocol": "tcp", "!protocol": "udp"}])
        assert self.note(calicoq).startswith("Replies over IPv4 may be dropped: Host endpoint h2/eth0, ")


def test_tunnel_past_host_endpoints(pair: Store, calicoq: Calicoq) -> None:
    """The packet goes in another one, on which the rules of host endpoints decide."""
    pair.profile("out", inbound=[{}], outbound=[{}])
    pair.put("ipam/v4/pool/10.0.0.0-24", {"cidr": "10.0.0.0/24"})
    note = (
        "Note: Packets to the pool 10.0.0.0/24 go from h1 to h2 in a tunnel. Whether the host endpoints there let the "
        "packets of the tunnel (protocol 4) pass is not part of this verdict.\n"
    )
    assert "tunnel" not in calicoq("verdict", WEB, DB, "tcp", "80").stdout
    pair.put("ipam/v4/pool/10.0.0.0-24", {"cidr": "10.0.0.0/24", "ipip": "tunl0"})
    assert note in calicoq("verdict", WEB, DB, "tcp", "80").stdout
    pair.etcd.delete("/calico/v1/host/h2/endpoint/eth0")
    assert "tunnel" not in calicoq("verdict", WEB, DB, "tcp", "80").stdout


@pytest.mark.parametrize("key", ["host/h2/config/IpInIpTunnelAddr", "host/h2/bird_ip"])
def test_address_of_a_host_in_a_pool(pair: Store, calicoq: Calicoq, key: str) -> None:
    """No endpoint has it, and it is in use."""
    pair.put("ipam/v4/pool/10.0.0.0-24", {"cidr": "10.0.0.0/24"})
    assert calicoq("verdict", WEB, "10.0.0.64").stdout.endswith(": allowed, but no endpoint has 10.0.0.64\n")
    pair.put(key, "10.0.0.64")
    result = calicoq("verdict", WEB, "10.0.0.64")
    assert (result.status, result.stdout.partition("Inbound, 10.0.0.64 (no endpoint):\n")[2]) == (
        0,
        "  It is an address of the host h2: Calico does not police it\n  => allowed\n\n"
        "Verdict of Felix 1.4: allowed\n",
    )
    assert calicoq("verdict", "10.0.0.64", DB, "tcp", "80").status == 0
    assert calicoq("verdict", DB, "10.0.0.64", "tcp", "80").status == 1
