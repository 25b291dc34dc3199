"""calicoctl status, with a stand-in for BIRD: real ones are asked in tests/containers/test_bird_sessions.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from calicoctl.host import bird, processes
from calicoctl.host import felix as felix_state
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.host.bird_socket import BirdSocket, answering, never_going_on, protocols
from tests.host.felix_names import CALICO_FELIX, FELIX

HOST = "/calico/bgp/v1/host/h1"
ESTABLISHED = "Mesh_10_99_0_2 BGP      master   up     10:58:05    Established   "
CONNECTING = "Node_10_99_0_3 BGP      master   start  10:58:04    Active        Socket: No route to host"
ESTABLISHED_6 = "Global_fd99__2 BGP      master   up     2026-11-30  Established   "
TABLES = """\

IPv4 BGP status
IP: 10.99.0.1    AS Number: 64511 (inherited)
+--------------+-------------------+-------+----------+-------------+
| Peer address |     Peer type     | State |  Since   |     Info    |
+--------------+-------------------+-------+----------+-------------+
|  10.99.0.2   | node-to-node mesh |   up  | 10:58:05 | Established |
+--------------+-------------------+-------+----------+-------------+

IPv6 BGP status
No IPv6 address configured.

"""
NO_DOCKER = "Docker is not running\n"
NO_FELIX = (
    "There is no Felix process, and calicoctl cannot look for the container: Unable to run docker commands. Is the "
    "docker daemon running? Docker's library says: "
)


@pytest.fixture
def node(calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calicoctl:
    """calicoctl on the host `h1` without Docker, which etcd has an IPv4 address of."""
    monkeypatch.setattr(bird, "FOLDERS", (str(tmp_path / "run"),))
    monkeypatch.setattr(bird, "SECONDS", 0.3)
    monkeypatch.setattr(felix_state, "FELIX", (FELIX, CALICO_FELIX))
    (tmp_path / "run").mkdir()
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1", "DOCKER_HOST": f"unix://{tmp_path}/none"}
    etcd.put(f"{HOST}/ip_addr_v4", "10.99.0.1")
    etcd.put(f"{HOST}/ip_addr_v6", "")
    return calicoctl


@pytest.fixture
def felix(tmp_path: Path) -> Iterator[int]:
    """A process that is called `calico-felix`; its id."""
    with running(CALICO_FELIX, tmp_path) as process:
        yield process.pid
        process.kill()


def running(name: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a process of that name, which does nothing."""
    shutil.copy(str(shutil.which("sleep")), folder / name)
    return subprocess.Popen([folder / name, "1000"])


@pytest.fixture
def peers(tmp_path: Path, node: Calicoctl) -> Iterator[None]:
    """A BIRD with one peer, whose session is established."""
    with BirdSocket(tmp_path / "run" / "bird.ctl", answering(protocols(ESTABLISHED))):
        yield


def as_process(felix: int) -> str:
    return f"Felix is running as a process: {felix}\n"


NAMES = felix_state.FELIX


def test_names_of_felix() -> None:
    assert NAMES == ("felix", "calico-felix")


# All is well


def test_all_is_well(node: Calicoctl, felix: int, peers: None) -> None:
    assert node("status") == Result(0, NO_DOCKER + as_process(felix) + TABLES, "")


def test_ipv6_and_an_own_as_number(
    node: Calicoctl, felix: int, peers: None, etcd: EtcdServer, tmp_path: Path
) -> None:
    etcd.put(f"{HOST}/ip_addr_v6", "fd99::1")
    etcd.put(f"{HOST}/as_num", "65000")
    with BirdSocket(tmp_path / "run" / "bird6.ctl", answering(protocols(ESTABLISHED_6))):
        result = node("status")
    assert (result.status, result.stderr) == (0, "")
    tables = TABLES.replace("64511 (inherited)", "65000").replace("No IPv6 address configured.\n", """\
IP: fd99::1    AS Number: 65000
+--------------+-----------+-------+------------+-------------+
| Peer address | Peer type | State |   Since    |     Info    |
+--------------+-----------+-------+------------+-------------+
|   fd99::2    |   global  |   up  | 2026-11-30 | Established |
+--------------+-----------+-------+------------+-------------+
""")
    assert result.stdout == NO_DOCKER + as_process(felix) + tables


