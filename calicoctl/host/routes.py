"""The default routes of a container: replace an existing one by Calico's, and restore it afterwards.

Calico's route must come first, so the existing one gets a higher metric: it is "displaced". The kernel cannot change
the metric of a route. Therefore the route is deleted and added again with everything that ``ip -json`` shows of it. A
route that could not be restored completely is never displaced.
"""

from __future__ import annotations

from calicoctl.host.iproute import NetworkError, ip

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from typing import Any

    from calicoctl.host.iproute import Namespace

# The fields of a route in the JSON of ``ip``, and the arguments of ``ip`` for them. _METRICS: those in "metrics".
_FIELDS = {
    "gateway": "via {0}", "via": "via {0[family]} {0[host]}", "dev": "dev {0}", "prefsrc": "src {0}",
    "scope": "scope {0}",
}  # fmt: skip
_METRICS = {
    "mtu": "mtu {0}", "advmss": "advmss {0}", "window": "window {0}", "rtt": "rtt {0}ms", "rttvar": "rttvar {0}ms",
    "rto_min": "rto_min {0}ms", "ssthresh": "ssthresh {0}", "cwnd": "cwnd {0}", "initcwnd": "initcwnd {0}",
    "initrwnd": "initrwnd {0}", "reordering": "reordering {0}", "hoplimit": "hoplimit {0}", "quickack": "quickack {0}",
    "congestion": "congctl {0}", "ecn": "features ecn", "fastopen_no_cookie": "fastopen_no_cookie {0}",
}  # fmt: skip
_ELSEWHERE = ("type", "dst", "protocol", "metric", "flags", "metrics")  # fields that other code converts
_STATES = ("dead", "linkdown")  # flags that describe the current state of the interface

# Routing protocols, the kernel's default first. The protocol of a displaced route is replaced by a number that encodes
# the original one: 201 for the first protocol here, 202 for the second, and so on.
_PROTOCOLS = (
    "boot", "static", "dhcp", "kernel", "unspec", "redirect", "gated", "ra", "mrt", "zebra", "bird", "dnrouted", "xorp",
    "ntk", "keepalived", "babel", "openr", "bgp", "isis", "ospf", "rip", "eigrp",
)  # fmt: skip
_DISPLACED = {protocol: str(201 + place) for place, protocol in enumerate(_PROTOCOLS)}


def default_routes(namespace: Namespace, version: int) -> list[dict[str, Any]]:
    """Return the default routes of a namespace, in the JSON format of ``ip``."""
    return ip(f"-{version}", "route", "show", "default", namespace=namespace)


def check_displaceable(routes: list[dict[str, Any]]) -> None:
    """Raise NetworkError unless default routes, all with the same metric, can be displaced and restored completely."""
    lost = [feature for route in routes for feature in _not_restorable(route)]
    if len(routes) > 1:
        lost.append("a second one beside it")
    if lost:
        raise NetworkError(
            f"The container has a default route with {lost[0]}, which would be lost. "
            "Give the route a metric other than 0 to keep it."
        )


def displace(route: dict[str, Any], namespace: Namespace) -> None:
    """Displace a default route: add it with a higher metric, then delete the original.

    Raises NetworkError if it could not be restored later.
    """
    check_displaceable([route])
    others = [other for other in default_routes(namespace, 4) if metric_of(other)]
    if not any(_is_displaced(other) and _description(other) == _description(route) for other in others):
        taken = set(map(metric_of, others))
        metric = next(metric for metric in range(1, len(taken) + 2) if metric not in taken)
        words = ["metric", str(metric), "proto", _DISPLACED[_protocol_of(route)]]
        ip("-4", "route", "add", *_description(route), *words, namespace=namespace)
    delete_route(route, 4, namespace)


def restore_default_route(namespace: Namespace) -> None:
    """Give the displaced default route its original metric and protocol again."""
    routes = default_routes(namespace, 4)
    first = [route for route in routes if not metric_of(route)]
    for displaced in list(filter(_is_displaced, routes))[:1]:
        if not first:
            words = _description(displaced) + ["proto", _protocol_of(displaced)]
            ip("-4", "route", "add", *words, namespace=namespace)
        if not first or _description(first[0]) == _description(displaced):
            delete_route(displaced, 4, namespace)


def delete_route(route: dict[str, Any], version: int, namespace: Namespace) -> None:
    """Delete a default route."""
    words = ["metric", str(metric_of(route))] if metric_of(route) else []
    if "protocol" in route:
        words += ["proto", str(route["protocol"])]
    ip(f"-{version}", "route", "del", *_description(route), *words, namespace=namespace)


def metric_of(route: dict[str, Any]) -> int:
    """Return the metric of a route. The kernel uses the route with the smallest metric."""
    return int(route.get("metric", 0))


def _description(route: dict[str, Any]) -> list[str]:
    """Return the arguments of ``ip`` that describe a default route, except its metric and protocol."""
    words = [*filter(None, [route.get("type")]), "default"]
    for fields, templates in ((route, _FIELDS), (_metrics_of(route), _METRICS)):
        for name in templates:
            if name in fields:
                words += templates[name].format(fields[name]).split()
    return words + (["onlink"] if "onlink" in route.get("flags", ()) else [])


def _not_restorable(route: dict[str, Any]) -> list[str]:
    """Return the features of a default route that ``_description`` cannot express."""
    if "nexthops" in route:
        return ["several next hops"]
    unknown = [field for field in route if field not in _FIELDS and field not in _ELSEWHERE]
    unknown += [name for name in _metrics_of(route) if name not in _METRICS]
    unknown += [flag for flag in route.get("flags", ()) if flag != "onlink" and flag not in _STATES]
    protocol = _protocol_of(route)
    return unknown + ([f"protocol {protocol}"] if protocol not in _PROTOCOLS else [])


def _metrics_of(route: dict[str, Any]) -> dict[str, Any]:
    return {name: value for metrics in route.get("metrics", ()) for name, value in metrics.items()}


def _is_displaced(route: dict[str, Any]) -> bool:
    return route.get("protocol") in _DISPLACED.values()


def _protocol_of(route: dict[str, Any]) -> str:
    """Return the routing protocol of a route; for a displaced route, its original protocol."""
    shown = str(route.get("protocol", _PROTOCOLS[0]))
    return next((protocol for protocol, displaced in _DISPLACED.items() if displaced == shown), shown)
