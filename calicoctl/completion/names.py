"""Names in etcd that a word on the command line can be: profiles, tags, endpoints and their hosts, policies."""

from __future__ import annotations

from calicoctl.datastore.endpoints import Endpoints, Filter
from calicoctl.datastore.profiles import Profiles

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from calicoctl.completion.expected import Given
    from calicoctl.datastore.client import Client


def names(argument: str, given: Given, client: Client) -> Iterable[str]:
    """Return the names that an argument can take; none for one that etcd knows nothing of.

    ``argument`` is what the usage text calls it (``<PROFILE>``); ``given`` are the words before. Raises CommandError.
    """
    find = _FIND.get(argument)
    return find(given, client) if find else ()


def _profiles(given: Given, client: Client) -> Iterable[str]:
    return () if given.positional[:2] == ["profile", "add"] else Profiles(client).names()


def _tags(given: Given, client: Client) -> Iterable[str]:
    profiles = Profiles(client)
    return profiles.tags(given.positional[1]) if given.positional[2:] == ["tag", "remove"] else profiles.all_tags()


def _part_of_endpoints(part: str) -> Callable[[Given, Client], Iterable[str]]:
    def find(given: Given, client: Client) -> Iterable[str]:
        filters = {name: given.options.get(f"--{name}") or "" for name in ("host", "orchestrator", "workload")}
        return {str(getattr(found.name, part)) for found in Endpoints(client).matching(Filter(**filters))}

    return find


_ENDPOINT, _HOST = _part_of_endpoints("endpoint"), _part_of_endpoints("host")
_FIND: dict[str, Callable[[Given, Client], Iterable[str]]] = {
    "<PROFILE>": _profiles,
    "<PROFILES>": _profiles,
    "<NAME>": _profiles,  # of a resource; profiles are the only kind
    "<TAG>": _tags,
    "<SRCTAG>": _tags,
    "<DSTTAG>": _tags,
    "<ENDPOINT_ID>": _ENDPOINT,
    "<HOSTNAME>": _HOST,
    "<ORCHESTRATOR_ID>": _part_of_endpoints("orchestrator"),
    "<WORKLOAD_ID>": _part_of_endpoints("workload"),
    # of calicoq
    "<substring>": _ENDPOINT,
    "<from>": _ENDPOINT,
    "<to>": _ENDPOINT,
    "<hostname>": _HOST,
}
