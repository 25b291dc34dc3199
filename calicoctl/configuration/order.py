"""The precedence of settings: options, then environment variables, the current context, and the system's file."""

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
_ADDRESS_ERROR = "Error accessing etcd at "  # the beginning of each message about an address


class Configuration:
    """The effective settings for etcd; ``values`` has them by the name of the environment variable.

    The first source with a value takes precedence. Sources after the first one with an address are ignored: they
    describe another etcd, and a password must never be sent to the wrong etcd. ``decided_by`` is the title of the
    source with the address, empty if there is none.
    """

    def __init__(self, variables: Mapping[str, str], options: Mapping[str, str], system_file: str) -> None:
        """Read the sources that are needed: ``options`` before the command, the environment ``variables``, and files.

        Raises CommandError for a file that cannot be read or is invalid.
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
        """Return the environment variables with all effective values set in them."""
        names = {name for variable in VARIABLES.values() for name in (variable, PREFIX + variable)}
        others = {name: text for name, text in self._variables.items() if name not in names}
        return {**others, **{name: value.text for name, value in self.values.items()}}

    def passed_over(self) -> Iterator[Source]:
        """Yield the sources with values that were ignored. Call it only once. Raises CommandError."""
        return (source for source in self._sources if source.values)

    def origins(self, message: str) -> list[str]:
        """Return a line with the source of each value that a message mentions, except for environment variables."""
        return [
            f"{name} comes from {value.place}."
            for name, value in self.values.items()
            if value.place != ENVIRONMENT and (name in message or (name in ADDRESSES and _ADDRESS_ERROR in message))
        ]

    def _check_datastore(self) -> None:
        kind = self.values.get("DATASTORE_TYPE")
        if kind and kind.text != "etcdv2":
            place = kind.place if kind.place != ENVIRONMENT else f"DATASTORE_TYPE in {ENVIRONMENT}"
            raise CommandError(f"The datastore type '{kind.text}' is not supported, only etcdv2 is: {place}.")


def _sources(variables: Mapping[str, str], options: Mapping[str, str], system_file: str) -> Iterator[Source]:
    """Yield the sources of values in order of precedence. Raises CommandError."""
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


# The contexts of the user. The name of the current one is in a separate file, so that calicoctl never writes to the
# user's own file, which contains passwords.


def contexts(variables: Mapping[str, str]) -> Contexts:
    """Return the user's contexts. Raises CommandError if their file is invalid or the user has no home directory."""
    from calicoctl.configuration.contexts import read_contexts

    return read_contexts(_user_file(variables, "config.yaml"))


def current_context(variables: Mapping[str, str]) -> str:
    """Return the name of the current context; empty if there is none. Raises CommandError for an unreadable file."""
    path = _user_file(variables, _CURRENT)
    if not path or not _is_there(path):
        return ""
    from calicoctl.configuration.contexts import read_current

    return read_current(path)


def choose_context(variables: Mapping[str, str], name: str) -> None:
    """Set the current context; an empty name means none. Raises CommandError if the file cannot be written."""
    from calicoctl.configuration.contexts import write_current

    path = _user_file(variables, _CURRENT)
    if path or name:
        write_current(path, name)


def _user_file(variables: Mapping[str, str], name: str) -> str:
    """Return the path of a file in the user's configuration; empty if neither XDG_CONFIG_HOME nor HOME is set."""
    base, home = variables.get("XDG_CONFIG_HOME", ""), variables.get("HOME", "")
    if not os.path.isabs(base):  # relative paths are ignored, as the XDG Base Directory Specification demands
        base = os.path.join(home, ".config") if home else ""
    return os.path.join(base, "calicoctl", name) if base else ""


def _is_there(path: str) -> bool:
    """Tell whether a file exists. An inaccessible file counts as existing; reading it will report the reason."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
