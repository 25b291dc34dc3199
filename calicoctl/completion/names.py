"""What an argument can be: words that are always the same, and names that are in etcd."""

from __future__ import annotations

from functools import partial

from calicoctl.usage.table import COMMANDS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from calicoctl.etcd.client import Client
    from calicoctl.expected import Given

    Variables = Mapping[str, str]
    Find = Callable[[Given, Variables, Client], Iterable[str]]

# By what the usage texts call the argument
WORDS: dict[str, tuple[str, ...]] = {
    "<OUTPUT>": ("ps", "wide", "name", "yaml", "json", "custom-columns="),
    "<format>": ("ps", "json", "yaml"),
    "<protocol>": ("tcp", "udp", "icmp", "icmpv6", "sctp", "udplite"),
}


def words_of(argument: str) -> tuple[str, ...]:
    """Return the words that an argument is always one of, by what the usage text calls it."""
    if argument == "<COMMAND>":
        return tuple(COMMANDS)
    if argument == "<command>":
        from calicoctl.calicoq.cli import COMMANDS as OF_CALICOQ

        return tuple(OF_CALICOQ)
    if argument == "<KIND>":
        from calicoctl.resources.kinds import KINDS

        return tuple(row.words[0] for row in KINDS)
    return WORDS.get(argument, ())


def finder(argument: str, given: Given, variables: Variables) -> Callable[[Client], Iterable[str]] | None:
    """Return what reads from etcd the names that an argument can take; None for one that etcd knows nothing of.

    ``argument`` is what the usage text calls it (``<PROFILE>``), ``given`` are the words before, ``variables`` the
    environment variables. The result raises CommandError.
    """
    if argument in ("<PROFILE>", "<CONTAINER>", "<CIDRS>") and given.positional[1:2] == ["add"]:
        return None  # a new one
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
    """Return the ids of Docker's containers on this host; their names are known to Docker alone."""
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
    """Return what finds the names that are not given yet, in a list that begins at that place of the words."""

    def find_others(given: Given, variables: Variables, client: Client) -> Iterable[str]:
        return set(find(given, variables, client)).difference(given.positional[first:])

    return find_others


_ENDPOINT, _HOST = _part_of_endpoints("endpoint"), _part_of_endpoints("host")
_FIND: dict[str, Find] = {
    "<PROFILE>": _profiles,
    "<PROFILES>": _others(_profiles, 4),  # endpoint <ENDPOINT_ID> profile append, and the same of containers
    "<NAME>": _others(_resources, 2),
    "<TAG>": _tags,
    "<SRCTAG>": _tags,
    "<DSTTAG>": _tags,
    "<ENDPOINT_ID>": _ENDPOINT,
    "<HOSTNAME>": _HOST,
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
