"""A private Docker daemon for tests, with a locally built image: nothing is downloaded, and nothing remains."""

from __future__ import annotations

import io
import json
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


# By their numbers (linux/capability.h)
CAPABILITIES = [
    f"CAP_{name}"
    for name in """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
    SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
    MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
    """.split()
]


class NoDocker(Exception):
    """No Docker daemon can run on this machine; the text gives the reason."""


# A wrapper of runc: it drops the capabilities of a privileged container that this process does not have itself.
RUNC = """\
#!{python} -IS
import json, os, sys
if "--bundle" in sys.argv:
    path = os.path.join(sys.argv[sys.argv.index("--bundle") + 1], "config.json")
    with open(path) as file:
        config = json.load(file)
    sets = config["process"].get("capabilities", {{}})
    for name in sets:
        sets[name] = [each for each in sets[name] if each not in {missing}]
    with open(path, "w") as file:
        json.dump(config, file)
os.execv({runc!r}, [{runc!r}, *sys.argv[1:]])
"""


class DockerDaemon:
    """A `dockerd` with its own files, socket, network and containers; a context manager, running inside `with`.

    Its host network is a namespace with nothing in it but `lo`, so it does not change the firewall, bridges, routes or
    settings of this machine. Raises NoDocker if it cannot run.
    """

    def __init__(self) -> None:
        self.client: Any = None
        self.content = b""  # a tar archive of the files of its images
        self._guardian: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """The value of DOCKER_HOST for this daemon."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        """The process of the daemon."""
        return int((self._folder / "pid").read_text())

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
            self.content = _image_of(busybox)
            self.add_image(IMAGE)
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

    def add_image(self, name: str, *script: str) -> None:
        """Make an image with busybox, whose containers run the lines of a script for its shell."""
        command = ["/bin/busybox", "sh", "-c", "\n".join(script)]
        changes = [f"CMD {json.dumps(command)}"] if script else []
        repository, _, tag = name.partition(":")
        self.client.api.import_image_from_data(self.content, repository, tag or "latest", changes)

    def run(self, name: str, **options: Any) -> Any:
        """Start a container that does nothing; by default it has its own network without interfaces."""
        options = {"network_mode": "none", **options}
        return self.client.containers.run(IMAGE, SLEEP, name=name, detach=True, **options)

    def _start(self, binary: str) -> None:
        import docker

        folder = self._folder
        log = folder / "dockerd.log"
        command = [
            "unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh",
            binary, f"--host={self.host}", f"--data-root={folder}/data", f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
            "--storage-driver=vfs", "--shutdown-timeout=1", *self._runtime(),
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

    def _runtime(self) -> list[str]:
        """What lets containers be privileged where we lack capabilities ourselves: another runc."""
        runc, missing = shutil.which("runc"), _missing_capabilities()
        if runc is None or not missing:
            return []
        path = self._folder / "runc"
        path.write_text(RUNC.format(python=sys.executable, runc=runc, missing=missing))
        path.chmod(0o755)
        return [f"--add-runtime=limited={path}", "--default-runtime=limited"]

    def _stop(self) -> None:
        if self._guardian is not None:
            assert self._guardian.stdin
            self._guardian.stdin.close()
            self._guardian.wait(STOP_SECONDS)


def _missing_capabilities() -> list[str]:
    """Return those of capabilities(7) that this process does not have, by name."""
    status = Path("/proc/self/status").read_text()
    permitted = int(status.partition("CapPrm:")[2].split()[0], 16)
    return [name for number, name in enumerate(CAPABILITIES) if not permitted >> number & 1]


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
