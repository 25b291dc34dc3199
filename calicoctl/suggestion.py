"""Suggest known names that are similar to a misspelt word."""

from __future__ import annotations

from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST_PREFIX = 3  # letters; too many names begin with a shorter one
_LEAST_SIMILARITY = 0.7  # difflib's ratio: one letter of four may differ, or two of seven


def near(word: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return at most ``most`` known words that are similar to a word; empty if none is.

    A known word is similar if it differs in a few letters or begins with ``word``. If a word differs only in case, no
    others are returned.
    """
    from difflib import get_close_matches

    by_lower: dict[str, list[str]] = {}
    for name in known:
        by_lower.setdefault(name.lower(), []).append(name)
    lower = word.lower()
    if lower in by_lower:
        return by_lower[lower][:most]
    longer = sorted(name for name in by_lower if name.startswith(lower)) if len(lower) >= _SHORTEST_PREFIX else []
    similar = sorted(get_close_matches(lower, by_lower, n=most, cutoff=_LEAST_SIMILARITY))
    found = [name for match in dict.fromkeys([*similar, *longer]) for name in by_lower[match]]
    return found[:most]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a blank and the question "Did you mean ...?" with similar known words; empty if there are none."""
    meant = " or ".join(near(word, sorted(known), most=3))
    return f" Did you mean {visible(meant)}?" if meant else ""


def unknown_command(program: str, name: str, commands: Iterable[str]) -> str:
    """Return the message for an unknown command of a program."""
    meant = near(name, commands)
    hint = f" Did you mean '{meant[0]}'?" if meant else ""
    return f"Unknown command: '{visible(name)}'.{hint}\nSee '{program} --help' for the commands."
