"""The table of command lines that the tests of reliability are driven by: a new command is a new row."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.conftest import Calicoctl, Result
from tests.containers.namespaces import NetworkNamespace, why_no_namespaces

V1 = "/calico/v1"
PROFILES = f"{V1}/policy/profile"
ENDPOINT = f"{V1}/host/h1/workload/o/w/endpoint/e1"
POOL = "10.65.0.0/24"
BLOCK = "/calico/ipam/v2/assignment/ipv4/block/10.65.0.0-26"
NEW_RULES = '{"inbound_rules": [{"action": "allow", "src_tag": "P"}], "outbound_rules": [{"action": "allow"}]}'

READY = {f"{V1}/Ready": "true"}
PROFILE = {f"{PROFILES}/P/tags": '["P"]', f"{PROFILES}/P/labels": "{}", f"{PROFILES}/P/rules": NEW_RULES}
ENDPOINTS = {
    ENDPOINT: json.dumps(
        {"state": "active", "name": "cali1", "mac": "EE:EE:EE:EE:EE:EE", "profile_ids": ["OTHER"],
         "ipv4_nets": ["10.65.0.1/32"], "ipv6_nets": []}
    )
}  # fmt: skip
POOLS = {f"{V1}/ipam/v4/pool/10.65.0.0-24": json.dumps({"cidr": POOL})}
ASSIGNED = {
    **POOLS,
    "/calico/ipam/v2/host/h1/ipv4/block/10.65.0.0-26": "",
    "/calico/ipam/v2/handle/one": json.dumps({"id": "one", "block": {"10.65.0.0/26": 1}}),
    BLOCK: json.dumps(
        {"cidr": "10.65.0.0/26", "affinity": "host:h1", "strict_affinity": False,
         "allocations": [None, 0] + [None] * 62, "unallocated": [0, *range(2, 64)],
         "attributes": [{"handle_id": "one", "secondary": {}}]}
    ),
}  # fmt: skip
TWO_BLOCKS = {
    **ASSIGNED,
    "/calico/ipam/v2/host/h2/ipv4/block/10.65.0.64-26": "",
    BLOCK.replace("10.65.0.0", "10.65.0.64"): json.dumps(
        {"cidr": "10.65.0.64/26", "affinity": "host:h2", "strict_affinity": False, "allocations": [None] * 64,
         "unallocated": list(range(64)), "attributes": []}
    ),
}  # fmt: skip
DOCUMENT = json.dumps(
    {
        "apiVersion": "projectcalico.org/v3",
        "kind": "Profile",
        "metadata": {"name": "P"},
        "spec": {
            "ingress": [{"action": "Deny", "source": {"nets": ["10.0.20.0/24"]}}],
            "egress": [{"action": "Allow"}],
            "labelsToApply": {"stage": "development"},
        },
    }
)


def _document(name: str, stage: str, ingress: list[Any], **metadata: Any) -> dict[str, Any]:
    spec = {"ingress": ingress, "egress": [{"action": "Allow"}], "labelsToApply": {"stage": stage} if stage else {}}
    return {
        "apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": name, **metadata}, "spec": spec
    }  # fmt: skip


def _stored(name: str, tag: str, stage: str, *inbound: dict[str, str]) -> dict[str, str]:
    return {
        f"{PROFILES}/{name}/tags": json.dumps([tag]),
        f"{PROFILES}/{name}/labels": json.dumps({"stage": stage} if stage else {}),
        f"{PROFILES}/{name}/rules": json.dumps({"inbound_rules": inbound, "outbound_rules": [{"action": "allow"}]}),
    }


# Old rules with the new tag, and new rules with the old label, open what neither the old profile does nor the new.
TAGGED = _stored("P", "A", "", {"action": "allow", "src_tag": "B"})
RETAGGED = json.dumps(_document("P", "", [{"action": "Allow", "source": {"tag": "C"}}], tags=["B"]))
LABELLED = {
    **_stored("P", "P", "test", {"action": "allow", "src_tag": "C"}, {"action": "deny"}),
    **_stored("Q", "Q", "development", {"action": "allow", "src_selector": "stage == 'production'"}),
}
SEVERAL = "\n---\n".join(
    json.dumps(document)
    for document in (
        _document("P", "development", [{"action": "Allow", "source": {"selector": "stage == 'test'"}}]),
        _document("NEW", "new", [{"action": "Allow", "source": {"selector": "stage == 'new'"}}]),
        _document("Q", "production", [{"action": "Deny", "source": {"tag": "Q"}}, {"action": "Allow"}], tags=["B"]),
    )
)
UPDATE = '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


# What the rows of `container` work on: there during the tests, with nothing in it but what such a row wants.
NAMESPACE = NetworkNamespace(f"calicoctl-trust-{os.getpid()}")
CONTAINER = NAMESPACE.path


class Row(NamedTuple):
    """A command line, what must be in etcd before it and on its standard input, and the program it is of.

    One of `container` may need command lines that are given first.
    """

    line: str
    before: Mapping[str, str] = {}
    stdin: str = ""
    program: str = "calicoctl"
    given: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        return self.line.split()

    @property
    def of_container(self) -> bool:
        return self.line.startswith("container ")

    def __str__(self) -> str:
        return f"{self.program} {self.line}".replace(CONTAINER, "CONTAINER")


USED = {**READY, **PROFILE, **ENDPOINTS}
POLICY = {
    f"{V1}/policy/tier/default/policy/pol": json.dumps(
        {"selector": "all()", "order": 1, "inbound_rules": [{"action": "allow"}], "outbound_rules": []}
    )
}

NETWORK = {
    **_stored("OTHER", "OTHER", ""),
    **PROFILE,
    f"{V1}/ipam/v4/pool/10.65.0.0-24": json.dumps({"cidr": POOL}),
    f"{V1}/ipam/v6/pool/fd80:65::-64": json.dumps({"cidr": "fd80:65::/64"}),
}
ADDED = (f"container add {CONTAINER} 10.65.0.7", f"container {CONTAINER} profile set OTHER")

WRITING = [
    Row("profile add P"),
    Row("profile remove P", PROFILE),
    Row("profile remove P --no-check", PROFILE),
    Row("profile P tag add T", PROFILE),
    Row("profile P tag add T", {f"{PROFILES}/P/rules": NEW_RULES}),
    Row("profile P tag remove P", PROFILE),
    Row("profile P rule add inbound allow tcp to ports 80", PROFILE),
    Row("profile P rule add outbound --at=1 deny icmp type 8", PROFILE),
    Row("profile P rule remove inbound --at=1", PROFILE),
    Row("profile P rule remove outbound allow", PROFILE),
    Row("profile P rule update", PROFILE, UPDATE),
    Row("endpoint e1 profile append P", USED),
    Row("endpoint e1 profile remove OTHER", USED),
    Row("endpoint e1 profile set P", USED),
    Row("endpoint e1 profile set", USED),
    Row(f"pool add {POOL}"),
    Row(f"pool add {POOL} 10.66.0.0/24"),
    Row(f"pool add {POOL} --ipip --nat-outgoing"),
    Row("pool range add 10.65.0.0 10.65.2.255 --nat-outgoing"),
    Row(f"pool remove {POOL} --wait=0", POOLS),
    Row(f"pool remove {POOL} --wait=0", ASSIGNED),
    Row(f"pool remove {POOL} --wait=0", TWO_BLOCKS),
    Row("ipam release 10.65.0.1", ASSIGNED),
    Row("create -f -", {}, DOCUMENT),
    Row("apply -f -", {}, DOCUMENT),
    Row("apply -f -", PROFILE, DOCUMENT),
    Row("replace -f -", PROFILE, DOCUMENT),
    Row("replace -f -", TAGGED, RETAGGED),
    Row("apply -f -", TAGGED, RETAGGED),
    Row("apply -f -", LABELLED, SEVERAL),
    Row("delete profile P", PROFILE),
    Row("delete -f -", PROFILE, DOCUMENT),
]

READING = [
    Row("profile show", USED),
    Row("profile show --detailed", USED),
    Row("profile P tag show", PROFILE),
    Row("profile P rule show", PROFILE),
    Row("profile P rule json", PROFILE),
    Row("endpoint show", USED),
    Row("endpoint show --detailed", USED),
    Row("endpoint e1 profile show", USED),
    Row("pool show", POOLS),
    Row("ipam info 10.65.0.1", ASSIGNED),
    Row("get profile", PROFILE),
    Row("get profile P -o yaml --export", PROFILE),
    Row("diff -f -", PROFILE, DOCUMENT),
    Row("endpoint e1", USED, program="calicoq"),
    Row("host h1", USED, program="calicoq"),
    Row("policy pol", {**USED, **POLICY}, program="calicoq"),
    Row("eval all()", USED, program="calicoq"),
    Row("verdict e1 10.0.0.1 tcp 80", USED, program="calicoq"),
    Row("check", USED, program="calicoq"),
]

# Where there can be no namespaces, the other rows are all there are.
if why_no_namespaces() is None:
    WRITING += [
        Row(f"container add {CONTAINER} ipv4", NETWORK),
        Row(f"container add {CONTAINER} fd80:65::9 --interface=eth2", NETWORK),
        Row(f"container remove {CONTAINER}", NETWORK, given=ADDED),
        Row(f"container {CONTAINER} ip add 10.65.0.9", NETWORK, given=ADDED),
        Row(f"container {CONTAINER} ip add ipv6", NETWORK, given=ADDED),
        Row(f"container {CONTAINER} ip remove 10.65.0.7", NETWORK, given=ADDED),
        Row(f"container {CONTAINER} profile append P", NETWORK, given=ADDED),
        Row(f"container {CONTAINER} profile remove OTHER", NETWORK, given=ADDED),
        Row(f"container {CONTAINER} profile set P", NETWORK, given=ADDED),
    ]
    READING += [Row(f"container {CONTAINER} endpoint show", NETWORK, given=ADDED)]

ALL = READING + WRITING


def run_row(row: Row, calicoctl: Calicoctl, env: Mapping[str, str | None] | None = None) -> Result:
    """Run a row in this process, with `calicoctl`'s environment; a container's hardware address is hidden."""
    result = Calicoctl(calicoctl.environ, row.program)(*row.arguments, stdin=row.stdin, env=env)
    return result._replace(stdout=hide_hardware_address(result.stdout)) if row.of_container else result


def hide_hardware_address(text: str) -> str:
    """Let the hardware address that the kernel chose, another one each time, be always the same."""
    return re.sub(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", "ee:ee:ee:ee:ee:ee", text)
