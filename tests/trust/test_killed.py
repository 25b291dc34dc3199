"""Every writing command killed between its requests to etcd: the state is old, new or denies traffic.

Running the same command again completes it. Commands of `container` are also killed between their steps in the kernel,
in tests/containers.
"""

from __future__ import annotations

import signal
import subprocess
from concurrent.futures import Future

import pytest

from tests.command_lines import LABELLED, PROFILES, TAGGED, WRITING, Row
from tests.conftest import PROCESS_SECONDS, Calicoctl
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request
from tests.sampling import Sampling
from tests.trust.checks import check_claims, check_repeated, check_state
from tests.trust.outcomes import KERNEL, Keys, Outcome, prepare, state_of, undisturbed
from tests.trust.traffic import allowed

pytestmark = [pytest.mark.machine, pytest.mark.once]


def kill_at(
    row: Row, number: int, carry_out: bool, etcd: EtcdServer, calicoctl: Calicoctl, by: signal.Signals
) -> tuple[int, str]:
    """Run a row in a process that is killed while the request with this number is under way or has just been applied.

    Return the exit status and the standard error.
    """
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
    return process.returncode, said[1].decode()


def test_checker_rejects_packets_allowed_only_by_a_mixture(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    """New tags with old rules, or new rules with old labels: each key is old or new."""
    retagged, labelled = ([row for row in WRITING if row.before == before][0] for before in (TAGGED, LABELLED))
    for row, new in ((retagged, "tags"), (labelled, "rules")):
        outcome = undisturbed(row, etcd, calicoctl)
        key = f"{PROFILES}/P/{new}"
        assert allowed(outcome.before) != allowed(outcome.after)
        for state in (outcome.before, outcome.after):
            check_state(state, outcome)
        with pytest.raises(AssertionError):
            check_state({**outcome.before, key: outcome.after[key]}, outcome)


def check_kill(
    row: Row,
    number: int,
    carry_out: bool,
    outcome: Outcome,
    etcd: EtcdServer,
    calicoctl: Calicoctl,
    by: signal.Signals = signal.SIGKILL,
) -> None:
    prepare(row, etcd, calicoctl)
    status, complaint = kill_at(row, number, carry_out, etcd, calicoctl, by)
    state = state_of(row, etcd)
    check_state(state, outcome)
    check_claims(row, etcd)
    if by == signal.SIGKILL:
        assert status == -9 and complaint in ("", row.remark)
    else:
        assert status == 128 + by and complaint in outcome.interruptions(row)
        for key, value in state.items():
            if key.endswith("/rules") and value not in (outcome.before.get(key), outcome.after.get(key)):
                assert f"before the rules of Profile({key.split('/')[-2]})" in complaint
        if KERNEL in state and complaint == "Aborted command.\n":
            assert state[KERNEL] in (outcome.before[KERNEL], outcome.after[KERNEL])
    if not carry_out and number <= outcome.writes()[0]:
        assert _in_etcd(state) == _in_etcd(outcome.before)
    check_repeated(row, state, outcome, etcd, calicoctl)


def _in_etcd(state: Keys) -> Keys:
    return {key: value for key, value in state.items() if key != KERNEL}


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
def test_interrupted_during_write(
    by: signal.Signals, etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling
) -> None:
    for row in sampling.some(WRITING, WRITING[:1]):
        outcome = undisturbed(row, etcd, calicoctl)
        for number in outcome.writes():
            for carry_out in (False, True):
                check_kill(row, number, carry_out, outcome, etcd, calicoctl, by)
