"""What can come next on a command line: read off docopt's own tree of a usage text."""

from __future__ import annotations

import re

from calicoctl.grammar import Option, patterns

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Given:
    """The words before the one to complete, sorted by docopt's conventions.

    ``positional`` are keywords and arguments, ``options`` the values of options by their long names (None for flags);
    ``awaiting`` is the option, if any, whose value is the word to complete.
    """

    def __init__(self, options: Sequence[Any], words: Sequence[str]) -> None:
        self.positional: list[str] = []
        self.options: dict[str, str | None] = {}
        self.awaiting: str | None = None
        known = {name: option for option in options for name in (option.short, option.long) if name}
        left = list(words)
        while left:
            word = left.pop(0)
            if word == "--":
                self.positional += left
                break
            if not word.startswith("-") or word == "-":
                self.positional.append(word)
                continue
            name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
            option = known.get(name)
            if option is None or not option.argcount:
                self.options[option.name if option else name] = None
            elif equals:
                self.options[option.name] = value
            elif left:
                self.options[option.name] = left.pop(0)
            else:
                self.awaiting = option.name


class Expected:
    """What can come after some words: ``keywords``, ``arguments`` (``<PROFILE>``) and ``options``.

    Options are as they are typed, ``--detailed`` or, where a value follows, ``--host=``. ``values`` has the names of
    the values of options, as the usage text calls them: ``--host`` is a ``<HOSTNAME>``.
    """

    def __init__(self, usage: str, words: Sequence[str]) -> None:
        options, lines = patterns(usage)
        self.given = Given(options, words)
        self.values = dict(re.findall(r"(--[a-z0-9-]+)[= ](<[^<>\s]+>)", usage))
        self.keywords: list[str] = []
        self.arguments: list[str] = []
        self.options: list[str] = []
        if self.given.awaiting:
            self.arguments = [self.values.get(self.given.awaiting, "")]
            return
        for line, leaves in _open_lines(lines, self.given.positional):
            names = [leaf.name for leaf in leaves]
            self.arguments += [name for name in names if name.startswith("<")]
            self.keywords += [name for name in names if not name.startswith("<")]
            self.options += [_typed(option) for option in line.flat(Option) if option.name not in self.given.options]
        for found in (self.keywords, self.arguments, self.options):
            found[:] = dict.fromkeys(found)


def _typed(option: Any) -> str:
    return f"{option.name}=" if option.argcount else str(option.name)


def _open_lines(lines: Sequence[Any], words: Sequence[str]) -> list[tuple[Any, list[Any]]]:
    """Return the usage lines that can begin with these words, each with the keywords and arguments to come next.

    A word that is a keyword in one line is not taken for an argument in another, though docopt would.
    """
    as_keyword: list[bool] = []
    for place, word in enumerate(words):
        _, leaves = _next(lines, words[:place], as_keyword)
        as_keyword.append(any(leaf.name == word for leaf in leaves))
    found = []
    for line in lines:
        is_open, leaves = _next([line], words, as_keyword)
        if is_open:
            found.append((line, leaves))
    return found


def _next(lines: Sequence[Any], words: Sequence[str], as_keyword: Sequence[bool]) -> tuple[bool, list[Any]]:
    walk = _Walk(words, as_keyword)
    ends = {end for line in lines for end in walk.ends(line, {0})}
    return bool(walk.leaves) or len(words) in ends, walk.leaves


class _Walk:
    """Walks patterns along words; ``leaves`` are those that were reached when there were no more words."""

    def __init__(self, words: Sequence[str], as_keyword: Sequence[bool]) -> None:
        self._words = words
        self._as_keyword = as_keyword
        self.leaves: list[Any] = []

    def ends(self, pattern: Any, starts: set[int]) -> set[int]:
        """Return how many words can be behind a pattern that begins behind ``starts`` words."""
        if not hasattr(pattern, "children"):
            return self._behind_leaf(pattern, starts)
        kind = type(pattern).__name__
        if kind == "Either":
            return {end for child in pattern.children for end in self.ends(child, starts)}
        if kind == "OneOrMore":
            ends = self.ends(pattern.children[0], starts)
            while not (more := self.ends(pattern.children[0], ends)) <= ends:
                ends |= more
            return ends
        for child in pattern.children:  # of Required or Optional
            behind = self.ends(child, starts)
            starts = starts | behind if kind == "Optional" else behind
        return starts

    def _behind_leaf(self, leaf: Any, starts: set[int]) -> set[int]:
        if isinstance(leaf, Option):  # may stand anywhere
            return starts
        if len(self._words) in starts:
            self.leaves.append(leaf)
        return {start + 1 for start in starts if start < len(self._words) and self._takes(leaf, start)}

    def _takes(self, leaf: Any, place: int) -> bool:
        if leaf.name.startswith("<"):
            return not self._as_keyword[place]
        return bool(leaf.name == self._words[place])
