"""https with python-etcd and urllib3; loaded only for https endpoints.

By itself, python-etcd 0.4.5 repeats a request after a lost reply, waits four times the read timeout, and switches to
the addresses that the members advertise. Here it sends each request exactly once.
"""

from __future__ import annotations

import functools
import importlib
import io
import re
import ssl
import sys
from types import ModuleType

from calicoctl.etcd.settings import https_as_asked
from calicoctl.etcd.wire import (
    Body,
    Dropped,
    HungUp,
    Meter,
    ReplyLost,
    Response,
    Unreachable,
    Unusable,
    check_not_compressed,
    number_of,
)

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from calicoctl.etcd.settings import Settings


# Modules that the libraries import but rarely use. Loading them would take a quarter of the time of a small command
# over https. If pyOpenSSL is installed, it is hidden too, so that python-etcd uses Python's own ssl.
_LATER = ("dns", "dns.resolver", "uuid", "importlib.metadata", "traceback", "calendar", "random", "mimetypes")


class _Later(ModuleType):
    """A placeholder for a module; it loads the module when one of its functions is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system looks for these names in every module
            raise AttributeError(name)
        return lambda *given, **named: getattr(importlib.import_module(self.__name__), name)(*given, **named)


_absent: dict[str, Any] = {name: _Later(name) for name in _LATER} | {"urllib3.contrib.pyopenssl": None}
_absent = {name: stand_in for name, stand_in in _absent.items() if name not in sys.modules}
sys.modules.update(_absent)
etcd: Any = importlib.import_module("etcd")
for _name in _absent:
    del sys.modules[_name]
# Only after python-etcd, because its import loads these with the placeholders in place
import http.client as http_client  # noqa: E402

import urllib3  # noqa: E402

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_PIECE = 1 << 20
_WHERE_IN_OPENSSL = r"^\[[^]]*\] | \(_ssl\.c:[0-9]+\)$"
_ISSUER = re.compile("issuer|self.signed")
_ABOUT_CERTIFICATE = re.compile(r"\balert\b.*(certificate|unknown ca|access denied)")


class HttpsWire:
    """Sends requests to an https endpoint; implements ``calicoctl.etcd.wire.Wire``."""

    def __init__(self, endpoint: str, settings: Settings, received: Callable[[int], None]) -> None:
        """``endpoint`` is a base URL. Raises DatastoreError if a TLS file of ``settings`` cannot be used."""
        self._endpoint = endpoint
        self._connect_seconds = settings.connect_timeout
        self._certificate = settings.certificate
        self._client = _OneTryClient(settings, received)

    def exchange(
        self, method: str, target: str, form: str | None, headers: Mapping[str, str], seconds: float
    ) -> Response:
        """Send a request and read its response (see ``Wire``)."""
        timeout = urllib3.Timeout(connect=self._connect_seconds, read=seconds)
        sent = {**headers, **(_FORM if form is not None else {}), "Accept-Encoding": "identity"}
        try:
            raw = self._client.api_execute(self._endpoint + target, method, form, timeout, sent)
            return _response(raw)
        except urllib3.exceptions.NewConnectionError as error:
            raise Unreachable(_system_cause(error)) from None
        except urllib3.exceptions.ConnectTimeoutError:
            raise Unreachable(f"no connection within {self._connect_seconds:g} s") from None
        except urllib3.exceptions.ReadTimeoutError as error:
            if "handshake" in f"{error.__cause__}{error.__context__}":
                cause = f"no answer to TLS within {self._connect_seconds:g} s; does it speak https?"
                raise Unreachable(cause) from None
            raise ReplyLost(f"no answer within {seconds:g} s") from None
        except urllib3.exceptions.SSLError as error:
            raise Unusable(f"TLS: {_tls_cause(error, self._certificate)}") from None
        except (urllib3.exceptions.HTTPError, http_client.HTTPException, OSError) as error:
            raise _broken(error) from None

    def close(self) -> None:
        """Close the connection if it was kept open."""
        self._client.http.clear()


class _OneTryClient(etcd.Client):  # type: ignore[misc]
    """python-etcd's client without retries and redirects, and with exact timeouts."""

    def __init__(self, settings: Settings, received: Callable[[int], None]) -> None:
        if settings.ca_file or settings.certificate:
            from calicoctl.etcd.tls import check_files

            check_files(settings.ca_file, settings.certificate)
        super().__init__(cert=settings.certificate, ca_cert=settings.ca_file)
        self.http.connection_pool_kw["cert_reqs"] = ssl.CERT_REQUIRED  # even without a CA file
        self.http.pool_classes_by_scheme = _pool_classes(received)

    def api_execute(
        self, url: str, method: str, params: str | None, timeout: urllib3.Timeout, headers: Mapping[str, str]
    ) -> Any:
        """Send one request to an absolute URL and return urllib3's response before its body is read."""
        return self.http.urlopen(
            method, url, body=params, headers=headers, timeout=timeout, retries=False, redirect=False,
            preload_content=False,
        )  # fmt: skip


