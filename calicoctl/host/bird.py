"""BIRD's control sockets: what the BGP daemons of this machine say about their protocols.

The dialogue is that of birdc, of BIRD 1 and of BIRD 2. BIRD greets; a question is one line; each line of an answer
begins with a code of four digits. After the code a ``-`` says that more lines follow, a blank that this is the last
one. A line that begins with a blank has the code of the line before. The codes that matter here: 0001 the greeting,
1002 a protocol, 0000 the end, 8000 and above an error.
"""

from __future__ import annotations

import re
import time

from calicoctl.errors import CommandError
from calicoctl.output import visible
from calicoctl.signals import SLICE, wait

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket
    from typing import TypeVar

    Result = TypeVar("Result")

FOLDERS = ("/var/run/calico", "/var/run/bird")  # of a node's container, and of Debian's packages
SECONDS = 2.0  # for the whole dialogue with one socket
MOST_BYTES = 64 * 2**20  # of an answer; a protocol in full takes about 2 kB

_PIECE = 2**16  # bytes to read at once
_LONGEST_LINE = 2**16  # bytes
_BETWEEN_TRIES = 0.02  # seconds
_LONGEST_QUOTATION = 100  # characters

_NAMES = {4: "bird.ctl", 6: "bird6.ctl"}
_GREETING, _END, _PROTOCOL, _HEADING, _FIRST_ERROR = 1, 0, 1002, 2002, 8000
_CODED = re.compile(r"([0-9]{4})([ -])(.*)", re.DOTALL)
# BIRD writes a date and a time with a blank between them where its configuration has a long time format.
_ROW = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\d{2,4}-\d{2}-\d{2,4} [\d:.]+|\S+)(?:\s+(.*))?", re.DOTALL)
_PEER_NAME = re.compile(r"(Mesh|Node|Global)_(.+)")  # as confd's templates name the protocols
_PEER_KINDS = {"Mesh": "node-to-node mesh", "Node": "node specific", "Global": "global"}
_ESTABLISHED = "Established"
_FIRST_FOR_BOTH = 2  # the release of BIRD that speaks both IP versions in one process


class BirdUnavailable(CommandError):
    """No socket of BIRD gave an answer. The message names each socket that was tried, with its own reason."""


class Peer:
    """A BGP peer of this node as BIRD shows it; all fields are BIRD's text, not made safe for a terminal.

    ``kind`` says who has configured it: ``node-to-node mesh``, ``node specific`` or ``global``. ``state`` is that of
    the protocol (``up``), ``since`` when it was entered, ``info`` the state of the session with the latest error.
    """

    def __init__(self, address: str, kind: str, state: str, since: str, info: str) -> None:
        self.address = address
        self.kind = kind
        self.state = state
        self.since = since
        self.info = info

    @property
    def is_established(self) -> bool:
        """Whether routes are exchanged with the peer."""
        return self.info.split(maxsplit=1)[:1] == [_ESTABLISHED]


class Answer:
    """What a socket answered: BIRD's greeting, and the code and text of each line before the closing 0000.

    ``passed_over`` are the sockets tried before, each with the reason why it gave no answer, other than those that
    do not exist.
    """

    def __init__(self, path: str, greeting: str, lines: list[tuple[int, str]]) -> None:
        self.path = path
        self.greeting = greeting
        self.lines = lines
        self.passed_over: list[str] = []

    @property
    def is_bird_1(self) -> bool:
        """Whether BIRD 1 answered, which speaks one IP version only.

        Calico's own BIRD 1 greets with ``BIRD v0.2.0+birdv1.6.3 ready.``
        """
        release = re.search(r"[0-9]+", self.greeting)
        return release is None or int(release[0][:9]) < _FIRST_FOR_BOTH

    def text(self) -> str:
        """Return the lines as birdc would show them."""
        return "\n".join(text for _, text in self.lines)


def ask(question: str, version: int, folder: str = "") -> Answer:
    """Return the answer of the BIRD of an IP version; the first socket that answers counts.

    ``folder`` is where the sockets are, else each of FOLDERS is tried. BIRD 2 has one socket for both versions: it is
    asked about IPv6 if there is no other. Raises BirdUnavailable.
    """
    folders = (folder,) if folder else FOLDERS
    tries = [(f"{place}/{_NAMES[version]}", False) for place in folders]
    if version == 6:
        tries += [(f"{place}/{_NAMES[4]}", True) for place in folders]
    reasons: list[str] = []
    passed_over: list[str] = []
    for path, must_be_both in tries:
        try:
            answer = _asked(path, question)
            if must_be_both and answer.is_bird_1:
                raise _NoAnswer("BIRD 1 answers, which speaks IPv4 only")
        except (_NoAnswer, OSError, ValueError) as error:
            reason = f"{visible(path)}: {_reason(error)}"
            reasons.append(reason)
            if not isinstance(error, FileNotFoundError):
                passed_over.append(reason)
        else:
            answer.passed_over = passed_over
            return answer
    raise BirdUnavailable("; ".join(reasons))


