"""How many requests to etcd each command makes."""

from __future__ import annotations

import pytest

from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy
from tests.speed.command_lines import LINES, Line


@pytest.mark.parametrize("line", LINES, ids=str)
def test_requests(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, line: Line) -> None:
    for key, value in line.state.items():
        etcd.put(key, value)
    # No Docker: what a profile's name means there is no matter of etcd.
    environ = {**calicoctl.environ, "DOCKER_HOST": "unix:///none"}
    Calicoctl(environ, line.program)(*line.line.split(), stdin=line.stdin)
    assert [request.split(" ")[0] for request in proxy.requests] == line.requests.split()
