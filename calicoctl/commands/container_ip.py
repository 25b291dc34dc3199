"""calicoctl container <CONTAINER> ip: add and remove further addresses of a connected container."""

from __future__ import annotations

from calicoctl.commands.address_choice import AddressChoice, parse_address
from calicoctl.datastore.endpoints import Endpoints, EndpointVanished, Filter
from calicoctl.datastore.errors import MalformedHandle
from calicoctl.datastore.ipam import Ipam
from calicoctl.errors import CommandError, MalformedObject, status_of
from calicoctl.host.hostname import hostname
from calicoctl.host.iproute import NetworkError
from calicoctl.host.network import Veth
from calicoctl.host.workload import Workload
from calicoctl.model.endpoint import MalformedEndpoint
from calicoctl.model.ipam import handle_name
from calicoctl.output import complaint, paragraph
from calicoctl.undo import Undo

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.datastore.endpoints import EndpointNode
    from calicoctl.environment import Environment
    from calicoctl.model.address import Address
    from calicoctl.model.endpoint import Endpoint

_STILL_CLAIMED = "The address may still be claimed: repeat the command."
_UNKNOWN_TO_REMOVE = "Container is unknown to Calico."


def ip_add(name: str, ip: str, interface: str, environment: Environment) -> int:
    """Add an address to a container. Raises CommandError."""
    choice = AddressChoice(ip, environment)
    host = hostname(environment.variables)
    workload = Workload.named(name, environment.variables)
    unknown = (
        "Failed to add IP address to container.\n\n"
        + complaint(f"Container {name} is unknown to Calico.")
        + "\n"
        + paragraph("Use `calicoctl container add` to add the container to the Calico network.")
    )
    with workload.lock(host):
        container = _Container(workload, host, interface, unknown, environment)
        address = container.add(choice)
    environment.say(f"IP {address} added to {name}")
    return 0


def ip_remove(name: str, ip: str, interface: str, environment: Environment) -> int:
    """Remove an address from a container. Raises CommandError."""
    if "/" in ip or ip.lower() in ("ipv4", "ipv6"):
        AddressChoice(ip, environment)  # reports an invalid or unknown CIDR first
        raise CommandError(f"IP address is not assigned to container. Aborting.\n'{ip}' is not a single address.")
    address = parse_address(ip)
    host = hostname(environment.variables)
    workload = Workload.named(name, environment.variables)
    with workload.lock(host):
        _Container(workload, host, interface, _UNKNOWN_TO_REMOVE, environment).remove(address)
    environment.say(f"IP {address} removed from {name}")
    return 0


