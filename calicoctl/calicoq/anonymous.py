"""A saved datastore without its names and addresses, with the same flows: for ``calicoq snapshot --anonymize``.

Only objects that affect packets are kept: endpoints, profiles, policies, tiers, pools and Felix's parameters. Names are
replaced by numbers in sorted order, because the order of policies can depend on names: ``profile-07``. Addresses are
replaced so that two addresses share as many leading bits as before. Networks keep their lengths and contain the same
endpoints. An object that Felix refuses stays refused, without its content.
"""

from __future__ import annotations

import json

from calicoctl.datastore import keys
from calicoctl.datastore.snapshot import Snapshot
from calicoctl.etcd.memory import MemoryClient
from calicoctl.felix import parameters
from calicoctl.felix.reading import decoded
from calicoctl.felix.view import DEFAULT_INTERFACE_PREFIX, Felix, networks_of
from calicoctl.model.network import Network
from calicoctl.model.policy import DEFAULT_TIER
from calicoctl.model.selector import renamed

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.datastore.snapshot import Stored
    from calicoctl.model.endpoint import Endpoint, EndpointName

    Written = tuple[str, str, str]  # the old key, the new key, the value

_REFUSED = "invalid"  # Felix refuses this value for any object
_FATAL = "[" * 1_000  # Felix ends when it reads this value for any object
_KEPT_IN_RULES = ("action", "ip_version", "protocol", "icmp_type", "icmp_code", "src_ports", "dst_ports")
_KEPT_IN_POLICIES = ("order", "untracked", "types")
_TYPES = ("ingress", "egress")
_KEPT_IN_POOLS = ("masquerade", "ipip", "ipip_mode", "ipam", "disabled")
_MAC = "02:00:00:00:00:00"  # any will do: a packet is judged with the MAC address of its endpoint
_LONGEST_INTERFACE = 15
_OTHER_INTERFACES = ("if", "port", "net")  # candidates for names that no InterfacePrefix matches


def anonymized(copy: MemoryClient) -> tuple[MemoryClient, int]:
    """Return a copy of the keys without names and addresses, and the number of keys left out."""
    nodes = {node["key"]: node for node in copy.nodes()}
    written = Anonymous(Snapshot.read(copy)).keys()
    anonymous: list[dict[str, Any]] = []
    for old, new, value in written:
        index = nodes.get(old, {}).get("modifiedIndex", 0)
        anonymous.append({"key": new, "value": value, "modifiedIndex": index, "createdIndex": index})
    return MemoryClient(anonymous, copy.index), len(nodes) - len(anonymous)


