"""`calicoctl node` against a real Docker daemon, with images that stand for calico/node."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calicoctl.host.docker import Docker, DockerRefused
from calicoctl.host.node_docker import NodeContainers
from tests.conftest import Result
from tests.containers.nodes import BACK, REMOVED, STARTED, NodeHost, fill_kernel, program, start
from tests.containers.registry import registry
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, answer

pytestmark = pytest.mark.machine

FORWARDING = (
    "Changed net.ipv4.ip_forward from 0 to 1\nChanged net.ipv6.conf.all.forwarding from 0 to 1\n"
    "Changed net.netfilter.nf_conntrack_max from 65536 to 1000000\n"
)


def command_line(host: NodeHost, image: str, *options: str, **env: str | None) -> str:
    return start(host, image, "--dryrun", *options, **env).stdout.rstrip("\n")


def said(host: NodeHost, image: str, id: str, *log: str) -> str:
    """What a start prints, after what it has changed."""
    head = f"Running Docker container with the following command:\n\n{command_line(host, image)}\n\n"
    lines = [f"Calico node is running with id: {id}", "Waiting for successful startup", *log]
    return head + "".join(f"{line}\n" for line in lines)


def kernel(host: NodeHost) -> list[int]:
    names = ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "netfilter/nf_conntrack_max")
    return [int((host.root / "proc/sys/net" / name).read_text()) for name in names]


def test_first_start(node_host: NodeHost) -> None:
    result = start(node_host, "normal")
    description = node_host.describe()
    expected = said(node_host, "normal", description["Id"], "Waiting for etcd connection...", STARTED)
    assert result == Result(0, FORWARDING + expected, "")
    assert node_host.containers() == {"calico-node": "running"}
    assert kernel(node_host) == [1, 1, 1000000]
    programs = node_host.root.parent / "programs"
    assert (programs / "modprobe.log").read_text() == "-a xt_set ip6_tables\n"
    assert (node_host.root / "var/run/calico").is_dir() and (node_host.root.parent / "logs").is_dir()


def test_request_to_docker(node_host: NodeHost) -> None:
    options = ("--ip=10.0.0.1", "--ip6=fd80::1", "--as=1.10", "--libnetwork", "--backend=none", "--no-pull")
    result = start(node_host, "quick", *options, NO_DEFAULT_POOLS="true")
    assert (result.status, result.stderr) == (0, "")
    assert "\nCalico node running with libnetwork plugin enabled\nWaiting for successful startup\n" in result.stdout
    description, folder = node_host.describe(), node_host.root.parent
    authority = node_host.calicoctl.environ["ETCD_AUTHORITY"]
    assert [each for each in description["Config"]["Env"] if not each.startswith("PATH=")] == [
        "HOSTNAME=h1", "IP=10.0.0.1", "IP6=fd80::1", "CALICO_NETWORKING_BACKEND=none", "AS=65546",
        "NO_DEFAULT_POOLS=true", "CALICO_LIBNETWORK_ENABLED=true", f"ETCD_AUTHORITY={authority}", "ETCD_SCHEME=http",
    ]  # fmt: skip
    assert description["HostConfig"]["Binds"] == [
        f"{folder}/logs:/var/log/calico:rw", "/var/run/calico:/var/run/calico:rw", "/lib/modules:/lib/modules:rw",
        "/run/docker/plugins:/run/docker/plugins:rw",
    ]  # fmt: skip
    assert set(description["Config"]["Volumes"]) == {
        "/var/log/calico", "/var/run/calico", "/lib/modules", "/run/docker/plugins"
    }  # fmt: skip
    host_config, config = description["HostConfig"], description["Config"]
    assert (host_config["Privileged"], host_config["NetworkMode"]) == (True, "host")
    assert host_config["RestartPolicy"] == {"Name": "always", "MaximumRetryCount": 0}
    assert not (host_config["AutoRemove"] or config["Tty"] or config["AttachStdout"] or config["AttachStderr"])
    assert config["Image"] == "node:quick"


def test_container_that_prints_at_once(node_host: NodeHost) -> None:
    """[BUG] Legacy attached after the start: it missed what was printed before, and waited for ever."""
    assert start(node_host, "quick").stdout.endswith(f"\nWaiting for successful startup\n{STARTED}\n")


def test_container_that_fails_at_once(node_host: NodeHost) -> None:
    """[BUG] Legacy showed no error and left the container in an endless loop of restarts."""
    result = start(node_host, "fails")
    assert (result.status, result.stdout.endswith("Waiting for successful startup\nIP is not valid\n")) == (1, True)
    assert without_status(result.stderr) == (
        "The log of the new container ends:\n  IP is not valid\n"
        f"The container ended before the node had started.  {REMOVED}\n"
    )
    assert node_host.containers() == {}


def test_docker_that_keeps_no_logs(node_host: NodeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the log driver `none`; as a daemon cannot change its driver, each container gets it here."""
    from docker import APIClient

    info = node_host.daemon.client.info()
    create = APIClient.create_host_config
    monkeypatch.setattr(APIClient, "info", lambda self: {**info, "LoggingDriver": "none"})
    monkeypatch.setattr(
        APIClient, "create_host_config", lambda self, **options: create(self, **options, log_config={"Type": "none"})
    )
    result = start(node_host, "quick")
    assert node_host.describe()["HostConfig"]["LogConfig"]["Type"] == "none"
    assert result == Result(0, FORWARDING + said(node_host, "quick", node_host.describe()["Id"], STARTED), "")
    result = start(node_host, "fails")
    assert result.status == 1
    assert without_status(result.stderr) == (
        "The log of the new container ends:\n  IP is not valid\n"
        f"The container ended before the node had started.  {BACK}\n"
    )
    with pytest.raises(DockerRefused, match="configured logging driver does not support reading"):
        NodeContainers(Docker(node_host.calicoctl.environ)).log("calico-node")


