"""Felix on this machine: in the container calico-node of Docker or rkt, or as a process beside them."""

from __future__ import annotations

import os

from calicoctl.host import docker_reports, kernel_settings
from calicoctl.host.docker import Docker, DockerUnavailable
from calicoctl.host.processes import named
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

CONTAINER = "calico-node"
FELIX = ("felix", "calico-felix")  # what its process is called, by the way in which it was installed

_IMAGE = "calico/node:"  # in what rkt lists
_LIBRARIES = ["sh", "-c", "cat libraries.txt"]  # whose first line is, in the images up to v0.23: calico (1.4.1)
_SECONDS = 10  # for an answer of Docker, or of rkt


class FelixState:
    """What was found of Felix.

    ``is_in_container`` tells whether the container runs, None if that is unknown: ``problem`` then says why, in one
    line, and ``is_docker_down`` whether Docker is down. ``container_state`` is what Docker says of the running
    container (``Up 2 days``), ``felix_version`` is empty if it is not known. ``processes`` are the ids of Felix's
    processes, looked for only where no container runs.
    """

    def __init__(self, runtime: str) -> None:
        self.runtime = runtime
        self.is_in_container: bool | None = None
        self.is_docker_down = False
        self.problem = ""
        self.container_state = ""
        self.felix_version = ""
        self.processes: list[int] = []

    @property
    def is_running(self) -> bool:
        """Whether Felix runs, in the container or as a process."""
        return bool(self.is_in_container or self.processes)


def processes_of_felix() -> list[int]:
    """Return the ids of the processes of Felix on this machine, in containers and outside."""
    return named(FELIX, os.path.join(kernel_settings.ROOT, "proc"))


def felix_outside(processes: list[int]) -> str:
    """Return the message about a Felix that calicoctl has not started and cannot stop."""
    ids = ", ".join(map(str, processes))
    return (
        f"Felix runs on this host without the container {CONTAINER}, as process {ids}. Stop the service that runs it: "
        "'calicoctl node stop' cannot."
    )


def find_felix(runtime: str, variables: Mapping[str, str]) -> FelixState:
    """Return what is found of Felix. ``runtime`` is ``docker`` or ``rkt``, ``variables`` the environment variables."""
    found = FelixState(runtime)
    (_look_into_docker if runtime == "docker" else _look_into_rkt)(found, variables)
    if not found.is_in_container:
        found.processes = processes_of_felix()
    return found


def _look_into_docker(found: FelixState, variables: Mapping[str, str]) -> None:
    try:
        docker = Docker(variables, _SECONDS)
        container = docker_reports.running(docker, CONTAINER)
    except DockerUnavailable as error:
        found.is_docker_down = error.is_down
        found.problem = " ".join(error.message.split())
        return
    found.is_in_container = container is not None
    if container is not None:
        found.container_state = container[1]
        try:
            lines = (docker_reports.output_of(docker, container[0], _LIBRARIES) or "").splitlines()
        except DockerUnavailable:  # of an image without a shell
            return
        name, _, version = (lines or [""])[0].partition(" ")
        if name == "calico" and version.startswith("(") and version.endswith(")"):
            found.felix_version = version[1:-1]


def _look_into_rkt(found: FelixState, variables: Mapping[str, str]) -> None:
    import tempfile

    from calicoctl.host.programs import ProgramFailed, write_output

    with tempfile.TemporaryFile() as output:
        try:
            write_output(["rkt", "list"], output, _SECONDS)
            failure = None
        except ProgramFailed as error:
            failure = error
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if failure is None:
        pods = [line.split() for line in text.splitlines() if _IMAGE in line]
        found.is_in_container = any("running" in pod for pod in pods)
    else:
        found.problem = f"Unable to list rkt containers: '{visible(' '.join(text.split()) or str(failure))}'"
