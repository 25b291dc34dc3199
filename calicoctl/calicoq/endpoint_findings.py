"""The findings of ``calicoq check`` about endpoints that Felix accepts."""

from __future__ import annotations

from calicoctl.calicoq import codes
from calicoctl.calicoq.remedies import for_missing_profile
from calicoctl.calicoq.rule_findings import Finding
from calicoctl.felix.view import networks_of
from calicoctl.model.labels import labels_of
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from calicoctl.felix.view import Felix
    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.network import Network


def endpoint_findings(key: str, endpoint: Endpoint, felix: Felix) -> Iterator[Finding]:
    """Yield the findings about an endpoint that is stored under ``key``."""
    odd = felix.odd_profiles.get(str(endpoint.name))
    if odd is not None:
        part = "character" if isinstance(odd, str) else "key"
        reason = f"profile_ids: {shown(odd)} is not a list: Felix takes each {part} for a profile"
        yield Finding(codes.PROFILES_NO_LIST, key, reason, "Make it a list of profiles.")
    else:
        yield from _missing_profiles(key, endpoint, felix)
    yield from _inherited_labels(key, endpoint, felix)
    if endpoint.name.workload is not None:
        yield from _interface(key, endpoint, felix)
        yield from _nets(key, endpoint)


def versions_of(endpoint: Endpoint, addresses: Sequence[Network]) -> set[int]:
    """Return the IP versions to which the rules of an endpoint apply: the versions of its addresses.

    For a host endpoint with an interface but no stored address, return both: its addresses are unknown.
    """
    if endpoint.name.workload is None and not addresses:
        return {4, 6}
    return {network.version for network in addresses}


def _missing_profiles(key: str, endpoint: Endpoint, felix: Felix) -> Iterator[Finding]:
    for profile in dict.fromkeys(endpoint.profile_ids):
        if profile not in felix.profiles and not felix.has_refused_rules(profile):  # reported separately
            problem = felix.profile_problem(profile).removeprefix("it ")
            reason = f"profile {profile} {problem}: Felix drops all traffic that comes to it"
            yield Finding(codes.MISSING_PROFILE, key, reason, for_missing_profile(profile, key))


def _inherited_labels(key: str, endpoint: Endpoint, felix: Felix) -> Iterator[Finding]:
    if len(endpoint.profile_ids) < 2:
        return
    profiles_with: dict[str, list[str]] = {}
    for profile in dict.fromkeys(endpoint.profile_ids):
        for label in felix.labels.get(profile, {}):
            profiles_with.setdefault(label, []).append(profile)
    own = labels_of(endpoint)
    for label, profiles in profiles_with.items():
        values = {felix.labels[profile][label] for profile in profiles}
        if len(values) > 1 and label not in own:
            reason = (
                f"profiles {' and '.join(profiles)} give it different values of the label {label}: Felix takes that of "
                "the last one in its list, Felix 2.2 and later that of the first"
            )
            remedy = "Give the endpoint a label of its own, or one of the profiles only."
            yield Finding(codes.DIFFERENT_LABELS, key, reason, remedy)


def _interface(key: str, endpoint: Endpoint, felix: Felix) -> Iterator[Finding]:
    reason = felix.interface_problem(endpoint)
    if reason:
        yield Finding(codes.FOREIGN_INTERFACE, key, reason, "Rename the interface, or set InterfacePrefix.")


def _nets(key: str, endpoint: Endpoint) -> Iterator[Finding]:
    for network in networks_of(endpoint):
        if network.prefix_length != network.width:
            reason = f"{network} is more than one address: Felix takes the address before the slash only"
            remedy = f"Give each address as a network of its own, /{network.width}."
            yield Finding(codes.LARGE_NETWORK, key, reason, remedy)
