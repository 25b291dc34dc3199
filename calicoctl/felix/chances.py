"""Answers that depend on more than is stored: on what was stored before, or on Felix's own files.

Each such dependence is an open question. A walk of a packet takes every question in the way that is likelier; walks
that take them otherwise tell whether the outcome hangs on it.
"""

from __future__ import annotations

from itertools import compress, product

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    Outcome = TypeVar("Outcome")

_MOST_QUESTIONS = 6  # of which every combination of answers is tried


class Chances:
    """One course that things may take; ``asked`` are the questions that came up, in order."""

    def __init__(self, otherwise: frozenset[str] = frozenset()) -> None:
        """``otherwise`` are the questions whose unlikely answer is taken."""
        self._otherwise = otherwise
        self.asked: dict[str, None] = {}

    def likely(self, question: str) -> bool:
        """Tell whether the likely answer to a question is taken. The question is a sentence for the operator."""
        self.asked[question] = None
        return question not in self._otherwise


def judged(
    judge: Callable[[Chances], Outcome], same: Callable[[Outcome, Outcome], bool]
) -> tuple[Outcome, list[str]]:
    """Return the likely outcome, and the questions on which it depends; none if the outcome is certain.

    ``same`` tells whether two outcomes come to the same. Of very many questions not every combination is tried; the
    outcome then counts as dependent on all of them.
    """
    chances = Chances()
    likely = judge(chances)
    asked = dict(chances.asked)
    tried: set[frozenset[str]] = {frozenset()}
    contrary: list[frozenset[str]] = []
    while new := [course for course in _courses(asked) if course not in tried]:
        if len(asked) > _MOST_QUESTIONS:
            return likely, list(asked)
        for course in new:
            chances = Chances(course)
            if not same(judge(chances), likely):
                contrary.append(course)
            asked |= chances.asked
        tried.update(new)
    smallest = [course for course in contrary if not any(other < course for other in contrary)]
    return likely, [question for question in asked if any(question in course for course in smallest)]


def _courses(questions: Iterable[str]) -> Iterator[frozenset[str]]:
    """Yield every set of the questions; nothing but the first of very many, which are not tried."""
    listed = list(questions)
    if len(listed) > _MOST_QUESTIONS:
        yield frozenset(listed)
        return
    for answers in product((False, True), repeat=len(listed)):
        yield frozenset(compress(listed, answers))
