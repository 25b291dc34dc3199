"""Strict parsing of JSON from etcd and from command input: NaN, Infinity and numbers out of range are refused."""

from __future__ import annotations

import json
import math
import re

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    MakeObject = Callable[[list[tuple[str, Any]]], dict[str, Any]]

# Tokens that may be invalid, and those needed to find them, split as by Python's scanner; all other text is skipped.
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_TOKEN = rf'"[^"\\]*(?:\\.[^"\\]*)*"|[][{{}}]|NaN|-?Infinity|{_NUMBER}'


def decode(text: str) -> Any:
    """Parse JSON. Raises ValueError with the same short message for every error."""
    try:
        return decode_or_say_why(text)
    except ValueError:
        raise ValueError("it is not JSON") from None


def decode_or_say_why(text: str, make_object: MakeObject | None = None, deepest: int | None = None) -> Any:
    """Parse JSON. Raises ValueError, which says what is wrong and where.

    ``make_object`` builds an object from the list of its members. ``deepest`` is the maximum depth of nesting.
    """
    try:
        value = json.loads(text, object_pairs_hook=make_object, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise ValueError(f"{what} at line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise ValueError(_first_fault(text, deepest)) from None
    if deepest is not None and _is_deeper(value, deepest):
        raise ValueError(_first_fault(text, deepest))
    return value


def _is_deeper(value: Any, deepest: int) -> bool:
    level = [value] if type(value) in (dict, list) else []
    for _ in range(deepest):
        if not level:
            return False
        level = [
            member
            for parent in level
            for member in (parent.values() if type(parent) is dict else parent)
            if type(member) in (dict, list)
        ]
    return bool(level)


def _first_fault(text: str, deepest: int | None) -> str:
    """Describe and locate the first error in a text that is well formed up to that error."""
    depth = 0
    for found in re.finditer(_TOKEN, text, re.DOTALL):
        token, offset = found[0], found.start()
        depth += (token in "[{") - (token in "]}")
        fault = "it is nested too deeply" if deepest is not None and depth > deepest else _fault_of(token)
        if fault:
            line = text.count("\n", 0, offset) + 1
            return f"{fault} at line {line}, column {offset - text.rfind(chr(10), 0, offset)}"
    return "it is nested too deeply"


def _fault_of(token: str) -> str:
    if token.endswith(("NaN", "Infinity")):
        return f"{token} is not JSON"
    if not token[-1].isdigit():
        return ""
    if set(token) & set(".eE"):
        return f"the number {token[:40]} is out of range" if math.isinf(float(token)) else ""
    try:
        int(token)
    except ValueError:  # Python limits the number of digits because the conversion would take too long
        return "a number has too many digits"
    return ""


def _refuse(token: str) -> Any:
    raise ValueError(token)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)
