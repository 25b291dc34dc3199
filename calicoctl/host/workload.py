"""The containers of this machine as the operator names them: by Docker's name or id, or by their namespace's path."""

from __future__ import annotations

import os
import uuid

from calicoctl.errors import CommandError
from calicoctl.host.docker import Container, ContainerNotFound, Docker, DockerUnavailable
from calicoctl.host.hostname import is_utf8
from calicoctl.host.iproute import Namespace, NamespaceNotFound
from calicoctl.host.lock import WorkloadLock
from calicoctl.model.endpoint import EndpointName

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

DOCKER = "docker"
NAMESPACE = "namespace"

_IDS = uuid.UUID("5b0c54e4-9d8f-4a4e-8d2e-3f1c9b7a6e10")  # the name space of our endpoint ids; any constant would do


class Workload:
    """A container: what the operator calls it, and the ids under which its endpoints are stored."""

    def __init__(self, name: str, orchestrator: str, id: str, container: Container | None = None) -> None:
        self.name = name
        self.orchestrator = orchestrator
        self.id = id
        self._container = container

    @classmethod
    def named(cls, name: str, variables: Mapping[str, str]) -> Workload:
        """Return the workload that the operator means. Raises ContainerNotFound, DockerUnavailable.

        Raises CommandError for a name that no key in etcd can have.
        """
        if not name:
            raise ContainerNotFound(name)
        if not is_utf8(name):
            raise CommandError(f"Container {name} cannot be stored in etcd: its name is not UTF-8.")
        if is_path(name):
            return cls(name, NAMESPACE, name.replace("/", "-"))
        container = Docker(variables).container(name)
        return cls(name, DOCKER, container.id, container)

    @classmethod
    def remembered(cls, name: str, variables: Mapping[str, str]) -> tuple[Workload, CommandError | None]:
        """Do as ``named``, also for a container that Docker no longer knows: its name is taken for its full id then.

        In that case the error is returned too, to be raised if there is nothing under that id.
        """
        try:
            return cls.named(name, variables), None
        except (ContainerNotFound, DockerUnavailable) as error:
            if not name:  # a filter without a workload would mean all of them
                raise
            return cls(name, DOCKER, name), error

    @property
    def orchestrators(self) -> tuple[str, ...]:
        """Where to look for endpoints: legacy calicoctl stored those of namespaces among Docker's."""
        return (self.orchestrator, DOCKER) if self.orchestrator == NAMESPACE else (DOCKER,)

    def namespace(self, even_paused: bool = False) -> Namespace:
        """Open the container's network namespace. Raises CommandError for one that cannot be worked on."""
        if self.orchestrator == NAMESPACE:
            try:
                return Namespace(self.name)
            except NamespaceNotFound as error:
                raise CommandError(f"Container {self.name} was not found.\n{error.message}") from None
        if self._container is None:
            raise ContainerNotFound(self.name)
        return Namespace(self._container.namespace_path(even_paused))

    def new_endpoint(self, host: str) -> EndpointName:
        """Name the endpoint that the workload gets on a host.

        The id follows from the names, so that commands for one workload, at once or after one another, mean one
        endpoint and one interface.
        """
        return EndpointName(host, self.orchestrator, self.id, self._derived(host).hex)

    def lock(self, host: str) -> WorkloadLock:
        """Return the lock to hold while the workload's network is changed."""
        return WorkloadLock(self._derived(host).int >> 68)

    def _derived(self, host: str) -> uuid.UUID:
        return uuid.uuid5(_IDS, f"{host}/{self.orchestrator}/{self.id}")


def is_path(name: str) -> bool:
    """Tell whether a container is named by a path: Docker itself takes names with one slash, at their start."""
    return name.startswith("/") and ("/" in name[1:] or os.path.exists(name))


def interface_of(endpoint_id: str) -> str:
    """Return the name of the host's end of the interface of an endpoint that calicoctl makes."""
    return f"cali{endpoint_id[:11]}"
