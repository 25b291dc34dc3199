"""Pools: the networks that addresses are assigned from (docs/data-model.md, section 5). Pure; no I/O."""

from __future__ import annotations

import json

from calicoctl.model.network import BLOCK_PREFIX_LENGTHS, Network, contains
from calicoctl.model.stored_json import decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from calicoctl.model.address import Address

_KEY_ORDER = ("masquerade", "ipam", "disabled", "cidr", "ipip")  # legacy's; other fields follow
_TUNNEL = "tunl0"


class MalformedPool(ValueError):
    """A stored value that is no pool of the data model."""


class Pool:
    """A pool. ``fields`` is its stored object, fields that this version does not know included."""

    __slots__ = ("network", "fields")

    def __init__(self, network: Network, fields: dict[str, Any]) -> None:
        self.network = network
        self.fields = fields

    @classmethod
    def new(cls, network: Network) -> Pool:
        """Make a pool without options; host bits of the network are cleared."""
        network = Network(*network.key())
        return cls(network, {"cidr": str(network)})

    @classmethod
    def from_json(cls, text: str) -> Pool:
        """Read a stored value. Raises MalformedPool."""
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
        """Whether traffic between hosts is put into IP-in-IP."""
        return bool(self.fields.get("ipip"))

    @property
    def masquerade(self) -> bool:
        """Whether traffic that leaves the pools is given the host's address."""
        return bool(self.fields.get("masquerade"))

    @property
    def disabled(self) -> bool:
        """Whether no new addresses are to be assigned."""
        return bool(self.fields.get("disabled"))

    @property
    def is_assignable(self) -> bool:
        """Whether addresses may be chosen from it: it is not disabled, and left to Calico's address management."""
        return not self.disabled and self.fields.get("ipam") is not False

    def with_options(self, ipip: bool, masquerade: bool) -> Pool:
        """Return the pool, in use, with these options and all else as it is."""
        fields = {key: self.fields[key] for key in self.fields if key not in ("ipip", "masquerade", "disabled")}
        if ipip:
            fields["ipip"] = _TUNNEL
        if masquerade:
            fields["masquerade"] = True
        return Pool(self.network, fields)

    def as_disabled(self) -> Pool:
        """Return the pool, no longer in use for new addresses, with all else as it is."""
        return Pool(self.network, {**self.fields, "disabled": True})

    def has(self, address: Address) -> bool:
        """Tell whether an address is in the pool."""
        return address.is_in(self.network)

    def __str__(self) -> str:
        return str(self.network)


def is_large_enough(network: Network) -> bool:
    """Tell whether a network holds at least one block of addresses."""
    return network.prefix_length <= BLOCK_PREFIX_LENGTHS[network.version]


def is_open(part: Network, pools: Sequence[Pool], closed: Sequence[Network]) -> bool:
    """Tell whether a part of ``pools`` may be assigned from: of nested networks the smallest around it decides.

    Pools overlap where other programs have made them. ``closed`` are networks that nothing may be taken of.
    """
    around = [pool.network.prefix_length for pool in pools if contains(pool.network, part)]
    barriers = [network.prefix_length for network in closed if contains(network, part)]
    return max(around, default=-1) >= max(barriers, default=0)


def networks_of_range(first: Address, last: Address) -> list[Network]:
    """Return the fewest networks that hold exactly the addresses from ``first`` to ``last``."""
    networks = []
    start = first.value
    while start <= last.value:
        aligned_bits = (start & -start).bit_length() - 1 if start else first.width
        host_bits = min(aligned_bits, (last.value - start + 1).bit_length() - 1)
        networks.append(Network(first.version, start, first.width - host_bits))
        start += 1 << host_bits
    return networks
