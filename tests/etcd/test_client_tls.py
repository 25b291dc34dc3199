"""TLS connections of the client: valid and invalid certificates and keys, and servers with other protocols."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from calicoctl.errors import CommandError
from calicoctl.etcd.errors import DatastoreError
from calicoctl.etcd.settings import Settings
from calicoctl.etcd.tls import check_files
from tests.conftest import Calicoctl, Result
from tests.etcd.clients import EMPTY_TABLE, secure, tls_of
from tests.etcd_server import HOST, START_SECONDS, EtcdServer
from tests.proxy import Proxy


def test_https_with_private_authority(calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path) -> None:
    with Proxy(etcd, tls_of(certificates)) as proxy:
        env = secure(proxy, ca=certificates / "ca.crt")
        assert calicoctl("profile", "add", "P", env=env) == Result(0, "Created profile P\n", "")
        assert len(proxy.requests) == 4
        env = {**env, "ETCD_AUTHORITY": "", "ETCD_SCHEME": "", "ETCD_ENDPOINTS": f"https://{proxy.authority}"}
        assert calicoctl("profile", "P", "tag", "show", env=env) == Result(0, "P\n", "")


def test_https_with_system_authorities(calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path) -> None:
    with Proxy(etcd, tls_of(certificates)) as proxy:
        env = {**secure(proxy), "SSL_CERT_FILE": str(certificates / "ca.crt")}
        assert calicoctl.process("profile", "show", env=env) == Result(0, EMPTY_TABLE, "")


NOT_OF_THIS_ADDRESS = "IP address mismatch, certificate is not valid for '127.0.0.1'."
UNKNOWN_AUTHORITY = "unable to get local issuer certificate; is ETCD_CA_CERT_FILE that of its authority?"


@pytest.mark.parametrize(
    ("server", "authority", "cause"),
    [
        ("server", "other", UNKNOWN_AUTHORITY),
        ("server", None, UNKNOWN_AUTHORITY),
        ("other", "ca", "self-signed certificate; is ETCD_CA_CERT_FILE that of its authority?"),
        ("elsewhere", "ca", NOT_OF_THIS_ADDRESS),
        ("expired", "ca", "certificate has expired"),
    ],
)
def test_https_refuses_untrusted_server(
    calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path, server: str, authority: str | None, cause: str
) -> None:
    with Proxy(etcd, tls_of(certificates, server)) as proxy:
        env = secure(proxy, **({"ca": certificates / f"{authority}.crt"} if authority else {}))
        for command in (("show",), ("add", "P")):
            result = calicoctl("profile", *command, env=env)
            said = result.stderr.replace("self signed", "self-signed")  # OpenSSL 1.1
            # urllib3 1.26 compares the names itself
            said = said.replace("hostname '127.0.0.1' doesn't match 'elsewhere.example'", NOT_OF_THIS_ADDRESS)
            assert (result.status, result.stdout) == (1, "")
            refused = f"TLS: the server's certificate is refused: {cause}"
            assert said == f"Error accessing etcd at https://{proxy.authority} ({refused}).\n"
        assert proxy.requests == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"ca": "garbage"}, "Cannot use ETCD_CA_CERT_FILE {ca}: {no_certificate}."),
        ({"ca": "empty"}, "Cannot use ETCD_CA_CERT_FILE {ca}: {no_certificate}."),
        ({"ca": "ca.key"}, "Cannot use ETCD_CA_CERT_FILE {ca}: {no_certificate}."),
        ({"cert": "garbage"}, "Cannot use ETCD_CERT_FILE {cert}: {no_certificate}."),
        ({"cert": "empty"}, "Cannot use ETCD_CERT_FILE {cert}: {no_certificate}."),
        ({"key": "garbage"}, "Cannot use ETCD_KEY_FILE {key}: {no_key}."),
        ({"key": "empty"}, "Cannot use ETCD_KEY_FILE {key}: {no_key}."),
        ({"key": "truncated.key"}, "Cannot use ETCD_KEY_FILE {key}: {no_key}."),
        ({"key": "client.crt"}, "Cannot use ETCD_KEY_FILE {key}: {no_key}."),
        (
            {"key": "server.key"},
            "Cannot use ETCD_KEY_FILE {key}: the private key does not belong to the certificate of ETCD_CERT_FILE, "
            "{cert}.",
        ),
        (
            {"key": "encrypted.key"},
            "Cannot use ETCD_KEY_FILE {key}: the private key needs a passphrase; give one that needs none.",
        ),
        (
            {"cert": "client.key", "key": "client.crt"},
            "ETCD_CERT_FILE names a private key ({cert}) and ETCD_KEY_FILE a certificate ({key}): exchange them.",
        ),
    ],
)
def test_https_with_unusable_files(
    calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path, files: dict[str, str], complaint: str
) -> None:
    names = {"ca": "ca.crt", "cert": "client.crt", "key": "client.key", **files}
    paths = {role: certificates / name for role, name in names.items()}
    with Proxy(etcd, tls_of(certificates)) as proxy:
        result = calicoctl("profile", "show", env={**secure(proxy, **paths), "CALICOCTL_DEBUG": "1"})
        assert proxy.requests == []
    complaint = complaint.format(
        **paths,
        no_certificate="it has no certificate in PEM form that can be read",
        no_key="it has no private key in PEM form that can be read",
    )
    assert result == Result(1, "", f"{complaint}\n")


def test_one_file_with_key_and_certificate(
    calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_text((certificates / "client.key").read_text() + (certificates / "client.crt").read_text())
    with Proxy(etcd, tls_of(certificates, clients=True)) as proxy:
        env = secure(proxy, ca=certificates / "ca.crt", cert=both, key=both)
        assert calicoctl("profile", "show", env=env) == Result(0, EMPTY_TABLE, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("hidden", "variable"), [("ca.crt", "ETCD_CA_CERT_FILE"), ("client.key", "ETCD_KEY_FILE")])
def test_unreadable_files(certificates: Path, hidden: str, variable: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file in ("ca.crt", "client.crt", "client.key"):
            shutil.copy(certificates / file, folder)
            (folder / file).chmod(0 if file == hidden else 0o644)
        env = {"ETCD_SCHEME": "https", "ETCD_CA_CERT_FILE": str(folder / "ca.crt")}
        env |= {"ETCD_CERT_FILE": str(folder / "client.crt"), "ETCD_KEY_FILE": str(folder / "client.key")}
        settings = Settings.from_environment(env)
        check_files(settings.ca_file, settings.certificate)  # imports modules before the change of user
        nobody = 65534
        os.setresuid(nobody, nobody, 0)
        try:
            with pytest.raises(DatastoreError) as late:
                check_files(settings.ca_file, settings.certificate)
            with pytest.raises(CommandError) as early:
                Settings.from_environment(env)
        finally:
            os.setresuid(0, 0, 0)
    assert late.value.message == f"Cannot use {variable} {folder / hidden}: Permission denied."
    legacy = {"ETCD_CA_CERT_FILE": "Invalid ETCD_CA_CERT_FILE. ", "ETCD_KEY_FILE": "Cannot read ETCD_KEY_FILE and/or "}
    assert early.value.message.startswith(legacy[variable])


def test_https_to_http_server(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    result = calicoctl("profile", "show", env={"ETCD_SCHEME": "https"})
    assert (result.status, result.stdout) == (1, "")
    # etcd closes the connection or answers in plain text; sometimes the kernel reports it before OpenSSL does.
    causes = (
        r"TLS: [a-z ]+; does it speak https\?\)\.|"
        r"TLS: EOF [a-z ]+; does it take https without a client certificate\?\)\.|"
        r"Connection reset by peer\)\.  Is etcd running, and does it take https without a client certificate\?"
    )
    assert re.fullmatch(rf"Error accessing etcd at https://{etcd.endpoint} \(({causes})\n", result.stderr)


def test_http_to_https_server(calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path) -> None:
    with Proxy(etcd, tls_of(certificates)) as proxy:
        result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": proxy.authority})
        assert (result.status, result.stdout) == (1, "")
        advice = r"Is etcd running, and does it take http, not https\?"
        complaint = rf"Error accessing etcd at http://{proxy.authority} \([^()]+\)\.  {advice}\n"
        assert re.fullmatch(complaint, result.stderr)
        assert proxy.requests == []


class EtcdWithTls(EtcdServer):
    """An etcd that accepts only https, with a certificate from the directory."""

    def __init__(self, certificates: Path, clients: bool = False) -> None:
        of_clients = ["--client-cert-auth", f"--trusted-ca-file={certificates}/ca.crt"] if clients else []
        super().__init__(
            [f"--cert-file={certificates}/server.crt", f"--key-file={certificates}/server.key", *of_clients]
        )

    def _launch(self, binary: str, peer_port: int, log: Path) -> subprocess.Popen[bytes]:
        urls = [f"--{kind}-client-urls=https://{self.endpoint}" for kind in ("listen", "advertise")]
        self.arguments = [argument for argument in self.arguments if "-client-urls=" not in argument] + urls
        return super()._launch(binary, peer_port, log)

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port)):
                return True
            time.sleep(0.01)
        return False


def test_etcd_with_https_only(calicoctl: Calicoctl, certificates: Path) -> None:
    with EtcdWithTls(certificates) as etcd:
        env = {"ETCD_AUTHORITY": etcd.endpoint, "ETCD_SCHEME": "https", "ETCD_CA_CERT_FILE": f"{certificates}/ca.crt"}
        assert calicoctl("profile", "add", "P", env=env) == Result(0, "Created profile P\n", "")
        result = calicoctl("profile", "show", env={**env, "ETCD_SCHEME": "http"})
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error accessing etcd at http://{etcd.endpoint} (")
    assert result.stderr.endswith(").  Is etcd running, and does it take http, not https?\n")
    assert result.stderr.count("\n") == 1


def test_etcd_requires_client_certificate(calicoctl: Calicoctl, certificates: Path) -> None:
    with EtcdWithTls(certificates, clients=True) as etcd:
        env = {"ETCD_AUTHORITY": etcd.endpoint, "ETCD_SCHEME": "https", "ETCD_CA_CERT_FILE": f"{certificates}/ca.crt"}

        def run(name: str) -> Result:
            files = {"ETCD_CERT_FILE": f"{certificates}/{name}.crt", "ETCD_KEY_FILE": f"{certificates}/{name}.key"}
            result = calicoctl("profile", "show", env={**env, **(files if name else {})})
            # The wording depends on the version of OpenSSL, and the TLS alert on the version of Go.
            alert = r"(?:sslv3|ssl/tls|tlsv1|tlsv13) alert (?:bad certificate|certificate required|unknown ca)"
            return Result(result.status, result.stdout, re.sub(alert, "ALERT", result.stderr))

        assert run("client") == Result(0, EMPTY_TABLE, "")
        beginning = f"Error accessing etcd at https://{etcd.endpoint} (TLS: the server says ALERT; "
        assert run("") == Result(
            1, "", f"{beginning}it wants a client's certificate: set ETCD_CERT_FILE and ETCD_KEY_FILE).\n"
        )
        refused = "is the certificate of ETCD_CERT_FILE expired, or of an authority that the server does not know?).\n"
        assert run("expired") == Result(1, "", beginning + refused)
        assert run("other") == Result(1, "", beginning + refused)


@pytest.mark.parametrize("command", [("show",), ("add", "P")], ids=" ".join)
def test_second_endpoint_is_used_if_handshake_of_first_hangs(
    calicoctl: Calicoctl, etcd: EtcdServer, certificates: Path, command: tuple[str, ...]
) -> None:
    with socket.create_server((HOST, 0)) as silent, Proxy(etcd, tls_of(certificates)) as proxy:
        endpoints = f"https://{HOST}:{silent.getsockname()[1]},https://{proxy.authority}"
        env = {**secure(proxy, ca=certificates / "ca.crt"), "ETCD_ENDPOINTS": endpoints}
        assert calicoctl("profile", *command, env={**env, "CALICOCTL_CONNECT_TIMEOUT": "0.5"}).status == 0


def test_handshake_that_never_ends(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    with socket.create_server((HOST, 0)) as silent:
        authority = f"{HOST}:{silent.getsockname()[1]}"
        env = {"ETCD_SCHEME": "https", "ETCD_AUTHORITY": authority, "CALICOCTL_CONNECT_TIMEOUT": "0.3"}
        cause = "no answer to TLS within 0.3 s; does it speak https?"
        complaint = f"Error accessing etcd at https://{authority} ({cause}).  Is etcd running?\n"
        assert calicoctl("profile", "show", env=env) == Result(1, "", complaint)
