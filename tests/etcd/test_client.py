"""The client against a real etcd, reached through a proxy that fails, through several endpoints and through TLS."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from calicoctl.datastore import keys
from calicoctl.errors import CommandError
from calicoctl.etcd.answers import is_node
from calicoctl.etcd.client import Client
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.etcd.settings import Settings
from calicoctl.etcd.tls import check_files
from tests.conftest import Calicoctl, Result
from tests.etcd_server import HOST, START_SECONDS, EtcdServer
from tests.proxy import Behaviour, Proxy, Request, answer, answer_raw, drop_reply, drop_request, never_answer

EMPTY_TABLE = "+------+\n| Name |\n+------+\n+------+\n"
KEY = "/test/key"
SET_USER = "set ETCD_USERNAME and ETCD_PASSWORD to those of a user whose roles allow this"
NOT_KNOWN = "It is not known whether the change was made: check before you run the command again."


@pytest.fixture
def proxy(etcd: EtcdServer) -> Iterator[Proxy]:
    with Proxy(etcd) as proxy:
        yield proxy


@pytest.fixture
def dead() -> Iterator[str]:
    """An address that refuses connections for as long as the test runs."""
    with socket.socket() as reserved:
        reserved.bind((HOST, 0))
        yield f"{HOST}:{reserved.getsockname()[1]}"


def client_of(*authorities: str, read_timeout: float = 5.0) -> Client:
    return Client(Settings([f"http://{authority}" for authority in authorities], read_timeout=read_timeout))


def error(status: int, code: int, message: str = "message", cause: str = "cause") -> Behaviour:
    """An error as etcd reports it."""
    body = json.dumps({"errorCode": code, "message": message, "cause": cause, "index": 1})
    return answer(f"{status} Status", body, "application/json")


# The operations


def test_get(etcd: EtcdServer) -> None:
    etcd.put("/test/a/b", "x")
    client = client_of(etcd.endpoint)
    tree = client.get("/test", recursive=True)
    assert tree is not None
    assert tree["nodes"][0]["nodes"][0]["value"] == "x"
    listing = client.get("/test")
    assert listing is not None
    assert listing["nodes"] == [{key: value for key, value in tree["nodes"][0].items() if key != "nodes"}]
    assert client.index == etcd.index()


def test_get_of_what_is_not_there(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    assert client.get(KEY) is None
    assert client.index == etcd.index()


def test_a_quorum_read_is_one_request(etcd: EtcdServer, proxy: Proxy) -> None:
    asked = []

    def look(request: Request) -> bytes | None:
        asked.append(request.query)
        return request.forward()

    proxy.since(1, look)
    client_of(proxy.authority).get(KEY, quorum=True)
    client_of(proxy.authority).get(KEY, recursive=True)
    assert asked == ["quorum=true", "recursive=true"]


def test_create(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    client.create(KEY, "ä & = % + \n \x00")
    assert etcd.get(KEY) == "ä & = % + \n \x00"
    with pytest.raises(Conflict):
        client.create(KEY, "other")
    assert etcd.get(KEY) == "ä & = % + \n \x00"


def test_swap(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    etcd.put(KEY, "old")
    index = etcd.index()
    client.swap(KEY, "new", index)
    assert etcd.get(KEY) == "new"
    with pytest.raises(Conflict):
        client.swap(KEY, "newer", index)
    assert etcd.get(KEY) == "new"


@pytest.mark.parametrize(("field", "echo"), [(b"noValueOnSuccess", False), (b"unknownToOldEtcd", True)])
def test_the_value_comes_back_only_from_an_old_etcd(etcd: EtcdServer, proxy: Proxy, field: bytes, echo: bool) -> None:
    replies = []

    def by_version(request: Request) -> bytes:
        request.body = request.body.replace(b"noValueOnSuccess", field)
        replies.append(request.forward())
        return replies[-1]

    proxy.since(1, by_version)
    client = client_of(proxy.authority)
    client.create(KEY, "old" * 1000)
    client.swap(KEY, "new" * 1000, etcd.index())
    assert etcd.get(KEY) == "new" * 1000
    assert [b"oldold" in reply for reply in replies] == [echo, echo]
    assert [b"newnew" in reply for reply in replies] == [False, echo]


def test_swap_of_what_is_not_there(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    etcd.put(KEY, "old")
    index = etcd.index()
    etcd.delete(KEY)
    with pytest.raises(Conflict):
        client.swap(KEY, "new", index)
    assert etcd.get(KEY) is None


def test_swap_tells_the_index_of_its_own_change_while_others_write(etcd: EtcdServer) -> None:
    etcd.put(KEY, "0")
    index: int | None = etcd.index()
    over = threading.Event()

    def write_others() -> None:
        while not over.is_set():
            etcd.put("/test/other", "x")

    others = threading.Thread(target=write_others)
    others.start()
    try:
        for number in range(100):
            client = client_of(etcd.endpoint)
            assert index is not None
            index = client.swap(KEY, str(number), index)  # a Conflict if it were the index of another change
    finally:
        over.set()
        others.join()
    node = client_of(etcd.endpoint).get(KEY)
    assert node is not None
    assert (node["modifiedIndex"], node["value"]) == (index, "99")


def test_swap_tells_the_index_of_its_own_change_after_a_lost_reply(etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(KEY, "old")

    def lose_and_change(request: Request) -> bytes | None:
        request.forward()
        etcd.put(KEY, "of others")
        return None

    proxy.at(1, lose_and_change)
    index = etcd.index()
    assert client_of(proxy.authority).swap(KEY, "new", index) == index + 1
    assert etcd.get(KEY) == "of others"


def test_swap_tells_the_index_of_its_change_without_etcd_s_header(etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(KEY, "old")
    index = etcd.index()
    proxy.since(1, lambda request: request.forward().replace(b"X-Etcd-Index", b"X-Other-Name"))
    assert client_of(proxy.authority).swap(KEY, "new", index) == index + 1


def test_create_tells_the_index_of_its_own_change(etcd: EtcdServer, proxy: Proxy) -> None:
    index = etcd.index() or 0
    assert client_of(proxy.authority).create(KEY, "new") == index + 1
    proxy.since(1, lambda request: request.forward().replace(b"X-Etcd-Index", b"X-Other-Name"))
    assert client_of(proxy.authority).create(f"{KEY}2", "new") == index + 2


@pytest.mark.parametrize("afterwards", ["of others", "", None])
def test_create_in_place_of_what_was_removed_whose_reply_was_lost(
    etcd: EtcdServer, proxy: Proxy, afterwards: str | None
) -> None:
    """That the directory was removed before is no reason to take the key for another's."""
    client = client_of(proxy.authority)
    etcd.put(f"{KEY}/other", "x")
    client.get(KEY)
    index = client.index

    def remove_create_and_lose(request: Request) -> bytes | None:
        etcd.delete(KEY)
        request.forward()
        if afterwards is not None:
            etcd.put(f"{KEY}/new", afterwards)
        return None

    proxy.at(2, remove_create_and_lose)
    assert client.create(f"{KEY}/new", "x") == index + 2
    assert etcd.get(f"{KEY}/new") == ("x" if afterwards is None else afterwards)


