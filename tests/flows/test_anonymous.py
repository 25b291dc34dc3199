"""calicoq snapshot --anonymize: other names and addresses, the same flows."""

from __future__ import annotations

import json
import os
import random
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from calicoctl.calicoq.anonymous import Addresses, Anonymous
from calicoctl.datastore.snapshot import Snapshot, Stored
from calicoctl.felix.view import Felix
from calicoctl.flows.analysis import Analysis
from calicoctl.flows.flows import Flows
from calicoctl.flows.groups import iterate
from calicoctl.flows.rows import rows_of
from calicoctl.model.address import Address
from calicoctl.model.endpoint import EndpointName
from calicoctl.model.network import Network
from tests.calicoq.conftest import Calicoq, Store
from tests.flows.shop import fill
from tests.flows.test_law import flow, random_pair
from tests.flows.worlds import random_header, random_state
from tests.sampling import Sampling

ODD: dict[str, Any] = {
    "/calico/v1/policy/profile/p/rules": [
        "no JSON", "[]", {"inbound_rules": [{"src_tag": 1}]}, {"inbound_rules": [{"secret": 1}]}, "[" * 2_000,
        {"inbound_rules": [{"action": "log", "log_prefix": "secret"}, {"!src_selector": " role in {'a'}||in == 'b' "}]},
        {"inbound_rules": [{"dst_net": "10.65.0.1/30", "ip_version": 4.0}], "id": "secret"},
    ],
    "/calico/v1/policy/profile/p/tags": [["a b"], "T1", ["role", "T1"]],
    "/calico/v1/policy/profile/q/labels": [{"a b": "1"}, {"role": 1}, {"role": "", "T2": "secret"}],
    "/calico/v1/policy/tier/first/metadata": ["", {"order": True}, {"order": "secret"}],
    "/calico/v1/policy/tier/also/metadata": [{"order": 1}],
    "/calico/v1/policy/tier/also/policy/q.1": [{"selector": "has( role )", "types": ["secret", "egress"]}],
    "/calico/v1/policy/tier/first/policy/p 1": [{"selector": "all()"}],
    "/calico/v1/host/h1/workload/o/w/endpoint/w1": [
        {"state": "active", "name": "cali1", "profile_ids": "pq", "ipv4_nets": ["10.65.0.1"]},
        {"state": "active", "name": "cali1", "profile_id": "p", "ipv6_nets": ["fd65::1/64"], "mac": "cafe.1d52.bbe1"},
        {"state": "secret", "name": "cali1"},
    ],
    "/calico/v1/host/h1/config/IpInIpTunnelAddr": ["10.66.1.8", "secret", "none", ""],
    "/calico/v1/host/h1/bird_ip": ["", "10.1", "secret"],
    "/calico/v1/config/ClusterGUID": ["secret"],
}  # fmt: skip


def snapshot_of(state: dict[str, Any]) -> Snapshot:
    snapshot = Snapshot()
    for key, value in {"/calico/v1/Ready": "true", **state}.items():
        snapshot._add(Stored(key, value if isinstance(value, str) else json.dumps(value)))
    return snapshot


@pytest.mark.once
def test_flows_are_the_same(dice: random.Random, sampling: Sampling) -> None:
    left = sampling.number(4_000, 60)
    while left > 0:
        felix_version = dice.choice([1, 1, 1, 2])
        state = random_state(dice)
        for key in dice.sample(sorted(ODD), dice.choice([0, 0, 1, 2, 3])):
            state[key] = dice.choice(ODD[key])
        before = snapshot_of(state)
        anonymous = Anonymous(before)
        written = {key: value for _, key, value in anonymous.keys()}
        assert "secret" not in repr(written), state
        assert not re.search(r"T[123]|\bw[1-5]\b|\bh[123]\b", repr(written)), state
        old, new = (Analysis(Felix(each), felix_version) for each in (before, snapshot_of(written)))
        assert list(old.flows) == list(new.flows), state
        for version, flows in old.flows.items():
            others = new.flows[version]
            assert described(flows, anonymous) == described(others, None), (felix_version, state, written)
            for _ in range(20):
                pair = random_pair(dice, flows, Felix(before))
                if pair is not None:
                    mapped = [end_in(others, endpoint, address, anonymous) for _, endpoint, address in pair]
                    header = random_header(dice, version, felix_version)
                    found = [flow(*each, header) for each in ((flows, *pair), (others, mapped[0], mapped[1]))]
                    assert found[0] == found[1], (felix_version, state, written)
        left -= 1


