"""Errors of the modules for stored objects. Errors of the etcd client are in ``calicoctl.etcd.errors``."""

from __future__ import annotations

from calicoctl.errors import MalformedObject


class MalformedHandle(MalformedObject):
    """A handle cannot be read. Addresses can still be released, because the blocks record all claims."""
