"""Where things are in etcd: the paths of the v1 data model, both ways (docs/data-model.md, section 1).

This is the only place that builds a path, so it is the only place that quotes: etcd decodes ``%41``, cuts at ``?``
and cleans ``..`` out of a path, any of which would let one name address another's keys.
"""

from __future__ import annotations

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.model.address import Address
    from calicoctl.model.network import Network

EVERYTHING = "/calico"  # what Calico stores
ROOT = "/calico/v1"  # of all that Felix reads
READY = f"{ROOT}/Ready"
CONFIG = f"{ROOT}/config"  # Felix's parameters
PROFILES = f"{ROOT}/policy/profile"
TIERS = f"{ROOT}/policy/tier"
HOSTS = f"{ROOT}/host"
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")  # stand for themselves


def profile(name: str) -> str:
    """Return the directory of a profile."""
    return f"{PROFILES}/{segment(name)}"


def profile_part(name: str, part: str) -> str:
    """Return the key of one part of a profile: ``tags``, ``labels``, ``rules`` or ``metadata``."""
    return f"{profile(name)}/{segment(part)}"


def workloads(host: str, orchestrator: str = "", workload: str = "", endpoint: str = "") -> str:
    """Return the directory of a host's workload endpoints, or what is below it as far as it is named.

    With all four names this is the key of one endpoint. A name counts only if those before it are given.
    """
    path = f"{HOSTS}/{segment(host)}/workload"
    for name, below in ((orchestrator, ""), (workload, ""), (endpoint, "/endpoint")):
        if not name:
            break
        path += f"{below}/{segment(name)}"
    return path


def segment(name: str) -> str:
    """Quote a name as one segment of a path.

    Raises ValueError for a name that no segment can hold: empty, ``.``, ``..`` or with a slash, which etcd would
    take for a path, however it is quoted.
    """
    if name in ("", ".", "..") or "/" in name:
        raise ValueError(f"{name!r} cannot be a segment of an etcd key")
    if _PLAIN.issuperset(name):
        return name
    from urllib.parse import quote  # takes longer to load than most commands need for all else

    return quote(name, safe="", errors="surrogatepass")


def escaped(name: str) -> str:
    """Return a name as Go's calicoctl writes it into a path, where a slash would end it (data model, section 1)."""
    return name.replace("%", "%25").replace("/", "%2f")


def unescaped(segment_of_key: str) -> str:
    """Return the name that Go's calicoctl reads out of a segment of a key (not quoted)."""
    return segment_of_key.replace("%2f", "/").replace("%25", "%") if "%" in segment_of_key else segment_of_key


def last_segment(key: str) -> str:
    """Return the last name of a key as etcd reports it (not quoted)."""
    return key.rpartition("/")[2]


def parent(key: str) -> str:
    """Return the directory of a key as etcd reports it (not quoted)."""
    return key.rpartition("/")[0]


def endpoint_names(key: str) -> tuple[str, str | None, str | None, str] | None:
    """Tell the names of the endpoint that a key (not quoted) is of; None for every other key below a host.

    They are those of an ``EndpointName``: host, orchestrator, workload and endpoint.
    """
    segments = key.split("/")
    if len(segments) == 10 and segments[5] == "workload" and segments[8] == "endpoint":
        return segments[4], segments[6], segments[7], segments[9]
    if len(segments) == 7 and segments[5] == "endpoint":
        return segments[4], None, None, segments[6]
    return None


def names_below_hosts(key: str) -> list[str]:
    """Tell the names in a key (not quoted) below a host: host, orchestrator, workload, endpoint, as far as it goes."""
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


def affinities(host: str, version: int) -> str:
    """Return the directory of a host's affinities to blocks."""
    return f"{IPAM_HOSTS}/{segment(host)}/ipv{version}/block"


def affinity(host: str, network: Network) -> str:
    """Return the key of a host's affinity to a block."""
    return f"{affinities(host, network.version)}/{_network_segment(network)}"


def handle(name: str) -> str:
    """Return the key of a handle; those of other programs may have slashes in their names. Raises ValueError."""
    return f"{HANDLES}/{'/'.join(map(segment, name.split('/')))}"


# BGP (docs/nodes.md, section 1)

BGP = "/calico/bgp/v1"  # of all that confd makes BIRD's configuration of, but for the pools
BGP_GLOBAL = f"{BGP}/global"
BGP_HOSTS = f"{BGP}/host"
DEFAULT_AS = f"{BGP_GLOBAL}/as_num"
MESH = f"{BGP_GLOBAL}/node_mesh"


def bgp_settings(host: str | None) -> str:
    """Return the directory of a host's own settings of BGP; without a host, of those of all nodes."""
    return BGP_GLOBAL if host is None else f"{BGP_HOSTS}/{segment(host)}"


def bgp_setting(name: str, host: str | None) -> str:
    """Return the key of one setting of BGP."""
    return f"{bgp_settings(host)}/{segment(name)}"


def peer(address: Address, host: str | None) -> str:
    """Return the key of a BGP peer of a host; without a host, of one of all nodes."""
    return f"{bgp_settings(host)}/peer_v{address.version}/{segment(str(address))}"


def peer_of(key: str) -> Address | None:
    """Tell which peer a key (not quoted) is that `peer` builds; None for every other key."""
    from calicoctl.model.address import Address

    directory, _, text = key.rpartition("/")
    try:
        address = Address.parse(text)
    except ValueError:
        return None
    return address if text == str(address) and directory.endswith(f"/peer_v{address.version}") else None


def node_address(host: str) -> str:
    """Return the key of the IPv4 address that a host's node connects from."""
    return bgp_setting("ip_addr_v4", host)


def felix_parameter(name: str) -> str:
    """Return the key of a parameter of every Felix."""
    return f"{CONFIG}/{segment(name)}"


def network_of(key: str) -> Network | None:
    """Tell which network the last segment of a key (not quoted) names, as ``10.0.0.0-26``; None for none."""
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
