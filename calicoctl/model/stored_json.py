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
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number
