"""The process: dispatch, streams, exit statuses, signals, and what is said when something goes wrong."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import platform
import re
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calicoctl import __version__, cli
from calicoctl.environment import Environment
from calicoctl.errors import CommandError
from calicoctl.usage import profile
from calicoctl.usage.table import COMMANDS, OVERVIEW
from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, answer, never_answer

HELP = OVERVIEW
PROFILE_HELP = profile.USAGE.strip("\n") + "\n"
PROFILE_USAGE = PROFILE_HELP.split("\n\n")[0] + "\n"
USAGE_LINE = "Usage: calicoctl <command> [<args>...]\n"
RULES = "/calico/v1/policy/profile/P/rules"
EMPTY = '{"inbound_rules": [], "outbound_rules": []}'

# Every variable that leads to etcd, each with a value that cannot be used.
BROKEN = {
    "ETCD_ENDPOINTS": "nonsense",
    "ETCD_AUTHORITY": "nonsense",
    "ETCD_SCHEME": "nonsense",
    "ETCD_CA_CERT_FILE": "/none",
    "ETCD_CERT_FILE": "/none",
    "ETCD_KEY_FILE": "",
    "CALICOCTL_CONNECT_TIMEOUT": "nonsense",
    "CALICOCTL_READ_TIMEOUT": "nonsense",
}


def usage_of_profile(words: str) -> str:
    """What a usage error shows: the usage lines that begin with these words, and how to see the others."""
    _, *entries = re.split(r"^(?=  calicoctl)", PROFILE_USAGE, flags=re.MULTILINE)
    shown = [entry for entry in entries if entry.startswith(f"  calicoctl profile {words}")]
    return f"Usage:\n{''.join(shown)}See 'calicoctl profile --help' for the rest.\n"


def started(calicoctl: Calicoctl, *arguments: str, **streams: int) -> subprocess.Popen[str]:
    """Start a process of its own; standard streams that are not given are pipes."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "calicoctl", *arguments]
    process: subprocess.Popen[str] = subprocess.Popen(
        command,
        env=calicoctl.environ,
        encoding="utf-8",
        **{**pipes, **streams},  # type: ignore[call-overload]
    )
    return process


def in_shell(calicoctl: Calicoctl, redirected: str, *arguments: str) -> Result:
    """Run with redirections in the shell's words, such as `>&-`."""
    script = f'exec "$0" -m calicoctl "$@" {redirected}'
    done = subprocess.run(
        ["/bin/sh", "-c", script, sys.executable, *arguments],
        env=calicoctl.environ,
        input="",
        capture_output=True,
        encoding="utf-8",
        timeout=PROCESS_SECONDS,
    )
    return Result(done.returncode, done.stdout, done.stderr)


# Help


