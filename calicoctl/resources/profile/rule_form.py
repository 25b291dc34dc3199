"""Rules of the Profile resource ("forms"), parsed from documents.

A form is a JSON object with the field names of the resource in their proper spelling. Null fields are left out, and so
is an empty ``source`` or ``destination``. Fields that exist only in the v1 data model have the names of the v1
resource: ``tag`` and ``notTag`` of an entity, and ``logPrefix`` of a rule. ``storedFields`` holds, unchanged, all
fields of a stored rule that cannot be expressed otherwise.
"""

from __future__ import annotations

import re

from calicoctl.resources import fields as read
from calicoctl.resources.documents import Plain, plain_values

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from calicoctl.resources.fields import Problems

    Form = dict[str, Any]

ENTITIES = ("source", "destination")


def read_form(value: Any, path: str, problems: Problems) -> Form | None:
    """Parse one rule of a document and add wrong names and types to ``problems``. The values are not validated."""
    if value is None:
        problems.add(path, "is empty; a rule is a mapping")
        return None
    form = _object(_RULE, value, path, problems)
    return {name: content for name, content in form.items() if content or name not in ENTITIES}


def _object(readers: dict[str, Callable[[Any, str, Problems], Any]], value: Any, path: str, problems: Problems) -> Form:
    given = read.fields(value, path, readers, problems)
    found = {name: readers[name](given[name], read.member(path, name), problems) for name in readers if name in given}
    return {name: content for name, content in found.items() if content is not None}


def _protocol(value: Any, path: str, problems: Problems) -> int | str | None:
    name = read.text(value, path, problems)
    if isinstance(value, Plain) and re.match(r"[-+]?[0-9]", value):
        return read.integer(value, path, problems)
    return int(name) if name is not None and re.fullmatch("[0-9]{1,9}", name) else name


def _port(value: Any, path: str, problems: Problems) -> int | str | None:
    if isinstance(value, Plain) and re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?|0[xo][0-9A-Fa-f]+", value):
        return read.integer(value, path, problems)
    return read.text(value, path, problems)


def _texts(value: Any, path: str, problems: Problems) -> list[str | None]:
    return read.list_of(read.text, value, path, problems)


def _ports(value: Any, path: str, problems: Problems) -> list[Any]:
    return read.list_of(_port, value, path, problems)


def _icmp(value: Any, path: str, problems: Problems) -> Form:
    return _object({"type": read.integer, "code": read.integer}, value, path, problems)


def _entity(value: Any, path: str, problems: Problems) -> Form:
    return _object(_ENTITY, value, path, problems)


def _http(value: Any, path: str, problems: Problems) -> Any:
    read.fields(value, path, ("methods", "paths"), problems)
    return plain_values(value)


def _service_accounts(value: Any, path: str, problems: Problems) -> Any:
    given = read.fields(value, path, ("names", "selector"), problems)
    return plain_values({name: content for name, content in given.items() if content not in ([], "")}) or None


def stored_fields(value: Any, path: str, problems: Problems) -> Form | None:
    """Parse ``storedFields``, which may be any JSON object."""
    if not isinstance(value, dict):
        problems.add(path, f"{read.shown(value)} is not a mapping")
        return None
    return plain_values(value) or None


_ENTITY: dict[str, Callable[[Any, str, Problems], Any]] = {
    "nets": _texts,
    "selector": read.text,
    "namespaceSelector": read.text,
    "ports": _ports,
    "tag": read.text,
    "notNets": _texts,
    "notSelector": read.text,
    "notPorts": _ports,
    "notTag": read.text,
    "serviceAccounts": _service_accounts,
}
# In the order in which ``get`` prints them.
_RULE: dict[str, Callable[[Any, str, Problems], Any]] = {
    "action": read.text,
    "ipVersion": read.integer,
    "protocol": _protocol,
    "icmp": _icmp,
    "notProtocol": _protocol,
    "notICMP": _icmp,
    "source": _entity,
    "destination": _entity,
    "http": _http,
    "logPrefix": read.text,
    "storedFields": stored_fields,
}
FIELDS = tuple(_RULE)
ENTITY_FIELDS = tuple(_ENTITY)
