"""Every command with a cluster of three members that die, hang or answer late."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest

from tests.command_lines import ALL, CONTAINER, READING, WRITING, Row
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdCluster, EtcdMember
from tests.proxy import Proxy, Request
from tests.sampling import Sampling
from tests.trust.checks import check_repeated
from tests.trust.outcomes import UNCONDITIONAL, Outcome, prepare, run_row, state_of, undisturbed
from tests.trust.test_bad_answers import FAILURE_STATUS

pytestmark = [pytest.mark.libraries, pytest.mark.once]

# Some commands of each kind, for slow tests.
SAMPLE = [row for row in ALL if row.line in (
    "profile show --detailed", "profile add P", "endpoint e1 profile append P", "apply -f -", "check", "pool show",
    f"container add {CONTAINER} ipv4", f"container {CONTAINER} endpoint show",
)]  # fmt: skip
SAMPLE_WRITING = [row for row in SAMPLE if row in WRITING]
READ_TIMEOUT = 1.0
QUICK = {"CALICOCTL_READ_TIMEOUT": f"{READ_TIMEOUT:g}"}
# etcd itself abandons a write after twice its election timeout and 5 s.
PATIENT = {"CALICOCTL_READ_TIMEOUT": "20"}


@pytest.fixture(scope="module")
def cluster_process() -> Iterator[EtcdCluster]:
    with EtcdCluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(cluster_process: EtcdCluster) -> Iterator[EtcdCluster]:
    """A complete cluster, restored for the next test."""
    yield cluster_process
    cluster_process.restore()


@pytest.fixture
def rows(sampling: Sampling) -> Sequence[Row]:
    return sampling.some(ALL, SAMPLE)


@pytest.fixture
def writing(sampling: Sampling) -> Sequence[Row]:
    return sampling.some(WRITING, SAMPLE_WRITING)


def endpoints(members: Sequence[EtcdMember | Proxy]) -> dict[str, str | None]:
    addresses = [each.authority if isinstance(each, Proxy) else each.endpoint for each in members]
    return {"ETCD_ENDPOINTS": ",".join(f"http://{address}" for address in addresses)}


def expected(row: Row, cluster: EtcdCluster, calicoctl: Calicoctl) -> Outcome:
    """The undisturbed outcome of a row through the leader, whose state is that of the cluster."""
    return undisturbed(row, cluster.leader(), calicoctl)


def check(row: Row, outcome: Outcome, result: Result, cluster: EtcdCluster) -> None:
    assert result == outcome.result, row
    assert state_of(row, cluster.leader()) == outcome.after, row


def test_all_members_run(cluster: EtcdCluster, calicoctl: Calicoctl) -> None:
    for row in ALL:
        outcome = expected(row, cluster, calicoctl)
        prepare(row, cluster.leader(), calicoctl)
        # A follower may answer a read without quorum from before the latest write; the leader is up to date.
        members = [cluster.leader(), *cluster.followers()] if row in READING else cluster.followers()
        check(row, outcome, run_row(row, calicoctl, endpoints(members)), cluster)


def test_dead_first_endpoint_costs_no_time(cluster: EtcdCluster, calicoctl: Calicoctl, rows: Sequence[Row]) -> None:
    outcomes = [expected(row, cluster, calicoctl) for row in rows]
    dead, other = cluster.followers()
    dead.kill()
    for row, outcome in zip(rows, outcomes, strict=True):
        prepare(row, cluster.leader(), calicoctl)
        began = time.monotonic()
        result = run_row(row, calicoctl, endpoints([dead, cluster.leader(), other]))
        assert time.monotonic() - began < 2.0, row
        check(row, outcome, result, cluster)


def test_first_endpoint_accepts_but_never_answers(
    cluster: EtcdCluster, calicoctl: Calicoctl, rows: Sequence[Row]
) -> None:
    outcomes = [expected(row, cluster, calicoctl) for row in rows]
    hanging, other = cluster.followers()
    hanging.pause()
    for row, outcome in zip(rows, outcomes, strict=True):
        prepare(row, cluster.leader(), calicoctl)
        began = time.monotonic()
        result = run_row(row, calicoctl, {**QUICK, **endpoints([hanging, cluster.leader(), other])})
        # It times out once; then the member that answered is asked first.
        assert READ_TIMEOUT <= time.monotonic() - began < READ_TIMEOUT + 2.0, row
        check(row, outcome, result, cluster)


def test_leader_killed_before_command(cluster: EtcdCluster, calicoctl: Calicoctl, sampling: Sampling) -> None:
    for row in sampling.some(WRITING, SAMPLE_WRITING[:1]):
        outcome = expected(row, cluster, calicoctl)
        prepare(row, cluster.leader(), calicoctl)
        followers = cluster.followers()
        cluster.leader().kill()
        result = run_row(row, calicoctl, {**PATIENT, **endpoints(followers)})
        check(row, outcome, result, cluster)
        cluster.restore()


@pytest.mark.parametrize("leads", [False, True], ids=["follower", "leader"])
@pytest.mark.parametrize("carried_out", [False, True], ids=["before the write", "after the write"])
def test_member_dies_during_write(
    cluster: EtcdCluster, calicoctl: Calicoctl, sampling: Sampling, leads: bool, carried_out: bool
) -> None:
    for row in sampling.some(WRITING, SAMPLE_WRITING[:1]):
        outcome = expected(row, cluster, calicoctl)
        for number in outcome.writes() if sampling.complete else outcome.writes()[-1:]:
            prepare(row, cluster.leader(), calicoctl)
            victim = cluster.leader() if leads else cluster.followers()[0]
            others = [member for member in cluster.members if member is not victim]

            def die(request: Request, victim: EtcdMember = victim) -> bytes | None:
                if carried_out:
                    request.forward()
                victim.kill()
                return None

            with Proxy(victim) as proxy:
                proxy.at(number, die)
                result = run_row(row, calicoctl, {**PATIENT, **endpoints([proxy, *others])})
            check(row, outcome, result, cluster)
            cluster.restore()


def test_no_quorum(cluster: EtcdCluster, calicoctl: Calicoctl, rows: Sequence[Row]) -> None:
    for row in rows:
        outcome = expected(row, cluster, calicoctl)
        prepare(row, cluster.leader(), calicoctl)
        before = state_of(row, cluster.leader())
        alone = cluster.leader()
        gone = cluster.followers()
        for member in gone:
            member.kill()
        began = time.monotonic()
        result = run_row(row, calicoctl, {**QUICK, **endpoints([alone, *gone])})
        assert time.monotonic() - began < 2 * READ_TIMEOUT + 2.0, row
        # A single member may answer commands that only read.
        if row in WRITING or result != outcome.result:
            failure = FAILURE_STATUS.get(row.arguments[0], 1)
            assert (result.status, result.stdout) == (failure, ""), row
            assert result.stderr.startswith("Error accessing etcd at http://"), row
        cluster.restore()
        # A command that starts with a quorum read has written nothing, and no write can arrive later either.
        assert state_of(row, cluster.leader()) == before, row


def test_quorum_is_lost_during_write(cluster: EtcdCluster, calicoctl: Calicoctl, sampling: Sampling) -> None:
    for row in sampling.some(WRITING, SAMPLE_WRITING[:1]):
        outcome = expected(row, cluster, calicoctl)
        prepare(row, cluster.leader(), calicoctl)
        leader, followers = cluster.leader(), cluster.followers()

        def lose_quorum(request: Request, followers: list[EtcdMember] = followers) -> bytes | None:
            for member in followers:
                member.pause()
            return request.forward()

        with Proxy(leader) as proxy:
            proxy.at(outcome.writes()[0], lose_quorum)
            result = run_row(row, calicoctl, {**QUICK, **endpoints([proxy, *followers])})
        assert result.status == 1, row
        assert result.stdout == "" or result.stdout != outcome.result.stdout, row
        assert "It is not known whether the change was made" in result.stderr, row
        cluster.restore()
        if row.of_container:  # these can be repeated in any case
            leader = cluster.leader()
            check_repeated(row, state_of(row, leader), outcome, leader, calicoctl, endpoints(cluster.members))


@pytest.mark.parametrize("late", [False, True], ids=["late answer", "late write"])
def test_answer_after_deadline(
    cluster: EtcdCluster, calicoctl: Calicoctl, writing: Sequence[Row], late: bool, sampling: Sampling
) -> None:
    """A write that is applied after the client stopped waiting is not applied again."""
    for row in writing:
        outcome = expected(row, cluster, calicoctl)
        writes = outcome.writes()
        for number in writes if sampling.complete else sorted({*writes[::4], writes[-1]}):
            prepare(row, cluster.leader(), calicoctl)
            leader, followers = cluster.leader(), cluster.followers()
            index = leader.index()
            with Proxy(leader) as proxy:

                def forward_late(request: Request, proxy: Proxy = proxy) -> bytes | None:
                    if late:
                        proxy.closing.wait(READ_TIMEOUT + 0.2)
                    answer = request.forward()
                    proxy.closing.wait()
                    return answer

                proxy.at(number, forward_late)
                result = run_row(row, calicoctl, {**QUICK, **endpoints([proxy, *followers])})
            check(row, outcome, result, cluster)
            again = UNCONDITIONAL.search(outcome.requests[number - 1]) is not None
            assert leader.index() - index <= outcome.changes + again, row
