"""Pools in etcd: a key each below the directory of their IP version."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.edit import Overtaken, edit, first
from calicoctl.errors import MalformedObject
from calicoctl.etcd.errors import Conflict
from calicoctl.model.network import Network, overlap
from calicoctl.model.pool import MalformedPool, Pool

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from calicoctl.etcd.client import Client, RawNode


class PoolNode:
    """A pool as it was read: the pool, its key (quoted) and the node stored there.

    A pool is known by its network: legacy calicoctl could store one of IPv6 among those of IPv4.
    """

    __slots__ = ("pool", "key", "node")

    def __init__(self, pool: Pool, node: RawNode) -> None:
        self.pool = pool
        self.key = keys.quoted(node["key"])
        self.node = node


class UnreadablePool:
    """What stands where pools do and is none that can be read.

    ``network`` is that of its key, None if the key names none; ``complaint`` says what is wrong, with the key.
    """

    __slots__ = ("network", "complaint")

    def __init__(self, node: RawNode, reason: MalformedPool | str) -> None:
        named = keys.network_of(node["key"])
        self.network = None if named is None else Network(*named.key())
        self.complaint = MalformedObject(node["key"], reason).message


class Pools:
    """What the commands ask of the pools. Every method raises DatastoreError where etcd cannot be used."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self) -> tuple[list[PoolNode], list[UnreadablePool]]:
        """Return all pools, IPv4 first, in numeric order, and those that cannot be read, in the order of their keys."""
        pools = []
        unreadable = []
        for node in _pool_nodes(self._client.get(keys.POOLS, recursive=True, quorum=True)):
            if "value" not in node:
                unreadable.append(UnreadablePool(node, "it is a directory"))
                continue
            try:
                pools.append(PoolNode(Pool.from_json(node["value"]), node))
            except MalformedPool as error:
                unreadable.append(UnreadablePool(node, error))
        pools.sort(key=lambda found: found.pool.network.key())
        return pools, sorted(unreadable, key=lambda found: found.complaint)

    def save(
        self,
        network: Network,
        found: Sequence[PoolNode],
        change: Callable[[Pool | None], Pool],
        check_again: Callable[[], None],
    ) -> bool:
        """Replace the pool of a network, or None where there is none, by what ``change`` makes of it.

        ``found`` is what `read` returned. When somebody else was faster, ``check_again`` is called, for other pools may
        have changed too, then ``change`` on what is there now. True if the pool is a new one: see `give_way`. Raises
        MalformedObject, and whatever the two raise.
        """
        key = keys.pool(network)
        is_new = False

        def read_again() -> RawNode | None:
            check_again()
            return self._client.get(key, quorum=True)

        def changed(node: RawNode | None) -> str:
            nonlocal is_new
            is_new = node is None
            try:
                return change(None if node is None else Pool.from_json(node.get("value", ""))).to_json()
            except MalformedPool as error:
                raise MalformedObject(key, error) from None

        known = next((each.node for each in found if each.key == key), None)
        edit(self._client, key, first(known, read_again), changed)
        return is_new

    def give_way(self, new: Sequence[Network], found: Sequence[PoolNode]) -> list[tuple[Network, Network]]:
        """Remove those of the new pools that overlap older ones; return each with an older one.

        ``found`` is what `read` has returned since they were saved. Two commands at once each write a key of their own,
        so that neither meets the other; both look afterwards, and the younger pool goes.
        Others may be faster for 30 seconds. Raises DatastoreError.
        """
        mine = {keys.pool(network): network for network in new}
        gone = []
        overtaken = Overtaken(keys.POOLS)
        while True:
            try:
                for node in [node for node in found if node.key in mine]:
                    if older := _older_overlapping(node, found):
                        self.delete(node)
                        gone.append((mine.pop(node.key), older))
                return gone
            except Conflict:
                overtaken.wait(tuple((node.key, node.node["modifiedIndex"]) for node in found if node.key in mine))
                found, _ = self.read()

    def disable(self, found: PoolNode) -> PoolNode:
        """Disable a pool and return it as it is now stored. Raises Conflict if it was changed since it was read.

        One that is disabled is left as it is, so that two commands that remove a pool do not stop one another.
        """
        if found.pool.disabled:
            node = self._client.get(found.key, quorum=True)
            if node is None or node["modifiedIndex"] != found.node["modifiedIndex"]:
                raise Conflict
            return found
        value = found.pool.as_disabled().to_json()
        index = self._client.swap(found.key, value, found.node["modifiedIndex"])
        return PoolNode(found.pool.as_disabled(), {**found.node, "value": value, "modifiedIndex": index})

    def take_back_disabling(self, found: PoolNode) -> None:
        """Write a pool back as it was read before ``disable``, unless somebody else has changed it meanwhile."""
        if found.pool.disabled:
            return
        node = self._client.get(found.key, quorum=True)
        if node is not None and node.get("value") == found.pool.as_disabled().to_json():
            try:
                self._client.swap(found.key, found.node["value"], node["modifiedIndex"])
            except Conflict:
                pass

    def delete(self, found: PoolNode) -> None:
        """Remove a pool. Raises Conflict if it was changed since it was read."""
        self._client.delete(found.key, found.node["modifiedIndex"])

    def enable_ipip(self) -> None:
        """Let Felix set up IP-in-IP on every host, as pools with that option need."""
        node = self._client.get(keys.IPIP_ENABLED)
        if node is None or node.get("value") != "true":
            self._client.put(keys.IPIP_ENABLED, "true")


def _older_overlapping(pool: PoolNode, found: Sequence[PoolNode]) -> Network | None:
    """Return the network of a pool that overlaps another and was made before it; None if there is none."""
    from calicoctl.etcd.client import created_index

    network = pool.pool.network
    for other in found:
        is_other = other.pool.network.key() != network.key() and created_index(other.node) < created_index(pool.node)
        if is_other and overlap(other.pool.network, network):
            return other.pool.network
    return None


def _pool_nodes(tree: RawNode | None) -> Iterator[RawNode]:
    """Yield what stands where pools do: ``v4/pool/<network>`` below the root of the pools."""
    for version in (tree or {}).get("nodes", ()):
        for directory in version.get("nodes", ()):
            if keys.last_segment(directory["key"]) == "pool":
                yield from directory.get("nodes", ())
