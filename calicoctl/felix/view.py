"""The datastore as Felix 1.4.9 reads it, without the objects that it refuses (docs/data-model.md, sections 2 to 4)."""

from __future__ import annotations

import json
from functools import cached_property, partial

from calicoctl.datastore.keys import READY
from calicoctl.felix import parameters, reading
from calicoctl.felix.evaluation import FELIX_1, FELIX_2, Identities
from calicoctl.felix.objects import (
    bird_ip,
    endpoint_problems,
    policy_problems,
    pool_problems,
    profile_labels_problems,
    profile_rules_problems,
    tags_problems,
    tier_problems,
)
from calicoctl.felix.rules import FatalValue
from calicoctl.model.address import Address
from calicoctl.model.endpoint import Endpoint
from calicoctl.model.network import Network
from calicoctl.model.policy import Policy, Tier
from calicoctl.model.rules import Rules
from calicoctl.model.stored_json import decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from calicoctl.datastore.snapshot import Snapshot, Stored
    from calicoctl.model.endpoint import EndpointName
    from calicoctl.model.labels import Labels

    Taken = TypeVar("Taken")

DEFAULT_INTERFACE_PREFIX = "cali"
_DEFAULT_ENDPOINT_TO_HOST_ACTION = "DROP"
_FAILSAFE_PORTS = {"inbound": ("Inbound", (22,)), "outbound": ("Outbound", (2379, 2380, 4001, 7001))}


