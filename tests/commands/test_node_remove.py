"""`calicoctl node remove`: what it removes of a host in etcd, what it leaves, and what it refuses."""

from __future__ import annotations

import contextlib
import json

import pytest

from calicoctl.commands import node_remove
from calicoctl.datastore.ipam import AddressTaken, Ipam
from calicoctl.etcd.client import Client
from calicoctl.etcd.settings import Settings
from calicoctl.host import felix, network
from calicoctl.model.address import Address
from tests.conftest import Calicoctl, Result
from tests.containers import stored
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, drop_request
from tests.sampling import Sampling

BGP = "/calico/bgp/v1"
HOSTS = "/calico/v1/host"
IPAM = "/calico/ipam/v2"
GLOBAL = {f"{BGP}/global/as_num": "64511", f"{BGP}/global/node_mesh": '{"enabled": true}', "/calico/v1/Ready": "true"}
WARNING = (
    "Warning: calicoctl cannot tell whether the node of h2 is running. If it is, it works only partly until it is "
    "restarted.\n"
)
DONE = Result(0, "Node configuration removed\n", WARNING)
ENDPOINTS_LEFT = (
    "The node has active Calico endpoints so can't be deleted. Force with --remove-\nendpoints\n\n"
    "Note that forcible removing the node may leave some workloads in an\nindeterminate networked state.  If this is in"
    " error, you may restart the node\nusing the 'calicoctl node' command and clean up the workloads in the normal "
    "way.\n\n"
)


def node(host: str, address: str) -> dict[str, str]:
    """What a node that has started stores of its host."""
    return {
        f"{BGP}/host/{host}/ip_addr_v4": address,
        f"{BGP}/host/{host}/ip_addr_v6": "",
        f"{BGP}/host/{host}/as_num": "64512",
        f"{HOSTS}/{host}/bird_ip": address,
        f"{HOSTS}/{host}/config/marker": "created",
    }


def endpoint(host: str, name: str, *nets: str, interface: str = "cali1") -> dict[str, str]:
    fields = {"state": "active", "name": interface, "profile_ids": [], "ipv4_nets": list(nets)}
    return {f"{HOSTS}/{host}/workload/docker/{name}/endpoint/{name}": json.dumps(fields)}


def block(cidr: str, host: str, claims: dict[int, str | None]) -> dict[str, str]:
    """A block with claims of its addresses by handles."""
    handles = list(dict.fromkeys(claims.values()))
    fields = {
        "cidr": cidr, "affinity": f"host:{host}" if host else "", "strict_affinity": False,
        "allocations": [handles.index(claims[number]) if number in claims else None for number in range(64)],
        "unallocated": [number for number in range(64) if number not in claims],
        "attributes": [{"handle_id": handle, "secondary": {}} for handle in handles],
    }  # fmt: skip
    return {f"{IPAM}/assignment/ipv4/block/{cidr.replace('/', '-')}": json.dumps(fields)}


def affinity(host: str, cidr: str) -> dict[str, str]:
    return {f"{IPAM}/host/{host}/ipv4/block/{cidr.replace('/', '-')}": ""}


def handle(name: str, **blocks: int) -> dict[str, str]:
    counts = {f"10.65.0.{first.removeprefix('b')}/26": count for first, count in blocks.items()}
    return {f"{IPAM}/handle/{name}": json.dumps({"id": name, "block": counts})}


