"""Conditions that every run must meet, whatever its input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from calicoctl.calicoq.bird_findings import bird_findings
from calicoctl.calicoq.codes import REFUSED_BY_BIRD
from calicoctl.datastore.bgp_snapshot import BgpSnapshot
from calicoctl.etcd.client import Client
from calicoctl.etcd.settings import Settings
from calicoctl.felix.objects import (
    endpoint_problems,
    pool_problems,
    profile_labels_problems,
    profile_rules_problems,
    tags_problems,
)
from calicoctl.model.endpoint import EndpointName
from calicoctl.model.ipam import Block
from tests.command_lines import NAMESPACE, PROFILES, V1, Row
from tests.conftest import Calicoctl, Result
from tests.containers import stored
from tests.etcd_server import EtcdServer
from tests.trust.outcomes import KERNEL, Keys, Outcome, is_repetition, run_row, state_of
from tests.trust.traffic import allowed

ASSIGNMENTS = "/calico/ipam/v2/assignment"
_PARTS = {"rules": profile_rules_problems, "tags": tags_problems, "labels": profile_labels_problems}


def check_result(result: Result, case: object) -> None:
    """Check that there is no internal error, the exit status is documented, and the output is safe for a terminal."""
    assert "Internal error" not in result.stderr, (case, result.stderr)
    assert "Traceback" not in result.stderr, (case, result.stderr)
    assert result.status in (0, 1, 2), (case, result)
    assert result.status == 0 or result.stderr or result.stdout, case
    for text in (result.stdout, result.stderr):
        assert text.replace("\n", "").isprintable(), (case, text)


def check_stored(etcd: EtcdServer, case: object) -> None:
    """Check that Felix accepts every stored profile, endpoint and pool, by the data model, and that blocks are
    readable and BIRD accepts every BGP setting.
    """
    for key, value in etcd.keys(PROFILES).items():
        name, _, part = key.removeprefix(f"{PROFILES}/").partition("/")
        if value is not None and part in _PARTS:
            assert list(_PARTS[part](name, json.loads(value))) == [], (case, key, value)
    for key, value in etcd.keys(f"{V1}/ipam/v4").items():  # Felix ignores IPv6 pools
        if value is not None:
            assert list(pool_problems(key.rpartition("/")[2], json.loads(value))) == [], (case, key, value)
    for key, value in etcd.keys(f"{V1}/host").items():
        parts = key.removeprefix(f"{V1}/host/").split("/")
        if value is not None and parts[1] == "workload":
            endpoint = EndpointName(parts[0], parts[2], parts[3], parts[5])
            assert list(endpoint_problems(endpoint, json.loads(value))) == [], (case, key, value)
    for value in etcd.keys(ASSIGNMENTS).values():
        if value is not None:
            Block.from_json(value)
    bgp = BgpSnapshot.read(Client(Settings.from_environment(etcd.environ({}))))
    assert [each.reason for each in bird_findings(bgp) if each.code == REFUSED_BY_BIRD] == [], case


def check_state(state: Keys, outcome: Outcome) -> None:
    """Check a state after an interrupted command.

    Each key is old or new, or is a pool without addresses, or has rules that deny everything, or is Ready, which is
    false as long as Felix is to apply nothing. The rules of a new profile are written last. No packet passes that
    passes neither before nor after the command.

    For `container`, addresses are claimed first, and Felix denies all traffic of an interface without an endpoint.
    Claims may be under other handles meanwhile.
    """
    keys = {*state, *outcome.before, *outcome.after}
    for key in (key for key in keys if KERNEL not in state or key.startswith(f"{V1}/")):
        value = state.get(key)
        if not key.endswith("/") and value not in (outcome.before.get(key), outcome.after.get(key)):
            of_handle = "/ipam/v2/handle/" in key
            if key == f"{V1}/Ready" and value == "false":
                continue
            assert of_handle or same_claims(key, value, outcome) or gives_nothing(json.loads(value or "null")), key
        if key.endswith("/rules") and value is not None and key not in outcome.before:
            profile = key.removesuffix("rules")
            assert _below(profile, state) == _below(profile, outcome.after)
    if state.get(f"{V1}/Ready") != "false":  # else Felix applies nothing of it
        assert allowed(state) <= allowed(outcome.before) | allowed(outcome.after)


def same_claims(key: str, value: str | None, outcome: Outcome) -> bool:
    """Whether a key is a block with the claims of before, whatever their handles, or fewer."""
    before = outcome.before.get(key)
    if "/block/" not in key or not value or not before:
        return False
    return {address for address, _ in Block.from_json(value).claims()} <= {
        address for address, _ in Block.from_json(before).claims()
    }


def gives_nothing(stored: dict[str, Any]) -> bool:
    """Whether a value is a pool or block that gives no addresses, or has rules that deny all packets."""
    first = [stored.get(f"{way}_rules", [])[:1] for way in ("inbound", "outbound")]
    return stored.get("disabled") is True or stored.get("affinity") == "" or first == [[{"action": "deny"}]] * 2


def _below(directory: str, state: Keys) -> Keys:
    return {key: value for key, value in state.items() if key.startswith(directory)}


def check_claims(row: Row, etcd: EtcdServer) -> None:
    """Check that every address of a container's endpoint or interface is claimed, so that it is not assigned again."""
    if row.of_container:
        nets = [net for value in stored.endpoints(etcd).values() for net in value["ipv4_nets"] + value["ipv6_nets"]]
        nets += [address.split()[1] for address in NAMESPACE.addresses()]
        assert {net.partition("/")[0] for net in nets} <= set(stored.allocated(etcd)), row


def check_repeated(
    row: Row,
    state: Keys,
    outcome: Outcome,
    etcd: EtcdServer,
    calicoctl: Calicoctl,
    env: Mapping[str, str | None] | None = None,
) -> None:
    """Check that running an interrupted command again completes it or reports that nothing is left to do."""
    if row.line.endswith(" ip add ipv6") and state == outcome.after:
        return  # run again, it adds one more address
    repeated = run_row(row, calicoctl, env)
    assert repeated.status == 0 or is_repetition(repeated.stderr), (row, repeated)
    assert _without_handles(state_of(row, etcd)) == _without_handles(outcome.after), (row, repeated)


def _without_handles(state: Keys) -> Keys:
    """Leave out handles. One may count an address too many until the next command on its workload; only blocks
    matter.
    """
    return {key: value for key, value in state.items() if not key.startswith("/calico/ipam/v2/handle/")}
