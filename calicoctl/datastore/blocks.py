"""Blocks of addresses in etcd, and the affinities of hosts to them (docs/data-model.md, section 5).

A block has affinity to at most one host, whose name it stores. Each affinity is also a key of that host, with which
the host finds its blocks.
"""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.edit import REMOVED, edit, first
from calicoctl.errors import MalformedObject
from calicoctl.etcd.errors import Conflict
from calicoctl.model.ipam import Block, MalformedBlock
from calicoctl.model.network import contains

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable

    from calicoctl.etcd.client import Client, RawNode
    from calicoctl.model.network import Network


class BlockVanished(Exception):
    """The block does not exist, or no longer exists."""


class Blocks:
    """Access to blocks for address management. Every method raises DatastoreError and MalformedObject."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, network: Network) -> Block | None:
        """Return a block as it is stored now; None if it does not exist."""
        node = self._node(network)
        return None if node is None else _block(node)

    def _node(self, network: Network) -> RawNode | None:
        return self._client.get(keys.block(network), quorum=True)

    def all_in(self, pool: Network) -> list[tuple[Network, Block | None]]:
        """Return the network of each block of a pool, in numeric order, with the block, or None if it is unreadable."""
        return [(network, self._readable(node)) for network, node in self._nodes_in(pool)]

    def _readable(self, node: RawNode) -> Block | None:
        try:
            return _block(node)
        except MalformedObject as error:
            self._client.remark(error.message)
            return None

    def _nodes_in(self, pool: Network) -> list[tuple[Network, RawNode]]:
        """Return the network of each block of a pool, in numeric order, with its node."""
        directory = self._client.get(keys.blocks(pool.version), quorum=True) or {}
        named = [(keys.network_of(node["key"]), node) for node in directory.get("nodes", ())]
        found = [(network, node) for network, node in named if network is not None and contains(pool, network)]
        return sorted(found, key=lambda each: each[0].key())

    def affinities(self, host: str, version: int) -> list[tuple[Network, RawNode]]:
        """Return the network of each block that a host has affinity to, in numeric order, with the affinity's node."""
        directory = self._client.get(keys.affinities(host, version), quorum=True) or {}
        named = [(keys.network_of(node["key"]), node) for node in directory.get("nodes", ())]
        found = [(network, node) for network, node in named if network is not None]
        return sorted(found, key=lambda each: each[0].key())

    def edit(self, network: Network, change: Callable[[Block], bool]) -> None:
        """Change a block by compare-and-swap.

        ``change`` modifies the block it is given and returns whether it did. It is called again with the current block
        if others have changed it in the meantime. A block that becomes empty and has no affinity is removed. Raises
        BlockVanished.
        """
        self._edit(network, change, lambda: self._node(network))

    def _edit(self, network: Network, change: Callable[[Block], bool], read: Callable[[], RawNode | None]) -> None:
        def changed(node: RawNode | None) -> str | None:
            if node is None:
                raise BlockVanished
            block = _block(node)
            if not change(block):
                return None
            return REMOVED if block.is_empty and block.host is None else block.to_json()

        edit(self._client, keys.block(network), read, changed)

    def create(self, network: Network, host: str, strict: bool) -> Block | None:
        """Create a block with affinity to a host; None if it already exists with other affinity.

        The affinity is written first. If the creation is interrupted, the next assignment on the host finds the
        affinity and creates the missing block.
        """
        affinity = self._add_affinity(host, network)
        block = Block.new(network, host, strict)
        try:
            self._client.create(keys.block(network), block.to_json())
            return block
        except Conflict:
            existing = self.get(network)
        if existing is not None and existing.host == host:
            return existing  # another command on this host has just created it
        self.remove_affinity(affinity)
        return None

    def release_all_in(self, pool: Network) -> None:
        """Remove the affinities of all hosts to the blocks of a pool, and blocks without claims.

        The blocks are read once, then the affinities; only keys that others change in the meantime are read again.
        """
        owners = [
            (host, network) for network, node in self._nodes_in(pool) for host in self.release_affinity(network, node)
        ]
        for node in self._affinities_in(pool):
            self.remove_affinity(node)
        for host, network in owners:
            if host.startswith("_"):  # etcd omits such keys from listings
                self.remove_affinity(self._affinity(host, network))

    def release_affinity(self, network: Network, node: RawNode) -> set[str]:
        """Remove the affinity from a block and return the hosts that had it; an empty block is removed.

        ``node`` is the block as it was read.
        """
        owners: set[str] = set()

        def changed(block: Block) -> bool:
            if block.host is not None:
                owners.add(block.host)
            block.clear_affinity()
            return True

        try:
            self._edit(network, changed, first(node, lambda: self._node(network)))
        except BlockVanished:
            pass
        return owners

    def disown(self, network: Network, host: str) -> None:
        """Make a block of a host's own nobody's; an empty one is removed, and one of another host is left alone."""

        def changed(block: Block) -> bool:
            is_own = block.host == host
            if is_own:
                block.clear_affinity()
            return is_own

        try:
            self.edit(network, changed)
        except BlockVanished:
            pass

    def discard(self, network: Network, host: str) -> None:
        """Remove a block with affinity to a host, and the affinity, unless an address of the block is claimed."""
        # Read the affinity first: if others recreate the block after its removal, their new affinity must stay.
        affinity = self._affinity(host, network)
        idle = True

        def changed(block: Block) -> bool:
            nonlocal idle
            idle = block.host == host and block.is_empty
            if idle:
                block.clear_affinity()
            return idle

        try:
            self.edit(network, changed)
        except BlockVanished:
            idle = True
        if idle:
            self.remove_affinity(affinity)

    def _affinities_in(self, pool: Network) -> list[RawNode]:
        """Return the affinities of all hosts to blocks of a pool, including blocks that do not exist."""
        affinities = []
        for host in (self._client.get(keys.IPAM_HOSTS, recursive=True, quorum=True) or {}).get("nodes", ()):
            for version in host.get("nodes", ()):
                for directory in version.get("nodes", ()):
                    for node in directory.get("nodes", ()):
                        network = keys.network_of(node["key"])
                        if network is not None and contains(pool, network):
                            affinities.append(node)
        return sorted(affinities, key=lambda node: str(node["key"]))

    def remove_affinity(self, node: RawNode | None) -> None:
        """Remove a host's affinity to a block, unless it has been written again since ``node`` was read or written.

        ``node`` must be older than the reading of the block: meanwhile the host may remove and recreate the block.
        """
        if node is not None:
            try:
                self._client.delete(keys.quoted(node["key"]), node["modifiedIndex"])
            except Conflict:  # another command on that host has just claimed the block
                pass

    def _affinity(self, host: str, network: Network) -> RawNode | None:
        return self._client.get(keys.affinity(host, network), quorum=True)

    def _add_affinity(self, host: str, network: Network) -> RawNode | None:
        """Write the affinity. If it already exists, the new write makes a concurrent removal of the old one fail."""
        return self._client.put(keys.affinity(host, network), "")


def _block(node: RawNode) -> Block:
    """Parse a block. Raises MalformedObject, also if its network differs from the one in its key."""
    try:
        block = Block.from_json(node.get("value", ""))
    except MalformedBlock as error:
        raise MalformedObject(node["key"], error) from None
    network = keys.network_of(node["key"])
    if network is None or network.key() != block.network.key():
        raise MalformedObject(node["key"], f"its cidr is {block.network}")
    return block
