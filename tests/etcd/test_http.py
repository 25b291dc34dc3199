"""The HTTP/1.1 reader compared with Python's http.client, and persistent connections."""

from __future__ import annotations

import http.client
import io
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from calicoctl.etcd.http import HttpWire, Stream, read_response
from calicoctl.etcd.wire import Dropped, HungUp, Meter, ReplyLost, Unreachable, Unusable
from tests.etcd_server import HOST
from tests.sampling import examples

OK = b"HTTP/1.1 200 OK\r\n"


def read(answer: bytes, cuts: tuple[int, ...] = ()) -> tuple[int, str, bytes, bool]:
    """Read an answer with our reader, in pieces of the given lengths and the rest at once."""
    rest = io.BytesIO(answer)
    lengths = iter(cuts)
    stream = Stream(lambda most: rest.read(min(most, next(lengths, most))), Meter(60, lambda count: None))
    response, stays = read_response(stream)
    return response.status, response.reason, response.body, stays


def read_by_library(answer: bytes) -> tuple[int, str, bytes]:
    """Read an answer with http.client. Raises HTTPException, ValueError."""

    class Socket:
        def makefile(self, *_: Any) -> io.BytesIO:
            return io.BytesIO(answer)

    response = http.client.HTTPResponse(Socket())  # type: ignore[arg-type]
    response.begin()
    return response.status, response.reason, response.read()


# Answers as servers send them

