"""Docker on this machine. Only this module imports Docker's SDK for Python (the extra ``docker``)."""

from __future__ import annotations

import re

from calicoctl.errors import CommandError
from calicoctl.etcd.settings import masked
from calicoctl.output import complaint

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_NAME = re.compile(r"/?[A-Za-z0-9][A-Za-z0-9_.-]*")  # Docker's own rule; checked because the SDK puts names into URLs
_NOT_DOCKER = "The server that answered is not Docker; check DOCKER_HOST."
_ID = re.compile(r"[A-Za-z0-9]+")
_PASSWORD = re.compile(r"(^|://)[^/:]*:(?!//).*(@|%40)", re.DOTALL)  # user:password@, with or without a scheme


class DockerUnavailable(CommandError):
    """Docker cannot be used: it is not installed or not running, or access is denied.

    ``is_down`` tells whether no server answered.
    """

    is_down = False


class DockerPackageMissing(DockerUnavailable):
    """The SDK for Python is not installed, so it is unknown whether Docker is running."""


class ContainerNotFound(CommandError):
    """Docker has no container with this name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Container {name} was not found.")


class DockerRefused(CommandError):
    """Docker refused a request; the message has its reason."""


class Container:
    """A container as Docker describes it. ``name`` is the operator's name for it, ``id`` the full id."""

    def __init__(self, name: str, description: Any) -> None:
        """``description`` is the JSON of Docker's inspection. Raises DockerUnavailable if it has an unexpected form."""
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

        Raises CommandError if the container is stopped, is paused (unless ``even_paused``), uses the network of the
        host, or runs on another machine.
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
        """Check that a process belongs to the container, because DOCKER_HOST may refer to another machine."""
        try:
            with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
                is_its_process = self.id in file.read()
        except OSError:
            is_its_process = False
        if not is_its_process:
            raise CommandError(
                complaint(
                    f"{self.name} is not running on this host.",
                    f"Process {pid} of this host does not belong to it; does DOCKER_HOST refer to another machine?",
                )
            )


class Docker:
    """The requests to Docker that the commands need. Methods raise DockerUnavailable."""

    def __init__(self, variables: Mapping[str, str], seconds: int = 60) -> None:
        """``variables`` holds the environment variables: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH.

        ``seconds`` is the timeout of a request.
        """
        try:
            import docker
            import docker.errors
            import requests.exceptions
        except ImportError as error:
            raise DockerPackageMissing(
                f"The Python package '{(error.name or 'docker').partition('.')[0]}' is needed to speak with "
                "Docker: pip install 'calicoctl[docker]'."
            ) from None
        self._failures = (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError)
        self._not_found = docker.errors.NotFound
        self._refusal = docker.errors.APIError
        settings = {"DOCKER_HOST": "", **variables}  # not empty: for {} the SDK would use this process's environment
        if _PASSWORD.search(settings["DOCKER_HOST"]):  # the SDK also refuses it, but prints the password
            raise _no_docker(
                f"DOCKER_HOST={_masked(settings['DOCKER_HOST'])} has a password, which Docker does not support."
            )
        self._client: Any = self._request(lambda: docker.from_env(environment=settings, timeout=seconds))

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """Let ``question`` ask the SDK's ``APIClient``, and return the answer; None if the object is unknown."""
        return self._request(lambda: question(self._client.api))

    def order(self, what: str, order: Callable[[Any], Any], where_there_is: bool = False) -> Any:
        """Let ``order`` make a change with the SDK's ``APIClient``, and return Docker's answer.

        ``what`` completes "Docker cannot ..." in the message of DockerRefused, which is raised with Docker's reason if
        it refuses. With ``where_there_is``, return None if the object is unknown.
        """
        refusal: list[str] = []

        def carry_out() -> Any:
            try:
                return order(self._client.api)
            except self._refusal as error:
                if where_there_is and isinstance(error, self._not_found):
                    return None
                refusal.append(" ".join(_masked(word) for word in str(error.explanation or error).split()))

        answer = self._request(carry_out)
        if refusal:
            raise DockerRefused(f"Docker cannot {what}: {refusal[0].removesuffix('.')}.")
        return answer

    def container(self, name: str) -> Container:
        """Return the container with this name or id. Raises ContainerNotFound."""
        if not _NAME.fullmatch(name):
            raise ContainerNotFound(name)
        description = self._request(lambda: self._client.api.inspect_container(name))
        if description is None:
            raise ContainerNotFound(name)
        return Container(name, description)

    def pull(self, image: str) -> None:
        """Pull an image from its registry. Raises DockerRefused with the reason if that fails."""
        from docker.utils import parse_repository_tag

        def failures(api: Any) -> list[str]:
            repository, tag = parse_repository_tag(image)
            steps = api.pull(repository, tag=tag or "latest", stream=True, decode=True)
            return [str(step["error"]) for step in steps if "error" in step]

        for failure in self.order(f"pull {image}", failures):
            raise DockerRefused(f"Docker cannot pull {image}: {' '.join(_masked(word) for word in failure.split())}.")

    def network(self, name: str) -> tuple[str, str] | None:
        """Return the id and name of the network with this name or full id; None if there is none."""
        if not _NAME.fullmatch(name):
            return None
        description = self._request(lambda: self._client.api.inspect_network(name))
        if description is None:
            return None
        described: dict[str, Any] = description if isinstance(description, dict) else {}
        id, full_name = described.get("Id", ""), described.get("Name")
        if not (_is_id(id) and isinstance(full_name, str)):
            raise _no_docker(_NOT_DOCKER)
        return (id, full_name) if name in (id, full_name) else None  # Docker also finds networks by part of the id

    def _request(self, request: Callable[[], Any]) -> Any:
        """Return the result of a request to Docker; None if Docker answers that the object does not exist."""
        try:
            return request()
        except self._not_found:
            return None
        except self._failures as error:
            raise _unavailable(error) from None
        except (AttributeError, LookupError, RecursionError, TypeError):  # the SDK does not check the form of answers
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
    unavailable = _no_docker(f"Docker's library says: {cause}")
    unavailable.is_down = _caused_by(error, FileNotFoundError) or _caused_by(error, ConnectionError)
    return unavailable


def _no_docker(reason: str) -> DockerUnavailable:
    return DockerUnavailable(complaint("Unable to run docker commands. Is the docker daemon running?", reason))


def _masked(text: str) -> str:
    if "@" not in text and "%40" not in text:
        return text
    return masked(text)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Tell whether an error, one of its causes, or an exception among its arguments is of the type ``kind``."""
    if error is None:
        return False
    carried = [argument for argument in error.args if isinstance(argument, BaseException)]
    return isinstance(error, kind) or any(
        _caused_by(inner, kind) for inner in (error.__cause__ or error.__context__, *carried)
    )
