"""calicoq reach: which endpoints can open which connections to which others."""

from __future__ import annotations

from functools import reduce
from operator import or_

from calicoctl.calicoq.flow_answers import (
    DOT,
    HTML,
    analysed,
    blocks,
    filters_of,
    question_text,
    read_felix,
    remarks_on,
    say_graph,
    say_table,
    selections_of,
)
from calicoctl.calicoq.formats import CSV, JSON, MD, YAML, say_document
from calicoctl.flows.groups import iterate
from calicoctl.flows.names import Names
from calicoctl.flows.rows import one_by_one, questions_of, rows_of
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from calicoctl.calicoq.formats import Document
    from calicoctl.environment import Environment
    from calicoctl.felix.view import Felix
    from calicoctl.flows.analysis import Analysis
    from calicoctl.flows.packet_filter import PacketFilter
    from calicoctl.flows.rows import Row
    from calicoctl.flows.selection import Selection
    from calicoctl.grammar import Arguments

    Shown = tuple[str, str, str, bool]  # from, to, the packets, and whether they certainly pass

_NOT_CERTAIN = "not certain"


def run(arguments: Arguments, environment: Environment) -> int:
    """Show the flows. Raises CommandError for arguments that match no end or no packet."""
    felix, felix_version = read_felix(arguments, environment)
    selections = selections_of(arguments, felix, felix_version)
    filters = filters_of(arguments["--only"], "--only")
    analysis = analysed(felix, felix_version, filters, selections, arguments["--exposure"])
    steps = environment.steps("Groups looked at")
    try:
        answer = _Answer(analysis, filters, selections, steps.show)
    finally:
        steps.erase()
    output = arguments["--output"]
    if output in (JSON, YAML):
        say_document(answer.document(), output, environment)
    elif output == HTML:
        environment.say(_page(analysis, answer, felix, felix_version))
    else:
        shown = answer.pairs() if arguments["--pairs"] else answer.rows()
        _say_rows(shown, answer.questions, output, environment)
    for remark in remarks_on(felix):
        environment.complain(f"Note: {remark}.")
    return 0


def _page(analysis: Analysis, answer: _Answer, felix: Felix, felix_version: int) -> str:
    from calicoctl.calicoq.explain import decisions
    from calicoctl.calicoq.page import REACH, Page, PageRow

    rows = [
        PageRow(
            version, names, row.sources, row.destinations, row.packets, row.is_certain,
            decisions(analysis, felix, felix_version, version, row),
        )
        for version, names, row in answer.each()
    ]  # fmt: skip
    return Page(REACH, analysis.space, rows).text()


def _say_rows(
    shown: dict[str, list[Shown]], questions: list[str], output: str, environment: Environment
) -> None:
    if output in (CSV, MD):
        lines = [
            (versions, source, destination, packets, "certain" if is_certain else _NOT_CERTAIN)
            for versions, rows in shown.items()
            for source, destination, packets, is_certain in rows
        ]
        say_table(("ip", "from", "to", "packets", "certainty"), lines, output, environment)
    elif output == DOT:
        rows = [row for rows in shown.values() for row in rows]
        edges = ((source, to, packets, "" if is_certain else "gray") for source, to, packets, is_certain in rows)
        say_graph(edges, environment)
    else:
        environment.say("\n".join(map(visible, _lines(shown, questions))))


def _lines(shown: dict[str, list[Shown]], questions: list[str]) -> Iterator[str]:
    yield from (f"Not certain: {question_text(question)}." for question in questions)
    yield from [""] if questions else []
    if not any(shown.values()):
        yield "Nothing passes."
    for place, (versions, rows) in enumerate((versions, rows) for versions, rows in shown.items() if rows):
        if len(shown) > 1:
            yield from [""] if place else []
            yield f"{versions}:"
        for source, destination, packets, is_certain in rows:
            yield f"{source} -> {destination}: {packets}{'' if is_certain else f' ({_NOT_CERTAIN})'}"


