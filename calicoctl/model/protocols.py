"""The protocols that have a name in rules."""

from __future__ import annotations

# Names in stored rules and protocol numbers, in the order in which messages list them.
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "udplite": 136}
DNS_AND_DHCP = (53, 67, 547)  # the UDP ports at which a host may serve its own workloads
_MIXED_CASE = {"icmpv6": "ICMPv6", "udplite": "UDPLite"}
V3_NAMES = {name: _MIXED_CASE.get(name, name.upper()) for name in PROTOCOLS}  # names in v3 documents
