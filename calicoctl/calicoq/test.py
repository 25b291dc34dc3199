"""calicoq test: check that the flows are as expected."""

from __future__ import annotations

from calicoctl.calicoq import expectations
from calicoctl.calicoq.expectations import ALLOW, Expectation
from calicoctl.calicoq.flow_answers import analysed, read_felix, say_records
from calicoctl.calicoq.flow_examples import two_ends, verdict_text
from calicoctl.calicoq.formats import CSV, JSON, MD, YAML, say_document
from calicoctl.errors import CommandError
from calicoctl.flows.groups import iterate
from calicoctl.flows.selection import selection
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.calicoq.formats import Document
    from calicoctl.environment import Environment
    from calicoctl.felix.view import Felix
    from calicoctl.flows.analysis import Analysis
    from calicoctl.flows.groups import Groups
    from calicoctl.flows.selection import Selection
    from calicoctl.grammar import Arguments

HOLD, VIOLATED = 0, 1
TAP, JUNIT = "tap", "junit"


class _Outcome:
    """An expectation, and the reason why it does not hold; the reason is empty if it holds."""

    def __init__(self, expectation: Expectation, reason: str) -> None:
        self.expectation = expectation
        self.reason = reason

    def document(self) -> Document:
        """Return the outcome as a document."""
        return {
            "name": self.expectation.name,
            "place": self.expectation.place,
            "holds": not self.reason,
            **({"reason": self.reason} if self.reason else {}),
        }


def run(arguments: Arguments, environment: Environment) -> int:
    """Show which expectations hold; return 1 if one does not, else 0. Raises CommandError for invalid expectations."""
    if bool(arguments["<file>"]) == arguments["--record"]:
        raise CommandError("Give the files with the expectations, or --record to print some.")
    if arguments["--record"]:
        from calicoctl.calicoq.recording import record

        return record(arguments, environment)
    expected = expectations.read(arguments["<file>"], environment)
    felix, felix_version = read_felix(arguments, environment)
    outcomes = _outcomes(expected, felix, felix_version)
    output = arguments["--output"]
    if output in (JSON, YAML):
        say_document([outcome.document() for outcome in outcomes], output, environment)
    elif output in (CSV, MD):
        documents = [outcome.document() for outcome in outcomes]
        say_records(("name", "place", "holds", "reason"), documents, output, environment)
    else:
        lines = {TAP: _tap, JUNIT: _junit}.get(output, _text)
        environment.say("\n".join(map(visible, lines(outcomes))))
    return VIOLATED if any(outcome.reason for outcome in outcomes) else HOLD


def _outcomes(expected: list[Expectation], felix: Felix, felix_version: int) -> list[_Outcome]:
    """Judge all expectations with a single analysis."""
    selections: dict[str, Selection] = {}
    nobody: dict[int, str] = {}
    for number, expectation in enumerate(expected):
        for side, ends in (("from", expectation.sources), ("to", expectation.destinations)):
            for place, text in enumerate(ends):
                try:
                    selections[f"{number} {side} {place}"] = selection(text, felix, felix_version)
                except ValueError as error:
                    nobody.setdefault(number, str(error).rstrip("."))
    filters = [each for expectation in expected for each in expectation.filters]
    analysis = analysed(felix, felix_version, filters, selections)
    return [
        _Outcome(expectation, nobody.get(number) or _violation(number, expectation, analysis, felix, felix_version))
        for number, expectation in enumerate(expected)
    ]


def _violation(number: int, expectation: Expectation, analysis: Analysis, felix: Felix, felix_version: int) -> str:
    """Return an example of a violation, with the step that decides; an empty text if the expectation holds."""
    wanted = 0
    for each in expectation.filters:
        wanted |= each.packets(analysis.space)
    has_ends = False
    for version, groups in analysis.groups.items():
        if expectation.ip_version not in (None, version):
            continue
        flows = analysis.flows[version]
        sources = _selected(groups, f"{number} from", len(expectation.sources))
        packets = wanted & flows.space.opening[version]
        for destination in iterate(_selected(groups, f"{number} to", len(expectation.destinations))):
            rest = sources
            passing = list(flows.into(destination))
            for mask, _ in passing:
                rest &= ~mask
            for mask, (surely, maybe) in [*passing, (rest, (0, 0))]:
                wrong = packets & ~surely if expectation.verb == ALLOW else packets & maybe
                senders = [groups.all[each] for each in iterate(mask & sources)]
                ends = two_ends(senders, [groups.all[destination]], version)
                has_ends = has_ends or (ends is not None and packets != 0)
                if wrong and ends is not None:
                    header = flows.space.example(wrong)
                    verdict = verdict_text(ends, felix, version, felix_version, header)
                    return f"{ends[0].title} to {ends[1].title}, {header.text()}: {verdict}"
    return "" if has_ends else "there is no pair of ends with addresses of one IP version that could have such packets"


def _selected(groups: Groups, name: str, number: int) -> int:
    found = 0
    for place in range(number):
        found |= groups.selected(f"{name} {place}")
    return found


def _text(outcomes: list[_Outcome]) -> Iterator[str]:
    violated = [outcome for outcome in outcomes if outcome.reason]
    for outcome in violated:
        yield f"{outcome.expectation.place}: {outcome.expectation.name}"
        yield f"    {outcome.reason}"
    yield from [""] if violated else []
    yield f"{len(outcomes) - len(violated)} of {len(outcomes)} expectations hold."


def _tap(outcomes: list[_Outcome]) -> Iterator[str]:
    yield "TAP version 13"
    yield f"1..{len(outcomes)}"
    for number, outcome in enumerate(outcomes, start=1):
        name = outcome.expectation.name.replace("\\", "\\\\").replace("#", "\\#")
        yield f"{'not ok' if outcome.reason else 'ok'} {number} - {name}"
        yield from [f"# {outcome.reason}"] if outcome.reason else []


def _junit(outcomes: list[_Outcome]) -> Iterator[str]:
    failures = sum(bool(outcome.reason) for outcome in outcomes)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuite name="calicoq test" tests="{len(outcomes)}" failures="{failures}">'
    for outcome in outcomes:
        place = outcome.expectation.place.rpartition(":")[0]
        case = f'  <testcase classname="{_xml(place)}" name="{_xml(outcome.expectation.name)}"'
        if outcome.reason:
            yield f'{case}><failure message="{_xml(outcome.reason)}"/></testcase>'
        else:
            yield f"{case}/>"
    yield "</testsuite>"


def _xml(text: str) -> str:
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;")
