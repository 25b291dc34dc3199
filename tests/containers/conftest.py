"""Fixtures: network namespaces, a Docker daemon, and calicoctl on a host with a given name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from calicoctl.host import kernel_settings
from tests.conftest import Calicoctl
from tests.containers.docker_daemon import DockerDaemon, NoDocker
from tests.containers.namespaces import NetworkNamespace, NoNamespaces, namespaces
from tests.containers.nodes import IMAGES, NodeHost, fill_kernel, folders_of_docker, program

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


@pytest.fixture(scope="session")
def node_images(docker_daemon: DockerDaemon) -> Iterator[None]:
    """The images that stand for calico/node, by the names `node:<name>`."""
    for name, script in IMAGES.items():
        docker_daemon.add_image(f"node:{name}", "trap 'exit 0' TERM", *script)
    with folders_of_docker():
        yield


@pytest.fixture
def node_host(
    calicoctl: Calicoctl,
    docker_daemon: DockerDaemon,
    node_images: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[NodeHost]:
    """The host `h1` for `calicoctl node`, whose containers are gone after the test; its kernel is a folder."""
    root, programs = tmp_path / "root", tmp_path / "programs"
    fill_kernel(root)
    programs.mkdir()
    program(programs, "modprobe")
    program(programs, "systemctl", "exit 3")
    monkeypatch.setattr(kernel_settings, "ROOT", str(root))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    calicoctl.environ = {
        **calicoctl.environ,
        "HOSTNAME": "h1",
        "DOCKER_HOST": docker_daemon.host,
        "CALICO_CTL_CONTAINER": "",
        "PATH": os.environ["PATH"],
    }
    yield NodeHost(calicoctl, docker_daemon, root)
    for container in docker_daemon.client.containers.list(all=True):
        container.remove(force=True)
