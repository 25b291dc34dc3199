"""Find the host whose settings a command shows or changes, and check that it has a node."""

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
    """Return the host in ``--hostname``, or this host. Raises CommandError if the name is invalid.

    A name must not begin with ``_``, because etcd hides such directories.
    """
    name: str | None = arguments["--hostname"]
    if name is None:
        return hostname(environment.variables)
    if not is_host_name(name) or name.startswith("_"):
        raise CommandError(f"Invalid host name: '{visible(name)}'. 'calicoctl node show' lists the nodes.")
    return name


def warn_if_absent(host: str, environment: Environment) -> None:
    """Print a warning if a host has no node; for commands that write settings for it."""
    if not node_exists(host, environment.client()):
        environment.complain(f"Warning: {_absence(host)} {_CONSEQUENCE}")


class RefusesAbsent:
    """Context manager that turns the exception NoNode into a CommandError."""

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
    """Raise CommandError if etcd has no BGP settings of a host."""
    known = names(environment.client())
    if host not in known:
        raise CommandError(f"Node {host} is unknown to Calico.{_suggestion(host, known)}")


def _suggestion(host: str, known: list[str]) -> str:
    from calicoctl.suggestion import did_you_mean

    return did_you_mean(host, set(known) - {host})


def _absence(host: str) -> str:
    return f"Host {host} has no node: {keys.node_address(host)} does not exist."
