"""The node's container in Docker: what `calicoctl node` and `node stop` ask of Docker and of its log."""

from __future__ import annotations

import time

from calicoctl.host.docker import DockerRefused
from calicoctl.host.node_container import NODE
from calicoctl.signals import SLICE, Blocked, wait

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from queue import Queue
    from typing import Any

    from calicoctl.host.docker import Docker
    from calicoctl.host.node_container import NodeContainer

NEW = f"{NODE}-new"  # until the container before it is set aside
ASIDE = f"{NODE}-before"  # the container before, until the new one has started

_SECONDS_TO_STOP = 10  # until Docker kills its processes
NEVER = {"Name": "no"}
ALWAYS = {"Name": "always", "MaximumRetryCount": 0}
_LONGEST_LINE = 10_000  # characters
_READABLE = ("json-file", "journald", "local")  # log drivers whose logs every Docker can read; not so "none", "syslog"


class Found:
    """A container as Docker describes it: ``id``, whether it is ``running``, how it ended, how it is started again."""

    def __init__(self, description: dict[str, Any]) -> None:
        state, host_config = description["State"], description["HostConfig"]
        self.id: str = description["Id"]
        self.running: bool = state["Running"]
        self.has_ended: bool = not state["Running"] or state["Restarting"]
        self.exit_status: int = state["ExitCode"]
        self.restart_policy: dict[str, Any] = host_config["RestartPolicy"]
        self.removes_itself: bool = host_config.get("AutoRemove", False)


class NodeContainers:
    """Requests to Docker about the node. Methods raise DockerUnavailable, and those that change it DockerRefused."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    def keeps_logs(self) -> bool:
        """Tell whether Docker can show the log of a new container later; that depends on its log driver."""
        driver = self._docker.ask(lambda api: api.info().get("LoggingDriver"))
        return driver in _READABLE

    # Images

    def has_image(self, image: str) -> bool:
        """Tell whether an image is on this host."""
        what = f"look for the image {image}"
        return self._docker.order(what, lambda api: api.inspect_image(image), where_there_is=True) is not None

    def pull(self, image: str) -> None:
        """Fetch an image from its registry."""
        self._docker.pull(image)

    # Containers, by name or id

    def find(self, name: str) -> Found | None:
        """Return a container; None if there is none of that name."""
        found: Found | None = self._docker.ask(lambda api: Found(api.inspect_container(name)))
        return found

    def create(self, name: str, container: NodeContainer) -> str:
        """Make a container and return its id."""

        def create(api: Any) -> str:
            host_config = api.create_host_config(
                binds=list(container.binds), privileged=True, network_mode="host", restart_policy=ALWAYS
            )
            made = api.create_container(
                container.image,
                name=name,
                environment=list(container.environment),
                volumes=container.volumes,
                host_config=host_config,
                detach=True,
            )
            id: str = made["Id"]
            return id

        id: str = self._docker.order(f"make a container of {container.image}", create)
        return id

    def start(self, name: str) -> None:
        """Start a container."""
        self._docker.order(f"start the container {NODE}", lambda api: api.start(name))

    def end(self, name: str) -> None:
        """Stop a container, and let Docker not start it again."""
        self.set_restart_policy(name, NEVER)
        self.stop(name)

    def stop(self, name: str) -> None:
        """Stop a container; its restart policy stays."""
        self._docker.order(f"stop the container {name[:12]}", lambda api: api.stop(name, timeout=_SECONDS_TO_STOP))

    def start_again(self, name: str) -> None:
        """Start a container that was being stopped."""
        self.stop(name)  # until that has ended, a start would have no effect
        self.start(name)

    def set_restart_policy(self, name: str, policy: dict[str, Any]) -> None:
        """Set when Docker starts a container again."""
        self._docker.order(
            f"change the restart policy of the container {name[:12]}",
            lambda api: api.update_container(name, restart_policy=policy),
        )

    def rename(self, name: str, new_name: str) -> None:
        """Give a container another name."""
        self._docker.order(f"rename the container {name[:12]}", lambda api: api.rename(name, new_name))

    def remove(self, name: str) -> None:
        """Remove a container, also one that runs; one that is gone already, or that others are removing, is fine."""
        what = f"remove the container {name[:12]}"
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while True:
            try:
                self._docker.order(what, lambda api: api.remove_container(name, force=True), where_there_is=True)
                return
            except DockerRefused as error:
                if "already in progress" not in error.message or time.monotonic() > deadline:
                    raise
            wait(SLICE)

    def log(self, name: str) -> Log:
        """Follow the log of a container from its beginning."""
        return Log(self._docker.order("show the log", lambda api: api.logs(name, stream=True, follow=True)))

    def output(self, name: str) -> Log:
        """Follow what a container prints from now on; from its beginning if it is not started yet."""
        return Log(self._docker.order("show the output", lambda api: api.attach(name, stream=True)))


class OutOfTime(Exception):
    """The time for a line of the log is over."""


class Log:
    """The lines of a container's log, until the container ends; a context manager that closes it.

    A thread reads it, because a read of the SDK has no time limit.
    """

    def __init__(self, stream: Any) -> None:
        """``stream`` yields pieces of it, and has a method ``close``."""
        import codecs
        import queue
        import threading

        self._lines: list[str] = []
        self._begun = ""
        self._has_ended = False
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._chunks: Queue[bytes] = queue.Queue()
        self._stream = stream
        thread = threading.Thread(target=self._read, daemon=True)
        with Blocked():  # signals are for the main thread
            thread.start()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def _read(self) -> None:
        try:
            for chunk in self._stream:
                self._chunks.put(chunk)
        except Exception:  # of the libraries, of many kinds, when the connection breaks or is closed
            pass
        finally:
            self._chunks.put(b"")

    def next_line(self, deadline: float = float("inf")) -> str | None:
        """Return the next line; None if the container has ended.

        Raises OutOfTime if there is none at the ``deadline``, a moment of the monotonic clock.
        """
        while not self._lines and not self._has_ended:
            chunk = self._next_chunk(deadline)
            self._has_ended = not chunk
            *whole, self._begun = (self._begun + self._decode(chunk)).split("\n")
            self._lines += whole
            if self._begun and (self._has_ended or len(self._begun) > _LONGEST_LINE):
                self._lines.append(self._begun)
                self._begun = ""
        return self._lines.pop(0) if self._lines else None

    def _next_chunk(self, deadline: float) -> bytes:
        import queue

        while True:
            left = deadline - time.monotonic()
            try:
                return self._chunks.get(timeout=max(0.0, min(left, SLICE)))
            except queue.Empty:
                if left <= 0:
                    raise OutOfTime from None
