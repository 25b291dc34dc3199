"""The words that a shell offers for the last word of a command line."""

from __future__ import annotations

import os
import re

from calicoctl.completion.names import finder, words_of
from calicoctl.expected import Expected
from calicoctl.usage.table import COMMANDS, usage_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from calicoctl.etcd.client import Client

# Instead of words: the shell itself is to offer files.
FILES = ":files"

# The operator waits with a half-typed line: nothing is better than an offer that comes late.
_SECONDS = 2.0
_SECONDS_BESIDE_KEYWORDS = 0.5  # what was typed may well be meant for a keyword, which is known without etcd
_TIMEOUTS = {"CALICOCTL_CONNECT_TIMEOUT": "0.5", "CALICOCTL_READ_TIMEOUT": "1.5"}
# Shells take offers as they are, and others may have stored what a shell would obey, or a FILES.
_PLAIN = re.compile(r"[A-Za-z0-9_./@%+,][A-Za-z0-9_.:/@%+,-]*")


def candidates(words: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """Return what can stand in the place of the last word; ``words`` begins with the program and may end with ``""``.

    ``variables`` are the environment variables, which say where etcd is. An option that takes a value ends with
    ``=``. Empty for a program that is not calicoctl or calicoq.
    """
    if len(words) < 2:
        return []
    program, *before, begun = words
    program = os.path.basename(program)
    if "--" in before:  # no usage but that of this very question has it
        return []
    if program == "calicoctl" and not before:
        return _beginning(begun, ["--help", "--version"] if begun.startswith("-") else COMMANDS)
    usage = _usage(program, before)
    if usage is None:
        return []
    expected = Expected(usage, before)
    option, equals, value = begun.partition("=") if begun.startswith("--") else ("", "", begun)
    if equals:  # what is completed is the value that follows
        found = _values([expected.values.get(option, "")], expected, variables, _SECONDS)
        return found if found == [FILES] else [f"{option}={name}" for name in _beginning(value, found)]
    if begun.startswith("-"):
        return _beginning(begun, [*expected.options(), *([] if expected.given.awaiting else ["--help"])])
    keywords = _beginning(begun, expected.keywords)
    seconds = _SECONDS_BESIDE_KEYWORDS if begun and keywords else _SECONDS
    values = _values(expected.arguments, expected, variables, seconds)
    if values == [FILES]:
        return values
    offered = [*keywords, *values] if expected.keywords or expected.arguments else expected.options()
    return _beginning(begun, dict.fromkeys(offered))


def _usage(program: str, words: Sequence[str]) -> str | None:
    if program == "calicoq":
        from calicoctl.calicoq.cli import USAGE

        return USAGE
    if program == "calicoctl" and words[0] in COMMANDS:
        return usage_of(COMMANDS[words[0]])
    return None


def _beginning(begun: str, offered: Iterable[str]) -> list[str]:
    return [word for word in offered if word.startswith(begun)]


def _values(arguments: Sequence[str], expected: Expected, variables: Mapping[str, str], seconds: float) -> list[str]:
    if {"<FILENAME>", "<file>", "<snapshot>"}.intersection(arguments):
        return [FILES]
    constant = [word for argument in arguments for word in words_of(argument)]
    finders = [find for argument in arguments if (find := finder(argument, expected.given, variables))]
    return constant + (_in_time(finders, variables, seconds) if finders else [])


def _in_time(
    finders: Sequence[Callable[[Client], Iterable[str]]], variables: Mapping[str, str], seconds: float
) -> list[str]:
    import threading

    from calicoctl.etcd.client import Client
    from calicoctl.etcd.settings import Settings

    found: list[str] = []

    def find_all() -> None:
        try:
            client = Client(Settings.from_environment({**variables, **_TIMEOUTS}))
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
