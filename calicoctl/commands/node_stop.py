"""calicoctl node stop: stop the node of this host until it is started again."""

from __future__ import annotations

from calicoctl.datastore.endpoints import Endpoints, Filter
from calicoctl.errors import CommandError
from calicoctl.etcd.errors import DatastoreError
from calicoctl.host import systemd
from calicoctl.host.docker import Docker, DockerUnavailable
from calicoctl.host.felix import felix_outside, processes_of_felix
from calicoctl.host.hostname import hostname
from calicoctl.host.lock import NODE_LOCK, WorkloadLock
from calicoctl.host.node_container import LIBNETWORK, NODE, UNIT
from calicoctl.host.node_docker import ASIDE, NodeContainers
from calicoctl.host.rights import check_root
from calicoctl.output import paragraph

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``node stop``, parsed, and return the exit status. Raises CommandError."""
    check_root()
    _check_endpoints(arguments["--force"], environment)
    was_service = systemd.is_active(UNIT)
    if was_service:
        systemd.stop(UNIT)
    try:
        was_container = _stop_containers(environment)
    except DockerUnavailable as error:
        if was_service:
            raise CommandError(f"{UNIT} is stopped.\n{error.message}", error.status) from None
        raise
    left = processes_of_felix()
    if was_service or was_container:
        environment.say("Node stopped")
    elif not left:
        environment.say("Node is not running")
    if left:
        raise CommandError(felix_outside(left))
    return 0


def _check_endpoints(force: bool, environment: Environment) -> None:
    """Raise CommandError if this host has endpoints, or if etcd does not answer; with ``force`` only complain."""
    host = hostname(environment.variables)
    try:
        endpoints = list(Endpoints(environment.client()).matching(Filter(host), latest=True))
    except DatastoreError as error:
        if not force:
            raise CommandError(f"{error.message}\nUse --force to stop the node anyway.", error.status) from None
        environment.complain(f"{error.message}\nStopping the node anyway.")
        return
    if not endpoints:
        return
    if force:
        environment.complain(
            paragraph(
                "Stopping node while host has active endpoints.  If this in error, restart the node using the "
                "'calicoctl node' command."
            )
        )
        return
    raise CommandError(
        paragraph("Current host has active endpoints so can't be stopped.  Force with --force")
        + "\n"
        + paragraph(
            "Note that stopping the node while there are active endpoints may make it difficult to clean up the "
            "endpoints: for example, Docker containers networked using libnetwork with Calico will not invoke network "
            "cleanup during the normal container lifecycle."
        )
        + f"\nEndpoints of {host}: {len(endpoints)}"
    )


def _stop_containers(environment: Environment) -> bool:
    """Stop the node's containers and their restarts by Docker; return whether one was running."""
    containers = NodeContainers(Docker(environment.variables))
    was_running = False
    with WorkloadLock(NODE_LOCK):
        for name in (NODE, ASIDE, LIBNETWORK):
            found = containers.find(name)
            if found is not None:
                was_running = was_running or found.running
                containers.end(found.id)
    return was_running