def test_create_in_place_of_what_was_removed_and_made_by_others(etcd: EtcdServer, proxy: Proxy) -> None:
    client = client_of(proxy.authority)
    etcd.put(f"{KEY}/other", "x")
    client.get(KEY)

    def lose_and_let_others_make_it(request: Request) -> bytes | None:
        etcd.delete(KEY)
        etcd.put(f"{KEY}/new", "of others")
        return None

    proxy.at(2, lose_and_let_others_make_it)
    with pytest.raises(Conflict):
        client.create(f"{KEY}/new", "x")
    assert etcd.get(f"{KEY}/new") == "of others"


@pytest.mark.parametrize("behaviour", [drop_request, drop_reply])
def test_delete_whose_reply_was_lost_and_a_key_that_others_made_since(
    etcd: EtcdServer, proxy: Proxy, behaviour: Behaviour
) -> None:
    etcd.put(KEY, "x")
    index = etcd.index() or 0

    def lose_and_make_it_anew(request: Request) -> bytes | None:
        behaviour(request)
        if behaviour is drop_request:
            etcd.delete(KEY)
        etcd.put(KEY, "of others")
        return None

    proxy.at(1, lose_and_make_it_anew)
    client_of(proxy.authority).delete(KEY, index)
    assert etcd.get(KEY) == "of others"


