"""The network of an endpoint in the kernel: a veth pair, its addresses and its routes, as Felix expects them.

The container's default route has a next hop that no machine has, 169.254.1.1. Felix makes the host's end of the pair
answer ARP requests for it (proxy ARP). For IPv6 the next hop is the link-local address of the host's end.
"""

from __future__ import annotations

import time

from calicoctl.host.iproute import NetworkError, ip
from calicoctl.host.routes import (
    check_displaceable,
    default_routes,
    delete_route,
    displace,
    metric_of,
    restore_default_route,
)
from calicoctl.signals import wait

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from calicoctl.host.iproute import Namespace
    from calicoctl.model.address import Address

NEXT_HOP = "169.254.1.1"

_IPV6_METRIC = 1024  # the kernel's default
_LINK_LOCAL_SECONDS = 5.0


class Veth:
    """The veth pair of an endpoint. ``name`` is the host's end, ``interface`` the container's end.

    Methods raise NetworkError.
    """

    def __init__(self, name: str, interface: str, namespace: Namespace) -> None:
        self.name = name
        self.interface = interface
        self._namespace = namespace

    def create(self) -> None:
        """Create the pair and bring both ends up."""
        ip("link", "add", self.name, "type", "veth", "peer", "name", self.interface, "netns", self._namespace)
        ip("link", "set", self.name, "up")
        self._inside("link", "set", self.interface, "up")

    def has_interface(self) -> bool:
        """Tell whether the container has an interface with the name of the container's end."""
        return any(link.get("ifname") == self.interface for link in self._inside("link", "show"))

    def is_pair(self) -> bool:
        """Tell whether the two interfaces are a pair. Only then does deleting the host's end delete both."""
        ours = [link for link in ip("link", "show", "type", "veth") if link.get("ifname") == self.name]
        theirs = [link for link in self._inside("link", "show") if link.get("ifname") == self.interface]
        return bool(ours and theirs) and theirs[0].get("link_index") == ours[0]["ifindex"]

    def mac(self) -> str:
        """Return the MAC address of the container's end."""
        return str(self._inside("link", "show", "dev", self.interface)[0]["address"])

    def interface_with(self, address: Address) -> str | None:
        """Return the name of a container's interface with this address, preferably this end; None if there is none."""
        found = [
            str(link["ifname"])
            for link in self._inside(f"-{address.version}", "addr", "show")
            if any(info.get("local") == str(address) for info in link.get("addr_info", ()))
        ]
        return self.interface if self.interface in found else next(iter(found), None)

    def add_address(self, address: Address) -> None:
        """Add an address to the container's end."""
        try:
            self._inside(f"-{address.version}", "addr", "add", address.net, "dev", self.interface)
        except NetworkError as error:
            refusals = ("Permission denied", "IPv6 is disabled")  # messages of older and of newer kernels
            if address.version == 6 and any(words in error.message for words in refusals):
                hint = "IPv6 is disabled in the container: see its sysctl net.ipv6.conf.all.disable_ipv6."
                raise NetworkError(f"{error.message} {hint}") from None
            raise

    def remove_address(self, address: Address) -> None:
        """Remove an address from the container's end."""
        self._inside(f"-{address.version}", "addr", "del", address.net, "dev", self.interface)

    def check_routes(self, version: int) -> None:
        """Raise NetworkError if ``add_routes`` would fail, or could not be undone. Changes nothing."""
        if version == 6:  # each pair has its own next hop, so several pairs do not conflict
            self._ipv6_metric()
            return
        for route in self._inside("-4", "route", "show", NEXT_HOP):
            interface = route.get("dev")
            if interface != self.interface:
                raise NetworkError(
                    f"The container is on a Calico network already, through its interface {interface}, which has the "
                    f"route to {NEXT_HOP}. A second interface would break the first one. Remove the container from "
                    "that network first."
                )
        check_displaceable(self._first_defaults())

    def add_routes(self, version: int) -> None:
        """Route all traffic of an IP version through the pair. An existing default route gets a lower priority."""
        if version == 4:
            self._inside("-4", "route", "replace", NEXT_HOP, "dev", self.interface)
            for route in self._first_defaults():
                displace(route, self._namespace)
            self._inside("-4", "route", "replace", "default", "via", NEXT_HOP, "dev", self.interface)
        else:
            metric = str(self._ipv6_metric())
            hop = link_local(self.name)
            self._inside("-6", "route", "replace", "default", "via", hop, "dev", self.interface, "metric", metric)

    def remove_routes(self, version: int) -> None:
        """Undo ``add_routes``, also if it was done only in part."""
        for route in default_routes(self._namespace, version):
            if route.get("dev") == self.interface and (version == 6 or route.get("gateway") == NEXT_HOP):
                delete_route(route, version, self._namespace)
        if version == 4:
            if self._inside("-4", "route", "show", NEXT_HOP, "dev", self.interface):
                self._inside("-4", "route", "del", NEXT_HOP, "dev", self.interface)
            restore_default_route(self._namespace)

    def _first_defaults(self) -> list[dict[str, Any]]:
        """Return the IPv4 default routes of other interfaces that have the best metric, 0."""
        return [route for route in self._defaults_of_others(4) if not metric_of(route)]

    def _ipv6_metric(self) -> int:
        """Return a metric for a default route that takes precedence over all others."""
        metric = min([metric_of(route) for route in self._defaults_of_others(6)] + [_IPV6_METRIC + 1]) - 1
        if not metric:  # for the kernel, 0 means the default metric, 1024
            raise NetworkError(
                "The container has an IPv6 default route with metric 1, so Calico's route cannot take precedence. "
                "Give that route a higher metric."
            )
        return metric

    def _defaults_of_others(self, version: int) -> list[dict[str, Any]]:
        return [route for route in default_routes(self._namespace, version) if route.get("dev") != self.interface]

    def _inside(self, *arguments: str) -> list[dict[str, Any]]:
        return ip(*arguments, namespace=self._namespace)