def test_the_help_lists_every_command() -> None:
    assert re.findall(r"^    (\S+)", HELP, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",), ("-h", "profile", "show"), ("--help", "bogus")])
def test_help(calicoctl: Calicoctl, arguments: tuple[str, ...]) -> None:
    assert calicoctl(*arguments) == Result(0, HELP, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(calicoctl: Calicoctl, command: str) -> None:
    result = calicoctl(command, "--help")
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage:\n  calicoctl {command}")
    assert calicoctl(command, "-h") == result


@pytest.mark.parametrize("arguments", [("show", "--help"), ("--help", "a/b", "x"), ("P", "rule", "-h")])
def test_help_anywhere_among_the_arguments(calicoctl: Calicoctl, arguments: tuple[str, ...]) -> None:
    assert calicoctl("profile", *arguments) == Result(0, PROFILE_HELP, "")


def test_version(calicoctl: Calicoctl) -> None:
    assert calicoctl("version") == Result(0, f"{__version__}\n", "")
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", __version__)


def test_version_as_an_option(calicoctl: Calicoctl) -> None:
    result = calicoctl("--version", env=BROKEN)
    lines = result.stdout.splitlines()
    assert (result.status, result.stderr) == (0, "")
    assert lines[:2] == [__version__, f"Python {platform.python_version()}"]
    assert f"docopt {importlib.metadata.version('docopt')}" in lines
    assert lines[-1].startswith("etcd: Invalid ")
    assert calicoctl("--version", "x").status == 1
    assert calicoctl("version", "--client") == calicoctl("version")


def test_version_of_etcd(calicoctl: Calicoctl, proxy: Proxy) -> None:
    url = f"http://{proxy.authority}"
    calicoctl.environ = {**calicoctl.environ, "ETCD_AUTHORITY": proxy.authority}
    last = calicoctl("--version").stdout.splitlines()[-1]
    assert re.fullmatch(rf"etcd [0-9]+\.[0-9]+\.[0-9]+ at {re.escape(url)}", last)
    proxy.since(len(proxy.requests) + 1, answer("200 OK", "[1]"))
    assert calicoctl("--version").stdout.splitlines()[-1] == f"etcd: no answer from {url} within 1 s"


def test_the_command_help(calicoctl: Calicoctl) -> None:
    assert calicoctl("help", env=BROKEN) == Result(0, HELP, "")
    for name in COMMANDS:
        assert calicoctl("help", name, env=BROKEN) == calicoctl(name, "--help")
    said = "Unknown command: 'prfile'. Did you mean 'profile'?\nSee 'calicoctl --help' for the commands.\n"
    assert calicoctl("help", "prfile") == Result(1, "", said)


def test_the_help_of_container_is_legacys(calicoctl: Calicoctl) -> None:
    assert calicoctl("container", "--help").stdout == """\
Usage:
  calicoctl container <CONTAINER> ip (add|remove) <IP> [--interface=<INTERFACE>]
  calicoctl container <CONTAINER> endpoint show
  calicoctl container <CONTAINER> profile (append|remove|set) [<PROFILES>...]
  calicoctl container add <CONTAINER> <IP> [--interface=<INTERFACE>]
  calicoctl container remove <CONTAINER>

Description:
  Add or remove containers to Calico networking, manage their IP addresses and profiles.
  All these commands must be run on the host that contains the container.

Options:
  <IP>                     The IP address desired. If "ipv4", "ipv6", or a CIDR
                           is given, then Calico will attempt to automatically
                           assign an available IPv4 address, IPv6 address, or
                           IP from any Pool matching the provided CIDR,
                           respectively. NOTE: When a CIDR is passed, it must
                           exactly match an existing Calico pool.
  --interface=<INTERFACE>  The name to give to the interface in the container
                           [default: eth1]
"""


def test_legacys_commands_come_first_in_its_words_and_order() -> None:
    legacy = """\
    node              Configure the main calico/node container and establish Calico networking
    container         Configure containers and their addresses
    profile           Configure endpoint profiles
    endpoint          Configure the endpoints assigned to existing containers
    pool              Configure ip-pools
    bgp               Configure global bgp
    ipam              Configure IP address management
    version           Display the version of calicoctl
    config            Configure low-level component configuration
"""
    assert HELP.startswith(f"""\
Override the host:port of the ETCD server by setting the environment variable:
ETCD_ENDPOINTS [example: http://1.2.3.4:2379,http://1.2.3.5:2379]
or, if ETCD_ENDPOINTS is left unset:
ETCD_AUTHORITY [default: 127.0.0.1:2379]

Usage: calicoctl <command> [<args>...]

{legacy}""")
    assert HELP.endswith("\n\nSee 'calicoctl <command> --help' to read about a specific subcommand.\n")


def test_help_and_version_need_nothing(calicoctl: Calicoctl, proxy: Proxy) -> None:
    assert calicoctl(env=BROKEN) == Result(0, HELP, "")
    assert calicoctl("--help", env=BROKEN) == Result(0, HELP, "")
    assert calicoctl("profile", "--help", env=BROKEN) == Result(0, PROFILE_HELP, "")
    assert calicoctl("version", env=BROKEN) == Result(0, f"{__version__}\n", "")
    assert proxy.requests == []


def test_a_broken_environment_is_complained_of_by_a_command_that_needs_it(calicoctl: Calicoctl) -> None:
    complaint = """\
Invalid ETCD_ENDPOINTS. It must take the form'ENDPOINT[,ENDPOINT][,...]' where
ENDPOINT:='http[s]://ADDRESS:PORT'. Value provided is 'nonsense'

"""
    assert calicoctl("profile", "show", env=BROKEN) == Result(1, "", complaint)


# Usage errors


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("prof", "profile"),
        ("profiles", "profile"),
        ("Profile", "profile"),
        ("vresion", "version"),
        ("delte", "delete"),
        ("remplace", "replace"),
        ("cont", "context"),
        ("contai", "container"),
        ("HELP", "help"),
        ("hlep", "help"),
    ],
)
def test_unknown_commands(calicoctl: Calicoctl, name: str, nearest: str) -> None:
    said = f"Unknown command: '{name}'. Did you mean '{nearest}'?\nSee 'calicoctl --help' for the commands.\n"
    assert calicoctl(name, "show") == Result(1, "", said)


