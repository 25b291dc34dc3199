"""What Felix 1.4.9 refuses of stored objects other than rules (docs/data-model.md, sections 1 to 5).

Each function takes decoded JSON and yields the reasons, none for an object that Felix takes. FatalValue is raised for
what ends the Felix process.
"""

from __future__ import annotations

import re

from calicoctl.felix.rules import ID, FatalValue, rules_problems, selector_problem
from calicoctl.model.address import Address
from calicoctl.model.network import Network
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.model.endpoint import EndpointName

_LABEL = re.compile(r"[a-zA-Z0-9_.\-/]+")
_INTERFACE = re.compile(r"[a-zA-Z0-9_\-]{1,15}")
_USUAL_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
_POOL = re.compile(r"[0-9.:a-fA-F\-]{1,43}")


def profile_rules_problems(profile: str, document: Any) -> Iterator[str]:
    """Yield why Felix treats a profile as deleted."""
    yield from _id_problems("profile", profile)
    yield from rules_problems(document)


def tags_problems(profile: str, tags: Any) -> Iterator[str]:
    """Yield why Felix ignores the tags of a profile."""
    yield from _id_problems("profile", profile)
    if not isinstance(tags, list):
        yield "it is not a list"
        return
    for tag in tags:
        if not isinstance(tag, str) or not ID.fullmatch(tag):
            yield f"{shown(tag)} is not a tag: letters, digits and ._-"


def profile_labels_problems(profile: str, labels: Any) -> Iterator[str]:
    """Yield why Felix ignores the labels of a profile."""
    yield from _id_problems("profile", profile)
    yield from _labels_problems(labels)


def policy_problems(tier: str, name: str, document: Any) -> Iterator[str]:
    """Yield why Felix ignores a policy."""
    yield from _id_problems("tier", tier)
    yield from _id_problems("policy", name)
    yield from rules_problems(document)
    if not isinstance(document, dict):
        return
    selector = document.get("selector")
    if selector is None:
        yield "selector is missing"
    elif not isinstance(selector, str):
        raise FatalValue(f"selector: {shown(selector)} is not a string")
    elif problem := selector_problem(selector):
        yield f"selector: {problem}"
    yield from _order_problems(document)


def tier_problems(tier: str, document: Any) -> Iterator[str]:
    """Yield why Felix ignores the metadata of a tier, which makes packets skip the tier."""
    yield from _id_problems("tier", tier)
    if not isinstance(document, dict):
        yield "it is not an object"
        return
    yield from _order_problems(document)


def endpoint_problems(name: EndpointName, document: Any) -> Iterator[str]:
    """Yield why Felix treats an endpoint as deleted."""
    if not isinstance(document, dict):
        yield "it is not an object"
        return
    yield from _id_problems("endpoint", name.endpoint)
    yield from _common_problems(document)
    yield from (_host_endpoint_problems if name.workload is None else _workload_problems)(document)


def pool_problems(pool: str, document: Any) -> Iterator[str]:
    """Yield why Felix ignores an IPv4 pool; ``pool`` is the last part of its key."""
    if not _POOL.fullmatch(pool):
        yield f"{shown(pool)} is not the id of a pool"
    if not isinstance(document, dict):
        yield "it is not an object"
        return
    if not _is_network(document.get("cidr"), 4):
        yield f"cidr: {shown(document.get('cidr'))} is not an IPv4 network"
    if not isinstance(document.get("masquerade", False), bool):
        yield "masquerade is neither true nor false"


def _common_problems(document: dict[str, Any]) -> Iterator[str]:
    interface = document.get("name")
    if "name" in document and not (isinstance(interface, str) and _INTERFACE.fullmatch(interface)):
        yield f"name: {shown(interface)} is not an interface name: at most 15 letters, digits and _-"
    mac = document.get("mac")
    if "mac" in document and not is_mac(mac):
        yield f"mac: {shown(mac)} is not a MAC address"
    profiles = document.get("profile_ids", [document["profile_id"]] if "profile_id" in document else [])
    if not isinstance(profiles, (list, str, dict)):
        raise FatalValue(f"profile_ids: {shown(profiles)} is not a list")
    if isinstance(profiles, str) and not all(map(ID.fullmatch, profiles)):
        yield f"profile_ids: {shown(profiles)} is not a list"
    for profile in profiles if not isinstance(profiles, str) else ():
        if not isinstance(profile, str) or not ID.fullmatch(profile):
            yield f"profile_ids: {shown(profile)} is not a profile's name"
    if "labels" in document:
        yield from _labels_problems(document["labels"])


def _workload_problems(document: dict[str, Any]) -> Iterator[str]:
    if "name" not in document:
        yield "name is missing"
    state = document.get("state")
    if state not in ("active", "inactive"):
        yield "state is missing" if state is None else f"state: {shown(state)} is neither active nor inactive"
    for version in (4, 6):
        if f"expected_ipv{version}_addrs" in document:
            yield f"expected_ipv{version}_addrs is for host endpoints"
        nets = document.get(f"ipv{version}_nets", [])
        if not isinstance(nets, list):
            yield f"ipv{version}_nets is not a list"
        for net in nets if isinstance(nets, list) else ():
            if not _is_network(net, version):
                yield f"ipv{version}_nets: {shown(net)} is not an IPv{version} network"
        gateway = document.get(f"ipv{version}_gateway")
        if gateway is not None and not _is_address(gateway, version):
            yield f"ipv{version}_gateway: {shown(gateway)} is not an IPv{version} address"
        yield from _nat_problems(document.get(f"ipv{version}_nat"), version, nets)


