"""Docker on this machine, through its SDK for Python (the extra ``docker``), which only this module imports."""

from __future__ import annotations

import re

from calicoctl.errors import CommandError
from calicoctl.etcd.settings import masked
from calicoctl.output import complaint

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_NAME = re.compile(r"/?[A-Za-z0-9][A-Za-z0-9_.-]*")  # as Docker has it: the SDK makes it a part of a path
_NOT_DOCKER = "What answers is not Docker; see DOCKER_HOST."
_ID = re.compile(r"[A-Za-z0-9]+")
_PASSWORD = re.compile(r"(^|://)[^/:]*:(?!//).*(@|%40)", re.DOTALL)  # user:password@, with a scheme or none


class DockerUnavailable(CommandError):
    """Docker cannot be asked: not installed, not running, not permitted."""


class ContainerNotFound(CommandError):
    """Docker has no container of that name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Container {name} was not found.")


class Container:
    """A container as Docker describes it: ``name`` as the operator gave it, ``id`` in full."""

    def __init__(self, name: str, description: Any) -> None:
        """``description`` is Docker's answer to an inspection. Raises DockerUnavailable for one of another shape."""
        described = description if isinstance(description, dict) else {}
        self.name = name
        self.id: str = described.get("Id", "")
        self._state: dict[str, Any] = described.get("State") or {}
        self._host_config: dict[str, Any] = described.get("HostConfig") or {}
        parts_are_sound = isinstance(self._state, dict) and isinstance(self._host_config, dict)
        if not (_is_id(self.id) and parts_are_sound and type(self._state.get("Pid", 0)) is int):
            raise _no_docker(_NOT_DOCKER)

    def namespace_path(self, even_paused: bool = False) -> str:
        """Return the path of the container's network namespace.

        Raises CommandError for a container that has none to work on: stopped, paused (unless ``even_paused``), on the
        host's network, or not of this machine.
        """
        if not self._state.get("Running") or not self._state.get("Pid"):
            raise CommandError(complaint(f"{self.name} is not currently running."))
        if self._state.get("Paused") and not even_paused:
            raise CommandError(complaint(f"{self.name} is currently paused."))
        if self._host_config.get("NetworkMode") == "host":
            raise CommandError(complaint(f"Can't add {self.name} to Calico because it is running NetworkMode = host."))
        self._check_process(self._state["Pid"])
        return f"/proc/{self._state['Pid']}/ns/net"

    def _check_process(self, pid: int) -> None:
        """Make sure that a process is the container's: DOCKER_HOST may lead to another machine's Docker."""
        try:
            with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
                is_its_process = self.id in file.read()
        except OSError:
            is_its_process = False
        if not is_its_process:
            raise CommandError(
                complaint(
                    f"{self.name} is not running on this host.",
                    f"Its process {pid} is not a process of that container here; is DOCKER_HOST another machine's?",
                )
            )


class Docker:
    """What the commands ask of Docker. Methods raise DockerUnavailable."""

    def __init__(self, variables: Mapping[str, str], seconds: int = 60) -> None:
        """``variables`` are the environment variables: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH.

        ``seconds`` is how long an answer may take.
        """
        try:
            import docker
            import docker.errors
            import requests.exceptions
        except ImportError as error:
            raise DockerUnavailable(
                f"The Python package '{(error.name or 'docker').partition('.')[0]}' is needed to find containers by "
                "their Docker names: pip install 'calicoctl[docker]'."
            ) from None
        self._failures = (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError)
        self._not_found = docker.errors.NotFound
        settings = {"DOCKER_HOST": "", **variables}  # an empty mapping would stand for this process's environment
        if _PASSWORD.search(settings["DOCKER_HOST"]):  # the library refuses it too, and shows it
            raise _no_docker(f"DOCKER_HOST={_masked(settings['DOCKER_HOST'])} has a password, and Docker takes none.")
        self._client: Any = self._asked(lambda: docker.from_env(environment=settings, timeout=seconds))

    def container(self, name: str) -> Container:
        """Return the container of a name or id. Raises ContainerNotFound."""
        if not _NAME.fullmatch(name):
            raise ContainerNotFound(name)
        description = self._asked(lambda: self._client.api.inspect_container(name))
        if description is None:
            raise ContainerNotFound(name)
        return Container(name, description)

    def network(self, name: str) -> tuple[str, str] | None:
        """Return id and name of the network of a name or full id; None if there is none."""
        if not _NAME.fullmatch(name):
            return None
        description = self._asked(lambda: self._client.api.inspect_network(name))
        if description is None:
            return None
        described: dict[str, Any] = description if isinstance(description, dict) else {}
        id, full_name = described.get("Id", ""), described.get("Name")
        if not (_is_id(id) and isinstance(full_name, str)):
            raise _no_docker(_NOT_DOCKER)
        return (id, full_name) if name in (id, full_name) else None  # Docker takes the beginning of an id too

    def _asked(self, question: Callable[[], Any]) -> Any:
        """Return Docker's answer; None if it knows of no such thing."""
        try:
            return question()
        except self._not_found:
            return None
        except self._failures as error:
            raise _unavailable(error) from None
        except (AttributeError, LookupError, RecursionError, TypeError):  # the library trusts in the shape of an answer
            raise _no_docker(_NOT_DOCKER) from None


def _unavailable(error: BaseException) -> DockerUnavailable:
    if _caused_by(error, PermissionError):
        return DockerUnavailable(
            complaint(
                "Unable to run command.  Re-run the command as root, or configure the docker group to run with sudo "
                "privileges (see docker installation guide for details)."
            )
        )
    cause = " ".join(_masked(word) for word in str(error).split())
    return _no_docker(f"Docker's library says: {cause}")


def _no_docker(reason: str) -> DockerUnavailable:
    return DockerUnavailable(complaint("Unable to run docker commands. Is the docker daemon running?", reason))


def _masked(text: str) -> str:
    if "@" not in text and "%40" not in text:
        return text
    return masked(text)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Tell whether an error, one that it was made from, or one that it carries is of a kind."""
    if error is None:
        return False
    carried = [argument for argument in error.args if isinstance(argument, BaseException)]
    return isinstance(error, kind) or any(
        _caused_by(inner, kind) for inner in (error.__cause__ or error.__context__, *carried)
    )