def test_the_as_number_of_all_nodes(node: Calicoctl, felix: int, peers: None, etcd: EtcdServer) -> None:
    etcd.put("/calico/bgp/v1/global/as_num", "65001")
    assert "AS Number: 65001 (inherited)\n" in node("status").stdout


def test_no_peers(node: Calicoctl, felix: int, tmp_path: Path) -> None:
    with BirdSocket(tmp_path / "run" / "bird.ctl", answering(protocols("device1 Device master up 10:58:05"))):
        result = node("status")
    assert (result.status, result.stderr) == (0, "")
    heading = "| Peer address | Peer type | State | Since | Info |\n"
    border = "+--------------+-----------+-------+-------+------+\n"
    assert f"(inherited)\n{border}{heading}{border}{border}\n" in result.stdout


def test_another_folder(node: Calicoctl, felix: int, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with BirdSocket(tmp_path / "other" / "bird.ctl", answering(protocols(ESTABLISHED))):
        assert node("status", f"--socket-dir={tmp_path}/other").status == 0
        result = node("status")
    assert result.status == 1
    complaint = f"Cannot ask BIRD for IPv4: {tmp_path}/run/bird.ctl: No such file or directory.\n"
    assert result.stderr == complaint


# Felix


def test_felix_may_be_called_felix(node: Calicoctl, peers: None, tmp_path: Path) -> None:
    with running(FELIX, tmp_path) as process:
        result = node("status")
        process.kill()
    assert result == Result(0, NO_DOCKER + as_process(process.pid) + TABLES, "")


def test_no_felix(node: Calicoctl, peers: None, tmp_path: Path) -> None:
    with running(f"my{FELIX}", tmp_path) as process:  # another program
        result = node("status")
        process.kill()
    assert (result.status, result.stdout) == (1, NO_DOCKER + TABLES)
    assert result.stderr.startswith(NO_FELIX)
    assert result.stderr.count("\n") == 1


def test_zombie_of_felix_does_not_count(node: Calicoctl, peers: None, tmp_path: Path) -> None:
    process = running(FELIX, tmp_path)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # as long as its parent has not waited it is a zombie
    assert f"Name:\t{FELIX}" in Path(f"/proc/{process.pid}/status").read_text()
    result = node("status")
    process.wait()
    assert (result.status, result.stdout) == (1, NO_DOCKER + TABLES)


def test_other_server_at_docker_host(node: Calicoctl, felix: int, peers: None, etcd: EtcdServer) -> None:
    result = node("status", env={"DOCKER_HOST": f"tcp://{etcd.endpoint}"})
    unknown = "calico-node container state unknown\n"
    assert result == Result(0, unknown + as_process(felix) + TABLES, "")


def test_process_ends_during_the_search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "status").write_text("Name:\tfelix\nSigCgt:\t0000000000000200\n")
    monkeypatch.setattr(processes, "PROC", str(tmp_path))
    assert processes.named(["felix"]) == [2]
    monkeypatch.setattr(processes, "PROC", f"{tmp_path}/none")
    assert processes.named(["felix"]) == []


# etcd


def test_without_etcd_the_rest_is_shown(node: Calicoctl, felix: int, peers: None, tmp_path: Path) -> None:
    result = node("status", env={"ETCD_AUTHORITY": "127.0.0.1:1"})
    assert result.status == 1
    unknown = TABLES.replace("10.99.0.1    AS Number: 64511 (inherited)", "unknown    AS Number: unknown")
    no_bird = "IP: unknown    AS Number: unknown\nCouldn't connect to bird."
    unknown = unknown.replace("No IPv6 address configured.", no_bird)
    assert result.stdout == NO_DOCKER + as_process(felix) + unknown
    assert result.stderr == (
        "Error connecting to etcd.  Ensure ETCD_ENDPOINTS or ETCD_AUTHORITY is set properly.  Error accessing etcd at "
        "http://127.0.0.1:1 (Connection refused).  Is etcd running?\n"
        f"Cannot ask BIRD for IPv6: {tmp_path}/run/bird6.ctl: No such file or directory; {tmp_path}/run/bird.ctl: "
        "BIRD 1 answers, which speaks IPv4 only.\n"
    )


