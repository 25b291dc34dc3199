"""The containers of this machine. Operators name them by Docker name, Docker id or path of the network namespace."""

from __future__ import annotations

import os

from calicoctl.errors import CommandError
from calicoctl.host.docker import Container, ContainerNotFound, Docker, DockerUnavailable
from calicoctl.host.hostname import is_utf8
from calicoctl.host.iproute import Namespace, NamespaceNotFound
from calicoctl.host.lock import WorkloadLock
from calicoctl.model.endpoint import EndpointName

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

DOCKER = "docker"
NAMESPACE = "namespace"

_IDS = "5b0c54e4-9d8f-4a4e-8d2e-3f1c9b7a6e10"  # UUID namespace of the endpoint ids: an arbitrary constant


class Workload:
    """A container: the operator's name for it, and the ids under which its endpoints are stored."""

    def __init__(self, name: str, orchestrator: str, id: str, container: Container | None = None) -> None:
        self.name = name
        self.orchestrator = orchestrator
        self.id = id
        self._container = container

    @classmethod
    def named(cls, name: str, variables: Mapping[str, str]) -> Workload:
        """Return the workload with the name that the operator gave. Raises ContainerNotFound, DockerUnavailable.

        Raises CommandError if the name cannot be part of a key in etcd.
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
        """Return the workload as ``named`` does, or assume that the name is the full id if Docker does not know it.

        In the second case the error is returned too. The caller raises it if etcd has no data of this id.
        """
        try:
            return cls.named(name, variables), None
        except (ContainerNotFound, DockerUnavailable) as error:
            if not name:  # a filter with an empty workload would match all of them
                raise
            return cls(name, DOCKER, name), error

    @property
    def orchestrators(self) -> tuple[str, ...]:
        """The orchestrators to search for endpoints: legacy calicoctl stored those of namespaces under Docker."""
        return (self.orchestrator, DOCKER) if self.orchestrator == NAMESPACE else (DOCKER,)

    def namespace(self, even_paused: bool = False) -> Namespace:
        """Open the container's network namespace. Raises CommandError if it does not exist or cannot be used."""
        if self.orchestrator == NAMESPACE:
            try:
                return Namespace(self.name)
            except NamespaceNotFound as error:
                raise CommandError(f"Container {self.name} was not found.\n{error.message}") from None
        if self._container is None:
            raise ContainerNotFound(self.name)
        return Namespace(self._container.namespace_path(even_paused))

    def new_endpoint(self, host: str) -> EndpointName:
        """Return the name of the workload's new endpoint on a host.

        Its id is computed from the names, so that all commands for a workload, concurrent or repeated, refer to the
        same endpoint and interface.
        """
        return EndpointName(host, self.orchestrator, self.id, self._derived(host).hex)

    def lock(self, host: str) -> WorkloadLock:
        """Return the lock to hold while the workload's network is changed."""
        return WorkloadLock(self._derived(host).int >> 68)

    def _derived(self, host: str) -> UUID:
        import uuid

        return uuid.uuid5(uuid.UUID(_IDS), f"{host}/{self.orchestrator}/{self.id}")


def is_path(name: str) -> bool:
    """Tell whether the name of a container is a path. Docker's own names can have one slash, at the start."""
    return name.startswith("/") and ("/" in name[1:] or os.path.exists(name))


def interface_of(endpoint_id: str) -> str:
    """Return the name of the host's end of the veth pair that calicoctl creates for an endpoint."""
    return f"cali{endpoint_id[:11]}"
