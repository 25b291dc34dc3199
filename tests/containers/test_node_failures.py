"""`calicoctl node` when it is interrupted, killed, or refused something by Docker, and in the foreground."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from calicoctl.host.docker import Docker, DockerRefused
from calicoctl.undo import Undo
from tests.conftest import PROCESS_SECONDS, Result
from tests.containers.nodes import BACK, REMOVED, STARTED, NodeHost, start
from tests.sampling import Sampling

pytestmark = [pytest.mark.machine, pytest.mark.once]

# While the command waits, and in the foreground


class Process:
    """`calicoctl node` in a process of its own, which leaves the kernel's settings alone."""

    def __init__(self, host: NodeHost, image: str, *options: str) -> None:
        env = {**host.calicoctl.environ, "CALICO_CTL_CONTAINER": "true"}
        command = host.calicoctl.command("node", f"--node-image=node:{image}", f"--log-dir={host.root}/logs", *options)
        self._process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )

    def wait_for(self, line: str) -> None:
        """Read what it prints, up to a line."""
        assert self._process.stdout
        for read in self._process.stdout:
            if read == f"{line}\n":
                return
        raise AssertionError(self._process.communicate())

    def send(self, *signals: signal.Signals) -> None:
        for each in signals:
            self._process.send_signal(each)

    def result(self) -> Result:
        stdout, stderr = self._process.communicate(timeout=PROCESS_SECONDS)
        return Result(self._process.returncode, stdout, stderr)


def test_first_start_interrupted_while_waiting(node_host: NodeHost) -> None:
    """[BUG] Legacy stopped the container, and a healthy node with it, and ended with status 1."""
    process = Process(node_host, "never")
    process.wait_for("Waiting for etcd connection...")
    process.send(signal.SIGINT)
    assert process.result() == Result(130, "", f"Aborted command.  {REMOVED}\n")
    assert node_host.containers() == {}


def test_later_start_interrupted_while_waiting(node_host: NodeHost) -> None:
    assert start(node_host, "quick").status == 0
    before = node_host.describe()["Id"]
    process = Process(node_host, "never")
    process.wait_for("Waiting for etcd connection...")
    process.send(signal.SIGTERM)
    assert process.result() == Result(143, "", f"Aborted command.  {BACK}\n")
    assert (node_host.containers(), node_host.describe()["Id"]) == ({"calico-node": "running"}, before)


def test_another_program_starts_a_node_meanwhile(node_host: NodeHost) -> None:
    """The container of before is not started beside that one."""
    assert start(node_host, "quick").status == 0
    process = Process(node_host, "never")
    process.wait_for("Waiting for etcd connection...")
    client = node_host.daemon.client
    client.api.rename("calico-node", "moved")
    client.containers.run("node:quick", name="calico-node", detach=True, network_mode="none")
    client.containers.get("moved").remove(force=True)
    result = process.result()
    assert result.status == 1
    assert "  Not undone: container calico-node-before (Docker cannot rename the container " in result.stderr
    assert "); its restart policy; container calico-node-before is stopped.  'docker ps -a' lists" in result.stderr
    assert node_host.containers() == {"calico-node": "running", "calico-node-before": "exited"}


def test_interrupted_in_the_foreground(node_host: NodeHost) -> None:
    process = Process(node_host, "talks", "--detach=false")
    process.wait_for("Felix is running")
    process.send(signal.SIGTERM)
    assert process.result() == Result(143, "", "Aborted command.  The container calico-node is stopped.\n")
    assert node_host.containers() == {"calico-node": "exited"}
    assert node_host.describe()["HostConfig"]["RestartPolicy"]["Name"] == "no"


def test_container_that_ends_in_the_foreground(node_host: NodeHost) -> None:
    result = start(node_host, "ends", "--detach=false")
    assert (result.status, result.stderr) == (1, "The container calico-node has ended, and is stopped.\n")
    assert result.stdout.endswith(f"Waiting for successful startup\n{STARTED}\nFelix has ended\n")
    assert "docker run --restart=always " in result.stdout
    description = node_host.describe()
    assert description["HostConfig"]["RestartPolicy"]["Name"] == "no" and not description["State"]["Running"]


