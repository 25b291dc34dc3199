"""Run a process."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.conftest import PROCESS_SECONDS, Result


def run(command: Sequence[str | Path], environ: Mapping[str, str]) -> Result:
    """Run a process, and return what it leaves."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, env=environ, capture_output=True, timeout=PROCESS_SECONDS
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())
