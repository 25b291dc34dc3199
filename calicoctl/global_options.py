"""The options that stand before the command, of both programs: a row of OPTIONS each.

They are taken from the command line before docopt sees it, so that the usage texts of the documents stay as they are.
"""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence


class GlobalOption:
    """A row: the name, a short one or nothing, and what completion calls the value; no ``value`` for a flag.

    ``programs`` are those that have the option.
    """

    def __init__(
        self, name: str, short: str = "", value: str = "", programs: Sequence[str] = ("calicoctl", "calicoq")
    ) -> None:
        self.name = name
        self.short = short
        self.value = value
        self.programs = programs


OPTIONS = (
    GlobalOption("--config", short="-c", value="<FILENAME>"),
    GlobalOption("--context", value="<CONTEXT>"),
    GlobalOption("--output", short="-o", value="<LISTING_OUTPUT>", programs=("calicoctl",)),
    GlobalOption("--columns", value="<COLUMNS>", programs=("calicoctl",)),
)


def options_of(program: str) -> list[GlobalOption]:
    """Return the options that a program has."""
    return [option for option in OPTIONS if program in option.programs]


class Leading:
    """The options that the words of a command line begin with.

    ``values`` has the values by the options' names, an empty one for a flag; ``rest`` are the words from the first that
    is no such option. ``problem`` says what is wrong, if anything is; ``awaiting`` is the option, if any, whose value
    would have to follow the words.
    """

    def __init__(self, program: str, words: Sequence[str]) -> None:
        self.values: dict[str, str] = {}
        self.problem = ""
        self.awaiting: GlobalOption | None = None
        self.rest = list(words)
        while self.rest and (found := _joined(program, self.rest[0])):
            option, value = found
            del self.rest[0]
            if option.value and value is None:
                if not self.rest:
                    self.awaiting = option
                    self._note(f"{option.name} requires argument")  # in docopt's words, as for other options
                    return
                value = self.rest.pop(0)
            self._add(option, value)

    def _add(self, option: GlobalOption, value: str | None) -> None:
        if option.name in self.values:
            self._note(f"{option.name} is given more than once")
        if option.value and not value:
            self._note(f"the value of {option.name} is empty")
        if not option.value and value is not None:
            self._note(f"{option.name} must not have an argument")
        self.values[option.name] = value or ""

    def _note(self, problem: str) -> None:
        self.problem = self.problem or problem


def names(program: str) -> list[str]:
    """Return the names as they are typed: ``--color`` or, with a value, ``--context=``."""
    return [f"{option.name}=" if option.value else option.name for option in options_of(program)]


def misplaced(program: str, argv: Sequence[str], word: str) -> str:
    """Say where a word of a command line has to stand if it is one of the options here; nothing if it is not."""
    found = _joined(program, word)
    if not found or (found[1] is not None and not word.startswith("--")):  # -cidr is not meant for -c
        return ""
    import shlex

    option, value = found
    place = list(argv).index(word)
    end = place + (2 if option.value and value is None else 1)
    lacking = f" {option.value}" if end > len(argv) else ""
    moved, others = shlex.join(argv[place:end]), shlex.join([*argv[:place], *argv[end:]])
    return f"{option.name} must stand before the command and its options: {program} {moved}{lacking} {others}"


def _joined(program: str, word: str) -> tuple[GlobalOption, str | None] | None:
    """Return the option that a word is or begins with, and the value that is joined to it, if any."""
    for option in options_of(program):
        if word in (option.name, option.short):
            return option, None
        if word.startswith(f"{option.name}="):
            return option, word.partition("=")[2]
        if option.short and option.value and word.startswith(option.short):
            return option, word.removeprefix(option.short)
    return None
