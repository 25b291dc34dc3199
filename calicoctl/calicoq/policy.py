"""calicoq policy: the endpoints to which a policy applies, and the endpoints that its rules match."""

from __future__ import annotations

from calicoctl.calicoq.formats import TEXT, name_members, say_document
from calicoctl.calicoq.listing import tier_order_text
from calicoctl.calicoq.remarks import OtherFelix, Remarks, certainty_members
from calicoctl.calicoq.state import felix_version_of, finish, full_title, read_state
from calicoctl.errors import CommandError
from calicoctl.felix.evaluation import Evaluation
from calicoctl.felix.walk import is_skipped
from calicoctl.model.policy import DEFAULT_TIER
from calicoctl.output import visible
from calicoctl.suggestion import did_you_mean

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from calicoctl.calicoq.formats import Document
    from calicoctl.environment import Environment
    from calicoctl.felix.evaluation import RuleUse
    from calicoctl.grammar import Arguments
    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.policy import Policy, Tier


def run(arguments: Arguments, environment: Environment) -> int:
    """Show the policies with the given name in all tiers. Raises CommandError if there are none."""
    name: str = arguments["<policy-name>"]
    felix_version = felix_version_of(arguments)
    state = read_state(environment)
    remarks = Remarks(felix_version, state)
    tiers, (ours, theirs) = state.tiers(), state.identities(felix_version)
    endpoints = sorted(state.endpoints(), key=full_title)
    policies = [policy for policy in state.policies() if policy.name == name]
    if not policies and name in state.policy_names():
        return finish(state, environment)
    if not policies:
        finish(state, environment)
        raise CommandError(f"Policy {visible(name)} not found.{did_you_mean(name, state.policy_names())}")
    policies.sort(key=lambda policy: tiers[policy.tier].position)
    for tier in (tiers[policy.tier] for policy in policies):
        if is_skipped(tier, felix_version):
            environment.complain(f'WARNING: tier "{tier.name}" metadata missing; packets will skip tier')
    shown = []
    for policy in policies:
        remarks.on_policy(policy)
        evaluation = Evaluation([policy], tiers, ours)
        evaluation.add_rule_matches({})
        shown.append(_PolicyView(policy, tiers[policy.tier], evaluation, endpoints, arguments))
        for _, uses in shown[-1].named:
            for use in uses:
                remarks.on_rule(use)
        other_felix = OtherFelix(evaluation, theirs, remarks)
        for endpoint in endpoints:
            other_felix.compare(endpoint, with_rules=shown[-1].rules)
    if arguments["--output"] == TEXT:
        environment.say("\n\n".join("\n".join(map(visible, view.lines())) for view in shown))
    else:
        say_document([view.document() for view in shown], arguments["--output"], environment)
    remarks.complain(environment)
    return finish(state, environment)


class _PolicyView:
    def __init__(
        self, policy: Policy, tier: Tier, evaluation: Evaluation, endpoints: Sequence[Endpoint], arguments: Arguments
    ) -> None:
        self.policy = policy
        self._felix_version = felix_version_of(arguments)
        self._tier_order = tier_order_text(tier, self._felix_version)
        self.selectors = not arguments["--hide-selectors"]
        self.rules = not arguments["--hide-rule-matches"]
        self.selected: list[Endpoint] = []
        self.named: list[tuple[Endpoint, list[RuleUse]]] = []
        for endpoint in endpoints:
            who = evaluation.identity(endpoint)
            if evaluation.policies_of(who):
                self.selected.append(endpoint)
            if self.rules and (uses := evaluation.rules_naming(who)):
                self.named.append((endpoint, uses))

    def lines(self) -> Iterator[str]:
        tier, name = self.policy.tier, self.policy.name
        in_tier = f'Tier "{tier}" Policy "{name}"'
        yield f"{f'Policy {name}' if tier == DEFAULT_TIER else in_tier} applies to these endpoints:"
        for endpoint in self.selected:
            selector = f'; selector "{self.policy.selector_text}"' if self.selectors else ""
            yield f"  {full_title(endpoint)}{selector}"
        if not self.rules:
            return
        yield ""
        yield f"Endpoints matching {f'policy {name}' if tier == DEFAULT_TIER else in_tier} rules:"
        for endpoint, uses in self.named:
            yield f"  {full_title(endpoint)}"
            yield from dict.fromkeys(map(self._rule_line, uses))

    def _rule_line(self, use: RuleUse) -> str:
        match = use.match
        what = f"; {match.what}" if self.selectors else ""
        return f"    {match.place} {match.number} {match.side} match{what}"

    def document(self) -> Document:
        document: Document = {
            "policy_name": self.policy.name,
            "tier_name": self.policy.tier,
            "tier_order": self._tier_order,
            **certainty_members(self.policy.selector, self._felix_version),
        }
        if self.selectors:
            document["selector"] = self.policy.selector_text
        document["applies_to"] = list(map(name_members, self.selected))
        if self.rules:
            document["rule_matches"] = [
                {**name_members(endpoint), "rules": list(map(self._rule_members, uses))}
                for endpoint, uses in self.named
            ]
        return document

    def _rule_members(self, use: RuleUse) -> Document:
        return {**use.members(self.selectors), **certainty_members(use.match.selector, self._felix_version)}
