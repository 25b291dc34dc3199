"""Access to profiles for the commands that change tags and rules, and a warning that these commands share."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.datastore.profiles import Profiles
    from calicoctl.environment import Environment
    from calicoctl.model.rules import Rules


def warn_of_dropped_profile(name: str, rules: Rules, environment: Environment) -> None:
    """Print a warning if Felix would drop the whole profile because of these stored rules."""
    from calicoctl.felix.rules import FatalValue, rules_problems

    try:
        problem = next(rules_problems(rules.document()), None)
    except FatalValue as error:
        problem = f"{error}, which ends the Felix process"
    if problem:
        environment.complain(
            f"Warning: Felix refuses the rules of profile {name} and drops all traffic of its endpoints: {problem}. "
            "'calicoq check' lists all problems."
        )


def profiles_and_networks(environment: Environment) -> Profiles:
    """Return the store of profiles.

    If Docker is available, it also finds the profile of a Docker network by the name of the network.
    """
    from calicoctl.datastore.network_profiles import NetworkProfiles
    from calicoctl.host.docker_networks import Networks

    return NetworkProfiles(environment.client(), Networks(environment.variables).find)