def test_container_that_fails_without_a_word(node_host: NodeHost) -> None:
    assert without_status(start(node_host, "silent").stderr) == (
        "The container ended before the node had started. It has written nothing to its log.  "
        f"{REMOVED}\n"
    )


def without_status(text: str) -> str:
    """A message without the status of a container, which is not known any more when Docker has started it again."""
    return re.sub(" with status [0-9]+", "", text)


def test_container_that_never_gets_ready(node_host: NodeHost) -> None:
    began = time.monotonic()
    result = start(node_host, "never", "--start-timeout=2")
    assert time.monotonic() - began >= 2
    assert (result.status, result.stderr) == (
        1,
        "The log of the new container ends:\n  Waiting for etcd connection...\n"
        f"The node has not started within 2 s (see --start-timeout).  {REMOVED}\n",
    )
    assert node_host.containers() == {}


def test_new_container_takes_the_place_of_the_old(node_host: NodeHost) -> None:
    assert start(node_host, "quick").status == 0
    old = node_host.describe()["Id"]
    assert start(node_host, "normal", "--as=64512").status == 0
    assert node_host.containers() == {"calico-node": "running"}
    description = node_host.describe()
    assert description["Id"] != old and "AS=64512" in description["Config"]["Env"]


def test_old_container_comes_back(node_host: NodeHost) -> None:
    assert start(node_host, "quick").status == 0
    old = node_host.describe()
    result = start(node_host, "fails")
    assert (result.status, result.stderr.endswith(f"  {BACK}\n")) == (1, True)
    new = node_host.describe()
    assert node_host.containers() == {"calico-node": "running"}
    assert (new["Id"], new["HostConfig"]["RestartPolicy"]) == (old["Id"], old["HostConfig"]["RestartPolicy"])


