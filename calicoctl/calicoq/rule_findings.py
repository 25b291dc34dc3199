"""What ``calicoq check`` has to say about valid rules, and the shape of everything that it says."""

from __future__ import annotations

from calicoctl.felix.rules import faults, log_prefix_written, unprogrammable
from calicoctl.model.rule_match import matches_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.rule import Rule
    from calicoctl.model.rule_match import RuleMatch
    from calicoctl.model.rules import Rules

ERROR, WARNING, NOTE = "error", "warning", "note"
_SEVERITIES = (ERROR, WARNING, NOTE)


class Finding:
    """``severity``; ``key``, where it is; ``reason``, what is wrong there; ``remedy``, what can be done."""

    __slots__ = ("severity", "key", "reason", "remedy")

    def __init__(self, severity: str, key: str, reason: str, remedy: str) -> None:
        self.severity = severity
        self.key = key
        self.reason = reason
        self.remedy = remedy

    @property
    def position(self) -> tuple[int, str]:
        """What orders findings: the severity, then the key."""
        return _SEVERITIES.index(self.severity), self.key

    def document(self) -> dict[str, str]:
        """Return the finding as a document."""
        return {"severity": self.severity, "key": self.key, "reason": self.reason, "remedy": self.remedy}


class Owner:
    """A policy or profile: the selectors and tags of its rules, and who it is for.

    ``versions`` are the IP versions of its users, the endpoints that it selects or that name it; ``unmatched`` those
    of ``matches`` that match no endpoint.
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
        """Count an endpoint, with addresses of these IP versions, among the users."""
        self.versions |= versions
        self.users.append(endpoint)


def rule_findings(key: str, rules: Rules, owner: Owner, is_profile: bool) -> Iterator[Finding]:
    """Yield what there is to say about valid rules."""
    for direction, listed in (("inbound", rules.inbound), ("outbound", rules.outbound)):
        for number, rule in enumerate(listed, start=1):
            where = f"{direction} rule {number}"
            for severity, reason, remedy in _of_rule(rule, owner, is_profile):
                yield Finding(severity, key, f"{where}: {reason}", remedy)
            if number < len(listed) and _is_for_every_packet(rule):
                reason = f"{where}: it is for every packet: no rule behind it is ever reached"
                remedy = "Remove it or those behind it; if an apply or replace was interrupted, give that again."
                yield Finding(WARNING, key, reason, remedy)
    for match in owner.unmatched:
        where = f"{match.direction} rule {match.number}"
        nobody = "no endpoint with an address has it"
        if match.selector is not None:
            nobody = "it matches no endpoint with an address"
        effect = ", so it excludes nobody" if match.side.startswith("!") else ""
        reason = f"{where}: {match.side} {match.what}: {nobody}{effect}"
        yield Finding(WARNING, key, reason, "Correct the rule, or remove it.")


def _is_for_every_packet(rule: Rule) -> bool:
    conditions = {key for key, value in rule.fields.items() if value is not None} - {"action", "log_prefix"}
    return not conditions and rule.fields.get("action") != "log"


def _of_rule(rule: Rule, owner: Owner, is_profile: bool) -> Iterator[tuple[str, str, str]]:
    fields = rule.fields
    for version in sorted(owner.versions):
        if refused := unprogrammable(fields, version):
            kind = "profile" if is_profile else "policy"
            reason = (
                f"iptables refuses {refused.reason}: Felix programs nothing of this {kind} for IPv{version}. What was "
                f"in force before stays in force; if the {kind} is new, its endpoints drop all IPv{version} traffic"
            )
            yield ERROR, reason, refused.remedy
        for fault in faults(fields, version):
            yield ERROR, fault.reason, fault.remedy
    for field, value in fields.items():
        if value is None and field != "log_prefix":
            effect = "the rule allows" if field == "action" else "it matches everything"
            yield WARNING, f"{field} is null, so {effect}", "Give it a value, or leave it out."
    for field in ("src_ports", "dst_ports", "!src_ports", "!dst_ports"):
        if fields.get(field) == []:
            yield WARNING, f"{field} is an empty list, which matches every port", "Leave it out, or name the ports."
    prefix = fields.get("log_prefix")
    if prefix is not None and log_prefix_written(prefix) != prefix:
        yield WARNING, f'Felix writes log_prefix as "{log_prefix_written(prefix)}"', "Give it as it is to be written."
    if is_profile and fields.get("action") == "next-tier":
        yield WARNING, "next-tier ends a profile without accepting the packet", "Use allow, or a policy."
