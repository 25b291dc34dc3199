"""calicoctl checksystem: the lines of its checks, and what etcd and Docker are asked."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from calicoctl import grammar
from calicoctl.commands import checksystem
from calicoctl.environment import Environment
from calicoctl.errors import CommandError
from calicoctl.usage.checksystem import USAGE
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request, answer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="checksystem needs root")

RELEASE = "5.10.0-8-amd64"
SYSTEM = """\
kernel             ok       5.10.0-8-amd64
module xt_set      ok       loaded
module ip6_tables  ok       loaded
"""
FULL_ETCD = "etcd               ok       {}, with the v2 API\n"

Check = Callable[..., Result]


@pytest.fixture
def check(calicoctl: Calicoctl, tmp_path: Path) -> Check:
    """checksystem on a machine whose files are below a folder; both modules are loaded."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "modules").write_text("xt_set 1 0 - Live 0x0\nip6_tables 1 0 - Live 0x0\n")

    def run(*arguments: str, env: dict[str, str] | None = None, release: str = RELEASE) -> Result:
        stdout, stderr = io.StringIO(), io.StringIO()
        environment = Environment({**calicoctl.environ, **(env or {})}, None, stdout, stderr)
        parsed = grammar.parse(USAGE, ["checksystem", *arguments])
        try:
            status = checksystem.check_system(parsed, environment, release, str(tmp_path))
        finally:
            environment.close()
        return Result(status, stdout.getvalue(), stderr.getvalue())

    return run


def version_of(etcd: EtcdServer, calicoctl: Calicoctl) -> str:
    """The version that a real etcd tells."""
    with Proxy(etcd) as proxy:
        told = calicoctl("checksystem", "--runtime=rkt", env={"ETCD_AUTHORITY": proxy.authority})
        assert proxy.requests[0].startswith("GET /version")
    return told.stdout.partition("etcd               ok       ")[2].partition(",")[0]


def test_all_is_well(check: Check, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    version = version_of(etcd, calicoctl)
    assert version.startswith("3.")
    assert check("--runtime=rkt") == Result(0, SYSTEM + FULL_ETCD.format(version), "")


def test_each_failure_is_a_line_and_all_checks_are_made(check: Check, tmp_path: Path) -> None:
    (tmp_path / "proc" / "modules").write_text("")
    for file in ("modules.dep", "modules.builtin"):
        (tmp_path / "lib" / "modules" / "2.6.18").mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / "modules" / "2.6.18" / file).write_text("")
    env = {"ETCD_AUTHORITY": "127.0.0.1:1", "DOCKER_HOST": f"unix://{tmp_path}/none"}
    result = check(env=env, release="2.6.18")
    assert result.status == 1
    assert result.stdout == (
        "kernel             FAIL     2.6.18; 2.6.24 or later is needed\n"
        "module xt_set      FAIL     not loaded, and not listed in /lib/modules/2.6.18\n"
        "module ip6_tables  FAIL     not loaded, and not listed in /lib/modules/2.6.18\n"
        "Docker             FAIL     no answer\n"
        "etcd               FAIL     no answer\n"
    )
    complaints = result.stderr.splitlines()
    assert complaints[:4] == [
        "Minimum kernel version to run Calico is 2.6.24.",
        "Detected kernel version: 2.6.18",
        "WARNING: Unable to detect the xt_set module as available or builtin.",
        "WARNING: Unable to detect the ip6_tables module as available or builtin.",
    ]
    assert complaints[4].startswith("ERROR: Docker daemon not running.  Unable to run docker commands. ")
    assert complaints[5:] == [
        "ERROR: Could not connect to etcd: Error accessing etcd at http://127.0.0.1:1 (Connection refused). "
        "Is etcd running?"
    ]


def test_unknown_result_is_not_a_failure(check: Check, tmp_path: Path) -> None:
    (tmp_path / "proc" / "modules").unlink()
    result = check("--runtime=rkt")
    assert (result.status, result.stderr) == (0, "")
    assert "\nmodule xt_set      unknown  not loaded, and neither /lib/modules/5.10.0-8-amd64 nor " in result.stdout


# etcd


def version_answer(text: str) -> Callable[[Request], bytes | None]:
    """Answer /version with a text, and all else as etcd does."""

    def behaviour(request: Request) -> bytes | None:
        if request.path == "/version":
            return answer("200 OK", text)(request)
        return request.forward()

    return behaviour


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("etcd 2.0.10", "2.0.10"),
        ('{"etcdserver":"2.3.7","etcdcluster":"2.3.0"}', "2.3.7"),
        ('{"etcdserver":"2.0.11","etcdcluster":"not_decided"}', "2.0.11"),
        ('{"etcdserver":"10.0.0"}', "10.0.0"),
    ],
)
def test_supported_versions_of_etcd(text: str, version: str, check: Check, etcd: EtcdServer) -> None:
    with Proxy(etcd) as proxy:
        proxy.since(1, version_answer(text))
        result = check("--runtime=rkt", env={"ETCD_AUTHORITY": proxy.authority})
    assert result == Result(0, SYSTEM + FULL_ETCD.format(version), "")


