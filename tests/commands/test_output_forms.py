"""`calicoctl -o FORMAT` and `--columns` before a listing: the same rows in every form, against a real etcd."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from calicoctl.listings import FORMATS, LISTINGS
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer

V1 = "/calico/v1"
COMMAND_LINES = {
    "profile show": "profile show",
    "profile show --detailed": "profile show --detailed",
    "profile tag show": "profile WEB tag show",
    "profile rule show": "profile WEB rule show",
    "endpoint show": "endpoint show",
    "endpoint show --detailed": "endpoint show --detailed",
    "container endpoint show": "container C endpoint show",
    "endpoint profile show": "endpoint E1 profile show",
    "pool show": "pool show",
    "ipam info": "ipam info 10.0.0.1",
    "find": "find 10.0.0.2",
    "status": "status",
    "context list": "context list",
    "context show": "context show",
    "bgp peer show": "bgp peer show",
    "node show": "node show",
    "node bgp peer show": "node bgp peer show",
}
RULE = {"action": "deny", "protocol": "tcp", "dst_ports": [80, "90:99"]}
ROWS: dict[str, list[dict[str, Any]]] = {
    "profile show": [{"name": "DB"}, {"name": "WEB"}],
    "profile show --detailed": [
        {"name": "DB", "hostname": "h1", "orchestrator_id": "docker", "workload_id": "C", "endpoint_id": "E1",
         "state": "active"},
        {"name": "WEB", "hostname": "h1", "orchestrator_id": "docker", "workload_id": "C", "endpoint_id": "E1",
         "state": "active"},
    ],
    "profile tag show": [{"tag": "T,1"}, {"tag": "S"}],
    "profile rule show": [
        {"direction": "inbound", "position": 1, "text": "deny tcp to ports 80,90:99", "rule": RULE},
        {"direction": "outbound", "position": 1, "text": "allow", "rule": {"action": "allow"}},
    ],
    "endpoint show": [{"hostname": "h1", "orchestrator_id": "docker", "workloads": 1, "endpoints": 1}],
    "endpoint profile show": [{"name": "WEB"}, {"name": "DB"}],
    "pool show": [
        {"cidr": "10.0.0.0/16", "ip_version": 4, "ipip": True, "masquerade": False, "ipam": True, "disabled": False},
        {"cidr": "fd80::/64", "ip_version": 6, "ipip": False, "masquerade": True, "ipam": True, "disabled": False},
    ],
    "ipam info": [{"address": "10.0.0.1", "assigned": False, "attributes": None}],
    "find": [
        {"kind": "endpoint", "name": "h1/docker/C/E1", "field": "address", "value": "10.0.0.2/32"},
        {"kind": "pool", "name": "10.0.0.0/16", "field": "network", "value": "10.0.0.0/16"},
    ],
    "context list": [],
    "bgp peer show": [{"ip": "192.0.2.254", "ip_version": 4, "as_num": "64512"}],
    "node show": [
        {"hostname": "h1", "ip_addr_v4": "192.0.2.1", "ip_addr_v6": "", "as_num": "64511", "as_num_inherited": True,
         "peers_v4": [], "peers_v6": [{"ip": "fd80::9", "as_num": "64513"}]},
    ],
    "node bgp peer show": [{"ip": "fd80::9", "ip_version": 6, "as_num": "64513"}],
}  # fmt: skip
ROWS["endpoint show --detailed"] = ROWS["container endpoint show"] = [
    {"hostname": "h1", "orchestrator_id": "docker", "workload_id": "C", "endpoint_id": "E1",
     "addresses": ["10.0.0.2/32", "fd80::2/128"], "mac": None, "profile_ids": ["WEB", "DB"], "state": "active"},
]  # fmt: skip


@pytest.fixture
def cluster(etcd: EtcdServer, calicoctl: Calicoctl) -> Calicoctl:
    etcd.put(f"{V1}/policy/profile/WEB/tags", '["T,1", "S"]')
    etcd.put(f"{V1}/policy/profile/WEB/rules",
             json.dumps({"inbound_rules": [RULE], "outbound_rules": [{"action": "allow"}]}))  # fmt: skip
    etcd.put(f"{V1}/policy/profile/DB/tags", "[]")
    endpoint = {"state": "active", "name": "cali1", "mac": None, "profile_ids": ["WEB", "DB"],
                "ipv4_nets": ["10.0.0.2/32"], "ipv6_nets": ["fd80::2/128"]}  # fmt: skip
    etcd.put(f"{V1}/host/h1/workload/docker/C/endpoint/E1", json.dumps(endpoint))
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1"}
    assert calicoctl("pool", "add", "10.0.0.0/16", "--ipip").status == 0
    assert calicoctl("pool", "add", "fd80::/64", "--nat-outgoing").status == 0
    etcd.put("/calico/bgp/v1/host/h1/ip_addr_v4", "192.0.2.1")
    assert calicoctl("bgp", "peer", "add", "192.0.2.254", "as", "64512").status == 0
    assert calicoctl("node", "bgp", "peer", "add", "fd80::9", "as", "64513").status == 0
    return calicoctl


def shown(calicoctl: Calicoctl, listing: str, *options: str) -> str:
    result = calicoctl(*options, *COMMAND_LINES[listing].split())
    assert result.status == 0 and (result.stderr == "" or listing == "context list"), result
    return result.stdout


def test_every_listing_is_tested() -> None:
    assert list(COMMAND_LINES) == [listing.words for listing in LISTINGS]
    assert ROWS.keys() == COMMAND_LINES.keys() - {"status", "context show"}  # which have tests of their own


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.words)
def test_each_form_has_the_same_rows(cluster: Calicoctl, listing: Any) -> None:
    if listing.words in ("container endpoint show", "status", "context show"):
        pytest.skip("its rows depend on the host")
    words, rows = listing.words, ROWS[listing.words]
    assert json.loads(shown(cluster, words, "-o", "json")) == rows
    assert yaml.safe_load(shown(cluster, words, "--output=yaml")) == rows
    table = list(csv.reader(io.StringIO(shown(cluster, words, "-ocsv"))))
    assert table[0] == list(listing.fields)
    assert len(table) == len(rows) + 1
    names = [str(row[listing.key]) for row in rows]
    names = names if listing.each_row else list(dict.fromkeys(names))
    assert shown(cluster, words, "-o", "name").splitlines() == names
    assert shown(cluster, words, "-o", "table") == shown(cluster, words)
    schema = json.loads(shown(cluster, words, "-o", "schema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(rows)


def test_csv(cluster: Calicoctl) -> None:
    assert shown(cluster, "endpoint show --detailed", "-o", "csv") == (
        "hostname,orchestrator_id,workload_id,endpoint_id,addresses,mac,profile_ids,state\n"
        "h1,docker,C,E1,10.0.0.2/32 fd80::2/128,,WEB DB,active\n"
    )
    assert shown(cluster, "profile tag show", "-o", "csv") == 'tag\n"T,1"\nS\n'


def test_columns(cluster: Calicoctl) -> None:
    assert shown(cluster, "endpoint show --detailed", "--columns", "endpoint_id, STATE") == (
        "+-------------+--------+\n"
        "| ENDPOINT_ID | STATE  |\n"
        "+-------------+--------+\n"
        "|      E1     | active |\n"
        "+-------------+--------+\n"
    )
    assert json.loads(shown(cluster, "pool show", "-o", "json", "--columns=cidr")) == [
        {"cidr": "10.0.0.0/16"}, {"cidr": "fd80::/64"}
    ]  # fmt: skip


def test_listings_of_nothing(calicoctl: Calicoctl) -> None:
    assert calicoctl("-o", "json", "profile", "show") == Result(0, "[]\n", "")
    assert calicoctl("-o", "csv", "profile", "show") == Result(0, "name\n", "")
    assert calicoctl("-o", "name", "profile", "show") == Result(0, "", "")


def test_what_cannot_be_read_is_named_beside_the_rows(cluster: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V1}/host/h1/workload/docker/C/endpoint/E2", "{")
    result = cluster("-o", "name", "endpoint", "show", "--detailed")
    assert (result.status, result.stdout) == (1, "E1\n")
    assert "endpoint/E2" in result.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-o xml profile show", "unrecognized output format 'xml'\nKnown are: " + ", ".join(FORMATS) + "\n"),
        ("--columns=a,name,b profile show", "unknown columns: a, b\nColumns of 'profile show': name\n"),
        ("--columns=, profile show", "--columns lists no columns\nColumns of 'profile show': name\n"),
    ],
)
def test_unknown_forms_and_columns(calicoctl: Calicoctl, line: str, message: str) -> None:
    assert calicoctl(*line.split()) == Result(1, "", message)


def test_a_command_without_a_listing_does_nothing(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    result = calicoctl("-o", "json", "profile", "add", "WEB")
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "--output and --columns before the command are for listings, but this command does not print one.\n"
        "Listings: profile show, profile show --detailed, "
    )
    assert f"{V1}/policy/profile/WEB" not in etcd.keys(V1)
    own = calicoctl("-o", "json", "get", "profile").stderr.splitlines()[1]
    assert own == "'calicoctl get' has an option --output of its own; it stands after the command."
    assert calicoctl("-o", "json", "diff", "-f", "x").status == 2


def test_control_characters_are_shown_as_escapes(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V1}/policy/profile/P/tags", '["a\\u001b[31m"]')
    for output in ("json", "yaml", "csv", "name"):
        result = calicoctl("-o", output, "profile", "P", "tag", "show")
        assert result.status == 0 and "\x1b" not in result.stdout and "[31m" in result.stdout


def test_the_page_names_the_fields_of_each_listing() -> None:
    page = (Path(__file__).parents[2] / "docs" / "output.md").read_text(encoding="utf-8")
    rows = [f"| `{listing.words}` | {', '.join(f'`{field}`' for field in listing.fields)} |" for listing in LISTINGS]
    assert page.endswith("| listing | fields |\n|---|---|\n" + "\n".join(rows) + "\n")


def test_context_show_for_programs(calicoctl: Calicoctl) -> None:
    rows = json.loads(calicoctl("-o", "json", "context", "show").stdout)
    value = calicoctl.environ["ETCD_AUTHORITY"]
    assert {"setting": "ETCD_AUTHORITY", "value": value, "place": "the environment"} in rows


def test_names_of_rules_are_not_merged(calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "P")
    calicoctl("profile", "P", "rule", "add", "inbound", "allow")
    shown = calicoctl("-o", "name", "profile", "P", "rule", "show").stdout
    assert shown == "allow from tag P\nallow\nallow\n"


@pytest.mark.parametrize("line", ["profile add P -o json", "get profile --columns name"])
def test_options_of_listings_after_other_commands(calicoctl: Calicoctl, line: str) -> None:
    option = "--output" if "-o" in line else "--columns"
    result = calicoctl(*line.split())
    assert result.stderr.splitlines()[0] == f"{option} is for listings, and this command prints none"
