"""A slow read on a terminal shows a progress line; nothing else does."""

from __future__ import annotations

import importlib
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
from calicoctl.progress import Progress, Steps
from tests.calicoq.conftest import Store
from tests.commands.pools import block
from tests.completion.terminal import Terminal
from tests.conftest import NO_SYSTEM_FILE, PROCESS_SECONDS, PROGRAMS, Calicoctl
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request

PROFILE = "/calico/v1/policy/profile/P"
COMMAND = [sys.executable, "-m", "calicoctl", "profile", "show"]
TABLE = "+------+\n| Name |\n+------+\n|  P   |\n+------+\n"
SLOW_SECONDS = 2.3


def held() -> tuple[Behaviour, threading.Event]:
    """Return a behaviour that answers once an event is set, and the event.

    Set the event when the progress line appears, so that the answer arrives long before the line changes.
    """
    shown = threading.Event()

    def behave(request: Request) -> bytes | None:
        assert shown.wait(PROCESS_SECONDS)
        return request.forward()

    return behave, shown


def test_slow_answer_on_terminal(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, tmp_path: Path) -> None:
    etcd.put(f"{PROFILE}/tags", "[]")
    behaviour, is_shown = held()
    proxy.at(1, behaviour)
    answer = tmp_path / "answer"
    began = time.monotonic()
    # The answer goes to a file, so the terminal shows only standard error.
    with Terminal(["/bin/sh", "-c", f'"$@" > {answer}; echo end', "sh", *COMMAND], environ(calicoctl)) as terminal:
        shown = terminal.until("Waiting for etcd ...")
        is_shown.set()
        assert time.monotonic() - began >= 2.0
        assert shown == "\rWaiting for etcd ..."
        # The line is erased before the command ends
        assert terminal.until("end") == "\r" + " " * len("Waiting for etcd ...") + "\rend"
    assert answer.read_text() == TABLE


def test_slow_answer_that_has_begun(calicoctl: Calicoctl) -> None:
    node = {"key": "/calico/v1/policy/profile", "dir": True, "modifiedIndex": 1, "createdIndex": 1, "nodes": []}
    body = json.dumps({"action": "get", "node": node}) + " " * 5_000
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    waiting = "Waiting for etcd, 3 kB read ..."
    with DrippingServer((head + body).encode()) as server:
        with Terminal(COMMAND, {**environ(calicoctl), "ETCD_AUTHORITY": server.authority}) as terminal:
            assert terminal.until(waiting) == f"\rRead from etcd: 3 kB ...\r{waiting}"
            server.go_on.set()
            assert terminal.until("+------+") == f"\r{' ' * len(waiting)}\r+------+"


