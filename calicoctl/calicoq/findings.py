"""The findings of ``calicoq check`` about values that Felix 1.4.9 refuses or misinterprets (docs/data-model.md)."""

from __future__ import annotations

from functools import partial

from calicoctl.calicoq import codes
from calicoctl.calicoq.endpoint_findings import endpoint_findings, versions_of
from calicoctl.calicoq.remedies import CORRECT, for_profile_part, for_skipped_tier, profile_removal
from calicoctl.calicoq.rule_findings import (
    POLICY,
    PROFILE,
    SKIPPED_POLICY,
    Finding,
    Owner,
    misfiled,
    rule_findings,
)
from calicoctl.datastore import keys
from calicoctl.felix.evaluation import FELIX_1, Evaluation
from calicoctl.felix.objects import bird_ip
from calicoctl.felix.parameters import disarming, ending, remark
from calicoctl.felix.rules import FatalValue
from calicoctl.felix.view import Felix, networks_of
from calicoctl.felix.walk import is_skipped
from calicoctl.model.endpoint import Endpoint

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from calicoctl.datastore.snapshot import Snapshot, Stored
    from calicoctl.model.policy import Policy

_POLICY_MEMBERS = ("selector", "order", "untracked", "id", "annotations")
_CONSEQUENCES = {
    "rules": (codes.REFUSED_RULES, "Felix drops all traffic of its endpoints"),
    "tags": (codes.REFUSED_TAGS, "the profile has no tag for Felix"),
    "labels": (codes.REFUSED_LABELS, "its endpoints inherit no label from it"),
}
_STAYS = "the rules that were in force before stay in force"


def findings(
    snapshot: Snapshot, felix_version: int, show: Callable[[int, int], None] = lambda done, total: None
) -> list[Finding]:
    """Return all findings: errors first, then warnings and notes; within a severity sorted by key.

    It is not known which values Felix 2 refuses. For Felix 2, findings about defects that it has fixed are left out.
    ``show`` is called with the number of checked endpoints and the number of all endpoints.
    """
    return sorted(_Check(snapshot, felix_version, show).all(), key=lambda finding: finding.position)


