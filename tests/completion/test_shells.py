"""Completion in real shells on a terminal."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.completion.terminal import Terminal
from tests.conftest import PROCESS_SECONDS, Calicoctl
from tests.etcd_server import EtcdServer

pytestmark = pytest.mark.once

# Prints its arguments, unless a shell asks for completion.
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
# Typed text, and the resulting arguments of the program
LINES = [
    ("calicoctl vers\t", "calicoctl <version>"),
    ("calicoctl profile WE\tru\tsh\t", "calicoctl <profile> <WEB> <rule> <show>"),
    ("calicoctl profile WEB tag rem\tmono\t", "calicoctl <profile> <WEB> <tag> <remove> <mono-tag>"),
    ("calicoctl profile sh\t--det\t", "calicoctl <profile> <show> <--detailed>"),
    ("calicoctl endpoint show --ho\tno\t--det\t", "calicoctl <endpoint> <show> <--host=node1> <--detailed>"),
    ("calicoctl endpoint a1\tpr\tset W\t", "calicoctl <endpoint> <a1b2:c3d4> <profile> <set> <WEB>"),
    ("calicoctl apply -f uniq\t", "calicoctl <apply> <-f> <unique.yaml>"),
    ("calicoctl apply --filename=uniq\t", "calicoctl <apply> <--filename=unique.yaml>"),
    ("calicoctl apply -f ~/uniq\t", "calicoctl <apply> <-f> <{home}/unique.yaml>"),
    ("calicoctl profile WEB rule update < uniq\t", "calicoctl <profile> <WEB> <rule> <update>"),
    # An open quote, and one closed earlier
    ('calicoctl profile "WE\tru\tsh\t', "calicoctl <profile> <WEB> <rule> <show>"),
    ("calicoctl profile 'WEB' tag remove mono\t", "calicoctl <profile> <WEB> <tag> <remove> <mono-tag>"),
    ('calicoctl endpoint show --host="no\t', "calicoctl <endpoint> <show> <--host=node1>"),
    # The cursor inside a word
    ("calicoctl profile sow\x02\x02h\t", "calicoctl <profile> <show>"),
    ("calicoctl profile W rule show" + 10 * "\x02" + "\t", "calicoctl <profile> <WEB> <rule> <show>"),
    ("calicoq end\ta1\t--hide-r\t", "calicoq <endpoint> <a1b2:c3d4> <--hide-rule-matches>"),
]

# The text after the cursor must be the end of the completed word (in zsh with a setting); fish uses the whole word.
INSIDE = {"bash": "", "zsh": "setopt complete_in_word; "}
INSIDE_A_WORD = [
    ("calicoctl profile WB rule show" + 11 * "\x02" + "\t", "calicoctl <profile> <WEB> <rule> <show>"),
    ("calicoctl endpoint show --host=n1\x02\t", "calicoctl <endpoint> <show> <--host=node1>"),
    ("calicoctl endpoint a1d4\x02\x02\t\x05 profile show", "calicoctl <endpoint> <a1b2:c3d4> <profile> <show>"),
]


@pytest.fixture
def home(etcd: EtcdServer, tmp_path: Path) -> Path:
    """A home directory with the programs in `bin`; etcd holds the names to complete."""
    etcd.put("/calico/v1/policy/profile/WEB/tags", '["mono-tag"]')
    etcd.put(f"{HOST}/node1/workload/docker/w/endpoint/a1b2:c3d4", '{"state": "active"}')
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (tmp_path / "unique.yaml").touch()
    for program in ("calicoctl", "calicoq"):
        (binaries / program).write_text(PROGRAM.format(python=sys.executable, name=program))
        (binaries / program).chmod(0o755)
    return tmp_path


def environ(name: str, calicoctl: Calicoctl, home: Path) -> dict[str, str]:
    """Return the environment of a shell; skip the test if the shell is missing."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return {
        **calicoctl.environ,
        "PATH": f"{home}/bin:{calicoctl.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(home),
        "TERM": "dumb" if name != "fish" else "xterm",
        "PS1": "$ ",
    }


@contextmanager
def shell(name: str, calicoctl: Calicoctl, home: Path, before: str = "") -> Iterator[Terminal]:
    command, sourcing = SHELLS[name]
    with Terminal(command, environ(name, calicoctl, home)) as terminal:
        # The quotes keep the echo of the typed text from matching the answer.
        terminal.type(f"cd; {before}{sourcing}; echo rea''dy\r")
        terminal.until("ready")
        yield terminal


def called(terminal: Terminal, typed: str) -> str:
    terminal.type(f"{typed}\r")
    return terminal.until(" called").rpartition("called:")[2].removesuffix(" called")


@pytest.mark.parametrize("name", SHELLS)
def test_completion_at_end_of_word(name: str, calicoctl: Calicoctl, home: Path) -> None:
    with shell(name, calicoctl, home) as terminal:
        for typed, expected in LINES:
            assert called(terminal, typed) == expected.format(home=home)


@pytest.mark.parametrize("name", INSIDE)
def test_completion_inside_word(name: str, calicoctl: Calicoctl, home: Path) -> None:
    with shell(name, calicoctl, home, INSIDE[name]) as terminal:
        for typed, expected in INSIDE_A_WORD:
            assert called(terminal, typed) == expected


def test_fish_with_installation_from_help(calicoctl: Calicoctl, home: Path) -> None:
    variables = environ("fish", calicoctl, home)
    lines = calicoctl("completion", "--help").stdout.splitlines()
    (install,) = [line.strip(" $") for line in lines if line.strip().startswith("$ calicoctl completion fish >")]
    (home / ".config/fish/conf.d").mkdir(parents=True)  # as fish itself does at its first start
    subprocess.run(["sh", "-c", install], env=variables, check=True, timeout=PROCESS_SECONDS)
    with Terminal(["fish", "-i"], variables) as terminal:
        terminal.type("cd; echo rea''dy\r")
        terminal.until("ready")
        assert called(terminal, "calicoq end\ta1\t") == "calicoq <endpoint> <a1b2:c3d4>"  # it comes first
        assert called(terminal, "calicoctl vers\t") == "calicoctl <version>"
