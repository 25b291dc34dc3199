"""Clients, errors and TLS settings for the tests of etcd."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

from calicoctl.etcd.client import Client
from calicoctl.etcd.settings import Settings
from tests.proxy import Behaviour, Proxy, answer

EMPTY_TABLE = "+------+\n| Name |\n+------+\n+------+\n"
KEY = "/test/key"
NOT_KNOWN = "It is not known whether the change was made: check before you run the command again."


def client_of(*authorities: str, read_timeout: float = 5.0) -> Client:
    return Client(Settings([f"http://{authority}" for authority in authorities], read_timeout=read_timeout))


def error(status: int, code: int, message: str = "message", cause: str = "cause") -> Behaviour:
    """An error in the format of etcd."""
    body = json.dumps({"errorCode": code, "message": message, "cause": cause, "index": 1})
    return answer(f"{status} Status", body, "application/json")


def tls_of(certificates: Path, name: str = "server", clients: bool = False) -> ssl.SSLContext:
    """The TLS settings of a server; with `clients` it requires a certificate signed by `ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.crt", certificates / f"{name}.key")
    if clients:
        context.load_verify_locations(certificates / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def secure(proxy: Proxy, **files: Path) -> dict[str, str]:
    """The environment for https to a proxy; `ca`, `cert` and `key` name the files."""
    names = {"ca": "ETCD_CA_CERT_FILE", "cert": "ETCD_CERT_FILE", "key": "ETCD_KEY_FILE"}
    return {
        "ETCD_SCHEME": "https",
        "ETCD_AUTHORITY": proxy.authority,
        **{names[name]: str(path) for name, path in files.items()},
    }
