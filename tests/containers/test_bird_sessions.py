"""calicoctl status with real BIRDs, as Debian has them, that peer between two network namespaces."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from calicoctl.host import bird
from calicoctl.host import felix as felix_state
from calicoctl.host.bird import BirdUnavailable
from tests.conftest import Calicoctl
from tests.containers.namespaces import NetworkNamespace, NoNamespaces, namespaces
from tests.etcd_server import EtcdServer
from tests.host.felix_names import FELIX

pytestmark = pytest.mark.machine

BIRD_1 = ("/usr/sbin/bird", "/usr/sbin/bird6")
BIRD_2 = "/usr/local/lib/bird2/bird"  # where .ci/tools.sh puts it: its package conflicts with that of BIRD 1
START_SECONDS = 30.0
STOP_SECONDS = 10.0

# In this order: a peer whose session comes up, one that does not answer, one without a route, one that is disabled.
PEERS = {4: ("10.99.0.2", "10.99.0.3", "203.0.113.9", "10.99.0.4"), 6: ("fd99::2", "fd99::3", "fd98::9", "fd99::4")}
KINDS = (("Mesh", ""), ("Node", ""), ("Global", "multihop;"), ("Global", "disabled;"))
NETWORKS = {4: ("10.99.0.1", 24), 6: ("fd99::1", 64)}


def program(version: int, release: int) -> str:
    """The program of a release of BIRD for an IP version; skips the test if there is none."""
    needed = (BIRD_2,) if release == 2 else BIRD_1
    if not all(map(os.path.exists, needed)):
        pytest.skip(f"BIRD {release} is not installed: see .ci/tools.sh")
    return needed[-1] if version == 6 else needed[0]


def configuration(version: int, release: int, kinds: tuple[tuple[str, str], ...], peers: tuple[str, ...]) -> str:
    channel = f"ipv{version} {{ import all; export none; }};" if release == 2 else ""
    protocols = "\n".join(
        f"protocol bgp {kind}_{re.sub('[.:]', '_', peer)} {{ {extra} {channel}\n"
        f"  local as 64511; neighbor {peer} as 64511;\n"
        "  connect delay time 1; connect retry time 1; error wait time 1, 1; }"
        for (kind, extra), peer in zip(kinds, peers, strict=False)
    )
    return f"router id 10.99.0.1;\nprotocol device {{ scan time 1; }}\n{protocols}\n"


@contextmanager
def running_bird(binary: str, text: str, socket: Path, namespace: NetworkNamespace) -> Iterator[None]:
    """A BIRD in a namespace with this configuration and this socket."""
    file, pid_file = socket.with_suffix(".conf"), socket.with_suffix(".pid")
    file.write_text(text)
    enter = ["ip", "netns", "exec", namespace.name]
    command = [*enter, binary, "-f", "-c", str(file), "-s", str(socket), "-P", str(pid_file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not socket.exists() and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.01)
            assert socket.exists(), process.stderr and process.stderr.read()
            yield
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def two_hosts() -> Iterator[tuple[NetworkNamespace, NetworkNamespace]]:
    """Two namespaces with a cable between them."""
    try:
        with namespaces(2) as (one, other):
            one.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", other.name)
            for namespace, last in ((one, 1), (other, 2)):
                namespace.ip("link", "set", "lo", "up")
                namespace.ip("addr", "add", f"10.99.0.{last}/24", "dev", "eth0")
                namespace.ip("addr", "add", f"fd99::{last}/64", "dev", "eth0", "nodad")
                namespace.ip("link", "set", "eth0", "up")
            yield one, other
    except NoNamespaces as error:
        pytest.skip(f"no network namespaces: {error}")


def wait_for_session(folder: Path, version: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(BirdUnavailable):  # it is still starting
            answer = bird.ask("show protocols", version, str(folder))
            if any(peer.is_established for peer in bird.peers(answer, version)):
                return
        time.sleep(0.05)
    pytest.fail("no session comes up")


def table(stdout: str, version: int) -> dict[str, tuple[str, str, str]]:
    """By the address of each peer: its type, its state and what BIRD says about it."""
    shown = stdout.partition(f"IPv{version} BGP status\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines() if line.startswith("|")]
    return {address: (kind, state, info) for address, kind, state, _, info in rows[1:]}


@pytest.mark.parametrize("release", [1, 2])
def test_real_peers(
    release: int,
    two_hosts: tuple[NetworkNamespace, NetworkNamespace],
    calicoctl: Calicoctl,
    etcd: EtcdServer,
    tmp_path: Path,
) -> None:
    programs = {version: program(version, release) for version in (4, 6)}
    one, other = two_hosts
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    for version, (address, _) in NETWORKS.items():
        etcd.put(f"/calico/bgp/v1/host/h1/ip_addr_v{version}", address)
    with ExitStack() as stack:
        for version in (4, 6):
            name = "bird.ctl" if version == 4 else "bird6.ctl"
            peering = configuration(version, release, KINDS[:1], NETWORKS[version][:1])
            peering = peering.replace("router id 10.99.0.1", "router id 10.99.0.2")
            stack.enter_context(running_bird(programs[version], peering, there / name, other))
        ours = {version: configuration(version, release, KINDS, PEERS[version]) for version in (4, 6)}
        if release == 2:  # one for both
            both = ours[4] + ours[6].partition("\n")[2].partition("\n")[2]
            stack.enter_context(running_bird(programs[4], both, here / "bird.ctl", one))
        else:
            stack.enter_context(running_bird(programs[4], ours[4], here / "bird.ctl", one))
            stack.enter_context(running_bird(programs[6], ours[6], here / "bird6.ctl", one))
        for version in (4, 6):
            wait_for_session(here, version)
        env = {"HOSTNAME": "h1", "DOCKER_HOST": "unix:///none"}
        result = calicoctl("status", f"--socket-dir={here}", env=env)
    assert result.status == 1
    for version in (4, 6):
        shown = table(result.stdout, version)
        up, silent, unroutable, disabled = PEERS[version]
        assert list(shown) == list(PEERS[version])
        assert shown[up] == ("node-to-node mesh", "up", "Established")
        assert shown[silent][:2] == ("node specific", "start")
        assert shown[silent][2].split()[0] in ("Active", "Connect")
        assert shown[unroutable][:2] == ("global", "start")
        assert shown[disabled] == ("global", "down", "")
        assert f"No session is established with 3 of 4 BGP peers over IPv{version}: " in result.stderr


def test_every_session_is_up(
    two_hosts: tuple[NetworkNamespace, NetworkNamespace],
    calicoctl: Calicoctl,
    etcd: EtcdServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The exit status of a monitor's check, but for Felix, which does not run here."""
    monkeypatch.setattr(felix_state, "FELIX", (FELIX,))
    binary = program(4, 1)
    one, other = two_hosts
    etcd.put("/calico/bgp/v1/host/h1/ip_addr_v4", "10.99.0.1")
    (tmp_path / "there").mkdir()
    theirs = configuration(4, 1, KINDS[:1], ("10.99.0.1",)).replace("router id 10.99.0.1", "router id 10.99.0.2")
    shutil.copy(str(shutil.which("sleep")), tmp_path / FELIX)
    with ExitStack() as stack:
        felix = stack.enter_context(subprocess.Popen([tmp_path / FELIX, "1000"]))
        stack.callback(felix.kill)
        ours = configuration(4, 1, KINDS[:1], ("10.99.0.2",))
        stack.enter_context(running_bird(binary, ours, tmp_path / "bird.ctl", one))
        peer = stack.enter_context(ExitStack())
        peer.enter_context(running_bird(binary, theirs, tmp_path / "there" / "bird.ctl", other))
        wait_for_session(tmp_path, 4)
        env = {"HOSTNAME": "h1", "DOCKER_HOST": "unix:///none"}
        result = calicoctl("status", f"--socket-dir={tmp_path}", env=env)
        assert (result.status, result.stderr) == (0, "")
        peer.close()  # BIRD tells its peer that it ends
        result = calicoctl("status", f"--socket-dir={tmp_path}", env=env)
        assert result.status == 1
        assert result.stderr == "No session is established with 1 of 1 BGP peers over IPv4: 10.99.0.2.\n"
