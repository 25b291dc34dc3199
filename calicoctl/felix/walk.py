"""What a packet meets on its way into or out of one endpoint, in Felix's order (docs/data-model.md, section 7).

Felix 1.4.9 is followed with its faults. ``FELIX_2`` describes where its successor, as of 2.2, differs: the faults are
mended, of one label in two profiles the first counts and not the last, a profile's tag counts as a label without a
value, a policy may be for one direction only, and the tier ``default`` needs no metadata.
"""

from __future__ import annotations

from calicoctl.felix import questions
from calicoctl.felix.evaluation import FELIX_1, FELIX_2
from calicoctl.felix.packet import match
from calicoctl.felix.rules import faults, foreign_networks, unprogrammable
from calicoctl.model.policy import DEFAULT_TIER
from calicoctl.model.protocols import PROTOCOLS
from calicoctl.model.rule_text import rule_text

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from calicoctl.felix.chances import Chances
    from calicoctl.felix.packet import Packet
    from calicoctl.felix.view import Felix
    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.labels import Labels
    from calicoctl.model.policy import Policy, Tier
    from calicoctl.model.rule import Fields, Rule
    from calicoctl.model.rules import Rules

# By protocol, the ICMP types that Linux does not count as invalid where no connection is known to which they belong.
OPENING_ICMP_TYPES = {
    PROTOCOLS["icmp"]: frozenset((8, 13, 15, 17)),
    PROTOCOLS["icmpv6"]: frozenset((128, *range(130, 137), 139, 143)),
}

ALLOW, DENY, NEXT_TIER, GO_ON = "allow", "deny", "next-tier", "go on"


def is_skipped(tier: Tier, felix_version: int) -> bool:
    """Tell whether packets skip a tier; Felix 2 needs no metadata for the tier ``default``."""
    return tier.is_skipped and (felix_version == FELIX_1 or tier.name != DEFAULT_TIER)


class Step:
    """One thing that the packet meets: ``where`` it is, ``what`` happens there and the ``outcome``.

    The outcome is ALLOW or DENY, which decide, NEXT_TIER, or GO_ON. ``number`` and ``rule`` are the rule that it comes
    from, if it comes from one, and the rule's text.
    """

    __slots__ = ("where", "what", "outcome", "number", "rule")

    def __init__(
        self, where: str, what: str, outcome: str, number: int | None = None, rule: str | None = None
    ) -> None:
        self.where = where
        self.what = what
        self.outcome = outcome
        self.number = number
        self.rule = rule

    @property
    def place(self) -> tuple[str, int | str]:
        """What two steps share that come from one rule, or from none for one reason."""
        return self.where, self.what if self.number is None else self.number

    def text(self) -> str:
        """Return the step in words."""
        rule = f": {self.rule}" if self.rule is not None else ""
        return f"{self.where}: {self.what}{rule}" if self.where else f"{self.what}{rule}"