UNLIKE = ["utils", "remove", "rm", "xyz", "e", "status", "diags", "list", "rule"]


@pytest.mark.parametrize("name", ["", "-", "é", "\x1b[2J\udcff", *UNLIKE])
def test_nothing_is_offered_for_a_word_unlike_every_command(calicoctl: Calicoctl, name: str) -> None:
    shown = name.replace("\x1b", "\\x1b").replace("\udcff", "\\udcff")  # the terminal is not reached raw
    said = f"Unknown command: '{shown}'.\nSee 'calicoctl --help' for the commands.\n"
    assert calicoctl(name) == Result(1, "", said)


@pytest.mark.parametrize(
    "arguments", [("--bogus", "profile"), ("-x", "profile", "show"), ("--at=1", "profile")]
)
def test_options_before_the_command(calicoctl: Calicoctl, arguments: tuple[str, ...]) -> None:
    option = next(word for word in arguments if word.startswith("-"))
    assert calicoctl(*arguments) == Result(1, "", f"unknown option '{option}'\n{USAGE_LINE}")


@pytest.mark.parametrize(
    ("arguments", "lines", "problem"),
    [
        ((), "*", "expected 'show', 'add', 'remove' or <PROFILE> after 'profile'"),
        (("bogus",), "<PROFILE>", "expected 'tag' or 'rule' after 'bogus'"),
        (("show", "x"), "show", "unexpected 'x' after 'show'"),
        (("add",), "add", "expected <PROFILE> after 'add'"),
        (("add", "a", "b"), "add", "unexpected 'b' after 'a'"),
        (("add", "-web"), "add", "unknown option '-web'"),
        (("add", "--", "-web"), "add", "unexpected '-web' after '--'"),
        (("P", "rule", "add", "inbound"), "<PROFILE> rule add", "expected 'allow' or 'deny' after 'inbound'"),
        (
            ("P", "rule", "add", "inbound", "allow", "tcp", "to", "tag", "T", "ports", "80"),
            "<PROFILE> rule add",
            "'ports' must stand before 'tag'",
        ),
        (
            ("P", "rule", "add", "inbound", "allow", "icmp", "type", "-1"),
            "<PROFILE> rule add",
            "unknown option '-1'",
        ),
        (
            ("P", "rule", "remove", "inbound", "--at=1", "deny"),
            "<PROFILE> rule remove",
            "'deny' cannot be given with --at",
        ),
        (("show", "--no-check"), "show", "--no-check cannot be given with 'profile show'"),
        (("P", "rule", "add", "inbound", "deny", "--at"), "<PROFILE> rule add", "--at requires argument"),
        (("show", "--detailed=yes"), "show", "--detailed must not have an argument"),
    ],
)
def test_usage_errors(
    calicoctl: Calicoctl, proxy: Proxy, arguments: tuple[str, ...], lines: str, problem: str
) -> None:
    shown = PROFILE_USAGE if lines == "*" else usage_of_profile(lines)
    assert calicoctl("profile", *arguments) == Result(1, "", f"{problem}\n{shown}")
    assert proxy.requests == []


