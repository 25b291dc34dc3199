"""Verdicts on random states against a walk that is written as plainly as docs/data-model.md, section 7, tells it."""

from __future__ import annotations

import ipaddress
import itertools
import json
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.calicoq.memory import calicoq_on
from tests.sampling import examples

pytestmark = pytest.mark.once

NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132}
NETS = ["10.0.0.0/31", "10.0.0.1", "10.0.0.2/32", "fd00::/64", "fd00::1", "0.0.0.0/0"]
PORTS = st.lists(st.sampled_from([80, "80:90", 443]), max_size=2)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a rule that Felix 1.4 takes."""
    rule: dict[str, Any] = {"action": draw(st.sampled_from(["allow", "allow", "deny", "next-tier", "log"]))}
    protocol = draw(st.sampled_from([None, None, "tcp", "udp", "icmp", "icmpv6", "sctp", 6, "17"]))
    if protocol is not None:
        rule["protocol"] = protocol
    if draw(st.integers(0, 7)) == 0:
        rule["!protocol"] = draw(st.sampled_from(["udp", "icmp"]))
    if protocol not in (None, "icmp", "icmpv6") and draw(st.booleans()):
        rule[draw(st.sampled_from(["dst_ports", "!dst_ports", "src_ports", "!src_ports"]))] = draw(PORTS)
    sign = draw(st.sampled_from(["", "!"]))
    if draw(st.integers(0, 5)) == 0:
        rule[f"{sign}icmp_type"] = draw(st.sampled_from([8, 128, 255]))
        if draw(st.booleans()):
            rule[f"{sign}icmp_code"] = draw(st.sampled_from([0, 1]))
    if draw(st.integers(0, 3)) == 0 and protocol not in ("icmp", "icmpv6"):
        rule["ip_version"] = draw(st.sampled_from([4, 6]))
    for side in ("src", "dst"):
        for sign in ("", "!"):
            if draw(st.integers(0, 5)) == 0:
                versions = [net for net in NETS if rule.get("ip_version") in (None, ipaddress.ip_network(net).version)]
                rule[f"{sign}{side}_net"] = draw(st.sampled_from(versions))
            if draw(st.integers(0, 5)) == 0:
                rule[f"{sign}{side}_tag"] = draw(st.sampled_from(["T1", "T2"]))
            if draw(st.integers(0, 5)) == 0:
                rule[f"{sign}{side}_selector"] = draw(st.sampled_from(["x == '1'", "x == '2'"]))
    return rule


# Rules with few conditions match often enough for what comes after them to matter.
SIMPLE = st.builds(
    lambda action, condition: {"action": action, **condition},
    st.sampled_from(["allow", "deny", "next-tier", "log"]),
    st.sampled_from(
        [{}, {"protocol": "udp"}, {"protocol": "tcp"}, {"protocol": "tcp", "!dst_ports": [80]}, {"src_tag": "T1"},
         {"protocol": "tcp", "!src_ports": ["80:90"]}, {"!protocol": "tcp"}, {"protocol": "icmp", "!icmp_type": 8}]
    ),
)  # fmt: skip
RULES = st.lists(st.one_of(SIMPLE, SIMPLE, rules()), max_size=3)
BOTH = st.fixed_dictionaries({"inbound_rules": RULES, "outbound_rules": RULES})
LABELS = st.sampled_from([{}, {"x": "1"}, {"x": "2"}])
ENDPOINTS = st.fixed_dictionaries(
    {
        "labels": LABELS,
        "profiles": st.lists(st.sampled_from(["p", "p", "q", "q", "missing"]), max_size=3),
        "state": st.sampled_from(["active", "active", "active", "inactive"]),
        "is_host": st.booleans(),
    }
)
POLICIES = st.dictionaries(
    st.tuples(st.sampled_from(["default", "t", "lost"]), st.sampled_from(["a", "b", "c"])),
    st.fixed_dictionaries(
        {
            "selector": st.sampled_from(["", "x == '1'", "x == '2'"]),
            "order": st.sampled_from([1, 2]),
            "untracked": st.sampled_from([False, False, True]),
            "rules": BOTH,
        }
    ),
    max_size=3,
)
PROFILES = st.dictionaries(
    st.sampled_from(["p", "q"]),
    st.fixed_dictionaries(
        {"labels": LABELS, "tags": st.lists(st.sampled_from(["T1", "T2"]), max_size=2), "rules": BOTH}
    ),
    min_size=1,
    max_size=2,
)
PACKETS = st.sampled_from(
    [(), ("tcp",), ("tcp", "80"), ("tcp", "22"), ("udp", "443"), ("icmp",), ("icmp", "8"), ("icmp", "8/1"),
     ("icmpv6", "128"), ("sctp", "80"), ("tcp", "443", "--source-port=85"), ("47",)]
)  # fmt: skip


class Plain:
    """The walk, for one IP version."""

    def __init__(self, world: dict[str, Any], arguments: tuple[str, ...], version: int) -> None:
        self.world = world
        self.version = version
        owners = [*world["profiles"].values(), *world["policies"].values()]
        self.owners = [owner["rules"] for owner in owners]
        self.letting_pass: set[int] = set()
        words = [word for word in arguments if not word.startswith("--")]
        self.protocol = None if not words else NUMBERS.get(words[0]) or int(words[0])
        number = words[1] if len(words) > 1 else None
        is_icmp = self.protocol in (1, 58)
        self.ports = {"dst": int(number) if number and not is_icmp else None, "src": None}
        if arguments and arguments[-1].startswith("--source-port="):
            self.ports["src"] = int(arguments[-1].partition("=")[2])
        self.icmp = [int(part) for part in number.split("/")] if number and is_icmp else []
        addresses = ("10.0.0.1", "10.0.0.2") if version == 4 else ("fd00::1", "fd00::2")
        self.addresses = dict(zip(("src", "dst"), addresses, strict=True))

    def labels(self, endpoint: Any) -> dict[str, str]:
        labels: dict[str, str] = {}
        for name in endpoint["profiles"]:
            labels.update(self.world["profiles"].get(name, {}).get("labels", {}))
        return {**labels, **endpoint["labels"]}

    def selected(self, selector: str, endpoint: Any) -> bool:
        return not selector or self.labels(endpoint).get("x") == selector[-2]

    def decide_surely(self) -> tuple[bool | None, str]:
        """Return the outcome, None if it depends on the rules that were in force before, and what decides likely."""
        likely = self.decide()
        for letting_pass in itertools.chain.from_iterable(
            itertools.combinations(range(len(self.owners)), size) for size in range(1, len(self.owners) + 1)
        ):
            self.letting_pass = {id(self.owners[number]) for number in letting_pass}
            if self.decide()[0] != likely[0]:
                return None, likely[1]
        return likely

    def decide(self) -> tuple[bool, str]:
        self.marked = False
        is_source_host, is_destination_host = (self.world[end]["is_host"] for end in ("source", "destination"))
        if is_source_host and not is_destination_host:
            is_active = self.world["destination"]["state"] == "active"
            return (True, "not policed") if is_active else (False, "inactive")
        allowed, by = self.side("source", "outbound")
        if is_destination_host and not is_source_host:
            return (False, "parameter") if allowed else (allowed, by)
        if is_source_host:
            self.marked = False
        return self.side("destination", "inbound") if allowed else (allowed, by)

    def side(self, which: str, direction: str) -> tuple[bool, str]:
        endpoint = self.world[which]
        carried, self.marked = self.marked and not endpoint["is_host"], False
        if not endpoint["is_host"] and endpoint["state"] != "active":
            return False, "inactive"
        places = sorted(
            (key[0] != "t", policy["order"], key[1], key[0], number)
            for number, (key, policy) in enumerate(self.world["policies"].items())
            if (key[0] == "t" or (key[0] == "default" and self.world["default_exists"]))
            and self.selected(policy["selector"], endpoint)
        )
        all_policies = list(self.world["policies"].values())
        policies = [(name, tier, all_policies[number]) for _, _, name, tier, number in places]
        if endpoint["is_host"]:
            failsafe = [22] if direction == "inbound" else [2379, 2380, 4001, 7001]
            if self.protocol == 6 and self.ports["dst"] in failsafe:
                return True, "failsafe"
            for tier in ("t", "default"):
                for name, of_tier, policy in policies:
                    if of_tier == tier and policy["untracked"]:
                        found = self.rules(policy["rules"], direction, False)
                        if found and found[0] == "next-tier":
                            break
                        if found:
                            return found[0] == "allow", f"{name} {found[1]}"
        marked = carried  # by the chains of a workload on the same host
        for tier in ("t", "default"):
            tracked = [each for each in policies if each[1] == tier and not each[2]["untracked"]]
            if not tracked:
                continue
            marked = False
            for name, _, policy in tracked:
                found = self.rules(policy["rules"], direction, False)
                if found and found[0] == "next-tier":
                    marked = True
                    break
                if found:
                    self.marked = False
                    return found[0] == "allow", f"{name} {found[1]}"
            if not marked:
                return False, "end of tier"
        for name in endpoint["profiles"]:
            if name not in self.world["profiles"]:
                return False, f"{name} missing"
            found = self.rules(self.world["profiles"][name]["rules"], direction, marked)
            if found and found[0] == "next-tier":
                marked = True
            elif found:
                self.marked = marked
                return found[0] == "allow", f"{name} {found[1]}"
        return False, "end of profiles"

    def rules(self, both: Any, direction: str, marked: bool) -> tuple[str, Any] | None:
        if any(map(self.is_refused_by_iptables, both["inbound_rules"] + both["outbound_rules"])):
            return ("allow" if id(both) in self.letting_pass else "deny"), "refused"
        for number, rule in enumerate(both[f"{direction}_rules"], start=1):
            if rule.get("ip_version", self.version) != self.version:
                continue
            if self.becomes_a_drop(rule):
                return "deny", number
            if self.matches(rule) and rule["action"] != "log":
                return rule["action"], number
            if rule["action"] == "next-tier" and marked:
                return "next-tier", number
        return None

    def is_refused_by_iptables(self, rule: Any) -> bool:
        """Whether a rule has two matches of one kind where it is programmed; one is not for the other IP version."""
        if rule.get("ip_version", self.version) != self.version or self.becomes_a_drop(rule):
            return False
        for field in ("protocol", "src_net", "dst_net"):
            both = [rule[key] for key in (field, f"!{field}") if key in rule]
            here = [each for each in both if field == "protocol" or ipaddress.ip_network(each).version == self.version]
            if len(here) == 2:
                return True
        return False

    def becomes_a_drop(self, rule: Any) -> bool:
        protocol = rule.get("protocol")
        has_ports = any(rule.get(key) for key in ("src_ports", "dst_ports", "!src_ports", "!dst_ports"))
        if has_ports and protocol not in ("tcp", "udp"):
            return True
        types = [rule[key] for key in ("icmp_type", "!icmp_type") if key in rule]
        return 255 in types or (bool(types) and self.version == 6 and protocol != "icmpv6")

    def matches(self, rule: Any) -> bool:
        for key, value in rule.items():
            negated, field = key.startswith("!"), key.lstrip("!")
            answer = self.condition(rule, key, field, value)
            if answer == "unknown":
                answer = negated  # what is not given is none of those that rules name
                negated = False
            if answer == negated:
                return False
        return True

    def condition(self, rule: Any, key: str, field: str, value: Any) -> bool | str:
        negated = key.startswith("!")
        skipped = not negated  # the answer that makes a condition no condition
        if field == "protocol":
            if self.protocol is None:
                return "unknown"
            return bool(self.protocol == (NUMBERS.get(value) or int(value)))
        if field == "icmp_type":
            if self.version == 4 and rule.get("protocol") != "icmp":
                return skipped
            code = rule.get(key.replace("type", "code"))
            if self.protocol is not None and self.protocol != (1 if self.version == 4 else 58):
                return False
            if not self.icmp:
                return "unknown"
            if self.icmp[0] != value or code is None:
                return bool(self.icmp[0] == value)
            return "unknown" if len(self.icmp) < 2 else bool(self.icmp[1] == code)
        side = field[:3]
        if field.endswith("_ports"):
            if not value:
                return skipped
            port = self.ports[side]
            return "unknown" if port is None else port in {p for item in value for p in ports_of(item)}
        if field.endswith("_net"):
            network = ipaddress.ip_network(value)
            return skipped if network.version != self.version else ipaddress.ip_address(self.addresses[side]) in network
        endpoint = self.world["source" if side == "src" else "destination"]
        if field.endswith("_tag"):
            return any(value in self.world["profiles"].get(name, {}).get("tags", ()) for name in endpoint["profiles"])
        if field.endswith("_selector"):
            return self.selected(value, endpoint)
        return skipped  # action, ip_version, icmp_code


def ports_of(item: Any) -> range:
    first, _, last = str(item).partition(":")
    return range(int(first), int(last or first) + 1)


def stored(world: dict[str, Any]) -> dict[str, Any]:
    keys: dict[str, Any] = {"/calico/v1/policy/tier/t/metadata": {"order": 1}}
    if world["default_exists"]:
        keys["/calico/v1/policy/tier/default/metadata"] = {}
    for name, profile in world["profiles"].items():
        for part in ("labels", "tags", "rules"):
            keys[f"/calico/v1/policy/profile/{name}/{part}"] = profile[part]
    for (tier, name), policy in world["policies"].items():
        value = {key: policy[key] for key in ("selector", "order", "untracked")} | policy["rules"]
        keys[f"/calico/v1/policy/tier/{tier}/policy/{name}"] = value
    for number, which in enumerate(("source", "destination"), start=1):
        endpoint = world[which]
        ipv4, ipv6 = [f"10.0.0.{number}"], [f"fd00::{number}"]
        common = {"name": "cali1", "labels": endpoint["labels"], "profile_ids": endpoint["profiles"]}
        if endpoint["is_host"]:
            value = {**common, "expected_ipv4_addrs": ipv4, "expected_ipv6_addrs": ipv6}
            keys[f"/calico/v1/host/h/endpoint/{which}"] = value
        else:
            value = {**common, "state": endpoint["state"], "ipv4_nets": ipv4, "ipv6_nets": ipv6}
            keys[f"/calico/v1/host/h/workload/o/w/endpoint/{which}"] = value
    return keys


WORLDS = st.fixed_dictionaries(
    {
        "profiles": PROFILES, "policies": POLICIES, "source": ENDPOINTS, "destination": ENDPOINTS,
        "default_exists": st.sampled_from([True, True, False]),
    }
)


def decider(side: Any) -> str:
    """Return in the words of ``Plain`` what decided, as the answer tells it."""
    last = side["steps"][-1]
    where = last["where"].replace(" [untracked]", "")
    name = where.rpartition(" ")[2].strip('"')
    if "rule_number" in last:
        return f"{name} {last['rule_number']}"
    if "as iptables refuses" in last["what"]:
        return f"{name} refused"
    for beginning, words in (
        ("It is inactive", "inactive"),
        ("End of tier", "end of tier"),
        ("End of its", "end of profiles"),
        ("Felix does not police what a host sends", "not policed"),
        ("DefaultEndpointToHostAction is", "parameter"),
    ):
        if last["what"].startswith(beginning):
            return words
    return "failsafe" if where == "Failsafe ports" else f"{name} missing"


@settings(max_examples=examples(500))
@given(WORLDS, PACKETS)
def test_verdicts(world: dict[str, Any], arguments: tuple[str, ...]) -> None:
    result = calicoq_on(stored(world), "verdict", "source", "destination", *arguments, "-o", "json")
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    versions = {"icmp": [4], "icmpv6": [6]}.get(arguments[0] if arguments else "", [4, 6])
    assert [packet["ip_version"] for packet in answer["packets"]] == versions
    for packet in answer["packets"]:
        allowed, by = Plain(world, arguments, packet["ip_version"]).decide_surely()
        event(by if " " not in by or by.startswith("end") else "a rule")
        assert (packet["allowed"], decider(packet["sides"][-1])) == (allowed, by)
        assert packet["certainty"] == ("not certain" if allowed is None else "certain")
    outcomes = [packet["allowed"] for packet in answer["packets"]]
    assert result.status == (1 if False in outcomes else 2 if None in outcomes else 0)
