"""An endpoint: the JSON object of the data model (section 3) under its name."""

from __future__ import annotations

import json

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any


class MalformedEndpoint(ValueError):
    """A stored value that is no JSON object, or a field of it that is not of its type."""


class EndpointName:
    """Where an endpoint is: its host, orchestrator, workload and own id; a host endpoint has no middle two."""

    __slots__ = ("host", "orchestrator", "workload", "endpoint")

    def __init__(self, host: str, orchestrator: str | None, workload: str | None, endpoint: str) -> None:
        self.host = host
        self.orchestrator = orchestrator
        self.workload = workload
        self.endpoint = endpoint


class Endpoint:
    """A workload or host endpoint; ``fields`` is its stored object, fields that this version does not know included."""

    __slots__ = ("name", "fields")

    def __init__(self, name: EndpointName, fields: dict[str, Any]) -> None:
        self.name = name
        self.fields = fields

    @classmethod
    def from_json(cls, name: EndpointName, text: str) -> Endpoint:
        """Read a stored value. Raises MalformedEndpoint."""
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise MalformedEndpoint(f"it is not JSON ({error})") from None
        if not isinstance(fields, dict):
            raise MalformedEndpoint("it is not an object")
        return cls(name, fields)

    @property
    def profile_ids(self) -> list[str]:
        """The profiles in the order of evaluation, also from the old form with one ``profile_id``.

        Raises MalformedEndpoint.
        """
        old = self.fields.get("profile_id")
        ids = [old] if old else self.fields.get("profile_ids") or []
        if not isinstance(ids, list) or not all(isinstance(profile, str) for profile in ids):
            raise MalformedEndpoint("profile_ids is not a list of texts")
        return ids

    @property
    def state(self) -> str | None:
        """``active`` or ``inactive``; None if it is not stored."""
        return self.fields.get("state")
