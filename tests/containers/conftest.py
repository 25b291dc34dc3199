"""Fixtures: network namespaces, a Docker daemon, and calicoctl on a host with a given name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Calicoctl
from tests.containers.docker_daemon import DockerDaemon, NoDocker
from tests.containers.namespaces import NetworkNamespace, NoNamespaces, namespaces

POOL = "10.65.0.0/24"
POOL_V6 = "fd80:65::/64"


@pytest.fixture
def netns() -> Iterator[NetworkNamespace]:
    """An empty network namespace."""
    try:
        with namespaces() as (namespace,):
            yield namespace
    except NoNamespaces as error:
        pytest.skip(f"no network namespaces: {error}")


@pytest.fixture
def host(calicoctl: Calicoctl) -> Calicoctl:
    """calicoctl on the host `h1`, with one pool of each IP version."""
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1"}
    assert calicoctl("pool", "add", POOL, POOL_V6).status == 0
    return calicoctl


@pytest.fixture(scope="session")
def docker_daemon() -> Iterator[DockerDaemon]:
    """One Docker daemon for all tests."""
    pytest.importorskip("docker")
    try:
        with DockerDaemon() as daemon:
            yield daemon
    except NoDocker as error:
        pytest.skip(f"no Docker: {error}")


@pytest.fixture
def docker_host(host: Calicoctl, docker_daemon: DockerDaemon) -> Iterator[Calicoctl]:
    """calicoctl on a host with Docker; the test's containers are removed afterwards."""
    host.environ = {**host.environ, "DOCKER_HOST": docker_daemon.host}
    yield host
    for container in docker_daemon.client.containers.list(all=True):
        container.remove(force=True)
