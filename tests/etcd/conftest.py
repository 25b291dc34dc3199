"""Fixture of the tests of etcd: TLS certificates."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the certificate authorities `ca` and `other`, and certificates signed by `ca`.

    These are `server` for 127.0.0.1, `elsewhere` for another host, `expired`, also for 127.0.0.1, and `client`. The
    unusable keys are `encrypted.key` and `truncated.key`, both of `client`. `garbage` and `empty` are neither key nor
    certificate.
    """
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    (folder / "ca.cnf").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n"
        "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
    )
    for name in ("ca", "other"):
        openssl("req", "-x509", "-config", "ca.cnf", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.crt",
                "-days", "2", "-subj", f"/CN={name}")  # fmt: skip
    names = {
        "server": "IP:127.0.0.1",
        "elsewhere": "DNS:elsewhere.example",
        "expired": "IP:127.0.0.1",
        "client": "DNS:client.example",
    }
    days = {"expired": "-1"}
    for name, subject in names.items():
        (folder / f"{name}.ext").write_text(f"subjectAltName={subject}\nauthorityKeyIdentifier=keyid\n")
        openssl(
            "req",
            "-config",
            "ca.cnf",
            *new_key,
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.crt", "-days", days.get(name, "2"), "-extfile", f"{name}.ext")  # fmt: skip
    openssl("pkcs8", "-topk8", "-v2", "aes256", "-passout", "pass:x", "-in", "client.key", "-out", "encrypted.key")
    (folder / "truncated.key").write_text((folder / "client.key").read_text()[:100])
    (folder / "garbage").write_bytes(b"\xff no certificate\n")
    (folder / "empty").touch()
    return folder
