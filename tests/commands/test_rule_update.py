"""`calicoctl profile PROF rule update`, with a real etcd."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calicoctl.etcd.form import MAX_FORM_BYTES
from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdError, EtcdServer
from tests.model.strategies import ANY_TEXT, json_values, odd_fields
from tests.proxy import Proxy
from tests.sampling import examples

RULES = "/calico/v1/policy/profile/P/rules"
UPDATED = Result(0, "Successfully updated rules on profile P\n", "")
NOTHING = "Nothing was written.\n"
OLD = '{"inbound_rules": [{"action": "deny"}], "outbound_rules": [{"action": "allow"}]}'
EMPTY = '{"inbound_rules": [], "outbound_rules": []}'


TALLY = re.compile(r"Rules added: [0-9]+, removed: [0-9]+, kept: [0-9]+\.\n\Z")


def update(calicoctl: Calicoctl, document: str | bytes) -> Result:
    """Run `rule update`; remove the tally, the last line on stderr after every success."""
    result = calicoctl("profile", "P", "rule", "update", stdin=document)
    assert bool(TALLY.search(result.stderr)) == (result.status == 0)
    return result._replace(stderr=TALLY.sub("", result.stderr))


def inbound(*rules: dict[str, Any]) -> str:
    """Return a document with these inbound rules and no outbound ones."""
    return json.dumps({"inbound_rules": rules, "outbound_rules": []})


def refused(calicoctl: Calicoctl, etcd: EtcdServer, document: str | bytes) -> str:
    """Return the message of `rule update` for a document that it refuses without writing anything."""
    etcd.put(RULES, OLD)
    index = etcd.index()
    result = update(calicoctl, document)
    assert (result.status, result.stdout) == (1, "")
    assert etcd.index() == index
    return result.stderr


# Stored values


def test_example_of_documentation(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    calicoctl("profile", "add", "P")
    document = """\
{
  "inbound_rules": [
    {
      "action": "allow",
      "protocol": "tcp",
      "dst_ports": [
        80,
        443
      ]
    },
    {
      "action": "allow",
      "icmp_type": 8,
      "protocol": "icmp"
    }
  ],
  "outbound_rules": [
    {
      "action": "allow"
    }
  ]
}
"""
    assert update(calicoctl, document) == UPDATED
    assert etcd.keys() == {
        "/calico/v1/policy/profile/P/labels": "{}",
        RULES: (
            '{"inbound_rules": [{"action": "allow", "protocol": "tcp", "dst_ports": [80, 443]}, '
            '{"action": "allow", "icmp_type": 8, "protocol": "icmp"}], "outbound_rules": [{"action": "allow"}]}'
        ),
        "/calico/v1/policy/profile/P/tags": '["P"]',
    }
    assert calicoctl("profile", "P", "rule", "json") == Result(0, document, "")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"action": "next-tier"}, '{"action": "next-tier"}'),
        ({"action": "log", "log_prefix": "drop: é"}, '{"action": "log", "log_prefix": "drop: \\u00e9"}'),
        ({"ip_version": 6, "!src_tag": "A"}, '{"ip_version": 6, "!src_tag": "A"}'),
        ({"src_selector": 'role == "db" && has(x)'}, '{"src_selector": "role == \\"db\\" && has(x)"}'),
        ({"!dst_selector": ""}, '{"!dst_selector": ""}'),
        ({"protocol": "17", "dst_ports": ["53", "1-2", "3:3"]}, '{"protocol": "udp", "dst_ports": [53, "1:2", 3]}'),
        ({"protocol": 1, "icmp_type": 0}, '{"icmp_type": 0, "protocol": "icmp"}'),
        ({"protocol": "132"}, '{"protocol": 132}'),
        ({"!protocol": "tcp"}, '{"!protocol": "tcp"}'),
        ({"src_net": "FE80::0:1", "!dst_net": "fd80::/10"}, '{"src_net": "fe80::1/128", "!dst_net": "fd80::/10"}'),
        ({"src_nets": ["10.0.0.0/8"]}, '{"src_net": "10.0.0.0/8"}'),
        ({"!src_nets": ["10.0.0.0/8"]}, '{"!src_net": "10.0.0.0/8"}'),
        (
            {"src_ports": [1], "protocol": "tcp", "dst_net": "10.0.0.0/8", "action": "deny"},
            '{"action": "deny", "dst_net": "10.0.0.0/8", "protocol": "tcp", "src_ports": [1]}',
        ),
        (
            {"action": "allow", "src_nets": ["10.0.0.0/8", "11.0.0.0/8"], "dst_nets": ["12.0.0.0/8", "13.0.0.0/8"]},
            '{"action": "allow", "dst_net": "12.0.0.0/8", "src_net": "10.0.0.0/8"}, '
            '{"action": "allow", "dst_net": "13.0.0.0/8", "src_net": "10.0.0.0/8"}, '
            '{"action": "allow", "dst_net": "12.0.0.0/8", "src_net": "11.0.0.0/8"}, '
            '{"action": "allow", "dst_net": "13.0.0.0/8", "src_net": "11.0.0.0/8"}',
        ),
    ],
)
def test_stored_form(calicoctl: Calicoctl, etcd: EtcdServer, given: dict[str, Any], text: str) -> None:
    etcd.put(RULES, OLD)
    assert update(calicoctl, inbound(given)) == UPDATED
    assert etcd.get(RULES) == f'{{"inbound_rules": [{text}], "outbound_rules": []}}'
    # The stored form is accepted unchanged, and nothing is written.
    index = etcd.index()
    assert update(calicoctl, calicoctl("profile", "P", "rule", "json").stdout) == UPDATED
    assert etcd.index() == index


def test_id_is_kept(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, OLD)
    assert update(calicoctl, '{"id": "P", "outbound_rules": [], "inbound_rules": []}') == UPDATED
    assert etcd.get(RULES) == '{"inbound_rules": [], "outbound_rules": [], "id": "P"}'
    assert update(calicoctl, inbound({"action": "deny"})) == UPDATED
    assert etcd.get(RULES) == '{"inbound_rules": [{"action": "deny"}], "outbound_rules": [], "id": "P"}'
    assert update(calicoctl, '{"id": "Q", "outbound_rules": [], "inbound_rules": []}') == UPDATED
    assert etcd.get(RULES) == '{"inbound_rules": [], "outbound_rules": [], "id": "Q"}'


def test_other_stored_members_are_kept(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, '{"inbound_rules": [], "future": {"b": [1], "a": null}}')
    assert update(calicoctl, inbound({"action": "deny"})) == UPDATED
    kept = '"future": {"b": [1], "a": null}}'
    assert etcd.get(RULES) == f'{{"inbound_rules": [{{"action": "deny"}}], "outbound_rules": [], {kept}'
    assert update(calicoctl, calicoctl("profile", "P", "rule", "json").stdout) == UPDATED
    assert refused(calicoctl, etcd, '{"inbound_rules": [], "outbound_rules": [], "future": {}}') == (
        f'"future" is neither inbound_rules nor outbound_rules\n{NOTHING}'
    )


@pytest.mark.parametrize(
    "value",
    [
        OLD,
        EMPTY,
        '{"outbound_rules":[],"inbound_rules":[{"src_tag":"A","action":"allow"}]}',
        '{"inbound_rules": [{"future": {"b": 1, "a": 2}, "src_net": "nonsense", "protocol": 6.5}]}',
        '{"inbound_rules": [{"action": "accept", "dst_ports": "80", "src_nets": ["10/8"], "!x": []}], "x": [0.5]}',
        '{"inbound_rules": [{}, {"action": null}], "outbound_rules": [{"src_tag": "\\ud800"}]}',
    ],
)
def test_update_with_json_output_does_not_change_key(calicoctl: Calicoctl, etcd: EtcdServer, value: str) -> None:
    etcd.put(RULES, value)
    index = etcd.index()
    result = update(calicoctl, calicoctl("profile", "P", "rule", "json").stdout)
    assert (result.status, result.stdout) == (0, UPDATED.stdout)
    assert etcd.index() == index
    assert etcd.get(RULES) == value


STORED_RULES = st.lists(odd_fields(), max_size=3)


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORED_RULES, STORED_RULES, st.dictionaries(ANY_TEXT, json_values(), max_size=2))
def test_update_with_json_output_does_not_change_any_stored_value(
    calicoctl: Calicoctl, etcd: EtcdServer, inbound: list[Any], outbound: list[Any], members: dict[str, Any]
) -> None:
    etcd.put(RULES, json.dumps({**members, "outbound_rules": outbound, "inbound_rules": inbound}))
    index = etcd.index()
    shown = calicoctl("profile", "P", "rule", "json")
    assert (shown.status, shown.stderr) == (0, "")
    result = update(calicoctl, shown.stdout)
    assert (result.status, result.stdout) == (0, UPDATED.stdout)
    assert etcd.index() == index


def test_stored_rule_that_is_invalid_as_new_is_kept_with_warning(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, '{"inbound_rules": [{"action": "allow", "future": 1}], "outbound_rules": []}')
    result = update(calicoctl, inbound({"action": "deny"}, {"future": 1, "action": "allow"}))
    warning = 'Warning: inbound rule 2: kept as it is stored, though "future" is not a field of a rule.\n'
    assert result == Result(0, UPDATED.stdout, warning)
    assert etcd.get(RULES) == (
        '{"inbound_rules": [{"action": "deny"}, {"action": "allow", "future": 1}], "outbound_rules": []}'
    )
    complaint = f'inbound rule 1: "future" is not a field of a rule\n{NOTHING}'
    assert refused(calicoctl, etcd, inbound({"action": "allow", "future": 1})) == complaint


@pytest.mark.parametrize("value", ["", "{", "[]", '{"inbound_rules": 5}'])
def test_malformed_rules_are_replaced(calicoctl: Calicoctl, etcd: EtcdServer, value: str) -> None:
    etcd.put(RULES, value)
    assert update(calicoctl, EMPTY) == UPDATED
    assert etcd.get(RULES) == EMPTY


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"action": "allow", "src_net": None}, "src_net"), ({"action": None}, "action"), ({"dst_tag": None}, "dst_tag")],
)
def test_null_is_refused_even_if_stored_rule_omits_field(
    calicoctl: Calicoctl, etcd: EtcdServer, fields: Any, field: str
) -> None:
    complaint = f"inbound rule 1: {field}: null is not a value; give one, or leave the field out\n{NOTHING}"
    assert refused(calicoctl, etcd, inbound(fields)) == complaint  # the stored outbound rule allows everything


@pytest.mark.parametrize(
    ("before", "document", "tally"),
    [
        (EMPTY, EMPTY, (0, 0, 0)),
        (OLD, OLD, (0, 0, 2)),
        (OLD, EMPTY, (0, 2, 0)),
        ("{", OLD, (2, 0, 0)),
        # An equal rule in the other direction does not count as the same rule.
        (OLD, '{"inbound_rules": [{"action": "allow"}], "outbound_rules": [{"action": "allow"}]}', (1, 1, 1)),
        # Each of two equal rules counts.
        (inbound({"action": "deny"}, {"action": "deny"}), inbound({"action": "deny"}, {"action": "deny"}), (0, 0, 2)),
        (inbound({"action": "deny"}), inbound({"action": "deny"}, {"action": "deny"}), (1, 0, 1)),
        (inbound({"action": "deny"}, {"action": "deny"}, {"action": "log"}), inbound({"action": "deny"}), (0, 2, 1)),
        (inbound({"action": "deny"}, {"action": "log"}), inbound({"action": "log"}, {"action": "deny"}), (0, 0, 2)),
    ],
)
def test_tally_of_added_removed_and_kept_rules(
    calicoctl: Calicoctl, etcd: EtcdServer, before: str, document: str, tally: tuple[int, int, int]
) -> None:
    etcd.put(RULES, before)
    result = calicoctl("profile", "P", "rule", "update", stdin=document)
    line = "Rules added: {}, removed: {}, kept: {}.\n".format(*tally)
    assert result == Result(0, UPDATED.stdout, line)


def test_missing_key_is_written(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    # A profile without rules drops all traffic; with empty lists, evaluation continues with the next profile.
    etcd.put("/calico/v1/policy/profile/P/tags", "[]")
    assert update(calicoctl, EMPTY) == UPDATED
    assert etcd.get(RULES) == EMPTY


def test_directory_in_place_of_rules(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{RULES}/x", "{}")
    index = etcd.index()
    assert update(calicoctl, EMPTY) == Result(1, "", f"Cannot read {RULES}: it is a directory.\n")
    assert etcd.index() == index


@pytest.mark.parametrize("document", [EMPTY, "{", ""])
def test_missing_profile(calicoctl: Calicoctl, etcd: EtcdServer, document: str) -> None:
    index = etcd.index()
    assert update(calicoctl, document) == Result(1, "", "Profile P not found.\n")
    assert etcd.index() == index


# Refusals


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        ("", "Expecting value at line 1, column 1"),
        (" \n\n  ", "Expecting value at line 3, column 3"),
        ('{"inbound_rules": [\n  {,\n', "Expecting property name enclosed in double quotes at line 2, column 4"),
        ('{"inbound_rules": []}\n}', "Extra data at line 2, column 1"),
        ('{"inbound_rules": [{"action": "allow"', "Expecting ',' delimiter at line 1, column 38"),
        ("[]", "it is not an object with the lists inbound_rules and outbound_rules"),
        ('"rules"', "it is not an object with the lists inbound_rules and outbound_rules"),
        ("null", "it is not an object with the lists inbound_rules and outbound_rules"),
        ('{"inbound_rules": [], "inbound_rules": []}', '"inbound_rules" appears twice in one object'),
        ('{"inbound_rules": [{"icmp_type": NaN}]}', "NaN is not JSON at line 1, column 34"),
        ('{"inbound_rules": [{"icmp_type": -Infinity}]}', "-Infinity is not JSON at line 1, column 34"),
        ('{"inbound_rules": [{"icmp_type": 1e999}]}', "the number 1e999 is out of range at line 1, column 34"),
        ('{"inbound_rules": [NaNx], "outbound_rules": []}', "NaN is not JSON at line 1, column 20"),
        ('{"inbound_rules": [1e999.5]}', "the number 1e999 is out of range at line 1, column 20"),
        (
            f'{{"inbound_rules": [{{"icmp_type": {"1" * 5000}}}]}}',
            "a number has too many digits at line 1, column 34",
        ),
        ("[" * 100_000, "it is nested too deeply at line 1, column 101"),
    ],
)
def test_input_is_not_a_document(calicoctl: Calicoctl, etcd: EtcdServer, document: str, cause: str) -> None:
    assert refused(calicoctl, etcd, document) == f"Invalid rules on standard input: {cause}.\n{NOTHING}"


@pytest.mark.parametrize(
    ("document", "complaints"),
    [
        (
            "{}",
            [
                "inbound_rules is missing; an empty list means no rules",
                "outbound_rules is missing; an empty list means no rules",
            ],
        ),
        ('{"inbound_rules": []}', ["outbound_rules is missing; an empty list means no rules"]),
        (
            '{"inbound_rules": {}, "outbound_rules": null}',
            ["inbound_rules is not a list", "outbound_rules is not a list"],
        ),
        (
            '{"inbound_rules": [1], "outbound_rules": [{}, []]}',
            ["inbound rule 1: is not an object", "outbound rule 2: is not an object"],
        ),
        (
            '{"inbound_rules": [], "outbound_rules": [], "tags": [], "id": 3}',
            ['"tags" is neither inbound_rules nor outbound_rules', "id is not a string"],
        ),
    ],
)
def test_documents_with_wrong_structure(
    calicoctl: Calicoctl, etcd: EtcdServer, document: str, complaints: list[str]
) -> None:
    assert refused(calicoctl, etcd, document) == "\n".join(complaints) + "\n" + NOTHING


PROTOCOLS = "tcp, udp, icmp, icmpv6, sctp, udplite or a number from 1 to 255"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        # Unknown fields
        ({"acton": "allow"}, '"acton" is not a field of a rule; did you mean action?'),
        ({"completely": "else"}, '"completely" is not a field of a rule'),
        ({"!ip_version": 4}, '"!ip_version" is not a field of a rule; did you mean ip_version?'),
        ({"é\n": 1}, '"é\\n" is not a field of a rule'),
        # Types and values
        ({"action": "accept"}, 'action: "accept" is not one of allow, deny, next-tier, log'),
        ({"action": ["allow"]}, 'action: ["allow"] is not one of allow, deny, next-tier, log'),
        ({"ip_version": "4"}, 'ip_version: "4" is not the number 4 or 6'),
        ({"ip_version": 5}, "ip_version: 5 is not the number 4 or 6"),
        ({"protocol": "TCP"}, f'protocol: "TCP" is not one of {PROTOCOLS}'),
        ({"!protocol": 0}, f"!protocol: 0 is not one of {PROTOCOLS}"),
        ({"protocol": True}, f"protocol: true is not one of {PROTOCOLS}"),
        ({"protocol": 6.0}, f"protocol: 6.0 is not one of {PROTOCOLS}"),
        ({"src_tag": "a b"}, 'src_tag: "a b" is not a tag: 1 to 128 letters, digits, dots, dashes and underscores'),
        ({"!dst_tag": 5}, "!dst_tag: 5 is not a tag: 1 to 128 letters, digits, dots, dashes and underscores"),
        ({"src_net": "x"}, 'src_net: "x" is not a CIDR such as 10.0.0.0/8 or fd80::/64'),
        ({"dst_net": ["10.0.0.0/8"]}, 'dst_net: ["10.0.0.0/8"] is not a CIDR'),
        ({"src_nets": "10.0.0.0/8"}, 'src_nets: "10.0.0.0/8" is not a list of networks'),
        ({"src_nets": []}, "src_nets: the list of networks is empty; leave the field out to match all networks"),
        ({"protocol": "tcp", "dst_ports": "80"}, 'dst_ports: "80" is not a list of ports'),
        (
            {"protocol": "tcp", "dst_ports": []},
            "dst_ports: the list of ports is empty; leave the field out to match all ports",
        ),
        ({"protocol": "tcp", "dst_ports": [80.5]}, "dst_ports: 80.5 is not a port or a range of ports such as 80:90"),
        ({"protocol": "tcp", "dst_ports": [True]}, "dst_ports: true is not a port or a range of ports such as 80:90"),
        ({"protocol": "tcp", "dst_ports": ["90:80"]}, 'dst_ports: "90:80" ends before it begins'),
        ({"protocol": "tcp", "dst_ports": [65536]}, "dst_ports: 65536 is above the last port, 65535"),
        ({"protocol": "icmp", "icmp_type": 255}, "icmp_type: 255 is not a number from 0 to 254"),
        ({"protocol": "icmp", "icmp_type": "8"}, 'icmp_type: "8" is not a number from 0 to 254'),
        ({"protocol": "icmp", "icmp_type": 8, "icmp_code": 8.9}, "icmp_code: 8.9 is not a number from 0 to 255"),
        ({"log_prefix": 5}, "log_prefix: 5 is not a string"),
        ({"src_selector": 5}, "src_selector: 5 is not a string"),
        ({"src_selector": "a =="}, "src_selector: expected a string after == at column 5"),
        # Combinations of fields
        ({"dst_ports": [80]}, "dst_ports: ports need the protocol tcp or udp"),
        ({"protocol": "sctp", "src_ports": [80]}, "src_ports: ports need the protocol tcp or udp"),
        ({"!protocol": "tcp", "!src_ports": [80]}, "!src_ports: ports need the protocol tcp or udp"),
        ({"icmp_type": 8}, "icmp_type: needs the protocol icmp or icmpv6"),
        ({"protocol": "tcp", "!icmp_type": 8}, "!icmp_type: needs the protocol icmp or icmpv6"),
        ({"protocol": "icmp", "icmp_code": 0}, "icmp_code: needs icmp_type"),
        (
            {"src_net": "10.0.0.0/8", "dst_net": "fe80::/10"},
            "mixed IP versions: src_net 10.0.0.0/8 is IPv4, dst_net fe80::/10 is IPv6",
        ),
        ({"protocol": "icmp", "src_net": "::/0"}, "mixed IP versions: protocol icmp is IPv4, src_net ::/0 is IPv6"),
        ({"ip_version": 4, "protocol": "icmpv6"}, "mixed IP versions: ip_version is IPv4, protocol icmpv6 is IPv6"),
        (
            {"src_net": "10.0.0.0/8", "src_nets": ["10.0.0.0/8"]},
            "src_nets: cannot be combined with src_net; give only one",
        ),
        (
            {"!src_nets": ["10.0.0.0/8", "11.0.0.0/8"]},
            "!src_nets: several excluded networks cannot be stored in a form that every version of Felix supports",
        ),
    ],
)
def test_invalid_rules(calicoctl: Calicoctl, etcd: EtcdServer, fields: dict[str, Any], complaint: str) -> None:
    document = json.dumps({"inbound_rules": [], "outbound_rules": [{}, {}, fields]})
    assert refused(calicoctl, etcd, document) == f"outbound rule 3: {complaint}\n{NOTHING}"


def test_all_problems_are_reported_together(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    document = {
        "inbound_rules": [{"action": "x", "src_tag": ""}, {"action": "allow"}, {"dst_ports": [1], "icmp_type": 1}],
        "outbound_rules": [None],
        "further": 1,
    }
    assert refused(calicoctl, etcd, json.dumps(document)) == (
        'inbound rule 1: action: "x" is not one of allow, deny, next-tier, log\n'
        'inbound rule 1: src_tag: "" is not a tag: 1 to 128 letters, digits, dots, dashes and underscores\n'
        "inbound rule 3: dst_ports: ports need the protocol tcp or udp\n"
        "inbound rule 3: icmp_type: needs the protocol icmp or icmpv6\n"
        "outbound rule 1: is not an object\n"
        '"further" is neither inbound_rules nor outbound_rules\n' + NOTHING
    )


# Standard input


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (b"\xff\xfe{\x00}\x00", "byte 1 is 0xff"),
        (b'{"inbound_rules": [], "outbound_rules": [], "id": "\xe9"}', "byte 52 is 0xe9"),
        (b'{"inbound_rules": \xc3', "byte 19 is 0xc3"),
        (b'"\xed\xa0\x80"', "byte 2 is 0xed"),
    ],
)
def test_input_is_not_utf_8(calicoctl: Calicoctl, proxy: Proxy, document: bytes, place: str) -> None:
    assert update(calicoctl, document) == Result(1, "", f"Standard input is not UTF-8: {place}.\n")
    assert proxy.requests == []  # the input is read before the profile


def test_byte_order_mark_is_ignored(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, OLD)
    document = '{"inbound_rules": [], "outbound_rules": [], "id": "é"}'
    assert update(calicoctl, b"\xef\xbb\xbf" + document.encode()) == UPDATED
    assert etcd.get(RULES) == '{"inbound_rules": [], "outbound_rules": [], "id": "\\u00e9"}'


def test_closed_standard_input(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, OLD)
    script = 'exec "$0" -m calicoctl profile P rule update <&-'
    done = subprocess.run(
        ["/bin/sh", "-c", script, sys.executable], env=calicoctl.environ, capture_output=True, timeout=PROCESS_SECONDS
    )
    complaint = b"Standard input is closed, but this command reads from it.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", complaint)
    assert etcd.get(RULES) == OLD


def test_terminal_shows_prompt_for_input(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, OLD)
    ours, its = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "calicoctl", "profile", "P", "rule", "update"],
            env=calicoctl.environ,
            stdin=its,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.close(its)
        assert process.stderr is not None
        assert process.stderr.readline() == b"Reading from standard input; end with Ctrl-D.\n"
        os.write(ours, EMPTY.encode() + b"\n\x04")
        stdout, stderr = process.communicate(timeout=PROCESS_SECONDS)
    finally:
        os.close(ours)
    tally = b"Rules added: 0, removed: 2, kept: 0.\n"
    assert (process.returncode, stdout, stderr) == (0, UPDATED.stdout.encode(), tally)
    assert etcd.get(RULES) == EMPTY


# Size


@pytest.mark.once
def test_five_megabytes(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, OLD)
    rules = [
        {
            "action": "allow",
            "protocol": "tcp",
            "dst_ports": [80, 443, "8080:8090"],
            "src_net": f"10.{n >> 8}.{n & 255}.0/24",
        }
        for n in range(30_000)
    ]
    document = json.dumps({"inbound_rules": rules, "outbound_rules": []}, indent=2)
    assert len(document) > 5_000_000
    assert update(calicoctl, document) == UPDATED
    assert etcd.get(RULES) == json.dumps({"inbound_rules": rules, "outbound_rules": []})


def document_of_form_size(size: int, index: int) -> str:
    """Return a document whose write request, with its condition, has a form of this many bytes."""
    text = '{"inbound_rules": [{"action": "log", "log_prefix": ""}], "outbound_rules": []}'
    padding = "a" * (size - len(f"value={text}&prevIndex={index}&noValueOnSuccess=true"))
    return text.replace('""', f'"{padding}"')


@pytest.mark.once
def test_size_limit_of_etcd(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(RULES, OLD)
    document = document_of_form_size(MAX_FORM_BYTES, etcd.index())
    assert update(calicoctl, document) == UPDATED
    assert etcd.get(RULES) == document
    # One more byte, and etcd itself refuses.
    etcd.put("/x", "a" * (MAX_FORM_BYTES - len("value=")))
    with pytest.raises(EtcdError, match="too large"):
        etcd.put("/x", "a" * (MAX_FORM_BYTES - len("value=") + 1))


@pytest.mark.once
def test_one_byte_over_size_limit_of_etcd(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(RULES, OLD)
    index = etcd.index()
    complaint = (
        "Too large for etcd: 10,485,761 bytes in the form that etcd's v2 API takes, of at most 10,485,760. "
        "Nothing was written.\n"
    )
    assert update(calicoctl, document_of_form_size(MAX_FORM_BYTES + 1, index)) == Result(1, "", complaint)
    assert proxy.requests == ["GET /v2/keys/calico/v1/policy/profile/P"]
    assert etcd.index() == index
