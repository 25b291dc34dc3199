"""The findings of ``calicoq check`` about BGP settings that confd cannot render or BIRD refuses or misinterprets.

They follow the templates of calico/node up to v1.0.0 and BIRD 1.6 (docs/nodes.md, section 3).
"""

from __future__ import annotations

from calicoctl.calicoq import codes
from calicoctl.calicoq.remedies import for_peer, node_removal, peer_removal
from calicoctl.calicoq.rule_findings import Finding
from calicoctl.datastore import keys
from calicoctl.model.bgp import MalformedMesh, Mesh, check_peers_as, neighbour, takes_as
from calicoctl.model.stored_json import decode
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.datastore.bgp_snapshot import BgpSnapshot, Settings
    from calicoctl.datastore.snapshot import Stored
    from calicoctl.model.address import Address

_START = "Start the node of this host with the right address."
_STORE_DEFAULT = "Store one for all nodes: 'calicoctl bgp default-node-as AS_NUM'."
_NO_NODE = "no node gets a new BIRD configuration"
_VERSIONS = (4, 6)
_VALUES = ("node_mesh", "as_num", "loglevel", "ip_addr_v4", "ip_addr_v6")


def bird_findings(snapshot: BgpSnapshot) -> Iterator[Finding]:
    """Yield the findings about the settings of BGP, in no particular order."""
    return _Check(snapshot).all()


class _Check:
    def __init__(self, snapshot: BgpSnapshot) -> None:
        self._everywhere = snapshot.everywhere
        self._hosts = snapshot.hosts
        self._mesh_is_on = True  # the default if nothing is stored
        self._peers_of_all = _by_address(snapshot.everywhere)

    def all(self) -> Iterator[Finding]:
        yield from _directories(self._everywhere)
        yield from self._mesh()
        if default := self._everywhere.get("as_num"):
            yield from _as_number(default, None, _NO_NODE)
        yield from _peers(self._everywhere, None)
        for host, settings in self._hosts.items():
            yield from _directories(settings)
            yield from self._addresses(host, settings)
            if own := settings.get("as_num"):
                yield from _as_number(own, host, self._reach(host))
            elif default is None and "ip_addr_v4" in settings:
                reason = f"neither it nor {keys.DEFAULT_AS} is stored; {self._reach(host)}"
                yield Finding(codes.NO_AS_NUMBER, f"{keys.BGP_HOSTS}/{host}/as_num", reason, _STORE_DEFAULT)
            yield from _peers(settings, host)
            yield from self._twice(host, settings)
        yield from self._shared_addresses()

    def _reach(self, host: str) -> str:
        """Return the consequence of a bad value of a host: with the mesh on for all nodes, otherwise for this one."""
        return _NO_NODE if self._mesh_is_on else _only(host)

    def _mesh(self) -> Iterator[Finding]:
        stored = self._everywhere.get("node_mesh")
        if stored is None:
            return
        remedy = "Say what it is to be: 'calicoctl bgp node-mesh on' or 'calicoctl bgp node-mesh off'."
        try:
            mesh = Mesh.from_json(stored.value)
        except MalformedMesh as error:
            yield Finding(codes.REFUSED_BY_BIRD, stored.key, f"{error}; {_NO_NODE}", remedy)
            return
        self._mesh_is_on = mesh.is_on
        enabled = mesh.fields["enabled"]
        if not isinstance(enabled, bool):
            reason = f"enabled is {shown(enabled)}: BIRD takes the mesh to be {'on' if mesh.is_on else 'off'}"
            yield Finding(codes.ODD_MESH, stored.key, reason, remedy)

    def _addresses(self, host: str, settings: Settings) -> Iterator[Finding]:
        missing = [f"ip_addr_v{version}" for version in _VERSIONS if f"ip_addr_v{version}" not in settings]
        if missing:
            code = codes.NODE_WITHOUT_ADDRESS if self._mesh_is_on else codes.LATENT_NODE_WITHOUT_ADDRESS
            when = "with the node-to-node mesh on" if self._mesh_is_on else "if the node-to-node mesh is switched on"
            reason = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; {when}, {_NO_NODE}"
            remedy = f"Start the node of this host, or remove what is stored of it: {node_removal(host)}."
            yield Finding(code, f"{keys.BGP_HOSTS}/{host}", reason, remedy)
        own = settings.get("ip_addr_v4")
        if own is not None and not own.value:
            yield Finding(codes.REFUSED_BY_BIRD, own.key, f"it is empty; {_only(host)}", _START)
        for version in _VERSIONS if self._mesh_is_on else ():
            stored = settings.get(f"ip_addr_v{version}")
            if stored is None or not stored.value:
                continue
            try:
                neighbour(stored.value, version)
            except ValueError as error:
                yield Finding(codes.REFUSED_BY_BIRD, stored.key, f"{shown(stored.value)} {error}; {_NO_NODE}", _START)

    def _shared_addresses(self) -> Iterator[Finding]:
        first: dict[tuple[int, str], str] = {}
        for host, settings in self._hosts.items() if self._mesh_is_on else ():
            for version in _VERSIONS:
                stored = settings.get(f"ip_addr_v{version}")
                if stored and stored.value and first.setdefault((version, stored.value), host) != host:
                    other = first[version, stored.value]
                    reason = f"host {other} has the same address; no other node gets a new BIRD configuration"
                    yield Finding(codes.REFUSED_BY_BIRD, stored.key, reason, _START)

    def _twice(self, host: str, settings: Settings) -> Iterator[Finding]:
        for address, stored in _by_address(settings).items():
            if address in self._peers_of_all:
                reason = f"{address} is a peer of all nodes too: {self._peers_of_all[address].key}"
                remedy = f"Remove one of the two: {peer_removal(stored.key, host)}."
                yield Finding(codes.TWO_SESSIONS, stored.key, reason, remedy)


