"""Replay the examples of docs/containers.md, which require root, in a real network namespace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Calicoctl
from tests.containers.namespaces import NetworkNamespace
from tests.documents.page import examples
from tests.etcd_server import EtcdServer
from tests.transcript import World, check

pytestmark = pytest.mark.machine

PAGE = Path(__file__).parents[2] / "docs" / "containers.md"


def test_commands_for_root(calicoctl: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace, tmp_path: Path) -> None:
    (example,) = [example for example in examples(PAGE) if example.word == "root"]
    programs = {"calicoctl": lambda arguments, stdin: calicoctl(*arguments, stdin=stdin)}
    # The page uses the namespace `blue`; the test must not use this name, because it may exist on the machine.
    check(example.text.replace("/var/run/netns/blue", netns.path), World(programs, etcd, tmp_path))
    profile = {f"/calico/v1/policy/profile/WEB/{part}" for part in ("tags", "labels", "rules")}
    assert stored_keys(etcd) == {"/calico/v1/ipam/v4/pool/10.65.0.0-24", *profile}


def stored_keys(etcd: EtcdServer) -> set[str]:
    return {key for key, value in etcd.keys("/calico/v1").items() if value is not None}
