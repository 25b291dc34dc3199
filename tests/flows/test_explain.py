"""calicoq explain: all packets between two ends, by what decides on them."""

from __future__ import annotations

import json

import pytest

from tests.calicoq.conftest import Calicoq, Store
from tests.flows.shop import fill

BY_DB_3 = 'inbound, Profile "DB": inbound rule 3 decides: allow tcp from cidr 192.0.2.0/24 to ports 22'
UNPOLICED = "outbound, It is not an endpoint: Calico does not police it"
END = "inbound, End of its profiles: none allowed the packet"


def test_all_packets(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    assert calicoq("explain", "backup", "web-2") == (
        0,
        "From profile BACKUP (1) to host1/k8s/web-2/eth0, IPv4:\n"
        "  all: denied\n"
        "    outbound, End of its profiles: none allowed the packet\n",
        "",
    )
    assert calicoq("explain", "192.0.2.0/24", "profile:DB") == (
        0,
        "From 192.0.2.0/24 to profile DB (2), IPv4:\n"
        f"  tcp 22: allowed\n    {UNPOLICED}\n    {BY_DB_3}\n"
        f"  tcp 0:21,23:65535; udp; icmp; other protocols: denied\n    {UNPOLICED}\n    {END}\n",
        "",
    )


def test_each_pair_of_groups(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    assert calicoq("explain", "192.0.0.0/16", "db-1", "tcp", "21,22").stdout == (
        "From 192.0.0.0/16 but 192.0.2.0/24 to host2/k8s/db-1/eth0, IPv4:\n"
        f"  tcp 21:22: denied\n    {UNPOLICED}\n    {END}\n\n"
        "From 192.0.2.0/24 to host2/k8s/db-1/eth0, IPv4:\n"
        f"  tcp 22: allowed\n    {UNPOLICED}\n    {BY_DB_3}\n"
        f"  tcp 21: denied\n    {UNPOLICED}\n    {END}\n"
    )


def test_failsafe_ports_one_by_one(store: Store, calicoq: Calicoq) -> None:
    store.host_endpoint("h1/eth0", expected_ipv4_addrs=["192.0.2.1"])
    store.workload("h2/o/w/e", profile_ids=["OPEN"], ipv4_nets=["10.65.0.1/32"])
    store.profile("OPEN", outbound=[{}], inbound=[{}])
    lines = calicoq("explain", "h1/eth0", "w", "tcp").stdout.splitlines()
    assert lines[1:10:3] == ["  tcp 2379: allowed", "  tcp 2380: allowed", "  tcp 4001: allowed"]
    assert lines[2] == "    outbound, Failsafe ports: TCP port 2379 is always open outbound"


def test_an_icmp_type_that_opens_no_connection(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    shown = calicoq("explain", "web-1", "db-1", "icmp", "0").stdout
    assert "ICMP type 0 opens no connection: Felix drops it before any rule" in shown


def test_a_workload_and_its_own_host(store: Store, calicoq: Calicoq) -> None:
    store.host_endpoint("h1/eth0", expected_ipv4_addrs=["192.0.2.1"], profile_ids=["NONE"])
    store.put("config/DefaultEndpointToHostAction", "ACCEPT")
    store.workload("h1/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"])
    store.profile("P", outbound=[{"action": "deny", "protocol": "tcp", "dst_ports": [22]}, {}], inbound=[])
    assert calicoq("explain", "w", "h1/eth0", "tcp") == (
        0,
        "From profile P (1) to h1/eth0, IPv4:\n"
        "  tcp 0:21,23:65535: allowed\n"
        '    outbound, Profile "P": outbound rule 2 decides: allow\n'
        '    inbound, DefaultEndpointToHostAction is "ACCEPT" on h1\n'
        "  tcp 22: denied\n"
        '    outbound, Profile "P": outbound rule 1 decides: deny tcp to ports 22\n',
        "",
    )
    store.put("config/DefaultEndpointToHostAction", "DROP")
    shown = calicoq("explain", "w", "h1/eth0", "udp", "53,54").stdout
    assert [line for line in shown.splitlines() if line.startswith("  udp")] == [
        "  udp 53: not certain", "  udp 54: denied",
    ]  # fmt: skip
    assert calicoq("explain", "h1/eth0", "w") == (
        0,
        "From h1/eth0 to profile P (1), IPv4:\n"
        "  all: allowed\n"
        "    outbound, Felix does not police what a host sends to its own workloads\n",
        "",
    )


def test_not_certain(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"])
    store.profile("P", inbound=[{"protocol": "udp", "!protocol": "tcp"}], outbound=[])
    document = json.loads(calicoq("explain", "192.0.2.1", "w", "-o", "json").stdout)
    (row,) = document[0]["rows"]
    assert (row["allowed"], row["certainty"], len(row["uncertain_because"])) == (None, "not certain", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["web-1", "web-1"], "web-1 and web-1 are the same endpoint: it sends itself nothing.\n"),
        (["192.0.2.1", "192.0.2.2"],
         "Neither 192.0.2.1 nor 192.0.2.2 is an endpoint: Calico decides nothing between them.\n"),
        (["web-1", "fd80::1"], "web-1 and fd80::1 do not both have addresses of one IP version.\n"),
        (["web-1", "db-1", "icmp", "300"], '<protocol> <ports>: "300" is no ICMP type or type/code: numbers from 0 to '
                                           "255, as 8 or 3/1.\n"),
    ],
)  # fmt: skip
def test_nothing_to_explain(store: Store, calicoq: Calicoq, arguments: list[str], message: str) -> None:
    fill(store)
    assert calicoq("explain", *arguments) == (2, "", message)
