"""The networks of Docker, for commands that also work without Docker."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

    from calicoctl.host.docker import Docker

_SECONDS = 5  # for a look-up that is made only because the profile may be a network's


class Networks:
    """Looks networks up by name or id. Docker is asked, and its module imported, at the first look-up."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """``variables`` are the environment variables."""
        self._variables = variables
        self._docker: Docker | None = None
        self._unavailable = False

    def find(self, name: str) -> tuple[str, str] | None:
        """Return the id and the name of the network with a name or full id; None without one, or without Docker."""
        from calicoctl.host.docker import Docker, DockerUnavailable

        if self._unavailable:
            return None
        try:
            self._docker = self._docker or Docker(self._variables, _SECONDS)
            return self._docker.network(name)
        except DockerUnavailable:
            self._unavailable = True
            return None