def test_delete_tree(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    etcd.put(KEY, "x")
    node = client.get("/test")
    assert node is not None
    assert client.delete_tree("/test", node) is True
    assert etcd.keys() == {}
    assert client.delete_tree("/test", node) is False


# Answers about something else, whose keys and values are those of a real etcd


@pytest.mark.parametrize("name", ["a%2fb", "a%25b", "%", "é", "a b+c", "a\x00\x1b", "\udcff", "\ud800x", "...", "日本"])
def test_an_answer_about_the_key_that_was_asked_for(etcd: EtcdServer, proxy: Proxy, name: str) -> None:
    def as_of_old(request: Request) -> bytes:
        request.body = request.body.replace(b"noValueOnSuccess", b"unknownToOldEtcd")
        return request.forward()

    for authority in (etcd.endpoint, proxy.authority):
        proxy.since(1, as_of_old)
        client = client_of(authority)
        directory = f"/test/{keys.segment(name)}"
        key = f"{directory}/{keys.segment(name)}"
        client.create(key, "%26 & = + ä \n")
        node = client.get(key)
        assert node is not None
        assert node["value"] == "%26 & = + ä \n"
        client.swap(key, "new", node["modifiedIndex"])
        assert client._first_event(key, client.index, False) is not None
        client.put(key, "{}")
        tree = client.get("/test", recursive=True)
        assert tree is not None
        [[found]] = [each["nodes"] for each in tree["nodes"]]
        client.delete(key, found["modifiedIndex"])
        assert client._first_event(key, client.index, False) is not None
        client.create(key, "")
        assert client.delete_tree(directory, {"createdIndex": 0}) is True
        # The event is that of the directory.
        event = client._first_event(key, client.index, False)
        assert event is not None
        assert event["node"]["key"] == found["key"].rpartition("/")[0]
        assert client.get(key) is None


def changed(old: str, new: str) -> Behaviour:
    """What etcd answers, with another text in the place of one that must be there."""

    def behaviour(request: Request) -> bytes:
        request.body = request.body.replace(b"noValueOnSuccess", b"unknownToOldEtcd")
        head, _, body = request.forward().partition(b"\r\n\r\n")
        assert old.encode() in body
        assert len(old) == len(new)
        return head + b"\r\n\r\n" + body.replace(old.encode(), new.encode())

    return behaviour


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ('"/test/key"', '"/test/kez"', "its answer is about another key, /test/kez"),
        ('"compareAndSwap"', '"compareAndSwop"', "its answer is about another action"),
        ('"new"', '"old"', "its answer has a different value from the one written"),
        ('"node"', '"Node"', "its answer has no node"),
    ],
)
def test_a_write_that_is_answered_with_something_else(
    etcd: EtcdServer, proxy: Proxy, old: str, new: str, cause: str
) -> None:
    etcd.put(KEY, "was")
    index = etcd.index()
    proxy.at(1, changed(old, new))
    client = client_of(proxy.authority)
    client.swap(KEY, "new", index)  # the key's history tells that it was carried out
    assert (etcd.get(KEY), etcd.index()) == ("new", index + 1)
    proxy.reset()
    proxy.at(1, changed(old, new))
    proxy.since(2, drop_request)
    with pytest.raises(DatastoreError) as raised:
        client.swap(KEY, "new", index + 1)
    assert raised.value.message == f"Error accessing etcd at http://{proxy.authority} ({cause}).  {NOT_KNOWN}"


@pytest.mark.parametrize(
    ("key", "good"),
    [("/test/b", True), ("/test/.b", True), ("/test", False), ("/test/", False), ("/test/b/c", False),
     ("/testb", False), ("/b", False), ("b", False), ("", False), ("/test/.", False), ("/test/..", False)],
)  # fmt: skip
def test_children_are_below_their_directory(key: str, good: bool) -> None:
    child = {"key": key, "value": "", "modifiedIndex": 1}
    tree = {"key": "/test", "dir": True, "nodes": [child], "modifiedIndex": 1}
    assert is_node(child)
    assert is_node(tree) is good
    assert is_node({"key": "", "dir": True, "nodes": [tree], "modifiedIndex": 1}) is good


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 21, "-1", "", "\xb2", "1_0"])
def test_an_index_that_is_no_number_of_etcd_s(calicoctl: Calicoctl, proxy: Proxy, number: str) -> None:
    body = '{"action": "get", "node": {"key": "/calico/v1/policy/profile", "dir": true, "modifiedIndex": 1}}'
    head = f"HTTP/1.1 200 OK\r\nX-Etcd-Index: {number}\r\nConnection: close\r\n\r\n"
    proxy.since(1, answer_raw((head + body).encode("latin-1")))
    result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": proxy.authority})
    assert result == Result(0, EMPTY_TABLE, "")


