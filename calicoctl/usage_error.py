"""Explain why arguments do not match a usage text: one line with the problem, then the closest usage lines."""

from __future__ import annotations

import re

from calicoctl import global_options
from calicoctl.expected import Given, Walk, options_of, words_that_are_keywords
from calicoctl.grammar import Option, patterns, usage_lines
from calicoctl.suggestion import near

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any

    from calicoctl.grammar import UsageError

_MOST_WORDS = 50  # later words are ignored: the time grows with the square of their number, and no usage line has more
# Keywords and the form of the values that follow them. If a value lacks its keyword, its form tells which one.
_FORMS = (
    ("cidr", re.compile(r"[0-9a-fA-F:.]*[.:][0-9a-fA-F:.]*(/[0-9]*)?|[0-9.]+/[0-9]+")),
    ("ports", re.compile(r"[0-9]+([:,-][0-9]+)*")),
    ("tag", re.compile(r"[A-Za-z0-9_.-]+")),
)


def explained(error: UsageError) -> str:
    """Return the message for a usage error: the problem, and the usage lines that match the arguments best."""
    reading = _Reading(error.usage, error.argv)
    return f"{error.reason or reading.problem()}\n{reading.usage()}"


class _Reading:
    """The arguments, and the usage lines that match most of their words.

    A line "takes" words if it matches them, from the first word on.
    """

    def __init__(self, usage: str, argv: Sequence[str]) -> None:
        self._usage = usage
        self._argv = argv
        self._program = " ".join(usage_lines(usage)).split()[1]
        self._options, self._all_lines = patterns(usage)
        self._given = Given(self._options, argv)
        self._words = self._given.positional[:_MOST_WORDS]
        as_keywords = words_that_are_keywords(self._all_lines, self._words)
        as_arguments = [False] * len(self._words)
        # docopt accepts a keyword as the value of an argument too. Operators usually mean the keyword, so it is read as
        # a value only if the usage lines then take more words.
        self._as_keyword = max(as_keywords, as_arguments, key=self._taken)
        self._count = self._taken(self._as_keyword)
        lines = [line for line in self._all_lines if self._walk(line, self._count)]
        self._lines = [line for line in lines if set(self._given.options) <= options_of(line)] or lines

    def usage(self) -> str:
        """Return the usage lines that match best, and a hint on how to see the others."""
        heading, *entries = usage_lines(self._usage)
        if len(entries) != len(self._all_lines) or len(self._lines) in (0, len(entries)):
            return "\n".join([heading, *entries])
        shown = [entry for entry, line in zip(entries, self._all_lines, strict=True) if line in self._lines]
        program, command = entries[0].split()[:2]
        of_one_command = all(entry.split()[1] == command for entry in entries)
        name = f"{program} {command}" if of_one_command else program
        return "\n".join([heading, *shown, f"See '{name} --help' for the rest."])

    def problem(self) -> str:
        """Return the problem, without a full stop."""
        return (
            self._unknown_option()
            or self._unexpected_word()
            or self._option_of_other_lines()
            or self._word_beside_option()
            or self._missing_word()
            or self._missing_option()
            or self._missing_companion()
            or self._missing_alternative()
            or "these arguments fit none of the usage lines"
        )

    def _unknown_option(self) -> str:
        for word in self._given.unknown:
            if misplaced := global_options.misplaced(self._program, self._argv, word):
                return misplaced
            known = [*(option.long for option in self._options if option.long), "--help"]
            if word == self._argv[0]:  # before the command
                known += ["--version", *(option.name for option in global_options.options_of(self._program))]
            meant = near(word.partition("=")[0], known) if word.startswith("--") else []
            return f"unknown option '{word}'{_did_you_mean(meant)}"
        for name in self._given.repeated:
            return f"{name} is given more than once"
        return ""

    def _unexpected_word(self) -> str:
        if self._count == len(self._words):
            return ""
        word, before = self._words[self._count], self._words[: self._count]
        keywords = self._next_keywords(self._count)
        return (
            self._misplaced(word, keywords)
            or self._missing_keyword_before_keyword(word)
            or self._missing_keyword_before_value(word, keywords)
            or f"unexpected '{word}'{_after(before)}{self._hint(word, keywords)}"
        )

    def _misplaced(self, word: str, keywords: Sequence[str]) -> str:
        """Return the problem if two keywords are in the wrong order: this word and one before or after it."""
        for place in reversed(range(self._count)):
            earlier = self._words[place]
            if self._can_precede(word, earlier) and word in self._next_keywords(place):
                return f"'{word}' must stand before '{earlier}'"
        for later in self._words[self._count + 1 :]:
            if later in keywords and self._can_precede(later, word):
                return f"'{later}' must stand before '{word}'"
        return ""

    def _missing_keyword_before_keyword(self, word: str) -> str:
        """Return the problem if the word is a keyword that needs another keyword before it."""
        if not any(leaf.name == word for line in self._lines for leaf in line.flat()):
            return ""
        words, as_keyword = self._words[: self._count + 1], self._as_keyword[: self._count] + [True]
        for place in reversed(range(self._count + 1)):
            missing = [
                keyword
                for keyword in self._next_keywords(place)
                if self._fits(
                    [*words[:place], keyword, *words[place:]], [*as_keyword[:place], True, *as_keyword[place:]]
                )
            ]
            if missing:
                before = "it" if place == self._count else f"'{words[place]}'"
                return f"'{word}' needs {_listed(missing)} before {before}"
        return ""

    def _fits(self, words: Sequence[str], as_keyword: Sequence[bool]) -> bool:
        for line in self._lines:
            walk = Walk(words, as_keyword, ())
            if len(words) in walk.ends(line, {0}) or walk.leaves:
                return True
        return False

    def _can_precede(self, first: str, second: str) -> bool:
        return first != second and any(_stands_before(line, first, second) for line in self._lines)

    def _missing_keyword_before_value(self, word: str, keywords: Sequence[str]) -> str:
        """Return the problem if a value follows ``from`` or ``to`` without the keyword for values of its form."""
        before = self._words[self._count - 1] if self._count else ""
        if before not in ("from", "to") or near(word, keywords):
            return ""
        for keyword, form in _FORMS:
            if keyword in keywords and form.fullmatch(word):
                return f"{before} {word}: did you mean {before} {keyword}?"
        return ""

    def _hint(self, word: str, keywords: Sequence[str]) -> str:
        meant = near(word, keywords) or self._keyword_taken_for_argument()
        if meant:
            return _did_you_mean(meant)
        expected = self._next(self._count) or self._missing_options()
        return f"; expected {_listed(expected)}" if expected else ""

    def _keyword_taken_for_argument(self) -> list[str]:
        """Return a keyword that an earlier word was probably meant to be: similar, and allowed in its place."""
        for place, word in enumerate(self._words[: self._count]):
            keywords = self._next_keywords(place, self._all_lines)
            if word not in keywords and (meant := near(word, keywords)):
                return meant
        return []

    def _option_of_other_lines(self) -> str:
        for name in self._given.options:
            if not any(name in options_of(line) for line in self._lines):
                return f"{name} cannot be given{' with ' + _quoted(self._words) if self._words else ' here'}"
        names = list(self._given.options)
        if not any(set(names) <= options_of(line) for line in self._lines):
            return f"{names[0]} and {names[1]} cannot be given together"
        return ""

    def _word_beside_option(self) -> str:
        names = list(self._given.options)
        for name in names:
            taken = self._taken(self._as_keyword, [name])
            if taken < self._count:
                return f"'{self._words[taken]}' cannot be given with {name}"
        if self._taken(self._as_keyword, names) < self._count:
            return f"{' and '.join(names)} cannot be given together"
        return ""

    def _missing_word(self) -> str:
        if len(self._given.positional) > len(self._words):
            return ""
        walks = [walk for line in self._lines if (walk := self._walk(line, self._count, self._given.options))]
        if any(walk.complete for walk in walks):
            return ""
        names = list(dict.fromkeys(name for walk in walks for name in walk.names))
        meant = self._keyword_taken_for_argument()
        return f"expected {_listed(names)}{_after(self._words)}{_did_you_mean(meant)}" if names else ""

    def _missing_option(self) -> str:
        missing = self._missing_options()
        return f"{_listed(missing)} is missing{_after(self._words)}" if missing else ""

    def _missing_options(self) -> list[str]:
        required = dict.fromkeys(option.name for line in self._lines for option in _required(line))
        return [name for name in required if name not in self._given.options]

    def _missing_companion(self) -> str:
        """Return the problem if an option is given without another one that its group requires."""
        for name in self._given.options:
            for line in self._lines:
                missing = [each.name for each in _companions(line, name) if each.name not in self._given.options]
                if missing:
                    return f"{name} needs {_listed(missing)}"
        return ""

    def _missing_alternative(self) -> str:
        """Return the problem if neither a word nor an option is given where one of them is required."""
        options = [option.name for line in self._lines for option in _alternatives(line)]
        names = [*self._next(self._count), *(name for name in options if name not in self._given.options)]
        if len(self._given.positional) > len(self._words) or not names:
            return ""
        return f"expected {_listed(dict.fromkeys(names))}{_after(self._words)}"

    def _taken(self, as_keyword: Sequence[bool], options: Collection[str] = ()) -> int:
        """Return the largest number of words that a usage line takes; only lines with all ``options`` count."""
        taken = 0
        for line in self._all_lines:
            if set(options) <= options_of(line):
                while taken < len(self._words) and self._walk(line, taken + 1, options, as_keyword):
                    taken += 1
        return taken

    def _walk(
        self, line: Any, count: int, options: Collection[str] = (), as_keyword: Sequence[bool] | None = None
    ) -> _Walked | None:
        """Match the first ``count`` words with a usage line; None if they do not match it."""
        walk = Walk(self._words[:count], self._as_keyword if as_keyword is None else as_keyword, options)
        complete = count in walk.ends(line, {0})
        return _Walked(complete, [leaf.name for leaf in walk.leaves]) if complete or walk.leaves else None

    def _next(self, count: int, lines: Sequence[Any] | None = None) -> list[str]:
        """Return the names of the keywords and arguments that can follow the first ``count`` words."""
        walks = [self._walk(line, count) for line in lines or self._lines]
        return list(dict.fromkeys(name for walk in walks if walk for name in walk.names))

    def _next_keywords(self, count: int, lines: Sequence[Any] | None = None) -> list[str]:
        return [name for name in self._next(count, lines) if not name.startswith("<")]


