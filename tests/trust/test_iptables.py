"""Random packets in random states: the verdict of calicoq compared with the chains that Felix programs."""

from __future__ import annotations

import itertools
import random
from typing import Any

from tests.calicoq.memory import calicoq_on
from tests.sampling import Sampling
from tests.trust.iptables import NUMBERS, SELECTORS, Kernel, Packet

PACKETS_OF_A_STATE = 40
MOST_QUESTIONS = 6  # verdict tries every combination of answers up to this number
NETS = ["10.65.0.0/30", "10.65.0.2/32", "fd65::/126", "0.0.0.0/0", "192.0.2.0/24"]
PASSING_UDP: list[dict[str, Any]] = [{"action": "next-tier", "protocol": "udp"}, {"action": "allow"}]
OUTSIDE = {4: "192.0.2.9", 6: "2001:db8::9"}
STATUS = {frozenset({True}): 0, frozenset({False}): 1, frozenset({True, False}): 2}


def test_verdicts_match_chains_of_felix(dice: random.Random, sampling: Sampling) -> None:
    left = sampling.number(100_000, 1_000)
    while left > 0:
        world = random_world(dice)
        state = keys_of(world)
        for packet in [random_packet(dice, world) for _ in range(PACKETS_OF_A_STATE)]:
            outcomes = outcomes_of(world, packet)
            if outcomes is not None:
                result = calicoq_on(state, "verdict", *arguments_of(packet))
                assert result.status == STATUS[outcomes], (packet, state, result)
                left -= 1


def outcomes_of(world: dict[str, Any], packet: Packet) -> frozenset[bool] | None:
    """Return every possible outcome of a packet; None if it depends on more questions than verdict tries."""
    asked: set[Any] = set()
    tried: set[frozenset[Any]] = set()
    outcomes: set[bool] = set()
    while new := {frozenset(each) for each in subsets(asked)} - tried:
        for unlikely in new:
            kernel = Kernel(world, unlikely)
            outcomes.add(kernel.passes(packet))
            asked |= kernel.asked
            if len(asked) > MOST_QUESTIONS:
                return None
        tried |= new
    return frozenset(outcomes)


def subsets(questions: set[Any]) -> itertools.chain[tuple[Any, ...]]:
    sizes = range(len(questions) + 1)
    return itertools.chain.from_iterable(itertools.combinations(questions, size) for size in sizes)


def random_world(dice: random.Random) -> dict[str, Any]:
    labels = [{}, {"role": "a"}, {"role": "b"}, {"x": "1"}, {"role": "b", "x": "1"}]
    selectors = list(SELECTORS)
    profiles = {
        name: {"id": name, "labels": dice.choice(labels), "tags": dice.sample(["T1", "T2"], dice.randint(0, 2)),
               "rules": random_rules(dice)}
        for name in ("p", "q", "r")[: dice.randint(1, 3)]
    }  # fmt: skip
    workloads = [
        {"name": f"w{number}", "host": dice.choice(["h1", "h1", "h2"]), "labels": dice.choice(labels),
         "profiles": dice.choices(["p", "p", "q", "r", "missing"], k=dice.randint(1, 3)),
         "addresses": [f"10.65.0.{number}", f"fd65::{number}"]}
        for number in (1, 2, 3)
    ]  # fmt: skip
    policies = [
        {"id": f"policy{number}", "tier": dice.choice(["default", "default", "first"]), "order": dice.randint(1, 2),
         "selector": dice.choice(selectors), "untracked": dice.random() < 0.3, "rules": random_rules(dice)}
        for number in range(dice.choice([0, 0, 1, 1, 2, 3]))
    ]  # fmt: skip
    if dice.random() < 0.3:  # the mark of next-tier carries over from one profile to the next
        profiles["p"] = {**profiles["p"], "rules": {"outbound": [{"action": "next-tier"}], "inbound": PASSING_UDP}}
        allowing = {"outbound": [{"action": "allow"}], "inbound": PASSING_UDP}
        profiles["q"] = {**profiles["p"], "id": "q", "rules": allowing}
        for workload in workloads:
            workload["profiles"] = dice.choice([["p", "q"], ["q"]])
    return {
        "profiles": profiles,
        "workloads": workloads,
        "policies": policies,
        "tiers": dice.choice([["default", "first"], ["default", "first"], ["first"], ["default"]]),
        "host_endpoints": {
            host: {"name": f"{host}-up", "labels": dice.choice(labels), "profiles": []}
            for host in ("h1", "h2")
            if dice.random() < 0.5
        },
        "override": {"h1": dice.choice(["DROP"] * 6 + ["ACCEPT", "LOG-and-ACCEPT", "accept"])},
    }


