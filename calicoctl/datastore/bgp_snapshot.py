"""All keys below ``/calico/bgp/v1`` with their values from one recursive read, not yet parsed."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.snapshot import Stored

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.etcd.client import Client, RawNode

    Settings = dict[str, Stored]


class BgpSnapshot:
    """The BGP settings at one moment: ``everywhere`` has those of all nodes, ``hosts`` those of each host.

    They are named by the rest of their keys, such as ``as_num`` or ``peer_v4/10.0.0.1``. ``hosts`` contains every host
    with a key; empty directories are ignored, as in confd.
    """

    def __init__(self) -> None:
        self.everywhere: Settings = {}
        self.hosts: dict[str, Settings] = {}

    @classmethod
    def read(cls, client: Client) -> BgpSnapshot:
        """Read all settings in one request. Raises DatastoreError."""
        snapshot = cls()
        for stored in sorted(_leaves(client.get(keys.BGP, recursive=True)), key=lambda stored: stored.key):
            snapshot.add(stored)
        return snapshot

    def add(self, stored: Stored) -> None:
        """Add a key below ``/calico/bgp/v1`` with its value."""
        scope, _, rest = stored.key.removeprefix(f"{keys.BGP}/").partition("/")
        if scope == "global":
            self.everywhere[rest] = stored
        elif scope == "host" and "/" in rest:
            host, _, name = rest.partition("/")
            self.hosts.setdefault(host, {})[name] = stored


def _leaves(tree: RawNode | None) -> Iterator[Stored]:
    nodes = [tree] if tree else []
    while nodes:
        node = nodes.pop()
        nodes.extend(node.get("nodes", ()))
        if "value" in node:
            yield Stored(node["key"], node["value"])
