"""A complete kind of resource in one small file: a note about a node, stored as the text of one key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from calicoctl.datastore import keys
from calicoctl.etcd.client import Client
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.resources import fields
from calicoctl.resources.fields import Problems
from calicoctl.resources.kind import Stopped
from calicoctl.resources.metadata import IGNORED, read_name, read_version

API_VERSION = "example.org/v1"
NOTES = "/calico/v1/note"


class Identity(NamedTuple):
    """A note is identified by its node and name; on the command line as ``node/name``."""

    node: str
    name: str

    def __str__(self) -> str:
        return "/".join(self)


class Note:
    """A note in a document, or a stored note with ``version``, the index of its key."""

    obstacle = ""

    def __init__(self, identity: Identity | None, text: str, version: str | None) -> None:
        self.identity = identity
        self.text = text
        self.resource_version = version
        self.version = version or ""


def key_of(note: Note) -> str:
    """The key of a note; each part of its identity is one quoted segment."""
    assert note.identity
    return "/".join([NOTES, *(keys.segment(keys.escaped(part)) for part in note.identity)])


def _note(node: dict[str, Any]) -> Note:
    segments = map(keys.unescaped, node["key"].split("/")[-2:])
    return Note(Identity(*segments), str(node["value"]), str(node["modifiedIndex"]))


class Plan:
    completes = False

    def __init__(self, note: Note, stored: Note | None) -> None:
        self.changes = {} if stored and stored.text == note.text else {"text": note.text}
        self.note = note
        self.replaced: list[str] = []
        self.problems = [] if note.text else ["spec.text: is missing"]
        self.warnings: list[str] = []


class Writer:
    def __init__(self, note: Note, client: Client) -> None:
        self._key = key_of(note)
        self._client = client

    def write(self, plan: Plan, record: Note | None) -> None:
        text = plan.changes["text"]
        try:
            if record is None:
                self._client.create(self._key, text)
            else:
                self._client.swap(self._key, text, int(record.version))
        except (Conflict, DatastoreError) as error:
            raise Stopped(error, ("text", int(record.version) if record else None), has_written=False) from None

    def forget(self) -> None:
        """Do nothing: a note is written in one step."""

    def left_behind(self, title: str, verb: str) -> str:
        return ""

    def may_be_left_behind(self, plan: Plan, title: str, verb: str) -> str:
        return ""


class NoteKind:
    name = "Note"
    api_version = API_VERSION
    columns: dict[str, Callable[[Any], str]] = {
        "NODE": lambda note: str(note.identity.node),
        "NAME": lambda note: str(note.identity.name),
        "TEXT": lambda note: str(note.text),
    }
    ps: tuple[str, ...] = ("NODE", "NAME")
    wide: tuple[str, ...] = ("NODE", "NAME", "TEXT")
    of_identity: tuple[str, ...] = ("NODE", "NAME")

    def __init__(self, client: Client | None) -> None:
        self._client = client

    @property
    def _etcd(self) -> Client:
        assert self._client is not None
        return self._client

    def read(self, document: dict[str, Any], problems: Problems) -> Note:
        top = fields.fields(document, "", ("apiVersion", "kind", "metadata", "spec"), problems)
        note = self.read_identity(document, problems)
        spec = fields.fields(top.get("spec"), "spec", ("text",), problems)
        note.text = fields.text(spec.get("text", ""), "spec.text", problems) or ""
        return note

    def read_identity(self, document: dict[str, Any], problems: Problems) -> Note:
        known = ("name", "resourceVersion", *IGNORED)
        metadata = fields.fields(document.get("metadata"), "metadata", known, problems)
        given = read_name(metadata.get("name"), problems)
        node, _, name = given.partition("/")
        is_valid = not {node, name} & {"", ".", ".."}
        if given and not is_valid:
            problems.add("metadata.name", "is not of the form node/name")
        version = read_version(metadata.get("resourceVersion"), problems)
        return Note(Identity(node, name) if is_valid else None, "", version)

    def schema(self) -> str:
        return "{}"

    def names(self) -> Iterable[str]:
        return (str(note.identity) for note in self.all()[0])

    def all(self) -> tuple[list[Note], list[str]]:
        tree = self._etcd.get(NOTES, recursive=True, quorum=True) or {}
        stored = [leaf for node in tree.get("nodes", ()) for leaf in node.get("nodes", ()) if "value" in leaf]
        return sorted(map(_note, stored), key=lambda note: str(note.identity)), []

    def find(self, identities: Iterable[Identity]) -> dict[Identity, Note]:
        wanted = set(identities)
        return {note.identity: note for note in self.all()[0] if note.identity in wanted}

    def plan(self, resource: Note, record: Note | None, rewrite: bool) -> Plan:
        return Plan(resource, record)

    def consequences(self, resource: Note, plan: Plan | None, record: Note) -> list[str]:
        return ["somebody may want to read it"] if plan is None else []

    def writer(self, resource: Note) -> Writer:
        return Writer(resource, self._etcd)

    def delete(self, record: Note) -> bool:
        key = key_of(record)
        was_there = self._etcd.delete(key, int(record.version))
        self._etcd.prune(key.rpartition("/")[0])
        return was_there

    def identity_of(self, record: Note) -> Identity | None:
        return record.identity

    def complaints(self, record: Note) -> list[str]:
        return []

    def to_document(self, record: Note, export: bool) -> dict[str, Any]:
        metadata = {"name": str(record.identity), **({} if export else {"resourceVersion": record.version})}
        return {"kind": self.name, "apiVersion": API_VERSION, "metadata": metadata, "spec": {"text": record.text}}

    def planned_document(self, plan: Plan, record: Note | None) -> dict[str, Any]:
        return self.to_document(plan.note, export=True)


KIND = NoteKind
