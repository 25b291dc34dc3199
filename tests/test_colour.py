"""Colour and the pager: on terminals only, and as the operator has asked."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from calicoctl import colour
from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdServer

RED, GREEN, YELLOW, END = "\033[31m", "\033[32m", "\033[33m", "\033[0m"


def on_terminal(calicoctl: Calicoctl, *arguments: str, **variables: str) -> str:
    """Run a command whose standard output and standard error are a terminal of 24 lines; return what it shows."""
    parent, child = pty.openpty()
    os.set_blocking(parent, True)
    subprocess.run(["stty", "rows", "24", "cols", "80"], stdin=child, check=True)
    command = calicoctl.command(*arguments)
    with subprocess.Popen(command, env={**calicoctl.environ, **variables}, stdout=child, stderr=child) as process:
        os.close(child)
        shown = b""
        while True:
            try:
                chunk = os.read(parent, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not chunk:
                break
            shown += chunk
        process.wait(timeout=PROCESS_SECONDS)
    os.close(parent)
    return shown.decode().replace("\r\n", "\n")


def test_rules(calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "deny")
    calicoctl("profile", "deny", "rule", "add", "inbound", "deny", "tcp")
    plain = "Inbound rules:\n   1 allow from tag deny\n   2 deny tcp\nOutbound rules:\n   1 allow\n"
    painted = (
        f"Inbound rules:\n   1 {GREEN}allow{END} from tag deny\n   2 {RED}deny{END} tcp\n"
        f"Outbound rules:\n   1 {GREEN}allow{END}\n"
    )
    show = ("profile", "deny", "rule", "show")
    assert calicoctl(*show) == Result(0, plain, "")
    assert calicoctl("--color=always", *show) == Result(0, painted, "")
    assert calicoctl(*show, env={"CLICOLOR_FORCE": "1"}) == Result(0, painted, "")
    assert calicoctl("--color", "never", *show, env={"CLICOLOR_FORCE": "1"}) == Result(0, plain, "")
    assert calicoctl(*show, env={"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}) == Result(0, plain, "")
    assert calicoctl(*show, env={"CLICOLOR_FORCE": "0"}) == Result(0, plain, "")
    assert on_terminal(calicoctl, *show, TERM="xterm") == painted
    assert on_terminal(calicoctl, *show, TERM="dumb") == plain
    assert on_terminal(calicoctl, *show, NO_COLOR="1") == plain


def test_failures_and_warnings(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    result = calicoctl("--color=always", "profile", "remove", "none")
    assert result.stderr.startswith(RED) and result.stderr.count("\033") == 2
    etcd.put("/calico/v1/policy/profile/P/rules", '{"inbound_rules": [{"action": "x"}], "outbound_rules": []}')
    result = calicoctl("--color=always", "profile", "P", "rule", "show")
    assert result.stderr.startswith(f"{YELLOW}Warning:{END} Felix refuses")


def test_differences(calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "P")
    document = '{"kind": "Profile", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "P", "tags": ["Q"]}}'
    result = calicoctl("--color=always", "diff", "-f", "-", stdin=document)
    lines = result.stdout.splitlines()
    assert lines[0] == "\033[1m--- Profile(P) as it is stored\033[0m"
    assert lines[2].startswith("\033[36m@@ ")
    assert f"{RED}-  - P{END}" in lines and f"{GREEN}+  - Q{END}" in lines


def test_calicoq(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    calicoq = Calicoctl(calicoctl.environ, "calicoq")
    etcd.put("/calico/v1/Ready", "true")
    etcd.put("/calico/v1/policy/profile/P/rules", "{")
    assert f"{RED}Error{END} CQ" in calicoq("--color=always", "check").stdout
    assert colour.verdict("  => denied\n\nVerdict of Felix 1.4: allowed") == (
        f"  => {RED}denied{END}\n\nVerdict of Felix 1.4: {GREEN}allowed{END}"
    )
    assert colour.verdict("Verdict of Felix 1.4: not certain") == f"Verdict of Felix 1.4: {YELLOW}not certain{END}"


def test_an_unknown_value(calicoctl: Calicoctl) -> None:
    result = calicoctl("--color=purple", "profile", "show")
    assert (result.status, result.stderr.splitlines()[0]) == (
        1, "the value of --color is 'purple'; known are: auto, always, never"
    )  # fmt: skip


@pytest.fixture
def pager(tmp_path: Path) -> Path:
    script = tmp_path / "pager"
    script.write_text(f"#!/bin/sh\nexec cat > {tmp_path}/paged\n", encoding="utf-8")
    script.chmod(0o755)
    return script


def test_long_answers_go_through_the_pager(calicoctl: Calicoctl, etcd: EtcdServer, pager: Path) -> None:
    for number in range(30):
        etcd.put(f"/calico/v1/policy/profile/P{number:02d}/tags", "[]")
    table = calicoctl("profile", "show").stdout
    assert on_terminal(calicoctl, "profile", "show", CALICOCTL_PAGER=str(pager)) == ""
    assert (pager.parent / "paged").read_text(encoding="utf-8") == table
    assert on_terminal(calicoctl, "profile", "show", CALICOCTL_PAGER="1", PAGER=f"{pager} -x") == ""
    assert on_terminal(calicoctl, "profile", "show", CALICOCTL_PAGER="yes", PAGER=str(pager)) == ""
    for variables in ({"CALICOCTL_PAGER": " "}, {"CALICOCTL_PAGER": "1", "PAGER": " "}, {"CALICOCTL_PAGER": "'"}):
        assert on_terminal(calicoctl, "profile", "show", **variables) == table
    assert on_terminal(calicoctl, "profile", "show", CALICOCTL_PAGER="0", PAGER=str(pager)) == table
    assert on_terminal(calicoctl, "profile", "show", PAGER=str(pager)) == table
    assert on_terminal(calicoctl, "-o", "name", "profile", "show", CALICOCTL_PAGER=str(pager)) == ""
    assert on_terminal(calicoctl, "profile", "show", CALICOCTL_PAGER="/none") == table
    assert calicoctl("profile", "show", env={"CALICOCTL_PAGER": str(pager)}).stdout == table


def test_short_answers_are_printed(calicoctl: Calicoctl, pager: Path) -> None:
    assert on_terminal(calicoctl, "version", CALICOCTL_PAGER=str(pager)) == calicoctl("version").stdout
    assert not (pager.parent / "paged").exists()


def test_one_answer_of_many_parts_goes_through_one_pager(calicoctl: Calicoctl, pager: Path) -> None:
    calicoctl("profile", "add", "P")
    for port in range(30):
        calicoctl("profile", "P", "rule", "add", "inbound", "allow", "tcp", "to", "ports", str(port + 1))
    rules = calicoctl("profile", "P", "rule", "show").stdout
    assert on_terminal(calicoctl, "profile", "P", "rule", "show", CALICOCTL_PAGER=str(pager), NO_COLOR="1") == ""
    assert (pager.parent / "paged").read_text(encoding="utf-8") == rules


def test_complaints_and_removed_lines_that_look_like_headings() -> None:
    assert colour.message("Cannot read /calico/v1/x: it is not JSON.").startswith(f"{RED}Cannot read{END} /calico")
    assert colour.difference("--- a\n+++ b\n@@\n--- x") == (
        f"\033[1m--- a{END}\n\033[1m+++ b{END}\n\033[36m@@{END}\n{RED}--- x{END}"
    )
