"""Stored BGP settings: AS numbers, peers and the node-to-node mesh (docs/nodes.md, section 1)."""

from __future__ import annotations

import json
import re

from calicoctl.model.address import Address
from calicoctl.model.stored_json import decode
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

DEFAULT_AS = "64511"  # the AS number of all nodes if none is stored
LAST_AS = 2**32 - 1
AS_NUMBERS = f"1 to {LAST_AS}, or two numbers from 0 to 65535 with a dot between them, such as 1.10"
EXPECTED_ADDRESS = "expecting a whole IPv4 or IPv6 address, such as 10.0.0.1 or fd80::1"
_AS = re.compile(r"0*([0-9]{1,10})(?:\.0*([0-9]{1,5}))?", re.ASCII)
_MOST_OF_A_HALF = 2**16 - 1
_AS_OF_BIRD = re.compile(r"[ \t\n\r]*(?:([0-9]{1,20})|0x([0-9A-Fa-f]{1,16}))[ \t\n\r]*", re.ASCII)
_FIRST_IN_E_NOTATION = 10**6


class MalformedPeer(ValueError):
    """A stored peer cannot be read; the message says why."""


class MalformedMesh(ValueError):
    """The stored node-to-node mesh cannot be read; the message says why."""


def as_number(text: str) -> str:
    """Return the stored form of an AS number: decimal, without leading zeros. Raises ValueError.

    ``1.10`` means 1 * 65536 + 10. AS 0 is reserved, and BIRD refuses it.
    """
    match = _AS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an AS number")
    number = int(match[1])
    if match[2] is not None:
        halves = number, int(match[2])
        if max(halves) > _MOST_OF_A_HALF:
            raise ValueError(f"{text!r} is not an AS number")
        number = halves[0] << 16 | halves[1]
    if not 0 < number <= LAST_AS:
        raise ValueError(f"{text!r} is not an AS number")
    return str(number)


def peer_address(text: str) -> Address:
    """Parse the address of a new peer. Raises ValueError, with a reason, if BIRD cannot connect to it."""
    try:
        address = Address.parse(text)
    except ValueError:
        raise ValueError(EXPECTED_ADDRESS) from None
    if problem := address_problem(address):
        raise ValueError(problem)
    return address


def address_problem(address: Address) -> str:
    """Say why BIRD does not accept an address for a neighbour; empty if it does."""
    if address.value == 0:
        return "it is the address of no host"
    if address.version == 6 and "." in str(address):  # confd builds the name of a BIRD protocol from the address
        return "BIRD does not take IPv4 in the form of IPv6: write it as IPv4"
    if address.version == 6 and address.value >> 118 == 0xFE80 >> 6:
        return "BIRD takes no link-local address without an interface, and a peer has none here"
    return ""


def takes_as(text: str) -> bool:
    """Tell whether BIRD takes a stored text as an AS number (docs/nodes.md, section 3)."""
    found = _AS_OF_BIRD.fullmatch(text)
    return found is not None and 0 < (int(found[1]) if found[1] else int(found[2], 16)) <= LAST_AS


def check_peers_as(as_num: Any) -> None:
    """Raise ValueError, with the reason, if BIRD does not take the stored AS number of a peer."""
    if as_num is None:
        raise ValueError("as_num is missing")
    if isinstance(as_num, bool) or not isinstance(as_num, (str, int)):
        raise ValueError(f"as_num {shown(as_num)} is not an AS number")
    if isinstance(as_num, int) and as_num >= _FIRST_IN_E_NOTATION:
        raise ValueError(f"as_num is the number {shown(as_num)}, which confd writes as 1e+06 and the like")
    if not takes_as(str(as_num)):
        raise ValueError(f"as_num {shown(as_num)} is not an AS number")


def neighbour(text: str, version: int) -> Address:
    """Return the address that BIRD of an IP version takes a stored text for. Raises ValueError, with the reason.

    Blanks may follow the address, and IPv4 may have leading zeros.
    """
    written = text.rstrip(" \t\n\r")
    try:
        address = Address.parse(re.sub(r"\b0+(?=[0-9])", "", written) if version == 4 else written)
    except ValueError:
        raise ValueError(f"is not an IPv{version} address") from None
    if address.version != version:
        raise ValueError(f"is not an IPv{version} address")
    if problem := address_problem(address):
        raise ValueError(f"is refused: {problem}")
    return address


class Peer:
    """A BGP peer: its ``address``, its AS number as text in ``as_num``, and its stored object in ``fields``."""

    __slots__ = ("address", "as_num", "fields")

    def __init__(self, address: Address, as_num: str, fields: dict[str, Any]) -> None:
        self.address = address
        self.as_num = as_num
        self.fields = fields

    @classmethod
    def new(cls, address: Address, as_num: str, fields: dict[str, Any]) -> Peer:
        """Build a peer in the form that BIRD accepts; other members of ``fields`` are kept."""
        return cls(address, as_num, {**fields, "ip": str(address), "as_num": as_num})

    @classmethod
    def from_json(cls, text: str) -> Peer:
        """Parse a stored peer. Raises MalformedPeer.

        ``as_num`` may be any string, or a number if another program stored the peer. It is not validated here.
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
            raise MalformedPeer("ip is not an IP address") from None
        return cls(address, str(as_num), fields)

    def problem(self, version: int, name: str) -> str:
        """Say why BIRD of an IP version does not take the stored peer, or takes it for another one than its key says.

        ``name`` is the last segment of the key. Empty if there is no problem.
        """
        ip = self.fields["ip"]
        try:
            neighbour(ip, version)
        except ValueError as error:
            return f"ip {shown(ip)} {error}"
        try:
            check_peers_as(self.fields["as_num"])
        except ValueError as error:
            return str(error)
        return "" if name == str(self.address) else f"its ip is {shown(ip)}, which counts, not the address in the key"

    def to_json(self) -> str:
        """Return the JSON text that is stored."""
        return json.dumps(self.fields)


class Node:
    """A node: the ``name`` of the host, its ``addresses`` by IP version (empty for none), and its own ``peers``.

    ``own_as`` is the AS number of the node; if it is None, the node has the ``inherited`` AS number of all nodes.
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
    """The node-to-node mesh; ``fields`` is its stored object."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    @classmethod
    def from_json(cls, text: str) -> Mesh:
        """Parse a stored value. Raises MalformedMesh."""
        fields = _object(text, MalformedMesh)
        if "enabled" not in fields:
            raise MalformedMesh("enabled is missing")
        return cls(fields)

    @property
    def is_on(self) -> bool:
        """Whether the nodes connect to each other. Any true value of ``enabled`` counts, as in confd's templates."""
        return bool(self.fields["enabled"])

    def with_enabled(self, enabled: bool) -> Mesh:
        """Return a copy that is switched on or off; all other fields are kept."""
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
