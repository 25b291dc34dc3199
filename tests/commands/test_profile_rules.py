"""`calicoctl profile PROF rule add|remove`, with a real etcd."""

from __future__ import annotations

import json
import re

import pytest

from calicoctl.output import shortened
from tests.commands.profile_rules import DONE, RULES, THREE, rule, stored
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy

# Adding


@pytest.mark.parametrize(("at", "words", "place", "order"), [
    (1, "deny", "3 to 1", "deny,allow,udp"),
    (0, "deny", "3 to 1", "deny,allow,udp"),
    (2, "deny", "3 to 2", "allow,deny,udp"),
    (3, "allow from tag P", "1 to 3", "udp,deny,allow"),
    (4, "allow from tag P", "1 to 3", "udp,deny,allow"),
    (2, "allow from tag P", "1 to 2", "udp,allow,deny"),
])  # fmt: skip
def test_add_at_position_moves_existing_rule(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, at: int, words: str, place: str, order: str
) -> None:
    etcd.put(RULES, THREE)
    texts = {
        "allow": '{"action": "allow", "src_tag": "P"}',
        "udp": '{"action": "deny", "protocol": "udp"}',
        "deny": '{"action": "deny"}',
    }
    said = f"Rule already present, moved from inbound position {place}.\n"
    assert rule(calicoctl, f"add inbound --at={at} {words}") == Result(0, said, "")
    assert etcd.get(RULES) == stored(", ".join(texts[name] for name in order.split(",")))
    assert [request.split()[0] for request in proxy.requests] == ["GET", "PUT"]


def test_ports_with_leading_zeros_can_be_removed_but_not_added(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, stored('{"action": "allow", "protocol": "tcp", "dst_ports": ["80:81"]}'))
    index = etcd.index()
    refused = rule(calicoctl, "add inbound allow tcp to ports 080:0081")
    assert (refused.status, refused.stdout) == (1, "")
    assert '"080:0081" has leading zeros; write 80:81\n' in refused.stderr
    assert etcd.index() == index
    assert rule(calicoctl, "remove inbound allow tcp to ports 080:0081") == DONE
    assert etcd.get(RULES) == stored("")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("deny", '{"action": "deny"}'),
        ("allow tcp", '{"action": "allow", "protocol": "tcp"}'),
        ("allow tcp to ports 80,443", '{"action": "allow", "protocol": "tcp", "dst_ports": [80, 443]}'),
        (
            "allow tcp to ports 80:90,90-95,7:7",
            '{"action": "allow", "protocol": "tcp", "dst_ports": ["80:90", "90:95", 7]}',
        ),
        ("deny udp from ports 0,65535", '{"action": "deny", "protocol": "udp", "src_ports": [0, 65535]}'),
        (
            "allow tcp from ports 7 to ports 0:65535",
            '{"action": "allow", "protocol": "tcp", "dst_ports": ["0:65535"], "src_ports": [7]}',
        ),
        ("allow icmp", '{"action": "allow", "protocol": "icmp"}'),
        ("allow icmp type 8", '{"action": "allow", "icmp_type": 8, "protocol": "icmp"}'),
        ("allow icmp type 3 code 255", '{"action": "allow", "icmp_type": 3, "protocol": "icmp", "icmp_code": 255}'),
        ("allow icmpv6 type 254 code 0", '{"action": "allow", "icmp_type": 254, "protocol": "icmpv6", "icmp_code": 0}'),
        ("allow icmp type +08", '{"action": "allow", "icmp_type": 8, "protocol": "icmp"}'),
        ("allow from tag WEB", '{"action": "allow", "src_tag": "WEB"}'),
        ("allow to tag WEB", '{"action": "allow", "dst_tag": "WEB"}'),
        ("allow from tag to to tag from", '{"action": "allow", "dst_tag": "from", "src_tag": "to"}'),
        ("allow from cidr 10.1.2.3/8", '{"action": "allow", "src_net": "10.1.2.3/8"}'),
        ("allow from cidr 10.0.0.1", '{"action": "allow", "src_net": "10.0.0.1/32"}'),
        ("allow from cidr 10.0.0.0/255.0.0.0", '{"action": "allow", "src_net": "10.0.0.0/8"}'),
        ("allow to cidr FE80::0:1/64", '{"action": "allow", "dst_net": "fe80::1/64"}'),
        ("allow icmpv6 to cidr ::", '{"action": "allow", "dst_net": "::/128", "protocol": "icmpv6"}'),
        ("deny from", '{"action": "deny"}'),
        ("deny tcp from to", '{"action": "deny", "protocol": "tcp"}'),
        (
            "deny udp from ports 1,2 tag A cidr 10.0.0.0/8 to ports 3:4 tag B cidr 11.0.0.0/8",
            '{"action": "deny", "dst_net": "11.0.0.0/8", "dst_tag": "B", "protocol": "udp", "src_tag": "A", '
            '"dst_ports": ["3:4"], "src_net": "10.0.0.0/8", "src_ports": [1, 2]}',
        ),
        (
            "allow icmp type 8 code 0 from tag A cidr 10.0.0.0/8 to tag B cidr 10.0.0.0/8",
            '{"action": "allow", "dst_net": "10.0.0.0/8", "icmp_type": 8, "dst_tag": "B", "protocol": "icmp", '
            '"src_tag": "A", "src_net": "10.0.0.0/8", "icmp_code": 0}',
        ),
    ],
)
def test_add_stores_what_legacy_stores(calicoctl: Calicoctl, etcd: EtcdServer, words: str, text: str) -> None:
    etcd.put(RULES, '{"inbound_rules": [], "outbound_rules": []}')
    assert rule(calicoctl, f"add inbound {words}") == DONE
    assert etcd.get(RULES) == f'{{"inbound_rules": [{text}], "outbound_rules": []}}'
    assert rule(calicoctl, f"add outbound {words}") == DONE
    assert etcd.get(RULES) == f'{{"inbound_rules": [{text}], "outbound_rules": [{text}]}}'
    assert rule(calicoctl, f"remove inbound {words}") == DONE
    assert etcd.get(RULES) == f'{{"inbound_rules": [], "outbound_rules": [{text}]}}'


