"""Containers by Docker name, with a real Docker daemon."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Calicoctl, Result
from tests.containers import stored
from tests.containers.docker_daemon import DockerDaemon
from tests.containers.namespaces import ip
from tests.etcd_server import EtcdServer

pytestmark = pytest.mark.machine

NO_DAEMON = "Unable to run docker commands. Is the docker daemon running?\n"


def said(text: str) -> Result:
    return Result(0, text, "")


def refused(text: str) -> Result:
    return Result(1, "", text)


def inside(container: Any, *arguments: str) -> list[str]:
    """Run busybox's `ip` in a container and return its output."""
    status, output = container.exec_run(["/bin/busybox", "ip", *arguments])
    assert status == 0, output
    return sorted(line.strip() for line in output.decode().splitlines())


def addresses(container: Any) -> list[str]:
    return [line.split()[1] for line in inside(container, "-4", "addr", "show", "eth1") if line.startswith("inet ")]


def test_add_change_and_remove(docker_host: Calicoctl, docker_daemon: DockerDaemon, etcd: EtcdServer) -> None:
    run = docker_host
    before = stored.state(etcd)
    web, db = docker_daemon.run("web"), docker_daemon.run("db")
    interfaces = {container.name: inside(container, "link") for container in (web, db)}
    assert run("profile", "add", "APP").status == 0
    assert run("container", "add", "web", "ipv4") == said("IP 10.65.0.192 added to web\n\n")
    assert run("container", "add", db.short_id, "10.65.0.199") == said(f"IP 10.65.0.199 added to {db.short_id}\n\n")
    assert run("container", "add", "db", "ipv4") == refused(
        "db has already been configured with Calico Networking.\n\n"
    )
    for name in ("web", "db"):
        assert run("container", name, "profile", "append", "APP") == said("Profile(s) APP appended.\n\n")
    assert run("container", "web", "ip", "add", "10.65.0.0/24") == said("IP 10.65.0.193 added to web\n")
    assert addresses(web) == ["10.65.0.192/32", "10.65.0.193/32"]
    assert inside(web, "route") == ["169.254.1.1 dev eth1 scope link", "default via 169.254.1.1 dev eth1"]

    (key, endpoint), = [item for item in stored.endpoints(etcd).items() if web.id in item[0]]  # fmt: skip
    id = key.rpartition("/")[2]
    assert key == f"h1/workload/docker/{web.id}/endpoint/{id}"
    assert endpoint["ipv4_nets"] == ["10.65.0.192/32", "10.65.0.193/32"]
    assert (endpoint["name"], endpoint["profile_ids"]) == (f"cali{id[:11]}", ["APP"])
    assert endpoint["mac"] in " ".join(inside(web, "link", "show", "eth1"))
    assert endpoint["name"] in [link["ifname"] for link in ip("link", "show", "up")]
    assert stored.handles(etcd)[f"calicoctl:h1:docker:{web.id}:{id}"] == {"10.65.0.192/26": 2}
    rows = run("container", "web", "endpoint", "show").stdout.splitlines()[3:5]
    assert [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows] == [
        ["h1", "docker", web.id, id, "10.65.0.192/32", endpoint["mac"], "APP", "active"],
        ["", "", "", "", "10.65.0.193/32", "", "", ""],
    ]

    assert run("container", "web", "ip", "remove", "10.65.0.192") == said("IP 10.65.0.192 removed from web\n")
    assert addresses(web) == ["10.65.0.193/32"]
    assert run("container", "remove", "web") == said(f"Removed Calico from {web.id}\n")
    assert run("container", "remove", "db") == said(f"Removed Calico from {db.id}\n")
    assert {container.name: inside(container, "link") for container in (web, db)} == interfaces
    assert run("container", "remove", "db") == refused(f"Failed find Calico data for {db.id}\n")
    assert run("profile", "remove", "APP").status == 0
    stored.forget_empty_blocks(etcd, before)
    assert stored.state(etcd) == before


def test_deleted_container_is_removed_by_id(
    docker_host: Calicoctl, docker_daemon: DockerDaemon, etcd: EtcdServer
) -> None:
    container = docker_daemon.run("gone")
    assert docker_host("container", "add", "gone", "ipv4").status == 0
    container.remove(force=True)
    assert docker_host("container", "remove", "gone") == refused("Container gone was not found.\n")
    assert container.id in docker_host("container", container.id, "endpoint", "show").stdout
    assert docker_host("container", "remove", container.id) == said(f"Removed Calico from {container.id}\n")
    assert (stored.allocated(etcd), stored.endpoints(etcd)) == ({}, {})


