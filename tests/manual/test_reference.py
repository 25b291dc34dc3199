"""docs/reference/ and docs/man/: the pages are up to date, and every example on them does what it shows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from calicoctl.calicoq.cli import COMMANDS as COMMANDS_OF_CALICOQ
from calicoctl.usage.table import COMMANDS
from manual import examples, facts
from manual.files import ROOT, stale
from manual.pages import pages
from tests.calicoq.conftest import Calicoq
from tests.conftest import Calicoctl, Result
from tests.containers.conftest import netns as netns
from tests.containers.namespaces import NetworkNamespace
from tests.etcd_server import EtcdServer
from tests.transcript import Program, World, check

# On the pages the namespace is `blue`; a test must not take that name on a machine where there is one.
NAMESPACE = "/var/run/netns/blue"
NAMES = [
    *("calicoctl", *(f"calicoctl-{name}" for name in COMMANDS)),
    *("calicoq", *(f"calicoq-{name}" for name in COMMANDS_OF_CALICOQ)),
]
OF_CONTAINERS = {"calicoctl-container"}


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


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_CONTAINERS])
def test_the_example(name: str, world: World) -> None:
    check(examples.transcript(name), world)


@pytest.mark.machine
@pytest.mark.parametrize("name", sorted(OF_CONTAINERS))
def test_the_example_of_containers(name: str, world: World, netns: NetworkNamespace) -> None:
    check(examples.transcript(name).replace(NAMESPACE, netns.path), world)


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
