"""Address management: blocks of 64 addresses and the claims on them (docs/data-model.md, section 5). No I/O."""

from __future__ import annotations

import json

from calicoctl.model.address import Address
from calicoctl.model.network import BLOCK_PREFIX_LENGTHS, Network, contains
from calicoctl.model.stored_json import decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

BLOCK_SIZE = 64

_AFFINITY_PREFIX = "host:"
_OWN_HANDLES = "calicoctl:"


class MalformedBlock(ValueError):
    """A stored value is not a valid block."""


class Block:
    """A block of 64 addresses. ``fields`` is its stored object, including fields unknown to this version.

    Each address is free or claimed. A claim is an *attributes* object of the data model: it has a handle (None if
    legacy calicoctl made the claim) and a few strings.
    """

    __slots__ = ("network", "fields")

    def __init__(self, network: Network, fields: dict[str, Any]) -> None:
        self.network = network
        self.fields = fields

    @classmethod
    def new(cls, network: Network, host: str, strict: bool) -> Block:
        """Build a block of free addresses with affinity to a host.

        With ``strict``, only that host may claim addresses from it. The Go programs store this in a field with a
        different name, so both fields are written.
        """
        fields: dict[str, Any] = {
            "affinity": _AFFINITY_PREFIX + host,
            "strict_affinity": strict,
            "allocations": [None] * BLOCK_SIZE,
            "unallocated": list(range(BLOCK_SIZE)),
            "attributes": [],
            "cidr": str(network),
        }
        if strict:
            fields["strictAffinity"] = True
        return cls(network, fields)

    @classmethod
    def from_json(cls, text: str) -> Block:
        """Parse a stored value. Raises MalformedBlock."""
        try:
            fields = decode(text)
        except ValueError as error:
            raise MalformedBlock(str(error)) from None
        if not isinstance(fields, dict):
            raise MalformedBlock("it is not a JSON object")
        cidr = fields.get("cidr")
        try:
            network = Network.parse(cidr if isinstance(cidr, str) else "")
        except ValueError:
            raise MalformedBlock("cidr is not a network") from None
        if network.prefix_length != BLOCK_PREFIX_LENGTHS[network.version]:
            raise MalformedBlock(f"cidr {network} is not a network of {BLOCK_SIZE} addresses")
        _check(fields)
        return cls(network, fields)

    def to_json(self) -> str:
        """Return the value to store."""
        return json.dumps(self.fields)

    @property
    def host(self) -> str | None:
        """The host that the block has affinity to, or None. The field of the oldest Go programs is read too."""
        affinity = self.fields.get("affinity")
        if isinstance(affinity, str):
            return affinity.removeprefix(_AFFINITY_PREFIX) or None
        return self.fields.get("hostAffinity") or None

    @property
    def is_empty(self) -> bool:
        """Whether no address is claimed."""
        return all(index is None for index in self._allocations)

    def is_open_to(self, host: str) -> bool:
        """Tell whether a host may claim addresses: the block has affinity to it, or its affinity is not strict."""
        strict = self.fields.get("strict_affinity") or self.fields.get("strictAffinity")
        return not strict or self.host == host

    def clear_affinity(self) -> None:
        """Remove the block's affinity to a host."""
        self.fields.pop("hostAffinity", None)
        self.fields["affinity"] = ""

    def free_addresses(self) -> Iterator[Address]:
        """Yield the free addresses, starting with the one released longest ago."""
        listed = [ordinal for ordinal in self.fields.get("unallocated") or () if isinstance(ordinal, int)]
        for ordinal in dict.fromkeys(listed + list(range(BLOCK_SIZE))):  # the stored list may be missing or incomplete
            if 0 <= ordinal < BLOCK_SIZE and self._allocations[ordinal] is None:
                yield self._address(ordinal)

    def claims(self) -> Iterator[tuple[Address, dict[str, Any]]]:
        """Yield each claimed address with the attributes of its claim."""
        for ordinal, index in enumerate(self._allocations):
            if index is not None:
                yield self._address(ordinal), self.fields["attributes"][index]

    def attributes_of(self, address: Address) -> dict[str, Any] | None:
        """Return the attributes of the claim on an address; None if the address is free."""
        index = self._allocations[self._ordinal(address)]
        return None if index is None else self.fields["attributes"][index]

    def claim(self, address: Address, handle: str) -> None:
        """Claim a free address for a handle."""
        ordinal = self._ordinal(address)
        self._allocations[ordinal] = self._attributes_index(handle)
        self.fields["unallocated"] = [other for other in self._unallocated() if other != ordinal]

    def release(self, address: Address) -> None:
        """Free a claimed address; all other free addresses will be claimed before it."""
        ordinal = self._ordinal(address)
        self._allocations[ordinal] = None
        self.fields["unallocated"] = [other for other in self._unallocated() if other != ordinal] + [ordinal]
        self._drop_unused_attributes()

    def hand_over(self, address: Address, handle: str) -> None:
        """Transfer a claimed address to another handle."""
        self._allocations[self._ordinal(address)] = self._attributes_index(handle)
        self._drop_unused_attributes()

    @property
    def _allocations(self) -> list[int | None]:
        allocations: list[int | None] = self.fields["allocations"]
        return allocations

    def _unallocated(self) -> list[int]:
        return [self._ordinal(address) for address in self.free_addresses()]

    def _attributes_index(self, handle: str) -> int:
        attributes: list[Any] = self.fields["attributes"]
        wanted = {"handle_id": handle, "secondary": {}}
        if wanted not in attributes:
            attributes.append(wanted)
        return attributes.index(wanted)

    def _drop_unused_attributes(self) -> None:
        used = sorted({index for index in self._allocations if index is not None})
        new_index = {old: new for new, old in enumerate(used)}
        self.fields["allocations"] = [None if index is None else new_index[index] for index in self._allocations]
        self.fields["attributes"] = [self.fields["attributes"][index] for index in used]

    def _address(self, ordinal: int) -> Address:
        return Address(self.network.version, first_address(self.network) + ordinal)

    def _ordinal(self, address: Address) -> int:
        return address.value - first_address(self.network)


