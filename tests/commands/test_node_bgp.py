"""calicoctl node show and node bgp peer."""

from __future__ import annotations

import pytest

from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request

BGP = "/calico/bgp/v1"
H1, H2 = f"{BGP}/host/h1", f"{BGP}/host/h2"
CONSEQUENCE = (
    "While the node-to-node mesh is on, settings of a host without a node stop new BIRD configurations on every node."
)
REMEDY = "Start the node first, name another one with --hostname, or use --force."
SILENT = Result(0, "", "")


def said(text: str) -> Result:
    return Result(0, f"{text}\n", "")


def refused(text: str) -> Result:
    return Result(1, "", f"{text}\n")


def absent(host: str, hint: str = "") -> str:
    return f"Host {host} has no node: {BGP}/host/{host}/ip_addr_v4 does not exist.{hint}\n{CONSEQUENCE}\n{REMEDY}"


@pytest.fixture
def nodes(etcd: EtcdServer, calicoctl: Calicoctl) -> EtcdServer:
    """The nodes of two hosts, of which h1 is this one."""
    calicoctl.environ = {**calicoctl.environ, "HOSTNAME": "h1"}
    for host, address in ((H1, "192.0.2.1"), (H2, "192.0.2.2")):
        etcd.put(f"{host}/ip_addr_v4", address)
        etcd.put(f"{host}/ip_addr_v6", "")
    return etcd


# node bgp peer


def test_peers_of_a_node(calicoctl: Calicoctl, nodes: EtcdServer) -> None:
    peer = ["node", "bgp", "peer"]
    assert calicoctl(*peer, "add", "10.0.0.1", "as", "1.10") == SILENT
    assert calicoctl(*peer, "add", "FD80:0::1", "as", "5", "--hostname=h2") == SILENT
    assert nodes.get(f"{H1}/peer_v4/10.0.0.1") == '{"ip": "10.0.0.1", "as_num": "65546"}'
    assert nodes.get(f"{H2}/peer_v6/fd80::1") == '{"ip": "fd80::1", "as_num": "5"}'
    shown = """\
+-----------------------------+--------+
| Node specific IPv4 BGP Peer | AS Num |
+-----------------------------+--------+
| 10.0.0.1                    | 65546  |
+-----------------------------+--------+
"""
    assert calicoctl(*peer, "show") == Result(0, f"{shown}No IPv6 BGP Peers defined for this node.\n\n", "")
    assert calicoctl(*peer, "show", "--ipv4", "--hostname=h2") == said("No IPv4 BGP Peers defined for node h2.\n")
    message = "BGP peer 10.0.0.1 as 65546 is configured already."
    assert calicoctl(*peer, "add", "10.0.0.1", "as", "65546") == said(message)
    message = "BGP peer 10.0.0.1 was AS 65546 and is AS 7 now."
    assert calicoctl(*peer, "add", "10.0.0.1", "as", "7") == said(message)
    removed = said("BGP peer removed from node configuration")
    assert calicoctl(*peer, "remove", "10.0.0.1") == removed
    assert calicoctl(*peer, "remove", "10.0.0.1") == refused("10.0.0.1 is not a configured peer for this node.")
    assert calicoctl(*peer, "remove", "fd80::1", "--hostname=h1") == refused(
        "fd80::1 is not a configured peer for node h1."
    )
    assert calicoctl(*peer, "remove", "FD80::0:1", "--hostname=h2") == removed
    assert [key for key, value in nodes.keys(BGP).items() if "peer" in key and value] == []


def test_invalid_peers_of_a_node(calicoctl: Calicoctl, nodes: EtcdServer) -> None:
    index = nodes.index()
    result = calicoctl("node", "bgp", "peer", "add", "10", "as", "0")
    assert (result.status, result.stdout) == (1, "")
    assert [line for line in result.stderr.splitlines() if line.startswith("Invalid")] == [
        "Invalid IP address specified.", "Invalid AS Number specified."
    ]  # fmt: skip
    assert nodes.index() == index


