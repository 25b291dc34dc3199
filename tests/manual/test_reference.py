"""docs/reference/ and docs/man/: the pages are up to date, and every example on them does what it shows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calicoctl.calicoq.cli import COMMANDS as COMMANDS_OF_CALICOQ
from calicoctl.commands import checksystem
from calicoctl.commands.diags_collection import Collection
from calicoctl.environment import Environment
from calicoctl.etcd.client import Client
from calicoctl.host import bird, docker_reports, felix
from calicoctl.usage.table import COMMANDS
from manual import examples, facts
from manual.files import ROOT, stale
from manual.pages import pages
from tests.calicoq.conftest import Calicoq
from tests.conftest import Calicoctl, Result
from tests.containers.conftest import netns as netns
from tests.containers.namespaces import NetworkNamespace
from tests.etcd_server import EtcdServer
from tests.host.bird_socket import BirdSocket, answering, protocols
from tests.transcript import Program, World, check

# On the pages the namespace is `blue`; a test must not take that name on a machine where there is one.
NAMESPACE = "/var/run/netns/blue"
NAMES = [
    *("calicoctl", *(f"calicoctl-{name}" for name in COMMANDS)),
    *("calicoq", *(f"calicoq-{name}" for name in COMMANDS_OF_CALICOQ)),
]
OF_CONTAINERS = {"calicoctl-container"}
OF_REPORTS = {"calicoctl-status", "calicoctl-checksystem", "calicoctl-diags"}


@pytest.fixture
def world(calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Both programs on the host `node1`, an empty etcd, and a copy of the files of the examples.

    Beside the programs there are `cat` and `env`, as in a shell.
    """
    folder = tmp_path / "files"
    shutil.copytree(examples.FOLDER / "files", folder)
    monkeypatch.chdir(folder)
    calicoctl.environ = {**calicoctl.environ, "HOME": str(folder), "HOSTNAME": "node1", "DOCKER_HOST": "unix:///none"}

    def env(arguments: list[str], stdin: bytes) -> Result:
        name, _, value = arguments[0].partition("=")
        assert arguments[1] == "calicoctl"
        return calicoctl(*arguments[2:], stdin=stdin, env={name: value})

    programs: dict[str, Program] = {
        "calicoctl": lambda arguments, stdin: calicoctl(*arguments, stdin=stdin),
        "calicoq": lambda arguments, stdin: Calicoq(calicoctl.environ)(*arguments),
        "cat": lambda arguments, stdin: Result(0, Path(arguments[0]).read_text(encoding="utf-8"), ""),
        "env": env,
    }
    return World(programs, etcd, folder)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_CONTAINERS | OF_REPORTS])
def test_the_example(name: str, world: World) -> None:
    check(examples.transcript(name), world)


@pytest.mark.machine
@pytest.mark.parametrize("name", sorted(OF_CONTAINERS))
def test_the_example_of_containers(name: str, world: World, netns: NetworkNamespace) -> None:
    check(examples.transcript(name).replace(NAMESPACE, netns.path), world)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host like that of the examples of reports, whatever this machine is: its container, kernel, BIRD and etcd."""
    row = "Mesh_192_0_2_2 BGP      master   up     2016-10-03  Established   "
    modules = tmp_path / "lib" / "modules" / "5.10.0-8-amd64"
    modules.mkdir(parents=True)
    (modules / "modules.dep").write_text("kernel/net/netfilter/xt_set.ko:\n")
    (modules / "modules.builtin").write_text("")
    check_system = checksystem.check_system

    def check_that_system(arguments: dict[str, Any], environment: Environment, release: str, root: str) -> int:
        return check_system(arguments, environment, "5.10.0-8-amd64", str(tmp_path))

    monkeypatch.setattr(checksystem, "check_system", check_that_system)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Client, "version", lambda client: "etcd 2.3.7")
    monkeypatch.setattr(felix, "Docker", lambda variables, seconds: None)
    monkeypatch.setattr(docker_reports, "running", lambda docker, name: ("0123abcd", "Up 2 days"))
    monkeypatch.setattr(docker_reports, "output_of", lambda docker, id, command: "calico (1.4.1)\n")
    monkeypatch.setattr(bird, "FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(Collection, "_run", lambda collection, command: None)
    monkeypatch.setattr(Collection, "_write", lambda collection, name, pieces: None)
    with BirdSocket(tmp_path / "bird.ctl", answering(protocols(row))):
        yield


@pytest.mark.parametrize("name", sorted(OF_REPORTS))
def test_the_example_of_a_report(name: str, world: World, node: None) -> None:
    (world.folder / "logs").mkdir()
    run = world.programs["calicoctl"]

    def with_one_folder(arguments: list[str], stdin: bytes) -> Result:
        result = run(arguments, stdin)
        stdout = re.sub("(?<=Using temp dir: ).*", "/tmp/tmpk3x9q2vd", result.stdout)
        return Result(result.status, stdout, result.stderr)

    check(examples.transcript(name), world._replace(programs={"calicoctl": with_one_folder}))


def test_the_pages_are_up_to_date() -> None:
    paths = ", ".join(map(str, stale()))
    assert not paths, f"Out of date: {paths}. Run `make reference`, and commit what it writes."


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_about_its_command(name: str) -> None:
    program, _, command = name.partition("-")
    assert re.search(rf"^\$ (env \S+ )?{program} .*\b{command}\b", examples.transcript(name), re.MULTILINE)


def test_a_missing_example_says_what_to_do() -> None:
    with pytest.raises(examples.MissingExample) as missing:
        examples.example("calicoctl-nonsense")
    assert str(missing.value).startswith(
        "The page calicoctl-nonsense has no example. Write manual/examples/calicoctl-nonsense.txt: a transcript"
    )
    with pytest.raises(examples.MissingExample) as missing:
        examples.check_that_all_are_used(set(NAMES) - {"calicoq-eval"})
    assert str(missing.value) == (
        "No command has the name of manual/examples/calicoq-eval.txt: remove or rename the file."
    )


def test_every_variable_is_described() -> None:
    read = {
        name
        for path in (ROOT / "calicoctl").rglob("*.py")
        for name in re.findall(
            r'"((?:CALICO|CALICOCTL|CLICOLOR|DATASTORE|DOCKER|ETCD|NO|XDG)_[A-Z_]+|EDITOR|HOSTNAME|PAGER|VISUAL)"',
            path.read_text(encoding="utf-8"),
        )
    }
    missing = read - {fact.name for fact in facts.VARIABLES}
    assert not missing, f"VARIABLES of manual/facts.py must say what {', '.join(sorted(missing))} means."


def test_the_facts_are_about_commands_that_exist() -> None:
    known = {name.replace("-", " ", 1) for name in NAMES}
    told = {name for fact in (*facts.VARIABLES, *facts.FILES) for name in fact.commands}
    assert (told | facts.WITHOUT_ETCD | facts.FOR_ROOT) - known == set()


def test_every_option_of_a_synopsis_is_explained() -> None:
    option = re.compile(r"(?<![\w-])--[a-z-]+")
    for page in pages():
        (synopsis,) = page.sections["Synopsis"]
        terms = [term for block in page.sections.get("Options", ()) for term in getattr(block, "terms", ())]
        missing = set(option.findall(str(synopsis))) - set(option.findall(str([term.name for term in terms])))
        assert not missing, f"Say under `Options:` of the usage text of {page.name} what {', '.join(missing)} does."