# Errors: one line with the endpoint, the cause and what helps


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


def test_a_refused_connection(calicoctl: Calicoctl, dead: str) -> None:
    result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": dead})
    complaint = f"Error accessing etcd at http://{dead} (Connection refused).  Is etcd running?\n"
    assert result == Result(1, "", complaint)


def test_a_name_that_does_not_resolve(calicoctl: Calicoctl) -> None:
    result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": "etcd.invalid:2379"})
    assert (result.status, result.stdout) == (1, "")
    # The cause is in the words of the system's resolver.
    assert result.stderr.startswith("Error accessing etcd at http://etcd.invalid:2379 (")
    assert result.stderr.endswith(").  Is etcd running?\n")
    assert result.stderr.count("\n") == 1


def test_an_ipv6_endpoint(calicoctl: Calicoctl) -> None:
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
    """An etcd as it is by default: it has no v2 API."""

    def _wait_until_ready(self) -> bool:
        super()._wait_until_ready()  # says no, as the v2 API does not answer, but not before etcd does
        return self._process.poll() is None


def test_an_etcd_without_the_v2_api(calicoctl: Calicoctl) -> None:
    with EtcdWithoutV2(["--enable-v2=false"]) as etcd:
        complaint = f"Error accessing etcd at http://{etcd.endpoint} (it has no v2 API; start etcd with --enable-v2).\n"
        env = {"ETCD_AUTHORITY": etcd.endpoint}
        for command in (("show",), ("add", "P"), ("remove", "P"), ("P", "tag", "add", "T")):
            assert calicoctl("profile", *command, env=env) == Result(1, "", complaint)


# Timeouts


def test_the_read_timeout_means_what_it_says(calicoctl: Calicoctl, proxy: Proxy) -> None:
    proxy.since(1, never_answer)
    began = time.monotonic()
    result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": proxy.authority, "CALICOCTL_READ_TIMEOUT": "1"})
    seconds = time.monotonic() - began
    complaint = f"Error accessing etcd at http://{proxy.authority} (no answer within 1 s).  Is etcd running?\n"
    assert result == Result(1, "", complaint)
    assert 1 <= seconds < 2.5
    assert len(proxy.requests) == 1


