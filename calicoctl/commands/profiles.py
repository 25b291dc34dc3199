"""The profiles that the commands on tags and rules work on, and what they warn of."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.datastore.profiles import Profiles
    from calicoctl.environment import Environment
    from calicoctl.model.rules import Rules


def warn_of_dropped_profile(name: str, rules: Rules, environment: Environment) -> None:
    """Warn of stored rules for which Felix drops the whole profile."""
    from calicoctl.felix.rules import FatalValue, rules_problems

    try:
        problem = next(rules_problems(rules.document()), None)
    except FatalValue as error:
        problem = f"{error}, which ends the Felix process"
    if problem:
        environment.complain(
            f"Warning: Felix refuses the rules of profile {name} and drops all traffic of its endpoints: {problem}. "
            "'calicoq check' shows all that is wrong."
        )


def profiles_and_networks(environment: Environment) -> Profiles:
    """Return the profiles for tags and rules: also those that are named after Docker networks, if there is Docker."""
    from calicoctl.datastore.network_profiles import NetworkProfiles
    from calicoctl.host.docker_networks import Networks

    return NetworkProfiles(environment.client(), Networks(environment.variables).find)
