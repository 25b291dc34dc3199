"""Endpoints in etcd: the keys of workload and host endpoints below the directory of the hosts."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.model.endpoint import Endpoint, EndpointName, MalformedEndpoint

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.datastore.client import Client, RawNode


class Endpoints:
    """What the commands ask of the endpoints."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def by_profile(self) -> tuple[dict[str, list[Endpoint]], list[str]]:
        """Return all endpoints, workload and host ones, by the profiles they use, and complaints about unreadable ones.

        One request, whatever the number of profiles. Each complaint names a key and what is wrong with its value.
        """
        users: dict[str, list[Endpoint]] = {}
        complaints = []
        for key, name, text in _endpoint_nodes(self._client.get(keys.HOSTS, recursive=True)):
            try:
                endpoint = Endpoint.from_json(name, text)
                for profile in dict.fromkeys(endpoint.profile_ids):
                    users.setdefault(profile, []).append(endpoint)
            except MalformedEndpoint as error:
                complaints.append(f"Cannot read {key}: {error}.")
        return users, complaints


def _endpoint_nodes(tree: RawNode | None) -> Iterator[tuple[str, EndpointName, str]]:
    """Yield key, name and value of each endpoint in a tree; other keys below a host are passed over."""
    nodes = [tree] if tree else []
    while nodes:
        node = nodes.pop()
        if "nodes" in node:
            nodes.extend(node["nodes"])
        elif "value" in node:
            name = keys.endpoint_name(node["key"])
            if name is not None:
                yield node["key"], name, node["value"]