BODIES = st.one_of(st.binary(max_size=300), st.sampled_from([b"", b'{"action": "get"}', b"{" + b"x" * 3000]))
STATUSES = st.sampled_from(["200 OK", "201 Created", "404 Not Found", "500 Internal Server Error", "418 I'm", "200 "])
HEADERS = st.lists(
    st.tuples(st.sampled_from(["X-Etcd-Index", "Date", "Server", "A"]), st.text("abc 019:;,=\t/", max_size=12)),
    max_size=4,
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Well-formed answers: optional interim answers, then a body with a length, in chunks, or up to the end."""
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"]))
    interim = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * draw(st.integers(0, 2))
    head = f"{version} {draw(STATUSES)}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in draw(HEADERS))
    body = draw(BODIES)
    form = draw(st.sampled_from(["length", "chunks", "end"]))
    if form == "length":
        head += f"Content-Length: {len(body)}\r\n"
    elif form == "chunks":
        head += "Transfer-Encoding: chunked\r\n"
        size = draw(st.integers(1, 200))
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        extension = draw(st.sampled_from([b"", b";a=b"]))
        chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
        body = chunks + b"0\r\n" + draw(st.sampled_from([b"", b"Trailer: x\r\n"])) + b"\r\n"
    return interim + head.encode() + b"\r\n" + body


CUTS = st.lists(st.integers(1, 50), max_size=40).map(tuple)


@given(answers(), CUTS)
def test_both_readers_accept_well_formed_answers(answer: bytes, cuts: tuple[int, ...]) -> None:
    assert read(answer, cuts)[:3] == read_by_library(answer)


@given(answers(), CUTS, st.data())
def test_truncated_answer_is_never_mistaken_for_another(
    answer: bytes, cuts: tuple[int, ...], data: st.DataObject
) -> None:
    """A truncated answer is refused, or it ends with the connection and has a part of the body."""
    whole = read(answer)
    part = answer[: data.draw(st.integers(0, len(answer) - 1))]
    try:
        status, _, body, stays = read(part, cuts)
    except Dropped:
        return
    assert status == whole[0]
    assert whole[2].startswith(body)
    assert not stays


TAKEN_APART = st.lists(
    st.sampled_from(
        [b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK", b"204 No", b"100 C", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b":",
         b"A: b", b"Content-Length: ", b"Transfer-Encoding: ", b"chunked", b"5", b"0", b"-1", b"+3", b"0x2", b"1_0",
         b"{}", b"abc", b"\x00", b"\xff", b"Connection: close", b"Content-Encoding: gzip", b"9" * 30]
    ), max_size=14,
).map(b"".join)  # fmt: skip


def damaged(answer: bytes, place: int, piece: bytes) -> bytes:
    return answer[:place] + piece + answer[place + 1 :]


MIXED = st.one_of(
    TAKEN_APART,
    TAKEN_APART.map(OK.__add__),
    st.builds(damaged, answers(), st.integers(0, 400), st.binary(max_size=3)),
)


@settings(max_examples=examples(500))
@given(MIXED, CUTS)
def test_library_agrees_with_every_answer_we_accept(answer: bytes, cuts: tuple[int, ...]) -> None:
    try:
        ours = read(answer, cuts)
    except (ReplyLost, Unusable):
        return  # answers that only the library accepts are listed below
    assume(not re.search(rb"HTTP/1\.[01] 1(?!00|01)", answer))  # the library skips only 100
    assert ours[:3] == read_by_library(answer)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 200 OK\nA: b\n\n", "it does not speak HTTP"),
        (b"HTTP/1.10 200 OK\r\n\r\n", "it does not speak HTTP"),
        (OK + b"A: b\r\n folded\r\n\r\n", "it does not speak HTTP"),
        (OK + b"no colon\r\n\r\n", "it does not speak HTTP"),
        (OK + b"A : b\r\n\r\n", "it does not speak HTTP"),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "its answer has two lengths"),
        *((OK + b"Content-Length: %b\r\n\r\nabc" % text, "the length of its answer is no number")
          for text in (b"-1", b"", b"+3", b"0_3", b"\xb2", b"9" * 5000)),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "the encoding of its answer is unknown"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n",
         "its answer has a chunk without a length"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n", "its answer has a chunk without a length"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx..0\r\n\r\n",
         "it does not speak HTTP|its answer has a chunk with a wrong length"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", "its answer ends before its body"),
        (OK + b"Content-Encoding: gzip\r\n\r\n", "its answer is compressed"),
        (b"HTTP/1.1 200 OK", "its answer ends before its body"),
    ],
)  # fmt: skip
def test_answers_only_the_library_accepts(answer: bytes, cause: str) -> None:
    read_by_library(answer)
    with pytest.raises((ReplyLost, Unusable), match=rf"^({cause})$"):
        read(answer)


@pytest.mark.parametrize("status", ["102 Processing", "103 Early Hints", "100 Continue", "199 x"])
def test_interim_answers_are_skipped(status: str) -> None:
    answer = f"HTTP/1.1 {status}\r\nA: b\r\n\r\n".encode() + OK + b"Content-Length: 2\r\n\r\n{}"
    assert read(answer) == (200, "OK", b"{}", True)


@pytest.mark.parametrize(
    ("answer", "stays"),
    [
        (OK + b"Content-Length: 2\r\n\r\n{}", True),
        (OK + b"Content-Length: 2\r\nConnection: Keep-Alive\r\n\r\n{}", True),
        (OK + b"Content-Length: 2\r\nConnection: Close\r\n\r\n{}", False),
        (OK + b"Content-Length: 2\r\n\r\n{}more", False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True),
        (OK + b"\r\n{}", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 101 Switching\r\n\r\n", False),
    ],
)
def test_connection_is_kept_only_after_complete_answer(answer: bytes, stays: bool) -> None:
    assert read(answer)[3] is stays


def test_body_that_is_not_json_is_read_only_in_part() -> None:
    status, _, body, stays = read(OK + b"Content-Length: 300000\r\n\r\n" + b"<" * 300_000)
    assert (status, body, stays) == (200, b"<" * 65536, False)
    assert len(read(OK + b"\r\n" + b" \n{" + b"x" * 300_000)[2]) == 300_003


# Connections


@contextmanager
def server(*scripts: list[bytes | None]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that follows a script on each connection: one answer per request, None to hang up."""
    seen: list[bytes] = []

    def serve() -> None:
        for script in scripts:
            connection, _ = listener.accept()
            with connection:
                for reply in script:
                    request = connection.recv(65536)
                    if not request:
                        break
                    seen.append(request)
                    if reply is None:
                        break
                    connection.sendall(reply)

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://{HOST}:{listener.getsockname()[1]}", seen
        thread.join(10)
        assert not thread.is_alive()


def wire_of(endpoint: str) -> HttpWire:
    return HttpWire(endpoint, 5, lambda count: None)


REPLY = OK + b"Content-Length: 2\r\n\r\n{}"


def test_two_requests_over_one_connection() -> None:
    with server([REPLY, REPLY]) as (endpoint, seen):
        wire = wire_of(endpoint)
        wire.exchange("GET", "/a?b=c", None, {"Authorization": "Basic x"}, 5)
        assert wire.exchange("PUT", "/a", "value=x", {}, 5).body == b"{}"
        wire.close()
    host = endpoint.partition("://")[2].encode()
    common = b" HTTP/1.1\r\nHost: " + host + b"\r\nAccept-Encoding: identity\r\n"
    assert seen == [
        b"GET /a?b=c" + common + b"Authorization: Basic x\r\n\r\n",
        b"PUT /a" + common + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nvalue=x",
    ]


def test_connection_closed_by_server_is_not_reused() -> None:
    with server([REPLY], [REPLY]) as (endpoint, seen):
        wire = wire_of(endpoint)
        wire.exchange("GET", "/", None, {}, 5)
        kept: Any = wire._kept
        kept.settimeout(5)
        assert kept.recv(1, socket.MSG_PEEK) == b""  # the server has closed it by now
        wire.exchange("PUT", "/", "value=x", {}, 5)
        wire.close()
    assert len(seen) == 2


def test_connection_with_unexpected_data_is_not_reused() -> None:
    with server([REPLY + b"HTTP/1.1 408 Timeout\r\n\r\n"], [REPLY]) as (endpoint, seen):
        wire = wire_of(endpoint)
        assert wire.exchange("GET", "/", None, {}, 5).status == 200
        assert wire.exchange("GET", "/", None, {}, 5).status == 200
        wire.close()
    assert len(seen) == 2


def test_request_is_sent_once_even_if_kept_connection_breaks() -> None:
    with server([REPLY, None]) as (endpoint, seen):
        wire = wire_of(endpoint)
        wire.exchange("GET", "/", None, {}, 5)
        with pytest.raises(HungUp):
            wire.exchange("PUT", "/", "value=x", {}, 5)
    assert len(seen) == 2


@pytest.mark.parametrize("end", range(1, len(REPLY)))
def test_connection_closed_at_every_point(end: int) -> None:
    with server([REPLY[:end]]) as (endpoint, _), pytest.raises(Dropped) as raised:
        wire_of(endpoint).exchange("GET", "/", None, {}, 5)
    assert not isinstance(raised.value, HungUp)


def test_all_addresses_of_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve: Callable[..., list[Any]] = socket.getaddrinfo
    with socket.socket() as reserved, server([REPLY]) as (endpoint, _):
        reserved.bind((HOST, 0))  # it refuses connections
        dead, port = reserved.getsockname()[1], int(endpoint.rpartition(":")[2])
        addresses = [*resolve(HOST, dead, 0, socket.SOCK_STREAM), *resolve(HOST, port, 0, socket.SOCK_STREAM)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses)
        assert wire_of("http://etcd.example:2379").exchange("GET", "/", None, {}, 5).status == 200
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses[:1] * 2)
        with pytest.raises(Unreachable, match="^Connection refused$"):
            wire_of("http://etcd.example:2379").exchange("GET", "/", None, {}, 5)


def test_ipv6() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    with listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(REPLY)

        seen: list[bytes] = []
        thread = threading.Thread(target=serve)
        thread.start()
        wire = wire_of(f"http://[::1]:{port}")
        assert wire.exchange("GET", "/", None, {}, 5).status == 200
        wire.close()
        thread.join()
    assert b"\r\nHost: [::1]:%d\r\n" % port in seen[0]


def test_server_answers_before_it_has_read_everything() -> None:
    reply = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with server([reply]) as (endpoint, _):
        try:
            assert wire_of(endpoint).exchange("PUT", "/", "value=" + "x" * 10_000_000, {}, 5).status == 413
        except HungUp:
            pass  # with unread data the kernel resets the connection, and the reset may overtake the answer
