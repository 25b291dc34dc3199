"""Random states of the datastore with all that decides on packets, and random packets."""

from __future__ import annotations

import random
from typing import Any

from calicoctl.flows.atoms import Header
from tests.trust.iptables import SELECTORS

TAGS = ["T1", "T2", "T3"]
LABELS: list[dict[str, str]] = [{}, {"role": "a"}, {"role": "b"}, {"x": "1"}, {"role": "b", "x": "1"}]
NETS = [
    "10.65.0.0/30", "10.65.0.2/32", "10.65.0.0/16", "fd65::/126", "fd65::2", "0.0.0.0/0", "::/0", "192.0.2.0/24",
    "192.0.2.128/25",
]  # fmt: skip
HOSTS = ["h1", "h1", "h2", "h3"]
PORTS: list[Any] = [80, "80:90", 443, "1024:65535", "0:65535", 22, 85]


def random_state(dice: random.Random) -> dict[str, Any]:
    """Return keys with what is to be their JSON, and parameters as texts."""
    state: dict[str, Any] = {}
    for tier in dice.choice([["default", "first"], ["default", "first"], ["first"], ["default"]]):
        state[f"/calico/v1/policy/tier/{tier}/metadata"] = {"order": 1} if tier == "first" else {}
    for name in ("p", "q", "r")[: dice.randint(2, 3)]:
        state[f"/calico/v1/policy/profile/{name}/labels"] = dice.choice(LABELS)
        state[f"/calico/v1/policy/profile/{name}/tags"] = dice.sample(TAGS, dice.randint(0, 2))
        state[f"/calico/v1/policy/profile/{name}/rules"] = random_rules(dice)
    for number in range(dice.choice([0, 0, 0, 1, 1, 2, 3])):
        tier = dice.choice(["default", "default", "first"])
        selector = dice.choice(list(SELECTORS))
        policy = {"order": dice.randint(1, 2), "selector": selector, "untracked": dice.random() < 0.3}
        if dice.random() < 0.2:
            policy["types"] = dice.choice([["ingress"], ["egress"], ["ingress", "egress"]])
        state[f"/calico/v1/policy/tier/{tier}/policy/policy{number}"] = {**policy, **random_rules(dice)}
    _add_endpoints(dice, state)
    _add_parameters(dice, state)
    return state


def _add_endpoints(dice: random.Random, state: dict[str, Any]) -> None:
    for number in range(1, 6):
        host, address = dice.choice(HOSTS), dice.choice([number, number, number, 1])
        state[f"/calico/v1/host/{host}/workload/o/w/endpoint/w{number}"] = {
            "state": "active" if dice.random() < 0.9 else "inactive",
            "name": "cali1" if dice.random() < 0.95 else "tap1",
            "labels": dice.choice(LABELS),
            "profile_ids": dice.choices(["p"] * 4 + ["q"] * 3 + ["r"] * 3 + ["missing"], k=dice.randint(1, 3)),
            "ipv4_nets": [f"10.65.0.{address}/32"],
            "ipv6_nets": [f"fd65::{address}/128"],
        }
    for host in ("h1", "h2"):
        for number in range(dice.choice([0, 0, 1, 1, 2])):
            endpoint = {"name": f"eth{number}", "labels": dice.choice(LABELS), "profile_ids": dice.choice([[], ["p"]])}
            if dice.random() < 0.6:
                endpoint["expected_ipv4_addrs"] = [f"10.66.{host[1]}.{number + 1}"]
            state[f"/calico/v1/host/{host}/endpoint/eth{number}"] = endpoint
        if dice.random() < 0.5:
            state[f"/calico/v1/host/{host}/bird_ip"] = f"10.66.{host[1]}.9"


def _add_parameters(dice: random.Random, state: dict[str, Any]) -> None:
    if dice.random() < 0.2:
        action = dice.choice(["ACCEPT", "LOG-and-ACCEPT", "accept", "DROP"])
        state[f"/calico/v1/host/{dice.choice(HOSTS)}/config/DropActionOverride"] = action
    if dice.random() < 0.4:
        action = dice.choice(["ACCEPT", "RETURN", "DROP"])
        state[f"/calico/v1/host/{dice.choice(HOSTS)}/config/DefaultEndpointToHostAction"] = action
    if dice.random() < 0.1:
        state[f"/calico/v1/host/{dice.choice(HOSTS)}/config/LogSeverityFile"] = "verbose"  # it ends Felix
    if dice.random() < 0.05:
        state["/calico/v1/Ready"] = "false"
    if dice.random() < 0.1:
        state["/calico/v1/config/InterfacePrefix"] = "cali,eth"
    if dice.random() < 0.2:
        state["/calico/v1/config/FailsafeInboundHostPorts"] = dice.choice(["22,80", "", "443"])


