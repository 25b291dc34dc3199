"""Every writing command under kill -9 between its requests to etcd: the state is old, new or denies, and the same
command given again completes it. Those of `container` are killed between the steps of the kernel too in
tests/containers.
"""

from __future__ import annotations

import json
import signal
import subprocess
from concurrent.futures import Future
from typing import Any

import pytest

from tests.conftest import PROCESS_SECONDS, Calicoctl
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request
from tests.trust.commands import LABELLED, PROFILES, TAGGED, V1, WRITING, Row, run_row
from tests.trust.outcomes import KERNEL, Keys, Outcome, is_repetition, prepare, state_of, undisturbed
from tests.trust.traffic import allowed


def kill_at(
    row: Row, number: int, carry_out: bool, etcd: EtcdServer, calicoctl: Calicoctl, by: signal.Signals
) -> tuple[int, str]:
    """Run a row in a process that is ended while its request of that number is on the way, or just carried out.

    Returns its exit status and what it said on standard error.
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


def check_state(state: Keys, outcome: Outcome) -> None:
    """Each key is old or new, or it is a pool that gives no addresses, or rules that deny everything. A new profile has
    its rules last. No packet passes that passes neither before nor after.

    With `container`, addresses are claimed first, and Felix denies all traffic of an interface without an endpoint.
    """
    keys = {*state, *outcome.before, *outcome.after}
    for key in (key for key in keys if KERNEL not in state or key.startswith(f"{V1}/")):
        value = state.get(key)
        if not key.endswith("/") and value not in (outcome.before.get(key), outcome.after.get(key)):
            assert gives_nothing(json.loads(value or "null")), (key, value)
        if key.endswith("/rules") and value is not None and key not in outcome.before:
            profile = key.removesuffix("rules")
            assert _below(profile, state) == _below(profile, outcome.after)
    assert allowed(state) <= allowed(outcome.before) | allowed(outcome.after)


def gives_nothing(stored: dict[str, Any]) -> bool:
    """Whether a value is a pool or a block that gives no addresses, or rules that let no packet pass."""
    first = [stored.get(f"{way}_rules", [])[:1] for way in ("inbound", "outbound")]
    return stored.get("disabled") is True or stored.get("affinity") == "" or first == [[{"action": "deny"}]] * 2


def _below(directory: str, state: Keys) -> Keys:
    return {key: value for key, value in state.items() if key.startswith(directory)}


def test_the_judge_sees_what_only_a_mixture_allows(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    """New tags with the old rules, new rules with the old labels: each key is old or new."""
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
    if by == signal.SIGKILL:
        assert (status, complaint) == (-9, "")
    else:
        assert status == 128 + by and complaint in outcome.interruptions(row)
        for key, value in state.items():
            if key.endswith("/rules") and value not in (outcome.before.get(key), outcome.after.get(key)):
                assert f"before the rules of Profile({key.split('/')[-2]})" in complaint
        if KERNEL in state and complaint == "Aborted command.\n":
            assert state[KERNEL] in (outcome.before[KERNEL], outcome.after[KERNEL])
    if not carry_out and number <= outcome.writes()[0]:
        assert _in_etcd(state) == _in_etcd(outcome.before)
    if row.line.endswith(" ip add ipv6") and state == outcome.after:
        return  # given again, it adds one address more
    repeated = run_row(row, calicoctl)
    assert repeated.status == 0 or is_repetition(repeated.stderr), repeated
    assert _without_handles(state_of(row, etcd)) == _without_handles(outcome.after), (number, repeated)


def _in_etcd(state: Keys) -> Keys:
    return {key: value for key, value in state.items() if key != KERNEL}


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
