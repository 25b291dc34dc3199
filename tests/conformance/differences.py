"""All decisions of this project that differ from the tables of the original programs, with the reasons.

If a table is not followed, a test in this folder names one of these reasons, and fails if the difference no longer
exists. Those of calicoq are in ``as_decided`` of tests/calicoq/test_conformance.py.
"""

from __future__ import annotations

# v3-validator-table.json, system-test-and-docs-resources.json and user-reports.json, by row name

OTHER_VERDICT = {
    "every row whose api is v1": "the resource of Go calicoctl 1.x is another kind; what it stored is shown and kept",
    "v3-validator-032: should allow a name of 253 chars": "a name has at most 128 characters in v1",
    **dict.fromkeys(
        (
            "v3-validator-001: should reject Rule with invalid port (name + number)",
            "v3-validator-068: should reject Rule with invalid port (port 0)",
            "port range starting at 0",
            "v3-validator-088: should reject Rule with one invalid port in the port range (MinPort 0)",
        ),
        "rule add and rule update store port 0, as legacy did: such a rule can be changed as a document",
    ),
    "CIDR with host bits": "rule add and rule update store them, as legacy did: taken with a warning",
    "capital letters in a v3 name": "names follow the resource's page and the v1 model, both of which have capitals",
}
STORED_OTHERWISE = {
    "v3-validator-059: should accept Rule with source ports and protocol type 6": "Felix needs the name",
    "v3-validator-064: should accept Rule with source !ports and protocol type 17": "Felix needs the name",
}

# Networks minus excluded networks become the remaining networks, because iptables accepts one match of a kind
WITHOUT_IDLE_NOT_NETS = {"st v3 data.py:471": "none of its notNets is in its nets, so the nets alone mean the same"}

# port-protocol-parsing.json: Go's types only parse; this project parses and validates in one step

TAKEN_AS_PORTS = {0: "rule add and rule update take port 0; a protocol may not be 0"}
REFUSED_WHEN_CHECKED: dict[int | str, str] = {
    0: "to iptables 0 is any protocol: the v3 validator refuses it",
    "foo-bar": "a named port cannot be stored in the v1 data model: Felix 1.x drops the profile for it",
    "256": "the largest number of a protocol is 255, and no protocol is called so: the v3 validator refuses it",
    "tcp": "this is the name in the store; a resource has TCP, and the v3 validator refuses another spelling",
}
OTHER_SPELLINGS = dict.fromkeys(
    ("tcp", "udp", "udplite"),
    "Go's FromString finds names in any case, but no resource gets that far: its v3 validator takes one spelling only",
)

UNKNOWN_PROTOCOL = "xxxXXX"  # port-protocol-parsing.json

# v1-backend-rule-table.json: rules that libcalico-go or Felix accepts and this project refuses as new, by the end of
# the message

STRICTER_THAN_BOTH = {
    "needs the protocol icmp or icmpv6": "Felix leaves the match out for one IP version and drops all of the other",
}
STRICTER_THAN_LIBCALICO_GO = {
    '"foo" is not a port or a range of ports such as 80:90': "named ports are of Calico 3",
    "is not a field of a rule": "the fields orig_… are of Calico 3, and Felix 1.4 drops a profile that has them",
}
STRICTER_THAN_FELIX = {
    **STRICTER_THAN_BOTH,
    "255 is not a number from 0 to 254": "Felix turns ICMP type 255 into a drop of all traffic",
}

# felix-1-4-reader-table.json: rules that Felix accepts and this project refuses as new, by the end of the message

STRICTER_THAN_THE_READER = {
    **STRICTER_THAN_BOTH,
    "it is only the beginning of an address: give all four numbers": "legacy stored one address, or a network, of it",
    "ports need the protocol tcp or udp": "Felix turns ports with sctp or udplite into a drop of all traffic",
    "is missing; an empty list means no rules": "a forgotten list would silently take a profile's rules away",
    "null is not a value; give one, or leave the field out": "a generator's lost value would open the profile",
    "is neither inbound_rules nor outbound_rules": "these are members of a policy; a profile has no use for them",
}
# Values that Felix refuses and this project accepts in another form
STORED_IN_ANOTHER_FORM: dict[int | str, str] = {
    "1": "a port in quotes is stored as the number, which Felix takes",
}
STORED_AS_TEXTS = "a number, a truth value or nothing at all in the place of a tag or label is stored as a text"

# selectors.json

LATER_OPERATORS = dict.fromkeys(
    (
        'a contains "a"',
        "a contains '\"'",
        'a contains "\'"',
        'a starts with "a"',
        "a startswith '\"'",
        'a ends with "a"',
        'a endswith "\'"',
    ),
    "these operators of libcalico-go 3.8 came after the v1 data model, and no Felix that reads etcd v2 knows them",
)
