"""Endpoints in etcd: the keys of workload and host endpoints below the directory of the hosts."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.edit import REMOVED, edit
from calicoctl.errors import MalformedObject
from calicoctl.model.endpoint import Endpoint, EndpointName, MalformedEndpoint

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from calicoctl.etcd.client import Client, RawNode


class Filter:
    """A filter for workload endpoints by exact names; an empty name matches all."""

    def __init__(self, host: str = "", orchestrator: str = "", workload: str = "", endpoint: str = "") -> None:
        self.names = (host, orchestrator, workload, endpoint)
        self._is_empty = not any(self.names)

    def place(self) -> str | None:
        """Return the directory that contains all matching endpoints; None if a name cannot be part of a key."""
        host, *below = self.names
        try:
            return keys.workloads(host, *below) if host else keys.HOSTS
        except ValueError:
            return None

    def matches(self, name: EndpointName) -> bool:
        """Tell whether a name is that of a workload endpoint that matches."""
        if name.workload is None:
            return False
        found = (name.host, name.orchestrator, name.workload, name.endpoint)
        return self._is_empty or all(
            not wanted or wanted == actual for wanted, actual in zip(self.names, found, strict=True)
        )


class EndpointNode:
    """An endpoint as it was read: its name and its node in etcd."""

    __slots__ = ("name", "node")

    def __init__(self, name: EndpointName, node: RawNode) -> None:
        self.name = name
        self.node = node

    @property
    def key(self) -> str:
        """The key, not quoted."""
        return str(self.node["key"])

    def decode(self) -> Endpoint:
        """Parse the value. Raises MalformedEndpoint."""
        return Endpoint.from_json(self.name, self.node["value"])


class Endpoints:
    """Access to endpoints. Every method raises DatastoreError if etcd cannot be used."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> Iterator[EndpointNode]:
        """Read all workload and host endpoints in one request, with quorum."""
        return endpoint_nodes(self._client.get(keys.HOSTS, recursive=True, quorum=True))

    def matching(self, wanted: Filter, latest: bool = False) -> Iterator[EndpointNode]:
        """Read the workload endpoints that match a filter, in one request for the smallest directory with all of them.

        ``latest`` reads with quorum, as an edit requires.
        """
        place = wanted.place()
        tree = self._client.get(place, recursive=True, quorum=latest) if place else None
        return (found for found in endpoint_nodes(tree) if wanted.matches(found.name))

    def known_names(self) -> tuple[set[str], set[str], set[str], set[str]]:
        """Read the names of all hosts, orchestrators, workloads and endpoints in one request.

        Hosts without endpoints are included. Names with a leading underscore are not: etcd omits them from listings.
        """
        tree = self._client.get(keys.HOSTS, recursive=True)
        known: tuple[set[str], set[str], set[str], set[str]] = (set(), set(), set(), set())
        nodes = [tree] if tree else []
        while nodes:
            node = nodes.pop()
            nodes.extend(node.get("nodes", ()))
            for names, name in zip(known, keys.names_below_hosts(node["key"]), strict=False):
                names.add(name)
        return known

    def edit(self, found: EndpointNode, change: Callable[[Endpoint], Endpoint]) -> None:
        """Replace an endpoint by the result of ``change``, by compare-and-swap.

        ``change`` is called again if others have changed the endpoint in the meantime. Raises EndpointVanished if it
        has been removed, MalformedObject if it cannot be read.
        """
        name = found.name
        key = _key(name)
        first_read = [found.node]

        def read() -> RawNode:
            node = first_read.pop() if first_read else self._client.get(key, quorum=True)
            if node is None or "value" not in node:  # absent, or a directory
                raise EndpointVanished
            return node

        def changed(node: RawNode | None) -> str:
            assert node is not None
            try:
                return change(EndpointNode(name, node).decode()).to_json()
            except MalformedEndpoint as error:
                raise MalformedObject(found.key, error) from None

        edit(self._client, key, read, changed)

    def create(self, endpoint: Endpoint) -> None:
        """Store a new endpoint. Raises Conflict if the name is already in use."""
        self._client.create(_key(endpoint.name), endpoint.to_json())

    def remove(self, name: EndpointName) -> None:
        """Remove an endpoint, if it exists, and its directories if they are then empty."""
        self._remove_if(name, lambda node: True)

    def take_back(self, endpoint: Endpoint) -> None:
        """Remove an endpoint whose creation may have succeeded; one with another MAC address is kept."""

        def is_ours(node: RawNode) -> bool:
            try:
                return EndpointNode(endpoint.name, node).decode().mac == endpoint.mac
            except MalformedEndpoint:
                return False

        self._remove_if(endpoint.name, is_ours)

    def _remove_if(self, name: EndpointName, is_meant: Callable[[RawNode], bool]) -> None:
        key = _key(name)
        edit(
            self._client,
            key,
            lambda: self._client.get(key, quorum=True),
            lambda node: REMOVED if node is not None and is_meant(node) else None,
        )
        self._prune(key)

    def _prune(self, key: str) -> None:
        directory = key.rpartition("/")[0]
        self._client.prune(directory)
        self._client.prune(directory.rpartition("/")[0])


class EndpointVanished(Exception):
    """The endpoint was removed while it was being edited."""


def _key(name: EndpointName) -> str:
    return keys.workloads(name.host, name.orchestrator or "", name.workload or "", name.endpoint)


def endpoint_nodes(tree: RawNode | None) -> Iterator[EndpointNode]:
    """Yield the endpoints in a tree of nodes; other keys below a host are skipped."""
    nodes = [tree] if tree else []
    while nodes:
        node = nodes.pop()
        if "nodes" in node:
            nodes.extend(node["nodes"])
        elif "value" in node:
            names = keys.endpoint_names(node["key"])
            if names is not None:
                yield EndpointNode(EndpointName(*names), node)
