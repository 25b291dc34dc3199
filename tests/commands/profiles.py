"""Keys and stored profiles for the tests of `calicoctl profile`."""

from __future__ import annotations

import json

from tests.etcd_server import EtcdServer

PROFILES = "/calico/v1/policy/profile"
HOSTS = "/calico/v1/host"


def new_profile(name: str) -> dict[str, str]:
    """The keys of a new profile as they are stored."""
    rules = (
        f'{{"inbound_rules": [{{"action": "allow", "src_tag": "{name}"}}], "outbound_rules": [{{"action": "allow"}}]}}'
    )
    return {
        f"{PROFILES}/{name}/labels": "{}",
        f"{PROFILES}/{name}/rules": rules,
        f"{PROFILES}/{name}/tags": f'["{name}"]',
    }


def put_all(etcd: EtcdServer, keys: dict[str, str]) -> None:
    for key, value in keys.items():
        etcd.put(key, value)


def put_endpoint(
    etcd: EtcdServer, host: str, workload: str, endpoint: str, *profiles: str, state: str = "active"
) -> None:
    fields = {
        "state": state,
        "name": "cali0",
        "mac": None,
        "profile_ids": list(profiles),
        "ipv4_nets": [],
        "ipv6_nets": [],
    }
    etcd.put(f"{HOSTS}/{host}/workload/docker/{workload}/endpoint/{endpoint}", json.dumps(fields))