def test_old_container_that_was_stopped_is_not_started(node_host: NodeHost) -> None:
    assert start(node_host, "quick").status == 0
    assert node_host.calicoctl("node", "stop") == Result(0, "Node stopped\n", "")
    result = start(node_host, "fails")
    assert result.stderr.endswith("  The new container was removed. The previous one is restored and not running.\n")
    assert node_host.containers() == {"calico-node": "exited"}
    assert node_host.describe()["HostConfig"]["RestartPolicy"]["Name"] == "no"


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--no-pull"], "There is no Docker image node:none on this host, and --no-pull forbids pulling it.\n"),
        ([], "ERROR: Unable to download Docker image.\n\nPlease verify that you have network connectivity"),
    ],
)
def test_absent_image_costs_no_running_node(node_host: NodeHost, options: list[str], complaint: str) -> None:
    """[BUG] Legacy removed the old container before it looked for the image."""
    assert start(node_host, "quick").status == 0
    before, settings = node_host.describe()["Id"], kernel(node_host)
    fill_kernel(node_host.root)
    result = start(node_host, "none", *options)
    assert result.status == 1 and result.stderr.startswith(complaint)
    assert result.stdout == ("" if options else "Pulling Docker image node:none\n\n")
    assert node_host.describe()["Id"] == before and node_host.containers() == {"calico-node": "running"}
    assert settings != kernel(node_host) == [0, 0, 65536]


def test_absent_image_is_fetched(node_host: NodeHost) -> None:
    command = ["/bin/busybox", "sh", "-c", f"trap 'exit 0' TERM; echo {STARTED}; /bin/busybox sleep 10000 & wait"]
    with registry(node_host.daemon.pid, node_host.daemon.content, command) as address:
        image, unknown = f"{address}/calico/node", f"{address}/calico/node:other"
        result = node_host.calicoctl("node", f"--node-image={unknown}", f"--log-dir={node_host.root}/logs")
        assert (result.status, result.stdout) == (1, f"Pulling Docker image {unknown}\n\n")
        assert result.stderr.startswith("ERROR: Unable to download Docker image.\n\nPlease verify that you have ")
        assert f"\n\nDocker cannot pull {unknown}: " in result.stderr
        result = node_host.calicoctl("node", f"--node-image={image}", f"--log-dir={node_host.root}/logs")
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Pulling Docker image {image}\n\n{FORWARDING}Running Docker container")
    assert node_host.describe()["Config"]["Image"] == image
    node_host.daemon.client.images.remove(image, force=True)


def test_container_that_docker_refuses_costs_no_running_node(node_host: NodeHost) -> None:
    assert start(node_host, "quick").status == 0
    before = node_host.describe()["Id"]
    for image, words in (("Node:x", "look for the image node:Node:x"), ("@", "look for the image node:@")):
        result = start(node_host, image)
        assert result.status == 1 and result.stderr.startswith(f"Docker cannot {words}: "), result
    assert node_host.describe()["Id"] == before and node_host.containers() == {"calico-node": "running"}


def test_folder_that_docker_cannot_mount(node_host: NodeHost, tmp_path: Path) -> None:
    """Docker refuses to start, not to make, such a container. [BUG] Legacy left what it had made."""
    (tmp_path / "file").write_text("")
    assert start(node_host, "quick").status == 0
    before = node_host.describe()["Id"]
    result = node_host.calicoctl("node", "--node-image=node:quick", f"--log-dir={tmp_path}/file/x")
    assert result.status == 1 and result.stderr.endswith(f".  {BACK}\n")
    assert result.stderr.startswith("Docker cannot start the container calico-node: ")
    assert node_host.describe()["Id"] == before and node_host.containers() == {"calico-node": "running"}


def test_warning_about_values_that_the_container_removes(node_host: NodeHost, etcd: EtcdServer) -> None:
    """A node that is started without its AS number deletes the one that is stored, as legacy's did without a word."""
    for name, value in (("ip_addr_v4", "10.0.0.1"), ("ip_addr_v6", "fd80::1"), ("as_num", "64512")):
        etcd.put(f"/calico/bgp/v1/host/h1/{name}", value)
    assert start(node_host, "quick").stderr == (
        "Warning: without --as the node loses its AS number, 64512, when it starts. Give --as=64512 to keep it.\n"
        "Warning: without --ip6 the node loses its IPv6 address, fd80::1, when it starts. Give --ip6=fd80::1 to keep "
        "it.\n"
    )
    assert start(node_host, "quick", "--as=64513", "--ip6=fd80::2").stderr == ""


