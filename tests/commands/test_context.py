"""`calicoctl context`: list, use and show contexts, and name the source of each value."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import NO_SYSTEM_FILE, Calicoctl, Result

CONTEXTS = """\
contexts:
  lab:
    etcdAuthority: 127.0.0.1:1
  prod:
    etcdEndpoints: "http://calico:s3cret@a:1,http://calico:s3cret@b:2"
  later:
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".config" / "calicoctl").mkdir(parents=True)
    (tmp_path / ".config" / "calicoctl" / "config.yaml").write_text(CONTEXTS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def calico(calicoctl: Calicoctl, home: Path) -> Calicoctl:
    """calicoctl with these contexts and no environment variable that locates etcd."""
    return Calicoctl({"PATH": calicoctl.environ["PATH"], "HOME": str(home)})


def listing(current: str) -> str:
    mark = {name: "*" if name == current else " " for name in ("lab", "prod", "later")}
    return f"""\
+-------+---------+----------------+
|  Name | Current |      etcd      |
+-------+---------+----------------+
|  lab  |    {mark["lab"]}    |  127.0.0.1:1   |
|  prod |    {mark["prod"]}    | http://***@b:2 |
| later |    {mark["later"]}    |                |
+-------+---------+----------------+
"""


def test_list_and_use(calico: Calicoctl, home: Path) -> None:
    folder = home / ".config" / "calicoctl"
    assert calico("context", "list") == Result(0, listing(""), "")
    for name in ("prod", "lab"):
        assert calico("context", "use", name) == Result(0, f"Context {name} is chosen.\n", "")
        assert calico("context", "list") == Result(0, listing(name), "")
        assert (folder / "current-context").read_text(encoding="utf-8") == f"{name}\n"
    for _ in range(2):
        assert calico("context", "use", "--none") == Result(0, "No context is chosen.\n", "")
        assert calico("context", "list") == Result(0, listing(""), "")
    assert os.listdir(folder) == ["config.yaml"]
    assert (folder / "config.yaml").read_text(encoding="utf-8") == CONTEXTS


@pytest.mark.parametrize(("name", "question"), [("prd", " Did you mean prod?"), ("", ""), ("x\x1b", "")])
def test_use_unknown_context(calico: Calicoctl, home: Path, name: str, question: str) -> None:
    calico("context", "use", "lab")
    shown = name.replace("\x1b", "\\x1b")
    said = f"There is no context '{shown}' in {home}/.config/calicoctl/config.yaml.{question}\n"
    remedy = "See 'calicoctl context list' for the existing ones.\n"
    assert calico("context", "use", name) == Result(1, "", said + remedy)
    assert calico("context", "list").stdout == listing("lab")


def test_use_warns_if_environment_takes_precedence(calico: Calicoctl) -> None:
    for env in ({"ETCD_AUTHORITY": "h:1"}, {"CALICO_ETCD_ENDPOINTS": "http://h:1"}):
        assert calico("context", "use", "lab", env=env) == Result(
            0, "Context lab is chosen.\n",
            "Warning: environment variables set the address of etcd and take precedence over the context. Unset\n"
            "ETCD_ENDPOINTS and ETCD_AUTHORITY, or name the context in the command: calicoctl --context=lab ...\n",
        )  # fmt: skip
    assert calico("context", "use", "lab", env={"ETCD_PASSWORD": "x"}).stderr == ""


def test_use_fails_if_choice_cannot_be_written(calico: Calicoctl, home: Path) -> None:
    path = home / ".config" / "calicoctl" / "current-context"
    path.mkdir()
    said = f"Cannot change {path}: Is a directory.\n"
    assert calico("context", "use", "lab") == Result(1, "", said)
    assert calico("context", "use", "--none") == Result(1, "", said)


def test_no_contexts(calico: Calicoctl, tmp_path: Path) -> None:
    border = "+------+---------+------+\n"
    empty = f"{border}| Name | Current | etcd |\n{border}{border}"
    said = "There are no contexts in /none/.config/calicoctl/config.yaml; see 'calicoctl context --help'.\n"
    assert calico("context", "list", env={"HOME": "/none"}) == Result(0, empty, said)
    said = "Cannot find the file with your contexts: set HOME or XDG_CONFIG_HOME.\n"
    for words in (["list"], ["use", "lab"]):
        assert calico("context", *words, env={"HOME": None}) == Result(1, "", said)


def test_deselect_deleted_context(calico: Calicoctl, home: Path) -> None:
    (home / ".config" / "calicoctl" / "current-context").write_text("old\n", encoding="utf-8")
    assert calico("context", "list") == Result(0, listing(""), "")
    result = calico("context", "show")
    assert result.stderr.endswith("choose another one, or none with --none.\n")
    assert calico("context", "use", "--none").status == 0
    assert calico("context", "show").status == 0


# Where each value comes from


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line[1:-1].split(" |")] for line in text.splitlines() if line.startswith("|")][1:]


def test_show_defaults(calico: Calicoctl) -> None:
    assert calico("context", "show") == Result(
        0,
        """\
+----------------+----------------+---------+
|    Setting     |     Value      |   From  |
+----------------+----------------+---------+
| ETCD_AUTHORITY | 127.0.0.1:2379 | default |
|  ETCD_SCHEME   |      http      | default |
+----------------+----------------+---------+
""",
        "",
    )


