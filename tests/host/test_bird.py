"""BIRD's control socket: what is read from it, and what becomes of a server that is not BIRD, or not well."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from calicoctl.host import bird
from calicoctl.host.bird import BirdUnavailable
from tests.host.bird_socket import (
    GREETING,
    GREETING_OF_2,
    BirdSocket,
    Connection,
    Dialogue,
    answering,
    never_going_on,
    protocols,
)

SECONDS_OF_ALL = bird.SECONDS
SECONDS = 1.0  # for servers that do not answer in time

# As BIRD 1.6.8 and BIRD 2.0.12 have answered
ANSWER = protocols(
    "device1  Device   master   up     10:58:04    ",
    "Mesh_10_99_0_2 BGP      master   up     10:58:05    Established   ",
    "Node_10_99_0_3 BGP      master   down   2026-11-30  ",
    "Global_203_0_113_9 BGP      master   start  10:58:04    Active        Socket: No route to host",
)
ANSWER_OF_2 = b"""\
2002-Name       Proto      Table      State  Since         Info
1002-device1    Device     ---        up     10:58:04.113
 Mesh_10_99_0_2 BGP        ---        up     10:58:05.004  Established
 Node_fd99__3 BGP        ---        start  2026-12-01 02:55:41  Connect       Socket: Network is unreachable
 Global_fd99__4 BGP        ---        up     10:58:05.004  Established
0000 \n"""


@pytest.fixture(autouse=True)
def enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers may take long on a busy machine."""
    monkeypatch.setattr(bird, "SECONDS", 60.0)


def peers(folder: Path, version: int = 4) -> list[tuple[str, str, str, str, str, bool]]:
    found = bird.peers(bird.ask("show protocols", version, str(folder)), version)
    return [(each.address, each.kind, each.state, each.since, each.info, each.is_established) for each in found]


def test_the_peers_of_bird_1(tmp_path: Path) -> None:
    with BirdSocket(tmp_path / "bird.ctl", answering(ANSWER)) as server:
        assert peers(tmp_path) == [
            ("10.99.0.2", "node-to-node mesh", "up", "10:58:05", "Established", True),
            ("10.99.0.3", "node specific", "down", "2026-11-30", "", False),
            ("203.0.113.9", "global", "start", "10:58:04", "Active        Socket: No route to host", False),
        ]
    assert server.questions == [b"show protocols\n"]


def test_the_peers_of_bird6(tmp_path: Path) -> None:
    row = "Mesh_fd99__2 BGP      master   wait   10:58:05    Established   "
    with BirdSocket(tmp_path / "bird6.ctl", answering(protocols(row))):
        assert peers(tmp_path, 6) == [("fd99::2", "node-to-node mesh", "wait", "10:58:05", "Established", True)]


def test_one_socket_of_bird_2_has_the_peers_of_both_versions(tmp_path: Path) -> None:
    with BirdSocket(tmp_path / "bird.ctl", answering(ANSWER_OF_2, GREETING_OF_2)):
        assert peers(tmp_path) == [("10.99.0.2", "node-to-node mesh", "up", "10:58:05.004", "Established", True)]
        assert peers(tmp_path, 6) == [
            ("fd99::3", "node specific", "start", "2026-12-01 02:55:41",
             "Connect       Socket: Network is unreachable", False),
            ("fd99::4", "global", "up", "10:58:05.004", "Established", True),
        ]  # fmt: skip


@pytest.mark.parametrize("greeting", [GREETING, b"0001 BIRD v0.2.0+birdv1.6.3 ready.\n"])
def test_bird_1_is_not_asked_about_ipv6_at_the_socket_for_ipv4(greeting: bytes, tmp_path: Path) -> None:
    with BirdSocket(tmp_path / "bird.ctl", answering(ANSWER, greeting)):
        with pytest.raises(BirdUnavailable) as caught:
            bird.ask("show protocols", 6, str(tmp_path))
    assert caught.value.message == (
        f"{tmp_path}/bird6.ctl: No such file or directory; "
        f"{tmp_path}/bird.ctl: BIRD 1 answers, which speaks IPv4 only"
    )


def test_no_peers(tmp_path: Path) -> None:
    with BirdSocket(tmp_path / "bird.ctl", answering(b"0000 \n")):
        assert peers(tmp_path) == []


