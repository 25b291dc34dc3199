"""The settings of a kernel that a node needs, changed for real in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROCESS_SECONDS
from tests.containers.namespaces import NetworkNamespace

pytestmark = [pytest.mark.machine, pytest.mark.once]

NET = Path("/proc/sys/net")
# What a process inside the namespace runs: the settings that a namespace has of its own.
APPLY = """
from calicoctl.host.kernel_settings import IPV4_FORWARDING, IPV6_FORWARDING, ROOT, apply, settings
for setting in settings(ROOT):
    if setting in (IPV4_FORWARDING, IPV6_FORWARDING):
        print(apply(setting, ROOT))
"""


def run(netns: NetworkNamespace, *command: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    words = ["nsenter", f"--net={netns.path}", *command]
    return subprocess.run(words, env=env, capture_output=True, text=True, check=True, timeout=PROCESS_SECONDS).stdout


FILES = [str(path) for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding") if (path := NET / name).exists()]


def forwarding(netns: NetworkNamespace) -> list[str]:
    return run(netns, "cat", *FILES).split()


@pytest.fixture
def router(netns: NetworkNamespace) -> NetworkNamespace:
    """A namespace that does not forward anything yet."""
    run(netns, "/bin/sh", "-c", 'for file in "$@"; do echo 0 > $file; done', "sh", *FILES)
    return netns


def test_forwarding_is_enabled(router: NetworkNamespace) -> None:
    said = run(router, sys.executable, "-c", APPLY).splitlines()
    assert said == [
        "('Changed net.ipv4.ip_forward from 0 to 1', '')", "('Changed net.ipv6.conf.all.forwarding from 0 to 1', '')"
    ][: len(FILES)]  # fmt: skip
    assert forwarding(router) == ["1"] * len(FILES)
    assert run(router, sys.executable, "-c", APPLY).splitlines() == ["('', '')"] * len(FILES)


def test_shell_lines_of_a_unit_do_the_same(router: NetworkNamespace) -> None:
    lines = run(
        router,
        sys.executable,
        "-c",
        "from calicoctl.host.kernel_settings import *\nfor each in settings(ROOT)[:-1]: print(each.as_shell())",
    ).splitlines()
    for line in lines:
        run(router, "/bin/sh", "-c", line)
    assert forwarding(router) == ["1"] * len(lines)
