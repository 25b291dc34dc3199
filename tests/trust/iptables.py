"""The fate of a packet on hosts that Felix 1.4.9 has programmed: its chains, evaluated rule by rule.

The chains are those that Felix writes, with its marks, as observed on a real kernel. This module uses no code of
calicoctl.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}
OPENING_TYPES = {1: {8, 13, 15, 17}, 58: {128, *range(130, 137), 139, 143}}
ACCEPT_MARK, NEXT_TIER_MARK = 1, 2

# By selector: the labels of the matching endpoints, and whether Felix indexes it under the wrong labels.
SELECTORS: dict[str, tuple[Callable[[dict[str, str]], bool], bool]] = {
    "all()": (lambda labels: True, False),
    "role == 'a'": (lambda labels: labels.get("role") == "a", False),
    "role != 'a'": (lambda labels: labels.get("role") != "a", False),
    "role in {'a'}": (lambda labels: labels.get("role") == "a", False),
    "role in {'a', 'b'} && has(x)": (lambda labels: labels.get("role") in ("a", "b") and "x" in labels, False),
    "role in {'b'} && has(role)": (lambda labels: labels.get("role") == "b", True),
    "x in {'1'} || role in {'b'}": (lambda labels: labels.get("x") == "1" or labels.get("role") == "b", True),
    "x in {'1'} || role == 'b'": (lambda labels: labels.get("x") == "1" or labels.get("role") == "b", False),
    "!(role in {'a'}) && has(x)": (lambda labels: labels.get("role") != "a" and "x" in labels, False),
}


class Packet(NamedTuple):
    """A packet that opens a connection; None for a field that it does not have."""

    source: str
    destination: str
    protocol: int
    source_port: int | None = None
    port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None

    @property
    def version(self) -> int:
        """The IP version."""
        return ipaddress.ip_address(self.source).version


class Dropped(Exception):
    """The packet is dropped."""


class Accepted(Exception):
    """The packet is accepted in this table."""


class Kernel:
    """The hosts of a state, with one set of answers to what the state does not tell.

    ``unlikely`` has the open questions to which the unlikely answer holds; ``asked`` collects those that came up.
    """

    def __init__(self, world: dict[str, Any], unlikely: frozenset[Any]) -> None:
        self.world = world
        self.unlikely = unlikely
        self.asked: set[Any] = set()

    def passes(self, packet: Packet) -> bool:
        """Pass a packet through its hosts."""
        source, destination = self._workload_at(packet.source), self._workload_at(packet.destination)
        try:
            if source is not None:
                inside = destination if destination is not None and destination["host"] == source["host"] else None
                self._host(source["host"], packet, source, inside)
                if inside is not None:
                    return True
            if destination is not None:
                self._host(destination["host"], packet, None, destination)
        except Dropped:
            return False
        return True

    def _host(self, host: str, packet: Packet, entering: Any, leaving: Any) -> None:
        """Pass a packet through one host, from a workload or eth0 to a workload or eth0."""
        self.mark = 0
        self.drop_is_accept = self.world["override"].get(host) in ("ACCEPT", "LOG-and-ACCEPT")
        try:
            if entering is None:
                self._raw(host, packet)
            opening = OPENING_TYPES.get(packet.protocol)
            if opening is not None and packet.icmp_type not in opening and not self.mark & ACCEPT_MARK:
                self._drop()
            if self.mark & ACCEPT_MARK:
                return  # untracked policies have accepted it: the first rule of the chain accepts
            if entering is not None:
                self._endpoint_chain(entering, "outbound", packet)
            if leaving is not None:
                self._endpoint_chain(leaving, "inbound", packet)
        except Accepted:
            return

    def _drop(self) -> None:
        raise Accepted if self.drop_is_accept else Dropped

    def _raw(self, host: str, packet: Packet) -> None:
        endpoint = self.world["host_endpoints"].get(host)
        if endpoint is None or (packet.protocol == NUMBERS["tcp"] and packet.port == 22):
            return
        for policies in self._tiers_of(endpoint, untracked=True):
            self.mark &= ~NEXT_TIER_MARK
            for policy in policies:
                if not self.mark & NEXT_TIER_MARK:
                    self._rules_chain(policy, "inbound", packet)
                if self.mark & ACCEPT_MARK:
                    return
        self.mark = 0

    def _endpoint_chain(self, endpoint: Any, direction: str, packet: Packet) -> None:
        self.mark &= ~ACCEPT_MARK
        for policies in self._tiers_of(endpoint, untracked=False):
            self.mark &= ~NEXT_TIER_MARK
            for policy in policies:
                if not self.mark & NEXT_TIER_MARK:
                    self._rules_chain(policy, direction, packet)
                if self.mark & ACCEPT_MARK:
                    return
            if not self.mark & NEXT_TIER_MARK:
                self._drop()
        for name in endpoint["profiles"]:
            profile = self.world["profiles"].get(name)
            if profile is None:
                self._drop()
            self._rules_chain(profile, direction, packet)
            if self.mark & ACCEPT_MARK:
                return
        self._drop()

    def _rules_chain(self, owner: Any, direction: str, packet: Packet) -> None:
        """Evaluate the chain of a policy or profile. iptables accepts all of it, in both directions, or nothing."""
        if any(_is_refused(rule, packet.version) for rules in owner["rules"].values() for rule in rules):
            if self._likely(("refused", owner["id"])):
                self._drop()
            self.mark |= ACCEPT_MARK
            return
        for rule in owner["rules"][direction]:
            if rule.get("ip_version", packet.version) != packet.version:
                continue
            matches = all(holds != negated for holds, negated in self._matches(rule, packet))
            if rule["action"] == "deny" and matches:
                self._drop()
            for action, bit in (("allow", ACCEPT_MARK), ("next-tier", NEXT_TIER_MARK)):
                if rule["action"] == action:
                    self.mark |= bit if matches else 0
                    if self.mark & bit:  # a separate rule, evaluated whether or not the previous one matched
                        return

    def _matches(self, rule: dict[str, Any], packet: Packet) -> Iterator[tuple[bool, bool]]:
        """For each match of a rule, yield whether it holds without its negation, and whether it is negated."""
        for key, value in rule.items():
            negated, field = key.startswith("!"), key.lstrip("!")
            address = packet.source if field.startswith("src_") else packet.destination
            if field == "protocol":
                yield NUMBERS.get(value, value) == packet.protocol, negated
            elif field == "icmp_type":
                yield value == packet.icmp_type, negated
            elif field.endswith("_net"):
                network = ipaddress.ip_network(value)
                if network.version == packet.version:  # otherwise the match is omitted
                    yield ipaddress.ip_address(address) in network, negated
            elif field.endswith("_ports"):
                port = packet.source_port if field.startswith("src_") else packet.port
                yield any(_in_range(port, item) for item in value), negated
            elif field.endswith(("_tag", "_selector")):
                endpoint = self._workload_at(address)
                yield endpoint is not None and self._is_in_set(field, value, endpoint, address), negated

    def _is_in_set(self, field: str, value: str, endpoint: Any, address: str) -> bool:
        if field.endswith("_tag"):
            profiles = (self.world["profiles"].get(name) for name in endpoint["profiles"])
            return any(value in profile["tags"] for profile in profiles if profile is not None)
        return self._selects(value, endpoint, ("member", value, address))

    def _tiers_of(self, endpoint: Any, untracked: bool) -> Iterator[list[Any]]:
        for tier in ("first", "default"):
            policies = [
                policy
                for policy in self.world["policies"]
                if policy["tier"] == tier and policy["untracked"] == untracked and tier in self.world["tiers"]
                and self._selects(policy["selector"], endpoint, ("applies", policy["id"], endpoint["name"]))
            ]  # fmt: skip
            if policies:
                yield sorted(policies, key=lambda policy: (policy["order"], policy["id"]))

    def _selects(self, text: str, endpoint: Any, question: Any) -> bool:
        labels: dict[str, str] = {}
        for name in endpoint["profiles"]:
            labels.update(self.world["profiles"].get(name, {}).get("labels", {}))
        matches, is_misfiled = SELECTORS[text]
        if not matches({**labels, **endpoint["labels"]}):
            return False
        return not is_misfiled or self._likely(question)

    def _likely(self, question: Any) -> bool:
        self.asked.add(question)
        return question not in self.unlikely

    def _workload_at(self, address: str) -> Any:
        found = (each for each in self.world["workloads"] if address in each["addresses"])
        return next(found, None)


def _is_refused(rule: dict[str, Any], version: int) -> bool:
    """Whether iptables refuses a rule because two matches of the same kind are programmed."""
    if rule.get("ip_version", version) != version:
        return False
    for field in ("protocol", "src_net", "dst_net"):
        given = [rule[key] for key in (field, f"!{field}") if key in rule]
        if field != "protocol":
            given = [each for each in given if ipaddress.ip_network(each).version == version]
        if len(given) == 2:
            return True
    return False


def _in_range(port: int | None, item: int | str) -> bool:
    first, _, last = str(item).partition(":")
    return port is not None and int(first) <= port <= int(last or first)
