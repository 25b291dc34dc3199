"""The pairs of groups that are workloads and nothing but their own host, between which other rules hold.

Felix does not police what a host sends to its own workloads. What they send to it must also pass the parameter
DefaultEndpointToHostAction (docs/data-model.md, section 7). ``Flows`` leaves out the flows between such groups, and
``calicoq explain`` and ``calicoq test`` judge each set of packets by an example. In groups that contain such pairs
among others, these pairs are an exception, which a note of the commands names.
"""

from __future__ import annotations

from calicoctl.model.address import Address

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.felix.view import Felix
    from calicoctl.flows.groups import Group, Groups


class OwnHosts:
    """Finds these pairs among the groups of one IP version."""

    def __init__(self, groups: Groups, felix: Felix) -> None:
        self._hosts: dict[int, str] = {}  # the groups that are one host: its endpoints, or its address
        self._homes: dict[int, str] = {}  # the groups of workloads that are all on one host
        for number, group in enumerate(groups.all):
            if host := _host_of(group, groups.ip_version, felix):
                self._hosts[number] = host
        if self._hosts:
            self._homes = {number: home for number, group in enumerate(groups.all) if (home := _home_of(group))}
        self._masks = {kind: _masks(found) for kind, found in (("host", self._hosts), ("home", self._homes))}

    def __bool__(self) -> bool:
        """Tell whether there may be such pairs."""
        return bool(self._hosts)

    def beside(self, number: int) -> int:
        """Return, as bits, the groups that are such a pair together with a group."""
        if number in self._hosts:
            return self._masks["home"].get(self._hosts[number], 0)
        return self._masks["host"].get(self._homes.get(number, ""), 0)


def _host_of(group: Group, ip_version: int, felix: Felix) -> str:
    if group.guard is not None:
        return "" if group.guard.is_workload else group.guard.endpoint.name.host
    if len(group.ranges) == 1 and group.ranges[0][0] == group.ranges[0][1]:
        return felix.host_at(Address(ip_version, group.ranges[0][0])) or ""
    return ""


def _home_of(group: Group) -> str:
    hosts = {party.endpoint.name.host for party in group.parties if party.endpoint.name.workload is not None}
    return hosts.pop() if len(hosts) == 1 else ""


def _masks(found: dict[int, str]) -> dict[str, int]:
    masks: dict[str, int] = {}
    for number, host in found.items():
        masks[host] = masks.get(host, 0) | 1 << number
    return masks