def test_add_appends_to_rules_of_new_profile(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    calicoctl("profile", "add", "P")
    assert rule(calicoctl, "add inbound deny tcp") == DONE
    assert rule(calicoctl, "add outbound deny") == DONE
    assert etcd.keys() == {
        "/calico/v1/policy/profile/P/labels": "{}",
        RULES: (
            '{"inbound_rules": [{"action": "allow", "src_tag": "P"}, {"action": "deny", "protocol": "tcp"}], '
            '"outbound_rules": [{"action": "allow"}, {"action": "deny"}]}'
        ),
        "/calico/v1/policy/profile/P/tags": '["P"]',
    }


@pytest.mark.parametrize(
    ("position", "order"),
    [
        ("--at=0", "NAbc"),
        ("--at=1", "NAbc"),
        ("--at=2", "ANbc"),
        ("--at=3", "AbNc"),
        ("--at=4", "AbcN"),
        ("--at 2", "ANbc"),
        ("--at=+2", "ANbc"),
        ("--at=002", "ANbc"),
        ("--at=-0", "NAbc"),
        ("--a=2", "ANbc"),
    ],
)
def test_add_at_position(calicoctl: Calicoctl, etcd: EtcdServer, position: str, order: str) -> None:
    etcd.put(RULES, THREE)
    assert rule(calicoctl, f"add inbound {position} allow tcp") == DONE
    rules = json.loads(THREE)["inbound_rules"]
    letters = {"A": rules[0], "b": rules[1], "c": rules[2], "N": {"action": "allow", "protocol": "tcp"}}
    assert etcd.get(RULES) == stored(", ".join(json.dumps(letters[letter]) for letter in order))


def test_position_option_is_accepted_anywhere(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, stored(""))
    assert calicoctl("profile", "--at=1", "P", "rule", "add", "inbound", "deny") == DONE
    assert rule(calicoctl, "add inbound allow tcp to ports 80 --at 1") == DONE
    assert etcd.get(RULES) == stored('{"action": "allow", "protocol": "tcp", "dst_ports": [80]}, {"action": "deny"}')


@pytest.mark.parametrize(
    ("position", "shown"), [("5", "5"), ("-1", "-1"), ("9" * 40, "9" * 40), ("-99", "-99"), ("+5", "5")]
)
def test_add_with_position_out_of_range_writes_nothing(
    calicoctl: Calicoctl, etcd: EtcdServer, position: str, shown: str
) -> None:
    etcd.put(RULES, THREE)
    index = etcd.index()
    complaint = f"Position {shown} is out-of-range.\nThe profile has 3 inbound rules: positions 1 to 4 are possible.\n"
    assert rule(calicoctl, f"add inbound --at={position} allow tcp") == Result(1, "", complaint)
    # This also applies to a rule that exists already.
    assert rule(calicoctl, f"add inbound --at={position} deny") == Result(1, "", complaint)
    assert etcd.index() == index


@pytest.mark.parametrize("position", ["", "x", "1.5", "1e2", "0x2", "1 2", "--", "9" * 1001, "²"])
@pytest.mark.parametrize("command", ["add", "remove"])
def test_position_is_not_an_integer(calicoctl: Calicoctl, proxy: Proxy, command: str, position: str) -> None:
    words = ["deny"] if command == "add" else []
    value = shortened(f"Value provided is '{position}'; a position is a whole number")
    complaint = f"Invalid position specified.\n{value}\n"
    result = calicoctl("profile", "P", "rule", command, "inbound", f"--at={position}", *words)
    assert result == Result(1, "", complaint)
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("present", "words"),
    [
        ('{"action": "allow", "protocol": "tcp", "dst_ports": [80, 443]}', "allow tcp to ports 443,80"),
        ('{"action": "allow", "protocol": "tcp", "dst_ports": [80]}', "allow tcp to ports 80:80"),
        ('{"action": "allow", "protocol": "tcp", "dst_ports": ["80:90"]}', "allow tcp to ports 80-90"),
        ('{"src_net": "10.1.2.3/8"}', "allow from cidr 10.9.9.9/8"),
        ('{"action": "deny", "dst_net": "FE80:0::/64"}', "deny to cidr fe80::1/64"),
    ],
)
def test_add_existing_rule_in_another_spelling(
    calicoctl: Calicoctl, etcd: EtcdServer, present: str, words: str
) -> None:
    etcd.put(RULES, stored(present, ""))
    index = etcd.index()
    assert rule(calicoctl, f"add inbound {words}") == Result(0, "Rule already present, skipping.\n", "")
    assert etcd.index() == index
    assert rule(calicoctl, f"remove inbound {words}") == DONE
    assert etcd.get(RULES) == stored("", "")


