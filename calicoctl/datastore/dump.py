"""All of Calico's keys in etcd, for a bundle of diagnostics."""

from __future__ import annotations

from calicoctl.datastore import keys

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.etcd.client import Client, RawNode


def dump(client: Client) -> Iterator[str]:
    """Yield the lines of legacy's dump, from one read: a heading, then each directory and key, in their order.

    Raises DatastoreError.
    """
    tree = client.get(keys.EVERYTHING, recursive=True)
    yield "dir?, key, value"
    left: list[RawNode] = [] if tree is None else [tree]
    while left:  # no recursion: directories may be in one another as deep as a key is long
        node = left.pop()
        if "value" in node:
            yield f"FILE, {node['key']}, {node['value']}"
        else:
            yield f"DIR,  {node['key']},"
            left += sorted(node.get("nodes", ()), key=lambda child: str(child["key"]), reverse=True)