class Anonymous:
    """The objects of a snapshot with names and addresses replaced as ``names`` and ``addresses`` map them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.names = Names()
        self.addresses = Addresses()
        self._snapshot = snapshot
        self._felix = Felix(snapshot)

    def keys(self) -> list[Written]:
        """Return all keys that are kept."""
        for _ in self._all():
            pass  # the first pass only collects the names
        self.names.settle()
        return list(self._all())

    def _all(self) -> Iterator[Written]:
        if self._snapshot.ready is not None:
            is_ready = not self._snapshot.not_ready()
            yield self._snapshot.ready.key, keys.READY, "true" if is_ready else "false"
        yield from self._parameters()
        for host, stored in self._snapshot.bird_ips.items():
            yield stored.key, f"{self._host(host)}/bird_ip", self._bird_ip(host, stored)
        for name, stored in self._snapshot.endpoints:
            yield stored.key, self._endpoint_key(name), self._value(stored, self._endpoint(name))
        for profile, parts in self._snapshot.profiles.items():
            for part, stored in parts.items():
                key = keys.profile_part(self.names.of("profile", profile), part)
                yield stored.key, key, self._value(stored, self._part(part, stored))
        for tier, stored in self._snapshot.tiers.items():
            key = f"{keys.TIERS}/{self._tier(tier)}/metadata"
            yield stored.key, key, self._value(stored, self._kept(stored, ("order",)))
        for tier, policy, stored in self._snapshot.policies:
            key = f"{keys.TIERS}/{self._tier(tier)}/policy/{self.names.of('policy', policy)}"
            yield stored.key, key, self._value(stored, self._policy(stored))
        for stored in [*(stored for _, stored in self._snapshot.pools), *self._snapshot.ipv6_pools]:
            yield from self._pool(stored)

    def _value(self, stored: Stored, document: Any) -> str:
        if stored.key in self._felix.refused or document is None:
            return _FATAL if stored.key in self._felix.fatal else _REFUSED
        return json.dumps(document)

    def _kept(self, stored: Stored, fields: tuple[str, ...]) -> dict[str, Any] | None:
        """Return the given fields of an object that Felix accepts; None if Felix refuses it."""
        if stored.key in self._felix.refused:
            return None
        return {key: value for key, value in decoded(stored.value).items() if key in fields}

    # Hosts and parameters of Felix

    def _host(self, name: str) -> str:
        return keys.host(self.names.of("host", name))

    def _parameters(self) -> Iterator[Written]:
        for name, value in self._snapshot.config.items():
            if name in parameters.KNOWN:
                yield f"{keys.CONFIG}/{name}", keys.felix_parameter(name), self._parameter(name, value)
        for (host, name), value in self._snapshot.host_config.items():
            if name in parameters.KNOWN:
                old = f"{keys.HOSTS}/{host}/config/{name}"
                yield old, f"{self._host(host)}/config/{name}", self._parameter(name, value)

    def _parameter(self, name: str, value: str) -> str:
        if name in ("MetadataAddr", "IpInIpTunnelAddr"):
            return self._address_or_name(value)
        if parameters.ending(name, value) and name != "IptablesMarkMask":
            return _REFUSED
        is_known = name != "DropActionOverride" or value.upper() in map(str.upper, parameters.DROP_ACTIONS)
        return value if is_known else _REFUSED

    def _address_or_name(self, value: str) -> str:
        if not value.strip() or value.lower() == "none":
            return value
        try:
            return self.addresses.of(Network.parse(value)).partition("/")[0]
        except ValueError:
            return "host.invalid"

    def _bird_ip(self, host: str, stored: Stored) -> str:
        if stored.value == "":
            return ""
        address = self._felix.host_address(host)
        return self.addresses.of(address.network).partition("/")[0] if address else _REFUSED

    # Endpoints

    def _endpoint_key(self, name: EndpointName) -> str:
        endpoint = self.names.of("endpoint", name.endpoint)
        if name.workload is None or name.orchestrator is None:
            return f"{self._host(name.host)}/endpoint/{endpoint}"
        of = self.names.of
        orchestrator, workload = of("orchestrator", name.orchestrator), of("workload", name.workload)
        return keys.workloads(of("host", name.host), orchestrator, workload, endpoint)

    def _endpoint(self, name: EndpointName) -> dict[str, Any] | None:
        endpoint = self._felix.endpoints.get(str(name))
        if endpoint is None:
            return None
        fields = endpoint.fields
        document: dict[str, Any] = {"state": fields["state"]} if "state" in fields else {}
        if "name" in fields:
            document["name"] = self._interface(endpoint)
        if "mac" in fields:
            document["mac"] = _MAC
        if "profile_ids" in fields:
            document["profile_ids"] = [self.names.of("profile", profile) for profile in fields["profile_ids"]]
        if "profile_id" in fields:
            document["profile_id"] = self.names.of("profile", fields["profile_id"])
        if "labels" in fields:
            document["labels"] = self._labels(fields["labels"])
        for network in networks_of(endpoint):
            is_host_endpoint = name.workload is None
            field = f"expected_ipv{network.version}_addrs" if is_host_endpoint else f"ipv{network.version}_nets"
            text = self.addresses.of(network)
            document.setdefault(field, []).append(text.partition("/")[0] if is_host_endpoint else text)
        for version in (4, 6):
            if maps := fields.get(f"ipv{version}_nat"):
                document[f"ipv{version}_nat"] = [
                    {end: self._address_or_name(item[end]) for end in ("int_ip", "ext_ip")} for item in maps
                ]
        return document

    def _interface(self, endpoint: Endpoint) -> str:
        """Return a name that begins with the same InterfacePrefix as before, or with none if it had none."""
        name: str = endpoint.fields["name"]
        stored = self._felix.parameter(endpoint.name.host, "InterfacePrefix")
        prefixes = [each.strip() for each in (DEFAULT_INTERFACE_PREFIX if stored is None else stored).split(",")]
        others = [each for each in _OTHER_INTERFACES if not any(f"{each}0".startswith(prefix) for prefix in prefixes)]
        beginning = max(filter(name.startswith, prefixes), key=len, default=others[0] if others else "x")
        return f"{beginning}{self.names.number('interface', name)}"[:_LONGEST_INTERFACE]

    def _labels(self, labels: dict[str, str]) -> dict[str, str]:
        return {self.names.of("label", name): self._label_value(value) for name, value in labels.items()}

    def _label_value(self, value: str) -> str:
        return self.names.of("value", value) if value else ""  # Felix 2 treats tags as labels with empty values

    # Profiles, policies and pools

    def _part(self, part: str, stored: Stored) -> Any:
        if stored.key in self._felix.refused:
            return None
        document = decoded(stored.value)
        if part == "tags":
            return [self.names.of("tag", tag) for tag in document]
        return self._labels(document) if part == "labels" else self._rules(document)

    def _tier(self, name: str) -> str:
        """Return a name on the same side of ``default`` in sorted order; keep ``default``: it has a special meaning."""
        kind = "a-tier" if name < DEFAULT_TIER else "tier"
        return name if name == DEFAULT_TIER else self.names.of(kind, name)

    def _policy(self, stored: Stored) -> dict[str, Any] | None:
        kept = self._kept(stored, _KEPT_IN_POLICIES)
        if kept is None:
            return None
        if isinstance(types := kept.get("types"), list):
            kept["types"] = [each for each in types if each in _TYPES]
        document = decoded(stored.value)
        return {"selector": self._selector(document["selector"]), **kept, **self._rules(document)}

    def _rules(self, document: dict[str, Any]) -> dict[str, Any]:
        lists = [name for name in ("inbound_rules", "outbound_rules") if name in document]
        return {name: [self._rule(fields) for fields in document[name]] for name in lists}

    def _rule(self, fields: dict[str, Any]) -> dict[str, Any]:
        given = {key: value for key, value in fields.items() if value is not None}
        return {key: self._condition(key.removeprefix("!"), value) for key, value in given.items()}

    def _condition(self, field: str, value: Any) -> Any:
        if field in _KEPT_IN_RULES:
            return value
        if field.endswith("_net"):
            return self.addresses.of_range(Network.parse(value))
        if field.endswith("_tag"):
            return self.names.of("tag", value)
        return self._selector(value) if field.endswith("_selector") else "log"  # log_prefix is the only other field

    def _selector(self, text: str) -> str:
        return renamed(text, lambda name: self.names.of("label", name), self._label_value)

    def _pool(self, stored: Stored) -> Iterator[Written]:
        network = keys.network_of(stored.key)
        if network is not None:
            mapped = self.addresses.of_range(network)
            kept = self._kept(stored, _KEPT_IN_POOLS) if self._is_readable(stored) else None
            document = None if kept is None else {"cidr": mapped, **kept}
            yield stored.key, keys.pool(Network.parse(mapped)), self._value(stored, document)

    def _is_readable(self, stored: Stored) -> bool:
        try:
            return isinstance(decoded(stored.value), dict)
        except ValueError:
            return False


class Names:
    """Replacements for names, by kind, such as ``profile``.

    Until ``settle`` is called, names are only collected. Tags and labels share their numbers: Felix 2 treats a tag as a
    label of the same name.
    """

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] = {"tag": set(), "label": set()}
        self._texts: dict[tuple[str, str], str] = {}

    def of(self, kind: str, name: str) -> str:
        """Return the replacement for a name; before ``settle``, record the name and return a placeholder."""
        if self._texts:
            return self._texts[kind, name]
        self._seen.setdefault(kind, set()).add(name)
        return "x"

    def number(self, kind: str, name: str) -> str:
        """Return only the number of the replacement."""
        return self.of(kind, name).rpartition("-")[2]

    def settle(self) -> None:
        """Number all names that were collected."""
        tags, labels = self._seen.pop("tag"), self._seen.pop("label")
        for kind, names in self._seen.items():
            self._number(names, {name: (kind,) for name in names})
        self._number(tags | labels, {name: ("tag", "label") if name in tags else ("label",) for name in tags | labels})

    def _number(self, names: set[str], kinds: dict[str, tuple[str, ...]]) -> None:
        digits = len(str(len(names)))
        for number, name in enumerate(sorted(names), start=1):
            for kind in kinds[name]:
                self._texts[kind, name] = f"{kinds[name][0]}-{number:0{digits}}"


class Addresses:
    """Replacements for addresses: two of them share as many leading bits as the original addresses."""

    def __init__(self) -> None:
        from secrets import token_bytes

        self._key = token_bytes(32)
        self._flips: dict[tuple[int, bytes], int] = {}

    def of(self, network: Network) -> str:
        """Return the replacement for a network, including its host bits."""
        return str(self._mapped(network))

    def of_range(self, network: Network) -> str:
        """Return the replacement for a network, without host bits."""
        return str(Network(*self._mapped(network).key()))

    def _mapped(self, network: Network) -> Network:
        address = network.address.to_bytes(network.width // 8, "big")
        mapped = bytes(self._byte(network.version, address[:place], byte) for place, byte in enumerate(address))
        return Network(network.version, int.from_bytes(mapped, "big"), network.prefix_length)

    def _byte(self, version: int, before: bytes, byte: int) -> int:
        """Replace a byte: all preceding bits determine whether a bit is inverted."""
        flips = self._flips.get((version, before))
        if flips is None:
            from hashlib import blake2b

            digest = blake2b(bytes([version]) + before, digest_size=32, key=self._key).digest()
            flips = self._flips[version, before] = int.from_bytes(digest, "big")
        mapped, path = 0, 1
        for place in range(7, -1, -1):
            bit = byte >> place & 1
            mapped = mapped << 1 | bit ^ (flips >> path & 1)
            path = path << 1 | bit
        return mapped
