"""What must be true of every run, whatever it was given."""

from __future__ import annotations

import json

from calicoctl.model.endpoint import EndpointName
from calicoctl.model.felix_objects import (
    endpoint_problems,
    pool_problems,
    profile_labels_problems,
    profile_rules_problems,
    tags_problems,
)
from calicoctl.model.ipam import Block
from tests.conftest import Result
from tests.etcd_server import EtcdServer
from tests.trust.commands import PROFILES, V1

ASSIGNMENTS = "/calico/ipam/v2/assignment"
_PARTS = {"rules": profile_rules_problems, "tags": tags_problems, "labels": profile_labels_problems}


def check_result(result: Result, case: object) -> None:
    """No defect shows, the exit status is one of those documented, and a terminal sees nothing but text."""
    assert "Internal error" not in result.stderr, (case, result.stderr)
    assert "Traceback" not in result.stderr, (case, result.stderr)
    assert result.status in (0, 1, 2), (case, result)
    assert result.status == 0 or result.stderr or result.stdout, case
    for text in (result.stdout, result.stderr):
        assert text.replace("\n", "").isprintable(), (case, text)


def check_stored(etcd: EtcdServer, case: object) -> None:
    """Every profile, endpoint and pool is what Felix takes, by the data model; a block is one that can be read."""
    for key, value in etcd.keys(PROFILES).items():
        name, _, part = key.removeprefix(f"{PROFILES}/").partition("/")
        if value is not None and part in _PARTS:
            assert list(_PARTS[part](name, json.loads(value))) == [], (case, key, value)
    for key, value in etcd.keys(f"{V1}/ipam/v4").items():  # Felix does not look at pools of IPv6
        if value is not None:
            assert list(pool_problems(key.rpartition("/")[2], json.loads(value))) == [], (case, key, value)
    for key, value in etcd.keys(f"{V1}/host").items():
        parts = key.removeprefix(f"{V1}/host/").split("/")
        if value is not None and parts[1] == "workload":
            endpoint = EndpointName(parts[0], parts[2], parts[3], parts[5])
            assert list(endpoint_problems(endpoint, json.loads(value))) == [], (case, key, value)
    for value in etcd.keys(ASSIGNMENTS).values():
        if value is not None:
            Block.from_json(value)
