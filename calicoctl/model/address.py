"""IP addresses, as they are assigned to endpoints."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from calicoctl.model.network import Network


class Address:
    """An address: its IP ``version`` (4 or 6) and its ``value`` as a number."""

    __slots__ = ("version", "value")

    def __init__(self, version: int, value: int) -> None:
        self.version = version
        self.value = value

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse an address such as ``10.0.0.1`` or ``fd80::1``. Raises ValueError.

        Historical short forms (``10`` for 0.0.0.10) are refused because they are almost always typing errors.
        """
        version = 6 if ":" in text else 4
        try:
            packed = inet_pton(AF_INET6 if version == 6 else AF_INET, text)
        except (OSError, ValueError):
            raise ValueError(f"{text!r} is no IP address") from None
        return cls(version, int.from_bytes(packed, "big"))

    @property
    def width(self) -> int:
        """The number of bits: 32 or 128."""
        return 32 if self.version == 4 else 128

    @property
    def net(self) -> str:
        """The address as an endpoint lists it: with the prefix length of a single host."""
        return f"{self}/{self.width}"

    @property
    def network(self) -> Network:
        """The network of this address alone."""
        return Network(self.version, self.value, self.width)

    def is_in(self, network: Network) -> bool:
        """Tell whether the address belongs to a network."""
        host_bits = network.width - network.prefix_length
        return self.version == network.version and self.value >> host_bits == network.address >> host_bits

    def __str__(self) -> str:
        """The usual notation; IPv6 in lower case and compressed."""
        return inet_ntop(AF_INET if self.version == 4 else AF_INET6, self.value.to_bytes(self.width // 8, "big"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and (self.version, self.value) == (other.version, other.value)

    def __lt__(self, other: Address) -> bool:
        return (self.version, self.value) < (other.version, other.value)

    def __hash__(self) -> int:
        return hash((self.version, self.value))
