"""BGP as it is stored: AS numbers, peers and the node-to-node mesh (docs/nodes.md, section 1)."""

from __future__ import annotations

import json
import re

from calicoctl.model.address import Address
from calicoctl.model.stored_json import decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

DEFAULT_AS = "64511"  # of every node where none is stored
LAST_AS = 2**32 - 1
AS_NUMBERS = f"1 to {LAST_AS}, or two numbers from 0 to 65535 with a dot between them, such as 1.10"
EXPECTED_ADDRESS = "expecting a whole IPv4 or IPv6 address, such as 10.0.0.1 or fd80::1"
_AS = re.compile(r"0*([0-9]{1,10})(?:\.0*([0-9]{1,5}))?", re.ASCII)
_MOST_OF_A_HALF = 2**16 - 1


class MalformedPeer(ValueError):
    """A stored peer that cannot be read; the message says why."""


class MalformedMesh(ValueError):
    """A stored node-to-node mesh that cannot be read; the message says why."""


def as_number(text: str) -> str:
    """Return an AS number in the form that is stored, decimal without leading zeros. Raises ValueError.

    ``1.10`` is 1 * 65536 + 10. AS 0 is reserved, and BIRD refuses it.
    """
    match = _AS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no AS number")
    number = int(match[1])
    if match[2] is not None:
        halves = number, int(match[2])
        if max(halves) > _MOST_OF_A_HALF:
            raise ValueError(f"{text!r} is no AS number")
        number = halves[0] << 16 | halves[1]
    if not 0 < number <= LAST_AS:
        raise ValueError(f"{text!r} is no AS number")
    return str(number)


def peer_address(text: str) -> Address:
    """Return the address of a new peer. Raises ValueError, with a reason, for what BIRD cannot connect to."""
    try:
        address = Address.parse(text)
    except ValueError:
        raise ValueError(EXPECTED_ADDRESS) from None
    if problem := address_problem(address):
        raise ValueError(problem)
    return address


def address_problem(address: Address) -> str:
    """Say why BIRD does not take an address as a neighbour's; nothing if it does."""
    if address.value == 0:
        return "it is the address of no host"
    if address.version == 6 and "." in str(address):  # confd makes the name of BIRD's protocol of the text
        return "BIRD does not take IPv4 in the form of IPv6: write it as IPv4"
    if address.version == 6 and address.value >> 118 == 0xFE80 >> 6:
        return "BIRD takes no link-local address without an interface, and a peer has none here"
    return ""


class Peer:
    """A BGP peer: ``address``, ``as_num``, the text of its AS number, and ``fields``, all that is stored of it."""

    __slots__ = ("address", "as_num", "fields")

    def __init__(self, address: Address, as_num: str, fields: dict[str, Any]) -> None:
        self.address = address
        self.as_num = as_num
        self.fields = fields

    @classmethod
    def new(cls, address: Address, as_num: str, fields: dict[str, Any]) -> Peer:
        """Return a peer in the form that BIRD takes, with whatever other fields are stored of it."""
        return cls(address, as_num, {**fields, "ip": str(address), "as_num": as_num})

    @classmethod
    def from_json(cls, text: str) -> Peer:
        """Read a stored peer. Raises MalformedPeer.

        ``as_num`` may be a number, as other programs store it, and any text: BIRD decides what it takes.
        """
        fields = _object(text, MalformedPeer)
        ip, as_num = fields.get("ip"), fields.get("as_num")
        if not isinstance(ip, str):
            raise MalformedPeer("ip is not text")
        if isinstance(as_num, bool) or not isinstance(as_num, (str, int)):
            raise MalformedPeer("as_num is neither text nor a whole number")
        try:
            address = Address.parse(ip)
        except ValueError:
            raise MalformedPeer("ip is no IP address") from None
        return cls(address, str(as_num), fields)

    def to_json(self) -> str:
        """Return the JSON text that is stored."""
        return json.dumps(self.fields)


class Node:
    """A node: the host's ``name``, ``addresses`` by IP version, empty where it has none, and its own ``peers``.

    ``own_as`` is its AS number; None where it takes the ``inherited`` one of all nodes.
    """

    __slots__ = ("name", "addresses", "own_as", "inherited", "peers")

    def __init__(
        self, name: str, addresses: dict[int, str], own_as: str | None, inherited: str, peers: list[Peer]
    ) -> None:
        self.name = name
        self.addresses = addresses
        self.own_as = own_as
        self.inherited = inherited
        self.peers = peers


class Mesh:
    """The node-to-node mesh: ``fields``, all that is stored of it."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    @classmethod
    def from_json(cls, text: str) -> Mesh:
        """Read it. Raises MalformedMesh."""
        fields = _object(text, MalformedMesh)
        if "enabled" not in fields:
            raise MalformedMesh("enabled is missing")
        return cls(fields)

    @property
    def is_on(self) -> bool:
        """Whether the nodes connect to each other: by the truth of ``enabled``, as confd's templates ask for it."""
        return bool(self.fields["enabled"])

    def with_enabled(self, enabled: bool) -> Mesh:
        """Return the mesh switched on or off, with all else that is stored of it."""
        return Mesh({**self.fields, "enabled": enabled})

    def to_json(self) -> str:
        """Return the JSON text that is stored."""
        return json.dumps(self.fields)


def _object(text: str, malformed: type[ValueError]) -> dict[str, Any]:
    try:
        fields = decode(text)
    except ValueError as error:
        raise malformed(error) from None
    if not isinstance(fields, dict):
        raise malformed("it is not an object")
    return fields