class Walk:
    """The walk of a packet through one endpoint, ``inbound`` or ``outbound`` as seen from the endpoint.

    ``is_marked`` tells, when the packet comes, whether the chains of an endpoint before have left the mark of
    next-tier on it, and after the walk whether this endpoint's have. ``has_chains`` tells after the walk whether Felix
    has made rules for the endpoint at all.
    """

    def __init__(
        self, felix: Felix, endpoint: Endpoint, direction: str, packet: Packet, version: int, chances: Chances,
        is_marked: bool = False,
    ) -> None:  # fmt: skip
        self._felix = felix
        self._endpoint = endpoint
        self._direction = direction
        self._packet = packet
        self._version = version
        self._chances = chances
        self.is_marked = is_marked
        self.has_chains = True

    def steps(self) -> list[Step]:
        """Return all steps; the last one decides."""
        return _up_to_decision(self._all())

    def untracked_steps(self) -> list[Step]:
        """Return what the untracked policies of a host endpoint do to a packet for a workload behind it.

        Nothing is decided if the last step does not. A failsafe port is no more than a way past these policies.
        """
        if any(step.outcome == ALLOW for step in self._failsafe()):
            return []
        return _up_to_decision(self._untracked(self._policies_in_force((True,))))

    def _all(self) -> Iterator[Step]:
        is_host_endpoint = self._endpoint.name.workload is None
        if not is_host_endpoint:
            problem = self._missing_chains()
            if problem:
                self.has_chains = False
                yield Step("", problem, DENY)
                return
        kinds = (False, True) if is_host_endpoint else (False,)  # untracked ones are nothing to a workload
        for tier, _ in self._policies_by_tier(kinds):
            if is_skipped(tier, self._version):
                yield Step("", f'Tier "{tier.name}" has no metadata: packets skip its policies', GO_ON)
        by_tier = self._policies_in_force(kinds)
        if is_host_endpoint:
            yield from self._failsafe()
            yield from self._untracked(by_tier)
        yield from self._invalid()
        tracked = [[policy for policy in policies if not policy.untracked] for policies in by_tier]
        counting = [policies for policies in tracked if policies]
        for policies in counting:
            self.is_marked = False
            yield from self._tier(policies)
        left = "Its policies leave the packet to its profiles"
        yield Step("", left if counting else "No policy applies: its profiles decide", GO_ON)
        yield from self._profiles()
        yield Step("", "End of its profiles: none allowed the packet", DENY)

    def _missing_chains(self) -> str:
        """Say why a workload endpoint has no chains of rules, without which nothing passes; nothing if it has."""
        endpoint = self._endpoint
        problem = self._felix.interface_problem(endpoint)
        if problem:
            host = endpoint.name.host
            if self._felix.parameter(host, "InterfacePrefix") is not None or self._chances.likely(
                questions.unknown_prefix(endpoint)
            ):
                return f"Its {problem}"
        return "" if endpoint.state == "active" else f"It is {endpoint.state}: Felix lets nothing pass"

    def _policies_in_force(self, kinds: tuple[bool, ...]) -> list[list[Policy]]:
        return [policies for tier, policies in self._policies_by_tier(kinds) if not is_skipped(tier, self._version)]

    def _invalid(self) -> Iterator[Step]:
        packet = self._packet
        opening = OPENING_ICMP_TYPES.get(packet.protocol or 0)
        if opening and packet.icmp_type is not None and packet.icmp_type not in opening:
            what = f"ICMP type {packet.icmp_type} opens no connection: Felix drops it before any rule"
            yield Step("", f"{what}, unless it belongs to one", DENY)

    def _policies_by_tier(self, kinds: tuple[bool, ...]) -> list[tuple[Tier, list[Policy]]]:
        """Return the tiers that have policies that select the endpoint, with these, all in order.

        ``kinds`` has True for untracked policies, False for the others.
        """
        labels = self._felix.identities[self._version].of_endpoint(self._endpoint).labels
        selecting: dict[str, list[Policy]] = {}
        for policy in sorted(self._felix.policies, key=lambda policy: policy.position):
            is_of_kind = policy.untracked in kinds and is_for_direction(policy, self._direction, self._version)
            if is_of_kind and self._selects(policy, labels):
                selecting.setdefault(policy.tier, []).append(policy)
        tiers = sorted((self._felix.tiers[name] for name in selecting), key=lambda tier: tier.position)
        return [(tier, selecting[tier.name]) for tier in tiers]

    def _selects(self, policy: Policy, labels: Labels) -> bool:
        selector = policy.selector
        if not selector.matches(labels):
            return False
        if is_skipped(self._felix.tiers[policy.tier], self._version):
            return True  # whatever Felix does with it
        return not (selector.is_misfiled and self._version == FELIX_1) or self._chances.likely(
            questions.misfiled_policy(policy_title(policy), str(self._endpoint.name))
        )

    def _failsafe(self) -> Iterator[Step]:
        packet = self._packet
        ports = self._felix.failsafe_ports(self._endpoint.name.host, self._direction)
        port = packet.ends["dst"].port
        if packet.protocol == PROTOCOLS["tcp"] and port in ports:
            yield Step("Failsafe ports", f"TCP port {port} is always open {self._direction}", ALLOW)

    def _untracked(self, by_tier: list[list[Policy]]) -> Iterator[Step]:
        is_marked = self.is_marked
        for policies in by_tier:
            for policy in policies:
                if policy.untracked:
                    passed = yield from self._rules(policy.rules, f"{policy_title(policy)} [untracked]", False)
                    if passed:
                        break
        self.is_marked = is_marked

    def _tier(self, policies: list[Policy]) -> Iterator[Step]:
        for policy in policies:
            passed = yield from self._rules(policy.rules, policy_title(policy), False)
            if passed:
                return
        tier = policies[0].tier
        yield Step("", f'End of tier "{tier}": no policy in it allowed the packet, and its profiles do not count', DENY)

    def _profiles(self) -> Iterator[Step]:
        for name in self._endpoint.profile_ids:
            rules = self._felix.profiles.get(name)
            if rules is None:
                problem = self._felix.profile_problem(name)
                yield Step(f'Profile "{name}"', f"Felix drops all that reaches it: {problem}", DENY)
                return
            yield from self._rules(rules, f'Profile "{name}"', self.is_marked)

    def _rules(self, rules: Rules, where: str, marked: bool) -> Generator[Step, None, bool]:
        """Walk through the rules of a policy or profile; tell whether a next-tier rule ended that.

        ``marked``: the packet carries the mark of next-tier already. Felix looks at the mark after each next-tier
        rule, whether that one has matched or not, and leaves if it is there.
        """
        if refused := refused_by_iptables(rules, self._packet.version):
            reason = questions.reason_of_refusal(self._packet.version, refused)
            if self._chances.likely(questions.refused_rules(where, reason)):
                yield Step(where, f"Felix programs nothing of it {reason}", DENY)
            else:
                yield Step(where, "its rules of before may allow the packet", ALLOW)
            return False
        for number, rule in enumerate(rules.in_direction(self._direction), start=1):
            step = self._rule(rule, number, where)
            if (
                marked
                and rule.fields.get("action") == "next-tier"
                and is_for_version(rule, self._packet.version, self._version)
                and (step is None or step.outcome == GO_ON)
            ):
                what = f"{self._direction} rule {number} ends it: the packet was passed on by a tier before"
                yield Step(where, what, GO_ON, number, rule_text(rule))
                return True
            if step is not None:
                if step.outcome == NEXT_TIER:
                    self.is_marked = True
                yield step
                if step.outcome == NEXT_TIER:
                    return True
        yield Step(where, f"no {self._direction} rule decides", GO_ON)
        return False

    def _rule(self, rule: Rule, number: int, where: str) -> Step | None:
        """Return what a rule does to the packet; None if it does not match."""
        if not is_for_version(rule, self._packet.version, self._version):
            return None
        fields = {key: value for key, value in rule.fields.items() if value is not None}
        name = f"{self._direction} rule {number}"
        found = faults(fields, self._packet.version) if self._version == FELIX_1 else []
        for fault in found:
            if fault.drops_all:
                return Step(where, f"{name} drops everything ({fault.reason})", DENY, number, rule_text(rule))
        left_out = frozenset(key for fault in found for key in fault.left_out)
        chances = self._chances if self._version == FELIX_1 else None
        matches, unknown = match(fields, self._packet, left_out, chances)
        if unknown:
            what = f"{name} is passed over, as {' and '.join(unknown)} is not given"
            return Step(where, what, GO_ON, number, rule_text(rule))
        if not matches:
            return None
        remark = f" ({'; '.join(fault.reason for fault in found)})" if found else ""
        outcome, verb = effect(fields)
        return Step(where, f"{name} {verb}{remark}", outcome, number, rule_text(rule))