def test_stopped_container(docker_host: Calicoctl, docker_daemon: DockerDaemon, etcd: EtcdServer) -> None:
    container = docker_daemon.run("stopping")
    assert docker_host("container", "add", "stopping", "ipv4").status == 0
    container.kill()
    not_running = refused("stopping is not currently running.\n\n")
    assert docker_host("container", "stopping", "ip", "add", "ipv4") == not_running
    assert docker_host("container", "remove", "stopping") == said(f"Removed Calico from {container.id}\n")
    assert docker_host("container", "add", "stopping", "ipv4") == not_running
    assert docker_host("container", "stopping", "ip", "add", "ipv4") == not_running  # even if unknown to Calico
    assert stored.allocated(etcd) == {}


def test_paused_container(docker_host: Calicoctl, docker_daemon: DockerDaemon) -> None:
    container = docker_daemon.run("resting")
    container.pause()
    assert docker_host("container", "add", "resting", "ipv4") == refused("resting is currently paused.\n\n")
    container.unpause()
    before = inside(container, "link")
    assert docker_host("container", "add", "resting", "ipv4").status == 0
    container.pause()
    assert docker_host("container", "remove", "resting") == said(f"Removed Calico from {container.id}\n")
    container.unpause()
    assert inside(container, "link") == before


def test_container_with_host_network(docker_host: Calicoctl, docker_daemon: DockerDaemon) -> None:
    docker_daemon.run("guest", network_mode="host")
    assert docker_host("container", "add", "guest", "ipv4") == refused(
        "Can't add guest to Calico because it is running NetworkMode = host.\n\n"
    )


def test_ipv6_needs_container_with_ipv6(docker_host: Calicoctl, docker_daemon: DockerDaemon, etcd: EtcdServer) -> None:
    before = stored.state(etcd)
    container = docker_daemon.run("four")
    links = inside(container, "link")
    answer = docker_host("container", "add", "four", "fd80:65::7")
    assert (answer.status, answer.stdout) == (1, "")
    kernel, hint = answer.stderr.split(". ", 1)  # the wording of the kernel depends on its version
    assert kernel.startswith("'ip -6 addr add fd80:65::7/128 dev eth1' failed: ")
    assert hint == "IPv6 is disabled in the container: see its sysctl net.ipv6.conf.all.disable_ipv6.\n"
    assert (stored.state(etcd), inside(container, "link")) == (before, links)
    six = docker_daemon.run("six", sysctls={"net.ipv6.conf.all.disable_ipv6": "0"})
    assert docker_host("container", "add", "six", "fd80:65::7") == said("IP fd80:65::7 added to six\n\n")
    assert any(line.startswith("inet6 fd80:65::7/128 ") for line in inside(six, "-6", "addr", "show", "eth1"))


def test_missing_container(docker_host: Calicoctl) -> None:
    for arguments in (["add", "none", "ipv4"], ["remove", "none"], ["none", "ip", "add", "ipv4"],
                      ["none", "ip", "remove", "10.65.0.1"], ["none", "endpoint", "show"],
                      ["none", "profile", "set"]):  # fmt: skip
        assert docker_host("container", *arguments) == refused("Container none was not found.\n")
    assert docker_host("container", "add", "/none", "ipv4") == refused("Container /none was not found.\n")
    assert docker_host("container", "add", "../none", "ipv4") == refused("Container ../none was not found.\n")


def test_no_docker_daemon(host: Calicoctl) -> None:
    pytest.importorskip("docker")
    for docker_host in ("unix:///nowhere.sock", "tcp://127.0.0.1:1", "bogus"):
        answer = host("container", "web", "endpoint", "show", env={"DOCKER_HOST": docker_host})
        assert (answer.status, answer.stdout) == (1, "")
        assert answer.stderr.startswith(NO_DAEMON + "Docker's library says: ")


def test_tls_settings_are_validated(host: Calicoctl) -> None:
    pytest.importorskip("docker")
    env = {"DOCKER_HOST": "tcp://127.0.0.1:1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/nowhere"}
    answer = host("container", "web", "endpoint", "show", env=env)
    assert answer.status == 1
    assert "certificate" in answer.stderr


