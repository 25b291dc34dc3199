"""Pools in etcd: one key for each, in the directory of its IP version."""

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
    """A pool as it was read: the pool, its key (quoted) and its node.

    The network in the value identifies a pool, not its key: legacy calicoctl may have stored an IPv6 pool among those
    of IPv4.
    """

    __slots__ = ("pool", "key", "node")

    def __init__(self, pool: Pool, node: RawNode) -> None:
        self.pool = pool
        self.key = keys.quoted(node["key"])
        self.node = node


class UnreadablePool:
    """A key among the pools whose value cannot be read as a pool.

    ``network`` is the network in its key, None if there is none; ``complaint`` names the key and the problem.
    """

    __slots__ = ("network", "complaint")

    def __init__(self, node: RawNode, reason: MalformedPool | str) -> None:
        named = keys.network_of(node["key"])
        self.network = None if named is None else Network(*named.key())
        self.complaint = MalformedObject(node["key"], reason).message


class Pools:
    """Access to pools. Every method raises DatastoreError if etcd cannot be used."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self) -> tuple[list[PoolNode], list[UnreadablePool]]:
        """Return all pools, IPv4 first, in numeric order, and those that cannot be read, sorted by complaint."""
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
        """Store the pool that ``change`` returns for the present pool of a network (None if there is none).

        ``found`` is the result of `read`. If others have changed the pool since, ``check_again`` is called, because
        other pools may have changed too, and then ``change`` with the current pool. Returns True if the pool is new:
        then call `give_way`. Raises MalformedObject, and all exceptions of the two functions.
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
        """Remove those of the new pools that overlap an older pool; return each of them with an older one.

        Two concurrent commands may create overlapping pools: their keys differ, so compare-and-swap reports no
        conflict. Therefore each command checks after its write, and the younger pool is removed. ``found`` is a result
        of `read` from after the write. Conflicts are retried for 30 seconds. Raises DatastoreError.
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

        A pool that is already disabled is not written, so that two commands can remove the same pool at once.
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
        """Undo ``disable``, unless others have changed the pool since; ``found`` is the pool as read before it."""
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
        """Enable IP-in-IP in Felix on all hosts, which pools with that option require."""
        node = self._client.get(keys.IPIP_ENABLED)
        if node is None or node.get("value") != "true":
            self._client.put(keys.IPIP_ENABLED, "true")


def _older_overlapping(pool: PoolNode, found: Sequence[PoolNode]) -> Network | None:
    """Return the network of a pool that overlaps ``pool`` and was created before it; None if there is none."""
    from calicoctl.etcd.client import created_index

    network = pool.pool.network
    for other in found:
        is_other = other.pool.network.key() != network.key() and created_index(other.node) < created_index(pool.node)
        if is_other and overlap(other.pool.network, network):
            return other.pool.network
    return None


def _pool_nodes(tree: RawNode | None) -> Iterator[RawNode]:
    """Yield the nodes at the place of pools, ``v4/pool/<network>`` and ``v6/pool/<network>`` below the root."""
    for version in (tree or {}).get("nodes", ()):
        for directory in version.get("nodes", ()):
            if keys.last_segment(directory["key"]) == "pool":
                yield from directory.get("nodes", ())
