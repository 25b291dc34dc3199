"""calicoq reach: what it prints, in every form."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess

import pytest

from tests.calicoq.conftest import Calicoq, Store
from tests.flows.shop import fill

ALL = """\
192.0.2.0/24 -> profile DB (2): tcp 22
profile DB (2) -> profile DB (2): all
profile DB (2), profile WEB (2) -> all other addresses but 10.0.0.0/8: all
profile WEB (2) -> 10.0.0.0/8: all
profile WEB (2), all other addresses -> profile WEB (2): tcp 80,443
tag DB-CLIENT (3) -> profile DB (2): tcp 5432
"""


def test_all_flows(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    assert calicoq("reach") == (0, ALL, "")


def test_of_one_endpoint(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    assert calicoq("reach", "db-1") == (
        0,
        "192.0.2.0/24 -> host2/k8s/db-1/eth0: tcp 22\n"
        "host2/k8s/db-1/eth0 -> host2/k8s/db-2/eth0, all other addresses but 10.0.0.0/8: all\n"
        "host2/k8s/db-2/eth0 -> host2/k8s/db-1/eth0: all\n"
        "tag DB-CLIENT (3) -> host2/k8s/db-1/eth0: tcp 5432\n",
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--to=profile:DB", "--only=tcp:22"],
         "profile DB (2), 192.0.2.0/24 -> profile DB (2): tcp 22\n"),
        (["--from=tag:DB-CLIENT", "--to=db"],
         "tag DB-CLIENT (3) -> profile DB (2): tcp 5432\n"),
        (["--from=192.0.2.7", "--to=db-1"], "192.0.2.7/32 -> host2/k8s/db-1/eth0: tcp 22\n"),
        (["--from=192.0.0.0/16", "--to=db-1"], "192.0.2.0/24 -> host2/k8s/db-1/eth0: tcp 22\n"),
        (["--from=10.65.1.1", "--to=WEB"], "Nothing passes.\n"),
        (["--from=selector:has(x)"], None),
        (["--only=icmp"], "profile DB (2) -> profile DB (2): icmp\n"
                          "profile DB (2), profile WEB (2) -> all other addresses but 10.0.0.0/8: icmp\n"
                          "profile WEB (2) -> 10.0.0.0/8: icmp\n"),
    ],
)  # fmt: skip
def test_a_part_of_the_flows(store: Store, calicoq: Calicoq, arguments: list[str], shown: str | None) -> None:
    fill(store)
    if shown is None:
        assert calicoq("reach", *arguments) == (2, "", 'No endpoint that Felix accepts has the selector "has(x)".\n')
    else:
        assert calicoq("reach", *arguments) == (0, shown, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], '"nobody" is no IP address or network, no profile of an endpoint, and in the full name of no '
                     "endpoint that Felix accepts.\n"),
        (["--only=tpc"], '--only: "tpc" is not a protocol: tcp, udp, icmp, icmpv6, sctp, udplite or a number from 1 to '
                         "255.\n"),
        (["--only=tcp:90:80"], '--only: "90:80" is neither a port from 0 to 65535 nor a range of them as 80:90.\n'),
        (["--only=47:1"], "--only: 47 has no ports.\n"),
        (["--from=selector:a = b"], "selector: expected == at column 3.\n"),
        (["-o", "csvv"], 'Output Format: "csvv" is not valid. Output Format must be one of json, yaml, csv, md, dot, '
                         "html, or ps.\n"),
    ],
)  # fmt: skip
def test_arguments_that_mean_nothing(store: Store, calicoq: Calicoq, arguments: list[str], message: str) -> None:
    fill(store)
    assert calicoq("reach", *arguments) == (2, "", message)


def test_an_empty_datastore(store: Store, calicoq: Calicoq) -> None:
    assert calicoq("reach") == (0, "Nothing passes.\n", "")


def test_endpoints_that_nobody_has_made_yet(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"])
    store.profile("P", tags=[], inbound=[{"src_tag": "LATER", "protocol": "udp"}], outbound=[])
    assert calicoq("reach", "--exposure") == (0, "a new endpoint with tag LATER -> profile P (1): udp\n", "")
    assert calicoq("reach").stdout == "Nothing passes.\n"


def test_both_ip_versions(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"], ipv6_nets=["fd80::1/128"])
    rules = [{"protocol": "udp"}, {"protocol": "icmp", "ip_version": 4}, {"protocol": "icmpv6", "ip_version": 6}]
    store.profile("P", inbound=rules, outbound=[])
    assert calicoq("reach", "--to=h/") == (
        0,
        "IPv4:\nall other addresses -> profile P (1): udp; icmp\n\n"
        "IPv6:\nall other addresses -> profile P (1): udp; icmpv6\n",
        "",
    )


def test_two_codes_of_one_icmp_type(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"])
    rules = [
        {"action": action, "protocol": "icmp", "icmp_type": 8, "icmp_code": code}
        for action, code in (("deny", 0), ("allow", 1), ("allow", 3))
    ]
    store.profile("P", inbound=rules, outbound=[])
    assert calicoq("reach", "--to=h/").stdout == "all other addresses -> profile P (1): icmp 8/1,8/3\n"


def test_not_certain(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"])
    store.profile("P", inbound=[{"protocol": "tcp"}, {"protocol": "udp", "!protocol": "tcp"}], outbound=[])
    result = calicoq("reach", "--to=w")
    assert result.stdout == (
        'Not certain: Felix programs nothing of Profile "P" for IPv4, as iptables refuses protocol and !protocol in '
        "one rule (inbound rule 2): if it had other rules before, these are still in force; if not, it drops.\n\n"
        "all other addresses -> profile P (1): all (not certain)\n"
    )
    document = json.loads(calicoq("reach", "--to=w", "-o", "json").stdout)
    assert [flow["certainty"] for flow in document["flows"]] == ["not certain"]
    assert len(document["uncertain_because"]) == 1


def test_what_is_left_out_is_said(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    store.workload("host1/k8s/odd/eth0", state="on")
    store.workload("host1/k8s/bare/eth0", profile_ids=["WEB"])
    store.put("host/host1/bird_ip", "192.0.2.1")
    assert calicoq("reach", "--to=db-1", "--only=tcp:22").stderr == (
        "Note: Left out: 1 endpoint that Felix refuses: nothing passes there, see 'calicoq check'.\n"
        "Note: Left out: 1 endpoint without a known address.\n"
        "Note: An address of a host that no endpoint has counts as any other address, also between the host and its "
        "own workloads, where other rules decide; ask 'calicoq verdict'.\n"
    )


def test_workloads_and_their_own_host(store: Store, calicoq: Calicoq) -> None:
    """The host may send its own workloads anything, and DefaultEndpointToHostAction decides on what they send to it."""
    store.host_endpoint("h1/eth0", profile_ids=["OPEN"])
    store.put("host/h1/bird_ip", "192.0.2.1")
    for number in (1, 2):
        store.workload(f"h{number}/k8s/w{number}/e", profile_ids=["OUT"], ipv4_nets=[f"10.65.0.{number}/32"])
    store.profile("OUT", outbound=[{"protocol": "tcp"}])
    store.profile("OPEN", inbound=[{}], outbound=[{}])
    assert calicoq("reach", "--from=h1/eth0", "--to=profile:OUT", "--pairs") == (0, "h1/eth0 -> h1/k8s/w1/e: all\n", "")
    assert calicoq("reach", "--from=h1/k8s/w1/e", "--to=h1/eth0", "--only=tcp:80").stdout == "Nothing passes.\n"
    assert calicoq("reach", "--from=w2", "--to=h1/eth0").stdout == "h2/k8s/w2/e -> h1/eth0: tcp\n"
    store.put("host/h1/config/DefaultEndpointToHostAction", "ACCEPT")
    assert calicoq("reach", "--from=h1/k8s/w1/e", "--to=h1/eth0", "--only=tcp:80").stdout == (
        "h1/k8s/w1/e -> h1/eth0: tcp 80\n"
    )
    shown = calicoq("explain", "h1/k8s/w1/e", "h1/eth0", "udp", "53").stdout
    assert "  udp 53: not certain\n" in shown


def test_json(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    document = json.loads(calicoq("reach", "--from=WEB", "--to=DB", "-o", "json").stdout)
    groups = {group["id"]: group for group in document["groups"]}
    (flow,) = document["flows"]
    assert flow == {
        "ip_version": 4, "from": "profile WEB (2)", "to": "profile DB (2)", "from_groups": flow["from_groups"],
        "to_groups": flow["to_groups"], "packets": [{"protocol": "tcp", "ports": ["5432"]}], "certainty": "certain",
    }  # fmt: skip
    assert [groups[number]["endpoints"] for number in flow["to_groups"]] == [
        [{"name": f"host2/k8s/db-{number}/eth0", "address": f"10.65.1.{number}"} for number in (1, 2)]
    ]


def test_a_row_for_each_pair(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    result = calicoq("reach", "--pairs", "--to=profile:DB", "--from=profile:DB", "-o", "csv")
    assert list(csv.reader(io.StringIO(result.stdout))) == [
        ["ip", "from", "to", "packets", "certainty"],
        ["IPv4", "host2/k8s/db-1/eth0", "host2/k8s/db-2/eth0", "all", "certain"],
        ["IPv4", "host2/k8s/db-2/eth0", "host2/k8s/db-1/eth0", "all", "certain"],
    ]


def test_markdown_and_csv_quote(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    assert calicoq("reach", "--to=WEB", "--only=tcp:80,tcp:443", "-o", "md").stdout == (
        "| ip | from | to | packets | certainty |\n| --- | --- | --- | --- | --- |\n"
        "| IPv4 | profile WEB (2), all other addresses | profile WEB (2) | tcp 80,443 | certain |\n"
    )
    assert calicoq("reach", "--to=WEB", "--only=tcp:80", "-o", "csv").stdout == (
        'ip,from,to,packets,certainty\nIPv4,"profile WEB (2), all other addresses",profile WEB (2),tcp 80,certain\n'
    )


def test_a_graph_that_graphviz_takes(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    graph = calicoq("reach", "--to=db-1", "--only=tcp:5432", "-o", "dot").stdout
    assert graph == (
        "digraph flows {\n  rankdir=LR\n  node [shape=box]\n"
        '  n0 [label="profile BACKUP (1), host2/k8s/db-2/eth0, profile WEB (2)"]\n'
        '  n1 [label="host2/k8s/db-1/eth0"]\n  n0 -> n1 [label="tcp 5432"]\n}\n'
    )
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    subprocess.run(["dot", "-Tsvg"], input=graph.encode(), check=True, capture_output=True)


def test_too_many_groups_to_compare(store: Store, calicoq: Calicoq, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    monkeypatch.setattr("calicoctl.flows.analysis.MOST_GROUPS", 5)
    assert calicoq("reach") == (
        2,
        "",
        "Too much to compare: the rules tell 6 groups of IPv4 addresses that send and 6 that receive apart.\n"
        "Look at a part of them with --from and --to. Fewer networks in rules that cut endpoints apart leave fewer.\n",
    )


@pytest.mark.parametrize("arguments", [["--to=db-1"], ["--from=WEB"], ["--from=10.0.0.0/8", "--to=profile:DB"]])
def test_a_part_of_too_many_groups(
    store: Store, calicoq: Calicoq, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    fill(store)
    expected = calicoq("reach", *arguments)
    monkeypatch.setattr("calicoctl.flows.analysis.MOST_GROUPS", 5)
    assert expected.status == 0 and calicoq("reach", *arguments) == expected
