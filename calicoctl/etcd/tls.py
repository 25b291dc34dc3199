"""The check of each TLS file before it is used, because OpenSSL's errors do not name the file."""

from __future__ import annotations

import ssl

from calicoctl.etcd.errors import DatastoreError
from calicoctl.output import visible

_CA, _CERTIFICATE, _KEY = "ETCD_CA_CERT_FILE", "ETCD_CERT_FILE", "ETCD_KEY_FILE"


class _Encrypted(Exception):
    """A private key is protected by a passphrase."""


def check_files(ca_file: str | None, certificate: tuple[str, str] | None) -> None:
    """Check the TLS files of ``Settings``. Raises DatastoreError with the variable, the path and the problem."""
    if ca_file:
        _check_certificates(_CA, ca_file)
    if certificate:
        path, key = certificate
        if "PRIVATE KEY-----" in _text(_CERTIFICATE, path) and "-----BEGIN CERTIFICATE-----" in _text(_KEY, key):
            if "-----BEGIN CERTIFICATE-----" not in _text(_CERTIFICATE, path):
                raise DatastoreError(
                    f"{_CERTIFICATE} names a private key ({visible(path)}) and {_KEY} a certificate "
                    f"({visible(key)}): exchange them."
                )
        _check_certificates(_CERTIFICATE, path)
        _check_key(path, key)


def _check_certificates(variable: str, path: str) -> None:
    _text(variable, path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (ssl.SSLError, OSError):
        raise _problem(variable, path, "it has no certificate in PEM form that can be read") from None


def _check_key(certificate: str, path: str) -> None:
    def ask() -> str:
        raise _Encrypted

    _text(_KEY, path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, path, password=ask)
    except _Encrypted:
        raise _problem(_KEY, path, "the private key needs a passphrase; give one that needs none") from None
    except (ssl.SSLError, OSError) as error:
        if "MISMATCH" in str(getattr(error, "reason", "")):
            problem = f"the private key does not belong to the certificate of {_CERTIFICATE}, {visible(certificate)}"
        else:
            problem = "it has no private key in PEM form that can be read"
        raise _problem(_KEY, path, problem) from None


def _text(variable: str, path: str) -> str:
    try:
        with open(path, encoding="latin-1") as file:
            return file.read()
    except OSError as error:
        raise _problem(variable, path, error.strerror or type(error).__name__) from None


def _problem(variable: str, path: str, problem: str) -> DatastoreError:
    return DatastoreError(f"Cannot use {variable} {visible(path)}: {problem}.")
