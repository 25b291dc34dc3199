"""The bundle of diagnostics: what is taken out of it, what is left out, and what remains when it cannot be written."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calicoctl.errors import CommandError
from calicoctl.host.bundle import Bundle, without_secrets

BODY = "MIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8AgEAAkEAq7BFUpkGp3"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----\n"
REMARK = "(removed: a key or certificate)"


def cleaned(text: str) -> str:
    return b"".join(without_secrets(io.BytesIO(text.encode()))).decode()


# Secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\n", "a\nb\n"),
        ("", ""),
        ("no end of line", "no end of line"),
        (f"a\n{KEY}b\n", f"a\n{REMARK}\nb\n"),
        (f"{KEY}{KEY}", f"{REMARK}\n{REMARK}\n"),
        (KEY.replace("\n", "\r\n"), f"{REMARK}\r\n"),
        ('{"key": "' + KEY.replace("\n", "\\n") + '", "a": 1}\n', '{"key": "' + REMARK + '\\n", "a": 1}\n'),
        (f"FILE, /calico/x, {KEY}FILE, /calico/y, 1\n", f"FILE, /calico/x, {REMARK}\nFILE, /calico/y, 1\n"),
        (f"a {KEY}".removesuffix("-----END RSA PRIVATE KEY-----\n"), f"a {REMARK}"),
        ("----- BEGIN nothing -----\n", "----- BEGIN nothing -----\n"),
        ("ETCD_ENDPOINTS=http://me:secret@h:1,http://me:secret@g:1\n",
         "ETCD_ENDPOINTS=http://***@h:1,http://***@g:1\n"),
        ("http://h:2379/path?a=b@c\n", "http://h:2379/path?a=b@c\n"),
    ],
)  # fmt: skip
def test_secrets_are_removed(text: str, shown: str) -> None:
    assert cleaned(text) == shown


def test_key_without_end_removes_a_limited_number_of_lines() -> None:
    log = "starts -----BEGIN CERTIFICATE\n" + "line\n" * 2000
    assert cleaned(log).count("line") > 1000


@given(st.lists(st.sampled_from(["text ", "\n", KEY, "x" * 70, "-----", "BEGIN ", "é"])))
def test_keys_are_removed_completely(pieces: list[str]) -> None:
    assert BODY not in cleaned("".join(pieces))


# Logs


def pack(bundle: Bundle) -> dict[str, bytes]:
    """Pack a bundle and return its files by name."""
    return content(bundle.pack())


def content(path: str) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        assert {member.mode for member in archive.getmembers()} <= {0o600}
        return {name: file.read() for name, file in files.items() if file}


def test_which_logs_are_copied(tmp_path: Path) -> None:
    logs = tmp_path / "calico"
    (logs / "felix" / "old").mkdir(parents=True)
    (logs / "felix" / "current").write_bytes(b"\xff\x00 one\n")
    (logs / "felix" / "lock").write_text("")
    (logs / "felix" / "old" / "@4000").write_text(f"two\n{KEY}")
    (logs / "felix" / "tls.PEM").write_text("secret")
    (logs / "felix" / "server.key").write_text("secret")
    os.mkfifo(logs / "pipe")
    (logs / "link").symlink_to("/etc/passwd")
    (logs / "folder").symlink_to("/etc")
    with Bundle(str(tmp_path / "b.tgz"), "") as bundle:
        left_out = list(bundle.copy_logs(str(logs)))
        files = pack(bundle)
    assert files == {
        "diagnostics/logs/felix/current": b"\xff\x00 one\n",
        "diagnostics/logs/felix/old/@4000": f"two\n{REMARK}\n".encode(),
    }
    assert sorted(left_out) == [
        f"{logs}/felix/server.key: it may be a key or a certificate",
        f"{logs}/felix/tls.PEM: it may be a key or a certificate",
        f"{logs}/folder: it is a symbolic link",
        f"{logs}/link: it is a symbolic link",
        f"{logs}/pipe: it is not a regular file",
    ]


def test_log_too_large_for_the_disk_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with (tmp_path / "logs" / "huge").open("wb") as huge:
        huge.truncate(2**43)  # which takes no space
    with Bundle(str(tmp_path / "b.tgz"), "") as bundle:
        [left_out] = bundle.copy_logs(str(tmp_path / "logs"))
        assert pack(bundle) == {}
    assert left_out.startswith(f"{tmp_path}/logs/huge: it has 8,796,093,022,208 bytes, and ")
    assert left_out.endswith(" are free for the bundle")


def test_a_folder_of_logs_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "current").write_text("one")
    (tmp_path / "link").symlink_to(tmp_path / "logs")
    with Bundle(str(tmp_path / "b.tgz"), "") as bundle:
        assert list(bundle.copy_logs(str(tmp_path / "link"))) == []
        assert pack(bundle) == {"diagnostics/logs/current": b"one"}


# What remains


def test_only_the_bundle_remains_readable_by_its_owner(tmp_path: Path) -> None:
    target = tmp_path / "b.tgz"
    target.write_text("an older one")
    target.chmod(0o644)
    with Bundle(str(target), str(tmp_path)) as bundle:
        assert stat.S_IMODE(os.stat(bundle.folder).st_mode) == 0o700
        with bundle.file("one") as file:
            file.write(b"1")
        assert target.read_text() == "an older one"
        bundle.pack()
    assert os.listdir(tmp_path) == ["b.tgz"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert content(str(target)) == {"diagnostics/one": b"1"}


def test_without_a_target_the_folder_remains_with_the_bundle_in_it(tmp_path: Path) -> None:
    with Bundle("", str(tmp_path)) as bundle:
        bundle.file("one").close()
        path = Path(bundle.pack())
    assert path.parent == Path(bundle.folder)
    assert os.listdir(bundle.folder) == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("target", ["", "b.tgz"])
def test_interrupted_bundle_leaves_nothing(target: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        with Bundle(str(tmp_path / target) if target else "", str(tmp_path)) as bundle:
            bundle.file("one").close()
            raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_unwritable_targets(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("folder")
    for target, reason in (
        ("none/b.tgz", "No such file or directory"),
        ("folder", "it exists and is not a regular file"),
        ("pipe", "it exists and is not a regular file"),
        ("link", "it exists and is not a regular file"),
        ("x" * 300, "File name too long"),
    ):
        with pytest.raises(CommandError) as caught:
            Bundle(str(tmp_path / target), str(tmp_path))
        assert caught.value.message == f"Cannot write '{tmp_path / target}': {reason}."
    assert sorted(os.listdir(tmp_path)) == ["folder", "link", "pipe"]
    with pytest.raises(CommandError, match="^Cannot write a temporary folder: No such file or directory.$"):
        Bundle("", str(tmp_path / "none"))
