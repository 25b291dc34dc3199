"""calicoctl ipam: show or release an assigned address."""

from __future__ import annotations

import json

from calicoctl.datastore.errors import MalformedHandle
from calicoctl.datastore.ipam import Ipam
from calicoctl.errors import CommandError
from calicoctl.model.address import Address

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``ipam`` command line and return the exit status. Raises CommandError."""
    try:
        address = Address.parse(arguments["<IP>"])
    except ValueError:
        raise CommandError(f"Invalid IP address specified.\nValue provided is '{arguments['<IP>']}'") from None
    ipam = Ipam(environment.client())
    return (_release if arguments["release"] else _info)(address, ipam, environment)


def _info(address: Address, ipam: Ipam, environment: Environment) -> int:
    attributes = ipam.attributes_of(address)
    if environment.say_rows([(str(address), attributes is not None, attributes)]):
        return 0
    if attributes is None:
        environment.say(f"IP {address} is not currently assigned")
    elif not attributes.get("secondary"):
        environment.say(f"No attributes defined for {address}")
    else:
        environment.say(json.dumps(attributes["secondary"]))
    return 0


def _release(address: Address, ipam: Ipam, environment: Environment) -> int:
    try:
        released = ipam.release(address)
    except MalformedHandle as error:
        raise CommandError(f"{error.message}  IP {address} was released anyway.") from None
    if not released:
        raise CommandError(f"Failed to release address\nIP {address} is not currently assigned")
    environment.say("Address successfully released")
    return 0
