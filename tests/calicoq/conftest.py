"""Fixtures: calicoq run against a real etcd, in this process or in one of its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from calicoctl.calicoq.cli import run
from tests.conftest import NO_SYSTEM_FILE, PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdServer


class Calicoq:
    """Runs calicoq with a given environment and nothing else of the caller's: ``calicoq("endpoint", "web")``."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
        stdout, stderr = io.StringIO(), io.StringIO()
        status = run(list(arguments), {**self.environ, **(env or {})}, None, stdout, stderr, NO_SYSTEM_FILE)
        return Result(status, stdout.getvalue(), stderr.getvalue())

    def process(self, *arguments: str) -> Result:
        """Run it as a process of its own."""
        start = "from calicoctl.calicoq.cli import console_main; console_main()"
        done = subprocess.run(
            [sys.executable, "-c", start, *arguments], env=self.environ, capture_output=True, timeout=PROCESS_SECONDS
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


class Store:
    """Writes the objects of the v1 data model into etcd; values that are no text as JSON."""

    def __init__(self, etcd: EtcdServer) -> None:
        self.etcd = etcd
        etcd.put("/calico/v1/Ready", "true")
        self.tier("default")

    def put(self, key: str, value: Any) -> str:
        """Set a key below /calico/v1 and return the whole key."""
        whole = f"/calico/v1/{key}"
        self.etcd.put(whole, value if isinstance(value, str) else json.dumps(value))
        return whole

    def put_all(self, state: Mapping[str, Any]) -> None:
        """Set keys, given whole."""
        for key, value in state.items():
            self.etcd.put(key, value if isinstance(value, str) else json.dumps(value))

    def workload(self, name: str, /, **fields: Any) -> str:
        """Set a valid workload endpoint ``host/orchestrator/workload/endpoint`` with further or other fields."""
        host, orchestrator, workload, endpoint = name.split("/")
        key = f"host/{host}/workload/{orchestrator}/{workload}/endpoint/{endpoint}"
        value = {"state": "active", "name": "cali1", "mac": "ca:fe:1d:52:bb:e1", "profile_ids": [], "ipv4_nets": []}
        return self.put(key, {**value, "ipv6_nets": [], "labels": {}, **fields})

    def host_endpoint(self, name: str, /, **fields: Any) -> str:
        """Set a host endpoint ``host/endpoint``."""
        host, endpoint = name.split("/")
        return self.put(f"host/{host}/endpoint/{endpoint}", {"name": "eth0", **fields})

    def profile(self, name: str, inbound: Any = (), outbound: Any = (), tags: Any = None, labels: Any = None) -> str:
        """Set a profile's rules and, where given, its tags and labels; return the key of the rules."""
        if tags is not None:
            self.put(f"policy/profile/{name}/tags", tags)
        if labels is not None:
            self.put(f"policy/profile/{name}/labels", labels)
        rules = {"inbound_rules": list(inbound), "outbound_rules": list(outbound)}
        return self.put(f"policy/profile/{name}/rules", rules)

    def policy(self, name: str, selector: str = "all()", tier: str = "default", **fields: Any) -> str:
        """Set a policy; ``inbound`` and ``outbound`` are its rules."""
        rules = {f"{direction}_rules": fields.pop(direction, []) for direction in ("inbound", "outbound")}
        return self.put(f"policy/tier/{tier}/policy/{name}", {"selector": selector, **rules, **fields})

    def tier(self, name: str, **fields: Any) -> str:
        """Set a tier's metadata."""
        return self.put(f"policy/tier/{name}/metadata", fields)


@pytest.fixture
def store(etcd: EtcdServer) -> Store:
    """The emptied etcd, with ``Ready`` set and with the metadata without which Felix skips the tier ``default``."""
    return Store(etcd)


@pytest.fixture
def calicoq(calicoctl: Calicoctl) -> Calicoq:
    """calicoq for the emptied etcd."""
    return Calicoq(calicoctl.environ)
