"""The parts of a page, independent of the format it is written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Paragraph:
    """Running text. ``<ARGUMENT>``, ``--option`` and ``'calicoctl command'`` in it stand out on the page."""

    text: str


@dataclass(frozen=True)
class Literal:
    """Preformatted lines: a grammar, or a session at a terminal."""

    text: str
    is_session: bool = False


@dataclass(frozen=True)
class Term:
    """An option, a variable or a status, and what it means."""

    name: str
    text: str


@dataclass(frozen=True)
class Terms:
    """A list of terms."""

    terms: Sequence[Term]


@dataclass(frozen=True)
class Items:
    """A list of texts."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Names:
    """References to other pages by their names, such as ``calicoctl profile``."""

    names: Sequence[str]


Block = Paragraph | Literal | Terms | Items | Names


@dataclass(frozen=True)
class Page:
    """The page about one program or command: its name as it is typed, its summary, and its sections by their titles."""

    name: str
    summary: str
    sections: dict[str, Sequence[Block]]

    @property
    def stem(self) -> str:
        """The name of the file, without its extension."""
        return self.name.replace(" ", "-")
