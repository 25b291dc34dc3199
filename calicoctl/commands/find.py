"""calicoctl find: show the objects in which an address, a name, a label or a tag occurs."""

from __future__ import annotations

from calicoctl.datastore.snapshot import Snapshot
from calicoctl.errors import CommandError, MalformedObject
from calicoctl.model.endpoint import Endpoint
from calicoctl.model.labels import labels_from_json
from calicoctl.model.pool import Pool
from calicoctl.model.rules import Rules
from calicoctl.model.search import Query
from calicoctl.model.tags import tags_from_json
from calicoctl.output import table, visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, TypeVar

    from calicoctl.datastore.snapshot import Stored
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.endpoint import EndpointName
    from calicoctl.model.search import Place

    T = TypeVar("T")
    Found = tuple[str, str, str, str]  # kind, name, what it was found in, the value there

_HEADINGS = ("Kind", "Name", "Found in", "Value")


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl find`` and return the exit status, 1 if nothing is found. Raises CommandError."""
    text = arguments["<TEXT>"]
    if not text:
        raise CommandError("The text to find is empty.")
    search = _Search(Query(text))
    found = list(dict.fromkeys(search.objects(Snapshot.read(environment.client()))))
    if not environment.say_rows(found) and found:
        environment.say(table(_HEADINGS, found))
    for complaint in search.complaints:
        environment.complain(complaint)
    if not found:
        environment.complain(f"No endpoint, profile, policy or pool has '{visible(text)}'.")
    return 0 if found and not search.complaints else 1


class _Search:
    """Searches the stored objects. ``complaints`` has messages about the objects that could not be read."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self.complaints: list[str] = []

    def objects(self, snapshot: Snapshot) -> Iterator[Found]:
        """Yield what is found: endpoints, then profiles, policies and pools, each sorted by name."""
        for name, stored in sorted(snapshot.endpoints, key=lambda item: str(item[0])):
            yield from self._endpoint(name, stored)
        for profile, parts in sorted(snapshot.profiles.items()):
            yield from self._profile(profile, parts)
        for tier, policy, stored in sorted(snapshot.policies, key=lambda item: item[:2]):
            yield from self._policy(f"{tier}/{policy}", policy, stored)
        for stored in [*(stored for _, stored in snapshot.pools), *snapshot.ipv6_pools]:
            yield from self._pool(stored)

    def _endpoint(self, name: EndpointName, stored: Stored) -> Iterator[Found]:
        yield from _rows("endpoint", str(name), self._query.places_in_endpoint_name(name))
        endpoint = self._read(stored, lambda text: Endpoint.from_json(name, text))
        if endpoint is not None:
            places = self._checked(stored, lambda: self._query.places_in_endpoint(endpoint))
            yield from _rows("endpoint", str(name), places)

    def _profile(self, name: str, parts: Mapping[str, Stored]) -> Iterator[Found]:
        yield from _rows("profile", name, self._query.places_in_name("name", name))
        for part, (decode, places_in) in _parts_of_profile(self._query).items():
            value = self._read(parts[part], decode) if part in parts else None
            if value is not None:
                yield from _rows("profile", name, places_in(value))

    def _policy(self, title: str, name: str, stored: Stored) -> Iterator[Found]:
        yield from _rows("policy", title, self._query.places_in_name("name", name))
        yield from _rows("policy", title, self._query.places_in_name("tier", title.partition("/")[0]))
        rules = self._read(stored, Rules.from_json)
        if rules is not None:
            yield from _rows("policy", title, self._query.places_in_policy(rules))

    def _pool(self, stored: Stored) -> Iterator[Found]:
        pool = self._read(stored, Pool.from_json)
        if pool is not None:
            yield from _rows("pool", str(pool), self._query.places_in_network("network", str(pool)))

    def _read(self, stored: Stored, decode: Callable[[str], T]) -> T | None:
        """Return the decoded value. If it cannot be decoded, add a complaint and return None."""
        try:
            return stored.read(decode)
        except ValueError as error:
            self.complaints.append(MalformedObject(stored.key, error).message)
            return None

    def _checked(self, stored: Stored, find: Callable[[], Iterator[Place]]) -> list[Place]:
        try:
            return list(find())
        except ValueError as error:
            self.complaints.append(MalformedObject(stored.key, error).message)
            return []


def _parts_of_profile(query: Query) -> dict[str, tuple[Callable[[str], Any], Callable[[Any], Iterator[Place]]]]:
    return {
        "tags": (tags_from_json, query.places_in_tags),
        "labels": (labels_from_json, query.places_in_labels),
        "rules": (Rules.from_json, query.places_in_rules),
    }


def _rows(kind: str, name: str, places: Iterable[Place]) -> Iterator[Found]:
    for what, value in places:
        yield kind, name, what, value
