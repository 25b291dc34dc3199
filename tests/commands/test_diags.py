"""calicoctl diags. What Docker has to say is in tests/containers/test_node_reports.py."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from calicoctl.commands import diags_collection
from calicoctl.host import bird
from calicoctl.host import felix as felix_state
from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.host.bird_socket import BirdSocket, answering
from tests.host.felix_names import CALICO_FELIX, FELIX
from tests.host.test_bundle import BODY, KEY, REMARK, content

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="diags needs root")

STEPS = """\
Dumping netstat
Dumping routes (IPv4)
Dumping routes (IPv6)
Dumping interface info (IPv4)
Dumping interface info (IPv6)
Dumping iptables (IPv4)
Dumping iptables (IPv6)
Dumping ipsets
Copying journal for calico-node.service
Dumping felix stats
Dumping status of the node
Dumping BIRD protocols (IPv4)
Dumping BIRD protocols (IPv6)
Dumping container calico-node
Copying Calico logs
Dumping datastore
"""
ADVICE = """\
The bundle holds the network configuration of this host, and policy and
addresses of the whole cluster. Look at it before you pass it on.

"""
# Legacy's names
OF_PROGRAMS = {
    "date", "hostname", "netstat_--all_--numeric", "ip_-4_route", "ip_-6_route", "ip_-4_addr", "ip_-6_addr",
    "iptables-save", "ip6tables-save", "ipset_list", "journalctl_-u_calico-nodeservice_--no-pager",
    "iptables-save_-c", "ip6tables-save_-c",
}  # fmt: skip
OTHERS = {
    "status", "bird_show_protocols_all", "bird6_show_protocols_all", "docker_inspect_calico-node",
    "docker_logs_calico-node", "etcd_calico", "summary", "logs/felix/current",
}  # fmt: skip
PROTOCOLS = b"1002-Mesh_10_99_0_2 BGP master up 10:58:05 Established\n1006-  Description:    \x1b[2J\n0000 \n"
SAYING_ITS_NAME = '#!/bin/sh\necho "$(basename "$0") $*"\necho complaint >&2\n'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the programs are found in first: all that are needed are there, and say how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("date", "hostname", "netstat", "ip", "iptables-save", "ip6tables-save", "ipset", "journalctl"):
        script(folder / name, SAYING_ITS_NAME)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def node(calicoctl: Calicoctl, tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calicoctl]:
    """calicoctl on a host with BIRD, but without Docker, that has one log."""
    monkeypatch.setattr(bird, "FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(diags_collection, "_FELIX", FELIX)
    monkeypatch.setattr(felix_state, "FELIX", (FELIX, CALICO_FELIX))
    (tmp_path / "log" / "felix").mkdir(parents=True)
    (tmp_path / "log" / "felix" / "current").write_text("a line\n")
    (tmp_path / "tmp").mkdir()
    calicoctl.environ = {
        **calicoctl.environ, "HOSTNAME": "h1", "DOCKER_HOST": f"unix://{tmp_path}/none", "TMPDIR": f"{tmp_path}/tmp",
    }  # fmt: skip
    with BirdSocket(tmp_path / "bird.ctl", answering(PROTOCOLS)):
        yield calicoctl


def collected(node: Calicoctl, tmp_path: Path) -> tuple[Result, dict[str, str]]:
    """Run diags; return the result, and the files in the bundle by name."""
    result = node("diags", f"--log-dir={tmp_path}/log", f"--output={tmp_path}/b.tgz")
    assert result.status == 0
    files = {
        name.removeprefix("diagnostics/"): text.decode("utf-8", "backslashreplace")
        for name, text in content(f"{tmp_path}/b.tgz").items()
    }
    return result, files


def test_what_is_in_the_bundle(node: Calicoctl, etcd: EtcdServer, tmp_path: Path) -> None:
    etcd.put("/calico/bgp/v1/host/h1/ip_addr_v4", "10.99.0.1")
    etcd.put("/calico/v1/Ready", "true")
    _, files = collected(node, tmp_path)
    assert set(files) == OF_PROGRAMS | OTHERS
    for name in OF_PROGRAMS:
        command = name.replace("_", " ").replace("nodeservice", "node.service")
        assert files[name] == f"{command}{'' if ' ' in command else ' '}\ncomplaint\n"
    assert files["logs/felix/current"] == "a line\n"
    assert files["etcd_calico"] == (
        "dir?, key, value\nDIR,  /calico,\n"
        "DIR,  /calico/bgp,\nDIR,  /calico/bgp/v1,\nDIR,  /calico/bgp/v1/host,\nDIR,  /calico/bgp/v1/host/h1,\n"
        "FILE, /calico/bgp/v1/host/h1/ip_addr_v4, 10.99.0.1\n"
        "DIR,  /calico/v1,\nFILE, /calico/v1/Ready, true\n"
    )
    assert files["bird_show_protocols_all"] == (
        f"{tmp_path}/bird.ctl: BIRD 1.6.8 ready.\n"
        "Mesh_10_99_0_2 BGP master up 10:58:05 Established\n  Description:    \x1b[2J\n"
    )
    assert "\nIPv4 BGP status\nIP: 10.99.0.1    AS Number: 64511 (inherited)\n+--" in files["status"]
    assert "There is no Felix process" in files["status"]


def test_output(node: Calicoctl, tmp_path: Path) -> None:
    result, _ = collected(node, tmp_path)
    [folder] = [line for line in result.stdout.splitlines() if line.startswith("Using temp dir: ")]
    assert folder.startswith(f"Using temp dir: {tmp_path}/tmp/")
    assert result.stdout == (
        f"Collecting diagnostics\n{folder}\n{STEPS}\nDiags saved to {tmp_path}/b.tgz\n\n{ADVICE}"
    )
    assert os.listdir(tmp_path / "tmp") == []


def test_without_an_output_the_bundle_is_in_a_new_folder(node: Calicoctl, tmp_path: Path) -> None:
    result = node("diags", f"--log-dir={tmp_path}/log")
    assert result.status == 0
    path = Path(result.stdout.partition("Diags saved to ")[2].partition("\n")[0])
    assert path.parent.parent == tmp_path / "tmp"
    assert os.listdir(path.parent) == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert time.strptime(path.name, "diags-%d%m%y_%H%M%S.tar.gz")


def test_no_logs(node: Calicoctl, tmp_path: Path) -> None:
    result = node("diags", f"--log-dir={tmp_path}/none", f"--output={tmp_path}/b.tgz")
    said = STEPS.replace("Copying Calico logs", f"No logs found in {tmp_path}/none; skipping log copying")
    assert said in result.stdout
    summary = content(f"{tmp_path}/b.tgz")["diagnostics/summary"].decode()
    assert f"failed  logs: there is no folder {tmp_path}/none\n" in summary


# Steps that fail


def test_failed_steps_are_in_the_summary(
    node: Calicoctl, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diags_collection, "_SECONDS", 0.3)
    script(programs / "hostname", "#!/bin/sh\necho before\nexec sleep 1000\n")
    script(programs / "ip", "#!/bin/sh\necho half\necho why >&2\nexit 3\n")
    script(programs / "date", "#!/bin/sh\nkill -9 $$\n")
    script(programs / "netstat", "#!/none\n")
    (programs / "ipset").unlink()
    monkeypatch.setenv("PATH", f"{programs}")
    began = time.monotonic()
    result, files = collected(node, tmp_path)
    assert time.monotonic() - began < 5
    assert set(files) == OF_PROGRAMS | OTHERS
    assert (files["hostname"], files["ip_-4_route"]) == (
        "before\nit did not end within 0.3 s\n", "half\nwhy\nexit status 3\n"
    )  # fmt: skip
    summary = files["summary"].splitlines()
    for line in (
        "failed  hostname: it did not end within 0.3 s",
        "failed  ip -4 route: exit status 3",
        "failed  date: signal 9 has ended it",
        "failed  netstat --all --numeric: it cannot be run: No such file or directory",
        "failed  ipset list: the program 'ipset' was not found",
        "failed  SIGUSR1: there is no process named felix",
        f"failed  bird6_show_protocols_all: {tmp_path}/bird6.ctl: No such file or directory; {tmp_path}/bird.ctl: "
        "BIRD 1 answers, which speaks IPv4 only",
        "ok      bird_show_protocols_all",
        "ok      etcd_calico",
        "ok      logs",
        "ok      status",
    ):
        assert line in summary
    assert any(line.startswith("failed  docker_logs_calico-node: Unable to run docker commands.") for line in summary)
    assert "Problem running command: ip -4 route\n  exit status 3\n" in result.stderr
    assert f"Problem collecting bird6_show_protocols_all:\n  {tmp_path}/bird6.ctl: " in result.stderr


def test_deeply_nested_directories(node: Calicoctl, etcd: EtcdServer, tmp_path: Path) -> None:
    key = "/calico" + "/d" * 400
    etcd.put(key, "1")
    _, files = collected(node, tmp_path)
    assert files["etcd_calico"].endswith(f"FILE, {key}, 1\n")


def test_without_etcd(node: Calicoctl, tmp_path: Path) -> None:
    node.environ = {**node.environ, "ETCD_AUTHORITY": "127.0.0.1:1"}
    result, files = collected(node, tmp_path)
    reason = (
        "Unable to dump etcd datastore: Error accessing etcd at http://127.0.0.1:1 (Connection refused). "
        "Is etcd running?\n"
    )
    assert files["etcd_calico"] == reason
    assert f"Problem collecting etcd_calico:\n  {reason}" in result.stderr


def test_invalid_variables(node: Calicoctl, tmp_path: Path) -> None:
    node.environ = {**node.environ, "ETCD_ENDPOINTS": "nonsense", "HOSTNAME": "a/b"}
    _, files = collected(node, tmp_path)
    assert files["status"] == "Invalid host name: 'a/b'. Set HOSTNAME to the name of this host in Calico.\n"
    assert files["etcd_calico"].startswith("Invalid ETCD_ENDPOINTS. ")


def test_left_out_logs_are_in_the_summary(node: Calicoctl, tmp_path: Path) -> None:
    (tmp_path / "log" / "link").symlink_to("/etc/passwd")
    _, files = collected(node, tmp_path)
    assert set(files) == OF_PROGRAMS | OTHERS
    assert f"failed  logs: left out {tmp_path}/log/link: it is a symbolic link\n" in files["summary"]


# Secrets


def test_no_key_and_no_password_is_in_the_bundle(
    node: Calicoctl, etcd: EtcdServer, programs: Path, tmp_path: Path
) -> None:
    etcd.put("/calico/v1/config/secret", KEY)
    (tmp_path / "log" / "felix" / "current").write_text(f"http://me:sesame@10.0.0.1:2379\n{KEY}")
    script(programs / "journalctl", f"#!/bin/sh\ncat <<EOF\n{KEY}EOF\n")
    node.environ = {**node.environ, "ETCD_USERNAME": "me", "ETCD_PASSWORD": "sesame"}
    result, files = collected(node, tmp_path)
    for name, text in files.items():
        assert BODY not in text and "sesame" not in text, name
    assert f"FILE, /calico/v1/config/secret, {REMARK}\n" in files["etcd_calico"]
    assert files["logs/felix/current"] == f"http://***@10.0.0.1:2379\n{REMARK}\n"
    assert files["journalctl_-u_calico-nodeservice_--no-pager"] == f"{REMARK}\n"


# Felix

SIGNALLED = diags_collection._FELIX
CATCHING = """\
#!/bin/sh
trap 'echo caught > {0}.caught' USR1
echo > {0}.ready
while :; do sleep 0.02; done
"""

NOT_CATCHING = CATCHING.replace("trap", ": trap")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Processes by their names: those that catch SIGUSR1, and a felix that it would end."""
    started = {}
    for folder, name in (("1", FELIX), ("1", CALICO_FELIX), ("1", f"{FELIX}2"), ("2", FELIX)):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        script(path, (CATCHING if folder == "1" else NOT_CATCHING).format(path))
        started[f"{folder}/{name}"] = subprocess.Popen([path])
    wait_for(*(tmp_path / f"{name}.ready" for name in started))
    yield started
    for process in started.values():
        process.kill()
        process.wait()


