"""The findings of ``calicoq check`` about valid rules, and the class of all findings."""

from __future__ import annotations

from calicoctl.calicoq import codes
from calicoctl.calicoq.codes import CODES, SEVERITIES
from calicoctl.felix.evaluation import FELIX_1
from calicoctl.felix.rules import faults, log_prefix_written, unprogrammable
from calicoctl.model.rule_match import matches_of
from calicoctl.model.selector import SelectorError, without_one_value_sets

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.rule import Rule
    from calicoctl.model.rule_match import RuleMatch
    from calicoctl.model.rules import Rules


POLICY, SKIPPED_POLICY, PROFILE = "policy", "skipped policy", "profile"  # the owner of rules


class Finding:
    """A finding: its ``code`` (codes.py), the ``key`` in etcd, the ``reason`` and the ``remedy``."""

    __slots__ = ("code", "key", "reason", "remedy")

    def __init__(self, code: str, key: str, reason: str, remedy: str) -> None:
        self.code = code
        self.key = key
        self.reason = reason
        self.remedy = remedy

    @property
    def severity(self) -> str:
        """``error``, ``warning`` or ``note``."""
        return CODES[self.code].severity

    @property
    def position(self) -> tuple[int, str]:
        """The sort key of findings: the severity, then the key in etcd."""
        return SEVERITIES.index(self.severity), self.key

    def document(self) -> dict[str, str]:
        """Return the finding as a document."""
        return {
            "severity": self.severity, "code": self.code, "key": self.key, "reason": self.reason, "remedy": self.remedy
        }  # fmt: skip


class Owner:
    """A policy or profile: ``matches``, the selectors and tags of its rules, and ``users``, its endpoints.

    The users of a policy are the endpoints that it selects; the users of a profile are the endpoints that list it.
    ``versions`` are the IP versions of the users. ``unmatched`` are the ``matches`` that match no endpoint.
    """

    __slots__ = ("matches", "unmatched", "versions", "users")

    def __init__(self, matches: list[RuleMatch]) -> None:
        self.matches = matches
        self.unmatched: list[RuleMatch] = []
        self.versions: set[int] = set()
        self.users: list[Endpoint] = []

    @classmethod
    def of_rules(cls, rules: Rules) -> Owner:
        """Return the owner of valid rules, without users."""
        return cls(matches_of(rules))

    def add_user(self, versions: set[int], endpoint: Endpoint) -> None:
        """Add an endpoint, with addresses of these IP versions, to the users."""
        self.versions |= versions
        self.users.append(endpoint)


def rule_findings(
    key: str, rules: Rules, owner: Owner, kind: str, felix_version: int
) -> Iterator[Finding]:
    """Yield the findings about valid rules; ``kind`` is POLICY, SKIPPED_POLICY or PROFILE."""
    for direction, listed in (("inbound", rules.inbound), ("outbound", rules.outbound)):
        for number, rule in enumerate(listed, start=1):
            where = f"{direction} rule {number}"
            for code, reason, remedy in _of_rule(rule, owner, kind, felix_version):
                yield Finding(code, key, f"{where}: {reason}", remedy)
            if number < len(listed) and _is_for_every_packet(rule):
                reason = f"{where}: it applies to every packet: no rule after it is ever reached"
                remedy = "Remove it or the rules after it. If an apply or replace was interrupted, run it again."
                yield Finding(codes.NEVER_REACHED, key, reason, remedy)
    for match in owner.matches:
        if match.selector is not None and match.selector.is_misfiled and felix_version == FELIX_1:
            where = f"{match.direction} rule {match.number}: {match.side} {match.what}"
            yield misfiled(key, where, match.text)
    for match in owner.unmatched:
        where = f"{match.direction} rule {match.number}"
        nobody = "no endpoint with an address has it"
        if match.selector is not None:
            nobody = "it matches no endpoint with an address"
        effect = ", so it excludes no packet" if match.side.startswith("!") else ""
        reason = f"{where}: {match.side} {match.what}: {nobody}{effect}"
        yield Finding(codes.MATCHES_NOBODY, key, reason, "Correct the rule, or remove it.")


def misfiled(key: str, where: str, selector: str) -> Finding:
    """Return the finding for a selector that Felix 1.4 indexes under the wrong labels."""
    reason = (
        f"{where}: it combines an in of a single value with other conditions: Felix 1.4 may not apply it to all "
        "endpoints that match"
    )
    try:
        return Finding(codes.MISFILED_SELECTOR, key, reason, f"Write it as {without_one_value_sets(selector)}")
    except SelectorError:
        return Finding(codes.MISFILED_SELECTOR, key, reason, "Write == in place of each in of a single value.")


def _is_for_every_packet(rule: Rule) -> bool:
    conditions = {key for key, value in rule.fields.items() if value is not None} - {"action", "log_prefix"}
    return not conditions and rule.fields.get("action") != "log"


def _of_rule(rule: Rule, owner: Owner, kind: str, felix_version: int) -> Iterator[tuple[str, str, str]]:
    fields = rule.fields
    for version in (4, 6):
        is_used = version in owner.versions
        if (is_used or not owner.users) and (refused := unprogrammable(fields, version)):
            yield codes.NOT_PROGRAMMED, _not_programmed(refused.reason, kind, version), refused.remedy
        for fault in faults(fields, version) if is_used and felix_version == FELIX_1 else ():
            yield codes.WRONGLY_PROGRAMMED, fault.reason, fault.remedy
    for field, value in fields.items():
        if value is None and field != "log_prefix":
            effect = "the rule allows" if field == "action" else "the rule does not test it"
            yield codes.NULL_CONDITION, f"{field} is null, so {effect}", "Give it a value, or leave it out."
    for field in ("src_ports", "dst_ports", "!src_ports", "!dst_ports"):
        if fields.get(field) == []:
            reason = f"{field} is an empty list, which matches every port"
            yield codes.EMPTY_PORTS, reason, "Leave it out, or name the ports."
    prefix = fields.get("log_prefix")
    if prefix is not None and log_prefix_written(prefix) != prefix:
        reason = f'Felix writes log_prefix as "{log_prefix_written(prefix)}"'
        yield codes.CHANGED_LOG_PREFIX, reason, "Give it as it is to be written."
    if kind == PROFILE and fields.get("action") == "next-tier":
        reason = "next-tier ends a profile without accepting the packet"
        yield codes.NEXT_TIER_IN_PROFILE, reason, "Use allow, or a policy."


def _not_programmed(refused: str, kind: str, version: int) -> str:
    """Return the consequence if iptables refuses the rules of a policy or profile for an IP version."""
    if kind == SKIPPED_POLICY:
        return (
            f"iptables refuses {refused}: packets skip this policy now, but once its tier has valid metadata, Felix "
            f"programs nothing of it for IPv{version} and its endpoints drop all IPv{version} traffic"
        )
    return (
        f"iptables refuses {refused}: Felix programs nothing of this {kind} for IPv{version}. What was in force before "
        f"stays in force; if the {kind} is new, its endpoints drop all IPv{version} traffic"
    )