def test_show_values_from_several_sources(calico: Calicoctl, home: Path) -> None:
    calico("context", "use", "lab")
    env = {"CALICO_ETCD_USERNAME": "u", "ETCD_PASSWORD": "s3cret", "ETCD_SCHEME": "http"}
    result = calico("context", "show", env=env)
    place = f"etcdAuthority in line 3 of {home}/.config/calicoctl/config.yaml (context lab)"
    assert rows(result.stdout) == [
        ["ETCD_AUTHORITY", "127.0.0.1:1", place],
        ["ETCD_SCHEME", "http", "the environment"],
        ["ETCD_USERNAME", "u", "CALICO_ETCD_USERNAME in the environment"],
        ["ETCD_PASSWORD", "***", "the environment"],
    ]
    assert (result.status, result.stderr) == (0, "")


def test_show_lists_ignored_sources(calico: Calicoctl, tmp_path: Path) -> None:
    system_file = tmp_path / "calicoctl.cfg"
    system_file.write_text("apiVersion: v1\nkind: calicoApiConfig\nspec:\n  etcdScheme: http\n", encoding="utf-8")
    calico = Calicoctl(calico.environ, system_file=str(system_file))
    calico("context", "use", "lab")
    env = {"ETCD_AUTHORITY": "h:1", "ETCD_PASSWORD": "x", "ETCD_USERNAME": "x"}
    because = "because the environment sets the address of etcd.\n"
    assert calico("context", "show", env=env).stderr == (
        f"Ignored: context lab, {because}Ignored: {system_file}, {because}"
    )
    because = "because context prod sets the address of etcd.\n"
    assert calico("--context=prod", "context", "show", env=env).stderr == (
        f"Ignored: the environment, {because}Ignored: {system_file}, {because}"
    )
    system_file.write_text("{", encoding="utf-8")
    result = calico("--context=lab", "context", "show")
    assert (result.status, rows(result.stdout)[0][1]) == (1, "127.0.0.1:1")
    assert result.stderr.startswith(f"{system_file}, line 1: ")


def test_show_invalid_values(calico: Calicoctl) -> None:
    result = calico("context", "show", env={"ETCD_ENDPOINTS": "http://u:s3cret@h"})
    assert (result.status, rows(result.stdout)) == (1, [["ETCD_ENDPOINTS", "http://***@h", "the environment"]])
    assert result.stderr.startswith("Invalid ETCD_ENDPOINTS. ")


@pytest.mark.parametrize(
    "env",
    [
        {"ETCD_ENDPOINTS": "http://u:s3cret@a:1,http://u:s3cret@b:2"},
        {"ETCD_ENDPOINTS": "http://u:s3,cret@a:1"},
        {"ETCD_ENDPOINTS": "http://u:s3cret,http://cret@a:1"},
        {"ETCD_AUTHORITY": "u:s3cret@a:1"},
        {"ETCD_USERNAME": "u", "ETCD_PASSWORD": "s3cret"},
        {"ETCD_AUTHORITY": "a:1", "ETCD_PASSWORD": "s3cret"},
        {"ETCD_AUTHORITY": "a:1", "ETCD_SCHEME": "https", "ETCD_KEY_FILE": "-----BEGIN PRIVATE KEY-----\ns3cret\n"},
    ],
)
def test_show_masks_secrets(calico: Calicoctl, env: dict[str, str]) -> None:
    result = calico("context", "show", env=env)
    assert rows(result.stdout)
    assert not re.search("s3|cret", result.stdout + result.stderr)


def test_show_masks_users_in_endpoints(calico: Calicoctl, home: Path) -> None:
    result = calico("--context", "prod", "context", "show")
    place = f"etcdEndpoints in line 5 of {home}/.config/calicoctl/config.yaml (context prod)"
    assert rows(result.stdout) == [["ETCD_ENDPOINTS", "http://***@a:1,http://***@b:2", place]]


def test_tests_ignore_system_configuration() -> None:
    assert not os.path.lexists(NO_SYSTEM_FILE)


# Completion


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("calicoctl --con", ["--config=", "--context="]),
        ("calicoctl --context ", ["lab", "prod", "later"]),
        ("calicoctl --context l", ["lab", "later"]),
        ("calicoctl --context=p", ["--context=prod"]),
        ("calicoctl --context prod ", None),
        ("calicoctl --context prod pro", ["profile"]),
        ("calicoctl --context prod --",
         ["--config=", "--context=", "--color=", "--output=", "--columns=", "--dry-run", "--flows", "--help",
          "--version"]),
        ("calicoctl --context prod profile P t", ["tag"]),
        ("calicoctl -c ", [":files"]),
        ("calicoctl --config x", [":files"]),
        ("calicoctl --config=x", [":files"]),
        ("calicoctl context use ", ["lab", "prod", "later"]),
        ("calicoctl context ", ["list", "use", "show"]),
        ("calicoctl context use --", ["--none", "--help"]),
        ("calicoctl profile show --con", []),
        ("calicoq --context l", ["lab", "later"]),
        ("calicoq --con", ["--config=", "--context="]),
        ("calicoq --context=lab ch", ["check"]),
        ("calicoq check --con", []),
        ("other --context ", []),
    ],
)  # fmt: skip
def test_completion(calico: Calicoctl, line: str, words: list[str] | None) -> None:
    result = calico("completion", "candidates", "--", *line.split(" "))
    assert (result.status, result.stderr) == (0, "")
    if words is None:
        words = calico("completion", "candidates", "--", "calicoctl", "").stdout.splitlines()
        assert "profile" in words
    assert result.stdout.splitlines() == words


def test_completion_with_invalid_file(calico: Calicoctl, home: Path) -> None:
    (home / ".config" / "calicoctl" / "config.yaml").write_text("{", encoding="utf-8")
    assert calico("completion", "candidates", "--", "calicoctl", "--context", "") == Result(0, "", "")