def peers(answer: Answer, version: int) -> list[Peer]:
    """Return the peers of an IP version in BIRD's order, from an answer to ``show protocols``.

    Raises BirdUnavailable for a line that is no row of that table.
    """
    found = []
    codes = {code for code, _ in answer.lines}
    if codes and not codes & {_PROTOCOL, _HEADING}:  # as in "0016 Access restricted"
        raise BirdUnavailable(f"{visible(answer.path)}: its answer is not a table of protocols")
    for code, text in answer.lines:
        if code != _PROTOCOL:
            continue
        row = _ROW.fullmatch(text.strip())
        if row is None:
            problem = f"its answer has a line that is not a protocol: {_quoted(text)}"
            raise BirdUnavailable(f"{visible(answer.path)}: {problem}")
        name, _, _, state, since, info = row.groups("")
        peer = _PEER_NAME.fullmatch(name)
        if peer and (answer.is_bird_1 or _version_of(peer[2]) == version):
            address = peer[2].replace("_", "." if version == 4 else ":")
            found.append(Peer(address, _PEER_KINDS[peer[1]], state, since, info))
    return found


def _version_of(address: str) -> int:
    """Tell the IP version of an address in which every dot or colon is a ``_``."""
    return 4 if re.fullmatch(r"[0-9]{1,3}(_[0-9]{1,3}){3}", address) else 6


class _NoAnswer(Exception):
    """A socket gave no usable answer; the text says why."""


def _asked(path: str, question: str) -> Answer:
    """Ask one socket. Raises _NoAnswer, OSError, ValueError."""
    import socket

    deadline = time.monotonic() + SECONDS
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        _in_time(connection, lambda: connection.connect(path), deadline, "it takes no connection")
        lines = _lines(connection, deadline)
        code, _, greeting = _coded(next(lines), None)
        if code != _GREETING:
            raise _NoAnswer(f"it is not BIRD: it greets with {_quoted(greeting)}")
        line = f"{question}\n".encode()  # short enough to be sent at once
        _in_time(connection, lambda: connection.send(line), deadline, "it does not read the question")
        return Answer(path, greeting, list(_answer(lines)))


def _answer(lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    """Yield the code and the text of each line before the closing 0000. Raises _NoAnswer."""
    before: int | None = None
    for line in lines:
        if line.startswith("+"):  # not about the question: BIRD's log
            continue
        before, is_last, text = _coded(line, before)
        if before >= _FIRST_ERROR:
            raise _NoAnswer(f"BIRD answers with error {before}: {_quoted(text)}")
        if is_last:
            if before != _END:
                raise _NoAnswer(f"its answer ends with code {before:04} instead of 0000")
            return
        yield before, text


def _coded(line: str, before: int | None) -> tuple[int, bool, str]:
    """Return the code of a line, whether it is the last one, and its text; ``before`` is the code before it."""
    if line.startswith(" ") and before is not None:
        return before, False, line[1:]
    coded = _CODED.fullmatch(line)
    if coded is None:
        raise _NoAnswer(f"it is not BIRD: it answers with {_quoted(line)}")
    return int(coded[1]), coded[2] == " ", coded[3]


def _lines(connection: socket, deadline: float) -> Iterator[str]:
    """Yield lines, without their ends, as they come. Raises _NoAnswer where they end, or take too long."""
    pending, count = b"", 0
    while True:
        piece = _in_time(connection, lambda: connection.recv(_PIECE), deadline, f"no whole answer ({count:,} bytes)")
        if not piece:
            raise _NoAnswer(f"it hung up in the middle of its answer, after {count:,} bytes")
        count += len(piece)
        if count > MOST_BYTES:
            raise _NoAnswer(f"its answer is larger than {MOST_BYTES:,} bytes")
        *whole, pending = (pending + piece).split(b"\n")
        if len(pending) > _LONGEST_LINE:
            raise _NoAnswer(f"it is not BIRD: it answers with a line of more than {_LONGEST_LINE:,} bytes")
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")


def _in_time(connection: socket, step: Callable[[], Result], deadline: float, fault: str) -> Result:
    """Return what a step gives once it need not wait. Raises _NoAnswer with the fault at the deadline, OSError."""
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(min(left, SLICE))
        try:
            return step()
        except TimeoutError:
            pass
        except BlockingIOError:  # too many others wait to be connected
            wait(_BETWEEN_TRIES)
    raise _NoAnswer(f"{fault} within {SECONDS:g} s")


def _reason(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"{error.strerror}; run the command as root"
    return getattr(error, "strerror", None) or str(error)


def _quoted(text: str) -> str:
    """Return what was answered as a part of one line of a message, of a length that can be read."""
    return f"'{visible(text[:_LONGEST_QUOTATION])}'"
