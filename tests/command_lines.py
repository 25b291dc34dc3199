"""The table of command lines for the tests of reliability and speed: a new command is a new row.

A row has the content of etcd before the command and the number of its requests. The modules that it may load are listed
below the table.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from calicoctl.usage.table import COMMANDS
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
# A host whose endpoint has an address that legacy calicoctl assigned.
REMOVABLE = {
    "/calico/bgp/v1/host/h9/ip_addr_v4": "192.0.2.9",
    f"{V1}/host/h9/bird_ip": "192.0.2.9",
    f"{V1}/host/h9/workload/o/w/endpoint/e9": json.dumps(
        {"state": "active", "name": "cali9", "mac": "EE:EE:EE:EE:EE:EE", "profile_ids": ["OTHER"],
         "ipv4_nets": ["10.65.0.1/32"], "ipv6_nets": []}
    ),
    "/calico/ipam/v2/host/h9/ipv4/block/10.65.0.0-26": "",
    BLOCK: json.dumps(
        {"cidr": "10.65.0.0/26", "affinity": "host:h9", "strict_affinity": False,
         "allocations": [None, 0] + [None] * 62, "unallocated": [0, *range(2, 64)],
         "attributes": [{"handle_id": None, "secondary": {}}]}
    ),
}  # fmt: skip
REMOVE = "node remove --remove-endpoints --hostname h9"
REMOVE_REQUESTS = (
    "GET GET GET GET GET DELETE GET GET PUT GET PUT DELETE GET GET GET PUT GET DELETE GET DELETE DELETE"
)
NOT_SEEN = (
    "Warning: calicoctl cannot tell whether the node of h9 is running. If it is, it works only partly until it is "
    "restarted.\n"
)
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


# Old rules with the new tag, or new rules with the old label, would allow more than either profile.
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
SAME_DOCUMENT = json.dumps(_document("P", "", [{"action": "Allow", "source": {"tag": "P"}}]))
OTHER_RULES = json.dumps(_document("P", "", [{"action": "Deny"}]))


# The rows of `container` change this namespace. It exists during the tests that use it.
NAMESPACE = NetworkNamespace(f"calicoctl-trust-{os.getpid()}")
CONTAINER = NAMESPACE.path
SAVED_FILE = f"{tempfile.gettempdir()}/calicoctl-trust-{os.getpid()}.json"  # of the row of `backup`
BUNDLE = f"{tempfile.gettempdir()}/calicoctl-trust-{os.getpid()}.tar.gz"  # of the row of `diags`


TRIED = "Dry run: nothing is written.\n"


class Row(NamedTuple):
    """A command line, the methods of its requests to etcd in order, the keys before it and its standard input.

    `program` is calicoctl or calicoq. A row of `container` may require other command lines, `given`, to run first.
    `loads` names the costly modules that it needs beyond those of its kind (see `costly_of`). `remark` is its output on
    stderr.
    """

    line: str
    requests: str = ""
    before: Mapping[str, str] = {}
    stdin: str = ""
    program: str = "calicoctl"
    given: tuple[str, ...] = ()
    loads: frozenset[str] = frozenset()
    remark: str = ""

    @property
    def arguments(self) -> list[str]:
        return self.line.split()

    @property
    def of_container(self) -> bool:
        """Whether the row uses the namespace."""
        return self.line.startswith("container ") and CONTAINER in self.line

    def __str__(self) -> str:
        text = f"{self.program} {self.line}".strip()
        for path, name in ((CONTAINER, "CONTAINER"), (BUNDLE, "BUNDLE"), (SAVED_FILE, "FILE")):
            text = text.replace(path, name)
        return text


# Modules with a long loading time. A command must load only those that it needs.
_JSON = frozenset({"json"})
_ADDRESSES = frozenset({"select", "socket"})
_QUOTING = frozenset({"ipaddress", "urllib.parse"})
_FOR_ETCD = _JSON | _ADDRESSES
_FOR_HTTPS = frozenset(
    "base64 contextlib datetime email etcd hashlib http.client logging ssl threading urllib3".split()
)
_FOR_INTERFACES = _QUOTING | frozenset("contextlib hashlib platform shutil subprocess textwrap threading uuid".split())
_FOR_DOCKER = _FOR_HTTPS | _QUOTING | frozenset(
    """
    ast calendar concurrent csv dataclasses decimal dis docker fractions glob http.cookiejar http.server
    importlib.metadata inspect mimetypes pathlib pickle platform random requests shutil subprocess tarfile tempfile
    tokenize traceback uuid zipfile
    """.split()
)
_COSTLY = _FOR_ETCD | _FOR_HTTPS | _QUOTING | _FOR_INTERFACES | _FOR_DOCKER | frozenset(
    "OpenSSL argparse asyncio difflib dns gettext netaddr prettytable statistics wcwidth yaml".split()
)  # fmt: skip
_PARAGRAPHS = frozenset({"textwrap"})
_YAML = frozenset({"base64", "datetime", "yaml"})
_EDITOR = _YAML | {"contextlib", "difflib", "random", "shutil", "subprocess", "tempfile", "threading"}
_COMPARISON = _YAML | frozenset({"difflib"})


USED = {**READY, **PROFILE, **ENDPOINTS}
TWO_PROFILES = {**USED, f"{PROFILES}/Q/tags": '["Q"]'}
POLICY = {
    f"{V1}/policy/tier/default/metadata": "{}",
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

BGP = "/calico/bgp/v1"
NODE = {f"{BGP}/host/h1/ip_addr_v4": "192.0.2.1", f"{BGP}/host/h1/ip_addr_v6": ""}
PEER = json.dumps({"ip": "10.0.0.1", "as_num": "64512"})
PEERS = {
    **NODE,
    f"{BGP}/global/peer_v4/10.0.0.1": PEER,
    f"{BGP}/global/peer_v6/fd80::1": json.dumps({"ip": "fd80::1", "as_num": 5, "later": 1}),
    f"{BGP}/global/node_mesh": '{"enabled": true, "later": 1}',
    f"{BGP}/global/as_num": "64511",
    f"{BGP}/global/loglevel": "info",
    f"{BGP}/host/h1/peer_v4/10.0.0.1": PEER,
}

WRITING = [
    Row("profile add P", "GET PUT PUT PUT"),
    Row("profile remove P", "GET GET DELETE", PROFILE),
    Row("profile remove P --no-check", "GET DELETE", PROFILE),
    Row("profile P tag add T", "GET PUT", PROFILE),
    Row("profile P tag add T", "GET PUT GET", {f"{PROFILES}/P/rules": NEW_RULES}),
    Row("profile P tag remove P", "GET PUT", PROFILE),
    Row("profile P rule add inbound allow tcp to ports 80", "GET PUT", PROFILE),
    Row("profile P rule add outbound --at=1 deny icmp type 8", "GET PUT", PROFILE),
    Row("profile P rule remove inbound --at=1", "GET PUT", PROFILE),
    Row("profile P rule remove outbound allow", "GET PUT", PROFILE),
    Row("profile P rule update", "GET PUT", PROFILE, UPDATE, remark="Rules added: 1, removed: 2, kept: 0.\n"),
    Row("endpoint e1 profile append P", "GET GET PUT", USED, loads=_PARAGRAPHS),
    Row("endpoint e1 profile remove OTHER", "GET PUT", USED, loads=_PARAGRAPHS),
    Row("endpoint e1 profile set P", "GET GET PUT", USED, loads=_PARAGRAPHS),
    Row("endpoint e1 profile set", "GET PUT", USED, loads=_PARAGRAPHS),
    Row(f"pool add {POOL}", "GET PUT GET"),
    Row(f"pool add {POOL} 10.66.0.0/24", "GET PUT PUT GET"),
    Row(f"pool add {POOL} --ipip --nat-outgoing", "GET GET PUT PUT GET"),
    Row("pool range add 10.65.0.0 10.65.2.255 --nat-outgoing", "GET PUT PUT GET"),
    Row(f"pool remove {POOL} --wait=0", "GET PUT GET GET DELETE", POOLS),
    Row(f"pool remove {POOL} --wait=0", "GET PUT GET PUT GET DELETE DELETE", ASSIGNED),
    Row(f"pool remove {POOL} --wait=0", "GET PUT GET PUT DELETE GET DELETE DELETE DELETE", TWO_BLOCKS),
    Row("ipam release 10.65.0.1", "GET PUT GET DELETE", ASSIGNED),
    Row("bgp peer add 10.0.0.1 as 64512", "GET PUT"),
    Row("bgp peer add fd80::1 as 6", "GET PUT", PEERS, loads=_QUOTING),
    Row("bgp peer remove 10.0.0.1", "GET DELETE", PEERS),
    Row("bgp node-mesh off", "GET PUT", PEERS),
    Row("bgp default-node-as 1.10", "GET PUT"),
    Row("node bgp peer add 10.0.0.1 as 5 --hostname=h1", "GET GET PUT GET", NODE),
    Row("node bgp peer remove 10.0.0.1 --hostname=h1", "GET DELETE", PEERS),
    Row("config felix loglevel debug", "GET PUT"),
    Row("config bgp loglevel --remove", "GET DELETE", PEERS),
    Row(REMOVE, REMOVE_REQUESTS, REMOVABLE, loads=_QUOTING, remark=NOT_SEEN),
    Row("config node bgp loglevel debug --hostname=h1", "GET GET PUT GET", NODE),
    Row("create -f -", "GET PUT PUT PUT", {}, DOCUMENT),
    Row("apply -f -", "GET PUT PUT PUT", {}, DOCUMENT),
    Row("apply -f -", "GET PUT PUT PUT", PROFILE, DOCUMENT),
    Row("replace -f -", "GET PUT PUT PUT", PROFILE, DOCUMENT),
    Row("replace -f -", "GET PUT PUT PUT", TAGGED, RETAGGED),
    Row("apply -f -", "GET PUT PUT PUT", TAGGED, RETAGGED),
    Row("apply -f -", "GET PUT PUT PUT PUT PUT PUT PUT PUT PUT PUT", LABELLED, SEVERAL, loads=_YAML),
    Row("apply -f - --deny-if=opens", "GET GET PUT PUT PUT", {**READY, **PROFILE}, DOCUMENT),
    Row("delete profile P", "GET GET DELETE", PROFILE),
    Row("delete -f -", "GET GET DELETE", PROFILE, DOCUMENT),
]

# importlib.metadata loads these, to tell the versions of libraries.
_VERSIONS = frozenset(
    "ast base64 calendar contextlib csv datetime dis email glob importlib.metadata inspect ipaddress pathlib platform "
    "random shutil subprocess tempfile textwrap threading tokenize urllib.parse zipfile".split()
)

READING = [
    Row("profile show", "GET", USED),
    Row("profile show --detailed", "GET GET", USED),
    Row("profile P tag show", "GET", PROFILE),
    Row("profile P rule show", "GET", PROFILE),
    Row("profile P rule json", "GET", PROFILE),
    Row("endpoint show", "GET", USED),
    Row("endpoint show --detailed", "GET", USED),
    Row("endpoint e1 profile show", "GET", USED),
    Row("pool show", "GET", POOLS),
    Row("ipam info 10.65.0.1", "GET", ASSIGNED),
    Row("find P", "GET", {**USED, **POOLS}),
    Row("bgp peer show", "GET", PEERS),
    Row("bgp node-mesh", "GET", PEERS),
    Row("bgp default-node-as", "GET", PEERS),
    Row("node show", "GET", PEERS),
    Row("node remove --dry-run --remove-endpoints --hostname h9", "GET GET GET GET GET", REMOVABLE, loads=_QUOTING),
    Row("node bgp peer show --hostname=h1", "GET", PEERS),
    Row("config bgp loglevel", "GET", PEERS),
    Row("get profile", "GET", PROFILE),
    Row("get profile P -o yaml --export", "GET", PROFILE, loads=_YAML),
    Row("edit profile P", "GET", PROFILE, loads=_EDITOR),
    Row("diff -f -", "GET", PROFILE, DOCUMENT, loads=_COMPARISON),
    Row("diff -f - --flows", "GET", {**READY, **PROFILE}, DOCUMENT, loads=_COMPARISON),
    Row("apply -f - --dry-run --flows", "GET", {**READY, **PROFILE}, DOCUMENT),
    Row("--dry-run --flows profile P tag remove P", "GET", {**READY, **PROFILE}, remark=TRIED),
    Row("endpoint e1", "GET", USED, program="calicoq"),
    Row("host h1", "GET", USED, program="calicoq"),
    Row("policy pol", "GET", {**USED, **POLICY}, program="calicoq"),
    Row("eval all()", "GET", USED, program="calicoq"),
    Row("verdict e1 10.0.0.1 tcp 80", "GET", USED, program="calicoq"),
    Row("reach", "GET", USED, program="calicoq"),
    Row("explain 192.0.2.1 e1 tcp 80", "GET", USED, program="calicoq"),
    Row("check", "GET GET", {**USED, **PEERS}, program="calicoq"),
    Row("snapshot", "GET", USED, program="calicoq"),
    Row("lint", "GET", USED, program="calicoq"),
    Row("test -", "GET", USED, "- {deny: tcp, from: 192.0.2.1, to: e1}", program="calicoq", loads=_YAML),
    Row("test --record", "GET", USED, program="calicoq", loads=_YAML),
    Row("diff --with=-", "GET", {**READY, **PROFILE}, DOCUMENT, program="calicoq"),
]

# What a row of `restore` restores
SAVED = json.dumps(
    {"format": "calico-datastore/1", "keys": {key: {"index": 1, "value": value} for key, value in USED.items()}}
)
WRITING += [
    Row("restore -", "GET PUT PUT PUT", {**USED, f"{PROFILES}/P/rules": "{}", f"{PROFILES}/P/x": "1"}, SAVED),
    Row("restore --delete -", "GET PUT PUT DELETE PUT", {**USED, f"{PROFILES}/P/tags": "[]", f"{V1}/config/x": "1"},
        SAVED),
]  # fmt: skip
READING += [
    Row(f"backup {SAVED_FILE}", "GET", USED),
    Row("restore --dry-run -", "GET", PROFILE, SAVED),
]

# Without namespaces, only the other rows are tested.
if why_no_namespaces() is None:
    WRITING += [
        *(
            Row(f"container {words}", requests, NETWORK, given=given, loads=_FOR_INTERFACES)
            for words, requests, given in (
                (f"add {CONTAINER} ipv4", "GET " * 7 + "PUT PUT GET PUT GET PUT GET GET GET PUT", ()),
                (f"add {CONTAINER} fd80:65::9 --interface=eth2",
                 "GET " * 6 + "PUT PUT GET GET PUT GET PUT GET GET GET PUT", ()),
                (f"remove {CONTAINER}", "GET " * 6 + "DELETE DELETE DELETE GET GET PUT GET DELETE", ADDED),
                (f"{CONTAINER} ip add 10.65.0.9", "GET " * 7 + "PUT GET PUT PUT", ADDED),
                (f"{CONTAINER} ip add ipv6", "GET " * 8 + "PUT PUT GET PUT GET PUT PUT", ADDED),
                (f"{CONTAINER} ip remove 10.65.0.7", "GET " * 4 + "PUT GET PUT GET DELETE", ADDED),
            )
        ),
        *(
            Row(f"container {CONTAINER} profile {words}", requests, NETWORK, given=ADDED, loads=_PARAGRAPHS)
            for words, requests in (
                ("append P", "GET GET GET PUT"), ("remove OTHER", "GET GET PUT"), ("set P", "GET GET GET PUT"),
            )
        ),
    ]  # fmt: skip
    READING += [Row(f"container {CONTAINER} endpoint show", "GET GET", NETWORK, given=ADDED)]

# Rows for the tests of speed only: they need no etcd, change nothing, or repeat a case of reliability.
WITHOUT_ETCD = [
    Row(""),
    Row("--help"),
    Row("nonsense", loads=frozenset({"difflib"})),
    Row("version"),
    Row("version --client"),
    Row("help"),
    Row("explain-code CQ001", program="calicoq", loads=_PARAGRAPHS | {"json"}),
    Row("help profile"),
    *(Row(f"{name} --help") for name in COMMANDS),
    *(Row(f"{name} --nonsense", loads=frozenset({"difflib"})) for name in COMMANDS),
    Row("validate -f -", stdin=DOCUMENT, loads=_JSON | _ADDRESSES | _QUOTING),
    Row("validate --schema=profile", loads=_JSON | _QUOTING),
    Row("context list"),
    Row("context show"),
    Row("context use none", loads=frozenset({"difflib"})),
    Row("context use --none"),
    Row("node --dryrun", loads=_FOR_ETCD),
    Row("node --init-system", loads=_FOR_ETCD | {"shutil"}),
    Row("node none", loads=_FOR_ETCD),
    *(Row(f"completion {shell}") for shell in ("bash", "zsh", "fish")),
    Row("completion candidates -- calicoctl pro"),
    Row("completion candidates -- calicoctl profile P rule sh"),
    Row("completion candidates -- calicoctl endpoint show --de"),
    Row("completion candidates -- calicoctl pool add x"),
    Row("completion candidates -- calicoctl container add x"),
    Row("completion candidates -- calicoctl get pro"),
    Row("completion candidates -- calicoctl profile P rule add inbound --at=1"),
    Row("completion candidates -- calicoq ver"),
    Row("", program="calicoq"),
    Row("--help", program="calicoq"),
    Row("help check", program="calicoq"),
    Row("endpoint --nonsense", program="calicoq", loads=frozenset({"difflib"})),
    Row("version", program="calicoq", loads=_JSON),
]
FURTHER = [
    Row("--version", "GET", loads=_VERSIONS),
    Row("completion candidates -- calicoctl profile P", "GET", USED),
    Row("completion candidates -- calicoctl profile P tag remove P", "GET", USED),
    Row("completion candidates -- calicoctl profile P tag add P", "GET", USED),
    Row("completion candidates -- calicoctl endpoint e", "GET", USED),
    Row("completion candidates -- calicoctl pool remove 1", "GET", POOLS),
    Row("profile add P", "GET", PROFILE),
    Row("profile P tag add P", "GET", PROFILE),
    Row("profile P rule add outbound allow", "GET", PROFILE),
    Row("profile P rule update", "GET", PROFILE, NEW_RULES),
    Row("endpoint show --detailed --host=h1", "GET", USED),
    Row("endpoint e1 profile append P Q", "GET GET PUT", TWO_PROFILES, loads=_PARAGRAPHS),
    # Rows of `container` that run without Docker
    *(
        Row(f"container {words}", "GET", loads=_FOR_DOCKER | _PARAGRAPHS)
        for words in (
            "W endpoint show", "W ip add 10.65.0.1", "W profile append P", "W profile remove P", "W profile set P",
            "add W 10.65.0.1",
        )
    ),
    Row("container W ip remove 10.65.0.1", loads=_FOR_DOCKER | _PARAGRAPHS | _FOR_ETCD - {"etcd"}),
    Row("container remove W", "GET GET", loads=_FOR_DOCKER | _PARAGRAPHS),
    Row("pool show --ipv4", "GET", POOLS),
    Row(f"pool add {POOL}", "GET PUT", POOLS),
    Row(
        f"pool remove {POOL} 10.66.0.0/24 --wait=0", "GET PUT GET GET DELETE PUT GET GET DELETE",
        before={**POOLS, f"{V1}/ipam/v4/pool/10.66.0.0-24": '{"cidr": "10.66.0.0/24"}'},
    ),
    Row("bgp peer add 10.0.0.1 as 64512", "GET", PEERS),
    Row("node bgp peer add 10.0.0.1 as 64512", "GET GET", PEERS),
    # The node, as far as it comes without Docker
    Row("node", loads=_FOR_DOCKER | _PARAGRAPHS | _FOR_ETCD),
    Row("node --runtime=none", "GET GET"),
    Row("node stop", "GET", loads=_FOR_DOCKER | _PARAGRAPHS),
    Row("node remove", "GET GET GET GET DELETE GET GET", NODE, loads=_FOR_DOCKER | _PARAGRAPHS),
    Row("node bgp peer add 10.0.0.1 as 5", "GET GET", loads=frozenset({"difflib"})),
    Row("node bgp peer add 10.0.0.1 as 5 --force", "GET GET PUT"),
    Row("node bgp peer show --hostname=other", "GET GET", NODE, loads=frozenset({"difflib"})),
    Row("config felix Other 1 --force", "GET PUT", loads=_PARAGRAPHS),
    Row("get profile P", "GET", PROFILE),
    Row("get profile P -o json", "GET", PROFILE),
    Row("get -f -", "GET", PROFILE, DOCUMENT),
    Row("apply -f -", "GET", PROFILE, SAME_DOCUMENT),
    Row("apply -f -", "GET PUT", PROFILE, OTHER_RULES),
    Row("delete profile P Q", "GET GET DELETE DELETE", TWO_PROFILES),
    Row("endpoint e1 -o json", "GET", USED, program="calicoq"),
    Row("endpoint e1 -o yaml", "GET", USED, program="calicoq", loads=_YAML),
    Row("reach --from=P --only=tcp:80 -o csv", "GET", USED, program="calicoq"),
    Row("reach --with=-", "GET", PROFILE, DOCUMENT, program="calicoq"),
    Row("policy none", "GET", USED, program="calicoq", loads=frozenset({"difflib"})),
]

# Their results depend on the machine, and they continue after a failure: see tests/trust/test_reports.py.
REPORTS = [Row("status --socket-dir=/none", "GET", loads=_FOR_DOCKER | _PARAGRAPHS)]
if os.geteuid() == 0:
    REPORTS += [
        Row("checksystem", "GET GET", loads=_FOR_DOCKER | _PARAGRAPHS),
        Row(f"diags --output={BUNDLE} --log-dir=/none", "GET GET", loads=_FOR_DOCKER | _PARAGRAPHS),
    ]

# The rows that the tests of reliability disturb, and all rows.
ALL = READING + WRITING
EVERY_ROW = [*WITHOUT_ETCD, *ALL, *FURTHER, *REPORTS]


def costly_of(row: Row) -> frozenset[str]:
    """The costly modules that a row must not load."""
    of_kind = _FOR_ETCD if row.requests else frozenset()
    if _group(row) == "calicoctl completion of names":
        of_kind |= {"threading"}  # to stop in time
    return _COSTLY - of_kind - row.loads


def most_modules(row: Row) -> tuple[str, int]:
    """The row's key in MOST_MODULES, and the limit of modules that it may load."""
    group = _group(row)
    assert group in MOST_MODULES, f"Say in MOST_MODULES of tests/command_lines.py how many modules {group} may load."
    return group, MOST_MODULES[group] + (_OF_YAML if "yaml" in row.loads else 0)


