"""calicoq on a state in memory, for tests with very many states."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, cast

from calicoctl import cli
from calicoctl.calicoq.cli import _dispatch
from calicoctl.environment import Environment
from calicoctl.etcd.client import Client
from tests.conftest import Result


class _MemoryClient:
    """Answers the one read of calicoq, and says that there is nothing of BGP."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        nodes = [
            {"key": key, "value": value if isinstance(value, str) else json.dumps(value)}
            for key, value in state.items()
        ]
        self.node = {"key": "/calico/v1", "dir": True, "nodes": nodes}
        self.remarks: list[str] = []

    def get(self, key: str, recursive: bool) -> dict[str, Any] | None:
        if key == "/calico/bgp/v1":
            return None
        assert (key, recursive) == ("/calico/v1", True)
        return self.node

    def close(self) -> None:
        pass


def calicoq_on(state: Mapping[str, Any], *arguments: str) -> Result:
    """Run calicoq where the datastore holds a state: whole keys with texts, or with what is to be their JSON."""
    stdout, stderr = io.StringIO(), io.StringIO()
    environment = Environment({"CALICOCTL_DEBUG": "1"}, None, stdout, stderr)
    environment._client = cast(Client, _MemoryClient({"/calico/v1/Ready": "true", **state}))
    status = cli.run_program(_dispatch, arguments, environment)
    lines = [line for line in stderr.getvalue().splitlines() if not line.startswith("Read /calico/v1")]
    return Result(status, stdout.getvalue(), "\n".join(lines))
