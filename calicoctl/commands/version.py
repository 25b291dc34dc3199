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
    timeouts = {"CALICOCTL_CONNECT_TIMEOUT": str(_SECONDS), "CALICOCTL_READ_TIMEOUT": str(_SECONDS)}
    try:
        client = environment.client(timeouts)
    except CommandError as error:
        return f"etcd: {error.message}".splitlines()[0]
    where = visible(client.endpoint())
    try:
        answer = client.version()
    except CommandError:
        return f"etcd: no answer from {where} within {_SECONDS:g} s"
    found = re.search(r'"etcdserver": ?"([0-9.]{1,20})', answer)
    return f"etcd {found[1]} at {where}" if found else f"etcd: what answers at {where} is not etcd"
