"""Data for measuring flows: profiles of ten rules each, with tags, networks and ports, as years of use leave them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

SERVICES = [22, 53, 80, 123, 389, 443, 514, 636, 873, 2049, 3306, 5432, 6379, 8080, 8443, 9092, 9200, 11211, 27017]


def profiles(count: int, rules: int = 10) -> Iterator[tuple[str, str]]:
    """Yield the keys of that many profiles, each with a tag of its name and that many inbound rules."""
    dice = random.Random(19)
    for number in range(count):
        name = f"profile-{number:04d}"
        key = f"/calico/v1/policy/profile/{name}"
        inbound = [_rule(dice, count, number) for _ in range(rules)]
        yield f"{key}/tags", json.dumps([name])
        yield f"{key}/labels", "{}"
        yield f"{key}/rules", json.dumps({"inbound_rules": inbound, "outbound_rules": [{"action": "allow"}]})


def _rule(dice: random.Random, count: int, number: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"action": dice.choice(["allow"] * 5 + ["deny"])}
    kind = dice.random()
    if kind < 0.6:
        rule["src_tag"] = f"profile-{dice.randrange(count):04d}"
    elif kind < 0.9:
        rule["src_net"] = f"172.{dice.randrange(16, 32)}.{dice.randrange(256)}.0/{dice.choice([20, 22, 24, 28])}"
    if dice.random() < 0.9:
        rule["protocol"] = dice.choice(["tcp", "tcp", "udp"])
        first = dice.choice(SERVICES) if dice.random() < 0.7 else dice.randrange(1024, 60000)
        rule["dst_ports"] = [first] if dice.random() < 0.8 else [f"{first}:{first + dice.randrange(1, 1000)}"]
    return rule


def cut_apart(endpoints: Iterator[tuple[str, str]], profiles: int) -> Iterator[tuple[str, str]]:
    """Yield endpoints of which a third has a second profile."""
    dice = random.Random(20)
    for key, value in endpoints:
        fields = json.loads(value)
        if dice.random() < 0.3:
            fields["profile_ids"].append(f"profile-{dice.randrange(profiles):04d}")
        yield key, json.dumps(fields)


def change_of_a_profile() -> dict[str, Any]:
    """Return a document that changes the rules of one profile and keeps its tag."""
    web = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [80, 443]}}
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "Profile",
        "metadata": {"name": "profile-0007", "tags": ["profile-0007"]},
        "spec": {"ingress": [web], "egress": [{"action": "Allow"}]},
    }
