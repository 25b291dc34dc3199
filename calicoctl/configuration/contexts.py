"""The user's contexts (named groups of settings) and the name of the current context, each in a file."""

from __future__ import annotations

import os
import re

from calicoctl.configuration.files import ConfigurationFile, file_text
from calicoctl.configuration.values import Source
from calicoctl.errors import CommandError
from calicoctl.output import visible

_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")


class Contexts:
    """The contexts of the file at ``path``, by name, in the order of the file."""

    def __init__(self, path: str, by_name: dict[str, Source]) -> None:
        self.path = path
        self.by_name = by_name

    def context(self, name: str, remedy: str = "") -> Source:
        """Return the values of a context. Raises CommandError, with a remedy, if it does not exist."""
        if name in self.by_name:
            return self.by_name[name]
        from calicoctl.suggestion import did_you_mean

        question = did_you_mean(name, self.by_name)
        remedy = remedy or "See 'calicoctl context list' for the existing ones."
        raise CommandError(f"There is no context '{visible(name)}' in {visible(self.path)}.{question}\n{remedy}")


def read_contexts(path: str) -> Contexts:
    """Return the contexts of a file, which are mappings of names to values below ``contexts``; empty without a file.

    Raises CommandError for an invalid file, and for an empty path (a user without a home directory).
    """
    if not path:
        raise CommandError("Cannot find the file with your contexts: set HOME or XDG_CONFIG_HOME.")
    if not os.path.lexists(path):
        return Contexts(path, {})
    file = ConfigurationFile(path)
    file.check_names(file.members, ("contexts",))
    by_name = {}
    for name, node in file.section("contexts").items():
        if not _NAME.fullmatch(name):
            raise file.fault(node, f"the name of a context has letters, digits, '_', '.' and '-': '{visible(name)}'")
        section = {} if node.value is None else file.mapping(name, node)
        by_name[name] = Source(f"context {visible(name)}", file.values(section, name))
    return Contexts(path, by_name)


def read_current(path: str) -> str:
    """Return the name of the current context. Raises CommandError if the file cannot be read."""
    return file_text(path).strip()


def write_current(path: str, name: str) -> None:
    """Write the name of the current context; remove the file if the name is empty. Raises CommandError."""
    try:
        if name:
            new = f"{path}.new"
            with open(new, "w", encoding="utf-8") as file:
                file.write(f"{name}\n")
            os.replace(new, path)
        elif os.path.lexists(path):
            os.remove(path)
    except OSError as error:
        raise CommandError(f"Cannot change {visible(path)}: {error.strerror}.") from None
