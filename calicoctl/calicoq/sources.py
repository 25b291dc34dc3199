"""The source of data for the commands of calicoq: etcd or a saved datastore, with documents applied in memory."""

from __future__ import annotations

from calicoctl.datastore.saved import read_all
from calicoctl.resources import changes
from calicoctl.resources.files import saved_datastore
from calicoctl.resources.manifest import Manifest

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.environment import Environment
    from calicoctl.etcd.memory import MemoryClient


def use(snapshot: str | None, documents: Sequence[str], environment: Environment) -> None:
    """Let a command use a saved datastore in place of etcd, with documents applied in memory.

    Raises CommandError if a file cannot be read or a document cannot be applied.
    """
    if snapshot is None and not documents:
        return
    environment.work_on(copied(snapshot, environment))
    for document in documents:
        apply(document, environment)


def copied(snapshot: str | None, environment: Environment) -> MemoryClient:
    """Return a saved datastore; for None, a copy of the data in etcd. Raises CommandError if it cannot be read."""
    return read_all(environment.client()) if snapshot is None else saved_datastore(snapshot, environment)


def apply(path: str, environment: Environment) -> None:
    """Apply the documents of a file to the data of the environment's client. Raises CommandError on failure."""
    manifest = Manifest(environment, environment.client())
    manifest.read(path, recursive=False)
    changes.carry_out(changes.DIFF, manifest)