OTHER = {
    **node("h3", "10.0.0.3"),
    **endpoint("h3", "w3", "10.65.0.70/32"),
    **block("10.65.0.64/26", "h3", {6: "calicoctl:h3:docker:w3:w3"}),
    **affinity("h3", "10.65.0.64/26"),
    **handle("calicoctl:h3:docker:w3:w3", b64=1),
}
OURS = {
    **node("h2", "10.0.0.2"),
    **endpoint("h2", "w1", "10.65.0.1/32"),
    **endpoint("h2", "w2", "10.65.0.2/32"),
    f"{HOSTS}/h2/endpoint/eth0": '{"name": "eth0", "profile_ids": []}',
    f"{HOSTS}/h2/config/IpInIpTunnelAddr": "10.65.0.0",
    # w1 was given its address by legacy calicoctl, w2 by this one, the tunnel by the node; w4 is of a killed command.
    **block("10.65.0.0/26", "h2", {0: None, 1: None, 2: "calicoctl:h2:docker:w2:w2", 4: "calicoctl:h2:docker:w4:w4"}),
    **affinity("h2", "10.65.0.0/26"),
    **handle("calicoctl:h2:docker:w2:w2", b0=1),
    **handle("calicoctl:h2:docker:w4:w4", b0=1),
}
ALL = {**GLOBAL, **OTHER, **OURS}


@pytest.fixture(autouse=True)
def on_h1(calicoctl: Calicoctl) -> None:
    """The host is `h1`, without Docker."""
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1", "DOCKER_HOST": "unix:///none"}


def fill(etcd: EtcdServer, *states: dict[str, str]) -> None:
    for state in states:
        for key, value in state.items():
            etcd.put(key, value)


def remove(calicoctl: Calicoctl, *options: str, host: str = "h2") -> Result:
    return calicoctl("node", "remove", f"--hostname={host}", *options)


def rest(etcd: EtcdServer) -> dict[str, str | None]:
    """All keys but directories without keys."""
    return {key: value for key, value in etcd.keys().items() if value is not None}


