"""What the operator may have meant by a word that is not known: names that are nearly the same."""

from __future__ import annotations

from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable

_FEWEST_LETTERS = 3  # of the beginning of a name: fewer begin too many
_LEAST_LIKENESS = 0.7  # as difflib measures it: one letter of four may differ, or two of seven


def near(word: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the known words that a word may have been meant for, in their order; none that is only remotely alike.

    A word is near that has a few letters changed, or that begins with ``word``; one that differs in case alone is the
    only one.
    """
    from difflib import get_close_matches

    by_lower: dict[str, list[str]] = {}
    for name in known:
        by_lower.setdefault(name.lower(), []).append(name)
    lower = word.lower()
    if lower in by_lower:
        return by_lower[lower][:most]
    begun = sorted(name for name in by_lower if name.startswith(lower)) if len(lower) >= _FEWEST_LETTERS else []
    alike = sorted(get_close_matches(lower, by_lower, n=most, cutoff=_LEAST_LIKENESS))
    found = [name for match in dict.fromkeys([*alike, *begun]) for name in by_lower[match]]
    return found[:most]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return, after a blank, the question whether known words near a word were meant; nothing if none is near."""
    meant = " or ".join(near(word, sorted(known), most=3))
    return f" Did you mean {visible(meant)}?" if meant else ""


def unknown_command(program: str, name: str, commands: Iterable[str]) -> str:
    """Return the message for a command that a program does not have."""
    meant = near(name, commands)
    hint = f" Did you mean '{meant[0]}'?" if meant else ""
    return f"Unknown command: '{visible(name)}'.{hint}\nSee '{program} --help' for the commands."
