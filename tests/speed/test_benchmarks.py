"""The benchmark must not measure a command without effect as a writing one, nor hide a broken limit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.bench import PASS, Bench
from benchmarks.measure import Contestant
from benchmarks.report import Report
from tests.etcd_server import EtcdServer

KEY = "/calico/v1/policy/profile/profile-0001/tags"


@pytest.fixture
def bench(etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("ETCD_AUTHORITY", etcd.endpoint)
    return Bench(1, tmp_path)


def test_both_contestants_write_in_each_run(bench: Bench, etcd: EtcdServer) -> None:
    line = next(line for line in run.small_lines() if line.change)
    before = etcd.index()
    bench.race([line])
    runs = 2 * 2  # two contestants, one warm-up run and one measured run each
    assert etcd.index() - before == 2 * runs  # one request restores the value, the command sends the other
    assert line.change is not None
    assert json.loads(etcd.get(line.change.key) or "") == line.change.after


def test_contestant_without_effect_is_not_measured(bench: Bench) -> None:
    idle = Contestant("idle", PASS.command)
    with pytest.raises(RuntimeError, match=rf"^idle has stored a wrong value as {KEY}: \[\]$"):
        bench.measure([bench.changing(idle, KEY, "[]", ["WEB"].__eq__)])


def test_broken_limit_is_reported_at_end_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.heading("Small commands")
    report.columns("command", "ratio", "at most")
    report.row("profile show", *report.bounded("profile show", 0.601, 0.6))
    report.row("rule show", *report.bounded("rule show", 0.6, 0.6))
    report.row("rule json", *report.bounded("rule json", 9, None))
    assert report.conclude() == 1
    assert capsys.readouterr().out == (
        "\n## Small commands\n\n"
        "| command | ratio | at most |\n"
        "|---|---|---|\n"
        "| profile show | **0.60** | 0.6 |\n"
        "| rule show | 0.60 | 0.6 |\n"
        "| rule json | 9.00 | |\n"
        "\nAbove its bound: Small commands: profile show: 0.601, at most 0.6\n"
    )


def test_growth(bench: Bench) -> None:
    linear = [run.Growth(1_000, 0.11, 0.1), run.Growth(10_000, 0.3, 0.1), run.Growth(100_000, 2.3, 0.1)]
    assert [growth.each for growth in linear] == ["within the noise", "20.0", "22.0"]
    run.linear(bench, "endpoint show", linear)
    assert bench.report.broken == []
    run.linear(bench, "endpoint show", [*linear[:-1], run.Growth(100_000, 4.2, 0.1)])
    assert bench.report.broken == [": growth of endpoint show: 2.05, at most 2"]