def test_everything_of_a_host_goes_and_nothing_of_another(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    fill(etcd, ALL)
    assert remove(calicoctl, "--remove-endpoints") == DONE
    assert rest(etcd) == {**GLOBAL, **OTHER}
    assert remove(calicoctl, "--remove-endpoints") == Result(1, "", "etcd has no data of the host h2.\n")


def test_bgp_goes_first_and_felix_before_addresses(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    fill(etcd, ALL)
    with Proxy(etcd) as proxy:
        assert remove_through(proxy, calicoctl) == DONE
        deleted = [each.removeprefix("DELETE /v2/keys") for each in proxy.requests if each.startswith("DELETE")]
        last_write_before = proxy.requests.index(f"DELETE /v2/keys{HOSTS}/h2")
    assert (deleted[0], deleted[1], deleted[-1]) == (f"{BGP}/host/h2", f"{HOSTS}/h2", f"{IPAM}/host/h2")
    written = [number for number, each in enumerate(proxy.requests) if "/block/" in each and not each.startswith("GET")]
    # Before the endpoints go, the address that legacy assigned is put under a handle; after them all are released.
    assert [number > last_write_before for number in written] == [False, True, True, True, True]


def test_repeat_completes_interrupted_removal(
    calicoctl: Calicoctl, etcd: EtcdServer, sampling: Sampling
) -> None:
    """etcd is gone from some request on, and what is free by then is given to others before the command is repeated."""
    fill(etcd, ALL)
    with Proxy(etcd) as proxy:
        assert remove_through(proxy, calicoctl).status == 0
        requests = list(proxy.requests)
    first = next(number for number, each in enumerate(requests, 1) if each.startswith("DELETE"))
    for number in sampling.quarter(range(first, len(requests) + 1), 0):
        etcd.clear()
        fill(etcd, ALL)
        with Proxy(etcd) as proxy:
            proxy.since(number, drop_request)
            result = remove_through(proxy, calicoctl)
        assert (result.status, result.stdout) == (1, ""), number
        assert result.stderr.endswith("  The removal may be incomplete: repeat the command.\n"), number
        given = claim_what_is_free(etcd)
        assert remove(calicoctl, "--remove-endpoints").status == 0, number
        assert stored.allocated(etcd) == {"10.65.0.70": "calicoctl:h3:docker:w3:w3", **given}, number
        assert [key for key in rest(etcd) if "h2" in key or key not in {**GLOBAL, **OTHER} and not given] == [], number


def remove_through(proxy: Proxy, calicoctl: Calicoctl) -> Result:
    env = {"ETCD_AUTHORITY": proxy.authority, "CALICOCTL_READ_TIMEOUT": "0.3"}
    return calicoctl("node", "remove", "--hostname=h2", "--remove-endpoints", env=env)


def claim_what_is_free(etcd: EtcdServer) -> dict[str, str]:
    """Let another program claim, for the host h3, the addresses that h2 had and that are free; return these."""
    claimed = {}
    ipam = Ipam(Client(Settings([f"http://{etcd.endpoint}"])), "h3")
    for address in ("10.65.0.0", "10.65.0.1", "10.65.0.2", "10.65.0.4"):
        with contextlib.suppress(AddressTaken):
            ipam.claim(Address.parse(address), "another")
            claimed[address] = "another"
    return claimed


def test_unknown_host(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    """[BUG] Legacy reported success."""
    fill(etcd, ALL)
    for host in ("h9", "h"):
        assert remove(calicoctl, host=host) == Result(1, "", f"etcd has no data of the host {host}.\n")
    assert rest(etcd) == ALL


@pytest.mark.parametrize("name", [".", "..", "", "h2/workload", "/", "../v1", "\udcff"])
def test_invalid_host_name(calicoctl: Calicoctl, etcd: EtcdServer, name: str) -> None:
    """[BUG] `--hostname=..` removed all of Calico's data, and `.` that of every host."""
    fill(etcd, ALL)
    shown = name.encode("ascii", "backslashreplace").decode()
    expected = Result(1, "", f"Invalid hostname specified.\nValue provided is '{shown}'\n")
    assert remove(calicoctl, "--remove-endpoints", host=name) == expected
    assert rest(etcd) == ALL


def test_endpoints_keep_a_host(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    fill(etcd, ALL)
    assert remove(calicoctl) == Result(1, "", f"{ENDPOINTS_LEFT}Endpoints of h2: 3\n")
    assert rest(etcd) == ALL


def test_host_endpoints_are_endpoints(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    """[BUG] Legacy removed them without being told to."""
    fill(etcd, node("h2", "10.0.0.2"), {f"{HOSTS}/h2/endpoint/eth0": '{"name": "eth0"}'})
    assert remove(calicoctl) == Result(1, "", f"{ENDPOINTS_LEFT}Endpoints of h2: 1\n")
    assert remove(calicoctl, "--remove-endpoints") == DONE


def test_host_without_endpoints_needs_no_option(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    fill(etcd, node("h2", "10.0.0.2"))
    assert remove(calicoctl) == DONE
    assert rest(etcd) == {}


def test_dry_run(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    fill(etcd, ALL)
    index = etcd.index()
    listed = """\
endpoint h2/eth0
endpoint h2/docker/w1/w1
endpoint h2/docker/w2/w2
assignment of address 10.65.0.0
assignment of address 10.65.0.1
assignment of address 10.65.0.2
assignments of handle calicoctl:h2:docker:w2:w2
assignments of handle calicoctl:h2:docker:w4:w4
affinity to block 10.65.0.0/26
3 keys below /calico/bgp/v1/host/h2
6 keys below /calico/v1/host/h2
1 key below /calico/ipam/v2/host/h2
"""
    assert remove(calicoctl, "--dry-run", "--remove-endpoints") == Result(0, listed, "")
    assert remove(calicoctl, "--dry-run") == Result(1, listed, f"{ENDPOINTS_LEFT}Endpoints of h2: 3\n")
    assert etcd.index() == index


# Address management


def test_affinity_without_a_block(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    """[BUG] Legacy ended with a traceback, each time."""
    fill(etcd, GLOBAL, node("h2", "10.0.0.2"), affinity("h2", "10.65.0.0/26"), affinity("h2", "no network"))
    assert remove(calicoctl) == DONE
    assert rest(etcd) == GLOBAL


def test_block_of_another_host_is_left_alone(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    fill(etcd, OTHER, affinity("h2", "10.65.0.64/26"))
    assert remove(calicoctl) == DONE
    assert rest(etcd) == OTHER


def test_block_with_addresses_of_others_loses_its_affinity(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    theirs = handle("theirs", b0=1)
    fill(etcd, node("h2", "10.0.0.2"), endpoint("h2", "w1", "10.65.0.1/32"), affinity("h2", "10.65.0.0/26"), theirs)
    fill(etcd, block("10.65.0.0/26", "h2", {1: None, 3: "theirs"}))
    assert remove(calicoctl, "--remove-endpoints") == DONE
    (key,) = block("10.65.0.0/26", "", {})
    after = json.loads(etcd.get(key) or "")
    assert (after["affinity"], stored.allocated(etcd)) == ("", {"10.65.0.3": "theirs"})
    assert set(rest(etcd)) == {key, *theirs}


def test_claim_of_another_program_goes_with_its_handle(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    fill(etcd, GLOBAL, endpoint("h2", "w1", "10.65.0.1/32"), handle("cni0.w1", b0=1))
    fill(etcd, block("10.65.0.0/26", "h2", {1: "cni0.w1"}), affinity("h2", "10.65.0.0/26"))
    assert remove(calicoctl, "--remove-endpoints") == DONE
    assert rest(etcd) == GLOBAL


@pytest.mark.parametrize("claimed_by", [None, "calicoctl:h3:docker:w3:w3", "cni0.w3"])
def test_address_that_another_host_uses_stays_assigned(
    calicoctl: Calicoctl, etcd: EtcdServer, claimed_by: str | None
) -> None:
    """An endpoint of old may still list an address that has been given to another one since."""
    others = {**block("10.65.0.64/26", "h3", {6: claimed_by}), **endpoint("h3", "w3", "10.65.0.70/32")}
    fill(etcd, others, endpoint("h2", "w1", "10.65.0.70/32"))
    assert remove(calicoctl, "--remove-endpoints") == Result(
        1,
        "Node configuration removed\n",
        f"{WARNING}10.65.0.70 stays assigned: endpoint h3/docker/w3/w3 has it too.\n",
    )
    assert rest(etcd) == others


def test_network_of_an_endpoint_is_named(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    """[BUG] Legacy released the first address, which may be anybody's."""
    claims = block("10.65.0.0/26", "h3", {0: None, 1: None})
    fill(etcd, claims, endpoint("h2", "w1", "10.65.0.0/28"))
    assert remove(calicoctl, "--remove-endpoints") == Result(
        1,
        "Node configuration removed\n",
        f"{WARNING}10.65.0.0/28 of endpoint h2/docker/w1/w1 is no single address: what is assigned of it stays so. "
        "'calicoctl ipam release' releases an address.\n",
    )
    assert rest(etcd) == claims


def test_malformed_endpoint(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    """[BUG] Legacy ended with a traceback."""
    key = f"{HOSTS}/h2/workload/docker/w1/endpoint/w1"
    fill(etcd, OURS, {key: "{"})
    assert remove(calicoctl, "--remove-endpoints") == Result(
        1,
        "Node configuration removed\n",
        f"{WARNING}Cannot read {key}: it is not JSON.  Its addresses stay assigned.\n",
    )
    assert stored.allocated(etcd) == {"10.65.0.1": None}


def test_malformed_block_and_handle(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    (key,) = block("10.65.0.0/26", "", {})
    own = f"{IPAM}/handle/calicoctl:h2:docker:w2:w2"
    fill(etcd, OURS, {key: "{", own: "["})
    result = remove(calicoctl, "--remove-endpoints")
    assert (result.status, result.stdout) == (1, "Node configuration removed\n")
    complaints = result.stderr.removeprefix(WARNING).splitlines()
    assert set(complaints) == {f"Cannot read {key}: it is not JSON.", f"Cannot read {own}: it is not JSON."}
    assert set(rest(etcd)) == {key, own, f"{IPAM}/handle/calicoctl:h2:docker:w4:w4"}


def test_malformed_tunnel_address(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    key = f"{HOSTS}/h2/config/IpInIpTunnelAddr"
    fill(etcd, {key: "none"})
    assert remove(calicoctl) == Result(
        1, "Node configuration removed\n", f"{WARNING}Cannot read {key}: it is no IP address.\n"
    )
    assert rest(etcd) == {}


# This host


@pytest.fixture
def deleted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The interfaces that were deleted; the host has `cali1`, `tap1` and `eth0`."""
    deleted: list[str] = []
    monkeypatch.setattr(node_remove, "delete_pair", deleted.append)
    monkeypatch.setattr(network, "ip", lambda *words: [{"ifname": name} for name in ("cali1", "tap1", "eth0", "cali3")])
    return deleted


def of_this_host() -> dict[str, str]:
    return {
        **endpoint("h1", "w1", interface="cali1"),
        **endpoint("h1", "w2", interface="cali2"),
        **endpoint("h1", "w3", interface="tap1"),
        **endpoint("h1", "w4", interface="eth0"),
        f"{HOSTS}/h1/endpoint/cali3": '{"name": "cali3"}',
    }


STOPPED = (
    "Docker does not answer, so calicoctl cannot look for the container calico-node. No Felix process is running on "
    "this host, so the node counts as stopped.\n"
)


@pytest.mark.parametrize(
    "parameters, expected",
    [
        ({}, ["cali1"]),
        ({"/calico/v1/config/InterfacePrefix": "cali,tap"}, ["cali1", "tap1"]),
        ({"/calico/v1/config/InterfacePrefix": "cali", f"{HOSTS}/h1/config/InterfacePrefix": "tap"}, ["tap1"]),
        ({"/calico/v1/config/InterfacePrefix": ""}, []),
    ],
)
def test_interfaces_of_workloads_alone(
    calicoctl: Calicoctl, etcd: EtcdServer, deleted: list[str], parameters: dict[str, str], expected: list[str]
) -> None:
    """[BUG] Legacy deleted whatever had the name that an endpoint gives."""
    fill(etcd, of_this_host(), parameters)
    listed = calicoctl("node", "remove", "--dry-run", "--remove-endpoints").stdout.splitlines()
    assert [line.split()[1] for line in listed if line.startswith("interface ")] == expected and deleted == []
    assert calicoctl("node", "remove", "--remove-endpoints") == Result(0, "Node configuration removed\n", STOPPED)
    assert deleted == expected


def test_interfaces_of_another_host_are_left_alone(
    calicoctl: Calicoctl, etcd: EtcdServer, deleted: list[str]
) -> None:
    """[BUG] Legacy deleted those of this host that had their names."""
    fill(etcd, OURS)
    assert remove(calicoctl, "--remove-endpoints") == DONE
    assert deleted == []


def test_root_only_where_interfaces_are_deleted(
    calicoctl: Calicoctl, etcd: EtcdServer, deleted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    fill(etcd, of_this_host(), node("h2", "10.0.0.2"))
    index = etcd.index()
    assert calicoctl("node", "remove", "--remove-endpoints") == Result(
        2, "", f"{STOPPED}This command must be run as root.\n"
    )
    assert calicoctl("node", "remove", "--dry-run", "--remove-endpoints").status == 0
    assert (etcd.index(), deleted) == (index, [])
    assert remove(calicoctl) == DONE
    etcd.delete(f"{HOSTS}/h1/workload/docker/w1")
    assert calicoctl("node", "remove", "--remove-endpoints").status == 0


def test_felix_without_docker_is_a_running_node(
    calicoctl: Calicoctl, etcd: EtcdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(felix, "named", lambda names, proc: [7] if "calico-felix" in names else [])
    fill(etcd, node("h1", "10.0.0.1"))
    index = etcd.index()
    refusal = (
        "The node cannot be removed while it is running.\n"
        "Felix runs on this host without the container calico-node, as process 7. Stop the service that runs it: "
        "'calicoctl node stop' cannot.\n"
    )
    assert calicoctl("node", "remove") == Result(1, "", refusal)
    assert etcd.index() == index
