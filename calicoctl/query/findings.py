"""What in the datastore Felix 1.4.9 drops, rejects or reads otherwise than its author thinks (data model)."""

from __future__ import annotations

from functools import partial

from calicoctl.datastore.snapshot import READY
from calicoctl.model.felix_objects import pool_problems
from calicoctl.model.network import Network
from calicoctl.model.wording import shown
from calicoctl.query.evaluation import Evaluation
from calicoctl.query.felix import Felix, addresses_of, judged
from calicoctl.query.remedies import CORRECT, for_missing_profile, for_profile_part, profile_removal
from calicoctl.query.rule_findings import ERROR, NOTE, WARNING, Finding, Owner, rule_findings

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.datastore.snapshot import Snapshot
    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.policy import Policy

_POLICY_MEMBERS = ("selector", "order", "untracked", "id", "annotations")
_CONSEQUENCES = {
    "rules": "Felix drops all traffic of its endpoints",
    "tags": "the profile has no tag for Felix",
    "labels": "its endpoints inherit no label from it",
}


def findings(snapshot: Snapshot) -> list[Finding]:
    """Return all findings: errors first, then warnings and notes, those of one severity by key."""
    return sorted(_Check(snapshot).all(), key=lambda finding: finding.position)


class _Check:
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._felix = Felix(snapshot)
        self._keys = {str(name): stored.key for name, stored in snapshot.endpoints}
        self._policy_keys = {(tier, name): stored.key for tier, name, stored in snapshot.policies}
        self._policies = {(policy.tier, policy.name): Owner(policy.matches) for policy in self._felix.policies}
        self._profiles = {name: Owner.of_rules(rules) for name, rules in self._felix.profiles.items()}
        self._named_profiles: set[str] = set()
        self._unselected: list[Endpoint] = []
        self._evaluate()

    def _evaluate(self) -> None:
        """Find out which endpoints each policy and profile is for, and which tags and selectors match any."""
        evaluation = Evaluation(self._felix.policies, self._felix.tiers, self._felix.identities)
        evaluation.add_rule_matches({name: owner.matches for name, owner in self._profiles.items()})
        matched: set[int] = set()
        for endpoint in self._felix.endpoints.values():
            versions = {network.version for network in addresses_of(endpoint)}
            who = evaluation.identity(endpoint)
            policies = evaluation.policies_of(who)
            for policy in policies:
                self._policies[policy.tier, policy.name].add_user(versions, endpoint)
            for profile in endpoint.profile_ids:
                self._named_profiles.add(profile)
                if profile in self._profiles:
                    self._profiles[profile].add_user(versions, endpoint)
            if not endpoint.profile_ids and not any(not policy.untracked for policy in policies):
                self._unselected.append(endpoint)
            matched.update(id(use.match) for use in evaluation.rules_naming(who))
        for owner in (*self._policies.values(), *self._profiles.values()):
            owner.unmatched = [match for match in owner.matches if id(match) not in matched]
        for name, owner in self._profiles.items():
            if not owner.users:  # a new profile lets in who has its own tag: nobody yet
                own = self._felix.tags[name]
                owner.unmatched = [each for each in owner.unmatched if each.selector or each.text not in own]

    def all(self) -> Iterator[Finding]:
        yield from self._ready()
        yield from self._refused_profiles()
        yield from self._refused_others()
        yield from self._endpoints()
        yield from self._policy_findings()
        yield from self._profile_findings()
        yield from self._hosts_and_pools()

    def _ready(self) -> Iterator[Finding]:
        if found := self._snapshot.not_ready():
            remedy = f"Write true to {READY} once the data is complete."
            if found == "is a directory":
                remedy = f"Remove the directory. {remedy}"
            yield Finding(ERROR, READY, f'it {found}, not "true": Felix waits and applies nothing', remedy)

    def _refused_profiles(self) -> Iterator[Finding]:
        for name, parts in self._snapshot.profiles.items():
            for part, stored in parts.items():
                reason = self._felix.refused.get(stored.key)
                if reason:
                    remedy = for_profile_part(name, part, stored)
                    yield Finding(ERROR, stored.key, f"{reason}; {_CONSEQUENCES[part]}", remedy)

    def _refused_others(self) -> Iterator[Finding]:
        for _, stored in self._snapshot.endpoints:
            if reason := self._felix.refused.get(stored.key):
                yield Finding(ERROR, stored.key, f"{reason}; Felix treats the endpoint as deleted", CORRECT)
        for _, _, stored in self._snapshot.policies:
            if reason := self._felix.refused.get(stored.key):
                yield Finding(ERROR, stored.key, f"{reason}; Felix ignores the policy", CORRECT)
        for name, stored in self._snapshot.tiers.items():
            if reason := self._felix.refused.get(stored.key):
                effect = "packets skip the tier" if self._felix.tiers[name].is_skipped else "Felix ignores it"
                yield Finding(ERROR, stored.key, f"{reason}; {effect}", CORRECT)

    def _endpoints(self) -> Iterator[Finding]:
        for name, endpoint in self._felix.endpoints.items():
            spelled = self._felix.spelled.get(name)
            if spelled is not None:
                reason = f"profile_ids: {shown(spelled)} is not a list: Felix takes each character for a profile"
                yield Finding(ERROR, self._keys[name], reason, "Make it a list of profiles.")
            for profile in dict.fromkeys(endpoint.profile_ids) if spelled is None else ():
                if profile not in self._felix.profiles and "rules" not in self._snapshot.profiles.get(profile, {}):
                    problem = self._felix.profile_problem(profile).removeprefix("it ")
                    reason = f"profile {profile} {problem}: Felix drops all traffic that comes to it"
                    yield Finding(ERROR, self._keys[name], reason, for_missing_profile(profile, self._keys[name]))
            if endpoint.name.workload is not None:
                yield from self._interface(self._keys[name], endpoint)
        for endpoint in self._unselected:
            reason = "it has no profile and no policy selects it: Felix drops all its traffic"
            yield Finding(WARNING, self._keys[str(endpoint.name)], reason, "Give it a profile.")

    def _interface(self, key: str, endpoint: Endpoint) -> Iterator[Finding]:
        reason = self._felix.interface_problem(endpoint)
        if reason:
            yield Finding(ERROR, key, reason, "Rename the interface, or set InterfacePrefix.")

    def _policy_findings(self) -> Iterator[Finding]:
        for policy in self._felix.policies:
            owner = self._policies[policy.tier, policy.name]
            key = self._policy_keys[policy.tier, policy.name]
            if self._felix.tiers[policy.tier].is_skipped:
                reason = f"tier {policy.tier} has no valid metadata: packets skip its policies"
                remedy = f'Write {{"order": ...}} to the key metadata of tier {policy.tier}.'
                yield Finding(ERROR, key, reason, remedy)
            if not owner.users:
                reason = f'selector "{policy.selector_text}" selects no endpoint'
                yield Finding(WARNING, key, reason, "Correct the selector, or remove the policy.")
            if policy.untracked and any(user.name.workload is not None for user in owner.users):
                reason = "it is untracked, which has no effect on the workload endpoints that it selects"
                yield Finding(WARNING, key, reason, "Select host endpoints only.")
            yield from _unknown_members(key, policy)
            yield from rule_findings(key, policy.rules, owner, is_profile=False)

    def _profile_findings(self) -> Iterator[Finding]:
        for name, parts in self._snapshot.profiles.items():
            key = next(iter(parts.values())).key.rpartition("/")[0]
            if name in self._felix.profiles:
                rules = self._felix.profiles[name]
                owner = self._profiles[name]
                for member in rules.extra:
                    if member != "id":
                        yield Finding(WARNING, f"{key}/rules", f"Felix ignores the member {member}", "Remove it.")
                yield from rule_findings(f"{key}/rules", rules, owner, is_profile=True)
            # An endpoint that cannot be read may name it, and 'profile remove' refuses then.
            if name not in self._named_profiles and len(self._felix.endpoints) == len(self._snapshot.endpoints):
                remedy = f"If nobody needs it: {profile_removal(name, key)}."
                yield Finding(NOTE, key, "no endpoint uses this profile", remedy)

    def _hosts_and_pools(self) -> Iterator[Finding]:
        for stored in self._snapshot.bird_ips.values():
            if not _is_ipv4(stored.value):
                ends = ", which ends the Felix process" if stored.value == "" else ""
                yield Finding(ERROR, stored.key, f'"{stored.value}" is not an IPv4 address{ends}', CORRECT)
        for pool, stored in self._snapshot.pools:
            _, reason = judged(stored, partial(pool_problems, pool))
            if reason:
                yield Finding(ERROR, stored.key, f"{reason}; Felix ignores the pool", CORRECT)


def _unknown_members(key: str, policy: Policy) -> Iterator[Finding]:
    for member in policy.rules.extra:
        if member in _POLICY_MEMBERS:
            continue
        if member == "types":
            reason = "Felix 1.4 ignores types: the policy is for both directions, and ends the tier in both"
            yield Finding(WARNING, key, reason, "Select with two policies, or update Felix.")
        elif member == "doNotTrack":
            yield Finding(WARNING, key, "Felix ignores doNotTrack", 'In etcd its name is "untracked".')
        else:
            yield Finding(WARNING, key, f"Felix 1.4 ignores the member {member}", "Remove it, or update Felix.")


def _is_ipv4(text: str) -> bool:
    try:
        return "/" not in text and text.count(".") == 3 and Network.parse(text).version == 4
    except ValueError:
        return False
