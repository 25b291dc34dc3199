"""Candidates for the last word, from the usage texts and from etcd."""

from __future__ import annotations

import time

import pytest

from calicoctl.completion.names import OF_CONFIG, WORDS, words_of
from calicoctl.usage.table import COMMANDS
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request, never_answer

PROFILES = "/calico/v1/policy/profile"


def offered(calicoctl: Calicoctl, *words: str) -> list[str]:
    result = calicoctl("completion", "candidates", "--", *words)
    assert (result.status, result.stderr) == (0, "")
    return result.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("calicoctl ", list(COMMANDS)),
        ("calicoctl -", ["--config=", "--context=", "--color=", "--output=", "--columns=", "--dry-run", "--flows",
                         "--help", "--version"]),
        ("calicoctl help pr", ["profile"]),
        ("calicoctl --columns=work", ["--columns=workload_id", "--columns=workloads"]),
        ("calicoctl --columns mas", ["masquerade"]),
        ("calicoctl -ojs", ["-ojson"]),
        ("calicoctl -cx", []),
        ("calicoctl -ojson pro", ["profile"]),
        ("calicoq help ch", ["check"]),
        ("calicoctl pro", ["profile"]),
        ("/usr/bin/calicoctl pro", ["profile"]),
        ("calicoctl nonsense ", []),
        ("other ", []),
        ("calicoctl profile ", ["show", "add", "remove"]),
        ("calicoctl profile show ", ["--detailed"]),
        ("calicoctl profile show --detailed ", []),
        ("calicoctl profile P ", ["tag", "rule"]),
        ("calicoctl profile P rule add inbound ", ["allow", "deny"]),
        ("calicoctl profile P rule add inbound --at=1 allow ", ["tcp", "udp", "icmp", "icmpv6", "from", "to"]),
        ("calicoctl profile P rule add inbound --at 1 a", ["allow"]),
        ("calicoctl profile P rule add inbound allow tcp to ports 80 ", ["tag", "cidr"]),
        ("calicoctl profile P rule remove inbound --", ["--at=", "--help"]),
        ("calicoctl profile add P", []),
        ("calicoctl profile P rule remove inbound --at=1 ", []),
        ("calicoctl profile P rule remove inbound --at=1 --", ["--help"]),
        ("calicoctl profile P rule remove inbound allow --", ["--help"]),
        ("calicoctl profile --detailed ", ["show"]),
        ("calicoctl profile --no-c ", ["remove"]),
        ("calicoctl profile --nonsense ", []),
        ("calicoctl profile --help ", []),
        ("calicoctl profile -- ", []),
        ("calicoctl pool show --ipv4 ", []),
        ("calicoctl get ", ["profile"]),
        ("calicoctl get profile --output=y", ["--output=yaml"]),
        ("calicoctl get profile -o c", ["custom-columns="]),
        ("calicoctl get profile -oy", ["-oyaml"]),
        ("calicoctl get profile -o -oy", []),
        ("calicoctl apply -fx", []),
        ("calicoq check -oj", ["-ojson"]),
        ("calicoctl delete -f x ", ["--recursive", "--skip-not-exists", "--dry-run", "--flows"]),
        ("calicoctl apply -f x --deny-if=", ["--deny-if=opens", "--deny-if=closes"]),
        ("calicoctl delete -s ", ["profile"]),
        ("calicoctl bgp ", ["peer", "node-mesh", "default-node-as"]),
        ("calicoctl bgp node-mesh ", ["on", "off"]),
        ("calicoctl config bgp ", ["loglevel"]),
        ("calicoctl config felix loglevel ", ["none", "debug", "info", "warning", "error", "critical"]),
        ("calicoctl config node bgp loglevel d", ["debug"]),
        ("calicoctl config node bgp Other --", ["--remove", "--force", "--hostname=", "--help"]),
        ("calicoctl node bgp peer ", ["add", "remove", "show"]),
        ("calicoctl node --backend=n", ["--backend=none"]),
        ("calicoctl node s", ["stop", "show"]),
        ("calicoctl validate --schema=", ["--schema=profile"]),
        ("calicoctl validate --schema=profile --", ["--help"]),
        ("calicoctl endpoint show --h", ["--host=", "--help"]),
        ("calicoctl endpoint show --host=", []),
        ("calicoctl apply --filename=x", [":files"]),
        ("calicoctl apply -f ", [":files"]),
        ("calicoctl status ", ["--runtime=", "--backend=", "--socket-dir="]),
        ("calicoctl status --backend=", ["--backend=bird", "--backend=gobgp", "--backend=none"]),
        ("calicoctl status --socket-dir=/v", [":files"]),
        ("calicoctl checksystem --runtime ", ["docker", "rkt"]),
        ("calicoctl diags --output=", [":files"]),
        ("calicoctl diags --log-dir ", [":files"]),
        ("calicoq ch", ["check"]),
        ("calicoq check --o", ["--output="]),
        ("calicoq -rs ", ["endpoint", "host", "policy"]),
        ("calicoq --version ", []),
        ("calicoq version --", ["--help"]),
        ("calicoq host h -o ", ["ps", "json", "yaml"]),
        ("calicoq verdict a b u", ["udp", "udplite"]),
    ],
)
def test_keywords_and_options(calicoctl: Calicoctl, etcd: EtcdServer, line: str, words: list[str]) -> None:
    assert offered(calicoctl, *line.split(" ")) == words


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("calicoctl profile W", ["WEB", "WEB2"]),
        ("calicoctl profile remove ", ["DB", "WEB", "WEB2"]),
        ("calicoctl profile WEB tag remove ", ["blue", "green"]),
        ("calicoctl profile WEB tag add ", ["blue", "green", "red"]),
        ("calicoctl profile WEB rule add inbound allow from tag r", ["red"]),
        ("calicoctl endpoint e", ["e1", "e2"]),
        ("calicoctl endpoint e1 profile append D", ["DB"]),
        ("calicoctl endpoint show --host=", ["--host=h1", "--host=h2"]),
        ("calicoctl endpoint show --host ", ["h1", "h2"]),
        ("calicoctl endpoint show --host=h2 --endpoint=", ["--endpoint=e2"]),
        ("calicoctl get profile D", ["DB"]),
        ("calicoctl delete profile WEB ", ["DB", "WEB2"]),
        ("calicoctl endpoint DB profile append WEB2 ", ["DB", "WEB"]),
        ("calicoctl pool remove ", ["10.1.0.0/16", "10.2.0.0/16", "fd80::/64"]),
        ("calicoctl pool remove 10.2.0.0/16 ", ["10.1.0.0/16", "fd80::/64"]),
        ("calicoctl bgp peer remove ", ["10.0.0.1", "fd80::1"]),
        ("calicoctl bgp peer add ", []),
        ("calicoctl node bgp peer remove ", ["10.0.0.2"]),
        ("calicoctl node bgp peer remove --hostname=n2 ", ["10.0.0.3"]),
        ("calicoctl node bgp peer show --hostname=", ["--hostname=h1", "--hostname=n2"]),
        ("calicoctl config node bgp loglevel --hostname=n", ["--hostname=n2"]),
        ("calicoctl container w", ["w"]),
        ("calicoctl container add ", []),
        ("calicoq policy ", ["p/1", "p2"]),
        ("calicoq verdict e1 ", ["e1", "e2"]),
    ],
)
def test_names_from_etcd(calicoctl: Calicoctl, etcd: EtcdServer, line: str, names: list[str]) -> None:
    for profile, tags in (("WEB", '["blue", "green"]'), ("WEB2", "{"), ("DB", '["red"]')):
        etcd.put(f"{PROFILES}/{profile}/tags", tags)
    for host, endpoint in (("h1", "e1"), ("h2", "e2")):
        etcd.put(f"/calico/v1/host/{host}/workload/docker/w/endpoint/{endpoint}", "{}")
    etcd.put("/calico/v1/host/h2/workload/docker/wx/endpoint/e2", "{}")
    for key, cidr in (("v4/pool/10.1.0.0-16", "10.1.0.0/16"), ("v4/pool/x", "10.2.0.0/16"), ("v6/pool/y", "fd80::/64")):
        etcd.put(f"/calico/v1/ipam/{key}", f'{{"cidr": "{cidr}"}}')
    for tier, policy in (("default", "p%2f1"), ("t", "p2"), ("u", "p2")):
        etcd.put(f"/calico/v1/policy/tier/{tier}/policy/{policy}", "{}")
    for scope, ip in (("global", "10.0.0.1"), ("global", "fd80::1"), ("host/h1", "10.0.0.2"), ("host/n2", "10.0.0.3")):
        key = f"/calico/bgp/v1/{scope}/peer_v{6 if ':' in ip else 4}/{ip}"
        etcd.put(key, f'{{"ip": "{ip}", "as_num": "5"}}')
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1"}
    assert offered(calicoctl, *line.split(" ")) == names


