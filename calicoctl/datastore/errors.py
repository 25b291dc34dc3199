"""What the modules of the stored objects raise, beside the errors of the client of etcd."""

from __future__ import annotations

from calicoctl.errors import MalformedObject


class MalformedHandle(MalformedObject):
    """A handle cannot be read. Blocks tell who has claimed what: an address may be released all the same."""