def test_one_start_at_a_time(node_host: NodeHost) -> None:
    with ThreadPoolExecutor(2) as pool:
        images = ("normal", "quick")
        results = list(pool.map(lambda image: node_host.calicoctl.process(*words(node_host, image)), images))
    assert [(result.status, result.stderr) for result in results] == [(0, ""), (0, "")]
    assert node_host.containers() == {"calico-node": "running"}


def words(host: NodeHost, image: str) -> list[str]:
    host.calicoctl.environ = {**host.calicoctl.environ, "CALICO_CTL_CONTAINER": "true"}
    return ["node", f"--node-image=node:{image}", f"--log-dir={host.root}/logs"]


# Before anything is changed


@pytest.mark.parametrize("gone", [{"ETCD_AUTHORITY": "127.0.0.1:1"}, {"DOCKER_HOST": "unix:///none"}])
def test_nothing_is_changed_without_docker_and_etcd(node_host: NodeHost, gone: dict[str, str | None]) -> None:
    """[BUG] Legacy had changed the kernel's settings before it looked."""
    result = start(node_host, "quick", **gone)
    assert (result.status, result.stdout) == (1, "")
    assert (kernel(node_host), node_host.containers()) == ([0, 0, 65536], {})
    assert not (node_host.root.parent / "programs/modprobe.log").exists()


def test_nothing_is_changed_if_etcd_is_too_old(node_host: NodeHost, etcd: EtcdServer) -> None:
    with Proxy(etcd) as proxy:
        proxy.at(2, answer("200 OK", "etcd 2.0.9"))
        result = start(node_host, "quick", ETCD_AUTHORITY=proxy.authority)
        assert proxy.requests[1] == "GET /version"
    complaint = "ERROR: etcd must be at least version 2.0.10 (Detected version: 2.0.9)\n"
    assert result == Result(1, "", complaint)
    assert (kernel(node_host), node_host.containers()) == ([0, 0, 65536], {})


def test_settings_are_never_lowered(node_host: NodeHost) -> None:
    """[BUG] Legacy lowered nf_conntrack_max."""
    fill_kernel(node_host.root, forwarding=1, connections=2000000)
    assert start(node_host, "quick").stdout.startswith("Running Docker container")
    assert kernel(node_host) == [1, 1, 2000000]


def test_settings_that_cannot_be_changed(node_host: NodeHost) -> None:
    (node_host.root / "proc/sys/net/netfilter/nf_conntrack_max").unlink()
    result = start(node_host, "quick")
    assert (result.status, result.stderr) == (
        0,
        "WARNING: Could not set nf_contrack_max. This may have an impact at scale.\n"
        "See http://docs.projectcalico.org/en/latest/configuration.html#system-configuration for more details\n"
        "/proc/sys/net/netfilter/nf_conntrack_max: No such file or directory\n",
    )
    (node_host.root / "proc/sys/net/ipv6/conf/all/forwarding").write_text("what?")
    assert start(node_host, "quick").stderr == (
        "ERROR: Could not enable ipv6 forwarding.\n/proc/sys/net/ipv6/conf/all/forwarding: it holds no number\n"
    )
    (node_host.root / "proc/sys/net/ipv4/ip_forward").unlink()
    assert start(node_host, "quick").stderr == (
        "ERROR: Could not enable ipv4 forwarding.\n/proc/sys/net/ipv4/ip_forward: No such file or directory\n"
    )


def test_output_of_modprobe_is_shown(node_host: NodeHost) -> None:
    program(node_host.root.parent / "programs", "modprobe", "echo modprobe: Module xt_set not found >&2", "exit 1")
    result = start(node_host, "quick")
    assert (result.status, result.stderr) == (0, "modprobe: Module xt_set not found\n")


