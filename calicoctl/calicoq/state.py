"""The stored objects as model objects. Unreadable objects are reported with their keys and left out."""

from __future__ import annotations

import json
from functools import partial

from calicoctl.datastore.keys import READY, ROOT
from calicoctl.datastore.snapshot import Snapshot
from calicoctl.errors import CommandError
from calicoctl.felix.evaluation import FELIX_1, FELIX_2, Identities
from calicoctl.felix.objects import (
    endpoint_problems,
    is_mac,
    policy_problems,
    profile_labels_problems,
    profile_rules_problems,
    tags_problems,
    tier_problems,
)
from calicoctl.felix.reading import as_model, decoded
from calicoctl.felix.rules import FatalValue
from calicoctl.felix.view import judged
from calicoctl.model.endpoint import Endpoint, MalformedEndpoint
from calicoctl.model.labels import labels_from_json, labels_of
from calicoctl.model.policy import Policy, Tier
from calicoctl.model.rule_match import check_types, matches_of
from calicoctl.model.rules import Rules
from calicoctl.model.tags import tags_from_json
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from calicoctl.datastore.snapshot import Stored
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.endpoint import EndpointName
    from calicoctl.model.labels import Labels
    from calicoctl.model.rule_match import RuleMatch

    Decoded = TypeVar("Decoded")

_CHECKS = {"rules": profile_rules_problems, "labels": profile_labels_problems, "tags": tags_problems}


class State:
    """The objects of a snapshot for one command; each kind is decoded only if the command needs it.

    ``complaints`` collects a message for each object that could not be read.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.complaints: list[str] = []

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints, sorted by title, then by host."""
        endpoints = [
            endpoint
            for name, stored in self._snapshot.endpoints
            if (endpoint := self._read(stored, partial(_endpoint, name)))
        ]
        return sorted(endpoints, key=lambda endpoint: (title(endpoint), endpoint.name.host))

    def policies(self) -> list[Policy]:
        """Return all policies of all tiers, in no particular order."""
        return [
            policy
            for tier, name, stored in self._snapshot.policies
            if (policy := self._read(stored, _as_felix_reads(partial(Policy.from_json, tier, name))))
        ]

    def tiers(self) -> dict[str, Tier]:
        """Return the tiers that have metadata or a policy, by name."""
        tiers = {tier: Tier(tier) for tier, _, _ in self._snapshot.policies}
        for name, stored in self._snapshot.tiers.items():
            tier = self._read(stored, _as_felix_reads(partial(Tier.from_json, name)))
            is_refused = bool(_refusal(stored, partial(tier_problems, name)))
            tiers[name] = Tier(name) if tier is None or is_refused else tier
        return tiers

    def refusals_of_tiers(self) -> list[str]:
        """Return which readable metadata of tiers Felix refuses, and why, as texts."""
        return [
            refusal
            for name, stored in sorted(self._snapshot.tiers.items())
            if self._is_readable(stored) and (refusal := _refusal(stored, partial(tier_problems, name)))
        ]

    def policy_names(self) -> set[str]:
        """Return the names of all policies, including unreadable ones."""
        return {name for _, name, _ in self._snapshot.policies}

    def refusal_of_policy(self, policy: Policy) -> str:
        """Return why Felix ignores a readable policy; an empty text if it does not."""
        problems = partial(policy_problems, policy.tier, policy.name)
        found = (stored for tier, name, stored in self._snapshot.policies if (tier, name) == (policy.tier, policy.name))
        return _refusal(next(found), problems)

    def refusal_of_endpoint(self, endpoint: Endpoint) -> str:
        """Return why Felix treats a readable endpoint as deleted; an empty text if it does not."""
        try:
            problem = next(endpoint_problems(endpoint.name, endpoint.fields), None)
        except FatalValue as error:
            problem = f"{error}, which ends the Felix process"
        return f"{full_title(endpoint)}: {problem}" if problem else ""

    def refusals_of_profiles(self) -> list[str]:
        """Return which readable parts of profiles Felix refuses, and why, as texts."""
        return [
            refusal
            for name, parts in sorted(self._snapshot.profiles.items())
            for part, check in _CHECKS.items()
            if part in parts
            and self._is_readable(parts[part])
            and (refusal := _refusal(parts[part], partial(check, name)))
        ]

    def _is_readable(self, stored: Stored) -> bool:
        beginning = visible(f"Cannot read {stored.key}:")
        return not any(complaint.startswith(beginning) for complaint in self.complaints)

    def profile_matches(self) -> dict[str, list[RuleMatch]]:
        """Return the selectors and tags in the rules of each profile, by the profile's name."""
        return {
            name: self._read(parts["rules"], _rule_matches) or []
            for name, parts in sorted(self._snapshot.profiles.items())
            if "rules" in parts
        }

    def read_profile_labels(self) -> dict[str, Labels]:
        """Return the labels that Felix accepts, by profile name; profiles without such labels are left out."""
        return self._read_part("labels", labels_from_json)

    def read_profile_tags(self) -> dict[str, list[str]]:
        """Return the tags that Felix accepts, by profile name; profiles without such tags are left out."""
        return self._read_part("tags", tags_from_json)

    def identities(self, felix_version: int) -> list[Identities]:
        """Return identities with the labels and tags of profiles: for this version of Felix, then for the other."""
        labels = self.read_profile_labels()
        tags = self.read_profile_tags()
        versions = (FELIX_1, FELIX_2) if felix_version == FELIX_1 else (FELIX_2, FELIX_1)
        return [Identities(labels, tags, version) for version in versions]

    def _read_part(self, part: str, decode: Callable[[str], Decoded]) -> dict[str, Decoded]:
        return {
            name: value
            for name, parts in sorted(self._snapshot.profiles.items())
            if part in parts
            and (value := self._read(parts[part], decode))
            and not _refusal(parts[part], partial(_CHECKS[part], name))
        }

    def _read(self, stored: Stored, decode: Callable[[str], Decoded]) -> Decoded | None:
        try:
            return stored.read(decode)
        except ValueError as error:  # the base class of MalformedEndpoint and similar errors
            self.complaints.append(visible(f"Cannot read {stored.key}: {error}."))
            return None


