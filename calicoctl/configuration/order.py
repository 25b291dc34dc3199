"""Which values count: those of the options, then the environment, the current context, the system's file."""

from __future__ import annotations

import os

from calicoctl.configuration.values import ADDRESSES, ENVIRONMENT, PREFIX, VARIABLES, of_environment
from calicoctl.errors import CommandError

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from calicoctl.configuration.contexts import Contexts
    from calicoctl.configuration.values import Source, Value

_CURRENT = "current-context"
_HOW_TO_LEAVE = "It was chosen with 'calicoctl context use': choose another one, or none with --none."
_OF_ETCD = "Error accessing etcd at "  # begins each message about an address


class Configuration:
    """What was found about etcd; ``values`` has what counts, by the names of environment variables.

    A value counts where it is found first. The first source with an address ends the search: those after it are about
    another etcd, which should not get this one's password, nor this one that one's. ``decided_by`` is the title of
    that source, empty where none has an address.
    """

    def __init__(self, variables: Mapping[str, str], options: Mapping[str, str], system_file: str) -> None:
        """Read what is needed of ``variables`` (the environment), of what ``options`` name and of the files.

        ``options`` are those before the command. Raises CommandError for a file that cannot be read or is not valid.
        """
        self._variables = variables
        self._sources = _sources(variables, options, system_file)
        self.values: dict[str, Value] = {}
        self.decided_by = ""
        for source in self._sources:
            self.values = {**source.values, **self.values}
            if source.address():
                self.decided_by = source.title
                break
        self._check_datastore()

    def variables(self) -> dict[str, str]:
        """Return the environment variables as they would be if all values that count stood there."""
        names = {name for variable in VARIABLES.values() for name in (variable, PREFIX + variable)}
        others = {name: text for name, text in self._variables.items() if name not in names}
        return {**others, **{name: value.text for name, value in self.values.items()}}

    def passed_over(self) -> Iterator[Source]:
        """Yield, once, the sources that have values and come after the one that decides. Raises CommandError."""
        return (source for source in self._sources if source.values)

    def origins(self, message: str) -> list[str]:
        """Say where the values come from that a message names; nothing of variables that are as they are named."""
        return [
            f"{name} comes from {value.place}."
            for name, value in self.values.items()
            if value.place != ENVIRONMENT and (name in message or (name in ADDRESSES and _OF_ETCD in message))
        ]

    def _check_datastore(self) -> None:
        kind = self.values.get("DATASTORE_TYPE")
        if kind and kind.text != "etcdv2":
            place = kind.place if kind.place != ENVIRONMENT else f"DATASTORE_TYPE in {ENVIRONMENT}"
            raise CommandError(f"The datastore type '{kind.text}' is not supported, only etcdv2 is: {place}.")


def _sources(variables: Mapping[str, str], options: Mapping[str, str], system_file: str) -> Iterator[Source]:
    """Yield the places that values come from in the order in which they count. Raises CommandError."""
    file, context = options.get("--config"), options.get("--context")
    if file is not None and context is not None:
        raise CommandError("--config and --context cannot be given together: each says where etcd is.")
    if file is not None:
        yield _config(file)
    if context is not None:
        yield contexts(variables).context(context)
    yield of_environment(variables)
    if context is None and (current := current_context(variables)):
        yield contexts(variables).context(current, _HOW_TO_LEAVE)
    if file is None and _is_there(system_file):
        yield _config(system_file)


def _config(path: str) -> Source:
    from calicoctl.configuration.files import read_config

    return read_config(path)


# The contexts of the user. The name of the current one has a file of its own, so that calicoctl never writes the file
# that the user writes, with the passwords in it.


def contexts(variables: Mapping[str, str]) -> Contexts:
    """Return the user's contexts. Raises CommandError if their file is not valid, and where no variable leads to it."""
    from calicoctl.configuration.contexts import read_contexts

    return read_contexts(_user_file(variables, "config.yaml"))


def current_context(variables: Mapping[str, str]) -> str:
    """Return the name of the context that was chosen last; nothing if there is none.

    Raises CommandError for a file that cannot be read.
    """
    path = _user_file(variables, _CURRENT)
    if not path or not _is_there(path):
        return ""
    from calicoctl.configuration.contexts import read_current

    return read_current(path)


def choose_context(variables: Mapping[str, str], name: str) -> None:
    """Let a context be the current one; with an empty name, none. Raises CommandError if that cannot be written."""
    from calicoctl.configuration.contexts import write_current

    path = _user_file(variables, _CURRENT)
    if path or name:
        write_current(path, name)


def _user_file(variables: Mapping[str, str], name: str) -> str:
    """Return the path of a file of the user's; nothing if neither XDG_CONFIG_HOME nor HOME leads to it."""
    base, home = variables.get("XDG_CONFIG_HOME", ""), variables.get("HOME", "")
    if not os.path.isabs(base):  # others do not count: XDG Base Directory Specification
        base = os.path.join(home, ".config") if home else ""
    return os.path.join(base, "calicoctl", name) if base else ""


def _is_there(path: str) -> bool:
    """Tell whether there is a file, also one that cannot be read: reading it says why."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