def _group(row: Row) -> str:
    command = f"{row.program} {row.line.partition(' ')[0]}"
    if row.line in ("", "nonsense") or row.line.endswith(("--help", "--nonsense")):
        return row.program
    if command == "calicoctl completion" and row.requests:
        return "calicoctl completion of names"
    if "--flows" in row.line or "--deny-if" in row.line:
        return f"{command} with flows"
    return f"{command} with Docker" if "docker" in row.loads else command


# The limits of loaded modules, for all versions of Python and of the libraries; PyYAML is not included.
MOST_MODULES = {
    "calicoctl": 43,
    "calicoctl status with Docker": 348,
    "calicoctl checksystem with Docker": 348,
    "calicoctl diags with Docker": 358,
    "calicoctl version": 43,
    "calicoctl --version": 138,
    "calicoctl help": 43,
    "calicoctl context": 58,
    "calicoctl completion": 46,
    "calicoctl completion of names": 83,
    "calicoctl validate": 90,
    "calicoctl profile": 92,
    "calicoctl endpoint": 80,
    "calicoctl container": 118,
    "calicoctl container with Docker": 348,
    "calicoctl pool": 83,
    "calicoctl ipam": 83,
    "calicoctl find": 88,
    "calicoctl backup": 83,
    "calicoctl restore": 88,
    "calicoctl bgp": 83,
    "calicoctl node": 95,
    "calicoctl node with Docker": 353,
    "calicoctl config": 83,
    "calicoctl get": 103,
    "calicoctl create": 103,
    "calicoctl apply": 103,
    "calicoctl replace": 103,
    "calicoctl delete": 103,
    "calicoctl edit": 128,
    "calicoctl diff": 108,
    "calicoctl apply with flows": 160,
    "calicoctl diff with flows": 165,
    "calicoctl --dry-run with flows": 150,
    "calicoq": 43,
    "calicoq version": 45,
    "calicoq help": 41,
    "calicoq endpoint": 100,
    "calicoq host": 98,
    "calicoq policy": 98,
    "calicoq eval": 96,
    "calicoq verdict": 104,
    "calicoq check": 108,
    "calicoq reach": 138,
    "calicoq snapshot": 83,
    "calicoq diff": 143,
    "calicoq lint": 118,
    "calicoq test": 123,
    "calicoq explain": 118,
    "calicoq explain-code": 53,
}
_OF_YAML = 20