def read_state(environment: Environment) -> State:
    """Read everything in one request, and warn if the datastore is not ready and Felix waits for it."""
    return State(read_snapshot(environment))


def read_snapshot(environment: Environment) -> Snapshot:
    """Return the snapshot, and warn as ``read_state`` does."""
    snapshot = snapshot_of(environment)
    if found := snapshot.not_ready():
        effect = "Felix applies nothing of this until it is"
        environment.complain(f'Warning: {READY} {visible(found)}, not "true": {effect}.')
    return snapshot


def snapshot_of(environment: Environment) -> Snapshot:
    """Return the snapshot without a warning."""
    snapshot = Snapshot.read(environment.client())
    if environment.variables.get("CALICOCTL_DEBUG"):
        environment.complain(
            f"Read {ROOT}: {len(snapshot.endpoints)} endpoints, {len(snapshot.policies)} policies, "
            f"{len(snapshot.tiers)} tiers with metadata, {len(snapshot.profiles)} profiles."
        )
    return snapshot


def felix_version_of(arguments: Arguments) -> int:
    """Return the version of Felix in the arguments. Raises CommandError for an unknown version."""
    text: str = arguments["--felix"]
    if text not in ("1", "2"):
        raise CommandError(f'--felix is 1, for Felix 1.4, or 2, for Felix 2.2 and later; not "{visible(text)}".')
    return int(text)


def finish(state: State, environment: Environment) -> int:
    """Report the objects that could not be read, and return the exit status: 1 if there are any, otherwise 0."""
    for complaint in sorted(state.complaints):
        environment.complain(complaint)
    return 1 if state.complaints else 0


def title(endpoint: Endpoint) -> str:
    """Return the heading of an endpoint's block, which does not name the host."""
    name = endpoint.name
    if name.workload is None:
        return f"Host endpoint {name.endpoint}"
    return f"Workload endpoint {name.orchestrator}/{name.workload}/{name.endpoint}"


def full_title(endpoint: Endpoint) -> str:
    """Return an endpoint's kind and full name, which begins with the host."""
    kind = "Host" if endpoint.name.workload is None else "Workload"
    return f"{kind} endpoint {endpoint.name}"


def _endpoint(name: EndpointName, text: str) -> Endpoint:
    """Return an endpoint. Raises MalformedEndpoint or MalformedLabels if a field that queries need cannot be read.

    If profile_ids is a text or an object, Felix uses its characters or its keys as the list of profiles.
    """
    endpoint = Endpoint.from_json(name, text)
    profiles = endpoint.fields.get("profile_ids")
    if isinstance(profiles, (str, dict)):
        endpoint = Endpoint(name, {**endpoint.fields, "profile_ids": list(profiles)})
    labels_of(endpoint)
    endpoint.profile_ids, endpoint.state, endpoint.addresses  # noqa: B018 - reads them
    mac = endpoint.mac
    if mac and not is_mac(mac):
        raise MalformedEndpoint("mac is not a MAC address")
    return endpoint


def _as_felix_reads(read: Callable[[str], Decoded]) -> Callable[[str], Decoded]:
    """Return a function that reads a value with ``read``; if that fails, it reads the value as Felix interprets it."""

    def read_it(text: str) -> Decoded:
        try:
            return read(text)
        except ValueError:
            try:
                document = decoded(text)
            except ValueError:
                document = None
            as_read = as_model(document) if isinstance(document, dict) else document
            if as_read is document:
                raise
            return read(json.dumps(as_read))

    return read_it


def _refusal(stored: Stored, problems: Callable[[Any], Iterable[str]]) -> str:
    """Return why Felix refuses a readable value; an empty text if Felix accepts it."""
    document, reason, _ = judged(stored, problems)
    return f"{stored.key}: {reason}" if reason and document is not None else ""


def _rule_matches(text: str) -> list[RuleMatch]:
    rules = Rules.from_json(text)
    check_types(rules)
    return matches_of(rules)
