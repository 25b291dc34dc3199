"""Readers for the fields of a resource: they check names and types and report each problem with its path."""

from __future__ import annotations

import re

from calicoctl.model import wording

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    Item = TypeVar("Item")

_SIMPLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Problems:
    """The problems of a resource in the order in which they were found; ``texts`` has a line for each."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, path: str, text: str) -> None:
        """Add a problem of the field at a path such as ``spec.ingress[1].source.ports[0]``."""
        self.texts.append(f"{path}: {text}" if path else text)


def shown(value: Any) -> str:
    """Format a value of a document for a message: an unquoted scalar as written, any other value as JSON."""
    from calicoctl.resources.documents import Plain, plain_values

    return wording.cut(str(value)) if isinstance(value, Plain) else wording.shown(plain_values(value))


def below(path: str, field: str) -> str:
    """Join two paths: return ``path.field``, or ``field`` alone for an empty path."""
    return f"{path}.{field}" if path else field


def member(path: str, name: str) -> str:
    """Return the path of a member of the mapping at ``path``, such as ``metadata.labels["a b"]``."""
    if not _SIMPLE_NAME.fullmatch(name):
        return f"{path}[{shown(name)}]"
    return below(path, name)


def fields(value: Any, path: str, known: Iterable[str], problems: Problems) -> dict[str, Any]:
    """Return the fields of a mapping that are not null, under the spellings in ``known``.

    The case of names is ignored, as in Go's JSON decoder. Unknown names, and a field in two spellings, are problems.
    Returns {} if ``value`` is None, or is not a mapping, which is a problem too.
    """
    if not isinstance(value, dict):
        if value is not None:
            problems.add(path, f"{shown(value)} is not a mapping")
        return {}
    by_lower_case = {name.lower(): name for name in known}
    found: dict[str, Any] = {}
    for name, content in value.items():
        proper = by_lower_case.get(name.lower())
        if proper is None:
            problems.add(member(path, name), f"is not a field here{_nearest(name, by_lower_case)}")
        elif proper in found:
            problems.add(member(path, proper), "appears twice")
        else:
            found[proper] = content
    return {name: content for name, content in found.items() if content is not None}


def _nearest(name: str, by_lower_case: dict[str, str]) -> str:
    from difflib import get_close_matches

    nearest = get_close_matches(name.lower(), by_lower_case, n=1)
    return f"; did you mean {by_lower_case[nearest[0]]}?" if nearest else ""


def text(value: Any, path: str, problems: Problems) -> str | None:
    """Return a string; an unquoted number or boolean is returned as it was written."""
    if isinstance(value, str):
        return str(value)
    problems.add(path, f"{shown(value)} is not a string")
    return None


def integer(value: Any, path: str, problems: Problems) -> int | None:
    """Return an integer; a quoted number is not accepted."""
    from calicoctl.resources.documents import Plain

    if not isinstance(value, Plain):
        problems.add(path, f"{shown(value)} is not a number")
        return None
    try:
        return value.integer()
    except ValueError as error:
        problems.add(path, f"{shown(value)} is not accepted as a number: {error}")
        return None


def list_of(
    read: Callable[[Any, str, Problems], Item | None], value: Any, path: str, problems: Problems
) -> list[Item | None]:
    """Read a list with ``read`` for each item; an item with a problem becomes None."""
    if not isinstance(value, list):
        problems.add(path, f"{shown(value)} is not a list")
        return []
    return [read(item, f"{path}[{position}]", problems) for position, item in enumerate(value)]


def texts_by_name(value: Any, path: str, problems: Problems) -> dict[str, str]:
    """Return a mapping of names to strings; a null value becomes the empty string."""
    if not isinstance(value, dict):
        problems.add(path, f"{shown(value)} is not a mapping of names to strings")
        return {}
    read = {name: "" if content is None else text(content, member(path, name), problems)
            for name, content in value.items()}  # fmt: skip
    return {name: content for name, content in read.items() if content is not None}
