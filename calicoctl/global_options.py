"""The options before the command: the table ``OPTIONS``, and how to find them on a command line.

They are removed from the command line before docopt parses it, so that the documents' usage texts stay unchanged.
"""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence


class GlobalOption:
    """A row of the table: the name, the short name if any, and the placeholder of the value, empty for a flag.

    ``programs`` holds the names of the programs that accept the option. ``values`` holds the allowed values, or is
    empty if any value is allowed.
    """

    def __init__(
        self,
        name: str,
        short: str = "",
        value: str = "",
        programs: Sequence[str] = ("calicoctl", "calicoq"),
        values: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.short = short
        self.value = value
        self.programs = programs
        self.values = values


OPTIONS = (
    GlobalOption("--config", short="-c", value="<FILENAME>"),
    GlobalOption("--context", value="<CONTEXT>"),
    GlobalOption("--color", value="<WHEN>", values=("auto", "always", "never")),
    GlobalOption("--output", short="-o", value="<LISTING_OUTPUT>", programs=("calicoctl",)),
    GlobalOption("--columns", value="<COLUMNS>", programs=("calicoctl",)),
    GlobalOption("--dry-run", programs=("calicoctl",)),
    GlobalOption("--flows", programs=("calicoctl",)),
)


def options_of(program: str) -> list[GlobalOption]:
    """Return the options that a program accepts."""
    return [option for option in OPTIONS if program in option.programs]


class Leading:
    """The options at the beginning of a command line.

    ``values`` maps the names of the options to their values, which are empty for flags; ``rest`` holds the words after
    them. ``problem`` says what is wrong with the options, or is empty. ``awaiting`` is the option at the very end
    whose value is missing, or None.
    """

    def __init__(self, program: str, words: Sequence[str]) -> None:
        self.values: dict[str, str] = {}
        self.problem = ""
        self.awaiting: GlobalOption | None = None
        self.rest = list(words)
        while self.rest and (found := option_in(program, self.rest[0])):
            option, value = found
            del self.rest[0]
            if option.value and value is None:
                if not self.rest:
                    self.awaiting = option
                    self._note(f"{option.name} requires argument")  # docopt's message for other options
                    return
                value = self.rest.pop(0)
            self._add(option, value)

    def _add(self, option: GlobalOption, value: str | None) -> None:
        if option.name in self.values:
            self._note(f"{option.name} is given more than once")
        if option.value and not value:
            self._note(f"the value of {option.name} is empty")
        if option.values and value and value not in option.values:
            self._note(f"the value of {option.name} is '{value}'; known are: {', '.join(option.values)}")
        if not option.value and value is not None:
            self._note(f"{option.name} must not have an argument")
        self.values[option.name] = value or ""

    def _note(self, problem: str) -> None:
        self.problem = self.problem or problem


def names(program: str) -> list[str]:
    """Return the options as the operator types them: ``--color``, or ``--context=`` with a value."""
    return [f"{option.name}=" if option.value else option.name for option in options_of(program)]


def misplaced(program: str, argv: Sequence[str], word: str) -> str:
    """Return a message that a word of a command line belongs before the command; empty if it is not such an option."""
    found = option_in(program, word)
    if not found or (found[1] is not None and not word.startswith("--")):  # -cidr does not mean -c with a value
        return ""
    import shlex

    option, value = found
    if option.name in ("--output", "--columns"):
        from calicoctl.listings import has_listing

        if not has_listing(argv):
            return f"{option.name} is for listings, and this command prints none"
    place = list(argv).index(word)
    end = place + (2 if option.value and value is None else 1)
    missing = f" {option.value}" if end > len(argv) else ""
    moved, others = shlex.join(argv[place:end]), shlex.join([*argv[:place], *argv[end:]])
    return f"{option.name} must stand before the command and its options: {program} {moved}{missing} {others}"


def option_in(program: str, word: str) -> tuple[GlobalOption, str | None] | None:
    """Return the option in a word, and the value that follows it in the same word, if any; None without an option."""
    for option in options_of(program):
        if word in (option.name, option.short):
            return option, None
        if word.startswith(f"{option.name}="):
            return option, word.partition("=")[2]
        if option.short and option.value and word.startswith(option.short):
            return option, word.removeprefix(option.short)
    return None