@pytest.mark.parametrize(
    "value", ["tcp://{}", "ssh://{}", "http://{}", "https://{}", "npipe://{}", "{}", "unix://{}/x", "tcp://{}/x"]
)
@pytest.mark.parametrize("password", ["s3cret", "s3c@ret", "s3c/ret", "s3c ret", ":s3c"])
def test_password_is_not_shown(value: str, password: str, host: Calicoctl) -> None:
    pytest.importorskip("docker")
    docker_host = value.format(f"user:{password}@127.0.0.1:1")
    answer = host("container", "web", "endpoint", "show", env={"DOCKER_HOST": docker_host})
    masked = docker_host.replace(f"user:{password}", "***")
    reason = f"DOCKER_HOST={masked} has a password, which Docker does not support."
    assert answer == refused(f"{NO_DAEMON}{reason}\n\n")


def test_password_before_quoted_at_sign_is_not_shown(host: Calicoctl) -> None:
    pytest.importorskip("docker")
    answer = host("container", "web", "endpoint", "show", env={"DOCKER_HOST": "tcp://user:s3cret%40127.0.0.1:1"})
    reason = "DOCKER_HOST=tcp://***@127.0.0.1:1 has a password, which Docker does not support."
    assert answer == refused(f"{NO_DAEMON}{reason}\n\n")


def test_user_name_is_not_shown(host: Calicoctl) -> None:
    pytest.importorskip("docker")
    answer = host("container", "web", "endpoint", "show", env={"DOCKER_HOST": "x://user@127.0.0.1:1"})
    reason = "Docker's library says: Invalid bind address protocol: ***@127.0.0.1:1"
    assert answer == refused(f"{NO_DAEMON}{reason}\n\n")


LONG = "[" * 100_000
VERSION = b'{"ApiVersion": "1.43"}'
ID = "0123456789abcdef" * 4
OTHER_SHAPES: list[Any] = [
    [], {}, "x", 1, {"Id": 1, "Name": 2}, {"Id": None}, {"State": []}, {"Id": ID, "Name": "foo", "State": [1]},
    {"Id": ID, "State": "x"}, {"Id": ID, "HostConfig": 1}, {"Id": "../x"}, {"Id": ""}, {"Id": []},
    {"Id": ID, "State": {"Running": True, "Pid": "../x"}}, {"Id": ID, "State": {"Running": True, "Pid": True}},
]  # fmt: skip


