"""Completion in real shells, typed on a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.completion.terminal import Terminal
from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer

# Says what it was called with, except where a shell asks for completion.
PROGRAM = """\
#!/bin/sh
if [ "$1" = completion ]; then
    exec {python} -m calicoctl "$@"
fi
echo "called:{name}$(printf ' <%s>' "$@") called"
"""
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(calicoctl completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; source <(calicoctl completion zsh)"),
    "fish": (["fish", "--no-config", "-i"], "calicoctl completion fish | source"),
}
HOST = "/calico/v1/host"
# What is typed, and what the program is called with
LINES = [
    ("calicoctl vers\t", "calicoctl <version>"),
    ("calicoctl profile WE\tru\tsh\t", "calicoctl <profile> <WEB> <rule> <show>"),
    ("calicoctl profile WEB tag rem\tmono\t", "calicoctl <profile> <WEB> <tag> <remove> <mono-tag>"),
    ("calicoctl profile sh\t--det\t", "calicoctl <profile> <show> <--detailed>"),
    ("calicoctl endpoint show --ho\tno\t--det\t", "calicoctl <endpoint> <show> <--host=node1> <--detailed>"),
    ("calicoctl endpoint a1\tpr\tset W\t", "calicoctl <endpoint> <a1b2:c3d4> <profile> <set> <WEB>"),
    ("calicoctl apply -f uniq\t", "calicoctl <apply> <-f> <unique.yaml>"),
    ("calicoctl apply --filename=uniq\t", "calicoctl <apply> <--filename=unique.yaml>"),
    ("calicoq end\ta1\t--hide-r\t", "calicoq <endpoint> <a1b2:c3d4> <--hide-rule-matches>"),
]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path) -> Iterator[Terminal]:
    name = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    etcd.put("/calico/v1/policy/profile/WEB/tags", '["mono-tag"]')
    etcd.put(f"{HOST}/node1/workload/docker/w/endpoint/a1b2:c3d4", '{"state": "active"}')
    binaries, home = tmp_path / "bin", tmp_path / "home"
    binaries.mkdir()
    home.mkdir()
    (home / "unique.yaml").touch()
    for program in ("calicoctl", "calicoq"):
        (binaries / program).write_text(PROGRAM.format(python=sys.executable, name=program))
        (binaries / program).chmod(0o755)
    command, sourcing = SHELLS[name]
    environ = {
        **calicoctl.environ,
        "PATH": f"{binaries}:{calicoctl.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(home),
        "TERM": "dumb" if name != "fish" else "xterm",
        "PS1": "$ ",
    }
    with Terminal(command, environ) as terminal:
        # The quotes keep the echo of what is typed from being taken for the answer.
        terminal.type(f"cd; {sourcing}; echo rea''dy\r")
        terminal.until("ready")
        yield terminal


def test_completion_in_a_shell(shell: Terminal) -> None:
    for typed, called in LINES:
        shell.type(f"{typed}\r")
        shown = shell.until(" called").rpartition("called:")[2]
        assert shown == f"{called} called"
