"""Kills at every point of a command: running it again, or `container remove`, cleans everything up."""

from __future__ import annotations

import itertools

import pytest

from tests.conftest import Calicoctl
from tests.containers import stored
from tests.containers.effects import killed_before
from tests.containers.namespaces import NetworkNamespace
from tests.etcd_server import EtcdServer

pytestmark = [pytest.mark.machine, pytest.mark.once]


@pytest.fixture
def container(host: Calicoctl, netns: NetworkNamespace) -> str:
    """The path of a namespace with a default route of Docker."""
    netns.add_default_route(4)
    return netns.path


def test_killed_add_then_repeated(container: str, host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace) -> None:
    before = (stored.state(etcd), netns.state())
    assert host("container", "add", container, "ipv4").status == 0
    complete = (stored.state(etcd), netns.state())
    for number in itertools.count(1):
        assert host("container", "remove", container).status == 0
        stored.forget_empty_blocks(etcd, before[0])
        assert (stored.state(etcd), netns.state()) == before
        if not killed_before(number, host, "container", "add", container, "ipv4"):
            break
        repeated = host("container", "add", container, "ipv4")
        assert repeated.status == 0, f"step {number}: {repeated.stderr}"
        assert (stored.state(etcd), netns.state()) == complete, f"step {number}"
    assert number > 20


def test_killed_add_then_removed(container: str, host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace) -> None:
    before = (stored.state(etcd), netns.state())
    for number in itertools.count(1):
        if not killed_before(number, host, "container", "add", container, "10.65.0.9"):
            break
        removed = host("container", "remove", container)
        nothing_to_remove = f"Failed find Calico data for {container}\n"
        assert removed.status == 0 or removed.stderr == nothing_to_remove, f"step {number}: {removed.stderr}"
        stored.forget_empty_blocks(etcd, before[0])
        assert (stored.state(etcd), netns.state()) == before, f"step {number}"
    assert number > 20


def test_killed_add_then_other_address(container: str, host: Calicoctl, etcd: EtcdServer) -> None:
    for number in (12, 18, 24):
        assert killed_before(number, host, "container", "add", container, "10.65.0.9")
        assert host("container", "add", container, "fd80:65::9").status == 0
        assert set(stored.allocated(etcd)) == {"fd80:65::9"}, f"step {number}"
        assert [set(blocks.values()) for blocks in stored.handles(etcd).values()] == [{1}]
        assert host("container", "remove", container).status == 0


@pytest.mark.parametrize("command", [["add", "{path}", "10.65.0.9"], ["remove", "{path}"]], ids=["add", "remove"])
def test_killed_add_then_address_released(
    command: list[str], container: str, host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    before = netns.state()
    for number in itertools.count(1):
        assert killed_before(number, host, "container", "add", container, "10.65.0.9")
        if "eth1" in netns.links():
            break
    assert host("ipam", "release", "10.65.0.9").status == 0
    answer = host("container", *[word.format(path=container) for word in command])
    assert answer.status == 0, answer.stderr
    assert host("container", "remove", container).status == (0 if command[0] == "add" else 1)
    assert (stored.endpoints(etcd), stored.allocated(etcd), stored.handles(etcd)) == ({}, {}, {})
    assert netns.state() == before


def test_killed_remove_then_repeated(
    container: str, host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    before = netns.state()
    for number in itertools.count(1):
        assert host("container", "add", container, "ipv6").status == 0
        assert host("container", container, "ip", "add", "10.65.0.9").status == 0
        if not killed_before(number, host, "container", "remove", container):
            break
        repeated = host("container", "remove", container)
        nothing_left = f"Failed find Calico data for {container}\n"
        assert repeated.status == 0 or repeated.stderr == nothing_left, f"step {number}: {repeated.stderr}"
        assert (stored.endpoints(etcd), stored.allocated(etcd), stored.handles(etcd)) == ({}, {}, {}), f"step {number}"
        assert netns.state() == before, f"step {number}"
    assert number > 10


@pytest.mark.parametrize("verb", ["add", "remove"])
def test_killed_address_change_then_repeated(
    verb: str, container: str, host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    assert host("container", "add", container, "ipv6").status == 0
    assert host("container", container, "ip", "add", "10.65.0.9").status == 0
    with_address = (stored.state(etcd), netns.state())
    assert host("container", container, "ip", "remove", "10.65.0.9").status == 0
    without_address = (stored.state(etcd), netns.state())
    if verb == "remove":
        assert host("container", container, "ip", "add", "10.65.0.9").status == 0
    expected, other = (with_address, "remove") if verb == "add" else (without_address, "add")
    for number in itertools.count(1):
        if not killed_before(number, host, "container", container, "ip", verb, "10.65.0.9"):
            break
        repeated = host("container", container, "ip", verb, "10.65.0.9")
        done_already = ("already assigned", "not assigned to container")
        assert repeated.status == 0 or any(text in repeated.stderr for text in done_already), f"step {number}"
        assert (stored.state(etcd), netns.state()) == expected, f"step {number}: {repeated}"
        assert host("container", container, "ip", other, "10.65.0.9").status == 0
    assert number > 10


def test_address_left_on_interface_by_killed_command_stays_claimed(
    container: str, host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    assert host("container", "add", container, "10.65.0.7").status == 0
    for number in itertools.count(1):
        assert killed_before(number, host, "container", container, "ip", "add", "10.65.0.9")
        if "eth1 10.65.0.9/32" in netns.addresses():
            break
        host("container", container, "ip", "remove", "10.65.0.9")  # otherwise the next command would take fewer steps
    assert [endpoint["ipv4_nets"] for endpoint in stored.endpoints(etcd).values()] == [["10.65.0.7/32"]]
    assert host("container", container, "ip", "add", "10.65.0.7").status == 1
    assert set(stored.allocated(etcd)) == {"10.65.0.7", "10.65.0.9"}
    assert host("container", container, "ip", "add", "10.65.0.9").status == 0


def test_leftover_claim_in_disabled_pool_is_not_reused(container: str, host: Calicoctl, etcd: EtcdServer) -> None:
    for number in itertools.count(1):
        assert killed_before(number, host, "container", "add", container, "10.65.0.9")
        if stored.allocated(etcd):
            break
    assert host("pool", "add", "10.66.0.0/24").status == 0
    etcd.put("/calico/v1/ipam/v4/pool/10.65.0.0-24", '{"cidr": "10.65.0.0/24", "disabled": true}')
    assert host("container", "add", container, "ipv4").status == 0
    assert [address.rpartition(".")[0] for address in stored.allocated(etcd)] == ["10.66.0"]
