"""README.md and the pages below docs/: their examples run, and the commands and messages they mention exist."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calicoctl.calicoq.cli import COMMANDS as CALICOQ_COMMANDS
from calicoctl.usage.table import COMMANDS
from tests.conftest import Calicoctl
from tests.documents.page import check_page, examples
from tests.etcd_server import EtcdServer
from tests.transcript import World

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
TROUBLESHOOTING = DOCS / "troubleshooting.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
NAMES = ("backup.md", "from-legacy.md", "gitops.md", "nodes.md", "output.md", "profile-resource.md")
REPLAYED = [README, *(DOCS / name for name in NAMES), TROUBLESHOOTING]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", REPLAYED, ids=lambda page: page.name)
def test_examples_of_page(page: Path, world: World) -> None:
    assert any(example.language == "console" for example in examples(page))
    check_page(page, world)


def test_commands_are_shown_only_if_they_run() -> None:
    other_tests = "".join(read(path) for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__))
    for page in PAGES:
        assert not re.search(r"^    calico(ctl|q) ", read(page), re.MULTILINE), page
        for example in examples(page):
            if re.search(r"^(\$ )?calico(ctl|q) ", example.text, re.MULTILINE):
                assert example.language == "console", page
                assert page in REPLAYED or page.name in other_tests, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_sentences_exist(page: Path) -> None:
    words = re.findall(r"`(calicoctl|calicoq) ([a-z][a-z-]*)", read(page))
    known = {"calicoctl": COMMANDS, "calicoq": CALICOQ_COMMANDS}
    assert [f"{program} {command}" for program, command in words if command not in known[program]] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_have_targets(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", read(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", read(target), re.MULTILINE)
            assert anchor in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_links_every_page_and_is_short() -> None:
    text = read(README)
    assert [page.name for page in DOCS.glob("*.md") if f"(docs/{page.name})" not in text] == []
    assert text.count("\n") <= 150


def string_constants() -> Iterator[str]:
    """Yield all texts in calicoctl's source except docstrings, with adjacent literals joined and blanks normalized."""
    for path in sorted((ROOT / "calicoctl").rglob("*.py")):
        tree = ast.parse(read(path))
        docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
                yield " ".join(node.value.split())


def test_quoted_messages_exist_in_source() -> None:
    page = read(TROUBLESHOOTING)
    quoted = re.findall(r"^### `(.*)`$", page, re.MULTILINE) + re.findall(r"^\| `(.*?)` \|", page, re.MULTILINE)
    assert len(quoted) > 100
    shown = "".join(each.text for page in REPLAYED for each in examples(page) if each.language == "console")
    texts = [*string_constants(), " ".join(shown.replace("\n! ", " ").split())]
    parts = [(message, " ".join(part.split())) for message in quoted for part in re.split(r"<[^>]*>", message)]
    unknown = [f"{message}: {part}" for message, part in parts if not any(part in text for text in texts)]
    assert unknown == []


def pipeline() -> dict[str, Any]:
    import yaml

    (text,) = [example.text for example in examples(DOCS / "gitops.md") if example.word == ".gitlab-ci.yml"]
    jobs: dict[str, Any] = yaml.safe_load(text)
    return jobs


@pytest.mark.once
def test_pipeline_of_gitops_page(calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("calicoctl", "calicoq"):
        start = f"from calicoctl.start import {name} as run; run()"
        (programs / name).write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{start}' \"$@\"\n")
        (programs / name).chmod(0o755)
    environ = {**calicoctl.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def job(name: str) -> int:
        script = "set -e\n" + "\n".join(pipeline()[name]["script"])
        return subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environ, capture_output=True).returncode

    (tmp_path / "profiles").mkdir()
    web = tmp_path / "profiles" / "web.yaml"
    (web_yaml,) = [example.text for example in examples(DOCS / "gitops.md") if example.word == "profiles/web.yaml"]
    web.write_text(web_yaml)
    etcd.put("/calico/v1/Ready", "true")
    assert [job("validate"), job("diff"), job("apply"), job("diff")] == [0, 0, 0, 0]
    assert calicoctl("diff", "-f", str(web)).status == 0
    web.write_text(web_yaml.replace("[443]", "[70000]"))
    assert [job("validate"), job("diff"), job("apply")] == [1, 1, 1]
