"""The Debian package: lintian finds no error in it, and dpkg installs and removes it on a copy of this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from calicoctl import __version__
from manual.files import MAN, ROOT
from tests.completion.terminal import Terminal
from tests.conftest import PROCESS_SECONDS, Calicoctl
from tests.release.machine import Machine, NoMachine

pytestmark = [pytest.mark.once, pytest.mark.machine]


@pytest.fixture(scope="module")
def machine(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A copy of this machine on which the package is installed."""
    try:
        with Machine(tmp_path_factory.mktemp("machine")) as machine:
            if machine.run("dpkg-query", "--show", "python3").status:
                pytest.skip("this machine has no python3 of Debian")
            done = machine.run("dpkg", "--no-triggers", "--install", machine.copy(deb, deb.name))
            assert done.status == 0, done
            yield machine
    except NoMachine as error:
        pytest.skip(f"there can be no copy of this machine: {error}")


def test_lintian_finds_no_error(deb: Path) -> None:
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed")
    # The man pages are left out, because they take lintian as long as all the rest, and tests/manual checks them alike.
    command = ["lintian", "--fail-on", "error", "--dont-check-part", "documentation/manual", str(deb)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5 * PROCESS_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dpkg_knows_the_package(machine: Machine) -> None:
    shown = machine.run("dpkg-query", "--show", "--showformat=${Version} ${db:Status-Status}", "calicoctl")
    assert shown == (0, f"{__version__}-1 installed", "")
    assert machine.run("dpkg", "--verify", "calicoctl") == (0, "", "")  # no file differs from what the package says


def test_the_programs_run(machine: Machine, calicoctl: Calicoctl) -> None:
    etcd = {name: value for name, value in calicoctl.environ.items() if name.startswith("ETCD_")}
    for arguments in (
        ["version"],
        ["validate", "--schema=profile"],
        ["profile", "add", "WEB"],
        ["get", "profile", "-o", "yaml"],
        ["container", "W", "endpoint", "show"],
    ):
        environ = {"DOCKER_HOST": "unix:///none"}
        result = machine.run("calicoctl", *arguments, environ={**etcd, **environ})
        if arguments[:2] == ["profile", "add"]:
            assert result == (0, "Created profile WEB\n", "")
        else:
            assert result == calicoctl(*arguments, env=environ)
    assert machine.run("calicoq", "check", environ=etcd).stdout.startswith("1 error, ")  # Ready is not set
    done = machine.run("calicoctl", "pool", "show", environ={**etcd, "ETCD_SCHEME": "https"})
    assert (done.status, "TLS" in done.stderr) == (1, True)  # the etcd does not speak https


def test_its_modules_are_compiled(machine: Machine) -> None:
    found = machine.run("find", "/usr/share/calicoctl/calicoctl", "-name", "cli.*.pyc").stdout
    assert len(found.splitlines()) == 2


def test_man_finds_the_pages(machine: Machine) -> None:
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    pages = sorted(path.stem for path in (ROOT / MAN).glob("*.1"))
    found = machine.run("man", "--where", *pages)
    assert (found.status, found.stderr) == (0, "")
    assert found.stdout.splitlines() == [f"/usr/share/man/man1/{page}.1.gz" for page in pages]


# What makes a shell load completions where it does not by itself, for want of another package or of files of the user.
SHELLS = {
    "bash": (["bash", "--norc", "-i"], ". /usr/share/bash-completion/completions/calicoq"),
    "zsh": (["zsh", "-i"], "fpath=(/usr/share/zsh/vendor-completions $fpath); autoload -Uz compinit; compinit -u -D"),
    "fish": (["fish", "-i"], "true"),
}


@pytest.mark.parametrize("name", SHELLS)
def test_shells_complete(machine: Machine, name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    command, before = SHELLS[name]
    environ = {"PATH": "/usr/bin:/usr/sbin", "HOME": "/tmp", "TERM": "xterm" if name == "fish" else "dumb", "PS1": "$ "}
    with Terminal(machine.command(*command), environ) as terminal:
        terminal.type(f"{before}; echo rea''dy\r")
        terminal.until("ready")
        terminal.type("calicoq explain-c\tCQ001\r")  # only what was completed runs
        terminal.until("CQ001  error")
        terminal.type("calicoctl vers\t; echo en''d\r")
        assert __version__ in terminal.until("end\r\n")


def test_nothing_is_left_when_it_is_removed(machine: Machine) -> None:
    listed = machine.run("dpkg-query", "--listfiles", "calicoctl").stdout.splitlines()
    own = [path for path in listed if "calico" in path]
    assert machine.run("dpkg", "--no-triggers", "--remove", "calicoctl").status == 0
    assert len(own) > 300
    assert machine.run("sh", "-c", "ls -d \"$@\" 2>/dev/null", "sh", *own).stdout == ""
