"""The configuration file of Go calicoctl 1.x, and code shared with the file of contexts."""

from __future__ import annotations

import os

from calicoctl.configuration.text import Malformed, Node, read
from calicoctl.configuration.values import PATHS, VARIABLES, Source, Value
from calicoctl.errors import CommandError
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MOST_BYTES = 256 * 2**10
# Members for the Kubernetes datastore of Go calicoctl 1.x; they are accepted and ignored.
_OF_KUBERNETES = (
    "kubeconfig", "k8sAPIEndpoint", "k8sKeyFile", "k8sCertFile", "k8sCAFile", "k8sAPIToken",
    "k8sInsecureSkipTLSVerify", "k8sDisableNodePoll",
)  # fmt: skip


def read_config(path: str) -> Source:
    """Return the values of a file in the format of Go calicoctl 1.x.

    It has ``apiVersion: v1``, ``kind: calicoApiConfig`` and the values as members of ``spec``. Raises CommandError.
    """
    file = ConfigurationFile(path)
    file.check_names(file.members, ("apiVersion", "kind", "metadata", "spec"))
    for name, expected in (("apiVersion", "v1"), ("kind", "calicoApiConfig")):
        if name not in file.members:
            raise CommandError(f"{visible(path)}: {name} is missing; it has to be {expected}.")
        if file.members[name].value != expected:
            raise file.fault(file.members[name], f"{name} has to be {expected}")
    if file.section("metadata"):
        raise file.fault(file.members["metadata"], "metadata has to be empty")
    return Source(visible(path), file.values(file.section("spec")))


class ConfigurationFile:
    """A configuration file that was read; ``members`` are those at its top."""

    def __init__(self, path: str) -> None:
        """Read the file. Raises CommandError."""
        self.path = path
        try:
            self.members = read(file_text(path))
        except Malformed as error:
            raise CommandError(f"{visible(path)}, line {error.line}: {visible(str(error))}.") from None

    def fault(self, node: Node, problem: str) -> CommandError:
        """Return the error for a problem with a member."""
        return CommandError(f"{visible(self.path)}, line {node.line}: {problem}.")

    def check_names(self, members: Mapping[str, Node], known: Collection[str]) -> None:
        """Raise CommandError for an unknown member, which would otherwise be silently ignored."""
        for name, node in members.items():
            if name not in known:
                from calicoctl.suggestion import did_you_mean

                question = did_you_mean(name, known)
                unknown = self.fault(node, f"unknown member '{visible(name)}'")
                raise CommandError(f"{unknown.message}{question}")

    def section(self, name: str) -> dict[str, Node]:
        """Return the mapping in a top-level member; empty if the member is missing or has no value."""
        node = self.members.get(name)
        if node is None or node.value is None:
            return {}
        return self.mapping(name, node)

    def mapping(self, name: str, node: Node) -> dict[str, Node]:
        """Return the mapping in a member. Raises CommandError if the value is not a mapping."""
        if not isinstance(node.value, dict):
            raise self.fault(node, f"{visible(name)} must contain members, indented and one per line")
        return node.value

    def values(self, section: Mapping[str, Node], context: str = "") -> dict[str, Value]:
        """Return the values of a section by environment variable. Relative paths start at the directory of the file.

        ``context`` is the name of the context if the section is one.
        """
        self.check_names(section, (*VARIABLES, *_OF_KUBERNETES))
        suffix = f" (context {visible(context)})" if context else ""
        found = {}
        for name, node in section.items():
            if isinstance(node.value, dict):
                raise self.fault(node, f"{name} has to be text")
            if node.value and name in VARIABLES:
                variable = VARIABLES[name]
                place = f"{name} in line {node.line} of {visible(self.path)}{suffix}"
                found[variable] = Value(self._absolute(node.value) if variable in PATHS else node.value, place)
        return found

    def _absolute(self, path: str) -> str:
        return os.path.join(os.path.dirname(self.path), path)


def file_text(path: str) -> str:
    """Return the text of a configuration file. Raises CommandError."""
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"Error reading config file: {visible(path)}: {error.strerror}.") from None
    except ValueError:  # a NUL in the path
        raise CommandError(f"Error reading config file: {visible(path)}: No such file or directory.") from None
    if len(content) > _MOST_BYTES:
        raise CommandError(f"Error reading config file: {visible(path)}: it has more than 256 KB.")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CommandError(f"{visible(path)}, line {line}: it is not UTF-8.") from None
