"""`calicoctl profile PROF rule add|remove|show|json`, against a real etcd."""

from __future__ import annotations

import json
import re

import pytest

from calicoctl.output import shortened
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy

RULES = "/calico/v1/policy/profile/P/rules"
NOT_FOUND = Result(1, "", "Profile P not found.\n")
DONE = Result(0, "", "")
THREE = (
    '{"inbound_rules": [{"action": "allow", "src_tag": "P"}, {"action": "deny", "protocol": "udp"}, '
    '{"action": "deny"}], "outbound_rules": [{"action": "allow"}]}'
)


def rule(calicoctl: Calicoctl, words: str) -> Result:
    """Run `calicoctl profile P rule` with the words of a text."""
    return calicoctl("profile", "P", "rule", *words.split())


def stored(inbound: str, outbound: str = '{"action": "allow"}') -> str:
    return f'{{"inbound_rules": [{inbound}], "outbound_rules": [{outbound}]}}'


# Adding


@pytest.mark.parametrize(("at", "words", "place", "order"), [
    (1, "deny", "3 to 1", "deny,allow,udp"),
    (0, "deny", "3 to 1", "deny,allow,udp"),
    (2, "deny", "3 to 2", "allow,deny,udp"),
    (3, "allow from tag P", "1 to 3", "udp,deny,allow"),
    (4, "allow from tag P", "1 to 3", "udp,deny,allow"),
    (2, "allow from tag P", "1 to 2", "udp,allow,deny"),
])  # fmt: skip
def test_add_at_a_place_moves_a_rule_that_is_elsewhere(
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


def test_ports_with_leading_zeros_are_removed_but_not_added(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


def test_add_appends_after_the_rules_of_a_new_profile(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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
def test_add_at_a_position(calicoctl: Calicoctl, etcd: EtcdServer, position: str, order: str) -> None:
    etcd.put(RULES, THREE)
    assert rule(calicoctl, f"add inbound {position} allow tcp") == DONE
    rules = json.loads(THREE)["inbound_rules"]
    letters = {"A": rules[0], "b": rules[1], "c": rules[2], "N": {"action": "allow", "protocol": "tcp"}}
    assert etcd.get(RULES) == stored(", ".join(json.dumps(letters[letter]) for letter in order))


def test_the_position_may_stand_anywhere(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, stored(""))
    assert calicoctl("profile", "--at=1", "P", "rule", "add", "inbound", "deny") == DONE
    assert rule(calicoctl, "add inbound allow tcp to ports 80 --at 1") == DONE
    assert etcd.get(RULES) == stored('{"action": "allow", "protocol": "tcp", "dst_ports": [80]}, {"action": "deny"}')


@pytest.mark.parametrize(
    ("position", "shown"), [("5", "5"), ("-1", "-1"), ("9" * 40, "9" * 40), ("-99", "-99"), ("+5", "5")]
)
def test_add_out_of_range_writes_nothing(calicoctl: Calicoctl, etcd: EtcdServer, position: str, shown: str) -> None:
    etcd.put(RULES, THREE)
    index = etcd.index()
    complaint = f"Position {shown} is out-of-range.\nThe profile has 3 inbound rules: positions 1 to 4 are possible.\n"
    assert rule(calicoctl, f"add inbound --at={position} allow tcp") == Result(1, "", complaint)
    # Also where the rule is there already.
    assert rule(calicoctl, f"add inbound --at={position} deny") == Result(1, "", complaint)
    assert etcd.index() == index


@pytest.mark.parametrize("position", ["", "x", "1.5", "1e2", "0x2", "1 2", "--", "9" * 1001, "²"])
@pytest.mark.parametrize("command", ["add", "remove"])
def test_a_position_that_is_no_integer(calicoctl: Calicoctl, proxy: Proxy, command: str, position: str) -> None:
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
def test_add_of_a_rule_that_is_there_in_another_spelling(
    calicoctl: Calicoctl, etcd: EtcdServer, present: str, words: str
) -> None:
    etcd.put(RULES, stored(present, ""))
    index = etcd.index()
    assert rule(calicoctl, f"add inbound {words}") == Result(0, "Rule already present, skipping.\n", "")
    assert etcd.index() == index
    assert rule(calicoctl, f"remove inbound {words}") == DONE
    assert etcd.get(RULES) == stored("", "")


def test_add_of_a_rule_that_is_there(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, THREE)
    index = etcd.index()
    present = "Rule already present, skipping.\n"
    assert rule(calicoctl, "add inbound deny") == Result(0, present, "")
    place = re.search(r"\d+ deny$", rule(calicoctl, "show").stdout.partition("Outbound")[0], re.MULTILINE)
    assert place is not None
    assert place[0].split()[0] == "3"
    assert rule(calicoctl, "add inbound --at=3 deny") == Result(0, present, "")
    assert rule(calicoctl, "add inbound --at=4 deny") == Result(0, present, "")  # at the end, where it is
    assert etcd.index() == index
    assert rule(calicoctl, "add outbound deny") == DONE  # the other direction is another list


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
def test_add_warns_of_a_stored_rule_that_would_not_be_stored_as_new(
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
def test_rules_that_are_not_equal(calicoctl: Calicoctl, etcd: EtcdServer, present: str) -> None:
    etcd.put(RULES, stored(present))
    assert rule(calicoctl, "remove inbound deny") == Result(1, "", "Rule not found.\n")
    assert rule(calicoctl, "add inbound deny") == DONE
    assert etcd.get(RULES) == stored(f'{present}, {{"action": "deny"}}')


# Removing


@pytest.mark.parametrize(
    ("position", "left"), [("1", [1, 2]), ("2", [0, 2]), ("3", [0, 1]), ("+3", [0, 1]), (" 2", [0, 2])]
)
def test_remove_at_a_position(calicoctl: Calicoctl, etcd: EtcdServer, position: str, left: list[int]) -> None:
    etcd.put(RULES, THREE)
    assert calicoctl("profile", "P", "rule", "remove", "inbound", f"--at={position}") == DONE
    rules = json.loads(THREE)["inbound_rules"]
    assert etcd.get(RULES) == stored(", ".join(json.dumps(rules[place]) for place in left))


@pytest.mark.parametrize("position", ["0", "4", "-1", "9" * 40])
def test_remove_out_of_range_writes_nothing(calicoctl: Calicoctl, etcd: EtcdServer, position: str) -> None:
    etcd.put(RULES, THREE)
    index = etcd.index()
    complaint = f"Rule position out-of-range.\nThe profile has 3 inbound rules; the position given is {position}.\n"
    assert rule(calicoctl, f"remove inbound --at={position}") == Result(1, "", complaint)
    assert etcd.index() == index


def test_remove_of_the_last_rule_leaves_an_empty_list(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, THREE)
    assert rule(calicoctl, "remove outbound --at=1") == DONE
    assert json.loads(etcd.get(RULES) or "")["outbound_rules"] == []
    complaint = "Rule position out-of-range.\nThe profile has 0 outbound rules; the position given is 1.\n"
    assert rule(calicoctl, "remove outbound --at=1") == Result(1, "", complaint)


def test_remove_takes_the_first_equal_rule(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(
        RULES, stored('{"src_net": "10.0.0.0/8"}, {"action": "deny"}, {"action": "allow", "src_net": "10.1.1.1/8"}')
    )
    assert rule(calicoctl, "remove inbound allow from cidr 10.0.0.0/8") == DONE
    assert etcd.get(RULES) == stored('{"action": "deny"}, {"action": "allow", "src_net": "10.1.1.1/8"}')


def test_remove_of_a_rule_that_is_not_there(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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
def test_remove_of_what_would_not_be_added(calicoctl: Calicoctl, etcd: EtcdServer, words: str, text: str) -> None:
    """Legacy stored such rules, and removing one is neither new nor a change."""
    etcd.put(RULES, stored(f'{{"action": "deny"}}, {text}'))
    assert rule(calicoctl, "show").stdout.splitlines()[2].split()[1:] == words.replace("80-90", "80:90").split()
    assert rule(calicoctl, f"remove inbound {words}") == DONE
    assert etcd.get(RULES) == stored('{"action": "deny"}')
    assert rule(calicoctl, f"remove inbound {words}") == Result(1, "", "Rule not found.\n")
    assert rule(calicoctl, f"add inbound {words}").status == 1
    assert etcd.get(RULES) == stored('{"action": "deny"}')


def test_remove_takes_a_rule_or_a_position(calicoctl: Calicoctl, proxy: Proxy) -> None:
    result = rule(calicoctl, "remove inbound --at=1 deny")
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "'deny' cannot be given with --at\nUsage:\n  calicoctl profile <PROFILE> rule remove (inbound|outbound) (--at="
    )
    assert proxy.requests == []


# What is not understood is kept

STRANGE = (
    '{"action": "next-tier", "src_selector": "a == \\"b\\"", "future": {"b": 1, "a": [null]}, "!src_net": "10.0.0.0/8"}'
)


def test_edits_keep_unknown_fields_and_members(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, f'{{"extra": {{"z": 1, "a": 2}}, "outbound_rules": [{STRANGE}], "id": "P", "inbound_rules": []}}')
    warning = (
        "Warning: Felix refuses the rules of profile P and drops all traffic of its endpoints: outbound rule 1: "
        "\"future\" is not a field of a rule. 'calicoq check' lists all problems.\n"
    )
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(0, "Tag T added to profile P\n", warning)
    assert rule(calicoctl, "add inbound deny") == Result(0, "", warning)
    kept = f'"outbound_rules": [{STRANGE}], "extra": {{"z": 1, "a": 2}}, "id": "P"}}'
    assert etcd.get(RULES) == f'{{"inbound_rules": [{{"action": "deny"}}], {kept}'
    assert rule(calicoctl, "remove inbound --at=1") == DONE
    assert etcd.get(RULES) == f'{{"inbound_rules": [], {kept}'
    assert etcd.get("/calico/v1/policy/profile/P/tags") == '["T"]'


def test_a_tag_edit_leaves_the_rules_alone(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, "{not even JSON")
    etcd.put("/calico/v1/policy/profile/P/further", "x")
    warning = (
        "Warning: Felix drops all traffic of the profile's endpoints. Cannot read /calico/v1/policy/profile/P/rules: "
        "Expecting property name enclosed in double quotes at line 1, column 2.  'calicoctl profile P rule update' "
        "replaces it.\n"
    )
    assert calicoctl("profile", "P", "tag", "add", "T") == Result(0, "Tag T added to profile P\n", warning)
    assert etcd.keys() == {
        RULES: "{not even JSON",
        "/calico/v1/policy/profile/P/further": "x",
        "/calico/v1/policy/profile/P/tags": '["T"]',
    }


@pytest.mark.parametrize("value", ["{}", '{"inbound_rules": []}', '{"outbound_rules": []}'])
def test_a_missing_list_counts_as_empty(calicoctl: Calicoctl, etcd: EtcdServer, value: str) -> None:
    etcd.put(RULES, value)
    assert rule(calicoctl, "show") == Result(0, "Inbound rules:\nOutbound rules:\n", "")
    assert rule(calicoctl, "add outbound deny") == DONE
    assert etcd.get(RULES) == '{"inbound_rules": [], "outbound_rules": [{"action": "deny"}]}'


def test_a_missing_key_counts_as_no_rules(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/policy/profile/P/tags", "[]")
    assert rule(calicoctl, "show") == Result(0, "Inbound rules:\nOutbound rules:\n", "")
    assert rule(calicoctl, "json") == Result(0, '{\n  "inbound_rules": [],\n  "outbound_rules": []\n}\n', "")
    assert rule(calicoctl, "add inbound deny") == DONE
    assert etcd.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


# Showing


def test_show(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, THREE)
    text = """\
Inbound rules:
   1 allow from tag P
   2 deny udp
   3 deny
Outbound rules:
   1 allow
"""
    assert rule(calicoctl, "show") == Result(0, text, "")


def test_show_of_more_than_999_rules(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(
        RULES, stored(", ".join(f'{{"action": "allow", "src_tag": "t{number}"}}' for number in range(1, 1001)), "")
    )
    lines = rule(calicoctl, "show").stdout.splitlines()
    assert lines[0] == "Inbound rules:"
    assert lines[9:11] == ["   9 allow from tag t9", "  10 allow from tag t10"]
    assert lines[999:] == [" 999 allow from tag t999", " 1000 allow from tag t1000", "Outbound rules:"]


def test_show_leaves_nothing_of_a_rule_out_and_sends_no_control_characters(
    calicoctl: Calicoctl, etcd: EtcdServer
) -> None:
    etcd.put(RULES, stored(STRANGE, '{"src_tag": "a\\u001b[2J", "dst_selector": "x\\n", "log_prefix": "\\u009b"}'))
    text = """\
Inbound rules:
   1 next-tier from not cidr 10.0.0.0/8 selector "a == \\"b\\"" with future={"b": 1, "a": [null]}
Outbound rules:
   1 allow from tag "a\\u001b[2J" to selector "x\\n" log-prefix "\\x9b"
"""
    result = rule(calicoctl, "show")
    assert (result.status, result.stdout) == (0, text)
    assert result.stderr == (
        "Warning: Felix refuses the rules of profile P and drops all traffic of its endpoints: inbound rule 1: "
        "\"future\" is not a field of a rule. 'calicoq check' lists all problems.\n"
    )


PORTS_AS_TEXT = '{"action": "allow", "protocol": "tcp", "dst_ports": ["80", "90:91"]}'
PORTS_AS_NUMBERS = PORTS_AS_TEXT.replace('"80"', "80")
MENDED = "Ports stored as text, which make Felix reject the profile, are now numbers in 1 rule(s).\n"


@pytest.mark.parametrize(
    ("words", "before", "after"),
    [
        ("add inbound deny", [PORTS_AS_TEXT], [PORTS_AS_NUMBERS, '{"action": "deny"}']),
        ("remove inbound deny", [PORTS_AS_TEXT, '{"action": "deny"}'], [PORTS_AS_NUMBERS]),
        ("remove inbound --at=2", [PORTS_AS_TEXT, '{"action": "deny"}'], [PORTS_AS_NUMBERS]),
    ],
)
def test_an_edit_stores_ports_as_numbers(
    calicoctl: Calicoctl, etcd: EtcdServer, words: str, before: list[str], after: list[str]
) -> None:
    etcd.put(RULES, stored(", ".join(before), ""))
    shown = rule(calicoctl, "show")
    assert "allow tcp to ports 80,90:91" in shown.stdout
    assert 'inbound rule 1: dst_ports: "80" is neither a port as a number' in shown.stderr
    assert rule(calicoctl, words) == Result(0, "", MENDED)
    assert etcd.get(RULES) == stored(", ".join(after), "")
    assert rule(calicoctl, "show").stderr == ""


@pytest.mark.parametrize(
    ("given", "remarks"),
    [
        (PORTS_AS_TEXT, f"{MENDED}Rules added: 0, removed: 0, kept: 1.\n"),
        (f'{PORTS_AS_TEXT}, {{"action": "deny"}}', f"{MENDED}Rules added: 1, removed: 0, kept: 1.\n"),
        ('{"action": "deny"}', "Rules added: 1, removed: 1, kept: 0.\n"),
    ],
)
def test_an_update_counts_as_mended_what_it_keeps(
    calicoctl: Calicoctl, etcd: EtcdServer, given: str, remarks: str
) -> None:
    etcd.put(RULES, stored(PORTS_AS_TEXT, ""))
    result = calicoctl("profile", "P", "rule", "update", stdin=f'{{"inbound_rules": [{given}], "outbound_rules": []}}')
    assert result == Result(0, "Successfully updated rules on profile P\n", remarks)


def test_a_rule_that_is_present_is_no_edit(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, stored(PORTS_AS_TEXT + ', {"action": "deny"}', ""))
    index = etcd.index()
    assert rule(calicoctl, "add inbound deny").stdout == "Rule already present, skipping.\n"
    assert etcd.index() == index


@pytest.mark.parametrize(
    ("cidr", "problem"),
    [
        ("10", "it is only the beginning of an address: give all four numbers"),
        ("192.168/16", "it is only the beginning of an address: give all four numbers"),
        ("172.16", "it is only the beginning of an address: give all four numbers"),
        ("010.0.0.8", "some programs read leading zeros as octal: write it without them"),
        ("012.0.0.0/8", "some programs read leading zeros as octal: write it without them"),
    ],
)
def test_networks_that_may_mean_another(calicoctl: Calicoctl, etcd: EtcdServer, cidr: str, problem: str) -> None:
    etcd.put(RULES, stored("", ""))
    message = f"Invalid CIDR specified.\nValue provided is '{cidr}'\n{cidr}: {problem}\n"
    assert rule(calicoctl, f"add inbound allow from cidr {cidr}") == Result(1, "", message)
    given = json.dumps({"inbound_rules": [{"src_net": cidr}], "outbound_rules": []})
    result = calicoctl("profile", "P", "rule", "update", stdin=given)
    assert result == Result(1, "", f'inbound rule 1: src_net: "{cidr}": {problem}\nNothing was written.\n')
    as_stored = {"10": "10.0.0.0/32", "172.16": "172.16.0.0/32"}.get(cidr, cidr)
    etcd.put(RULES, stored(f'{{"action": "allow", "src_net": "{as_stored}"}}', ""))
    assert rule(calicoctl, f"remove inbound allow from cidr {cidr}") == DONE


def test_json(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    calicoctl("profile", "add", "P")
    rule(calicoctl, "add inbound --at=1 allow tcp from ports 1:2 to ports 80,443")
    text = """\
{
  "inbound_rules": [
    {
      "action": "allow",
      "protocol": "tcp",
      "dst_ports": [
        80,
        443
      ],
      "src_ports": [
        "1:2"
      ]
    },
    {
      "action": "allow",
      "src_tag": "P"
    }
  ],
  "outbound_rules": [
    {
      "action": "allow"
    }
  ]
}
"""
    assert rule(calicoctl, "json") == Result(0, text, "")


def test_json_of_what_new_input_could_not_create(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, '{"id": "\\u00e9", "inbound_rules": [{"z": "\\ud800", "protocol": 6, "action": null}]}')
    text = """\
{
  "inbound_rules": [
    {
      "action": null,
      "protocol": 6,
      "z": "\\ud800"
    }
  ],
  "outbound_rules": [],
  "id": "\\u00e9"
}
"""
    assert rule(calicoctl, "json") == Result(0, text, "")


# Rules that cannot be read

COMMANDS = ["show", "json", "add inbound deny", "remove inbound deny", "remove inbound --at=1"]
REMEDY = "'calicoctl profile P rule update' replaces it."


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("", "Expecting value at line 1, column 1"),
        ('{"inbound_rules": [}', "Expecting value at line 1, column 20"),
        ("[]", "it is not an object with the lists inbound_rules and outbound_rules"),
        ('{"inbound_rules": {}}', "inbound_rules is not a list of objects"),
        ('{"outbound_rules": [{}, "x"]}', "outbound_rules is not a list of objects"),
        ('{"inbound_rules": null}', "inbound_rules is not a list of objects"),
        ('{"inbound_rules": [{"icmp_type": NaN}]}', "NaN is not JSON at line 1, column 34"),
        ('{"inbound_rules": [1e999x]}', "the number 1e999 is out of range at line 1, column 20"),
        ("[" * 100_000, "it is nested too deeply at line 1, column 101"),
    ],
)
def test_malformed_rules(calicoctl: Calicoctl, etcd: EtcdServer, command: str, value: str, cause: str) -> None:
    etcd.put(RULES, value)
    index = etcd.index()
    assert rule(calicoctl, command) == Result(1, "", f"Cannot read {RULES}: {cause}.  {REMEDY}\n")
    assert etcd.index() == index


@pytest.mark.parametrize("command", COMMANDS)
def test_a_directory_in_place_of_the_rules(calicoctl: Calicoctl, etcd: EtcdServer, command: str) -> None:
    etcd.put(f"{RULES}/x", "{}")
    index = etcd.index()
    assert rule(calicoctl, command) == Result(1, "", f"Cannot read {RULES}: it is a directory.\n")
    assert etcd.index() == index


@pytest.mark.parametrize("command", COMMANDS)
def test_rules_of_a_missing_profile(calicoctl: Calicoctl, etcd: EtcdServer, command: str) -> None:
    index = etcd.index()
    assert rule(calicoctl, command) == NOT_FOUND
    assert etcd.index() == index


# Arguments: all refusals of a command together, before anything is read

NAME = """\
Profile names must be < 129 character long and can only contain numbers,
letters, dots, dashes and underscores.
Value provided is '{}'

"""
TAG = """\
Tags names can only contain numbers, letters, dots, dashes and underscores.
Value provided is '{}'; a tag has 1 to 128 characters

"""
CIDR = "Invalid CIDR specified.\nValue provided is '{}'\n"
ICMP = """\
Invalid ICMP type or ICMP code specified.
Value provided is '{}'; a type is a number from 0 to {}, a code from 0 to 255
"""
PORTS = """\
Invalid SRCPORTS or DSTPORTS specified.
Value provided is '{}': {}
Expecting a comma-separated list of ports and port ranges such as 80,443,8080:8090
"""
VERSIONS = "Invalid or unmatching IP versions for SRCCIDR/DSTCIDR.\n"
POSITION = "Invalid position specified.\nValue provided is '{}'; a position is a whole number\n"


def refusal(calicoctl: Calicoctl, proxy: Proxy, *words: str) -> str:
    """What `rule add` and `rule remove` say to a rule that both refuse without asking etcd anything."""
    text, other = (refusal_of(command, calicoctl, proxy, *words) for command in ("add", "remove"))
    assert text == other
    return text


def refusal_of(command: str, calicoctl: Calicoctl, proxy: Proxy, *words: str) -> str:
    """What one of the two says without asking etcd anything."""
    result = calicoctl("profile", "P", "rule", command, "inbound", *words)
    assert (result.status, result.stdout) == (1, "")
    assert proxy.requests == []
    return result.stderr


@pytest.mark.parametrize(
    "cidr",
    [
        "",
        "x",
        "10.0.0.0/33",
        "fe80::/129",
        "10.0.0.256",
        "10.0.0.0/255.0.255.0",
        "10.0.0.0/-1",
        "٣",
        "10.0.0.0/8/8",
        "10..1",
        "1:2",
    ],
)
def test_networks_that_are_refused(calicoctl: Calicoctl, proxy: Proxy, cidr: str) -> None:
    assert refusal(calicoctl, proxy, "allow", "from", "cidr", cidr) == CIDR.format(cidr)


@pytest.mark.parametrize(
    "words", ["type 255", "type 256", "type x", "type 8 code 256", "type 8 code x", "type 8.0", "type ²"]
)
@pytest.mark.parametrize("protocol", ["icmp", "icmpv6"])
def test_icmp_types_and_codes_that_are_refused(calicoctl: Calicoctl, proxy: Proxy, protocol: str, words: str) -> None:
    bad = words.split()[-1]
    for command, last in (("add", 254), ("remove", 255)):
        if bad != str(last):
            text = refusal_of(command, calicoctl, proxy, "allow", protocol, *words.split())
            assert text == ICMP.format(bad, last)


@pytest.mark.parametrize(
    ("ports", "cause"),
    [
        ("", '"" is not a port or a range of ports such as 80:90'),
        ("80,", '"" is not a port or a range of ports such as 80:90'),
        ("x", '"x" is not a port or a range of ports such as 80:90'),
        ("80, 443", '" 443" is not a port or a range of ports such as 80:90'),
        ("+80", '"+80" is not a port or a range of ports such as 80:90'),
        ("80:", '"80:" is not a port or a range of ports such as 80:90'),
        ("80:90:95", '"80:90:95" is not a port or a range of ports such as 80:90'),
        ("65536", '"65536" is above the last port, 65535'),
        ("1,80:65536", '"80:65536" is above the last port, 65535'),
        ("90:80", '"90:80" ends before it begins'),
        ("90-80", '"90-80" ends before it begins'),
    ],
)
def test_ports_that_are_refused(calicoctl: Calicoctl, proxy: Proxy, ports: str, cause: str) -> None:
    assert refusal(calicoctl, proxy, "allow", "tcp", "to", "ports", ports) == PORTS.format(ports, cause)
    assert refusal(calicoctl, proxy, "allow", "udp", "from", "ports", ports) == PORTS.format(ports, cause)


@pytest.mark.parametrize("tag", ["", "a b", "a/b", "é", "x" * 129])
def test_tags_that_are_refused(calicoctl: Calicoctl, proxy: Proxy, tag: str) -> None:
    for words in (["allow", "from", "tag", tag], ["allow", "tcp", "to", "tag", tag]):
        for command in ("add", "remove") if len(tag) < 129 else ("add",):
            assert refusal_of(command, calicoctl, proxy, *words) == TAG.format(tag)


@pytest.mark.parametrize(
    "words",
    [
        "allow from cidr 10.0.0.0/8 to cidr fe80::/64",
        "allow tcp from cidr fe80::1 to cidr 10.0.0.1",
        "allow icmp from cidr fe80::/64",
        "allow icmp to cidr fe80::/64",
        "allow icmpv6 from cidr 10.0.0.0/8",
        "allow icmpv6 type 8 from cidr fe80::1 to cidr 10.0.0.0/8",
    ],
)
def test_ip_versions_that_do_not_match(calicoctl: Calicoctl, proxy: Proxy, words: str) -> None:
    assert refusal(calicoctl, proxy, *words.split()) == VERSIONS


def test_all_refusals_come_together_and_in_order(calicoctl: Calicoctl, proxy: Proxy) -> None:
    words = "allow tcp from ports 1,x tag a,b cidr 10/33 to ports 70000 tag c/d cidr fe80::/200".split()
    result = calicoctl("profile", "a/b", "rule", "add", "inbound", "--at=first", *words)
    assert result == Result(
        1,
        "",
        NAME.format("a/b")
        + TAG.format("a,b' and 'c/d")
        + CIDR.format("10/33' and 'fe80::/200")
        + """\
Invalid SRCPORTS or DSTPORTS specified.
Value provided is '1,x': "x" is not a port or a range of ports such as 80:90
Value provided is '70000': "70000" is above the last port, 65535
Expecting a comma-separated list of ports and port ranges such as 80,443,8080:8090
"""
        + POSITION.format("first"),
    )
    words = "deny icmp type 300 code x from tag a,b cidr nowhere".split()
    result = calicoctl("profile", ".", "rule", "remove", "outbound", *words)
    icmp = ICMP.format("300' and 'x", 255)
    assert result == Result(1, "", NAME.format(".") + TAG.format("a,b") + CIDR.format("nowhere") + icmp)
    assert proxy.requests == []


def test_positions_are_three_wide_or_more(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, stored(", ".join(f'{{"src_tag": "t{number}"}}' for number in range(1000)), ""))
    lines = rule(calicoctl, "show").stdout.split("\n")
    assert lines[1] == "   1 allow from tag t0"
    assert lines[99] == "  99 allow from tag t98"
    assert lines[1000] == " 1000 allow from tag t999"
