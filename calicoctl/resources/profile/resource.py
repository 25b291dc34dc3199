"""The Profile resource (apiVersion projectcalico.org/v3): conversion from documents and to documents."""

from __future__ import annotations

from calicoctl.resources import fields as read
from calicoctl.resources.fields import Problems, shown
from calicoctl.resources.metadata import IGNORED, read_name, read_version

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.resources.profile.rule_form import Form

API_VERSION = "projectcalico.org/v3"
KIND_NAME = "Profile"
TOP_FIELDS = ("apiVersion", "kind", "metadata", "spec")

_METADATA = ("name", "namespace", "resourceVersion", "labels", "annotations", "tags", *IGNORED)


class ProfileResource:
    """The content of a document about a profile.

    ``labels`` and ``annotations`` belong to the object itself; ``tags`` and ``labels_to_apply`` are inherited by its
    endpoints. ``labels``, ``annotations`` and ``tags`` are None if the document does not mention them. ``rules`` has
    the form of each rule by direction (``ingress``, ``egress``), with its path in the document. ``stored_fields`` are
    other members of the stored rules object. ``resource_version`` is None if the document has none. ``has_spec`` tells
    whether the document has a spec.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.resource_version: str | None = None
        self.labels: dict[str, str] | None = None
        self.annotations: dict[str, str] | None = None
        self.tags: list[str | None] | None = None
        self.labels_to_apply: dict[str, str] = {}
        self.rules: dict[str, list[tuple[Form, str]]] = {"ingress": [], "egress": []}
        self.stored_fields: Form = {}
        self.has_spec = False

    @property
    def identity(self) -> str:
        """The name, which identifies a profile."""
        return self.name

    def to_document(self) -> dict[str, Any]:
        """Return the document of the resource, with fields in the order of Go's JSON and without empty ones."""
        from calicoctl.resources.profile.rule_mapping import form_to_document

        metadata = {
            "name": self.name,
            "resourceVersion": self.resource_version,
            "labels": self.labels,
            "annotations": self.annotations,
            "tags": self.tags,
        }
        spec = {
            "ingress": [form_to_document(form) for form, _ in self.rules["ingress"]],
            "egress": [form_to_document(form) for form, _ in self.rules["egress"]],
            "labelsToApply": self.labels_to_apply,
            "storedFields": self.stored_fields,
        }
        return {
            "kind": KIND_NAME,
            "apiVersion": API_VERSION,
            "metadata": {name: value for name, value in metadata.items() if value},
            "spec": {name: value for name, value in spec.items() if value},
        }


def read_profile(document: dict[str, Any], problems: Problems) -> ProfileResource:
    """Parse a complete document and add wrong names, types and structures to ``problems``."""
    from calicoctl.resources.profile.rule_form import read_form, stored_fields

    top = read.fields(document, "", TOP_FIELDS, problems)
    profile = _read_metadata(top.get("metadata"), problems)
    profile.has_spec = top.get("spec") is not None
    spec = read.fields(top.get("spec"), "spec", ("ingress", "egress", "labelsToApply", "storedFields"), problems)
    for direction, rules in profile.rules.items():
        listed = spec.get(direction, [])
        path = f"spec.{direction}"
        if not isinstance(listed, list):
            problems.add(path, f"{shown(listed)} is not a list of rules")
            continue
        for position, value in enumerate(listed):
            where = f"{path}[{position}]"
            form = read_form(value, where, problems)
            if form is not None:
                rules.append((form, where))
    if "labelsToApply" in spec:
        profile.labels_to_apply = read.texts_by_name(spec["labelsToApply"], "spec.labelsToApply", problems)
    if "storedFields" in spec:
        profile.stored_fields = stored_fields(spec["storedFields"], "spec.storedFields", problems) or {}
    return profile


def read_identity(document: dict[str, Any], problems: Problems) -> ProfileResource:
    """Parse only the name and resourceVersion of a document.

    Unknown names in the metadata are still problems: a misspelt resourceVersion would make a change unconditional.
    """
    metadata = read.fields(document, "", TOP_FIELDS, Problems()).get("metadata")
    return _identified(read.fields(metadata, "metadata", _METADATA, problems), problems)


def _read_metadata(value: Any, problems: Problems) -> ProfileResource:
    metadata = read.fields(value, "metadata", _METADATA, problems)
    profile = _identified(metadata, problems)
    if metadata.get("namespace", "") != "":
        problems.add("metadata.namespace", f"{shown(metadata['namespace'])}: a Profile is not namespaced")
    if "labels" in metadata:
        profile.labels = read.texts_by_name(metadata["labels"], "metadata.labels", problems)
    if "annotations" in metadata:
        profile.annotations = read.texts_by_name(metadata["annotations"], "metadata.annotations", problems)
    if "tags" in metadata:
        profile.tags = read.list_of(read.text, metadata["tags"], "metadata.tags", problems)
    return profile


def _identified(metadata: dict[str, Any], problems: Problems) -> ProfileResource:
    profile = ProfileResource(read_name(metadata.get("name"), problems))
    profile.resource_version = read_version(metadata.get("resourceVersion"), problems)
    return profile
