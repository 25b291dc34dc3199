"""Add, remove and show peers: the common part of ``bgp peer`` and ``node bgp peer``."""

from __future__ import annotations

from calicoctl.commands.node_choice import RefusesAbsent, check_is_known, warn_if_absent
from calicoctl.datastore.bgp import Peers
from calicoctl.errors import CommandError
from calicoctl.model.address import Address
from calicoctl.model.bgp import AS_NUMBERS, EXPECTED_ADDRESS, address_problem, as_number, peer_address
from calicoctl.output import table

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.bgp import Peer


class Scope:
    """The nodes that peers are configured for, one ``host`` or, without it, all nodes; and legacy's messages for them.

    ``heading`` and ``none`` have a place for an IP version, ``missing`` for an address (`str.format`). ``is_named``
    tells whether the command line names the host, so that it may be misspelt.
    """

    def __init__(
        self, host: str | None, heading: str, none: str, missing: str, removed: str, is_named: bool = False
    ) -> None:
        self.host = host
        self.heading = heading
        self.none = none
        self.missing = missing
        self.removed = removed
        self.is_named = is_named


def run(arguments: Arguments, scope: Scope, environment: Environment) -> int:
    """Carry out a command line that ends with ``add``, ``remove`` or ``show``. Raises CommandError."""
    if arguments["add"]:
        return _add(arguments, scope, environment)
    return (_remove if arguments["remove"] else _show)(arguments, scope, environment)


def _add(arguments: Arguments, scope: Scope, environment: Environment) -> int:
    address, as_num = _new_peer(arguments["<PEER_IP>"], arguments["<AS_NUM>"])
    peers = Peers(environment.client(), scope.host)
    if scope.host is None:
        before, is_written = peers.save(address, as_num)
    else:
        if force := arguments["--force"]:
            warn_if_absent(scope.host, environment)
        with RefusesAbsent(scope.host, environment):
            before, is_written = peers.save(address, as_num, anyway=force)
    if before == as_num and is_written:
        environment.say(f"BGP peer {address} as {as_num} was configured already. Its stored form is corrected.")
    elif before == as_num:
        environment.say(f"BGP peer {address} as {as_num} is configured already.")
    elif before is not None:
        environment.say(f"BGP peer {address} was AS {before} and is AS {as_num} now.")
    return 0


def _new_peer(ip: str, number: str) -> tuple[Address, str]:
    complaints = []
    try:
        address = peer_address(ip)
    except ValueError as error:
        complaints.append(_invalid_address(ip, error))
    try:
        as_num = as_number(number)
    except ValueError:
        complaints.append(invalid_as_number(number))
    if complaints:
        raise CommandError("\n".join(complaints))
    return address, as_num


def _invalid_address(ip: str, reason: object) -> str:
    return f"Invalid IP address specified.\nValue provided is '{ip}'; {reason}"


def invalid_as_number(number: str) -> str:
    """Return the message for an invalid AS number."""
    return f"Invalid AS Number specified.\nValue provided is '{number}'; expecting {AS_NUMBERS}"


def _remove(arguments: Arguments, scope: Scope, environment: Environment) -> int:
    ip = arguments["<PEER_IP>"]
    try:  # accepts every address, because an invalid peer may have been stored by another tool
        address = Address.parse(ip)
    except ValueError:
        raise CommandError(_invalid_address(ip, EXPECTED_ADDRESS)) from None
    if not Peers(environment.client(), scope.host).remove(address):
        problem = address_problem(address)
        raise CommandError(_invalid_address(ip, problem) if problem else scope.missing.format(address))
    environment.say(scope.removed)
    return 0


def _show(arguments: Arguments, scope: Scope, environment: Environment) -> int:
    versions = [4] if arguments["--ipv4"] else [6] if arguments["--ipv6"] else [4, 6]
    peers, complaints = Peers(environment.client(), scope.host).read(versions)
    if scope.host is not None and scope.is_named and not peers and not complaints:
        check_is_known(scope.host, environment)
    if not environment.say_rows(map(_row, peers)):
        for version in versions:
            environment.say(_text([peer for peer in peers if peer.address.version == version], version, scope))
    for complaint in complaints:
        environment.complain(complaint)
    return 1 if complaints else 0


def _row(peer: Peer) -> dict[str, object]:
    return {"ip": str(peer.address), "ip_version": peer.address.version, "as_num": peer.as_num}


def _text(peers: Sequence[Peer], version: int, scope: Scope) -> str:
    if not peers:
        return scope.none.format(version) + "\n"
    rows = [(peer.address, peer.as_num) for peer in peers]
    return table([scope.heading.format(version), "AS Num"], rows, to_the_left=True)
