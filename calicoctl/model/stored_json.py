"""JSON as it is read out of the datastore: numbers that no float holds and NaN are no JSON."""

from __future__ import annotations

import json
import math

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any


def decode(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError with a message of its own for whatever is wrong."""
    try:
        return decode_or_say_why(text)
    except ValueError:
        raise ValueError("it is not JSON") from None


def decode_or_say_why(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError, which says what is wrong and where."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is out of range")
    return number