@pytest.mark.parametrize(
    ("line", "key"),
    [("node bgp peer add 10.0.0.1 as 5", "peer_v4/10.0.0.1"), ("config node bgp loglevel debug", "loglevel")],
)
class TestAHostWithoutANode:
    def test_it_is_refused(self, line: str, key: str, calicoctl: Calicoctl, nodes: EtcdServer) -> None:
        nodes.mkdir(f"{BGP}/host/h3")
        nodes.put(f"{BGP}/host/web-01.example.com/ip_addr_v4", "192.0.2.3")
        index = nodes.index()
        assert calicoctl(*line.split(), "--hostname=h3") == refused(absent("h3"))
        assert calicoctl(*line.split(), env={"HOSTNAME": "web-01"}) == refused(
            absent("web-01", " Did you mean web-01.example.com?")
        )
        assert nodes.index() == index

    def test_it_is_written_with_force(self, line: str, key: str, calicoctl: Calicoctl, nodes: EtcdServer) -> None:
        warning = f"Warning: {absent('h3').partition(chr(10))[0]} {CONSEQUENCE}\n"
        assert calicoctl(*line.split(), "--hostname=h3", "--force") == Result(0, "", warning)
        assert nodes.get(f"{BGP}/host/h3/{key}") is not None
        assert calicoctl(*line.split(), "--hostname=h2", "--force") == SILENT
        assert nodes.get(f"{H2}/{key}") is not None

    def test_node_removed_at_the_same_time_is_not_recreated(
        self, line: str, key: str, calicoctl: Calicoctl, nodes: EtcdServer, proxy: Proxy
    ) -> None:
        def remove_node(request: Request) -> bytes | None:
            nodes.delete(H1)
            return request.forward()

        proxy.at(3, remove_node)  # between the looks at the node and the key, and the write
        assert calicoctl(*line.split()) == refused(absent("h1"))
        assert [request.partition(" ")[0] for request in proxy.requests][:4] == ["GET", "GET", "PUT", "GET"]
        assert not [each for each in nodes.keys(BGP) if each.startswith(H1)]

    def test_setting_written_by_others_at_the_same_time_stays(
        self, line: str, key: str, calicoctl: Calicoctl, nodes: EtcdServer, proxy: Proxy
    ) -> None:
        def replace_node(request: Request) -> bytes | None:
            nodes.delete(H1)
            reply = request.forward()
            nodes.put(f"{H1}/loglevel", "info")
            return reply

        proxy.at(3, replace_node)
        assert calicoctl(*line.split()) == refused(absent("h1"))
        assert nodes.keys(H1) == {f"{H1}/loglevel": "info"}

    def test_etcd_fails_before_the_node_is_checked_again(
        self, line: str, key: str, calicoctl: Calicoctl, nodes: EtcdServer, proxy: Proxy
    ) -> None:
        proxy.since(4, lambda request: None)
        result = calicoctl(*line.split())
        assert (result.status, result.stdout) == (1, "")
        assert result.stderr.endswith(f"  {H1}/{key} was written anyway.\n")
        assert nodes.get(f"{H1}/{key}") is not None

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../h1", "/h1", "_h1", "\udcff"])
    def test_invalid_host_names(
        self, name: str, line: str, key: str, calicoctl: Calicoctl, nodes: EtcdServer
    ) -> None:
        index = nodes.index()
        shown = name.replace("\udcff", "\\udcff")
        for more in ([], ["--force"]):
            assert calicoctl(*line.split(), f"--hostname={name}", *more) == refused(
                f"Invalid host name: '{shown}'. 'calicoctl node show' lists the nodes."
            )
        assert nodes.index() == index


def test_settings_of_host_without_node_can_be_shown_and_removed(calicoctl: Calicoctl, nodes: EtcdServer) -> None:
    nodes.put(f"{BGP}/host/h3/peer_v4/10.0.0.1", '{"ip": "10.0.0.1", "as_num": "5"}')
    nodes.put(f"{BGP}/host/h3/loglevel", "debug")
    shown = calicoctl("node", "bgp", "peer", "show", "--ipv4", "--hostname=h3")
    assert (shown.status, "| 10.0.0.1 " in shown.stdout, shown.stderr) == (0, True, "")
    assert calicoctl("config", "node", "bgp", "loglevel", "--hostname=h3") == said("debug")
    assert calicoctl("config", "node", "bgp", "loglevel", "--remove", "--hostname=h3") == said("Value removed")
    assert calicoctl("node", "bgp", "peer", "remove", "10.0.0.1", "--hostname=h3").status == 0
    assert not [key for key, value in nodes.keys(f"{BGP}/host/h3").items() if value]


def test_peers_of_unknown_node(calicoctl: Calicoctl, nodes: EtcdServer) -> None:
    nodes.put(f"{BGP}/host/web-01/ip_addr_v4", "192.0.2.3")
    show = ["node", "bgp", "peer", "show"]
    assert calicoctl(*show, "--hostname=web-02") == refused("Node web-02 is unknown to Calico. Did you mean web-01?")
    assert calicoctl(*show, "--hostname=other") == refused("Node other is unknown to Calico.")
    assert calicoctl(*show, env={"HOSTNAME": "other"}) == said(
        "No IPv4 BGP Peers defined for this node.\n\nNo IPv6 BGP Peers defined for this node.\n"
    )


def test_braces_in_the_name_of_a_host(calicoctl: Calicoctl, nodes: EtcdServer) -> None:
    message = "10.0.0.1 is not a configured peer for node {0}{x}."
    assert calicoctl("node", "bgp", "peer", "remove", "10.0.0.1", "--hostname={0}{x}") == refused(message)


# node show

