"""Keys that hold one setting of BGP or Felix as text. Settings of a node are only written if the node exists."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.edit import REMOVED, edit
from calicoctl.errors import MalformedObject
from calicoctl.etcd.errors import Conflict, DatastoreError

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable

    from calicoctl.etcd.client import Client, RawNode


class NoNode(Exception):
    """A host is not a node: the IPv4 address from which its BIRD connects is not stored."""


class Parameter:
    """A key with a text. Every method raises DatastoreError, and MalformedObject if the key is a directory."""

    def __init__(self, client: Client, key: str, host: str | None = None) -> None:
        """With ``host``, `set` raises NoNode if that host is not a node: see `edit_setting`."""
        self._client = client
        self._key = key
        self._host = host

    def get(self) -> str | None:
        """Return the text; None if there is none."""
        node = self._client.get(self._key)
        return None if node is None else _value(node)

    def set(self, text: str) -> None:
        """Store a text, which must not be empty."""
        edit_setting(self._client, self._key, lambda node: None if node and node["value"] == text else text, self._host)

    def remove(self) -> bool:
        """Remove the key; return False if it did not exist."""
        return remove_setting(self._client, self._key)


def edit_setting(
    client: Client, key: str, change: Callable[[RawNode | None], str | None], host: str | None = None
) -> None:
    """Edit a key like `edit`. With ``host``, the key belongs to the node of that host, which must exist.

    The edit never creates the directory of the host, even if the node is removed at the same time. A directory without
    an address would prevent every BIRD from loading a new configuration while the node-to-node mesh is on. Raises
    NoNode, DatastoreError, MalformedObject if the key is a directory, and all exceptions of ``change``.
    """

    def changed(node: RawNode | None) -> str | None:
        if node is not None:
            _value(node)
        return change(node)

    if host is not None and not node_exists(host, client):
        raise NoNode
    made: list[int] = []
    edit(client, key, lambda: client.get(key, quorum=True), changed, made.append)
    if host is not None and made and not _still_exists(host, key, client):
        _take_back(client, key, made[-1], keys.bgp_settings(host))
        raise NoNode


def remove_setting(client: Client, key: str) -> bool:
    """Remove a key; return False if it did not exist. Raises the same errors as `edit_setting`."""
    was_there = False

    def change(node: RawNode | None) -> str:
        nonlocal was_there
        was_there = node is not None
        return REMOVED

    edit_setting(client, key, change)
    return was_there


def node_exists(host: str, client: Client) -> bool:
    """Tell whether a host is a node, that is, has an IPv4 address for BGP. Raises DatastoreError."""
    node = client.get(keys.node_address(host), quorum=True)
    return node is not None and "value" in node


def _value(node: RawNode) -> str:
    if "value" not in node:
        raise MalformedObject(node["key"], "it is a directory")
    value: str = node["value"]
    return value


def _still_exists(host: str, key: str, client: Client) -> bool:
    try:
        return node_exists(host, client)
    except DatastoreError as error:
        raise DatastoreError(f"{error.message}  {key} was written anyway.") from None


def _take_back(client: Client, key: str, index: int, last: str) -> None:
    """Remove a key that was created at ``index``, and its parent directories up to ``last`` if they are then empty."""
    try:
        client.delete(key, index)
    except Conflict:
        return  # others have changed it since
    while key != last:
        key = keys.parent(key)
        client.prune(key)
