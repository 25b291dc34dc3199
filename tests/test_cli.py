"""Dispatch, help, usage errors, remarks and internal errors."""

from __future__ import annotations

import importlib.metadata
import platform
import re

import pytest

from calicoctl import __version__
from calicoctl.environment import Environment
from calicoctl.errors import CommandError
from calicoctl.usage import profile
from calicoctl.usage.table import COMMANDS, OVERVIEW
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.processes import EMPTY, RULES
from tests.proxy import Proxy, answer, never_answer

HELP = OVERVIEW
PROFILE_HELP = profile.USAGE.strip("\n") + "\n"
PROFILE_USAGE = PROFILE_HELP.split("\n\n")[0] + "\n"
USAGE_LINE = "Usage: calicoctl <command> [<args>...]\n"

# Every variable that locates etcd, each with an invalid value.
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
    """Return the text of a usage error: the usage lines that begin with these words, and where to find the others."""
    _, *entries = re.split(r"^(?=  calicoctl)", PROFILE_USAGE, flags=re.MULTILINE)
    shown = [entry for entry in entries if entry.startswith(f"  calicoctl profile {words}")]
    return f"Usage:\n{''.join(shown)}See 'calicoctl profile --help' for the rest.\n"


# Help


def test_help_lists_every_command() -> None:
    assert re.findall(r"^    (\S+)", HELP, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",), ("-h", "profile", "show"), ("--help", "bogus")])
def test_help(calicoctl: Calicoctl, arguments: tuple[str, ...]) -> None:
    assert calicoctl(*arguments) == Result(0, HELP, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_command(calicoctl: Calicoctl, command: str) -> None:
    result = calicoctl(command, "--help")
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage:\n  calicoctl {command}")
    assert calicoctl(command, "-h") == result


@pytest.mark.parametrize("arguments", [("show", "--help"), ("--help", "a/b", "x"), ("P", "rule", "-h")])
def test_help_anywhere_in_arguments(calicoctl: Calicoctl, arguments: tuple[str, ...]) -> None:
    assert calicoctl("profile", *arguments) == Result(0, PROFILE_HELP, "")


def test_version(calicoctl: Calicoctl) -> None:
    assert calicoctl("version") == Result(0, f"{__version__}\n", "")
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", __version__)


def test_version_option(calicoctl: Calicoctl) -> None:
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
    assert calicoctl("--version").stdout.splitlines()[-1] == f"etcd: what answers at {url} is not etcd"
    refused = calicoctl("--version", env={"ETCD_AUTHORITY": "127.0.0.1:1"}).stdout.splitlines()[-1]
    assert refused.startswith("etcd: Error accessing etcd at http://127.0.0.1:1 ")
    proxy.since(len(proxy.requests) + 1, never_answer)
    assert calicoctl("--version").stdout.splitlines()[-1] == f"etcd: no answer from {url} within 1 s"


def test_help_command(calicoctl: Calicoctl) -> None:
    assert calicoctl("help", env=BROKEN) == Result(0, HELP, "")
    for name in COMMANDS:
        assert calicoctl("help", name, env=BROKEN) == calicoctl(name, "--help")
    said = "Unknown command: 'prfile'. Did you mean 'profile'?\nSee 'calicoctl --help' for the commands.\n"
    assert calicoctl("help", "prfile") == Result(1, "", said)


def test_container_help_is_that_of_legacy(calicoctl: Calicoctl) -> None:
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


def test_legacy_commands_come_first_with_same_text_and_order() -> None:
    legacy = """\
    status            Print current status information
    node              Configure the main calico/node container and establish Calico networking
    container         Configure containers and their addresses
    profile           Configure endpoint profiles
    endpoint          Configure the endpoints assigned to existing containers
    pool              Configure ip-pools
    bgp               Configure global bgp
    ipam              Configure IP address management
    checksystem       Check for incompatibilities on the host system
    diags             Save diagnostic information
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


def test_help_and_version_need_no_configuration(calicoctl: Calicoctl, proxy: Proxy) -> None:
    assert calicoctl(env=BROKEN) == Result(0, HELP, "")
    assert calicoctl("--help", env=BROKEN) == Result(0, HELP, "")
    assert calicoctl("profile", "--help", env=BROKEN) == Result(0, PROFILE_HELP, "")
    assert calicoctl("version", env=BROKEN) == Result(0, f"{__version__}\n", "")
    assert proxy.requests == []


def test_invalid_configuration_is_reported_by_commands_that_need_it(calicoctl: Calicoctl) -> None:
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
        ("contai", "container"),
        ("HELP", "help"),
        ("hlep", "help"),
        ("statsu", "status"),
        ("stat", "status"),
        ("diag", "diags"),
        ("check-system", "checksystem"),
        ("gte", "get"),
        ("ippool", "pool"),
    ],
)
def test_unknown_commands(calicoctl: Calicoctl, name: str, nearest: str) -> None:
    said = f"Unknown command: '{name}'. Did you mean '{nearest}'?\nSee 'calicoctl --help' for the commands.\n"
    assert calicoctl(name, "show") == Result(1, "", said)


def test_two_commands_are_offered_for_what_both_begin_with(calicoctl: Calicoctl) -> None:
    said = "Unknown command: 'cont'. Did you mean 'container' or 'context'?\nSee 'calicoctl --help' for the commands.\n"
    assert calicoctl("cont") == Result(1, "", said)


UNLIKE = ["utils", "remove", "rm", "xyz", "e", "list", "rule", "start", "stop", "state",
          "restart", "exit", "policy", "update", "log", "host", "set"]  # fmt: skip


@pytest.mark.parametrize("name", ["", "-", "é", "\x1b[2J\udcff", *UNLIKE])
def test_no_suggestion_for_unrelated_word(calicoctl: Calicoctl, name: str) -> None:
    shown = name.replace("\x1b", "\\x1b").replace("\udcff", "\\udcff")  # control characters are escaped
    said = f"Unknown command: '{shown}'.\nSee 'calicoctl --help' for the commands.\n"
    assert calicoctl(name) == Result(1, "", said)


@pytest.mark.parametrize(
    "arguments", [("--bogus", "profile"), ("-x", "profile", "show"), ("--at=1", "profile")]
)
def test_unknown_options_before_command(calicoctl: Calicoctl, arguments: tuple[str, ...]) -> None:
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
def test_usage_errors(calicoctl: Calicoctl, proxy: Proxy, arguments: tuple[str, ...], lines: str, problem: str) -> None:
    shown = PROFILE_USAGE if lines == "*" else usage_of_profile(lines)
    assert calicoctl("profile", *arguments) == Result(1, "", f"{problem}\n{shown}")
    assert proxy.requests == []


def test_options_can_be_abbreviated(calicoctl: Calicoctl, proxy: Proxy) -> None:
    assert calicoctl("profile", "--det", "show").status == 0
    assert len(proxy.requests) == 2


# Separate processes


def test_separate_process(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl.process("profile", "add", "P") == Result(0, "Created profile P\n", "")
    assert calicoctl.process("profile", "P", "rule", "update", stdin=EMPTY) == Result(
        0, "Successfully updated rules on profile P\n", "Rules added: 0, removed: 2, kept: 0.\n"
    )
    assert etcd.get(RULES) == EMPTY
    assert calicoctl.process("profile", "bogus") == Result(
        1, "", f"expected 'tag' or 'rule' after 'bogus'\n{usage_of_profile('<PROFILE>')}"
    )
    assert calicoctl.process() == Result(0, HELP, "")


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
def test_remarks_come_before_final_message(
    end: BaseException, status: int, message: str, calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(arguments: object, environment: Environment) -> int:
        environment.say("An answer.")
        environment.client().remark("A remark.")
        raise end

    monkeypatch.setattr("calicoctl.commands.profile.run", run)
    assert calicoctl("profile", "show") == Result(status, "An answer.\n", f"A remark.\n{message}\n")


# Internal errors


def fail(*_: object) -> int:
    raise LookupError("of all things\n")


def test_internal_error_is_one_line(calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calicoctl.commands.profile.run", fail)
    complaint = (
        "Internal error: LookupError: of all things. This is a bug in calicoctl; set CALICOCTL_DEBUG=1 to see where.\n"
    )
    assert calicoctl("profile", "show") == Result(1, "", complaint)


def test_debug_shows_traceback_of_internal_error(calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calicoctl.commands.profile.run", fail)
    result = calicoctl("profile", "show", env={"CALICOCTL_DEBUG": "1"})
    assert (result.status, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert '    raise LookupError("of all things\\n")' in lines
    assert lines[-1] == "LookupError: of all things"


def test_debug_does_not_change_other_errors(calicoctl: Calicoctl) -> None:
    result = calicoctl("profile", "P", "tag", "show", env={"CALICOCTL_DEBUG": "1"})
    request, complaint = result.stderr.splitlines()
    assert (result.status, result.stdout, complaint) == (1, "", "Profile P not found.")
    assert request.startswith("etcd: GET /calico/v1/policy/profile/P at http://")
