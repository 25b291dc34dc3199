"""Labels of endpoints and of the profiles they inherit labels from (docs/data-model.md, sections 2 to 4)."""

from __future__ import annotations

import json

from calicoctl.model.stored_json import decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from calicoctl.model.endpoint import Endpoint

    Labels = Mapping[str, str]


class MalformedLabels(ValueError):
    """Stored labels are not a JSON object of strings."""


def labels_from_json(text: str) -> Labels:
    """Parse the value of a profile's ``labels`` key. Raises MalformedLabels."""
    try:
        value = decode(text)
    except ValueError as error:
        raise MalformedLabels(str(error)) from None
    return checked_labels(value)


def checked_labels(value: Any) -> Labels:
    """Return a decoded value if it is valid as labels; null means no labels. Raises MalformedLabels."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedLabels("labels are not an object")
    for name, text in value.items():
        if not isinstance(text, str):
            raise MalformedLabels(f"label {json.dumps(name)} is not a string")
    return value


def labels_of(endpoint: Endpoint) -> Labels:
    """Return an endpoint's own labels. Raises MalformedLabels."""
    return checked_labels(endpoint.fields.get("labels"))


def inherited(own: Labels, parents: Sequence[Labels]) -> Labels:
    """Return an object's own labels plus inherited ones: for each other name, the label of the first parent with it."""
    if not parents:
        return own
    labels: dict[str, str] = {}
    for parent in reversed(parents):
        labels.update(parent)
    labels.update(own)
    return labels
