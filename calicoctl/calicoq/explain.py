"""calicoq explain: all packets from one end to another, grouped by the rules that decide on them."""

from __future__ import annotations

from functools import partial

from calicoctl.calicoq.flow_answers import analysed, filters_of, read_felix, remarks_on, say_records, selected
from calicoctl.calicoq.flow_examples import WORDS, two_ends, way
from calicoctl.calicoq.formats import CSV, MD, TEXT, say_document
from calicoctl.errors import CommandError
from calicoctl.flows.groups import iterate
from calicoctl.flows.names import Names
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from calicoctl.calicoq.formats import Document
    from calicoctl.calicoq.journey import Side
    from calicoctl.environment import Environment
    from calicoctl.felix.view import Felix
    from calicoctl.flows.analysis import Analysis
    from calicoctl.flows.atoms import Header
    from calicoctl.flows.rows import Row
    from calicoctl.grammar import Arguments

    Judge = Callable[[Header], tuple[list[Side], list[str]]]

_FIELDS = ("ip", "from", "to", "packets", "verdict", "decisions", "uncertain_because")  # the columns of a table
_MOST_PAIRS = 20  # the number of pairs of groups in the text output


def run(arguments: Arguments, environment: Environment) -> int:
    """Show the packets of each pair of groups. Raises CommandError for arguments that match no end or no packet."""
    felix, felix_version = read_felix(arguments, environment)
    selections = {name: selected(arguments[f"<{name}>"], felix, felix_version) for name in ("from", "to")}
    filters = filters_of(_filter_text(arguments["<protocol>"], arguments["<ports>"]), "<protocol> <ports>")
    analysis = analysed(felix, felix_version, filters, selections)
    only = 0
    for each in filters:
        only |= each.packets(analysis.space)
    pairs = [
        pair
        for version in analysis.flows
        for pair in _pairs(analysis, felix, felix_version, version, only if filters else None)
    ]
    if not pairs:
        raise CommandError(_nothing(arguments["<from>"], arguments["<to>"], analysis))
    if arguments["--output"] == TEXT:
        environment.say("\n".join(map(visible, _lines(pairs))), painter="verdict")
    elif arguments["--output"] in (CSV, MD):
        rows = [row for pair in pairs for row in pair.records()]
        say_records(_FIELDS, rows, arguments["--output"], environment)
    else:
        say_document([pair.document() for pair in pairs], arguments["--output"], environment)
    for remark in remarks_on(felix):
        environment.complain(f"Note: {remark}.")
    return 0


def _nothing(source: str, destination: str, analysis: Analysis) -> str:
    """Return the reason why there is nothing to explain between two ends."""
    for groups in analysis.groups.values():
        ends = [[groups.all[number] for number in iterate(groups.selected(name))] for name in ("from", "to")]
        if all(ends) and not any(group.guard for end in ends for group in end):
            return f"Neither {source} nor {destination} is an endpoint: Calico decides nothing between them."
        if all(ends):
            return f"{source} and {destination} are the same endpoint: it sends itself nothing."
    return f"{source} and {destination} do not both have addresses of one IP version."


def _filter_text(protocol: str | None, ports: str | None) -> str | None:
    if protocol is None or ports is None:
        return protocol
    return ",".join(f"{protocol}:{item}" for item in ports.split(","))


def _pairs(analysis: Analysis, felix: Felix, felix_version: int, version: int, only: int | None) -> Iterator[_Pair]:
    groups = analysis.groups[version]
    names = Names(groups)
    for source in iterate(groups.selected("from")):
        for destination in iterate(groups.selected("to")):
            ends = two_ends([groups.all[source]], [groups.all[destination]], version)
            if ends is not None:
                judge = partial(way, ends, felix, version, felix_version)
                titles = [", ".join(names.of(1 << number)) for number in (source, destination)]
                yield _Pair(analysis, version, source, destination, judge, titles, only)


