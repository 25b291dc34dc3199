"""Containers by the path of their network namespace, with a real kernel and a real etcd."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.conftest import Calicoctl, Result
from tests.containers import stored
from tests.containers.namespaces import NetworkNamespace, ip, namespaces, on_host
from tests.etcd_server import EtcdServer

pytestmark = pytest.mark.machine

ROUTES = ["169.254.1.1 eth1", "default 169.254.1.1 eth1"]
BLOCK = "10.65.0.192/26"  # the first block of `h1` in the pool of the tests


def said(text: str) -> Result:
    return Result(0, text, "")


def paragraph(sentence: str) -> str:
    return textwrap.fill(sentence, 80) + "\n\n"


def refused(text: str, status: int = 1) -> Result:
    return Result(status, "", text)


@pytest.fixture
def added(host: Calicoctl, netns: NetworkNamespace) -> NetworkNamespace:
    """A namespace on the network with the first address of its host's block."""
    assert host("container", "add", netns.path, "ipv4") == said(f"IP 10.65.0.192 added to {netns.path}\n\n")
    return netns


def test_add_change_and_remove(host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace) -> None:
    before, untouched = stored.state(etcd), netns.state()
    with namespaces() as (other,):
        for number, namespace in ((192, netns), (193, other)):
            answer = host("container", "add", namespace.path, "ipv4")
            assert answer == said(f"IP 10.65.0.{number} added to {namespace.path}\n\n")
            assert namespace.addresses() == [f"eth1 10.65.0.{number}/32"]
            assert namespace.routes(4) == ROUTES
            assert namespace.routes(6) == []
        assert host("profile", "add", "WEB").status == 0
        for namespace in (netns, other):
            answer = host("container", namespace.path, "profile", "append", "WEB")
            assert answer == said("Profile(s) WEB appended.\n\n")
        for address in ("10.65.0.200", "fd80:65::5"):
            answer = host("container", netns.path, "ip", "add", address)
            assert answer == said(f"IP {address} added to {netns.path}\n")
        assert netns.addresses() == ["eth1 10.65.0.192/32", "eth1 10.65.0.200/32", "eth1 fd80:65::5/128"]

        (key, endpoint), (_, second) = sorted(stored.endpoints(etcd).items())
        id = key.rpartition("/")[2]
        assert key == f"h1/workload/namespace/{netns.workload}/endpoint/{id}"
        mac = netns.ip("link", "show", "eth1")[0]["address"]
        assert etcd.get(f"/calico/v1/host/{key}") == json.dumps(
            {
                "name": f"cali{id[:11]}", "labels": {}, "state": "active", "ipv6_nets": ["fd80:65::5/128"], "mac": mac,
                "ipv4_nets": ["10.65.0.192/32", "10.65.0.200/32"], "profile_ids": ["WEB"],
            }
        )  # fmt: skip
        interfaces = [endpoint["name"], second["name"]]
        assert on_host(*interfaces) == interfaces
        handle = f"calicoctl:h1:namespace:{netns.workload}:{id}"
        assert stored.handles(etcd)[handle] == {BLOCK: 2, "fd80:65::/122": 1}
        assert {address for address, owner in stored.allocated(etcd).items() if owner == handle} == {
            "10.65.0.192", "10.65.0.200", "fd80:65::5",
        }  # fmt: skip
        rows = host("container", netns.path, "endpoint", "show").stdout.splitlines()[3:6]
        assert [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows] == [
            ["h1", "namespace", netns.workload, id, "10.65.0.192/32", mac, "WEB", "active"],
            ["", "", "", "", "10.65.0.200/32", "", "", ""],
            ["", "", "", "", "fd80:65::5/128", "", "", ""],
        ]

        hop = next(
            info["local"]
            for link in ip("addr", "show", "dev", endpoint["name"])
            for info in link["addr_info"]
            if info["scope"] == "link"
        )
        assert netns.routes(6) == [f"default {hop} eth1 1024"]
        assert host("container", netns.path, "ip", "remove", "fd80:65::5") == said(
            f"IP fd80:65::5 removed from {netns.path}\n"
        )
        assert netns.routes(6) == []
        assert host("container", netns.path, "ip", "remove", "10.65.0.192").status == 0
        assert netns.addresses() == ["eth1 10.65.0.200/32"]
        assert netns.routes(4) == ROUTES
        for namespace in (netns, other):
            assert host("container", "remove", namespace.path) == said(f"Removed Calico from {namespace.path}\n")
            assert namespace.state() == untouched
    assert on_host(*interfaces) == []
    assert stored.allocated(etcd) == {}
    assert stored.handles(etcd) == {}
    assert stored.endpoints(etcd) == {}
    assert host("profile", "remove", "WEB").status == 0
    for pool in ("10.65.0.0/24", "fd80:65::/64"):
        assert host("pool", "remove", pool, "--wait=0").status == 0
    assert host("pool", "add", "10.65.0.0/24", "fd80:65::/64").status == 0
    assert stored.state(etcd) == before


