"""Arguments that `calicoctl profile PROF rule add|remove` refuses."""

from __future__ import annotations

import json

import pytest

from tests.commands.profile_rules import DONE, RULES, rule, stored
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy


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
def test_ambiguous_networks(calicoctl: Calicoctl, etcd: EtcdServer, cidr: str, problem: str) -> None:
    etcd.put(RULES, stored("", ""))
    message = f"Invalid CIDR specified.\nValue provided is '{cidr}'\n{cidr}: {problem}\n"
    assert rule(calicoctl, f"add inbound allow from cidr {cidr}") == Result(1, "", message)
    given = json.dumps({"inbound_rules": [{"src_net": cidr}], "outbound_rules": []})
    result = calicoctl("profile", "P", "rule", "update", stdin=given)
    assert result == Result(1, "", f'inbound rule 1: src_net: "{cidr}": {problem}\nNothing was written.\n')
    as_stored = {"10": "10.0.0.0/32", "172.16": "172.16.0.0/32"}.get(cidr, cidr)
    etcd.put(RULES, stored(f'{{"action": "allow", "src_net": "{as_stored}"}}', ""))
    assert rule(calicoctl, f"remove inbound allow from cidr {cidr}") == DONE


# Arguments: all refusals are reported together, before etcd is read

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
    """Return the message for a rule that `rule add` and `rule remove` both refuse without a request to etcd."""
    text, other = (refusal_of(command, calicoctl, proxy, *words) for command in ("add", "remove"))
    assert text == other
    return text


def refusal_of(command: str, calicoctl: Calicoctl, proxy: Proxy, *words: str) -> str:
    """Return the message for a rule that one command refuses without a request to etcd."""
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
def test_invalid_networks(calicoctl: Calicoctl, proxy: Proxy, cidr: str) -> None:
    assert refusal(calicoctl, proxy, "allow", "from", "cidr", cidr) == CIDR.format(cidr)


@pytest.mark.parametrize(
    "words", ["type 255", "type 256", "type x", "type 8 code 256", "type 8 code x", "type 8.0", "type ²"]
)
@pytest.mark.parametrize("protocol", ["icmp", "icmpv6"])
def test_invalid_icmp_types_and_codes(calicoctl: Calicoctl, proxy: Proxy, protocol: str, words: str) -> None:
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
def test_invalid_ports(calicoctl: Calicoctl, proxy: Proxy, ports: str, cause: str) -> None:
    assert refusal(calicoctl, proxy, "allow", "tcp", "to", "ports", ports) == PORTS.format(ports, cause)
    assert refusal(calicoctl, proxy, "allow", "udp", "from", "ports", ports) == PORTS.format(ports, cause)


@pytest.mark.parametrize("tag", ["", "a b", "a/b", "é", "x" * 129])
def test_invalid_tags(calicoctl: Calicoctl, proxy: Proxy, tag: str) -> None:
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
def test_mixed_ip_versions(calicoctl: Calicoctl, proxy: Proxy, words: str) -> None:
    assert refusal(calicoctl, proxy, *words.split()) == VERSIONS


def test_all_refusals_are_reported_together_in_order(calicoctl: Calicoctl, proxy: Proxy) -> None:
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