def test_the_read_timeout_is_for_each_byte() -> None:
    # The whole answer takes longer than the timeout, but the server never pauses as long.
    body = b'{"action": "get", "node": {"key": "/test/key", "value": "x", "modifiedIndex": 1}}'

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            for start in range(0, len(body), 10):
                time.sleep(0.1)  # waits for nothing: it is the server's pace
                connection.sendall(body[start : start + 10])

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        node = client_of(f"{HOST}:{listener.getsockname()[1]}", read_timeout=0.5).get(KEY)
        thread.join()
    assert node == {"key": "/test/key", "value": "x", "modifiedIndex": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels answer though the queue of connections is full")
def test_the_connect_timeout(calicoctl: Calicoctl) -> None:
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


def test_no_connection_is_sent_twice_after_a_timeout_of_a_write(proxy: Proxy, etcd: EtcdServer) -> None:
    proxy.since(1, never_answer)
    with pytest.raises(DatastoreError) as raised:
        client_of(proxy.authority, read_timeout=0.2).create(KEY, "x")
    assert raised.value.message == (
        f"Error accessing etcd at http://{proxy.authority} (no answer within 0.2 s).  {NOT_KNOWN}"
    )
    assert proxy.requests == [f"PUT /v2/keys{KEY}", f"GET /v2/keys{KEY}"]


# Several endpoints


def test_the_first_endpoint_that_answers_is_taken(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, dead: str
) -> None:
    env = {"ETCD_ENDPOINTS": f"http://{dead}, http://{proxy.authority}, http://{etcd.endpoint}"}
    assert calicoctl("profile", "add", "P", env=env) == Result(0, "Created profile P\n", "")
    # It is asked first from then on, and nothing but what the command needs.
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
def test_reading_goes_on_to_the_next_endpoint(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, behaviour: Behaviour
) -> None:
    proxy.since(1, behaviour)
    env = {"ETCD_ENDPOINTS": f"http://{proxy.authority},http://{etcd.endpoint}"}
    assert calicoctl("profile", "show", env=env) == Result(0, EMPTY_TABLE, "")
    assert len(proxy.requests) == 1


def test_etcd_s_own_refusal_is_no_reason_to_ask_another(etcd: EtcdServer, proxy: Proxy) -> None:
    proxy.since(1, error(401, 110))
    with pytest.raises(DatastoreError):
        client_of(proxy.authority, etcd.endpoint).get(KEY)
    assert len(proxy.requests) == 1


def test_all_endpoints_dead(calicoctl: Calicoctl, proxy: Proxy, dead: str) -> None:
    proxy.since(1, drop_request)
    env = {"ETCD_ENDPOINTS": f"http://{dead},http://{proxy.authority}"}
    complaint = (
        f"Error accessing etcd at http://{dead} (Connection refused), "
        f"http://{proxy.authority} (Remote end closed connection without response).  "
        "Is etcd running, and does it take http, not https?\n"
    )
    for command in (("show",), ("add", "P"), ("remove", "P"), ("P", "tag", "add", "T")):
        assert calicoctl("profile", *command, env=env) == Result(1, "", complaint)


def test_a_write_goes_to_an_endpoint_that_can_be_reached(etcd: EtcdServer) -> None:
    with Proxy(etcd) as first:
        client = client_of(first.authority, etcd.endpoint)
        assert client.get(KEY) is None
    client.create(KEY, "x")
    index = etcd.index()
    assert etcd.get(KEY) == "x"
    client.swap(KEY, "y", index)
    assert etcd.get(KEY) == "y"


def test_a_write_whose_reply_was_lost_is_looked_for_through_the_other_endpoint(etcd: EtcdServer, proxy: Proxy) -> None:
    client = client_of(proxy.authority, etcd.endpoint)
    etcd.put(KEY, "old")
    index = etcd.index()
    proxy.at(1, drop_reply)
    proxy.since(2, drop_request)
    client.swap(KEY, "new", index)
    assert etcd.get(KEY) == "new"
    assert etcd.index() == index + 1
    assert proxy.requests == [f"PUT /v2/keys{KEY}"]


def test_a_second_try_goes_to_another_endpoint(etcd: EtcdServer, proxy: Proxy) -> None:
    client = client_of(proxy.authority, etcd.endpoint)
    assert client.get(KEY) is None
    proxy.since(2, drop_request)
    client.create(KEY, "new")
    assert etcd.get(KEY) == "new"
    assert proxy.requests == [f"GET /v2/keys{KEY}", f"PUT /v2/keys{KEY}"]


# TLS


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the authorities `ca` and `other`, and certificates of `ca`.

    These are `server` for 127.0.0.1, `elsewhere` for another host, `expired` for 127.0.0.1 and no longer, and `client`.
    Keys that are of no use are `encrypted.key` and `truncated.key`, both of `client`. `garbage` and `empty` are neither
    key nor certificate.
    """
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    (folder / "ca.cnf").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n"
        "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
    )
    for name in ("ca", "other"):
        openssl("req", "-x509", "-config", "ca.cnf", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.crt",
                "-days", "2", "-subj", f"/CN={name}")  # fmt: skip
    names = {
        "server": "IP:127.0.0.1",
        "elsewhere": "DNS:elsewhere.example",
        "expired": "IP:127.0.0.1",
        "client": "DNS:client.example",
    }
    days = {"expired": "-1"}
    for name, subject in names.items():
        (folder / f"{name}.ext").write_text(f"subjectAltName={subject}\nauthorityKeyIdentifier=keyid\n")
        openssl(
            "req",
            "-config",
            "ca.cnf",
            *new_key,
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.crt", "-days", days.get(name, "2"), "-extfile", f"{name}.ext")  # fmt: skip
    openssl("pkcs8", "-topk8", "-v2", "aes256", "-passout", "pass:x", "-in", "client.key", "-out", "encrypted.key")
    (folder / "truncated.key").write_text((folder / "client.key").read_text()[:100])
    (folder / "garbage").write_bytes(b"\xff no certificate\n")
    (folder / "empty").touch()
    return folder


def tls_of(certificates: Path, name: str = "server", clients: bool = False) -> ssl.SSLContext:
    """A server's side of TLS; with `clients` they must have a certificate of `ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.crt", certificates / f"{name}.key")
    if clients:
        context.load_verify_locations(certificates / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def secure(proxy: Proxy, **files: Path) -> dict[str, str]:
    """The environment for https to a proxy with the files `ca`, `cert`, `key`."""
    names = {"ca": "ETCD_CA_CERT_FILE", "cert": "ETCD_CERT_FILE", "key": "ETCD_KEY_FILE"}
    return {
        "ETCD_SCHEME": "https",
        "ETCD_AUTHORITY": proxy.authority,
        **{names[name]: str(path) for name, path in files.items()},
    }


def test_https_with_an_authority_of_one_s_own(calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path) -> None:
    with Proxy(etcd, tls_of(certificates)) as proxy:
        env = secure(proxy, ca=certificates / "ca.crt")
        assert calicoctl("profile", "add", "P", env=env) == Result(0, "Created profile P\n", "")
        assert len(proxy.requests) == 4
        env = {**env, "ETCD_AUTHORITY": "", "ETCD_SCHEME": "", "ETCD_ENDPOINTS": f"https://{proxy.authority}"}
        assert calicoctl("profile", "P", "tag", "show", env=env) == Result(0, "P\n", "")


def test_https_with_the_system_s_authorities(calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path) -> None:
    with Proxy(etcd, tls_of(certificates)) as proxy:
        env = {**secure(proxy), "SSL_CERT_FILE": str(certificates / "ca.crt")}
        assert calicoctl.process("profile", "show", env=env) == Result(0, EMPTY_TABLE, "")


NOT_OF_THIS_ADDRESS = "IP address mismatch, certificate is not valid for '127.0.0.1'."
UNKNOWN_AUTHORITY = "unable to get local issuer certificate; is ETCD_CA_CERT_FILE that of its authority?"


@pytest.mark.parametrize(
    ("server", "authority", "cause"),
    [
        ("server", "other", UNKNOWN_AUTHORITY),
        ("server", None, UNKNOWN_AUTHORITY),
        ("other", "ca", "self-signed certificate; is ETCD_CA_CERT_FILE that of its authority?"),
        ("elsewhere", "ca", NOT_OF_THIS_ADDRESS),
        ("expired", "ca", "certificate has expired"),
    ],
)
def test_https_refuses_a_server_that_it_cannot_trust(
    calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path, server: str, authority: str | None, cause: str
) -> None:
    with Proxy(etcd, tls_of(certificates, server)) as proxy:
        env = secure(proxy, **({"ca": certificates / f"{authority}.crt"} if authority else {}))
        for command in (("show",), ("add", "P")):
            result = calicoctl("profile", *command, env=env)
            said = result.stderr.replace("self signed", "self-signed")  # OpenSSL 1.1
            # urllib3 1.26 compares the names itself
            said = said.replace("hostname '127.0.0.1' doesn't match 'elsewhere.example'", NOT_OF_THIS_ADDRESS)
            assert (result.status, result.stdout) == (1, "")
            refused = f"TLS: the server's certificate is refused: {cause}"
            assert said == f"Error accessing etcd at https://{proxy.authority} ({refused}).\n"
        assert proxy.requests == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"ca": "garbage"}, "Cannot use ETCD_CA_CERT_FILE {ca}: {no_certificate}."),
        ({"ca": "empty"}, "Cannot use ETCD_CA_CERT_FILE {ca}: {no_certificate}."),
        ({"ca": "ca.key"}, "Cannot use ETCD_CA_CERT_FILE {ca}: {no_certificate}."),
        ({"cert": "garbage"}, "Cannot use ETCD_CERT_FILE {cert}: {no_certificate}."),
        ({"cert": "empty"}, "Cannot use ETCD_CERT_FILE {cert}: {no_certificate}."),
        ({"key": "garbage"}, "Cannot use ETCD_KEY_FILE {key}: {no_key}."),
        ({"key": "empty"}, "Cannot use ETCD_KEY_FILE {key}: {no_key}."),
        ({"key": "truncated.key"}, "Cannot use ETCD_KEY_FILE {key}: {no_key}."),
        ({"key": "client.crt"}, "Cannot use ETCD_KEY_FILE {key}: {no_key}."),
        (
            {"key": "server.key"},
            "Cannot use ETCD_KEY_FILE {key}: the private key does not belong to the certificate of ETCD_CERT_FILE, "
            "{cert}.",
        ),
        (
            {"key": "encrypted.key"},
            "Cannot use ETCD_KEY_FILE {key}: the private key needs a passphrase; give one that needs none.",
        ),
        (
            {"cert": "client.key", "key": "client.crt"},
            "ETCD_CERT_FILE names a private key ({cert}) and ETCD_KEY_FILE a certificate ({key}): exchange them.",
        ),
    ],
)
def test_https_with_files_that_are_of_no_use(
    calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path, files: dict[str, str], complaint: str
) -> None:
    names = {"ca": "ca.crt", "cert": "client.crt", "key": "client.key", **files}
    paths = {role: certificates / name for role, name in names.items()}
    with Proxy(etcd, tls_of(certificates)) as proxy:
        result = calicoctl("profile", "show", env={**secure(proxy, **paths), "CALICOCTL_DEBUG": "1"})
        assert proxy.requests == []
    complaint = complaint.format(
        **paths,
        no_certificate="it has no certificate in PEM form that can be read",
        no_key="it has no private key in PEM form that can be read",
    )
    assert result == Result(1, "", f"{complaint}\n")


