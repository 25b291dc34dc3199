"""The number of requests to etcd that each command makes."""

from __future__ import annotations

import pytest

from tests.command_lines import EVERY_ROW, Row
from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy
from tests.trust.outcomes import prepare, run_row


@pytest.mark.once
@pytest.mark.parametrize("row", EVERY_ROW, ids=str)
def test_requests(row: Row, etcd: EtcdServer, calicoctl: Calicoctl, on_host: None) -> None:
    prepare(row, etcd, calicoctl)
    with Proxy(etcd) as proxy:
        run_row(row, calicoctl, {"ETCD_AUTHORITY": proxy.authority})
        assert [request.split(" ")[0] for request in proxy.requests] == row.requests.split()
