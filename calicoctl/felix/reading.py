"""Stored JSON as Felix 1.4.9 reads it, and the same in the forms that the model reads."""

from __future__ import annotations

import json
import math
import sys

from calicoctl.felix.rules import FatalValue

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

_DEEPEST = 980  # about where the JSON reader of Felix's Python 2.7 stops; at 3,000 Felix was seen to end


def decoded(text: str) -> Any:
    """Return the value of a JSON text, in which numbers may be ``Infinity`` and ``NaN``.

    Raises FatalValue for what is nested too deeply, ValueError for what is no JSON.
    """
    if text.count("[") + text.count("{") > _DEEPEST and _depth(text) > _DEEPEST:
        raise FatalValue("it is nested too deeply")
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("it is not JSON") from None


def _depth(text: str) -> int:
    deepest = depth = 0
    in_string = is_escaped = False
    for character in text:
        if in_string:
            in_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def as_model(document: dict[str, Any]) -> dict[str, Any]:
    """Return a policy, the metadata of a tier or the rules of a profile, with values that the model takes too.

    Felix orders by true, false, Infinity and numbers that no float holds, takes ``untracked`` by its truth, and 4.0 for
    IP version 4. The document itself is returned where nothing is to be changed.
    """
    changes: dict[str, Any] = {}
    order = document.get("order")
    if isinstance(order, (int, float)) and _order(order) != order:
        changes["order"] = _order(order)
    elif isinstance(order, bool):
        changes["order"] = int(order)
    if not isinstance(document.get("untracked", False), bool):
        changes["untracked"] = bool(document["untracked"])
    for name in ("inbound_rules", "outbound_rules"):
        rules = document.get(name, [])
        if isinstance(rules, list) and any(map(_has_float_version, rules)):
            changes[name] = [
                {**rule, "ip_version": int(rule["ip_version"])} if _has_float_version(rule) else rule for rule in rules
            ]
    return {**document, **changes} if changes else document


def _has_float_version(rule: Any) -> bool:
    return isinstance(rule, dict) and isinstance(rule.get("ip_version"), float)


def _order(order: float) -> float | str:
    """Return a finite order in place of another; what is above all numbers is what no order is."""
    try:
        number = float(order)
    except OverflowError:
        number = math.inf if order > 0 else -math.inf
    if math.isfinite(number):
        return number
    return -sys.float_info.max if number < 0 else "default"
