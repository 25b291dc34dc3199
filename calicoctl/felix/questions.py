"""The open questions of ``Chances``, in words for the operator: what is not stored but may decide an outcome."""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.model.endpoint import Endpoint


def unknown_prefix(endpoint: Endpoint) -> str:
    """Whether an interface without the default prefix has the prefix of Felix's file; etcd has no prefix."""
    return (
        f"etcd has no InterfacePrefix: if the configuration file of Felix on {endpoint.name.host} has one that "
        f"interface {endpoint.fields['name']} begins with, the endpoint's rules count"
    )


def misfiled_policy(title: str, endpoint: str) -> str:
    """Whether Felix 1.4 applies a policy with a misfiled selector to an endpoint that it matches."""
    return (
        f"The selector of {title} combines an in of a single value with other conditions: Felix 1.4 applies it to "
        f"{endpoint} only if "
        "the endpoint's labels were written after the policy"
    )


def misfiled_selector(selector: str, address: str) -> str:
    """Whether Felix 1.4 finds an address for rules with a misfiled selector that matches it."""
    return (
        f'Felix 1.4 finds {address} for rules with the selector "{selector}", which combines an in of a single value '
        "with other conditions, only if the endpoint's labels were written after these rules"
    )


def refused_rules(where: str, reason: str) -> str:
    """Whether a policy or profile whose rules iptables refuses had no other rules before."""
    return (
        f"Felix programs nothing of {where} {reason}: if it had other rules before, these are still in force; "
        "if not, it drops"
    )


def reason_of_refusal(ip_version: int, fault: str) -> str:
    """Return the reason for ``refused_rules``."""
    return f"for IPv{ip_version}, as iptables refuses {fault}"


def interface(title: str) -> str:
    """Whether a packet comes in by the interface of a host endpoint, ``title``, that is not its host's only one."""
    return (
        f"The untracked policies of {title} decide if the packet comes in by its interface, and not by that of "
        "another host endpoint"
    )


def standstill(reason: str) -> str:
    """Whether the rules that are stored are those in force, where Felix applies nothing."""
    return f"{reason}: the rules that were in force before stay in force"


def rules_of_host(host: str) -> str:
    """Whether the host's own rules let in what its workloads send it, where Felix leaves that to them."""
    return (
        f"DefaultEndpointToHostAction is RETURN on {host}: rules of iptables that are not Felix's decide on packets of "
        "its workloads to it"
    )


def service_of_host(host: str) -> str:
    """Whether Felix looks at its rules for DNS and DHCP that a workload asks of its own host."""
    return f"Felix may let DNS and DHCP of workloads on {host} reach the host before any of its rules"