def test_add_existing_rule(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, THREE)
    index = etcd.index()
    present = "Rule already present, skipping.\n"
    assert rule(calicoctl, "add inbound deny") == Result(0, present, "")
    place = re.search(r"\d+ deny$", rule(calicoctl, "show").stdout.partition("Outbound")[0], re.MULTILINE)
    assert place is not None
    assert place[0].split()[0] == "3"
    assert rule(calicoctl, "add inbound --at=3 deny") == Result(0, present, "")
    assert rule(calicoctl, "add inbound --at=4 deny") == Result(0, present, "")  # at the end, where the rule is
    assert etcd.index() == index
    assert rule(calicoctl, "add outbound deny") == DONE  # the other direction has its own list


@pytest.mark.parametrize(
    ("present", "words", "problem", "felix_refuses"),
    [
        (
            '{"src_net": "10.1.1.1/8", "src_nets": ["10.0.0.0/8"]}',
            "allow from cidr 10.0.0.0/8",
            "src_nets: cannot be combined with src_net; give only one",
            True,
        ),
        (
            '{"src_nets": ["10.1.2.3/8"]}',
            "allow from cidr 10.0.0.0/8",
            "src_nets: some versions of Felix refuse lists of networks, and some ignore them",
            True,
        ),
        (
            '{"action": "allow", "protocol": "tcp", "dst_ports": ["80", 443, 80]}',
            "allow tcp to ports 443,80",
            'dst_ports: Felix refuses "80", which is 80',
            True,
        ),
        (
            '{"action": "deny", "src_tag": null}',
            "deny",
            "src_tag: null is not a value; give one, or leave the field out",
            False,
        ),
    ],
)
def test_add_existing_rule_that_is_invalid_as_new_warns(
    calicoctl: Calicoctl, etcd: EtcdServer, present: str, words: str, problem: str, felix_refuses: bool
) -> None:
    etcd.put(RULES, stored(present, ""))
    index = etcd.index()
    warning = (
        "Warning: inbound rule 1 is stored in a form that is not allowed for new rules: "
        f"{problem}. Remove it and add it again.\n"
    )
    result = rule(calicoctl, f"add inbound {words}")
    refused = [line for line in result.stderr.splitlines(keepends=True) if line != warning]
    assert (result.status, result.stdout) == (0, "Rule already present, skipping.\n")
    assert all(line.startswith("Warning: Felix refuses the rules of profile P and drops all tr") for line in refused)
    assert len(refused) == (1 if felix_refuses else 0)
    assert warning in result.stderr
    assert etcd.index() == index
    assert rule(calicoctl, f"remove inbound {words}") == DONE
    assert rule(calicoctl, f"add inbound {words}") == DONE
    assert rule(calicoctl, f"add inbound {words}") == Result(0, "Rule already present, skipping.\n", "")


@pytest.mark.parametrize(
    "present",
    [
        '{"action": "deny", "ip_version": 4}',
        '{"action": "deny", "src_selector": ""}',
        '{"action": "deny", "!protocol": "tcp"}',
        '{"action": "deny", "!dst_tag": "T"}',
        '{"action": "allow"}',
        '{"action": "deny", "src_net": "0.0.0.0/0"}',
    ],
)
def test_different_rules_are_both_stored(calicoctl: Calicoctl, etcd: EtcdServer, present: str) -> None:
    etcd.put(RULES, stored(present))
    assert rule(calicoctl, "remove inbound deny") == Result(1, "", "Rule not found.\n")
    assert rule(calicoctl, "add inbound deny") == DONE
    assert etcd.get(RULES) == stored(f'{present}, {{"action": "deny"}}')


