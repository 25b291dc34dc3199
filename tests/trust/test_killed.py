"""Every writing command under kill -9 between its requests to etcd: the state is old, new or denies, and the same
command given again completes it. Those of `container`, between the steps of the kernel too, are in tests/containers.
"""

from __future__ import annotations

import json
import signal
import subprocess
from concurrent.futures import Future

import pytest

from tests.conftest import PROCESS_SECONDS, Calicoctl
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request
from tests.trust.commands import PROFILES, WRITING, Row, run_row
from tests.trust.outcomes import Keys, Outcome, fill, undisturbed

# How a command that finds nothing left to do may say so.
DONE_ALREADY = (
    "Profile P not found.", "Tag P is not on profile P", "Rule not found.", "Rule position out-of-range.",
    "Profile P is already in endpoint profile list", "Profile OTHER is not in endpoint profile list.",
    "range conflicts with pool", "is not a configured pool.", "Failed to release address", "already exists",
    "does not exist",
)  # fmt: skip


def kill_at(row: Row, number: int, carry_out: bool, etcd: EtcdServer, calicoctl: Calicoctl, by: signal.Signals) -> None:
    """Run a row in a process that is ended while its request of that number is on the way, or just carried out."""
    running: Future[subprocess.Popen[bytes]] = Future()

    def kill(request: Request) -> bytes | None:
        if carry_out:
            request.forward()
        process = running.result()
        process.send_signal(by)
        process.wait(PROCESS_SECONDS)
        return None

    with Proxy(etcd) as proxy:
        proxy.at(number, kill)
        process = subprocess.Popen(
            Calicoctl({}, row.program).command(*row.arguments),
            env={**calicoctl.environ, "ETCD_AUTHORITY": proxy.authority},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        running.set_result(process)
        said = process.communicate(row.stdin.encode(), timeout=PROCESS_SECONDS)
    if by == signal.SIGKILL:
        assert (process.returncode, said[1]) == (-9, b"")
    else:
        assert (process.returncode, said[1]) == (128 + by, b"Aborted command.\n")


def check_state(state: Keys, outcome: Outcome) -> None:
    """Each key is old or new, or it is a pool that gives no addresses; a new profile has its rules last."""
    for key in {*state, *outcome.before, *outcome.after} - {f"{PROFILES}/", f"{PROFILES}/P/"}:
        if key.endswith("/"):
            continue
        value = state.get(key)
        if value in (outcome.before.get(key), outcome.after.get(key)):
            continue
        stored = json.loads(value or "null")
        assert stored.get("disabled") is True or stored.get("affinity") == "", (key, value)
    rules = f"{PROFILES}/P/rules"
    if rules in state and rules not in outcome.before:
        assert state == outcome.after


def is_repetition(row: Row, complaint: str) -> bool:
    return any(text in complaint for text in DONE_ALREADY)


def check_kill(
    row: Row,
    number: int,
    carry_out: bool,
    outcome: Outcome,
    etcd: EtcdServer,
    calicoctl: Calicoctl,
    by: signal.Signals = signal.SIGKILL,
) -> None:
    fill(etcd, row.before)
    kill_at(row, number, carry_out, etcd, calicoctl, by)
    state = etcd.keys()
    check_state(state, outcome)
    if not carry_out and number <= outcome.writes()[0]:
        assert state == outcome.before
    repeated = run_row(row, calicoctl)
    assert repeated.status == 0 or is_repetition(row, repeated.stderr), repeated
    assert _without_handles(etcd.keys()) == _without_handles(outcome.after), (number, repeated)


def _without_handles(state: Keys) -> Keys:
    """A handle may count an address too many, which makes no difference and ends with the next command on its workload:
    the block alone tells what is assigned.
    """
    return {key: value for key, value in state.items() if not key.startswith("/calico/ipam/v2/handle/")}


@pytest.mark.parametrize("row", WRITING, ids=str)
def test_killed_after_each_write(row: Row, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    outcome = undisturbed(row, etcd, calicoctl)
    for number in outcome.writes():
        check_kill(row, number, True, outcome, etcd, calicoctl)


@pytest.mark.torture
@pytest.mark.parametrize("row", WRITING, ids=str)
def test_killed_before_each_request(row: Row, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    outcome = undisturbed(row, etcd, calicoctl)
    for number in range(1, len(outcome.requests) + 1):
        check_kill(row, number, False, outcome, etcd, calicoctl)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_at_a_write(by: signal.Signals, etcd: EtcdServer, calicoctl: Calicoctl, torture: bool) -> None:
    for row in WRITING if torture else WRITING[:1]:
        outcome = undisturbed(row, etcd, calicoctl)
        for number in outcome.writes():
            for carry_out in (False, True):
                check_kill(row, number, carry_out, outcome, etcd, calicoctl, by)
