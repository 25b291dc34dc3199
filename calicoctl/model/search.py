"""A text search in stored objects: in names, addresses, labels, tags, selectors and networks of rules."""

from __future__ import annotations

from calicoctl.model.labels import checked_labels
from calicoctl.model.network import Network, overlap

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.model.endpoint import Endpoint, EndpointName
    from calicoctl.model.rules import Rules

    Place = tuple[str, str]  # where the text was found, such as "tag", and the value there

_SIDES = {"src": "source", "dst": "destination"}


class Query:
    """The text to search for; ``network`` is the text as a network, None if it is not an address or network."""

    def __init__(self, text: str) -> None:
        self._text = text.lower()
        self.network = _network(text)

    def places_in_name(self, what: str, name: str) -> Iterator[Place]:
        """Yield the place if a name contains the text."""
        if self._text in name.lower():
            yield what, name

    def places_in_network(self, what: str, text: Any) -> Iterator[Place]:
        """Yield the place if a stored address or network overlaps the one to search for."""
        network = _network(text) if isinstance(text, str) and self.network else None
        if network and self.network and overlap(network, self.network):
            yield what, str(text)

    def places_in_policy(self, rules: Rules) -> Iterator[Place]:
        """Yield the places in a policy, including its selector, which is stored in the same object as its rules."""
        selector = rules.extra.get("selector")
        if isinstance(selector, str):
            yield from self.places_in_name("selector", selector)
        yield from self.places_in_rules(rules)

    def places_in_labels(self, labels: Any) -> Iterator[Place]:
        """Yield the labels whose name, value or ``name=value`` equals the text. Raises MalformedLabels."""
        for name, value in sorted(checked_labels(labels).items()):
            if self._text in (name.lower(), value.lower(), f"{name}={value}".lower()):
                yield "label", f"{name}={value}"

    def places_in_tags(self, tags: list[str]) -> Iterator[Place]:
        """Yield the tags that are equal to the text."""
        yield from (("tag", tag) for tag in tags if tag.lower() == self._text)

    def places_in_endpoint_name(self, name: EndpointName) -> Iterator[Place]:
        """Yield the parts of an endpoint's name that contain the text."""
        for what in ("host", "orchestrator", "workload", "endpoint"):
            part = getattr(name, what)
            if part is not None:
                yield from self.places_in_name(what, part)
        if "/" in self._text:
            yield from self.places_in_name("name", str(name))

    def places_in_endpoint(self, endpoint: Endpoint) -> Iterator[Place]:
        """Yield the places in an endpoint. Raises MalformedLabels; other fields with a wrong type are skipped."""
        interface = endpoint.fields.get("name")
        if isinstance(interface, str):
            yield from self.places_in_name("interface", interface)
        mac = endpoint.fields.get("mac")
        if isinstance(mac, str) and mac.lower() == self._text:
            yield "mac", mac
        for field in ("ipv4_nets", "ipv6_nets", "expected_ipv4_addrs", "expected_ipv6_addrs"):
            for net in _listed(endpoint.fields.get(field)):
                yield from self.places_in_network("address", net)
        for field in ("ipv4_nat", "ipv6_nat"):
            for nat in _listed(endpoint.fields.get(field)):
                if isinstance(nat, dict):
                    yield from self.places_in_network("external address", nat.get("ext_ip"))
        for profile in _listed(endpoint.fields.get("profile_ids")) or [endpoint.fields.get("profile_id")]:
            if isinstance(profile, str):
                yield from self.places_in_name("profile", profile)
        yield from self.places_in_labels(endpoint.fields.get("labels"))

    def places_in_rules(self, rules: Rules) -> Iterator[Place]:
        """Yield the places in rules, such as ``inbound rule 2 source net``."""
        for direction in ("inbound", "outbound"):
            for number, rule in enumerate(rules.in_direction(direction), start=1):
                for field, value in sorted(rule.fields.items()):
                    side, _, what = field.removeprefix("!").partition("_")
                    if side not in _SIDES:
                        continue
                    negation = "!" if field.startswith("!") else ""
                    where = f"{direction} rule {number} {negation}{_SIDES[side]} {what.removesuffix('s')}"
                    yield from self._places_in_match(where, what, value)

    def _places_in_match(self, where: str, what: str, value: Any) -> Iterator[Place]:
        if what in ("net", "nets"):
            for net in _listed(value) or [value]:
                yield from self.places_in_network(where, net)
        elif isinstance(value, str) and (what == "tag" and value.lower() == self._text):
            yield where, value
        elif isinstance(value, str) and what == "selector":
            yield from self.places_in_name(where, value)


def _network(text: str) -> Network | None:
    """Parse a complete address or CIDR; None for any other text, such as 10, which may be a name."""
    if ":" not in text and text.count(".") != 3:
        return None
    try:
        return Network.parse(text)
    except ValueError:
        return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
