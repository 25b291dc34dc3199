"""calicoctl container: connect containers of this host, and manage their addresses and profiles."""

from __future__ import annotations

import os
import re

from calicoctl.commands import endpoint as endpoint_command
from calicoctl.commands.address_choice import AddressChoice
from calicoctl.commands.container_ip import ip_add, ip_remove
from calicoctl.datastore.endpoints import Endpoints, Filter
from calicoctl.datastore.ipam import Ipam
from calicoctl.errors import CommandError, MalformedObject, status_of
from calicoctl.etcd.errors import Conflict
from calicoctl.host.hostname import hostname
from calicoctl.host.iproute import NetworkError
from calicoctl.host.network import Veth, delete_pair, exists, leads_into
from calicoctl.host.routes import restore_default_route
from calicoctl.host.workload import NAMESPACE, Workload, interface_of
from calicoctl.model.endpoint import Endpoint, MalformedEndpoint
from calicoctl.model.ipam import handle_name, handle_prefix
from calicoctl.output import complaint, paragraph
from calicoctl.undo import Undo

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.datastore.endpoints import EndpointNode
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.host.iproute import Namespace
    from calicoctl.model.address import Address
    from calicoctl.model.endpoint import EndpointName

_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_MUST_BE_ROOT = 2


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``container`` command line and return the exit status. Raises CommandError."""
    name, ip, interface = arguments["<CONTAINER>"], arguments["<IP>"], arguments["--interface"]
    if arguments["endpoint"]:
        return endpoint_command.show_detailed(_filter(name, environment), environment)
    if arguments["profile"]:
        verb = next(verb for verb in ("append", "remove", "set") if arguments[verb])
        wanted = _filter(name, environment)
        return endpoint_command.edit_profiles(verb, arguments["<PROFILES>"], name, wanted, environment)
    if os.geteuid() != 0:
        raise CommandError("This command must be run as root.", _MUST_BE_ROOT)
    if arguments["<IP>"] is not None and not _INTERFACE.fullmatch(interface):
        raise CommandError(
            f"Invalid interface name specified.\nValue provided is '{interface}'; an interface has 1 to 15 characters"
        )
    if arguments["ip"]:
        return (ip_add if arguments["add"] else ip_remove)(name, ip, interface, environment)
    return _add(name, ip, interface, environment) if arguments["add"] else _remove(name, environment)


def _filter(name: str, environment: Environment) -> Filter:
    """Return a filter for the endpoints of a container, under the orchestrator that has any."""
    host = hostname(environment.variables)
    workload, error = Workload.remembered(name, environment.variables)
    filters = [Filter(host, orchestrator, workload.id) for orchestrator in workload.orchestrators]
    for wanted in filters:
        if any(Endpoints(environment.client()).matching(wanted)):
            return wanted
    if error:
        raise error
    return filters[0]


# Adding


def _add(name: str, ip: str, interface: str, environment: Environment) -> int:
    choice = AddressChoice(ip, environment)
    workload = Workload.named(name, environment.variables)
    namespace = workload.namespace()
    host = hostname(environment.variables)
    with workload.lock(host):
        if _endpoints_of(workload, host, environment):
            raise CommandError(complaint(f"{name} has already been configured with Calico Networking."))
        address = _connect(workload.new_endpoint(host), choice, interface, namespace, name, environment)
    environment.say(paragraph(f"IP {address} added to {name}"))
    return 0


def _connect(
    endpoint: EndpointName,
    choice: AddressChoice,
    interface: str,
    namespace: Namespace,
    container: str,
    environment: Environment,
) -> Address:
    """Claim an address, create the interface and store the endpoint. If a step fails, undo the others."""
    ipam = Ipam(environment.client(), endpoint.host)
    endpoints = Endpoints(environment.client())
    handle = handle_name(endpoint.host, str(endpoint.orchestrator), str(endpoint.workload), endpoint.endpoint)
    veth = Veth(interface_of(endpoint.endpoint), interface, namespace)
    left_behind = ipam.claimed_by(handle)
    if exists(veth.name):
        if not left_behind and not leads_into(veth.name, namespace):
            raise NetworkError(
                f"Interface {veth.name} already exists on this host, but does not lead into this container. If nothing "
                f"uses it, remove it: ip link del {veth.name}"
            )
        delete_pair(veth.name)
        restore_default_route(namespace)
    if veth.has_interface():
        raise NetworkError(f"Interface {interface} exists already in {container}. Choose another with --interface.")
    veth.check_routes(choice.version)
    with Undo(f"To clean up, run 'calicoctl container remove {container}'.") as undo:
        undo.note("the claim of its address", lambda: ipam.undo_claims(handle, []), only_after_all_else=True)
        address = choice.claim(ipam, handle, left_behind)
        ipam.release_all(handle, [address])
        undo.note(f"interface {veth.name}", lambda: _disconnect([veth.name], namespace))
        veth.create()
        veth.add_address(address)
        veth.add_routes(address.version)
        stored = Endpoint.of_new_container(endpoint, veth.name, veth.mac(), address)
        undo.note(f"endpoint {endpoint}", lambda: endpoints.take_back(stored))
        try:
            endpoints.create(stored)
        except Conflict:
            raise CommandError(complaint(f"{container} has already been configured with Calico Networking.")) from None
    return address


def _disconnect(interfaces: list[str], namespace: Namespace | None) -> None:
    for interface in interfaces:
        delete_pair(interface)
    if namespace is not None:
        restore_default_route(namespace)


def _endpoints_of(workload: Workload, host: str, environment: Environment) -> list[EndpointNode]:
    return [
        found
        for orchestrator in workload.orchestrators
        for found in Endpoints(environment.client()).matching(Filter(host, orchestrator, workload.id), latest=True)
    ]


# Removing


def _remove(name: str, environment: Environment) -> int:
    host = hostname(environment.variables)
    workload, error = Workload.remembered(name, environment.variables)
    with workload.lock(host):
        endpoints = _endpoints_of(workload, host, environment)
        handles = _handles_of(workload, host, environment)
        if not endpoints and not handles and not _remove_left_interface(workload, host):
            raise error or CommandError(f"Failed find Calico data for {_shown_id(workload)}")
        _clear(workload, endpoints, handles, host, environment)
    environment.say(f"Removed Calico from {_shown_id(workload)}")
    return 0


def _remove_left_interface(workload: Workload, host: str) -> bool:
    """Remove the interface of a workload that has no data in etcd; False if it has no interface.

    Such an interface remains if a command is killed and its address is then released with ``ipam release``. It is
    identified by its name and by the namespace of its other end.
    """
    name = interface_of(workload.new_endpoint(host).endpoint)
    namespace = _namespace_if_any(workload)
    if namespace is None or not leads_into(name, namespace):
        return False
    _disconnect([name], namespace)
    return True


def _clear(
    workload: Workload, found: list[EndpointNode], handles: list[str], host: str, environment: Environment
) -> None:
    """Remove everything of a workload. The order lets a repeated command find what an interrupted one left."""
    ipam = Ipam(environment.client(), host)
    interfaces = {interface_of(handle.rpartition(":")[2]) for handle in handles}
    owned: dict[str, Sequence[Address]] = dict.fromkeys(handles, ())
    for node in found:
        name = node.name
        handle = handle_name(name.host, str(name.orchestrator), str(name.workload), name.endpoint)
        try:
            endpoint = node.decode()
            addresses = endpoint.host_addresses()
            interfaces.add(endpoint.interface)
        except MalformedEndpoint as error:
            environment.complain(MalformedObject(node.key, error).message)
            addresses = []
            interfaces.add(interface_of(name.endpoint))
        owned[handle] = addresses
        for address in addresses:
            ipam.take_over(address, handle)
    try:
        _disconnect(sorted(interfaces), _namespace_if_any(workload))
        unreadable = _forget(found, owned, ipam, environment)
    except KeyboardInterrupt as interruption:
        remark = "The removal may be incomplete: repeat the command."
        raise CommandError(f"Aborted command.  {remark}", status_of(interruption)) from None
    if unreadable:
        raise CommandError("\n".join(unreadable))


def _forget(
    found: list[EndpointNode], owned: dict[str, Sequence[Address]], ipam: Ipam, environment: Environment
) -> list[str]:
    """Remove endpoints from etcd and release the addresses of handles. Returns messages about unreadable handles."""
    unreadable = []
    try:
        for node in found:
            Endpoints(environment.client()).remove(node.name)
        for handle in sorted(owned):
            try:
                ipam.release_all(handle, known=owned[handle])
            except MalformedObject as error:
                remains = f"Addresses may still be claimed by handle {handle}; the interface is removed."
                unreadable.append(f"{error.message}  {remains}")
    except CommandError as error:
        remark = "The interface is removed, but some data may remain in etcd: repeat the command."
        raise CommandError(f"{error.message.rstrip()}  {remark}", error.status) from None
    return unreadable


def _handles_of(workload: Workload, host: str, environment: Environment) -> list[str]:
    ipam = Ipam(environment.client(), host)
    prefixes = [handle_prefix(host, orchestrator, workload.id) for orchestrator in workload.orchestrators]
    return [handle for prefix in prefixes for handle in ipam.handles_of(prefix)]


def _namespace_if_any(workload: Workload) -> Namespace | None:
    """Open the container's network namespace; None if it no longer exists or cannot be used."""
    try:
        return workload.namespace(even_paused=True)
    except CommandError:
        return None


def _shown_id(workload: Workload) -> str:
    return workload.name if workload.orchestrator == NAMESPACE else workload.id
