"""All of ``/calico/bgp/v1`` from one recursive read, as confd sees it: keys with values, not yet decoded."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.snapshot import Stored

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.etcd.client import Client, RawNode

    Settings = dict[str, Stored]


class BgpSnapshot:
    """The settings of BGP at one moment: those of all nodes (``everywhere``), and in ``hosts`` those of each host.

    They are found by what stands in the key below: ``as_num``, ``peer_v4/10.0.0.1``. A host is in ``hosts`` if
    anything is stored of it; directories without a key mean nothing to confd.
    """

    def __init__(self) -> None:
        self.everywhere: Settings = {}
        self.hosts: dict[str, Settings] = {}

    @classmethod
    def read(cls, client: Client) -> BgpSnapshot:
        """Read it in one request. Raises DatastoreError."""
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
