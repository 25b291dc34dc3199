"""The README's commands that need root, replayed in a real network namespace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Calicoctl
from tests.containers.namespaces import NetworkNamespace
from tests.etcd_server import EtcdServer
from tests.transcript import World, check

pytestmark = pytest.mark.machine

README = Path(__file__).parents[2] / "README.md"


def test_the_commands_of_root(calicoctl: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace, tmp_path: Path) -> None:
    (block,) = re.findall(r"^```console root\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    calicoctl("profile", "add", "WEB")
    before = stored_keys(etcd)
    programs = {"calicoctl": lambda arguments, stdin: calicoctl(*arguments, stdin=stdin)}
    # The README's namespace is `blue`; this test must not take that name on a machine where there is one.
    check(block.replace("/var/run/netns/blue", netns.path), World(programs, etcd, tmp_path))
    assert stored_keys(etcd) - before == {"/calico/v1/ipam/v4/pool/10.65.0.0-24"}


def stored_keys(etcd: EtcdServer) -> set[str]:
    return {key for key, value in etcd.keys("/calico/v1").items() if value is not None}