def test_invalid_variables_for_etcd(node: Calicoctl, felix: int, peers: None) -> None:
    result = node("status", env={"ETCD_ENDPOINTS": "nonsense"})
    assert result.status == 1
    assert "|  10.99.0.2   | node-to-node mesh |   up  | 10:58:05 | Established |\n" in result.stdout
    assert result.stderr.startswith(
        "Error connecting to etcd.  Ensure ETCD_ENDPOINTS or ETCD_AUTHORITY is set properly.  Invalid ETCD_ENDPOINTS. "
    )


def test_host_unknown_to_etcd(node: Calicoctl, felix: int, peers: None) -> None:
    result = node("status", env={"HOSTNAME": "h2"})
    assert result.status == 1
    assert result.stdout.endswith("\n\nIPv4 BGP status\nNo IPv4 address configured.\n\n"
                                  "IPv6 BGP status\nNo IPv6 address configured.\n\n")
    assert result.stderr == (
        "etcd has no BGP address of the host h2: 'calicoctl node' has not run here, or under another name (HOSTNAME).\n"
    )


def test_control_characters_are_escaped(node: Calicoctl, felix: int, etcd: EtcdServer, tmp_path: Path) -> None:
    etcd.put(f"{HOST}/ip_addr_v4", "\x1b[2J")
    etcd.put(f"{HOST}/as_num", "\x07")
    row = "Mesh_1\x1b[2J BGP master u\x07p 10:58:05 Established \x9b2J\x1b]0;x\x07"
    with BirdSocket(tmp_path / "run" / "bird.ctl", answering(protocols(row))):
        result = node("status")
    assert "IP: \\x1b[2J    AS Number: \\x07\n" in result.stdout
    [row] = [line for line in result.stdout.split("\n") if "mesh" in line]
    assert [cell.strip() for cell in row.split("|")] == [
        "", "1\\x1b[2J", "node-to-node mesh", "u\\x07p", "10:58:05", "Established \\x9b2J\\x1b]0;x\\x07", "",
    ]  # fmt: skip
    assert (result.stdout + result.stderr).replace("\n", "").isprintable()


def test_a_directory_in_the_place_of_a_value(node: Calicoctl, felix: int, etcd: EtcdServer, peers: None) -> None:
    etcd.put(f"{HOST}/as_num/x", "1")
    assert node("status").status == 0
    etcd.put("/calico/bgp/v1/global/as_num/x", "1")
    assert "AS Number: 64511 (inherited)\n" in node("status").stdout


# BIRD


def test_a_peer_without_a_session(node: Calicoctl, felix: int, tmp_path: Path) -> None:
    with BirdSocket(tmp_path / "run" / "bird.ctl", answering(protocols(ESTABLISHED, CONNECTING))):
        result = node("status")
    complaint = "No session is established with 1 of 2 BGP peers over IPv4: 10.99.0.3.\n"
    assert (result.status, result.stderr) == (1, complaint)
    row = "|  10.99.0.3   |   node specific   | start | 10:58:04 | Active        Socket: No route to host |\n"
    assert row in result.stdout


def test_many_peers_without_a_session(node: Calicoctl, felix: int, tmp_path: Path) -> None:
    rows = [f"Mesh_10_99_1_{number} BGP master start 10:58:05 Connect" for number in range(1, 6)]
    with BirdSocket(tmp_path / "run" / "bird.ctl", answering(protocols(*rows))):
        assert node("status").stderr == (
            "No session is established with 5 of 5 BGP peers over IPv4: 10.99.1.1, 10.99.1.2, 10.99.1.3 and others.\n"
        )


def test_peers_in_etcd_but_not_in_bird(
    node: Calicoctl, felix: int, peers: None, etcd: EtcdServer
) -> None:
    bgp = "/calico/bgp/v1"
    etcd.put(f"{bgp}/host/h2/ip_addr_v4", "10.99.0.2")
    etcd.put(f"{bgp}/global/peer_v4/10.99.0.9", '{"ip": "10.99.0.9", "as_num": "5"}')
    etcd.put(f"{HOST}/peer_v4/10.99.0.8", '{"ip": "10.99.0.8", "as_num": "5"}')
    etcd.put(f"{bgp}/host/h2/peer_v4/10.99.0.7", '{"ip": "10.99.0.7", "as_num": "5"}')  # not of this node
    result = node("status")
    assert (result.status, result.stderr) == (
        1,
        "BIRD is not configured with 2 of 3 BGP peers over IPv4 that etcd has for this node: 10.99.0.8, 10.99.0.9. "
        "'calicoq check' shows values that keep confd from writing BIRD's configuration.\n",
    )
    etcd.put(f"{bgp}/global/node_mesh", '{"enabled": false}')
    etcd.delete(f"{bgp}/global/peer_v4/10.99.0.9")
    etcd.delete(f"{HOST}/peer_v4/10.99.0.8")
    assert node("status").status == 0