def test_slow_answer_after_another(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(f"{PROFILE}/tags", "[]")
    etcd.put("/calico/v1/policy/profile/Q/x", 1500 * "x")
    behaviour, is_shown = held()
    proxy.at(2, behaviour)
    with Terminal([*COMMAND, "--detailed"], environ(calicoctl)) as terminal:
        shown = terminal.until(" ...")
        is_shown.set()
        shown += terminal.until("+------+").removesuffix("+------+")
    (line,) = {line.strip(" ") for line in shown.split("\r")} - {""}
    assert re.fullmatch(r"Waiting for etcd, \d+ kB read \.\.\.", line)


@pytest.mark.parametrize("columns", [20, 10])
@pytest.mark.parametrize("program", [["calicoctl", "profile", "show"], ["calicoq", "endpoint", ""]], ids=" ".join)
def test_narrow_terminal(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, columns: int, program: list[str]
) -> None:
    etcd.put("/calico/v1/Ready", "true")
    behaviour, is_shown = held()
    proxy.at(1, behaviour)
    code = f"from calicoctl.start import {program[0]} as run; run()"
    command = ["/bin/sh", "-c", '"$@" >/dev/null; echo end', "sh", sys.executable, "-c", code, *program[1:]]
    with Terminal(command, environ(calicoctl), columns) as terminal:
        shown = "Waiting for etcd ..."[: columns - 1]
        assert terminal.until(shown) == f"\r{shown}"
        is_shown.set()
        assert terminal.until("end") == f"\r{' ' * len(shown)}\rend"


def test_slow_answer_without_terminal(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(f"{PROFILE}/tags", "[]")

    def slowly(request: Request) -> bytes | None:
        time.sleep(SLOW_SECONDS)
        return request.forward()

    proxy.at(1, slowly)
    done = subprocess.run(
        COMMAND, env=environ(calicoctl), capture_output=True, encoding="utf-8", timeout=PROCESS_SECONDS
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, TABLE, "")


def test_quick_answer_on_terminal(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILE}/tags", "[]")
    with Terminal(["/bin/sh", "-c", '"$@"; echo end', "sh", *COMMAND], environ(calicoctl)) as terminal:
        assert terminal.until("end").replace("\r\n", "\n") == f"{TABLE}end"


def test_received_amount_is_shown() -> None:
    terminal = io.StringIO()
    shown = Progress(terminal)
    for count in (0, 999, 500_000, 12_345_678):
        shown.count(count)
        shown._line.show(progress._text(shown._bytes, count > 0))
    assert terminal.getvalue() == (
        "\rWaiting for etcd ...\rRead from etcd: 1 kB ...\rRead from etcd: 501 kB ...\rRead from etcd: 12.8 MB ..."
    )
    shown._line.show("")
    assert terminal.getvalue().endswith("\r" + " " * len("Read from etcd: 12.8 MB ...") + "\r")


def test_terminal_disappears() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError

    shown = Progress(Gone())
    shown._line.show("x")
    shown._line.show("y")


def environ(calicoctl: Calicoctl) -> dict[str, str]:
    return {**calicoctl.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


class DrippingServer:
    """An etcd that sends the start of an answer at once, and the rest after ``go_on``."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.go_on = threading.Event()

    def __enter__(self) -> DrippingServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.authority = f"127.0.0.1:{self._listener.getsockname()[1]}"
        return self

    def __exit__(self, *error: object) -> None:
        self.go_on.set()
        self._thread.join(PROCESS_SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(self._answer[:-2000])
            assert self.go_on.wait(PROCESS_SECONDS)
            connection.sendall(self._answer[-2000:])


def test_many_steps_show_how_far_the_command_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "fileno", lambda: 99999)
    steps = Steps(terminal, "Resources to apply", now)
    steps.show(1, 1200)
    assert terminal.getvalue() == ""
    now += 2.1
    steps.show(50, 1200)
    steps.show(51, 1200)  # at the same moment
    line = "Resources to apply: 50 of 1,200 ..."
    assert terminal.getvalue() == f"\r{line}"
    steps.erase()
    assert terminal.getvalue() == f"\r{line}\r{' ' * len(line)}\r"


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(program: str, line: str, etcd: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a command as if each step took long, and return what it prints on standard error, a terminal."""
    monkeypatch.setattr(progress, "_FIRST_DELAY", 0)
    monkeypatch.setattr(progress, "_INTERVAL", 0)
    monkeypatch.setattr(progress.Progress, "__enter__", lambda self: None)  # the line of slow reads is tested above
    stderr = Tty()
    run = importlib.import_module(PROGRAMS[program]).run
    run(line.split(), etcd.environ({}), io.StringIO(), io.StringIO(), stderr, system_file=NO_SYSTEM_FILE)
    return stderr.getvalue()


def test_pool_remove_shows_how_many_blocks_are_done(etcd: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    etcd.put("/calico/v1/ipam/v4/pool/10.0.0.0-24", '{"cidr": "10.0.0.0/24"}')
    for cidr in ("10.0.0.0/26", "10.0.0.64/26"):
        etcd.put(f"/calico/ipam/v2/assignment/ipv4/block/{cidr.replace('/', '-')}", block(cidr, "h1", False))
    shown = on_terminal("calicoctl", "pool remove 10.0.0.0/24 --wait=0", etcd, monkeypatch)
    first, second = "Blocks of 10.0.0.0/24: 0 of 2 ...", "Blocks of 10.0.0.0/24: 1 of 2 ..."
    assert shown == f"\r{first}\r{second}\r{' ' * len(second)}\r"


def test_check_shows_how_many_endpoints_are_done(etcd: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        Store(etcd).workload(f"h1/o/w/{name}")
    shown = on_terminal("calicoq", "check --errors-only", etcd, monkeypatch)
    first, second = "Endpoints checked: 0 of 2 ...", "Endpoints checked: 1 of 2 ..."
    assert shown == f"\r{first}\r{second}\r{' ' * len(second)}\r"


def test_steps_show_nothing_without_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    steps = Steps(None, "Resources to apply", now)
    now += 9
    steps.show(1, 2)
    steps.erase()


def test_apply_of_many_documents_on_terminal(calicoctl: Calicoctl, proxy: Proxy, tmp_path: Path) -> None:
    documents = [
        {"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": f"P{number}"}}
        for number in range(8)
    ]
    (tmp_path / "profiles.json").write_text(json.dumps(documents), encoding="utf-8")

    def slow(request: Request) -> bytes | None:
        time.sleep(0.15)  # the time that a distant etcd takes
        return request.forward()

    proxy.since(1, slow)
    command = [sys.executable, "-m", "calicoctl", "apply", "-f", str(tmp_path / "profiles.json")]
    with Terminal(["/bin/sh", "-c", '"$@" > /dev/null; echo end', "sh", *command], environ(calicoctl)) as terminal:
        assert re.search(r"\rResources to apply: [1-7] of 8 \.\.\.", terminal.until("end"))
