"""calicoctl version, and ``calicoctl --version``."""

from __future__ import annotations

import re

from calicoctl import __version__
from calicoctl.errors import CommandError
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.environment import Environment
    from calicoctl.etcd.client import Client
    from calicoctl.grammar import Arguments

_LIBRARIES = ("docopt", "python-etcd", "prettytable", "netaddr", "PyYAML", "docker")
_SECONDS = 1.0  # to wait for etcd


def run(arguments: Arguments, environment: Environment) -> int:
    """Print the version; needs neither etcd nor a valid configuration."""
    environment.say(__version__)
    return 0


def run_in_full(environment: Environment) -> int:
    """Print the version and those of all that calicoctl works with; needs neither etcd nor a valid configuration."""
    environment.say("\n".join([__version__, *_versions(), _of_etcd(environment)]))
    return 0


def _versions() -> Iterator[str]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    yield f"Python {platform.python_version()}"
    for library in _LIBRARIES:
        try:
            yield f"{library} {version(library)}"
        except PackageNotFoundError:
            yield f"{library} is not installed"


def _of_etcd(environment: Environment) -> str:
    longer = str(2 * _SECONDS)  # so that it is always the deadline that ends the wait
    timeouts = {"CALICOCTL_CONNECT_TIMEOUT": longer, "CALICOCTL_READ_TIMEOUT": longer}
    try:
        client = environment.client(timeouts)
    except CommandError as error:
        return f"etcd: {' '.join(error.message.split())}"
    where = visible(client.endpoint())
    answer = _answer(client)
    if answer is None:
        return f"etcd: no answer from {where} within {_SECONDS:g} s"
    if isinstance(answer, CommandError):
        return f"etcd: {' '.join(answer.message.split())}"
    found = re.search(r'"etcdserver": ?"([0-9.]{1,20})', answer)
    return f"etcd {found[1]} at {where}" if found else f"etcd: what answers at {where} is not etcd"


def _answer(client: Client) -> str | CommandError | None:
    """Return what etcd says about its version, or the error; None after a second, whatever the endpoints do."""
    import threading

    found: list[str | CommandError] = []

    def ask() -> None:
        try:
            found.append(client.version())
        except CommandError as error:
            found.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return found[0] if found else None
