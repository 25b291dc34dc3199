"""The interface between the client and its connections, with limits on time and memory.

A wire sends each request exactly once, without redirects and retries. The client decides what a failure means for a
write.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    class Wire(Protocol):
        """Sends requests to one endpoint."""

        def exchange(
            self, method: str, target: str, form: str | None, headers: Mapping[str, str], seconds: float
        ) -> Response:
            """Send a request and read its response.

            ``target`` is the path with the query, ``form`` the ASCII body of a PUT. ``headers`` are sent in addition to
            those that HTTP requires. ``seconds`` is the longest wait for the next byte. Raises Unreachable, ReplyLost,
            Unusable.
            """

        def close(self) -> None:
            """Close the connection if it was kept open."""


LONGEST_KEY = 4000  # quoted characters; etcd closes the connection if the request line exceeds 4,096 bytes
# A Calico endpoint takes about 1 kB of a response, and etcd v2 cannot hold a million of them.
MAX_BYTES = 1 << 30
# A body that cannot be a JSON object is only read for quoting it in a message.
MAX_BYTES_OF_OTHER = 1 << 16
# A response that takes longer than this number of read timeouts must have a minimum average speed. Single pauses may
# be long, but a server must not send byte by byte forever.
_PATIENCE = 3
_BYTES_A_SECOND = 1000
_DIGITS = 20  # the length of the largest 64-bit number


class Unreachable(Exception):
    """The request did not reach the endpoint."""


class ReplyLost(Exception):
    """The request may or may not have been carried out: the endpoint at ``position`` sent no usable response."""

    position = 0


class Dropped(ReplyLost):
    """The connection was closed before the response was complete."""


class HungUp(Dropped):
    """The connection was closed before the first byte of a response.

    etcd does this to http requests on an https port and the reverse, and to clients without a required certificate.
    """


class Unusable(Exception):
    """The response is not HTTP as etcd uses it, or reading it would take too much time or memory."""


class Response:
    """A response: ``status``, ``reason``, ``headers`` by lower-case names, and ``body``.

    A body that cannot be a JSON object may be cut off.
    """

    def __init__(self, status: int, reason: str, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body


class Meter:
    """Counts the bytes of one response, headers and body, and stops one that is too slow or too large."""

    def __init__(self, seconds: float, received: Callable[[int], None]) -> None:
        """``seconds`` is the read timeout; ``received`` is called with the number of bytes of each read."""
        self._received = received
        self._patience = _PATIENCE * seconds
        self._began = time.monotonic()
        self.count = 0

    def add(self, count: int) -> None:
        """Count bytes that were read. Raises Unusable."""
        self.count += count
        self._received(count)
        elapsed = time.monotonic() - self._began
        if elapsed > self._patience and self.count < elapsed * _BYTES_A_SECOND:
            raise Unusable(f"its answer is too slow: {self.count:,} bytes within {elapsed:.3g} s")
        if self.count > MAX_BYTES:
            raise Unusable(f"its answer is larger than {MAX_BYTES:,} bytes")


class Body:
    """Collects the pieces of a body; stops early if it is long and cannot be a JSON object."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: bytes) -> bool:
        """Add a piece; return False if the rest need not be read."""
        self._pieces.append(piece)
        self.size += len(piece)
        if self.size <= MAX_BYTES_OF_OTHER:
            return True
        if len(self._pieces[0]) <= MAX_BYTES_OF_OTHER:
            self._pieces = [b"".join(self._pieces)]
        if self._pieces[0].lstrip().startswith(b"{"):
            return True
        self._pieces = [self._pieces[0][:MAX_BYTES_OF_OTHER]]
        return False

    def whole(self) -> bytes:
        """Return the collected bytes."""
        return b"".join(self._pieces)


def check_not_compressed(headers: Mapping[str, str]) -> None:
    """Raise Unusable for a compressed body, because a few bytes may expand to very many.

    etcd never compresses, and the client does not ask for it.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise Unusable("its answer is compressed")


def number_of(text: str) -> int | None:
    """Return the number in a header; None if it is not a number of at most 20 digits."""
    return int(text) if len(text) <= _DIGITS and text.isascii() and text.isdigit() else None
