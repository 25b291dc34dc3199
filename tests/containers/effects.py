"""Failures and kills at every point of a command: before or after each request to etcd and each call of `ip`."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from calicoctl.etcd import cluster, wire
from calicoctl.host import iproute, network, routes
from calicoctl.host.iproute import NetworkError
from tests.conftest import Calicoctl

Step = Callable[[int, str, Callable[[], Any]], Any]


class Steps:
    """Records the effects of a command on etcd and the kernel; `at` can replace each step.

    `at` is called with the number of the step from 1, its kind (`ip`, `get`, `put` or `delete`) and a function that
    performs it.
    """

    def __init__(self, at: Step) -> None:
        self.kinds: list[str] = []
        self._at = at

    @property
    def count(self) -> int:
        """The number of steps so far."""
        return len(self.kinds)

    def take(self, kind: str, carry_out: Callable[[], Any]) -> Any:
        self.kinds.append(kind)
        return self._at(self.count, kind, carry_out)


@contextmanager
def steps(at: Step) -> Iterator[Steps]:
    """Inside the block, every step of every command in this process goes through `at`."""
    taken = Steps(at)
    run_ip, exchange = iproute.ip, cluster.Cluster._exchange
    with pytest.MonkeyPatch.context() as patch:
        for module in (network, routes):
            patch.setattr(module, "ip", lambda *words, **named: taken.take("ip", lambda: run_ip(*words, **named)))
        patch.setattr(
            cluster.Cluster,
            "_exchange",
            lambda self, position, method, *rest: taken.take(
                method.lower(), lambda: exchange(self, position, method, *rest)
            ),
        )
        yield taken


def failing_at(number: int) -> Step:
    """The step with this number fails without any effect."""

    def at(step: int, kind: str, carry_out: Callable[[], Any]) -> Any:
        if step == number:
            raise _failure(kind)
        return carry_out()

    return at


def unanswered_at(number: int) -> Step:
    """The step with this number is performed, but reports a failure."""

    def at(step: int, kind: str, carry_out: Callable[[], Any]) -> Any:
        result = carry_out()
        if step == number:
            raise _failure(kind, lost=True)
        return result

    return at


def without_etcd_from(number: int) -> Step:
    """From the step with this number on, etcd is unreachable."""

    def at(step: int, kind: str, carry_out: Callable[[], Any]) -> Any:
        if step >= number and kind != "ip":
            raise _failure(kind)
        return carry_out()

    return at


def _failure(kind: str, lost: bool = False) -> Exception:
    if kind == "ip":
        return NetworkError("'ip' failed: RTNETLINK answers: injected.")
    return wire.ReplyLost("injected") if lost else wire.Unreachable("injected")


def killed_before(number: int, calicoctl: Calicoctl, *arguments: str) -> bool:
    """Run a command in a separate process that is killed before the step with this number.

    Return False if the command ended before that step.
    """

    def at(step: int, kind: str, carry_out: Callable[[], Any]) -> Any:
        if step == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return carry_out()

    child = os.fork()
    if child == 0:
        try:
            with steps(at):
                os._exit(calicoctl(*arguments).status)
        finally:
            os._exit(99)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False
