"""One rule of a profile: its JSON object (docs/data-model.md, section 2), its equality and the order of its keys."""

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
    """A stored rule: ``fields`` maps the keys of the data model to JSON values.

    Unknown fields are kept. A null field counts as absent.
    """

    __slots__ = ("fields",)

    def __init__(self, fields: Fields) -> None:
        self.fields = fields

    def ordered(self) -> Fields:
        """Return the fields in the order of legacy's JSON; other fields follow in their present order."""
        fields = self.fields
        known = {key: fields[key] for key in _ORDER if key in fields}
        return known if len(known) == len(fields) else known | fields

    def exact(self) -> str:
        """Return a string that is equal for two rules whose JSON differs only in the order of keys."""
        text = repr(sorted(self.fields.items()))
        # repr takes a quarter of the time of JSON, but does not sort the keys of nested objects.
        return json.dumps(self.fields, sort_keys=True) if "{" in text else text

    def places_in(self, rules: Sequence[Rule]) -> Iterator[int]:
        """Yield the indexes of the rules in a list that are equivalent to this one."""
        meaning, keys = self.meaning(), _plain_keys(self.fields)
        for index, other in enumerate(rules):
            others = _plain_keys(other.fields)  # different for most pairs of rules
            if (keys is None or others is None or keys == others) and other.meaning() == meaning:
                yield index

    def meaning(self) -> Hashable:
        """Return a key that is equal for equivalent rules, even if they are spelled differently.

        The order of ports does not matter, and a range of one port equals that port. Host bits of networks are
        ignored. A missing action means ``allow``. Protocol numbers may be strings. A rule with ``ip_version`` is
        never equivalent to one without.
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
    """Return the set of keys, for a cheap first comparison; None if equivalent rules may have different keys."""
    keys = fields.keys() - _ACTION
    return None if None in fields.values() or any(key.endswith("_nets") for key in keys) else keys


def _network_meaning(value: Any) -> Hashable:
    from calicoctl.model.network import Network  # few commands compare rules

    try:
        return Network.parse(value).key()
    except (ValueError, AttributeError):  # not a string, or not a CIDR: only equal to itself
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
    """Tell whether a port, or one end of a range of ports, is written with a leading zero."""
    return re.search(r"(?<![0-9])0[0-9]", port) is not None
