"""IP networks as they appear in rules: an address, which may have host bits, and a prefix length."""

from __future__ import annotations

import re
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

BLOCK_PREFIX_LENGTHS = {4: 26, 6: 122}  # by IP version; addresses are assigned from blocks of 64

_PLAIN = r"([0-9.]+|[0-9A-Fa-f:.]+)(?:/([0-9]{1,3}))?"  # compiled at its first use: many commands read no network


class Network:
    """A network: IP ``version`` (4 or 6), ``address`` (a number, including host bits) and ``prefix_length`` in bits."""

    __slots__ = ("version", "address", "prefix_length")

    def __init__(self, version: int, address: int, prefix_length: int) -> None:
        self.version = version
        self.address = address
        self.prefix_length = prefix_length

    @classmethod
    def parse(cls, text: str) -> Network:
        """Parse a CIDR in any form that legacy calicoctl accepts.

        Besides ``10.0.0.0/8`` and ``fd80::/64``, these are: a bare address (prefix length 32 or 128); a netmask or
        hostmask instead of the prefix length; leading zeros (decimal); a truncated IPv4 address (``10/8``; ``10``
        means 10.0.0.0/32); surrounding blanks. Raises ValueError.
        """
        text = text.strip(" \t\n\r\f\v")
        if not text.isascii():
            raise ValueError(f"{text!r} is no CIDR")
        match = re.fullmatch(_PLAIN, text)
        if match:
            version = 6 if ":" in text else 4
            try:
                packed = inet_pton(AF_INET6 if version == 6 else AF_INET, match[1])
            except OSError:
                return cls._parse_rare_form(text)
            width = len(packed) * 8
            prefix_length = int(match[2]) if match[2] else width
            if prefix_length <= width:
                return cls(version, int.from_bytes(packed, "big"), prefix_length)
        return cls._parse_rare_form(text)

    @classmethod
    def _parse_rare_form(cls, text: str) -> Network:
        import netaddr  # rarely needed, and its import would double the start-up time of a command

        try:
            network = netaddr.IPNetwork(text, expand_partial=True)
        except (netaddr.AddrFormatError, ValueError, TypeError, IndexError):
            raise ValueError(f"{text!r} is no CIDR") from None
        return cls(network.version, network.value, network.prefixlen)

    @property
    def width(self) -> int:
        """The number of bits of an address: 32 or 128."""
        return 32 if self.version == 4 else 128

    def key(self) -> tuple[int, int, int]:
        """Return a key that is equal for two CIDRs of the same network, even if their host bits differ."""
        host_bits = self.width - self.prefix_length
        return self.version, self.address >> host_bits << host_bits, self.prefix_length

    def has_host_bits(self) -> bool:
        """Tell whether bits are set beyond the prefix length; they are ignored when packets are matched."""
        return self.key()[1] != self.address

    def __str__(self) -> str:
        """The form that is stored: ``10.1.2.3/8``; IPv6 in lower case and compressed."""
        packed = self.address.to_bytes(self.width // 8, "big")
        return f"{inet_ntop(AF_INET if self.version == 4 else AF_INET6, packed)}/{self.prefix_length}"


def ambiguity(text: str) -> str:
    """Say why a new CIDR is refused although `Network.parse` can read it: its author may mean another network.

    Empty if the CIDR is unambiguous.
    """
    address = text.strip().partition("/")[0]
    numbers = address.split(".")
    if ":" in address:
        is_mapped = Network.parse(text).address >> 32 == 0xFFFF
        return "some programs read it as IPv4, others as IPv6: write it as IPv4" if is_mapped else ""
    if len(numbers) < 4:
        return "it is only the beginning of an address: give all four numbers"
    if any(re.match("0[0-9]", number) for number in numbers):
        return "some programs read leading zeros as octal: write it without them"
    return ""


def overlap(one: Network, other: Network) -> bool:
    """Tell whether two networks share an address."""
    if one.version != other.version:
        return False
    host_bits = one.width - min(one.prefix_length, other.prefix_length)
    return one.address >> host_bits == other.address >> host_bits


def without(networks: list[Network], excluded: list[Network]) -> list[Network]:
    """Subtract ``excluded`` from ``networks``: return networks that together hold exactly the remaining addresses.

    The order is kept. A network that overlaps none of ``excluded`` is returned unchanged.
    """
    for hole in excluded:
        networks = [rest for network in networks for rest in _without(network, hole)]
    return networks


def _without(network: Network, hole: Network) -> list[Network]:
    if not overlap(network, hole):
        return [network]
    halves_beside_hole = []
    for prefix_length in range(network.prefix_length + 1, hole.prefix_length + 1):
        host_bits = network.width - prefix_length
        beside = (hole.address >> host_bits ^ 1) << host_bits
        halves_beside_hole.append(Network(network.version, beside, prefix_length))
    return halves_beside_hole


def contains(network: Network, part: Network) -> bool:
    """Tell whether a network contains all of ``part``."""
    return overlap(network, part) and network.prefix_length <= part.prefix_length