def test_modules_that_are_missing_are_named(node_host: NodeHost) -> None:
    folder = node_host.root / "lib/modules" / os.uname().release
    folder.mkdir(parents=True)
    (folder / "modules.dep").write_text("kernel/net/netfilter/xt_set.ko.xz: \n")
    (folder / "modules.builtin").write_text("")
    result = start(node_host, "quick")
    complaint = "WARNING: Unable to detect the ip6_tables module as available or builtin.\n"
    assert (result.status, result.stderr) == (0, complaint)


def test_no_container_is_started_with_runtime_none(node_host: NodeHost) -> None:
    assert start(node_host, "quick", "--runtime=none", DOCKER_HOST="unix:///none") == Result(0, FORWARDING, "")
    assert (kernel(node_host), node_host.containers()) == ([1, 1, 1000000], {})
    assert start(node_host, "quick", "--runtime=none") == Result(0, "", "")
    result = start(node_host, "quick", "--runtime=none", ETCD_AUTHORITY="127.0.0.1:1")
    assert (result.status, result.stdout) == (1, "")


def test_in_a_container_the_settings_are_left_alone(node_host: NodeHost) -> None:
    assert start(node_host, "quick", "--runtime=none", CALICO_CTL_CONTAINER="true") == Result(0, "", "")
    assert kernel(node_host) == [0, 0, 65536]
    env: dict[str, str | None] = {"CALICO_CTL_CONTAINER": "true", "ETCD_AUTHORITY": "127.0.0.1:1"}
    assert start(node_host, "quick", **env).status == 1  # there legacy did not notice that etcd was gone


def test_node_that_systemd_runs(node_host: NodeHost) -> None:
    programs = node_host.root.parent / "programs"
    program(programs, "systemctl", "exit 0")
    assert start(node_host, "quick") == Result(
        1, "", "systemd runs the node of this host: stop it first, with 'systemctl stop calico-node.service'.\n"
    )
    assert (programs / "systemctl.log").read_text() == "is-active --quiet calico-node.service\n"


def test_container_that_removes_itself(node_host: NodeHost) -> None:
    run = node_host.daemon.client.containers.run
    run("node:quick", name="calico-node", detach=True, network="none", auto_remove=True)
    assert start(node_host, "quick") == Result(
        1,
        "",
        "The container calico-node was started with 'docker run --rm', so it would be gone once it is stopped. Stop it "
        "where it was started.\n",
    )
    assert node_host.containers() == {"calico-node": "running"}


def test_version_of_docker_s_api_is_negotiated(node_host: NodeHost) -> None:
    """[BUG] Legacy asked for version 1.16, which a Docker of today no longer has."""
    docker = Docker(node_host.calicoctl.environ)
    assert docker.ask(lambda api: api.api_version) == node_host.daemon.client.version()["ApiVersion"]


# Command lines and units


def words_of(line: str, folder: Path) -> list[str]:
    """The words that a shell gives to `docker`, when the line is pasted."""
    (folder / "docker").write_text("#!/bin/sh\nprintf '%s\\0' docker \"$@\"\n")
    (folder / "docker").chmod(0o755)
    env = {"PATH": f"{folder}:/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", line], env=env, capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


def test_command_line_can_be_pasted(node_host: NodeHost, tmp_path: Path) -> None:
    """[BUG] Legacy quoted nothing, so that an empty value or a blank made the line unusable."""
    env: dict[str, str | None] = {"NO_DEFAULT_POOLS": "a b'c\"$HOME `x`; é", "HOSTNAME": "a host"}
    result = node_host.calicoctl("node", "--dryrun", f"--log-dir={tmp_path}/a folder", "--detach=false", env=env)
    assert (result.status, result.stderr) == (0, "")
    authority = node_host.calicoctl.environ["ETCD_AUTHORITY"]
    variables = [
        "HOSTNAME=a host", "IP=", "IP6=", "CALICO_NETWORKING_BACKEND=bird", "AS=",
        f"NO_DEFAULT_POOLS={env['NO_DEFAULT_POOLS']}", "CALICO_LIBNETWORK_ENABLED=false",
        f"ETCD_AUTHORITY={authority}", "ETCD_SCHEME=http",
    ]  # fmt: skip
    binds = [f"{tmp_path}/a folder:/var/log/calico", "/var/run/calico:/var/run/calico", "/lib/modules:/lib/modules"]
    assert words_of(result.stdout, tmp_path) == [
        "docker", "run", "--restart=always", "--net=host", "--privileged", "--name=calico-node",
        *(word for variable in variables for word in ("-e", variable)),
        *(word for bind in binds for word in ("-v", bind)), "calico/node:v0.23.1",
    ]  # fmt: skip
    assert node_host.calicoctl("node", "--dryrun").stdout.startswith("docker run -d --restart=always ")
    assert (kernel(node_host), node_host.containers()) == ([0, 0, 65536], {})