def test_profile_named_like_prefix_of_keyword(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/shop/tags", "[]")
    assert offered(calicoctl, "calicoctl", "profile", "sh") == ["show", "shop"]


def test_completed_words_are_accepted_by_commands(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    calicoq = Calicoctl(calicoctl.environ, program="calicoq")
    etcd.put("/calico/v1/Ready", "true")
    for kind in words_of("<KIND>"):
        for output in WORDS["<OUTPUT>"]:
            columns = "NAME" if output.endswith("=") else ""
            assert calicoctl("get", kind, f"--output={output}{columns}").status == 0
        assert calicoctl("validate", f"--schema={kind}").status == 0
    for output in WORDS["<format>"]:
        assert calicoq("endpoint", "", f"--output={output}").status == 0
    for protocol in WORDS["<protocol>"]:
        assert calicoq("verdict", "10.0.0.1", "10.0.0.2", protocol).status == 2  # no endpoint has these addresses
    etcd.put("/calico/bgp/v1/host/h1/ip_addr_v4", "192.0.2.1")
    for scope, names in OF_CONFIG.items():
        for name, values in names.items():
            wrong = calicoctl("config", *scope, name, "wrong", env={"HOSTNAME": "h1"})
            assert f"It must be one of {', '.join(values)}." in wrong.stderr


@pytest.mark.parametrize("name", [":files", "$(reboot)", "a b", "`x`", "-rf", "a;b", "é", "x\n"])
def test_names_with_shell_syntax_are_not_offered(calicoctl: Calicoctl, etcd: EtcdServer, name: str) -> None:
    etcd.put(f"{PROFILES}/plain/tags", f'["fine", {name!r}]'.replace("'", '"'))
    assert offered(calicoctl, "calicoctl", "profile", "plain", "tag", "remove", "") == ["fine"]


def test_etcd_is_unreachable(calicoctl: Calicoctl) -> None:
    environ = {"ETCD_AUTHORITY": "127.0.0.1:1"}
    result = calicoctl("completion", "candidates", "--", "calicoctl", "profile", "remove", "", env=environ)
    assert result == Result(0, "", "")
    broken = calicoctl("completion", "candidates", "--", "calicoctl", "profile", "", env={"ETCD_ENDPOINTS": "x"})
    assert broken == Result(0, "show\nadd\nremove\n", "")


def drip(request: Request) -> bytes | None:
    """An answer that comes byte by byte and never ends."""
    request.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
    while not request.is_over(0.2):
        request.send(b" ")
    return None


@pytest.mark.parametrize("behaviour", [never_answer, drip])
def test_slow_endpoints(calicoctl: Calicoctl, proxy: Proxy, behaviour: Behaviour) -> None:
    proxy.since(1, behaviour)
    environ = {"ETCD_AUTHORITY": None, "ETCD_ENDPOINTS": ",".join([f"http://{proxy.authority}"] * 4)}
    began = time.monotonic()
    result = calicoctl.process("completion", "candidates", "--", "calicoctl", "profile", "remove", "", env=environ)
    assert result == Result(0, "", "")
    assert time.monotonic() - began < 3.5  # 2 s of waiting, and the start of a process
    began = time.monotonic()
    result = calicoctl.process("completion", "candidates", "--", "calicoctl", "profile", "sh", env=environ)
    assert result == Result(0, "show\n", "")
    assert time.monotonic() - began < 1.9


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(calicoctl: Calicoctl, shell: str) -> None:
    result = calicoctl("completion", shell)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.startswith(f"# Completion for {shell}")
    assert "calicoctl completion candidates -- " in result.stdout
