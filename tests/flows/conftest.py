"""Fixtures: calicoq on an emptied etcd, as the tests of calicoq have it."""

from tests.calicoq.conftest import calicoq, store

__all__ = ["calicoq", "store"]
