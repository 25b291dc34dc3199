"""calicoq diff: the flows that a change opens and closes."""

from __future__ import annotations

from calicoctl.calicoq import sources
from calicoctl.calicoq.flow_answers import (
    DOT,
    HTML,
    analysed,
    blocks,
    filters_of,
    say_graph,
    say_table,
    selections_of,
)
from calicoctl.calicoq.flow_examples import two_ends, verdict_text
from calicoctl.calicoq.formats import CSV, JSON, MD, YAML, say_document
from calicoctl.calicoq.state import felix_version_of, read_snapshot, snapshot_of
from calicoctl.datastore.snapshot import Snapshot
from calicoctl.errors import CommandError
from calicoctl.felix.evaluation import FELIX_1
from calicoctl.felix.view import Felix
from calicoctl.flows.difference import ALONE, CLOSES, OPENS, UNCERTAIN, Alone, Difference, InEither, JointGroups
from calicoctl.flows.groups import RuleTests, iterate
from calicoctl.flows.names import Names
from calicoctl.flows.rows import rows_of
from calicoctl.output import visible
from calicoctl.resources.files import saved_datastore

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from calicoctl.calicoq.formats import Document
    from calicoctl.environment import Environment
    from calicoctl.flows.analysis import Analysis
    from calicoctl.flows.difference import Change
    from calicoctl.flows.rows import Row
    from calicoctl.grammar import Arguments

SAME, DIFFERENT = 0, 1
_SIGNS = {OPENS: "+", CLOSES: "-", UNCERTAIN: "?"}
_COLOURS = {OPENS: "green", CLOSES: "red", UNCERTAIN: "magenta"}


def run(arguments: Arguments, environment: Environment) -> int:
    """Show the changes; return 1 if there are any, otherwise 0. Raises CommandError for invalid arguments."""
    felix_version = felix_version_of(arguments)
    before, after = _both(arguments, environment)
    steps = environment.steps("Groups compared")
    try:
        answer = _Answer(arguments, before, after, felix_version, steps.show)
    finally:
        steps.erase()
    output = arguments["--output"]
    if output in (JSON, YAML):
        say_document(answer.document(), output, environment)
    elif output == HTML:
        environment.say(answer.page())
    elif output in (CSV, MD):
        lines = [
            (_SIGNS[each.kind], f"IPv{each.version}", each.source, each.destination, each.packets, each.remark)
            for each in answer.shown
        ]
        say_table(("change", "ip", "from", "to", "packets", "endpoints"), lines, output, environment)
    elif output == DOT:
        edges = ((c.source, c.destination, f"{_SIGNS[c.kind]} {c.packets}", _COLOURS[c.kind]) for c in answer.shown)
        say_graph(edges, environment)
    else:
        environment.say("\n".join(map(visible, _lines(answer.shown))))
    return DIFFERENT if answer.shown else SAME


def flow_changes(before: Snapshot, after: Snapshot) -> tuple[list[str], set[str]]:
    """Return the changes for Felix 1.4 as lines of text, and the set of their signs: ``+``, ``-``, ``?``.

    Raises CommandError if there are too many groups to compare.
    """
    felix = Felix(before)
    everything = dict.fromkeys(("<substring>", "--from", "--to", "--only"))
    answer = _Answer(everything, felix, Felix(after, beside=felix), FELIX_1)
    return list(_lines(answer.shown)), {_SIGNS[change.kind] for change in answer.shown}


def _both(arguments: Arguments, environment: Environment) -> tuple[Felix, Felix]:
    """Return the states before and after the change. Raises CommandError for options that cannot be combined."""
    old, new = arguments["--before"], arguments["--after"]
    if old is None and not arguments["--with"]:
        raise CommandError("There is no change to look at: give --with=FILE, or --before=FILE.")
    if new is not None and (old is None or arguments["--snapshot"] is not None):
        raise CommandError("--after goes with --before, and not with --snapshot.")
    before = Felix(Snapshot.read(saved_datastore(old, environment))) if old is not None else None
    now = sources.copied(new if new is not None else arguments["--snapshot"], environment)
    environment.work_on(now)
    if before is None:
        before = Felix(read_snapshot(environment))
    for document in arguments["--with"]:
        sources.apply(document, environment)
    return before, Felix(snapshot_of(environment), beside=before)


def _lines(shown: list[_Shown]) -> Iterator[str]:
    if not shown:
        yield "No flow changes."
    remark: str | None = None
    for change in shown:
        if change.remark != remark:
            yield from [""] if remark is not None else []
            yield from [f"{change.remark.capitalize()}:"] if change.remark else []
            remark = change.remark
        version = f" (IPv{change.version})" if change.names_version else ""
        yield f"{_SIGNS[change.kind]} {change.source} -> {change.destination}: {change.packets}{version}"
        yield from (f"    {line}" for line in change.example)


