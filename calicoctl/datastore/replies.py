"""What a server answers, read within bounds and checked: whoever answers may not be etcd."""

from __future__ import annotations

import functools
import io
import time

from calicoctl.datastore.libraries import http_client, urllib3

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Received = Callable[[int], None]

# An endpoint takes about 1 kB of an answer; etcd v2 holds no million of them.
MAX_BYTES = 1 << 30
# What cannot be a JSON object is read only as far as a message may quote it.
_MAX_BYTES_OF_OTHER = 1 << 16
_PIECE = 1 << 20
# An answer that is not whole after so many read timeouts must have come at this pace on average: a pause between two
# bytes may be long, but not every one of them.
_PATIENCE = 3
_BYTES_A_SECOND = 1000
_NO_NAMES = ("", ".", "..")  # etcd cleans them out of a key
_DIGITS = 20  # of the largest number of 64 bits


class Unusable(Exception):
    """An answer that it would take too long, or too much memory, to read to its end."""


class _Bounded(io.RawIOBase):
    """The bytes of an answer, head and body, as they come from a socket. Raises Unusable."""

    def __init__(self, socket_file: Any, seconds: float, received: Received) -> None:
        """``seconds`` is the read timeout."""
        self._below = socket_file
        self._received = received
        self._patience = _PATIENCE * seconds
        self._began = time.monotonic()
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count: int | None = self._below.readinto(buffer)
        self._count += count or 0
        self._received(count or 0)
        elapsed = time.monotonic() - self._began
        if elapsed > self._patience and self._count < elapsed * _BYTES_A_SECOND:
            raise Unusable(f"its answer drips: {self._count:,} bytes within {elapsed:.3g} s")
        if self._count > MAX_BYTES:
            raise Unusable(f"its answer is larger than {MAX_BYTES:,} bytes")
        return count

    def close(self) -> None:
        self._below.close()
        super().close()


class _Response(http_client.HTTPResponse):
    """http.client's response, which reads through ``_Bounded``."""

    def __init__(self, received: Received, sock: Any, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        socket_file: Any = self.fp.detach()
        self.fp = io.BufferedReader(_Bounded(socket_file, sock.gettimeout(), received))


def pool_classes(received: Received) -> dict[str, Any]:
    """Return connection pools, for urllib3's ``PoolManager.pool_classes_by_scheme``, that read answers within bounds.

    ``received`` is told the number of the bytes whenever some have come.
    """
    # http.client calls it as if it were the class
    response = staticmethod(functools.partial(_Response, received))
    return {
        scheme: type(
            "_Pool", (pool,), {"ConnectionCls": type("_Connection", (connection,), {"response_class": response})}
        )
        for scheme, pool in (("http", urllib3.HTTPConnectionPool), ("https", urllib3.HTTPSConnectionPool))
        for connection in (pool.ConnectionCls,)
    }


def body_of(response: Any) -> bytes:
    """Read the body of urllib3's response; of one that is no JSON object only the beginning.

    Raises Unusable, IncompleteRead.
    """
    pieces: list[bytes] = []
    size = 0
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":  # a few bytes may become many; etcd compresses nothing, nor was it asked for
        raise Unusable("its answer is compressed")
    for piece in response.stream(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > _MAX_BYTES_OF_OTHER and not pieces[0].lstrip().startswith(b"{"):
            response.close()
            return b"".join(pieces)[:_MAX_BYTES_OF_OTHER]
    body = b"".join(pieces)
    announced = number_of(response.headers.get("Content-Length", ""))
    if announced is not None and size < announced:  # urllib3 1.26 takes that for the end
        raise http_client.IncompleteRead(body, announced - size)
    return body


def number_of(text: str) -> int | None:
    """Return the number in a header, None where there is none of 64 bits: Python refuses to read very long ones."""
    return int(text) if len(text) <= _DIGITS and text.isascii() and text.isdigit() else None


def is_node(node: object) -> bool:
    """Tell whether decoded JSON has the shape of etcd's nodes, each with its children directly below its key."""
    if type(node) is not dict or type(node.get("key")) is not str:
        return False
    found = [node]
    try:
        for each in found:
            if type(each["modifiedIndex"]) is not int:
                return False
            if "nodes" in each:
                if type(each["nodes"]) is not list:
                    return False
                directory = each["key"] + "/"
                length = len(directory)
                for child in each["nodes"]:
                    key = child["key"]
                    if not key.startswith(directory) or key.find("/", length) >= 0 or key[length:] in _NO_NAMES:
                        return False
                found += each["nodes"]
            elif type(each.get("value", "")) is not str:
                return False
    except (AttributeError, KeyError, TypeError):  # quicker than to ask each for its type
        return False
    return True
