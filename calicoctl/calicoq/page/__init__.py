"""Flows as a single HTML page: a matrix of the ends that can be filtered and searched, without network access.

The page is ``flows.html`` with the data embedded as JSON. Its script inserts all data as plain text, so names in etcd
cannot inject markup.
"""

from __future__ import annotations

import json
import sys

from calicoctl.errors import CommandError
from calicoctl.flows.groups import iterate
from calicoctl.output import visible
from calicoctl.package_data import read_text

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from calicoctl.calicoq.formats import Document
    from calicoctl.flows.names import Names
    from calicoctl.flows.packets import PacketSpace

REACH, DIFF = "reach", "diff"
_TITLES = {REACH: ("Allowed flows", "flow"), DIFF: ("Changes of flows", "change")}
MOST_ENDS = 500
_MOST_MEMBERS = 200  # the number of members listed of one end


class PageRow:
    """A row as shown: ``packets`` from all ``sources`` to all ``destinations``, as bits of groups.

    ``names`` has the names of these groups. ``change`` is ``+``, ``-``, ``?`` or empty; ``remark`` is empty unless the
    change is due to endpoints that are new or gone. ``example`` has lines on the rules that decide.
    """

    def __init__(
        self, version: int, names: Names, sources: int, destinations: int, packets: int, is_certain: bool,
        example: Sequence[str], change: str = "", remark: str = "",
    ) -> None:  # fmt: skip
        self.version = version
        self.names = names
        self.sides = sources, destinations
        self.packets = packets
        self.is_certain = is_certain
        self.example = example
        self.change = change
        self.remark = remark


class Page:
    """A page of rows, which shows allowed flows (``REACH``) or changes of flows (``DIFF``)."""

    def __init__(self, kind: str, space: PacketSpace, rows: Sequence[PageRow]) -> None:
        self._kind = kind
        self._space = space
        self._rows = rows
        self._ends: list[tuple[Names, int]] = []
        self._places: dict[tuple[int, int], int] = {}  # places of ends, by the names and the group
        for names in {id(row.names): row.names for row in rows}.values():
            self._add_ends(names)

    def text(self) -> str:
        """Return the page. Raises CommandError if it has more than MOST_ENDS ends."""
        if len(self._ends) > MOST_ENDS:
            raise CommandError(
                f"A page shows {MOST_ENDS} groups of endpoints and networks at most, and these flows have "
                f"{len(self._ends):,}.\nGive <substring>, --from, --to or --only to look at a part of them."
            )
        text = json.dumps(self._document(), separators=(",", ":"))
        for character in "<>&":  # JSON has them only inside strings
            text = text.replace(character, f"\\u{ord(character):04x}")
        return read_text(sys.modules[__name__], "flows.html").replace("@DATA@", text).rstrip("\n")

    def _add_ends(self, names: Names) -> None:
        """Merge the groups that are in the same rows into one end each."""
        appearances: dict[int, list[int]] = {}
        for place, row in enumerate(self._rows):
            if row.names is names:
                for side, mask in enumerate(row.sides):
                    for number in iterate(mask):
                        appearances.setdefault(number, []).append(2 * place + side)
        masks: dict[tuple[int, ...], int] = {}
        for number, found in appearances.items():
            masks[tuple(found)] = masks.get(tuple(found), 0) | 1 << number
        for mask in sorted(masks.values(), key=lambda mask: (names.is_outside(mask), names.of(mask))):
            for number in iterate(mask):
                self._places[id(names), number] = len(self._ends)
            self._ends.append((names, mask))

    def _document(self) -> Document:
        title, what = _TITLES[self._kind]
        ends = [self._end(names, mask) for names, mask in self._ends]
        networks = sum(end["is_network"] for end in ends)
        counts = [
            (sum(end["count"] for end in ends if not end["is_network"]), "endpoint"),
            (len(ends) - networks, "group"), (networks, "range"), (len(self._rows), what),
        ]  # fmt: skip
        endpoints, groups, ranges, rows = (f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts)
        return {
            "kind": self._kind,
            "title": title,
            "summary": f"{endpoints} in {groups}, {ranges} of other addresses, {rows}",
            "versions": sorted({row.version for row in self._rows}),
            "protocols": self._space.told_apart(),
            "ends": ends,
            "rows": [self._row(row) for row in self._rows],
        }

    def _row(self, row: PageRow) -> Document:
        sources, destinations = (
            sorted({self._places[id(row.names), number] for number in iterate(mask)}) for mask in row.sides
        )
        source, destination = (visible(", ".join(row.names.of(mask))) for mask in row.sides)
        return {
            "version": row.version,
            "from": sources,
            "to": destinations,
            "from_name": source,
            "to_name": destination,
            "packets": self._space.text(row.packets, row.version),
            "parts": [
                {**part, "protocol": str(part["protocol"])} for part in self._space.document(row.packets, row.version)
            ],
            "certain": row.is_certain,
            "example": list(map(visible, row.example)),
            "change": row.change,
            "remark": row.remark,
        }

    def _end(self, names: Names, mask: int) -> dict[str, Any]:
        addresses: dict[str, list[str]] = {}
        for group in names.groups_in(mask):
            for party in group.parties:
                addresses.setdefault(party.name, []).append(str(party.address))
        members = [f"{name} {', '.join(of)}" for name, of in sorted(addresses.items())] or list(_outside(names, mask))
        return {
            "name": visible(", ".join(names.of(mask))),
            "count": len(members),
            "members": list(map(visible, members[:_MOST_MEMBERS])),
            "is_network": not addresses,
        }


def _outside(names: Names, mask: int) -> Iterator[str]:
    """Yield texts that describe an end without endpoints: imagined endpoints and networks."""
    yield from (group.imagined for group in names.groups_in(mask) if group.imagined)
    if names.is_outside(mask):
        yield from names.networks(mask)

