"""Docker's networks, for commands that also work without Docker."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

    from calicoctl.host.docker import Docker

_SECONDS = 5  # timeout; short, because most profiles do not belong to a Docker network


class Networks:
    """Finds networks by name or id. The first search imports the module for Docker and connects to it."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """``variables`` holds the environment variables."""
        self._variables = variables
        self._docker: Docker | None = None
        self._unavailable = False

    def find(self, name: str) -> tuple[str, str] | None:
        """Return the id and name of the network with this name or full id; None if it or Docker is not there."""
        from calicoctl.host.docker import Docker, DockerUnavailable

        if self._unavailable:
            return None
        try:
            self._docker = self._docker or Docker(self._variables, _SECONDS)
            return self._docker.network(name)
        except DockerUnavailable:
            self._unavailable = True
            return None
