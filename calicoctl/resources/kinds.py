"""The kinds of resource that the commands know: one row each. To add a kind, write its module and add its row."""

from __future__ import annotations

from calicoctl.errors import CommandError
from calicoctl.resources.profile import ProfileKind

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.etcd.client import Client
    from calicoctl.resources.kind import Kind

KINDS: tuple[type[Kind], ...] = (ProfileKind,)


def of_word(word: str, client: Client | None) -> Kind:
    """Return the kind that a word of the command line names, in any case. Raises CommandError."""
    for kind in KINDS:
        if word.lower() in kind.aliases:
            return kind(client)
    raise CommandError(
        f"resource type '{word}' is not supported\nKnown are: {'; '.join(', '.join(kind.aliases) for kind in KINDS)}"
    )


def of_document(kind: str, version: str, client: Client | None) -> tuple[Kind, bool] | None:
    """Return the kind of a document and whether it is a list of them; None if no kind is called so."""
    for known in KINDS:
        if version == known.api_version and kind in (known.name, known.name + "List"):
            return known(client), kind != known.name
    return None
