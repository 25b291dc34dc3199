"""calicoq test: expectations that hold and that do not, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.calicoq.conftest import Calicoq, Store
from tests.flows.shop import fill

HOLDING = """\
- {allow: "tcp:5432", from: [profile:WEB, "profile:BACKUP"], to: profile:DB}
- {deny: [udp, tcp:5432], from: outside:0.0.0.0/0, to: profile:DB}
- {allow: all, from: web-1, to: 192.0.2.1}
- {deny: all, from: profile:DB, to: tag:WEB}
"""
VIOLATED = """\
- name: nobody logs in
  deny: tcp:22
  from: 0.0.0.0/0
  to: db-1
- name: the shop is <open>
  allow: tcp:8080
  from: outside:0.0.0.0/0
  to: profile:WEB
- {deny: all, from: profile:GONE, to: db-1}
"""
BY_DB_1 = 'allowed; inbound, Profile "DB": inbound rule 1 decides: allow from tag DB'
END = "denied; inbound, End of its profiles: none allowed the packet"


@pytest.fixture
def files(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop, and a folder with files of expectations."""
    fill(store)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "holding.yaml").write_text(HOLDING)
    (tmp_path / "violated.yaml").write_text(VIOLATED)
    return tmp_path


def test_all_hold(files: Path, calicoq: Calicoq) -> None:
    assert calicoq("test", "holding.yaml") == (0, "4 of 4 expectations hold.\n", "")


def test_a_workload_and_its_own_host(files: Path, store: Store, calicoq: Calicoq) -> None:
    store.host_endpoint("host1/eth0", expected_ipv4_addrs=["192.0.2.1"])
    holding = "- {deny: tcp, from: web-1, to: host1/eth0}\n- {allow: all, from: host1/eth0, to: web-1}"
    (files / "own.yaml").write_text(holding)
    assert calicoq("test", "own.yaml") == (0, "2 of 2 expectations hold.\n", "")
    (files / "own.yaml").write_text("- {allow: tcp, from: web-1, to: host1/eth0}")
    assert calicoq("test", "own.yaml") == (
        1,
        "own.yaml:1: allow tcp from web-1 to host1/eth0\n"
        "    host1/k8s/web-1/eth0 to host1/eth0, tcp 0: denied; inbound, DefaultEndpointToHostAction is "
        '"DROP" on host1, the default\n'
        "\n0 of 1 expectations hold.\n",
        "",
    )


def test_violations(files: Path, calicoq: Calicoq) -> None:
    assert calicoq("test", "violated.yaml", "holding.yaml") == (
        1,
        "violated.yaml:1: nobody logs in\n"
        f"    host2/k8s/db-2/eth0 to host2/k8s/db-1/eth0, tcp 22: {BY_DB_1}\n"
        "violated.yaml:5: the shop is <open>\n"
        f"    0.0.0.0 to host1/k8s/web-1/eth0, tcp 8080: {END}\n"
        "violated.yaml:9: deny all from profile:GONE to db-1\n"
        '    No endpoint that Felix accepts has the profile "GONE"\n'
        "\n4 of 7 expectations hold.\n",
        "",
    )


def test_tap(files: Path, calicoq: Calicoq) -> None:
    assert calicoq("test", "violated.yaml", "-o", "tap").stdout == (
        "TAP version 13\n1..3\n"
        f"not ok 1 - nobody logs in\n# host2/k8s/db-2/eth0 to host2/k8s/db-1/eth0, tcp 22: {BY_DB_1}\n"
        f"not ok 2 - the shop is <open>\n# 0.0.0.0 to host1/k8s/web-1/eth0, tcp 8080: {END}\n"
        "not ok 3 - deny all from profile:GONE to db-1\n"
        '# No endpoint that Felix accepts has the profile "GONE"\n'
    )


def test_junit(files: Path, calicoq: Calicoq) -> None:
    suite = ElementTree.fromstring(calicoq("test", "violated.yaml", "holding.yaml", "-o", "junit").stdout)
    assert (suite.get("tests"), suite.get("failures")) == ("7", "3")
    cases = suite.findall("testcase")
    assert [cases[1].get("name"), cases[1].get("classname")] == ["the shop is <open>", "violated.yaml"]
    failure = cases[1].find("failure")
    assert failure is not None and str(failure.get("message")).endswith(END)
    assert cases[3].find("failure") is None


def test_json(files: Path, calicoq: Calicoq) -> None:
    outcomes = json.loads(calicoq("test", "violated.yaml", "-o", "json").stdout)
    assert [(each["name"], each["place"], each["holds"]) for each in outcomes] == [
        ("nobody logs in", "violated.yaml:1", False),
        ("the shop is <open>", "violated.yaml:5", False),
        ("deny all from profile:GONE to db-1", "violated.yaml:9", False),
    ]


def test_packets_that_these_ends_cannot_have(files: Path, calicoq: Calicoq) -> None:
    (files / "v6.yaml").write_text("- {deny: icmpv6, from: db-1, to: web-1}")
    result = calicoq("test", "v6.yaml")
    assert result.status == 1
    assert "there is no pair of ends with addresses of one IP version that could have such packets" in result.stdout


def test_what_is_not_certain_does_not_hold(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    store.workload("h/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"])
    store.profile("P", inbound=[{"protocol": "udp", "!protocol": "tcp"}], outbound=[])
    for verb in ("allow", "deny"):
        (tmp_path / "x.yaml").write_text(f"- {{{verb}: tcp, from: 192.0.2.1, to: w}}")
        result = calicoq("test", str(tmp_path / "x.yaml"))
        assert result.status == 1 and "tcp: not certain; inbound, Profile" in result.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("allow: tcp", "x.yaml:1: it is not a list of expectations"),
        ("- tcp", "x.yaml:1: expectation 1 is not a mapping"),
        ("- {from: a, to: b}", "x.yaml:1: it needs either allow or deny"),
        ("- {allow: all, deny: all, from: a, to: b}", "x.yaml:1: it needs either allow or deny"),
        ("- {allow: all, from: a, too: b}", "x.yaml:1: too is not a field: name, allow, deny, from, to"),
        ("- {allow: all, from: a}", "x.yaml:1: to is neither a text nor a list of texts"),
        ("- {allow: tpc, from: a, to: b}", 'x.yaml:1: "tpc" is not a protocol: '
                                           "tcp, udp, icmp, icmpv6, sctp, udplite or a number from 1 to 255"),
        ("[]", "There are no expectations in the input."),
    ],
)  # fmt: skip
def test_files_that_are_no_expectations(files: Path, calicoq: Calicoq, content: str, message: str) -> None:
    (files / "x.yaml").write_text(content)
    assert calicoq("test", "x.yaml") == (2, "", f"{message}\n")