def test_the_text_of_an_answer(tmp_path: Path) -> None:
    text = b"1002-a BGP\n1006-  Preference: 100\n   Routes: 1\n \n0000 \n"
    with BirdSocket(tmp_path / "bird.ctl", answering(text)):
        answer = bird.ask("show protocols all", 4, str(tmp_path))
    assert (answer.greeting, answer.text()) == ("BIRD 1.6.8 ready.", "a BGP\n  Preference: 100\n  Routes: 1\n")


def test_10_000_peers(tmp_path: Path) -> None:
    rows = [f"Mesh_10_{number // 250}_{number % 250}_1 BGP master up 10:58:05 Established" for number in range(10_000)]
    with BirdSocket(tmp_path / "bird.ctl", answering(protocols(*rows))):
        found = peers(tmp_path)
    assert len(found) == 10_000
    assert found[-1] == ("10.39.249.1", "node-to-node mesh", "up", "10:58:05", "Established", True)


def test_the_log_of_bird_among_the_answer_is_passed_over(tmp_path: Path) -> None:
    text = ANSWER.replace(b" Node_", b"+<WARN> something else\n Node_")
    with BirdSocket(tmp_path / "bird.ctl", answering(text)):
        assert [peer[0] for peer in peers(tmp_path)] == ["10.99.0.2", "10.99.0.3", "203.0.113.9"]


# Servers that are not BIRD, or not well


def dripping(client: Connection) -> None:
    client.say(GREETING)
    client.hear()
    client.say(b"1002-a")
    while not client.ended.wait(0.02):
        client.say(b"x")


def endless(client: Connection) -> None:
    client.say(GREETING)
    client.hear()
    client.say(b"1002-")
    while True:
        client.say((b" " + b"x" * 998 + b"\n") * 1000)


def endless_line(client: Connection) -> None:
    client.say(GREETING)
    client.hear()
    while True:
        client.say(b"x" * 2**20)


def silent(client: Connection) -> None:
    client.ended.wait()


def saying(text: bytes) -> Dialogue:
    return lambda client: client.say(text)


