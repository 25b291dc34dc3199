"""Conversion between rules of the v1 data model and forms of the Profile resource.

Nothing is lost in either direction: a stored field that the resource cannot express goes to ``storedFields`` unchanged.
A form with several networks is stored as one rule per network, because lists of networks do not work with every
version of Felix. The meaning is the same because the first match decides. ``rule_folding`` reverses this step.
"""

from __future__ import annotations

import json
import re

from calicoctl.model.protocols import V3_NAMES
from calicoctl.model.rule_validation import RuleProblems, new_rules, remarks
from calicoctl.resources.fields import Problems
from calicoctl.resources.profile.rule_form import ENTITIES, FIELDS
from calicoctl.resources.profile.rule_form_validation import check_form, nets_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.model.rule import Fields, Rule
    from calicoctl.resources.profile.rule_form import Form

_ACTIONS = {"Allow": "allow", "Deny": "deny", "Log": "log", "Pass": "next-tier"}
_ACTION_NAMES = {stored: name for name, stored in _ACTIONS.items()} | {"": "Allow"}
_SIDES = {"source": "src", "destination": "dst"}
_ENTITY = {"nets": "nets", "selector": "selector", "ports": "ports", "tag": "tag"}


def canonical_text(form: Form) -> str:
    """Return a string that is equal for equal forms."""
    return json.dumps(form, sort_keys=True)


# From the resource to stored rules


def rules_of(form: Form, path: str, problems: Problems) -> list[Rule]:
    """Return the rules to store for a new form. If it is invalid, return none and add its problems to ``problems``.

    Problems that were found when the form was parsed are not repeated.
    """
    found = Problems()
    check_form(form, path, found)
    if not found.texts and _is_whole(form):
        try:
            return new_rules(_stored_fields(form))
        except RuleProblems as error:  # only a safeguard: `check_form` should find all problems first
            for problem in error.problems:
                found.add(path, problem)
    problems.texts += found.texts
    return []


def remarks_on(form: Form, rules: list[Rule]) -> list[str]:
    """Return remarks for the operator on a new form; ``rules`` are the rules to store for it."""
    return remarks(_stored_fields(form), rules)


def _is_whole(form: Form) -> bool:
    """Tell whether all list items were valid when the form was parsed."""
    entities = (form.get(side, {}) for side in ENTITIES)
    return not any(isinstance(items, list) and None in items for entity in entities for items in entity.values())


def _stored_fields(form: Form) -> Fields:
    fields: Fields = {"action": _ACTIONS[form["action"]]}
    for name, field in (("ipVersion", "ip_version"), ("logPrefix", "log_prefix")):
        if name in form:
            fields[field] = form[name]
    for name, field in (("protocol", "protocol"), ("notProtocol", "!protocol")):
        if name in form:
            fields[field] = form[name].lower() if isinstance(form[name], str) else form[name]
    for name, negation in (("icmp", ""), ("notICMP", "!")):
        fields.update({f"{negation}icmp_{part}": number for part, number in form.get(name, {}).items()})
    for side in ENTITIES:
        entity = form.get(side, {})
        if entity.get("nets"):
            entity = {**entity, "nets": nets_of(entity), "notNets": []}
        for name, content in entity.items():
            if content:
                fields[_FIELDS[f"{side}.{name}"]] = content
    return fields


def _negated(name: str) -> str:
    return "not" + name[0].upper() + name[1:]


_FIELDS = {
    f"{side}.{_negated(name) if negation else name}": f"{negation}{short}_{field}"
    for side, short in _SIDES.items()
    for name, field in _ENTITY.items()
    for negation in ("", "!")
}


# From stored rules to the resource


def form_of(rule: Rule) -> Form:
    """Return the form of any stored rule."""
    left = {key: value for key, value in rule.fields.items() if value is not None}
    form: Form = {}
    action = left.get("action", "allow")
    if isinstance(action, str) and action in _ACTION_NAMES:
        form["action"] = _ACTION_NAMES[action]
        left.pop("action", None)
    if type(left.get("ip_version")) is int:
        form["ipVersion"] = left.pop("ip_version")
    for name, field in (("protocol", "protocol"), ("notProtocol", "!protocol")):
        protocol = _protocol_name(left.get(field))
        if protocol is not None:
            form[name] = protocol
            del left[field]
    for name, negation in (("icmp", ""), ("notICMP", "!")):
        parts = {part: left[f"{negation}icmp_{part}"] for part in ("type", "code")
                 if type(left.get(f"{negation}icmp_{part}")) is int}  # fmt: skip
        for part in parts:
            del left[f"{negation}icmp_{part}"]
        if parts:
            form[name] = parts
    for side in ENTITIES:
        entity = _entity_of(left, side)
        if entity:
            form[side] = entity
    if isinstance(left.get("log_prefix"), str):
        form["logPrefix"] = left.pop("log_prefix")
    if left:
        form["storedFields"] = left
    return {name: form[name] for name in FIELDS if name in form}


def _protocol_name(stored: Any) -> int | str | None:
    if isinstance(stored, str):
        return int(stored) if re.fullmatch("[0-9]{1,9}", stored) else V3_NAMES.get(stored)
    return stored if type(stored) is int else None


def _entity_of(left: Fields, side: str) -> Form:
    """Remove from ``left`` the fields of one side that the resource can express, and return them as an entity."""
    entity: Form = {}
    for negation in ("", "!"):
        for name, field in _ENTITY.items():
            stored = f"{negation}{_SIDES[side]}_{field}"
            proper = _negated(name) if negation else name
            single = stored[:-1]
            if name == "nets" and stored not in left and isinstance(left.get(single), str):
                entity[proper] = [left.pop(single)]
            elif stored in left and _can_say(name, left[stored]):
                entity[proper] = left.pop(stored)
                if name == "selector" and entity[proper] == "":
                    entity[proper] = "all()"  # the same meaning; in a document, an empty selector counts as absent
    return entity


def _can_say(name: str, value: Any) -> bool:
    if name == "nets":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if name == "ports":
        return isinstance(value, list) and all(type(item) in (int, str) for item in value)
    return isinstance(value, str)


def form_to_document(form: Form) -> Form:
    """Return a form as ``get`` shows it: always with ``source`` and ``destination``, as in Go's calicoctl."""
    complete = {**{side: {} for side in ENTITIES}, **form}
    return {name: complete[name] for name in FIELDS if name in complete}