def exists(name: str) -> bool:
    """Tell whether the host has a veth interface with this name. calicoctl never touches interfaces of other types."""
    return bool(present([name]))


def present(names: Sequence[str]) -> list[str]:
    """Return those of the names that belong to veth interfaces of the host."""
    found = {link.get("ifname") for link in ip("link", "show", "type", "veth")} if names else set()
    return [name for name in names if name in found]


def leads_into(name: str, namespace: Namespace) -> bool:
    """Tell whether the host has a veth interface with this name whose other end is in the given namespace."""
    theirs = ip("link", "show", "type", "veth", namespace=namespace)
    pairs = {(link.get("link_index"), link["ifindex"]) for link in theirs}
    ours = [link for link in ip("link", "show", "type", "veth") if link.get("ifname") == name]
    return any((link["ifindex"], link.get("link_index")) in pairs for link in ours)


def delete_pair(name: str) -> None:
    """Delete the pair with this host's end, and so its addresses and routes. Does nothing if it does not exist."""
    if not exists(name):
        return
    try:
        ip("link", "del", "dev", name)
    except NetworkError:
        if exists(name):
            raise
        # The kernel has removed it: it deletes a pair some time after the namespace of one end has gone.


def link_local(name: str) -> str:
    """Return the IPv6 link-local address of an interface of the host. Waits until the kernel has assigned it."""
    deadline = time.monotonic() + _LINK_LOCAL_SECONDS
    while True:
        for link in ip("-6", "addr", "show", "dev", name, "scope", "link"):
            for info in link.get("addr_info", ()):
                return str(info["local"])
        if time.monotonic() > deadline:
            raise NetworkError(
                f"Interface {name} of the host has no IPv6 link-local address: is IPv6 disabled on this host?"
            )
        wait(0.02)
