"""Suggest known names that are similar to a misspelt word."""

from __future__ import annotations

from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST_PREFIX = 3  # letters; too many names begin with a shorter one
_LEAST_SIMILARITY = 0.7  # difflib's ratio: one letter of four may differ, or two of seven
_LEAST_SIMILARITY_OF_COMMANDS = 0.8  # one letter of five may differ: "start" is not a misspelt "status"


def near(word: str, known: Iterable[str], most: int = 1, similarity: float = _LEAST_SIMILARITY) -> list[str]:
    """Return at most ``most`` known words that are similar to a word; empty if none is.

    A known word is similar if it differs in a few letters or begins with ``word``. If a word differs only in case, no
    others are returned. ``similarity`` is the lowest ratio of difflib that counts.
    """
    from difflib import get_close_matches

    by_lower: dict[str, list[str]] = {}
    for name in known:
        by_lower.setdefault(name.lower(), []).append(name)
    lower = word.lower()
    if lower in by_lower:
        return by_lower[lower][:most]
    longer = sorted(name for name in by_lower if name.startswith(lower)) if len(lower) >= _SHORTEST_PREFIX else []
    similar = sorted(get_close_matches(lower, by_lower, n=most, cutoff=similarity))
    found = [name for match in dict.fromkeys([*similar, *longer]) for name in by_lower[match]]
    return found[:most]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a blank and the question "Did you mean ...?" with similar known words; empty if there are none."""
    meant = " or ".join(near(word, sorted(known), most=3))
    return f" Did you mean {visible(meant)}?" if meant else ""


def unknown_command(program: str, name: str, commands: Iterable[str]) -> str:
    """Return the message for an unknown command of a program."""
    swapped = [command for command in commands if _has_neighbours_swapped(name, command)]
    meant = swapped or near(name, commands, most=3, similarity=_LEAST_SIMILARITY_OF_COMMANDS)
    hint = f" Did you mean {' or '.join(map(repr, meant))}?" if meant else ""
    return f"Unknown command: '{visible(name)}'.{hint}\nSee '{program} --help' for the commands."


def _has_neighbours_swapped(word: str, known: str) -> bool:
    """Tell whether a word differs from a known one in the order of two adjacent letters."""
    places = [place for place, (one, other) in enumerate(zip(word, known, strict=False)) if one != other]
    if len(word) != len(known) or len(places) != 2:
        return False
    first, second = places
    return second == first + 1 and word[first] == known[second] and word[second] == known[first]