def test_stored_peers_that_bird_refuses(node: Calicoctl, felix: int, peers: None, etcd: EtcdServer) -> None:
    bgp = "/calico/bgp/v1"
    of_others = {"host/h3/ip_addr_v6": "x", "global/peer_v6/x": "{", "host/h3/peer_v4/x": "{"}  # no IPv6 here
    unusable = {
        "global/peer_v4/10.99.0.2": '{"ip": "10.99.0.2", "as_num": "0"}',
        "global/peer_v4/10.99.0.7": "{",
        "host/h1/peer_v4/10.99.0.8": '{"ip": "10.0.0", "as_num": "5"}',
        "host/h3/ip_addr_v4": "10.0.0",
    }
    for key, value in {**of_others, **unusable}.items():
        etcd.put(f"{bgp}/{key}", value)
    first = ", ".join(f"{bgp}/{key}" for key in list(unusable)[:3])
    result = node("status")
    complaint = f"BIRD gets no peer from {first} and others: 'calicoq check' shows why, and the remedy.\n"
    assert (result.status, result.stderr) == (1, complaint)
    assert node("status", "--backend=none").status == 0
    for key in unusable:
        etcd.delete(f"{bgp}/{key}")
    assert node("status").status == 0
    etcd.put(f"{bgp}/global/node_mesh", "off")
    complaint = f"BIRD gets no peer from {bgp}/global/node_mesh: 'calicoq check' shows why, and the remedy.\n"
    assert node("status").stderr == complaint


def test_bird_that_does_not_answer(node: Calicoctl, felix: int, tmp_path: Path) -> None:
    with BirdSocket(tmp_path / "run" / "bird.ctl", never_going_on(b"1002-Mesh")):
        result = node("status")
    shown = TABLES.partition("+-")[0] + "Couldn't connect to bird.\n\nIPv6" + TABLES.partition("IPv6")[2]
    assert result == Result(
        1, NO_DOCKER + as_process(felix) + shown,
        f"Cannot ask BIRD for IPv4: {tmp_path}/run/bird.ctl: no whole answer (32 bytes) within 0.3 s.\n",
    )  # fmt: skip


def test_bird_that_restricts_access(node: Calicoctl, felix: int, tmp_path: Path) -> None:
    with BirdSocket(tmp_path / "run" / "bird.ctl", answering(b"0016-Access restricted\n0000 \n")):
        result = node("status")
    assert (result.status, result.stderr) == (
        1, f"Cannot ask BIRD for IPv4: {tmp_path}/run/bird.ctl: its answer is not a table of protocols.\n"
    )  # fmt: skip


def test_second_socket_answers(
    node: Calicoctl, felix: int, peers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "bird.ctl").write_text("")
    monkeypatch.setattr(bird, "FOLDERS", (f"{tmp_path}/first", f"{tmp_path}/run"))
    assert node("status") == Result(
        1, NO_DOCKER + as_process(felix) + TABLES,
        f"BIRD for IPv4 answered at {tmp_path}/run/bird.ctl, but not at {tmp_path}/first/bird.ctl: "
        "Connection refused.\n",
    )  # fmt: skip


# Arguments


@pytest.mark.parametrize(
    ("arguments", "env"), [(["--backend=none"], {}), ([], {"CALICO_NETWORKING": "false"})], ids=["option", "variable"]
)
def test_without_bgp(arguments: list[str], env: dict[str, str], node: Calicoctl, felix: int) -> None:
    shown = "\nIPv4 BGP status\nIP: 10.99.0.1    AS Number: 64511 (inherited)\n"
    warning = "WARNING: CALICO_NETWORKING will be deprecated: use '--backend' instead\n" if env else ""
    assert node("status", *arguments, env=env) == Result(
        0, f"{NO_DOCKER}{as_process(felix)}{shown}IPv6 BGP status\nNo IPv6 address configured.\n\n", warning
    )


