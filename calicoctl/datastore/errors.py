"""What the datastore raises; apart from the client, so that no command loads that before it asks for anything."""

from __future__ import annotations

from calicoctl.errors import CommandError, MalformedObject


class DatastoreError(CommandError):
    """etcd cannot be used, or refused what it was asked; the message names the endpoint and the cause."""


class MalformedHandle(MalformedObject):
    """A handle cannot be read. Blocks tell who has claimed what: an address may be released all the same."""


class Conflict(Exception):
    """Somebody else changed the key since it was read: read it again and decide anew."""
