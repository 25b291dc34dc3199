"""The plan of a change: which values to write so that a stored profile matches a resource, and which problems it has.

Only new and changed values are validated. Values that are already stored are accepted, with a warning if they would be
refused as new.
"""

from __future__ import annotations

import json

from calicoctl.model.names import ALLOWED, is_profile_name, is_tag
from calicoctl.model.rule import Rule
from calicoctl.model.rules import PORTS_MENDED, Rules
from calicoctl.resources import object_labels
from calicoctl.resources.fields import Problems, member, shown
from calicoctl.resources.profile.rule_folding import Group
from calicoctl.resources.profile.rule_mapping import canonical_text, remarks_on, rules_of
from calicoctl.resources.profile.stored import MEMBERS, PARTS, StoredProfile

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.resources.profile.resource import ProfileResource
    from calicoctl.resources.profile.rule_form import Form

_DENY = {"action": "deny"}


class Plan:
    """The result of comparing a resource with the stored profile.

    ``changes`` has the new value of each part to be written, in the order of writing. ``replaced`` describes unreadable
    values that are replaced. ``problems`` are reasons not to write anything; ``warnings`` are for the operator.
    ``completes`` tells that an interrupted creation of this resource has stored some of its parts; it is False for
    names that calicoctl never creates. ``barring_rules`` are temporary rules for the time between the first and the
    last write, or None: see `_barring_rules`.
    """

    def __init__(self, resource: ProfileResource, stored: StoredProfile | None, rewrite: bool = False) -> None:
        """``stored`` is None if the profile does not exist yet.

        With ``rewrite``, unchanged rules are rewritten in the form of new rules and missing parts are written. Without
        it, unchanged rules keep their stored form.
        """
        self.resource = resource
        self.stored = stored or StoredProfile(resource.name, {})
        self.is_new = stored is None
        self._rewrite = rewrite
        self._found = Problems()
        self.warnings: list[str] = []
        self.replaced: list[str] = []
        name_problem = _name_problem(resource.name)
        if self.is_new and name_problem:
            self._found.add("metadata.name", f"{shown(resource.name)} is not accepted: {name_problem}")
        values = {
            "tags": self._tags(), "labels": self._labels(), "metadata": self._metadata(), "rules": self._rules()
        }  # fmt: skip
        self.changes = {part: value for part in self._order() if (value := values[part]) is not None}
        self.completes = self._is_partly_created() and not name_problem
        self.barring_rules = self._barring_rules()
        self.problems = self._found.texts
        self._remark_on_parts()

    def result(self, texts: dict[str, str]) -> StoredProfile:
        """Return the profile as it will be after the changes; ``texts`` are the present values of its keys."""
        return StoredProfile(self.resource.name, {**texts, **self.changes})

    def erases_rules(self) -> bool:
        """Tell whether the plan removes all stored rules."""
        return "rules" in self.changes and self.stored.rules.count() > 0 and not any(self.resource.rules.values())

    def _order(self) -> tuple[str, ...]:
        """Return the parts in the order of writing.

        The rules come last because Felix drops the traffic of a profile without rules until it is complete. Empty
        rules drop the traffic too, so for a new profile without rules they come first: after an interruption, an
        absent rules key would look the same as empty rules, and nothing would be left to write.
        """
        if self.is_new and not self._rewrite and not any(self.resource.rules.values()):
            return ("rules", *(part for part in PARTS if part != "rules"))
        return PARTS

    def _barring_rules(self) -> str | None:
        """Return the stored rules after a first rule that denies everything; None if no intermediate state can do harm.

        Tags and labels decide which endpoints the rules match, here and in other profiles. If two of tags, labels and
        rules change, one new and one old value together may allow traffic that neither the old nor the new profile
        allows. The old rules are kept after the deny rule, because some may be accepted only while they are stored and
        the command must be repeatable after an interruption. If the stored rules cannot be read, Felix drops all
        traffic anyway and no deny rule is needed.
        """
        changing = (
            self.resource.tags is not None and self.resource.tags != self.stored.tags,
            self.resource.labels_to_apply != self.stored.labels,
            "rules" in self.changes,
        )
        rules = self.stored.rules
        lists = (rules.inbound, rules.outbound)
        readable = "rules" in self.stored.present and "rules" not in self.stored.unreadable
        if not readable or sum(changing) < 2 or all(listed and listed[0].fields == _DENY for listed in lists):
            return None
        inbound, outbound = ([Rule(_DENY), *listed] for listed in lists)
        return Rules(inbound, outbound, rules.extra).to_json()

    def _is_partly_created(self) -> bool:
        """Tell whether the stored parts are those that a creation of this resource writes before its rules."""
        present = self.stored.present
        if self.is_new or "rules" in present or any(part in present for part in self.changes):
            return False
        return (self.resource.tags is not None or not self.stored.tags) and (
            "metadata" not in present or self.resource.labels is not None or self.resource.annotations is not None
        )

    def _differs(self, part: str, changed: bool) -> bool:
        return changed or part in self.stored.unreadable or (self._needs(part) and part not in self.stored.present)

    def _needs(self, part: str) -> bool:
        return part != "metadata" and (self.is_new or self._rewrite)

    def _tags(self) -> str | None:
        given = self.resource.tags
        if given is None:
            return "[]" if self._needs("tags") and "tags" not in self.stored.present else None
        for position, tag in enumerate(given):
            if tag is not None and not is_tag(tag) and tag not in self.stored.tags:
                self._found.add(
                    f"metadata.tags[{position}]",
                    f"{shown(tag)} is not a tag: {ALLOWED}",
                )
        return json.dumps(given) if self._differs("tags", given != self.stored.tags) else None

    def _labels(self) -> str | None:
        given = self.resource.labels_to_apply
        self._check_labels(given, self.stored.labels, "spec.labelsToApply")
        return json.dumps(given) if self._differs("labels", given != self.stored.labels) else None

    def _metadata(self) -> str | None:
        given = self._given_members()
        if not given:
            return None
        if "labels" in given:
            self._check_labels(given["labels"], self.stored.member("labels"), "metadata.labels")
        if "annotations" in given:
            self._check_annotations(given["annotations"], self.stored.member("annotations"))
        metadata = _without_empty({**self.stored.metadata, **given})
        changed = metadata != _without_empty(self.stored.metadata)
        is_lost = "metadata" in self.stored.unreadable and not self.stored.unreadable_members
        return json.dumps(metadata) if changed or is_lost else None

    def _given_members(self) -> dict[str, dict[str, str]]:
        members = zip(MEMBERS, (self.resource.labels, self.resource.annotations), strict=True)
        return {name: texts for name, texts in members if texts is not None}

    def _check_labels(self, given: dict[str, str], stored: dict[str, str], path: str) -> None:
        for key, value in given.items():
            if stored.get(key) == value:
                continue
            for text, problem in (
                (key, object_labels.key_problem(key)),
                (value, object_labels.value_problem(value)),
            ):
                if problem:
                    self._found.add(member(path, key), f"{shown(text)} is not accepted: {problem}")

    def _check_annotations(self, given: dict[str, str], stored: dict[str, str]) -> None:
        for key, value in given.items():
            problem = object_labels.annotation_key_problem(key)
            if problem and stored.get(key) != value:
                self._found.add(member("metadata.annotations", key), f"{shown(key)} is not accepted: {problem}")
        problem = object_labels.annotations_problem(given)
        if problem and given != stored:
            self._found.add("metadata.annotations", problem)

    def _rules(self) -> str | None:
        lists = {way: self._rules_of_direction(way) for way in ("ingress", "egress")}
        rules = Rules(lists["ingress"], lists["egress"], self._extra())
        if not self._differs("rules", not rules.same_as(self.stored.rules)):
            return None
        mended, count = rules.with_ports_as_numbers()
        if count:
            self.warnings.append(PORTS_MENDED.format(count))
        return mended.to_json()

    def _rules_of_direction(self, direction: str) -> list[Rule]:
        groups = self.stored.groups()
        same = _Stored(groups[direction], [group for listed in groups.values() for group in listed])
        rules = []
        for form, path in self.resource.rules[direction]:
            group = same.take(form)
            rules += self._new(form, path) if group is None else self._kept(group, path)
        return rules

    def _new(self, form: Form, path: str) -> list[Rule]:
        rules = rules_of(form, path, self._found)
        if rules:
            self.warnings += [f"{path}: {remark}" for remark in remarks_on(form, rules)]
        return rules

    def _kept(self, group: Group, path: str) -> list[Rule]:
        as_new, problems = group.as_new()
        if problems:
            self.warnings += [f"{path} is kept as it is stored, though it would be refused as new: {problem}"
                              for problem in problems]  # fmt: skip
        elif self._rewrite:
            return as_new
        elif not group.is_canonical():
            self.warnings.append(
                f"{path} is kept as it is stored; 'calicoctl replace' rewrites it in the form of new rules, which "
                "every version of Felix reads"
            )
        return group.rules

    def _extra(self) -> Form:
        extra = dict(self.stored.rules.extra)
        for name, value in self.resource.stored_fields.items():
            if name in extra and canonical_text(extra[name]) == canonical_text(value):
                continue
            if name != "id" or not isinstance(value, str):
                self._found.add(
                    member("spec.storedFields", name),
                    "is only accepted here if this profile already has it with this value",
                )
            extra[name] = value
        return extra

    def _remark_on_parts(self) -> None:
        for name, reason, is_replaced in self._unreadable():
            remark = f"its {name} cannot be read ({reason})"
            if is_replaced:
                self.replaced.append(remark)
            outcome = "are replaced" if is_replaced else "stay unchanged: the document does not mention them"
            self.warnings.append(f"{remark} and {outcome}")
        if not self.is_new and "rules" not in self.stored.present and "rules" not in self.changes:
            self.warnings.append(
                "it has no rules key, so Felix treats it as missing and drops the traffic of its endpoints; "
                "'calicoctl replace' writes it"
            )

    def _unreadable(self) -> Iterator[tuple[str, str, bool]]:
        """Yield each unreadable part: its name, the reason, and whether the plan replaces it."""
        for part, reason in self.stored.unreadable.items():
            if part == "metadata" and self.stored.unreadable_members:
                given = self._given_members()
                yield from ((f"metadata.{name}", reason, name in given) for name in self.stored.unreadable_members)
            else:
                yield part, reason, part in self.changes


class _Stored:
    """Finds stored rules by form: first the unused ones of the same direction, in order, then any with that form."""

    def __init__(self, in_order: list[Group], everywhere: list[Group]) -> None:
        self._next: dict[str, list[Group]] = {}
        for group in reversed(in_order):
            self._next.setdefault(canonical_text(group.form), []).append(group)
        self._any = {canonical_text(group.form): group for group in everywhere}

    def take(self, form: Form) -> Group | None:
        text = canonical_text(form)
        waiting = self._next.get(text)
        return waiting.pop() if waiting else self._any.get(text)


def _name_problem(name: str) -> str:
    """Say why a new profile cannot have this name; empty if it can.

    A missing name is also empty: the parser has already reported it.
    """
    if name and not is_profile_name(name):
        return ALLOWED
    return "etcd hides names that begin with _" if name.startswith("_") else ""


def _without_empty(metadata: dict[str, Any]) -> dict[str, Any]:
    return {name: content for name, content in metadata.items() if content != {}}
