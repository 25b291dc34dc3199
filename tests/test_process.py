"""Separate processes: encodings, interrupts, closed, full and slow streams, endless input and lack of memory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calicoctl import cli
from calicoctl.environment import Environment
from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.processes import EMPTY, RULES, in_shell, started
from tests.proxy import Proxy, never_answer


def test_output_in_other_encoding(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/policy/profile/P/tags", '["é", "日本", "\\ud800"]')
    env = {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        [sys.executable, "-m", "calicoctl", "profile", "P", "tag", "show"],
        env={**calicoctl.environ, **env},
        capture_output=True,
        timeout=PROCESS_SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\xe9\n\\u65e5\\u672c\n\\ud800\n", b"")


@pytest.mark.parametrize(("encoding", "form"), [("ascii", "yaml"), ("latin-1", "json")])
def test_documents_have_same_meaning_in_every_encoding(
    calicoctl: Calicoctl, etcd: EtcdServer, encoding: str, form: str
) -> None:
    """A selector with a replaced character would match nothing, and its deny rule would have no effect."""
    rules = {"inbound_rules": [{"action": "deny", "src_selector": "ort == 'Köln 日'"}], "outbound_rules": []}
    etcd.put(RULES, json.dumps(rules))
    shown = subprocess.run(
        [sys.executable, "-m", "calicoctl", "get", "profile", "P", "-o", form],
        env={**calicoctl.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=PROCESS_SECONDS,
    )
    assert (shown.returncode, shown.stderr, shown.stdout.isascii()) == (0, b"", True)
    assert calicoctl("apply", "-f", "-", stdin=shown.stdout.decode()).stdout.endswith("Profile(P): unchanged\n")


def test_interrupt_while_reading_input(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, EMPTY)
    ours, its = os.openpty()
    process = started(calicoctl, "profile", "P", "rule", "update", stdin=its)
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == "Reading from standard input; end with Ctrl-D.\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PROCESS_SECONDS)
    finally:
        os.close(its)
        os.close(ours)
    assert (process.returncode, stdout, stderr) == (130, "", "Aborted command.\n")
    assert etcd.get(RULES) == EMPTY


def test_interrupt_while_waiting_for_etcd(calicoctl: Calicoctl, proxy: Proxy) -> None:
    proxy.since(1, never_answer)
    process = started(calicoctl, "profile", "show")
    while not proxy.requests:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PROCESS_SECONDS)
    assert (process.returncode, stdout, stderr) == (130, "", "Aborted command.\n")


INTERRUPTED_CLASS = """
class Member:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt(143)
class Owner:
    member = Member()
"""


def test_signal_during_creation_of_class(calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calicoctl.commands.profile.run", lambda *_: exec(INTERRUPTED_CLASS, {}))
    assert calicoctl("profile", "show") == Result(143, "", "Aborted command.\n")


# Unwritable streams


@pytest.mark.parametrize("command", [("version",), ("--help",), ("profile", "show"), ("profile", "P", "rule", "json")])
def test_reader_of_output_is_gone(calicoctl: Calicoctl, etcd: EtcdServer, command: tuple[str, ...]) -> None:
    etcd.put(RULES, EMPTY)
    reading, writing = os.pipe()
    os.close(reading)
    process = started(calicoctl, *command, stdout=writing)
    os.close(writing)
    _, stderr = process.communicate(timeout=PROCESS_SECONDS)
    assert (process.returncode, stderr) == (0, "")


def test_reader_of_output_stops_midway(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    rules = ", ".join(f'{{"action": "allow", "src_tag": "tag{number}"}}' for number in range(20_000))
    etcd.put(RULES, f'{{"inbound_rules": [{rules}], "outbound_rules": []}}')
    process = started(calicoctl, "profile", "P", "rule", "show")
    assert process.stdout is not None
    assert process.stdout.readline() == "Inbound rules:\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(PROCESS_SECONDS) == 0
    process.stderr.close()


def test_reader_of_errors_is_gone(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = started(calicoctl, "profile", "P", "tag", "show", stderr=writing)
    os.close(writing)
    stdout, _ = process.communicate(timeout=PROCESS_SECONDS)
    assert (process.returncode, stdout) == (1, "")


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


@needs_full
@pytest.mark.parametrize("command", [("version",), ("--help",), ("profile", "show"), ("profile", "add", "Q")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_disk_full_for_output(
    calicoctl: Calicoctl, etcd: EtcdServer, command: tuple[str, ...], unbuffered: str
) -> None:
    calicoctl.environ = {**calicoctl.environ, "PYTHONUNBUFFERED": unbuffered}
    complaint = "Cannot write to standard output: No space left on device.\n"
    assert in_shell(calicoctl, ">/dev/full", *command) == Result(1, "", complaint)


@needs_full
def test_disk_full_for_output_with_errors(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/host/h/workload/o/w/endpoint/e", "{")
    result = in_shell(calicoctl, ">/dev/full", "profile", "show", "--detailed")
    complaints = """\
