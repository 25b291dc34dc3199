"""`calicoctl node remove` and the interfaces of this host's kernel."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.conftest import Calicoctl, Result
from tests.containers.namespaces import NetworkNamespace, ip, on_host
from tests.etcd_server import EtcdServer

pytestmark = pytest.mark.machine

HOST = "/calico/v1/host/h1"


def test_veth_pairs_with_felix_prefix_are_deleted(
    calicoctl: Calicoctl, etcd: EtcdServer, netns: NetworkNamespace
) -> None:
    """[BUG] Legacy deleted whatever had the name that an endpoint gives."""
    pair, without_prefix, no_pair = (f"{prefix}{os.getpid():x}" for prefix in ("cali", "tap", "cali-"))
    for number, name in enumerate((pair, without_prefix, no_pair)):
        endpoint = {"name": name, "state": "active", "profile_ids": [], "ipv4_nets": []}
        etcd.put(f"{HOST}/workload/docker/w{number}/endpoint/e{number}", json.dumps(endpoint))
    for number, name in enumerate((pair, without_prefix)):
        ip("link", "add", name, "type", "veth", "peer", "name", f"eth{number}", "netns", netns.name)
    ip("link", "add", no_pair, "type", "bridge")
    env = {"HOSTNAME": "h1", "DOCKER_HOST": "unix:///none"}
    try:
        listed = calicoctl("node", "remove", "--remove-endpoints", "--dry-run", env=env).stdout.splitlines()
        assert [line for line in listed if line.startswith("interface ")] == [f"interface {pair}"]
        assert on_host(pair, without_prefix, no_pair) == [pair, without_prefix, no_pair]
        result = calicoctl("node", "remove", "--remove-endpoints", env=env)
        assert result._replace(stderr="") == Result(0, "Node configuration removed\n", "")
        assert on_host(pair, without_prefix, no_pair) == [without_prefix, no_pair]
        assert "eth0" not in netns.links() and "eth1" in netns.links()
    finally:
        for name in on_host(pair, without_prefix, no_pair):
            subprocess.run(["ip", "link", "del", name], check=False)
