"""Every command with invalid answers from the server: one line, exit 1 (2 if 1 is a result), within limits."""

from __future__ import annotations

import gzip
import json
import random
import resource
import time
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import pytest

from calicoctl.calicoq.cli import COMMANDS as COMMANDS_OF_CALICOQ
from calicoctl.etcd import wire
from calicoctl.usage.table import COMMANDS
from tests.command_lines import ALL, READING, WRITING, Row
from tests.conftest import Calicoctl
from tests.containers.namespaces import why_no_namespaces
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request, answer, answer_raw
from tests.sampling import Sampling
from tests.trust.checks import check_claims, check_repeated
from tests.trust.outcomes import (
    KERNEL,
    UNCONDITIONAL,
    prepare,
    reports_remaining_changes,
    run_row,
    state_of,
    undisturbed,
)

pytestmark = [pytest.mark.libraries, pytest.mark.once]

NODE = '{"key": "/calico", "modifiedIndex": 1, "createdIndex": 1, "dir": true, "nodes": %s}'
READS_EVERYTHING = {"backup", "restore", "snapshot", "--with=-", "--flows", "--deny-if=opens"}
FAILURE_STATUS = {name: command.failure_status for name, command in {**COMMANDS, **COMMANDS_OF_CALICOQ}.items()}
PIECE = b"x" * (1 << 20)
EMPTY = b"Content-Length: 0\r\nConnection: close\r\n\r\n"