def test_one_file_with_the_key_and_the_certificate(
    calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_text((certificates / "client.key").read_text() + (certificates / "client.crt").read_text())
    with Proxy(etcd, tls_of(certificates, clients=True)) as proxy:
        env = secure(proxy, ca=certificates / "ca.crt", cert=both, key=both)
        assert calicoctl("profile", "show", env=env) == Result(0, EMPTY_TABLE, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("hidden", "variable"), [("ca.crt", "ETCD_CA_CERT_FILE"), ("client.key", "ETCD_KEY_FILE")])
def test_files_that_may_not_be_read(certificates: Path, hidden: str, variable: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file in ("ca.crt", "client.crt", "client.key"):
            shutil.copy(certificates / file, folder)
            (folder / file).chmod(0 if file == hidden else 0o644)
        env = {"ETCD_SCHEME": "https", "ETCD_CA_CERT_FILE": str(folder / "ca.crt")}
        env |= {"ETCD_CERT_FILE": str(folder / "client.crt"), "ETCD_KEY_FILE": str(folder / "client.key")}
        settings = Settings.from_environment(env)
        check_files(settings.ca_file, settings.certificate)  # also imports what the user nobody may not read
        nobody = 65534
        os.setresuid(nobody, nobody, 0)
        try:
            with pytest.raises(DatastoreError) as late:
                check_files(settings.ca_file, settings.certificate)
            with pytest.raises(CommandError) as early:
                Settings.from_environment(env)
        finally:
            os.setresuid(0, 0, 0)
    assert late.value.message == f"Cannot use {variable} {folder / hidden}: Permission denied."
    legacy = {"ETCD_CA_CERT_FILE": "Invalid ETCD_CA_CERT_FILE. ", "ETCD_KEY_FILE": "Cannot read ETCD_KEY_FILE and/or "}
    assert early.value.message.startswith(legacy[variable])


def test_https_to_a_server_that_speaks_http(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    result = calicoctl("profile", "show", env={"ETCD_SCHEME": "https"})
    assert (result.status, result.stdout) == (1, "")
    # etcd hangs up or answers in plain text; now and then the kernel is quicker to say so than OpenSSL.
    causes = (
        r"TLS: [a-z ]+; does it speak https\?\)\.|"
        r"TLS: EOF [a-z ]+; does it take https without a client certificate\?\)\.|"
        r"Connection reset by peer\)\.  Is etcd running, and does it take https without a client certificate\?"
    )
    assert re.fullmatch(rf"Error accessing etcd at https://{etcd.endpoint} \(({causes})\n", result.stderr)


def test_http_to_a_server_that_speaks_https(calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path) -> None:
    with Proxy(etcd, tls_of(certificates)) as proxy:
        result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": proxy.authority})
        assert (result.status, result.stdout) == (1, "")
        advice = r"Is etcd running, and does it take http, not https\?"
        complaint = rf"Error accessing etcd at http://{proxy.authority} \([^()]+\)\.  {advice}\n"
        assert re.fullmatch(complaint, result.stderr)
        assert proxy.requests == []


class EtcdWithTls(EtcdServer):
    """An etcd that speaks https only, with a certificate of the folder."""

    def __init__(self, certificates: Path, clients: bool = False) -> None:
        of_clients = ["--client-cert-auth", f"--trusted-ca-file={certificates}/ca.crt"] if clients else []
        super().__init__(
            [f"--cert-file={certificates}/server.crt", f"--key-file={certificates}/server.key", *of_clients]
        )

    def _launch(self, binary: str, peer_port: int, log: Path) -> subprocess.Popen[bytes]:
        urls = [f"--{kind}-client-urls=https://{self.endpoint}" for kind in ("listen", "advertise")]
        self.arguments = [argument for argument in self.arguments if "-client-urls=" not in argument] + urls
        return super()._launch(binary, peer_port, log)

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port)):
                return True
            time.sleep(0.01)
        return False


def test_an_etcd_that_speaks_https_only(calicoctl: Calicoctl, certificates: Path) -> None:
    with EtcdWithTls(certificates) as etcd:
        env = {"ETCD_AUTHORITY": etcd.endpoint, "ETCD_SCHEME": "https", "ETCD_CA_CERT_FILE": f"{certificates}/ca.crt"}
        assert calicoctl("profile", "add", "P", env=env) == Result(0, "Created profile P\n", "")
        result = calicoctl("profile", "show", env={**env, "ETCD_SCHEME": "http"})
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error accessing etcd at http://{etcd.endpoint} (")
    assert result.stderr.endswith(").  Is etcd running, and does it take http, not https?\n")
    assert result.stderr.count("\n") == 1


def test_an_etcd_that_wants_a_client_s_certificate(calicoctl: Calicoctl, certificates: Path) -> None:
    with EtcdWithTls(certificates, clients=True) as etcd:
        env = {"ETCD_AUTHORITY": etcd.endpoint, "ETCD_SCHEME": "https", "ETCD_CA_CERT_FILE": f"{certificates}/ca.crt"}

        def run(name: str) -> Result:
            files = {"ETCD_CERT_FILE": f"{certificates}/{name}.crt", "ETCD_KEY_FILE": f"{certificates}/{name}.key"}
            result = calicoctl("profile", "show", env={**env, **(files if name else {})})
            # OpenSSL's words depend on its version, and on that of Go which of the alerts it is.
            alert = r"(?:sslv3|ssl/tls|tlsv1|tlsv13) alert (?:bad certificate|certificate required|unknown ca)"
            return Result(result.status, result.stdout, re.sub(alert, "ALERT", result.stderr))

        assert run("client") == Result(0, EMPTY_TABLE, "")
        beginning = f"Error accessing etcd at https://{etcd.endpoint} (TLS: the server says ALERT; "
        assert run("") == Result(
            1, "", f"{beginning}it wants a client's certificate: set ETCD_CERT_FILE and ETCD_KEY_FILE).\n"
        )
        refused = "is the certificate of ETCD_CERT_FILE expired, or of an authority that the server does not know?).\n"
        assert run("expired") == Result(1, "", beginning + refused)
        assert run("other") == Result(1, "", beginning + refused)


@pytest.mark.parametrize("command", [("show",), ("add", "P")], ids=" ".join)
def test_a_second_endpoint_is_asked_if_the_first_never_ends_the_handshake(
    calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path, command: tuple[str, ...]
) -> None:
    with socket.create_server((HOST, 0)) as silent, Proxy(etcd, tls_of(certificates)) as proxy:
        endpoints = f"https://{HOST}:{silent.getsockname()[1]},https://{proxy.authority}"
        env = {**secure(proxy, ca=certificates / "ca.crt"), "ETCD_ENDPOINTS": endpoints}
        assert calicoctl("profile", *command, env={**env, "CALICOCTL_CONNECT_TIMEOUT": "0.5"}).status == 0


def test_a_server_that_never_ends_the_handshake(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    with socket.create_server((HOST, 0)) as silent:
        authority = f"{HOST}:{silent.getsockname()[1]}"
        env = {"ETCD_SCHEME": "https", "ETCD_AUTHORITY": authority, "CALICOCTL_CONNECT_TIMEOUT": "0.3"}
        cause = "no answer to TLS within 0.3 s; does it speak https?"
        complaint = f"Error accessing etcd at https://{authority} ({cause}).  Is etcd running?\n"
        assert calicoctl("profile", "show", env=env) == Result(1, "", complaint)
