"""Answers as JSON or YAML, for programs."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii

from calicoctl.resources.text import to_yaml

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.model.endpoint import Endpoint

    Document = dict[str, Any]

CSV, MD = "csv", "md"
TEXT, JSON, YAML = "ps", "json", "yaml"  # the original calicoq calls its text format "ps"


class Shared(dict):  # type: ignore[type-arg]
    """A document that is part of many others, always at the same depth, so that its JSON is made only once."""

    text = ""


def say_document(document: Any, output: str, environment: Environment) -> None:
    """Print a document of plain lists, dictionaries, texts and numbers as JSON (indented by 2) or YAML."""
    environment.say(_pretty(document, 0) if output == JSON else _yaml(document))


def say_endpoints(description: str, endpoints: Iterable[Document], output: str, environment: Environment) -> None:
    """Print the document ``[{"description": ..., "endpoints": [...]}]``, one endpoint at a time."""
    (_say_json if output == JSON else _say_yaml)(description, endpoints, environment)


def _say_json(description: str, endpoints: Iterable[Document], environment: Environment) -> None:
    waiting = f'[\n  {{\n    "description": {json.dumps(description)},\n    "endpoints": ['
    separator, end = "", "]\n  }\n]"
    for endpoint in endpoints:
        environment.say(waiting + separator)
        waiting, separator, end = f"      {_pretty(endpoint, 3)}", ",", "\n    ]\n  }\n]"
    environment.say(waiting + end)


def _say_yaml(description: str, endpoints: Iterable[Document], environment: Environment) -> None:
    waiting = f"{_yaml([{'description': description}])}\n  endpoints:"
    end = " []"
    for endpoint in endpoints:
        environment.say(waiting)
        waiting, end = "  " + _yaml([endpoint]).replace("\n", "\n  "), ""
    environment.say(waiting + end)


def _pretty(value: Any, depth: int) -> str:
    """Return JSON as ``json.dumps(value, indent=2)`` does, but faster: json has no fast implementation of indent."""
    if isinstance(value, Shared):
        value.text = value.text or _pretty(dict(value), depth)
        return value.text
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, dict) and value:
        members = [f"{encode_basestring_ascii(name)}: {_pretty(member, depth + 1)}" for name, member in value.items()]
        return _enclosed("{", members, "}", depth)
    if isinstance(value, list) and value:
        return _enclosed("[", [_pretty(item, depth + 1) for item in value], "]", depth)
    return json.dumps(value)


def _enclosed(opening: str, parts: list[str], closing: str, depth: int) -> str:
    indent = "\n" + "  " * depth
    return opening + indent + "  " + f",{indent}  ".join(parts) + indent + closing


def _yaml(value: Any) -> str:
    return to_yaml(value, with_unicode=False, sort_fields=False)


def name_members(endpoint: Endpoint) -> Document:
    """Return the parts of an endpoint's name; a host endpoint has neither orchestrator nor workload."""
    name = endpoint.name
    if name.workload is None:
        return {"node": name.host, "name": name.endpoint}
    return {
        "node": name.host,
        "orchestrator": name.orchestrator,
        "workload": name.workload,
        "name": name.endpoint,
    }
