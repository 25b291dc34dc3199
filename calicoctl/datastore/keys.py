"""The paths of the v1 data model in etcd: how to build and how to parse them (docs/data-model.md, section 1).

Only this module builds paths, and it quotes all names in them. Otherwise a name could address the keys of another,
because etcd decodes ``%41``, ends a path at ``?`` and resolves ``..``.
"""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.model.address import Address
    from calicoctl.model.network import Network

EVERYTHING = "/calico"  # what Calico stores
ROOT = "/calico/v1"  # Felix reads everything below it
READY = f"{ROOT}/Ready"
CONFIG = f"{ROOT}/config"  # global parameters of Felix
PROFILES = f"{ROOT}/policy/profile"
TIERS = f"{ROOT}/policy/tier"
HOSTS = f"{ROOT}/host"
IPAM = "/calico/ipam"  # the assigned addresses
REPORTS_OF_FELIX = "/calico/felix"  # Felix writes its status there, with a time to live

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")  # never quoted


def profile(name: str) -> str:
    """Return the directory of a profile."""
    return f"{PROFILES}/{segment(name)}"


def profile_part(name: str, part: str) -> str:
    """Return the key of one part of a profile: ``tags``, ``labels``, ``rules`` or ``metadata``."""
    return f"{profile(name)}/{segment(part)}"


def host(name: str) -> str:
    """Return the directory of all that Felix reads of a host."""
    return f"{HOSTS}/{segment(name)}"


def workloads(host: str, orchestrator: str = "", workload: str = "", endpoint: str = "") -> str:
    """Return the directory of a host's workload endpoints, or of those with the given orchestrator and workload.

    With all four names this is the key of one endpoint. A name is ignored if one before it is empty.
    """
    path = f"{HOSTS}/{segment(host)}/workload"
    for name, below in ((orchestrator, ""), (workload, ""), (endpoint, "/endpoint")):
        if not name:
            break
        path += f"{below}/{segment(name)}"
    return path


def segment(name: str) -> str:
    """Quote a name as one segment of a path.

    Raises ValueError for an empty name, ``.``, ``..`` and names with a slash: etcd interprets these as paths even if
    they are quoted.
    """
    if name in ("", ".", "..") or "/" in name:
        raise ValueError(f"{name!r} cannot be a segment of an etcd key")
    if _PLAIN.issuperset(name):
        return name
    from urllib.parse import quote  # its import takes longer than everything else in most commands

    return quote(name, safe="", errors="surrogatepass")


def escaped(name: str) -> str:
    """Escape slashes in a name as Go's calicoctl does before it puts the name into a path (data model, section 1)."""
    return name.replace("%", "%25").replace("/", "%2f")


def unescaped(segment_of_key: str) -> str:
    """Reverse `escaped`, as Go's calicoctl does for a segment of a key (not quoted)."""
    return segment_of_key.replace("%2f", "/").replace("%25", "%") if "%" in segment_of_key else segment_of_key


def last_segment(key: str) -> str:
    """Return the last segment of a key as etcd reports it (not quoted)."""
    return key.rpartition("/")[2]


def parent(key: str) -> str:
    """Return the directory of a key as etcd reports it (not quoted)."""
    return key.rpartition("/")[0]


def is_block(key: str) -> bool:
    """Tell whether a key, as etcd reports it, is a block of addresses."""
    return key.startswith(f"{IPAM}/v2/assignment/")


def endpoint_names(key: str) -> tuple[str, str | None, str | None, str] | None:
    """Return host, orchestrator, workload and endpoint (the arguments of ``EndpointName``) of an endpoint's key.

    The key is not quoted. Returns None for any other key below a host.
    """
    segments = key.split("/")
    if len(segments) == 10 and segments[5] == "workload" and segments[8] == "endpoint":
        return segments[4], segments[6], segments[7], segments[9]
    if len(segments) == 7 and segments[5] == "endpoint":
        return segments[4], None, None, segments[6]
    return None


