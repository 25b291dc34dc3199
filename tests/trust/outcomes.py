"""The undisturbed outcome of a command line, for comparison with disturbed runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from tests.command_lines import NAMESPACE, Row
from tests.commands.resources import PROFILES, deny_notice
from tests.conftest import Calicoctl, Result
from tests.containers import stored
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy

NOT_REMOVED = "The removal may be incomplete: repeat the command."
STILL_CLAIMED = "The address may still be claimed: repeat the command."
Keys = dict[str, "str | None"]
# The content of a namespace, represented as the value of a key.
KERNEL = "the namespace's interfaces, addresses and routes"

# Unconditional requests, which are sent again after a lost reply: every writer would set the same value.
UNCONDITIONAL = re.compile(r"^PUT .*(/IpInIpEnabled|/calico/ipam/v2/host/h1/ipv[46]/block/)")

# Messages of commands that find nothing left to do.
NOTHING_LEFT_TO_DO = (
    "Profile P not found.", "Tag P is not on profile P", "Rule not found.", "Rule position out-of-range.",
    "Profile P is already in endpoint profile list", "Profile OTHER is not in endpoint profile list.",
    "range conflicts with pool", "is not a configured pool.", "Failed to release address", "already exists",
    "does not exist", "has already been configured with Calico Networking.", "Failed find Calico data",
    "IP address is already assigned in pool", "IP address is not assigned to container.",
    "is not a globally configured peer.", "is not a configured peer for node h1.", "etcd has no data of the host",
)  # fmt: skip


class Outcome(NamedTuple):
    """The result, the state before and after, the number of changes in etcd, and the requests in order."""

    result: Result
    before: Keys
    after: Keys
    changes: int
    requests: list[str]

    def writes(self) -> list[int]:
        """The numbers, from 1, of the writing requests."""
        return [number for number, request in enumerate(self.requests, 1) if not request.startswith("GET")]

    def interruptions(self, row: Row) -> list[str]:
        """The messages that the row may print if it is interrupted; some mention temporary deny rules."""
        writes = [re.fullmatch(f"PUT /v2/keys{PROFILES}/(.+)/rules", request) for request in self.requests]
        names = [found[1] for found in writes if found]
        denied = sorted({name for name in names if names.count(name) == 2})
        notices = [deny_notice(name, row.arguments[0]).replace(" stands ", " may stand ") for name in denied]
        removes = " remove " in row.line and (row.of_container or row.line.startswith("node remove"))
        unfinished = [NOT_REMOVED, STILL_CLAIMED] if removes else []
        said = ["Aborted command.\n", *(f"Aborted command.  {text}\n" for text in [*notices, *unfinished])]
        return said + [row.remark + text for text in said]


def run_row(row: Row, calicoctl: Calicoctl, env: Mapping[str, str | None] | None = None) -> Result:
    """Run a row in this process, in `calicoctl`'s environment; mask what changes from run to run."""
    result = Calicoctl(calicoctl.environ, row.program)(*row.arguments, stdin=row.stdin, env=env)
    return result._replace(stdout=hide_changing(result.stdout))


def hide_changing(text: str) -> str:
    """Replace the hardware address, which the kernel chooses at random, and the indexes and time of a snapshot."""
    text = re.sub(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", "ee:ee:ee:ee:ee:ee", text)
    return re.sub(r'"((?:etcd_)?index|taken)": (?:[0-9]+|"[^"]*")', r'"\1": 0', text)


def fill(etcd: EtcdServer, keys: Mapping[str, str]) -> None:
    """Store these keys in etcd and no others."""
    etcd.clear()
    for key, value in keys.items():
        etcd.put(key, value)


def prepare(row: Row, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    """Prepare etcd, and the namespace for a row of `container`, for the row."""
    fill(etcd, row.before)
    if row.of_container:
        NAMESPACE.clear()
        for line in row.given:
            assert calicoctl(*line.split(), env=etcd.environ({})).status == 0, line


def is_repetition(complaint: str) -> bool:
    """Whether a command reports that nothing is left to do."""
    return any(text in " ".join(complaint.split()) for text in NOTHING_LEFT_TO_DO)


def reports_remaining_changes(complaint: str) -> bool:
    """Whether a failed command reports which changes remain."""
    return any(text in complaint for text in ("Not undone: ", "repeat the command", "is removed", "released anyway"))


def state_of(row: Row, etcd: EtcdServer) -> Keys:
    """Every key with its value; for a row of `container`, in comparable form, and with the content of the namespace."""
    if not row.of_container:
        return etcd.keys()
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in stored.state(etcd).items()}
    # The IPv6 next hop depends on the hardware address, which is random.
    return {**values, KERNEL: re.sub("fe80::[0-9a-f:]+", "fe80::1", json.dumps(NAMESPACE.state()))}


_UNDISTURBED: dict[str, Outcome] = {}


def undisturbed(row: Row, etcd: EtcdServer, calicoctl: Calicoctl) -> Outcome:
    """The outcome of a row with a proxy that only counts; each row is run once and the outcome is cached."""
    if repr(row) not in _UNDISTURBED:
        prepare(row, etcd, calicoctl)
        before, index = state_of(row, etcd), etcd.index()
        with Proxy(etcd) as proxy:
            result = run_row(row, calicoctl, {"ETCD_AUTHORITY": proxy.authority})
            requests = list(proxy.requests)
        _UNDISTURBED[repr(row)] = Outcome(result, before, state_of(row, etcd), etcd.index() - index, requests)
    return _UNDISTURBED[repr(row)]
