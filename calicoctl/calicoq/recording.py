"""calicoq test --record: the present flows as expectations."""

from __future__ import annotations

from calicoctl.calicoq.expectations import ALLOW, DENY
from calicoctl.calicoq.flow_answers import analysed, read_felix, remarks_on
from calicoctl.calicoq.formats import JSON, YAML, say_document
from calicoctl.errors import CommandError
from calicoctl.flows.groups import iterate
from calicoctl.flows.packet_filter import filter_texts
from calicoctl.flows.regions import networks
from calicoctl.flows.rows import blocked_rows, rows_of
from calicoctl.flows.selection import is_name

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.flows.flows import Flows
    from calicoctl.flows.rows import Row
    from calicoctl.grammar import Arguments


def record(arguments: Arguments, environment: Environment) -> int:
    """Print the expectations and return the exit status. Raises CommandError if there is nothing to record."""
    felix, felix_version = read_felix(arguments, environment)
    of_versions = analysed(felix, felix_version, [], {}).flows.values()
    recordings = [Recording(flows, names_version=len(of_versions) > 1) for flows in of_versions]
    expectations = [each for recording in recordings for each in recording.expectations()]
    if not expectations:
        raise CommandError("There is nothing to record: Felix accepts no endpoint with an address.")
    say_document(expectations, JSON if arguments["--output"] == JSON else YAML, environment)
    if uncertain := sum(recording.uncertain for recording in recordings):
        environment.complain(f"Note: Left out: {uncertain} rows of 'calicoq reach' that are not certain.")
    if unnamed := sum(recording.unnamed for recording in recordings):
        environment.complain(f"Note: Left out: {unnamed} flows of endpoints that share an address or have several.")
    for remark in remarks_on(felix):
        environment.complain(f"Note: {remark}.")
    return 0


class Recording:
    """The flows of one IP version as expectations.

    ``uncertain`` is the number of rows left out because the verdict is not certain, ``unnamed`` the number of rows left
    out because their ends cannot be named.
    """

    def __init__(self, flows: Flows, names_version: bool) -> None:
        self._flows = flows
        self._names_version = names_version
        self.uncertain = self.unnamed = 0
        self._ends: dict[int, list[str] | None] = {}
        self._parties_of: list[int] = []  # for each group, its parties as bits
        self._meant: dict[str, int] = {}  # for each text of an end, the parties that it matches, as bits
        bit = 1
        for group in flows.groups:
            parties = 0
            for party in group.parties:
                profiles = {f"profile:{name}" for name in party.endpoint.profile_ids}
                for text in profiles.union([party.name] if is_name(party.name) else []):
                    self._meant[text] = self._meant.get(text, 0) | bit
                parties |= bit
                bit <<= 1
            self._parties_of.append(parties)

    def expectations(self) -> Iterator[dict[str, Any]]:
        """Yield all expectations as documents: first the allowed packets, then the denied ones."""
        endpoints = sum(1 << number for number, group in enumerate(self._flows.groups) if group.parties)
        outside = sum(1 << number for number, group in enumerate(self._flows.groups) if not group.parties)
        blocks = [(endpoints, endpoints | outside), (outside, endpoints)]
        for row in rows_of(self._flows, blocks):
            if row.is_certain:
                yield from self._expectation(ALLOW, row)
            else:
                self.uncertain += 1
        for row in blocked_rows(self._flows, blocks):
            yield from self._expectation(DENY, row)

    def _expectation(self, verb: str, row: Row) -> Iterator[dict[str, Any]]:
        sources, destinations = self._named(row.sources), self._named(row.destinations)
        if sources is None or destinations is None:
            self.unnamed += 1
            return
        version = self._flows.ip_version
        space = self._flows.space
        is_all = row.packets & space.opening[version] == space.opening[version]
        packets = [text for part in space.parts(row.packets, version) for text in filter_texts(part)]
        lists = {verb: ["all"] if is_all else packets, "from": sources, "to": destinations}
        only = {"ip": version} if self._names_version else {}
        yield {key: texts[0] if len(texts) == 1 else texts for key, texts in lists.items()} | only

    def _named(self, mask: int) -> list[str] | None:
        """Return profiles, endpoint names and networks that match exactly a set of groups; None if there are none."""
        if mask not in self._ends:
            self._ends[mask] = self._ends_of(mask)
        return self._ends[mask]

    def _ends_of(self, mask: int) -> list[str] | None:
        groups = [self._flows.groups[number] for number in iterate(mask)]
        rest = wanted = sum(self._parties_of[number] for number in iterate(mask))
        profiles = {f"profile:{name}" for group in groups if group.guard for name in group.guard.endpoint.profile_ids}
        names = {party.name for group in groups for party in group.parties}
        ends: list[str] = []
        for text in [*sorted(profiles), *sorted(names)]:
            meant = self._meant.get(text, 0)
            if meant & rest and not meant & ~wanted:
                ends.append(text)
                rest &= ~meant
        if rest:
            return None
        ranges = [piece for group in groups if not group.parties for piece in group.pieces]
        return ends + [f"outside:{network}" for network in networks(self._flows.ip_version, ranges)]
