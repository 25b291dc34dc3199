"""A long read on a terminal shows that something is happening; anything else never does."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from calicoctl import progress
from calicoctl.progress import Progress
from tests.completion.terminal import Terminal
from tests.conftest import PROCESS_SECONDS, Calicoctl
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request

PROFILE = "/calico/v1/policy/profile/P"
COMMAND = [sys.executable, "-m", "calicoctl", "profile", "show"]
TABLE = "+------+\n| Name |\n+------+\n|  P   |\n+------+\n"
SLOW_SECONDS = 3.2


def slowly(request: Request) -> bytes | None:
    """The answer comes in three seconds and a bit."""
    time.sleep(SLOW_SECONDS)
    return request.forward()


def test_a_slow_answer_on_a_terminal(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, tmp_path: Path) -> None:
    etcd.put(f"{PROFILE}/tags", "[]")
    proxy.at(1, slowly)
    answer = tmp_path / "answer"
    began = time.monotonic()
    # The answer goes to a file: what the terminal shows is standard error.
    with Terminal(["/bin/sh", "-c", f'"$@" > {answer}; echo end', "sh", *COMMAND], environ(calicoctl)) as terminal:
        shown = terminal.until("Waiting for etcd ...")
        assert time.monotonic() - began >= 2.0
        assert shown == "\rWaiting for etcd ..."
        # Gone without a trace before the command ends
        assert terminal.until("end") == "\r" + " " * len("Waiting for etcd ...") + "\rend"
    assert answer.read_text() == TABLE


def test_a_slow_answer_that_has_begun(calicoctl: Calicoctl) -> None:
    node = {"key": "/calico/v1/policy/profile", "dir": True, "modifiedIndex": 1, "createdIndex": 1, "nodes": []}
    body = json.dumps({"action": "get", "node": node}) + " " * 5_000
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with DrippingServer((head + body).encode()) as authority:
        with Terminal(COMMAND, {**environ(calicoctl), "ETCD_AUTHORITY": authority}) as terminal:
            shown = terminal.until("+------+")
    waiting = "Waiting for etcd, 3 kB read ..."
    assert shown == f"\rRead from etcd: 3 kB ...\r{waiting}\r{' ' * len(waiting)}\r+------+"


def test_a_slow_answer_after_another(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(f"{PROFILE}/tags", "[]")
    etcd.put("/calico/v1/policy/profile/Q/x", 1500 * "x")
    proxy.at(2, slowly)
    with Terminal([*COMMAND, "--detailed"], environ(calicoctl)) as terminal:
        shown = terminal.until("+------+").removesuffix("+------+")
    (line,) = {line.strip(" ") for line in shown.split("\r")} - {""}
    assert re.fullmatch(r"Waiting for etcd, \d+ kB read \.\.\.", line)


@pytest.mark.parametrize("columns", [20, 10])
@pytest.mark.parametrize("program", [["calicoctl", "profile", "show"], ["calicoq", "endpoint", "x"]], ids=" ".join)
def test_a_narrow_terminal(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, columns: int, program: list[str]
) -> None:
    etcd.put("/calico/v1/Ready", "true")
    proxy.at(1, slowly)
    code = f"from calicoctl.start import {program[0]} as run; run()"
    command = ["/bin/sh", "-c", '"$@" >/dev/null; echo end', "sh", sys.executable, "-c", code, *program[1:]]
    with Terminal(command, environ(calicoctl), columns) as terminal:
        shown = "Waiting for etcd ..."[: columns - 1]
        assert terminal.until("end") == f"\r{shown}\r{' ' * len(shown)}\rend"


def test_a_slow_answer_in_a_pipe(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(f"{PROFILE}/tags", "[]")
    proxy.at(1, slowly)
    done = subprocess.run(
        COMMAND, env=environ(calicoctl), capture_output=True, encoding="utf-8", timeout=PROCESS_SECONDS
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, TABLE, "")


def test_a_quick_answer_on_a_terminal(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILE}/tags", "[]")
    with Terminal(["/bin/sh", "-c", '"$@"; echo end', "sh", *COMMAND], environ(calicoctl)) as terminal:
        assert terminal.until("end").replace("\r\n", "\n") == f"{TABLE}end"


def test_how_much_has_come() -> None:
    terminal = io.StringIO()
    shown = Progress(terminal)
    for count in (0, 999, 500_000, 12_345_678):
        shown.count(count)
        shown._show(progress._text(shown._bytes, count > 0))
    assert terminal.getvalue() == (
        "\rWaiting for etcd ...\rRead from etcd: 1 kB ...\rRead from etcd: 501 kB ...\rRead from etcd: 12.8 MB ..."
    )
    shown._show("")
    assert terminal.getvalue().endswith("\r" + " " * len("Read from etcd: 12.8 MB ...") + "\r")


def test_a_terminal_that_goes_away() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError

    shown = Progress(Gone())
    shown._show("x")
    shown._show("y")


def environ(calicoctl: Calicoctl) -> dict[str, str]:
    return {**calicoctl.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


class DrippingServer:
    """Stands for an etcd that sends the beginning of an answer at once and the rest seconds later."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def __enter__(self) -> str:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *error: object) -> None:
        self._thread.join(PROCESS_SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(self._answer[:-2000])
            time.sleep(SLOW_SECONDS)
            connection.sendall(self._answer[-2000:])
