"""What the commands on resources ask of a kind of resource."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from typing import Any, Protocol

    from calicoctl.etcd.client import Client
    from calicoctl.etcd.errors import Conflict, DatastoreError
    from calicoctl.resources.fields import Problems

    class Resource(Protocol):
        """What a document says about one object of its kind.

        ``identity`` tells which object: for some kinds its name, for others a node and a name. ``str`` of it is what
        operators see; it is false if the document does not say which object it is about. ``resource_version`` is None
        where the document has none.
        """

        @property
        def identity(self) -> Hashable: ...

        resource_version: str | None

    class Record(Protocol):
        """A stored object as it was read; ``version`` is its resourceVersion.

        ``obstacle`` is empty, or says what stands in the place of the object so that it cannot be stored.
        """

        version: str
        obstacle: str

    class Plan(Protocol):
        """What would be written, and what speaks against it.

        ``changes`` has the new value of each part to be written, and is empty if nothing would be; ``replaced`` says
        why what is replaced could not be read; ``completes`` tells that the changes complete a creation that was
        interrupted; ``problems`` are reasons not to write; ``warnings`` are for the operator.
        """

        changes: dict[str, str]
        replaced: list[str]
        completes: bool
        problems: list[str]
        warnings: list[str]

    class Writer(Protocol):
        """Writes one resource, in one attempt or several, and knows what they have left behind."""

        def write(self, plan: Any, record: Any) -> None:
            """Carry a plan out on condition that all is stored as in ``record``. Raises Stopped."""

        def forget(self) -> None:
            """Take note that the object is no longer stored: nothing is left behind."""

        def left_behind(self, title: str, verb: str) -> str:
            """Say what the attempts have left behind, and what to do; empty if that is nothing.

            ``title`` is what messages call the resource, ``verb`` the command that writes it.
            """

        def may_be_left_behind(self, plan: Any, title: str, verb: str) -> str:
            """Say the same for an attempt that was interrupted at an unknown point."""

    class Kind(Protocol):
        """One kind of resource: what it is called, and how it is read, compared, stored and shown.

        ``columns`` has the heading of each column of a table and what makes its cells. ``ps`` and ``wide`` are the
        headings of the tables of these names, ``of_identity`` the headings that the identity alone fills.
        """

        name: str
        api_version: str
        columns: dict[str, Callable[[Any], str]]
        ps: tuple[str, ...]
        wide: tuple[str, ...]
        of_identity: tuple[str, ...]

        def __init__(self, client: Client | None) -> None:
            """Without a client the kind can only be asked what needs no datastore."""

        def read(self, document: dict[str, Any], problems: Problems) -> Resource:
            """Read a document of the kind, noting what is wrong with it."""

        def read_identity(self, document: dict[str, Any], problems: Problems) -> Resource:
            """Read only what tells which object a document is about."""

        def schema(self) -> str:
            """Return the JSON Schema of the kind, as text."""

        def names(self) -> Iterable[str]:
            """Return what a shell offers as names of stored objects."""

        def all(self) -> tuple[list[Any], list[str]]:
            """Return the record of every stored object in order, and complaints about what is none."""

        def find(self, identities: Iterable[Any]) -> dict[Any, Any]:
            """Return the records of those objects that are stored, by their identities."""

        def plan(self, resource: Any, record: Any, rewrite: bool) -> Plan:
            """Compare a resource with what is stored of it; ``record`` is None for one to be created.

            With ``rewrite`` everything is brought to the form in which it would be stored if it were new.
            """

        def consequences(self, resource: Any, plan: Any, record: Any) -> list[str]:
            """Say what a plan, or a deletion where it is None, takes away from what uses the stored object."""

        def writer(self, resource: Any) -> Writer:
            """Return what writes the resource."""

        def delete(self, record: Any) -> bool:
            """Delete an object; False if it was gone already."""

        def identity_of(self, record: Any) -> Hashable:
            """Return the identity of a stored object."""

        def complaints(self, record: Any) -> list[str]:
            """Say what of a stored object cannot be read."""

        def to_document(self, record: Any, export: bool) -> dict[str, Any]:
            """Return a stored object as a document; ``export`` leaves out what only this datastore knows."""

        def planned_document(self, plan: Any, record: Any) -> dict[str, Any]:
            """Return the document of what will be stored after a plan."""


class Stopped(Exception):
    """An attempt to write ended midway, or before anything was written."""

    def __init__(self, cause: Conflict | DatastoreError, place: tuple[str, int | None], has_written: bool) -> None:
        """``place`` is the part at which it stopped, and the index at which that part was thought to be modified."""
        super().__init__(cause)
        self.cause = cause
        self.place = place
        self.has_written = has_written