class _Walked:
    """Words that match a usage line: whether the line is complete with them, and the names of what can follow."""

    def __init__(self, complete: bool, names: list[str]) -> None:
        self.complete = complete
        self.names = names


def _stands_before(pattern: Any, first: str, second: str) -> bool:
    """Tell whether the first keyword precedes the second in a pattern that allows both together."""
    children = getattr(pattern, "children", [])
    if any(_stands_before(child, first, second) for child in children):
        return True
    if type(pattern).__name__ == "Either":
        return False
    names = [{leaf.name for leaf in child.flat()} for child in children]
    return any(first in earlier and second in later for at, earlier in enumerate(names) for later in names[at + 1 :])


def _required(pattern: Any) -> Iterable[Any]:
    """Yield the options that are required by a pattern."""
    if isinstance(pattern, Option):
        yield pattern
    elif type(pattern).__name__ == "Required":
        for child in pattern.children:
            yield from _required(child)


def _companions(pattern: Any, name: str) -> Iterable[Any]:
    """Yield the options that are required by each group of a pattern with the option of a name."""
    if name in options_of(pattern) and not isinstance(pattern, Option):
        yield from _required(pattern)
        for child in pattern.children:
            yield from _companions(child, name)


def _alternatives(pattern: Any) -> Iterable[Any]:
    """Yield the options that are required by a pattern, or are one of its required alternatives."""
    if isinstance(pattern, Option):
        yield pattern
    elif type(pattern).__name__ in ("Required", "Either"):
        for child in pattern.children:
            yield from _alternatives(child)


def _after(words: Sequence[str]) -> str:
    return f" after '{words[-1]}'" if words else ""


def _quoted(words: Sequence[str]) -> str:
    return f"'{' '.join(words)}'"


def _did_you_mean(meant: Sequence[str]) -> str:
    return f"; did you mean '{meant[0]}'?" if meant else ""


def _listed(names: Iterable[str]) -> str:
    *others, last = [name if name.startswith(("<", "-")) else f"'{name}'" for name in names]
    return f"{', '.join(others)} or {last}" if others else last