class _Metered(io.RawIOBase):
    """Counts all bytes of a response, headers and body, as they are read from a socket. Raises Unusable."""

    def __init__(self, socket_file: Any, meter: Meter) -> None:
        self._below = socket_file
        self._meter = meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count: int | None = self._below.readinto(buffer)
        self._meter.add(count or 0)
        return count

    def close(self) -> None:
        self._below.close()
        super().close()


class _Response(http_client.HTTPResponse):
    """http.client's response with a `Meter`."""

    def __init__(self, received: Callable[[int], None], sock: Any, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        socket_file: Any = self.fp.detach()
        self.fp = io.BufferedReader(_Metered(socket_file, Meter(sock.gettimeout(), received)))


def _pool_classes(received: Callable[[int], None]) -> dict[str, Any]:
    """Return connection pools that count the bytes they read, for urllib3's ``PoolManager.pool_classes_by_scheme``."""
    pool = urllib3.HTTPSConnectionPool
    # http.client calls this attribute like a class
    response = staticmethod(functools.partial(_Response, received))
    connection = type("_Connection", (pool.ConnectionCls,), {"response_class": response})
    return {"https": type("_Pool", (pool,), {"ConnectionCls": connection})}


def _response(raw: Any) -> Response:
    """Read the body of urllib3's response. Raises Unusable, Dropped."""
    headers = {name.lower(): value for name, value in raw.headers.items()}
    check_not_compressed(headers)
    body = Body()
    for piece in raw.stream(_PIECE):
        if not body.add(piece):
            raw.close()
            return Response(raw.status, raw.reason, headers, body.whole())
    announced = number_of(headers.get("content-length", ""))
    if announced is not None and body.size < announced:  # urllib3 1.26 reports no error for this
        raise Dropped(_cut(body.size, announced))
    return Response(raw.status, raw.reason, headers, body.whole())


def _cut(size: int, announced: int) -> str:
    return f"its answer ends after {size:,} of {announced:,} bytes"


def _broken(error: Exception) -> ReplyLost:
    """Classify a broken connection."""
    cause = _system_cause(error)
    innermost: object = error
    while isinstance(innermost, BaseException):
        if isinstance(innermost, (http_client.RemoteDisconnected, ConnectionResetError)):
            return HungUp(cause)
        if isinstance(innermost, http_client.IncompleteRead) and isinstance(innermost.expected, int):
            size = innermost.partial if isinstance(innermost.partial, int) else len(innermost.partial)
            return Dropped(_cut(size, size + innermost.expected))
        innermost = innermost.args[-1] if innermost.args else None
    dropped = isinstance(error, (http_client.IncompleteRead, urllib3.exceptions.ProtocolError, OSError))
    return (Dropped if dropped and not cause.startswith("it does not") else ReplyLost)(cause)


def _tls_cause(error: BaseException, certificate: tuple[str, str] | None) -> str:
    """Return the reason why TLS failed, in OpenSSL's words, and advice. ``certificate`` is the client's, if any."""
    cause = _system_cause(error)
    if isinstance(error.args[0], ValueError):  # the base of the certificate errors of ssl and of urllib3 1.26
        own_authority = "; is ETCD_CA_CERT_FILE that of its authority?"
        return f"the server's certificate is refused: {cause}{own_authority if _ISSUER.search(cause) else ''}"
    if _ABOUT_CERTIFICATE.search(cause):
        advice = (
            "is the certificate of ETCD_CERT_FILE expired, or of an authority that the server does not know?"
            if certificate
            else "it wants a client's certificate: set ETCD_CERT_FILE and ETCD_KEY_FILE"
        )
        return f"the server says {cause}; {advice}"
    if cause.startswith("EOF"):
        return f"{cause}; does it take {https_as_asked(certificate)}?"
    return f"{cause}; does it speak https?"


def _system_cause(error: BaseException) -> str:
    """Return the innermost cause of a failed connection, in the words of the operating system or a library."""
    reason: BaseException | None = error
    innermost = error
    while reason is not None:
        text = getattr(reason, "verify_message", None) or getattr(reason, "strerror", None)
        if text:
            return re.sub(_WHERE_IN_OPENSSL, "", str(text))
        innermost = reason
        inner = getattr(reason, "reason", None)
        nested = reason.args[-1] if reason.args and isinstance(reason.args[-1], BaseException) else None
        # urllib3 1.26 sets only the context; the context of http.client's errors may be an unrelated attempt.
        outer = reason.__cause__ or (reason.__context__ if isinstance(reason, urllib3.exceptions.HTTPError) else None)
        reason = inner if isinstance(inner, BaseException) else nested or outer
    if isinstance(innermost, http_client.BadStatusLine) and not isinstance(innermost, http_client.RemoteDisconnected):
        return "it does not speak HTTP"
    return str(innermost) or type(innermost).__name__
