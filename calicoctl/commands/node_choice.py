"""Whose settings a command is about: those of this host's node or of another's, and that there is such a node."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.nodes import names
from calicoctl.datastore.parameters import NoNode, node_exists
from calicoctl.errors import CommandError
from calicoctl.host.hostname import hostname, is_host_name
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from types import TracebackType

    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments

_CONSEQUENCE = (
    "While the node-to-node mesh is on, settings of a host without a node stop new BIRD configurations on every node."
)


def host_of(arguments: Arguments, environment: Environment) -> str:
    """Return the host that ``--hostname`` names, else this one. Raises CommandError for a name that no host can have.

    The directory of one with a leading ``_`` could not be seen: etcd hides it.
    """
    name: str | None = arguments["--hostname"]
    if name is None:
        return hostname(environment.variables)
    if not is_host_name(name) or name.startswith("_"):
        raise CommandError(f"Invalid host name: '{visible(name)}'. 'calicoctl node show' lists the nodes.")
    return name


def warn_if_absent(host: str, environment: Environment) -> None:
    """Warn where something is to be written for a host that has no node."""
    if not node_exists(host, environment.client()):
        environment.complain(f"Warning: {_absence(host)} {_CONSEQUENCE}")


class RefusesAbsent:
    """A context manager that turns NoNode into a message."""

    def __init__(self, host: str, environment: Environment) -> None:
        self._host = host
        self._environment = environment

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, NoNode):
            known = names(self._environment.client())
            raise CommandError(
                f"{_absence(self._host)}{_suggestion(self._host, known)}\n{_CONSEQUENCE}\n"
                "Start the node first, name another one with --hostname, or use --force."
            ) from None


def check_is_known(host: str, environment: Environment) -> None:
    """Raise CommandError for a host of which nothing is stored for BGP."""
    known = names(environment.client())
    if host not in known:
        raise CommandError(f"Node {host} is unknown to Calico.{_suggestion(host, known)}")


def _suggestion(host: str, known: list[str]) -> str:
    from calicoctl.suggestion import did_you_mean

    return did_you_mean(host, set(known) - {host})


def _absence(host: str) -> str:
    return f"Host {host} has no node: {keys.node_address(host)} does not exist."