HOSTILE: dict[str, tuple[Dialogue, str]] = {
    "silence": (silent, "no whole answer (0 bytes) within 1 s"),
    "silence after the greeting": (never_going_on(b""), "no whole answer (23 bytes) within 1 s"),
    "half an answer": (never_going_on(ANSWER[:90]), "no whole answer (113 bytes) within 1 s"),
    "an answer without its end": (answering(ANSWER.removesuffix(b"0000 \n")),
                                  "it hung up in the middle of its answer, after 349 bytes"),
    "hangs up at once": (saying(b""), "it hung up in the middle of its answer, after 0 bytes"),
    "a runtime error": (never_going_on(b"8003 No protocols match\n"),
                        "BIRD answers with error 8003: 'No protocols match'"),
    "a syntax error": (never_going_on(b"9001 syntax error\n"), "BIRD answers with error 9001: 'syntax error'"),
    "an error with control characters": (never_going_on(b"9001 \x1b[2J\xff\n"),
                                         "BIRD answers with error 9001: '\\x1b[2J\ufffd'"),
    "another code at the end": (never_going_on(b"1002 Mesh_10_99_0_2 BGP master up 10:58:05\n"),
                                "its answer ends with code 1002 instead of 0000"),
    "another greeting": (never_going_on(b"", b"0002 Reading configuration\n"),
                         "it is not BIRD: it greets with 'Reading configuration'"),
    "another protocol": (never_going_on(b"", b"SSH-2.0-OpenSSH\n"),
                         "it is not BIRD: it answers with 'SSH-2.0-OpenSSH'"),
    "a line that goes on from none": (never_going_on(b"", b" x\n"), "it is not BIRD: it answers with ' x'"),
    "a very long line": (never_going_on(b"", b"x" * 5000 + b"\n"), f"it is not BIRD: it answers with '{'x' * 100}'"),
    "a row of another table": (answering(b"1002-Mesh_10_99_0_2\n0000 \n"),
                               "its answer has a line that is not a protocol: 'Mesh_10_99_0_2'"),
    "a drip": (dripping, "no whole answer ("),
    "a line without an end": (endless_line, "it is not BIRD: it answers with a line of more than 65,536 bytes"),
    "no end": (endless, "its answer is larger than 3,000,000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_servers_are_reported_in_time(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialogue, reason = HOSTILE[name]
    monkeypatch.setattr(bird, "MOST_BYTES", 3_000_000)
    if reason.startswith("no whole answer"):
        monkeypatch.setattr(bird, "SECONDS", SECONDS)
    began = time.monotonic()
    with BirdSocket(tmp_path / "bird.ctl", dialogue):
        with pytest.raises(BirdUnavailable) as caught:
            peers(tmp_path)
    assert time.monotonic() - began < 30
    assert caught.value.message.startswith(f"{tmp_path}/bird.ctl: {reason}")


def refusing(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "No such file or directory"),
    "left behind": (refusing, "Connection refused"),
    "a file": (lambda path: path.write_text("x"), "Connection refused"),
    "a folder": (lambda path: path.mkdir(), "Connection refused"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_paths_without_a_running_server(name: str, tmp_path: Path) -> None:
    make, reason = UNUSABLE[name]
    make(tmp_path / "bird.ctl")
    with pytest.raises(BirdUnavailable) as caught:
        bird.ask("show protocols", 4, str(tmp_path))
    assert caught.value.message == f"{tmp_path}/bird.ctl: {reason}"


def test_server_that_does_not_accept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bird, "SECONDS", SECONDS)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as other:
        listener.bind(str(tmp_path / "bird.ctl"))
        listener.listen(0)
        other.connect(str(tmp_path / "bird.ctl"))
        with pytest.raises(BirdUnavailable) as caught:
            bird.ask("show protocols", 4, str(tmp_path))
    assert caught.value.message == f"{tmp_path}/bird.ctl: it takes no connection within 1 s"


def test_path_too_long(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 150)
    with pytest.raises(BirdUnavailable) as caught:
        bird.ask("show protocols", 4, str(folder))
    assert caught.value.message == f"{folder}/bird.ctl: AF_UNIX path too long"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can do without root's rights for a while")
def test_without_the_right_to_connect(tmp_path: Path) -> None:
    with BirdSocket(tmp_path / "bird.ctl", answering(ANSWER)):
        (tmp_path / "bird.ctl").chmod(0o600)
        os.chdir(tmp_path)  # the folders above are root's own
        os.seteuid(65534)
        try:
            with pytest.raises(BirdUnavailable) as caught:
                bird.ask("show protocols", 4, ".")
        finally:
            os.seteuid(0)
    assert caught.value.message == "./bird.ctl: Permission denied; run the command as root"


# Several folders


def test_each_tried_socket_has_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bird, "FOLDERS", (f"{tmp_path}/none", str(tmp_path)))
    refusing(tmp_path / "bird.ctl")
    with pytest.raises(BirdUnavailable) as caught:
        bird.ask("show protocols", 4)
    assert caught.value.message == (
        f"{tmp_path}/none/bird.ctl: No such file or directory; {tmp_path}/bird.ctl: Connection refused"
    )


def test_debian_folder_is_tried_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bird, "FOLDERS", (f"{tmp_path}/none", str(tmp_path)))
    with BirdSocket(tmp_path / "bird.ctl", answering(ANSWER)):
        answer = bird.ask("show protocols", 4)
    assert (answer.path, answer.passed_over) == (f"{tmp_path}/bird.ctl", [])


def test_existing_socket_without_answer_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first").mkdir()
    refusing(tmp_path / "first" / "bird.ctl")
    monkeypatch.setattr(bird, "FOLDERS", (f"{tmp_path}/first", str(tmp_path)))
    with BirdSocket(tmp_path / "bird.ctl", answering(ANSWER)):
        answer = bird.ask("show protocols", 4)
    assert (answer.path, answer.passed_over) == (
        f"{tmp_path}/bird.ctl", [f"{tmp_path}/first/bird.ctl: Connection refused"],
    )  # fmt: skip


def test_where_and_how_long_bird_is_asked() -> None:
    assert bird.FOLDERS == ("/var/run/calico", "/var/run/bird")
    assert SECONDS_OF_ALL == 2.0
