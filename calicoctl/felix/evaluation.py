"""Which policies apply to an endpoint and which rules name it.

A selector is evaluated once for each distinct set of labels. Of the selectors, only those are tried whose
requirements (``Selector.requires``) an index finds to hold, and the few that require nothing.
"""

from __future__ import annotations

import re

from calicoctl.model.labels import inherited, labels_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.labels import Labels
    from calicoctl.model.policy import Policy, Tier
    from calicoctl.model.rule_match import RuleMatch
    from calicoctl.model.selector import Selector

FELIX_1, FELIX_2 = 1, 2  # 1.4, and as of 2.2


class Identity:
    """What selectors and tags see of an endpoint: its labels with those of its profiles, and its profiles' tags."""

    __slots__ = ("labels", "label_set", "tags")

    def __init__(self, labels: Labels, tags: frozenset[str]) -> None:
        self.labels = labels
        self.label_set = frozenset(labels.items())
        self.tags = tags


class Identities:
    """The identities of endpoints.

    A label that an endpoint lacks comes from the last profile in its list that has it. Felix 2.2 and later take it
    from the first one, and a tag that is no label for a label without a value.
    """

    def __init__(self, labels: Mapping[str, Labels], tags: Mapping[str, Sequence[str]], felix_version: int) -> None:
        self._labels = labels
        self._tags = tags
        self._felix_version = felix_version
        self._tags_of_profiles: dict[tuple[str, ...], frozenset[str]] = {}
        self._conflicts: dict[tuple[str, ...], bool] = {}

    def of_endpoint(self, endpoint: Endpoint) -> Identity:
        """Return an endpoint's identity. Raises MalformedEndpoint, MalformedLabels."""
        profiles = tuple(endpoint.profile_ids)
        tags = self._tags_of_profiles.get(profiles)
        if tags is None:
            tags = frozenset(tag for profile in profiles for tag in self._tags.get(profile, ()))
            self._tags_of_profiles[profiles] = tags
        parents = [labels for profile in profiles if (labels := self._labels.get(profile))]
        if self._felix_version == FELIX_1:
            parents.reverse()
        labels = inherited(labels_of(endpoint), parents)
        if self._felix_version == FELIX_2 and tags:
            labels = {**dict.fromkeys(tags, ""), **labels}
        return Identity(labels, tags)

    def has_conflict(self, profiles: Sequence[str]) -> bool:
        """Tell whether two of these profiles give a label different values."""
        key = tuple(profiles)
        found = self._conflicts.get(key)
        if found is None:
            given = [item for profile in profiles for item in self._labels.get(profile, {}).items()]
            found = self._conflicts[key] = len(set(given)) > len({label for label, _ in given})
        return found

    def tags(self) -> set[str]:
        """Return the tags of all profiles."""
        return {tag for tags in self._tags.values() for tag in tags}


class SelectorIndex:
    """Finds, among many selectors, those that match a set of labels. Each selector has a number, its position."""

    def __init__(self, selectors: Iterable[Selector]) -> None:
        numbers: dict[str, list[int]] = {}
        distinct: dict[str, Selector] = {}
        for number, selector in enumerate(selectors):
            text = selector.canonical()
            distinct.setdefault(text, selector)
            numbers.setdefault(text, []).append(number)
        self._always: list[tuple[Selector, list[int]]] = []
        self._by_label: dict[object, list[tuple[Selector, list[int]]]] = {}
        keys_of = {text: list(_index_keys(selector)) for text, selector in distinct.items()}
        crowd: dict[object, int] = {}
        for alternatives in keys_of.values():
            for keys in alternatives:
                for key in keys:
                    crowd[key] = crowd.get(key, 0) + 1
        for text, selector in distinct.items():
            entry = (selector, numbers[text])
            if not keys_of[text]:
                self._always.append(entry)
                continue
            for key in min(keys_of[text], key=lambda keys: sum(crowd[key] for key in keys)):
                self._by_label.setdefault(key, []).append(entry)
        self._found: dict[frozenset[tuple[str, str]], tuple[int, ...]] = {}

    def matching(self, who: Identity) -> tuple[int, ...]:
        """Return the numbers of the selectors that match, sorted."""
        found = self._found.get(who.label_set)
        if found is None:
            labels = who.labels
            matching = [numbers for selector, numbers in self._candidates(labels) if selector.matches(labels)]
            found = self._found[who.label_set] = tuple(sorted(number for numbers in matching for number in numbers))
        return found

    def _candidates(self, labels: Labels) -> Iterator[tuple[Selector, list[int]]]:
        yield from self._always
        for label in labels.items():
            yield from self._by_label.get(label, ())
            yield from self._by_label.get(label[0], ())


