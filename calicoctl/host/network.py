"""An endpoint in the kernel: a veth pair, its addresses and its routes, as Felix expects them.

The container reaches everything through a next hop that does not exist, 169.254.1.1: Felix lets the host's end of the
pair answer for it (proxy ARP). For IPv6 the next hop is the link-local address of that end.
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

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.host.iproute import Namespace
    from calicoctl.model.address import Address

NEXT_HOP = "169.254.1.1"

_IPV6_METRIC = 1024  # the kernel's own for routes that are given none
_LINK_LOCAL_SECONDS = 5.0


class Veth:
    """The veth pair of an endpoint: ``name`` is its end on the host, ``interface`` that in the container.

    Methods raise NetworkError.
    """

    def __init__(self, name: str, interface: str, namespace: Namespace) -> None:
        self.name = name
        self.interface = interface
        self._namespace = namespace

    def create(self) -> None:
        """Make both ends and set them up."""
        ip("link", "add", self.name, "type", "veth", "peer", "name", self.interface, "netns", self._namespace)
        ip("link", "set", self.name, "up")
        self._inside("link", "set", self.interface, "up")

    def has_interface(self) -> bool:
        """Tell whether the container has an interface of that name."""
        return any(link.get("ifname") == self.interface for link in self._inside("link", "show"))

    def is_pair(self) -> bool:
        """Tell whether the two ends belong together; only then does all go when the pair goes."""
        ours = [link for link in ip("link", "show", "type", "veth") if link.get("ifname") == self.name]
        theirs = [link for link in self._inside("link", "show") if link.get("ifname") == self.interface]
        return bool(ours and theirs) and theirs[0].get("link_index") == ours[0]["ifindex"]

    def mac(self) -> str:
        """Return the MAC address of the container's end."""
        return str(self._inside("link", "show", "dev", self.interface)[0]["address"])

    def interface_with(self, address: Address) -> str | None:
        """Return the name of the container's interface that has an address: this end if it can be; None for none."""
        found = [
            str(link["ifname"])
            for link in self._inside(f"-{address.version}", "addr", "show")
            if any(info.get("local") == str(address) for info in link.get("addr_info", ()))
        ]
        return self.interface if self.interface in found else next(iter(found), None)

    def add_address(self, address: Address) -> None:
        """Give the container's end an address."""
        try:
            self._inside(f"-{address.version}", "addr", "add", address.net, "dev", self.interface)
        except NetworkError as error:
            refusals = ("Permission denied", "IPv6 is disabled")  # of older and of newer kernels
            if address.version == 6 and any(words in error.message for words in refusals):
                hint = "IPv6 is disabled in the container: see its sysctl net.ipv6.conf.all.disable_ipv6."
                raise NetworkError(f"{error.message} {hint}") from None
            raise

    def remove_address(self, address: Address) -> None:
        """Take an address away from the container's end."""
        self._inside(f"-{address.version}", "addr", "del", address.net, "dev", self.interface)

    def check_routes(self, version: int) -> None:
        """Raise NetworkError where ``add_routes`` could not be done, or not be undone. Nothing is changed."""
        if version == 6:  # the next hop is another one for each pair, so that pairs are not in each other's way
            self._ipv6_metric()
            return
        for route in self._inside("-4", "route", "show", NEXT_HOP):
            interface = route.get("dev")
            if interface != self.interface:
                raise NetworkError(
                    f"The container is on a Calico network already, through its interface {interface}, which has the "
                    f"route to {NEXT_HOP}. A second one would cut it off: take the container off that network first."
                )
        check_displaceable(self._first_defaults())

    def add_routes(self, version: int) -> None:
        """Lead all traffic of an IP version through the pair; a default route that is there becomes second choice."""
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
        """Undo ``add_routes``, as far as it got."""
        for route in default_routes(self._namespace, version):
            if route.get("dev") == self.interface and (version == 6 or route.get("gateway") == NEXT_HOP):
                delete_route(route, version, self._namespace)
        if version == 4:
            if self._inside("-4", "route", "show", NEXT_HOP, "dev", self.interface):
                self._inside("-4", "route", "del", NEXT_HOP, "dev", self.interface)
            restore_default_route(self._namespace)

    def _first_defaults(self) -> list[dict[str, Any]]:
        """Return the default routes of others, for IPv4, that there is none before."""
        return [route for route in self._defaults_of_others(4) if not metric_of(route)]

    def _ipv6_metric(self) -> int:
        """Return the metric of a default route that goes before all others."""
        metric = min([metric_of(route) for route in self._defaults_of_others(6)] + [_IPV6_METRIC + 1]) - 1
        if not metric:  # the kernel would take that for no metric, 1024
            raise NetworkError("The container has an IPv6 default route of metric 1, and no other can go before it.")
        return metric

    def _defaults_of_others(self, version: int) -> list[dict[str, Any]]:
        return [route for route in default_routes(self._namespace, version) if route.get("dev") != self.interface]

    def _inside(self, *arguments: str) -> list[dict[str, Any]]:
        return ip(*arguments, namespace=self._namespace)


def exists(name: str) -> bool:
    """Tell whether the host has a veth interface of that name; all others are none of our business."""
    return any(link.get("ifname") == name for link in ip("link", "show", "type", "veth"))


def leads_into(name: str, namespace: Namespace) -> bool:
    """Tell whether the host has a veth interface of that name whose other end is in a namespace."""
    theirs = ip("link", "show", "type", "veth", namespace=namespace)
    pairs = {(link.get("link_index"), link["ifindex"]) for link in theirs}
    ours = [link for link in ip("link", "show", "type", "veth") if link.get("ifname") == name]
    return any((link["ifindex"], link.get("link_index")) in pairs for link in ours)


def delete_pair(name: str) -> None:
    """Remove a pair with all its addresses and routes by its end on the host; one that is gone is fine."""
    if not exists(name):
        return
    try:
        ip("link", "del", "dev", name)
    except NetworkError:
        if exists(name):
            raise
        # The kernel was faster: it removes a pair some time after the namespace that one end was in.


def link_local(name: str) -> str:
    """Return the IPv6 link-local address of an interface of the host, once the kernel has given it one."""
    deadline = time.monotonic() + _LINK_LOCAL_SECONDS
    while True:
        for link in ip("-6", "addr", "show", "dev", name, "scope", "link"):
            for info in link.get("addr_info", ()):
                return str(info["local"])
        if time.monotonic() > deadline:
            raise NetworkError(
                f"Interface {name} of the host has no IPv6 link-local address: is IPv6 disabled on this host?"
            )
        time.sleep(0.02)
