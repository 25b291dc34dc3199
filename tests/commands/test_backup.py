"""calicoctl backup and restore."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.command_lines import ASSIGNED, ENDPOINTS, PEERS, POLICY, USED
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, drop_request, first

READY = "/calico/v1/Ready"
RULES = "/calico/v1/policy/profile/P/rules"
CLUSTER = {**USED, **ASSIGNED, **PEERS, **POLICY, "/calico/v1/config/x": "ä\n"}
INCOMPLETE = (
    "The restoration is not complete: repeat the command. Until then /calico/v1/Ready may be false, and Felix applies "
    "no changes.\n"
)


def fill(etcd: EtcdServer, state: dict[str, str]) -> None:
    for key, value in state.items():
        etcd.put(key, value)


def values(etcd: EtcdServer) -> dict[str, Any]:
    return {key: value for key, value in etcd.keys("/calico").items() if not key.endswith("/")}


@pytest.fixture
def file(calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path) -> str:
    """A backup of a cluster, which is still in etcd."""
    fill(etcd, CLUSTER)
    path = f"{tmp_path}/calico.json"
    assert calicoctl("backup", path) == Result(0, f"Saved {len(CLUSTER)} keys to {path}\n", "")
    return path


def test_only_the_owner_can_read_a_backup(calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        calicoctl("backup", f"{tmp_path}/b")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(os.stat(f"{tmp_path}/b").st_mode) == 0o600
    assert os.listdir(tmp_path) == ["b"]


def test_the_name_of_the_file_is_safe_for_a_terminal(calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path) -> None:
    result = calicoctl("backup", f"{tmp_path}/\x1b[2J\u202e")
    assert result == Result(0, f"Saved 0 keys to {tmp_path}/\\x1b[2J\\u202e\n", "")


def test_a_backup_is_what_calicoq_reads(file: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    saved = json.loads(Path(file).read_text())
    assert {key: entry["value"] for key, entry in saved["keys"].items()} == CLUSTER
    assert saved["format"] == "calico-datastore/1"


def test_a_backup_that_cannot_be_written(calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path) -> None:
    path = f"{tmp_path}/none/b"
    assert calicoctl("backup", path) == Result(1, "", f"Cannot write {path}: No such file or directory.\n")


def test_an_empty_etcd_gets_everything_back(file: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.clear()
    result = calicoctl("restore", file)
    assert (result.status, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert sorted(lines[:-1]) == sorted(f"+ {key}" for key in CLUSTER)
    assert lines[-2:] == [f"+ {READY}", f"{len(CLUSTER)} keys written"]
    assert values(etcd) == CLUSTER


def test_nothing_to_restore(file: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    index = etcd.index()
    assert calicoctl("restore", "--delete", file) == Result(0, "0 keys written\n", "")
    assert etcd.index() == index


def test_differences_are_written_and_felix_waits_for_all_of_them(
    file: str, calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    etcd.put(RULES, "{}")
    etcd.delete("/calico/v1/config/x")
    etcd.put("/calico/v1/config/y", "1")
    index = etcd.index()
    shown = f"+ /calico/v1/config/x\n~ {RULES}\n"
    kept = "2 keys {}; 1 key not in the file kept (see --delete)\n"
    assert calicoctl("restore", "--dry-run", file) == Result(0, shown + kept.format("would be written"), "")
    assert etcd.index() == index
    proxy.reset()
    assert calicoctl("restore", file) == Result(0, shown + kept.format("written"), "")
    assert values(etcd) == {**CLUSTER, "/calico/v1/config/y": "1"}
    assert proxy.requests == [
        "GET /v2/keys/calico", f"PUT /v2/keys{READY}", "PUT /v2/keys/calico/v1/config/x", f"PUT /v2/keys{RULES}",
        f"PUT /v2/keys{READY}",
    ]  # fmt: skip


def test_delete_removes_what_is_not_in_the_file(file: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    endpoint = next(iter(ENDPOINTS)).replace("e1", "e2")
    fill(etcd, {"/calico/v1/config/y": "1", endpoint: "{}"})
    assert calicoctl("restore", "--delete", file) == Result(
        0,
        f"- {endpoint}\n- /calico/v1/config/y\n2 keys written\n",
        "Warning: endpoints that are deleted: 1. Felix drops the traffic of workloads that still run.\n",
    )
    assert values(etcd) == CLUSTER


def test_what_felix_reports_is_left_alone(file: str, calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path) -> None:
    etcd.put("/calico/felix/v1/host/h1/status", "old")
    calicoctl("backup", file)
    etcd.put("/calico/felix/v1/host/h1/status", "new")
    assert calicoctl("restore", "--delete", file) == Result(0, "0 keys written\n", "")
    assert etcd.get("/calico/felix/v1/host/h1/status") == "new"


def test_blocks_of_addresses_that_have_changed_are_named(file: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/ipam/v2/assignment/ipv4/block/10.65.0.0-26", "{}")
    result = calicoctl("restore", "--dry-run", file)
    assert result.stderr == (
        "Warning: blocks of addresses that differ from the file: 1. Addresses that were assigned after it was saved "
        "may be assigned once more.\n"
    )


@pytest.mark.parametrize("number", range(1, 6))
def test_an_interrupted_restoration_is_completed_by_the_next(
    number: int, file: str, calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    etcd.put(RULES, "{}")
    etcd.delete("/calico/v1/config/x")
    proxy.since(number, drop_request)
    result = calicoctl("restore", file)
    assert result.status == 1
    assert result.stderr.endswith(INCOMPLETE) == (number > 1)  # the second request sets Ready to false
    proxy.reset()
    assert calicoctl("restore", file).status == 0
    assert values(etcd) == CLUSTER


def test_what_others_change_meanwhile_is_left_to_them(
    file: str, calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    etcd.put(RULES, "{}")
    etcd.delete("/calico/v1/config/x")
    proxy.at(4, first(lambda: etcd.put(RULES, "[]")))
    result = calicoctl("restore", file)
    assert (result.status, result.stdout.splitlines()[-1]) == (1, "1 key written")
    assert result.stderr == (
        f"Others have changed these keys at the same time, so they were left alone:\n{RULES}\n"
    )
    assert values(etcd) == {**CLUSTER, RULES: "[]"}
    assert calicoctl("restore", file).status == 0
    assert values(etcd) == CLUSTER


def test_keys_that_cannot_be_written(file: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.delete(RULES)
    etcd.put(f"{RULES}/x", "1")
    etcd.delete("/calico/v1/config")
    etcd.put("/calico/v1/config", "1")
    index = etcd.index()
    assert calicoctl("restore", file) == Result(
        1, "",
        "Cannot restore:\n/calico/v1/config/x: /calico/v1/config is a value in etcd\n"
        f"{RULES}: it is a directory in etcd\nNothing was written.\n",
    )  # fmt: skip
    assert etcd.index() == index


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "it is not JSON"),
        ("{}", 'its format is not "calico-datastore/1"'),
        ('{"format": "calico-datastore/1 anonymous", "keys": {}}',
         "its names and addresses were replaced (calicoq snapshot --anonymize)"),
        ('{"format": "calico-datastore/1", "keys": {"/other/x": {"index": 1, "value": ""}}}',
         "keys is not an object of keys of Calico, each with an index and a value"),
        ('{"format": "calico-datastore/1", "keys": {"/calico/x": {"index": 1, "value": "\\ud800"}}}',
         "keys is not an object of keys of Calico, each with an index and a value"),
        ('{"format": "calico-datastore/1", "keys": {"/calico/\\ud800": {"index": 1, "value": ""}}}',
         "keys is not an object of keys of Calico, each with an index and a value"),
        ('{"format": "calico-datastore/1", "keys": {"/calico/x": {"index": 1, "value": ""}, '
         '"/calico/x/y/z": {"index": 1, "value": ""}}}',
         "/calico/x has a value, and /calico/x/y/z is below it"),
        ('{"format": "calico-datastore/1", "keys": {"/calico/../x": {"index": 1, "value": ""}}}',
         "keys is not an object of keys of Calico, each with an index and a value"),
    ],
)  # fmt: skip
def test_files_that_are_no_backup(
    text: str, reason: str, calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path
) -> None:
    (tmp_path / "b").write_text(text)
    message = f"{tmp_path}/b is no saved datastore: {reason}.\n"
    assert calicoctl("restore", f"{tmp_path}/b") == Result(1, "", message)
    assert calicoctl("restore", "-", stdin=text) == Result(1, "", message.replace(f"{tmp_path}/b", "-"))


STATES = st.dictionaries(
    st.sampled_from([READY, *CLUSTER, "/calico/v1/host/a%2fb/bird_ip", "/calico/v1/policy/profile/ä b/tags"]),
    st.sampled_from(["true", "false", "", "[]", "ä\0\n"]),
)


@pytest.mark.once
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STATES, STATES)
def test_restoring_with_delete_gives_exactly_what_was_saved(
    calicoctl: Calicoctl, etcd: EtcdServer, tmp_path: Path, before: dict[str, str], after: dict[str, str]
) -> None:
    for state in (before, after):
        etcd.clear()
        fill(etcd, state)
        if state is before:
            assert calicoctl("backup", f"{tmp_path}/b").status == 0
    assert calicoctl("restore", "--delete", f"{tmp_path}/b").status == 0
    assert values(etcd) == before
