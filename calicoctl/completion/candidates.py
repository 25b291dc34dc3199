"""Find the candidates that a shell offers for the last word of a command line."""

from __future__ import annotations

import os
import re

from calicoctl.completion.names import finder, words_of
from calicoctl.errors import CommandError
from calicoctl.expected import Expected
from calicoctl.global_options import Leading, option_in
from calicoctl.global_options import names as global_names
from calicoctl.usage.table import COMMANDS, usage_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from calicoctl.etcd.client import Client
    from calicoctl.expected import Given

# The only candidate if the shell itself has to offer files.
FILES = ":files"
# What the usage texts call a file or a folder
_PATHS = frozenset({"<FILENAME>", "<FILE>", "<FOLDER>", "<LOG_DIR>", "<file>", "<snapshot>"})

# The operator is waiting in the middle of a line, so after this time there are no candidates from etcd.
_SECONDS = 2.0
_SECONDS_BESIDE_KEYWORDS = 0.5  # shorter, because the operator may mean a keyword, which is known without etcd
_TIMEOUTS = {"CALICOCTL_CONNECT_TIMEOUT": "0.5", "CALICOCTL_READ_TIMEOUT": "1.5"}
# Shells insert candidates without quoting. Other names in etcd may contain shell syntax, or equal FILES.
_PLAIN = re.compile(r"[A-Za-z0-9_./@%+,][A-Za-z0-9_.:/@%+,-]*")


def candidates(words: Sequence[str], variables: Mapping[str, str], system_file: str) -> list[str]:
    """Return the candidates for the last word. ``words`` begins with the program's name and may end with ``""``.

    ``variables`` holds the environment variables and ``system_file`` is the path of the system-wide configuration
    file; both may have the address of etcd. An option that takes a value ends with ``=``. The result is empty for
    other programs than calicoctl and calicoq.
    """
    if len(words) < 2:
        return []
    program, *before, begun = words
    program = os.path.basename(program)
    if "--" in before:  # occurs only in the usage of `completion candidates` itself
        return []
    leading = Leading(program, before)
    found = _of_global_options(program, leading, begun, variables)
    if found is not None:
        return found
    if program == "calicoctl" and not leading.rest:
        return _beginning(begun, [*global_names(program), "--help", "--version"] if begun.startswith("-") else COMMANDS)
    usage = _usage(program, leading.rest)
    if usage is None:
        return []
    expected = Expected(usage, leading.rest)
    place = _Place(variables, leading.values, system_file)
    if option_value := expected.value_begun(begun):
        placeholder, value = option_value
        return _joined(begun, value, _values([placeholder], expected, place, _SECONDS))
    if begun.startswith("-"):
        before_command = [] if leading.rest else global_names(program)
        others = [] if expected.given.awaiting else ["--help"]
        return _beginning(begun, [*before_command, *expected.options(), *others])
    keywords = _beginning(begun, expected.keywords)
    seconds = _SECONDS_BESIDE_KEYWORDS if begun and keywords else _SECONDS
    values = _values(expected.arguments, expected, place, seconds)
    if values == [FILES]:
        return values
    offered = [*keywords, *values] if expected.keywords or expected.arguments else expected.options()
    return _beginning(begun, dict.fromkeys(offered))


class _Place:
    """The sources of the address of etcd: environment variables, options before the command, configuration files."""

    def __init__(self, variables: Mapping[str, str], options: Mapping[str, str], system_file: str) -> None:
        self.variables = variables
        self._options = options
        self._system_file = system_file

    def client(self) -> Client:
        """Return a client of etcd with short timeouts. Raises CommandError."""
        from calicoctl.configuration.order import Configuration
        from calicoctl.etcd.client import Client
        from calicoctl.etcd.settings import Settings

        configuration = Configuration(self.variables, self._options, self._system_file)
        return Client(Settings.from_environment({**configuration.variables(), **_TIMEOUTS}))


def _of_global_options(program: str, leading: Leading, begun: str, variables: Mapping[str, str]) -> list[str] | None:
    """Return the candidates for the value of an option before the command; None if the last word is no such value."""
    if leading.awaiting:
        found = _constants([leading.awaiting.value], variables)
        return found if found == [FILES] else _beginning(begun, found)
    option, value = (None if leading.rest else option_in(program, begun)) or (None, None)
    return _joined(begun, value, _constants([option.value], variables)) if option and value is not None else None


def _joined(begun: str, value: str, found: list[str]) -> list[str]:
    """Return the words for the candidates of a value. ``begun`` ends with ``value``, which may be empty."""
    option = begun[: len(begun) - len(value)]
    if found == [FILES]:
        return found if option.endswith("=") else []  # shells would look for files that begin with the option
    return [f"{option}{name}" for name in _beginning(value, found)]


def _usage(program: str, words: Sequence[str]) -> str | None:
    if program == "calicoq":
        from calicoctl.calicoq.cli import USAGE

        return USAGE
    if program == "calicoctl" and words[0] in COMMANDS:
        return usage_of(COMMANDS[words[0]])
    return None


def _beginning(begun: str, offered: Iterable[str]) -> list[str]:
    return [word for word in offered if word.startswith(begun)]


def _values(arguments: Sequence[str], expected: Expected, place: _Place, seconds: float) -> list[str]:
    constant = _constants(arguments, place.variables, expected.given)
    if constant == [FILES]:
        return constant
    finders = [find for argument in arguments if (find := finder(argument, expected.given, place.variables))]
    return constant + (_in_time(finders, place, seconds) if finders else [])


def _constants(arguments: Sequence[str], variables: Mapping[str, str], given: Given | None = None) -> list[str]:
    """Return the candidates for arguments that are known without etcd."""
    if not _PATHS.isdisjoint(arguments):
        return [FILES]
    found = _contexts(variables) if "<CONTEXT>" in arguments else []
    return found + [word for argument in arguments for word in words_of(argument, given)]


def _contexts(variables: Mapping[str, str]) -> list[str]:
    from calicoctl.configuration.order import contexts

    try:
        return list(contexts(variables).by_name)
    except CommandError:  # a message would break the line that is being typed
        return []


def _in_time(finders: Sequence[Callable[[Client], Iterable[str]]], place: _Place, seconds: float) -> list[str]:
    import threading

    found: list[str] = []

    def find_all() -> None:
        try:
            client = place.client()
            try:
                for find in finders:
                    found.extend(find(client))
            finally:
                client.close()
        except Exception:  # a message would break the line that is being typed
            pass

    # In a thread, because waiting for a name server, or for several endpoints in turn, cannot be limited otherwise.
    thread = threading.Thread(target=find_all, daemon=True)
    thread.start()
    thread.join(seconds)
    return sorted(name for name in tuple(found) if _PLAIN.fullmatch(name))
