"""Write test data for the measurements into etcd quickly: endpoints, profiles and policies."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse
import uuid
from collections.abc import Iterable, Iterator

HOSTS = 100
WRITERS = 8


def put_all(endpoint: str, items: Iterable[tuple[str, str]]) -> None:
    """Write keys and values over several parallel connections; `endpoint` is `address:port`."""
    queue = iter(items)
    lock = threading.Lock()
    failures: list[BaseException] = []

    def write() -> None:
        connection = http.client.HTTPConnection(endpoint, timeout=60)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        while not failures:
            with lock:
                item = next(queue, None)
            if item is None:
                return
            connection.request("PUT", f"/v2/keys{item[0]}", urllib.parse.urlencode({"value": item[1]}), headers)
            response = connection.getresponse()
            response.read()
            if response.status not in (200, 201):
                failures.append(RuntimeError(f"etcd answered {response.status} for {item[0]}"))

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def get(endpoint: str, key: str) -> str:
    """Return the value of a key. Raises RuntimeError if there is none."""
    connection = http.client.HTTPConnection(endpoint, timeout=60)
    connection.request("GET", f"/v2/keys{key}")
    answer = json.loads(connection.getresponse().read())
    if "node" not in answer:
        raise RuntimeError(f"etcd answers for {key}: {answer.get('message')}")
    return str(answer["node"]["value"])


def version(endpoint: str) -> str:
    """Return the version of the etcd server."""
    connection = http.client.HTTPConnection(endpoint, timeout=60)
    connection.request("GET", "/version")
    return str(json.loads(connection.getresponse().read())["etcdserver"])


def clear(endpoint: str) -> None:
    """Delete all of Calico's data."""
    connection = http.client.HTTPConnection(endpoint, timeout=60)
    connection.request("DELETE", "/v2/keys/calico?recursive=true&dir=true")
    connection.getresponse().read()


def endpoints(first: int, last: int, profiles: int = 10) -> Iterator[tuple[str, str]]:
    """Yield the workload endpoints with numbers from `first` to `last` - 1, on 100 hosts, each with one profile."""
    for number in range(first, last):
        unique = uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex
        key = f"/calico/v1/host/host-{number % HOSTS:03d}/workload/docker/{unique}{unique}/endpoint/{unique}"
        yield (
            key,
            json.dumps(
                {
                    "name": f"cali{unique[:11]}",
                    "labels": {},
                    "state": "active",
                    "ipv6_nets": [],
                    "mac": ":".join(unique[place : place + 2] for place in range(0, 12, 2)),
                    "ipv4_nets": [f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/32"],
                    "profile_ids": [f"profile-{number % profiles:04d}"],
                }
            ),
        )


def profiles(count: int) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of `count` default profiles."""
    for number in range(count):
        name = f"profile-{number:04d}"
        key = f"/calico/v1/policy/profile/{name}"
        yield f"{key}/tags", json.dumps([name])
        yield f"{key}/labels", "{}"
        rules = {
            "inbound_rules": [{"action": "allow", "src_tag": name}],
            "outbound_rules": [{"action": "allow"}],
        }
        yield f"{key}/rules", json.dumps(rules)


def policies(count: int, applications: int) -> Iterator[tuple[str, str]]:
    """Yield a tier with policies. Each selects one application, and its rules name three others."""
    yield "/calico/v1/policy/tier/default/metadata", "{}"
    for number in range(count):
        own, source, one, other = (f"app-{(number + step) % applications:04d}" for step in range(4))
        policy = {
            "order": number,
            "selector": f"app == '{own}' && stage != 'test'",
            "inbound_rules": [{"action": "allow", "src_selector": f"app == '{source}'"}],
            "outbound_rules": [{"action": "allow", "dst_selector": f"app in {{'{one}', '{other}'}} && has(name)"}],
        }
        yield f"/calico/v1/policy/tier/default/policy/policy-{number:04d}", json.dumps(policy)


def labelled(endpoints: Iterable[tuple[str, str]], applications: int) -> Iterator[tuple[str, str]]:
    """Yield endpoints with labels added: an application, a stage and a unique name."""
    for number, (key, value) in enumerate(endpoints):
        labels = {"app": f"app-{number % applications:04d}", "stage": "production", "name": f"endpoint-{number}"}
        yield key, json.dumps({**json.loads(value), "labels": labels})
