"""Failures at every point of a command: either no change remains, or the command is complete."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.conftest import Calicoctl, Result
from tests.containers import stored
from tests.containers.effects import Step, failing_at, steps, unanswered_at, without_etcd_from
from tests.containers.namespaces import NetworkNamespace
from tests.etcd_server import EtcdServer

pytestmark = [pytest.mark.machine, pytest.mark.once]

# A command with {path} for the container, and the commands that must precede it.
COMMANDS = {
    "first address of the block": (["add", "{path}", "ipv4"], []),
    "fixed IPv6 address": (["add", "{path}", "fd80:65::9"], []),
    "second address": (["{path}", "ip", "add", "10.65.0.0/24"], [["add", "{path}", "ipv4"]]),
    "first address of the other version": (["{path}", "ip", "add", "ipv4"], [["add", "{path}", "ipv6"]]),
    "address removed": (
        ["{path}", "ip", "remove", "10.65.0.192"],
        [["add", "{path}", "ipv6"], ["{path}", "ip", "add", "10.65.0.192"]],
    ),
}
MOST_STEPS = 60
BROKEN_OFF = "The interface is removed, but some data may remain in etcd: repeat the command."
STILL_CLAIMED = "The address may still be claimed: repeat the command."


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, host: Calicoctl, netns: NetworkNamespace) -> list[str]:
    """The arguments of a command after all preparations, including a default route of Docker."""
    netns.add_default_route(4)
    host.environ = {**host.environ, "CALICOCTL_READ_TIMEOUT": "0.3"}  # the time to wait for a lost reply
    arguments, before = COMMANDS[request.param]
    for earlier in before:
        assert host("container", *[word.format(path=netns.path) for word in earlier]).status == 0
    return ["container", *[word.format(path=netns.path) for word in arguments]]


@pytest.mark.parametrize("failure", [failing_at, unanswered_at])
def test_failure_of_any_step_is_undone(
    failure: Callable[[int], Step], command: list[str], host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    before = (stored.state(etcd), netns.state())
    outcomes = []
    for number in itertools.count(1):
        with steps(failure(number)) as taken:
            answer = host(*command)
        if taken.count < number:
            break
        if answer.status == 1 and STILL_CLAIMED in answer.stderr:  # cannot be undone: complete it
            answer = host(*command)
        outcomes.append(answer.status)
        if answer.status == 0:  # for instance after a lost reply that was resolved
            undo(command, answer, host)
            stored.forget_empty_blocks(etcd, before[0])
        else:
            assert (answer.status, answer.stdout) == (1, "")
            assert len(answer.stderr.strip().splitlines()) == 1, answer.stderr
            assert "injected" in answer.stderr
        assert (stored.state(etcd), netns.state()) == before, f"step {number} of {len(outcomes)}: {answer}"
    assert answer.status == 0
    assert len(outcomes) > 15
    assert outcomes.count(1) > len(outcomes) / 2 or failure is unanswered_at


@pytest.mark.parametrize(
    "command", ["first address of the block", "first address of the other version", "address removed"], indirect=True
)
def test_permanent_loss_of_etcd_at_any_step(
    command: list[str], host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    before = (stored.state(etcd), netns.state())
    for number in itertools.count(1):
        with steps(without_etcd_from(number)) as taken:
            answer = host(*command)
        if answer.status == 0:
            break
        if taken.kinds[number - 1] == "ip":
            continue  # the same as a loss at the next request, which is tested too
        assert (answer.status, answer.stdout) == (1, "")
        assert "injected" in answer.stderr
        if netns.state() != before[1]:
            # An address may stay on the interface only if etcd still lists it for the container.
            assert "Not undone: " in answer.stderr or STILL_CLAIMED in answer.stderr, answer.stderr
        repeated = host(*command)
        assert repeated.status == 0, f"{number}: {answer.stderr} {repeated.stderr}"
        undo(command, repeated, host)
        stored.forget_empty_blocks(etcd, before[0])
        assert (stored.state(etcd), netns.state()) == before, f"step {number}"


def undo(command: list[str], answer: Result, host: Calicoctl) -> None:
    """Run the command that reverts another one; the other's output names the address."""
    if command[1] == "add":
        assert host("container", "remove", command[2]).status == 0
    elif command[3] == "add":
        assert host("container", command[1], "ip", "remove", answer.stdout.split()[1]).status == 0
    else:
        assert host("container", command[1], "ip", "add", command[4]).status == 0


@pytest.mark.parametrize("failure", [failing_at, unanswered_at, without_etcd_from])
def test_failed_removal_is_completed_by_second_removal(
    failure: Callable[[int], Step], host: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    """A removal cannot be undone: once the interface is gone, the message says so."""
    netns.add_default_route(4)
    host.environ = {**host.environ, "CALICOCTL_READ_TIMEOUT": "0.3"}
    before = (stored.endpoints(etcd), stored.allocated(etcd), stored.handles(etcd), netns.state())
    said = 0
    for number in range(1, MOST_STEPS):
        assert host("container", "add", netns.path, "ipv4").status == 0
        with steps(failure(number)) as taken:
            answer = host("container", "remove", netns.path)
        if answer.status != 0:
            assert (answer.status, answer.stdout) == (1, "")
            assert len(answer.stderr.strip().splitlines()) == 1, answer.stderr
            assert "injected" in answer.stderr
            in_use = {address.split()[1].partition("/")[0] for address in netns.addresses() if "eth1" in address}
            assert in_use <= set(stored.allocated(etcd))
            if in_use == set() and taken.kinds[number - 1] != "ip":
                assert answer.stderr.endswith(f"  {BROKEN_OFF}\n"), answer.stderr
                said += 1
            assert host("container", "remove", netns.path).status == 0
        state = (stored.endpoints(etcd), stored.allocated(etcd), stored.handles(etcd), netns.state())
        assert state == before, f"step {number}: {answer}"
        if taken.count < number:
            break
    assert answer.status == 0
    assert said >= 3 or failure is unanswered_at  # for the endpoint, the block and the handle
