"""Handles in etcd: for each handle, the number of claimed addresses in each block (docs/data-model.md, section 5).

The count is raised before an address is claimed and lowered after it is released. So after an interrupted command, a
handle may list a block in which it has no claim, but all blocks with its claims are listed. There is one exception:
`ipam release` can remove a block from a handle that claims another address in that block at the same moment.
"""

from __future__ import annotations

import json

from calicoctl.datastore import keys
from calicoctl.datastore.edit import REMOVED, edit
from calicoctl.datastore.errors import MalformedHandle
from calicoctl.model.ipam import prefix_of_host
from calicoctl.model.network import Network
from calicoctl.model.stored_json import decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.etcd.client import Client, RawNode


class Handles:
    """Access to handles for address management. Every method raises DatastoreError and MalformedHandle."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def starting_with(self, prefix: str) -> list[str]:
        """Return the names of handles that consist of ``prefix`` and a rest without a colon."""
        directory = self._client.get(keys.HANDLES, quorum=True) or {}
        names = [keys.last_segment(node["key"]) for node in directory.get("nodes", ())]
        return sorted(name for name in names if name.startswith(prefix) and ":" not in name[len(prefix) :])

    def of_host(self, host: str) -> list[str]:
        """Return the names of the handles under which calicoctl has claimed addresses for a host."""
        directory = self._client.get(keys.HANDLES, quorum=True) or {}
        names = [keys.last_segment(node["key"]) for node in directory.get("nodes", ())]
        return sorted(name for name in names if name.startswith(prefix_of_host(host)))

    def blocks(self, name: str) -> list[Network]:
        """Return the blocks in which a handle may have claims; empty if the handle does not exist."""
        node = self._node(name)
        counts = {} if node is None else _fields(node)["block"]
        try:
            return [Network.parse(cidr) for cidr in counts]
        except ValueError as error:
            raise MalformedHandle(keys.handle(name), error) from None

    def count_one_less(self, name: str, block: Network) -> None:
        """Lower the count of a block by one after an address was released; a handle with no counts left is removed.

        Nothing happens if the name, which may come from another program, cannot be part of a key.
        """
        try:
            keys.handle(name)
        except ValueError:
            return

        def changed(node: RawNode | None) -> str | None:
            fields: dict[str, Any] = {"block": {}} if node is None else _fields(node)
            count = fields["block"].pop(str(block), None)
            if count is None:
                return None
            if count > 1:
                fields["block"][str(block)] = count - 1
            return json.dumps(fields) if fields["block"] else REMOVED

        self._edit(name, changed)

    def set_count(self, name: str, block: Network, count: int) -> bool:
        """Store the number of claimed addresses in a block; a handle with no counts left is removed.

        No other command may be changing the handle. Returns False if this number was already stored.
        """
        before = count

        def changed(node: RawNode | None) -> str | None:
            nonlocal before
            fields: dict[str, Any] = {"id": name, "block": {}} if node is None else _fields(node)
            before = fields["block"].get(str(block), 0)
            fields["block"][str(block)] = count
            if not count:
                del fields["block"][str(block)]
            if before == count and (node is None or fields["block"]):
                return None
            return json.dumps(fields) if fields["block"] else REMOVED

        self._edit(name, changed)
        return before != count

    def _node(self, name: str) -> RawNode | None:
        return self._client.get(keys.handle(name), quorum=True)

    def _edit(self, name: str, changed: Any) -> None:
        edit(self._client, keys.handle(name), lambda: self._node(name), changed)


def _fields(node: RawNode) -> dict[str, Any]:
    try:
        fields = decode(node.get("value", ""))
    except ValueError as error:
        raise MalformedHandle(node["key"], error) from None
    counts = fields.get("block") if isinstance(fields, dict) else None
    if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
        raise MalformedHandle(node["key"], "it has no counts of addresses by block")
    result: dict[str, Any] = fields
    return result
