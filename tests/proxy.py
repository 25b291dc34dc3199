"""A proxy in front of a real etcd: it counts requests and can make some fail, as networks and servers do."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType

from tests.etcd_server import HOST, EtcdServer

_JOIN_SECONDS = 10.0


class Request:
    """A request of a client: `method`, `path` (without query) and `query` as they were sent, and the `body`."""

    def __init__(self, proxy: Proxy, connection: socket.socket, head: bytes, body: bytes) -> None:
        self._proxy = proxy
        self._connection = connection
        self._head = head
        self.method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        self.path, _, self.query = target.partition("?")
        self.body = body

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def forward(self) -> bytes:
        """Send the request to etcd and return its complete answer."""
        line, _, headers = self._head.partition(b"\r\n")
        with self._proxy.connect_to_etcd() as connection:
            connection.sendall(line + b"\r\nConnection: close\r\n" + headers + self.body)
            return _read_to_the_end(connection)

    def send(self, piece: bytes) -> None:
        """Send part of an answer immediately. Raises OSError if the client has disconnected."""
        self._connection.sendall(piece)

    def is_over(self, seconds: float = 0) -> bool:
        """Whether the proxy is closed, or closes within this many seconds."""
        return self._proxy.closing.wait(seconds)

    def wait_for_the_end(self) -> None:
        """Return when the proxy is closed."""
        self._proxy.closing.wait()


# Handles a request: returns the answer, or None to close the connection without one.
Behaviour = Callable[[Request], "bytes | None"]


def pass_on(request: Request) -> bytes | None:
    """Forward the request and return its answer."""
    return request.forward()


def drop_request(request: Request) -> bytes | None:
    """Break the connection before etcd receives the request."""
    return None


def drop_reply(request: Request) -> bytes | None:
    """Let etcd execute the request, but break the connection before the answer arrives."""
    request.forward()
    return None


def never_answer(request: Request) -> bytes | None:
    """Accept the request and never answer."""
    request.wait_for_the_end()
    return None


def first(action: Callable[[], object]) -> Behaviour:
    """Return a behaviour that does something, such as a concurrent change, before it forwards the request."""

    def behaviour(request: Request) -> bytes | None:
        action()
        return request.forward()

    return behaviour


def answer(status: str, body: str, content_type: str = "text/plain") -> Behaviour:
    """Return another answer than etcd's, with a status line such as `502 Bad Gateway`."""
    content = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\nConnection: close"
    return answer_raw(f"{head}\r\n\r\n".encode() + content)


def answer_raw(reply: bytes) -> Behaviour:
    """Answer with exactly these bytes."""
    return lambda request: reply


class Proxy:
    """Connects calicoctl to etcd; a context manager, running inside `with`.

    `requests` has all requests so far, in order, as `METHOD /path`. Every request is forwarded unless a behaviour is
    set for its number (the first is 1). With `tls` clients must use TLS to the proxy. `authority` is the address to
    connect to, `127.0.0.1:PORT`.
    """

    def __init__(self, etcd: EtcdServer, tls: ssl.SSLContext | None = None) -> None:
        self.authority = ""
        self.requests: list[str] = []
        self.closing = threading.Event()
        self._etcd = etcd
        self._tls = tls
        self._single: dict[int, Behaviour] = {}
        self._onwards: dict[int, Behaviour] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self._failures: list[BaseException] = []

    def at(self, number: int, behaviour: Behaviour) -> None:
        """Set the behaviour for the request with this number, counted from the start or the latest `reset`."""
        self._single[number] = behaviour

    def since(self, number: int, behaviour: Behaviour) -> None:
        """Set the behaviour for this request and all later ones."""
        self._onwards[number] = behaviour

    def reset(self) -> None:
        """Forward all requests from now on, and restart counting at 1."""
        self._single.clear()
        self._onwards.clear()
        self.requests.clear()

    def __enter__(self) -> Proxy:
        self._listener = socket.create_server((HOST, 0), backlog=256)
        self.authority = f"{HOST}:{self._listener.getsockname()[1]}"
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname()).close()  # wakes `accept`
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        self._listener.close()
        if self._failures and error is None:
            raise self._failures[0]

    def connect_to_etcd(self) -> socket.socket:
        """Open a connection that is closed with the proxy."""
        connection = socket.create_connection((HOST, self._etcd.port))
        self._connections.append(connection)
        return connection

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()  # only started threads can be joined
        self._threads = [*(other for other in self._threads if other.is_alive()), thread]

    def _accept(self) -> None:
        while not self.closing.is_set():
            connection, _ = self._listener.accept()
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError), connection:  # OSError: one side has disconnected
                if self._tls is None:
                    self._answer_one(connection)
                else:
                    with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                        self._answer_one(encrypted)
        except BaseException as failure:  # an error of a behaviour, to be shown by the test
            self._failures.append(failure)

    def _answer_one(self, connection: socket.socket) -> None:
        head, body = _read_request(connection)
        if head:
            reply = self._reply_to(Request(self, connection, head, body))
            if reply is not None:
                connection.sendall(reply)

    def _reply_to(self, request: Request) -> bytes | None:
        with self._lock:
            self.requests.append(str(request))
            number = len(self.requests)
        behaviour = self._single.get(number)
        if behaviour is None:
            begun = [first for first in self._onwards if first <= number]
            behaviour = self._onwards[max(begun)] if begun else pass_on
        return behaviour(request)


def _read_request(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read the head, including its final empty line, and the body; nothing if the client disconnects."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = connection.recv(65536)
        if not piece:
            return b"", b""
        read += piece
    head, _, begun = read.partition(b"\r\n\r\n")
    body = [begun]
    missing = _content_length(head) - len(begun)
    while missing > 0:
        piece = connection.recv(min(missing, 1 << 20))
        if not piece:
            return b"", b""
        body.append(piece)
        missing -= len(piece)
    return head + b"\r\n\r\n", b"".join(body)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0


def _read_to_the_end(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)
