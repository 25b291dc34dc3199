"""calicoq check: everything in the datastore that is not as its author thinks."""

from __future__ import annotations

from calicoctl.calicoq.findings import findings
from calicoctl.calicoq.formats import TEXT, say_document
from calicoctl.calicoq.rule_findings import ERROR, NOTE, WARNING
from calicoctl.calicoq.state import snapshot_of
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.calicoq.rule_findings import Finding
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Show the findings; the status is 1 if one of them is an error."""
    found = findings(snapshot_of(environment))
    if arguments["--output"] == TEXT:
        for finding in found:
            environment.say("\n".join(map(visible, _lines(finding))))
        environment.say(_summary(found))
    else:
        say_document([finding.document() for finding in found], arguments["--output"], environment)
    return 1 if any(finding.severity == ERROR for finding in found) else 0


def _lines(finding: Finding) -> list[str]:
    return [
        f"{finding.severity.capitalize()}: {finding.key}",
        f"  {finding.reason}",
        f"  Remedy: {finding.remedy}",
        "",
    ]


def _summary(found: list[Finding]) -> str:
    counts = [(sum(finding.severity == severity for finding in found), severity) for severity in (ERROR, WARNING, NOTE)]
    return ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for count, severity in counts)
