"""The words that a shell offers for the last word of a command line."""

from __future__ import annotations

import os
import re

from calicoctl.completion.names import finder, words_of
from calicoctl.errors import CommandError
from calicoctl.expected import Expected
from calicoctl.global_options import Leading, options_of
from calicoctl.global_options import names as global_names
from calicoctl.usage.table import COMMANDS, usage_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from calicoctl.etcd.client import Client
    from calicoctl.expected import Given

# Instead of words: the shell itself is to offer files.
FILES = ":files"

# The operator waits with a half-typed line: nothing is better than an offer that comes late.
_SECONDS = 2.0
_SECONDS_BESIDE_KEYWORDS = 0.5  # what was typed may well be meant for a keyword, which is known without etcd
_TIMEOUTS = {"CALICOCTL_CONNECT_TIMEOUT": "0.5", "CALICOCTL_READ_TIMEOUT": "1.5"}
# Shells take offers as they are, and others may have stored what a shell would obey, or a FILES.
_PLAIN = re.compile(r"[A-Za-z0-9_./@%+,][A-Za-z0-9_.:/@%+,-]*")


def candidates(words: Sequence[str], variables: Mapping[str, str], system_file: str) -> list[str]:
    """Return what can stand in the place of the last word; ``words`` begins with the program and may end with ``""``.

    ``variables`` are the environment variables and ``system_file`` the configuration file for all users, which say
    where etcd is. An option that takes a value ends with ``=``. Empty for a program that is not calicoctl or calicoq.
    """
    if len(words) < 2:
        return []
    program, *before, begun = words
    program = os.path.basename(program)
    if "--" in before:  # no usage but that of this very question has it
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
    option, equals, value = begun.partition("=") if begun.startswith("--") else ("", "", begun)
    if equals:  # what is completed is the value that follows
        return _joined(option, value, _values([expected.values.get(option, "")], expected, place, _SECONDS))
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
    """What says where etcd is: the environment variables, the options before the command, the system's file."""

    def __init__(self, variables: Mapping[str, str], options: Mapping[str, str], system_file: str) -> None:
        self.variables = variables
        self._options = options
        self._system_file = system_file

    def client(self) -> Client:
        """Return a client of that etcd, which gives up soon. Raises CommandError."""
        from calicoctl.configuration.order import Configuration
        from calicoctl.etcd.client import Client
        from calicoctl.etcd.settings import Settings

        configuration = Configuration(self.variables, self._options, self._system_file)
        return Client(Settings.from_environment({**configuration.variables(), **_TIMEOUTS}))


def _of_global_options(program: str, leading: Leading, begun: str, variables: Mapping[str, str]) -> list[str] | None:
    """Return what is offered for the value of an option before the command; None if none is to be completed."""
    if leading.awaiting:
        found = _constants([leading.awaiting.value], variables)
        return found if found == [FILES] else _beginning(begun, found)
    option, equals, value = begun.partition("=")
    known = next((each for each in options_of(program) if each.name == option), None)
    if leading.rest or not (equals and known):
        return None
    return _joined(option, value, _constants([known.value], variables))


def _joined(option: str, value: str, found: list[str]) -> list[str]:
    return found if found == [FILES] else [f"{option}={name}" for name in _beginning(value, found)]


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
    """Return what arguments can be without a look at etcd."""
    if "<FILENAME>" in arguments:
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

    # Its own thread, because nothing else ends a wait for a name server or for one endpoint after the other.
    thread = threading.Thread(target=find_all, daemon=True)
    thread.start()
    thread.join(seconds)
    return sorted(name for name in tuple(found) if _PLAIN.fullmatch(name))
