"""calicoq check: everything in the datastore that Felix or BIRD treats differently than its author expects."""

from __future__ import annotations

from calicoctl.calicoq.bird_findings import bird_findings
from calicoctl.calicoq.codes import CODES, ERROR, SEVERITIES
from calicoctl.calicoq.findings import findings
from calicoctl.calicoq.formats import CSV, MD, TEXT, say_document
from calicoctl.calicoq.state import felix_version_of, snapshot_of
from calicoctl.datastore.bgp_snapshot import BgpSnapshot
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    from calicoctl.calicoq.rule_findings import Finding
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

    Key = TypeVar("Key")

_SHOWN = 3  # without --all, the number of causes shown of a kind, and of keys of a cause


def run(arguments: Arguments, environment: Environment) -> int:
    """Show the findings; return 1 if one of them is an error, otherwise 0."""
    felix_version = felix_version_of(arguments)
    snapshot = snapshot_of(environment)
    of_bird = list(bird_findings(BgpSnapshot.read(environment.client())))
    steps = environment.steps("Endpoints checked")
    try:
        found = [*findings(snapshot, felix_version, steps.show), *of_bird]
    finally:
        steps.erase()
    found.sort(key=lambda finding: finding.position)
    shown = [finding for finding in found if finding.severity == ERROR] if arguments["--errors-only"] else found
    if arguments["--output"] == TEXT:
        most = len(found) if arguments["--all"] else _SHOWN
        environment.say("\n".join(map(visible, [_summary(found), *_lines(shown, most)])), painter="finding")
    elif arguments["--output"] in (CSV, MD):
        from calicoctl.calicoq.flow_answers import say_records

        documents = [finding.document() for finding in shown]
        say_records(("severity", "code", "key", "reason", "remedy"), documents, arguments["--output"], environment)
    else:
        say_document([finding.document() for finding in shown], arguments["--output"], environment)
    return 1 if any(finding.severity == ERROR for finding in found) else 0


def _summary(found: list[Finding]) -> str:
    counts = [sum(finding.severity == severity for finding in found) for severity in SEVERITIES]
    return ", ".join(_counted(count, severity) for count, severity in zip(counts, SEVERITIES, strict=True))


def _lines(found: list[Finding], most: int) -> Iterator[str]:
    """Yield lines with the findings grouped by kind, errors first, and within a kind by cause."""
    by_code = _grouped(found, lambda finding: (SEVERITIES.index(finding.severity), finding.code))
    for (_, code), of_code in sorted(by_code.items()):
        yield ""
        yield f"{CODES[code].severity.capitalize()} {code}, {CODES[code].title}: {_counted(len(of_code), 'case')}"
        causes = list(_grouped(of_code, lambda finding: (finding.reason, finding.remedy)).values())
        causes.sort(key=len, reverse=True)
        for cause in causes[:most]:
            yield from (f"  {key}" for key in _first([finding.key for finding in cause], most))
            yield f"    {cause[0].reason}"
            yield f"    Remedy: {cause[0].remedy}"
        if rest := sum(map(len, causes[most:])):
            yield f"  and {rest} more for other reasons (--all)"
    if found:
        yield ""
        yield "'calicoq explain-code <code>' says more about a code."


def _grouped(found: Iterable[Finding], key: Callable[[Finding], Key]) -> dict[Key, list[Finding]]:
    groups: dict[Key, list[Finding]] = {}
    for finding in found:
        groups.setdefault(key(finding), []).append(finding)
    return groups


def _first(texts: Sequence[str], most: int) -> list[str]:
    more = len(texts) - most
    return [*texts[:most], *([f"and {more} more (--all)"] if more > 0 else [])]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
