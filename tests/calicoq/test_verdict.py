"""calicoq verdict: every kind of step, the words of the answer, and what it says of Felix 2."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.calicoq.conftest import Calicoq, Store
from tests.conftest import Result
from tests.sampling import Sampling

WEB, DB = "h1/k8s/web/e", "h2/k8s/db/e"


@pytest.fixture
def pair(store: Store) -> Store:
    """Two workloads: web may send anything, db takes what its profile allows."""
    store.workload(
        WEB, profile_ids=["web"], ipv4_nets=["10.0.0.1/32"], ipv6_nets=["fd00::1/128"], labels={"role": "web"}
    )
    store.workload(DB, profile_ids=["db"], ipv4_nets=["10.0.0.2/32"], labels={"role": "db"})
    store.profile("web", tags=["WEB"], outbound=[{"action": "allow"}])
    store.profile(
        "db", tags=["DB"], inbound=[{"action": "allow", "protocol": "tcp", "dst_ports": [5432], "src_tag": "WEB"}]
    )
    return store


def inbound(result: Result) -> list[str]:
    """Return the steps of the destination of an answer about one IP version."""
    return [line.strip() for line in result.stdout.partition("Inbound, ")[2].partition("\n\n")[0].splitlines()[1:]]


def test_allowed_by_profiles(pair: Store, calicoq: Calicoq) -> None:
    assert calicoq("verdict", WEB, DB, "tcp", "5432") == (
        0,
        """\
From Workload endpoint h1/k8s/web/e to Workload endpoint h2/k8s/db/e: tcp, port 5432

IPv4, 10.0.0.1 to 10.0.0.2
Outbound, Workload endpoint h1/k8s/web/e:
  No policy applies: its profiles decide
  Profile "web": outbound rule 1 decides: allow
  => allowed
Inbound, Workload endpoint h2/k8s/db/e:
  No policy applies: its profiles decide
  Profile "db": inbound rule 1 decides: allow tcp from tag WEB to ports 5432
  => allowed

Verdict of Felix 1.4: allowed
""",
        "",
    )


def test_denied_at_the_end_of_the_profiles(pair: Store, calicoq: Calicoq) -> None:
    result = calicoq("verdict", "web", "db", "tcp", "80")
    assert (result.status, result.stderr) == (1, "")
    assert result.stdout.endswith(
        """\
Inbound, Workload endpoint h2/k8s/db/e:
  No policy applies: its profiles decide
  Profile "db": no inbound rule decides
  End of its profiles: none allowed the packet
  => denied

