"""What each command line costs: the modules of ours and of others that it may load, and its requests to etcd.

One table for all commands of both programs. A line that needs less than it says here is made to say so, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

V1 = "/calico/v1"
PROFILES = f"{V1}/policy/profile"
BLOCK = "/calico/ipam/v2/assignment/ipv4/block/10.65.0.0-26"
NEW_RULES = '{"inbound_rules": [{"action": "allow", "src_tag": "P"}], "outbound_rules": [{"action": "allow"}]}'
PROFILE = {f"{PROFILES}/P/tags": '["P"]', f"{PROFILES}/P/labels": "{}", f"{PROFILES}/P/rules": NEW_RULES}
USED = {
    **PROFILE,
    f"{PROFILES}/Q/tags": '["Q"]',
    f"{V1}/host/h1/workload/o/w/endpoint/e1": json.dumps(
        {"state": "active", "name": "cali1", "mac": "EE:EE:EE:EE:EE:EE", "profile_ids": ["OTHER"],
         "ipv4_nets": ["10.65.0.1/32"], "ipv6_nets": []}
    ),
}  # fmt: skip
POOL = {f"{V1}/ipam/v4/pool/10.65.0.0-24": '{"cidr": "10.65.0.0/24"}'}
ASSIGNED = {
    **POOL,
    "/calico/ipam/v2/host/h1/ipv4/block/10.65.0.0-26": "",
    "/calico/ipam/v2/handle/one": json.dumps({"id": "one", "block": {"10.65.0.0/26": 1}}),
    BLOCK: json.dumps(
        {"cidr": "10.65.0.0/26", "affinity": "host:h1", "strict_affinity": False,
         "allocations": [None, 0] + [None] * 62, "unallocated": [0, *range(2, 64)],
         "attributes": [{"handle_id": "one", "secondary": {}}]}
    ),
}  # fmt: skip
DOCUMENT = json.dumps(
    {"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "P"},
     "spec": {"ingress": [{"action": "Deny"}], "egress": [{"action": "Allow"}]}}
)  # fmt: skip
SAME_DOCUMENT = json.dumps(
    {"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "P"},
     "spec": {"ingress": [{"action": "Allow", "source": {"tag": "P"}}], "egress": [{"action": "Allow"}]}}
)  # fmt: skip
RELABELLED_DOCUMENT = DOCUMENT.replace('"egress"', '"labelsToApply": {"a": "b"}, "egress"')
UPDATE = '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


def _modules(*names: str) -> frozenset[str]:
    return frozenset(f"calicoctl.{name}" for line in names for name in line.split())


# Modules of ours
_START = frozenset({"calicoctl"}) | _modules("cli environment errors grammar output start")
_COMMAND = _START | _modules("commands")
_ETCD = _modules(
    "datastore datastore.client datastore.errors datastore.form datastore.libraries datastore.replies",
    "datastore.settings progress",
)
_RULES = _modules("model.network model.rule model.rule_validation model.rules model.wording")
_PROFILE_HELP = _COMMAND | _RULES | _modules(
    "commands.profile commands.messages datastore datastore.edit datastore.errors datastore.keys datastore.profiles",
    "model model.endpoint model.names model.tags",
)  # fmt: skip
_PROFILE = _PROFILE_HELP | _ETCD
_PROFILE_USERS = _PROFILE | _modules("datastore.endpoints")
_TAGS_AND_RULES = _PROFILE | _modules("datastore.network_profiles host host.docker")
_ENDPOINT_HELP = _COMMAND | _modules(
    "commands.endpoint commands.messages datastore datastore.edit datastore.endpoints datastore.errors datastore.keys",
    "datastore.profiles model model.endpoint model.names model.tags",
)
_ENDPOINT = _ENDPOINT_HELP | _ETCD
_CONTAINER_HELP = _ENDPOINT_HELP | _modules(
    "commands.address_choice commands.container commands.container_ip datastore.blocks datastore.handles",
    "datastore.ipam datastore.pools host host.docker host.hostname host.iproute host.lock host.network host.workload",
    "model.address model.ipam model.network model.pool undo",
)
_POOL_HELP = _COMMAND | _modules(
    "commands.pool datastore datastore.blocks datastore.edit datastore.errors datastore.keys datastore.pools",
    "model model.address model.endpoint model.ipam model.network model.pool undo",
)
_POOL = _POOL_HELP | _ETCD
_IPAM_HELP = _COMMAND | _modules(
    "commands.ipam datastore datastore.blocks datastore.edit datastore.errors datastore.handles datastore.ipam",
    "datastore.keys model model.address model.endpoint model.ipam model.network model.pool",
)
_RESOURCES = _COMMAND | _RULES | _modules(
    "datastore datastore.errors datastore.keys datastore.profile_resources model model.documents model.endpoint",
    "model.names model.object_labels model.profile_plan model.profile_resource model.resource_fields",
    "model.rule_folding model.rule_form model.rule_form_validation model.rule_mapping model.selector",
    "model.stored_profile model.tags resources resources.files resources.kinds resources.manifest resources.profile",
)  # fmt: skip
_GET = _RESOURCES | _modules("commands.get resources.answers resources.text")
_CHANGES = _RESOURCES | _modules("datastore.edit resources.changes resources.report")
_COMPLETION = _COMMAND | _modules("commands.completion completion")
_WORDS = _COMPLETION | _modules("completion.candidates completion.expected")
_NAMES = _WORDS | _ETCD | _modules("completion.names datastore.endpoints datastore.profiles")
_QUERY_START = _START | _modules("query query.cli query.formats")
_QUERY = _QUERY_START | _ETCD | _RULES | _modules(
    "datastore.keys datastore.snapshot model model.endpoint model.labels model.names model.policy model.rule_match",
    "model.selector model.stored_json model.tags query.evaluation query.state",
)  # fmt: skip
_FELIX = _modules("model.felix_objects model.felix_rules query.felix")

# Packages of others
_NO_ETCD = frozenset({"docopt"})
_WITH_ETCD = frozenset({"docopt", "etcd", "urllib3"})
_WITH_YAML = _WITH_ETCD | {"yaml"}


class Line(NamedTuple):
    """A command line and its cost, on an etcd that holds `state`, with `stdin` as its standard input.

    `ours` are the modules of calicoctl that it may load, `others` the packages that come from elsewhere (None: the
    Docker SDK with what it needs), `requests` the methods of its requests, in order.
    """

    line: str
    ours: frozenset[str]
    others: frozenset[str] | None = _WITH_ETCD
    requests: str = ""
    state: Mapping[str, str] = {}
    stdin: str = ""
    program: str = "calicoctl"

    def __str__(self) -> str:
        return f"{self.program} {self.line}".strip()


LINES = [
    # Without etcd
    Line("", _START, _NO_ETCD),
    Line("--help", _START, _NO_ETCD),
    Line("version", _COMMAND | _modules("commands.version"), _NO_ETCD),
    Line("profile --help", _PROFILE_HELP, _NO_ETCD),
    Line("profile nonsense", _PROFILE_HELP, _NO_ETCD),
    Line("endpoint --help", _ENDPOINT_HELP, _NO_ETCD),
    Line("container --help", _CONTAINER_HELP, _NO_ETCD),
    Line("pool --help", _POOL_HELP, _NO_ETCD),
    Line("ipam --help", _IPAM_HELP, _NO_ETCD),
    Line("create --help", _CHANGES | _modules("commands.create"), _NO_ETCD),
    Line("apply --help", _CHANGES | _modules("commands.apply"), _NO_ETCD),
    Line("replace --help", _CHANGES | _modules("commands.replace"), _NO_ETCD),
    Line("delete --help", _CHANGES | _modules("commands.delete"), _NO_ETCD),
    Line("get --help", _GET, _NO_ETCD),
    Line("diff --help", _CHANGES | _modules("commands.diff resources.comparison resources.text"), _NO_ETCD),
    Line("validate --help", _CHANGES | _modules("commands.validate"), _NO_ETCD),
    Line("validate -f -", _CHANGES | _modules("commands.validate"), _NO_ETCD, stdin=DOCUMENT),
    Line("validate --schema=profile", _CHANGES | _modules("commands.validate"), _NO_ETCD),
    Line("completion --help", _COMMAND | _modules("commands.completion"), _NO_ETCD),
    Line("completion bash", _COMPLETION, _NO_ETCD),
    Line("completion candidates -- calicoctl pro", _WORDS, _NO_ETCD),
    Line("completion candidates -- calicoctl profile P rule sh", _WORDS | _PROFILE_HELP, _NO_ETCD),
    Line("completion candidates -- calicoctl endpoint show --de", _WORDS | _ENDPOINT_HELP, _NO_ETCD),
    Line("completion candidates -- calicoq ver", _WORDS | _QUERY_START, _NO_ETCD),
    Line("", _QUERY_START, _NO_ETCD, program="calicoq"),
    Line("--help", _QUERY_START, _NO_ETCD, program="calicoq"),
    Line("version", _QUERY_START | _modules("query.version"), _NO_ETCD, program="calicoq"),
    # Completion of names
    Line("completion candidates -- calicoctl profile P", _NAMES | _PROFILE, requests="GET", state=USED),
    Line("completion candidates -- calicoctl profile P tag remove P", _NAMES | _PROFILE, requests="GET", state=USED),
    Line("completion candidates -- calicoctl profile P tag add P", _NAMES | _PROFILE, requests="GET", state=USED),
    Line("completion candidates -- calicoctl endpoint e", _NAMES | _ENDPOINT, requests="GET", state=USED),
    # Profiles
    Line("profile show", _PROFILE, requests="GET", state=USED),
    Line("profile show --detailed", _PROFILE_USERS, requests="GET GET", state=USED),
    Line("profile add P", _PROFILE, requests="GET PUT PUT PUT"),
    Line("profile add P", _PROFILE, requests="GET", state=PROFILE),
    Line("profile remove P", _PROFILE_USERS, requests="GET GET DELETE", state=USED),
    Line("profile remove P --no-check", _PROFILE, requests="GET DELETE", state=PROFILE),
    Line("profile P tag show", _TAGS_AND_RULES, requests="GET", state=PROFILE),
    Line("profile P tag add T", _TAGS_AND_RULES, requests="GET PUT", state=PROFILE),
    Line("profile P tag add P", _TAGS_AND_RULES, requests="GET", state=PROFILE),
    Line("profile P tag remove P", _TAGS_AND_RULES, requests="GET PUT", state=PROFILE),
    Line("profile P rule show", _TAGS_AND_RULES | _modules("model.rule_text"), requests="GET", state=PROFILE),
    Line("profile P rule json", _TAGS_AND_RULES, requests="GET", state=PROFILE),
    Line("profile P rule add inbound deny", _TAGS_AND_RULES, requests="GET PUT", state=PROFILE),
    Line("profile P rule add outbound allow", _TAGS_AND_RULES, requests="GET", state=PROFILE),
    Line("profile P rule remove inbound --at=1", _TAGS_AND_RULES, requests="GET PUT", state=PROFILE),
    Line("profile P rule remove outbound allow", _TAGS_AND_RULES, requests="GET PUT", state=PROFILE),
    Line("profile P rule update", _TAGS_AND_RULES, requests="GET PUT", state=PROFILE, stdin=UPDATE),
    Line("profile P rule update", _TAGS_AND_RULES, requests="GET", state=PROFILE, stdin=NEW_RULES),
    # Endpoints
    Line("endpoint show", _ENDPOINT, requests="GET", state=USED),
    Line("endpoint show --detailed --host=h1", _ENDPOINT, requests="GET", state=USED),
    Line("endpoint e1 profile show", _ENDPOINT, requests="GET", state=USED),
    Line("endpoint e1 profile append P", _ENDPOINT, requests="GET GET PUT", state=USED),
    Line("endpoint e1 profile append P Q", _ENDPOINT, requests="GET GET PUT", state=USED),
    Line("endpoint e1 profile remove OTHER", _ENDPOINT, requests="GET PUT", state=USED),
    Line("endpoint e1 profile set P", _ENDPOINT, requests="GET GET PUT", state=USED),
    Line("endpoint e1 profile set", _ENDPOINT, requests="GET PUT", state=USED),
    # Containers, as far as they come without Docker
    Line("container W endpoint show", _CONTAINER_HELP | _ETCD, None, "GET"),
    Line("container W profile append P", _CONTAINER_HELP | _ETCD, None, "GET"),
    Line("container add W 10.65.0.1", _CONTAINER_HELP | _ETCD, None, "GET"),
    # Pools and addresses
    Line("pool show", _POOL, requests="GET", state=POOL),
    Line("pool show --ipv4", _POOL, requests="GET", state=POOL),
    Line("pool add 10.65.0.0/24", _POOL, requests="GET GET PUT"),
    Line("pool range add 10.65.0.0 10.65.0.255", _POOL, requests="GET GET PUT"),
    Line("pool remove 10.65.0.0/24 --wait=0", _POOL, requests="GET GET PUT GET GET GET DELETE", state=POOL),
    Line("ipam info 10.65.0.1", _IPAM_HELP | _ETCD, requests="GET", state=ASSIGNED),
    Line("ipam release 10.65.0.1", _IPAM_HELP | _ETCD, requests="GET PUT GET DELETE", state=ASSIGNED),
    # Resources
    Line("get profile", _GET | _ETCD, requests="GET", state=PROFILE),
    Line("get profile P -o json", _GET | _ETCD, requests="GET", state=PROFILE),
    Line("get profile P -o yaml", _GET | _ETCD, _WITH_YAML, "GET", PROFILE),
    Line("create -f -", _CHANGES | _ETCD | _modules("commands.create"), requests="GET PUT PUT PUT", stdin=DOCUMENT),
    Line("apply -f -", _CHANGES | _ETCD | _modules("commands.apply"), _WITH_ETCD, "GET PUT", PROFILE, DOCUMENT),
    Line("apply -f -", _CHANGES | _ETCD | _modules("commands.apply"), _WITH_ETCD, "GET", PROFILE, SAME_DOCUMENT),
    Line("apply -f -", _CHANGES | _ETCD | _modules("commands.apply"), _WITH_ETCD, "GET PUT PUT PUT", PROFILE,
         RELABELLED_DOCUMENT),
    Line("replace -f -", _CHANGES | _ETCD | _modules("commands.replace"), _WITH_ETCD, "GET PUT", PROFILE, DOCUMENT),
    Line("delete profile P", _CHANGES | _ETCD | _modules("commands.delete"), _WITH_ETCD, "GET GET DELETE", PROFILE),
    Line(
        "diff -f -", _CHANGES | _ETCD | _modules("commands.diff resources.comparison resources.text"),
        _WITH_YAML, "GET", PROFILE, DOCUMENT,
    ),
    # calicoq
    Line(
        "endpoint e1", _QUERY | _modules("query.endpoint query.listing"),
        requests="GET", state=USED, program="calicoq",
    ),
    Line("host h1", _QUERY | _modules("query.host query.listing"), requests="GET", state=USED, program="calicoq"),
    Line("policy none", _QUERY | _modules("query.policy"), requests="GET", state=USED, program="calicoq"),
    Line("eval all()", _QUERY | _modules("query.eval"), requests="GET", state=USED, program="calicoq"),
    Line(
        "verdict e1 10.0.0.1 tcp 80",
        _QUERY | _FELIX | _modules("model.rule_text query.packet query.parties query.verdict query.walk"),
        requests="GET", state=USED, program="calicoq",
    ),
    Line(
        "check", _QUERY | _FELIX | _modules("query.check query.findings query.rule_findings"),
        requests="GET", state=USED, program="calicoq",
    ),
]  # fmt: skip
