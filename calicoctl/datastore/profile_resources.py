"""Whole profiles in etcd, as the resource commands read and write them: the keys ``tags``, ``labels``, ``metadata``
and ``rules``, each written by compare-and-swap on the version that was read.
"""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.etcd.wire import LONGEST_KEY
from calicoctl.model.stored_profile import PARTS, StoredProfile

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calicoctl.etcd.client import Client, RawNode


class ProfileRecord:
    """A profile as read: ``profile``, the ``texts`` of its keys, and ``version``, the largest of their indexes.

    ``obstacle`` says what is in the way where there is no directory, and so no profile.
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


class PartlyWritten(Exception):
    """A write stopped midway. ``written`` are the parts that have their new value; ``cause`` is what stopped it.

    ``barred`` tells that the rules were made to deny everything and neither their old nor their new value was written
    after that. ``place`` is the part at which it stopped and the index at which that was last modified, as was thought.
    """

    def __init__(
        self, written: list[str], cause: Conflict | DatastoreError, barred: bool, place: tuple[str, int | None]
    ) -> None:
        super().__init__(written)
        self.written = written
        self.cause = cause
        self.barred = barred
        self.place = place


class ProfileResources:
    """What the resource commands ask of the profiles. Every method raises DatastoreError where etcd cannot be used."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> tuple[list[ProfileRecord], list[str]]:
        """Return every profile, sorted by name, and complaints about what is no profile. One request."""
        records, complaints = [], []
        for node in self._nodes():
            segment = keys.last_segment(node["key"])
            name = keys.unescaped(segment)
            record = ProfileRecord(name, node)
            if record.obstacle:
                complaints.append(f"Cannot read {node['key']}: it {record.obstacle}.")
            elif keys.escaped(name) != segment:
                complaints.append(f"Cannot read {node['key']}: no profile can be called so.")
            else:
                records.append(record)
        return sorted(records, key=lambda record: record.profile.name), complaints

    def find(self, names: Iterable[str]) -> dict[str, ProfileRecord]:
        """Return what there is under the names, by name. One request, if any key can hold one of them."""
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
        """Return what is in the directory of the profiles, in the order of the keys."""
        tree = self._client.get(keys.PROFILES, recursive=True, quorum=True) or {}
        return sorted(tree.get("nodes", ()), key=lambda node: str(node["key"]))

    def _hidden(self, names: set[str]) -> dict[str, ProfileRecord]:
        """Return the profiles that etcd leaves out of listings, for their names begin with an underscore."""
        return {name: record for each in names if each.startswith("_") for name, record in self.find([each]).items()}

    def write(
        self, name: str, changes: dict[str, str], record: ProfileRecord | None, barring_rules: str | None = None
    ) -> None:
        """Write new values of parts, in order, each on condition that it is still as in ``record``.

        ``barring_rules`` are rules to be stored meanwhile; after all else the new rules take their place, or the old
        ones where ``changes`` has none. Raises PartlyWritten with the Conflict or DatastoreError that ended it, also if
        nothing was written.
        """
        key = {part: keys.profile_part(keys.escaped(name), part) for part in PARTS}
        indexes = dict(record.indexes) if record is not None else {}
        written: list[str] = []
        barred = False
        part = "rules"
        try:
            if barring_rules is not None and record is not None:
                indexes["rules"] = self._client.swap(key["rules"], barring_rules, indexes["rules"])
                barred = True
                changes = {**changes, "rules": changes.get("rules", record.texts["rules"])}
            for part, value in changes.items():
                if part in indexes:
                    self._client.swap(key[part], value, indexes[part])
                else:
                    self._client.create(key[part], value)
                written.append(part)
        except (Conflict, DatastoreError) as error:
            # Only after a conflict it is certain that the other parts are as they were: so are the rules, then.
            if barred and record is not None and not written and isinstance(error, Conflict):
                barred = not self._swapped(key["rules"], record.texts["rules"], indexes["rules"])
            raise PartlyWritten(written, error, barred, (part, indexes.get(part))) from None

    def _swapped(self, key: str, value: str, index: int) -> bool:
        try:
            self._client.swap(key, value, index)
        except (Conflict, DatastoreError):
            return False
        return True

    def delete(self, record: ProfileRecord) -> bool:
        """Remove a profile, read before, with all below its directory; False if it was gone already.

        etcd v2 has no conditional removal of a directory: what others change between the reading and this is lost.
        """
        return self._client.delete_tree(keys.profile(keys.escaped(record.profile.name)), record.node)