def test_ipv6_only(host: Calicoctl, netns: NetworkNamespace) -> None:
    assert host("container", "add", netns.path, "IPv6", "--interface=net0").status == 0
    assert netns.addresses() == ["net0 fd80:65::/128"] or netns.addresses()[0].startswith("net0 fd80:65:")
    assert netns.routes(4) == []
    (route,) = netns.routes(6)
    assert route.startswith("default fe80::") and route.endswith(" net0 1024")
    assert host("container", netns.path, "ip", "add", "10.65.0.0/24", "--interface=net0").status == 0
    assert netns.routes(4) == ["169.254.1.1 net0", "default 169.254.1.1 net0"]
    assert host("container", netns.path, "ip", "remove", "10.65.0.192", "--interface=net0").status == 0
    assert netns.routes(4) == []


def test_other_default_routes_are_displaced_and_restored(host: Calicoctl, netns: NetworkNamespace) -> None:
    docker_route = netns.add_default_route(4)
    before = netns.state()
    assert host("container", "add", netns.path, "10.65.0.7").status == 0
    assert netns.routes(4) == ["169.254.1.1 eth1", "default 169.254.1.1 eth1", f"{docker_route} 1"]
    assert host("container", "remove", netns.path).status == 0
    assert netns.state() == before


@pytest.mark.parametrize(
    "route",
    [
        "default via 172.30.0.1 dev eth0 proto static mtu 1400 advmss 1300",
        "default via 172.30.0.1 dev eth0 proto dhcp src 172.30.0.2 window 1000 rtt 100ms rttvar 50ms ssthresh 10 "
        "cwnd 10 reordering 4 hoplimit 60 initcwnd 20 features ecn rto_min 300ms initrwnd 20 quickack 1 congctl reno "
        "fastopen_no_cookie 1",
        "default via 172.31.0.1 dev eth0 proto eigrp onlink",
        "default via inet6 fe80::1 dev eth0",
        "default dev eth0",
        "unreachable default",
        "blackhole default proto kernel",
    ],
)
def test_default_route_is_restored_with_all_attributes(route: str, host: Calicoctl, netns: NetworkNamespace) -> None:
    netns.add_default_route(4)
    netns.ip("route", "del", "default")
    netns.ip("-4", "route", "add", *route.split())
    before = netns.default_routes()
    for _ in range(2):
        assert host("container", "add", netns.path, "10.65.0.7") == said(f"IP 10.65.0.7 added to {netns.path}\n\n")
        ours, theirs = netns.default_routes()
        assert ours.split() == "default via 169.254.1.1 dev eth1".split()
        assert " metric 1" in theirs
        assert host("container", "remove", netns.path).status == 0
        assert netns.default_routes() == before


