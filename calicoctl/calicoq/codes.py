"""The codes of the findings of ``calicoq check``, each with one severity, a title and an explanation.

A code keeps its meaning in later versions.
"""

from __future__ import annotations

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)


class Code:
    """A kind of finding: ``severity``, ``title`` for a heading, and ``explanation``, a few sentences."""

    def __init__(self, severity: str, title: str, explanation: str) -> None:
        self.severity = severity
        self.title = title
        self.explanation = explanation


NOT_READY = "CQ001"
FATAL = "CQ002"
REFUSED_RULES = "CQ010"
REFUSED_TAGS = "CQ011"
REFUSED_LABELS = "CQ012"
REFUSED_ENDPOINT = "CQ013"
REFUSED_POLICY = "CQ014"
REFUSED_TIER = "CQ015"
REFUSED_POOL = "CQ016"
BAD_HOST_ADDRESS = "CQ017"
TIER_WITHOUT_METADATA = "CQ020"
NOT_PROGRAMMED = "CQ021"
WRONGLY_PROGRAMMED = "CQ022"
MISFILED_SELECTOR = "CQ023"
PROFILES_NO_LIST = "CQ030"
MISSING_PROFILE = "CQ031"
DIFFERENT_LABELS = "CQ032"
FOREIGN_INTERFACE = "CQ033"
LARGE_NETWORK = "CQ034"
NOTHING_APPLIES = "CQ035"
SELECTS_NOBODY = "CQ040"
UNTRACKED_WORKLOADS = "CQ041"
IGNORED_MEMBER = "CQ042"
IGNORED_TYPES = "CQ043"
UNUSED_PROFILE = "CQ045"
NEVER_REACHED = "CQ050"
MATCHES_NOBODY = "CQ051"
NULL_CONDITION = "CQ052"
EMPTY_PORTS = "CQ053"
CHANGED_LOG_PREFIX = "CQ054"
NEXT_TIER_IN_PROFILE = "CQ055"
ENDING_PARAMETER = "CQ060"
DISARMING_PARAMETER = "CQ061"
ODD_PARAMETER = "CQ062"
NODE_WITHOUT_ADDRESS = "CQ070"
LATENT_NODE_WITHOUT_ADDRESS = "CQ071"
REFUSED_BY_BIRD = "CQ072"
NO_AS_NUMBER = "CQ073"
TWO_SESSIONS = "CQ074"
NUMERIC_AS = "CQ075"
ODD_MESH = "CQ076"
DIRECTORY = "CQ077"

_NO_CONFIGURATION = (
    "confd renders the configuration of BIRD and lets BIRD check it. If one of the two fails, BIRD keeps its "
    "old configuration and no change is applied any more: no new node, no other peer. A BIRD that starts gets no "
    "configuration."
)
_AS_A_WHOLE = "Felix accepts or refuses such an object as a whole: one invalid part makes all of it invalid."