def _index_keys(selector: Selector) -> Iterator[list[object]]:
    """Yield, for each label that a selector requires, under what to look it up: label and value, or the label alone.

    One of these keys at most can be in a set of labels, so that nothing is found twice.
    """
    for label, values in selector.requires.items():
        yield [label] if values is None else [(label, value) for value in values]


class RuleUse:
    """A selector or tag of a rule, with whose rule it is: of a policy, or of the profile ``profile``."""

    __slots__ = ("policy", "profile", "match", "line")

    def __init__(self, match: RuleMatch, policy: Policy | None, profile: str | None) -> None:
        self.match = match
        self.policy = policy
        self.profile = profile
        owner = f'Policy "{policy.name}"' if policy else f'Profile "{profile}"'
        self.line = f"{owner} {match.place} {match.number} {match.side} match"

    def members(self, with_text: bool) -> dict[str, object]:
        """Return the rule and the side of it, with the selector or tag if wanted, for a document."""
        match = self.match
        members: dict[str, object] = {"direction": match.direction, "order": match.number, "selector_type": match.side}
        if with_text:
            members["tag" if match.selector is None else "selector"] = match.text
        return members

    def sort_key(self) -> tuple[str, tuple[str, int, str]]:
        """What orders the rule matches of an endpoint: policies, then profiles, by name; then as in one of them."""
        kind, name = ("Policy", self.policy.name) if self.policy else ("Profile", self.profile)
        return f'{kind} "{name}" ', self.match.sort_key()


class Evaluation:
    """Which policies apply to an endpoint, in the order of evaluation, and which rules, of all policies, name it."""

    def __init__(self, policies: Iterable[Policy], tiers: Mapping[str, Tier], identities: Identities) -> None:
        self._identities = identities
        self._policies = sorted(
            policies, key=lambda policy: (not policy.untracked, tiers[policy.tier].position, policy.position)
        )
        self._policy_index = SelectorIndex(policy.selector for policy in self._policies)
        self._uses: list[RuleUse] = []
        self._selector_uses: list[int] = []
        self._tag_uses: dict[str, list[int]] = {}

    def add_rule_matches(self, profiles: Mapping[str, list[RuleMatch]]) -> None:
        """Let ``rules_naming`` know the rules of the policies and of these profiles."""
        uses = [RuleUse(match, policy, None) for policy in self._policies for match in policy.matches]
        uses += [RuleUse(match, None, name) for name, matches in profiles.items() for match in matches]
        self._uses = sorted(uses, key=RuleUse.sort_key)
        selectors = []
        for number, use in enumerate(self._uses):
            if use.match.selector is None:
                self._tag_uses.setdefault(use.match.text, []).append(number)
            else:
                self._selector_uses.append(number)
                selectors.append(use.match.selector)
        self._use_index = SelectorIndex(selectors)

    def identity(self, endpoint: Endpoint) -> Identity:
        """Return what the other methods ask for of an endpoint."""
        return self._identities.of_endpoint(endpoint)

    def policies_of(self, who: Identity) -> list[Policy]:
        """Return the policies whose selector matches: untracked ones first, then by tier, order and name."""
        return [self._policies[number] for number in self._policy_index.matching(who)]

    def rules_naming(self, who: Identity) -> list[RuleUse]:
        """Return the selectors and tags, in the order of listing, that match."""
        found = [self._selector_uses[number] for number in self._use_index.matching(who)]
        by_tag = [number for tag in who.tags for number in self._tag_uses.get(tag, ())]
        if by_tag:
            found = sorted(found + by_tag)
        return [self._uses[number] for number in found]

    def words_of_selectors(self) -> set[str]:
        """Return every name of a label in the selectors, and other words of them."""
        uses = (use.match.selector for use in self._uses if use.match.selector is not None)
        texts = {selector.canonical() for selector in (*(policy.selector for policy in self._policies), *uses)}
        return {word for text in texts for word in re.findall(r"[\w./-]+", text)}
