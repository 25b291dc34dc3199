"""Processes of calicoctl with redirected streams, and the rules that they change."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import PROCESS_SECONDS, Calicoctl, Result

RULES = "/calico/v1/policy/profile/P/rules"
EMPTY = '{"inbound_rules": [], "outbound_rules": []}'


def started(calicoctl: Calicoctl, *arguments: str, **streams: int) -> subprocess.Popen[str]:
    """Start a separate process; standard streams default to pipes."""
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
    """Run with redirections in shell syntax, such as `>&-`."""
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
