"""docs/nodes.md: its table has every key that the commands write; test_pages.py runs its examples."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer

PAGE = Path(__file__).parents[2] / "docs" / "nodes.md"


def test_every_key_is_in_the_table(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/bgp/v1/host/h1/ip_addr_v4", "192.0.2.1")
    for line in (
        "bgp peer add 10.0.0.1 as 64512", "bgp peer add fd80::1 as 5", "bgp node-mesh on", "bgp default-node-as 5",
        "config bgp loglevel debug", "config node bgp loglevel debug", "node bgp peer add 10.0.0.1 as 5",
        "node bgp peer add fd80::1 as 5",
    ):  # fmt: skip
        assert calicoctl(*line.split(), env={"HOSTNAME": "h1"}).status == 0, line
    table = PAGE.read_text(encoding="utf-8").partition("| key |")[2].partition("\n\n")[0]
    listed = set(re.findall(r"`((?:global|host/<host>)/[^`]+)`", table))
    for key in etcd.keys("/calico/bgp/v1"):
        below = key.removeprefix("/calico/bgp/v1/").replace("host/h1/", "host/<host>/")
        assert re.sub(r"(peer_v[46])/.*", r"\1/<address>", below) in listed, key
    assert etcd.get("/calico/bgp/v1/global/peer_v4/10.0.0.1") == '{"ip": "10.0.0.1", "as_num": "64512"}'
    assert etcd.get("/calico/bgp/v1/global/node_mesh") == '{"enabled": true}'