EMPTY = """\
+----------+-----------+-----------+--------+--------------+--------------+
| Hostname | Bird IPv4 | Bird IPv6 | AS Num | BGP Peers v4 | BGP Peers v6 |
+----------+-----------+-----------+--------+--------------+--------------+
+----------+-----------+-----------+--------+--------------+--------------+

"""
NODES = """\
+----------+-----------+-----------+-------------------+---------------+--------------+
| Hostname | Bird IPv4 | Bird IPv6 |       AS Num      |  BGP Peers v4 | BGP Peers v6 |
+----------+-----------+-----------+-------------------+---------------+--------------+
|    h1    | 192.0.2.1 |           | 64999 (inherited) |  9.0.0.1 as 5 |              |
|          |           |           |                   | 10.0.0.2 as 5 |              |
|          |           |           |                   | 10.0.0.9 as 5 |              |
|    h2    | 192.0.2.2 |  fd80::2  |       65546       |               | fd80::1 as 7 |
|    h3    |           |           | 64999 (inherited) |               | fd80::1 as 7 |
+----------+-----------+-----------+-------------------+---------------+--------------+

"""


def test_no_nodes(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("node", "show") == Result(0, EMPTY, "")
    etcd.put(f"{H1}/loglevel", "debug")
    etcd.mkdir(f"{H2}/peer_v4")
    assert calicoctl("node", "show") == Result(0, EMPTY, "")


@pytest.fixture
def three(nodes: EtcdServer) -> EtcdServer:
    nodes.put(f"{BGP}/global/as_num", "64999")
    nodes.put(f"{BGP}/global/peer_v4/10.0.0.1", "{")
    for ip in ("10.0.0.9", "9.0.0.1", "10.0.0.2"):
        nodes.put(f"{H1}/peer_v4/{ip}", f'{{"ip": "{ip}", "as_num": "5"}}')
    nodes.put(f"{H2}/as_num", "65546")
    nodes.put(f"{H2}/ip_addr_v6", "fd80::2")
    for host in (H2, f"{BGP}/host/h3"):
        nodes.put(f"{host}/peer_v6/fd80::1", '{"ip": "fd80::1", "as_num": 7}')
    return nodes


def test_nodes(calicoctl: Calicoctl, three: EtcdServer, proxy: Proxy) -> None:
    assert calicoctl("node", "show") == Result(0, NODES, "")
    assert list(proxy.requests) == [f"GET /v2/keys{BGP}"]


def test_a_deprecated_variable_is_not_its_business(calicoctl: Calicoctl, three: EtcdServer) -> None:
    """Legacy warned of it with every command line of node."""
    calicoctl.environ = {**calicoctl.environ, "CALICO_NETWORKING": "true"}
    for line in ("node show", "node bgp peer show", "node bgp peer add 10.0.0.77 as 5"):
        assert calicoctl(*line.split()).stderr == ""


def test_the_default_as_number_where_none_is_stored(calicoctl: Calicoctl, three: EtcdServer) -> None:
    three.delete(f"{BGP}/global/as_num")
    assert calicoctl("node", "show") == Result(0, NODES.replace("64999", "64511"), "")


def test_unreadable_values_are_named_and_others_shown(calicoctl: Calicoctl, three: EtcdServer) -> None:
    three.put(f"{H1}/peer_v4/10.0.0.3", "{")
    three.put(f"{H2}/peer_v6/fd80::2", '{"ip": "fd80::2"}')
    three.delete(f"{H2}/as_num")
    three.mkdir(f"{H2}/as_num")
    result = calicoctl("node", "show")
    assert result == Result(
        1,
        NODES.replace("      65546      ", "64999 (inherited)"),
        f"Cannot read {H1}/peer_v4/10.0.0.3: it is not JSON.\n"
        f"Cannot read {H2}/as_num: it is a directory.\n"
        f"Cannot read {H2}/peer_v6/fd80::2: as_num is neither text nor a whole number.\n",
    )


def test_invalid_default_as_number_is_shown_and_named(
    calicoctl: Calicoctl, three: EtcdServer
) -> None:
    three.put(f"{BGP}/global/as_num", "+5zzz")
    complaint = f"{BGP}/global/as_num: \"+5zzz\" is not an AS number. See 'calicoq check'.\n"
    assert calicoctl("node", "show") == Result(1, NODES.replace("64999", "+5zzz"), complaint)


def test_a_host_of_which_nothing_can_be_read_is_shown(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{H1}/peer_v4/10.0.0.3", "{")
    result = calicoctl("node", "show")
    assert (result.status, "|    h1    |" in result.stdout) == (1, True)


def test_control_characters_are_escaped(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{BGP}/host/a\x1b[2J/ip_addr_v4", "192\x07.0")
    etcd.put(f"{BGP}/host/a\x1b[2J/peer_v4/x", "{")
    result = calicoctl("node", "show")
    assert (result.status, result.stderr) == (
        1,
        f'{BGP}/host/a\\x1b[2J/ip_addr_v4: "192\\u0007.0" is not an IPv4 address. See \'calicoq check\'.\n'
        f"Cannot read {BGP}/host/a\\x1b[2J/peer_v4/x: it is not JSON.\n",
    )
    assert "| a\\x1b[2J | 192\\x07.0 |" in result.stdout