class Felix:
    """The objects that Felix accepts.

    These are ``endpoints`` by full name, ``policies``, and by name ``tiers`` and the rules (``profiles``), ``labels``
    and ``tags`` of profiles.

    ``refused`` has the reasons why Felix refuses objects, by key. ``fatal`` are the keys whose values end Felix.
    ``odd_profiles`` has ``profile_ids`` that are not a list, by the endpoint's full name: Felix takes each character
    of a text, or each key of an object, for a profile.
    """

    def __init__(self, snapshot: Snapshot, beside: Felix | None = None) -> None:
        """``beside`` is another state: what is stored alike in both is taken from it, and not read again."""
        self._snapshot = snapshot
        self._taken: dict[str, Taking] = {}  # by key
        self._taken_beside = beside._taken if beside is not None else {}
        self.refused: dict[str, str] = {}
        self.fatal: set[str] = set()
        self.endpoints: dict[str, Endpoint] = {}
        self.odd_profiles: dict[str, str | dict[str, Any]] = {}
        self.policies: list[Policy] = []
        self.tiers: dict[str, Tier] = {}
        self.profiles: dict[str, Rules] = {}
        self.labels: dict[str, Labels] = {}
        self.tags: dict[str, list[str]] = {}
        self._addresses: dict[int, list[Address]] = {}  # by the identity of the endpoint
        self._by_address: dict[Address, list[Endpoint]] = {}
        self._take_endpoints()
        self._take_policies()
        self._take_profiles()
        self._take_pools()
        self.identities = {version: Identities(self.labels, self.tags, version) for version in (FELIX_1, FELIX_2)}

    def at(self, address: Address) -> list[Endpoint]:
        """Return the endpoints that have an address."""
        return self._by_address.get(address, [])

    def addresses_of(self, endpoint: Endpoint) -> list[Address]:
        """Return the addresses of an endpoint, each once, in the order in which they are stored."""
        return self._addresses[id(endpoint)]

    def addresses_of_refused(self) -> dict[str, set[Address]]:
        """Return the addresses of endpoints that Felix refuses, by the endpoint's key, as far as they can be read."""
        refused = (stored for _, stored in self._snapshot.endpoints if stored.key in self.refused)
        return {stored.key: set(_addresses_in(stored.value)) for stored in refused}

    def refused_endpoints(self) -> list[EndpointName]:
        """Return the names of the endpoints that Felix refuses."""
        return [name for name, stored in self._snapshot.endpoints if stored.key in self.refused]

    def failsafe_ports(self, host: str, direction: str) -> list[int]:
        """Return the TCP ports that are always open to (``inbound``) or from host endpoints of a host."""
        name, default = _FAILSAFE_PORTS[direction]
        text = self.parameter(host, f"Failsafe{name}HostPorts")
        if text is None:
            return list(default)
        return parameters.ports(text)

    def interface_problem(self, endpoint: Endpoint) -> str | None:
        """Say why the Felix of its own host rejects a workload endpoint that every other Felix takes.

        Felix 1.4.4 and later take several prefixes of interfaces.
        """
        stored = self.parameter(endpoint.name.host, "InterfacePrefix")
        text = DEFAULT_INTERFACE_PREFIX if stored is None else stored
        prefixes = tuple(prefix.strip() for prefix in text.split(","))
        interface: str = endpoint.fields["name"]
        if interface.startswith(prefixes):
            return None
        unless = ", unless the configuration file of that Felix has another InterfacePrefix" if stored is None else ""
        return f"interface {interface} does not begin with {' or '.join(prefixes)}: its own Felix rejects it{unless}"

    def parameter(self, host: str, name: str) -> str | None:
        """Return a parameter of Felix on a host; the host's own counts, also if it is empty, before the global one.

        What Felix's environment or file says is not in the datastore.
        """
        return self._snapshot.host_config.get((host, name), self._snapshot.config.get(name))

    def stored_parameters(self, host: str) -> dict[str, str]:
        """Return all parameters of Felix on a host that are stored, by name."""
        of_host = {name: value for (of, name), value in self._snapshot.host_config.items() if of == host}
        return {**self._snapshot.config, **of_host}

    def lets_pass(self, host: str, felix_version: int) -> bool:
        """Tell whether Felix on a host lets packets pass, instead of dropping them: its DropActionOverride."""
        action = self.parameter(host, "DropActionOverride") or ""
        return parameters.lets_pass(action if felix_version == FELIX_1 else action.upper().replace("AND", "and"))

    def endpoint_to_host_action(self, host: str, felix_version: int) -> str:
        """Return what happens to packets that a workload is allowed to send and sends to its own host."""
        stored = self.parameter(host, "DefaultEndpointToHostAction")
        action = _DEFAULT_ENDPOINT_TO_HOST_ACTION if stored is None else stored
        return action if felix_version == FELIX_1 else action.upper()

    def standstill(self, host: str) -> str:
        """Return why Felix on a host applies nothing of what is stored, so that the earlier rules stay in force.

        Felix ends if it reads an unexpected value, and waits if the datastore is not ready.
        """
        if found := self._snapshot.not_ready():
            return f'Felix applies nothing, as {READY} {found}, not "true"'
        empty = [stored.key for stored in self._snapshot.bird_ips.values() if stored.value == ""]
        for key in sorted(self.fatal.union(empty)):
            return f"Felix on {host} ends when it reads {key}"
        for name, value in sorted(self.stored_parameters(host).items()):
            if parameters.ending(name, value):
                return f'Felix on {host} ends when it starts, as {name} is "{value}"'
        return ""

    def profile_problem(self, name: str) -> str:
        """Say why Felix has no rules of a profile that an endpoint names."""
        parts = self._snapshot.profiles.get(name)
        if parts is None:
            return "it does not exist"
        return self.refused[parts["rules"].key] if "rules" in parts else "it has no rules"

    def has_refused_rules(self, profile: str) -> bool:
        """Tell whether a profile has rules that Felix does not take."""
        return profile not in self.profiles and "rules" in self._snapshot.profiles.get(profile, {})

    @cached_property
    def used_profiles(self) -> set[str]:
        """The names of the profiles that endpoints have."""
        return {name for endpoint in self.endpoints.values() for name in endpoint.profile_ids}

    def host_address(self, host: str) -> Address | None:
        """Return the address of a host as Felix reads it."""
        stored = self._snapshot.bird_ips.get(host)
        try:
            return bird_ip(stored.value) if stored else None
        except FatalValue:
            return None

    def addresses_of_host(self, host: str) -> list[Address]:
        """Return the addresses of a host itself: its ``bird_ip``, and that of its tunnel."""
        tunnel = address_from(self._snapshot.host_config.get((host, "IpInIpTunnelAddr"), ""))
        return [address for address in (self.host_address(host), tunnel) if address is not None]

    def has_host_addresses_without_endpoint(self) -> bool:
        """Tell whether a host with workloads has an address itself that is not that of an endpoint."""
        names = [endpoint.name for endpoint in self.endpoints.values()]
        of_endpoints = {name.host for name in names if name.workload is None}
        return any(
            not self.at(address) and not (host in of_endpoints and address == self.host_address(host))
            for host in {name.host for name in names if name.workload is not None}
            for address in self.addresses_of_host(host)
        )

    def host_at(self, address: Address) -> str | None:
        """Return the host that has an address itself; None if none has."""
        hosts = sorted({*self._snapshot.bird_ips, *(host for host, _ in self._snapshot.host_config)})
        return next((host for host in hosts if address in self.addresses_of_host(host)), None)

    def _take_endpoints(self) -> None:
        for name, stored in self._snapshot.endpoints:
            accepted = self._take(stored, partial(endpoint_problems, name), partial(_endpoint, name))
            if accepted is None:
                continue
            endpoint, addresses, odd_profiles = accepted
            if odd_profiles is not None:
                self.odd_profiles[str(name)] = odd_profiles
            self.endpoints[str(name)] = endpoint
            self._addresses[id(endpoint)] = addresses
            for address in addresses:
                self._by_address.setdefault(address, []).append(endpoint)

    def _take_policies(self) -> None:
        """Take the policies, and their tiers, also those whose metadata is missing or refused."""
        for tier, name, stored in self._snapshot.policies:
            policy = self._model(stored, partial(policy_problems, tier, name), partial(Policy.from_json, tier, name))
            if policy is not None:
                self.policies.append(policy)
            self.tiers.setdefault(tier, Tier(tier))
        for name, stored in self._snapshot.tiers.items():
            valid = self._model(stored, partial(tier_problems, name), partial(Tier.from_json, name))
            self.tiers[name] = valid or Tier(name)

    def _take_profiles(self) -> None:
        for name, parts in self._snapshot.profiles.items():
            if "rules" in parts:
                rules = self._model(parts["rules"], partial(profile_rules_problems, name), Rules.from_json)
                if rules is not None:
                    self.profiles[name] = rules
            self.labels[name] = self._part(name, parts, "labels", profile_labels_problems) or {}
            self.tags[name] = self._part(name, parts, "tags", tags_problems) or []

    def _take_pools(self) -> None:
        """Find the pools that Felix ignores, and those that end it."""
        for name, stored in self._snapshot.pools:
            self._take(stored, partial(pool_problems, name))

    def _part(
        self, name: str, parts: dict[str, Stored], part: str, problems: Callable[[str, Any], Iterable[str]]
    ) -> Any:
        return self._take(parts[part], partial(problems, name)) if part in parts else None

    def _model(
        self, stored: Stored, problems: Callable[[Any], Iterable[str]], read: Callable[[str], Taken]
    ) -> Taken | None:
        """Return the model object of a value if Felix takes it and it can be read, else None as ``_take``."""

        def model(document: Any) -> Taken:
            as_model = reading.as_model(document)
            return read(stored.value if as_model is document else json.dumps(as_model))

        taken: Taken | None = self._take(stored, problems, model)
        return taken

    def _take(
        self, stored: Stored, problems: Callable[[Any], Iterable[str]], read: Callable[[Any], Any] | None = None
    ) -> Any:
        """Return the decoded value, or what ``read`` makes of it, if Felix takes it, else None with the reason in
        ``refused``.
        """
        taking = self._taken_beside.get(stored.key)
        if taking is None or not taking.is_of(stored):
            taking = Taking(stored, problems, read)
        self._taken[stored.key] = taking
        if taking.reason is not None:
            self.refused[stored.key] = taking.reason
        if taking.is_fatal:
            self.fatal.add(stored.key)
        return taking.result


