"""What `status`, `checksystem` and `diags` tell of a container calico-node of a real Docker."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calicoctl.host import bird
from calicoctl.host import felix as felix_state
from tests.conftest import Calicoctl, Result
from tests.containers.docker_daemon import DockerDaemon
from tests.host.bird_socket import BirdSocket, answering, protocols
from tests.host.felix_names import FELIX
from tests.host.test_bundle import KEY, REMARK, content

pytestmark = pytest.mark.machine

ESTABLISHED = protocols("Mesh_10_99_0_2 BGP      master   up     10:58:05    Established   ")
SAYING = ["/bin/busybox", "sh", "-c", f"echo 'started'; echo '{KEY}'; exec /bin/busybox sleep 100000"]


@pytest.fixture
def node(docker_host: Calicoctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calicoctl]:
    """calicoctl on a host with Docker whose BIRD and etcd are well."""
    monkeypatch.setattr(bird, "FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(felix_state, "FELIX", (FELIX,))
    docker_host.environ = {**docker_host.environ, "TMPDIR": str(tmp_path)}
    yield docker_host


@pytest.fixture
def well(node: Calicoctl, etcd: Any, tmp_path: Path) -> Iterator[None]:
    etcd.put("/calico/bgp/v1/host/h1/ip_addr_v4", "10.99.0.1")
    with BirdSocket(tmp_path / "bird.ctl", answering(ESTABLISHED)):
        yield


def put_files(container: Any, **texts: str) -> None:
    """Put files at the root of a container, and the programs `sh` and `cat`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("sh", "cat"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for name, text in texts.items():
            file = tarfile.TarInfo(name.replace("_", "."))
            file.size = len(text)
            archive.addfile(file, io.BytesIO(text.encode()))
    assert container.put_archive("/", packed.getvalue())


def first_lines(result: Result) -> list[str]:
    """What is said before BGP."""
    return result.stdout.partition("\n\n")[0].split("\n")


def test_the_container_runs(node: Calicoctl, well: None, docker_daemon: DockerDaemon) -> None:
    container = docker_daemon.run("calico-node")
    put_files(container, libraries_txt="calico (1.4.1rc1)\nargparse (1.2.1)\n")
    result = node("status")
    assert (result.status, result.stderr) == (0, "")
    state, felix = first_lines(result)
    assert re.fullmatch(r"calico-node container is running\. Status: Up \d+ seconds?|.*Less than a second", state)
    assert felix == "Running felix version 1.4.1rc1"


def test_image_without_version_of_felix(node: Calicoctl, well: None, docker_daemon: DockerDaemon) -> None:
    container = docker_daemon.run("calico-node")
    for libraries in (None, "", "felix 2.0\n", "calico 1.4\n"):  # None: there is no shell
        if libraries is not None:
            put_files(container, libraries_txt=libraries)
        result = node("status")
        assert (result.status, result.stderr) == (0, "")
        assert first_lines(result)[1:] == ["Running felix version unknown"]


def test_no_such_container_runs(node: Calicoctl, well: None, docker_daemon: DockerDaemon) -> None:
    docker_daemon.run("my-calico-node-2")
    docker_daemon.run("calico-node").kill()
    result = node("status")
    assert first_lines(result) == ["calico-node container not running"]
    assert (result.status, result.stderr) == (
        1, "Felix is not running: there is neither a container calico-node nor a Felix process.\n"
    )  # fmt: skip


def test_checksystem_asks_docker(node: Calicoctl, docker_daemon: DockerDaemon) -> None:
    version = docker_daemon.client.version()
    for arguments in ([], ["--libnetwork"]):
        lines = node("checksystem", *arguments).stdout.splitlines()
        assert f"Docker             ok       {version['Version']}, API {version['ApiVersion']}" in lines


def test_the_container_in_a_bundle(
    node: Calicoctl, well: None, docker_daemon: DockerDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/none")  # no ipset: legacy would pull an image to run one
    variables = {"ETCD_PASSWORD": "sesame", "ETCD_ENDPOINTS": "http://me:sesame@10.0.0.1:2379", "IP": "10.99.0.1"}
    container = docker_daemon.client.containers.run(
        "calicoctl-test", SAYING, name="calico-node", detach=True, network_mode="none", environment=variables
    )
    images = {image.id for image in docker_daemon.client.images.list()}
    while not container.logs():
        container.reload()
    result = node("diags", f"--output={tmp_path}/b.tgz", "--log-dir=/none")
    assert result.status == 0
    files = content(f"{tmp_path}/b.tgz")
    inspected = json.loads(files["diagnostics/docker_inspect_calico-node"])
    assert inspected["Id"] == container.id
    assert {"ETCD_PASSWORD=***", "ETCD_ENDPOINTS=http://***@10.0.0.1:2379", "IP=10.99.0.1"} <= set(
        inspected["Config"]["Env"]
    )
    assert all(b"sesame" not in text for text in files.values())
    started, key, *_ = files["diagnostics/docker_logs_calico-node"].decode().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z started", started)
    assert re.fullmatch(rf"\S+Z {re.escape(REMARK)}", key)
    assert b"calico-node container is running. " in files["diagnostics/status"]
    assert {image.id for image in docker_daemon.client.images.list()} == images
    assert len(docker_daemon.client.containers.list(all=True)) == 1


def test_no_container_to_put_into_a_bundle(
    node: Calicoctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/none")
    assert node("diags", f"--output={tmp_path}/b.tgz", "--log-dir=/none").status == 0
    files = content(f"{tmp_path}/b.tgz")
    for name in ("docker_inspect_calico-node", "docker_logs_calico-node"):
        assert files[f"diagnostics/{name}"] == b"there is no container calico-node\n"
