"""Candidates for arguments: fixed words, and names in etcd."""

from __future__ import annotations

from functools import partial

from calicoctl.model.protocols import PROTOCOLS
from calicoctl.usage.table import COMMANDS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from calicoctl.etcd.client import Client
    from calicoctl.expected import Given

    Variables = Mapping[str, str]
    Find = Callable[[Given, Variables, Client], Iterable[str]]

# The fixed words, by the placeholder of the argument in the usage texts.
WORDS: dict[str, tuple[str, ...]] = {
    "<LISTING_OUTPUT>": ("table", "json", "yaml", "csv", "name", "schema"),
    "<CHANGE>": ("opens", "closes"),
    "<WHEN>": ("auto", "always", "never"),
    "<OUTPUT>": ("ps", "wide", "name", "yaml", "json", "custom-columns="),
    "<RUNTIME>": ("docker", "rkt"),
    "<BACKEND>": ("bird", "gobgp", "none"),
    "<format>": ("ps", "json", "yaml"),
    "<protocol>": tuple(PROTOCOLS),
}
# The names and values that `calicoctl config` accepts, by the words before them.
OF_CONFIG: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {
    ("felix",): {"loglevel": ("none", "debug", "info", "warning", "error", "critical")},
    ("bgp",): {"loglevel": ("none", "debug", "info")},
    ("node", "bgp"): {"loglevel": ("none", "debug", "info")},
}


def words_of(argument: str, given: Given | None = None) -> tuple[str, ...]:
    """Return the fixed words for an argument.

    ``argument`` is its placeholder in the usage text (``<KIND>``), ``given`` holds the words before it.
    """
    if given is not None and given.positional[:1] == ["config"]:
        return _words_of_config(argument, given)
    if argument == "<COMMAND>":
        return tuple(COMMANDS)
    if argument == "<command>":
        from calicoctl.calicoq.cli import COMMANDS as OF_CALICOQ

        return tuple(OF_CALICOQ)
    if argument == "<KIND>":
        from calicoctl.resources.kinds import KINDS

        return tuple(row.words[0] for row in KINDS)
    if argument == "<COLUMNS>":
        from calicoctl.listings import LISTINGS

        return tuple(sorted({field for listing in LISTINGS for field in listing.fields}))
    return WORDS.get(argument, ())


def _words_of_config(argument: str, given: Given) -> tuple[str, ...]:
    for scope, values in OF_CONFIG.items():
        if tuple(given.positional[1 : 1 + len(scope)]) == scope:
            if argument == "<NAME>":
                return tuple(values)
            name = given.positional[1 + len(scope)] if argument == "<VALUE>" else ""
            return values.get(name, ())
    return ()


def finder(argument: str, given: Given, variables: Variables) -> Callable[[Client], Iterable[str]] | None:
    """Return a function that reads the candidates for an argument from etcd; None if etcd has none.

    ``argument`` is its placeholder in the usage text (``<PROFILE>``), ``given`` holds the words before it and
    ``variables`` the environment variables. The function raises CommandError.
    """
    if argument in ("<PROFILE>", "<CONTAINER>", "<CIDRS>") and given.positional[1:2] == ["add"]:
        return None  # the name of something new
    if argument == "<PEER_IP>" and "add" in given.positional:
        return None
    if given.positional[:1] == ["config"] and argument == "<NAME>":  # in other commands the name of a resource
        return None
    find = _FIND.get(argument)
    return partial(find, given, variables) if find else None


def _profiles(given: Given, variables: Variables, client: Client) -> Iterable[str]:
    from calicoctl.datastore.profiles import Profiles

    return Profiles(client).names()


def _tags(given: Given, variables: Variables, client: Client) -> Iterable[str]:
    from calicoctl.datastore.profiles import Profiles

    profiles = Profiles(client)
    return profiles.tags(given.positional[1]) if given.positional[2:] == ["tag", "remove"] else profiles.all_tags()


def _resources(given: Given, variables: Variables, client: Client) -> Iterable[str]:
    from calicoctl.resources.kinds import of_word

    return of_word(given.positional[1], client).names()


def _part_of_endpoints(part: str) -> Find:
    def find(given: Given, variables: Variables, client: Client) -> Iterable[str]:
        from calicoctl.datastore.endpoints import Endpoints, Filter

        filters = {name: given.options.get(f"--{name}") or "" for name in ("host", "orchestrator", "workload")}
        return {str(getattr(found.name, part)) for found in Endpoints(client).matching(Filter(**filters))}

    return find


def _containers(given: Given, variables: Variables, client: Client) -> Iterable[str]:
    """Return the ids of Docker containers on this host. Their names are not stored in etcd."""
    from calicoctl.datastore.endpoints import Endpoints, Filter
    from calicoctl.host.hostname import hostname

    here = Filter(hostname(variables), "docker")
    return {str(found.name.workload) for found in Endpoints(client).matching(here)}


def _pools(given: Given, variables: Variables, client: Client) -> Iterable[str]:
    from calicoctl.datastore.pools import Pools

    pools, _ = Pools(client).read()
    return [str(found.pool.network) for found in pools]


def _policies(given: Given, variables: Variables, client: Client) -> Iterable[str]:
    from calicoctl.datastore.keys import TIERS
    from calicoctl.datastore.snapshot import Snapshot

    return {name for _, name, _ in Snapshot.read(client, TIERS).policies}


def _others(find: Find, first: int) -> Find:
    """Return a function that leaves out the names already given, in a list that begins at the word number ``first``."""

    def find_others(given: Given, variables: Variables, client: Client) -> Iterable[str]:
        return set(find(given, variables, client)).difference(given.positional[first:])

    return find_others


def _hosts(given: Given, variables: Variables, client: Client) -> Iterable[str]:
    if given.positional[0] not in ("node", "config"):
        return _HOST(given, variables, client)
    from calicoctl.datastore.nodes import names

    return names(client)


def _peers(given: Given, variables: Variables, client: Client) -> Iterable[str]:
    from calicoctl.datastore.bgp import Peers
    from calicoctl.host.hostname import hostname

    host = None
    if given.positional[0] == "node":
        host = given.options.get("--hostname") or hostname(variables)
    peers, _ = Peers(client, host).read([4, 6])
    return [str(peer.address) for peer in peers]


def _names_to_find(given: Given, variables: Variables, client: Client) -> Iterable[str]:
    return {*_profiles(given, variables, client), *_ENDPOINT(given, variables, client)}


_ENDPOINT, _HOST = _part_of_endpoints("endpoint"), _part_of_endpoints("host")
_FIND: dict[str, Find] = {
    "<PROFILE>": _profiles,
    "<PROFILES>": _others(_profiles, 4),  # of `endpoint <ENDPOINT_ID> profile append` and `container ...`
    "<NAME>": _others(_resources, 2),
    "<TEXT>": _names_to_find,
    "<TAG>": _tags,
    "<SRCTAG>": _tags,
    "<DSTTAG>": _tags,
    "<ENDPOINT_ID>": _ENDPOINT,
    "<HOSTNAME>": _hosts,
    "<PEER_IP>": _peers,
    "<ORCHESTRATOR_ID>": _part_of_endpoints("orchestrator"),
    "<WORKLOAD_ID>": _part_of_endpoints("workload"),
    "<CONTAINER>": _containers,
    "<CIDRS>": _others(_pools, 2),
    # of calicoq
    "<substring>": _ENDPOINT,
    "<from>": _ENDPOINT,
    "<to>": _ENDPOINT,
    "<end>": _ENDPOINT,
    "<hostname>": _HOST,
    "<policy-name>": _policies,
}
