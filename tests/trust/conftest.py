"""Fixtures of the tests of reliability."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.conftest import Calicoctl
from tests.containers.namespaces import why_no_namespaces
from tests.trust.commands import ALL, NAMESPACE, Row


@pytest.fixture(scope="session", autouse=True)
def namespace() -> Iterator[None]:
    """What the rows of `container` work on."""
    if why_no_namespaces() is not None:
        yield
        return
    NAMESPACE.make()
    yield
    NAMESPACE.delete()


@pytest.fixture(autouse=True)
def on_host(calicoctl: Calicoctl) -> None:
    """Let calicoctl run on the host `h1`, where no Docker is."""
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1", "DOCKER_HOST": "unix:///none"}


@pytest.fixture
def most(torture: bool, dice: random.Random) -> list[Row]:
    """Every row where there is time; else one alone of `container`, which take the longest."""
    of_container = [row for row in ALL if row.of_container]
    if torture or not of_container:
        return ALL
    chosen = dice.choice(of_container)
    return [row for row in ALL if row is chosen or not row.of_container]
