"""calicoq diff: what opens and what closes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.calicoq.conftest import Calicoq, Store
from tests.etcd_server import EtcdServer
from tests.flows.shop import fill
from tests.flows.test_snapshot import OPENED


@pytest.fixture
def opened(store: Store, tmp_path: Path) -> str:
    """The shop, and a document that opens what the backup may do."""
    fill(store)
    path = tmp_path / "opened.yaml"
    path.write_text(OPENED)
    return f"--with={path}"


def test_documents(opened: str, calicoq: Calicoq, etcd: EtcdServer) -> None:
    before = etcd.keys("/calico")
    result = calicoq("diff", opened)
    assert (result.status, result.stderr) == (1, "")
    changes = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert changes == [
        "+ profile BACKUP (1) -> all other addresses: all",
        "+ profile BACKUP (1) -> profile WEB (2): tcp 80,443",
        "+ profile WEB (2), all other addresses -> profile BACKUP (1): tcp 873",
    ]
    assert etcd.keys("/calico") == before


def test_no_change(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    fill(store)
    calicoq("snapshot", str(tmp_path / "saved"))
    store.profile("UNUSED", tags=["X"], inbound=[{}])
    assert calicoq("diff", f"--before={tmp_path / 'saved'}") == (0, "No flow changes.\n", "")
    assert json.loads(calicoq("diff", f"--before={tmp_path / 'saved'}", "-o", "json").stdout) == {"changes": []}


def test_endpoints_that_are_new_or_gone_stand_apart(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    fill(store)
    calicoq("snapshot", str(tmp_path / "saved"))
    store.workload("host1/k8s/web-3/eth0", profile_ids=["WEB"], ipv4_nets=["10.65.0.3/32"])
    store.etcd.delete("/calico/v1/host/host2/workload/k8s/backup/endpoint/eth0")
    store.profile("DB", tags=["DB"], inbound=[{"protocol": "tcp", "src_tag": "WEB"}], outbound=[{}])
    shown = calicoq("diff", f"--before={tmp_path / 'saved'}", "--only=tcp:5432").stdout
    assert [line for line in shown.splitlines() if not line.startswith(" ")] == [
        "+ profile DB (2) -> 10.0.0.0/8: tcp 5432",
        "- profile DB (2) -> profile DB (2): tcp 5432",
        "",
        "Endpoints that are gone:",
        "- profile BACKUP (1) -> profile DB (2): tcp 5432",
        "",
        "New endpoints:",
        "+ host1/k8s/web-3/eth0 -> profile DB (2), all other addresses: tcp 5432",
    ]


def test_becoming_uncertain(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    store.workload("h/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"])
    store.profile("P", inbound=[{}])
    calicoq("snapshot", str(tmp_path / "saved"))
    store.profile("P", inbound=[{"protocol": "udp", "!protocol": "tcp"}])
    shown = calicoq("diff", f"--before={tmp_path / 'saved'}").stdout.splitlines()
    assert shown[0] == "? all other addresses -> profile P (1): all"
    assert shown[3].startswith("    after: not certain; inbound, Profile \"P\": Felix programs nothing of it")


def test_other_forms(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    fill(store)
    calicoq("snapshot", str(tmp_path / "saved"))
    store.profile("WEB", tags=["WEB", "DB-CLIENT"], inbound=[{"protocol": "tcp", "dst_ports": [80]}], outbound=[{}])
    options = (f"--before={tmp_path / 'saved'}", "--from=192.0.2.1")
    assert calicoq("diff", *options, "-o", "csv").stdout == (
        "change,ip,from,to,packets,endpoints\n'-,IPv4,192.0.2.1/32,profile WEB (2),tcp 443,\n"
    )
    assert 'n0 -> n1 [label="- tcp 443", color=red, fontcolor=red]' in calicoq("diff", *options, "-o", "dot").stdout
    (change,) = json.loads(calicoq("diff", *options, "-o", "json").stdout)["changes"]
    assert (change["change"], change["packets"], len(change["example"])) == (
        "closes", [{"protocol": "tcp", "ports": ["443"]}], 3
    )  # fmt: skip


def test_nothing_to_compare_with(store: Store, calicoq: Calicoq) -> None:
    nothing = "There is no change to look at: give --with=FILE, or --before=FILE.\n"
    assert calicoq("diff", "web") == (2, "", nothing)
    together = "--after goes with --before, and not with --snapshot.\n"
    assert calicoq("diff", "--after=x", "--with=y") == (2, "", together)


def test_an_end_is_who_is_meant_before_or_after(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    fill(store)
    calicoq("snapshot", f"{tmp_path}/old.json")
    store.workload("host2/k8s/db-2/eth0", profile_ids=["WEB"], ipv4_nets=["10.65.1.2/32"])
    by_profile = calicoq("diff", f"--before={tmp_path}/old.json", "--to=profile:DB")
    assert by_profile == calicoq("diff", f"--before={tmp_path}/old.json", "--to=k8s/db-")
    assert by_profile.status == 1 and "-> host2/k8s/db-2/eth0: tcp 5432" in by_profile.stdout
