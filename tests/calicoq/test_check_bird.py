"""calicoq check: would confd render the settings of BGP, and would BIRD take them?"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calicoctl.calicoq.bird_findings import bird_findings
from calicoctl.calicoq.codes import CODES, ERROR
from calicoctl.datastore.bgp_snapshot import BgpSnapshot
from calicoctl.datastore.snapshot import Stored
from calicoctl.model.bgp import neighbour, takes_as
from tests.calicoq import bird
from tests.calicoq.conftest import Calicoq, Store
from tests.conftest import Calicoctl

BGP = bird.BGP
NO_NODE = "no node gets a new BIRD configuration"
H1 = "node h1 gets no new BIRD configuration"
PEER4, OWN4 = "global/peer_v4/10.0.0.1", "host/h1/peer_v4/10.0.0.1"
Settings = Mapping[str, str | None]
SOUND = {
    "global/as_num": "64511",
    "global/node_mesh": '{"enabled": true}',
    "global/peer_v4/10.0.0.9": '{"ip": "10.0.0.9", "as_num": "64512"}',
    "global/peer_v6/fd80::9": '{"ip": "fd80::9", "as_num": "64512"}',
    "host/h1/ip_addr_v4": "192.0.2.1",
    "host/h1/ip_addr_v6": "",
    "host/h2/ip_addr_v4": "192.0.2.2",
    "host/h2/ip_addr_v6": "fd80::2",
    "host/h2/as_num": "64513",
    "host/h2/peer_v6/fd80::8": '{"ip": "fd80::8", "as_num": "4294967295"}',
    "host/h2/loglevel": "debug",
}  # fmt: skip
OFF = {"global/node_mesh": '{"enabled": false}'}
NO_IPV4_FORM = "is refused: BIRD does not take IPv4 in the form of IPv6: write it as IPv4"
STRAY = "ip_addr_v4 and ip_addr_v6 are missing; {}, no node gets a new BIRD configuration"


def peer(ip: Any = "10.0.0.1", as_num: Any = "64512") -> str:
    return json.dumps({"ip": ip, "as_num": as_num})


# What is stored beside what is sound, or None in its place; code, key of the finding and reason
FINDINGS: list[tuple[Settings, str, str, str]] = [
    ({"host/h3/loglevel": "debug"}, "CQ070", "host/h3", STRAY.format("with the node-to-node mesh on")),
    ({"host/h3/peer_v4/10.0.0.1": peer()}, "CQ070", "host/h3", STRAY.format("with the node-to-node mesh on")),
    ({"host/h1/ip_addr_v6": None}, "CQ070", "host/h1",
     f"ip_addr_v6 is missing; with the node-to-node mesh on, {NO_NODE}"),
    ({"host/h3/loglevel": "debug", "global/node_mesh": None}, "CQ070", "host/h3",
     STRAY.format("with the node-to-node mesh on")),
    ({"host/h3/loglevel": "debug", **OFF}, "CQ071", "host/h3",
     STRAY.format("if the node-to-node mesh is switched on")),
    *(({"global/as_num": text}, "CQ072", "global/as_num", f"{json.dumps(text)} is not an AS number; {NO_NODE}")
      for text in ("", "0", "+5", "zzz", "1.10", "4294967296", "64512 64513")),
    ({"host/h1/as_num": "zzz"}, "CQ072", "host/h1/as_num", f'"zzz" is not an AS number; {NO_NODE}'),
    ({"host/h1/as_num": "zzz", **OFF}, "CQ072", "host/h1/as_num", f'"zzz" is not an AS number; {H1}'),
    ({"global/as_num": None}, "CQ073", "host/h1/as_num",
     f"neither it nor {BGP}/global/as_num is stored; {NO_NODE}"),
    ({"global/as_num": None, **OFF}, "CQ073", "host/h1/as_num", f"neither it nor {BGP}/global/as_num is stored; {H1}"),
    ({"host/h1/ip_addr_v4": "10.0.0"}, "CQ072", "host/h1/ip_addr_v4", f'"10.0.0" is not an IPv4 address; {NO_NODE}'),
    ({"host/h1/ip_addr_v4": "", **OFF}, "CQ072", "host/h1/ip_addr_v4", f"it is empty; {H1}"),
    ({"host/h1/ip_addr_v6": "fe80::1"}, "CQ072", "host/h1/ip_addr_v6",
     '"fe80::1" is refused: BIRD takes no link-local address without an interface, and a peer has none here; '
     f"{NO_NODE}"),
    ({"host/h1/ip_addr_v4": "192.0.2.2"}, "CQ072", "host/h2/ip_addr_v4",
     "host h1 has the same address; no other node gets a new BIRD configuration"),
    ({"global/node_mesh": None, "global/node_mesh/x": ""}, "CQ077", "global/node_mesh",
     "it is a directory, so confd finds no value in it"),
    ({"host/h1/as_num/x/y": "1", "host/h1/as_num/z": "1"}, "CQ077", "host/h1/as_num",
     "it is a directory, so confd finds no value in it"),
    ({"global/node_mesh": "{"}, "CQ072", "global/node_mesh", f"it is not JSON; {NO_NODE}"),
    ({"global/node_mesh": "[]"}, "CQ072", "global/node_mesh", f"it is not an object; {NO_NODE}"),
    ({"global/node_mesh": '{"enabled": "false"}'}, "CQ076", "global/node_mesh",
     'enabled is "false": BIRD takes the mesh to be on'),
    ({"global/node_mesh": '{"enabled": ""}'}, "CQ076", "global/node_mesh",
     'enabled is "": BIRD takes the mesh to be off'),
    *(({key: value}, "CQ072", key, f"{reason}; {reach}")
      for key, reach in ((PEER4, NO_NODE), (OWN4, H1))
      for value, reason in (
        ("{", "it is not JSON"),
        ("", "it is not JSON"),
        ("[]", "it is not an object"),
        (peer(ip=10), "ip is not text"),
        (peer(ip="10"), 'ip "10" is not an IPv4 address'),
        (peer(ip=" 10.0.0.1"), 'ip " 10.0.0.1" is not an IPv4 address'),
        (peer(ip="fd80::1"), 'ip "fd80::1" is not an IPv4 address'),
        (peer(ip="0.0.0.0"), 'ip "0.0.0.0" is refused: it is the address of no host'),
        ('{"ip": "10.0.0.1"}', "as_num is missing"),
        (peer(as_num=None), "as_num is missing"),
        (peer(as_num=""), 'as_num "" is not an AS number'),
        (peer(as_num="+5"), 'as_num "+5" is not an AS number'),
        (peer(as_num=True), "as_num true is not an AS number"),
        (peer(as_num=0), "as_num 0 is not an AS number"),
        (peer(as_num=4200000000), "as_num is the number 4200000000, which confd writes as 1e+06 and the like"),
        (peer(as_num=10**400), f"as_num is the number 1{'0' * 76}..., which confd writes as 1e+06 and the like"),
      )),
    ({"global/peer_v6/::ffff:10.0.0.1": peer("::ffff:10.0.0.1")}, "CQ072", "global/peer_v6/::ffff:10.0.0.1",
     f'ip "::ffff:10.0.0.1" {NO_IPV4_FORM}; {NO_NODE}'),
    ({"global/peer_v4/other": peer("10.0.0.9")}, "CQ072", "global/peer_v4/other",
     f"{BGP}/global/peer_v4/10.0.0.9 is about the same peer; {NO_NODE}"),
    ({"host/h1/peer_v4/10.0.0.9": peer("10.0.0.9")}, "CQ074", "host/h1/peer_v4/10.0.0.9",
     f"10.0.0.9 is a peer of all nodes too: {BGP}/global/peer_v4/10.0.0.9"),
    ({PEER4: peer(as_num=64512)}, "CQ075", PEER4,
     "as_num is the number 64512: BIRD is given some of these in a form that it refuses"),
]  # fmt: skip


@pytest.fixture
def sound(store: Store) -> Store:
    store.put_all({f"{BGP}/{key}": value for key, value in SOUND.items()})
    return store


def test_nothing_to_say(sound: Store, calicoq: Calicoq) -> None:
    sound.etcd.mkdir(f"{BGP}/host/h3/peer_v4")  # confd does not see it
    sound.etcd.put(f"{BGP}/global/custom_filters/v4/x", "")
    assert calicoq("check") == (0, "0 errors, 0 warnings, 0 notes\n", "")


def test_no_bgp_at_all(store: Store, calicoq: Calicoq) -> None:
    assert calicoq("check") == (0, "0 errors, 0 warnings, 0 notes\n", "")


@pytest.mark.parametrize(("stored", "code", "key", "reason"), FINDINGS)
def test_every_finding(
    sound: Store, calicoq: Calicoq, calicoctl: Calicoctl, stored: Settings, code: str, key: str, reason: str
) -> None:
    for name, value in stored.items():
        sound.etcd.delete(f"{BGP}/{name}") if value is None else sound.etcd.put(f"{BGP}/{name}", value)
    result = calicoq("check", "-o", "json")
    found = json.loads(result.stdout)
    assert (code, f"{BGP}/{key}", reason) in [(each["code"], each["key"], each["reason"]) for each in found]
    assert {each["code"] for each in found} == {code}
    assert result.status == (1 if CODES[code].severity == ERROR else 0)
    for each in found:  # the remedy, where it is one command, is enough
        commands = re.findall(r"'calicoctl ([^']+)'", each["remedy"])
        if commands and not commands[0].startswith("node remove"):
            words = ["64512" if word == "AS_NUM" else word for word in shlex.split(commands[0])]
            assert calicoctl(*words).status == 0, words
    left = {each["key"] for each in json.loads(calicoq("check", "-o", "json").stdout)}
    assert left.isdisjoint(each["key"] for each in found if "'calicoctl bgp" in each["remedy"])
    assert left.isdisjoint(each["key"] for each in found if "'calicoctl node bgp" in each["remedy"])


def test_every_code_has_an_example(calicoq: Calicoq) -> None:
    listed = re.findall("CQ07[0-9]", calicoq("explain-code").stdout)
    assert set(listed) == {code for _, code, _, _ in FINDINGS}


def test_remedies_for_what_no_command_names(sound: Store, calicoq: Calicoq) -> None:
    for name in ("host/it's/peer_v4/x", "global/peer_v4/fd80::1", "global/peer_v6/FD80::1"):
        sound.etcd.put(f"{BGP}/{name}", "{")
    remedies = {each["key"]: each["remedy"] for each in json.loads(calicoq("check", "-o", "json").stdout)}
    assert remedies == {
        f"{BGP}/host/it's": "Start the node of this host, or remove what is stored of it: remove "
        f"{BGP}/host/it's from etcd.",
        **{
            f"{BGP}/{key}": f"Remove it: remove {BGP}/{key} from etcd."
            for key in ("host/it's/peer_v4/x", "global/peer_v4/fd80::1", "global/peer_v6/FD80::1")
        },
    }


def test_a_peer_that_is_stored_twice_is_removed_once(sound: Store, calicoq: Calicoq) -> None:
    sound.etcd.put(f"{BGP}/global/peer_v4/10.2.2.2", peer("10.2.2.2"))
    sound.etcd.put(f"{BGP}/global/peer_v4/10.2.2.6", peer("10.2.2.2"))
    remedies = {each["key"]: each["remedy"] for each in json.loads(calicoq("check", "-o", "json").stdout)}
    assert remedies == {
        f"{BGP}/global/peer_v4/10.2.2.6": "Remove one of the two: 'calicoctl bgp peer remove 10.2.2.6'."
    }


# Against BIRD itself

with_bird = [
    pytest.mark.skipif(bird.why_no_bird() is not None, reason=str(bird.why_no_bird())), pytest.mark.once
]  # fmt: skip


def check(state: dict[str, str]) -> list[str]:
    """The codes of all errors in a state."""
    snapshot = BgpSnapshot()
    for key, value in state.items():
        snapshot.add(Stored(f"{BGP}/{key}", value))
    return [finding.code for finding in bird_findings(snapshot) if finding.severity == ERROR]


AS_TEXTS = st.sampled_from(
    ["64512", "0", "", " 64512 ", "0064512", "+5", "-5", "1.10", "0xfc00", "4294967295", "4294967296", "zzz", "64512.0",
     "64512 5", "true", "1e6", "\t5\n"]
)  # fmt: skip
AS_VALUES = AS_TEXTS | st.sampled_from([64512, 0, -5, 999_999, 1_000_000, 4_200_000_000, None, True])
ADDRESSES = {
    4: st.sampled_from(["10.0.0.1", "10.0.0.2", "0.0.0.0", "255.255.255.255", "10", "10.0.0", " 10.0.0.1",
                        "10.0.0.1/32", "fd80::1", "169.254.0.1", "10.0.0.1 ", "010.0.00.1", "010.0.0.256"]),
    6: st.sampled_from(["fd80::1", "FD80::1", "::1", "::", "fe80::1", "::ffff:10.0.0.1", "::10.0.0.1", "ff02::1",
                        "fd80::1%eth0", "10.0.0.1", "fd80::1\n", "fd80:", "2001:db8:0:0::5"]),
}  # fmt: skip


@st.composite
def states(draw: st.DrawFn) -> dict[str, str]:
    """A sound state with one to three keys that may not be."""
    state = dict(SOUND)
    for _ in range(draw(st.integers(1, 3))):
        version = draw(st.sampled_from([4, 6]))
        scope = draw(st.sampled_from(["global", "host/h1", "host/h2"]))
        kind = draw(st.sampled_from(["peer", "peer", "peer", "as", "mesh", "address", "stray", "gone"]))
        if kind == "peer":
            value = {"ip": draw(ADDRESSES[version]), "as_num": draw(AS_VALUES)}
            state[f"{scope}/peer_v{version}/{draw(st.sampled_from('ab'))}"] = json.dumps(value)
        elif kind == "as":
            # One node has none of its own: the number of all nodes is looked at though nobody may take it.
            state[f"{scope if scope != 'host/h1' else 'global'}/as_num"] = draw(AS_TEXTS)
        elif kind == "mesh":
            state |= {key: SOUND[key] for key in state if key.startswith("host/h1/ip")}
            state["global/node_mesh"] = draw(st.sampled_from(["{", "[]", *OFF.values(), '{"enabled": "false"}']))
        elif kind == "address":
            # Without the mesh it is the node's own router id alone, for which BIRD takes more.
            state[f"host/h1/ip_addr_v{version}"] = draw(ADDRESSES[version])
            state["global/node_mesh"] = SOUND["global/node_mesh"]
        elif kind == "stray":
            state["host/h3/loglevel"] = "debug"
        else:
            state.pop(draw(st.sampled_from(["global/as_num", "host/h1/ip_addr_v6"])), None)
    return state


class TestAgainstBird:
    pytestmark = with_bird

    @settings(max_examples=40)
    @given(state=states())
    @example(state=SOUND)
    def test_no_errors_are_found_where_bird_takes_it_and_only_there(
        self, tmp_path_factory: pytest.TempPathFactory, state: dict[str, str]
    ) -> None:
        assert (check(state) == []) == bird.takes(state, tmp_path_factory.getbasetemp())

    def test_errors_are_found_where_bird_does_not_take_it(self, tmp_path: Path) -> None:
        """Each example of a finding; a third node has no share in it."""
        third = {"host/h9/ip_addr_v4": "192.0.2.9", "host/h9/ip_addr_v6": "fd80::9:9"}
        for stored, code, _, _ in FINDINGS:
            state = {key: value for key, value in {**SOUND, **third, **stored}.items() if value is not None}
            if "global/node_mesh" in state:  # legacy, and check, take it to be on
                assert bird.takes(state, tmp_path) == (CODES[code].severity != ERROR), stored

    @given(text=AS_TEXTS)
    def test_as_numbers(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        state = {**SOUND, "global/as_num": text}
        assert bird.takes(state, tmp_path_factory.getbasetemp()) == takes_as(text)

    @pytest.mark.parametrize("version", [4, 6])
    @given(data=st.data())
    def test_addresses(self, tmp_path_factory: pytest.TempPathFactory, version: int, data: st.DataObject) -> None:
        text = data.draw(ADDRESSES[version])
        state = {**SOUND, f"global/peer_v{version}/x": peer(text)}
        try:
            neighbour(text, version)
        except ValueError:
            assert not bird.takes(state, tmp_path_factory.getbasetemp())
        else:
            assert bird.takes(state, tmp_path_factory.getbasetemp())
