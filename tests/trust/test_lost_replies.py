"""Every writing command with one of its writes, or etcd's reply to it, lost."""

from __future__ import annotations

import re

import pytest

from calicoctl.calicoq.cli import COMMANDS as QUERIES
from calicoctl.usage.table import COMMANDS
from tests.command_lines import ALL, READING, WRITING, Row
from tests.conftest import Calicoctl
from tests.containers.namespaces import why_no_namespaces
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, drop_reply, drop_request
from tests.trust.outcomes import UNCONDITIONAL, prepare, run_row, state_of, undisturbed

pytestmark = [pytest.mark.libraries, pytest.mark.once]

# Shortens the wait for the event of a write that was not applied.
HASTY = {"CALICOCTL_READ_TIMEOUT": "0.5"}
# Commands that need no etcd, ignore all failures, or continue after them: see tests/commands and test_reports.py.
ELSEWHERE = {"context", "status", "checksystem", "diags", "explain-code", "version", "help", "validate", "completion"}
# Deletes an empty directory, which has no effect, so it is not tried again.
COURTESY = re.compile(r"^DELETE .*/workload/[^/]+/[^/]+(/endpoint)?$")


def test_table_has_every_command() -> None:
    listed = {(row.program, next(word for word in row.arguments if not word.startswith("--"))) for row in ALL}
    elsewhere = ELSEWHERE if why_no_namespaces() is None else {*ELSEWHERE, "container"}
    assert {name for program, name in listed if program == "calicoctl"} == set(COMMANDS) - elsewhere
    assert {name for program, name in listed if program == "calicoq"} == set(QUERIES) - ELSEWHERE


@pytest.mark.parametrize("row", ALL, ids=str)
def test_rows_behave_as_in_table(row: Row, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    outcome = undisturbed(row, etcd, calicoctl)
    assert outcome.result.stderr == row.remark
    assert outcome.requests != []
    if row in READING:
        assert (outcome.writes(), outcome.changes) == ([], 0)
    else:
        assert outcome.result.status == 0
        assert outcome.changes >= 1


@pytest.mark.parametrize("lost", [drop_reply, drop_request])
@pytest.mark.parametrize("row", WRITING, ids=str)
def test_lost_reply_makes_no_difference(row: Row, lost: Behaviour, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    outcome = undisturbed(row, etcd, calicoctl)
    for number in outcome.writes():
        prepare(row, etcd, calicoctl)
        index = etcd.index()
        with Proxy(etcd) as proxy:
            proxy.at(number, lost)
            result = run_row(row, calicoctl, {**HASTY, "ETCD_AUTHORITY": proxy.authority})
        assert result == outcome.result, number
        assert state_of(row, etcd) == outcome.after, number
        request = outcome.requests[number - 1]
        if lost is drop_request and COURTESY.search(request):
            assert etcd.index() - index < outcome.changes, number
        else:
            again = lost is drop_reply and UNCONDITIONAL.search(request) is not None
            assert etcd.index() - index == outcome.changes + again, number
