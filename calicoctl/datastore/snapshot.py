"""All keys below ``/calico/v1`` from one recursive read, by kind and not yet parsed (docs/data-model.md, section 1)."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.model.endpoint import EndpointName

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from calicoctl.etcd.client import Client, RawNode
    from calicoctl.etcd.memory import MemoryClient

    Decoded = TypeVar("Decoded")

_PROFILE_PARTS = ("rules", "tags", "labels")


class Stored:
    """A value and its key (not quoted); ``is_directory`` tells that the key is a directory and has no value."""

    __slots__ = ("key", "value", "is_directory")

    def __init__(self, key: str, value: str, is_directory: bool = False) -> None:
        self.key = key
        self.value = value
        self.is_directory = is_directory

    def read(self, decode: Callable[[str], Decoded]) -> Decoded:
        """Parse the value with ``decode``. Raises ValueError for a directory."""
        if self.is_directory:
            raise ValueError("it is a directory")
        return decode(self.value)


class Snapshot:
    """The stored objects at one moment. Names are decoded (``%2f`` becomes ``/``); keys are as etcd reports them.

    ``ready`` is the key ``Ready``, or None. ``profiles`` maps names to parts (``rules``, ``tags``, ``labels``).
    ``policies`` has tier, name and value of each policy. ``config`` maps the global parameters of Felix to values;
    ``host_config`` maps pairs of host and parameter to values. ``hosts`` has all hosts with any stored key. ``pools``
    are the IPv4 pools, the only ones that Felix uses.
    """

    def __init__(self) -> None:
        self.ready: Stored | None = None
        self.endpoints: list[tuple[EndpointName, Stored]] = []
        self.profiles: dict[str, dict[str, Stored]] = {}
        self.policies: list[tuple[str, str, Stored]] = []
        self.tiers: dict[str, Stored] = {}
        self.config: dict[str, str] = {}
        self.hosts: set[str] = set()
        self.host_config: dict[tuple[str, str], str] = {}
        self.bird_ips: dict[str, Stored] = {}
        self.pools: list[tuple[str, Stored]] = []
        self.ipv6_pools: list[Stored] = []

    @classmethod
    def read(cls, client: Client | MemoryClient, directory: str = keys.ROOT) -> Snapshot:
        """Read everything, or only the keys below a directory, in one request. Raises DatastoreError."""
        snapshot = cls()
        for stored in _everything(client.get(directory, recursive=True)):
            snapshot._add(stored)
        return snapshot

    def not_ready(self) -> str:
        """Describe the key ``Ready`` if it is not ``true``; empty if it is."""
        if self.ready is None:
            return "does not exist"
        if self.ready.is_directory:
            return "is a directory"
        return "" if self.ready.value == "true" else f'is "{self.ready.value}"'

    def _add(self, stored: Stored) -> None:
        segments = stored.key.split("/")  # "", "calico", "v1", kind, ...
        if segments[3] == "host":
            self._add_of_host(segments, stored)
        elif segments[3] == "policy":
            self._add_policy(segments, stored)
        elif segments[3] == "config" and len(segments) == 5:
            self.config[segments[4]] = stored.value
        elif segments[3:6] == ["ipam", "v4", "pool"] and len(segments) == 7:
            self.pools.append((segments[6], stored))
        elif segments[3:6] == ["ipam", "v6", "pool"] and len(segments) == 7:
            self.ipv6_pools.append(stored)
        elif stored.key == keys.READY:
            self.ready = stored

    def _add_of_host(self, segments: list[str], stored: Stored) -> None:
        if len(segments) > 5:
            self.hosts.add(segments[4])
        names = keys.endpoint_names(stored.key)
        if names is not None:
            name = EndpointName(*names)
            self.endpoints.append((_decoded_name(name) if "%" in stored.key else name, stored))
        elif len(segments) == 7 and segments[5] == "config":
            self.host_config[segments[4], segments[6]] = stored.value
        elif len(segments) == 6 and segments[5] == "bird_ip":
            self.bird_ips[segments[4]] = stored

    def _add_policy(self, segments: list[str], stored: Stored) -> None:
        below = [keys.unescaped(segment) for segment in segments[4:]]
        if len(below) == 3 and below[0] == "profile" and below[2] in _PROFILE_PARTS:
            self.profiles.setdefault(below[1], {})[below[2]] = stored
        elif len(below) == 3 and below[0] == "tier" and below[2] == "metadata":
            self.tiers[below[1]] = stored
        elif len(below) == 4 and below[0] == "tier" and below[2] == "policy":
            self.policies.append((below[1], below[3], stored))


def _decoded_name(name: EndpointName) -> EndpointName:
    """Decode all names except that of the host, which is stored unescaped."""
    endpoint = keys.unescaped(name.endpoint)
    if name.workload is None or name.orchestrator is None:
        return EndpointName(name.host, None, None, endpoint)
    return EndpointName(name.host, keys.unescaped(name.orchestrator), keys.unescaped(name.workload), endpoint)


def _everything(tree: RawNode | None) -> Iterator[Stored]:
    """Yield all keys with a value in a tree of nodes, and directories where a value may belong."""
    nodes = [tree] if tree else []
    while nodes:
        node = nodes.pop()
        if node.get("dir"):
            nodes.extend(node.get("nodes", ()))
            if node["key"].startswith(f"{keys.PROFILES}/") or node["key"] == keys.READY:
                yield Stored(node["key"], "", is_directory=True)
        elif "value" in node and node["key"].startswith(f"{keys.ROOT}/"):
            yield Stored(node["key"], node["value"])
