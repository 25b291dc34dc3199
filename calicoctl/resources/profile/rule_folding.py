"""Conversion of stored rules to rules of the Profile resource.

Stored rules that differ only in their networks may become one rule with several networks.
"""

from __future__ import annotations

import json

from calicoctl.model.network import Network, ambiguity
from calicoctl.resources.fields import Problems
from calicoctl.resources.profile.rule_mapping import form_of, rules_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from calicoctl.model.rule import Rule
    from calicoctl.resources.profile.rule_form import Form

    Pair = tuple[str | None, str | None]


class Group:
    """One rule of the resource, ``form``, and the stored ``rules`` that it represents."""

    __slots__ = ("_as_new", "form", "rules")

    def __init__(self, form: Form, rules: list[Rule]) -> None:
        self.form = form
        self.rules = rules
        self._as_new: tuple[list[Rule], list[str]] | None = None

    def as_new(self) -> tuple[list[Rule], list[str]]:
        """Return the rules that would be stored for the form as a new rule, and the problems that would refuse it."""
        if self._as_new is None:
            problems = Problems()
            self._as_new = rules_of(self.form, "", problems), problems.texts
        return self._as_new

    def is_canonical(self) -> bool:
        """Tell whether the rules are stored in the form of new rules."""
        return [rule.exact() for rule in self.as_new()[0]] == [rule.exact() for rule in self.rules]


def groups_of(rules: list[Rule]) -> list[Group]:
    """Group stored rules, in order.

    Adjacent rules that differ only in their networks become one form if storing that form would produce exactly these
    rules.
    """
    return [group for run in _runs(rules) for group in _groups_of_run(run)]


def _runs(rules: list[Rule]) -> Iterator[list[Rule]]:
    """Yield runs of adjacent rules that differ only in their networks."""
    run: list[Rule] = []
    run_key: Hashable = None
    for rule in rules:
        key = _run_key(rule)
        if run and (key is None or key != run_key):
            yield run
            run = []
        run.append(rule)
        run_key = key
    if run:
        yield run


def _run_key(rule: Rule) -> Hashable:
    """Return a key that is equal for rules of one run; None for a rule that is never part of a longer run."""
    nets = {key: rule.fields[key] for key in ("src_net", "dst_net") if rule.fields.get(key) is not None}
    versions = {_version_if_canonical(net) for net in nets.values()}
    if not nets or None in versions:
        return None
    rest = {key: value for key, value in rule.fields.items() if key not in nets}
    return (*nets, *sorted(map(str, versions)), json.dumps(rest, sort_keys=True))


def _version_if_canonical(text: object) -> int | None:
    """Return the IP version of a network in the form of new rules; None for any other value.

    A network in another form would prevent the whole run from becoming one form.
    """
    try:
        network = Network.parse(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if network is None or str(network) != text or ambiguity(text):
        return None
    return network.version


def _groups_of_run(run: list[Rule]) -> Iterator[Group]:
    if len(run) == 1:  # its networks may be missing or malformed
        yield Group(form_of(run[0]), run)
        return
    pairs: list[Pair] = [(rule.fields.get("src_net"), rule.fields.get("dst_net")) for rule in run]
    position = 0
    while position < len(run):
        sources, destinations = _product(pairs, position)
        rules = run[position : position + len(sources) * len(destinations)]
        yield from _folded(rules, sources, destinations)
        position += len(rules)


def _product(pairs: list[Pair], start: int) -> tuple[list[str | None], list[str | None]]:
    """Split the pairs from ``start`` on into a list of sources and a list of destinations.

    The combinations of the two lists, in order, are equal to as many of the next pairs as possible.
    """
    destinations: dict[str | None, None] = {}
    for position in range(start, len(pairs)):
        source, destination = pairs[position]
        if source != pairs[start][0] or destination in destinations:
            break
        destinations[destination] = None
    row = list(destinations)
    sources: dict[str | None, None] = {}
    for position in range(start, len(pairs), len(row)):
        source = pairs[position][0]
        if source in sources or pairs[position : position + len(row)] != [(source, each) for each in row]:
            break
        sources[source] = None
    return list(sources), row


def _folded(rules: list[Rule], sources: list[str | None], destinations: list[str | None]) -> list[Group]:
    """Return one group for rules with all combinations of networks, or one group per rule if one form cannot say it."""
    first = Group(form_of(rules[0]), rules[:1])
    if len(rules) > 1 and first.is_canonical():
        form = dict(first.form)
        for side, nets in (("source", sources), ("destination", destinations)):
            if nets != [None]:
                form[side] = {**form[side], "nets": nets}
        group = Group(form, rules)
        if group.is_canonical():
            return [group]
    return [first, *(Group(form_of(rule), [rule]) for rule in rules[1:])]
