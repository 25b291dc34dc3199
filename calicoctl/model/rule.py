"""One rule of a profile: its JSON object (docs/data-model.md, section 2), its equality and its order of keys."""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from typing import Any

    Fields = dict[str, Any]

_ORDER = ("action", "dst_net", "icmp_type", "dst_tag", "protocol", "src_tag", "dst_ports", "src_net", "src_ports")
_ACTION = {"action"}


class Rule:
    """A rule as it is stored: ``fields`` maps the data model's keys to JSON values.

    Fields that this version does not know are kept. A field that is null counts as absent.
    """

    __slots__ = ("fields",)

    def __init__(self, fields: Fields) -> None:
        self.fields = fields

    def ordered(self) -> Fields:
        """Return the fields in the order of legacy's JSON; those it does not know last, in the order they have."""
        fields = self.fields
        known = {key: fields[key] for key in _ORDER if key in fields}
        return known if len(known) == len(fields) else known | fields

    def exact(self) -> str:
        """Return a text that is the same for two rules with the same JSON, whatever the order of their keys."""
        text = repr(sorted(self.fields.items()))
        # A quarter of the time of JSON, but objects within the fields keep their order.
        return json.dumps(self.fields, sort_keys=True) if "{" in text else text

    def places_in(self, rules: Sequence[Rule]) -> Iterator[int]:
        """Yield the indexes of the rules that mean the same."""
        meaning, keys = self.meaning(), _plain_keys(self.fields)
        for index, other in enumerate(rules):
            others = _plain_keys(other.fields)  # which tells most rules apart
            if (keys is None or others is None or keys == others) and other.meaning() == meaning:
                yield index

    def meaning(self) -> Hashable:
        """Return what is the same for two rules that mean the same, however they are spelled.

        Ports are equal as sets of items, a one-port range is its port; networks are equal by network; no action is
        ``allow``; protocol numbers may be text. An ``ip_version`` in one rule only makes a difference.
        """
        meaning: dict[Hashable, Hashable] = {"action": '"allow"'}
        for key, value in self.fields.items():
            if value is None:
                continue
            negation, field = ("!", key[1:]) if key.startswith("!") else ("", key)
            several = field in ("src_nets", "dst_nets") and isinstance(value, list)
            if several or field in ("src_net", "dst_net"):
                nets = value if several else [value]
                side = (negation, field[:3])
                so_far = meaning.get(side, frozenset())
                assert isinstance(so_far, frozenset)
                meaning[side] = so_far | frozenset(map(_network_meaning, nets))
            elif field in ("src_ports", "dst_ports") and isinstance(value, list):
                meaning[key] = frozenset(map(_port_meaning, value))
            elif field == "protocol" and isinstance(value, str) and value.isascii() and value.isdigit():
                meaning[key] = _without_leading_zeros(value)
            else:
                meaning[key] = json.dumps(value, sort_keys=True)
        return frozenset(meaning.items())


def _plain_keys(fields: Fields) -> set[str] | None:
    """Return the set of keys, for a cheap first comparison; None where equal rules may have different keys."""
    keys = fields.keys() - _ACTION
    return None if None in fields.values() or any(key.endswith("_nets") for key in keys) else keys


def _network_meaning(value: Any) -> Hashable:
    from calicoctl.model.network import Network  # few commands compare rules

    try:
        return Network.parse(value).key()
    except (ValueError, AttributeError):  # no text, or no CIDR: equal to itself only
        return json.dumps(value, sort_keys=True)


def _port_meaning(value: Any) -> Hashable:
    if isinstance(value, str):
        first, colon, last = value.partition(":")
        if first.isascii() and first.isdigit() and last == (first if colon else ""):
            return _without_leading_zeros(first)
    return json.dumps(value, sort_keys=True)


def _without_leading_zeros(digits: str) -> str:
    return digits.lstrip("0") or "0"


def has_leading_zero(port: str) -> bool:
    """Tell whether a number of a port or a range of ports begins with a zero that it does not need."""
    return re.search(r"(?<![0-9])0[0-9]", port) is not None
