"""The errors of the etcd client, in a module of their own so that a command can catch them without loading it."""

from __future__ import annotations

from calicoctl.errors import CommandError


class DatastoreError(CommandError):
    """etcd cannot be used or refused a request; the message names the endpoint and the cause."""


class Conflict(Exception):
    """Another writer changed the key since it was read: read it again before another attempt."""
