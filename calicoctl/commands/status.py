"""calicoctl status: whether the node of this host works: Felix, etcd, BIRD and each BGP peer."""

from __future__ import annotations

from calicoctl.commands.node_status import find_node
from calicoctl.errors import CommandError
from calicoctl.host.rights import check_root
from calicoctl.output import table, visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.commands.node_status import BgpState, NodeState
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.host.felix import FelixState

_BACKENDS = ("bird", "gobgp", "none")
_RUNTIMES = ("docker", "rkt")
_HEADINGS = ("Peer address", "Peer type", "State", "Since", "Info")


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``status``, parsed, and return the exit status: 0 only if all parts are healthy.

    Raises CommandError.
    """
    runtime, backend = arguments["--runtime"], arguments["--backend"]
    check_runtime(runtime)
    if backend is None:
        backend = backend_by_variable(environment)
        if "CALICO_NETWORKING" in environment.variables:
            environment.complain("WARNING: CALICO_NETWORKING will be deprecated: use '--backend' instead")
    elif backend not in _BACKENDS:
        raise CommandError(f"Invalid backend specified: '{backend}'")
    if backend == "gobgp":
        raise CommandError("The backend gobgp is not supported: 'gobgp neighbor' shows the BGP peers of this host.")
    if runtime == "rkt":
        check_root()
    found = find_node(runtime, backend, arguments["--socket-dir"] or "", environment)
    if not environment.say_rows(_rows(found)):
        environment.say(described(found))
    for complaint in found.complaints:
        environment.complain(complaint)
    return 0 if found.is_healthy else 1


def check_runtime(runtime: str) -> None:
    """Raise CommandError for a runtime that no container of a node has."""
    if runtime not in _RUNTIMES:
        raise CommandError(f"Invalid runtime specified: '{runtime}'")


def backend_by_variable(environment: Environment) -> str:
    """Return the backend of a node that was started without one on the command line."""
    return "none" if environment.variables.get("CALICO_NETWORKING") == "false" else "bird"


def described(found: NodeState) -> str:
    """Return legacy's lines and tables for what was found, without the last newline."""
    lines = [*_of_felix(found.felix), ""]
    for bgp in found.bgp:
        lines += _of_bgp(bgp, found.backend)
    return "\n".join(lines)


def _rows(found: NodeState) -> Iterator[dict[str, object]]:
    """Yield a row for Felix, one for BGP of each IP version, and one for each peer."""
    felix = found.felix
    place = "container" if felix.is_in_container else "process" if felix.processes else None
    state = "unknown" if felix.is_in_container is None else "not running"
    info = felix.felix_version if felix.is_in_container else ", ".join(map(str, felix.processes))
    yield _row("felix", type=place, state=(felix.container_state or "running") if place else state, info=info)
    for bgp in found.bgp:
        is_asked = bgp.address != "" and found.backend == "bird"
        yield _row("bgp", ip_version=bgp.version, address=bgp.address, as_num=bgp.as_number,
                   as_num_inherited=None if bgp.as_number is None else bgp.is_inherited,
                   state=None if not is_asked else "unknown" if bgp.peers is None else "up")  # fmt: skip
        for peer in bgp.peers or ():
            peer_type, peer_state = peer.kind, peer.state
            yield _row("peer", ip_version=bgp.version, address=peer.address, type=peer_type, state=peer_state,
                       since=peer.since, info=peer.info)  # fmt: skip


def _row(part: str, **values: object) -> dict[str, object]:
    empty: dict[str, object] = dict.fromkeys(
        ("ip_version", "address", "as_num", "as_num_inherited", "type", "state", "since", "info")
    )
    return {"part": part, **empty, **values}


def _of_felix(felix: FelixState) -> Iterator[str]:
    if felix.is_in_container and felix.runtime == "rkt":
        yield "calico-node container status: running"
    elif felix.is_in_container:
        yield f"calico-node container is running. Status: {visible(felix.container_state)}"
        yield f"Running felix version {visible(felix.felix_version) or 'unknown'}"
    elif felix.is_docker_down:
        yield "Docker is not running"
    elif felix.is_in_container is None:
        yield "calico-node container state unknown"
    else:
        yield "calico-node container not running"
    if felix.processes:
        yield f"Felix is running as a process: {', '.join(map(str, felix.processes))}"


def _of_bgp(bgp: BgpState, backend: str) -> Iterator[str]:
    yield f"IPv{bgp.version} BGP status"
    if bgp.address == "":
        yield f"No IPv{bgp.version} address configured.\n"
        return
    inherited = " (inherited)" if bgp.is_inherited else ""
    yield f"IP: {_shown(bgp.address)}    AS Number: {_shown(bgp.as_number)}{inherited}"
    if backend == "none":
        return
    if bgp.peers is None:
        yield "Couldn't connect to bird.\n"
    else:
        rows = [(peer.address, peer.kind, peer.state, peer.since, peer.info) for peer in bgp.peers]
        yield f"{table(_HEADINGS, rows)}\n"


def _shown(text: str | None) -> str:
    return "unknown" if text is None else visible(text)