def test_options_may_be_abbreviated(calicoctl: Calicoctl, proxy: Proxy) -> None:
    assert calicoctl("profile", "--det", "show").status == 0
    assert len(proxy.requests) == 2


# A process


def test_a_process_of_its_own(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl.process("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert calicoctl.process("profile", "P", "rule", "update", stdin=EMPTY) == Result(
        0, "Successfully updated rules on profile P\n", "Rules added: 0, removed: 2, kept: 0.\n"
    )
    assert etcd.get(RULES) == EMPTY
    assert calicoctl.process("profile", "bogus") == Result(
        1, "", f"expected 'tag' or 'rule' after 'bogus'\n{usage_of_profile('<PROFILE>')}"
    )
    assert calicoctl.process() == Result(0, HELP, "")


def test_output_in_another_encoding(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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
def test_documents_mean_the_same_in_every_encoding(
    calicoctl: Calicoctl, etcd: EtcdServer, encoding: str, form: str
) -> None:
    """A selector that is written with another character matches nobody, and a deny with it denies nothing."""
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


def test_an_interrupt_while_it_waits_for_input(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


def test_an_interrupt_while_it_waits_for_etcd(calicoctl: Calicoctl, proxy: Proxy) -> None:
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


def test_a_signal_while_a_class_is_made(calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calicoctl.commands.profile.run", lambda *_: exec(INTERRUPTED_CLASS, {}))
    assert calicoctl("profile", "show") == Result(143, "", "Aborted command.\n")


# Streams that cannot be written


@pytest.mark.parametrize("command", [("version",), ("--help",), ("profile", "show"), ("profile", "P", "rule", "json")])
def test_nobody_reads_the_answer(calicoctl: Calicoctl, etcd: EtcdServer, command: tuple[str, ...]) -> None:
    etcd.put(RULES, EMPTY)
    reading, writing = os.pipe()
    os.close(reading)
    process = started(calicoctl, *command, stdout=writing)
    os.close(writing)
    _, stderr = process.communicate(timeout=PROCESS_SECONDS)
    assert (process.returncode, stderr) == (0, "")


def test_nobody_reads_on(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


def test_nobody_reads_the_complaint(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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
def test_a_full_disk_under_the_answer(
    calicoctl: Calicoctl, etcd: EtcdServer, command: tuple[str, ...], unbuffered: str
) -> None:
    calicoctl.environ = {**calicoctl.environ, "PYTHONUNBUFFERED": unbuffered}
    complaint = "Cannot write to standard output: No space left on device.\n"
    assert in_shell(calicoctl, ">/dev/full", *command) == Result(1, "", complaint)


@needs_full
def test_a_full_disk_under_an_answer_with_complaints(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/host/h/workload/o/w/endpoint/e", "{")
    result = in_shell(calicoctl, ">/dev/full", "profile", "show", "--detailed")
    complaints = """\
Cannot read /calico/v1/host/h/workload/o/w/endpoint/e: it is not JSON.
Cannot write to standard output: No space left on device.
"""
    assert result == Result(1, "", complaints)


@needs_full
def test_a_full_disk_under_the_complaint(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert in_shell(calicoctl, "2>/dev/full", "profile", "P", "tag", "show") == Result(1, "", "")
    assert in_shell(calicoctl, "2>/dev/full", "bogus") == Result(1, "", "")


def test_a_closed_standard_output(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    complaint = "Cannot write to standard output: it is closed.\n"
    assert in_shell(calicoctl, ">&-", "profile", "show") == Result(1, "", complaint)
    assert in_shell(calicoctl, ">&-", "version") == Result(1, "", complaint)
    assert in_shell(calicoctl, ">&-", "profile", "NONE", "tag", "show") == Result(1, "", "Profile NONE not found.\n")
    etcd.put(RULES, EMPTY)
    # It has no answer.
    assert in_shell(calicoctl, ">&-", "profile", "P", "rule", "add", "inbound", "deny") == Result(0, "", "")
    assert etcd.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


@pytest.mark.parametrize("redirected", [">&-", pytest.param(">/dev/full", marks=needs_full)])
def test_an_answer_that_cannot_be_written_is_not_one_of_the_answers(
    redirected: str, calicoctl: Calicoctl, etcd: EtcdServer
) -> None:
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


def test_pipes_that_do_not_block_lose_nothing(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    tags = [f"{number}{'x' * 100}" for number in range(5000)]
    etcd.put("/calico/v1/policy/profile/P/tags", json.dumps(tags))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = started(calicoctl, "profile", "P", "tag", "show", stdout=writing)
    os.close(writing)
    with open(reading, encoding="utf-8") as stream:
        select.select([stream], [], [], PROCESS_SECONDS)
        time.sleep(0.1)  # it fills the pipe
        assert stream.read().split() == tags
    assert (process.communicate(timeout=PROCESS_SECONDS)[1], process.returncode) == ("", 0)


def test_input_from_a_pipe_that_does_not_block_is_awaited(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


def test_all_streams_closed(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, EMPTY)
    closed = "<&- >&- 2>&-"
    assert in_shell(calicoctl, closed, "profile", "P", "rule", "add", "inbound", "deny") == Result(0, "", "")
    assert in_shell(calicoctl, closed, "profile", "show") == Result(1, "", "")
    assert in_shell(calicoctl, closed, "profile", "P", "rule", "update") == Result(1, "", "")
    assert etcd.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


def test_answers_and_complaints_keep_their_order(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/host/h/workload/o/w/endpoint/e", "{")
    result = in_shell(calicoctl, "2>&1", "profile", "show", "--detailed")
    assert (result.status, result.stderr) == (1, "")
    assert result.stdout.startswith("+------+------+-")
    assert result.stdout.endswith("-+\nCannot read /calico/v1/host/h/workload/o/w/endpoint/e: it is not JSON.\n")


# Input and memory without end


def in_600_mb(calicoctl: Calicoctl, *arguments: str) -> Result:
    """Run with an endless standard input in so little memory."""
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


def test_input_of_64_megabytes_is_read(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


# Remarks


@pytest.mark.parametrize(
    ("end", "status", "message"),
    [
        (CommandError("Failed.", 3), 3, "Failed."),
        (KeyboardInterrupt(143), 143, "Aborted command."),
        (MemoryError(), 1, "There is not enough memory for this."),
        (LookupError("x"), 1,
         "Internal error: LookupError: x. This is a bug in calicoctl; set CALICOCTL_DEBUG=1 to see where."),
    ],
)  # fmt: skip
def test_remarks_come_before_what_ends_a_command(
    end: BaseException, status: int, message: str, calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(arguments: object, environment: Environment) -> int:
        environment.say("An answer.")
        environment.client().remark("A remark.")
        raise end

    monkeypatch.setattr("calicoctl.commands.profile.run", run)
    assert calicoctl("profile", "show") == Result(status, "An answer.\n", f"A remark.\n{message}\n")


@needs_full
def test_remarks_where_the_answer_cannot_be_written(calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
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


# Defects of our own


def fail(*_: object) -> int:
    raise LookupError("of all things\n")


def test_a_defect_is_one_line(calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calicoctl.commands.profile.run", fail)
    complaint = (
        "Internal error: LookupError: of all things. This is a bug in calicoctl; set CALICOCTL_DEBUG=1 to see where.\n"
    )
    assert calicoctl("profile", "show") == Result(1, "", complaint)


def test_the_rest_of_a_defect(calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calicoctl.commands.profile.run", fail)
    result = calicoctl("profile", "show", env={"CALICOCTL_DEBUG": "1"})
    assert (result.status, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert '    raise LookupError("of all things\\n")' in lines
    assert lines[-1] == "LookupError: of all things"


def test_debugging_does_not_change_the_errors_of_users(calicoctl: Calicoctl) -> None:
    result = calicoctl("profile", "P", "tag", "show", env={"CALICOCTL_DEBUG": "1"})
    request, complaint = result.stderr.splitlines()
    assert (result.status, result.stdout, complaint) == (1, "", "Profile P not found.")
    assert request.startswith("etcd: GET /calico/v1/policy/profile/P at http://")
