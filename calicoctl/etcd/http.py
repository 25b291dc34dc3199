"""HTTP/1.1 over a plain socket, because HTTP libraries take longer to load than a small command takes to run.

The parser accepts what etcd and proxies send: RFC 9112 without its exceptions for old software. Lines end with CR LF,
headers are not continued on a second line, and the length of a chunk is exact. There is no support for TLS, proxies,
cookies or redirects.
"""

from __future__ import annotations

import socket
import time

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

_LONGEST_LINE = 1 << 16
_MOST_HEADERS = 100
_PIECE = 1 << 18
_MOST_IDLE_SECONDS = 10.0  # a firewall on the way may silently drop connections that are idle for long
_NO_HTTP = "it does not speak HTTP"
_BEGINNING = b"HTTP/1."
_BODILESS = (101, 204, 304)
_OF_A_NAME = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")


class HttpWire:
    """Sends requests to an http endpoint; implements ``calicoctl.etcd.wire.Wire``.

    The connection is reused for the next request if the server allows it.
    """

    def __init__(self, endpoint: str, connect_seconds: float, received: Callable[[int], None]) -> None:
        """``endpoint`` is a base URL (``http://[::1]:2379``); ``received`` is called with the number of bytes read."""
        self._authority = endpoint.partition("://")[2]
        host, _, port = self._authority.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._connect_seconds = connect_seconds
        self._received = received
        self._kept: socket.socket | None = None
        self._kept_since = 0.0

    def exchange(
        self, method: str, target: str, form: str | None, headers: Mapping[str, str], seconds: float
    ) -> Response:
        """Send a request and read its response (see ``Wire``)."""
        request = self._request(method, target, form, headers)
        connection = self._take_kept() or self._connect()
        try:
            connection.settimeout(seconds)
            response, may_be_kept = _ask(connection, request, Meter(seconds, self._received))
        except TimeoutError:
            connection.close()
            raise ReplyLost(f"no answer within {seconds:g} s") from None
        except BaseException:
            connection.close()
            raise
        if may_be_kept:
            self._kept, self._kept_since = connection, time.monotonic()
        else:
            connection.close()
        return response

    def close(self) -> None:
        """Close the connection if it was kept open."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _request(self, method: str, target: str, form: str | None, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._authority}", "Accept-Encoding: identity"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if form is not None:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}"]
        return "\r\n".join([*lines, "", form or ""]).encode("ascii")

    def _take_kept(self) -> socket.socket | None:
        """Return the connection of the previous request if it is still open and has no unexpected data."""
        connection, self._kept = self._kept, None
        if connection is None:
            return None
        if time.monotonic() - self._kept_since < _MOST_IDLE_SECONDS:
            connection.setblocking(False)
            try:
                connection.recv(1)
            except BlockingIOError:
                return connection
            except OSError:
                pass
        connection.close()
        return None

    def _connect(self) -> socket.socket:
        """Connect to the first address of the host that accepts a connection. Raises Unreachable."""
        causes: list[str] = []
        try:
            # Bytes, because a string would load the slow idna codec
            found = socket.getaddrinfo(self._host.encode("ascii"), self._port, 0, socket.SOCK_STREAM)
        except OSError as error:
            raise Unreachable(error.strerror or str(error)) from None
        for family, kind, protocol, _, address in found:
            connection = None
            try:
                connection = socket.socket(family, kind, protocol)
                connection.settimeout(self._connect_seconds)
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
            except TimeoutError as error:
                causes.append(error.strerror or f"no connection within {self._connect_seconds:g} s")
            except OSError as error:
                causes.append(error.strerror or str(error))
            except BaseException:
                if connection is not None:
                    connection.close()
                raise
            if connection is not None:
                connection.close()
        raise Unreachable(", ".join(dict.fromkeys(causes)))


def _ask(connection: socket.socket, request: bytes, meter: Meter) -> tuple[Response, bool]:
    """Send a request and return the response and whether the connection can be reused."""
    try:
        _send(connection, request)
    except TimeoutError:
        raise
    except OSError:
        pass  # a server that closed the connection may have sent a response first
    stream = Stream(connection.recv, meter)
    try:
        return read_response(stream)
    except TimeoutError:
        raise
    except OSError as error:
        raise (Dropped if meter.count else HungUp)(error.strerror or str(error)) from None


def _send(connection: socket.socket, request: bytes) -> None:
    rest = memoryview(request)
    while rest:  # not sendall, whose timeout covers the whole value instead of each piece
        rest = rest[connection.send(rest[:_PIECE]) :]


class Stream:
    """A buffered reader of a response."""

    def __init__(self, receive: Callable[[int], bytes], meter: Meter) -> None:
        """``receive`` takes the maximum number of bytes and returns at least one, or none at the end."""
        self._receive = receive
        self._meter = meter
        self._bytes = b""
        self._taken = 0  # the number of bytes already returned

    def line(self, beginning: bytes = b"") -> bytes:
        """Return the next line without its end. Raises ReplyLost if it does not start with ``beginning``."""
        while (end := self._bytes.find(b"\n", self._taken)) < 0:
            begun = self._bytes[self._taken :]
            if len(begun) > _LONGEST_LINE or begun[: len(beginning)] != beginning[: len(begun)]:
                raise ReplyLost(_NO_HTTP)
            if not (piece := self._more(_LONGEST_LINE)):
                if not self._meter.count:
                    raise HungUp("Remote end closed connection without response")
                raise Dropped("its answer ends before its body")
            self._bytes, self._taken = begun + piece, 0
        line, self._taken = self._bytes[self._taken : end], end + 1
        if len(line) > _LONGEST_LINE or not line.startswith(beginning) or not line.endswith(b"\r"):
            raise ReplyLost(_NO_HTTP)
        return line[:-1]

    def some(self, most: int) -> bytes:
        """Return at least one byte and at most ``most``; none at the end."""
        if self.is_used_up:
            return self._more(min(most, _PIECE))
        piece = self._bytes[self._taken : self._taken + most]
        self._taken += len(piece)
        return piece

    @property
    def is_used_up(self) -> bool:
        """Whether all bytes received so far have been returned."""
        return self._taken == len(self._bytes)

    def _more(self, most: int) -> bytes:
        piece = self._receive(most)
        self._meter.add(len(piece))
        return piece


def read_response(stream: Stream) -> tuple[Response, bool]:
    """Read a response; also return whether the connection can be reused.

    Raises ReplyLost, Unusable, and the exceptions of the stream's ``receive``.
    """
    version, status, reason = _status(stream.line(_BEGINNING))
    headers = _headers(stream)
    while 100 <= status < 200 and status != 101:  # an interim answer
        version, status, reason = _status(stream.line(_BEGINNING))
        headers = _headers(stream)
    check_not_compressed(headers)
    body = Body()
    if status in _BODILESS:
        is_whole = status != 101
    elif "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise Unusable("the encoding of its answer is unknown")
        is_whole = _read_chunks(stream, body)
    elif "content-length" in headers:
        length = number_of(headers["content-length"])
        if length is None:
            raise Unusable("the length of its answer is no number")
        is_whole = _read_exactly(stream, body, length)
    else:
        is_whole = _read_to_the_end(stream, body)
    stays = version == b"HTTP/1.1" and "close" not in headers.get("connection", "").lower()
    return Response(status, reason, headers, body.whole()), is_whole and stays and stream.is_used_up


def _status(line: bytes) -> tuple[bytes, int, str]:
    version, _, rest = line.partition(b" ")
    code, _, reason = rest.partition(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or len(code) != 3 or not code.isdigit() or code < b"100":
        raise ReplyLost(_NO_HTTP)
    return version, int(code), reason.decode("latin-1").strip()


def _headers(stream: Stream) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS + 1):
        line = stream.line()
        if not line:
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        name, value = name.lower(), value.strip(" \t")
        if not (name and colon and _OF_A_NAME.issuperset(name)) or "\r" in value or "\0" in value:
            raise ReplyLost(_NO_HTTP)
        if name in ("content-length", "transfer-encoding") and headers.get(name, value) != value:
            raise Unusable("its answer has two lengths")
        headers.setdefault(name, value)
    raise Unusable(f"its answer has more than {_MOST_HEADERS} headers")


def _read_exactly(stream: Stream, body: Body, length: int) -> bool:
    """Read ``length`` bytes; return False if `Body` needs no more of them. Raises Dropped if bytes are missing."""
    missing = length
    while missing:
        piece = stream.some(missing)
        if not piece:
            raise Dropped(f"its answer ends after {length - missing:,} of {length:,} bytes")
        missing -= len(piece)
        if not body.add(piece):
            return False
    return True


def _read_chunks(stream: Stream, body: Body) -> bool:
    while True:
        digits = stream.line().partition(b";")[0].strip(b" \t")
        if not 0 < len(digits) <= 16 or not _HEXADECIMAL.issuperset(digits):
            raise Unusable("its answer has a chunk without a length")
        length = int(digits, 16)
        if not length:
            break
        if not _read_exactly(stream, body, length):
            return False
        if stream.line():
            raise Unusable("its answer has a chunk with a wrong length")
    _headers(stream)  # the trailers
    return True


def _read_to_the_end(stream: Stream, body: Body) -> bool:
    """Read until the server closes the connection; return False because it cannot be reused."""
    while piece := stream.some(_PIECE):
        if not body.add(piece):
            break
    return False
