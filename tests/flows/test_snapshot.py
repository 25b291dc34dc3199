"""calicoq snapshot, and what the other commands make of a file: the answers of etcd, or those after a change."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest

from calicoctl.calicoq.cli import run
from tests.calicoq.conftest import Calicoq, Store
from tests.etcd_server import EtcdServer
from tests.flows.shop import fill

OPENED = """\
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: BACKUP}
spec:
  ingress: [{action: Allow, protocol: TCP, destination: {ports: [873]}}]
  egress: [{action: Allow}]
"""


@pytest.fixture
def saved(store: Store, calicoq: Calicoq, tmp_path: Path) -> Path:
    """The shop in a file, and an etcd that has nothing any more."""
    fill(store)
    path = tmp_path / "shop.json"
    assert calicoq("snapshot", str(path)) == (0, "", "")
    store.etcd.clear()
    return path


def test_the_form(store: Store, calicoq: Calicoq, etcd: EtcdServer) -> None:
    key = store.profile("P", tags=["T"])
    document = json.loads(calicoq("snapshot").stdout)
    assert document["format"] == "calico-datastore/1"
    assert list(document["keys"]) == sorted(document["keys"])
    assert json.loads(document["keys"][key]["value"]) == {"inbound_rules": [], "outbound_rules": []}
    assert 0 < document["keys"][key]["index"] <= document["etcd_index"]


def test_only_its_owner_can_read_the_file(saved: Path) -> None:
    assert stat.S_IMODE(os.stat(saved).st_mode) == 0o600
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize(
    "arguments",
    [("reach",), ("endpoint", "db"), ("verdict", "web-1", "db-1", "tcp", "5432"), ("check",), ("eval", "all()")],
)
def test_the_answers_are_those_of_etcd(
    store: Store, calicoq: Calicoq, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    fill(store)
    expected = calicoq(*arguments)
    path = tmp_path / "shop.json"
    calicoq("snapshot", str(path))
    store.etcd.clear()
    assert calicoq(*arguments, f"--snapshot={path}") == expected
    assert expected.stdout


def test_a_directory_in_the_place_of_a_value(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    store.put("policy/profile/P/rules/odd", "x")
    expected = calicoq("check")
    calicoq("snapshot", str(tmp_path / "saved"))
    assert calicoq("check", f"--snapshot={tmp_path / 'saved'}") == expected


def test_standard_input(saved: Path, calicoq: Calicoq) -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    arguments = ["reach", "--to=db-1", "--only=tcp:5432", "--from=WEB", "--snapshot=-"]
    assert run(arguments, calicoq.environ, io.StringIO(saved.read_text()), stdout, stderr) == 0
    assert stdout.getvalue() == "profile WEB (2) -> host2/k8s/db-1/eth0: tcp 5432\n"


def test_documents_are_applied_in_memory(saved: Path, calicoq: Calicoq, tmp_path: Path) -> None:
    (tmp_path / "opened.yaml").write_text(OPENED)
    options = (f"--snapshot={saved}", f"--with={tmp_path / 'opened.yaml'}")
    assert calicoq("reach", "backup", "--only=tcp:873", *options) == (
        0,
        "profile BACKUP (1) -> all other addresses: tcp 873\n"
        "profile WEB (2), all other addresses -> profile BACKUP (1): tcp 873\n",
        "",
    )
    assert calicoq("reach", "backup", "--only=tcp:873", f"--snapshot={saved}").stdout == "Nothing passes.\n"


def test_nothing_is_written(store: Store, calicoq: Calicoq, etcd: EtcdServer, tmp_path: Path) -> None:
    fill(store)
    before = etcd.keys("/calico")
    (tmp_path / "opened.yaml").write_text(OPENED)
    assert "tcp 873" in calicoq("reach", f"--with={tmp_path / 'opened.yaml'}").stdout
    assert etcd.keys("/calico") == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "{} is no saved datastore: it is not JSON.\n"),
        ("[]", '{} is no saved datastore: its format is not "calico-datastore/1".\n'),
        ('{"format": "calico-datastore/1", "keys": {"/etc/x": {"value": "", "index": 1}}}',
         "{} is no saved datastore: keys is not an object of keys of Calico, each with an index and a value.\n"),
        ('{"format": "calico-datastore/1", "keys": {}, "empty_directories": 1}',
         "{} is no saved datastore: empty_directories is not a list of keys of Calico.\n"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_snapshot(store: Store, calicoq: Calicoq, tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "saved"
    path.write_text(content)
    assert calicoq("reach", f"--snapshot={path}") == (2, "", message.replace("{}", str(path)))


def test_files_that_cannot_be_used(saved: Path, calicoq: Calicoq, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    reading = f"Failed to execute command: open {missing}: no such file or directory\n"
    assert calicoq("reach", f"--snapshot={missing}") == (2, "", reading)
    assert calicoq("check", f"--snapshot={saved}", f"--with={missing}") == (2, "", reading)
    writing = f"Cannot write {missing}/x: No such file or directory.\n"
    assert calicoq("snapshot", f"{missing}/x") == (1, "", writing)
    (tmp_path / "bad.yaml").write_text(OPENED.replace("TCP", "TPC"))
    result = calicoq("reach", f"--snapshot={saved}", f"--with={tmp_path / 'bad.yaml'}")
    assert (result.status, result.stdout) == (2, "")
    assert "TPC" in result.stderr and "Nothing was written" not in result.stderr