Cannot read /calico/v1/host/h/workload/o/w/endpoint/e: it is not JSON.
Cannot write to standard output: No space left on device.
"""
    assert result == Result(1, "", complaints)


@needs_full
def test_disk_full_for_errors(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert in_shell(calicoctl, "2>/dev/full", "profile", "P", "tag", "show") == Result(1, "", "")
    assert in_shell(calicoctl, "2>/dev/full", "bogus") == Result(1, "", "")


def test_closed_standard_output(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    complaint = "Cannot write to standard output: it is closed.\n"
    assert in_shell(calicoctl, ">&-", "profile", "show") == Result(1, "", complaint)
    assert in_shell(calicoctl, ">&-", "version") == Result(1, "", complaint)
    assert in_shell(calicoctl, ">&-", "profile", "NONE", "tag", "show") == Result(1, "", "Profile NONE not found.\n")
    etcd.put(RULES, EMPTY)
    # It prints nothing.
    assert in_shell(calicoctl, ">&-", "profile", "P", "rule", "add", "inbound", "deny") == Result(0, "", "")
    assert etcd.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


@pytest.mark.parametrize("redirected", [">&-", pytest.param(">/dev/full", marks=needs_full)])
def test_unwritable_result_is_a_failure(redirected: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/Ready", "true")
    etcd.put("/calico/v1/policy/profile/P/tags", "[]")
    etcd.put(RULES, '{"inbound_rules": [{"action": "allow"}], "outbound_rules": [{"action": "allow"}]}')
    for number in (1, 2):
        endpoint = {"state": "active", "name": f"cali{number}", "mac": "EE:EE:EE:EE:EE:EE", "profile_ids": ["P"],
                    "ipv4_nets": [f"10.65.0.{number}/32"], "ipv6_nets": []}  # fmt: skip
        etcd.put(f"/calico/v1/host/h1/workload/o/w/endpoint/e{number}", json.dumps(endpoint))
    for arguments in (("verdict", "e1", "e2", "tcp", "80"), ("check",)):
        assert Calicoctl(calicoctl.environ, "calicoq")(*arguments).status == 0
        command = Calicoctl({}, "calicoq").command(*arguments)
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *command],
            env=calicoctl.environ, capture_output=True, encoding="utf-8", timeout=PROCESS_SECONDS,
        )  # fmt: skip
        assert (done.returncode, done.stderr[:33]) == (2, "Cannot write to standard output: "), arguments


def test_non_blocking_pipe_loses_nothing(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    tags = [f"{number}{'x' * 100}" for number in range(5000)]
    etcd.put("/calico/v1/policy/profile/P/tags", json.dumps(tags))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = started(calicoctl, "profile", "P", "tag", "show", stdout=writing)
    os.close(writing)
    with open(reading, encoding="utf-8") as stream:
        select.select([stream], [], [], PROCESS_SECONDS)
        time.sleep(0.1)  # time to fill the pipe
        assert stream.read().split() == tags
    assert (process.communicate(timeout=PROCESS_SECONDS)[1], process.returncode) == ("", 0)


def test_input_from_non_blocking_pipe_is_awaited(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, EMPTY)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process = started(calicoctl, "profile", "P", "rule", "update", stdin=reading)
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stream:
        stream.write('{"inbound_rules": [{"action": "deny"}], ')
        stream.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        stream.write('"outbound_rules": []}')
    stdout, stderr = process.communicate(timeout=PROCESS_SECONDS)
    tally = "Rules added: 1, removed: 0, kept: 0.\n"
    assert (process.returncode, stdout, stderr) == (0, "Successfully updated rules on profile P\n", tally)
    assert etcd.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


def test_all_streams_are_closed(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, EMPTY)
    closed = "<&- >&- 2>&-"
    assert in_shell(calicoctl, closed, "profile", "P", "rule", "add", "inbound", "deny") == Result(0, "", "")
    assert in_shell(calicoctl, closed, "profile", "show") == Result(1, "", "")
    assert in_shell(calicoctl, closed, "profile", "P", "rule", "update") == Result(1, "", "")
    assert etcd.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


def test_output_and_errors_keep_their_order(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/host/h/workload/o/w/endpoint/e", "{")
    result = in_shell(calicoctl, "2>&1", "profile", "show", "--detailed")
    assert (result.status, result.stderr) == (1, "")
    assert result.stdout.startswith("+------+------+-")
    assert result.stdout.endswith("-+\nCannot read /calico/v1/host/h/workload/o/w/endpoint/e: it is not JSON.\n")


# Endless input and lack of memory


def in_600_mb(calicoctl: Calicoctl, *arguments: str) -> Result:
    """Run with an endless standard input and 600 MB of memory."""
    limit = 600 * 2**20
    with open("/dev/zero", "rb") as zeros:
        done = subprocess.run(
            [sys.executable, "-m", "calicoctl", *arguments],
            env=calicoctl.environ, stdin=zeros, capture_output=True, encoding="utf-8", timeout=PROCESS_SECONDS,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_endless_input(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, EMPTY)
    stdin = "Cannot read standard input: it has more than 64 MB.\n"
    assert in_600_mb(calicoctl, "profile", "P", "rule", "update") == Result(1, "", stdin)
    assert in_600_mb(calicoctl, "apply", "-f", "-") == Result(1, "", stdin)
    assert in_600_mb(calicoctl, "diff", "-f", "-") == Result(2, "", stdin)
    file = "Failed to execute command: read /dev/zero: it has more than 64 MB\n"
    assert in_600_mb(calicoctl, "apply", "-f", "/dev/zero") == Result(1, "", file)
    assert etcd.get(RULES) == EMPTY


def test_input_of_64_megabytes_is_accepted(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, EMPTY)
    rules = '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'
    assert calicoctl("profile", "P", "rule", "update", stdin=rules.ljust(64 * 2**20)).status == 0
    stdin = "Cannot read standard input: it has more than 64 MB.\n"
    assert calicoctl("profile", "P", "rule", "update", stdin=rules.ljust(64 * 2**20 + 1)) == Result(1, "", stdin)


def test_too_little_memory(calicoctl: Calicoctl, tmp_path: Path) -> None:
    file = tmp_path / "many.json"
    file.write_text("[" + "[]," * 15_000_000 + "[]]")
    complaint = "There is not enough memory for this.\n"
    assert in_600_mb(calicoctl, "validate", "-f", str(file)) == Result(1, "", complaint)


@needs_full
def test_remarks_are_shown_if_output_cannot_be_written(calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(arguments: object, environment: Environment) -> int:
        environment.client().remark("A remark.")
        environment.say("An answer.")
        return 0

    monkeypatch.setattr("calicoctl.commands.profile.run", run)
    with open("/dev/full", "w") as full:
        stderr = io.StringIO()
        assert cli.run(["profile", "show"], calicoctl.environ, None, full, stderr) == 1
        assert stderr.getvalue() == "A remark.\nCannot write to standard output: No space left on device.\n"
        with contextlib.suppress(OSError):
            full.close()