def test_another_value_of_the_variable_means_bird(node: Calicoctl, felix: int, peers: None) -> None:
    warning = "WARNING: CALICO_NETWORKING will be deprecated: use '--backend' instead\n"
    answer = Result(0, NO_DOCKER + as_process(felix) + TABLES, warning)
    assert node("status", env={"CALICO_NETWORKING": "true"}) == answer
    assert node("status", "--backend=bird", env={"CALICO_NETWORKING": "false"}).stderr == ""


def test_gobgp(node: Calicoctl) -> None:
    sentence = "The backend gobgp is not supported: 'gobgp neighbor' shows the BGP peers of this host.\n"
    assert node("status", "--backend=gobgp") == Result(1, "", sentence)


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("--runtime=x", "Invalid runtime specified: 'x'\n"),
        ("--runtime=", "Invalid runtime specified: ''\n"),
        ("--backend=Bird", "Invalid backend specified: 'Bird'\n"),
        ("--backend=", "Invalid backend specified: ''\n"),
    ],
)
def test_invalid_options(option: str, complaint: str, node: Calicoctl) -> None:
    assert node("status", option) == Result(1, "", complaint)


# rkt

RKT = """\
#!/bin/sh
echo "UUID	APP	IMAGE NAME	STATE	CREATED"
echo "0123abcd	node	quay.io/calico/node:v0.23.1	{}	1 day ago"
"""


def rkt(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program `rkt` be a script."""
    (folder / "rkt").write_text(script)
    (folder / "rkt").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_container_of_rkt(node: Calicoctl, peers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rkt(tmp_path, RKT.format("running"), monkeypatch)
    assert node("status", "--runtime=rkt") == Result(0, "calico-node container status: running\n" + TABLES, "")
    rkt(tmp_path, RKT.format("exited"), monkeypatch)
    assert node("status", "--runtime=rkt") == Result(
        1, "calico-node container not running\n" + TABLES,
        "Felix is not running: there is neither a container calico-node nor a Felix process.\n",
    )  # fmt: skip


def test_rkt_that_fails(node: Calicoctl, peers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rkt(tmp_path, "#!/bin/sh\necho 'no\x1b[2J way' >&2\nexit 3\n", monkeypatch)
    result = node("status", "--runtime=rkt")
    unknown = "calico-node container state unknown\n"
    assert (result.status, result.stdout) == (1, unknown + TABLES)
    assert result.stderr == (
        "There is no Felix process, and calicoctl cannot look for the container: "
        "Unable to list rkt containers: 'no\\x1b[2J way'\n"
    )
    (tmp_path / "rkt").unlink()
    assert node("status", "--runtime=rkt").stderr.endswith(
        "Unable to list rkt containers: 'the program 'rkt' was not found'\n"
    )


def test_rows_for_programs(node: Calicoctl, peers: None, felix: int) -> None:
    result = node("-o", "json", "status")
    assert (result.status, result.stderr) == (0, "")
    empty = dict.fromkeys(("ip_version", "address", "as_num", "as_num_inherited", "type", "state", "since", "info"))
    inherited = {"as_num": "64511", "as_num_inherited": True}
    assert json.loads(result.stdout) == [
        {"part": "felix", **empty, "type": "process", "state": "running", "info": str(felix)},
        {"part": "bgp", **empty, "ip_version": 4, "address": "10.99.0.1", **inherited, "state": "up"},
        {"part": "peer", **empty, "ip_version": 4, "address": "10.99.0.2", "type": "node-to-node mesh", "state": "up",
         "since": "10:58:05", "info": "Established"},
        {"part": "bgp", **empty, "ip_version": 6, "address": "", **inherited},
    ]  # fmt: skip
    schema = json.loads(node("-o", "schema", "status").stdout)
    jsonschema.Draft202012Validator(schema).validate(json.loads(result.stdout))


def test_rows_of_a_host_without_anything(node: Calicoctl) -> None:
    result = node("-o", "csv", "--columns=part,state,address", "status")
    assert (result.status, result.stdout) == (
        1, "part,state,address\nfelix,unknown,\nbgp,unknown,10.99.0.1\nbgp,,\n"
    )  # fmt: skip
    assert "Cannot ask BIRD for IPv4" in result.stderr
