"""The traffic that a state allows: packets that Felix would accept between endpoints with the profiles of the table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import permutations

from tests.calicoq.memory import calicoq_on
from tests.command_lines import PROFILES, V1

# By the profiles of an endpoint. A profile that passes a packet to the next one must not allow what that one allows.
PARTIES = {
    "p1": ["P"], "p2": ["P"], "q1": ["Q"], "q2": ["Q"], "p-open": ["P", "OPEN"], "q-p": ["Q", "P"], "open": ["OPEN"],
    "c": ["TAGGED-C"], "watch": ["WATCH"],
}  # fmt: skip
_ALL = [{"action": "allow"}]
_OTHER_PROFILES = {
    "OPEN/rules": {"inbound_rules": _ALL, "outbound_rules": _ALL},
    "TAGGED-C/rules": {"inbound_rules": _ALL, "outbound_rules": _ALL},
    "TAGGED-C/tags": ["C"],
    "WATCH/rules": {
        "inbound_rules": [{"action": "allow", "src_tag": "B"}, {"action": "allow", "src_selector": "stage == 'test'"}],
        "outbound_rules": [{"action": "allow", "dst_selector": "has(stage)", "dst_tag": "B"}],
    },
}


def allowed(state: Mapping[str, str | None]) -> frozenset[tuple[str, str]]:
    """Return who may open a TCP connection to port 80 of whom, according to the profiles in these keys and values."""
    profiles = {key: value for key, value in state.items() if key.startswith(f"{PROFILES}/") and value is not None}
    return _allowed(frozenset(profiles.items()))


@cache
def _allowed(profiles: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    state = dict(profiles)
    state |= {f"{PROFILES}/{key}": json.dumps(value) for key, value in _OTHER_PROFILES.items()}
    for number, (name, ids) in enumerate(PARTIES.items(), start=1):
        state[f"{V1}/host/h1/workload/probe/{name}/endpoint/{name}"] = json.dumps(
            {"state": "active", "name": f"cali{number}", "mac": "EE:EE:EE:EE:EE:EE", "profile_ids": ids,
             "ipv4_nets": [f"10.66.0.{number}/32"], "ipv6_nets": []}
        )  # fmt: skip
    results = {pair: calicoq_on(state, "verdict", *(f"h1/probe/{name}/{name}" for name in pair), "tcp", "80")
               for pair in permutations(PARTIES, 2)}  # fmt: skip
    assert all(result.status in (0, 1) and result.stdout for result in results.values())
    return frozenset(pair for pair, result in results.items() if result.status == 0)