def _up_to_decision(steps: Iterator[Step]) -> list[Step]:
    found = []
    for step in steps:
        found.append(step)
        if step.outcome in (ALLOW, DENY):
            break
    return found


def refused_by_iptables(rules: Rules, ip_version: int) -> str:
    """Return what keeps all rules of a policy or profile, in both directions, out of an IP version; nothing if nothing.

    Seen with Felix 1.4.9; iptables is the same to Felix 2.
    """
    for direction, listed in (("inbound", rules.inbound), ("outbound", rules.outbound)):
        for number, rule in enumerate(listed, start=1):
            if fault := unprogrammable(rule.fields, ip_version):
                return f"{fault.reason} ({direction} rule {number})"
    return ""


def is_for_direction(policy: Policy, direction: str, felix_version: int) -> bool:
    """Tell whether a policy has a say about ``inbound`` or ``outbound`` packets."""
    types = policy.rules.extra.get("types") if felix_version == FELIX_2 else None
    return not isinstance(types, list) or ("ingress" if direction == "inbound" else "egress") in types


def is_for_version(rule: Rule, ip_version: int, felix_version: int) -> bool:
    """Tell whether a rule is there for an IP version; Felix 2 goes by its networks, negated ones too."""
    if rule.fields.get("ip_version") not in (None, ip_version):
        return False
    return felix_version == FELIX_1 or not foreign_networks(rule.fields, ip_version)


def effect(fields: Fields) -> tuple[str, str]:
    """Return the outcome of a rule that matches and a verb for it; ``fields`` are those that are not null."""
    action = fields.get("action", "allow")
    if action == "log":
        return GO_ON, "logs"
    return (NEXT_TIER, "passes it on") if action == "next-tier" else (action, "decides")


def policy_title(policy: Policy) -> str:
    """Return a policy's name in words, with its tier if that is not ``default``."""
    title = f'Policy "{policy.name}"'
    return title if policy.tier == DEFAULT_TIER else f'Tier "{policy.tier}" {title}'
