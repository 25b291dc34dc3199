"""calicoctl node remove: remove all that is stored of a host."""

from __future__ import annotations

from calicoctl.commands.messages import provided
from calicoctl.datastore.host_records import HostRecords
from calicoctl.errors import CommandError, status_of
from calicoctl.host.hostname import hostname, is_host_name
from calicoctl.host.network import delete_pair, present
from calicoctl.host.node_container import LIBNETWORK, NODE
from calicoctl.host.rights import check_root
from calicoctl.output import paragraph, visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_NOT_DONE = "The removal may be incomplete: repeat the command."


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``node remove``, parsed, and return the exit status. Raises CommandError."""
    here = hostname(environment.variables)
    host = here if arguments["--hostname"] is None else arguments["--hostname"]
    if not is_host_name(host):
        raise CommandError(f"Invalid hostname specified.\n{provided([host])}")
    records = HostRecords.read(environment.client(), host)
    if not records.exist:
        raise CommandError(f"etcd has no data of the host {host}.")
    interfaces = present(records.interfaces()) if host == here else []
    refusal = _refusal(records, arguments["--remove-endpoints"], here, environment)
    if arguments["--dry-run"]:
        _list(records, interfaces, environment)
    if refusal:
        raise CommandError(refusal)
    if not arguments["--dry-run"]:
        _remove(records, interfaces, here, environment)
        environment.say("Node configuration removed")
    for complaint in records.complaints:
        environment.complain(complaint)
    return 1 if records.complaints else 0


def _refusal(records: HostRecords, even_endpoints: bool, here: str, environment: Environment) -> str:
    """Return why the node must not be removed; empty if it may be."""
    if records.host == here and (reason := _running(environment)):
        return reason
    if even_endpoints or not records.endpoints:
        return ""
    return (
        paragraph("The node has active Calico endpoints so can't be deleted. Force with --remove-endpoints")
        + "\n"
        + paragraph(
            "Note that forcible removing the node may leave some workloads in an indeterminate networked state.  If "
            "this is in error, you may restart the node using the 'calicoctl node' command and clean up the workloads "
            "in the normal way."
        )
        + f"\nEndpoints of {records.host}: {len(records.endpoints)}"
    )


def _running(environment: Environment) -> str:
    """Return a message if the node of this host is running, in Docker or without; empty if it is not."""
    from calicoctl.host.docker import Docker, DockerUnavailable
    from calicoctl.host.felix import felix_outside, processes_of_felix
    from calicoctl.host.node_docker import ASIDE, NodeContainers

    processes = processes_of_felix()
    try:
        containers = NodeContainers(Docker(environment.variables))
        if any(found.running for name in (NODE, ASIDE, LIBNETWORK) if (found := containers.find(name))):
            return paragraph(
                "The node cannot be removed while it is running.  Please run 'calicoctl node stop' to stop the node "
                "before removing it."
            )
    except DockerUnavailable:
        if not processes:
            environment.complain(
                f"Docker does not answer, so calicoctl cannot look for the container {NODE}. No Felix process is "
                "running on this host, so the node counts as stopped."
            )
    return f"The node cannot be removed while it is running.\n{felix_outside(processes)}" if processes else ""


def _list(records: HostRecords, interfaces: list[str], environment: Environment) -> None:
    """Print what would be removed."""
    lines = [
        *(f"endpoint {found.name}" for found in records.endpoints),
        *(f"interface {name}" for name in interfaces),
        *(f"assignment of address {address}" for address in records.addresses),
        *(f"assignments of handle {handle}" for handle in records.handles),
        *(f"affinity to block {network}" for network in records.blocks),
        *(f"{count} key{'' if count == 1 else 's'} below {key}" for key, count in records.trees()),
    ]
    for line in lines:
        environment.say(visible(line))


def _remove(records: HostRecords, interfaces: list[str], here: str, environment: Environment) -> None:
    if interfaces:
        check_root()
    if records.host != here:
        environment.complain(
            f"Warning: calicoctl cannot tell whether the node of {records.host} is running. If it is, it works only "
            "partly until it is restarted."
        )
    try:
        records.remove_from_bgp()
        records.claim_addresses()
        for interface in interfaces:
            delete_pair(interface)
        records.remove_endpoints()
        records.release_addresses()
    except KeyboardInterrupt as interruption:
        raise CommandError(f"Aborted command.  {_NOT_DONE}", status_of(interruption)) from None
    except CommandError as error:
        raise CommandError(f"{error.message.rstrip()}  {_NOT_DONE}", error.status) from None