# Removing


@pytest.mark.parametrize(
    ("position", "left"), [("1", [1, 2]), ("2", [0, 2]), ("3", [0, 1]), ("+3", [0, 1]), (" 2", [0, 2])]
)
def test_remove_at_position(calicoctl: Calicoctl, etcd: EtcdServer, position: str, left: list[int]) -> None:
    etcd.put(RULES, THREE)
    assert calicoctl("profile", "P", "rule", "remove", "inbound", f"--at={position}") == DONE
    rules = json.loads(THREE)["inbound_rules"]
    assert etcd.get(RULES) == stored(", ".join(json.dumps(rules[place]) for place in left))


@pytest.mark.parametrize("position", ["0", "4", "-1", "9" * 40])
def test_remove_with_position_out_of_range_writes_nothing(
    calicoctl: Calicoctl, etcd: EtcdServer, position: str
) -> None:
    etcd.put(RULES, THREE)
    index = etcd.index()
    complaint = f"Rule position out-of-range.\nThe profile has 3 inbound rules; the position given is {position}.\n"
    assert rule(calicoctl, f"remove inbound --at={position}") == Result(1, "", complaint)
    assert etcd.index() == index


def test_remove_last_rule_leaves_empty_list(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, THREE)
    assert rule(calicoctl, "remove outbound --at=1") == DONE
    assert json.loads(etcd.get(RULES) or "")["outbound_rules"] == []
    complaint = "Rule position out-of-range.\nThe profile has 0 outbound rules; the position given is 1.\n"
    assert rule(calicoctl, "remove outbound --at=1") == Result(1, "", complaint)


def test_remove_deletes_first_equal_rule(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(
        RULES, stored('{"src_net": "10.0.0.0/8"}, {"action": "deny"}, {"action": "allow", "src_net": "10.1.1.1/8"}')
    )
    assert rule(calicoctl, "remove inbound allow from cidr 10.0.0.0/8") == DONE
    assert etcd.get(RULES) == stored('{"action": "deny"}, {"action": "allow", "src_net": "10.1.1.1/8"}')


def test_remove_missing_rule(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, THREE)
    index = etcd.index()
    assert rule(calicoctl, "remove outbound deny") == Result(1, "", "Rule not found.\n")
    assert rule(calicoctl, "remove inbound allow icmp type 8") == Result(1, "", "Rule not found.\n")
    assert etcd.index() == index


LONG_TAG = "t" * 200


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("allow icmp type 255", '{"action": "allow", "icmp_type": 255, "protocol": "icmp"}'),
        (
            "deny icmpv6 type 255 code 255 to cidr ::/0",
            '{"action": "deny", "dst_net": "::/0", "icmp_type": 255, "protocol": "icmpv6", "icmp_code": 255}',
        ),
        (f"allow from tag {LONG_TAG}", f'{{"action": "allow", "src_tag": "{LONG_TAG}"}}'),
        (
            f"deny tcp from ports 80-90 to tag {LONG_TAG}",
            f'{{"action": "deny", "dst_tag": "{LONG_TAG}", "protocol": "tcp", "src_ports": ["80:90"]}}',
        ),
    ],
    ids=lambda text: text[:30],
)
def test_remove_rule_that_is_invalid_as_new(calicoctl: Calicoctl, etcd: EtcdServer, words: str, text: str) -> None:
    """Legacy stored such rules; `remove` must accept them."""
    etcd.put(RULES, stored(f'{{"action": "deny"}}, {text}'))
    assert rule(calicoctl, "show").stdout.splitlines()[2].split()[1:] == words.replace("80-90", "80:90").split()
    assert rule(calicoctl, f"remove inbound {words}") == DONE
    assert etcd.get(RULES) == stored('{"action": "deny"}')
    assert rule(calicoctl, f"remove inbound {words}") == Result(1, "", "Rule not found.\n")
    assert rule(calicoctl, f"add inbound {words}").status == 1
    assert etcd.get(RULES) == stored('{"action": "deny"}')


def test_remove_refuses_rule_together_with_position(calicoctl: Calicoctl, proxy: Proxy) -> None:
    result = rule(calicoctl, "remove inbound --at=1 deny")
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "'deny' cannot be given with --at\nUsage:\n  calicoctl profile <PROFILE> rule remove (inbound|outbound) (--at="
    )
    assert proxy.requests == []