@contextlib.contextmanager
def answering(version: bytes, other: bytes) -> Iterator[str]:
    """The address of a server other than Docker, which answers requests for its version and all others."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = version if self.path == "/version" else other
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("text", [*map(json.dumps, OTHER_SHAPES), LONG], ids=lambda text: text[:50])
def test_server_is_not_docker(text: str, host: Calicoctl, etcd: EtcdServer) -> None:
    pytest.importorskip("docker")
    index = etcd.index()
    with answering(VERSION, text.encode()) as address:
        env = {"DOCKER_HOST": address}
        for command in (("ip", "add", "10.65.0.1"), ("endpoint", "show"), ("profile", "append", "P")):
            answer = host("container", "foo", *command, env=env)
            assert answer == refused(f"{NO_DAEMON}The server that answered is not Docker; check DOCKER_HOST.\n\n")
        # The profile might be named after a network, so the command asks Docker for that network.
        assert host("profile", "foo", "tag", "show", env=env) == refused("Profile foo not found.\n")
    assert etcd.index() == index


@pytest.mark.parametrize("text", ["[]", "{}", "1", '{"ApiVersion": 5}', "<html>", LONG], ids=lambda text: text[:50])
def test_version_answer_is_not_from_docker(text: str, host: Calicoctl) -> None:
    pytest.importorskip("docker")
    with answering(text.encode(), b"{}") as address:
        answer = host("container", "foo", "endpoint", "show", env={"DOCKER_HOST": address})
    assert (answer.status, answer.stdout) == (1, "")
    assert answer.stderr.startswith(NO_DAEMON)
    assert answer.stderr.count("\n") == 3


def test_permission_denied(docker_host: Calicoctl, docker_daemon: DockerDaemon) -> None:
    docker_daemon.run("secret")
    docker_daemon.socket.chmod(0o600)
    folder = docker_daemon.socket.parent
    folder.chmod(0o755)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # root may do everything
        os.setuid(65534)
        os.write(writer, json.dumps(docker_host("container", "secret", "endpoint", "show")).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert json.loads(os.read(reader, 10000)) == [
        1, "",
        "Unable to run command.  Re-run the command as root, or configure the docker\n"
        "group to run with sudo privileges (see docker installation guide for details).\n\n",
    ]  # fmt: skip


def test_docker_on_other_machine() -> None:
    from calicoctl.errors import CommandError
    from calicoctl.host.docker import Container

    description = {"Id": "0123456789abcdef" * 4, "State": {"Running": True, "Pid": os.getpid()}}
    with pytest.raises(CommandError, match="^far is not running on this host.\n"):
        Container("far", description).namespace_path()


def test_missing_docker_library(host: Calicoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "docker", None)
    assert host("container", "web", "endpoint", "show") == refused(
        "The Python package 'docker' is needed to speak with Docker: "
        "pip install 'calicoctl[docker]'.\n"
    )
    assert host("profile", "web", "tag", "show") == refused("Profile web not found.\n")


# Profiles named after a Docker network


@pytest.fixture
def networks(docker_host: Calicoctl, docker_daemon: DockerDaemon) -> Any:
    """The ids of two Docker networks, `front` and `back`; the first has a profile."""
    made = [docker_daemon.client.networks.create(name, driver="bridge") for name in ("front", "back")]
    assert docker_host("profile", "add", made[0].id).status == 0
    yield [network.id for network in made]
    for network in made:
        network.remove()


def test_profile_of_network(docker_host: Calicoctl, etcd: EtcdServer, networks: list[str]) -> None:
    run, (front, back) = docker_host, networks
    directory = f"/calico/v1/policy/profile/{front}"
    assert run("profile", "front", "tag", "show") == said("front\n")
    assert run("profile", "front", "tag", "add", "back") == said("Tag back added to profile front\n")
    assert json.loads(str(etcd.get(f"{directory}/tags"))) == [front, back]
    assert run("profile", "front", "tag", "remove", "back") == said("Tag back removed from profile front\n")
    assert run("profile", "front", "rule", "add", "inbound", "deny", "tcp", "from", "tag", "back") == said("")
    assert run("profile", "front", "rule", "show") == said(
        "Inbound rules:\n   1 allow from tag front\n   2 deny tcp from tag back\nOutbound rules:\n   1 allow\n"
    )
    assert etcd.get(f"{directory}/rules") == json.dumps(
        {
            "inbound_rules": [
                {"action": "allow", "src_tag": front}, {"action": "deny", "protocol": "tcp", "src_tag": back},
            ],
            "outbound_rules": [{"action": "allow"}],
        }
    )  # fmt: skip
    text = run("profile", "front", "rule", "json").stdout
    assert json.loads(text)["inbound_rules"][1]["src_tag"] == "back"
    index = etcd.index()
    assert run("profile", "front", "rule", "update", stdin=text).status == 0
    assert etcd.index() == index
    assert run("profile", "front", "rule", "remove", "inbound", "deny", "tcp", "from", "tag", "back") == said("")
    assert json.loads(str(etcd.get(f"{directory}/rules")))["inbound_rules"] == [{"action": "allow", "src_tag": front}]


def test_tags_of_network_profile_must_be_networks(
    docker_host: Calicoctl, etcd: EtcdServer, networks: list[str]
) -> None:
    index = etcd.index()
    message = (
        "You are referencing a Docker network (absent) that does not exist.  Create the\n"
        "network first and then update this profile rule to reference it.\n\n"
    )
    for edit in (["tag", "add", "absent"], ["rule", "add", "inbound", "allow", "from", "tag", "absent"]):
        assert docker_host("profile", "front", *edit) == refused(message)
    assert etcd.index() == index


def test_other_tags_are_used_literally(docker_host: Calicoctl, etcd: EtcdServer, networks: list[str]) -> None:
    key = f"/calico/v1/policy/profile/{networks[0]}/tags"
    etcd.put(key, json.dumps(["old", networks[0][:12], networks[0]]))
    assert docker_host("profile", "front", "tag", "show") == said(f"old\n{networks[0][:12]}\nfront\n")
    assert docker_host("profile", "front", "tag", "add", "back").status == 0
    assert json.loads(str(etcd.get(key))) == ["old", networks[0][:12], *networks]


def test_profiles_without_docker_network(docker_host: Calicoctl, networks: list[str]) -> None:
    front, back = networks
    assert docker_host("profile", "back", "tag", "show") == refused("Profile back not found.\n")  # it has none
    assert docker_host("profile", front[:12], "tag", "show") == refused(f"Profile {front[:12]} not found.\n")
    assert docker_host("profile", "remove", "front") == refused("Profile front not found.\n")
    assert front in docker_host("profile", "show").stdout
    assert docker_host("profile", "add", "front").status == 0
    assert docker_host("profile", "front", "rule", "show").stdout.splitlines()[1] == "   1 allow from tag front"
    without = {"DOCKER_HOST": "unix:///nowhere.sock"}
    assert docker_host("profile", "back", "tag", "show", env=without) == refused("Profile back not found.\n")
