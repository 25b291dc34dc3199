"""A private Docker daemon for tests, with a locally built image: nothing is downloaded, and nothing remains."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from tests import guardian

START_SECONDS = 60.0
STOP_SECONDS = 120.0
IMAGE = "calicoctl-test"
SLEEP = ["/bin/busybox", "sleep", "100000"]


class NoDocker(Exception):
    """No Docker daemon can run on this machine; the text gives the reason."""


class DockerDaemon:
    """A `dockerd` with its own files, socket and containers; a context manager, running inside `with`.

    It does not change the firewall, bridges or routes of the host. Raises NoDocker if it cannot run.
    """

    def __init__(self) -> None:
        self.client: Any = None
        self._guardian: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """The value of DOCKER_HOST for this daemon."""
        return f"unix://{self.socket}"

    @property
    def guardian_pid(self) -> int:
        """The process that ends the daemon after the tests."""
        assert self._guardian
        return self._guardian.pid

    def __enter__(self) -> DockerDaemon:
        if os.geteuid() != 0:
            raise NoDocker("a Docker daemon needs root")
        binary, busybox = shutil.which("dockerd"), _static_busybox()
        if binary is None:
            raise NoDocker("dockerd is not installed")
        self._folder = Path(tempfile.mkdtemp(prefix="calicoctl-docker-"))
        self.socket = self._folder / "docker.sock"
        try:
            self._start(binary)
            self.client.api.import_image_from_data(_image_of(busybox), repository=IMAGE)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for container in self.client.containers.list(all=True):
            container.remove(force=True)
        for network in self.client.networks.list():
            if network.name not in ("bridge", "host", "none"):
                network.remove()
        self._stop()

    def run(self, name: str, **options: Any) -> Any:
        """Start a container that does nothing; by default it has its own network without interfaces."""
        options = {"network_mode": "none", **options}
        return self.client.containers.run(IMAGE, SLEEP, name=name, detach=True, **options)

    def _start(self, binary: str) -> None:
        import docker

        folder = self._folder
        log = folder / "dockerd.log"
        command = [
            binary, f"--host={self.host}", f"--data-root={folder}/data", f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
            "--storage-driver=vfs", "--shutdown-timeout=1",
        ]  # fmt: skip
        with log.open("wb") as output:  # dockerd ends its containerd and its containers
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", guardian.__file__, str(folder), *command], stdin=subprocess.PIPE, stderr=output
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._guardian.poll() is None:
            try:
                self.client = docker.DockerClient(base_url=self.host, timeout=START_SECONDS)
                return
            except docker.errors.DockerException:
                time.sleep(0.05)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        raise NoDocker(f"dockerd does not start: {lines[-1] if lines else 'it says nothing'}")

    def _stop(self) -> None:
        if self._guardian is not None:
            assert self._guardian.stdin
            self._guardian.stdin.close()
            self._guardian.wait(STOP_SECONDS)


def _static_busybox() -> Path:
    for candidate in ("/bin/busybox", "/usr/bin/busybox"):
        # A dynamic binary names its loader near the start; the image has no loader.
        if Path(candidate).is_file() and b"/ld-" not in Path(candidate).read_bytes()[:8192]:
            return Path(candidate)
    raise NoDocker("a static busybox (Debian's package busybox-static) is not installed")


def _image_of(program: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(program.resolve(), "bin/busybox")
    return content.getvalue()
