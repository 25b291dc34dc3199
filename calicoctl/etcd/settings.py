"""The settings of the connection to etcd: the environment variables of legacy calicoctl v0.23.1 and a few more.

Values from other sources are converted to these variables first (see ``calicoctl.configuration``).
"""

from __future__ import annotations

import os
import re

from calicoctl.errors import CommandError
from calicoctl.output import complaint

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

_LABEL_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")  # of a host name
# A password may contain an unquoted @, so everything before the last @ counts as credentials; %40 is a quoted @.
_CREDENTIALS = r"(?s)^((?:https?|tcp|ssh|unix|npipe)://)?.*(@|%(25)*40)"  # compiled when a message needs it
_LONGEST_PATH_SHOWN = 300


class Settings:
    """The settings of the connection to etcd.

    ``endpoints`` are base URLs (``http://[::1]:2379``) in the order in which they are tried. ``ca_file`` is None for
    the certificate authorities of the system. ``certificate`` is None or the paths of a client certificate and its key.
    ``connect_timeout`` is the limit for a connection in seconds, ``read_timeout`` the longest wait for the next byte of
    a response. ``username`` is the etcd user, empty for none.
    """

    def __init__(
        self,
        endpoints: list[str],
        ca_file: str | None = None,
        certificate: tuple[str, str] | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        username: str = "",
        password: str = "",
    ) -> None:
        self.endpoints = endpoints
        self.ca_file = ca_file
        self.certificate = certificate
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self.username = username
        self._password = password

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables.

        ETCD_ENDPOINTS, else ETCD_AUTHORITY and ETCD_SCHEME; ETCD_USERNAME and ETCD_PASSWORD; for https
        ETCD_CA_CERT_FILE, ETCD_CERT_FILE and ETCD_KEY_FILE; CALICOCTL_CONNECT_TIMEOUT and CALICOCTL_READ_TIMEOUT.
        Raises CommandError with legacy's message for invalid values.
        """
        scheme, endpoints, user = _endpoints(variables)
        username, password = user or _user(variables)
        ca_file, certificate = tls_files(variables) if scheme == "https" else (None, None)
        return cls(
            endpoints,
            ca_file,
            certificate,
            _seconds(variables, "CALICOCTL_CONNECT_TIMEOUT", 5.0),
            _seconds(variables, "CALICOCTL_READ_TIMEOUT", 60.0),
            username,
            password,
        )

    def authorization(self) -> dict[str, str]:
        """Return the header with the credentials; empty if there is no user."""
        if not self.username:
            return {}
        from binascii import b2a_base64

        secret = b2a_base64(f"{self.username}:{self._password}".encode("utf-8", "surrogateescape"), newline=False)
        return {"Authorization": f"Basic {secret.decode()}"}


def https_as_asked(certificate: tuple[str, str] | None) -> str:
    """Describe the https request in a question about a server that did not answer."""
    return "https with the certificate of ETCD_CERT_FILE" if certificate else "https without a client certificate"


def masked(text: str) -> str:
    """Return the value of a variable for a message, without credentials (``user:password@``) or keys."""
    shown = _without_credentials(text)
    return "(several lines)" if "\n" in shown.strip() or "-----BEGIN" in shown else shown


def _without_credentials(text: str) -> str:
    return re.sub(_CREDENTIALS, r"\1***@", text)


def _path_shown(value: str) -> str:
    """Return a path for a message; hide a value that seems to be the content of a file instead."""
    if "\n" in value or "-----BEGIN" in value or len(value) > _LONGEST_PATH_SHOWN:
        return "(not a path)"
    return value


def _endpoints(variables: Mapping[str, str]) -> tuple[str, list[str], tuple[str, str] | None]:
    """Return the scheme, the base URLs, and user and password if ETCD_ENDPOINTS contains them."""
    listed = variables.get("ETCD_ENDPOINTS", "")
    if not listed:
        scheme = variables.get("ETCD_SCHEME", "http") or "http"
        _check_scheme(scheme, "ETCD_SCHEME")
        return scheme, [_base_url(scheme, variables.get("ETCD_AUTHORITY") or "127.0.0.1:2379", "ETCD_AUTHORITY")], None
    entries = [entry.strip() for entry in listed.split(",")]
    if not all("://" in entry for entry in entries):
        raise _invalid(
            "Invalid ETCD_ENDPOINTS. It must take the form'ENDPOINT[,ENDPOINT][,...]' "
            f"where ENDPOINT:='http[s]://ADDRESS:PORT'. Value provided is '{masked(listed)}'"
        )
    parsed = [entry.partition("://")[::2] for entry in entries]
    schemes = {scheme for scheme, _ in parsed}
    if len(schemes) > 1:
        raise _invalid(f"Inconsistent protocols in ETCD_ENDPOINTS.  Value provided is '{masked(listed)}'")
    scheme = parsed[0][0]
    _check_scheme(scheme, "ETCD_ENDPOINTS")
    split = [address.rpartition("@") for _, address in parsed]
    users = {credentials for credentials, at, _ in split if at}
    if len(users) > 1:
        raise _invalid(
            "Inconsistent credentials in ETCD_ENDPOINTS: one pair counts for all endpoints. Value provided is "
            f"'{masked(listed)}'"
        )
    user = _user_in(users.pop(), listed) if users else None
    return scheme, [_base_url(scheme, address, "ETCD_ENDPOINTS", listed) for _, _, address in split], user


def _user_in(credentials: str, listed: str) -> tuple[str, str]:
    """Parse ``user:password`` from a URL and decode %NN."""
    from urllib.parse import unquote

    name, colon, password = credentials.partition(":")
    if not (name and colon) or set(credentials) & set("/?#@"):
        raise _invalid(
            "Invalid ETCD_ENDPOINTS. Credentials must take the form 'http[s]://USER:PASSWORD@ADDRESS:PORT', with %40 "
            f"for '@', %2F for '/' and %2C for ','. Value provided is '{masked(listed)}'"
        )
    return _checked_user(unquote(name), unquote(password), "ETCD_ENDPOINTS")


def _user(variables: Mapping[str, str]) -> tuple[str, str]:
    """Return ETCD_USERNAME and ETCD_PASSWORD; empty strings if they are not set."""
    name, password = variables.get("ETCD_USERNAME", ""), variables.get("ETCD_PASSWORD", "")
    if password and not name:
        raise _invalid("ETCD_PASSWORD is set, but ETCD_USERNAME is not. Set both or none.")
    return _checked_user(name, password, "ETCD_USERNAME")


def _checked_user(name: str, password: str, variable: str) -> tuple[str, str]:
    if ":" in name:
        raise _invalid(f"Invalid {variable}. A user name cannot contain a colon.")
    return name, password


def _check_scheme(scheme: str, variable: str) -> None:
    if scheme not in ("http", "https"):
        raise _invalid(
            f'Invalid {variable}. Value must be one of: "", "http", "https". Value provided: {masked(scheme)}'
        )


def _base_url(scheme: str, authority: str, variable: str, listed: str = "") -> str:
    """Return the base URL of an address; ``variable`` and ``listed``, the whole value of a list, are for messages."""
    host, _, port = authority.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") and ":" in host else host
    port_is_valid = re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535
    if not (port_is_valid and _is_host(host)):
        raise _invalid(
            f"Invalid {variable}. Address must take the form <address>:<port>. Value provided is "
            f"'{masked(authority if '@' not in listed else listed)}'"
        )
    return f"{scheme}://[{host}]:{int(port)}" if ":" in host else f"{scheme}://{host}:{int(port)}"


def _is_host(host: str) -> bool:
    if ":" in host:
        import socket

        try:
            socket.inet_pton(socket.AF_INET6, host)
        except (OSError, ValueError):
            return False
        return True
    return len(host) <= 254 and all(map(_is_label, host.removesuffix(".").split(".")))


def _is_label(text: str) -> bool:
    return 1 <= len(text) <= 63 and _LABEL_CHARACTERS.issuperset(text) and "-" not in (text[0], text[-1])


def tls_files(variables: Mapping[str, str]) -> tuple[str | None, tuple[str, str] | None]:
    """Return the paths of the authorities' certificates, and of the client's certificate and key; None for none.

    Raises CommandError for files that cannot be read, and for a certificate without a key or the reverse.
    """
    key, certificate = variables.get("ETCD_KEY_FILE", ""), variables.get("ETCD_CERT_FILE", "")
    values = f"ETCD_KEY_FILE={_path_shown(key)}, ETCD_CERT_FILE={_path_shown(certificate)}"
    if bool(key) != bool(certificate):
        raise _invalid(
            "Invalid ETCD_KEY_FILE, ETCD_CERT_FILE combination. Key and certificate must both be specified or both "
            f"be blank. Values provided: {values}"
        )
    if key and not (_is_readable(key) and _is_readable(certificate)):
        raise _invalid(
            "Cannot read ETCD_KEY_FILE and/or ETCD_CERT_FILE. Both must be readable file paths. "
            f"Values provided: {values}"
        )
    ca_file = variables.get("ETCD_CA_CERT_FILE", "")
    if ca_file and not _is_readable(ca_file):
        raise _invalid(
            "Invalid ETCD_CA_CERT_FILE. Certificate Authority cert is required and must be a readable file path. "
            f"Value provided: {_path_shown(ca_file)}"
        )
    return ca_file or None, (certificate, key) if key else None


def _is_readable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.R_OK)


def _seconds(variables: Mapping[str, str], name: str, default: float) -> float:
    text = variables.get(name, "")
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise _invalid(
            f"Invalid {name}. It must be a number of seconds above 0 and at most 86400. Value provided: {masked(text)}"
        )
    return seconds


def _invalid(message: str) -> CommandError:
    return CommandError(complaint(message))
