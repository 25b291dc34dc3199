"""What ``calicoq check`` has to say about BGP: would confd render it, and would BIRD take the result?

The templates of calico/node up to v1.0.0 count, and BIRD 1.6 (docs/nodes.md, section 1).
"""

from __future__ import annotations

import re

from calicoctl.calicoq import codes
from calicoctl.calicoq.remedies import for_peer, node_removal, peer_removal
from calicoctl.calicoq.rule_findings import Finding
from calicoctl.datastore import keys
from calicoctl.model.address import Address
from calicoctl.model.bgp import LAST_AS, MalformedMesh, Mesh, address_problem
from calicoctl.model.stored_json import decode
from calicoctl.model.wording import shown

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.datastore.bgp_snapshot import BgpSnapshot, Settings
    from calicoctl.datastore.snapshot import Stored

_START = "Start the node of this host with the right address."
_STORE_DEFAULT = "Store one for all nodes: 'calicoctl bgp default-node-as AS_NUM'."
_NO_NODE = "no node gets a new BIRD configuration"
_AS = re.compile(r"[ \t\n\r]*(?:([0-9]{1,20})|0x([0-9A-Fa-f]{1,16}))[ \t\n\r]*", re.ASCII)
_FIRST_IN_E_NOTATION = 10**6
_VERSIONS = (4, 6)


def bird_findings(snapshot: BgpSnapshot) -> Iterator[Finding]:
    """Yield what there is to say about the settings of BGP, in no order."""
    return _Check(snapshot).all()


def takes_as(text: str) -> bool:
    """Tell whether BIRD takes a text as the number of an AS."""
    found = _AS.fullmatch(text)
    return found is not None and 0 < (int(found[1]) if found[1] else int(found[2], 16)) <= LAST_AS


def refused_address(text: str, version: int) -> str:
    """Say why BIRD of an IP version does not take a text as the address of a neighbour; nothing if it does."""
    try:
        address = Address.parse(text)
    except ValueError:
        return f"is no IPv{version} address"
    if address.version != version:
        return f"is no IPv{version} address"
    problem = address_problem(address)
    return f"is refused: {problem}" if problem else ""


class _Check:
    def __init__(self, snapshot: BgpSnapshot) -> None:
        self._everywhere = snapshot.everywhere
        self._hosts = snapshot.hosts
        self._mesh_is_on = True  # as where nothing is stored

    def all(self) -> Iterator[Finding]:
        yield from self._mesh()
        if default := self._everywhere.get("as_num"):
            yield from _as_number(default, None, _NO_NODE)
        yield from _peers(self._everywhere, None)
        for host, settings in self._hosts.items():
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
        """Say what a bad value stops that goes to all nodes only with the mesh."""
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
        for version in _VERSIONS:
            stored = settings.get(f"ip_addr_v{version}")
            if stored and stored.value and (problem := refused_address(stored.value, version)):
                reason = f"{shown(stored.value)} {problem}; {self._reach(host)}"
                yield Finding(codes.REFUSED_BY_BIRD, stored.key, reason, _START)

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
        everywhere = _by_address(self._everywhere)
        for address, stored in _by_address(settings).items():
            if address in everywhere:
                reason = f"{address} is a peer of all nodes too: {everywhere[address].key}"
                remedy = f"Remove one of the two: {peer_removal(stored.key, host)}."
                yield Finding(codes.TWO_SESSIONS, stored.key, reason, remedy)


def _as_number(stored: Stored, host: str | None, consequence: str) -> Iterator[Finding]:
    if not takes_as(stored.value):
        reason = f"{shown(stored.value)} is no AS number; {consequence}"
        remedy = "Start the node of this host with --as=AS_NUM." if host else _STORE_DEFAULT
        yield Finding(codes.REFUSED_BY_BIRD, stored.key, reason, remedy)


def _peers(settings: Settings, host: str | None) -> Iterator[Finding]:
    consequence = _NO_NODE if host is None else _only(host)
    first: dict[str, str] = {}
    for stored, version in _stored_peers(settings):
        problem, fields = _peer_problem(stored, version)
        if not problem and first.setdefault(fields["ip"], stored.key) != stored.key:
            problem = f"{first[fields['ip']]} is about the same peer"
        if problem:
            yield Finding(codes.REFUSED_BY_BIRD, stored.key, f"{problem}; {consequence}", for_peer(stored.key, host))
        elif not isinstance(fields["as_num"], str):
            reason = f"as_num is the number {fields['as_num']}: BIRD is given some of these in a form that it refuses"
            yield Finding(codes.NUMERIC_AS, stored.key, reason, for_peer(stored.key, host, str(fields["as_num"])))


def _peer_problem(stored: Stored, version: int) -> tuple[str, dict[str, Any]]:
    """Say why confd or BIRD refuses a peer, nothing if they take it; and return what is stored of it."""
    try:
        fields = decode(stored.value)
    except ValueError as error:
        return str(error), {}
    if not isinstance(fields, dict):
        return "it is not an object", {}
    ip, as_num = fields.get("ip"), fields.get("as_num")
    if not isinstance(ip, str):
        return "ip is not text", fields
    if problem := refused_address(ip, version):
        return f"ip {shown(ip)} {problem}", fields
    return _as_problem(as_num), fields


def _as_problem(as_num: Any) -> str:
    """Say why BIRD does not take the AS number of a peer; nothing if it does."""
    if isinstance(as_num, bool) or not isinstance(as_num, (str, int)):
        return "as_num is missing" if as_num is None else f"as_num {shown(as_num)} is no AS number"
    if isinstance(as_num, int) and as_num >= _FIRST_IN_E_NOTATION:
        return f"as_num is the number {shown(as_num)}, which confd writes as 1e+06 and the like"
    return "" if takes_as(str(as_num)) else f"as_num {shown(as_num)} is no AS number"


def _by_address(settings: Settings) -> dict[Address, Stored]:
    """Return the peers that BIRD takes by their addresses."""
    found = {}
    for stored, version in _stored_peers(settings):
        problem, fields = _peer_problem(stored, version)
        if not problem:
            found[Address.parse(fields["ip"])] = stored
    return found


def _stored_peers(settings: Settings) -> Iterator[tuple[Stored, int]]:
    """Yield each peer with the IP version of its directory."""
    for name, stored in settings.items():
        directory, _, peer = name.partition("/")
        if directory in ("peer_v4", "peer_v6") and peer and "/" not in peer:
            yield stored, int(directory[-1])


def _only(host: str) -> str:
    return f"node {host} gets no new BIRD configuration"