def test_etcd_too_old(check: Check, etcd: EtcdServer) -> None:
    with Proxy(etcd) as proxy:
        proxy.since(1, version_answer("etcd 2.0.9"))
        result = check("--runtime=rkt", env={"ETCD_AUTHORITY": proxy.authority})
    assert result == Result(
        1, f"{SYSTEM}etcd               FAIL     2.0.9; 2.0.10 or later is needed\n",
        "ERROR: etcd must be at least version 2.0.10 (Detected version: 2.0.9)\n",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "<html>", "etcd 2.0", "\x1b[2J", "{}"])
def test_unknown_version_of_etcd(text: str, check: Check, etcd: EtcdServer) -> None:
    with Proxy(etcd) as proxy:
        proxy.since(1, version_answer(text))
        result = check("--runtime=rkt", env={"ETCD_AUTHORITY": proxy.authority})
    assert result == Result(
        1, f"{SYSTEM}etcd               FAIL     its version is not known\n",
        "ERROR: Unable to detect etcd version. If using etcd with SSL, set ETCD_SCHEME, ETCD_KEY_FILE, "
        "ETCD_CERT_FILE, and ETCD_CA_CERT_FILE environment variables\n",
    )  # fmt: skip


def test_an_etcd_without_the_v2_api_fails(check: Check, etcd: EtcdServer) -> None:
    with Proxy(etcd) as proxy:
        proxy.at(1, answer("200 OK", '{"etcdserver":"3.5.17","etcdcluster":"3.5.0"}'))
        proxy.since(2, answer("404 Not Found", "404 page not found\n"))
        result = check("--runtime=rkt", env={"ETCD_AUTHORITY": proxy.authority})
    assert result == Result(
        1, f"{SYSTEM}etcd               FAIL     3.5.17, but it does not answer the v2 API\n",
        f"ERROR: Error accessing etcd at http://{proxy.authority} (it has no v2 API; start etcd with --enable-v2).\n",
    )  # fmt: skip


def test_invalid_variables(check: Check) -> None:
    result = check("--runtime=rkt", env={"ETCD_ENDPOINTS": "http://me:secret@"})
    assert (result.status, result.stdout) == (1, f"{SYSTEM}etcd               FAIL     no answer\n")
    assert result.stderr.startswith("ERROR: Could not connect to etcd: Invalid ETCD_ENDPOINTS. ")
    assert result.stderr.count("\n") == 1 and "secret" not in result.stderr


# Docker

WITHOUT_SDK = "Docker             unknown  The Python package 'docker' is needed "


def test_without_the_package_docker(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    result = check()
    assert result.status == 0
    assert WITHOUT_SDK in result.stdout


@pytest.mark.parametrize(
    ("api", "arguments", "complaint"),
    [
        ("1.16", [], ""),
        ("1.100", [], ""),
        ("2.0", ["--libnetwork"], ""),
        ("1.21", ["--libnetwork"], ""),
        ("1.15", [], "ERROR: Docker server must support Docker Remote API v1.16 or greater.\n"),
        ("1.9", [], "ERROR: Docker server must support Docker Remote API v1.16 or greater.\n"),
        ("x", [], "ERROR: Docker server must support Docker Remote API v1.16 or greater.\n"),
        ("1.20", ["--libnetwork"],
         "ERROR: Docker Version does not support Libnetwork.\n"
         "ERROR: Docker server must support Docker Remote API v1.21 or greater.\n"),
    ],
)  # fmt: skip
def test_versions_of_dockers_api(
    api: str, arguments: list[str], complaint: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Daemons that old cannot be had: what they would answer is put in."""
    monkeypatch.setattr(checksystem, "Docker", lambda variables, seconds: None)
    monkeypatch.setattr(checksystem, "versions", lambda docker: ("20.10.24", api))
    result = check(*arguments)
    assert (result.status, result.stderr) == (bool(complaint), complaint)
    shown = f"Docker             {'FAIL' if complaint else 'ok  '}     20.10.24, API {api}"
    assert shown in result.stdout


# Arguments


def test_the_flag_fix_does_nothing(check: Check) -> None:
    result = check("--fix", "--runtime=rkt")
    warning = "WARNING: Deprecated flag --fix: checksystem no longer fixes detected issues\n"
    assert (result.status, result.stderr) == (0, warning)


@pytest.mark.parametrize("runtime", ["", "none", "Docker"])
def test_invalid_runtimes(runtime: str, calicoctl: Calicoctl) -> None:
    complaint = f"Invalid runtime specified: '{runtime}'\n"
    assert calicoctl("checksystem", f"--runtime={runtime}") == Result(1, "", complaint)


def test_without_root(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CommandError) as caught:
        check()
    assert (caught.value.status, caught.value.message) == (2, "This command must be run as root.")


def test_the_machine_itself(calicoctl: Calicoctl) -> None:
    result = calicoctl("checksystem", "--runtime=rkt")
    assert result.stdout.splitlines()[0] == f"kernel             ok       {os.uname().release}"
    assert result.status == ("FAIL" in result.stdout)
