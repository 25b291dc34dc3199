"""The listing of ``calicoq endpoint`` and ``calicoq host``: a block for each endpoint, in text or as a document."""

from __future__ import annotations

from calicoctl.calicoq.formats import TEXT, Shared, name_members, say_endpoints
from calicoctl.calicoq.remarks import OtherFelix, Remarks, certainty_members
from calicoctl.calicoq.state import State, felix_version_of, finish, read_snapshot, title
from calicoctl.errors import CommandError
from calicoctl.felix.evaluation import Evaluation
from calicoctl.felix.walk import is_skipped
from calicoctl.model.policy import DEFAULT_TIER, order_text
from calicoctl.model.wording import go_quoted
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from calicoctl.calicoq.formats import Document
    from calicoctl.datastore.snapshot import Snapshot
    from calicoctl.environment import Environment
    from calicoctl.felix.evaluation import RuleUse
    from calicoctl.grammar import Arguments
    from calicoctl.model.endpoint import Endpoint, EndpointName
    from calicoctl.model.policy import Policy, Tier

HEADING = "Policies that match each endpoint"


class Listing:
    """What to show of each endpoint: with ``rules`` also the rules that match it, with ``selectors`` all selectors."""

    def __init__(
        self, evaluation: Evaluation, tiers: Mapping[str, Tier], remarks: Remarks, felix_version: int, rules: bool,
        selectors: bool,
    ) -> None:  # fmt: skip
        self.remarks = remarks
        self._evaluation = evaluation
        self._tiers = tiers
        self._felix_version = felix_version
        self._rules = rules
        self._selectors = selectors
        self._policy_lines: dict[Policy, str] = {}
        self._policy_documents: dict[Policy, Document] = {}
        self._rule_lines: dict[RuleUse, str] = {}
        self._rule_documents: dict[RuleUse, Document] = {}

    def block(self, endpoint: Endpoint) -> str:
        """Return an endpoint's block of text, without a newline at its end."""
        who = self._evaluation.identity(endpoint)
        lines = [visible(title(endpoint)), "  Policies:"]
        lines += [self._policy_line(policy) for policy in self._evaluation.policies_of(who)]
        profiles = endpoint.profile_ids
        if profiles:
            lines.append("  Profiles:")
            lines += [f"    Profile {visible(profile)}" for profile in profiles]
        if self._rules:
            # Lines do not name the tier: rules of two policies with the same name may give the same line.
            matches = dict.fromkeys(map(self._rule_line, self._evaluation.rules_naming(who)))
            lines += ["  Rule matches:", *matches] if matches else []
        return "\n".join(lines)

    def document(self, endpoint: Endpoint) -> Document:
        """Return an endpoint's block as a document, which names tiers and has the numbers of rules as numbers."""
        who = self._evaluation.identity(endpoint)
        document = name_members(endpoint)
        document["policies"] = [self._policy_members(policy) for policy in self._evaluation.policies_of(who)]
        document["profiles"] = [{"name": profile} for profile in endpoint.profile_ids]
        if self._rules:
            document["rule_matches"] = list(map(self._rule_members, self._evaluation.rules_naming(who)))
        return document

    def _policy_line(self, policy: Policy) -> str:
        line = self._policy_lines.get(policy)
        if line is None:
            self.remarks.on_policy(policy)
            line = self._policy_lines[policy] = "\n".join(f"    {visible(text)}" for text in self._policy_texts(policy))
        return line

    def _policy_texts(self, policy: Policy) -> Iterator[str]:
        tier = self._tiers[policy.tier]
        if is_skipped(tier, self._felix_version):
            yield f'WARNING: tier "{tier.name}" metadata missing; packets will skip tier'
        order = tier_order_text(tier, self._felix_version)
        prefix = "" if tier.name == DEFAULT_TIER else f'Tier "{tier.name}" (order {order}) '
        selector = f'; selector "{policy.selector_text}"' if self._selectors else ""
        untracked = " [untracked]" if policy.untracked else ""
        yield f"{prefix}Policy {go_quoted(policy.name)} (order {order_text(policy.order)}{selector}){untracked}"

    def _policy_members(self, policy: Policy) -> Document:
        members = self._policy_documents.get(policy)
        if members is None:
            self.remarks.on_policy(policy)
            members = self._policy_documents[policy] = Shared(
                {
                    "name": policy.name,
                    "order": order_text(policy.order),
                    **({"selector": policy.selector_text} if self._selectors else {}),
                    "tier_name": policy.tier,
                    "tier_order": tier_order_text(self._tiers[policy.tier], self._felix_version),
                    "untracked": policy.untracked,
                    **certainty_members(policy.selector, self._felix_version),
                }
            )
        return members

    def _rule_line(self, use: RuleUse) -> str:
        line = self._rule_lines.get(use)
        if line is None:
            self.remarks.on_rule(use)
            text = f"{use.line}; {use.match.what}" if self._selectors else use.line
            line = self._rule_lines[use] = f"    {visible(text)}"
        return line

    def _rule_members(self, use: RuleUse) -> Document:
        members = self._rule_documents.get(use)
        if members is None:
            self.remarks.on_rule(use)
            policy = use.policy
            owner = {"policy_name": policy.name, "tier_name": policy.tier} if policy else {"profile_name": use.profile}
            certainty = certainty_members(use.match.selector, self._felix_version)
            members = self._rule_documents[use] = Shared({**owner, **use.members(self._selectors), **certainty})
        return members


def tier_order_text(tier: Tier, felix_version: int) -> str:
    """Return the order of a tier as text; ``missing`` if packets skip the tier."""
    return "missing" if is_skipped(tier, felix_version) else order_text(tier.order)


def show(
    wanted: Callable[[EndpointName], bool],
    unknown: Callable[[Snapshot], str],
    arguments: Arguments,
    environment: Environment,
) -> int:
    """List the endpoints for whose names ``wanted`` is true, and return the exit status.

    Raises CommandError if there are none and ``unknown`` returns a message.
    """
    felix_version = felix_version_of(arguments)
    snapshot = read_snapshot(environment)
    if not any(wanted(name) for name, _ in snapshot.endpoints) and (message := unknown(snapshot)):
        raise CommandError(visible(message))
    state = State(snapshot)
    endpoints, tiers = state.endpoints(), state.tiers()
    ours, theirs = state.identities(felix_version)
    evaluation = Evaluation(state.policies(), tiers, ours)
    rules = not arguments["--hide-rule-matches"]
    if rules:
        evaluation.add_rule_matches(state.profile_matches())
    remarks = Remarks(felix_version, state)
    listing = Listing(evaluation, tiers, remarks, felix_version, rules, not arguments["--hide-selectors"])
    other_felix = OtherFelix(evaluation, theirs, listing.remarks)
    shown = [endpoint for endpoint in endpoints if wanted(endpoint.name)]
    if arguments["--output"] == TEXT:
        environment.say(f"{HEADING}:")
        for endpoint in shown:
            environment.say(f"\n{listing.block(endpoint)}")
    else:
        say_endpoints(HEADING, map(listing.document, shown), arguments["--output"], environment)
    for endpoint in shown:
        remarks.on_shown(endpoint)
        other_felix.compare(endpoint, with_rules=rules)
    listing.remarks.complain(environment)
    return finish(state, environment)