class Taking:
    """What Felix makes of a value: the ``result``, or None and the ``reason`` why it refuses it.

    ``is_fatal`` tells that the value ends Felix.
    """

    __slots__ = ("_stored", "result", "reason", "is_fatal")

    def __init__(
        self, stored: Stored, problems: Callable[[Any], Iterable[str]], read: Callable[[Any], Any] | None
    ) -> None:
        self._stored = stored
        self.result, self.reason, self.is_fatal = judged(stored, problems)
        if self.reason is not None:
            self.result = None
        elif read is not None:
            try:
                self.result = read(self.result)
            except ValueError as error:  # members that are nested a hundred deep
                self.result, self.reason = None, str(error)

    def is_of(self, stored: Stored) -> bool:
        """Tell whether it is about the same value."""
        return self._stored.value == stored.value and self._stored.is_directory == stored.is_directory


def _endpoint(name: EndpointName, fields: dict[str, Any]) -> tuple[Endpoint, list[Address], Any]:
    """Return an endpoint, its addresses, and its ``profile_ids`` if they are odd (see ``Felix``)."""
    profiles = fields.get("profile_ids")
    odd_profiles = profiles if isinstance(profiles, (str, dict)) else None
    if odd_profiles is not None:
        fields["profile_ids"] = list(odd_profiles)
    endpoint = Endpoint(name, fields)
    return endpoint, list(dict.fromkeys(map(address_of, networks_of(endpoint)))), odd_profiles


def judged(stored: Stored, problems: Callable[[Any], Iterable[str]]) -> tuple[Any, str | None, bool]:
    """Decode a value; return it, why Felix refuses it, None if it does not, and whether the value ends Felix."""
    try:
        document = stored.read(reading.decoded)
        return document, "; ".join(problems(document)) or None, False
    except FatalValue as error:
        return None, f"{error}, which ends the Felix process", True
    except ValueError as error:
        return None, str(error), False


def _addresses_in(value: str) -> Iterator[Address]:
    """Yield what can be read as addresses in the lists of an endpoint's value."""
    try:
        fields = decode(value)
    except ValueError:
        return
    lists = [value for value in fields.values() if isinstance(value, list)] if isinstance(fields, dict) else []
    for text in (text for listed in lists for text in listed if isinstance(text, str)):
        if (address := address_from(text.partition("/")[0])) is not None:
            yield address


def address_from(text: str) -> Address | None:
    """Read an address in every form in which Felix takes one; None for what is none."""
    if "/" in text or (":" not in text and text.count(".") != 3):
        return None
    try:
        return address_of(Network.parse(text))
    except ValueError:
        return None


def networks_of(endpoint: Endpoint) -> list[Network]:
    """Return the addresses of an endpoint that Felix takes, as they are stored, with prefix lengths, IPv4 first."""
    fields = endpoint.fields
    is_host_endpoint = endpoint.name.workload is None
    names = ("expected_ipv4_addrs", "expected_ipv6_addrs") if is_host_endpoint else ("ipv4_nets", "ipv6_nets")
    return [Network.parse(text) for name in names for text in fields.get(name) or ()]


def address_of(network: Network) -> Address:
    """Return the address that Felix takes of what should be a network of a single one."""
    return Address(network.version, network.address)
