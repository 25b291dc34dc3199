"""What the commands ask of a kind of resource."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Protocol

    from calicoctl.etcd.client import Client
    from calicoctl.model.resource_fields import Problems

    class Resource(Protocol):
        """What a document says. ``resource_version`` is None where it has none."""

        name: str
        resource_version: str | None

    class Record(Protocol):
        """A stored resource as it was read; ``version`` is its resourceVersion.

        ``obstacle`` is empty, or says what stands in the place of the resource so that it cannot be stored.
        """

        version: str
        obstacle: str

    class Plan(Protocol):
        """What would be written, and what speaks against it.

        ``changes`` is empty if nothing would be; ``replaced`` says of what is replaced why it could not be read;
        ``completes`` tells that it would be the rest of a creation that was interrupted; ``barring_rules`` is what is
        stored while the changes are written one by one, None where nothing has to be.
        """

        barring_rules: str | None
        completes: bool
        changes: dict[str, str]
        replaced: list[str]
        problems: list[str]
        warnings: list[str]

    class Kind(Protocol):
        """One kind of resource: how it is called, read, compared, stored and shown."""

        name: str
        api_version: str
        aliases: tuple[str, ...]
        columns: dict[str, Callable[[Any], str]]
        wide: tuple[str, ...]

        def __init__(self, client: Client | None) -> None: ...

        def read(self, document: dict[str, Any], problems: Problems) -> Resource:
            """Read a document of the kind, noting what is wrong with it."""

        def read_identity(self, document: dict[str, Any], problems: Problems) -> Resource:
            """Read only what tells which resource a document is about."""

        def schema(self) -> str:
            """Return the JSON Schema of the kind, as text."""

        def all(self) -> tuple[list[Any], list[str]]:
            """Return every stored resource, sorted by name, and complaints about what is none."""

        def find(self, names: Iterable[str]) -> dict[str, Any]:
            """Return those of the named resources that are stored, and what stands in the place of others."""

        def plan(self, resource: Any, record: Any, rewrite: bool) -> Plan:
            """Compare a resource with what is stored of it; ``record`` is None for one to be created."""

        def consequences(self, resource: Any, plan: Any, record: Any) -> list[str]:
            """Say what a plan, or a removal where it is None, takes away from what uses the stored resource."""

        def write(self, resource: Any, plan: Any, record: Any) -> None:
            """Carry a plan out. Raises PartlyWritten."""

        def delete(self, record: Any) -> bool:
            """Remove a resource; False if it was gone already."""

        def name_of(self, record: Any) -> str:
            """Return the name of a stored resource."""

        def complaints(self, record: Any) -> list[str]:
            """Say what of a stored resource cannot be read."""

        def to_document(self, record: Any, export: bool) -> dict[str, Any]:
            """Return a stored resource as a document; ``export`` leaves out what only this datastore knows."""

        def planned_document(self, plan: Any, record: Any) -> dict[str, Any]:
            """Return the document of what will be stored after a plan."""