def test_paths_are_absolute(node_host: NodeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[BUG] Docker takes a path without a slash at its start for the name of a volume."""
    monkeypatch.chdir(tmp_path)
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("")
    env = {"ETCD_CA_CERT_FILE": "ca", "ETCD_CERT_FILE": "cert", "ETCD_KEY_FILE": "./key"}
    certificates = "/etc/calico/certs"
    for scheme in ("http", "https"):
        variables = {**env, "ETCD_SCHEME": scheme}
        words = shlex.split(node_host.calicoctl("node", "--dryrun", "--log-dir=logs", env=variables).stdout)
        assert words[-19:] == [
            "-e", f"ETCD_CA_CERT_FILE={certificates}/ca_cert.crt", "-e", f"ETCD_KEY_FILE={certificates}/key.pem",
            "-e", f"ETCD_CERT_FILE={certificates}/cert.crt",
            "-v", f"{tmp_path}/logs:/var/log/calico", "-v", "/var/run/calico:/var/run/calico",
            "-v", "/lib/modules:/lib/modules", "-v", f"{tmp_path}/ca:{certificates}/ca_cert.crt:ro",
            "-v", f"{tmp_path}/key:{certificates}/key.pem:ro", "-v", f"{tmp_path}/cert:{certificates}/cert.crt:ro",
            "calico/node:v0.23.1",
        ]  # fmt: skip


def test_unit_of_systemd(node_host: NodeHost, tmp_path: Path) -> None:
    program(tmp_path / "programs", "docker")
    result = node_host.calicoctl("node", "--init-system", "--as=64512", f"--log-dir={tmp_path}/a %folder")
    docker, authority = f"{tmp_path}/programs/docker", node_host.calicoctl.environ["ETCD_AUTHORITY"]
    raise_to = "[ \\\"$$(cat $$f)\\\" -ge {0} ] || echo {0} > $$f'"
    assert result == Result(
        0,
        f"""\
[Unit]
Description=calico-node
Wants=network-online.target
Requires=docker.service
After=docker.service network-online.target

[Service]
ExecStartPre=-{tmp_path}/programs/modprobe -a xt_set ip6_tables
ExecStartPre=/bin/sh -c 'f=/proc/sys/net/ipv4/ip_forward; {raise_to.format(1)}
ExecStartPre=/bin/sh -c 'f=/proc/sys/net/ipv6/conf/all/forwarding; {raise_to.format(1)}
ExecStartPre=-/bin/sh -c 'f=/proc/sys/net/netfilter/nf_conntrack_max; {raise_to.format(1000000)}
ExecStartPre=-{docker} rm -f calico-node
ExecStart={docker} run --net=host --privileged --name=calico-node -e HOSTNAME=h1 -e IP= -e IP6= \
-e CALICO_NETWORKING_BACKEND=bird -e AS=64512 -e NO_DEFAULT_POOLS= -e CALICO_LIBNETWORK_ENABLED=false \
-e ETCD_AUTHORITY={authority} -e ETCD_SCHEME=http -v "{tmp_path}/a %%folder:/var/log/calico" \
-v /var/run/calico:/var/run/calico -v /lib/modules:/lib/modules calico/node:v0.23.1
ExecStop=-{docker} stop calico-node
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
""",
        "",
    )
    assert (kernel(node_host), node_host.containers()) == ([0, 0, 65536], {})
