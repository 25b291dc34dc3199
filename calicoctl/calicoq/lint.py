"""calicoq lint: rules without effect, and unused objects."""

from __future__ import annotations

import re

from calicoctl.calicoq import lint_codes
from calicoctl.calicoq.flow_answers import analysed, say_records
from calicoctl.calicoq.formats import CSV, MD, TEXT, say_document
from calicoctl.calicoq.lint_codes import ALWAYS, CODES, LEVELS
from calicoctl.calicoq.state import felix_version_of, read_snapshot
from calicoctl.errors import CommandError
from calicoctl.felix.view import Felix
from calicoctl.felix.walk import policy_title
from calicoctl.flows import lint
from calicoctl.model.rule_text import rule_text
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from calicoctl.calicoq.formats import Document
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.policy import Policy
    from calicoctl.model.rules import Rules

_CODES = {
    lint.EMPTY: lint_codes.EMPTY_RULE,
    lint.SHADOWED: lint_codes.SHADOWED,
    lint.CONTRADICTED: lint_codes.CONTRADICTED,
    lint.REDUNDANT: lint_codes.REDUNDANT,
}
_FIELDS = (  # the columns of a table
    "code", "severity", "level", "owner", "direction", "rule_number", "rule", "covered_by", "what", "remedy",
)  # fmt: skip
_MOST_OTHERS = 5  # the number of covering rules shown for one rule


