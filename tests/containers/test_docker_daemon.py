"""The Docker daemon of the tests is cleaned up, however the tests end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.docker_daemon import STOP_SECONDS

pytestmark = pytest.mark.once

TESTS = """
import sys
from tests.containers.docker_daemon import DockerDaemon, NoDocker
try:
    with DockerDaemon() as docker:
        docker.run("left")
        print(docker.socket.parent, docker.guardian_pid, flush=True)
        sys.stdin.read()
except NoDocker as reason:
    print("none", reason, flush=True)
"""


@pytest.mark.usefixtures("docker_daemon")  # without Docker, this test is skipped like the others
def test_killed_test_run_leaves_no_daemon_container_or_directory() -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", TESTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert tests.stdout
    folder, guardian = tests.stdout.readline().decode().split()
    assert _processes_with(folder)
    ended = os.pidfd_open(int(guardian))
    tests.send_signal(signal.SIGKILL)
    tests.wait()
    assert select.select([ended], [], [], STOP_SECONDS)[0]
    assert _processes_with(folder) == []
    assert not Path(folder).exists()


def _processes_with(text: str) -> list[str]:
    """Return the command lines that contain a text, as far as they can be read."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in line:
            lines.append(line)
    return lines
