"""A stand-in for BIRD's control socket, that answers as a test wants it to: also as BIRD never would."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

GREETING = b"0001 BIRD 1.6.8 ready.\n"
GREETING_OF_2 = b"0001 BIRD 2.0.12 ready.\n"
JOIN_SECONDS = 30.0

Dialogue = Callable[["Connection"], None]


class Connection:
    """One client; `ended` is set when the test is over."""

    def __init__(self, connection: socket.socket, ended: threading.Event, questions: list[bytes]) -> None:
        self._connection = connection
        self._questions = questions
        self.ended = ended

    def say(self, text: bytes) -> None:
        self._connection.sendall(text)

    def hear(self) -> None:
        """Read the question. Raises ConnectionError if the client goes without one."""
        question = b""
        while not question.endswith(b"\n"):
            piece = self._connection.recv(1000)
            if not piece:
                raise ConnectionError
            question += piece
        self._questions.append(question)


class BirdSocket:
    """A context manager: a socket at a path, at which each client has the same dialogue. `questions` are all so far."""

    def __init__(self, path: Path, dialogue: Dialogue) -> None:
        self._path = path
        self._dialogue = dialogue
        self._ended = threading.Event()
        self._talks: list[threading.Thread] = []
        self.questions: list[bytes] = []

    def __enter__(self) -> BirdSocket:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._server.join(JOIN_SECONDS)  # it starts no talk any more
        for thread in self._talks:
            thread.join(JOIN_SECONDS)
            assert not thread.is_alive(), "a thread would run on beside all later tests"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                connection, _ = self._listener.accept()
                self._talks.append(threading.Thread(target=self._talk, args=[connection], daemon=True))
                self._talks[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        client = Connection(connection, self._ended, self.questions)
        with connection, contextlib.suppress(OSError):  # the client has gone
            self._dialogue(client)


def answering(text: bytes, greeting: bytes = GREETING) -> Dialogue:
    """Greet, hear the question and answer it with a text; then hang up."""

    def dialogue(client: Connection) -> None:
        client.say(greeting)
        client.hear()
        client.say(text)

    return dialogue


def never_going_on(text: bytes, greeting: bytes = GREETING) -> Dialogue:
    """Do as ``answering``, but stay connected."""

    def dialogue(client: Connection) -> None:
        answering(text, greeting)(client)
        client.ended.wait()

    return dialogue


def protocols(*rows: str) -> bytes:
    """The answer of BIRD 1 to `show protocols`."""
    lines = ["2002-name     proto    table    state  since       info"]
    lines += [("1002-" if number == 0 else " ") + row for number, row in enumerate(rows)]
    return "".join(f"{line}\n" for line in [*lines, "0000 "]).encode()