class _Container:
    """A connected container: its endpoint, its interface and the handle of its addresses."""

    def __init__(self, workload: Workload, host: str, interface: str, unknown: str, environment: Environment) -> None:
        """Find the container's endpoint and interface; ``unknown`` is the message if it has no endpoint."""
        self._name = workload.name
        self._unknown = unknown
        self._endpoints = Endpoints(environment.client())
        self._ipam = Ipam(environment.client(), host)
        namespace = workload.namespace()  # before the endpoint: "is not running" says more than "is unknown"
        self._node = self._only_endpoint(workload, host)
        name = self._node.name
        self._handle = handle_name(host, str(name.orchestrator), str(name.workload), name.endpoint)
        try:
            self._endpoint = self._node.decode()
            self._listed = self._endpoint.host_addresses()
            self._veth = Veth(self._endpoint.interface, interface, namespace)
        except MalformedEndpoint as error:
            raise MalformedObject(self._node.key, error) from None
        if not self._veth.has_interface():
            raise NetworkError("Interface provided does not exist in container. Aborting.")

    def add(self, choice: AddressChoice) -> Address:
        """Claim an address, add it to the interface and to the endpoint. If a step fails, undo the others."""
        ipam, veth, handle = self._ipam, self._veth, self._handle
        if not veth.is_pair():
            raise NetworkError(f"Interface {veth.interface} of the container is not the one that Calico gave it.")
        if not _any_of(choice.version, self._listed):
            veth.check_routes(choice.version)
        left_behind = [address for address in ipam.claimed_by(handle) if address not in self._listed]
        kept = self._listed + left_behind  # the interface may have addresses that an interrupted command has left
        with Undo(self._remedy()) as undo:
            undo.note("the claim of the address", lambda: ipam.undo_claims(handle, kept), only_after_all_else=True)
            address = choice.claim(ipam, handle, left_behind)
            kept = [other for other in kept if other != address]
            if veth.interface_with(address) is not None and address not in left_behind:
                raise NetworkError(f"The container has the address {address} already.")
            undo.note(f"{address} on {veth.interface}", lambda: self._remove_from_kernel(address, self._listed))
            self._add_to_kernel(address, self._listed)
            undo.note(f"{address} in the endpoint", lambda: self._edit(address, listed=False))
            self._edit(address, listed=True)
        return address

    def remove(self, address: Address) -> None:
        """Remove an address from the endpoint and the interface, and release it. If a step fails, undo the others."""
        attributes = self._ipam.attributes_of(address) or {}
        if address not in self._listed and attributes.get("handle_id") != self._handle:
            if not self._ipam.give_back(address, self._handle):
                raise CommandError("IP address is not assigned to container. Aborting.")
            return
        if self._veth.interface_with(address) not in (self._veth.interface, None):
            raise NetworkError(f"Interface {self._veth.interface} does not have the address {address}.")
        others = [other for other in self._listed if other != address]
        self._ipam.take_over(address, self._handle)
        with Undo(self._remedy()) as undo:
            if address in self._listed:
                undo.note(f"{address} removed from the endpoint", lambda: self._edit(address, listed=True))
            self._edit(address, listed=False)
            removed = f"{address} removed from {self._veth.interface}"
            undo.note(removed, lambda: self._add_to_kernel(address, others))
            self._remove_from_kernel(address, others)
        try:
            self._ipam.give_back(address, self._handle)
        except MalformedHandle as error:
            raise CommandError(f"{error.message}  IP {address} was removed and released anyway.") from None
        except CommandError as error:  # not undone from here on: the address is no longer in use
            raise CommandError(f"{error.message.rstrip()}  {_STILL_CLAIMED}", error.status) from None
        except KeyboardInterrupt as interruption:
            raise CommandError(f"Aborted command.  {_STILL_CLAIMED}", status_of(interruption)) from None

    def _add_to_kernel(self, address: Address, others: list[Address]) -> None:
        if self._veth.interface_with(address) is None:
            self._veth.add_address(address)
        if not _any_of(address.version, others):
            self._veth.add_routes(address.version)

    def _remove_from_kernel(self, address: Address, others: list[Address]) -> None:
        if not _any_of(address.version, others):
            self._veth.remove_routes(address.version)
        if self._veth.interface_with(address) is not None:
            self._veth.remove_address(address)

    def _edit(self, address: Address, listed: bool) -> None:
        def changed(endpoint: Endpoint) -> Endpoint:
            nets = [net for net in endpoint.nets(address.version) if net not in (str(address), address.net)]
            return endpoint.with_nets(address.version, nets + [address.net] if listed else nets)

        try:
            self._endpoints.edit(self._node, changed)
        except EndpointVanished:
            raise CommandError(self._unknown) from None

    def _only_endpoint(self, workload: Workload, host: str) -> EndpointNode:
        found = [
            node
            for orchestrator in workload.orchestrators
            for node in self._endpoints.matching(Filter(host, orchestrator, workload.id), latest=True)
        ]
        if not found:
            raise CommandError(self._unknown)
        if len(found) > 1:
            names = ", ".join(sorted(str(node.name) for node in found))
            raise CommandError(f"Container {workload.name} has more than 1 endpoint: {names}.")
        return found[0]

    def _remedy(self) -> str:
        return f"Repeat the command, or clean up with 'calicoctl container remove {self._name}'."


def _any_of(version: int, addresses: list[Address]) -> bool:
    return any(address.version == version for address in addresses)