def described(flows: Flows, anonymous: Anonymous | None) -> list[Any]:
    """Return all rows with the names and packets that an anonymous state has, and networks as their number alone."""
    everybody = (1 << len(flows.groups)) - 1
    return sorted(
        (ends(flows, row.sources, anonymous), ends(flows, row.destinations, anonymous), row.is_certain,
         flows.space.text(row.packets, flows.ip_version))
        for row in rows_of(flows, [(everybody, everybody)])
    )  # fmt: skip


def ends(flows: Flows, mask: int, anonymous: Anonymous | None) -> list[str]:
    groups = [flows.groups[number] for number in iterate(mask)]
    names = [party.endpoint.name for group in groups for party in group.parties]
    outside = sum(not group.parties for group in groups)
    return [*sorted(str(new_name(name, anonymous) if anonymous else name) for name in names), f"{outside} others"]


def new_name(name: EndpointName, anonymous: Anonymous) -> EndpointName:
    of = anonymous.names.of
    host, endpoint = of("host", name.host), of("endpoint", name.endpoint)
    if name.orchestrator is None or name.workload is None:
        return EndpointName(host, None, None, endpoint)
    return EndpointName(host, of("orchestrator", name.orchestrator), of("workload", name.workload), endpoint)


def end_in(flows: Flows, endpoint: Any, address: Address, anonymous: Anonymous) -> Any:
    """Return the end in an anonymous state: its group, the endpoint if there is one, and the address."""
    mapped = Address(address.version, Network.parse(anonymous.addresses.of(address.network)).address)
    name = endpoint and new_name(endpoint.name, anonymous)
    for number, group in enumerate(flows.groups):
        for party in group.parties:
            if str(party.endpoint.name) == str(name) and party.address == mapped:
                return number, party.endpoint, mapped
        if endpoint is None and any(first <= mapped.value <= last for first, last in group.ranges or ()):
            return number, None, mapped
    raise AssertionError(f"{name} {mapped} is in no group")


@pytest.mark.parametrize("bits", [32, 128])
def test_addresses_share_as_many_leading_bits(bits: int, dice: random.Random) -> None:
    version = 4 if bits == 32 else 6
    addresses = Addresses()
    for _ in range(100):
        one = dice.getrandbits(bits)
        other = one ^ dice.getrandbits(dice.randint(1, bits))
        new = [Network.parse(addresses.of(Network(version, each, bits))).address for each in (one, other)]
        assert (new[0] ^ new[1]).bit_length() == (one ^ other).bit_length()


def test_the_shop(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    fill(store)
    store.put("config/ClusterGUID", "0123")
    path = tmp_path / "anonymous.json"
    note = "Note: Left out: 1 key on which no flow depends.\n"
    assert calicoq("snapshot", "--anonymize", str(path)) == (0, "", note)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    saved = re.sub(r"\bhost-\d|/host/", "", path.read_text())
    assert not re.search("host|WEB|DB|BACKUP|CLIENT|web-|db-|production|stage|k8s|0123|ca:fe", saved)
    shown = calicoq("reach", "--to=profile:profile-2", f"--snapshot={path}").stdout.splitlines()
    assert shown[0].endswith(" -> profile profile-2 (2): tcp 22")
    assert shown[1:] == ["profile profile-2 (2) -> profile profile-2 (2): all",
                         "tag tag-2 (3) -> profile profile-2 (2): tcp 5432"]  # fmt: skip


def test_a_saved_datastore_with_documents(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    fill(store)
    calicoq("snapshot", str(tmp_path / "shop.json"))
    store.etcd.clear()
    (tmp_path / "new.yaml").write_text("{apiVersion: projectcalico.org/v3, kind: Profile, metadata: {name: NEW}}")
    options = (f"--snapshot={tmp_path / 'shop.json'}", f"--with={tmp_path / 'new.yaml'}")
    document = json.loads(calicoq("snapshot", *options).stdout)
    assert json.loads(document["keys"]["/calico/v1/policy/profile/NEW/tags"]["value"]) == []
    assert json.loads(calicoq("snapshot", "--anonymize", *options).stdout)["format"] == "calico-datastore/1 anonymous"
