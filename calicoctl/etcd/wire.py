"""What lies between the client and a server: one HTTP exchange at a time, within bounds.

The client knows a wire by this module alone. A wire sends a request once, over one connection, never follows a
redirect and never tries again: what a failure means for a write is for the client to decide.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    class Wire(Protocol):
        """The way to one endpoint."""

        def exchange(
            self, method: str, target: str, form: str | None, headers: Mapping[str, str], seconds: float
        ) -> Response:
            """Send a request and read its answer.

            ``target`` is the path with its query, ``form`` the ASCII body of a PUT, ``headers`` come on top of those
            that HTTP needs, ``seconds`` is the longest wait for a byte. Raises Unreachable, ReplyLost, Unusable.
            """

        def close(self) -> None:
            """Close the connection if one is kept."""


LONGEST_KEY = 4000  # characters, quoted; etcd hangs up where the first line of a request has more than 4,096
# An endpoint takes about 1 kB of an answer; etcd v2 holds no million of them.
MAX_BYTES = 1 << 30
# What cannot be a JSON object is read only as far as a message may quote it.
MAX_BYTES_OF_OTHER = 1 << 16
# An answer that is not whole after so many read timeouts must have come at this pace on average: a pause between two
# bytes may be long, but not every one of them.
_PATIENCE = 3
_BYTES_A_SECOND = 1000
_DIGITS = 20  # of the largest number of 64 bits


class Unreachable(Exception):
    """The endpoint has seen nothing of the request."""


class ReplyLost(Exception):
    """The request may or may not have been carried out: no usable answer came from the endpoint at ``position``."""

    position = 0


class Dropped(ReplyLost):
    """The connection was closed before the answer was whole."""


class HungUp(Dropped):
    """The connection was closed before a byte of an answer.

    So does etcd to http where it speaks https and the reverse, and to a client without the certificate it wants.
    """


class Unusable(Exception):
    """What was answered is not HTTP as etcd speaks it, or would take too long, or too much memory, to read."""


class Response:
    """An answer: ``status``, ``reason``, ``headers`` by their names in lower case, ``body`` as it came.

    Of a body that cannot be a JSON object only the beginning is there.
    """

    def __init__(self, status: int, reason: str, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body


class Meter:
    """Counts the bytes of one answer, head and body, and ends one that is too slow or has no end."""

    def __init__(self, seconds: float, received: Callable[[int], None]) -> None:
        """``seconds`` is the read timeout; ``received`` is told the number of the bytes whenever some have come."""
        self._received = received
        self._patience = _PATIENCE * seconds
        self._began = time.monotonic()
        self.count = 0

    def add(self, count: int) -> None:
        """Note that so many bytes have come. Raises Unusable."""
        self.count += count
        self._received(count)
        elapsed = time.monotonic() - self._began
        if elapsed > self._patience and self.count < elapsed * _BYTES_A_SECOND:
            raise Unusable(f"its answer is too slow: {self.count:,} bytes within {elapsed:.3g} s")
        if self.count > MAX_BYTES:
            raise Unusable(f"its answer is larger than {MAX_BYTES:,} bytes")


class Body:
    """Collects the pieces of a body for as long as it can be a JSON object."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: bytes) -> bool:
        """Take a piece; False if nothing more is worth reading."""
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
        """Return what was collected."""
        return b"".join(self._pieces)


def check_not_compressed(headers: Mapping[str, str]) -> None:
    """Raise Unusable for a compressed body: a few bytes may become many.

    etcd compresses nothing, nor was it asked to.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise Unusable("its answer is compressed")


def number_of(text: str) -> int | None:
    """Return the number in a header, None where there is none of 64 bits: Python refuses to read very long ones."""
    return int(text) if len(text) <= _DIGITS and text.isascii() and text.isdigit() else None
