"""The settings for etcd: for each value its text and its source."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

# The names in the files of Go calicoctl 1.x, and the environment variables for the same.
VARIABLES = {
    "datastoreType": "DATASTORE_TYPE",
    "etcdEndpoints": "ETCD_ENDPOINTS",
    "etcdAuthority": "ETCD_AUTHORITY",
    "etcdScheme": "ETCD_SCHEME",
    "etcdUsername": "ETCD_USERNAME",
    "etcdPassword": "ETCD_PASSWORD",
    "etcdCACertFile": "ETCD_CA_CERT_FILE",
    "etcdCertFile": "ETCD_CERT_FILE",
    "etcdKeyFile": "ETCD_KEY_FILE",
}
ADDRESSES = ("ETCD_ENDPOINTS", "ETCD_AUTHORITY")
PATHS = ("ETCD_CA_CERT_FILE", "ETCD_CERT_FILE", "ETCD_KEY_FILE")
PREFIX = "CALICO_"  # a variable with this prefix takes precedence over the one without
ENVIRONMENT = "the environment"


class Value:
    """The text of a value, and its ``place`` for messages: ``etcdScheme in line 5 of /etc/...``."""

    def __init__(self, text: str, place: str) -> None:
        self.text = text
        self.place = place


class Source:
    """The values from one source, by environment variable; ``title`` is the name of the source in messages.

    Empty values are left out.
    """

    def __init__(self, title: str, values: Mapping[str, Value]) -> None:
        self.title = title
        self.values = values

    def address(self) -> Value | None:
        """Return the value with the addresses of etcd, or None if this source has none."""
        return next((self.values[name] for name in ADDRESSES if name in self.values), None)


def of_environment(variables: Mapping[str, str]) -> Source:
    """Return the values of the environment variables; each may also have the prefix ``CALICO_``."""
    values = {}
    for name in VARIABLES.values():
        if text := variables.get(PREFIX + name):
            values[name] = Value(text, f"{PREFIX}{name} in {ENVIRONMENT}")
        elif text := variables.get(name):
            values[name] = Value(text, ENVIRONMENT)
    return Source(ENVIRONMENT, values)
