"""Run iproute2's ``ip``, in this network namespace or in another."""

from __future__ import annotations

import json
import os
from errno import EPERM

from calicoctl.errors import CommandError
from calicoctl.host import program

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    import subprocess
    from typing import Any, NoReturn

_SECONDS = 60
_FIRST_FREE_FILE = 3
_CLONE_NEWNET = 0x40000000  # sched.h
_NS_GET_NSTYPE = 0xB703  # ioctl_ns(2)


class NetworkError(CommandError):
    """The network configuration of the kernel prevents the command, or the kernel refused a change."""


class NamespaceNotFound(CommandError):
    """There is no network namespace at the given path."""


class Namespace:
    """An open network namespace. It stays valid if its path later disappears or refers to another namespace."""

    file = -1

    def __init__(self, path: str) -> None:
        """Open the namespace at a path such as ``/var/run/netns/x`` or ``/proc/<pid>/ns/net``.

        Raises NamespaceNotFound. Raises NetworkError if the path is not a network namespace, or is that of the host.
        """
        import fcntl

        try:
            opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # else it would wait at a FIFO
        except (OSError, ValueError) as error:
            raise NamespaceNotFound(f"There is no network namespace at {path} ({_reason(error)}).") from None
        # If a standard stream is closed, the new file has its number, which `ip` needs for its own standard streams.
        self.file = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FILE)
        os.close(opened)
        if not self._is_network_namespace():
            raise NetworkError(f"{path} is not a network namespace.")
        here, there = os.stat("/proc/self/ns/net"), os.fstat(self.file)
        if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
            raise NetworkError(f"{path} is the network namespace of this host, not of a container.")

    def __del__(self) -> None:
        if self.file >= 0:
            os.close(self.file)

    def _is_network_namespace(self) -> bool:
        import fcntl

        try:
            return fcntl.ioctl(self.file, _NS_GET_NSTYPE) == _CLONE_NEWNET
        except OSError:
            return False


class _CannotEnter(Exception):
    """The kernel does not let this process enter another namespace."""


def ip(*arguments: str | Namespace, namespace: Namespace | None = None) -> list[dict[str, Any]]:
    """Run ``ip -json`` with arguments and return the objects that it prints.

    ``namespace`` is the namespace to run it in, if not that of the host. A namespace among the arguments is passed as
    a path. If ``ip`` fails, raises NetworkError with its error message.
    """
    import subprocess

    words = [word if isinstance(word, str) else f"/proc/self/fd/{word.file}" for word in arguments]
    files = [word.file for word in arguments if isinstance(word, Namespace)]
    command = f"'ip {' '.join(words)}'"
    try:
        status, output, complaint = _run([_program(), "-json", *words], files, namespace)
    except subprocess.TimeoutExpired:
        raise NetworkError(f"{command} did not end within {_SECONDS} s.") from None
    except _CannotEnter as error:
        raise NetworkError(f"Cannot enter the network namespace for {command}: {error}.") from None
    except OSError as error:
        raise NetworkError(f"Cannot run {command}: {_reason(error)}.") from None
    if status != 0:
        lines = complaint.decode("utf-8", "replace").split("\n")
        reason = "; ".join(filter(None, map(str.strip, lines))) or f"exit status {status}"
        raise NetworkError(f"{command} failed: {reason.removesuffix('.')}.")
    return _objects(output)


def _run(command: list[str], files: list[int], namespace: Namespace | None) -> tuple[int, bytes, bytes]:
    """Run a program as `program.run` does. Raises _CannotEnter, OSError, subprocess.TimeoutExpired."""
    if namespace is None:
        return program.run(lambda: program.started(command, files), _SECONDS)
    return program.run(lambda: _started_in(namespace, command, files), _SECONDS)


def _started_in(namespace: Namespace, command: list[str], files: list[int]) -> subprocess.Popen[bytes]:
    """Start a program in a namespace. This thread enters the namespace, starts the program, and goes back to its own.

    Raises _CannotEnter, OSError.
    """
    try:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _CannotEnter(f"the namespace of this host cannot be opened ({_reason(error)})") from None
    try:
        _change_namespace(namespace.file)
    except OSError as error:
        os.close(home)
        raise _CannotEnter("CAP_SYS_ADMIN is needed" if error.errno == EPERM else _reason(error)) from None
    process = None
    try:
        process = program.started(command, files)
        return process
    finally:
        try:
            _change_namespace(home)
        except BaseException as error:
            _die(error, process)
        os.close(home)


def _change_namespace(file: int) -> None:
    """Move this thread to the network namespace of an open file. Programs that it starts inherit the namespace."""
    if hasattr(os, "setns"):  # since Python 3.12
        os.setns(file, _CLONE_NEWNET)
        return
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(file, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _die(error: BaseException, process: subprocess.Popen[bytes] | None) -> NoReturn:
    """End this process: it cannot leave a container's namespace, and its next steps would change the container."""
    try:
        if process is not None:
            program.end(process)
        text = (
            f"Cannot return to the network namespace of this host ({error}). calicoctl stops at once, and the command "
            "is only partly done: run it again.\n"
        )
        os.write(2, text.encode("utf-8", "replace"))
    finally:
        os._exit(1)


def _objects(output: bytes) -> list[dict[str, Any]]:
    try:
        objects = json.loads(output) if output.strip() else []
    except (ValueError, RecursionError):
        objects = None
    if not isinstance(objects, list):
        raise NetworkError("iproute2 is too old: 'ip -json' does not print JSON.")
    return [each for each in objects if isinstance(each, dict) and each]


def _program() -> str:
    found = program.find("ip")
    if found is None:
        raise NetworkError("The program 'ip' was not found: install iproute2.")
    return found


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
