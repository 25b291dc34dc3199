"""What is offered for the last word: from the usage texts, and from etcd."""

from __future__ import annotations

import time

import pytest

from calicoctl import cli
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, never_answer

PROFILES = "/calico/v1/policy/profile"


def offered(calicoctl: Calicoctl, *words: str) -> list[str]:
    result = calicoctl("completion", "candidates", "--", *words)
    assert (result.status, result.stderr) == (0, "")
    return result.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("calicoctl ", list(cli.COMMANDS)),
        ("calicoctl -", ["--help"]),
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
        ("calicoctl endpoint show --h", ["--host=", "--help"]),
        ("calicoctl endpoint show --host=", []),
        ("calicoctl apply --filename=x", [":files"]),
        ("calicoctl apply -f ", [":files"]),
        ("calicoq ch", ["check"]),
        ("calicoq check --o", ["--output="]),
    ],
)
def test_words(calicoctl: Calicoctl, etcd: EtcdServer, line: str, words: list[str]) -> None:
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
        ("calicoq verdict e1 ", ["e1", "e2"]),
    ],
)
def test_names(calicoctl: Calicoctl, etcd: EtcdServer, line: str, names: list[str]) -> None:
    for profile, tags in (("WEB", '["blue", "green"]'), ("WEB2", "{"), ("DB", '["red"]')):
        etcd.put(f"{PROFILES}/{profile}/tags", tags)
    for host, endpoint in (("h1", "e1"), ("h2", "e2")):
        etcd.put(f"/calico/v1/host/{host}/workload/docker/w/endpoint/{endpoint}", "{}")
    assert offered(calicoctl, *line.split(" ")) == names


@pytest.mark.parametrize("name", ["$(reboot)", "a b", "`x`", "-rf", "a;b", "é", "x\n"])
def test_names_that_a_shell_could_obey_are_not_offered(calicoctl: Calicoctl, etcd: EtcdServer, name: str) -> None:
    etcd.put(f"{PROFILES}/plain/tags", f'["fine", {name!r}]'.replace("'", '"'))
    assert offered(calicoctl, "calicoctl", "profile", "plain", "tag", "remove", "") == ["fine"]


def test_no_etcd(calicoctl: Calicoctl) -> None:
    environ = {"ETCD_AUTHORITY": "127.0.0.1:1"}
    result = calicoctl("completion", "candidates", "--", "calicoctl", "profile", "remove", "", env=environ)
    assert result == Result(0, "", "")
    broken = calicoctl("completion", "candidates", "--", "calicoctl", "profile", "", env={"ETCD_ENDPOINTS": "x"})
    assert broken == Result(0, "show\nadd\nremove\n", "")


def test_a_silent_etcd(calicoctl: Calicoctl, proxy: Proxy) -> None:
    proxy.since(1, never_answer)
    began = time.monotonic()
    assert offered(calicoctl, "calicoctl", "profile", "remove", "") == []
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(calicoctl: Calicoctl, shell: str) -> None:
    result = calicoctl("completion", shell)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.startswith(f"# Completion for {shell}")
    assert "calicoctl completion candidates -- " in result.stdout
