"""What confd makes of the settings of BGP, as the templates of calico/node v0.23.1 do, and what BIRD says to it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BGP = "/calico/bgp/v1"
PROGRAMS = {4: "bird", 6: "bird6"}
SECONDS = 20.0
MOST = 10**308


class NotRendered(Exception):
    """confd fails: it was asked for a key that does not exist, or for a member of what is no object."""


def why_no_bird() -> str | None:
    """Return why BIRD cannot be asked; None if it can."""
    missing = [program for program in PROGRAMS.values() if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def takes(state: Mapping[str, str], folder: Path) -> bool:
    """Whether every node with an IPv4 address gets a configuration for both BIRDs, and each takes it.

    ``state`` are the keys below ``BGP``.
    """
    hosts = [key.split("/")[1] for key in state if key.startswith("host/") and key.endswith("/ip_addr_v4")]
    return all(_takes(state, host, version, folder) for host in hosts for version in PROGRAMS)


def _takes(state: Mapping[str, str], host: str, version: int, folder: Path) -> bool:
    path = folder / "bird.conf"
    try:
        path.write_text(configuration(state, host, version))
    except NotRendered:
        return False
    command = [PROGRAMS[version], "-p", "-c", str(path)]
    return subprocess.run(command, capture_output=True, timeout=SECONDS).returncode == 0


def configuration(state: Mapping[str, str], host: str, version: int) -> str:
    """Return what BIRD of a host reads: only what depends on etcd. Raises NotRendered."""
    own = state.get(f"host/{host}/ip_addr_v{version}", "")
    lines = [f"router id {_value(state, f'host/{host}/ip_addr_v4')};", "protocol device { }"]
    lines += ["template bgp calico {", f"  local as {_as_of(state, host)};", "  multihop;", "}"]
    neighbours = [*_mesh(state, own, version), *_peers(state, "Global", "global", version)]
    for name, ip, as_num in [*neighbours, *_peers(state, "Node", f"host/{host}", version)]:
        protocol = f"{name}_{ip.replace('.' if version == 4 else ':', '_')}"
        lines += [f"protocol bgp {protocol} from calico {{", f"  neighbor {ip} as {as_num};", "}"]
    return "\n".join(lines) + "\n"


def _mesh(state: Mapping[str, str], own: str, version: int) -> list[tuple[str, str, str]]:
    if not _object(_value(state, "global/node_mesh")).get("enabled"):
        return []
    found = []
    for host in sorted({key.split("/")[1] for key in state if key.startswith("host/")}):
        ip = _value(state, f"host/{host}/ip_addr_v{version}")
        if ip not in ("", own):
            found.append(("Mesh", ip, _as_of(state, host)))
    return found


def _peers(state: Mapping[str, str], name: str, scope: str, version: int) -> list[tuple[str, str, str]]:
    below = f"{scope}/peer_v{version}/"
    peers = [_object(text) for key, text in state.items() if key.startswith(below) and "/" not in key[len(below) :]]
    for peer in peers:
        if not isinstance(peer.get("ip"), str):
            raise NotRendered("split takes text only")
    return [(name, peer["ip"], _printed(peer.get("as_num"))) for peer in peers]


def _as_of(state: Mapping[str, str], host: str) -> str:
    own = f"host/{host}/as_num"
    return state[own] if own in state else _value(state, "global/as_num")


def _value(state: Mapping[str, str], key: str) -> str:
    if key not in state:
        raise NotRendered(f"key does not exist: {key}")
    return state[key]


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        raise NotRendered("no JSON") from None
    if not isinstance(value, dict):
        raise NotRendered("no object")
    return value


def _printed(value: Any) -> str:
    """Return a value of JSON as Go prints it."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        if abs(value) > MOST:
            raise NotRendered("out of the range of a number in Go")
        return f"{value:.0e}" if abs(value) >= 10**6 else f"{value:g}"
    return str(value)
