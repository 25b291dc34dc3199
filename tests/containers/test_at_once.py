"""Concurrent commands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Calicoctl, Result
from tests.containers import stored
from tests.containers.namespaces import NetworkNamespace, NoNamespaces, namespaces
from tests.etcd_server import EtcdServer
from tests.sampling import Sampling

pytestmark = [pytest.mark.machine, pytest.mark.once]

HOSTS = ("h1", "h2")


@pytest.fixture
def many(sampling: Sampling) -> Iterator[list[NetworkNamespace]]:
    """One namespace for each command."""
    try:
        with namespaces(sampling.number(50, 20)) as made:
            yield made
    except NoNamespaces as error:
        pytest.skip(f"no network namespaces: {error}")


def test_many_concurrent_additions_on_two_hosts(
    calicoctl: Calicoctl, etcd: EtcdServer, many: list[NetworkNamespace]
) -> None:
    # Both hosts share one block of 64 addresses, and all commands request one of these at the same moment.
    assert calicoctl("pool", "add", "10.70.0.0/26").status == 0

    def add(number: int) -> Result:
        environ = {"HOSTNAME": HOSTS[number % 2]}
        return calicoctl.process("container", "add", many[number].path, "ipv4", env=environ)

    with ThreadPoolExecutor(len(many)) as pool:
        answers = list(pool.map(add, range(len(many))))

    assert [answer for answer in answers if (answer.status, answer.stderr) != (0, "")] == []
    addresses = [answer.stdout.split()[1] for answer in answers]
    assert [repeated for repeated, times in Counter(addresses).items() if times > 1] == []
    assert [namespace.addresses() for namespace in many] == [[f"eth1 {address}/32"] for address in addresses]
    claims = stored.allocated(etcd)
    assert sorted(claims) == sorted(addresses)
    assert stored.handles(etcd) == {handle: {"10.70.0.0/26": 1} for handle in claims.values()}
    by_workload = {key.split("/")[3]: value["ipv4_nets"] for key, value in stored.endpoints(etcd).items()}
    assert by_workload == {
        namespace.workload: [f"{address}/32"] for namespace, address in zip(many, addresses, strict=True)
    }
    block = json.loads(str(etcd.get("/calico/ipam/v2/assignment/ipv4/block/10.70.0.0-26")))
    owner = block["affinity"].removeprefix("host:")
    assert owner in HOSTS
    assert list(etcd.keys("/calico/ipam/v2/host")).count(f"/calico/ipam/v2/host/{owner}/ipv4/block/10.70.0.0-26") == 1
    assert len(block["unallocated"]) == 64 - len(many)

    for number, namespace in enumerate(many):
        answer = calicoctl("container", "remove", namespace.path, env={"HOSTNAME": HOSTS[number % 2]})
        assert answer.status == 0
    assert (stored.allocated(etcd), stored.handles(etcd), stored.endpoints(etcd)) == ({}, {}, {})


def test_concurrent_additions_of_one_container(calicoctl: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace) -> None:
    assert calicoctl("pool", "add", "10.70.0.0/26").status == 0

    def add(_: int) -> Result:
        return calicoctl.process("container", "add", netns.path, "ipv4", env={"HOSTNAME": "h1"})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(add, range(8)))

    assert sorted(answer.status for answer in answers) == [0] + [1] * 7
    refusals = {" ".join(answer.stderr.split()) for answer in answers if answer.status}
    assert refusals == {f"{netns.path} has already been configured with Calico Networking."}
    assert len(stored.allocated(etcd)) == len(netns.addresses()) == len(stored.endpoints(etcd)) == 1