class _Finding:
    """A finding: ``owner`` is a profile, policy or tier in words, ``name`` its name; ``remedy`` may be a command."""

    def __init__(
        self, code: str, owner: str, name: str, remedy: str, direction: str = "", number: int | None = None,
        rule: str = "", others: Sequence[tuple[int, str]] = (), what: str = "",
    ) -> None:  # fmt: skip
        self.code = code
        self.owner = owner
        self.name = name
        self.remedy = remedy
        self.direction = direction
        self.number = number
        self.rule = rule
        self.others = others
        self.what = what

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text output."""
        if self.number is None:
            yield f"  {self.owner}{f' {self.what}' if self.what else ''}"
        else:
            yield f"  {self.owner} {self.direction} rule {self.number}: {self.rule}"
        for number, rule in self.others[:_MOST_OTHERS]:
            yield f"    covered by rule {number}: {rule}"
        if len(self.others) > _MOST_OTHERS:
            yield f"    and by {len(self.others) - _MOST_OTHERS} more"
        yield f"    Remedy: {self.remedy}"

    def document(self) -> Document:
        """Return the finding as a document."""
        return {
            "code": self.code,
            "severity": CODES[self.code].severity,
            "level": LEVELS.get(self.code, ALWAYS),
            "owner": self.owner,
            **({"direction": self.direction} if self.direction else {}),
            **({"rule_number": self.number, "rule": self.rule} if self.number is not None else {}),
            **({"covered_by": [number for number, _ in self.others]} if self.others else {}),
            **({"what": self.what} if self.what else {}),
            "remedy": self.remedy,
        }


def run(arguments: Arguments, environment: Environment) -> int:
    """Show the findings; with --strict, return 1 if there are any, else 0. Raises CommandError for unknown names."""
    felix_version = felix_version_of(arguments)
    snapshot = read_snapshot(environment)
    felix = Felix(snapshot)
    names = set(arguments["<name>"])
    known = {*felix.profiles, *felix.tags, *(policy.name for policy in felix.policies), *felix.tiers}
    if unknown := sorted(names - known):
        raise CommandError(f"There is no profile, policy or tier {visible(unknown[0])}.")
    found = [each for each in _all(felix, felix_version) if not names or each.name in names]
    found.sort(key=lambda each: (each.code, each.owner, each.direction, each.number or 0, each.what))
    if arguments["--output"] == TEXT:
        environment.say("\n".join(map(visible, _lines(found))), painter="finding")
    elif arguments["--output"] in (CSV, MD):
        say_records(_FIELDS, [each.document() for each in found], arguments["--output"], environment)
    else:
        say_document([each.document() for each in found], arguments["--output"], environment)
    return 1 if found and arguments["--strict"] else 0


def _lines(found: list[_Finding]) -> Iterator[str]:
    yield f"{len(found)} finding{'' if len(found) == 1 else 's'}"
    for code in sorted({each.code for each in found}):
        of_code = [each for each in found if each.code == code]
        title = f"{CODES[code].severity.capitalize()} {code}, {CODES[code].title}"
        yield ""
        yield f"{title} ({LEVELS.get(code, ALWAYS)}): {len(of_code)} case{'' if len(of_code) == 1 else 's'}"
        for each in of_code:
            yield from each.lines()
    if found:
        yield ""
        yield "'calicoq explain-code <code>' says more about a code."


def _all(felix: Felix, felix_version: int) -> Iterator[_Finding]:
    for name, rules in felix.profiles.items():
        yield from _of_rules(f'Profile "{name}"', name, rules, felix_version, is_profile=True)
    for policy in felix.policies:
        yield from _of_rules(policy_title(policy), policy.name, policy.rules, felix_version, is_profile=False)
    for unreached in lint.unreached_lists(analysed(felix, felix_version, (), {})):
        if unreached.rectangles:
            yield _Finding(
                lint_codes.UNREACHED, unreached.where, unreached.name, "Remove the rules, or what decides before them.",
                what=f"{unreached.direction} rules", direction=unreached.direction,
            )  # fmt: skip
    yield from _unused(felix, felix_version)


def _of_rules(owner: str, name: str, rules: Rules, felix_version: int, is_profile: bool) -> Iterator[_Finding]:
    for direction in ("inbound", "outbound"):
        listed = rules.in_direction(direction)
        for found in lint.findings_of(rules, direction, felix_version, is_profile):
            command = f"calicoctl profile {name} rule remove {direction} --at={found.number}"
            yield _Finding(
                _CODES[found.kind], owner, name,
                command if is_profile else "Remove the rule, or correct it.",
                direction, found.number, rule_text(listed[found.number - 1]),
                [(number, rule_text(listed[number - 1])) for number in found.others],
            )  # fmt: skip


def _unused(felix: Felix, felix_version: int) -> Iterator[_Finding]:
    used = {name for endpoint in felix.endpoints.values() for name in endpoint.profile_ids}
    for name in sorted(felix.profiles.keys() - used):
        yield _Finding(lint_codes.UNUSED_PROFILE, f'Profile "{name}"', name, f"calicoctl profile remove {name}")
    rules = [*felix.profiles.values(), *(policy.rules for policy in felix.policies)]
    fields = [rule.fields for both in rules for rule in (*both.inbound, *both.outbound)]
    named = {value for each in fields for key, value in each.items() if key.endswith("_tag")}
    tested = _words([*_selectors(fields), *(policy.selector_text for policy in felix.policies)])
    for name, tags in sorted(felix.tags.items()):
        for tag in tags:
            if tag not in named and not (felix_version == 2 and tag in tested):
                remedy = f"calicoctl profile {name} tag remove {tag}"
                yield _Finding(lint_codes.UNUSED_TAG, f'Profile "{name}"', name, remedy, what=f"tag {tag}")
    for name, labels in sorted(felix.labels.items()):
        for label in sorted(set(labels) - tested):
            remedy = "Leave it out of the profile."
            yield _Finding(lint_codes.UNUSED_LABEL, f'Profile "{name}"', name, remedy, what=f"label {label}")
    yield from _unused_policies(felix, felix_version)


def _unused_policies(felix: Felix, felix_version: int) -> Iterator[_Finding]:
    identities = felix.identities[felix_version]
    labels = [identities.of_endpoint(endpoint).labels for endpoint in felix.endpoints.values()]
    distinct = list({frozenset(each.items()): each for each in labels}.values())

    def selects(policy: Policy) -> bool:
        return any(policy.selector.matches(each) for each in distinct)

    for policy in felix.policies:
        if not selects(policy):
            owner = policy_title(policy)
            yield _Finding(lint_codes.UNUSED_POLICY, owner, policy.name, "Remove it, or correct its selector.")
    for name in sorted(felix.tiers.keys() - {policy.tier for policy in felix.policies} - {"default"}):
        yield _Finding(lint_codes.UNUSED_TIER, f'Tier "{name}"', name, "Remove it.")


def _selectors(fields: Sequence[dict[str, object]]) -> list[str]:
    found = (value for each in fields for key, value in each.items() if key.endswith("_selector"))
    return [value for value in found if isinstance(value, str)]


def _words(selectors: Sequence[str]) -> set[str]:
    """Return all words in selectors: the names of labels, and others."""
    return {word for text in set(selectors) for word in re.findall(r"[\w./-]+", text)}
