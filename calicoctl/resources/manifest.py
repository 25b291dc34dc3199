"""The resources in the input of a command, with all their problems."""

from __future__ import annotations

from calicoctl.errors import CommandError
from calicoctl.output import visible
from calicoctl.resources import kinds
from calicoctl.resources.fields import Problems, fields, shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.etcd.client import Client
    from calicoctl.resources.documents import Mapping
    from calicoctl.resources.kind import Kind, Record, Resource

_SHOWN_PROBLEMS = 100


class Item:
    """One resource of the input.

    ``resource`` is its content, ``origin`` its place (``web.yaml:12``) and ``problems`` its problems. ``key`` is equal
    for two items about the same object.
    """

    def __init__(self, kind: Kind, resource: Resource, origin: str, problems: Problems) -> None:
        self.kind = kind
        self.resource = resource
        self.origin = origin
        self.key = (kind.name, resource.identity)
        self.problems = [self.complaint(text) for text in problems.texts]

    def __str__(self) -> str:
        return f"{self.kind.name}({visible(str(self.resource.identity or ''))})"

    def complaint(self, text: str) -> str:
        """Return a complaint about the resource, with its place in the input."""
        return f"{self.origin}: {self}: {text}"


class Manifest:
    """The input of a command: ``items`` in order, and ``problems``, a line for each problem outside the items."""

    def __init__(self, environment: Environment, client: Client | None, identity_only: bool = False) -> None:
        """With ``identity_only``, documents only have to identify their resources; other content is not read."""
        self._environment = environment
        self._client = client
        self._identity_only = identity_only
        self.items: list[Item] = []
        self.problems: list[str] = []
        self._kinds: dict[str, Kind] = {}

    def read(self, filename: str, recursive: bool) -> None:
        """Read a file, standard input (``-``) or the files of a directory. Raises CommandError."""
        from calicoctl.resources import documents, files

        for label, text in files.texts(filename, recursive, self._environment, self.problems):
            try:
                for document, line in documents.each(text):
                    self._document(document, label, line)
            except documents.MalformedDocument as error:
                self.problems.append(f"{label}: error parsing document: {error}")
        if not self.items and not self.problems:
            raise CommandError("No resources specified in file")
        self._refuse_repetition()

    def name(self, word: str, names: list[str]) -> None:
        """Add resources by kind and name. ``word`` names the kind. Raises CommandError for an unknown kind."""
        kind = self._shared(kinds.of_word(word, self._client))
        for name in dict.fromkeys(names):
            problems = Problems()
            resource = kind.read_identity({"metadata": {"name": name}}, problems)
            self.items.append(Item(kind, resource, "command line", problems))

    def for_client(self, client: Client) -> Manifest:
        """Return the same input for another datastore."""
        other = Manifest(self._environment, client, self._identity_only)
        for item in self.items:
            kind = other._shared(kinds.of_word(item.kind.name, client))
            other.items.append(Item(kind, item.resource, item.origin, Problems()))
        return other

    def kinds(self) -> list[Kind]:
        """Return the kinds of the items, in the order in which they appear."""
        return list({item.kind.name: item.kind for item in self.items}.values())

    def require_sound(self, remark: str = "") -> None:
        """Raise CommandError with all problems found so far, of the input and its items; do nothing if there are none.

        ``remark`` is the last line of the message.
        """
        found = self.problems + [problem for item in self.items for problem in item.problems]
        if found:
            more = len(found) - _SHOWN_PROBLEMS
            rest = [f"and {more} more problems"] if more > 0 else []
            raise CommandError("\n".join([*found[:_SHOWN_PROBLEMS], *rest, *([remark] if remark else [])]))

    def _shared(self, kind: Kind) -> Kind:
        """Return the one object that all items of a kind share, so that it can reuse what it has read."""
        return self._kinds.setdefault(kind.name, kind)

    def _document(self, document: Any, label: str, line: int) -> None:
        place = f"{label}:{line}"
        if not isinstance(document, list):
            self._resource(document, label, place)
            return
        for position, value in enumerate(document):
            self._resource(value, label, f"{place}: [{position}]")

    def _resource(self, value: Any, label: str, place: str, inherited: tuple[str, str] = ("", "")) -> None:
        """Add a resource of the input; ``place`` is used in messages if the value itself has no line number."""
        from calicoctl.resources.documents import Mapping

        if not isinstance(value, Mapping):
            self.problems.append(f"{place}: {shown(value)} is not a resource: a mapping with apiVersion and kind")
            return
        origin = f"{label}:{value.line}"
        kind, version = _type_of(value, inherited)
        found = kinds.of_document(kind, version, self._client)
        if found is None:
            self.problems.append(
                f"{origin}: Unknown resource type ({kind}) and/or version ({version}); known are "
                + ", ".join(f"{row.name} and {row.name}List of {row.api_version}" for row in kinds.KINDS)
            )
        elif found[1]:
            self._list(value, origin, label, found[0])
        else:
            self._item(value, origin, self._shared(found[0]))

    def _list(self, value: Mapping, origin: str, label: str, kind: Kind) -> None:
        problems = Problems()
        items = fields(value, "", ("apiVersion", "kind", "metadata", "items"), problems).get("items", [])
        if not isinstance(items, list):
            problems.add("items", f"{shown(items)} is not a list")
            items = []
        self.problems += [f"{origin}: {kind.name}List: {text}" for text in problems.texts]
        for position, item in enumerate(items):
            place = f"{origin}: {kind.name}List: items[{position}]"
            self._resource(item, label, place, (kind.name, kind.api_version))

    def _item(self, value: Mapping, origin: str, kind: Kind) -> None:
        problems = Problems()
        resource = (kind.read_identity if self._identity_only else kind.read)(value, problems)
        self.items.append(Item(kind, resource, origin, problems))

    def _refuse_repetition(self) -> None:
        first: dict[tuple[str, Hashable], Item] = {}
        for item in self.items:
            if item.resource.identity and first.setdefault(item.key, item) is not item:
                item.problems.append(item.complaint(f"appears twice in the input, first at {first[item.key].origin}"))


def records_of(items: list[Item]) -> list[Record | None]:
    """Return the stored record of each resource of the input, None if there is none. One request per kind."""
    found: dict[tuple[str, Hashable], Record] = {}
    for kind in {item.kind.name: item.kind for item in items}.values():
        identities = [item.resource.identity for item in items if item.kind.name == kind.name]
        found |= {(kind.name, identity): record for identity, record in kind.find(identities).items()}
    return [found.get(item.key) for item in items]


def _type_of(value: Mapping, inherited: tuple[str, str]) -> tuple[str, str]:
    """Return the kind and apiVersion of a document; ``inherited`` are the defaults for an item of a list."""
    given = {
        name.lower(): content if isinstance(content, str) else shown(content)
        for name, content in value.items() if content is not None
    }  # fmt: skip
    return given.get("kind", inherited[0]), given.get("apiversion", inherited[1])
