"""What each command line costs: the modules of ours and of others that it may load, and its requests to etcd.

One table for all commands of both programs. A line that needs less than it says here is made to say so, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from calicoctl import cli

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
DOCUMENTS = f"[{DOCUMENT}, {DOCUMENT}]".replace('"P"', '"Q"', 1)
RELABELLED_DOCUMENT = DOCUMENT.replace('"egress"', '"labelsToApply": {"a": "b"}, "egress"')
UPDATE = '{"inbound_rules": [{"action": "deny"}], "outbound_rules": []}'


def _modules(*names: str) -> frozenset[str]:
    return frozenset(f"calicoctl.{name}" for line in names for name in line.split())


# Modules of ours
_START = frozenset({"calicoctl"}) | _modules("cli environment errors grammar output start")
_HELP = _START | _modules("usage")
_COMMAND = _HELP | _modules("commands")
_ETCD = _modules(
    "datastore datastore.client datastore.errors datastore.libraries datastore.replies datastore.settings progress"
)
_WRITE = _modules("datastore.form")
_EDIT = _modules("datastore.edit")
_CHANGE = _EDIT | _WRITE
_PROFILES = _COMMAND | _ETCD | _modules("commands.profile datastore.keys datastore.profiles usage.profile")
_PROFILE = _PROFILES | _modules("commands.messages model model.names")
_USERS = _modules("datastore.endpoints model model.endpoint")
_NETWORK_PROFILE = _PROFILE | _modules("datastore.network_profiles host host.docker")
_TAGS = _NETWORK_PROFILE | _modules("model.tags")
_RULES = _NETWORK_PROFILE | _modules("commands.profile_rules model.rule model.rules")
_NEW_RULES = _modules("model.network model.rule_validation model.wording")
_RULE_ARGUMENTS = _RULES | _EDIT | _NEW_RULES | _modules("commands.rule_arguments")
_RULE_UPDATE = _RULES | _EDIT | _NEW_RULES | _modules("model.rule_update")
_ENDPOINTS = _COMMAND | _ETCD | _modules(
    "commands.endpoint datastore.endpoints datastore.keys model model.endpoint usage.endpoint"
)  # fmt: skip
_ENDPOINT_CHANGE = _ENDPOINTS | _CHANGE | _modules("model.names")
_CONTAINER = _COMMAND | _modules(
    "commands.address_choice commands.container commands.container_ip commands.endpoint datastore datastore.blocks",
    "datastore.endpoints datastore.errors datastore.ipam datastore.keys datastore.pools host host.docker",
    "host.hostname host.iproute host.lock host.network host.routes host.workload model model.address model.endpoint",
    "model.ipam model.network model.pool model.stored_json undo usage.container",
)  # fmt: skip
_POOL = _COMMAND | _ETCD | _modules(
    "commands.pool datastore.keys datastore.pools model model.network model.pool model.stored_json usage.pool"
)  # fmt: skip
_REMOVAL = _POOL | _WRITE | _modules("datastore.blocks model.address model.ipam undo")
_IPAM = _COMMAND | _ETCD | _modules(
    "commands.ipam datastore.blocks datastore.ipam datastore.keys model model.address model.ipam model.network",
    "model.stored_json usage.ipam",
)  # fmt: skip
_RESOURCES = _COMMAND | _modules(
    "datastore datastore.errors datastore.keys datastore.profile_resources model model.profile_resource",
    "model.resource_fields model.rule model.rules model.stored_json model.stored_profile model.tags model.wording",
    "resources resources.kinds resources.profile",
)  # fmt: skip
_FORMS = _modules(
    "model.documents model.names model.network model.rule_folding model.rule_form model.rule_form_validation",
    "model.rule_mapping model.rule_validation model.selector",
)
_GET = _RESOURCES | _ETCD | _modules("commands.get resources.answers usage.get")
_BY_NAME = _modules("resources.manifest")
_FROM_FILE = _modules("model.documents resources.files resources.manifest")
_CHANGES = _RESOURCES | _modules("resources.changes resources.manifest resources.report")
_DOCUMENTS = _CHANGES | _FORMS | _FROM_FILE | _modules("model.object_labels model.profile_plan")
_COMPLETION = _COMMAND | _modules("commands.completion completion usage.completion")
_WORDS = _COMPLETION | _modules("completion.candidates completion.expected completion.names")
_NAMES = _WORDS | _ETCD | _modules("datastore.keys")
_TAGS_READ = _modules("datastore.profiles model model.tags usage.profile")
_QUERY_START = _START | _modules("query query.cli")
_QUERY = _QUERY_START | _ETCD | _modules(
    "datastore.keys datastore.snapshot model model.endpoint model.labels model.selector model.stored_json",
    "query.evaluation query.formats query.state",
)  # fmt: skip
_POLICY = _modules("model.network model.policy model.rule model.rule_match model.rules")
_LISTING = _QUERY | _POLICY | _modules("model.tags model.wording query.listing")
_FELIX = _POLICY | _modules("model.address model.felix_objects model.felix_rules model.wording query.felix")

_PARTS = _modules("model.rule model.rules model.tags")
_EXISTING = _modules("datastore.profiles")
_GET_DOCUMENT_BY_NAME = _GET | _BY_NAME | _FORMS | _modules("resources.text")
_DELETE = _CHANGES | _ETCD | _modules("commands.delete usage.delete")


def _writing(verb: str) -> frozenset[str]:
    return _DOCUMENTS | _ETCD | _WRITE | _modules(f"commands.{verb} usage.{verb}")


# Packages of others
_NO_ETCD = frozenset({"docopt"})
_WITH_ETCD = frozenset({"docopt", "etcd", "urllib3"})
_WITH_YAML = _WITH_ETCD | {"yaml"}


# Modules of others; those that only some of the supported releases have are among them
_ETCD_LIBRARIES = frozenset(
    """
    etcd etcd.client etcd.lock
    urllib3 urllib3._base_connection urllib3._collections urllib3._request_methods urllib3._version urllib3.connection
    urllib3.connectionpool urllib3.contrib urllib3.exceptions urllib3.fields urllib3.filepost urllib3.http2
    urllib3.http2.probe urllib3.poolmanager urllib3.request urllib3.response urllib3.util urllib3.util.connection
    urllib3.util.proxy urllib3.util.queue urllib3.util.request urllib3.util.response urllib3.util.retry
    urllib3.util.ssl_ urllib3.util.ssl_match_hostname urllib3.util.ssltransport urllib3.util.timeout urllib3.util.url
    urllib3.util.util urllib3.util.wait
    urllib3.contrib._appengine_environ urllib3.packages urllib3.packages.six urllib3.packages.six.moves
    urllib3.packages.six.moves.http_client urllib3.packages.six.moves.urllib urllib3.packages.six.moves.urllib.parse
    """.split()
)
_YAML_LIBRARY = frozenset(
    """
    yaml yaml._yaml yaml.composer yaml.constructor yaml.cyaml yaml.dumper yaml.emitter yaml.error yaml.events
    yaml.loader yaml.nodes yaml.parser yaml.reader yaml.representer yaml.resolver yaml.scanner yaml.serializer
    yaml.tokens
    """.split()
)
MODULES_OF_OTHERS = _NO_ETCD | _ETCD_LIBRARIES | _YAML_LIBRARY
WITH_DOCKER = _WITH_ETCD | {"docker", "requests", "certifi", "charset_normalizer", "idna"}

# Modules of the standard library: what docopt brings, what the libraries of etcd bring, and what single commands need.
# sre_* and uu are of Python 3.10, as are typing.io and typing.re of 3.10 and 3.11.
WITHOUT_ETCD = frozenset(
    """
    collections copyreg enum functools gc importlib itertools keyword operator re reprlib signal sre_compile
    sre_constants sre_parse types warnings
    """.split()
)
_JSON = frozenset({"json", "json.decoder", "json.encoder", "json.scanner"})
_ADDRESSES = frozenset({"array", "collections.abc", "errno", "math", "select", "selectors", "socket"})
_QUOTING = frozenset({"ipaddress", "math", "urllib", "urllib.parse"})
FOR_ETCD = WITHOUT_ETCD | _JSON | _ADDRESSES | _QUOTING | frozenset(
    """
    atexit base64 binascii contextlib datetime email email.base64mime email.charset email.encoders email.errors
    email.feedparser email.header email.iterators email.message email.parser email.quoprimime email.utils hashlib heapq
    hmac http http.client importlib.util logging queue quopri ssl string stringprep struct threading typing typing.io
    typing.re unicodedata uu weakref zlib
    """.split()
)  # fmt: skip
_NEAREST = frozenset({"difflib", "heapq"})
_PARAGRAPHS = frozenset({"textwrap"})


class Line(NamedTuple):
    """A command line and its cost, on an etcd that holds `state`, with `stdin` as its standard input.

    `ours` are the modules of calicoctl that it loads, `others` the packages that come from elsewhere (None: the
    Docker SDK with what it needs), `requests` the methods of its requests, in order, and `standard` the modules of the
    standard library that it may load beyond those of every command with or without etcd.
    """

    line: str
    ours: frozenset[str]
    others: frozenset[str] | None = _WITH_ETCD
    requests: str = ""
    state: Mapping[str, str] = {}
    stdin: str = ""
    program: str = "calicoctl"
    standard: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.program} {self.line}".strip()


LINES = [
    # Without etcd
    Line("", _START, _NO_ETCD),
    Line("--help", _START, _NO_ETCD),
    Line("nonsense", _START, _NO_ETCD, standard=_NEAREST),
    Line("version", _COMMAND | _modules("commands.version usage.version"), _NO_ETCD),
    *(Line(f"{name} --help", _HELP | _modules(f"usage.{name}"), _NO_ETCD) for name in cli.COMMANDS),
    *(Line(f"{name} --nonsense", _HELP | _modules(f"usage.{name}"), _NO_ETCD) for name in cli.COMMANDS),
    Line(
        "validate -f -", _DOCUMENTS | _WRITE | _modules("commands.validate usage.validate"), _NO_ETCD,
        stdin=DOCUMENT, standard=_JSON | _ADDRESSES | _QUOTING,
    ),
    Line(
        "validate --schema=profile", _CHANGES | _modules("commands.validate usage.validate"), _NO_ETCD,
        standard=_JSON | _QUOTING,
    ),
    *(Line(f"completion {shell}", _COMPLETION, _NO_ETCD) for shell in ("bash", "zsh", "fish")),
    Line("completion candidates -- calicoctl pro", _WORDS, _NO_ETCD),
    Line("completion candidates -- calicoctl profile P rule sh", _WORDS | _modules("usage.profile"), _NO_ETCD),
    Line("completion candidates -- calicoctl endpoint show --de", _WORDS | _modules("usage.endpoint"), _NO_ETCD),
    Line("completion candidates -- calicoctl pool add x", _WORDS | _modules("usage.pool"), _NO_ETCD),
    Line("completion candidates -- calicoctl container add x", _WORDS | _modules("usage.container"), _NO_ETCD),
    Line("completion candidates -- calicoctl get pro", _WORDS | _modules("usage.get"), _NO_ETCD),
    Line(
        "completion candidates -- calicoctl profile P rule add inbound --at=1", _WORDS | _modules("usage.profile"),
        _NO_ETCD,
    ),
    Line("completion candidates -- calicoq ver", _WORDS | _QUERY_START, _NO_ETCD),
    Line("", _QUERY_START, _NO_ETCD, program="calicoq"),
    Line("--help", _QUERY_START, _NO_ETCD, program="calicoq"),
    Line("endpoint", _QUERY_START, _NO_ETCD, program="calicoq"),
    Line(
        "version", _QUERY_START | _modules("query.formats query.version"), _NO_ETCD,
        program="calicoq", standard=_JSON,
    ),
    # Completion of names
    Line(
        "completion candidates -- calicoctl profile P", _NAMES | _modules("datastore.profiles usage.profile"),
        requests="GET", state=USED,
    ),
    Line(
        "completion candidates -- calicoctl profile P tag remove P", _NAMES | _TAGS_READ,
        requests="GET", state=USED,
    ),
    Line(
        "completion candidates -- calicoctl profile P tag add P", _NAMES | _TAGS_READ,
        requests="GET", state=USED,
    ),
    Line(
        "completion candidates -- calicoctl endpoint e", _NAMES | _USERS | _modules("usage.endpoint"),
        requests="GET", state=USED,
    ),
    Line(
        "completion candidates -- calicoctl pool remove 1", _NAMES | _POOL - _modules("commands.pool"),
        requests="GET", state=POOL,
    ),
    # Profiles
    Line("profile show", _PROFILES, requests="GET", state=USED),
    Line("profile show --detailed", _PROFILES | _USERS, requests="GET GET", state=USED),
    Line("profile add P", _PROFILE | _WRITE | _PARTS, requests="GET PUT PUT PUT"),
    Line("profile add P", _PROFILE | _PARTS, requests="GET", state=PROFILE),
    Line("profile remove P", _PROFILE | _USERS, requests="GET GET DELETE", state=USED),
    Line("profile remove P --no-check", _PROFILE, requests="GET DELETE", state=PROFILE),
    Line("profile P tag show", _TAGS, requests="GET", state=PROFILE),
    Line("profile P tag add T", _TAGS | _CHANGE, requests="GET PUT", state=PROFILE),
    Line("profile P tag add T", _TAGS | _CHANGE, requests="GET PUT GET", state={f"{PROFILES}/P/rules": NEW_RULES}),
    Line("profile P tag add P", _TAGS | _EDIT, requests="GET", state=PROFILE),
    Line("profile P tag remove P", _TAGS | _CHANGE, requests="GET PUT", state=PROFILE),
    Line("profile P rule show", _RULES | _modules("model.rule_text"), requests="GET", state=PROFILE),
    Line("profile P rule json", _RULES, requests="GET", state=PROFILE),
    Line("profile P rule add inbound deny", _RULE_ARGUMENTS | _WRITE, requests="GET PUT", state=PROFILE),
    Line("profile P rule add outbound allow", _RULE_ARGUMENTS, requests="GET", state=PROFILE),
    Line("profile P rule remove inbound --at=1", _RULES | _CHANGE, requests="GET PUT", state=PROFILE),
    Line("profile P rule remove outbound allow", _RULE_ARGUMENTS | _WRITE, requests="GET PUT", state=PROFILE),
    Line("profile P rule update", _RULE_UPDATE | _WRITE, requests="GET PUT", state=PROFILE, stdin=UPDATE),
    Line("profile P rule update", _RULE_UPDATE, requests="GET", state=PROFILE, stdin=NEW_RULES),
    # Endpoints
    Line("endpoint show", _ENDPOINTS, requests="GET", state=USED),
    Line("endpoint show --detailed --host=h1", _ENDPOINTS, requests="GET", state=USED),
    Line("endpoint e1 profile show", _ENDPOINTS, requests="GET", state=USED),
    *(
        Line(f"endpoint e1 profile {words}", modules, requests=requests, state=USED, standard=_PARAGRAPHS)
        for words, modules, requests in (
            ("append P", _ENDPOINT_CHANGE | _EXISTING, "GET GET PUT"),
            ("append P Q", _ENDPOINT_CHANGE | _EXISTING, "GET GET PUT"),
            ("remove OTHER", _ENDPOINT_CHANGE, "GET PUT"),
            ("set P", _ENDPOINT_CHANGE | _EXISTING, "GET GET PUT"),
            ("set", _ENDPOINT_CHANGE, "GET PUT"),
        )
    ),
    # Containers, as far as they come without Docker
    *(
        Line(f"container {words}", _CONTAINER | _ETCD, None, "GET")
        for words in (
            "W endpoint show", "W ip add 10.65.0.1", "W profile append P", "W profile remove P", "W profile set P",
            "add W 10.65.0.1",
        )
    ),
    Line("container W ip remove 10.65.0.1", _CONTAINER, None),
    Line("container remove W", _CONTAINER | _ETCD | _modules("datastore.handles"), None, "GET GET"),
    # Pools and addresses
    Line("pool show", _POOL, requests="GET", state=POOL),
    Line("pool show --ipv4", _POOL, requests="GET", state=POOL),
    Line("pool add 10.65.0.0/24", _POOL | _CHANGE, requests="GET PUT GET"),
    Line("pool add 10.65.0.0/24", _POOL | _CHANGE, requests="GET PUT", state=POOL),
    Line("pool add 10.65.0.0/24 --ipip", _POOL | _CHANGE, requests="GET GET PUT PUT GET"),
    Line("pool add 10.65.0.0/24 10.66.0.0/24", _POOL | _CHANGE, requests="GET PUT PUT GET"),
    Line("pool range add 10.65.0.0 10.65.0.255", _POOL | _CHANGE | _modules("model.address"), requests="GET PUT GET"),
    Line(
        "pool remove 10.65.0.0/24 --wait=0", _REMOVAL, requests="GET PUT GET GET DELETE", state=POOL,
    ),
    Line(
        "pool remove 10.65.0.0/24 10.66.0.0/24 --wait=0", _REMOVAL, requests="GET" + " PUT GET GET DELETE" * 2,
        state={**POOL, f"{V1}/ipam/v4/pool/10.66.0.0-24": '{"cidr": "10.66.0.0/24"}'},
    ),
    Line(
        "pool remove 10.65.0.0/24 --wait=0", _REMOVAL | _modules("datastore.edit"),
        requests="GET PUT GET PUT GET DELETE DELETE", state=ASSIGNED,
    ),
    Line("ipam info 10.65.0.1", _IPAM, requests="GET", state=ASSIGNED),
    Line(
        "ipam release 10.65.0.1", _IPAM | _CHANGE | _modules("datastore.handles"),
        requests="GET PUT GET DELETE", state=ASSIGNED,
    ),
    # Resources
    Line("get profile", _GET, requests="GET", state=PROFILE),
    Line("get profile P", _GET | _BY_NAME, requests="GET", state=PROFILE),
    Line("get profile P -o json", _GET_DOCUMENT_BY_NAME, requests="GET", state=PROFILE),
    Line("get profile P -o yaml", _GET_DOCUMENT_BY_NAME, _WITH_YAML, "GET", PROFILE),
    Line("get -f -", _GET | _FROM_FILE, requests="GET", state=PROFILE, stdin=DOCUMENT),
    Line("create -f -", _writing("create"), requests="GET PUT PUT PUT", stdin=DOCUMENT),
    Line("apply -f -", _writing("apply"), _WITH_ETCD, "GET PUT", PROFILE, DOCUMENT),
    Line("apply -f -", _writing("apply") - _WRITE, _WITH_ETCD, "GET", PROFILE, SAME_DOCUMENT),
    Line("apply -f -", _writing("apply"), _WITH_ETCD, "GET PUT PUT PUT", PROFILE, RELABELLED_DOCUMENT),
    Line("apply -f -", _writing("apply"), _WITH_ETCD, "GET PUT PUT PUT PUT", PROFILE, DOCUMENTS),
    Line("replace -f -", _writing("replace"), _WITH_ETCD, "GET PUT", PROFILE, DOCUMENT),
    Line("delete profile P", _DELETE, _WITH_ETCD, "GET DELETE", PROFILE),
    Line("delete profile P Q", _DELETE, _WITH_ETCD, "GET DELETE DELETE", USED),
    Line("delete -f -", _DELETE | _FROM_FILE, _WITH_ETCD, "GET DELETE", PROFILE, DOCUMENT),
    Line(
        "diff -f -",
        _DOCUMENTS | _ETCD | _WRITE | _modules("commands.diff resources.comparison resources.text usage.diff"),
        _WITH_YAML, "GET", PROFILE, DOCUMENT, standard=_NEAREST,
    ),
    # calicoq
    Line("endpoint e1", _LISTING | _modules("query.endpoint"), requests="GET", state=USED, program="calicoq"),
    Line("host h1", _LISTING | _modules("query.host"), requests="GET", state=USED, program="calicoq"),
    Line("endpoint e1 -o json", _LISTING | _modules("query.endpoint"), requests="GET", state=USED, program="calicoq"),
    Line(
        "endpoint e1 -o yaml", _LISTING | _modules("query.endpoint"), _WITH_YAML, "GET", USED, program="calicoq"
    ),
    Line(
        "policy none", _QUERY | _POLICY | _modules("model.tags query.policy"),
        requests="GET", state=USED, program="calicoq",
    ),
    Line("eval all()", _QUERY | _modules("query.eval"), requests="GET", state=USED, program="calicoq"),
    Line(
        "verdict e1 10.0.0.1 tcp 80",
        _QUERY | _FELIX | _modules("model.rule_text query.packet query.parties query.verdict query.walk"),
        requests="GET", state=USED, program="calicoq",
    ),
    Line(
        "check",
        _QUERY | _FELIX
        | _modules("model.names model.tags query.check query.endpoint_findings query.findings query.remedies")
        | _modules("query.rule_findings"),
        requests="GET", state=USED, program="calicoq",
    ),
]  # fmt: skip
