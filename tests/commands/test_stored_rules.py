"""`calicoctl profile PROF rule show|json`, and edits beside unusual or unreadable rules, with a real etcd."""

from __future__ import annotations

import pytest

from tests.commands.profile_rules import DONE, RULES, THREE, rule, stored
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer

NOT_FOUND = Result(1, "", "Profile P not found.\n")


# Unknown fields are kept

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


def test_tag_edit_does_not_change_rules(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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
def test_missing_list_means_no_rules(calicoctl: Calicoctl, etcd: EtcdServer, value: str) -> None:
    etcd.put(RULES, value)
    assert rule(calicoctl, "show") == Result(0, "Inbound rules:\nOutbound rules:\n", "")
    assert rule(calicoctl, "add outbound deny") == DONE
    assert etcd.get(RULES) == '{"inbound_rules": [], "outbound_rules": [{"action": "deny"}]}'


def test_missing_key_means_no_rules(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


def test_show_more_than_999_rules(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(
        RULES, stored(", ".join(f'{{"action": "allow", "src_tag": "t{number}"}}' for number in range(1, 1001)), "")
    )
    lines = rule(calicoctl, "show").stdout.splitlines()
    assert lines[0] == "Inbound rules:"
    assert lines[9:11] == ["   9 allow from tag t9", "  10 allow from tag t10"]
    assert lines[999:] == [" 999 allow from tag t999", " 1000 allow from tag t1000", "Outbound rules:"]


def test_show_prints_all_fields_and_escapes_control_characters(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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
CONVERTED = "Ports stored as text, which make Felix reject the profile, are now numbers in 1 rule(s).\n"


@pytest.mark.parametrize(
    ("words", "before", "after"),
    [
        ("add inbound deny", [PORTS_AS_TEXT], [PORTS_AS_NUMBERS, '{"action": "deny"}']),
        ("remove inbound deny", [PORTS_AS_TEXT, '{"action": "deny"}'], [PORTS_AS_NUMBERS]),
        ("remove inbound --at=2", [PORTS_AS_TEXT, '{"action": "deny"}'], [PORTS_AS_NUMBERS]),
    ],
)
def test_edit_converts_text_ports_to_numbers(
    calicoctl: Calicoctl, etcd: EtcdServer, words: str, before: list[str], after: list[str]
) -> None:
    etcd.put(RULES, stored(", ".join(before), ""))
    shown = rule(calicoctl, "show")
    assert "allow tcp to ports 80,90:91" in shown.stdout
    assert 'inbound rule 1: dst_ports: "80" is neither a port as a number' in shown.stderr
    assert rule(calicoctl, words) == Result(0, "", CONVERTED)
    assert etcd.get(RULES) == stored(", ".join(after), "")
    assert rule(calicoctl, "show").stderr == ""


@pytest.mark.parametrize(
    ("given", "remarks"),
    [
        (PORTS_AS_TEXT, f"{CONVERTED}Rules added: 0, removed: 0, kept: 1.\n"),
        (f'{PORTS_AS_TEXT}, {{"action": "deny"}}', f"{CONVERTED}Rules added: 1, removed: 0, kept: 1.\n"),
        ('{"action": "deny"}', "Rules added: 1, removed: 1, kept: 0.\n"),
    ],
)
def test_update_reports_converted_ports_of_kept_rules_only(
    calicoctl: Calicoctl, etcd: EtcdServer, given: str, remarks: str
) -> None:
    etcd.put(RULES, stored(PORTS_AS_TEXT, ""))
    result = calicoctl("profile", "P", "rule", "update", stdin=f'{{"inbound_rules": [{given}], "outbound_rules": []}}')
    assert result == Result(0, "Successfully updated rules on profile P\n", remarks)


def test_add_existing_rule_does_not_convert_ports(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, stored(PORTS_AS_TEXT + ', {"action": "deny"}', ""))
    index = etcd.index()
    assert rule(calicoctl, "add inbound deny").stdout == "Rule already present, skipping.\n"
    assert etcd.index() == index


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


def test_json_of_stored_rule_that_is_invalid_as_new(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
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


# Unreadable rules

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
def test_directory_in_place_of_rules(calicoctl: Calicoctl, etcd: EtcdServer, command: str) -> None:
    etcd.put(f"{RULES}/x", "{}")
    index = etcd.index()
    assert rule(calicoctl, command) == Result(1, "", f"Cannot read {RULES}: it is a directory.\n")
    assert etcd.index() == index


@pytest.mark.parametrize("command", COMMANDS)
def test_rules_of_missing_profile(calicoctl: Calicoctl, etcd: EtcdServer, command: str) -> None:
    index = etcd.index()
    assert rule(calicoctl, command) == NOT_FOUND
    assert etcd.index() == index


def test_positions_are_at_least_three_characters_wide(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, stored(", ".join(f'{{"src_tag": "t{number}"}}' for number in range(1000)), ""))
    lines = rule(calicoctl, "show").stdout.split("\n")
    assert lines[1] == "   1 allow from tag t0"
    assert lines[99] == "  99 allow from tag t98"
    assert lines[1000] == " 1000 allow from tag t999"
