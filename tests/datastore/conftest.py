"""A stored profile, and constants for the tests of its edits."""

from __future__ import annotations

import pytest

from tests.conftest import Result
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Request

PROFILE = "/calico/v1/policy/profile/P"
TAGS = f"{PROFILE}/tags"
RULES = f"{PROFILE}/rules"
NEW_RULES = '{"inbound_rules": [{"action": "allow", "src_tag": "P"}], "outbound_rules": [{"action": "allow"}]}'
ADDED = Result(0, "Tag T added to profile P\n", "")
DROPPED = "Remote end closed connection without response"


@pytest.fixture
def profile(etcd: EtcdServer) -> EtcdServer:
    """An etcd with a new profile P."""
    etcd.put(TAGS, '["P"]')
    etcd.put(f"{PROFILE}/labels", "{}")
    etcd.put(RULES, NEW_RULES)
    return etcd


def write(request: Request) -> bool:
    return request.method != "GET"


def every_write(behaviour: Behaviour) -> Behaviour:
    """Apply the behaviour to all writes; forward all reads."""
    return lambda request: behaviour(request) if write(request) else request.forward()
