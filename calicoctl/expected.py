"""Find what can come next on a command line, from docopt's own parse tree of the usage text."""

from __future__ import annotations

import re
from collections import deque

from calicoctl.grammar import Option, patterns

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any


class Given:
    """The words before the one to complete, separated into options and other words by docopt's rules.

    ``positional`` holds keywords and arguments; ``options`` maps the long names of options to their values, None for
    flags. ``awaiting`` is the option whose value is the next word, or None. ``unknown`` holds the words that begin
    with a dash but are not options, ``repeated`` the names of options that occur more than once.
    """

    def __init__(self, options: Sequence[Any], words: Sequence[str]) -> None:
        self.positional: list[str] = []
        self.options: dict[str, str | None] = {}
        self.awaiting: str | None = None
        self.unknown: list[str] = []
        self.repeated: list[str] = []
        left = deque(words)
        while left:
            word = left.popleft()
            if word == "--":
                self.positional += [word, *left]
                return
            if not word.startswith("-") or word == "-":
                self.positional.append(word)
                continue
            is_long = word.startswith("--")
            name, equals, value = word.partition("=") if is_long else (word[:2], word[2:], word[2:])
            option = _option(options, name)
            if option is None:
                self.unknown.append(word)
            elif option.name in self.options:
                self.repeated.append(option.name)
            if option is None or not option.argcount:
                self.options[option.name if option else name] = None
                if value and not is_long:  # several flags in one word, such as -rs
                    left.appendleft(f"-{value}")
            elif equals:
                self.options[option.name] = value
            elif left:
                self.options[option.name] = left.popleft()
            else:
                self.awaiting = option.name


def _option(options: Sequence[Any], name: str) -> Any:
    """Return the option with this name, or the only one whose long name begins with it, as docopt does; else None."""
    for option in options:
        if name in (option.short, option.long):
            return option
    begun = [option for option in options if name.startswith("--") and (option.long or "").startswith(name)]
    return begun[0] if len(begun) == 1 else None


class Expected:
    """What can follow the given words: ``keywords``, ``arguments`` (such as ``<PROFILE>``) and ``options()``.

    ``values`` maps each option to the placeholder of its value in the usage text: ``--host`` to ``<HOSTNAME>``.
    """

    def __init__(self, usage: str, words: Sequence[str]) -> None:
        self._options, self._lines = patterns(usage)
        self.given = Given(self._options, words)
        self.values = dict(re.findall(r"(--[a-z0-9-]+)[= ](<[^<>\s]+>)", usage))
        self.keywords: list[str] = []
        self.arguments: list[str] = []
        if self.given.awaiting:
            self.arguments = [self.values.get(self.given.awaiting, "")]
            return
        self._as_keyword = words_that_are_keywords(self._lines, self.given.positional)
        for line in self._lines:
            names = [leaf.name for leaf in self._next(line, self.given.options) or ()]
            self.arguments += [name for name in names if name.startswith("<")]
            self.keywords += [name for name in names if not name.startswith("<")]
        for found in (self.keywords, self.arguments):
            found[:] = dict.fromkeys(found)

    def value_begun(self, word: str) -> tuple[str, str] | None:
        """Return the placeholder and the beginning of the value that a word gives to an option: `--host=h`, `-oj`.

        None if the next word is the value of another option, or if this one is not an option with a value.
        """
        if self.given.awaiting:
            return None
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            return (self.values.get(name, ""), value) if equals else None
        value = word[2:]
        option = next((each for each in self._options if each.short == word[:2] and each.argcount), None)
        return (self.values.get(option.name, ""), value) if option and value else None

    def options(self) -> list[str]:
        """Return the options that can follow, as the operator types them: ``--detailed``, or ``--host=`` with a value.
        """
        if self.given.awaiting:
            return []
        given = self.given.options
        found = [
            f"{option.name}=" if option.argcount else str(option.name)
            for line in self._lines
            for option in line.flat(Option)
            if option.name not in given and self._next(line, {*given, option.name}) is not None
        ]
        return list(dict.fromkeys(found))

    def _next(self, line: Any, options: Collection[str]) -> list[Any] | None:
        """Return the keywords and arguments that can come next in a usage line with these options.

        None if the words and options do not match the line.
        """
        if not set(options) <= options_of(line):
            return None
        words = self.given.positional
        walk = Walk(words, self._as_keyword, options)
        ends = walk.ends(line, {0})
        return walk.leaves if walk.leaves or len(words) in ends else None


def words_that_are_keywords(lines: Sequence[Any], words: Sequence[str]) -> list[bool]:
    """Tell for each word whether it is a keyword at its place in any of the lines.

    Such a word is then never taken for an argument, although docopt would also accept it as one.
    """
    found: list[bool] = []
    for place, word in enumerate(words):
        walk = Walk(words[:place], found, ())
        for line in lines:
            walk.ends(line, {0})
        found.append(any(leaf.name == word for leaf in walk.leaves))
    return found


def options_of(pattern: Any) -> set[str]:
    """Return the names of the options in a pattern."""
    return {option.name for option in pattern.flat(Option)}


class Walk:
    """Matches words and options against docopt's patterns; ``leaves`` are the patterns that the next word could match.
    """

    def __init__(self, words: Sequence[str], as_keyword: Sequence[bool], options: Collection[str]) -> None:
        self._words = words
        self._as_keyword = as_keyword
        self._options = set(options)
        self.leaves: list[Any] = []

    def ends(self, pattern: Any, starts: set[int]) -> set[int]:
        """Return the possible positions in the words after a pattern that starts at one of the positions ``starts``."""
        if not hasattr(pattern, "children"):
            return self._ends_of_leaf(pattern, starts)
        kind = type(pattern).__name__
        if kind == "Either":
            given = self._given_of(pattern)
            children = [child for child in pattern.children if given <= self._given_of(child)]
            return {end for child in children for end in self.ends(child, starts)}
        if kind == "OneOrMore":
            ends = self.ends(pattern.children[0], starts)
            while not (more := self.ends(pattern.children[0], ends)) <= ends:
                ends |= more
            return ends
        for child in pattern.children:  # of Required or Optional
            ends = self.ends(child, starts)
            can_be_skipped = kind == "Optional" and not self._given_of(child)
            starts = starts | ends if can_be_skipped else ends
        return starts

    def _given_of(self, pattern: Any) -> set[str]:
        """Return the given options that occur in a pattern: the pattern must not be skipped then."""
        return self._options & options_of(pattern) if self._options else set()

    def _ends_of_leaf(self, leaf: Any, starts: set[int]) -> set[int]:
        if isinstance(leaf, Option):  # options can be anywhere on the line, so they take no position
            return starts
        if len(self._words) in starts:
            self.leaves.append(leaf)
        return {start + 1 for start in starts if start < len(self._words) and self._takes(leaf, start)}

    def _takes(self, leaf: Any, place: int) -> bool:
        if leaf.name.startswith("<"):
            return not self._as_keyword[place]
        return bool(leaf.name == self._words[place])