def test_reader_that_goes_away_stops_no_start(node_host: NodeHost) -> None:
    command = node_host.calicoctl.command("node", "--node-image=node:normal", f"--log-dir={node_host.root}/logs")
    env = {**node_host.calicoctl.environ, "CALICO_CTL_CONTAINER": "true"}
    script = 'set -o pipefail; "$@" | head -n 1'
    words = ["bash", "-c", script, "bash", *command]
    done = subprocess.run(words, env=env, capture_output=True, timeout=PROCESS_SECONDS)
    assert (done.returncode, done.stdout, done.stderr) == (
        0, b"Running Docker container with the following command:\n", b""
    )  # fmt: skip
    assert node_host.containers() == {"calico-node": "running"}


# Failures at each step of Docker


class Injected(Exception):
    """What ends a command as SIGKILL would: nothing is taken back."""


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, bool], list[str]]]:
    """Lets the order to Docker of a number fail, or the command be killed before it; returns all orders so far."""
    carry_out, undo_all = Docker.order, Undo._undo_all

    def prepare(number: int, killed: bool) -> list[str]:
        so_far: list[str] = []

        def order(self: Docker, what: str, order: Any, where_there_is: bool = False) -> Any:
            so_far.append(what)
            if len(so_far) == number:
                raise Injected if killed else DockerRefused(f"Docker cannot {what}: injected.")
            return carry_out(self, what, order, where_there_is)

        monkeypatch.setattr(Docker, "order", order)
        monkeypatch.setattr(Undo, "_undo_all", (lambda self: []) if killed else undo_all)
        return so_far

    yield prepare


ORDERS = 10  # to replace a running container


def test_refusal_at_any_step_is_taken_back(
    node_host: NodeHost, orders: Callable[[int, bool], list[str]], sampling: Sampling
) -> None:
    assert start(node_host, "quick").status == 0
    before = node_host.describe()
    for number in sampling.quarter(range(1, ORDERS), 0):
        so_far = orders(number, False)
        result = start(node_host, "quick")
        assert result.status == 1 and f"Docker cannot {so_far[number - 1]}: injected." in result.stderr, so_far
        orders(0, False)
        after = node_host.describe()
        assert node_host.containers() == {"calico-node": "running"}, (number, result, so_far)
        assert (after["Id"], after["HostConfig"]["RestartPolicy"]["Name"]) == (before["Id"], "always"), so_far


def test_old_container_that_cannot_be_removed(node_host: NodeHost, orders: Callable[[int, bool], list[str]]) -> None:
    assert start(node_host, "quick").status == 0
    orders(ORDERS, False)
    result = start(node_host, "normal")
    result = result._replace(stderr=re.sub("[0-9a-f]{12}:", "123456789012:", result.stderr))
    assert result.stdout.endswith(f"{STARTED}\n")
    assert (result.status, result.stderr) == (
        1,
        "Docker cannot remove the container 123456789012: injected.  The node has started and is running. The "
        "container calico-node-before is no longer needed: 'docker rm calico-node-before'.\n",
    )
    assert node_host.containers() == {"calico-node": "running", "calico-node-before": "exited"}
    orders(0, False)
    result = start(node_host, "quick")
    broken_off = "An earlier start was killed: its container is removed, and calico-node-before is calico-node again.\n"
    assert (result.status, result.stderr) == (0, broken_off)
    assert node_host.containers() == {"calico-node": "running"}


def test_start_that_was_killed_anywhere_can_be_repeated(
    node_host: NodeHost, orders: Callable[[int, bool], list[str]], sampling: Sampling
) -> None:
    for number in sampling.quarter(range(1, ORDERS + 1), 1):
        assert start(node_host, "quick").status == 0
        so_far = orders(number, True)
        assert "Injected" in start(node_host, "quick").stderr, so_far
        orders(0, False)
        assert start(node_host, "fails").status == 1, so_far
        assert node_host.containers() == {"calico-node": "running"}, number
        assert node_host.describe()["HostConfig"]["RestartPolicy"]["Name"] == "always"
    so_far = orders(0, False)
    assert start(node_host, "quick").status == 0
    assert len(so_far) == ORDERS, so_far
