"""Error messages, timeouts and several endpoints of the client."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from calicoctl.etcd.errors import DatastoreError
from tests.conftest import Calicoctl, Result
from tests.etcd.clients import EMPTY_TABLE, KEY, NOT_KNOWN, client_of, error
from tests.etcd_server import HOST, EtcdServer
from tests.proxy import Behaviour, Proxy, answer, answer_raw, drop_reply, drop_request, never_answer

SET_USER = "set ETCD_USERNAME and ETCD_PASSWORD to those of a user whose roles allow this"


@pytest.fixture
def dead() -> Iterator[str]:
    """An address that refuses connections during the test."""
    with socket.socket() as reserved:
        reserved.bind((HOST, 0))
        yield f"{HOST}:{reserved.getsockname()[1]}"


# Errors: one line with the endpoint, the cause and the remedy


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (
            drop_request,
            "(Remote end closed connection without response).  Is etcd running, and does it take http, not https?",
        ),
        (answer_raw(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "(it does not speak HTTP).  Is etcd running?"),
        (answer_raw(b"\x15\x03\x01\x00\x02\x02\x16" * 1000), "(it does not speak HTTP).  Is etcd running?"),
        (
            answer_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"),
            "(its answer ends after 2 of 99 bytes).  Is etcd running?",
        ),
        (answer("404 Not Found", "404 page not found\n"), "(it has no v2 API; start etcd with --enable-v2)."),
        (answer("404 Not Found", "<html>", "text/html"), "(it has no v2 API; start etcd with --enable-v2)."),
        (answer("302 Found", ""), "(it answered 302 Found)."),
        (answer("403 Forbidden", "<html>", "text/html"), f"(it answered 403 Forbidden; {SET_USER})."),
        (answer("401 Unauthorized", "{}", "application/json"), f"(it answered 401 Unauthorized; {SET_USER})."),
        (
            answer("400 Bad Request", "Client sent an HTTP request to an HTTPS server.\n"),
            "(it answered 400 Bad Request: Client sent an HTTP request to an HTTPS server.).",
        ),
        (answer("200 OK", "<html>", "text/html"), "(its answer of status 200 is not the JSON that etcd sends)."),
        (answer("200 OK", "[" * 100_000), "(its answer of status 200 is not the JSON that etcd sends)."),
        (answer("200 OK", '{"node": 5}'), "(its answer has no node)."),
        (answer("200 OK", '{"node": {"key": "/a"}}'), "(its answer has an invalid node)."),
        (
            answer("200 OK", '{"action": "get", "node": {"key": "/a\x7f%s", "modifiedIndex": 1}}' % ("x" * 1000)),
            f"(its answer is about another key, /a\\x7f{'x' * 97}).",
        ),
        (
            answer("200 OK", '{"action": "set", "node": {"key": "/calico/v1/policy/profile", "modifiedIndex": 1}}'),
            "(its answer is about another action).",
        ),
        (error(404, 100, "Key not found", "/x"), "(its answer is about another key: Key not found : /x)."),
        (answer("502 Bad Gateway", "<html>"), "(its answer of status 502 is not the JSON that etcd sends)."),
        (error(500, 300, "Raft Internal Error"), "(Raft Internal Error : cause).  Is etcd running?"),
        (error(401, 110, "The request requires user authentication", "Insufficient credentials"),
         f"(The request requires user authentication : Insufficient credentials; {SET_USER})."),
        (error(400, 104, "Not a directory", "/a\x1b[2J"), "(Not a directory : /a\\x1b[2J)."),
    ],
)  # fmt: skip
def test_each_error_is_one_line(calicoctl: Calicoctl, proxy: Proxy, behaviour: Behaviour, cause: str) -> None:
    proxy.since(1, behaviour)
    result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": proxy.authority})
    assert result == Result(1, "", f"Error accessing etcd at http://{proxy.authority} {cause}\n")
    dropped = "Remote end closed" in cause or "its answer ends" in cause
    assert len(proxy.requests) == (3 if dropped else 1)


def test_refused_connection(calicoctl: Calicoctl, dead: str) -> None:
    result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": dead})
    complaint = f"Error accessing etcd at http://{dead} (Connection refused).  Is etcd running?\n"
    assert result == Result(1, "", complaint)


def test_unresolvable_name(calicoctl: Calicoctl) -> None:
    result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": "etcd.invalid:2379"})
    assert (result.status, result.stdout) == (1, "")
    # The resolver of the system words the cause.
    assert result.stderr.startswith("Error accessing etcd at http://etcd.invalid:2379 (")
    assert result.stderr.endswith(").  Is etcd running?\n")
    assert result.stderr.count("\n") == 1


def test_ipv6_endpoint(calicoctl: Calicoctl) -> None:
    with socket.socket(socket.AF_INET6) as reserved:
        try:
            reserved.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback address")
        port = reserved.getsockname()[1]
        complaint = f"Error accessing etcd at http://[::1]:{port} (Connection refused).  Is etcd running?\n"
        for authority in (f"[::1]:{port}", f"::1:{port}"):
            assert calicoctl("profile", "show", env={"ETCD_AUTHORITY": authority}) == Result(1, "", complaint)


class EtcdWithoutV2(EtcdServer):
    """An etcd with default settings: it has no v2 API."""

    def _wait_until_ready(self) -> bool:
        super()._wait_until_ready()  # returns False because the v2 API does not answer, but waits for etcd
        return self._process.poll() is None


def test_etcd_without_v2_api(calicoctl: Calicoctl) -> None:
    with EtcdWithoutV2(["--enable-v2=false"]) as etcd:
        complaint = f"Error accessing etcd at http://{etcd.endpoint} (it has no v2 API; start etcd with --enable-v2).\n"
        env = {"ETCD_AUTHORITY": etcd.endpoint}
        for command in (("show",), ("add", "P"), ("remove", "P"), ("P", "tag", "add", "T")):
            assert calicoctl("profile", *command, env=env) == Result(1, "", complaint)


# Timeouts


def test_read_timeout(calicoctl: Calicoctl, proxy: Proxy) -> None:
    proxy.since(1, never_answer)
    began = time.monotonic()
    result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": proxy.authority, "CALICOCTL_READ_TIMEOUT": "1"})
    seconds = time.monotonic() - began
    complaint = f"Error accessing etcd at http://{proxy.authority} (no answer within 1 s).  Is etcd running?\n"
    assert result == Result(1, "", complaint)
    assert 1 <= seconds < 2.5
    assert len(proxy.requests) == 1


def test_read_timeout_applies_to_each_byte() -> None:
    # The whole answer takes longer than the timeout, but no pause of the server does.
    body = b'{"action": "get", "node": {"key": "/test/key", "value": "x", "modifiedIndex": 1}}'

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            for start in range(0, len(body), 10):
                time.sleep(0.1)  # the pace of the server
                connection.sendall(body[start : start + 10])

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        node = client_of(f"{HOST}:{listener.getsockname()[1]}", read_timeout=0.5).get(KEY)
        thread.join()
    assert node == {"key": "/test/key", "value": "x", "modifiedIndex": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels accept connections beyond the queue")
def test_connect_timeout(calicoctl: Calicoctl) -> None:
    with socket.socket() as full:
        full.bind((HOST, 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(address)
            env = {"ETCD_AUTHORITY": f"{HOST}:{address[1]}", "CALICOCTL_CONNECT_TIMEOUT": "0.3"}
            began = time.monotonic()
            result = calicoctl("profile", "show", env=env)
            seconds = time.monotonic() - began
        finally:
            for each in waiting:
                each.close()
    complaint = f"Error accessing etcd at http://{HOST}:{address[1]} (no connection within 0.3 s).  Is etcd running?\n"
    assert result == Result(1, "", complaint)
    assert 0.3 <= seconds < 1.5


def test_write_is_not_sent_again_after_timeout(proxy: Proxy, etcd: EtcdServer) -> None:
    proxy.since(1, never_answer)
    with pytest.raises(DatastoreError) as raised:
        client_of(proxy.authority, read_timeout=0.2).create(KEY, "x")
    assert raised.value.message == (
        f"Error accessing etcd at http://{proxy.authority} (no answer within 0.2 s).  {NOT_KNOWN}"
    )
    assert proxy.requests == [f"PUT /v2/keys{KEY}", f"GET /v2/keys{KEY}"]


# Several endpoints


def test_first_reachable_endpoint_is_used(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, dead: str) -> None:
    env = {"ETCD_ENDPOINTS": f"http://{dead}, http://{proxy.authority}, http://{etcd.endpoint}"}
    assert calicoctl("profile", "add", "P", env=env) == Result(0, "Created profile P\n", "")
    # Later requests go to this endpoint first, and no request is wasted.
    assert len(proxy.requests) == 4


@pytest.mark.parametrize(
    "behaviour",
    [
        drop_request,
        error(500, 300),
        error(503, 300),
        answer("502 Bad Gateway", "<html>"),
        answer("404 Not Found", "no"),
    ],
)
def test_read_goes_to_next_endpoint_after_failure(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, behaviour: Behaviour
) -> None:
    proxy.since(1, behaviour)
    env = {"ETCD_ENDPOINTS": f"http://{proxy.authority},http://{etcd.endpoint}"}
    assert calicoctl("profile", "show", env=env) == Result(0, EMPTY_TABLE, "")
    assert len(proxy.requests) == 1


def test_refusal_by_etcd_is_final(etcd: EtcdServer, proxy: Proxy) -> None:
    proxy.since(1, error(401, 110))
    with pytest.raises(DatastoreError):
        client_of(proxy.authority, etcd.endpoint).get(KEY)
    assert len(proxy.requests) == 1


def test_all_endpoints_are_down(calicoctl: Calicoctl, proxy: Proxy, dead: str) -> None:
    proxy.since(1, drop_request)
    env = {"ETCD_ENDPOINTS": f"http://{dead},http://{proxy.authority}"}
    complaint = (
        f"Error accessing etcd at http://{dead} (Connection refused), "
        f"http://{proxy.authority} (Remote end closed connection without response).  "
        "Is etcd running, and does it take http, not https?\n"
    )
    for command in (("show",), ("add", "P"), ("remove", "P"), ("P", "tag", "add", "T")):
        assert calicoctl("profile", *command, env=env) == Result(1, "", complaint)


def test_write_goes_to_reachable_endpoint(etcd: EtcdServer) -> None:
    with Proxy(etcd) as first:
        client = client_of(first.authority, etcd.endpoint)
        assert client.get(KEY) is None
    client.create(KEY, "x")
    index = etcd.index()
    assert etcd.get(KEY) == "x"
    client.swap(KEY, "y", index)
    assert etcd.get(KEY) == "y"


def test_write_with_lost_reply_is_checked_through_other_endpoint(etcd: EtcdServer, proxy: Proxy) -> None:
    client = client_of(proxy.authority, etcd.endpoint)
    etcd.put(KEY, "old")
    index = etcd.index()
    proxy.at(1, drop_reply)
    proxy.since(2, drop_request)
    client.swap(KEY, "new", index)
    assert etcd.get(KEY) == "new"
    assert etcd.index() == index + 1
    assert proxy.requests == [f"PUT /v2/keys{KEY}"]


def test_second_try_goes_to_other_endpoint(etcd: EtcdServer, proxy: Proxy) -> None:
    client = client_of(proxy.authority, etcd.endpoint)
    assert client.get(KEY) is None
    proxy.since(2, drop_request)
    client.create(KEY, "new")
    assert etcd.get(KEY) == "new"
    assert proxy.requests == [f"GET /v2/keys{KEY}", f"PUT /v2/keys{KEY}"]
