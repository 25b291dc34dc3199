"""etcd with authentication, and the requests that CALICOCTL_DEBUG shows."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Calicoctl, Result
from tests.etcd.clients import secure, tls_of
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request

PASSWORD = "s3cret@:/,%ä"
QUOTED = "s3cret%40%3A%2F%2C%25%C3%A4"
WARNING = "Warning: the password for etcd is sent over http, where others can read it. Use https.\n"
REFUSED = "The request requires user authentication : Insufficient credentials"


def ask(etcd: EtcdServer, method: str, path: str, body: object = None, user: str = "") -> None:
    headers = {"Content-Type": "application/json"}
    if user:
        headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    data = None if body is None else json.dumps(body).encode()
    url = f"http://{etcd.endpoint}/v2/auth/{path}"
    urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=30).close()


@pytest.fixture(scope="module")
def guarded() -> Iterator[EtcdServer]:
    """An etcd in which `calico` may write below /calico and only root may do anything else."""
    with EtcdServer(["--unsafe-no-fsync"]) as etcd:
        ask(etcd, "PUT", "users/root", {"user": "root", "password": "of root"})
        keys = {"read": ["/calico", "/calico/*"], "write": ["/calico", "/calico/*"]}
        ask(etcd, "PUT", "roles/calico", {"role": "calico", "permissions": {"kv": keys}})
        ask(etcd, "PUT", "users/calico", {"user": "calico", "password": PASSWORD, "roles": ["calico"]})
        ask(etcd, "PUT", "users/other", {"user": "other", "password": "x"})
        ask(etcd, "PUT", "enable")
        ask(etcd, "DELETE", "roles/guest", user="root:of root")
        yield etcd


@pytest.fixture
def on_guarded(guarded: EtcdServer, calicoctl: Calicoctl) -> Iterator[Calicoctl]:
    calicoctl.environ = guarded.environ({**calicoctl.environ})
    yield calicoctl
    user = {"ETCD_USERNAME": "calico", "ETCD_PASSWORD": PASSWORD}
    calicoctl("profile", "remove", "P", "--no-check", env=user)


def test_user_and_password(on_guarded: Calicoctl, guarded: EtcdServer) -> None:
    user = {"ETCD_USERNAME": "calico", "ETCD_PASSWORD": PASSWORD}
    assert on_guarded("profile", "add", "P", env=user) == Result(0, "Created profile P\n", WARNING)
    in_endpoint = {"ETCD_ENDPOINTS": f"http://calico:{QUOTED}@{guarded.endpoint}"}
    result = on_guarded("profile", "P", "tag", "show", env=in_endpoint)
    assert result == Result(0, "P\n", WARNING)


def test_password_in_context(on_guarded: Calicoctl, guarded: EtcdServer, tmp_path: Path) -> None:
    (tmp_path / "calicoctl").mkdir()
    path = tmp_path / "calicoctl" / "config.yaml"
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    members = [f"etcdAuthority: {guarded.endpoint}", "etcdUsername: calico", f"etcdPassword: '{PASSWORD}'"]
    path.write_text("\n".join(["contexts:", "  one:", *(f"    {member}" for member in members)]), encoding="utf-8")
    assert on_guarded("--context=one", "profile", "add", "P", env=env) == Result(0, "Created profile P\n", WARNING)
    path.write_text(path.read_text(encoding="utf-8").replace("s3cret", "wrong"), encoding="utf-8")
    result = on_guarded("--context=one", "profile", "show", env=env)
    assert result.stderr.splitlines()[-3:] == [
        f"ETCD_{name} comes from etcd{name.capitalize()} in line {line} of {path} (context one)."
        for line, name in enumerate(("AUTHORITY", "USERNAME", "PASSWORD"), 3)
    ]


def test_https_gives_no_warning(on_guarded: Calicoctl, guarded: EtcdServer, certificates: Path) -> None:
    with Proxy(guarded, tls_of(certificates)) as proxy:
        files = secure(proxy, ca=certificates / "ca.crt")
        env = {**files, "ETCD_USERNAME": "calico", "ETCD_PASSWORD": PASSWORD}
        assert on_guarded("profile", "add", "P", env=env) == Result(0, "Created profile P\n", "")


@pytest.mark.parametrize("command", [("show",), ("add", "P")], ids=" ".join)
def test_message_says_what_to_set(on_guarded: Calicoctl, guarded: EtcdServer, command: tuple[str, ...]) -> None:
    where = f"Error accessing etcd at http://{guarded.endpoint} ({REFUSED}; "
    advice = "set ETCD_USERNAME and ETCD_PASSWORD to those of a user whose roles allow this"
    assert on_guarded("profile", *command) == Result(1, "", f"{where}{advice}).\n")
    advice = "are ETCD_USERNAME and ETCD_PASSWORD right, and do the roles granted allow this?"
    for name, password in (("calico", "s3cret"), ("nobody", "s3cret"), ("other", "x")):
        env = {"ETCD_USERNAME": name, "ETCD_PASSWORD": password}
        assert on_guarded("profile", *command, env=env) == Result(1, "", f"{WARNING}{where}{advice}).\n")


# Output of CALICOCTL_DEBUG


def test_debug_shows_each_request(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    result = calicoctl("profile", "add", "P", env={"CALICOCTL_DEBUG": "1"})
    assert (result.status, result.stdout) == (0, "Created profile P\n")
    index = etcd.index()
    assert index is not None
    text = re.sub(r"[0-9,]+ bytes, [0-9.]+ ms", "BYTES, MS", result.stderr)
    at = f"at http://{etcd.endpoint}"
    profile = "/calico/v1/policy/profile/P"
    new = "prevExist=false&noValueOnSuccess=true"
    lines = text.splitlines()
    assert lines[0] == f"etcd: GET {profile}?quorum=true {at}: 404, index {index - 3}, BYTES, MS"
    assert sorted(lines[1:3]) + lines[3:] == [
        f"etcd: PUT {profile}/labels {new} {at}: 201, index {index - 1}, BYTES, MS",
        f"etcd: PUT {profile}/tags {new} {at}: 201, index {index - 2}, BYTES, MS",
        f"etcd: PUT {profile}/rules {new} {at}: 201, index {index}, BYTES, MS",
    ]


def test_debug_shows_failed_request_without_password(calicoctl: Calicoctl, proxy: Proxy) -> None:
    proxy.since(1, lambda request: None)
    env = {"ETCD_ENDPOINTS": f"http://calico:s3cret@{proxy.authority}", "CALICOCTL_DEBUG": "1"}
    result = calicoctl("profile", "show", env=env)
    cause = "failed: Remote end closed connection without response"
    line = f"etcd: GET /calico/v1/policy/profile at http://{proxy.authority}: {cause}, MS"
    assert re.sub(r"[0-9.]+ ms", "MS", result.stderr).splitlines()[:3] == [line] * 3
    assert "s3cret" not in result.stderr
    assert "Y2FsaWNv" not in result.stderr  # the beginning of the password in base64


def test_password_is_sent_with_each_request(calicoctl: Calicoctl, proxy: Proxy) -> None:
    seen = []

    def look(request: Request) -> bytes | None:
        seen.append(b"Authorization: Basic " + base64.b64encode(b"calico:x") + b"\r\n" in request._head)
        return request.forward()

    proxy.since(1, look)
    env = {"ETCD_USERNAME": "calico", "ETCD_PASSWORD": "x"}
    assert calicoctl("profile", "add", "P", env=env).status == 0
    assert seen == [True] * 4
