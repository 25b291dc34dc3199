"""Fixtures of the tests of reliability."""

from __future__ import annotations

import pytest

from tests.conftest import Calicoctl


@pytest.fixture(autouse=True)
def on_host(calicoctl: Calicoctl) -> None:
    """Let calicoctl run on the host `h1`."""
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1"}
