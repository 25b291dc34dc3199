"""calicoctl bgp."""

from __future__ import annotations

import pytest

from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request

GLOBAL = "/calico/bgp/v1/global"
PEER4, PEER6 = f"{GLOBAL}/peer_v4/10.0.0.1", f"{GLOBAL}/peer_v6/fd80::1"
ADDRESSES = "expecting a whole IPv4 or IPv6 address, such as 10.0.0.1 or fd80::1"
NUMBERS = "expecting 1 to 4294967295, or two numbers from 0 to 65535 with a dot between them, such as 1.10"
SILENT = Result(0, "", "")


def said(text: str) -> Result:
    return Result(0, f"{text}\n", "")


def refused(text: str) -> Result:
    return Result(1, "", f"{text}\n")


# Peers


def test_peers_are_stored_in_canonical_form(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("bgp", "peer", "add", "10.0.0.1", "as", "064512") == SILENT
    assert calicoctl("bgp", "peer", "add", "FD80:0:0::1", "as", "1.10") == SILENT
    assert etcd.keys(GLOBAL) == {
        PEER4: '{"ip": "10.0.0.1", "as_num": "64512"}',
        PEER6: '{"ip": "fd80::1", "as_num": "65546"}',
    }


@pytest.mark.parametrize(
    ("ip", "number", "message"),
    [
        ("10", "5", f"Invalid IP address specified.\nValue provided is '10'; {ADDRESSES}"),
        ("10.0.0.1", "0", f"Invalid AS Number specified.\nValue provided is '0'; {NUMBERS}"),
        ("10.0.0.1", "", f"Invalid AS Number specified.\nValue provided is ''; {NUMBERS}"),
        ("10.0.0.1", "+5", f"Invalid AS Number specified.\nValue provided is '+5'; {NUMBERS}"),
        ("10.0.0.1", "1.2.3", f"Invalid AS Number specified.\nValue provided is '1.2.3'; {NUMBERS}"),
        ("::ffff:10.0.0.1", "5",
         "Invalid IP address specified.\nValue provided is '::ffff:10.0.0.1'; BIRD does not take IPv4 in the form of "
         "IPv6: write it as IPv4"),
        ("fd80::1%eth0", " 5 ",
         f"Invalid IP address specified.\nValue provided is 'fd80::1%eth0'; {ADDRESSES}\n"
         f"Invalid AS Number specified.\nValue provided is ' 5 '; {NUMBERS}"),
    ],
)  # fmt: skip
def test_invalid_peers(ip: str, number: str, message: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    index = etcd.index()
    assert calicoctl("bgp", "peer", "add", ip, "as", number) == refused(message)
    assert etcd.index() == index


def test_adding_a_peer_again_changes_nothing(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(PEER4, '{"later":1,"as_num":"65546","ip":"10.0.0.1"}')  # not as this calicoctl writes it
    index = etcd.index()
    assert calicoctl("bgp", "peer", "add", "10.0.0.1", "as", "1.10") == said(
        "BGP peer 10.0.0.1 as 65546 is configured already."
    )
    assert etcd.index() == index


@pytest.mark.parametrize("stored", ['{"ip": "fd80::1", "as_num": 5}', '{"ip": "FD80:0::1", "as_num": "5"}'])
def test_adding_a_peer_again_corrects_its_form(stored: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    """The remedy of `calicoq check` for an AS number that is not text."""
    etcd.put(PEER6, stored)
    assert calicoctl("bgp", "peer", "add", "fd80::1", "as", "5") == said(
        "BGP peer fd80::1 as 5 was configured already. Its stored form is corrected."
    )
    assert etcd.get(PEER6) == '{"ip": "fd80::1", "as_num": "5"}'


def test_changed_as_number_is_reported(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(PEER6, '{"later": 1, "as_num": 5, "ip": "FD80::1"}')
    assert calicoctl("bgp", "peer", "add", "fd80::1", "as", "6") == said("BGP peer fd80::1 was AS 5 and is AS 6 now.")
    assert etcd.get(PEER6) == '{"later": 1, "as_num": "6", "ip": "fd80::1"}'


@pytest.mark.parametrize("stored", ["", "{", "[]", '{"ip": "10.0.0.1"}', '{"ip": 1, "as_num": "5"}'])
def test_add_replaces_unreadable_peer(stored: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(PEER4, stored)
    assert calicoctl("bgp", "peer", "add", "10.0.0.1", "as", "5") == SILENT
    assert etcd.get(PEER4) == '{"ip": "10.0.0.1", "as_num": "5"}'


def test_a_directory_in_the_place_of_a_peer(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PEER4}/x", "")
    for line in ("add 10.0.0.1 as 5", "remove 10.0.0.1"):
        assert calicoctl("bgp", "peer", *line.split()) == refused(f"Cannot read {PEER4}: it is a directory.")


def test_somebody_else_adds_the_peer_at_the_same_time(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    def overtake(request: Request) -> bytes | None:
        etcd.put(PEER4, '{"ip": "10.0.0.1", "as_num": "7", "later": 1}')
        return request.forward()

    proxy.at(2, overtake)
    assert calicoctl("bgp", "peer", "add", "10.0.0.1", "as", "8") == said("BGP peer 10.0.0.1 was AS 7 and is AS 8 now.")
    assert etcd.get(PEER4) == '{"ip": "10.0.0.1", "as_num": "8", "later": 1}'


def test_removing_peers(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(PEER6, "{")
    etcd.put(PEER4, '{"ip": "10.0.0.1", "as_num": "5"}')
    removed = said("BGP peer removed from global configuration")
    assert calicoctl("bgp", "peer", "remove", "FD80:0:0::1") == removed
    assert (etcd.get(PEER6), etcd.get(PEER4)) == (None, '{"ip": "10.0.0.1", "as_num": "5"}')
    assert calicoctl("bgp", "peer", "remove", "10.0.0.1") == removed
    assert etcd.get(PEER4) is None


def test_remove_of_missing_peers(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{GLOBAL}/peer_v4/0.0.0.10", '{"ip": "0.0.0.10", "as_num": "5"}')
    index = etcd.index()
    for ip, message in (
        ("10.0.0.2", "10.0.0.2 is not a globally configured peer."),
        ("FD80::2", "fd80::2 is not a globally configured peer."),
        ("10", f"Invalid IP address specified.\nValue provided is '10'; {ADDRESSES}"),
        ("fd80::1%1", f"Invalid IP address specified.\nValue provided is 'fd80::1%1'; {ADDRESSES}"),
        ("::ffff:10.0.0.1", "Invalid IP address specified.\nValue provided is '::ffff:10.0.0.1'; BIRD does not take "
         "IPv4 in the form of IPv6: write it as IPv4"),
    ):  # fmt: skip
        assert calicoctl("bgp", "peer", "remove", ip) == refused(message)
    assert etcd.index() == index


def test_remove_of_invalid_stored_peer(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    key = f"{GLOBAL}/peer_v6/::ffff:10.0.0.1"
    etcd.put(key, '{"ip": "::ffff:10.0.0.1", "as_num": "5"}')
    removed = said("BGP peer removed from global configuration")
    assert calicoctl("bgp", "peer", "remove", "::ffff:a00:1") == removed
    assert etcd.get(key) is None


SHOWN4 = """\
+----------------------+--------+
| Global IPv4 BGP Peer | AS Num |
+----------------------+--------+
| 9.0.0.1              | 7      |
| 10.0.0.1             | 64512  |
| 10.0.0.10            | 8      |
+----------------------+--------+
"""
SHOWN6 = """\
+----------------------+--------+
| Global IPv6 BGP Peer | AS Num |
+----------------------+--------+
| fd80::9              | 5      |
| fd80::10             | 6      |
+----------------------+--------+
"""
NONE4, NONE6 = (f"No global IPv{version} BGP Peers defined.\n\n" for version in (4, 6))


@pytest.fixture
def peers(etcd: EtcdServer) -> EtcdServer:
    for ip, as_num in (("10.0.0.10", '"8"'), ("9.0.0.1", "7"), ("10.0.0.1", '"64512"')):
        etcd.put(f"{GLOBAL}/peer_v4/{ip}", f'{{"ip": "{ip}", "as_num": {as_num}}}')
    for ip, as_num in (("fd80::10", '"6"'), ("fd80::9", '"5"')):
        etcd.put(f"{GLOBAL}/peer_v6/{ip}", f'{{"ip": "{ip}", "as_num": {as_num}}}')
    return etcd


def test_showing_peers(calicoctl: Calicoctl, peers: EtcdServer) -> None:
    assert calicoctl("bgp", "peer", "show") == Result(0, SHOWN4 + SHOWN6, "")
    assert calicoctl("bgp", "peer", "show", "--ipv4") == Result(0, SHOWN4, "")
    assert calicoctl("bgp", "peer", "show", "--ipv6") == Result(0, SHOWN6, "")


def test_showing_no_peers(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("bgp", "peer", "show") == Result(0, NONE4 + NONE6, "")
    etcd.mkdir(f"{GLOBAL}/peer_v4/10.0.0.1")
    assert calicoctl("bgp", "peer", "show", "--ipv4") == Result(0, NONE4, "")


def test_unreadable_peers_are_named_and_others_shown(calicoctl: Calicoctl, peers: EtcdServer) -> None:
    for name, value in (("10.0.0.2", "{"), ("10.0.0.3", ""), ("10.0.0.4", '{"ip": "10.0.0.4"}')):
        peers.put(f"{GLOBAL}/peer_v4/{name}", value)
    assert calicoctl("bgp", "peer", "show") == Result(
        1,
        SHOWN4 + SHOWN6,
        f"Cannot read {GLOBAL}/peer_v4/10.0.0.2: it is not JSON.\n"
        f"Cannot read {GLOBAL}/peer_v4/10.0.0.3: it is not JSON.\n"
        f"Cannot read {GLOBAL}/peer_v4/10.0.0.4: as_num is neither text nor a whole number.\n",
    )
    assert calicoctl("bgp", "peer", "show", "--ipv6") == Result(0, SHOWN6, "")


@pytest.mark.parametrize(
    ("key", "ip", "as_num", "problem"),
    [
        ("peer_v4/10.0.0.1", "10.0.0.1", '"zzz"', 'as_num "zzz" is not an AS number'),
        ("peer_v4/10.0.0.1", "10.0.0.1", '""', 'as_num "" is not an AS number'),
        ("peer_v4/10.0.0.1", "10.0.0.1", "4200000000",
         "as_num is the number 4200000000, which confd writes as 1e+06 and the like"),
        ("peer_v4/10.0.0.1", "10.0.0.2", '"5"', 'its ip is "10.0.0.2", which counts, not the address in the key'),
        ("peer_v4/fd80::1", "fd80::1", '"5"', 'ip "fd80::1" is not an IPv4 address'),
        ("peer_v6/::ffff:10.0.0.1", "::ffff:10.0.0.1", '"5"',
         'ip "::ffff:10.0.0.1" is refused: BIRD does not take IPv4 in the form of IPv6: write it as IPv4'),
    ],
)  # fmt: skip
def test_peers_that_bird_refuses_are_shown_and_named(
    key: str, ip: str, as_num: str, problem: str, calicoctl: Calicoctl, etcd: EtcdServer
) -> None:
    etcd.put(f"{GLOBAL}/{key}", f'{{"ip": "{ip}", "as_num": {as_num}}}')
    result = calicoctl("-o", "name", "bgp", "peer", "show")
    assert result == Result(1, f"{ip}\n", f"{GLOBAL}/{key}: {problem}. See 'calicoq check'.\n")


# The mesh

MESH = f"{GLOBAL}/node_mesh"


def test_the_mesh(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("bgp", "node-mesh") == said("on")
    assert calicoctl("bgp", "node-mesh", "off") == SILENT
    assert etcd.get(MESH) == '{"enabled": false}'
    assert calicoctl("bgp", "node-mesh") == said("off")
    assert calicoctl("bgp", "node-mesh", "on") == SILENT
    assert etcd.get(MESH) == '{"enabled": true}'
    assert calicoctl("bgp", "node-mesh") == said("on")


def test_other_members_of_the_mesh_survive(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(MESH, '{"enabled": true}')

    def overtake(request: Request) -> bytes | None:
        etcd.put(MESH, '{"later": 1, "enabled": true}')
        return request.forward()

    proxy.at(2, overtake)
    assert calicoctl("bgp", "node-mesh", "off") == SILENT
    assert etcd.get(MESH) == '{"later": 1, "enabled": false}'


def test_stored_values_of_the_mesh(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(MESH, '{"enabled": "false"}')
    assert calicoctl("bgp", "node-mesh") == said("on")
    for value, reason in (("{", "it is not JSON"), ("[]", "it is not an object"), ("{}", "enabled is missing")):
        etcd.put(MESH, value)
        assert calicoctl("bgp", "node-mesh") == refused(f"Cannot read {MESH}: {reason}.")
        assert calicoctl("bgp", "node-mesh", "off") == SILENT
        assert etcd.get(MESH) == '{"enabled": false}'


# The default AS number

AS = f"{GLOBAL}/as_num"


def test_the_default_as_number(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("bgp", "default-node-as") == said("64511")
    assert calicoctl("bgp", "default-node-as", "1.1") == SILENT
    assert etcd.get(AS) == "65537"
    assert calicoctl("bgp", "default-node-as") == said("65537")
    etcd.put(AS, "what others\x1b[2J have stored")
    complaint = f"{AS}: \"what others\\u001b[2J have stored\" is not an AS number. See 'calicoq check'.\n"
    assert calicoctl("bgp", "default-node-as") == Result(1, "what others\\x1b[2J have stored\n", complaint)
    etcd.put(AS, "")
    complaint = f"{AS}: \"\" is not an AS number. See 'calicoq check'.\n"
    assert calicoctl("bgp", "default-node-as") == Result(1, "\n", complaint)


@pytest.mark.parametrize("number", ["", "0", "+5", " 5", "4294967296", "1.2.3", "zzz", "\x1b"])
def test_invalid_default_as_numbers(number: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    index = etcd.index()
    shown = number.replace("\x1b", "\\x1b")
    message = f"Invalid AS Number specified.\nValue provided is '{shown}'; {NUMBERS}"
    assert calicoctl("bgp", "default-node-as", number) == refused(message)
    assert etcd.index() == index


def test_a_directory_in_the_place_of_the_default_as_number(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.mkdir(AS)
    for arguments in ([], ["5"]):
        assert calicoctl("bgp", "default-node-as", *arguments) == refused(f"Cannot read {AS}: it is a directory.")
