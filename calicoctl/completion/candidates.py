"""The words that a shell offers for the last word of a command line."""

from __future__ import annotations

import importlib
import os
import re
import signal

from calicoctl import cli
from calicoctl.completion.expected import Expected

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import FrameType

# Instead of words: the shell itself is to offer files.
FILES = ":files"

# The operator waits with a half-typed line: nothing is better than an offer that comes late.
_SECONDS = 2.0
_TIMEOUTS = {"CALICOCTL_CONNECT_TIMEOUT": "0.5", "CALICOCTL_READ_TIMEOUT": "1.5"}
# Shells take offers as they are, and others may have stored what a shell would obey.
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@%+,][A-Za-z0-9_.:/@%+,-]*")


def candidates(words: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """Return what can stand in the place of the last word; ``words`` begins with the program and may end with ``""``.

    ``variables`` are the environment variables, which say where etcd is. An option that takes a value ends with
    ``=``. Empty for a program that is not calicoctl or calicoq.
    """
    if len(words) < 2:
        return []
    program, *before, begun = words
    program = os.path.basename(program)
    if program == "calicoctl" and not before:
        return _beginning(begun, [*cli.COMMANDS, "--help"] if begun.startswith("-") else cli.COMMANDS)
    usage = _usage(program, before)
    if usage is None:
        return []
    expected = Expected(usage, before)
    option, equals, value = begun.partition("=") if begun.startswith("--") else ("", "", begun)
    if equals:  # what is completed is the value that follows
        found = _values([expected.values.get(option, "")], expected, variables)
        return found if found == [FILES] else [f"{option}={name}" for name in _beginning(value, found)]
    offered: list[str] = []
    if not begun.startswith("-"):
        offered = [*expected.keywords, *_values(expected.arguments, expected, variables)]
    if begun.startswith("-") or not (expected.keywords or expected.arguments):
        offered += expected.options
    if begun.startswith("-") and not expected.given.awaiting:
        offered.append("--help")
    return offered if offered == [FILES] else _beginning(begun, dict.fromkeys(offered))


def _usage(program: str, words: Sequence[str]) -> str | None:
    if program == "calicoq":
        module = "calicoctl.query.cli"
    elif program == "calicoctl" and words[0] in cli.COMMANDS:
        module = f"calicoctl.usage.{words[0]}"
    else:
        return None
    usage: str = importlib.import_module(module).USAGE
    return usage


def _beginning(begun: str, offered: Iterable[str]) -> list[str]:
    return [word for word in offered if word.startswith(begun)]


def _values(arguments: Sequence[str], expected: Expected, variables: Mapping[str, str]) -> list[str]:
    if "<FILENAME>" in arguments:
        return [FILES]
    return [name for argument in arguments for name in _in_time(argument, expected, variables)]


def _in_time(argument: str, expected: Expected, variables: Mapping[str, str]) -> list[str]:
    from calicoctl.completion.names import names
    from calicoctl.datastore.client import Client
    from calicoctl.datastore.settings import Settings

    old = signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        client = Client(Settings.from_environment({**variables, **_TIMEOUTS}))
        found = names(argument, expected.given, client)
        return sorted(name for name in found if _PLAIN.fullmatch(name))
    except Exception:  # a message would break the line that is being typed
        return []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def _give_up(number: int, frame: FrameType | None) -> None:
    raise TimeoutError
