"""The table of resource kinds. To add a kind, write its module and add its row."""

from __future__ import annotations

import importlib

from calicoctl.errors import CommandError

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.etcd.client import Client
    from calicoctl.resources.kind import Kind


class Row:
    """A row of the table: the ``name`` and ``api_version`` in documents, and the ``words`` on the command line.

    ``module`` defines the kind as ``KIND``; it is imported only if the kind is needed.
    """

    def __init__(self, name: str, api_version: str, words: Sequence[str], module: str) -> None:
        self.name = name
        self.api_version = api_version
        self.words = words
        self.module = module

    def kind(self, client: Client | None) -> Kind:
        """Import the module and return the kind."""
        kind: Kind = importlib.import_module(self.module).KIND(client)
        return kind


V3 = "projectcalico.org/v3"
KINDS = [
    Row("Profile", V3, ("profile", "profiles", "pro", "pros"), "calicoctl.resources.profile.kind"),
]


def of_word(word: str, client: Client | None) -> Kind:
    """Return the kind for a word on the command line, ignoring case. Raises CommandError."""
    for row in KINDS:
        if word.lower() in row.words:
            return row.kind(client)
    raise CommandError(
        f"resource type '{word}' is not supported\nKnown are: {'; '.join(', '.join(row.words) for row in KINDS)}"
    )


def of_document(kind: str, version: str, client: Client | None) -> tuple[Kind, bool] | None:
    """Return the kind of a document and whether it is a list; None for an unknown kind or version."""
    for row in KINDS:
        if version == row.api_version and kind in (row.name, row.name + "List"):
            return row.kind(client), kind != row.name
    return None
