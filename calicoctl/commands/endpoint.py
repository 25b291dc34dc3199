"""calicoctl endpoint: show the endpoints of workloads, and change the profiles that they use."""

from __future__ import annotations

from calicoctl.commands.messages import invalid_profile_names
from calicoctl.datastore.endpoints import Endpoints, EndpointVanished, Filter
from calicoctl.datastore.profiles import Profiles
from calicoctl.errors import CommandError, MalformedObject
from calicoctl.model.endpoint import MalformedEndpoint
from calicoctl.model.names import is_stored_profile_name
from calicoctl.output import complaint, paragraph, table, visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from calicoctl.datastore.endpoints import EndpointNode
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.endpoint import Endpoint

    CheckEmpty = Callable[[Filter, Environment], None]

_HEADINGS = ("Hostname", "Orchestrator ID", "Number of Workloads", "Number of Endpoints")
_DETAILED_HEADINGS = (
    "Hostname", "Orchestrator ID", "Workload ID", "Endpoint ID", "Addresses", "MAC", "Profiles", "State",
)  # fmt: skip
_FAILURES = {
    "show": "Failed to list profiles in endpoint.",
    "append": "Failed to append profiles to endpoint.",
    "remove": "Failed to remove profiles from endpoint.",
    "set": "Failed to set profiles for endpoint.",
}
_SHOWN_MATCHES = 10
_FILTERED = ("Host", "Orchestrator", "Workload", "Endpoint")


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``endpoint`` command line and return the exit status. Raises CommandError."""
    wanted = Filter(
        arguments["--host"] or "",
        arguments["--orchestrator"] or "",
        arguments["--workload"] or "",
        arguments["<ENDPOINT_ID>"] or arguments["--endpoint"] or "",
    )
    if not arguments["profile"]:
        show = show_detailed if arguments["--detailed"] else _show
        return show(wanted, environment, _check_names_are_known)
    endpoint = arguments["<ENDPOINT_ID>"]
    verb = next(verb for verb in _FAILURES if arguments[verb])
    if not endpoint:  # an empty name in a filter would match any endpoint
        raise CommandError(_unknown(verb, endpoint))
    if verb == "show":
        return _profile_show(endpoint, wanted, environment)
    return edit_profiles(verb, arguments["<PROFILES>"], endpoint, wanted, environment)


# Showing


def _show(wanted: Filter, environment: Environment, check_empty: CheckEmpty) -> int:
    workloads: dict[tuple[str, str], list[str]] = {}
    complaints: list[str] = []
    for host, orchestrator, workload, *_ in _readable_rows(wanted, complaints, environment):
        workloads.setdefault((str(host), str(orchestrator)), []).append(str(workload))
    rows = [(*place, len(set(names)), len(names)) for place, names in sorted(workloads.items())]
    if not rows and not complaints:
        check_empty(wanted, environment)
    return _say_table(_HEADINGS, rows, complaints, environment)


def show_detailed(wanted: Filter, environment: Environment, check_empty: CheckEmpty | None = None) -> int:
    """Print a row for each endpoint that matches the filter; return 1 if one of them could not be read.

    ``check_empty``, if given, is called if there are none. It raises CommandError if that is due to a wrong name.
    """
    complaints: list[str] = []
    rows = sorted(_readable_rows(wanted, complaints, environment), key=_names)
    if check_empty and not rows and not complaints:
        check_empty(wanted, environment)
    return _say_table(_DETAILED_HEADINGS, rows, complaints, environment)


def _readable_rows(wanted: Filter, complaints: list[str], environment: Environment) -> Iterator[tuple[object, ...]]:
    """Yield the detailed rows of the readable endpoints, and add a message to ``complaints`` for each of the others.

    Both tables use these rows, so that both skip the same endpoints.
    """
    as_lists = environment.wants_rows()
    for found in Endpoints(environment.client()).matching(wanted):
        try:
            yield _detailed_row(found.decode(), as_lists)
        except MalformedEndpoint as error:
            complaints.append(MalformedObject(found.key, error).message)


def _check_names_are_known(wanted: Filter, environment: Environment) -> None:
    """Raise CommandError if the filter contains a name that occurs in no key of etcd."""
    if not any(wanted.names):
        return
    from calicoctl.suggestion import did_you_mean

    complaints = []
    known_names = Endpoints(environment.client()).known_names()
    for kind, name, known in zip(_FILTERED, wanted.names, known_names, strict=True):
        if name and name not in known and not name.startswith("_"):  # etcd hides these
            complaints.append(f"{kind} {name} is unknown to Calico.{did_you_mean(name, known)}")
    if complaints:
        raise CommandError("\n".join(complaints))


def _names(row: tuple[object, ...]) -> tuple[object, ...]:
    return row[:4]


def _detailed_row(endpoint: Endpoint, as_lists: bool) -> tuple[object, ...]:
    name = endpoint.name
    return (
        name.host,
        name.orchestrator,
        name.workload,
        name.endpoint,
        endpoint.addresses,
        endpoint.mac,
        endpoint.profile_ids if as_lists else ",".join(endpoint.profile_ids),
        endpoint.state,
    )


def _say_table(
    headings: tuple[str, ...], rows: Sequence[tuple[object, ...]], complaints: list[str], environment: Environment
) -> int:
    if not environment.say_rows(rows):
        environment.say(table(headings, rows) + "\n")
    for text in sorted(complaints):
        environment.complain(text)
    return 1 if complaints else 0


def _profile_show(endpoint: str, wanted: Filter, environment: Environment) -> int:
    found = _only_match("show", endpoint, wanted, environment)
    try:
        profiles = found.decode().profile_ids
    except MalformedEndpoint as error:
        raise MalformedObject(found.key, error) from None
    rows = [[profile] for profile in profiles]
    if environment.say_rows(rows):
        return 0
    if rows:
        environment.say(table(["Name"], rows) + "\n")
    else:
        environment.say("Endpoint has no profiles associated with it.")
    return 0


# Editing


def edit_profiles(verb: str, profiles: list[str], endpoint: str, wanted: Filter, environment: Environment) -> int:
    """Append, remove or set (``verb``) profiles of the only endpoint that matches the filter.

    ``endpoint`` is its name in messages. Raises CommandError, and writes nothing then.
    """
    _check_names(profiles)
    if verb != "set" and not profiles:
        raise CommandError(complaint("No profile specified."))
    if verb != "remove" and profiles:
        _check_existence(profiles, environment)
    found = _only_match(verb, endpoint, wanted, environment)
    changes: dict[str, Callable[[Endpoint], list[str]]] = {
        "append": lambda current: _appended(current.profile_ids, profiles),
        "remove": lambda current: _removed(current.profile_ids, profiles),
        "set": lambda current: profiles,  # also if the current profiles cannot be read
    }
    try:
        Endpoints(environment.client()).edit(found, lambda current: current.with_profiles(changes[verb](current)))
    except EndpointVanished:
        raise CommandError(_unknown(verb, endpoint)) from None
    environment.say(paragraph(visible(_success(verb, profiles))))
    return 0


def _success(verb: str, profiles: list[str]) -> str:
    if not profiles:
        return "Removed all profiles from endpoint."
    if verb == "remove":
        return f"Profile(s) {','.join(profiles)} removed."
    return f"Profile(s) {', '.join(profiles)} {'appended' if verb == 'append' else 'set'}."


def _appended(present: list[str], profiles: list[str]) -> list[str]:
    for profile in present:
        if profile in profiles:
            raise CommandError(complaint(f"Profile {profile} is already in endpoint profile list"))
    return present + profiles


def _removed(present: list[str], profiles: list[str]) -> list[str]:
    for profile in profiles:
        if profile not in present:
            raise CommandError(complaint(f"Profile {profile} is not in endpoint profile list."))
    return [profile for profile in present if profile not in profiles]


def _check_names(profiles: list[str]) -> None:
    invalid = [profile for profile in profiles if not is_stored_profile_name(profile)]
    if invalid:
        raise CommandError(invalid_profile_names(invalid))
    for position, profile in enumerate(profiles):
        if profile in profiles[:position]:
            raise CommandError(f"Profile with name {profile} was specified more than once.")


def _check_existence(profiles: list[str], environment: Environment) -> None:
    store = Profiles(environment.client())
    listed = store.names(latest=True) if len(profiles) > 1 else []
    for profile in profiles:
        # etcd leaves names with a leading underscore out of every listing
        looked_at = len(profiles) == 1 or profile.startswith("_")
        if not (store.exists(profile) if looked_at else profile in listed):
            raise CommandError(f"Profile with name {profile} was not found.")


def _only_match(verb: str, endpoint: str, wanted: Filter, environment: Environment) -> EndpointNode:
    matches = list(Endpoints(environment.client()).matching(wanted, latest=True))
    if not matches:
        raise CommandError(_unknown(verb, endpoint))
    if len(matches) > 1:
        sentence = (
            "More than 1 endpoint matches the provided criteria.  Please provide additional parameters to refine the "
            "search."
        )
        raise CommandError(f"{_FAILURES[verb]}\n\n{complaint(sentence, _listed(matches))}")
    return matches[0]


def _unknown(verb: str, endpoint: str) -> str:
    named = f"Endpoint {endpoint} is unknown to Calico."
    legacy = complaint(named) if verb in ("show", "append") else complaint("Endpoint could not be found.", named)
    return f"{_FAILURES[verb]}\n\n{legacy}"


def _listed(matches: list[EndpointNode]) -> str:
    names = sorted(str(found.name) for found in matches)
    more = len(names) - _SHOWN_MATCHES
    return "It may be one of: " + ", ".join(names[:_SHOWN_MATCHES]) + (f" and {more} more" if more > 0 else "")