def _check(fields: dict[str, Any]) -> None:
    allocations, attributes = fields.get("allocations"), fields.get("attributes")
    if not isinstance(attributes, list) or not all(isinstance(claim, dict) for claim in attributes):
        raise MalformedBlock("attributes is not a list of objects")
    if not isinstance(allocations, list) or len(allocations) != BLOCK_SIZE:
        raise MalformedBlock(f"allocations is not a list of {BLOCK_SIZE}")
    for index in allocations:
        if index is not None and (type(index) is not int or not 0 <= index < len(attributes)):
            raise MalformedBlock("allocations has something that is no index into attributes")
    if not isinstance(fields.get("unallocated"), (list, type(None))):
        raise MalformedBlock("unallocated is not a list")


def handle_name(host: str, orchestrator: str, workload: str, endpoint: str) -> str:
    """Return the name of the handle for an endpoint's addresses.

    Names of hosts, orchestrators and endpoints contain no colon, so two endpoints never share a handle.
    """
    return f"{handle_prefix(host, orchestrator, workload)}{endpoint}"


def handle_prefix(host: str, orchestrator: str, workload: str) -> str:
    """Return the common prefix of the handles of a workload's endpoints; the rest of each name has no colon."""
    return f"{prefix_of_host(host)}{orchestrator}:{workload}:"


def prefix_of_host(host: str) -> str:
    """Return the common prefix of all handles under which calicoctl claims addresses for a host."""
    return f"{_OWN_HANDLES}{host}:"


def is_own_handle(handle: object) -> bool:
    """Tell whether this is the name of a handle of calicoctl, not of another program."""
    return isinstance(handle, str) and handle.startswith(_OWN_HANDLES)


def first_address(network: Network) -> int:
    """Return the first address of a network as a number."""
    return network.key()[1]


def block_of(address: Address) -> Network:
    """Return the network of the block that contains an address."""
    prefix_length = BLOCK_PREFIX_LENGTHS[address.version]
    return Network(address.version, address.value // BLOCK_SIZE * BLOCK_SIZE, prefix_length)


def blocks_of(pool: Network, seed: str, closed: Sequence[Network] = ()) -> Iterator[Network]:
    """Yield the networks of all blocks of a pool except those in ``closed`` networks.

    ``seed`` determines the first block. A host uses its name as the seed, so two hosts rarely try the same block. An
    IPv6 pool can have 2**58 blocks: take only as many as needed. A closed network is skipped in one step. A pool
    smaller than a block yields nothing.
    """
    import hashlib

    prefix_length = BLOCK_PREFIX_LENGTHS[pool.version]
    if pool.prefix_length > prefix_length:
        return
    count = 1 << (prefix_length - pool.prefix_length)
    start = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest(), "big")
    step = 0
    while step < count:
        position = (start + step) % count
        block = Network(pool.version, first_address(pool) + position * BLOCK_SIZE, prefix_length)
        closed_network = next((network for network in closed if contains(network, block)), None)
        if closed_network is None:
            yield block
            step += 1
        else:
            step += (_end_of(closed_network) - block.address) // BLOCK_SIZE


def _end_of(network: Network) -> int:
    """Return the first address after a network as a number."""
    return first_address(network) + (1 << (network.width - network.prefix_length))
