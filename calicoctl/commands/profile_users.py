"""Find the endpoints that use profiles, for ``profile show --detailed`` and ``profile remove``."""

from __future__ import annotations

from calicoctl.datastore.endpoints import Endpoints, Filter
from calicoctl.errors import CommandError, MalformedObject
from calicoctl.model.endpoint import MalformedEndpoint

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment

_MOST_USERS = 10  # named in a message
_FORCE = "Use the '--no-check' flag to remove the profile anyway."


def users_of_profiles(environment: Environment) -> tuple[dict[str, list[tuple[str, ...]]], list[str]]:
    """Return table rows of the workload endpoints, by the profiles they use, and complaints about unreadable ones."""
    users: dict[str, list[tuple[str, ...]]] = {}
    complaints = []
    for found in Endpoints(environment.client()).matching(Filter()):
        name = found.name
        try:
            endpoint = found.decode()
            row = (name.host, str(name.orchestrator), str(name.workload), name.endpoint, str(endpoint.state))
            for profile in dict.fromkeys(endpoint.profile_ids):
                users.setdefault(profile, []).append(row)
        except MalformedEndpoint as error:
            complaints.append(MalformedObject(found.key, error).message)
    return users, sorted(complaints)


def check_unused(name: str, environment: Environment) -> None:
    """Raise CommandError if an endpoint uses the profile, or if an unreadable endpoint may use it."""
    users = []
    unreadable = []
    for found in Endpoints(environment.client()).all():
        try:
            if name in found.decode().profile_ids:
                users.append(str(found.name))
        except MalformedEndpoint as error:
            unreadable.append(MalformedObject(found.key, error).message)
    if users:
        raise CommandError(
            f"Cannot remove profile - profile in use by endpoint(s).\n{_FORCE}\n{_uses(sorted(users))}"
        )
    if unreadable:
        reasons = "\n".join(sorted(unreadable))
        raise CommandError(
            f"Cannot remove profile - an endpoint that may use it cannot be read.\n{reasons}\n{_FORCE}\n"
            "'calicoq check' explains what is wrong with each endpoint."
        )


def _uses(users: list[str]) -> str:
    count = "1 endpoint uses it" if len(users) == 1 else f"{len(users)} endpoints use it"
    lead = f"; the first {_MOST_USERS} are " if len(users) > _MOST_USERS else ": "
    return f"{count}{lead}{', '.join(users[:_MOST_USERS])}."
