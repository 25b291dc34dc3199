"""Pools: the networks that addresses are assigned from (docs/data-model.md, section 5). No I/O."""

from __future__ import annotations

import json

from calicoctl.model.network import BLOCK_PREFIX_LENGTHS, Network, contains
from calicoctl.model.stored_json import decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from calicoctl.model.address import Address

_KEY_ORDER = ("masquerade", "ipam", "disabled", "cidr", "ipip")  # as legacy writes them; other fields follow
_TUNNEL = "tunl0"


class MalformedPool(ValueError):
    """A stored value is not a valid pool."""


class Pool:
    """A pool. ``fields`` is its stored object, including fields unknown to this version."""

    __slots__ = ("network", "fields")

    def __init__(self, network: Network, fields: dict[str, Any]) -> None:
        self.network = network
        self.fields = fields

    @classmethod
    def new(cls, network: Network) -> Pool:
        """Build a pool without options; host bits of the network are cleared."""
        network = Network(*network.key())
        return cls(network, {"cidr": str(network)})

    @classmethod
    def from_json(cls, text: str) -> Pool:
        """Parse a stored value. Raises MalformedPool."""
        try:
            fields = decode(text)
        except ValueError as error:
            raise MalformedPool(str(error)) from None
        if not isinstance(fields, dict):
            raise MalformedPool("it is not a JSON object")
        cidr = fields.get("cidr")
        try:
            return cls(Network(*Network.parse(cidr if isinstance(cidr, str) else "").key()), fields)
        except ValueError:
            raise MalformedPool("cidr is not a network") from None

    def to_json(self) -> str:
        """Return the value to store."""
        known = {key: self.fields[key] for key in _KEY_ORDER if key in self.fields}
        return json.dumps({**known, **self.fields})

    @property
    def ipip(self) -> bool:
        """Whether traffic between hosts is encapsulated in IP-in-IP."""
        return bool(self.fields.get("ipip"))

    @property
    def masquerade(self) -> bool:
        """Whether traffic that leaves the pools gets the host's address as its source."""
        return bool(self.fields.get("masquerade"))

    @property
    def disabled(self) -> bool:
        """Whether no new addresses are assigned from the pool."""
        return bool(self.fields.get("disabled"))

    @property
    def is_assignable(self) -> bool:
        """Whether addresses may be assigned: the pool is not disabled and Calico's address management uses it."""
        return not self.disabled and self.fields.get("ipam") is not False

    def with_options(self, ipip: bool, masquerade: bool) -> Pool:
        """Return a copy with these options that is not disabled."""
        fields = {key: self.fields[key] for key in self.fields if key not in ("ipip", "masquerade", "disabled")}
        if ipip:
            fields["ipip"] = _TUNNEL
        if masquerade:
            fields["masquerade"] = True
        return Pool(self.network, fields)

    def as_disabled(self) -> Pool:
        """Return a copy that is disabled: no new addresses are assigned from it."""
        return Pool(self.network, {**self.fields, "disabled": True})

    def has(self, address: Address) -> bool:
        """Tell whether an address belongs to the pool."""
        return address.is_in(self.network)

    def __str__(self) -> str:
        return str(self.network)


def is_large_enough(network: Network) -> bool:
    """Tell whether a network has room for at least one block of addresses."""
    return network.prefix_length <= BLOCK_PREFIX_LENGTHS[network.version]


def is_open(part: Network, pools: Sequence[Pool], closed: Sequence[Network]) -> bool:
    """Tell whether addresses may be assigned from ``part``.

    The smallest network that contains ``part`` decides: one of ``pools`` allows it, one of ``closed`` forbids it.
    Pools made by other programs may overlap.
    """
    open_lengths = [pool.network.prefix_length for pool in pools if contains(pool.network, part)]
    closed_lengths = [network.prefix_length for network in closed if contains(network, part)]
    return max(open_lengths, default=-1) >= max(closed_lengths, default=0)


def networks_of_range(first: Address, last: Address) -> list[Network]:
    """Return the shortest list of networks that covers exactly the addresses from ``first`` to ``last``."""
    networks = []
    start = first.value
    while start <= last.value:
        aligned_bits = (start & -start).bit_length() - 1 if start else first.width
        host_bits = min(aligned_bits, (last.value - start + 1).bit_length() - 1)
        networks.append(Network(first.version, start, first.width - host_bits))
        start += 1 << host_bits
    return networks
