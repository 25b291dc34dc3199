"""Profiles in etcd: a directory for each, with the keys ``tags``, ``labels`` and ``rules``."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.edit import Overtaken, edit
from calicoctl.errors import CommandError, MalformedObject
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.model.rules import MalformedRules, Rules
from calicoctl.model.tags import MalformedTags, tags_from_json, tags_to_json

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable

    from calicoctl.etcd.client import Client, RawNode

_WHOLE = {"tags", "labels", "rules"}  # the parts of a complete profile


class ProfileNotFound(CommandError):
    """There is no profile with that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Profile {name} not found.")


class Profiles:
    """Access to profiles. Methods that take a name raise ProfileNotFound unless they say otherwise.

    Every method raises DatastoreError if etcd cannot be used, and MalformedObject if it needs a value that cannot be
    read. Edits use compare-and-swap and are repeated after changes by others.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def names(self, latest: bool = False) -> list[str]:
        """Return the names of all profiles, sorted; ``latest`` reads with quorum, as an edit requires."""
        directory = self._client.get(keys.PROFILES, quorum=latest) or {}
        return sorted(keys.last_segment(node["key"]) for node in directory.get("nodes", ()))

    def exists(self, name: str) -> bool:
        """Tell whether there is a profile with that name; reads with quorum."""
        return self._client.get(keys.profile(name), quorum=True) is not None

    def tags(self, name: str) -> list[str]:
        """Return the tags in stored order; empty if the profile has no tags key."""
        return _tags_of(self._existing_parts(name).get("tags"))

    def all_tags(self) -> set[str]:
        """Return the tags of all profiles; unreadable tags are skipped."""
        directory = self._client.get(keys.PROFILES, recursive=True) or {}
        found: set[str] = set()
        for profile in directory.get("nodes", ()):
            for node in profile.get("nodes", ()):
                if keys.last_segment(node["key"]) == "tags":
                    try:
                        found.update(_tags_of(node))
                    except MalformedObject:
                        continue
        return found

    def rules(self, name: str) -> Rules:
        """Return the rules; empty if the profile has no rules key."""
        return _rules_of(name, self._existing_parts(name).get("rules"))

    def edit_tags(
        self, name: str, change: Callable[[list[str]], list[str] | None]
    ) -> Rules | MalformedObject | None:
        """Replace the tags by the result of ``change``; None leaves them unchanged.

        ``change`` is called again if others have changed the tags in the meantime. Returns the rules of the profile as
        read together with the tags, or the error if they cannot be read; None if there are no rules.
        """

        def changed(node: RawNode | None) -> str | None:
            tags = change(_tags_of(node))
            return None if tags is None else tags_to_json(tags)

        rules = self._edit(name, "tags", changed).get("rules")
        try:
            return None if rules is None else _rules_of(name, rules)
        except MalformedObject as error:
            return error

    def edit_rules(self, name: str, change: Callable[[Rules], Rules | None]) -> None:
        """Replace the rules by the result of ``change``; None leaves them unchanged.

        ``change`` is called again if others have changed the rules in the meantime.
        """

        def changed(node: RawNode | None) -> str | None:
            rules = change(_rules_of(name, node))
            return None if rules is None else rules.to_json()

        self._edit(name, "rules", changed)

    def replace_rules(self, name: str, change: Callable[[Rules | None], Rules | None]) -> None:
        """Like ``edit_rules``, but ``change`` is called with None if there are no rules or they cannot be read."""

        def changed(node: RawNode | None) -> str | None:
            stored = None
            if node is not None:
                _value(node)  # a directory cannot be replaced
                try:
                    stored = _rules_of(name, node)
                except MalformedObject:
                    pass
            rules = change(stored)
            return None if rules is None else rules.to_json()

        self._edit(name, "rules", changed)

    def create(self, name: str) -> tuple[bool, list[str]]:
        """Write a new profile, or the missing keys of an interrupted creation; existing keys are not changed.

        The rules are written last because Felix drops the traffic of a profile without rules until it is complete.
        Returns whether this call wrote the rules, and so created the profile, and the names of all keys that it wrote.
        """
        values = {"tags": tags_to_json([name]), "labels": "{}", "rules": Rules.of_new_profile(name).to_json()}
        written: list[str] = []
        present = self._parts(name, quorum=True) or {}
        overtaken: Overtaken | None = None
        while missing := [part for part in values if part not in present]:
            before = self._client.index
            made = []
            for part in missing:
                try:
                    self._client.create(keys.profile_part(name, part), values[part])
                    made.append(part)
                    written += [part] if part not in written else []
                except Conflict:  # another creation of the same profile, or its removal after a lost request
                    pass
                except DatastoreError as error:
                    if not written:
                        raise
                    done = f"Its {' and '.join(written)} were written before that"
                    remedy = f"'calicoctl profile add {name}' completes it."
                    raise DatastoreError(f"{error.message}\n{done}; {remedy}") from None
            if made == missing and self._client.index == before + len(made):
                break  # the index shows no other write to etcd, so nobody removed the profile between our writes
            overtaken = overtaken or Overtaken(keys.profile(name))
            overtaken.wait(tuple(sorted((part, node["modifiedIndex"]) for part, node in present.items())))
            present = self._parts(name, quorum=True) or {}
        return "rules" in written, written

    def find(self, name: str) -> RawNode:
        """Return the directory of a profile, as needed by ``delete``."""
        directory = self._client.get(keys.profile(name), quorum=True)
        if directory is None:
            raise ProfileNotFound(name)
        return directory

    def delete(self, name: str, directory: RawNode) -> None:
        """Remove a profile and everything below its directory, which ``find`` returned."""
        if not self._client.delete_tree(keys.profile(name), directory):
            raise ProfileNotFound(name)

    def _directory(self, name: str, quorum: bool = False) -> RawNode | None:
        directory = self._client.get(keys.profile(name), quorum=quorum)
        if directory is not None and not directory.get("dir"):
            raise MalformedObject(directory["key"], "it is a value where the profile's directory should be")
        return directory

    def _parts(self, name: str, quorum: bool = False) -> dict[str, RawNode] | None:
        directory = self._directory(name, quorum)
        return None if directory is None else _parts_of(directory)

    def _existing_parts(self, name: str) -> dict[str, RawNode]:
        parts = self._parts(name)
        if parts is None:
            raise ProfileNotFound(name)
        return parts

    def _edit(
        self, name: str, part: str, changed: Callable[[RawNode | None], str | None]
    ) -> dict[str, RawNode]:
        """Edit a part; return all parts as they were read for the edit."""
        seen: list[RawNode] = []

        def read() -> RawNode | None:
            directory = self._directory(name, quorum=True)
            # A removal may leave an empty directory; do not turn it into a partial profile.
            if directory is None or not directory.get("nodes"):
                raise ProfileNotFound(name)
            seen[:] = [directory]
            return _parts_of(directory).get(part)

        def made(index: int) -> None:
            self._take_back_if_removed(name, part, seen[0], index)

        edit(self._client, keys.profile_part(name, part), read, changed, made)
        return _parts_of(seen[0])

    def _take_back_if_removed(self, name: str, part: str, before: RawNode, index: int) -> None:
        """Remove a part that was just created at ``index`` if the profile was removed in the meantime.

        ``before`` is the directory as it was read for the edit. This is needed because etcd v2 cannot create a key on
        condition that its directory still exists. A part that others have changed since is kept. Raises
        ProfileNotFound if the part was removed.
        """
        try:
            now = self._client.get(keys.profile(name), quorum=True)
            if now is None or _may_stay(part, index, before, now):
                return
            self._client.delete(keys.profile_part(name, part), index)
        except Conflict:
            return
        except DatastoreError as error:
            remark = (
                f"The {part} of profile {name} were written; check whether the profile was removed at the same time."
            )
            raise DatastoreError(f"{error.message}\n{remark}") from None
        self._client.prune(keys.profile(name))
        raise ProfileNotFound(name)


def _parts_of(directory: RawNode) -> dict[str, RawNode]:
    return {keys.last_segment(node["key"]): node for node in directory.get("nodes", ())}


def _may_stay(part: str, index: int, before: RawNode, now: RawNode) -> bool:
    """Tell whether a part that was created at ``index`` belongs to an existing profile and must not be removed.

    ``before`` and ``now`` are the directory of the profile as read before and after the part was created.
    """
    parts = _parts_of(now)
    if part not in parts or parts[part]["modifiedIndex"] != index:
        return True  # others have changed or removed it
    if parts.keys() >= _WHOLE:
        return True  # others have created a complete new profile around it
    # The other parts in ``before`` may also have been created by an edit that has removed them by now.
    is_same = now.get("createdIndex") == before.get("createdIndex")
    return is_same and not parts.keys().isdisjoint(_parts_of(before))


def _tags_of(node: RawNode | None) -> list[str]:
    if node is None:
        return []
    try:
        return tags_from_json(_value(node))
    except MalformedTags as error:
        remedy = "'calicoctl apply -f FILE' of the whole profile, with metadata.tags, replaces them."
        raise MalformedObject(node["key"], error, remedy) from None


def _rules_of(name: str, node: RawNode | None) -> Rules:
    if node is None:
        return Rules([], [])
    try:
        return Rules.from_json(_value(node))
    except MalformedRules as error:
        remedy = f"'calicoctl profile {name} rule update' replaces it."
        raise MalformedObject(node["key"], error, remedy) from None


def _value(node: RawNode) -> str:
    if node.get("dir"):
        raise MalformedObject(node["key"], "it is a directory")
    return str(node.get("value", ""))
