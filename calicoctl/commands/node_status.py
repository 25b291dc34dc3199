"""What `status` finds of this host's node, apart from how it is printed."""

from __future__ import annotations

from calicoctl.datastore.bgp_settings import read_bgp_settings
from calicoctl.errors import CommandError
from calicoctl.host import bird
from calicoctl.host.felix import find_felix
from calicoctl.host.hostname import hostname
from calicoctl.model.bgp import neighbour

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.datastore.bgp_settings import BgpSettings
    from calicoctl.environment import Environment
    from calicoctl.host.felix import FelixState
    from calicoctl.model.address import Address

_MOST_NAMED = 3  # of the peers without a session
_NO_ETCD = "Error connecting to etcd.  Ensure ETCD_ENDPOINTS or ETCD_AUTHORITY is set properly."


class BgpState:
    """BGP of one IP version.

    ``address`` and ``as_number`` are those of this host in etcd, None if etcd cannot be asked; an empty address: the
    host has none. ``peers`` are None if BIRD was not asked, or gave no answer. ``expected`` are the addresses of
    the peers that etcd has for this host.
    """

    def __init__(self, version: int, settings: BgpSettings | None) -> None:
        self.version = version
        self.address = settings.addresses[version] if settings else None
        self.as_number = settings.as_number if settings else None
        self.is_inherited = settings is not None and settings.is_inherited
        self.peers: list[bird.Peer] | None = None
        self.expected: set[Address] = settings.peers[version] if settings else set()


class NodeState:
    """The state of a node. ``complaints`` has a line for each part that did not answer or is not healthy."""

    def __init__(self, host: str, backend: str, felix: FelixState) -> None:
        self.host = host
        self.backend = backend
        self.felix = felix
        self.bgp: list[BgpState] = []
        self.complaints: list[str] = []

    @property
    def is_healthy(self) -> bool:
        """Whether Felix is running, every part has answered, and every peer is established."""
        return not self.complaints


def find_node(runtime: str, backend: str, socket_folder: str, environment: Environment) -> NodeState:
    """Return what is found of this host's node; a part that does not answer leads to a complaint, not an error.

    ``backend`` is that of the node: ``bird`` or ``none``. ``socket_folder`` is where BIRD's sockets are, empty for the
    usual folders. Raises CommandError for a HOSTNAME that cannot be used.
    """
    host = hostname(environment.variables)
    found = NodeState(host, backend, find_felix(runtime, environment.variables))
    if not found.felix.is_running:
        found.complaints.append(_felix_is_missing(found.felix))
    settings = None
    try:
        settings = read_bgp_settings(host, environment.client())
    except CommandError as error:  # of etcd, or of what says where it is
        found.complaints.append(f"{_NO_ETCD}  {' '.join(error.message.splitlines())}")
    found.bgp = [BgpState(version, settings) for version in (4, 6)]
    if backend == "bird":
        if settings and settings.unusable:
            found.complaints.append(_unusable(settings.unusable))
        _ask_bird(found, socket_folder)
    return found


def _unusable(stored: list[str]) -> str:
    return f"BIRD gets no peer from {_named(stored)}: 'calicoq check' shows why, and the remedy."


def _felix_is_missing(felix: FelixState) -> str:
    if felix.problem:
        return f"There is no Felix process, and calicoctl cannot look for the container: {felix.problem}"
    return "Felix is not running: there is neither a container calico-node nor a Felix process."


def _ask_bird(found: NodeState, folder: str) -> None:
    configured = [bgp for bgp in found.bgp if bgp.address != ""]
    if not configured:
        found.complaints.append(
            f"etcd has no BGP address of the host {found.host}: 'calicoctl node' has not run here, or under another "
            "name (HOSTNAME)."
        )
    for bgp in configured:
        try:
            answer = bird.ask("show protocols", bgp.version, folder)
            bgp.peers = bird.peers(answer, bgp.version)
        except bird.BirdUnavailable as error:
            found.complaints.append(f"Cannot ask BIRD for IPv{bgp.version}: {error.message}.")
            continue
        if answer.passed_over:
            others = "; ".join(answer.passed_over)
            found.complaints.append(f"BIRD for IPv{bgp.version} answered at {answer.path}, but not at {others}.")
        found.complaints += _missing_sessions(bgp, bgp.peers)


def _missing_sessions(bgp: BgpState, peers: list[bird.Peer]) -> Iterator[str]:
    """Yield complaints about peers in BIRD without a session, and about peers in etcd that BIRD does not have."""
    down = [peer.address for peer in peers if not peer.is_established]
    if down:
        all_peers = f"{len(peers)} BGP peers over IPv{bgp.version}"
        yield f"No session is established with {len(down)} of {all_peers}: {_named(down)}."
    missing = [str(address) for address in sorted(bgp.expected - set(_addresses(peers, bgp.version)))]
    if missing:
        all_peers = f"{len(bgp.expected)} BGP peers over IPv{bgp.version} that etcd has for this node"
        yield (
            f"BIRD is not configured with {len(missing)} of {all_peers}: {_named(missing)}. 'calicoq check' shows "
            "values that keep confd from writing BIRD's configuration."
        )


def _addresses(peers: list[bird.Peer], version: int) -> Iterator[Address]:
    for peer in peers:
        try:
            yield neighbour(peer.address, version)
        except ValueError:
            continue


def _named(addresses: list[str]) -> str:
    """Return the first of some addresses or keys."""
    return ", ".join(addresses[:_MOST_NAMED]) + (" and others" if len(addresses) > _MOST_NAMED else "")
