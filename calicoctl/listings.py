"""The listings of calicoctl and the fields of their rows, for ``-o`` and ``--columns`` before the command.

The value of a field is a text, a number, a boolean, a list of texts, or an object as it is stored. Fields have the
names of the data model (docs/data-model.md). To add a listing, add it to LISTINGS. Its command passes the rows to
``environment.say_rows``, and prints its usual table if that returns False.
"""

from __future__ import annotations

from calicoctl.errors import CommandError

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

FORMATS = ("table", "json", "yaml", "csv", "name", "schema")


# For these ``-o name`` prints the key of each row; for the others each name once.
_EACH_ROW = ("profile rule show", "endpoint show --detailed", "container endpoint show")


class Field:
    """A field of the rows of a listing; ``type`` is its type in JSON Schema, ``item`` that of each item of an array."""

    def __init__(self, type: str | list[str], description: str, item: str = "string") -> None:
        self.type = type
        self.description = description
        self.item = item


class Listing:
    """The fields of the rows that a command prints.

    ``words`` are the words of its command line, and ``key`` is the field that ``-o name`` prints.
    """

    def __init__(self, words: str, key: str, **fields: Field) -> None:
        self.words = words
        self.key = key
        self.fields = fields
        self.each_row = words in _EACH_ROW

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the list of rows."""
        properties: dict[str, dict[str, Any]] = {}
        for name, field in self.fields.items():
            properties[name] = {"type": field.type, "description": field.description}
            if field.type == "array":
                properties[name]["items"] = {"type": field.item}
        row = {
            "type": "object",
            "properties": properties,
            "required": list(self.fields),
            "additionalProperties": False,
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"calicoctl {self.words}",
            "type": "array",
            "items": row,
        }


_HOSTNAME = Field("string", "the name of the host in etcd")
_ORCHESTRATOR = Field("string", "what created the workload, such as docker, k8s or libnetwork")
_WORKLOAD = Field("string", "the id of the workload, such as that of a container")
_ENDPOINT = Field("string", "the id of the endpoint")
_PLACE = {
    "hostname": _HOSTNAME, "orchestrator_id": _ORCHESTRATOR, "workload_id": _WORKLOAD, "endpoint_id": _ENDPOINT
}  # fmt: skip
_OF_ENDPOINT = {
    **_PLACE,
    "addresses": Field("array", "its IP addresses, IPv4 before IPv6"),
    "mac": Field(["string", "null"], "its MAC address"),
    "profile_ids": Field("array", "its profiles, in the order of evaluation"),
    "state": Field(["string", "null"], "active or inactive"),
}


_OF_PEER = {
    "ip": Field("string", "the address of the peer"),
    "ip_version": Field("integer", "4 or 6"),
    "as_num": Field("string", "its AS number, in decimal"),
}


def _or_null(field: Field) -> Field:
    return Field([str(field.type), "null"], f"{field.description}; null if no endpoint uses the profile")


LISTINGS = (
    Listing("profile show", "name", name=Field("string", "the name of the profile")),
    Listing(
        "profile show --detailed",
        "name",
        name=Field("string", "the name of the profile, with a row for each endpoint that uses it, or one row"),
        **{name: _or_null(field) for name, field in _PLACE.items()},
        state=Field(["string", "null"], "active or inactive"),
    ),
    Listing("profile tag show", "tag", tag=Field("string", "a tag of the profile, in stored order")),
    Listing(
        "profile rule show",
        "text",
        direction=Field("string", "inbound or outbound"),
        position=Field("integer", "the position in its direction, from 1"),
        text=Field("string", "the rule as the table shows it"),
        rule=Field("object", "the rule as it is stored"),
    ),
    Listing(
        "endpoint show",
        "hostname",
        hostname=_HOSTNAME,
        orchestrator_id=_ORCHESTRATOR,
        workloads=Field("integer", "the number of workloads"),
        endpoints=Field("integer", "the number of endpoints"),
    ),
    Listing("endpoint show --detailed", "endpoint_id", **_OF_ENDPOINT),
    Listing("container endpoint show", "endpoint_id", **_OF_ENDPOINT),
    Listing("endpoint profile show", "name", name=Field("string", "a profile, in the order of evaluation")),
    Listing(
        "pool show",
        "cidr",
        cidr=Field("string", "the network of the pool"),
        ip_version=Field("integer", "4 or 6"),
        ipip=Field("boolean", "whether packets between hosts are sent in IP-in-IP"),
        masquerade=Field("boolean", "whether packets that leave the pools are sent from the address of the host"),
        ipam=Field("boolean", "whether Calico assigns addresses from the pool"),
        disabled=Field("boolean", "whether the pool is out of use for new addresses"),
    ),
    Listing(
        "ipam info",
        "address",
        address=Field("string", "the address"),
        assigned=Field("boolean", "whether it is assigned"),
        attributes=Field(["object", "null"], "what was stored with the assignment"),
    ),
    Listing(
        "find",
        "name",
        kind=Field("string", "endpoint, profile, policy or pool"),
        name=Field("string", "its name: host/orchestrator/workload/endpoint, tier/policy, or a pool's network"),
        field=Field("string", "what the text was found in, such as address, label or inbound rule 1 source net"),
        value=Field("string", "what stands there"),
    ),
    Listing(
        "status",
        "part",
        part=Field("string", "felix, bgp (one row for each IP version) or peer"),
        ip_version=Field(["integer", "null"], "4 or 6"),
        address=Field(["string", "null"], "the BGP address of this host, empty if it has none, or of the peer"),
        as_num=Field(["string", "null"], "for bgp: the AS number of this host"),
        as_num_inherited=Field(["boolean", "null"], "for bgp: whether that is the AS number of all nodes"),
        type=Field(["string", "null"], "for felix: container or process, null if neither runs; for a peer: its type"),
        state=Field(
            ["string", "null"],
            "for felix: the state of the container; for bgp: up or unknown, by whether BIRD answers; for a peer: the "
            "state of the protocol, as BIRD prints it",
        ),
        since=Field(["string", "null"], "for a peer: since when, as BIRD prints it"),
        info=Field(["string", "null"], "for felix: its version, or its processes; for a peer: what BIRD adds"),
    ),
    Listing(
        "context list",
        "name",
        name=Field("string", "the name of the context"),
        current=Field("boolean", "whether it is chosen"),
        etcd=Field("string", "its address of etcd, with secrets masked; empty if it has none"),
    ),
    Listing(
        "context show",
        "setting",
        setting=Field("string", "the environment variable for the setting"),
        value=Field("string", "its value, with secrets masked"),
        place=Field("string", "where the value comes from"),
    ),
    Listing("bgp peer show", "ip", **_OF_PEER),
    Listing(
        "node show",
        "hostname",
        hostname=_HOSTNAME,
        ip_addr_v4=Field("string", "the IPv4 address of its BIRD; empty if it has none"),
        ip_addr_v6=Field("string", "the IPv6 address of its BIRD; empty if it has none"),
        as_num=Field("string", "its AS number, in decimal"),
        as_num_inherited=Field("boolean", "whether that is the AS number of all nodes that have none of their own"),
        peers_v4=Field("array", "its own IPv4 peers, each with ip and as_num", item="object"),
        peers_v6=Field("array", "its own IPv6 peers, each with ip and as_num", item="object"),
    ),
    Listing("node bgp peer show", "ip", **_OF_PEER),
)


def listing_of(command: str, arguments: Mapping[str, Any], options: Mapping[str, str]) -> Listing:
    """Return the listing that a parsed command line prints. ``options`` are the options before the command.

    Raises CommandError if the command prints no listing, or if the format or a column is unknown.
    """
    output = options.get("--output", "table")
    if output not in FORMATS:
        raise CommandError(f"unrecognized output format '{output}'\nKnown are: {', '.join(FORMATS)}")
    fitting = [listing for listing in LISTINGS if _fits(listing, command, arguments)]
    if not fitting:
        own = f"'calicoctl {command}' has an option --output of its own; it stands after the command.\n"
        raise CommandError(
            "--output and --columns before the command are for listings, but this command does not print one.\n"
            f"{own if '--output' in arguments else ''}Listings: {', '.join(listing.words for listing in LISTINGS)}"
        )
    listing = max(fitting, key=lambda listing: len(listing.words))
    columns_of(listing, options)
    return listing


def has_listing(words: Sequence[str]) -> bool:
    """Tell whether a command line, which may not fit the grammar, has the words of a listing."""
    return any(set(listing.words.split()) <= set(words) for listing in LISTINGS)


def _fits(listing: Listing, command: str, arguments: Mapping[str, Any]) -> bool:
    first, *others = listing.words.split()
    return first == command and all(arguments.get(word) for word in others)


def columns_of(listing: Listing, options: Mapping[str, str]) -> list[str]:
    """Return the fields to show: those in ``--columns``, or all. Raises CommandError for an unknown field."""
    if "--columns" not in options:
        return list(listing.fields)
    columns = [column.strip().lower() for column in options["--columns"].split(",") if column.strip()]
    unknown = [column for column in columns if column not in listing.fields]
    if unknown or not columns:
        problem = f"unknown columns: {', '.join(unknown)}" if unknown else "--columns lists no columns"
        raise CommandError(f"{problem}\nColumns of '{listing.words}': {', '.join(listing.fields)}")
    return list(dict.fromkeys(columns))