def _nat_problems(maps: Any, version: int, stored_nets: Any) -> Iterator[str]:
    nets = stored_nets if isinstance(stored_nets, list) else []
    if maps is None:
        return
    if not isinstance(maps, list):
        yield f"ipv{version}_nat is not a list"
        return
    networks = [Network.parse(net) for net in nets if _is_network(net, version)]
    internal = {network.address for network in networks if network.prefix_length == network.width}
    is_fatal = not isinstance(stored_nets, (list, str, dict))
    for item in maps:
        if not isinstance(item, dict):
            raise FatalValue(f"ipv{version}_nat: {shown(item)} is not an object")
        for end in ("int_ip", "ext_ip"):
            if not _is_address(item.get(end), version):
                yield f"ipv{version}_nat: {end} {shown(item.get(end))} is not an IPv{version} address"
        address = item.get("int_ip")
        if is_fatal and _is_address(address, version) and _is_address(item.get("ext_ip"), version):
            raise FatalValue(f"ipv{version}_nets: {shown(stored_nets)} is not a list, and ipv{version}_nat needs one")
        if _is_address(address, version) and Network.parse(str(address)).address not in internal:
            yield f"ipv{version}_nat: int_ip {address} is not in ipv{version}_nets"


def _host_endpoint_problems(document: dict[str, Any]) -> Iterator[str]:
    of_versions = (f"ipv{version}_{part}" for version in (4, 6) for part in ("nets", "gateway", "nat"))
    for field in ("state", "mac", *of_versions):
        if field in document:
            yield f"{field} is for workload endpoints"
    expected = [document.get(f"expected_ipv{version}_addrs") for version in (4, 6)]
    if "name" not in document and not any(expected):
        yield "it has neither a name nor expected addresses"
    for version, addresses in zip((4, 6), expected, strict=True):
        if addresses is None:
            if f"expected_ipv{version}_addrs" in document:
                yield f"expected_ipv{version}_addrs is not a list"
        elif not isinstance(addresses, list):
            yield f"expected_ipv{version}_addrs is not a list"
        else:
            wrong = [address for address in addresses if not _is_address(address, version)]
            ending = [address for address in wrong if address is not None]  # Felix passes over null
            if ending and (len(wrong) < len(addresses) or "" in ending):
                beside = "" if ending[0] == "" else " and stands beside one"
                raise FatalValue(
                    f"expected_ipv{version}_addrs: {shown(ending[0])} is not an IPv{version} address{beside}"
                )
            for address in wrong:
                yield f"expected_ipv{version}_addrs: {shown(address)} is not an IPv{version} address"


def _labels_problems(labels: Any) -> Iterator[str]:
    if not isinstance(labels, dict):
        yield "labels are not an object"
        return
    for name, value in labels.items():
        if not _LABEL.fullmatch(name):
            yield f"label {shown(name)} has other characters than letters, digits and ._-/"
        if not isinstance(value, str):
            yield f"label {shown(name)}: {shown(value)} is not a string"


def _order_problems(document: dict[str, Any]) -> Iterator[str]:
    order = document.get("order", "default")
    if order != "default" and not isinstance(order, (int, float)):
        yield f'order: {shown(order)} is neither a number nor "default"'


def _id_problems(what: str, name: str) -> Iterator[str]:
    if not ID.fullmatch(name):
        yield f"the name of the {what}, {shown(name)}, has other characters than letters, digits and ._-"


def _is_network(value: Any, version: int) -> bool:
    try:
        return isinstance(value, str) and Network.parse(value).version == version
    except ValueError:
        return False


def is_mac(value: Any) -> bool:
    """Tell whether Felix, that is netaddr, reads a MAC address: ``ca-fe-...``, ``cafe.1d52.bbe1`` and more."""
    if not isinstance(value, str):
        return False
    if _USUAL_MAC.fullmatch(value):
        return True
    import netaddr  # rarely needed, and half of the start-up time of a command

    return bool(netaddr.valid_mac(value))


def _is_address(value: Any, version: int) -> bool:
    return _is_network(value, version) and "/" not in value and value == value.strip()


def bird_ip(text: str) -> Address | None:
    """Return the address that Felix reads in the value of a host's ``bird_ip``; None if it reads none.

    Short forms are addresses too: ``10.1`` is 10.0.0.1. Raises FatalValue.
    """
    if not text:
        raise FatalValue("it is empty")
    try:
        return Address.parse(text)
    except ValueError:
        import netaddr  # rarely needed, and half of the start-up time of a command

    try:
        address = netaddr.IPAddress(text, flags=netaddr.INET_ATON)
    except (netaddr.AddrFormatError, ValueError):
        return None
    return Address(address.version, int(address)) if text == text.strip() else None
