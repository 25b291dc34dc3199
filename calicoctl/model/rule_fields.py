"""The check of each field of a new rule by itself (docs/data-model.md, section 2).

Each check takes a JSON value and returns the value to store, or raises ValueError. `rule_validation` checks the fields
of a rule together.
"""

from __future__ import annotations

import re

from calicoctl.model.names import ALLOWED, is_tag
from calicoctl.model.network import Network, ambiguity
from calicoctl.model.protocols import PROTOCOLS
from calicoctl.model.rule import has_leading_zero
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ACTIONS = ("allow", "deny", "next-tier", "log")
# ICMP types and codes. The kernel treats type 255 as "any type", which Felix turns into a rule that drops traffic.
LAST_TYPE, LAST_CODE = 254, 255
_RANGE = re.compile(r"([0-9]{1,9})(?:[:-]([0-9]{1,9}))?")


def check_of(key: str) -> Callable[[Any], Any] | None:
    """Return the check of a field, with or without ``!``; None for an unknown field."""
    field = key.removeprefix("!")
    return None if key != field and field in _NEVER_NEGATED else _CHECKS.get(field)


def nearest_field(key: str) -> str:
    """Return the name of the field that is most similar to a misspelt one; empty if none is similar."""
    from difflib import get_close_matches

    names = [*_CHECKS, *("!" + name for name in _CHECKS if name not in _NEVER_NEGATED)]
    return next(iter(get_close_matches(key, names, n=1)), "")


def _action(value: Any) -> str:
    return _one_of(value, _ACTIONS)


def _ip_version(value: Any) -> int:
    if not _is_int(value) or value not in (4, 6):
        raise ValueError(f"{shown(value)} is not the number 4 or 6")
    return int(value)


def _protocol(value: Any) -> str | int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 3:
        value = int(value)
    if _is_int(value) and 1 <= value <= 255:
        return int(value)
    return _one_of(value, tuple(PROTOCOLS), " or a number from 1 to 255")


def _one_of(value: Any, allowed: tuple[str, ...], or_else: str = "") -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise ValueError(f"{shown(value)} is not one of {', '.join(allowed)}{or_else}")


def _tag(value: Any) -> str:
    if not isinstance(value, str) or not is_tag(value):
        raise ValueError(f"{shown(value)} is not a tag: {ALLOWED}")
    return value


def stored_selector(value: Any) -> str:
    """Return the stored form of a selector, which Felix 1.4 indexes correctly. Raises ValueError."""
    from calicoctl.model import selector

    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not a string")
    if selector.parse(value, new=True).is_misfiled:
        return selector.without_one_value_sets(value)
    return value


def _log_prefix(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not a string")
    return value


def _network(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not a CIDR")
    try:
        network = Network.parse(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a CIDR such as 10.0.0.0/8 or fd80::/64") from None
    if problem := ambiguity(value):
        raise ValueError(f"{shown(value)}: {problem}")
    return str(network)


def _networks(value: Any) -> list[str]:
    return _each(_filled_list(value, "networks"), _network)


def _ports(value: Any) -> list[int | str]:
    return _each(_filled_list(value, "ports"), new_port_item)


def _each(items: list[Any], check: Callable[[Any], Any]) -> list[Any]:
    """Check every item of a list. Raises ValueError with the problems of all items."""
    checked, problems = [], []
    for item in items:
        try:
            checked.append(check(item))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return checked


def _filled_list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is not a list of {what}")
    if not value:
        raise ValueError(f"the list of {what} is empty; leave the field out to match all {what}")
    return value


def port_item(value: Any) -> int | str:
    """Return the stored form of a port or range of ports: ``80`` or ``"80:90"``.

    ``value`` may be ``80``, ``"80"``, ``"80:90"`` or ``"80-90"``. Ports are 0 to 65535; a range of one port becomes
    that port. Raises ValueError.
    """
    if type(value) is int and 0 <= value <= 65535:
        return value
    text = str(value) if _is_int(value) else value
    match = _RANGE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a port or a range of ports such as 80:90")
    first, last = int(match[1]), int(match[2] or match[1])
    if max(first, last) > 65535:
        raise ValueError(f"{shown(value)} is above the last port, 65535")
    if first > last:
        raise ValueError(f"{shown(value)} ends before it begins")
    return first if first == last else f"{first}:{last}"


def new_port_item(value: Any) -> int | str:
    """Return the stored form of a port or range of ports of a new rule, like ``port_item``.

    Numbers with leading zeros are refused because iptables reads them as octal. Raises ValueError.
    """
    item = port_item(value)
    if isinstance(value, str) and has_leading_zero(value):
        raise ValueError(f"{shown(value)} has leading zeros; write {item}")
    return item


def _icmp_type(value: Any) -> int:
    return _number(value, LAST_TYPE)


def _icmp_code(value: Any) -> int:
    return _number(value, LAST_CODE)


def _number(value: Any, last: int) -> int:
    if not _is_int(value) or not 0 <= value <= last:
        raise ValueError(f"{shown(value)} is not a number from 0 to {last}")
    return int(value)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_NEVER_NEGATED = ("action", "ip_version", "log_prefix")
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "action": _action,
    "ip_version": _ip_version,
    "log_prefix": _log_prefix,
    "protocol": _protocol,
    "icmp_type": _icmp_type,
    "icmp_code": _icmp_code,
    **{
        f"{side}_{field}": check
        for side in ("src", "dst")
        for field, check in (
            ("tag", _tag), ("selector", stored_selector), ("net", _network), ("nets", _networks), ("ports", _ports)
        )
    },
}  # fmt: skip
NETWORK_LISTS = {"src_nets", "dst_nets", "!src_nets", "!dst_nets"}
NETWORKS = {"src_net", "dst_net", "!src_net", "!dst_net"} | NETWORK_LISTS
PORTS = {"src_ports", "dst_ports", "!src_ports", "!dst_ports"}
ICMP = {"icmp_type", "icmp_code", "!icmp_type", "!icmp_code"}