def random_rules(dice: random.Random) -> dict[str, list[dict[str, Any]]]:
    return {
        direction: [random_rule(dice) for _ in range(dice.choice([0, 1, 1, 2, 3]))]
        for direction in ("inbound", "outbound")
    }


def random_rule(dice: random.Random) -> dict[str, Any]:
    rule: dict[str, Any] = {"action": dice.choice(["allow"] * 5 + ["deny", "deny", "next-tier", "next-tier", "log"])}
    if dice.random() < 0.5:
        rule["protocol"] = dice.choice(["tcp", "tcp", "udp", "icmp", 6])
    if rule.get("protocol") in ("tcp", "udp") and dice.random() < 0.6:
        field = dice.choice(["dst_ports", "dst_ports", "!dst_ports", "src_ports"])
        rule[field] = dice.sample([80, "80:90", 443, "1024:65535"], dice.randint(1, 2))
    if rule.get("protocol") == "icmp":
        rule["ip_version"] = 4
        if dice.random() < 0.5:
            rule[dice.choice(["icmp_type", "!icmp_type"])] = 8
    elif dice.random() < 0.2:
        rule["ip_version"] = dice.choice([4, 6])
    if dice.random() < 0.05:
        rule["!protocol"] = dice.choice(["udp", "tcp"])
    for side in ("src", "dst"):
        for sign in ("", "", "!"):
            kind = dice.choice(["net", "tag", "selector", "", "", "", "", ""])
            choices = {"net": networks_for(rule), "tag": ["T1", "T2"], "selector": list(SELECTORS)}
            if kind:
                rule[f"{sign}{side}_{kind}"] = dice.choice(choices[kind])
    return rule


def networks_for(rule: dict[str, Any]) -> list[str]:
    """Felix refuses a network whose IP version differs from the rule's."""
    return [net for net in NETS if rule.get("ip_version") in (None, 6 if ":" in net else 4)]


def random_packet(dice: random.Random, world: dict[str, Any]) -> Packet:
    version = dice.choice([4, 4, 6])
    inside = [workload["addresses"][version == 6] for workload in world["workloads"]]
    source, destination = dice.sample([*inside, OUTSIDE[version]], 2)
    protocol = dice.choice(["tcp", "tcp", "udp", "icmp" if version == 4 else "icmpv6"])
    if protocol.startswith("icmp"):
        types = [8, 8, 13, 0, 3] if version == 4 else [128, 128, 135, 1, 129]
        return Packet(source, destination, NUMBERS[protocol], icmp_type=dice.choice(types), icmp_code=0)
    return Packet(source, destination, NUMBERS[protocol], dice.choice([85, 40000]), dice.choice([22, 80, 443, 5432]))


def arguments_of(packet: Packet) -> list[str]:
    name = {number: name for name, number in NUMBERS.items()}[packet.protocol]
    if packet.icmp_type is not None:
        return [packet.source, packet.destination, name, f"{packet.icmp_type}/{packet.icmp_code}"]
    return [packet.source, packet.destination, name, str(packet.port), f"--source-port={packet.source_port}"]


def keys_of(world: dict[str, Any]) -> dict[str, Any]:
    """Return the keys and values that describe a world."""
    keys: dict[str, Any] = {f"/calico/v1/policy/tier/{tier}/metadata": {"order": 1} if tier == "first" else {}
                            for tier in world["tiers"]}  # fmt: skip
    for name, profile in world["profiles"].items():
        for part in ("labels", "tags"):
            keys[f"/calico/v1/policy/profile/{name}/{part}"] = profile[part]
        keys[f"/calico/v1/policy/profile/{name}/rules"] = stored_rules(profile["rules"])
    for policy in world["policies"]:
        value = {key: policy[key] for key in ("selector", "order", "untracked")} | stored_rules(policy["rules"])
        keys[f"/calico/v1/policy/tier/{policy['tier']}/policy/{policy['id']}"] = value
    for workload in world["workloads"]:
        ipv4, ipv6 = workload["addresses"]
        keys[f"/calico/v1/host/{workload['host']}/workload/o/w/endpoint/{workload['name']}"] = {
            "state": "active", "name": "cali1", "labels": workload["labels"], "profile_ids": workload["profiles"],
            "ipv4_nets": [f"{ipv4}/32"], "ipv6_nets": [f"{ipv6}/128"],
        }  # fmt: skip
    for host, endpoint in world["host_endpoints"].items():
        value = {"name": "eth0", "labels": endpoint["labels"]}
        keys[f"/calico/v1/host/{host}/endpoint/{endpoint['name']}"] = value
    for host, action in world["override"].items():
        keys[f"/calico/v1/host/{host}/config/DropActionOverride"] = action
    return keys


def stored_rules(rules: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {f"{direction}_rules": listed for direction, listed in rules.items()}
