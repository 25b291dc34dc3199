"""docs/calicoq.md: each command that it shows prints what it shows; all commands and options are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from calicoctl.calicoq.cli import COMMANDS, USAGE
from tests.calicoq.conftest import Calicoq, Store

PAGE = Path(__file__).parents[2] / "docs" / "calicoq.md"


def fill(store: Store) -> None:
    """Store the shop that the page describes."""
    shop = {"role": "web"}
    store.workload("host1/k8s/web-1/eth0", profile_ids=["shop"], ipv4_nets=["10.65.0.1/32"], labels=shop)
    store.workload("host2/k8s/db-1/eth0", profile_ids=["shop"], ipv4_nets=["10.65.0.2/32"], labels={"role": "db"})
    store.workload("host2/k8s/old-1/eth0", profile_ids=["ping"], ipv4_nets=["10.65.0.3/32"], ipv6_nets=["fd80::3/128"])
    store.profile("shop", tags=["SHOP"], labels={"team": "shop"}, inbound=[{"src_tag": "SHOP"}], outbound=[{}])
    store.profile(
        "ping",
        tags=["PING"],
        labels={},
        inbound=[{"protocol": "icmp", "icmp_type": 8}, {"src_tag": "SHOPS"}],
        outbound=[{}],
    )
    rule = {"action": "allow", "protocol": "tcp", "src_selector": "role == 'web'", "dst_ports": [5432]}
    store.policy("database", "role == 'db' && team == 'shop'", order=100, inbound=[rule])


def examples(page: str) -> Iterator[tuple[str, str, int]]:
    """Yield each command of the page, what it prints there and its exit status: that of `echo $?` below it, or 0."""
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        for step, following in zip(steps, [*steps[1:], ""], strict=True):
            command, _, output = step.partition("\n")
            if command != "echo $?":
                status = following.partition("\n")[2].strip() if following.startswith("echo $?") else "0"
                yield command, output, int(status)


def test_the_examples(store: Store, calicoq: Calicoq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_calicoq_page(store, calicoq, tmp_path)


def check_calicoq_page(store: Store, calicoq: Callable[..., Any], folder: Path) -> None:
    """Run the examples of the page in a folder, which is the current one."""
    (folder / "flows.yaml").write_text("- {allow: tcp:5432, from: web-1, to: db-1}")
    fill(store)
    shown = list(examples(PAGE.read_text(encoding="utf-8")))
    for command, output, status in shown:
        program, *arguments = shlex.split(command)
        assert program == "calicoq"
        result = calicoq(*arguments)
        assert (result.status, result.stdout + result.stderr) == (status, output), command
    assert {command.split()[1] for command, _, _ in shown} >= set(COMMANDS) - {"version", "help"}


def test_every_command_and_option_is_described() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"`calicoq {command}" in page, command
    for option in set(re.findall(r"--[a-z-]+", USAGE)):
        assert f"`{option}" in page or f"{option}`" in page, option
