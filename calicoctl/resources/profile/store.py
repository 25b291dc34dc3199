"""Complete profiles in etcd for the commands on resources: a directory with up to four keys for each profile."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.etcd.wire import LONGEST_KEY
from calicoctl.resources.profile.stored import PARTS, StoredProfile

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calicoctl.etcd.client import Client, RawNode


class ProfileRecord:
    """A profile as it was read: ``profile``, the ``texts`` of its keys, and ``version``, their largest modifiedIndex.

    ``obstacle`` describes a plain value that is stored in place of the profile's directory; usually it is empty.
    """

    def __init__(self, name: str, node: RawNode) -> None:
        nodes = {keys.last_segment(child["key"]): child for child in node.get("nodes", ())}
        directories = [part for part in PARTS if part in nodes and nodes[part].get("dir")]
        parts = {part: nodes[part] for part in PARTS if part in nodes and part not in directories}
        self.node = node
        self.obstacle = "" if node.get("dir") else "is a value where the profile's directory should be"
        self.texts = {part: str(child.get("value", "")) for part, child in parts.items()}
        self.indexes = {part: int(child["modifiedIndex"]) for part, child in parts.items()}
        self.version = str(max(self.indexes.values(), default=int(node["modifiedIndex"])))
        self.profile = StoredProfile(name, self.texts, directories)


class ProfileResources:
    """Access to profiles for the commands on resources. Every method raises DatastoreError if etcd cannot be used."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> tuple[list[ProfileRecord], list[str]]:
        """Return all profiles, sorted by name, and a complaint for each key that is not a profile. One request."""
        records, complaints = [], []
        for node in self._nodes():
            segment = keys.last_segment(node["key"])
            name = keys.unescaped(segment)
            record = ProfileRecord(name, node)
            if record.obstacle:
                complaints.append(f"Cannot read {node['key']}: it {record.obstacle}.")
            elif keys.escaped(name) != segment:
                complaints.append(f"Cannot read {node['key']}: this is not a valid profile name.")
            else:
                records.append(record)
        return sorted(records, key=lambda record: record.profile.name), complaints

    def find(self, names: Iterable[str]) -> dict[str, ProfileRecord]:
        """Return the existing profiles among the names, by name.

        This takes one request, plus one for each name that begins with an underscore; names too long for a key take
        none.
        """
        wanted = [name for name in names if len(keys.profile(keys.escaped(name))) <= LONGEST_KEY]
        if not wanted:
            return {}
        if len(wanted) == 1:
            node = self._client.get(keys.profile(keys.escaped(wanted[0])), recursive=True, quorum=True)
            return {} if node is None else {wanted[0]: ProfileRecord(wanted[0], node)}
        nodes = {keys.last_segment(node["key"]): node for node in self._nodes()}
        found = {name: ProfileRecord(name, nodes[keys.escaped(name)]) for name in wanted if keys.escaped(name) in nodes}
        return found | self._hidden(set(wanted) - set(found))

    def _nodes(self) -> list[RawNode]:
        """Return the nodes in the directory of the profiles, sorted by key."""
        tree = self._client.get(keys.PROFILES, recursive=True, quorum=True) or {}
        return sorted(tree.get("nodes", ()), key=lambda node: str(node["key"]))

    def _hidden(self, names: set[str]) -> dict[str, ProfileRecord]:
        """Return those profiles that etcd omits from listings because their names begin with an underscore."""
        return {name: record for each in names if each.startswith("_") for name, record in self.find([each]).items()}

    def delete(self, record: ProfileRecord) -> bool:
        """Remove a profile and everything below its directory; return False if it was already gone.

        etcd v2 cannot remove a directory conditionally: changes by others since the record was read are lost.
        """
        return self._client.delete_tree(keys.profile(keys.escaped(record.profile.name)), record.node)
