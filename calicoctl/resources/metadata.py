"""The metadata that documents of every kind have: the name, the resourceVersion, and what is ignored."""

from __future__ import annotations

from calicoctl.resources import fields as read
from calicoctl.resources.fields import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.resources.fields import Problems

# Kubernetes metadata without a meaning here; accepted so that the output of other tools can be applied.
IGNORED = (
    "clusterName", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers",
    "generateName", "generation", "initializers", "ownerReferences", "selfLink", "uid",
)  # fmt: skip


def read_name(value: Any, problems: Problems) -> str:
    """Return the value of ``metadata.name``; empty, with a problem, if there is none or etcd takes it for a path."""
    if value is None or value == "":
        problems.add("metadata.name", "is missing")
        return ""
    name = read.text(value, "metadata.name", problems) or ""
    if name in (".", ".."):
        problems.add("metadata.name", f"{name} is not a name: etcd takes it for a path")
        return ""
    return name


def read_version(value: Any, problems: Problems) -> str | None:
    """Return the value of ``metadata.resourceVersion`` without leading zeros; None if there is none."""
    if value is None or value == "":
        return None
    version = str(value)
    if isinstance(value, str) and version.isascii() and version.isdigit() and len(version) <= 20:
        return version.lstrip("0") or "0"
    problems.add("metadata.resourceVersion", f"{shown(value)} is not a version, which is a whole number")
    return None
