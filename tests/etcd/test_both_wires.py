"""What the client guarantees over both http and https, tested with the same faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from calicoctl.etcd import wire
from calicoctl.etcd.client import Client
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.etcd.settings import Settings
from tests.conftest import Calicoctl
from tests.etcd.clients import KEY, NOT_KNOWN, error, secure, tls_of
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request, drop_reply, drop_request, never_answer
from tests.trust.test_bad_answers import ANSWERS

pytestmark = [pytest.mark.libraries]


class Way:
    """A connection to etcd through a proxy."""

    def __init__(self, scheme: str, proxy: Proxy, certificates: Path) -> None:
        self.proxy = proxy
        self.ca = str(certificates / "ca.crt") if scheme == "https" else None
        self.endpoint = f"{scheme}://{proxy.authority}"
        self.env = secure(proxy, ca=certificates / "ca.crt") if self.ca else {"ETCD_AUTHORITY": proxy.authority}

    def client(self, read_timeout: float = 5.0) -> Client:
        return Client(Settings([self.endpoint], self.ca, read_timeout=read_timeout))


@pytest.fixture(params=["http", "https"])
def way(request: pytest.FixtureRequest, etcd: EtcdServer, certificates: Path) -> Iterator[Way]:
    with Proxy(etcd, tls_of(certificates) if request.param == "https" else None) as proxy:
        yield Way(request.param, proxy, certificates)


def cut(request: Request) -> bytes | None:
    return request.forward()[:-1]


# Reads


@pytest.mark.parametrize("behaviour", [drop_request, drop_reply, cut])
def test_read_is_tried_three_times_after_dropped_connections(etcd: EtcdServer, way: Way, behaviour: Behaviour) -> None:
    etcd.put(KEY, "x")
    for drops in (1, 2):
        way.proxy.reset()
        for number in range(1, drops + 1):
            way.proxy.at(number, behaviour)
        node = way.client().get(KEY)
        assert node is not None
        assert node["value"] == "x"
        assert len(way.proxy.requests) == drops + 1
    way.proxy.reset()
    way.proxy.since(1, behaviour)
    with pytest.raises(DatastoreError):
        way.client().get(KEY)
    assert len(way.proxy.requests) == 3


def test_read_is_not_retried_after_timeout(way: Way) -> None:
    way.proxy.since(1, never_answer)
    with pytest.raises(DatastoreError) as raised:
        way.client(read_timeout=0.3).get(KEY)
    assert raised.value.message == f"Error accessing etcd at {way.endpoint} (no answer within 0.3 s).  Is etcd running?"
    assert len(way.proxy.requests) == 1


def test_read_is_not_retried_after_total_read_timeout(way: Way) -> None:
    def slow(request: Request) -> None:
        request.is_over(0.4)  # the response time of the server

    way.proxy.since(1, slow)
    with pytest.raises(DatastoreError):
        way.client(read_timeout=0.6).get(KEY)
    assert len(way.proxy.requests) == 2


# Writes


@pytest.mark.parametrize("behaviour", [drop_request, drop_reply, cut])
def test_write_is_applied_once_even_if_check_is_dropped(etcd: EtcdServer, way: Way, behaviour: Behaviour) -> None:
    etcd.put(KEY, "old")
    index = etcd.index() or 0
    for number in (1, 2, 3):  # the write, then two reads of the key
        way.proxy.at(number, behaviour if number == 1 else drop_reply)
    assert way.client().swap(KEY, "new", index) == index + 1
    assert (etcd.get(KEY), etcd.index()) == ("new", index + 1)


def test_history_is_read_again_after_dropped_connection(etcd: EtcdServer, way: Way) -> None:
    etcd.put(KEY, "old")
    index = etcd.index() or 0

    def change_by_others(request: Request) -> None:
        request.forward()
        etcd.put(KEY, "of others")

    way.proxy.at(1, change_by_others)
    way.proxy.at(3, drop_reply)  # the read of the first event
    way.proxy.at(4, drop_request)
    assert way.client().swap(KEY, "new", index) == index + 1
    assert etcd.get(KEY) == "of others"


@pytest.mark.parametrize("applied", [True, False])
def test_uncertain_answer_is_resolved_by_history(etcd: EtcdServer, way: Way, applied: bool) -> None:
    """With code 300 the cluster did not agree in time: the write may still have been applied."""
    etcd.put(KEY, "old")
    index = etcd.index() or 0

    def timed_out(request: Request) -> bytes | None:
        if applied:
            request.forward()
        return error(500, 300, "Raft Internal Error", "etcdserver: request timed out")(request)

    way.proxy.at(1, timed_out)
    assert way.client().swap(KEY, "new", index) == index + 1
    writes = [request for request in way.proxy.requests if request.startswith("PUT")]
    assert (etcd.get(KEY), etcd.index(), len(writes)) == ("new", index + 1, 1 if applied else 2)


def test_uncertain_answer_is_not_reported_as_lost(etcd: EtcdServer, way: Way) -> None:
    def timed_out(request: Request) -> bytes | None:
        if request.method == "GET":
            return request.forward()
        return error(500, 300, "Raft Internal Error", "etcdserver: request timed out")(request)

    way.proxy.since(1, timed_out)
    client = way.client(read_timeout=0.2)
    assert client.get(KEY) is None
    with pytest.raises(DatastoreError) as raised:
        client.create(KEY, "new")
    cause = "etcd answered each try with an error: Raft Internal Error : etcdserver: request timed out"
    advice = f"{KEY} was not written, according to etcd."
    assert raised.value.message == f"Error accessing etcd at {way.endpoint} ({cause}).  {advice}"


@pytest.mark.parametrize(
    ("code", "complaint"),
    [(301, "Error accessing etcd at {} (message : cause).  Is etcd running?"),
     (107, "Error accessing etcd at {} (message : cause).")],
)  # fmt: skip
def test_other_server_errors_are_final(way: Way, code: int, complaint: str) -> None:
    way.proxy.since(1, error(500, code))
    with pytest.raises(DatastoreError) as raised:
        way.client().create(KEY, "new")
    assert raised.value.message == complaint.format(way.endpoint)
    assert way.proxy.requests == [f"PUT /v2/keys{KEY}"]


def test_conflict_is_final_with_any_status(etcd: EtcdServer, way: Way) -> None:
    way.proxy.since(1, error(500, 101))
    with pytest.raises(Conflict):
        way.client().swap(KEY, "new", 1)
    assert len(way.proxy.requests) == 1


def test_write_without_any_answer(way: Way) -> None:
    way.proxy.since(1, never_answer)
    with pytest.raises(DatastoreError) as raised:
        way.client(read_timeout=0.2).create(KEY, "x")
    assert raised.value.message == f"Error accessing etcd at {way.endpoint} (no answer within 0.2 s).  {NOT_KNOWN}"


# Answers that do not come from etcd


@pytest.mark.parametrize("name", ANSWERS)
def test_invalid_answer_is_one_line_and_changes_nothing(
    calicoctl: Calicoctl, etcd: EtcdServer, way: Way, name: str
) -> None:
    way.proxy.since(1, ANSWERS[name])
    for command in (("profile", "show"), ("profile", "add", "P"), ("profile", "remove", "P")):
        result = calicoctl(*command, env=way.env)
        assert (result.status, result.stdout) == (1, ""), command
        assert result.stderr.startswith(f"Error accessing etcd at {way.endpoint} ("), command
        assert result.stderr.count("\n") == 1, command
        assert result.stderr.rstrip("\n").isprintable(), command
    assert etcd.keys() == {}


def endless(head: bytes, piece: bytes) -> Behaviour:
    def behaviour(request: Request) -> bytes | None:
        request.send(b"HTTP/1.1 200 OK\r\n" + head)
        while not request.is_over():
            request.send(piece)
        return None

    return behaviour


@pytest.mark.parametrize(
    ("head", "piece", "cause"),
    [
        (b"\r\n", b"x" * 65536, "its answer of status 200 is not the JSON that etcd sends"),
        (b'\r\n{"node": "', b"x" * 65536, "its answer is larger than 2,097,152 bytes"),
        (b"Content-Encoding: gzip\r\n\r\n", b"x" * 65536, "its answer is compressed"),
        (b'Transfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n', b"1\r\nx\r\n" * 9999,
         "its answer is larger than 2,097,152 bytes"),
    ],
)  # fmt: skip
def test_endless_answer(way: Way, monkeypatch: pytest.MonkeyPatch, head: bytes, piece: bytes, cause: str) -> None:
    monkeypatch.setattr(wire, "MAX_BYTES", 2 << 20)
    way.proxy.since(1, endless(head, piece))
    with pytest.raises(DatastoreError) as raised:
        way.client().get(KEY)
    assert raised.value.message == f"Error accessing etcd at {way.endpoint} ({cause})."


def test_slow_answer_is_aborted(way: Way) -> None:
    def drip(request: Request) -> None:
        request.send(b"HTTP/1.1 200 OK\r\n\r\n{")
        while not request.is_over(0.05):  # the pace of the server
            request.send(b" ")

    way.proxy.since(1, drip)
    began = time.monotonic()
    with pytest.raises(DatastoreError, match="its answer is too slow: "):
        way.client(read_timeout=0.2).get(KEY)
    assert 0.6 <= time.monotonic() - began < 3
