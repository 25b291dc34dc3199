"""The form in which a whole datastore is saved: JSON with sorted keys, so that git shows what has changed.

::

    {"format": "calico-datastore/1", "etcd_index": 1207, "taken": "2017-03-01T12:00:00Z",
     "keys": {"/calico/v1/Ready": {"index": 4, "value": "true"}, ...}, "empty_directories": [...]}

``index`` is the key's modifiedIndex, ``etcd_index`` that of etcd when all of it was read in one request, and ``value``
the text as it is stored. A copy with other names and addresses has the format ``calico-datastore/1 anonymous``.
"""

from __future__ import annotations

import json
import time

from calicoctl.datastore.keys import EVERYTHING, parent
from calicoctl.etcd.memory import MemoryClient, leaves

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.etcd.client import Client, RawNode

FORMAT = "calico-datastore/1"
ANONYMOUS = f"{FORMAT} anonymous"


class MalformedSave(ValueError):
    """A text that is no saved datastore; the message says why."""


def read_all(client: Client) -> MemoryClient:
    """Return a copy of all of Calico's keys, read in one request. Raises DatastoreError."""
    tree = client.get(EVERYTHING, recursive=True)
    return MemoryClient(leaves(tree), client.index)


def to_text(copy: MemoryClient, form: str = FORMAT) -> str:
    """Return a copy in the form in which it is saved, without the last line end; ``form`` may be ANONYMOUS."""
    nodes = list(copy.nodes())
    document = {
        "format": form,
        "etcd_index": copy.index,
        "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "keys": {node["key"]: {"index": node.get("modifiedIndex", 0), "value": node["value"]}
                 for node in nodes if "value" in node},
        "empty_directories": [node["key"] for node in nodes if "value" not in node],
    }  # fmt: skip
    return json.dumps(document, indent=1)


def from_text(text: str, for_etcd: bool = False) -> MemoryClient:
    """Read what ``to_text`` wrote; only the real names and addresses if it is ``for_etcd``. Raises MalformedSave."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedSave("it is not JSON") from None
    form = document.get("format") if isinstance(document, dict) else None
    if form not in (FORMAT, ANONYMOUS):
        raise MalformedSave(f'its format is not "{FORMAT}"')
    if for_etcd and form == ANONYMOUS:
        raise MalformedSave("its names and addresses were replaced (calicoq snapshot --anonymize)")
    stored, directories = document.get("keys"), document.get("empty_directories", [])
    if not isinstance(stored, dict) or not all(map(_is_entry, stored.items())):
        raise MalformedSave("keys is not an object of keys of Calico, each with an index and a value")
    if not isinstance(directories, list) or not all(map(_is_key, directories)):
        raise MalformedSave("empty_directories is not a list of keys of Calico")
    _check_paths([*stored, *directories], stored)
    index = document.get("etcd_index")
    nodes = [_node(key, entry) for key, entry in stored.items()]
    nodes += [{"key": key, "dir": True, "modifiedIndex": 0, "createdIndex": 0} for key in directories]
    return MemoryClient(nodes, index if type(index) is int else 0)


def _check_paths(names: list[str], values: dict[str, Any]) -> None:
    """Raise MalformedSave if a key is below one with a value, which etcd cannot store."""
    for name in names:
        above = parent(name)
        while above:
            if above in values:
                raise MalformedSave(f"{above} has a value, and {name} is below it")
            above = parent(above)


def _node(key: str, entry: dict[str, Any]) -> RawNode:
    return {"key": key, "value": entry["value"], "modifiedIndex": entry["index"], "createdIndex": entry["index"]}


def _is_entry(item: tuple[str, Any]) -> bool:
    key, entry = item
    return (
        _is_key(key)
        and isinstance(entry, dict)
        and _is_text(entry.get("value"))
        and type(entry.get("index")) is int
    )


def _is_key(key: object) -> bool:
    if not isinstance(key, str) or not _is_text(key) or not key.startswith(f"{EVERYTHING}/"):
        return False
    return {"", ".", ".."}.isdisjoint(key.split("/")[1:])


def _is_text(value: object) -> bool:
    """Return whether a value is a string that can be sent to etcd: half a surrogate pair has no UTF-8."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
