"""A host for `calicoctl node`: a Docker daemon with images that stand for calico/node, and a kernel in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import Calicoctl, Result
from tests.containers.docker_daemon import DockerDaemon

STARTED = "Calico node started successfully"
_UNTIL_STOPPED = "/bin/busybox sleep 100000 & wait"
# What the image of each name does.
IMAGES: dict[str, Sequence[str]] = {
    "normal": ("echo Waiting for etcd connection...", "/bin/busybox sleep 0.1", f"echo {STARTED}", _UNTIL_STOPPED),
    "quick": (f"echo {STARTED}", _UNTIL_STOPPED),
    "fails": ("echo IP is not valid >&2", "exit 3"),
    "never": ("echo Waiting for etcd connection...", "echo -n No end of", _UNTIL_STOPPED),
    "ends": (f"echo {STARTED}", "/bin/busybox sleep 0.3", "echo Felix has ended"),
    "silent": ("exit 1",),
    "talks": (f"echo {STARTED}", "/bin/busybox sleep 0.1", "echo Felix is running", _UNTIL_STOPPED),
}
REMOVED = "The new container was removed. No node is running."
BACK = "The new container was removed. The previous one is restored and running."
OF_DOCKER = ("/var/run/calico", "/lib/modules")  # folders that Docker makes where they are not there


class NodeHost:
    """`calicoctl` on a host; `run` starts it in this process. `root` has the files of its kernel."""

    def __init__(self, calicoctl: Calicoctl, daemon: DockerDaemon, root: Path) -> None:
        self.calicoctl = calicoctl
        self.daemon = daemon
        self.root = root

    def describe(self, name: str = "calico-node") -> dict[str, Any]:
        """What Docker says of a container."""
        description: dict[str, Any] = self.daemon.client.api.inspect_container(name)
        return description

    def containers(self) -> dict[str, str]:
        """The containers that there are, by their names, with their states."""
        return {each.name: each.status for each in self.daemon.client.containers.list(all=True)}


def start(host: NodeHost, image: str, *options: str, **env: str | None) -> Result:
    """Run `calicoctl node` with one of the images, in this process."""
    folder = host.root.parent / "logs"
    return host.calicoctl("node", f"--node-image=node:{image}", f"--log-dir={folder}", *options, env=env)


def fill_kernel(root: Path, forwarding: int = 0, connections: int | None = 65536) -> None:
    """Let a folder have the settings of a kernel."""
    files = {"ipv4/ip_forward": forwarding, "ipv6/conf/all/forwarding": forwarding}
    if connections is not None:
        files["netfilter/nf_conntrack_max"] = connections
    for name, value in files.items():
        path = root / "proc/sys/net" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")


def program(folder: Path, name: str, *script: str) -> None:
    """Let a folder have a program that notes its arguments in a file of its name with `.log`, and runs a script."""
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", f'echo "$@" >> {path}.log', *script]) + "\n")
    path.chmod(0o755)


@contextlib.contextmanager
def folders_of_docker() -> Iterator[None]:
    """Let the folders that Docker makes be gone at the end, when no other process of the tests needs them.

    A file has the names of those that were not there when the first process began; each process holds a lock on it.
    """
    with open(Path(tempfile.gettempdir(), "calicoctl-node-folders.lock"), "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        lock.writelines(f"{folder}\n" for folder in OF_DOCKER if not os.path.exists(folder))
        lock.flush()
        yield
        with contextlib.suppress(OSError):  # another process has a lock
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.seek(0)
            for folder in set(lock.read().split()):
                with contextlib.suppress(OSError):  # something was put into it, or it is gone
                    os.rmdir(folder)
            lock.truncate(0)