class _Shown:
    """A change as shown; ``remark`` is empty unless the change is due to endpoints that are new or gone.

    ``example`` describes a packet, and the verdicts before and after, in lines.
    """

    def __init__(
        self, kind: str, version: int, source: str, destination: str, packets: str, remark: str, example: list[str],
        document: Document, names_version: bool, row: Change | Row, names: Names,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.version = version
        self.source = source
        self.destination = destination
        self.packets = packets
        self.remark = remark
        self.example = example
        self.document = document
        self.names_version = names_version
        self.row = row
        self.names = names

    @property
    def position(self) -> tuple[object, ...]:
        return self.remark, self.version, "+-?".index(_SIGNS[self.kind]), self.source, self.destination, self.packets


class _Answer:
    def __init__(
        self, arguments: Arguments, before: Felix, after: Felix, felix_version: int,
        show: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:  # fmt: skip
        """``show`` is passed to ``Difference.changes``."""
        self._felix_version = felix_version
        self._states = before, after
        try:
            selections = selections_of(arguments, after, felix_version)
        except CommandError:
            selections = selections_of(arguments, before, felix_version)  # they may exist only before
        selections = {name: InEither(each, (before, after)) for name, each in selections.items()}
        filters = filters_of(arguments["--only"], "--only")
        old = analysed(
            before, felix_version, filters, {**selections, ALONE: Alone(after)}, tests=RuleTests.of(before, after)
        )
        new = analysed(after, felix_version, filters, {**selections, ALONE: Alone(before)}, before=old)
        self._analyses = old, new
        self._only = 0 if filters else -1
        for each in filters:
            self._only |= each.packets(self._analyses[0].space)
        self._selections = selections
        self._names_version = len({version for analysis in self._analyses for version in analysis.flows}) > 1
        self._show = show
        self.shown = sorted(self._all(), key=lambda change: change.position)

    def document(self) -> Document:
        """Return the answer as a document."""
        return {"changes": [change.document for change in self.shown]}

    def page(self) -> str:
        """Return the answer as an HTML page."""
        from calicoctl.calicoq.page import DIFF, Page, PageRow

        rows = [
            PageRow(
                each.version, each.names, each.row.sources, each.row.destinations, each.row.packets, True,
                each.example, _SIGNS[each.kind], each.remark,
            )
            for each in self.shown
        ]  # fmt: skip
        return Page(DIFF, self._analyses[1].space, rows).text()

    def _all(self) -> Iterator[_Shown]:
        for version in (4, 6):
            old, new = self._analyses
            if version in old.flows and version in new.flows:
                yield from self._changes(version)
            for analysis, kind, remark in ((old, CLOSES, "endpoints that are gone"), (new, OPENS, "new endpoints")):
                if version in analysis.flows:
                    yield from self._of_those_alone(analysis, version, kind, remark)

    def _changes(self, version: int) -> Iterator[_Shown]:
        old, new = self._analyses
        groups = JointGroups(old.groups[version], new.groups[version])
        difference = Difference(old.flows[version], new.flows[version], groups)
        names = Names(groups)
        for change in difference.changes(blocks(groups, self._selections), self._only, self._show):
            example = self._example(change, groups, version)
            yield self._shown(change.kind, version, names, change, new, "", example)

    def _of_those_alone(self, analysis: Analysis, version: int, kind: str, remark: str) -> Iterator[_Shown]:
        groups = analysis.groups[version]
        alone = groups.selected(ALONE)
        names = Names(groups)
        pairs = [
            block
            for sources, destinations in blocks(groups, self._selections)
            for block in ((sources, destinations & alone), (sources & alone, destinations & ~alone))
        ]
        for row in rows_of(analysis.flows[version], pairs, self._only) if alone else ():
            yield self._shown(kind if row.is_certain else UNCERTAIN, version, names, row, analysis, remark, [])

    def _shown(
        self, kind: str, version: int, names: Names, row: Change | Row, analysis: Analysis, remark: str,
        example: list[str],
    ) -> _Shown:  # fmt: skip
        source, destination = (", ".join(names.of(mask)) for mask in (row.sources, row.destinations))
        document = {
            "change": kind,
            "ip_version": version,
            "from": source,
            "to": destination,
            "packets": analysis.space.document(row.packets, version),
            **({"endpoints": remark} if remark else {}),
            **({"example": example} if example else {}),
        }
        packets = analysis.space.text(row.packets, version)
        return _Shown(
            kind, version, source, destination, packets, remark, example, document, self._names_version, row, names
        )

    def _example(self, change: Change, groups: JointGroups, version: int) -> list[str]:
        """Return lines with an example packet of a change, and the verdicts before and after."""
        sources, destinations = (
            (groups.all[number] for number in iterate(mask)) for mask in (change.sources, change.destinations)
        )
        ends = two_ends(sources, destinations, version)
        if ends is None:
            return []
        header = self._analyses[1].space.example(change.packets)
        verdicts = (verdict_text(ends, felix, version, self._felix_version, header) for felix in self._states)
        return [
            f"for example {ends[0].title} to {ends[1].title}, {header.text()}",
            *(f"{when}: {verdict}" for when, verdict in zip(("before", "after"), verdicts, strict=True)),
        ]
