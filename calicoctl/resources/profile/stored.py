"""A stored profile: the values of its keys ``tags``, ``labels``, ``metadata`` and ``rules``.

``tags``, ``labels`` and ``rules`` belong to the v1 data model. ``metadata`` is an addition for the resource: it holds
the labels and annotations of the object itself, as ``{"labels": {...}, "annotations": {...}}``. Felix and Go's
calicoctl ignore this key.
"""

from __future__ import annotations

from calicoctl.model.rules import MalformedRules, Rules
from calicoctl.model.stored_json import decode_or_say_why
from calicoctl.model.tags import MalformedTags, tags_from_json

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from calicoctl.resources.profile.resource import ProfileResource
    from calicoctl.resources.profile.rule_folding import Group

# In the order of writing: the rules come last because Felix treats a profile without them as missing.
PARTS = ("tags", "labels", "metadata", "rules")
MEMBERS = ("labels", "annotations")  # of the object in ``metadata``

_NOT_OF_TEXTS = "it is not an object of strings"


class StoredProfile:
    """The stored parts of a profile; absent parts count as empty.

    ``present`` lists the existing parts. ``unreadable`` maps each part that cannot be read to the reason. ``metadata``
    is the stored object with labels, annotations and possibly other members. ``unreadable_members`` lists which of
    labels and annotations have the wrong type.
    """

    def __init__(self, name: str, values: Mapping[str, str], directories: Collection[str] = ()) -> None:
        """``values`` has the value of each part; ``directories`` lists the parts that are directories in etcd."""
        self.name = name
        self.directories = directories
        self.present = tuple(part for part in PARTS if part in values or part in directories)
        self.unreadable: dict[str, str] = {part: "it is a directory" for part in directories}
        self.tags: list[str] = self._read("tags", values, tags_from_json, [])
        self.labels: dict[str, str] = self._read("labels", values, _texts, {})
        self.metadata: dict[str, Any] = self._read("metadata", values, _object, {})
        self.unreadable_members = [name for name in MEMBERS if not _is_of_texts(self.metadata.get(name, {}))]
        if self.unreadable_members:
            self.unreadable["metadata"] = _NOT_OF_TEXTS
        self.rules: Rules = self._read("rules", values, Rules.from_json, Rules([], []))
        self._groups: dict[str, list[Group]] | None = None

    def _read(self, part: str, values: Mapping[str, str], decode: Any, otherwise: Any) -> Any:
        if part not in values:
            return otherwise
        try:
            return decode(values[part])
        except (MalformedTags, MalformedRules, _Malformed) as error:
            self.unreadable[part] = str(error)
            return otherwise

    def member(self, name: str) -> dict[str, str]:
        """Return ``labels`` or ``annotations`` of the object itself; empty if they cannot be read."""
        found: dict[str, str] = {} if name in self.unreadable_members else self.metadata.get(name, {})
        return found

    def groups(self) -> dict[str, list[Group]]:
        """Return the rules by direction (``ingress``, ``egress``), grouped into rules of the resource."""
        if self._groups is None:
            from calicoctl.resources.profile.rule_folding import groups_of

            self._groups = {"ingress": groups_of(self.rules.inbound), "egress": groups_of(self.rules.outbound)}
        return self._groups

    def to_resource(self) -> ProfileResource:
        """Return the profile as a resource. Everything that can be read is included."""
        from calicoctl.resources.profile.resource import ProfileResource

        resource = ProfileResource(self.name)
        resource.labels, resource.annotations = map(self.member, MEMBERS)
        resource.tags = list(self.tags)
        resource.labels_to_apply = self.labels
        resource.rules = {way: [(group.form, "") for group in groups] for way, groups in self.groups().items()}
        resource.stored_fields = self.rules.extra
        return resource


class _Malformed(ValueError):
    pass


def _texts(text: str) -> dict[str, str]:
    value = _object(text)
    if not _is_of_texts(value):
        raise _Malformed(_NOT_OF_TEXTS)
    return value


def _object(text: str) -> dict[str, Any]:
    try:
        value = decode_or_say_why(text)
    except ValueError as error:
        raise _Malformed(f"it is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise _Malformed("it is not an object")
    return value


def _is_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(content, str) for content in value.values())