@pytest.mark.parametrize(
    ("routes", "what"),
    [
        (["default via 172.30.0.1 dev eth0 tos 0x10"], "tos"),
        (["default via 172.30.0.1 dev eth0 proto 77"], "protocol 77"),
        (["default nexthop via 172.30.0.1 dev eth0 nexthop via 172.30.0.3 dev eth0"], "several next hops"),
        (["default via 172.30.0.1 dev eth0", "default via 172.30.0.3 dev eth0"], "a second one beside it"),
    ],
)
def test_default_routes_that_cannot_be_restored(
    routes: list[str], what: str, host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    netns.add_default_route(4)
    netns.ip("route", "del", "default")
    for route in routes:
        netns.ip("-4", "route", "append", *route.split())
    state, index = (netns.state(), netns.default_routes()), etcd.index()
    message = (
        f"The container has a default route with {what}, which would be lost. "
        "Give the route a metric other than 0 to keep it.\n"
    )
    assert host("container", "add", netns.path, "ipv4") == refused(message)
    assert ((netns.state(), netns.default_routes()), etcd.index()) == (state, index)
    assert host("container", "add", netns.path, "ipv6").status == 0
    assert host("container", netns.path, "ip", "add", "ipv4") == refused(message)


def test_similar_default_route_is_not_mistaken_for_displaced_one(host: Calicoctl, netns: NetworkNamespace) -> None:
    netns.add_default_route(4)
    netns.ip("route", "add", "default", "via", "172.30.0.1", "dev", "eth0", "metric", "7")
    before = netns.default_routes()
    assert host("container", "add", netns.path, "10.65.0.7").status == 0
    assert host("container", "remove", netns.path).status == 0
    assert netns.default_routes() == before


def test_other_default_ipv6_route_stays(host: Calicoctl, netns: NetworkNamespace) -> None:
    docker_route = netns.add_default_route(6)
    before = netns.state()
    assert host("container", "add", netns.path, "fd80:65::7").status == 0
    theirs, ours = netns.routes(6)
    assert ours.startswith("default fe80::") and ours.endswith(" eth1 1023")
    assert theirs == f"{docker_route} 1024"
    assert host("container", netns.path, "ip", "add", "10.65.0.7").status == 0
    assert host("container", netns.path, "ip", "remove", "fd80:65::7").status == 0
    assert netns.routes(6) == [f"{docker_route} 1024"]
    assert host("container", "remove", netns.path).status == 0
    assert netns.state() == before


@pytest.mark.parametrize("before", [[], ["ipv6"]])
def test_container_already_on_calico_network(
    before: list[str], host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    netns.add_interface()
    netns.ip("addr", "add", "192.168.1.5/32", "dev", "eth0")
    netns.ip("route", "add", "169.254.1.1", "dev", "eth0", "scope", "link")
    netns.ip("route", "add", "default", "via", "169.254.1.1", "dev", "eth0")
    for version in before:
        assert host("container", "add", netns.path, version).status == 0
    index, state = etcd.index(), netns.state()
    command = [netns.path, "ip", "add", "ipv4"] if before else ["add", netns.path, "ipv4"]
    assert host("container", *command) == refused(
        "The container is on a Calico network already, through its interface eth0, which has the route to 169.254.1.1. "
        "A second interface would break the first one. Remove the container from that network first.\n"
    )
    assert (etcd.index(), netns.state()) == (index, state)


def test_unrelated_host_interface_is_not_changed(host: Calicoctl, etcd: EtcdServer, added: NetworkNamespace) -> None:
    ((_, endpoint),) = stored.endpoints(etcd).items()
    name = endpoint["name"]
    assert host("container", "remove", added.path).status == 0
    with namespaces() as (other,):
        ip("link", "add", name, "type", "veth", "peer", "name", "eth1", "netns", other.name)
        assert host("container", "add", added.path, "ipv4") == refused(
            f"Interface {name} already exists on this host, but does not lead into this container. If nothing uses it, "
            f"remove it: ip link del {name}\n"
        )
        assert host("container", "remove", added.path) == refused(f"Failed find Calico data for {added.path}\n")
        assert (on_host(name), other.links()) == ([name], ["eth1", "lo"])


def test_add_twice(host: Calicoctl, etcd: EtcdServer, added: NetworkNamespace) -> None:
    index, state = etcd.index(), added.state()
    sentence = f"{added.path} has already been configured with Calico Networking."
    assert host("container", "add", added.path, "ipv4") == refused(paragraph(sentence))
    assert (etcd.index(), added.state()) == (index, state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "{path}", "10.65.0.300"],
         "Invalid IP address specified.  Argument must be a valid IP or CIDR.\nValue provided is '10.65.0.300'\n\n"),
        (["add", "{path}", "10"],
         "Invalid IP address specified.  Argument must be a valid IP or CIDR.\nValue provided is '10'\n\n"),
        (["add", "{path}", "10.66.0.0/24"],
         "Invalid CIDR specified for desired pool. No pool found for 10.66.0.0/24.\n\n"),
        (["add", "{path}", "10.66.0.1"], "10.66.0.1 is not in any configured pools\n"),
        (["add", "{path}", "ipv4", "--interface=lo"],
         "Interface lo exists already in {path}. Choose another with --interface.\n"),
        (["add", "{path}", "ipv4", "--interface=a/b"],
         "Invalid interface name specified.\nValue provided is 'a/b'; an interface has 1 to 15 characters\n"),
        (["add", "/var/run/netns/nowhere", "ipv4"],
         "Container /var/run/netns/nowhere was not found.\n"
         "There is no network namespace at /var/run/netns/nowhere (No such file or directory).\n"),
        (["add", "/etc/passwd", "ipv4"], "/etc/passwd is not a network namespace.\n"),
        (["add", "/proc/self/ns/net", "ipv4"],
         "/proc/self/ns/net is the network namespace of this host, not of a container.\n"),
        (["remove", "{path}"], "Failed find Calico data for {path}\n"),
        (["{path}", "ip", "add", "ipv4"],
         "Failed to add IP address to container.\n\n{unknown}"
         "Use `calicoctl container add` to add the container to the Calico network.\n\n"),
        (["{path}", "ip", "remove", "10.65.0.1"], "Container is unknown to Calico.\n"),
        (["{path}", "ip", "remove", "ipv4"],
         "IP address is not assigned to container. Aborting.\n'ipv4' is not a single address.\n"),
        (["{path}", "ip", "remove", "10.66.0.0/24"],
         "Invalid CIDR specified for desired pool. No pool found for 10.66.0.0/24.\n\n"),
    ],
)  # fmt: skip
def test_refusals_change_nothing(
    arguments: list[str], message: str, host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    index, state = etcd.index(), netns.state()
    answer = host("container", *[argument.format(path=netns.path) for argument in arguments])
    unknown = paragraph(f"Container {netns.path} is unknown to Calico.")
    assert answer == refused(message.format(path=netns.path, unknown=unknown))
    assert (etcd.index(), netns.state()) == (index, state)


def test_refusals_for_container_on_network(host: Calicoctl, etcd: EtcdServer, added: NetworkNamespace) -> None:
    before, state = stored.state(etcd), added.state()
    for arguments, message in (
        (["ip", "add", "10.65.0.192"], "IP address is already assigned in pool 10.65.0.0/24.\n\n"),
        (["ip", "add", "ipv4", "--interface=eth7"], "Interface provided does not exist in container. Aborting.\n"),
        (
            ["ip", "add", "ipv4", "--interface=lo"],
            "Interface lo of the container is not the one that Calico gave it.\n",
        ),
        (["ip", "remove", "10.65.0.193"], "IP address is not assigned to container. Aborting.\n"),
        (["ip", "remove", "10.65.0.192", "--interface=lo"], "Interface lo does not have the address 10.65.0.192.\n"),
        (["profile", "append", "NONE"], "Profile with name NONE was not found.\n"),
    ):
        assert host("container", added.path, *arguments) == refused(message)
    assert (stored.state(etcd), added.state()) == (before, state)


def test_profile_commands_for_unknown_container(host: Calicoctl, netns: NetworkNamespace) -> None:
    answer = host("container", netns.path, "profile", "set")
    assert answer.status == 1
    assert answer.stderr == (
        "Failed to set profiles for endpoint.\n\nEndpoint could not be found.\n"
        f"Endpoint {netns.path} is unknown to Calico.\n\n"
    )


def test_endpoint_show_for_unknown_container_is_empty(host: Calicoctl, netns: NetworkNamespace) -> None:
    answer = host("container", netns.path, "endpoint", "show")
    assert (answer.status, len(answer.stdout.splitlines()), answer.stderr) == (0, 5, "")


def test_empty_name_does_not_match_every_container(host: Calicoctl, etcd: EtcdServer, added: NetworkNamespace) -> None:
    etcd.put("/calico/v1/host/h1/workload/docker/w/endpoint/e", "{}")
    index = etcd.index()
    for arguments in (["remove", ""], ["add", "", "ipv4"], ["", "endpoint", "show"], ["", "profile", "set"]):
        assert host("container", *arguments) == refused("Container  was not found.\n")
    assert etcd.index() == index


def test_invalid_host_name(host: Calicoctl, netns: NetworkNamespace) -> None:
    answer = host("container", "add", netns.path, "ipv4", env={"HOSTNAME": "a/b"})
    assert answer == refused("Invalid host name: 'a/b'. Set HOSTNAME to the name of this host in Calico.\n")


def test_exhausted_pool(host: Calicoctl, netns: NetworkNamespace) -> None:
    assert host("pool", "remove", "10.65.0.0/24", "--wait=0").status == 0
    message = "Failed to allocate any IPs (requested 1 IPv4s and 0 IPv6s). Pools are likely exhausted.\n"
    assert host("container", "add", netns.path, "ipv4") == refused(message)
    assert netns.links() == ["lo"]


def test_unreadable_block_is_reported_if_no_other_is_available(
    host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    assert host("pool", "add", "10.66.0.0/26").status == 0
    key = "/calico/ipam/v2/assignment/ipv4/block/10.66.0.0-26"
    etcd.put(key, "nonsense")
    assert host("container", "add", netns.path, "10.66.0.0/26") == refused(
        f"Cannot read {key}: it is not JSON.\n"
        "Failed to allocate any IPs (requested 1 IPv4s and 0 IPv6s). Pools are likely exhausted.\n"
    )


@pytest.mark.parametrize(
    ("affinity", "owner"),
    [("host:h2", "that is reserved for host h2"), ("", "with strict affinity that no host owns")],
)
def test_address_in_block_reserved_for_others(
    host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace, affinity: str, owner: str
) -> None:
    block = {
        "affinity": affinity, "strict_affinity": True, "allocations": [None] * 64, "unallocated": list(range(64)),
        "attributes": [], "cidr": "10.65.0.0/26",
    }  # fmt: skip
    etcd.put("/calico/ipam/v2/assignment/ipv4/block/10.65.0.0-26", json.dumps(block))
    before = etcd.keys("/calico")
    assert host("container", "add", netns.path, "10.65.0.9") == refused(
        f"IP address 10.65.0.9 is in a block of addresses {owner}.\n"
    )
    assert {key: value for key, value in etcd.keys("/calico").items() if value} == {
        key: value for key, value in before.items() if value
    }


def legacy_endpoint(etcd: EtcdServer, netns: NetworkNamespace) -> str:
    """Store the endpoint that legacy calicoctl stored for a namespace, under Docker, and its claim without a handle."""
    id = "c8a1b0d43c2111e6a9d20242ac110002"
    name = f"cali{id[:11]}"
    ip("link", "add", name, "type", "veth", "peer", "name", "eth1", "netns", netns.name)
    netns.ip("link", "set", "eth1", "up")
    netns.ip("addr", "add", "10.65.0.9/32", "dev", "eth1")
    fields = {"name": name, "labels": {}, "state": "active", "ipv6_nets": [], "mac": "aa:bb:cc:dd:ee:ff",
              "ipv4_nets": ["10.65.0.9/32"], "profile_ids": [], "ipv4_gateway": "10.65.0.1"}  # fmt: skip
    etcd.put(f"/calico/v1/host/h1/workload/docker/{netns.workload}/endpoint/{id}", json.dumps(fields))
    allocations: list[int | None] = [None] * 64
    allocations[9] = 0
    block = {
        "affinity": "host:h1", "strict_affinity": False, "allocations": allocations,
        "unallocated": [ordinal for ordinal in range(64) if ordinal != 9],
        "attributes": [{"handle_id": None, "secondary": {}}], "cidr": "10.65.0.0/26",
    }  # fmt: skip
    etcd.put("/calico/ipam/v2/assignment/ipv4/block/10.65.0.0-26", json.dumps(block))
    etcd.put("/calico/ipam/v2/host/h1/ipv4/block/10.65.0.0-26", "")
    return name


def test_legacy_endpoint_under_wrong_orchestrator(host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace) -> None:
    before = netns.state()
    name = legacy_endpoint(etcd, netns)
    assert host("container", "add", netns.path, "ipv4").status == 1
    assert f"| {netns.workload} |" in host("container", netns.path, "endpoint", "show").stdout
    assert host("container", netns.path, "ip", "add", "10.65.0.10").status == 0
    ((_, endpoint),) = stored.endpoints(etcd).items()
    assert endpoint["ipv4_nets"] == ["10.65.0.10/32", "10.65.0.9/32"]
    assert endpoint["ipv4_gateway"] == "10.65.0.1"
    assert host("container", netns.path, "ip", "remove", "10.65.0.9").status == 0
    assert set(stored.allocated(etcd)) == {"10.65.0.10"}
    assert host("container", "remove", netns.path) == said(f"Removed Calico from {netns.path}\n")
    assert (stored.endpoints(etcd), stored.allocated(etcd), stored.handles(etcd)) == ({}, {}, {})
    assert on_host(name) == []
    assert netns.state() == before


def test_remove_after_deletion_of_namespace(host: Calicoctl, etcd: EtcdServer, added: NetworkNamespace) -> None:
    subprocess.run(["ip", "netns", "del", added.name], check=True)
    assert host("container", "remove", added.path) == said(f"Removed Calico from {added.path}\n")
    assert (stored.endpoints(etcd), stored.allocated(etcd), stored.handles(etcd)) == ({}, {}, {})


def test_address_claimed_by_others_is_not_released(host: Calicoctl, etcd: EtcdServer, added: NetworkNamespace) -> None:
    assert host("ipam", "release", "10.65.0.192").status == 0
    with namespaces() as (other,):
        assert host("container", "add", other.path, "10.65.0.192").status == 0
        assert host("container", "remove", added.path).status == 0
        assert set(stored.allocated(etcd)) == {"10.65.0.192"}
        assert host("container", "remove", other.path).status == 0
    assert stored.allocated(etcd) == {}


def test_changes_require_root(host: Calicoctl, netns: NetworkNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for arguments in (["add", netns.path, "x"], ["remove", netns.path], [netns.path, "ip", "add", "x"],
                      [netns.path, "ip", "remove", "x"]):  # fmt: skip
        assert host("container", *arguments) == refused("This command must be run as root.\n", 2)
    assert host("container", netns.path, "endpoint", "show").status == 0


def test_names_are_not_utf8(host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace) -> None:
    index = etcd.index()
    for name in ("x\udcff", "/run/netns/\udcff"):
        message = f"Container {name[:-1]}\\udcff cannot be stored in etcd: its name is not UTF-8.\n"
        for arguments in (["add", name, "ipv4"], ["remove", name], [name, "endpoint", "show"]):
            assert host("container", *arguments) == refused(message)
    answer = host("container", "add", netns.path, "ipv4", env={"HOSTNAME": "h\udcff"})
    assert answer == refused("Invalid host name: 'h\\udcff'. Set HOSTNAME to the name of this host in Calico.\n")
    assert etcd.index() == index


def test_fifo_is_not_a_namespace(host: Calicoctl, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    assert host.process("container", "add", str(path), "ipv4") == refused(f"{path} is not a network namespace.\n")


def test_pool_smaller_than_block_is_not_used_automatically(
    host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    etcd.put("/calico/v1/ipam/v4/pool/10.66.0.0-28", '{"cidr": "10.66.0.0/28"}')
    assert host("container", "add", netns.path, "10.66.0.0/28") == refused(
        "Failed to allocate any IPs (requested 1 IPv4s and 0 IPv6s). Pools are likely exhausted.\n"
    )
    assert host("container", "add", netns.path, "10.66.0.3").status == 0


def test_default_ipv6_route_with_metric_1(host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace) -> None:
    netns.add_default_route(6)
    netns.ip("-6", "route", "add", "default", "via", "fd30::1", "dev", "eth0", "metric", "1")
    before = stored.state(etcd), netns.state()
    assert host("container", "add", netns.path, "fd80:65::7") == refused(
        "The container has an IPv6 default route with metric 1, so Calico's route cannot take precedence. "
        "Give that route a higher metric.\n"
    )
    assert (stored.state(etcd), netns.state()) == before


def test_remove_with_missing_handle(host: Calicoctl, etcd: EtcdServer, added: NetworkNamespace) -> None:
    assert host("container", added.path, "ip", "add", "fd80:65::9").status == 0
    (handle,) = stored.handles(etcd)
    etcd.delete(f"/calico/ipam/v2/handle/{handle}")
    assert host("container", "remove", added.path) == said(f"Removed Calico from {added.path}\n")
    assert stored.allocated(etcd) == {}


def test_remove_with_unreadable_handle(host: Calicoctl, etcd: EtcdServer, added: NetworkNamespace) -> None:
    assert host("container", added.path, "ip", "add", "10.65.0.9").status == 0
    (handle,) = stored.handles(etcd)
    key = f"/calico/ipam/v2/handle/{handle}"
    other = f"{handle.rpartition(':')[0]}:zz"  # sorted after the other handle; left by an interrupted command
    etcd.put(key, "{")
    etcd.put(f"/calico/ipam/v2/handle/{other}", json.dumps({"id": other, "block": {"10.65.0.0/26": 1}}))
    answer = host("container", "remove", added.path)
    remains = f"Addresses may still be claimed by handle {handle}; the interface is removed."
    complaint = f"Cannot read {key}: it is not JSON.  {remains}\n"
    assert answer == refused(complaint)
    assert (stored.endpoints(etcd), stored.allocated(etcd), added.addresses()) == ({}, {}, [])
    assert [key for key in etcd.keys("/calico/ipam/v2/handle") if not key.endswith("/")] == [key]
    assert host("container", "remove", added.path) == refused(complaint)


def test_ip_remove_with_unreadable_handle(host: Calicoctl, etcd: EtcdServer, added: NetworkNamespace) -> None:
    assert host("container", added.path, "ip", "add", "10.65.0.9").status == 0
    (handle,) = stored.handles(etcd)
    key = f"/calico/ipam/v2/handle/{handle}"
    etcd.put(key, "{")
    complaint = f"Cannot read {key}: it is not JSON."
    answer = host("container", added.path, "ip", "remove", "10.65.0.9")
    assert answer == refused(f"{complaint}  IP 10.65.0.9 was removed and released anyway.\n")
    assert (set(stored.allocated(etcd)), added.addresses()) == ({"10.65.0.192"}, ["eth1 10.65.0.192/32"])
    assert host("container", added.path, "ip", "remove", "10.65.0.9") == refused(f"{complaint}\n")


@pytest.mark.parametrize("streams", ["<&- >&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_commands_work_with_closed_streams(
    streams: str, host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    before = (stored.endpoints(etcd), stored.allocated(etcd), netns.state())
    for arguments in (["add", netns.path, "10.65.0.9"], ["remove", netns.path]):
        command = host.command("container", *arguments)
        subprocess.run(["/bin/sh", "-c", f'exec "$@" {streams}', "sh", *command], env=dict(host.environ), check=False)
        assert set(stored.allocated(etcd)) == ({"10.65.0.9"} if arguments[0] == "add" else set())
    assert (stored.endpoints(etcd), stored.allocated(etcd), netns.state()) == before


@pytest.mark.parametrize("printed", ["5", "null", "{}", "[" * 100_000])
def test_ip_prints_unexpected_json(
    printed: str, host: Calicoctl, netns: NetworkNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "printed").write_text(printed)
    (tmp_path / "ip").write_text(f"#!/bin/sh\ncat {tmp_path}/printed\n")
    (tmp_path / "ip").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        answer = host("container", "add", netns.path, "10.65.0.9")
    assert answer == Result(1, "", "iproute2 is too old: 'ip -json' does not print JSON.\n")
