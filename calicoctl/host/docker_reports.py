"""What Docker tells of itself and of a container that it has, for reports on them."""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.host.docker import Docker

_SECRET = re.compile(r"([A-Za-z0-9_]*(?:PASSWORD|PASSWD|SECRET|TOKEN)[A-Za-z0-9_]*)=.*", re.IGNORECASE | re.DOTALL)


def running(docker: Docker, name: str) -> tuple[str, str] | None:
    """Return the id of the running container of exactly this name, and its state in Docker's words (``Up 2 days``).

    None if no running container has the name. Raises DockerUnavailable.
    """

    def find(api: Any) -> tuple[str, str] | None:
        for described in api.containers(filters={"name": name}):  # those whose names contain it
            is_running = described.get("State", "running") == "running"  # neither restarting nor paused
            if f"/{name}" in described["Names"] and is_running:
                return str(described["Id"]), str(described["Status"])
        return None

    found: tuple[str, str] | None = docker.ask(find)
    return found


def output_of(docker: Docker, id: str, command: list[str]) -> str | None:
    """Run a command in a running container and return what it prints; None if it fails. Raises DockerUnavailable."""

    def run(api: Any) -> str | None:
        execution = api.exec_create(id, command)["Id"]
        output = api.exec_start(execution)
        has_failed = api.exec_inspect(execution)["ExitCode"] != 0
        return None if has_failed else output.decode("utf-8", "replace")

    text: str | None = docker.ask(run)
    return text


def inspection(docker: Docker, name: str) -> str:
    """Return all that Docker tells of a container, but for passwords, as JSON; empty if there is none.

    Raises DockerUnavailable.
    """
    description = docker.ask(lambda api: dict(api.inspect_container(name)))
    return json.dumps(_without_secrets(description), indent=2) if description else ""


def _without_secrets(value: Any) -> Any:
    """Return a decoded JSON value in which texts like ``ETCD_PASSWORD=...`` have no value."""
    if isinstance(value, dict):
        return {name: _without_secrets(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    return _SECRET.sub(r"\1=***", value) if isinstance(value, str) else value


def log(docker: Docker, name: str, lines: int) -> Iterator[bytes]:
    """Yield the last lines of a container's log, each with its time, in pieces as they come.

    Raises DockerUnavailable.
    """
    pieces = docker.ask(lambda api: api.logs(name, stream=True, follow=False, timestamps=True, tail=lines))
    while piece := docker.ask(lambda api: next(pieces, b"")):
        yield bytes(piece)


def versions(docker: Docker) -> tuple[str, str]:
    """Return the version of the daemon and that of its API (``20.10.24``, ``1.41``). Raises DockerUnavailable."""
    described = docker.ask(lambda api: dict(api.version(api_version=False)))
    return str(described.get("Version", "")), str(described.get("ApiVersion", ""))