def random_rules(dice: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Return the rules of a profile or policy, which Felix takes."""
    return {
        f"{direction}_rules": [random_rule(dice) for _ in range(dice.choice([0, 1, 1, 2, 3, 4]))]
        for direction in ("inbound", "outbound")
    }


# Rules with few conditions match often enough for what comes after them to matter.
SIMPLE: list[dict[str, Any]] = [
    {}, {"protocol": "tcp"}, {"protocol": "udp"}, {"protocol": "tcp", "dst_ports": [80]}, {"src_tag": "T1"},
    {"dst_tag": "T2"}, {"protocol": "icmp", "ip_version": 4}, {"src_net": "10.65.0.0/16"}, {"!dst_net": "10.65.0.0/30"},
]  # fmt: skip


def random_rule(dice: random.Random) -> dict[str, Any]:
    """Return a rule that Felix takes, right or wrong."""
    if dice.random() < 0.5:
        return {"action": dice.choice(["allow"] * 5 + ["deny", "next-tier"]), **dice.choice(SIMPLE)}
    action = dice.choice(["allow"] * 6 + ["deny"] * 3 + ["next-tier"] * 2 + ["log"])
    rule: dict[str, Any] = {"action": action} if dice.random() < 0.9 else {}
    if dice.random() < 0.6:
        rule["protocol"] = dice.choice(["tcp", "tcp", "tcp", "udp", "icmp", "icmp", "icmpv6", "sctp", 6, "17", 47])
    if rule.get("protocol") in ("tcp", "udp", "sctp") and dice.random() < (0.6 if rule["protocol"] != "sctp" else 0.2):
        for _ in range(dice.choice([1, 1, 2])):
            field = dice.choice(["dst_ports", "dst_ports", "!dst_ports", "src_ports", "!src_ports"])
            rule[field] = dice.sample(PORTS, dice.choice([0, 1, 1, 2]))
    if rule.get("protocol") in ("icmp", "icmpv6") and dice.random() < 0.6 or dice.random() < 0.03:
        sign = dice.choice(["", "", "!"])
        rule[f"{sign}icmp_type"] = dice.choice([8, 8, 13, 128, 135, 255])
        if dice.random() < 0.4:
            rule[f"{sign}icmp_code"] = dice.choice([0, 1])
    if dice.random() < 0.2 and rule.get("protocol") not in ("icmp", "icmpv6"):
        rule["ip_version"] = dice.choice([4, 6])
    elif rule.get("protocol") in ("icmp", "icmpv6") and dice.random() < 0.5:
        rule["ip_version"] = 4 if rule["protocol"] == "icmp" else 6
    if dice.random() < 0.04:
        rule["!protocol"] = dice.choice(["udp", "tcp"])
    for side in ("src", "dst"):
        for sign in ("", "", "!"):
            kind = dice.choice(["net", "tag", "selector", "", "", "", "", "", ""])
            nets = [net for net in NETS if rule.get("ip_version") in (None, 6 if ":" in net else 4)]
            choices = {"net": nets, "tag": TAGS, "selector": list(SELECTORS)}
            if kind:
                rule[f"{sign}{side}_{kind}"] = dice.choice(choices[kind])
    return rule


def random_header(dice: random.Random, ip_version: int, felix_version: int) -> Header:
    """Return what rules look at in a packet."""
    kind = dice.choice(["tcp", "tcp", "tcp", "udp", "icmp", "icmp", "other"])
    if kind == "icmp":
        types = [8, 8, 13, 0, 3, 15] if ip_version == 4 else [128, 128, 135, 1, 129, 255]
        return Header(1 if ip_version == 4 else 58, None, None, dice.choice(types), dice.choice([0, 1, 7]))
    ports = dice.choice([85, 40000, 80]), dice.choice([22, 80, 85, 443, 53, 67, 2379, 5432, 0, 65535])
    if kind == "other":
        number = dice.choice([47, 132, 4, 255])
        return Header(number, *ports) if number == 132 else Header(number)
    return Header(6 if kind == "tcp" else 17, *ports)
