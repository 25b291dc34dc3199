"""The default routes of a container: those of others become second choice for Calico's, and come back when it goes."""

from __future__ import annotations

from calicoctl.host.iproute import NetworkError, ip

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.host.iproute import Namespace

_DISPLACED = "201"  # routing protocol number that marks a default route which we made second choice


def default_routes(namespace: Namespace, version: int) -> list[dict[str, Any]]:
    """Return the default routes of a namespace as ``ip`` describes them."""
    return ip(f"-{version}", "route", "show", "default", namespace=namespace)


def restore_default_route(namespace: Namespace) -> None:
    """Make the default route that was displaced the first choice again."""
    routes = default_routes(namespace, 4)
    first = [route for route in routes if not metric_of(route)]
    for displaced in [route for route in routes if route.get("protocol") == _DISPLACED][:1]:
        if not first:
            ip("-4", "route", "add", *_description(displaced), namespace=namespace)
        if not first or _description(first[0]) == _description(displaced):
            delete_route(displaced, 4, namespace)


def displace(route: dict[str, Any], namespace: Namespace) -> None:
    """Make a default route second choice, until it is restored."""
    if "nexthops" in route:
        raise NetworkError("The container has a default route with several next hops, which would be lost.")
    others = [other for other in default_routes(namespace, 4) if metric_of(other)]
    if not any(_description(other) == _description(route) for other in others):
        taken = set(map(metric_of, others))
        metric = next(metric for metric in range(1, len(taken) + 2) if metric not in taken)
        words = ["metric", str(metric), "proto", _DISPLACED]
        ip("-4", "route", "add", *_description(route), *words, namespace=namespace)
    delete_route(route, 4, namespace)


def delete_route(route: dict[str, Any], version: int, namespace: Namespace) -> None:
    """Remove a default route."""
    words = ["metric", str(metric_of(route))] if metric_of(route) else []
    if "protocol" in route:
        words += ["proto", str(route["protocol"])]
    ip(f"-{version}", "route", "del", *_description(route), *words, namespace=namespace)


def metric_of(route: dict[str, Any]) -> int:
    """Return the metric of a route: of several the one with the smallest is taken."""
    return int(route.get("metric", 0))


def _description(route: dict[str, Any]) -> list[str]:
    """Return the arguments that describe a default route, but for its metric and protocol."""
    words = ["default"]
    for field, word in (("gateway", "via"), ("dev", "dev"), ("prefsrc", "src"), ("scope", "scope")):
        if field in route:
            words += [word, str(route[field])]
    return words + (["onlink"] if "onlink" in route.get("flags", ()) else [])
