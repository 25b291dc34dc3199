"""Blocks of addresses in etcd, and the affinities of hosts to them (docs/data-model.md, section 5).

A block names the one host that it is affine to; a key of that host, the affinity, lets the host find the block.
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
    """There is no such block, or no longer."""


class Blocks:
    """What address management asks of the blocks. Every method raises DatastoreError and MalformedObject."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, network: Network) -> Block | None:
        """Return a block as it is now stored; None if there is none."""
        node = self._node(network)
        return None if node is None else _block(node)

    def _node(self, network: Network) -> RawNode | None:
        return self._client.get(keys.block(network), quorum=True)

    def all_in(self, pool: Network) -> list[tuple[Network, Block | None]]:
        """Return the networks of all blocks of a pool, in numeric order, each with its block, None if unreadable."""
        return [(network, self._readable(node)) for network, node in self._nodes_in(pool)]

    def _readable(self, node: RawNode) -> Block | None:
        try:
            return _block(node)
        except MalformedObject as error:
            self._client.remark(error.message)
            return None

    def _nodes_in(self, pool: Network) -> list[tuple[Network, RawNode]]:
        """Return the networks of all blocks of a pool, in numeric order, each with its node."""
        directory = self._client.get(keys.blocks(pool.version), quorum=True) or {}
        named = [(keys.network_of(node["key"]), node) for node in directory.get("nodes", ())]
        found = [(network, node) for network, node in named if network is not None and contains(pool, network)]
        return sorted(found, key=lambda each: each[0].key())

    def affinities(self, host: str, version: int) -> list[tuple[Network, RawNode]]:
        """Return the networks of the blocks that a host has an affinity to, in numeric order, each with that."""
        directory = self._client.get(keys.affinities(host, version), quorum=True) or {}
        named = [(keys.network_of(node["key"]), node) for node in directory.get("nodes", ())]
        found = [(network, node) for network, node in named if network is not None]
        return sorted(found, key=lambda each: each[0].key())

    def edit(self, network: Network, change: Callable[[Block], bool]) -> None:
        """Let ``change`` alter a block and tell whether it did; store it by compare-and-swap.

        ``change`` is called again, on what is stored then, when somebody else was faster. A block that ends up empty
        and nobody's own is removed. Raises BlockVanished.
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
        """Make a block affine to a host; None if there is one already that is not.

        The affinity comes first: an interrupted creation leaves one without a block, which the next assignment on the
        host makes up for.
        """
        affinity = self._add_affinity(host, network)
        block = Block.new(network, host, strict)
        try:
            self._client.create(keys.block(network), block.to_json())
            return block
        except Conflict:
            existing = self.get(network)
        if existing is not None and existing.host == host:
            return existing  # another command on this host was faster
        self.remove_affinity(affinity)
        return None

    def release_all_in(self, pool: Network) -> None:
        """Make the blocks of a pool nobody's own and remove all affinities to them; blocks without claims are removed.

        The blocks are read once, and the affinities after them; only what others change meanwhile is read again.
        """
        owners = [
            (host, network) for network, node in self._nodes_in(pool) for host in self.release_affinity(network, node)
        ]
        for node in self._affinities_in(pool):
            self.remove_affinity(node)
        for host, network in owners:
            if host.startswith("_"):  # etcd leaves such keys out of every listing
                self.remove_affinity(self._affinity(host, network))

    def release_affinity(self, network: Network, node: RawNode) -> set[str]:
        """Make a block, read before as ``node``, nobody's own, and return whose it was; an empty one is removed."""
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

    def discard(self, network: Network, host: str) -> None:
        """Remove a block of a host's own, with the affinity to it, unless somebody has claimed an address of it."""
        affinity = self._affinity(host, network)  # before the block goes: who makes it anew writes a new one
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
        """Return the affinities of all hosts to blocks of a pool, also to blocks that are not there."""
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
        """Remove a host's affinity to a block, read or written before as ``node``, unless it was written anew since.

        That must have been before the block was read: others on that host may remove the block and make it anew.
        """
        if node is not None:
            try:
                self._client.delete(keys.quoted(node["key"]), node["modifiedIndex"])
            except Conflict:  # written anew: somebody on that host has just claimed the block
                pass

    def _affinity(self, host: str, network: Network) -> RawNode | None:
        return self._client.get(keys.affinity(host, network), quorum=True)

    def _add_affinity(self, host: str, network: Network) -> RawNode | None:
        """Write the affinity, also over an old one, whose removal by others is thereby called off."""
        return self._client.put(keys.affinity(host, network), "")


def _block(node: RawNode) -> Block:
    """Read a block; one that speaks of other addresses than its key cannot be relied on."""
    try:
        block = Block.from_json(node.get("value", ""))
    except MalformedBlock as error:
        raise MalformedObject(node["key"], error) from None
    network = keys.network_of(node["key"])
    if network is None or network.key() != block.network.key():
        raise MalformedObject(node["key"], f"its cidr is {block.network}")
    return block
