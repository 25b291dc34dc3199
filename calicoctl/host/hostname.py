"""The name of this host in etcd."""

from __future__ import annotations

from calicoctl.errors import CommandError

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping


def hostname(variables: Mapping[str, str]) -> str:
    """Return the value of the environment variable HOSTNAME or, without it, the host name of the system.

    Raises CommandError if the name cannot be part of a key in etcd.
    """
    import socket

    name = variables.get("HOSTNAME") or socket.gethostname()
    if not is_host_name(name):
        raise CommandError(f"Invalid host name: '{name}'. Set HOSTNAME to the name of this host in Calico.")
    return name


def is_host_name(name: str) -> bool:
    """Tell whether a key in etcd can contain this name of a host."""
    return "/" not in name and name not in ("", ".", "..") and is_utf8(name)


def is_utf8(name: str) -> bool:
    """Tell whether a name from the command line or the environment is valid UTF-8. All keys in etcd must be."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
