"""The program calicoq: its grammar, exit statuses and errors."""

from __future__ import annotations

import re

import pytest

from calicoctl import __version__
from calicoctl.calicoq.cli import COMMANDS, USAGE
from tests.calicoq.conftest import Calicoq, Store

USAGE_SECTION = "Usage:\n" + USAGE.partition("Usage:\n")[2].partition("\n\n")[0] + "\n"
OF_COMMANDS = (
    "'endpoint', 'host', 'policy', 'eval', 'verdict', 'reach', 'explain', 'diff', 'check', 'lint', 'test', 'snapshot', "
    "'explain-code', 'version'"
)
UNREACHABLE = {"ETCD_AUTHORITY": "127.0.0.1:1"}


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("endpoint", "--help"), ("verdict", "-h", "x")])
def test_help(calicoq: Calicoq, arguments: tuple[str, ...]) -> None:
    assert calicoq(*arguments, env={"ETCD_AUTHORITY": "nonsense"}) == (0, USAGE.strip("\n") + "\n", "")


def test_the_command_help(calicoq: Calicoq) -> None:
    assert calicoq("help", env=UNREACHABLE) == calicoq("--help")
    help_of_check = calicoq("help", "check", env=UNREACHABLE)
    assert (help_of_check.status, help_of_check.stderr) == (0, "")
    common = "[--felix=<version>] [--snapshot=<file>] [--with=<file>]... [--output=<format>] [--debug]"
    assert help_of_check.stdout.startswith(
        f"Usage:\n  calicoq check [--all] [--errors-only] {common}\n\n"
        "  check        All in the datastore that Felix drops"
    )
    assert "--output=<format>" in help_of_check.stdout
    assert "verdict <from>" not in help_of_check.stdout
    said = "Unknown command: 'chek'. Did you mean 'check'?\nSee 'calicoq --help' for the commands.\n"
    assert calicoq("help", "chek") == (1, "", said)


def test_every_command_is_described() -> None:
    for command in COMMANDS:
        assert f"\n  {command} " in USAGE


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_version(calicoq: Calicoq, argument: str) -> None:
    assert calicoq(argument, env=UNREACHABLE) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        ((), 1, f"expected {OF_COMMANDS}, 'help' or --version"),
        (("nosuch",), 1, f"unexpected 'nosuch'; expected {OF_COMMANDS} or 'help'"),
        (("endpont", "a"), 1, "unexpected 'endpont'; did you mean 'endpoint'?"),
        (("endpoint",), 1, "expected <substring> after 'endpoint'"),
        (("endpoint", "a", "b"), 1, "unexpected 'b' after 'a'"),
        (("endpoint", "a", "--nosuch"), 1, "unknown option '--nosuch'"),
        (("endpoint", "a", "-r", "-r"), 1, "--hide-rule-matches is given more than once"),
        (("eval", "all()", "-s"), 1, "--hide-selectors cannot be given with 'eval all()'"),
        (("verdict",), 2, "expected <from> after 'verdict'"),
        (("verdict", "a"), 2, "expected <to> after 'a'"),
        (("verdict", "a", "b", "tcp", "1", "2"), 2, "unexpected '2' after '1'"),
        (("-o", "json", "check", "x"), 2, "unexpected 'x' after 'check'"),
        (("check", "--ouput=json"), 2, "unknown option '--ouput=json'; did you mean '--output'?"),
    ],
)
def test_usage_errors(calicoq: Calicoq, arguments: tuple[str, ...], status: int, problem: str) -> None:
    named = [word for word in arguments if word in COMMANDS]
    shown = USAGE_SECTION
    if named:
        line = re.search(rf"^  calicoq {named[0]}.*\n", USAGE_SECTION, re.MULTILINE)
        assert line is not None
        shown = f"Usage:\n{line[0]}See 'calicoq --help' for the rest.\n"
    assert calicoq(*arguments) == (status, "", f"{problem}\n{shown}")


