"""docs/nodes.md: each command that it shows prints what it shows, and leaves what the page says is stored."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer

PAGE = Path(__file__).parents[2] / "docs" / "nodes.md"
NODES = {
    "host1": {"ip_addr_v4": "192.0.2.1", "ip_addr_v6": ""},
    "host2": {"ip_addr_v4": "192.0.2.2", "ip_addr_v6": "fd80::2", "as_num": "64520"},
}


def examples(page: str) -> Iterator[tuple[str, str, int]]:
    """Yield each command of the page, what it prints there and its exit status: that of `echo $?` below it, or 0."""
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        for step, following in zip(steps, [*steps[1:], ""], strict=True):
            command, _, output = step.partition("\n")
            if command != "echo $?":
                yield command, output, int(following.partition("\n")[2] if following.startswith("echo $?") else 0)


def test_the_examples(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    for host, settings in NODES.items():
        for name, value in settings.items():
            etcd.put(f"/calico/bgp/v1/host/{host}/{name}", value)
    shown = list(examples(PAGE.read_text(encoding="utf-8")))
    assert len(shown) > 10
    for command, output, status in shown:
        program, *arguments = shlex.split(command)
        assert program == "calicoctl"
        result = calicoctl(*arguments)
        assert (result.status, result.stdout + result.stderr) == (status, output), command


def test_the_keys(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    """What the commands write is in the table of keys."""
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
