"""`calicoctl find`: every place of an address, name, label or tag, against a real etcd."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy

V1 = "/calico/v1"
DB = "h1/docker/c-db/e-db"
DOOR = "h2/eth0"


@pytest.fixture
def cluster(etcd: EtcdServer, calicoctl: Calicoctl) -> Calicoctl:
    values = {
        "host/h1/workload/docker/c-db/endpoint/e-db": {
            "name": "cali-db", "mac": "EE:EE:EE:00:00:01", "profile_ids": ["DB"], "labels": {"role": "database"},
            "ipv4_nets": ["10.1.0.2/32"], "ipv6_nets": ["fd80::2/128"], "state": "active",
            "ipv4_nat": [{"int_ip": "10.1.0.2", "ext_ip": "172.16.1.9"}, "odd"],
        },
        "host/h2/endpoint/eth0": {"expected_ipv4_addrs": ["192.0.2.1"], "profile_ids": [], "labels": {}},
        "policy/profile/DB/tags": ["DATA"],
        "policy/profile/DB/labels": {"tier": "back"},
        "policy/profile/DB/rules": {
            "inbound_rules": [
                {"action": "allow", "src_tag": "WEB"},
                {"action": "allow", "src_net": "10.1.0.0/16", "!dst_net": "10.2.0.0/16"},
            ],
            "outbound_rules": [{"action": "deny", "dst_selector": "role == 'web'"}],
        },
        "policy/tier/default/policy/guard": {"selector": "role == 'database'", "inbound_rules": [], "order": 1},
        "ipam/v4/pool/10.1.0.0-16": {"cidr": "10.1.0.0/16"},
        "ipam/v6/pool/fd80::-64": {"cidr": "fd80::/64"},
    }  # fmt: skip
    for key, value in values.items():
        etcd.put(f"{V1}/{key}", json.dumps(value))
    return calicoctl


def found(calicoctl: Calicoctl, text: str) -> list[list[str]]:
    result = calicoctl("-o", "csv", "find", text)
    assert (result.status, result.stderr) == (0, "")
    return list(csv.reader(io.StringIO(result.stdout)))[1:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1.0.2", [["endpoint", DB, "address", "10.1.0.2/32"],
                      ["profile", "DB", "inbound rule 2 source net", "10.1.0.0/16"],
                      ["pool", "10.1.0.0/16", "network", "10.1.0.0/16"]]),
        ("10.2.3.0/24", [["profile", "DB", "inbound rule 2 !destination net", "10.2.0.0/16"]]),
        ("fd80:0::2", [["endpoint", DB, "address", "fd80::2/128"], ["pool", "fd80::/64", "network", "fd80::/64"]]),
        ("192.0.2.1", [["endpoint", DOOR, "address", "192.0.2.1"]]),
        ("172.16.1.9", [["endpoint", DB, "external address", "172.16.1.9"]]),
        (DB, [["endpoint", DB, "name", DB]]),
        ("default", [["policy", "default/guard", "tier", "default"]]),
        ("E-DB", [["endpoint", DB, "endpoint", "e-db"]]),
        ("h2", [["endpoint", DOOR, "host", "h2"]]),
        ("cali-db", [["endpoint", DB, "interface", "cali-db"]]),
        ("ee:ee:ee:00:00:01", [["endpoint", DB, "mac", "EE:EE:EE:00:00:01"]]),
        ("role=database", [["endpoint", DB, "label", "role=database"]]),
        ("tier", [["profile", "DB", "label", "tier=back"]]),
        ("data", [["profile", "DB", "tag", "DATA"], ["policy", "default/guard", "selector", "role == 'database'"]]),
        ("WEB", [["profile", "DB", "inbound rule 1 source tag", "WEB"],
                 ["profile", "DB", "outbound rule 1 destination selector", "role == 'web'"]]),
        ("guard", [["policy", "default/guard", "name", "guard"]]),
    ],
)  # fmt: skip
def test_places(cluster: Calicoctl, text: str, expected: list[list[str]]) -> None:
    assert found(cluster, text) == expected


def test_the_table(cluster: Calicoctl) -> None:
    assert cluster("find", "tier=back") == Result(
        0,
        "+---------+------+----------+-----------+\n"
        "|   Kind  | Name | Found in |   Value   |\n"
        "+---------+------+----------+-----------+\n"
        "| profile |  DB  |  label   | tier=back |\n"
        "+---------+------+----------+-----------+\n",
        "",
    )
    assert cluster("-o", "name", "find", "10.1.0.2").stdout == f"{DB}\nDB\n10.1.0.0/16\n"


@pytest.mark.parametrize("text", ["10", "10.1", "none\x1b", "10.1.0.0/99", "10.9.9.9.9"])
def test_nothing_is_found(cluster: Calicoctl, text: str) -> None:
    shown = text.replace("\x1b", "\\x1b")
    assert cluster("find", text) == Result(1, "", f"No endpoint, profile, policy or pool has '{shown}'.\n")
    assert cluster("-o", "json", "find", text).stdout == "[]\n"


def test_an_empty_text_is_refused(calicoctl: Calicoctl) -> None:
    assert calicoctl("find", "") == Result(1, "", "The text to find is empty.\n")


def test_what_cannot_be_read_is_named_and_the_rest_is_searched(cluster: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V1}/host/h1/workload/docker/broken/endpoint/e-db2", "{")
    etcd.put(f"{V1}/policy/profile/DB/tags", "{")
    result = cluster("-o", "csv", "find", "e-db")
    assert result == Result(
        1,
        "kind,name,field,value\n"
        "endpoint,h1/docker/broken/e-db2,endpoint,e-db2\n"
        f"endpoint,{DB},endpoint,e-db\n",
        f"Cannot read {V1}/host/h1/workload/docker/broken/endpoint/e-db2: it is not JSON.\n"
        f"Cannot read {V1}/policy/profile/DB/tags: it is not JSON (Expecting property name enclosed in double quotes "
        "at line 1, column 2).\n",
    )


def test_one_request(cluster: Calicoctl, etcd: EtcdServer) -> None:
    with Proxy(etcd) as proxy:
        cluster.environ = {**cluster.environ, "ETCD_AUTHORITY": proxy.authority}
        found(cluster, "10.1.0.2")
        assert len(proxy.requests) == 1