CODES: dict[str, Code] = {
    NOT_READY: Code(
        ERROR,
        "the datastore is not ready",
        "Felix applies nothing until the key /calico/v1/Ready is true. What it applied before stays in force.",
    ),
    FATAL: Code(
        ERROR,
        "a value that ends Felix",
        "The value has a type that Felix does not expect, and its process ends with an exception. It ends again "
        "after each restart, on every host that reads the value. The rules that were in force before stay in "
        "force, and no change is applied any more.",
    ),
    REFUSED_RULES: Code(
        ERROR,
        "rules of a profile that Felix refuses",
        f"{_AS_A_WHOLE} For Felix the profile does not exist. Packets that reach it in an endpoint's list of "
        "profiles are dropped.",
    ),
    REFUSED_TAGS: Code(
        ERROR,
        "tags that Felix ignores",
        f"{_AS_A_WHOLE} Rules of other profiles that allow one of these tags do not allow the profile's endpoints.",
    ),
    REFUSED_LABELS: Code(
        ERROR,
        "labels that Felix ignores",
        f"{_AS_A_WHOLE} Selectors do not see these labels on the profile's endpoints.",
    ),
    REFUSED_ENDPOINT: Code(
        ERROR,
        "an endpoint that Felix refuses",
        f"{_AS_A_WHOLE} For Felix the endpoint is deleted: no packet passes, and its addresses match no tag or "
        "selector.",
    ),
    REFUSED_POLICY: Code(
        ERROR,
        "a policy that Felix ignores",
        f"{_AS_A_WHOLE} The other policies decide or, if no other policy selects an endpoint, its profiles.",
    ),
    REFUSED_TIER: Code(
        ERROR,
        "metadata of a tier that Felix refuses",
        "For Felix the metadata is missing, and packets skip every policy of the tier.",
    ),
    REFUSED_POOL: Code(
        ERROR,
        "a pool that Felix ignores",
        "Felix does not masquerade for the addresses of this pool. Addresses are still assigned from it.",
    ),
    BAD_HOST_ADDRESS: Code(
        ERROR,
        "an address of a host that Felix cannot read",
        "With IP-in-IP, Felix drops the tunnel's packets of a host whose address it does not know.",
    ),
    TIER_WITHOUT_METADATA: Code(
        ERROR,
        "a policy in a tier without metadata",
        "Felix 1.4 skips every policy of a tier without the key metadata, even of the tier default. Go calicoctl "
        "1.x writes no metadata for default, so a policy made by it has no effect. {} as metadata is enough. Felix "
        "2 needs none for default.",
    ),
    NOT_PROGRAMMED: Code(
        ERROR,
        "a rule that iptables refuses",
        "iptables accepts only one condition of each kind in a rule, and no ports with leading zeros or blanks. "
        "One such rule makes it refuse all rules of the profile or policy for that IP version. The earlier rules "
        "stay in force, even after a restart of Felix: changes since then have no effect. A new profile or policy "
        "is not programmed at all, and its endpoints drop all packets.",
    ),
    WRONGLY_PROGRAMMED: Code(
        ERROR,
        "a rule that Felix programs wrongly",
        "Felix 1.4 programs every rule for both IP versions unless it has an ip_version. A network of the other "
        "version and some ICMP types are then omitted, so that the rule matches more, or the rule drops "
        "everything. Felix 2.0 generates such rules correctly.",
    ),
    MISFILED_SELECTOR: Code(
        ERROR,
        "a selector that Felix may not apply",
        "Felix 1.4 files a selector under the wrong labels if it combines an in of a single value with other "
        "conditions. It then finds an endpoint only if the endpoint's labels are written after the selector, so "
        "the effect depends on the order of writes. label == 'value' means the same and works.",
    ),
    PROFILES_NO_LIST: Code(
        ERROR,
        "profiles that are not a list",
        "Felix iterates over profile_ids of any type. It takes each character of a text for the name of a profile, "
        "and each key of an object, in no certain order.",
    ),
    MISSING_PROFILE: Code(
        ERROR,
        "a profile that is missing",
        "A packet that the earlier profiles in the list have not allowed is dropped there.",
    ),
    DIFFERENT_LABELS: Code(
        WARNING,
        "a label with several values",
        "If an endpoint does not have a label itself, the label comes from its profiles. If several of them set "
        "it, Felix 1.4 uses the last profile in the list, and Felix 2.2 and later the first. calicoq follows Felix "
        "1.4, and the later versions with --felix=2.",
    ),
    FOREIGN_INTERFACE: Code(
        ERROR,
        "an interface that Felix rejects",
        "The Felix of an endpoint's own host requires that the interface begins with InterfacePrefix, and programs "
        "no rules for others. If etcd has no InterfacePrefix, the configuration file of Felix on the host may have "
        "one.",
    ),
    LARGE_NETWORK: Code(
        WARNING,
        "a network of several addresses",
        "Each network of an endpoint should be a single address. Felix uses only the address before the slash.",
    ),
    NOTHING_APPLIES: Code(
        WARNING,
        "an endpoint to which nothing applies",
        "Without a profile, and without a policy that selects it, an endpoint drops all packets. Untracked policies "
        "and policies of tiers without valid metadata do not count. At a host endpoint, failsafe ports are still open, "
        "and untracked policies allow what they allow.",
    ),
    SELECTS_NOBODY: Code(
        WARNING,
        "a policy that selects no endpoint",
        "No endpoint has such labels, of its own or from its profiles.",
    ),
    UNTRACKED_WORKLOADS: Code(
        WARNING,
        "an untracked policy for workloads",
        "Untracked policies are for host endpoints. At a workload they have no effect.",
    ),
    IGNORED_MEMBER: Code(
        WARNING,
        "a member that Felix ignores",
        "Felix 1.4 does not know the member. Later versions may know it, and then interpret the object "
        "differently.",
    ),
    IGNORED_TYPES: Code(
        WARNING,
        "types, which Felix ignores",
        "Felix 1.4 applies every policy in both directions. In the direction that types omits, the end of the tier "
        "drops what the policy does not allow.",
    ),
    UNUSED_PROFILE: Code(
        NOTE,
        "a profile that no endpoint uses",
        "No endpoint has it in its list of profiles.",
    ),
    NEVER_REACHED: Code(
        WARNING,
        "a rule that is never reached",
        "An earlier rule without conditions decides about every packet.",
    ),
    MATCHES_NOBODY: Code(
        WARNING,
        "a tag or selector that matches no endpoint",
        "A rule with it matches no packet. If it is negated, it excludes no packet.",
    ),
    NULL_CONDITION: Code(
        WARNING,
        "null in a rule",
        "Felix treats a condition that is null as missing, so the rule may match more packets than intended.",
    ),
    EMPTY_PORTS: Code(
        WARNING,
        "an empty list of ports",
        "Felix treats an empty list as a missing condition: every port matches.",
    ),
    CHANGED_LOG_PREFIX: Code(
        WARNING,
        "a log prefix that Felix changes",
        "Felix cuts it to 27 characters, and writes _ for all but letters, digits and _:-.",
    ),
    NEXT_TIER_IN_PROFILE: Code(
        WARNING,
        "next-tier in a profile",
        "next-tier ends the profile without accepting the packet.",
    ),
    ENDING_PARAMETER: Code(
        ERROR,
        "a parameter that ends Felix",
        "Felix reads its parameters when it starts, and ends at once if one has no valid value. The rules that "
        "were in force before stay in force, and no change is applied any more. A value in Felix's own file or "
        "environment takes precedence over etcd.",
    ),
    DISARMING_PARAMETER: Code(
        ERROR,
        "a parameter that disarms Felix",
        "With this value Felix does not protect what its rules protect.",
    ),
    ODD_PARAMETER: Code(
        WARNING,
        "a parameter that may mean something else",
        "Felix may not interpret the value as intended.",
    ),
    NODE_WITHOUT_ADDRESS: Code(
        ERROR,
        "a host without an address for BGP",
        "With the node-to-node mesh on, confd asks for ip_addr_v4 and ip_addr_v6 of every host of which anything is "
        f"stored for BGP, also on all other nodes. Images of calico/node from v1.1.0 on do not. {_NO_CONFIGURATION}",
    ),
    LATENT_NODE_WITHOUT_ADDRESS: Code(
        WARNING,
        "a host without an address for BGP, and no mesh",
        "This has no effect while the node-to-node mesh is off. If the mesh is switched on, no node gets a new "
        "configuration of BIRD.",
    ),
    REFUSED_BY_BIRD: Code(ERROR, "a value that confd or BIRD refuses", _NO_CONFIGURATION),
    NO_AS_NUMBER: Code(
        ERROR,
        "a node without an AS number",
        "A node takes its own AS number, or else that of all nodes. confd fails if neither is stored. "
        f"{_NO_CONFIGURATION}",
    ),
    TWO_SESSIONS: Code(
        WARNING,
        "a peer of all nodes and of one",
        "BIRD of that node is configured with two sessions to one neighbour, which accepts only one of them.",
    ),
    NUMERIC_AS: Code(
        WARNING,
        "an AS number that is not text",
        "confd writes a number from 1000000 on as 1e+06, which BIRD refuses, and some versions of legacy calicoctl "
        "fail when they show it. Every AS number works as text.",
    ),
    DIRECTORY: Code(
        WARNING,
        "a directory in the place of a value",
        "confd reads values only. A setting with a directory in its place counts as not stored.",
    ),
    ODD_MESH: Code(
        WARNING,
        "a node-to-node mesh that is neither true nor false",
        "confd goes by whether the value is empty: the text \"false\" switches the mesh on.",
    ),
}
