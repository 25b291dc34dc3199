"""The interfaces that a kind of resource implements for the commands on resources."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from typing import Any, Protocol

    from calicoctl.etcd.client import Client
    from calicoctl.etcd.errors import Conflict, DatastoreError
    from calicoctl.resources.fields import Problems

    class Resource(Protocol):
        """The content of a document about one object.

        ``identity`` identifies the object within its kind: a name, or for some kinds a node and a name. Operators see
        ``str(identity)``. It is false if the document does not identify an object. ``resource_version`` is None if the
        document has none.
        """

        @property
        def identity(self) -> Hashable: ...

        resource_version: str | None

    class Record(Protocol):
        """A stored object as it was read; ``version`` is its resourceVersion.

        ``obstacle`` is empty unless another key in etcd prevents the object from being stored. Then it completes a
        sentence about that key, such as "is a directory where a value should be".
        """

        version: str
        obstacle: str

    class Plan(Protocol):
        """The values to write, and the reasons not to.

        ``changes`` has the new value of each part to be written; it is empty if the object is up to date. ``replaced``
        describes unreadable values that will be replaced. ``completes`` tells that the changes complete an interrupted
        creation. ``problems`` are reasons not to write anything; ``warnings`` are for the operator.
        """

        changes: dict[str, str]
        replaced: list[str]
        completes: bool
        problems: list[str]
        warnings: list[str]

    class Writer(Protocol):
        """Writes one resource in one or more attempts and keeps track of partial writes."""

        def write(self, plan: Any, record: Any) -> None:
            """Write the changes of a plan if the object is still stored as in ``record``. Raises Stopped."""

        def forget(self) -> None:
            """Forget earlier partial writes because the object is no longer stored."""

        def left_behind(self, title: str, verb: str) -> str:
            """Describe the partial writes of failed attempts and how to complete them; empty if there are none.

            ``title`` is the name of the resource in messages, ``verb`` the command that writes it.
            """

        def may_be_left_behind(self, plan: Any, title: str, verb: str) -> str:
            """Do the same for an attempt that was interrupted at an unknown point."""

    class Kind(Protocol):
        """One kind of resource: its name, and how it is read, compared, stored and shown.

        ``columns`` maps the heading of each table column to a function that returns the cell for a record. ``ps`` and
        ``wide`` list the headings of these two formats, ``of_identity`` the headings that need only the identity.
        """

        name: str
        api_version: str
        columns: dict[str, Callable[[Any], str]]
        ps: tuple[str, ...]
        wide: tuple[str, ...]
        of_identity: tuple[str, ...]

        def __init__(self, client: Client | None) -> None:
            """Without a client, only methods that need no datastore can be called."""

        def read(self, document: dict[str, Any], problems: Problems) -> Resource:
            """Parse a document of this kind and add its problems to ``problems``."""

        def read_identity(self, document: dict[str, Any], problems: Problems) -> Resource:
            """Parse only the part of a document that identifies the object."""

        def schema(self) -> str:
            """Return the JSON Schema of the kind as text."""

        def names(self) -> Iterable[str]:
            """Return the names of stored objects for shell completion."""

        def all(self) -> tuple[list[Any], list[str]]:
            """Return the records of all stored objects in order, and a complaint for each key that is not an object."""

        def find(self, identities: Iterable[Any]) -> dict[Any, Any]:
            """Return the records of the objects that are stored, by identity."""

        def plan(self, resource: Any, record: Any, rewrite: bool) -> Plan:
            """Compare a resource with the stored object; ``record`` is None if it does not exist yet.

            With ``rewrite``, unchanged parts are also rewritten in the form that new objects have.
            """

        def consequences(self, resource: Any, plan: Any, record: Any) -> list[str]:
            """Return warnings about users of the object that a plan affects, or a deletion if ``plan`` is None."""

        def writer(self, resource: Any) -> Writer:
            """Return a writer for the resource."""

        def delete(self, record: Any) -> bool:
            """Delete an object; return False if it was already gone."""

        def identity_of(self, record: Any) -> Hashable:
            """Return the identity of a stored object."""

        def complaints(self, record: Any) -> list[str]:
            """Return a complaint for each part of a stored object that cannot be read."""

        def to_document(self, record: Any, export: bool) -> dict[str, Any]:
            """Return a stored object as a document; ``export`` omits fields that only apply to this datastore."""

        def planned_document(self, plan: Any, record: Any) -> dict[str, Any]:
            """Return the document of the object as it will be after the plan."""


class Stopped(Exception):
    """An attempt to write stopped before it was complete."""

    def __init__(self, cause: Conflict | DatastoreError, place: tuple[str, int | None], has_written: bool) -> None:
        """``place`` is the part at which it stopped, and the ``modifiedIndex`` that was expected for that part."""
        super().__init__(cause)
        self.cause = cause
        self.place = place
        self.has_written = has_written