class _Check:
    def __init__(self, snapshot: Snapshot, felix_version: int, show: Callable[[int, int], None]) -> None:
        self._snapshot = snapshot
        self._show = show
        self._felix_version = felix_version
        self._felix = Felix(snapshot)
        self._keys = {str(name): stored.key for name, stored in snapshot.endpoints}
        self._policy_keys = {(tier, name): stored.key for tier, name, stored in snapshot.policies}
        self._policies = {(policy.tier, policy.name): Owner(policy.matches) for policy in self._felix.policies}
        self._profiles = {name: Owner.of_rules(rules) for name, rules in self._felix.profiles.items()}
        self._named_profiles: set[str] = set()
        self._unprotected: list[tuple[Endpoint, list[Policy]]] = []
        self._evaluate()

    def _evaluate(self) -> None:
        """Find the endpoints of each policy and profile, and the tags and selectors that match no endpoint."""
        evaluation = Evaluation(self._felix.policies, self._felix.tiers, self._felix.identities[self._felix_version])
        evaluation.add_rule_matches({name: owner.matches for name, owner in self._profiles.items()})
        matched: set[int] = set()
        for number, endpoint in enumerate(self._felix.endpoints.values()):
            self._show(number, len(self._felix.endpoints))
            addresses = networks_of(endpoint)
            versions = versions_of(endpoint, addresses)
            who = evaluation.identity(endpoint)
            policies = evaluation.policies_of(who)
            for policy in policies:
                self._policies[policy.tier, policy.name].add_user(versions, endpoint)
            for profile in endpoint.profile_ids:
                self._named_profiles.add(profile)
                if profile in self._profiles:
                    self._profiles[profile].add_user(versions, endpoint)
            if not endpoint.profile_ids and not any(self._counts(policy) for policy in policies):
                self._unprotected.append((endpoint, policies))
            if addresses:  # Felix turns tags and selectors into sets of addresses
                matched.update(id(use.match) for use in evaluation.rules_naming(who))
        for owner in (*self._policies.values(), *self._profiles.values()):
            owner.unmatched = [match for match in owner.matches if id(match) not in matched]
        for name, owner in self._profiles.items():
            if not owner.users:  # a new profile allows its own tag, which no endpoint has yet
                own = self._felix.tags[name]
                owner.unmatched = [each for each in owner.unmatched if each.selector or each.text not in own]

    def _counts(self, policy: Policy) -> bool:
        """Tell whether a policy applies before the profiles of its endpoints: it is tracked and not skipped."""
        return not policy.untracked and not self._is_skipped(policy)

    def _is_skipped(self, policy: Policy) -> bool:
        return is_skipped(self._felix.tiers[policy.tier], self._felix_version)

    def all(self) -> Iterator[Finding]:
        yield from self._ready()
        yield from self._refused_profiles()
        yield from self._refused_others()
        yield from self._endpoints()
        yield from self._policy_findings()
        yield from self._profile_findings()
        yield from self._hosts_and_pools()
        yield from self._parameters()

    def _ready(self) -> Iterator[Finding]:
        if found := self._snapshot.not_ready():
            remedy = f"Write true to {keys.READY} once the data is complete."
            if found == "is a directory":
                remedy = f"Remove the directory. {remedy}"
            reason = f'it {found}, not "true": Felix waits and applies nothing'
            yield Finding(codes.NOT_READY, keys.READY, reason, remedy)

    def _refused_profiles(self) -> Iterator[Finding]:
        for name, parts in self._snapshot.profiles.items():
            for part, stored in parts.items():
                if stored.key not in self._felix.refused:
                    continue
                code, consequence = _CONSEQUENCES[part]
                yield from self._refusal(code, stored, consequence, for_profile_part(name, part, stored))

    def _refusal(self, code: str, stored: Stored, consequence: str, remedy: str) -> Iterator[Finding]:
        """Yield a finding if Felix refuses a value, or if the value ends the Felix process."""
        reason = self._felix.refused.get(stored.key)
        if reason is None:
            return
        if stored.key in self._felix.fatal:
            code, consequence = codes.FATAL, _STAYS
        yield Finding(code, stored.key, f"{reason}; {consequence}", remedy)

    def _refused_others(self) -> Iterator[Finding]:
        for _, stored in self._snapshot.endpoints:
            consequence = "Felix treats the endpoint as deleted"
            yield from self._refusal(codes.REFUSED_ENDPOINT, stored, consequence, CORRECT)
        for _, _, stored in self._snapshot.policies:
            yield from self._refusal(codes.REFUSED_POLICY, stored, "Felix ignores the policy", CORRECT)
        for stored in self._snapshot.tiers.values():
            yield from self._refusal(codes.REFUSED_TIER, stored, "packets skip the tier", CORRECT)

    def _endpoints(self) -> Iterator[Finding]:
        for name, endpoint in self._felix.endpoints.items():
            yield from endpoint_findings(self._keys[name], endpoint, self._felix)
        for endpoint, policies in self._unprotected:
            yield Finding(
                codes.NOTHING_APPLIES, self._keys[str(endpoint.name)], self._why_dropped(endpoint, policies),
                "Give it a profile.",
            )  # fmt: skip

    def _why_dropped(self, endpoint: Endpoint, policies: list[Policy]) -> str:
        """Return what Felix drops at an endpoint that has no profile and no tracked policy in force, as text."""
        is_host_endpoint = endpoint.name.workload is None
        has_untracked = any(not self._is_skipped(policy) for policy in policies)
        kinds = [
            *(["untracked policies"] if has_untracked else []),
            *(["policies of tiers without valid metadata"] if any(map(self._is_skipped, policies)) else []),
        ]
        selecting = f"only {' and '.join(kinds)} select it" if kinds else "no policy selects it"
        but = ""
        if is_host_endpoint:
            but = " but that of failsafe ports"
            but += " and what untracked policies allow" if has_untracked else ""
        return f"it has no profile and {selecting}: Felix drops all its traffic{but}"

    def _policy_findings(self) -> Iterator[Finding]:
        for policy in self._felix.policies:
            owner = self._policies[policy.tier, policy.name]
            key = self._policy_keys[policy.tier, policy.name]
            is_skipped = self._is_skipped(policy)
            if is_skipped and owner.users:
                reason = f"tier {policy.tier} has no valid metadata: packets skip its policies"
                yield Finding(codes.TIER_WITHOUT_METADATA, key, reason, for_skipped_tier(key))
            if policy.selector.is_misfiled and self._felix_version == FELIX_1:
                yield misfiled(key, f'selector "{policy.selector_text}"', policy.selector_text)
            if not owner.users:
                reason = f'selector "{policy.selector_text}" selects no endpoint'
                yield Finding(codes.SELECTS_NOBODY, key, reason, "Correct the selector, or remove the policy.")
            if policy.untracked and any(user.name.workload is not None for user in owner.users):
                reason = "it is untracked, which has no effect on the workload endpoints that it selects"
                yield Finding(codes.UNTRACKED_WORKLOADS, key, reason, "Select host endpoints only.")
            yield from _unknown_members(key, policy, self._felix_version)
            kind = SKIPPED_POLICY if is_skipped else POLICY
            yield from rule_findings(key, policy.rules, owner, kind, self._felix_version)

    def _profile_findings(self) -> Iterator[Finding]:
        named = self._named_profiles | self._profiles_named_by_refused()
        for name, parts in self._snapshot.profiles.items():
            key = keys.parent(next(iter(parts.values())).key)
            if name in self._felix.profiles:
                rules = self._felix.profiles[name]
                owner = self._profiles[name]
                for member in rules.extra:
                    if member != "id":
                        reason = f"Felix ignores the member {member}"
                        yield Finding(codes.IGNORED_MEMBER, f"{key}/rules", reason, "Remove it.")
                yield from rule_findings(f"{key}/rules", rules, owner, PROFILE, self._felix_version)
            if name not in named:
                remedy = f"If nobody needs it: {profile_removal(name, key)}."
                yield Finding(codes.UNUSED_PROFILE, key, "no endpoint uses this profile", remedy)

    def _profiles_named_by_refused(self) -> set[str]:
        """Return the profiles of endpoints that Felix refuses; all profiles if one such endpoint cannot be read.

        'calicoctl profile remove' considers these endpoints too.
        """
        named: set[str] = set()
        for name, stored in self._snapshot.endpoints:
            if stored.key in self._felix.refused:
                try:
                    named.update(stored.read(partial(Endpoint.from_json, name)).profile_ids)
                except ValueError:
                    return set(self._snapshot.profiles)
        return named

    def _hosts_and_pools(self) -> Iterator[Finding]:
        for stored in self._snapshot.bird_ips.values():
            try:
                address = bird_ip(stored.value)
            except FatalValue as error:
                yield Finding(codes.FATAL, stored.key, f"{error}, which ends the Felix process; {_STAYS}", CORRECT)
                continue
            if address is None:
                yield Finding(codes.BAD_HOST_ADDRESS, stored.key, f'"{stored.value}" is not an IP address', CORRECT)
        for _, stored in self._snapshot.pools:
            yield from self._refusal(codes.REFUSED_POOL, stored, "Felix ignores the pool", CORRECT)

    def _parameters(self) -> Iterator[Finding]:
        if self._felix_version != FELIX_1:
            return
        parameters = [(f"{keys.CONFIG}/{name}", name, value) for name, value in self._snapshot.config.items()]
        for (host, name), value in self._snapshot.host_config.items():
            parameters.append((f"{keys.HOSTS}/{host}/config/{name}", name, value))
        for key, name, value in parameters:
            if problem := ending(name, value):
                yield Finding(codes.ENDING_PARAMETER, key, f'"{value}": {problem}: Felix ends when it starts', CORRECT)
            elif problem := disarming(name, value):
                yield Finding(codes.DISARMING_PARAMETER, key, f'"{value}": {problem}', CORRECT)
            elif problem := remark(name, value):
                yield Finding(codes.ODD_PARAMETER, key, f'"{value}": {problem}', CORRECT)


def _unknown_members(key: str, policy: Policy, felix_version: int) -> Iterator[Finding]:
    for member in policy.rules.extra:
        if member in _POLICY_MEMBERS:
            continue
        if member == "doNotTrack":
            yield Finding(codes.IGNORED_MEMBER, key, "Felix ignores doNotTrack", 'In etcd its name is "untracked".')
        elif felix_version != FELIX_1:
            continue
        elif member == "types":
            reason = "Felix 1.4 ignores types: the policy is for both directions, and ends the tier in both"
            yield Finding(codes.IGNORED_TYPES, key, reason, "Select with two policies, or update Felix.")
        else:
            reason = f"Felix 1.4 ignores the member {member}"
            yield Finding(codes.IGNORED_MEMBER, key, reason, "Remove it, or update Felix.")