def _directories(settings: Settings) -> Iterator[Finding]:
    found = {}
    for name, stored in settings.items():
        value, _, rest = name.partition("/")
        if rest and value in _VALUES:
            found[stored.key.removesuffix(f"/{rest}")] = value
    for key in found:
        reason = "it is a directory, so confd finds no value in it"
        yield Finding(codes.DIRECTORY, key, reason, f"Remove it, with all that is below it: remove {key} from etcd.")


def _as_number(stored: Stored, host: str | None, consequence: str) -> Iterator[Finding]:
    if not takes_as(stored.value):
        reason = f"{shown(stored.value)} is not an AS number; {consequence}"
        remedy = "Start the node of this host with --as=AS_NUM." if host else _STORE_DEFAULT
        yield Finding(codes.REFUSED_BY_BIRD, stored.key, reason, remedy)


def _peers(settings: Settings, host: str | None) -> Iterator[Finding]:
    consequence = _NO_NODE if host is None else _only(host)
    first: dict[str, str] = {}
    for stored, version in _stored_peers(settings):
        try:
            peer = _Peer(stored, version)
            if first.setdefault(peer.ip, stored.key) != stored.key:
                reason = f"{first[peer.ip]} is about the same peer; {consequence}"
                remedy = f"Remove one of the two: {peer_removal(stored.key, host)}."
                yield Finding(codes.REFUSED_BY_BIRD, stored.key, reason, remedy)
                continue
        except ValueError as error:
            yield Finding(codes.REFUSED_BY_BIRD, stored.key, f"{error}; {consequence}", for_peer(stored.key, host))
            continue
        if not isinstance(peer.as_num, str):
            reason = f"as_num is the number {peer.as_num}: BIRD is given some of these in a form that it refuses"
            yield Finding(codes.NUMERIC_AS, stored.key, reason, for_peer(stored.key, host, str(peer.as_num)))


class _Peer:
    """A peer that BIRD accepts: ``ip`` and ``as_num`` as stored, and the parsed ``address``."""

    def __init__(self, stored: Stored, version: int) -> None:
        """Raises ValueError with the reason if confd or BIRD refuses the peer."""
        fields = decode(stored.value)
        if not isinstance(fields, dict):
            raise ValueError("it is not an object")
        ip = fields.get("ip")
        if not isinstance(ip, str):
            raise ValueError("ip is not text")
        self.ip = ip
        try:
            self.address = neighbour(ip, version)
        except ValueError as error:
            raise ValueError(f"ip {shown(ip)} {error}") from None
        self.as_num = fields.get("as_num")
        check_peers_as(self.as_num)


def _by_address(settings: Settings) -> dict[Address, Stored]:
    """Return the peers that BIRD accepts, by address."""
    found = {}
    for stored, version in _stored_peers(settings):
        try:
            found[_Peer(stored, version).address] = stored
        except ValueError:  # reported separately
            continue
    return found


def _stored_peers(settings: Settings) -> Iterator[tuple[Stored, int]]:
    """Yield each peer with the IP version of its directory."""
    for name, stored in settings.items():
        directory, _, peer = name.partition("/")
        if directory in ("peer_v4", "peer_v6") and peer and "/" not in peer:
            yield stored, int(directory[-1])


def _only(host: str) -> str:
    return f"node {host} gets no new BIRD configuration"
