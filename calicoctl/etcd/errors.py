"""What the client of etcd raises; apart from it, so that no command loads it before it asks for anything."""

from __future__ import annotations

from calicoctl.errors import CommandError


class DatastoreError(CommandError):
    """etcd cannot be used, or refused what it was asked; the message names the endpoint and the cause."""


class Conflict(Exception):
    """Somebody else changed the key since it was read: read it again and decide anew."""
