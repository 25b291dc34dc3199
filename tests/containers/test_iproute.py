"""Running ``ip`` in another network namespace: this process returns to its own, or ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from calicoctl.host import iproute
from calicoctl.host.iproute import NetworkError
from tests.containers.namespaces import NetworkNamespace

# The start of every test process; its argument is the path of a namespace.
PRELUDE = """
import os, signal, sys, threading
from calicoctl.host import iproute, program
namespace = iproute.Namespace(sys.argv[1])
started, change = program.started, iproute._change_namespace
late = ["/bin/sh", "-c", "sleep 5; exec ip addr add 10.9.9.9/32 dev lo"]
"""


def here() -> tuple[int, int]:
    status = os.stat("/proc/thread-self/ns/net")
    return status.st_dev, status.st_ino


def run(netns: NetworkNamespace, lines: str) -> tuple[int, str, str]:
    """Run lines of Python after the prelude in a separate process; return its exit status and output."""
    command = [sys.executable, "-c", PRELUDE + lines, netns.path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2])
    return done.returncode, done.stdout, done.stderr


def test_process_stays_in_its_namespace(netns: NetworkNamespace) -> None:
    before = here()
    namespace = iproute.Namespace(netns.path)
    links = iproute.ip("link", "show", namespace=namespace)
    assert [link["ifname"] for link in links] == ["lo"]
    assert here() == before
    iproute.ip("addr", "add", "10.9.9.9/32", "dev", "lo", namespace=namespace)
    assert (netns.addresses(), here()) == (["lo 10.9.9.9/32"], before)
    with pytest.raises(NetworkError, match="^'ip link show dev nothing' failed: "):
        iproute.ip("link", "show", "dev", "nothing", namespace=namespace)
    assert here() == before


def test_program_cannot_be_started(netns: NetworkNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = here()
    program = tmp_path / "ip"
    program.write_text("#!/nowhere\n")
    program.chmod(0o755)
    monkeypatch.setattr(iproute, "_program", lambda: str(program))
    with pytest.raises(NetworkError, match=r"^Cannot run 'ip link': No such file or directory\.$"):
        iproute.ip("link", namespace=iproute.Namespace(netns.path))
    assert here() == before


def test_program_does_not_end(netns: NetworkNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = here()
    program = tmp_path / "ip"
    program.write_text("#!/bin/sh\necho $$ >$0.pid\nexec sleep 100\n")
    program.chmod(0o755)
    monkeypatch.setattr(iproute, "_program", lambda: str(program))
    monkeypatch.setattr(iproute, "_SECONDS", 0.5)
    with pytest.raises(NetworkError, match=r"^'ip link' did not end within 0\.5 s\.$"):
        iproute.ip("link", namespace=iproute.Namespace(netns.path))
    assert here() == before
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "ip.pid").read_text()), 0)


def test_namespace_may_not_be_entered(netns: NetworkNamespace) -> None:
    status, stdout, stderr = run(
        netns,
        """
def refuse(file):
    raise PermissionError(1, "Operation not permitted")
iproute._change_namespace = refuse
try:
    iproute.ip("link", namespace=namespace)
except iproute.NetworkError as error:
    print(error.message)
""",
    )
    assert (status, stdout, stderr) == (
        0, "Cannot enter the network namespace for 'ip link': CAP_SYS_ADMIN is needed.\n", ""
    )  # fmt: skip


@pytest.mark.parametrize("moment", ["before", "after"])
def test_signal_during_start_of_ip_leaves_no_process(netns: NetworkNamespace, moment: str) -> None:
    status, stdout, stderr = run(
        netns,
        f"""
home = os.stat("/proc/thread-self/ns/net")
def interrupted(command, files):
    if {moment == "before"}:
        os.kill(os.getpid(), signal.SIGINT)
    process = started(late, files)
    if {moment == "after"}:
        os.kill(os.getpid(), signal.SIGINT)
    return process
program.started = interrupted
try:
    iproute.ip("link", namespace=namespace)
except KeyboardInterrupt:
    children = open(f"/proc/self/task/{{threading.get_native_id()}}/children").read()
    print("interrupted", repr(children), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    print(os.path.samestat(home, os.stat("/proc/thread-self/ns/net")))
""",
    )
    assert (status, stdout, stderr) == (0, "interrupted '' set()\nTrue\n", "")
    assert netns.addresses() == []


def test_process_that_cannot_return_ends_at_once(netns: NetworkNamespace) -> None:
    status, stdout, stderr = run(
        netns,
        """
calls = []
def enter_only(file):
    calls.append(file)
    if len(calls) == 2:
        raise OSError(5, "Input/output error")
    change(file)
iproute._change_namespace = enter_only
def start(command, files):
    process = started(late, files)
    print(process.pid, flush=True)
    return process
program.started = start
try:
    iproute.ip("link", namespace=namespace)
finally:
    print("something else is done", flush=True)
""",
    )
    assert status == 1
    assert stderr == (
        "Cannot return to the network namespace of this host ([Errno 5] Input/output error). calicoctl stops at once, "
        "and the command is only partly done: run it again.\n"
    )
    with pytest.raises(ProcessLookupError):
        os.kill(int(stdout), 0)
    assert netns.addresses() == []


def test_python_without_setns(netns: NetworkNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    before = here()
    monkeypatch.delattr(os, "setns", raising=False)
    assert [link["ifname"] for link in iproute.ip("link", namespace=iproute.Namespace(netns.path))] == ["lo"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        iproute._change_namespace(10**6)
    assert here() == before


def test_no_preexec_function_is_used(netns: NetworkNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python starts a process with vfork only if it has no preexec function."""
    options: list[dict[str, Any]] = []
    start = subprocess.Popen

    def watched(command: Any, **named: Any) -> Any:
        options.append(named)
        return start(command, **named)

    monkeypatch.setattr(subprocess, "Popen", watched)
    iproute.ip("link", namespace=iproute.Namespace(netns.path))
    assert options and all(each.get("preexec_fn") is None for each in options)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
