"""`calicoctl node stop`, and what `node remove` says of a node that runs, against a real Docker daemon."""

from __future__ import annotations

from typing import Any

import pytest

from calicoctl.host import felix
from tests.conftest import Result
from tests.containers.nodes import NodeHost, program
from tests.etcd_server import EtcdServer

pytestmark = pytest.mark.machine

STOPPED = Result(0, "Node stopped\n", "")
NOT_RUNNING = Result(0, "Node is not running\n", "")
ENDPOINT = "/calico/v1/host/h1/workload/docker/w/endpoint/e"
IN_USE = (
    "Current host has active endpoints so can't be stopped.  Force with --force\n\n"
    "Note that stopping the node while there are active endpoints may make it\ndifficult to clean up the endpoints: for"
    " example, Docker containers networked\nusing libnetwork with Calico will not invoke network cleanup during the "
    "normal\ncontainer lifecycle.\n\nEndpoints of h1: 1\n"
)
FORCED = (
    "Stopping node while host has active endpoints.  If this in error, restart the\nnode using the 'calicoctl node' "
    "command.\n\n"
)


def stop(host: NodeHost, *options: str, **env: str | None) -> Result:
    return host.calicoctl("node", "stop", *options, env=env)


def policy(host: NodeHost, name: str = "calico-node") -> Any:
    return host.describe(name)["HostConfig"]["RestartPolicy"]["Name"]


def run(host: NodeHost, name: str, restart: str = "always") -> None:
    """Start a container as legacy calicoctl does."""
    host.daemon.client.containers.run(
        "node:quick", name=name, detach=True, network_mode="none", restart_policy={"Name": restart}
    )


def test_docker_does_not_bring_a_stopped_node_back(node_host: NodeHost) -> None:
    """[BUG] Legacy left the restart policy, so that a restart of Docker started the node."""
    for name in ("calico-node", "calico-libnetwork"):
        run(node_host, name)
    assert stop(node_host) == STOPPED
    assert node_host.containers() == {"calico-node": "exited", "calico-libnetwork": "exited"}
    assert [policy(node_host, name) for name in ("calico-node", "calico-libnetwork")] == ["no", "no"]
    assert stop(node_host) == NOT_RUNNING


def test_nothing_runs(node_host: NodeHost) -> None:
    """[BUG] Legacy said that the node was stopped."""
    assert stop(node_host) == NOT_RUNNING


def test_container_that_legacy_stopped_is_not_brought_back(node_host: NodeHost) -> None:
    run(node_host, "calico-node")
    node_host.daemon.client.api.stop("calico-node")
    assert stop(node_host) == NOT_RUNNING
    assert policy(node_host) == "no"


def test_container_that_restarts_for_ever_is_stopped(node_host: NodeHost) -> None:
    node_host.daemon.client.containers.run(
        "node:fails", name="calico-node", detach=True, network_mode="none", restart_policy={"Name": "always"}
    )
    assert stop(node_host) == STOPPED
    assert (node_host.containers(), policy(node_host)) == ({"calico-node": "exited"}, "no")


def test_endpoints_keep_a_node_running(node_host: NodeHost, etcd: EtcdServer) -> None:
    run(node_host, "calico-node")
    etcd.put(ENDPOINT, "{}")
    assert stop(node_host) == Result(1, "", IN_USE)
    assert node_host.containers() == {"calico-node": "running"}
    assert stop(node_host, "--force") == STOPPED._replace(stderr=FORCED)


def test_stopped_without_etcd(node_host: NodeHost) -> None:
    """[BUG] Without etcd legacy stopped nothing, not even with --force."""
    run(node_host, "calico-node")
    gone = {"ETCD_AUTHORITY": "127.0.0.1:1"}
    refused = "Error accessing etcd at http://127.0.0.1:1 (Connection refused).  Is etcd running?\n"
    assert stop(node_host, **gone) == Result(1, "", f"{refused}Use --force to stop the node anyway.\n")
    assert node_host.containers() == {"calico-node": "running"}
    assert stop(node_host, "--force", **gone) == STOPPED._replace(stderr=f"{refused}Stopping the node anyway.\n")


def test_service_of_systemd(node_host: NodeHost) -> None:
    """[BUG] Without Docker legacy ended with a traceback, before it stopped the service."""
    programs = node_host.root.parent / "programs"
    program(programs, "systemctl", "exit 0")
    assert stop(node_host) == STOPPED
    noted = "is-active --quiet calico-node.service\nstop calico-node.service\n"
    assert (programs / "systemctl.log").read_text() == noted
    result = stop(node_host, DOCKER_HOST="unix:///none")
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith("calico-node.service is stopped.\nUnable to run docker commands.")
    program(programs, "systemctl", 'test "$1" = is-active && exit 0', "echo Access denied >&2", "exit 4")
    run(node_host, "calico-node")
    assert stop(node_host) == Result(1, "", "'systemctl stop calico-node.service' failed: Access denied\n")


def test_no_docker(node_host: NodeHost) -> None:
    result = stop(node_host, DOCKER_HOST="unix:///none")
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith("Unable to run docker commands. Is the docker daemon running?\n")


def test_a_felix_outside_docker_keeps_running_and_is_named(
    node_host: NodeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(felix, "named", lambda names, proc: [7, 8])
    named = (
        "Felix runs on this host without the container calico-node, as process 7, 8. Stop the service that runs it: "
        "'calicoctl node stop' cannot.\n"
    )
    assert stop(node_host) == Result(1, "", named)
    run(node_host, "calico-node")
    assert stop(node_host) == Result(1, "Node stopped\n", named)
    assert node_host.containers() == {"calico-node": "exited"}


def test_only_root_may_stop(node_host: NodeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert stop(node_host) == Result(2, "", "This command must be run as root.\n")


# node remove


def test_running_node_is_not_removed(node_host: NodeHost, etcd: EtcdServer) -> None:
    run(node_host, "calico-node")
    etcd.put("/calico/v1/host/h1/bird_ip", "10.0.0.1")
    refusal = (
        "The node cannot be removed while it is running.  Please run 'calicoctl node\nstop' to stop the node before "
        "removing it.\n\n"
    )
    for options in ([], ["--hostname=h1"], ["--remove-endpoints"]):
        assert node_host.calicoctl("node", "remove", *options) == Result(1, "", refusal)
    listed = "1 key below /calico/v1/host/h1\n"
    assert node_host.calicoctl("node", "remove", "--dry-run") == Result(1, listed, refusal)
    assert stop(node_host).status == 0
    assert node_host.calicoctl("node", "remove") == Result(0, "Node configuration removed\n", "")
    assert etcd.keys("/calico/v1/host") == {"/calico/v1/host/": None}