def test_an_ambiguous_prefix(calicoq: Calicoq) -> None:
    result = calicoq("endpoint", "a", "--hide")
    assert result.status == 1
    assert result.stderr.startswith("--hide is not a unique prefix: --hide-rule-matches, --hide-selectors?\n")


@pytest.mark.parametrize(("command", "status"), [(("endpoint", "x"), 1), (("check",), 2), (("verdict", "a", "b"), 2)])
def test_an_output_format_that_is_none(calicoq: Calicoq, command: tuple[str, ...], status: int) -> None:
    formats = "json, yaml, csv, md, or ps" if command == ("check",) else "json, yaml, or ps"
    message = f'Output Format: "xml" is not valid. Output Format must be one of {formats}.\n'
    assert calicoq(*command, "-o", "xml") == (status, "", message)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("endpoint", ""), 1), (("host", "h"), 1), (("policy", "p"), 1), (("eval", "all()"), 1),
        (("verdict", "a", "b"), 2), (("check",), 2),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("env", "message"),
    [
        (UNREACHABLE, "Error accessing etcd at http://127.0.0.1:1 "),
        ({"ETCD_AUTHORITY": "nonsense"}, "Invalid ETCD_AUTHORITY."),
    ],
)
def test_no_datastore(
    calicoq: Calicoq, command: tuple[str, ...], status: int, env: dict[str, str], message: str
) -> None:
    result = calicoq(*command, env=env)
    assert (result.status, result.stdout) == (status, "")
    assert result.stderr.startswith(message)


def test_debug_tells_what_was_read(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/k8s/w/e")
    read = "Read /calico/v1: 1 endpoints, 0 policies, 1 tiers with metadata, 0 profiles.\n"
    for option in ("-d", "--debug"):
        for command in (("endpoint", "w"), ("check",)):
            request, told, *further = calicoq(*command, option).stderr.splitlines(keepends=True)
            assert request.startswith("etcd: GET /calico/v1?recursive=true at http://")
            assert told == read
            bgp = ["etcd: GET /calico/bgp/v1"] if command == ("check",) else []
            assert [line.partition("?")[0] for line in further] == bgp


@pytest.mark.parametrize(("command", "status"), [(("endpoint", ""), 1), (("check",), 2)])
def test_a_defect_is_told_in_one_line(
    store: Store, calicoq: Calicoq, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], status: int
) -> None:
    def defect(*_: object) -> None:
        raise RuntimeError("oh")

    monkeypatch.setattr("calicoctl.datastore.snapshot.Snapshot.read", defect)
    result = calicoq(*command)
    assert (result.status, result.stdout) == (status, "")
    assert result.stderr.startswith("Internal error: RuntimeError: oh.")
    assert result.stderr.count("\n") == 1


def test_one_read(store: Store, calicoq: Calicoq, monkeypatch: pytest.MonkeyPatch) -> None:
    from calicoctl.etcd.client import Client

    reads = []
    get = Client.get

    def counted(self: Client, key: str, recursive: bool = False, quorum: bool = False) -> object:
        reads.append(key)
        return get(self, key, recursive, quorum)

    monkeypatch.setattr(Client, "get", counted)
    store.workload("h/k8s/w/e", ipv4_nets=["10.0.0.1/32"])
    store.policy("p")
    for command in (
        ("endpoint", ""),
        ("host", "h"),
        ("policy", "p"),
        ("eval", "all()"),
        ("check",),
        ("verdict", "h", "h"),
    ):
        reads.clear()
        calicoq(*command)
        assert reads == (["/calico/v1", "/calico/bgp/v1"] if command == ("check",) else ["/calico/v1"]), command


def test_nothing_that_a_command_does_not_need_is_imported(calicoq: Calicoq) -> None:
    import subprocess
    import sys

    program = (
        "import sys\n"
        "from calicoctl.calicoq.cli import run\n"
        "run(['version'], {}, None, sys.stdout, sys.stderr)\n"
        "heavy = {'etcd', 'urllib3', 'yaml', 'netaddr', 'calicoctl.felix.walk', 'typing'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=calicoq.environ)
    assert done.stdout.splitlines()[1:] == ["[]"], done.stderr
