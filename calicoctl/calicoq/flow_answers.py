"""Common parts of the commands about flows: read and analyse the datastore, and print tables and graphs."""

from __future__ import annotations

from calicoctl.calicoq.formats import MD
from calicoctl.calicoq.state import felix_version_of, read_snapshot
from calicoctl.errors import CommandError
from calicoctl.felix.view import Felix
from calicoctl.flows.analysis import Analysis, TooManyGroups
from calicoctl.flows.groups import addresses_of
from calicoctl.flows.packet_filter import filters_from
from calicoctl.flows.programs import DESTINATION, SOURCE
from calicoctl.flows.selection import selection
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from calicoctl.environment import Environment
    from calicoctl.flows.difference import JointGroups
    from calicoctl.flows.flows import Block
    from calicoctl.flows.groups import Groups, RuleTests
    from calicoctl.flows.packet_filter import PacketFilter
    from calicoctl.flows.selection import Selection
    from calicoctl.grammar import Arguments

DOT, HTML = "dot", "html"


def read_felix(arguments: Arguments, environment: Environment) -> tuple[Felix, int]:
    """Return the datastore as Felix sees it, read once, and the requested version of Felix."""
    felix_version = felix_version_of(arguments)
    return Felix(read_snapshot(environment)), felix_version


def selected(text: str, felix: Felix, felix_version: int) -> Selection:
    """Return the ends that a text selects. Raises CommandError if it selects none."""
    try:
        return selection(text, felix, felix_version)
    except ValueError as error:
        raise CommandError(visible(str(error))) from None


def selections_of(arguments: Arguments, felix: Felix, felix_version: int) -> dict[str, Selection]:
    """Return the ends that --from, --to and <substring> select. Raises CommandError if one selects none."""
    return {
        name: selected(arguments[argument], felix, felix_version)
        for name, argument in (("from", "--from"), ("to", "--to"), ("about", "<substring>"))
        if arguments[argument] is not None
    }


def blocks(groups: Groups | JointGroups, selections: Container[str]) -> list[Block]:
    """Return the requested pairs as blocks that do not overlap: the sources and the destinations of each, as bits."""
    chosen = {name: groups.selected(name) if name in selections else groups.mask for name in ("from", "to", "about")}
    sources, destinations, about = chosen["from"], chosen["to"], chosen["about"]
    return [(sources, destinations & about), (sources & about, destinations & ~about)]


def filters_of(text: str | None, option: str) -> list[PacketFilter]:
    """Return the packet filters in the value of an option. Raises CommandError if it is invalid."""
    try:
        return filters_from(text) if text is not None else []
    except ValueError as error:
        raise CommandError(visible(f"{option}: {error}.")) from None


def analysed(
    felix: Felix, felix_version: int, filters: Sequence[PacketFilter], selections: Mapping[str, Selection],
    with_imagined: bool = False, tests: RuleTests | None = None, before: Analysis | None = None,
) -> Analysis:  # fmt: skip
    """Return the analysis of flows. Raises CommandError if the rules distinguish too many groups."""
    try:
        return Analysis(felix, felix_version, filters, selections, with_imagined, tests, before)
    except TooManyGroups as error:
        raise CommandError(
            f"Too much to compare: {error}.\n"
            "Look at a part of them with --from and --to. Fewer networks in rules that cut endpoints apart leave fewer."
        ) from None


def remarks_on(felix: Felix) -> Iterator[str]:
    """Yield notes on what is left out of every answer about flows."""
    if refused := felix.refused_endpoints():
        is_halted = any(felix.standstill(host) for host in {name.host for name in refused})
        effect = "the rules that were in force before may still be" if is_halted else "nothing passes there"
        yield f"{_left_out(len(refused))} that Felix refuses: {effect}, see 'calicoq check'"
    if without := sum(not addresses_of(endpoint, felix) for endpoint in felix.endpoints.values()):
        yield f"{_left_out(without)} without a known address"
    if felix.has_host_addresses_without_endpoint():
        yield (
            "An address of a host that no endpoint has counts as any other address, also between the host and its own "
            "workloads, where other rules decide; ask 'calicoq verdict'"
        )


def _left_out(number: int) -> str:
    return f"Left out: {number} endpoint{'s' if number > 1 else ''}"


def question_text(question: str) -> str:
    """Return the text of an open question that concerns the ends of every row."""
    return question.replace(SOURCE, "the source").replace(DESTINATION, "the destination")


def say_table(headings: Sequence[str], rows: Iterable[Sequence[str]], output: str, environment: Environment) -> None:
    """Print rows as CSV, or as a Markdown table."""
    if output == MD:
        lines = [headings, ["---"] * len(headings), *rows]
        environment.say("\n".join(f"| {' | '.join(map(_md_cell, line))} |" for line in lines))
        return
    environment.say("\n".join(",".join(map(_csv_cell, line)) for line in (headings, *rows)))


def say_records(
    fields: Sequence[str], documents: Iterable[Mapping[str, object]], output: str, environment: Environment
) -> None:
    """Print documents as a table with a column for each field; lists in a cell are joined by semicolons."""
    say_table(fields, [[_cell(document.get(field)) for field in fields] for document in documents], output, environment)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _md_cell(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _csv_cell(text: str) -> str:
    """Quote a text with a comma, quote or line end; put an apostrophe before what spreadsheets take for a formula."""
    if text[:1] in ("=", "+", "-", "@"):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def say_graph(edges: Iterable[tuple[str, str, str, str]], environment: Environment) -> None:
    """Print a graph for Graphviz: from, to, label and colour of each edge; the colour may be empty."""
    nodes: dict[str, str] = {}
    lines = []
    for source, destination, label, colour in edges:
        ends = [nodes.setdefault(name, f"n{len(nodes)}") for name in (source, destination)]
        painted = f', color={colour}, fontcolor={colour}' if colour else ""
        lines.append(f"  {ends[0]} -> {ends[1]} [label={_quoted(label)}{painted}]")
    titles = [f"  {node} [label={_quoted(name)}]" for name, node in nodes.items()]
    environment.say("\n".join(["digraph flows {", "  rankdir=LR", "  node [shape=box]", *titles, *lines, "}"]))


def _quoted(text: str) -> str:
    return '"' + visible(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