class _Answer:
    def __init__(
        self, analysis: Analysis, filters: list[PacketFilter], selections: dict[str, Selection],
        show: Callable[[int, int], None],
    ) -> None:  # fmt: skip
        """``show`` is passed to ``rows_of``."""
        self._analysis = analysis
        only = 0
        for each in filters:
            only |= each.packets(analysis.space)
        self._rows = {
            version: rows_of(flows, blocks(analysis.groups[version], selections), only if filters else -1, show)
            for version, flows in analysis.flows.items()
        }
        self._names = {version: Names(groups) for version, groups in analysis.groups.items()}
        found = (questions_of(flows, self._rows[version]) for version, flows in analysis.flows.items())
        self.questions = list(dict.fromkeys(question for questions in found for question in questions))

    def each(self) -> Iterator[tuple[int, Names, Row]]:
        """Yield the rows in the order of the output, each with its IP version and the names of the groups."""
        for version, names in self._names.items():
            texts = [(names.of(row.sources), names.of(row.destinations), number)
                     for number, row in enumerate(self._rows[version])]
            yield from ((version, names, self._rows[version][number]) for _, _, number in sorted(texts))

    def rows(self) -> dict[str, list[Shown]]:
        """Return the rows to show, by the IP versions to which they apply."""
        return self._by_versions(
            {
                version: [
                    (", ".join(names.of(row.sources)), ", ".join(names.of(row.destinations)), row)
                    for row in self._rows[version]
                ]
                for version, names in self._names.items()
            }
        )

    def pairs(self) -> dict[str, list[Shown]]:
        """Return the rows to show, with a separate row for each pair of ends."""
        return self._by_versions(
            {
                version: list(one_by_one(flows, self._rows[version], self._names[version]))
                for version, flows in self._analysis.flows.items()
            }
        )

    def _by_versions(self, found: dict[int, list[tuple[str, str, Row]]]) -> dict[str, list[Shown]]:
        versions_of: dict[Shown, list[int]] = {}
        for version, rows in found.items():
            for source, destination, row in rows:
                packets = self._analysis.space.text(row.packets, version)
                versions_of.setdefault((source, destination, packets, row.is_certain), []).append(version)
        used = list(found)
        shown: dict[str, list[Shown]] = {" and ".join(f"IPv{version}" for version in used): []}
        shown.update((f"IPv{version}", []) for version in used)
        for each, versions in sorted(versions_of.items()):
            shown[" and ".join(f"IPv{version}" for version in versions)].append(each)
        return shown

    def document(self) -> Document:
        """Return the answer as a document: groups, and rows that refer to them by their ids."""
        return {
            "groups": [
                self._group_document(version, number)
                for version, rows in self._rows.items()
                for number in iterate(reduce(or_, (row.sources | row.destinations for row in rows), 0))
            ],
            "flows": [
                {
                    "ip_version": version,
                    "from": ", ".join(self._names[version].of(row.sources)),
                    "to": ", ".join(self._names[version].of(row.destinations)),
                    "from_groups": [f"{version}.{number}" for number in iterate(row.sources)],
                    "to_groups": [f"{version}.{number}" for number in iterate(row.destinations)],
                    "packets": self._analysis.space.document(row.packets, version),
                    "certainty": "certain" if row.is_certain else _NOT_CERTAIN,
                }
                for version in self._analysis.flows
                for row in self._rows[version]
            ],
            **({"uncertain_because": list(map(question_text, self.questions))} if self.questions else {}),
        }


    def _group_document(self, version: int, number: int) -> Document:
        group = self._analysis.groups[version].all[number]
        document: Document = {"id": f"{version}.{number}", "title": ", ".join(self._names[version].of(1 << number))}
        if group.guard is not None:
            document["profiles"] = list(group.guard.endpoint.profile_ids)
            parties = sorted(group.parties, key=lambda party: (party.name, party.address))
            document["endpoints"] = [{"name": party.name, "address": str(party.address)} for party in parties]
        return document