Verdict of Felix 1.4: denied
"""
    )


def test_a_denied_source_ends_it(pair: Store, calicoq: Calicoq) -> None:
    result = calicoq("verdict", "db", "web", "tcp", "80")
    assert result.status == 1
    assert "Inbound" not in result.stdout


def test_what_is_not_given_is_what_no_rule_names(pair: Store, calicoq: Calicoq) -> None:
    passed_over = (
        'Profile "db": inbound rule 1 is passed over, as {} is not given: allow tcp from tag WEB to ports 5432'
    )
    result = calicoq("verdict", "web", "db")
    assert result.status == 1
    assert result.stdout.splitlines()[0].endswith(": a protocol that no rule names")
    assert inbound(result)[1] == passed_over.format("the protocol and the destination port")
    assert inbound(calicoq("verdict", "web", "db", "tcp"))[1] == passed_over.format("the destination port")
    assert inbound(calicoq("verdict", "web", "db", "udp"))[1] == 'Profile "db": no inbound rule decides'


RULE = {"src_selector": "role == 'web'"}
DECISIONS: list[tuple[list[Any], list[str]]] = [
    (
        [{**RULE, "action": "deny"}],
        ['Policy "p": inbound rule 1 decides: deny from selector "role == \'web\'"', "=> denied"],
    ),
    (
        [{"!src_selector": "has(role)"}, {"action": "log", "log_prefix": "db"}, {}],
        [
            'Policy "p": inbound rule 2 logs: log log-prefix "db"',
            'Policy "p": inbound rule 3 decides: allow',
            "=> allowed",
        ],
    ),
    (
        [{"action": "next-tier"}, {"action": "deny"}],
        [
            'Policy "p": inbound rule 1 passes it on: next-tier',
            "Its policies leave the packet to its profiles",
            'Profile "db": inbound rule 1 decides: allow tcp from tag WEB to ports 5432',
            "=> allowed",
        ],
    ),
    (
        [
            {"ip_version": 6},
            {"!protocol": "tcp"},
            {"dst_tag": "WEB"},
            {"src_net": "10.0.0.2/32"},
            {"dst_ports": ["1:99"], "protocol": "tcp"},
        ],
        [
            'Policy "p": no inbound rule decides',
            'End of tier "default": no policy in it allowed the packet, and its profiles do not count',
            "=> denied",
        ],
    ),
    (
        [{"protocol": 6, "src_net": "10.0.0.0/8"}],
        ['Policy "p": inbound rule 1 decides: allow 6 from cidr 10.0.0.0/8', "=> allowed"],
    ),
    (
        [{"protocol": "sctp", "dst_ports": [1]}, {}],
        [
            'Policy "p": inbound rule 1 drops everything '
            '(with protocol "sctp", dst_ports makes it drop all IPv4 traffic): '
            "allow sctp to ports 1",
            "=> denied",
        ],
    ),
    (
        [{"src_net": "fd00::/8"}],
        ['Policy "p": inbound rule 1 decides (src_net is left out for IPv4): allow from cidr fd00::/8', "=> allowed"],
    ),
    (
        [{"protocol": "icmp", "icmp_type": 255}],
        [
            'Policy "p": inbound rule 1 drops everything '
            "(ICMP type 255 makes it drop all IPv4 traffic): allow icmp type 255",
            "=> denied",
        ],
    ),
    (
        [{"src_ports": [], "protocol": "tcp"}],
        ['Policy "p": inbound rule 1 decides: allow tcp with src_ports=[]', "=> allowed"],
    ),
]


@pytest.mark.parametrize(("rules", "steps"), DECISIONS)
def test_rules_of_a_policy(pair: Store, calicoq: Calicoq, rules: list[Any], steps: list[str]) -> None:
    pair.policy("p", "role == 'db'", inbound=rules)
    result = calicoq("verdict", "web", "db", "tcp", "5432")
    assert inbound(result) == steps
    assert result.status == (0 if steps[-1] == "=> allowed" else 1)


def test_tiers_and_policies_in_order(pair: Store, calicoq: Calicoq) -> None:
    pair.tier("late", order=9)
    pair.tier("early", order=1)
    pass_on = [{"action": "next-tier", "protocol": "tcp"}]
    pair.policy("b", "role == 'db'", tier="late", order=1, inbound=[{"action": "deny"}])
    pair.policy("b", "role == 'db'", tier="early", order=1)
    pair.policy("a", "role == 'db'", tier="early", order=2, inbound=pass_on)
    pair.policy("lost", "role == 'db'", tier="lost")
    pair.policy("other", "role == 'web' && has(nothing)", tier="early")
    assert inbound(calicoq("verdict", "web", "db", "tcp", "5432")) == [
        'Tier "lost" has no metadata: packets skip its policies',
        'Tier "early" Policy "b": no inbound rule decides',
        'Tier "early" Policy "a": inbound rule 1 passes it on: next-tier tcp',
        'Tier "late" Policy "b": inbound rule 1 decides: deny',
        "=> denied",
    ]


def test_next_tier_in_a_profile_never_accepts(pair: Store, calicoq: Calicoq) -> None:
    pair.workload(DB, profile_ids=["pass", "db"], ipv4_nets=["10.0.0.2"])
    pair.profile("pass", inbound=[{"action": "next-tier"}, {"action": "allow"}])
    assert inbound(calicoq("verdict", "web", "db", "tcp", "1")) == [
        "No policy applies: its profiles decide",
        'Profile "pass": inbound rule 1 passes it on: next-tier',
        'Profile "db": no inbound rule decides',
        "End of its profiles: none allowed the packet",
        "=> denied",
    ]


def test_the_mark_of_next_tier_stays(pair: Store, calicoq: Calicoq) -> None:
    pair.workload(DB, profile_ids=["pass"], ipv4_nets=["10.0.0.2"])
    pair.profile("pass", inbound=[{"action": "next-tier", "protocol": "udp"}, {"action": "allow"}])
    assert calicoq("verdict", "web", "db", "tcp", "1").status == 0
    pair.policy("p", "role == 'web'", inbound=[{"action": "next-tier"}], outbound=[{"action": "next-tier"}])
    pair.workload(DB, profile_ids=["pass"], ipv4_nets=["10.0.0.2"], labels={"role": "web"})
    assert inbound(calicoq("verdict", WEB, DB, "tcp", "1"))[2] == (
        'Profile "pass": inbound rule 1 ends it: the packet was passed on by a tier before: next-tier udp'
    )


def test_the_mark_of_a_profile_stays_for_the_next(pair: Store, calicoq: Calicoq) -> None:
    pair.workload(DB, profile_ids=["pass", "allow"], ipv4_nets=["10.0.0.2"])
    pair.profile("pass", inbound=[{"action": "next-tier"}])
    pair.profile("allow", inbound=[{"action": "next-tier", "protocol": "udp"}, {"action": "allow"}])
    result = calicoq("verdict", WEB, DB, "tcp", "1")
    assert result.status == 1
    assert 'Profile "allow": inbound rule 1 ends it' in result.stdout


@pytest.mark.parametrize(
    ("profile", "problem"),
    [
        ("nosuch", "it does not exist"),
        ("tagged", "it has no rules"),
        ("bad", 'inbound rule 1: protocol: "bloop" is not a protocol that Felix knows'),
    ],
)
def test_a_profile_that_felix_does_not_have_drops(pair: Store, calicoq: Calicoq, profile: str, problem: str) -> None:
    pair.put("policy/profile/tagged/tags", ["X"])
    pair.profile("bad", inbound=[{"protocol": "bloop"}])
    pair.profile("nothing")
    pair.workload(DB, profile_ids=["nothing", profile, "db"], ipv4_nets=["10.0.0.2/32"])
    result = calicoq("verdict", "web", "db", "tcp", "5432")
    assert inbound(result)[1:] == [
        'Profile "nothing": no inbound rule decides',
        f'Profile "{profile}": Felix drops all that reaches it: {problem}',
        "=> denied",
    ]


def test_a_policy_that_felix_ignores(pair: Store, calicoq: Calicoq) -> None:
    key = pair.policy("bad", "role == 'db'", inbound=[{"action": "deny", "colour": "red"}])
    result = calicoq("verdict", "web", "db", "tcp", "5432")
    assert result.status == 0
    assert f'Note: Felix ignores {key}: inbound rule 1: "colour" is not a field of a rule.\n' in result.stdout


def test_an_endpoint_that_felix_refuses(pair: Store, calicoq: Calicoq) -> None:
    pair.workload(DB, mac=None, ipv4_nets=["10.0.0.2/32"])
    for destination in ("db", "10.0.0.2"):
        assert calicoq("verdict", "web", destination, "tcp", "5432") == (
            1,
            "From Workload endpoint h1/k8s/web/e to Workload endpoint h2/k8s/db/e: tcp, port 5432\n\n"
            "Inbound, Workload endpoint h2/k8s/db/e:\n"
            "  Felix treats it as deleted: mac: null is not a MAC address\n  => denied\n\n"
            "Verdict of Felix 1.4: denied\n",
            "",
        )


def test_rules_for_every_port_need_no_port(pair: Store, calicoq: Calicoq) -> None:
    pair.policy("p", "role == 'db'", inbound=[{"action": "deny", "protocol": "tcp", "dst_ports": ["1:65535"]}, {}])
    assert inbound(calicoq("verdict", "web", "db", "tcp")) == [
        'Policy "p": inbound rule 1 decides: deny tcp to ports 1:65535', "=> denied"
    ]  # fmt: skip
    pair.policy("p", "role == 'db'", inbound=[{"action": "deny", "protocol": "tcp", "!dst_ports": ["0:65535"]}, {}])
    assert calicoq("verdict", "web", "db", "tcp").status == 0


def test_labels_and_tags_that_felix_ignores(pair: Store, calicoq: Calicoq) -> None:
    pair.put("policy/profile/web/tags", ["WEB", "a b"])
    pair.put("policy/profile/db/labels", [])
    result = calicoq("verdict", "web", "db", "tcp", "5432")
    assert result.status == 1
    assert [line for line in result.stdout.splitlines() if line.startswith("Note")] == [
        "Note: Felix ignores /calico/v1/policy/profile/db/labels: labels are not an object.",
        'Note: Felix ignores /calico/v1/policy/profile/web/tags: "a b" is not a tag: letters, digits and ._-.',
    ]


def test_an_inactive_endpoint(pair: Store, calicoq: Calicoq) -> None:
    pair.workload(DB, state="inactive", profile_ids=["web"], ipv4_nets=["10.0.0.2/32"])
    assert inbound(calicoq("verdict", "web", "db")) == ["It is inactive: Felix lets nothing pass", "=> denied"]


def test_an_interface_that_its_own_felix_rejects(pair: Store, calicoq: Calicoq) -> None:
    pair.workload(DB, name="tap1", profile_ids=["web"], ipv4_nets=["10.0.0.2/32"])
    unless = ", unless the configuration file of that Felix has another InterfacePrefix"
    rejected = "Its interface tap1 does not begin with cali: its own Felix rejects it"
    assert inbound(calicoq("verdict", "web", "db")) == [rejected + unless, "=> denied"]
    pair.put("config/InterfacePrefix", "cali")
    assert inbound(calicoq("verdict", "web", "db")) == [rejected, "=> denied"]
    pair.put("config/InterfacePrefix", "cali,tap")
    assert "Its interface" not in calicoq("verdict", "web", "db").stdout


def test_the_old_profile_id_does_not_count_beside_profile_ids(pair: Store, calicoq: Calicoq) -> None:
    pair.workload(DB, profile_id="gone", profile_ids=["db"], ipv4_nets=["10.0.0.2/32"])
    assert calicoq("verdict", "web", "db", "tcp", "5432").status == 0


class TestHostEndpoints:
    @pytest.mark.parametrize(
        ("source", "destination", "is_own_host"),
        [("web", "h1/up", True), ("h1/up", "web", True), ("192.0.2.1", "web", True), ("web", "192.0.2.1", True),
         ("web", "h3/up", False), ("h1/up", "db", False), ("192.0.2.1", "db", False), ("web", "db", False)],
    )  # fmt: skip
    def test_a_host_and_its_own_workloads(
        self, pair: Store, calicoq: Calicoq, source: str, destination: str, is_own_host: bool
    ) -> None:
        if "h1/up" in (source, destination):
            pair.host_endpoint("h1/up", expected_ipv4_addrs=["192.0.2.1"])
        pair.put("host/h1/bird_ip", "192.0.2.1")
        stdout = calicoq("verdict", source, destination).stdout
        assert ("DefaultEndpointToHostAction" in stdout or "does not police what a host" in stdout) == is_own_host

    @pytest.mark.parametrize("key", ["config/DropActionOverride", "host/h1/config/DropActionOverride"])
    @pytest.mark.parametrize(
        ("action", "passes", "passes_felix_2"),
        [("ACCEPT", True, True), ("LOG-and-ACCEPT", True, True), ("DROP", False, False), ("accept", False, True)],
    )
    def test_drops_that_are_overridden(
        self, pair: Store, calicoq: Calicoq, key: str, action: str, passes: bool, passes_felix_2: bool
    ) -> None:
        pair.put(key, action)
        pair.profile("web", outbound=[{"action": "deny"}])
        pair.profile("db", inbound=[{}])
        result = calicoq("verdict", "web", "db")
        step = f"  DropActionOverride is {action} on h1: its Felix lets pass what it would drop\n  => allowed\n"
        assert (result.status, step in result.stdout) == (0 if passes else 1, passes)
        assert calicoq("verdict", "web", "db", "--felix=2").status == (0 if passes_felix_2 else 1)
        remark = f'Note: DropActionOverride is "{action}" on h1: Felix takes it for DROP: '
        assert (remark in result.stdout) == (action == "accept")

    def test_what_is_let_pass_has_passed_all_that_is_on_its_host(self, pair: Store, calicoq: Calicoq) -> None:
        pair.put("config/DropActionOverride", "ACCEPT")
        pair.put("host/h2/config/DropActionOverride", "")  # an empty one of the host counts before the global one
        pair.profile("web", outbound=[{"action": "deny"}])
        assert calicoq("verdict", "web", "db").status == 1
        pair.workload("h1/k8s/db/e", profile_ids=["db"], ipv4_nets=["10.0.0.3/32"])
        result = calicoq("verdict", "web", "h1/k8s/db", "tcp", "1")
        assert (result.status, "Inbound" in result.stdout) == (0, False)

    def test_an_endpoint_without_rules_is_not_let_pass(self, pair: Store, calicoq: Calicoq) -> None:
        pair.put("config/DropActionOverride", "ACCEPT")
        pair.workload(DB, state="inactive", profile_ids=["db"], ipv4_nets=["10.0.0.2/32"])
        assert calicoq("verdict", "web", "db").status == 1

    @pytest.fixture(autouse=True)
    def host(self, pair: Store) -> None:
        pair.host_endpoint("h3/up", expected_ipv4_addrs=["192.0.2.3"], labels={"role": "host"})

    def test_failsafe_ports(self, pair: Store, calicoq: Calicoq) -> None:
        assert inbound(calicoq("verdict", "web", "h3/up", "tcp", "22")) == [
            "Failsafe ports: TCP port 22 is always open inbound", "=> allowed"
        ]  # fmt: skip
        assert calicoq("verdict", "web", "h3/up", "udp", "22").status == 1
        assert calicoq("verdict", "h3/up", "10.9.9.9", "tcp", "2379").status == 0
        assert calicoq("verdict", "h3/up", "10.9.9.9", "tcp", "22").status == 1

    def test_failsafe_ports_as_configured(self, pair: Store, calicoq: Calicoq) -> None:
        pair.put("config/FailsafeInboundHostPorts", "80, 81")
        assert calicoq("verdict", "web", "h3/up", "tcp", "22").status == 1
        assert calicoq("verdict", "web", "h3/up", "tcp", "81").status == 0
        pair.put("host/h3/config/FailsafeInboundHostPorts", "")
        assert calicoq("verdict", "web", "h3/up", "tcp", "81").status == 1
        for value in ("9" * 5000 + ",81", "none"):
            pair.put("host/h3/config/FailsafeInboundHostPorts", value)
            assert calicoq("verdict", "web", "h3/up", "tcp", "81").status == 2

    def test_untracked_policies_come_first_and_drop_nothing_at_their_end(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'host'", untracked=True, order=1, inbound=[{"protocol": "udp"}])
        pair.policy("p", "role == 'host'", order=0, inbound=[{"action": "deny"}])
        assert inbound(calicoq("verdict", "web", "h3/up", "udp", "1")) == [
            'Policy "raw" [untracked]: inbound rule 1 decides: allow udp', "=> allowed"
        ]  # fmt: skip
        assert inbound(calicoq("verdict", "web", "h3/up", "tcp", "1")) == [
            'Policy "raw" [untracked]: no inbound rule decides', 'Policy "p": inbound rule 1 decides: deny', "=> denied"
        ]  # fmt: skip

    def test_untracked_policies_are_nothing_to_workloads(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", untracked=True, inbound=[{"action": "deny"}])
        assert calicoq("verdict", "web", "db", "tcp", "5432").status == 0

    def test_without_expected_addresses_the_host_gives_one(self, pair: Store, calicoq: Calicoq) -> None:
        pair.host_endpoint("h4/up", name="eth0")
        assert calicoq("verdict", "web", "h4/up", "tcp", "22").status == 2
        pair.put("host/h4/bird_ip", "192.0.2.4")
        result = calicoq("verdict", "web", "h4/up", "tcp", "22")
        assert result.status == 0
        assert "IPv4, 10.0.0.1 to 192.0.2.4\n" in result.stdout
        by_address = calicoq("verdict", "192.0.2.4", "10.0.0.2", "tcp", "80")
        assert by_address.status == 1
        assert by_address.stdout.startswith("From Host endpoint h4/up to ")


class TestWhoIsMeant:
    def test_addresses(self, pair: Store, calicoq: Calicoq) -> None:
        result = calicoq("verdict", "10.0.0.1", "10.0.0.2", "tcp", "5432")
        assert result.stdout == calicoq("verdict", WEB, DB, "tcp", "5432").stdout
        result = calicoq("verdict", "192.0.2.9", "10.0.0.2", "tcp", "5432")
        assert result.status == 1
        unpoliced = "Outbound, 192.0.2.9 (no endpoint):\n  It is not an endpoint: Calico does not police it\n"
        assert unpoliced in result.stdout

    def test_an_exact_name_before_a_part_of_another(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload(WEB + "2", ipv4_nets=["10.0.0.3/32"])
        assert calicoq("verdict", WEB, DB, "tcp", "5432").status == 0
        assert calicoq("verdict", "web", DB, "tcp", "5432") == (
            2, "", '"web" is in the full names of 2 endpoints; give more of one:\n  h1/k8s/web/e\n  h1/k8s/web/e2\n'
        )  # fmt: skip

    def test_nobody(self, pair: Store, calicoq: Calicoq) -> None:
        message = '"nobody" is neither an IP address nor in the full name of an endpoint.\n'
        assert calicoq("verdict", "nobody", DB) == (2, "", message)

    def test_an_external_address(self, pair: Store, calicoq: Calicoq) -> None:
        nat = [{"int_ip": "10.0.0.2", "ext_ip": "203.0.113.9"}]
        pair.workload(DB, profile_ids=["db"], ipv4_nets=["10.0.0.2/32"], ipv4_nat=nat)
        assert calicoq("verdict", "web", "203.0.113.9") == (
            2,
            "",
            f"203.0.113.9 is an external address (NAT) of Workload endpoint {DB}; give its own, or its name.\n",
        )

    def test_an_address_that_one_endpoint_has_twice(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload(DB, profile_ids=["db"], ipv4_nets=["10.0.0.2/32", "10.0.0.2"])
        assert calicoq("verdict", "web", "10.0.0.2", "tcp", "5432").status == 0

    def test_two_endpoints_of_one_address(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload("h9/k8s/copy/e", ipv4_nets=["10.0.0.2/32"])
        assert calicoq("verdict", WEB, "10.0.0.2") == (
            2, "", f"10.0.0.2 is the address of several endpoints; name one of them:\n  {DB}\n  h9/k8s/copy/e\n"
        )  # fmt: skip

    def test_an_address_of_two_endpoints_has_the_tags_of_both(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload("h9/k8s/copy/e", ipv4_nets=["10.0.0.9/32"], profile_ids=["out"])
        pair.profile("out", outbound=[{}])
        assert calicoq("verdict", "copy", DB, "tcp", "5432").status == 1
        pair.workload("h9/k8s/twin/e", ipv4_nets=["10.0.0.9/32"], profile_ids=["web"])
        assert calicoq("verdict", "copy", DB, "tcp", "5432").status == 0

    def test_neither_is_an_endpoint(self, pair: Store, calicoq: Calicoq) -> None:
        message = "Neither end is an endpoint: nothing that Calico stores decides about this packet.\n"
        assert calicoq("verdict", "192.0.2.1", "192.0.2.2") == (2, "", message)

    def test_no_common_ip_version(self, pair: Store, calicoq: Calicoq) -> None:
        result = calicoq("verdict", "fd00::1", DB)
        assert (result.status, result.stdout) == (2, "")
        assert result.stderr.endswith("do not both have an address of the same IP version.\n")
        assert calicoq("verdict", WEB, DB, "icmpv6").stderr.endswith("do not both have an IPv6 address.\n")

    def test_both_ip_versions(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload(DB, profile_ids=["db"], ipv4_nets=["10.0.0.2/32"], ipv6_nets=["fd00::2/128"])
        pair.profile("db", inbound=[{"ip_version": 4}])
        result = calicoq("verdict", WEB, DB, "tcp", "1")
        assert result.status == 1
        assert result.stdout.count("=> allowed") == 3
        assert "IPv6, fd00::1 to fd00::2" in result.stdout
        assert calicoq("verdict", WEB, "10.0.0.2", "tcp", "1").status == 0


@pytest.mark.parametrize(
    ("rule", "arguments", "status"),
    [
        ({"protocol": "icmp", "icmp_type": 8}, ("icmp", "8"), 0),
        ({"protocol": "icmp", "icmp_type": 8}, ("icmp", "0"), 1),
        ({"protocol": "icmp", "icmp_type": 8}, ("icmp",), 1),
        ({"protocol": "icmp", "icmp_type": 8, "icmp_code": 1}, ("icmp", "8/1"), 0),
        ({"protocol": "icmp", "icmp_type": 8, "icmp_code": 1}, ("icmp", "8/2"), 1),
        ({"protocol": "icmp", "icmp_type": 8, "icmp_code": 1}, ("icmp", "8"), 1),
        ({"protocol": "icmp", "!icmp_type": 8, "!icmp_code": 1}, ("icmp", "8/2"), 0),
        ({"protocol": "icmp", "!icmp_type": 8, "!icmp_code": 1}, ("icmp", "8/1"), 1),
        ({"protocol": "icmp", "!icmp_type": 8}, ("icmp",), 0),
        ({"protocol": "1"}, ("icmp", "8"), 0),
        ({"protocol": "tcp", "src_ports": ["1024:65535"]}, ("tcp", "1", "--source-port=2000"), 0),
        ({"protocol": "tcp", "src_ports": ["1024:65535"]}, ("tcp", "1", "--source-port=80"), 1),
        ({"protocol": "tcp", "!dst_ports": [80, "90:99"]}, ("tcp", "95"), 1),
        ({"protocol": "tcp", "!dst_ports": [80, "90:99"]}, ("tcp", "89"), 0),
        ({"protocol": 47}, ("47",), 0),
        ({"!protocol": 47}, ("gre-is-no-name",), 2),
        ({"!src_tag": "WEB"}, ("tcp",), 1),
        ({"!src_tag": "DB", "!dst_net": "10.0.0.1/32"}, ("tcp",), 0),
    ],
)
def test_packets(pair: Store, calicoq: Calicoq, rule: Any, arguments: tuple[str, ...], status: int) -> None:
    pair.profile("db", inbound=[rule])
    assert calicoq("verdict", WEB, DB, *arguments).status == status


class TestWhatIptablesRefuses:
    DOUBLE = {"src_net": "10.0.0.0/8", "!src_net": "10.1.0.0/16"}
    ZEROS = {"protocol": "tcp", "dst_ports": ["080:0081"]}

    @pytest.mark.parametrize(
        ("rule", "refused"),
        [
            (DOUBLE, "src_net and !src_net in one rule"),
            ({"protocol": "tcp", "!protocol": "udp"}, "protocol and !protocol in one rule"),
            (ZEROS, 'the leading zeros of "080:0081" in dst_ports'),
        ],
    )
    @pytest.mark.parametrize("direction", ["inbound", "outbound"])
    def test_a_profile(
        self, pair: Store, calicoq: Calicoq, rule: dict[str, Any], refused: str, direction: str
    ) -> None:
        both: dict[str, list[Any]] = {"inbound": [{}], "outbound": []}
        both[direction] = [*both[direction], rule]
        pair.profile("db", **both)
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        number = len(both[direction])
        assert (result.status, inbound(result)[1:]) == (
            2,
            [
                f'Profile "db": Felix programs nothing of it for IPv4, as iptables refuses {refused} '
                f"({direction} rule {number})",
                "=> denied",
            ],
        )
        doubt = (
            f'Felix programs nothing of Profile "db" for IPv4, as iptables refuses {refused} '
            f"({direction} rule {number}): if it had other rules before, these are still in force; if not, it drops"
        )
        assert result.stdout.startswith(f"Not certain: {doubt}.\n\nFrom Workload endpoint ")
        assert result.stdout.endswith("\nVerdict of Felix 1.4: not certain\n")
        document = json.loads(calicoq("verdict", WEB, DB, "tcp", "1", "-o", "json").stdout)
        assert (document["allowed"], document["certainty"], document["uncertain_because"]) == (
            None, "not certain", [doubt]
        )  # fmt: skip
        assert (document["packets"][0]["allowed"], document["packets"][0]["certainty"]) == (None, "not certain")

    def test_what_another_rule_drops_is_certain(self, pair: Store, calicoq: Calicoq) -> None:
        pair.profile("web", outbound=[self.DOUBLE])
        assert calicoq("verdict", WEB, DB, "tcp", "5432").status == 2
        result = calicoq("verdict", WEB, DB, "tcp", "1")
        assert (result.status, "Not certain" in result.stdout) == (1, False)

    def test_a_policy(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("p", "role == 'db'", inbound=[{}, self.DOUBLE])
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert result.status == 2
        assert result.stdout.startswith('Not certain: Felix programs nothing of Policy "p" for IPv4, as iptables')

    @pytest.mark.parametrize("rule", [{"ip_version": 6, **ZEROS}, {"src_net": "10.0.0.0/8", "!src_net": "fd00::/8"}])
    def test_the_other_ip_version_is_as_it_was(self, pair: Store, calicoq: Calicoq, rule: dict[str, Any]) -> None:
        pair.profile("db", inbound=[{}, rule])
        assert calicoq("verdict", WEB, DB, "tcp", "5432").status == 0


class TestOneValueIn:
    """Selectors that Felix 1.4 files under the wrong labels: whether they match depends on what was written first."""

    SELECTOR = "role in {'db'} && has(role)"

    def test_a_policy(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("p", self.SELECTOR, inbound=[{"action": "deny"}])
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert (result.status, inbound(result)[-1]) == (2, "=> denied")
        assert result.stdout.startswith(
            'Not certain: The selector of Policy "p" combines an in of a single value with other conditions: '
            f"Felix 1.4 applies it to {DB} only if the "
            "endpoint's labels were written after the policy.\n"
        )
        assert calicoq("verdict", WEB, DB, "tcp", "80").status == 1  # denied with the policy and without
        with_felix_2 = calicoq("verdict", WEB, DB, "tcp", "5432", "--felix=2")
        assert (with_felix_2.status, "ertain" in with_felix_2.stdout) == (1, False)

    @pytest.mark.parametrize(("key", "likely"), [("src_selector", "allowed"), ("!src_selector", "denied")])
    def test_a_rule(self, pair: Store, calicoq: Calicoq, key: str, likely: str) -> None:
        selector = "role in {'web'} && role != 'x'"
        pair.profile("db", inbound=[{key: selector}])
        result = calicoq("verdict", WEB, DB, "tcp", "1")
        assert (result.status, inbound(result)[-1]) == (2, f"=> {likely}")
        assert result.stdout.startswith(
            f'Not certain: Felix 1.4 finds 10.0.0.1 for rules with the selector "{selector}", which combines an in of '
            "a single value with other conditions, only if the endpoint's labels were written after these rules.\n"
        )
        assert calicoq("verdict", DB, WEB, "tcp", "1").status == 1

    def test_very_many_questions(self, pair: Store, calicoq: Calicoq) -> None:
        rules = [{"src_selector": f"role in {{'web'}} && role != '{number}'"} for number in range(9)]
        pair.profile("db", inbound=rules)
        assert calicoq("verdict", WEB, DB, "tcp", "1").status == 2

    def test_the_listings_say_so(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("p", self.SELECTOR, inbound=[{"src_selector": "role in {'web'} && has(role)"}])
        why = (
            " to an endpoint only if the endpoint's labels were written after it: it combines an in of a single value "
            "with other conditions. == means the same and works.\n"
        )
        policy = f'Warning: Felix 1.4 applies policy "p"{why}'
        rule = f'Warning: Felix 1.4 applies the selector of Policy "p" inbound rule 1 source match{why}'
        assert calicoq("endpoint", "db").stderr == policy
        assert calicoq("host", "h1").stderr == rule
        assert calicoq("endpoint", "db", "-o", "json").stderr == policy
        assert calicoq("policy", "p").stderr == policy + rule
        assert calicoq("policy", "p", "--felix=2").stderr == ""
        assert calicoq("eval", self.SELECTOR).stderr == (
            f'Warning: Felix 1.4 applies a policy or rule with the selector "{self.SELECTOR}"{why}'
        )


class TestTheMarkOfNextTierOnOneHost:
    """It goes from the chains of the source into those of the destination."""

    PASSING_UDP = [{"action": "next-tier", "protocol": "udp"}, {"action": "allow"}]

    @pytest.fixture(autouse=True)
    def other(self, pair: Store) -> None:
        pair.workload("h1/k8s/other/e", profile_ids=["other"], ipv4_nets=["10.0.0.3/32"], labels={"role": "other"})
        pair.profile("other", inbound=self.PASSING_UDP)
        pair.workload("h2/k8s/far/e", profile_ids=["other"], ipv4_nets=["10.0.0.4/32"])

    def ends_in(self, calicoq: Calicoq, destination: str) -> tuple[int, bool]:
        result = calicoq("verdict", "web", destination, "tcp", "1")
        return result.status, 'Profile "other": inbound rule 1 ends it' in result.stdout

    def test_of_a_tier(self, pair: Store, calicoq: Calicoq) -> None:
        assert self.ends_in(calicoq, "other") == (0, False)
        pair.policy("p", "role == 'web'", outbound=[{"action": "next-tier"}])
        assert self.ends_in(calicoq, "other") == (1, True)
        assert self.ends_in(calicoq, "far") == (0, False)  # between hosts the mark does not travel

    def test_of_a_profile(self, pair: Store, calicoq: Calicoq) -> None:
        pair.profile("pass", outbound=[{"action": "next-tier", "protocol": "tcp"}])
        pair.workload(WEB, profile_ids=["pass", "web"], ipv4_nets=["10.0.0.1/32"])
        assert self.ends_in(calicoq, "other") == (1, True)

    def test_a_tier_that_allows_has_cleared_it(self, pair: Store, calicoq: Calicoq) -> None:
        pair.tier("first", order=1)
        pair.policy("p", "role == 'web'", tier="first", outbound=[{"action": "next-tier"}])
        pair.policy("p", "role == 'web'", outbound=[{"action": "allow"}])
        assert self.ends_in(calicoq, "other") == (0, False)

    def test_a_tier_of_the_destination_clears_it(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("out", "role == 'web'", outbound=[{"action": "next-tier"}])
        pair.policy("in", "role == 'other'", inbound=[{"action": "next-tier", "protocol": "udp"}, {}])
        assert self.ends_in(calicoq, "other") == (0, False)


class TestIcmpTypesThatOpenNoConnection:
    @pytest.fixture(autouse=True)
    def open(self, pair: Store) -> None:
        pair.workload(DB, profile_ids=["db"], ipv4_nets=["10.0.0.2/32"], ipv6_nets=["fd00::2/128"])
        pair.profile("db", inbound=[{}])

    @pytest.mark.parametrize(
        ("protocol", "passing"), [("icmp", {8, 13, 15, 17}), ("icmpv6", {128, *range(130, 137), 139, 143})]
    )
    def test_all_others_are_dropped(
        self, calicoq: Calicoq, sampling: Sampling, protocol: str, passing: set[int]
    ) -> None:
        around = {max(number - 1, 0) for number in passing} | {number + 1 for number in passing} | {255}
        tried = sorted(sampling.some(range(256), sorted(passing | around)))
        types = {number for number in tried if calicoq("verdict", WEB, DB, protocol, str(number)).status == 0}
        assert types == passing

    def test_why(self, calicoq: Calicoq) -> None:
        assert calicoq("verdict", WEB, DB, "icmp", "3/1").stdout.endswith(
            "Outbound, Workload endpoint h1/k8s/web/e:\n"
            "  ICMP type 3 opens no connection: Felix drops it before any rule, unless it belongs to one\n"
            "  => denied\n\nVerdict of Felix 1.4: denied\n"
        )


class TestUntrackedPoliciesBeforeWorkloads:
    RAW: dict[str, Any] = {"untracked": True, "order": 1}

    @pytest.fixture(autouse=True)
    def uplinks(self, pair: Store) -> None:
        for host in ("h1", "h2"):
            pair.host_endpoint(f"{host}/up", expected_ipv4_addrs=[f"192.0.2.{host[1]}"], labels={"role": host})

    def test_they_drop(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'h2'", inbound=[{"action": "deny", "protocol": "tcp"}], **self.RAW)
        assert calicoq("verdict", WEB, DB, "tcp", "5432").stdout.endswith(
            "Inbound, Host endpoint h2/up, before the workload:\n"
            '  Policy "raw" [untracked]: inbound rule 1 decides: deny tcp\n'
            "  => denied\n\nVerdict of Felix 1.4: denied\n"
        )
        pair.workload("h2/k8s/near/e", profile_ids=["web"], ipv4_nets=["10.0.0.9/32"])
        pair.profile("web", tags=["WEB"], outbound=[{}])
        assert calicoq("verdict", "near", DB, "tcp", "5432").status == 0  # it does not come in from outside

    def test_they_let_pass(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'h2'", inbound=[{"protocol": "tcp"}], **self.RAW)
        result = calicoq("verdict", WEB, DB, "tcp", "80")
        assert (result.status, inbound(result)) == (
            0,
            [
                'Policy "raw" [untracked]: inbound rule 1 decides: allow tcp',
                "An untracked policy allows it: it skips the rules of the workload",
                "=> allowed",
            ],
        )
        assert calicoq("verdict", WEB, DB, "udp", "80").status == 1

    def test_what_they_drop_is_let_pass_where_that_is_overridden(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'h2'", inbound=[{"action": "deny"}], **self.RAW)
        pair.put("host/h2/config/DropActionOverride", "ACCEPT")
        assert calicoq("verdict", WEB, DB, "tcp", "5432").status == 0
        pair.policy("raw", "role == 'h1'", inbound=[{"action": "deny"}], **self.RAW)
        pair.put("host/h1/config/DropActionOverride", "ACCEPT")
        assert "Replies" not in calicoq("verdict", WEB, DB, "tcp", "5432").stdout

    def test_failsafe_ports_pass_them_by(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'h2'", inbound=[{"action": "deny"}], **self.RAW)
        pair.profile("db", inbound=[{}])
        assert calicoq("verdict", WEB, DB, "tcp", "22").status == 0

    def test_with_two_interfaces_it_depends(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'h2'", inbound=[{"action": "deny"}], **self.RAW)
        pair.host_endpoint("h2/down", name="eth1")
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert result.status == 2
        assert result.stdout.startswith(
            "Not certain: The untracked policies of Host endpoint h2/up decide if the packet comes in by its "
            "interface, and not by that of another host endpoint.\n"
        )

    def test_what_answers_is_dropped(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("raw", "role == 'h1'", inbound=[{"action": "deny", "protocol": "tcp"}], **self.RAW)
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert result.status == 0
        by = 'Host endpoint h1/up, Policy "raw" [untracked]: inbound rule 1 decides: deny tcp'
        assert f"\nNote: Replies over IPv4 are dropped: {by}.\n" in result.stdout
        pair.policy("raw", "role == 'h1'", inbound=[{"protocol": "tcp", "src_ports": [5432]}], **self.RAW)
        assert "Replies" not in calicoq("verdict", WEB, DB, "tcp", "5432").stdout


class TestWhatStopsFelix:
    @pytest.mark.parametrize(
        ("key", "value", "reason"),
        [
            ("policy/profile/x/rules", {"inbound_rules": [{"src_tag": 5}]}, "/calico/v1/policy/profile/x/rules"),
            ("host/h9/bird_ip", "", "/calico/v1/host/h9/bird_ip"),
        ],
    )
    def test_a_value_that_ends_it(self, pair: Store, calicoq: Calicoq, key: str, value: Any, reason: str) -> None:
        pair.put(key, value)
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert result.status == 2
        assert result.stdout.startswith(
            f"Not certain: Felix on h1 ends when it reads {reason}: the rules that were in force before stay in "
            "force.\n"
        )

    def test_also_where_what_it_drops_is_let_pass(self, pair: Store, calicoq: Calicoq) -> None:
        pair.put("host/h2/config/DropActionOverride", "ACCEPT")
        assert calicoq("verdict", WEB, DB, "tcp", "80").status == 0
        pair.put("host/h2/config/IpInIpEnabled", "maybe")
        assert calicoq("verdict", WEB, DB, "tcp", "80").status == 2


class TestParametersOfFelix:
    def test_one_that_ends_it(self, pair: Store, calicoq: Calicoq) -> None:
        pair.put("config/LogSeverityFile", "verbose")
        pair.put("host/h1/config/LogSeverityFile", "info")
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert result.status == 2
        assert result.stdout.startswith(
            'Not certain: Felix on h2 ends when it starts, as LogSeverityFile is "verbose": the rules that were in '
            "force before stay in force.\n"
        )

    def test_an_interface_prefix_that_may_be_in_a_file(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload(DB, name="tap1", profile_ids=["db"], ipv4_nets=["10.0.0.2/32"])
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert (result.status, inbound(result)[-1]) == (2, "=> denied")
        assert result.stdout.startswith(
            "Not certain: etcd has no InterfacePrefix: if the configuration file of Felix on h2 has one that interface "
            "tap1 begins with, the endpoint's rules count.\n"
        )
        assert calicoq("verdict", WEB, DB, "tcp", "80").status == 1
        pair.put("config/InterfacePrefix", "cali")
        assert calicoq("verdict", WEB, DB, "tcp", "5432").status == 1
        pair.put("host/h2/config/InterfacePrefix", "")
        assert calicoq("verdict", WEB, DB, "tcp", "5432").status == 0


@pytest.mark.parametrize(
    ("pool", "cidr", "address"),
    [("v4/pool/10.0.0.0-24", "10.0.0.0/24", "10.0.0.9"), ("v6/pool/x", "fd00::/64", "fd00::9")],
)
def test_an_address_in_a_pool_that_no_endpoint_has(
    pair: Store, calicoq: Calicoq, pool: str, cidr: str, address: str
) -> None:
    assert calicoq("verdict", WEB, address).stdout.endswith("\nVerdict of Felix 1.4: allowed\n")
    pair.put("ipam/v4/pool/bad", "{")
    pair.put(f"ipam/{pool}", {"cidr": cidr})
    result = calicoq("verdict", WEB, address)
    assert inbound(result)[0] == f"It is in the pool {cidr}, but no endpoint has it"
    assert (result.status, result.stdout.splitlines()[-1]) == (
        0, f"Verdict of Felix 1.4: allowed, but no endpoint has {address}"
    )  # fmt: skip
    document = json.loads(calicoq("verdict", WEB, address, "-o", "json").stdout)
    assert (document["allowed"], document["addresses_without_endpoint"]) == (True, [address])


class TestTheDefaultTier:
    def test_packets_skip_it_without_metadata(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("wall", "role == 'db'", inbound=[{"action": "deny"}])
        assert calicoq("verdict", WEB, DB, "tcp", "5432").status == 1
        pair.etcd.delete("/calico/v1/policy/tier/default/metadata")
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert (result.status, inbound(result)[0]) == (0, 'Tier "default" has no metadata: packets skip its policies')
        reason = 'inbound, Policy "wall": inbound rule 1 decides: deny'
        assert f"Note: Felix 2 decides otherwise for IPv4: denied; {reason}.\n" in result.stdout
        warning = 'WARNING: tier "default" metadata missing; packets will skip tier'
        assert f"    {warning}\n    Policy \"wall\"" in calicoq("endpoint", DB).stdout
        assert calicoq("policy", "wall").stderr == f"{warning}\n"
        found = json.loads(calicoq("check", "-o", "json").stdout)
        assert [(each["severity"], each["reason"], each["remedy"]) for each in found if "tier" in each["reason"]] == [
            (
                "error",
                "tier default has no valid metadata: packets skip its policies",
                'Write {"order": 100}, or {} for the last tier, to /calico/v1/policy/tier/default/metadata. The '
                "policies of the tier are then in force, and the end of the tier drops the packets of their endpoints "
                "that no policy in it allows.",
            )
        ]


class TestFelix2:
    def test_a_mended_fault(self, pair: Store, calicoq: Calicoq) -> None:
        pair.profile("db", inbound=[{"src_net": "fd00::/8"}])
        result = calicoq("verdict", WEB, DB, "tcp", "1")
        assert result.status == 0
        assert (
            "Note: Felix 2 decides otherwise for IPv4: denied; inbound, End of its profiles: none allowed the packet.\n"
            in result.stdout
        )

    def test_a_negated_network_of_the_other_ip_version(self, pair: Store, calicoq: Calicoq) -> None:
        pair.profile("db", inbound=[{"!src_net": "fd00::/8", "action": "deny"}, {}])
        result = calicoq("verdict", WEB, DB, "tcp", "1")
        assert result.status == 1
        assert (
            'Note: Felix 2 decides otherwise for IPv4: allowed; inbound, Profile "db": inbound rule 2 decides: allow.\n'
            in result.stdout
        )

    def test_one_rule_in_other_words(self, pair: Store, calicoq: Calicoq) -> None:
        pair.profile("db", inbound=[{"protocol": "sctp", "dst_ports": [1], "action": "deny"}])
        result = calicoq("verdict", WEB, DB, "sctp", "1")
        assert inbound(result)[1].startswith('Profile "db": inbound rule 1 drops everything')
        assert "Felix 2" not in result.stdout

    def test_the_label_of_the_first_profile(self, pair: Store, calicoq: Calicoq) -> None:
        pair.workload(DB, profile_ids=["open", "db"], ipv4_nets=["10.0.0.2"])
        pair.profile("open", labels={"role": "any"}, inbound=[{}])
        pair.profile("db", labels={"role": "db"}, inbound=[{}])
        pair.policy("wall", "role == 'db'", inbound=[{"action": "deny"}])
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert (result.status, inbound(result)) == (1, ['Policy "wall": inbound rule 1 decides: deny', "=> denied"])
        reason = 'inbound, Profile "open": inbound rule 1 decides: allow.'
        assert f"Note: Felix 2 decides otherwise for IPv4: allowed; {reason}\n" in result.stdout
        assert '"wall"' in calicoq("endpoint", DB).stdout
        assert "wall" not in calicoq("endpoint", DB, "--felix=2").stdout
        with_felix_2 = calicoq("verdict", WEB, DB, "tcp", "5432", "--felix=2")
        assert (with_felix_2.status, inbound(with_felix_2)[-1]) == (0, "=> allowed")
        assert with_felix_2.stdout.endswith("\nVerdict of Felix 2: allowed\n")
        assert "Note: Felix 1.4 decides otherwise for IPv4: denied; " in with_felix_2.stdout

    def test_tags_as_labels(self, pair: Store, calicoq: Calicoq) -> None:
        pair.profile("db", inbound=[{"src_selector": "has(WEB)"}])
        result = calicoq("verdict", WEB, DB)
        assert result.status == 1
        assert 'Note: Felix 2 decides otherwise for IPv4: allowed; inbound, Profile "db"' in result.stdout

    def test_policies_of_one_direction(self, pair: Store, calicoq: Calicoq) -> None:
        pair.policy("p", "role == 'db'", types=["egress"])
        result = calicoq("verdict", WEB, DB, "tcp", "5432")
        assert result.status == 1
        assert "Felix 2 decides otherwise for IPv4: allowed" in result.stdout

    def test_the_same_by_another_rule(self, pair: Store, calicoq: Calicoq) -> None:
        pair.profile("db", inbound=[{"src_net": "fd00::/8"}, {}])
        assert (
            "Note: Felix 2 decides the same for IPv4 by another rule; "
            'inbound, Profile "db": inbound rule 2 decides: allow.\n' in calicoq("verdict", WEB, DB).stdout
        )


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_as_a_document(pair: Store, calicoq: Calicoq, output: str) -> None:
    result = calicoq("verdict", WEB, DB, "tcp", "5432", "-o", output)
    assert result.status == 0
    load: Any = json.loads if output == "json" else yaml.safe_load
    by_profile = {"where": "", "what": "No policy applies: its profiles decide", "outcome": "go on"}
    assert load(result.stdout) == {
        "from": "Workload endpoint h1/k8s/web/e",
        "to": "Workload endpoint h2/k8s/db/e",
        "packet": "tcp, port 5432",
        "packets": [
            {
                "ip_version": 4,
                "from_address": "10.0.0.1",
                "to_address": "10.0.0.2",
                "sides": [
                    {
                        "endpoint": "Workload endpoint h1/k8s/web/e",
                        "direction": "outbound",
                        "steps": [
                            by_profile,
                            {
                                "where": 'Profile "web"', "what": "outbound rule 1 decides",
                                "rule_number": 1, "rule": "allow", "outcome": "allow",
                            },
                        ],
                        "allowed": True,
                    },
                    {
                        "endpoint": "Workload endpoint h2/k8s/db/e",
                        "direction": "inbound",
                        "steps": [
                            by_profile,
                            {
                                "where": 'Profile "db"', "what": "inbound rule 1 decides",
                                "rule_number": 1, "rule": "allow tcp from tag WEB to ports 5432", "outcome": "allow",
                            },
                        ],
                        "allowed": True,
                    },
                ],
                "allowed": True,
                "certainty": "certain",
                "allowed_by_felix_2": True,
            }
        ],
        "notes": [],
        "allowed": True,
        "certainty": "certain",
    }  # fmt: skip


def test_a_refused_endpoint_as_a_document(pair: Store, calicoq: Calicoq) -> None:
    pair.put("host/h2/workload/k8s/db/endpoint/e", "{")
    document = json.loads(calicoq("verdict", WEB, DB, "-o", "json").stdout)
    assert document["allowed"] is False
    assert document["packets"] == []
    assert document["refused"][0]["steps"][0]["what"] == "Felix treats it as deleted: it is not JSON"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tcp", "65536"), '"65536" is not a port: a number from 0 to 65535.\n'),
        (("tcp", "http"), '"http" is not a port: a number from 0 to 65535.\n'),
        (("icmp", "8/"), '"8/" is not an ICMP type or type/code: numbers from 0 to 255, as 8 or 3/1.\n'),
        (("icmp", "256"), '"256" is not an ICMP type or type/code: numbers from 0 to 255, as 8 or 3/1.\n'),
        (("tcp", "1", "--source-port=x"), '"x" is not a port: a number from 0 to 65535.\n'),
        (
            ("TCP",),
            '"TCP" is not a protocol: tcp, udp, icmp, icmpv6, sctp, udplite or a number from 1 to 255.\n',
        ),
        (("0",), '"0" is not a protocol: tcp, udp, icmp, icmpv6, sctp, udplite or a number from 1 to 255.\n'),
    ],
)
def test_arguments_that_mean_nothing(calicoq: Calicoq, arguments: tuple[str, ...], message: str) -> None:
    assert calicoq("verdict", WEB, DB, *arguments) == (2, "", message)


def test_not_ready(pair: Store, calicoq: Calicoq) -> None:
    pair.put("Ready", "false")
    result = calicoq("verdict", WEB, DB, "tcp", "5432")
    assert (result.status, result.stderr.count("Warning")) == (2, 1)
    reason = 'Felix applies nothing, as /calico/v1/Ready is "false", not "true"'
    stays = "the rules that were in force before stay in force"
    assert result.stdout.startswith(f"Not certain: {reason}: {stays}.\n")
