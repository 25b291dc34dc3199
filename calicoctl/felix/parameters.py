"""The parameters of Felix 1.4.9 in the datastore: which values end its process, disarm it or may surprise.

They are stored as text below ``/calico/v1/config``, and for one host below ``/calico/v1/host/<host>/config``. Felix's
environment and configuration file take precedence, and are not known here.
"""

from __future__ import annotations

import re

from calicoctl.model.network import Network

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable

LOG_LEVELS = ("none", "debug", "info", "warn", "warning", "err", "error", "crit", "critical")
ENDPOINT_TO_HOST_ACTIONS = ("DROP", "RETURN", "ACCEPT")
DNS_AND_DHCP = (53, 67, 547)  # UDP ports of a host that Felix may open to its workloads
DROP_ACTIONS = ("DROP", "LOG-and-DROP", "ACCEPT", "LOG-and-ACCEPT")
_YES, _NO = ("true", "1", "yes", "y", "t"), ("false", "0", "no", "n", "f")
# As Python 2 reads one with int(text, 0): 010 is octal.
_DIGITS = "(0x[0-9a-f]+|0b[01]+|0o[0-7]+|[1-9][0-9]*|0)|0([0-7]+)"
_NUMBER = re.compile(rf"\s*([-+]?)(?:{_DIGITS})\s*", re.IGNORECASE | re.ASCII)
_PORT = re.compile("0*[0-9]{1,5}", re.ASCII)
_NUMBERS = (
    "StartupCleanupDelay", "PeriodicResyncInterval", "HostInterfacePollInterval", "IptablesRefreshInterval",
    "MetadataPort", "IpInIpMtu", "ReportingIntervalSecs", "ReportingTTLSecs", "EndpointReportingDelaySecs",
    "MaxIpsetSize", "IptablesMarkMask", "PrometheusMetricsPort", "EtcdDriverPrometheusMetricsPort",
)  # fmt: skip
_LONGEST_MASK = len("0b") + 32
_SWITCHES = (
    "IgnoreLooseRPF", "UsageReportingEnabled", "IpInIpEnabled", "EndpointReportingEnabled", "PrometheusMetricsEnabled",
)  # fmt: skip


def ending(name: str, value: str) -> str | None:
    """Say why a value ends Felix when it starts; None if it does not."""
    check = _CHECKS.get(name)
    return check(value) if check else None


def disarming(name: str, value: str) -> str | None:
    """Say how a value turns off the protection by Felix; None if it does not."""
    if name == "DropActionOverride" and lets_pass(value):
        return "Felix lets every packet pass that its rules drop"
    if name == "InterfacePrefix" and any(not prefix.strip() for prefix in value.split(",")):
        return "Felix takes every interface for that of a workload, also the host's own and loopback"
    return None


def remark(name: str, value: str) -> str | None:
    """Say how else a value may not have the intended effect; None if it has."""
    if name == "DropActionOverride" and value not in DROP_ACTIONS:
        return f"Felix takes it for DROP: the values are {', '.join(DROP_ACTIONS)}, spelled exactly so"
    if name in ("MetadataAddr", "IpInIpTunnelAddr") and value.lower() != "none" and not _is_address(value):
        return "until this name resolves on a host, Felix programs nothing there"
    return None


def ports(value: str) -> list[int]:
    """Return the ports of a list of failsafe ports, without the invalid items."""
    return [port for text in value.split(",") if (port := _port(text.strip())) is not None]


def lets_pass(action: str) -> bool:
    """Tell whether Felix 1.4 lets packets pass, instead of dropping them, with this DropActionOverride."""
    return action in ("ACCEPT", "LOG-and-ACCEPT")


def _number(value: str) -> str | None:
    return None if _NUMBER.fullmatch(value) else "it is not a whole number"


def _switch(value: str) -> str | None:
    return None if value.lower() in _YES + _NO else "it is neither true nor false"


def _ports(value: str) -> str | None:
    for text in value.split(","):
        port = text.strip()
        if port and _port(port) is None:
            return f'"{port}" is not a port from 1 to 65535'
    return None


def _port(text: str) -> int | None:
    """Return a port from 1 to 65535, which may have leading zeros; None for anything else."""
    number = int(text[-5:]) if _PORT.fullmatch(text) else 0
    return number if 0 < number < 65536 else None


def _log_level(value: str) -> str | None:
    return None if value.lower() in LOG_LEVELS else f"it is not one of {', '.join(LOG_LEVELS)}"


def _endpoint_to_host(value: str) -> str | None:
    actions = ENDPOINT_TO_HOST_ACTIONS
    return None if value in actions else f"it is not one of {', '.join(actions)}, spelled exactly so"


def _mask(value: str) -> str | None:
    found = _NUMBER.fullmatch(value)
    if found is None:
        return _number(value)
    sign, number, octal = found.groups()
    if sign == "-" or len(value) > _LONGEST_MASK:
        return None  # out of range: Felix takes its default
    mask = int(octal, 8) if octal else int(number, 0)
    return "it has only one bit set, and Felix needs two" if mask.bit_count() == 1 else None


def _address(value: str) -> str | None:
    return None if value.strip() else "it is empty"


_CHECKS: dict[str, Callable[[str], str | None]] = {
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_SWITCHES, _switch),
    **dict.fromkeys(("LogSeverityFile", "LogSeveritySys", "LogSeverityScreen"), _log_level),
    **dict.fromkeys(("FailsafeInboundHostPorts", "FailsafeOutboundHostPorts"), _ports),
    **dict.fromkeys(("MetadataAddr", "IpInIpTunnelAddr"), _address),
    "DefaultEndpointToHostAction": _endpoint_to_host,
    "IptablesMarkMask": _mask,
}
KNOWN = frozenset((*_CHECKS, "DropActionOverride", "InterfacePrefix"))  # what decides on packets or ends Felix


def _is_address(text: str) -> bool:
    try:
        return "/" not in text and Network.parse(text).version == 4
    except ValueError:
        return False
