"""An endpoint: its JSON object (docs/data-model.md, section 3) and its name."""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.model.address import Address
    from calicoctl.model.network import Network

_raw_decode = json.JSONDecoder().raw_decode
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_USUAL_ADDRESS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}/(?:[12]?[0-9]|3[0-2])")


class MalformedEndpoint(ValueError):
    """A stored value is not a JSON object, or one of its fields has the wrong type."""


class EndpointName:
    """The name of an endpoint: host, orchestrator, workload and id.

    ``orchestrator`` and ``workload`` are None for a host endpoint.
    """

    __slots__ = ("host", "orchestrator", "workload", "endpoint")

    def __init__(self, host: str, orchestrator: str | None, workload: str | None, endpoint: str) -> None:
        self.host = host
        self.orchestrator = orchestrator
        self.workload = workload
        self.endpoint = endpoint

    def __str__(self) -> str:
        """The full name, ``host/orchestrator/workload/endpoint`` or ``host/endpoint``."""
        return "/".join(filter(None, (self.host, self.orchestrator, self.workload, self.endpoint)))


class Endpoint:
    """A workload or host endpoint; ``fields`` is its stored object, including fields unknown to this version.

    The properties raise MalformedEndpoint if a field has the wrong type.
    """

    __slots__ = ("name", "fields")

    def __init__(self, name: EndpointName, fields: dict[str, Any]) -> None:
        self.name = name
        self.fields = fields

    @classmethod
    def from_json(cls, name: EndpointName, text: str) -> Endpoint:
        """Parse a stored value. Raises MalformedEndpoint."""
        try:
            fields = _decoded(text)
        except (ValueError, RecursionError):
            raise MalformedEndpoint("it is not JSON") from None
        if not isinstance(fields, dict):
            raise MalformedEndpoint("it is not a JSON object")
        return cls(name, fields)

    @classmethod
    def of_new_container(cls, name: EndpointName, interface: str, mac: str, address: Address) -> Endpoint:
        """Build the endpoint of a container that has just been given an interface and an address; no profiles yet."""
        nets = {version: [address.net] if address.version == version else [] for version in (4, 6)}
        fields = {
            "name": interface,
            "labels": {},
            "state": "active",
            "ipv6_nets": nets[6],
            "mac": mac,
            "ipv4_nets": nets[4],
            "profile_ids": [],
        }
        return cls(name, fields)

    def to_json(self) -> str:
        """Return the value to store. Raises MalformedEndpoint for NaN and infinite numbers, which JSON cannot hold."""
        try:
            return json.dumps(self.fields, allow_nan=False)
        except ValueError:
            raise MalformedEndpoint("it has a number that is not JSON") from None

    @property
    def profile_ids(self) -> list[str]:
        """The names of the profiles in order of evaluation.

        An old endpoint may have a single ``profile_id`` instead of the list. If both are stored, the list is used,
        even if it is empty, as in Felix.
        """
        if self.fields.get("profile_ids") is not None:
            return self._texts("profile_ids")
        old = self._text("profile_id")
        return [old] if old else []

    def with_profiles(self, profile_ids: list[str]) -> Endpoint:
        """Return a copy with other profiles and without the old single ``profile_id``."""
        fields = {key: value for key, value in self.fields.items() if key != "profile_id"}
        fields["profile_ids"] = profile_ids
        return Endpoint(self.name, fields)

    @property
    def addresses(self) -> list[str]:
        """The addresses with prefix lengths: IPv4 before IPv6, each in numeric order."""
        texts = self._texts("ipv4_nets") + self._texts("ipv6_nets")
        if len(texts) == 1 and _USUAL_ADDRESS.fullmatch(texts[0]):
            return texts
        return [str(network) for network in sorted(map(_network, texts), key=_numerically)]

    @property
    def interface(self) -> str:
        """The name of the endpoint's interface on the host."""
        name = self._text("name")
        if not name:
            raise MalformedEndpoint("name is missing")
        return name

    def host_addresses(self) -> list[Address]:
        """Return the endpoint's addresses without networks; endpoints made by calicoctl have no networks."""
        from calicoctl.model.address import Address

        networks = map(_network, self._texts("ipv4_nets") + self._texts("ipv6_nets"))
        return [Address(net.version, net.address) for net in networks if net.prefix_length == net.width]

    def nets(self, version: int) -> list[str]:
        """Return the addresses of an IP version as stored, with prefix lengths."""
        return self._texts(f"ipv{version}_nets")

    def with_nets(self, version: int, nets: list[str]) -> Endpoint:
        """Return a copy with other addresses of an IP version, sorted as text."""
        return Endpoint(self.name, {**self.fields, f"ipv{version}_nets": sorted(nets)})

    @property
    def mac(self) -> str | None:
        """The MAC address as stored; None if there is none."""
        return self._text("mac")

    @property
    def state(self) -> str | None:
        """``active`` or ``inactive``; None if it is not stored."""
        return self._text("state")

    def _text(self, field: str) -> str | None:
        value = self.fields.get(field)
        if value is not None and not isinstance(value, str):
            raise MalformedEndpoint(f"{field} is not a string")
        return value

    def _texts(self, field: str) -> list[str]:
        values = self.fields.get(field)
        if values is None:
            return []
        if isinstance(values, list):
            for value in values:
                if not isinstance(value, str):
                    break
            else:
                return values
        raise MalformedEndpoint(f"{field} is not a list of strings")


def _decoded(text: str) -> Any:
    """Parse JSON like ``json.loads``, but faster for text without surrounding blanks, which is the normal case."""
    try:
        value, end = _raw_decode(text)
    except json.JSONDecodeError:
        return json.loads(text)
    return value if end == len(text) else json.loads(text)


def _network(text: str) -> Network:
    from calicoctl.model.network import Network

    try:
        return Network.parse(text)
    except ValueError:
        raise MalformedEndpoint(f"{json.dumps(text)} is not an address") from None


def _numerically(network: Network) -> tuple[int, int, int]:
    return network.version, network.address, network.prefix_length