def gzipped(status: str, text: str) -> Behaviour:
    content = gzip.compress(text.encode())
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
    return answer_raw(f"{head}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content)


def node(nodes: str) -> Behaviour:
    return answer("200 OK", f'{{"action": "get", "node": {NODE % nodes}}}', "application/json")


def of_the_key_asked_for(action: str, more: str) -> Behaviour:
    """An answer with the requested key; the paths of these tests need no quoting except for UTF-8."""

    def behaviour(request: Request) -> bytes | None:
        key = unquote(request.path.removeprefix("/v2/keys"))
        content = f'{{"action": "{action}", "node": {{"key": {json.dumps(key)}, "modifiedIndex": 1{more}}}}}'
        return answer("200 OK", content, "application/json")(request)

    return behaviour


ANSWERS: dict[str, Behaviour] = {
    "captive portal": answer("200 OK", "<html><body>Please log in.\n\x1b[2J</body></html>", "text/html"),
    "truncated": answer_raw(b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"action": "get", "node": {"ke'),
    "truncated without a length": answer_raw(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"action": "get", "no'),
    "wrong content": answer("200 OK", '{"status": "ok"}', "application/json"),
    "another's JSON": answer("200 OK", "[1, 2, 3]", "application/json"),
    "empty": answer("200 OK", ""),
    "no content": answer("204 No Content", ""),
    "401": answer("401 Unauthorized", "<html>", "text/html"),
    "403": answer("403 Forbidden", '{"message": "no"}', "application/json"),
    "404": answer("404 Not Found", "404 page not found\n"),
    "404 in JSON": answer("404 Not Found", '{"error": "not found"}', "application/json"),
    "429": answer("429 Too Many Requests", "\x1b]0;pwned\x07 slow\rdown"),
    "500": answer("500 Internal Server Error", "oops"),
    "503": answer("503 Service Unavailable", "<html>", "text/html"),
    "301": answer_raw(b"HTTP/1.1 301 Moved\r\nLocation: http://192.0.2.1/\r\n" + EMPTY),
    "307": answer_raw(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\n" + EMPTY),
    "a reason with escapes": answer_raw(b"HTTP/1.1 418 \x1b[2J\x07\xff\r\n" + EMPTY),
    "a message with escapes": answer(
        "400 Bad Request", json.dumps({"errorCode": 999, "message": "a\n\x1b[2J", "cause": "x" * 10**6})
    ),
    "gzip": gzipped("200 OK", f'{{"node": {NODE % "[]"}}}'),
    "gzip that is none": answer_raw(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{nothing}"
    ),
    "not UTF-8": answer_raw(
        b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{"node": "\xff\xfe"}'
    ),
    "nested": answer("200 OK", '{"node":' * 100_000, "application/json"),
    "a huge number": answer("200 OK", '{"node": ' + "9" * 10_000 + "}", "application/json"),
    "nodes are text": node('"text"'),
    "nodes are null": node("null"),
    "nodes are numbers": node("[1]"),
    "a node without a key": node('[{"value": "x", "modifiedIndex": 1}]'),
    "a node with a number for a key": node('[{"key": 1, "modifiedIndex": 1}]'),
    "a node without an index": node('[{"key": "/a", "value": "x"}]'),
    "a node with a text for an index": node('[{"key": "/a", "value": "x", "modifiedIndex": "1"}]'),
    "a node with a number for a value": node('[{"key": "/a", "value": 1, "modifiedIndex": 1}]'),
    "a node of another key": node("[]"),
    "a value of another key": answer(
        "200 OK", '{"action": "get", "node": {"key": "/x", "value": "[]", "modifiedIndex": 1}}'
    ),
    "another key is not there": answer(
        "404 Not Found", '{"errorCode": 100, "message": "Key not found", "cause": "/x", "index": 7}'
    ),
    "children that are elsewhere": of_the_key_asked_for(
        "get", ', "dir": true, "nodes": [{"key": "/calico", "dir": true, "modifiedIndex": 1}]'
    ),
    "children of children": of_the_key_asked_for(
        "get", ', "dir": true, "nodes": [{"key": "/calico/v1/policy/profile/P/rules/x/y", "modifiedIndex": 1}]'
    ),
    "another action": of_the_key_asked_for("set", ', "value": "[]"'),
    "an action that is none": of_the_key_asked_for("[]", ', "dir": true'),
    "what a write without echo is answered": answer("200 OK", '{"action": "create"}', "application/json"),
    "a hundred headers more than are read": answer_raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"),
    "a header of a megabyte": answer_raw(b"HTTP/1.1 200 OK\r\nA: " + PIECE + b"\r\n\r\n"),
    "a status that is no number": answer_raw(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a length that is no number": answer_raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
    "a chunk that is none": answer_raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
}


# Commands that have another effect or result if they are run twice.
NOT_REPEATABLE = ("profile P rule remove inbound --at=1", "profile P tag remove P", "pool remove 10.65.0.0/24 --wait=0")
SECOND = ["captive portal", "truncated", "500", "503", "nodes are text", "gzip that is none", "a node of another key",
          "another action"]  # fmt: skip


@pytest.mark.product
@pytest.mark.parametrize("row", ALL, ids=str)
def test_every_command_reports_invalid_answer_in_one_line(
    row: Row, etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling
) -> None:
    prepare(row, etcd, calicoctl)
    before = state_of(row, etcd)
    for name in sampling.quarter(ANSWERS, ALL.index(row)):
        if name == "a node of another key" and READS_EVERYTHING.intersection(row.arguments):
            continue  # it is the very key that they ask for
        with Proxy(etcd) as proxy:
            proxy.since(1, ANSWERS[name])
            result = run_row(row, calicoctl, {"ETCD_AUTHORITY": proxy.authority})
        assert (result.status, result.stdout) == (FAILURE_STATUS.get(row.arguments[0], 1), ""), name
        check_complaint(result.stderr, f"Error accessing etcd at http://{proxy.authority} (", row)
        assert state_of(row, etcd) == before, name


@pytest.mark.product
@pytest.mark.parametrize("row", ALL, ids=str)
def test_second_answer_is_invalid(row: Row, etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling) -> None:
    if len(row.requests.split()) < 2:
        return
    for name in sampling.quarter(SECOND, ALL.index(row)):
        prepare(row, etcd, calicoctl)
        with Proxy(etcd) as proxy:
            proxy.since(2, ANSWERS[name])
            result = run_row(row, calicoctl, {"ETCD_AUTHORITY": proxy.authority})
        assert result.status == FAILURE_STATUS.get(row.arguments[0], 1), name
        check_complaint(result.stderr, f"Error accessing etcd at http://{proxy.authority} (", row)


@pytest.mark.parametrize("onwards", [False, True], ids=["one answer", "all later answers"])
@pytest.mark.parametrize("name", SECOND)
def test_invalid_answers_during_change_of_host(
    name: str, onwards: bool, etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling, dice: random.Random
) -> None:
    """Every effect on the host is undone, or the message names it; running the command again completes it."""
    rows = [row for row in WRITING if row.of_container]
    if not rows:
        pytest.skip(f"no network namespaces: {why_no_namespaces()}")
    cell = SECOND.index(name) + onwards
    for row in sampling.some(rows, [dice.choice(rows)]):
        outcome = undisturbed(row, etcd, calicoctl)
        for number in sampling.quarter(range(1, len(outcome.requests) + 1), cell):
            prepare(row, etcd, calicoctl)
            with Proxy(etcd) as proxy:
                (proxy.since if onwards else proxy.at)(number, ANSWERS[name])
                result = run_row(row, calicoctl, {"ETCD_AUTHORITY": proxy.authority})
            case = (row, number, result)
            if result.status == 0:  # an empty directory may remain
                assert (result, state_of(row, etcd)) == (outcome.result, outcome.after), case
                continue
            assert (result.status, result.stdout) == (1, ""), case
            check_complaint(result.stderr, "Error accessing etcd at http://", row)
            state = state_of(row, etcd)
            assert state[KERNEL] == outcome.before[KERNEL] or reports_remaining_changes(result.stderr), case
            check_claims(row, etcd)
            check_repeated(row, state, outcome, etcd, calicoctl)


# An answer in which etcd refuses a write. No proxy sends it after etcd has applied the write.
REFUSAL = "a message with escapes"


@pytest.mark.product
@pytest.mark.parametrize("name", [name for name in ANSWERS if name != REFUSAL])
def test_invalid_answer_to_applied_write(name: str, etcd: EtcdServer, calicoctl: Calicoctl, sampling: Sampling) -> None:
    """As after a lost reply, whether another endpoint or the same one is asked about the write."""
    rows = sampling.some(WRITING, [row for row in WRITING if row.line in NOT_REPEATABLE])
    for row in sampling.quarter(rows, list(ANSWERS).index(name)):
        outcome = undisturbed(row, etcd, calicoctl)
        for number in outcome.writes():
            for others in ([], [etcd.endpoint]):
                prepare(row, etcd, calicoctl)
                index = etcd.index()
                with Proxy(etcd) as proxy:
                    proxy.at(number, after_carrying_out(ANSWERS[name]))
                    endpoints = ",".join(f"http://{address}" for address in (proxy.authority, *others))
                    result = run_row(row, calicoctl, {"ETCD_ENDPOINTS": endpoints})
                case = (row, number, others)
                assert (result, state_of(row, etcd)) == (outcome.result, outcome.after), case
                again = UNCONDITIONAL.search(outcome.requests[number - 1]) is not None
                assert etcd.index() - index == outcome.changes + again, case


def after_carrying_out(behaviour: Behaviour) -> Behaviour:
    def carry_out(request: Request) -> bytes | None:
        request.forward()
        return behaviour(request)

    return carry_out


def test_server_answers_every_request_like_a_read(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    for row in WRITING:
        with Proxy(etcd) as proxy:
            proxy.since(1, of_the_key_asked_for("get", ', "dir": true'))
            result = run_row(row, calicoctl, {"ETCD_AUTHORITY": proxy.authority})
            wrote = any(not request.startswith("GET") for request in proxy.requests)
        # A command that finds nothing to do may say so; a writing command must not report success.
        assert result.status == 1 or not wrote, row
        assert not wrote or result.stdout == "", row


def check_complaint(text: str, beginning: str, row: Row) -> None:
    if row.line.startswith(("create", "apply", "replace", "delete")) and not text.startswith("Error"):
        beginning = "Failed to "
    assert text.startswith(beginning), row
    assert text.count("\n") == 1, row
    assert text.rstrip("\n").isprintable(), row
    assert len(text) < 2500, row


def test_large_valid_answer_is_read(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    profiles = (f"/calico/v1/policy/profile/p{number}" for number in range(10**5))
    nodes = json.dumps([{"key": key, "dir": True, "modifiedIndex": 1} for key in profiles])
    with Proxy(etcd) as proxy:
        proxy.at(1, of_the_key_asked_for("get", f', "dir": true, "nodes": {nodes}'))
        result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": proxy.authority})
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 10**5 + 4


@pytest.mark.torture
def test_valid_answer_of_200_megabytes(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    hosts, endpoints = 100, 1000
    value = json.dumps({"state": "active", "profile_ids": ["P"], "labels": {"long": "x" * 1700}})
    sent = [0]

    def directory(key: str, nodes: str) -> str:
        return f'{{"key": "{key}", "dir": true, "modifiedIndex": 1, "nodes": [{nodes}]}}'

    def endpoint(workload: str) -> str:
        node = json.dumps({"key": f"{workload}/endpoint/e", "value": value, "modifiedIndex": 1})
        return directory(workload, directory(f"{workload}/endpoint", node))

    def stream(request: Request) -> bytes | None:
        def send(text: str) -> None:
            sent[0] += len(text)
            request.send(text.encode())

        send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        before, _, after = directory("/calico/v1/host", "HOSTS").partition("HOSTS")
        send(f'{{"action": "get", "node": {before}')
        for number in range(hosts):
            orchestrator = f"/calico/v1/host/h{number:02}/workload/o"
            of_host = ", ".join(endpoint(f"{orchestrator}/w{each}") for each in range(endpoints))
            nodes = directory(orchestrator.rpartition("/")[0], directory(orchestrator, of_host))
            send((", " if number else "") + directory(f"/calico/v1/host/h{number:02}", nodes))
        send(f"{after}}}")
        return None

    with Proxy(etcd) as proxy:
        proxy.at(1, stream)
        result = calicoctl.process("endpoint", "show", env={"ETCD_AUTHORITY": proxy.authority})
    assert sent[0] > 200_000_000
    assert (result.status, result.stderr) == (0, "")
    rows = [line.replace("|", " ").split() for line in result.stdout.splitlines() if line.startswith("|")]
    assert rows[1:] == [[f"h{number:02}", "o", str(endpoints), str(endpoints)] for number in range(hosts)]


# Endless answers


def endless(head: bytes, piece: bytes) -> tuple[Behaviour, list[int]]:
    """An answer that continues until the client disconnects, and a counter of the bytes sent."""
    sent = [0]

    def behaviour(request: Request) -> bytes | None:
        request.send(b"HTTP/1.1 200 OK\r\n" + head)
        while not request.is_over():
            request.send(piece)
            sent[0] += len(piece)
        return None

    return behaviour, sent


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch, sampling: Sampling) -> Iterator[int]:
    """The size limit of an answer, lowered because sending a gigabyte takes too long."""
    if not sampling.complete:
        monkeypatch.setattr(wire, "MAX_BYTES", 50 << 20)
    yield wire.MAX_BYTES


def run_endless(
    head: bytes, piece: bytes, etcd: EtcdServer, calicoctl: Calicoctl, row: Row = READING[0]
) -> tuple[str, int]:
    behaviour, sent = endless(head, piece)
    with Proxy(etcd) as proxy:
        proxy.since(1, behaviour)
        result = run_row(row, calicoctl, {"ETCD_AUTHORITY": proxy.authority, "CALICOCTL_READ_TIMEOUT": "5"})
        assert (result.status, result.stdout) == (FAILURE_STATUS.get(row.arguments[0], 1), "")
        check_complaint(result.stderr, f"Error accessing etcd at http://{proxy.authority} (", row)
    return result.stderr.partition(" (")[2].rpartition(")")[0], sent[0]


def test_endless_page_is_aborted_at_once(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    for row in READING:
        cause, sent = run_endless(b"\r\n<html>", PIECE, etcd, calicoctl, row)
        assert cause == "its answer of status 200 is not the JSON that etcd sends"
        assert sent < 32 << 20


def test_endless_answer_is_aborted_at_limit(etcd: EtcdServer, calicoctl: Calicoctl, small_limit: int) -> None:
    cause, sent = run_endless(b'\r\n{"node": "', PIECE, etcd, calicoctl)
    assert cause == f"its answer is larger than {small_limit:,} bytes"
    assert sent < small_limit + (32 << 20)


def test_compressed_answer_is_aborted_at_once(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    cause, sent = run_endless(b"Content-Encoding: gzip\r\n\r\n", gzip.compress(PIECE), etcd, calicoctl)
    assert cause == "its answer is compressed"
    assert sent < 32 << 20


def test_endless_interim_answers(etcd: EtcdServer, calicoctl: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BYTES", 1 << 20)
    cause, _ = run_endless(b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", etcd, calicoctl)
    assert "larger than" in cause or "JSON" in cause
    behaviour, _ = endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n")

    def interim(request: Request) -> bytes | None:
        while not request.is_over():
            request.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        return None

    with Proxy(etcd) as proxy:
        proxy.since(1, interim)
        result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": proxy.authority})
    complaint = f"Error accessing etcd at http://{proxy.authority} (its answer is larger than 1,048,576 bytes).\n"
    assert (result.status, result.stdout, result.stderr) == (1, "", complaint)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 O"], ids=["body", "head", "status"]
)
def test_slow_answer_is_aborted(head: bytes, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    def drip(request: Request) -> bytes | None:
        request.send(head)
        while not request.is_over(0.05):  # the pace of the server
            request.send(b"H")
        return None

    with Proxy(etcd) as proxy:
        proxy.since(1, drip)
        began = time.monotonic()
        env = {"ETCD_AUTHORITY": proxy.authority, "CALICOCTL_READ_TIMEOUT": "0.3"}
        result = calicoctl("profile", "show", env=env)
        seconds = time.monotonic() - began
    assert (result.status, result.stdout) == (1, "")
    assert f"http://{proxy.authority} (its answer is too slow: " in result.stderr
    assert 0.9 <= seconds < 3.0


@pytest.mark.parametrize(
    "content",
    [lambda: b"x" * (200 << 20), lambda: b'{"action":' * (20 << 20), lambda: b'{"node": "' + b"\xff" * (200 << 20)],
    ids=["text", "brackets", "not UTF-8"],
)
def test_200_megabytes_of_garbage(content: Callable[[], bytes], etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    body = content()
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
    with Proxy(etcd) as proxy:
        proxy.since(1, answer_raw(reply))
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        result = calicoctl.process("profile", "show", env={"ETCD_AUTHORITY": proxy.authority})
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error accessing etcd at http://{proxy.authority} "
        "(its answer of status 200 is not the JSON that etcd sends).\n"
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # kB, of the largest child process so far
    assert peak == before or peak < 2_000_000