def decisions(analysis: Analysis, felix: Felix, felix_version: int, version: int, row: Row) -> list[str]:
    """Return lines that explain the verdicts on the packets of a row, between the first two different ends in it."""
    groups = analysis.groups[version].all
    for source in iterate(row.sources):
        for destination in iterate(row.destinations):
            ends = two_ends([groups[source]], [groups[destination]], version)
            if ends is not None:
                judge = partial(way, ends, felix, version, felix_version)
                pair = _Pair(analysis, version, source, destination, judge, ["", ""], row.packets)
                return [f"for example {ends[0].title} to {ends[1].title}", *pair.decisions()]
    return []


class _Row:
    """Packets with the same verdict by the same rules; ``allowed`` is None if ``doubts`` make it uncertain."""

    def __init__(self, packets: int, allowed: bool | None, deciders: list[str], doubts: list[str]) -> None:
        self.packets = packets
        self.allowed = allowed
        self.deciders = deciders
        self.doubts = doubts

    @property
    def key(self) -> tuple[object, ...]:
        return self.allowed, *self.deciders, *self.doubts


class _Pair:
    """The packets from one group to another."""

    def __init__(
        self, analysis: Analysis, version: int, source: int, destination: int, judge: Judge, titles: list[str],
        only: int | None,
    ) -> None:  # fmt: skip
        """``judge`` returns the sides that an example packet passes, and the doubts about them."""
        self._space = analysis.space
        self._version = version
        self._titles = titles
        wanted = analysis.space.opening[version] if only is None else only & analysis.space.universe[version]
        rows: dict[tuple[object, ...], _Row] = {}
        for piece in analysis.flows[version].pieces(source, destination):
            if packets := piece & wanted:
                row = self._row(packets, judge)
                rows.setdefault(row.key, _Row(0, row.allowed, row.deciders, row.doubts)).packets |= packets
        self._rows = sorted(rows.values(), key=lambda row: (row.allowed is not True, row.allowed is not None))

    def _row(self, packets: int, judge: Judge) -> _Row:
        """Return a row for packets that all get the same verdict; judge one of them as an example."""
        sides, doubts = judge(self._space.example(packets))
        return _Row(packets, None if doubts else sides[-1].allowed, [side.last_text() for side in sides], doubts)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text output."""
        yield f"From {self._titles[0]} to {self._titles[1]}, IPv{self._version}:"
        yield from self.decisions()

    def decisions(self) -> Iterator[str]:
        """Yield lines with the packets and the rules that decide on them."""
        for row in self._rows:
            yield f"  {self._space.text(row.packets, self._version)}: {WORDS[row.allowed]}"
            yield from (f"    {decider}" for decider in row.deciders)
            yield from (f"    Not certain: {doubt}" for doubt in row.doubts)

    def records(self) -> Iterator[Document]:
        """Yield a record for each row of a table."""
        for row in self._rows:
            yield {
                "ip": f"IPv{self._version}",
                "from": self._titles[0],
                "to": self._titles[1],
                "packets": self._space.text(row.packets, self._version),
                "verdict": WORDS[row.allowed],
                "decisions": row.deciders,
                "uncertain_because": row.doubts,
            }

    def document(self) -> Document:
        """Return the pair as a document."""
        return {
            "ip_version": self._version,
            "from": self._titles[0],
            "to": self._titles[1],
            "rows": [
                {
                    "packets": self._space.document(row.packets, self._version),
                    "allowed": row.allowed,
                    "certainty": "certain" if row.allowed is not None else "not certain",
                    "deciders": row.deciders,
                    **({"uncertain_because": row.doubts} if row.doubts else {}),
                }
                for row in self._rows
            ],
        }


def _lines(pairs: list[_Pair]) -> Iterator[str]:
    for number, pair in enumerate(pairs[:_MOST_PAIRS]):
        yield from [""] if number else []
        yield from pair.lines()
    if len(pairs) > _MOST_PAIRS:
        yield ""
        yield f"and {len(pairs) - _MOST_PAIRS} more pairs: name fewer ends, or take -o json."