def wait_for(*paths: Path) -> None:
    deadline = time.monotonic() + PROCESS_SECONDS
    while not all(path.exists() for path in paths):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_name_of_the_signalled_process() -> None:
    assert SIGNALLED == "felix"


def test_only_a_felix_that_catches_the_signal_gets_it(
    node: Calicoctl, processes: dict[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    caught, spared = (processes[f"{folder}/{FELIX}"].pid for folder in ("1", "2"))
    _, files = collected(node, tmp_path)
    wait_for(tmp_path / "1" / f"{FELIX}.caught")
    assert not (tmp_path / "1" / f"{CALICO_FELIX}.caught").exists()
    assert not (tmp_path / "1" / f"{FELIX}2.caught").exists()
    assert all(process.poll() is None for process in processes.values())
    assert f"ok      SIGUSR1 to the process {caught}, felix\n" in files["summary"]
    left_alone = f"failed  SIGUSR1: the process {spared}, felix, does not catch it\n"
    assert left_alone in files["summary"]


# Without a reader, and without a bundle


def test_closed_pipe_does_not_prevent_the_bundle(node: Calicoctl, tmp_path: Path) -> None:
    command = node.command("diags", f"--log-dir={tmp_path}/log", f"--output={tmp_path}/b.tgz")
    env = {**node.environ, "PYTHONUNBUFFERED": "1"}  # so that each line is written at once
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PROCESS_SECONDS) == 0
    assert "diagnostics/summary" in content(f"{tmp_path}/b.tgz")


def test_unwritable_bundle(node: Calicoctl, tmp_path: Path) -> None:
    result = node("diags", f"--output={tmp_path}/none/b.tgz")
    complaint = f"Cannot write '{tmp_path}/none/b.tgz': No such file or directory.\n"
    assert result == Result(1, "Collecting diagnostics\n", complaint)
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.machine
def test_a_full_disk(node: Calicoctl, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "calicoctl-test", f"{tmp_path}/small"]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted")
    try:
        (tmp_path / "log" / "felix" / "current").write_bytes(os.urandom(25_000))
        node.environ = {**node.environ, "TMPDIR": f"{tmp_path}/small"}
        result = node("diags", f"--log-dir={tmp_path}/log")
        assert result.status == 1
        assert result.stderr.endswith("Cannot write the bundle: No space left on device.\n")
        assert "Diags saved" not in result.stdout
        assert os.listdir(tmp_path / "small") == []
    finally:
        subprocess.run(["umount", tmp_path / "small"], check=True)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(by: signal.Signals, node: Calicoctl, programs: Path, tmp_path: Path) -> None:
    script(programs / "hostname", f"#!/bin/sh\necho $$ > {tmp_path}/started\nexec sleep 1000\n")
    env = {**node.environ, "PATH": f"{programs}:/usr/bin:/bin"}
    command = Calicoctl({}).command("diags", f"--output={tmp_path}/b.tgz")
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for(tmp_path / "started")
        process.send_signal(by)
        _, stderr = process.communicate(timeout=PROCESS_SECONDS)
    assert (process.returncode, stderr) == (128 + by, "Aborted command.\n")
    assert os.listdir(tmp_path / "tmp") == []
    assert not [name for name in os.listdir(tmp_path) if "b.tgz" in name]
    assert not os.path.exists(f"/proc/{(tmp_path / 'started').read_text().strip()}")


def test_without_root(node: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert node("diags") == Result(2, "", "This command must be run as root.\n")
