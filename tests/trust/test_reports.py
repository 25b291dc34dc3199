"""Commands that report on the host when what answers is not etcd: one line says so, and the rest is shown."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from calicoctl.commands import diags_collection
from tests.command_lines import BUNDLE, REPORTS, Row
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy
from tests.sampling import Sampling
from tests.trust.outcomes import run_row
from tests.trust.test_bad_answers import ANSWERS

pytestmark = [pytest.mark.libraries, pytest.mark.once]


@pytest.fixture(autouse=True)
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diags_collection, "_PROGRAMS", ())


@pytest.mark.product
@pytest.mark.parametrize("row", REPORTS, ids=str)
def test_bad_answers(row: Row, etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling) -> None:
    for name in sampling.quarter(ANSWERS, REPORTS.index(row)):
        if name in ("children that are elsewhere", "a node of another key") and row.line.startswith("diags"):
            continue  # a dump of all keys may hold these
        with Proxy(etcd) as proxy:
            proxy.since(1, ANSWERS[name])
            result = run_row(row, calicoctl, {"ETCD_AUTHORITY": proxy.authority})
        check(row, result, f"http://{proxy.authority}", name)


@pytest.mark.parametrize("row", REPORTS, ids=str)
def test_no_etcd(row: Row, calicoctl: Calicoctl) -> None:
    result = run_row(row, calicoctl, {"ETCD_AUTHORITY": "127.0.0.1:1"})
    check(row, result, "http://127.0.0.1:1", "Connection refused")
    assert "(Connection refused)" in result.stderr or row.line.startswith("diags")


@pytest.mark.parametrize("row", REPORTS, ids=str)
def test_the_other_endpoint_answers(row: Row, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    endpoints = f"http://127.0.0.1:1,http://{etcd.endpoint}"
    result = run_row(row, calicoctl, {"ETCD_ENDPOINTS": endpoints})
    assert "Error accessing etcd" not in result.stderr
    if row.line.startswith("checksystem"):
        assert "\netcd               ok  " in result.stdout


def check(row: Row, result: Result, endpoint: str, case: str) -> None:
    """Judge what a report says where etcd cannot be asked."""
    assert all(line.isprintable() for line in result.stderr.splitlines()), case
    complaints = [line for line in result.stderr.splitlines() if f"Error accessing etcd at {endpoint} (" in line]
    command = row.line.partition(" ")[0]
    if command == "status":
        assert result.status == 1 and len(complaints) == 1, case
        unknown = "IPv6 BGP status\nIP: unknown    AS Number: unknown\nCouldn't connect to bird.\n\n"
        assert result.stdout.endswith(unknown), case
    elif command == "checksystem":
        assert result.status == 1, case
        assert "\netcd               FAIL     " in result.stdout, case
        assert len(complaints) == 1, case
    else:
        assert result.status == 0 and "Problem collecting etcd_calico:\n" in result.stderr, case
        with tarfile.open(fileobj=io.BytesIO(Path(BUNDLE).read_bytes())) as bundle:
            dump = bundle.extractfile("diagnostics/etcd_calico")
            assert dump and dump.read().startswith(b"Unable to dump etcd datastore: Error accessing etcd at "), case