def names_below_hosts(key: str) -> list[str]:
    """Return those of host, orchestrator, workload and endpoint that a key (not quoted) contains."""
    segments = key.split("/")
    if segments[5:6] not in ([], ["workload"]) or segments[8:9] not in ([], ["endpoint"]):
        return segments[4:5]
    return [*segments[4:5], *segments[6:8], *segments[9:10]]


# Pools and address management (docs/data-model.md, section 5)

POOLS = f"{ROOT}/ipam"
IPIP_ENABLED = f"{CONFIG}/IpInIpEnabled"
IPAM_CONFIG = "/calico/ipam/v2/config"
IPAM_HOSTS = "/calico/ipam/v2/host"
HANDLES = "/calico/ipam/v2/handle"


def pool(network: Network) -> str:
    """Return the key of a pool."""
    return f"{POOLS}/v{network.version}/pool/{_network_segment(network)}"


def blocks(version: int) -> str:
    """Return the directory of the blocks of an IP version."""
    return f"/calico/ipam/v2/assignment/ipv{version}/block"


def block(network: Network) -> str:
    """Return the key of a block."""
    return f"{blocks(network.version)}/{_network_segment(network)}"


def ipam_host(name: str) -> str:
    """Return the directory of a host's affinities to blocks of both IP versions."""
    return f"{IPAM_HOSTS}/{segment(name)}"


def affinities(host: str, version: int) -> str:
    """Return the directory of a host's affinities to blocks."""
    return f"{ipam_host(host)}/ipv{version}/block"


def affinity(host: str, network: Network) -> str:
    """Return the key of a host's affinity to a block."""
    return f"{affinities(host, network.version)}/{_network_segment(network)}"


def handle(name: str) -> str:
    """Return the key of a handle; its name, if made by another program, may contain slashes. Raises ValueError."""
    return f"{HANDLES}/{'/'.join(map(segment, name.split('/')))}"


# BGP (docs/nodes.md, section 1)

BGP = "/calico/bgp/v1"  # confd builds BIRD's configuration from it and from the pools
BGP_GLOBAL = f"{BGP}/global"
BGP_HOSTS = f"{BGP}/host"
DEFAULT_AS = f"{BGP_GLOBAL}/as_num"
MESH = f"{BGP_GLOBAL}/node_mesh"


def bgp_settings(host: str | None) -> str:
    """Return the directory of the BGP settings of a host, or of all nodes if ``host`` is None."""
    return BGP_GLOBAL if host is None else f"{BGP_HOSTS}/{segment(host)}"


def bgp_setting(name: str, host: str | None) -> str:
    """Return the key of one BGP setting of a host, or of all nodes if ``host`` is None."""
    return f"{bgp_settings(host)}/{segment(name)}"


def peer(address: Address, host: str | None) -> str:
    """Return the key of a BGP peer of a host, or of all nodes if ``host`` is None."""
    return f"{bgp_settings(host)}/peer_v{address.version}/{segment(str(address))}"


def peer_of(key: str) -> Address | None:
    """Return the address of the peer whose key (not quoted) this is; None for any other key."""
    from calicoctl.model.address import Address

    directory, _, text = key.rpartition("/")
    try:
        address = Address.parse(text)
    except ValueError:
        return None
    return address if text == str(address) and directory.endswith(f"/peer_v{address.version}") else None


def node_address(host: str) -> str:
    """Return the key of the IPv4 address from which the node of a host connects."""
    return bgp_setting("ip_addr_v4", host)


def felix_parameter(name: str) -> str:
    """Return the key of a Felix parameter that applies to all hosts."""
    return f"{CONFIG}/{segment(name)}"


def network_of(key: str) -> Network | None:
    """Parse the last segment of a key (not quoted) as a network such as ``10.0.0.0-26``; None if it is not one."""
    from calicoctl.model.network import Network

    address, _, prefix_length = last_segment(key).rpartition("-")
    try:
        return Network.parse(f"{address}/{prefix_length}")
    except ValueError:
        return None


def quoted(key: str) -> str:
    """Quote a whole key as etcd reports it."""
    return "/" + "/".join(map(segment, key.strip("/").split("/")))


def _network_segment(network: Network) -> str:
    return segment(str(network).replace("/", "-"))
