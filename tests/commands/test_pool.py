"""`calicoctl pool add|range add|show`, and the assignment of addresses from pools."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from calicoctl.model.address import Address
from calicoctl.model.network import Network
from tests.commands.pools import REMOVED, V4, V6, block, methods, refused, said, values
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request, first

# Adding


def test_add_pools_of_both_ip_versions(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("pool", "add", "10.0.3.4/16", "FD80::1/64", "--nat-outgoing") == said("")
    assert values(etcd) == {
        f"{V4}/10.0.0.0-16": '{"masquerade": true, "cidr": "10.0.0.0/16"}',
        f"{V6}/fd80::-64": '{"masquerade": true, "cidr": "fd80::/64"}',
    }


def test_add_ipip_enables_ipip(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put("/calico/v1/config/IpInIpEnabled", "false")
    assert calicoctl("pool", "add", "10.0.0.0/16", "--ipip") == said("")
    assert values(etcd) == {
        "/calico/v1/config/IpInIpEnabled": "true",
        f"{V4}/10.0.0.0-16": '{"cidr": "10.0.0.0/16", "ipip": "tunl0"}',
    }


def test_add_again_changes_options_and_keeps_other_fields(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/10.0.0.0-16", '{"cidr": "10.0.0.0/16", "ipip": "tunl0", "later": 1, "disabled": true}')
    assert calicoctl("pool", "add", "10.0.0.0/16", "--nat-outgoing") == said("")
    assert etcd.get(f"{V4}/10.0.0.0-16") == '{"masquerade": true, "cidr": "10.0.0.0/16", "later": 1}'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["10.0.0.0/16", "x", "y"], "Invalid CIDR specified x\n"),
        (["fd80::/64", "--ipip"], "IP in IP not supported for IPv6 pools\n"),
        (["10.1.0.0/27"],
         "An IPv4 pool must have a prefix length of 26 or lower.\nGiven: 10.1.0.0/27.\nNo pools added.\n"),
        (["fd80::/123"],
         "An IPv6 pool must have a prefix length of 122 or lower.\nGiven: fd80::/123.\nNo pools added.\n"),
        (["10.9.0.0/16", "192.168.8.0/24"],
         "Cannot add IP pool 192.168.8.0/24 - pool overlaps with an existing pool 192.168.0.0/16\n"),
        (["10.9.0.0/16", "10.9.1.0/24"],
         "Cannot add IP pool 10.9.1.0/24 - pool overlaps with another new pool 10.9.0.0/16\n"),
    ],
)  # fmt: skip
def test_add_refuses_pool(arguments: list[str], message: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/192.168.0.0-16", '{"cidr": "192.168.0.0/16"}')
    index = etcd.index()
    assert calicoctl("pool", "add", *arguments) == refused(message)
    assert etcd.index() == index


def test_add_range(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("pool", "range", "add", "10.0.0.64", "10.0.1.255") == said("")
    assert list(values(etcd)) == [f"{V4}/10.0.0.128-25", f"{V4}/10.0.0.64-26", f"{V4}/10.0.1.0-24"]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("x", "10.0.0.1", "Invalid START_IP specified.\nValue provided is 'x'\n"),
        ("10.0.0.1", "10.0.0.0/8", "Invalid END_IP specified.\nValue provided is '10.0.0.0/8'\n"),
        ("10.0.0.1", "::1", "START_IP and END_IP must be the same ip version\n"),
        ("10.0.0.1", "10.0.0.1", "START_IP must be a smaller ip address than END_IP\n"),
        ("192.167.0.0", "192.168.0.63", "Cannot add range - range conflicts with pool 192.168.0.0/16\n"),
        ("192.168.3.0", "192.168.3.63", "Cannot add range - range conflicts with pool 192.168.0.0/16\n"),
        ("10.0.0.0", "10.0.0.64",
         "IPv4 ranges are split into pools, with the smallest pool size allowed having a prefix length of /26. One or "
         "more of the generated pools is too small (prefix length is too high).\nRange given: 10.0.0.0 - 10.0.0.64\n"
         "Pools: ['10.0.0.0/26', '10.0.0.64/32']\nNo pools added.\n"),
    ],
)  # fmt: skip
def test_add_refuses_range(start: str, end: str, message: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/192.168.0.0-16", '{"cidr": "192.168.0.0/16"}')
    index = etcd.index()
    assert calicoctl("pool", "range", "add", start, end) == refused(message)
    assert etcd.index() == index


def test_add_fails_if_overlapping_pool_appears_before_write(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    def others() -> None:
        etcd.put(f"{V4}/10.1.0.0-16", '{"cidr": "10.1.0.0/16"}')
        etcd.put(f"{V4}/10.1.2.0-24", '{"cidr": "10.1.2.0/24"}')

    proxy.at(3, first(others))
    message = "Cannot add IP pool 10.1.0.0/16 - pool overlaps with an existing pool 10.1.2.0/24"
    answer = calicoctl("pool", "add", "10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16")
    assert answer == refused(f"{message}  Added before that: 10.0.0.0/16.\n")
    assert list(values(etcd)) == [f"{V4}/10.0.0.0-16", f"{V4}/10.1.0.0-16", f"{V4}/10.1.2.0-24"]
    assert methods(proxy) == "GET PUT PUT GET"


def test_add_merges_same_pool_created_concurrently(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    proxy.at(2, first(lambda: etcd.put(f"{V4}/10.0.0.0-16", '{"cidr": "10.0.0.0/16", "later": 1}')))
    assert calicoctl("pool", "add", "10.0.0.0/16", "--nat-outgoing") == said("")
    assert etcd.get(f"{V4}/10.0.0.0-16") == '{"masquerade": true, "cidr": "10.0.0.0/16", "later": 1}'
    assert methods(proxy) == "GET PUT GET GET PUT"


@pytest.mark.parametrize(("options", "status"), [("", 0), (', "ipip": "tunl0"', 1)])
def test_add_range_with_one_pool_created_concurrently(
    options: str, status: int, calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    theirs = f'{{"cidr": "10.0.1.0/24"{options}}}'
    proxy.at(4, first(lambda: etcd.put(f"{V4}/10.0.1.0-24", theirs)))
    answer = calicoctl("pool", "range", "add", "10.0.0.64", "10.0.1.255")
    message = (
        "Cannot add range - range conflicts with pool 10.0.0.64/26  Added before that: 10.0.0.64/26, 10.0.0.128/25.\n"
    )
    assert answer == (refused(message) if status else said(""))
    assert list(values(etcd)) == [f"{V4}/10.0.0.128-25", f"{V4}/10.0.0.64-26", f"{V4}/10.0.1.0-24"]
    assert etcd.get(f"{V4}/10.0.1.0-24") == theirs


INNER = (f"{V4}/10.1.2.0-24", '{"cidr": "10.1.2.0/24"}')


def test_add_is_undone_if_overlapping_pool_appears_during_write(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    proxy.at(3, first(lambda: etcd.put(*INNER)))
    message = "Cannot add IP pool 10.1.0.0/16 - pool overlaps with an existing pool 10.1.2.0/24"
    answer = calicoctl("pool", "add", "10.0.0.0/16", "10.1.0.0/16")
    assert answer == refused(f"{message}  Added before that: 10.0.0.0/16.\n")
    assert list(values(etcd)) == [f"{V4}/10.0.0.0-16", f"{V4}/10.1.2.0-24"]
    assert methods(proxy) == "GET PUT PUT GET DELETE"


def test_add_range_is_undone_if_overlapping_pool_appears_during_write(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy
) -> None:
    proxy.at(2, first(lambda: etcd.put(*INNER)))
    message = "Cannot add range - range conflicts with pool 10.1.2.0/24  Added before that: 10.2.0.0/16.\n"
    assert calicoctl("pool", "range", "add", "10.1.0.0", "10.2.255.255") == refused(message)
    assert list(values(etcd)) == [f"{V4}/10.1.2.0-24", f"{V4}/10.2.0.0-16"]


def test_older_of_two_overlapping_pools_stays(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    proxy.at(3, first(lambda: etcd.put(*INNER)))
    assert calicoctl("pool", "add", "10.1.0.0/16") == said("")
    assert list(values(etcd)) == [f"{V4}/10.1.0.0-16", f"{V4}/10.1.2.0-24"]


def test_undo_of_add_retries_after_concurrent_change(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    other = (f"{V4}/10.1.0.0-16", '{"cidr": "10.1.0.0/16", "later": 1}')
    proxy.at(2, first(lambda: etcd.put(*INNER)))
    proxy.at(4, first(lambda: etcd.put(*other)))
    assert calicoctl("pool", "add", "10.1.0.0/16").status == 1
    assert list(values(etcd)) == [f"{V4}/10.1.2.0-24"]
    assert methods(proxy) == "GET PUT GET DELETE GET DELETE"


def test_undo_of_add_gives_up_after_repeated_changes(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_before(request: Request) -> bytes | None:
        if request.method == "DELETE":
            etcd.put(f"{V4}/10.1.0.0-16", '{"cidr": "10.1.0.0/16"}')
        return request.forward()

    monkeypatch.setattr("calicoctl.datastore.edit.MOST_SECONDS", 0.3)
    proxy.at(2, first(lambda: etcd.put(*INNER)))
    proxy.since(3, change_before)
    answer = calicoctl("pool", "add", "10.1.0.0/16")
    assert (answer.status, answer.stdout) == (1, "")
    assert re.search(
        r"Others have changed /calico/v1/ipam before each of [0-9]+ tries within 0\.3 s, so this command gave up\. "
        r"Run it again when they are done\.",
        answer.stderr,
    )
    assert len(proxy.requests) < 100


def test_concurrent_adds_of_overlapping_pools(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    cidrs = ["10.80.0.0/16", "10.80.5.0/24"]
    for _ in range(4):
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda cidr: calicoctl.process("pool", "add", cidr), cidrs))
        assert sorted(answer.status for answer in answers) == [0, 1]
        (left,) = values(etcd)
        assert left == f"{V4}/{cidrs[[answer.status for answer in answers].index(0)].replace('/', '-')}"
        etcd.delete(left)


def test_directory_in_place_of_pool(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.mkdir(f"{V4}/10.0.0.0-16")
    complaint = f"Cannot read {V4}/10.0.0.0-16: it is a directory.\n"
    for line in (("pool", "add", "10.0.0.0/16"), ("pool", "remove", "10.0.0.0/16")):
        assert calicoctl(*line) == refused(complaint)
    overlap = calicoctl("pool", "add", "10.0.1.0/24")
    assert (overlap.status, etcd.keys()) == (1, {f"{V4}/10.0.0.0-16/": None})
    shown = calicoctl("pool", "show", "--ipv4")
    assert (shown.status, shown.stderr) == (1, complaint)


# Unreadable pools

UNREADABLE = f"Cannot read {V4}/10.9.0.0-16: it is not JSON.\n"
NAMELESS = f"Cannot read {V4}/x: it is not JSON.\n"


@pytest.fixture
def unreadable(etcd: EtcdServer) -> EtcdServer:
    """Two unreadable pools, one under a key that is not a network, and one valid pool."""
    etcd.put(f"{V4}/10.9.0.0-16", "{")
    etcd.put(f"{V4}/x", "{")
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24"}')
    return etcd


def test_add_other_pool_with_unreadable_pool_present(calicoctl: Calicoctl, unreadable: EtcdServer) -> None:
    assert calicoctl("pool", "add", "10.1.0.0/16") == Result(1, "", UNREADABLE + NAMELESS)
    assert unreadable.get(f"{V4}/10.1.0.0-16") == '{"cidr": "10.1.0.0/16"}'
    assert calicoctl("pool", "range", "add", "10.2.0.0", "10.2.255.255") == Result(1, "", UNREADABLE + NAMELESS)
    assert unreadable.get(f"{V4}/10.2.0.0-16") == '{"cidr": "10.2.0.0/16"}'


def test_remove_other_pool_with_unreadable_pool_present(calicoctl: Calicoctl, unreadable: EtcdServer) -> None:
    assert calicoctl("pool", "remove", "10.0.0.0/24", "--wait=0") == Result(1, REMOVED, UNREADABLE + NAMELESS)
    assert list(values(unreadable)) == [f"{V4}/10.9.0.0-16", f"{V4}/x"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["add", "10.9.1.0/24"], UNREADABLE + NAMELESS
         + "Cannot add IP pool 10.9.1.0/24 - pool overlaps with an existing pool 10.9.0.0/16\n"),
        (["range", "add", "10.9.1.0", "10.9.1.255"], UNREADABLE + NAMELESS
         + "Cannot add range - range conflicts with pool 10.9.0.0/16\n"),
        (["add", "10.1.0.0/16", "10.9.0.0/16"], UNREADABLE),
        (["range", "add", "10.9.0.0", "10.9.255.255"], UNREADABLE),
        (["remove", "10.0.0.0/24", "10.9.0.0/16", "--wait=0"], UNREADABLE),
        (["remove", "10.3.0.0/16"], "10.3.0.0/16 is not a configured pool.\n"),
    ],
)  # fmt: skip
def test_key_of_unreadable_pool_counts(
    command: list[str], message: str, calicoctl: Calicoctl, unreadable: EtcdServer
) -> None:
    index = unreadable.index()
    assert calicoctl("pool", *command) == refused(message)
    assert unreadable.index() == index


# Showing


def test_show(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/9.0.0.0-16", '{"cidr": "9.0.0.0/16", "ipip": "tunl0", "masquerade": true}')
    etcd.put(f"{V4}/10.0.0.0-16", '{"cidr": "10.0.0.0/16", "disabled": true}')
    etcd.put(f"{V4}/fd80::-64", '{"cidr": "fd80::/64", "masquerade": true}')  # legacy may have stored it here
    ipv4 = (
        "+-------------+-------------------+\n"
        "|  IPv4 CIDR  |      Options      |\n"
        "+-------------+-------------------+\n"
        "| 10.0.0.0/16 |      disabled     |\n"
        "|  9.0.0.0/16 | ipip,nat-outgoing |\n"
        "+-------------+-------------------+\n"
    )
    ipv6 = (
        "+-----------+--------------+\n"
        "| IPv6 CIDR |   Options    |\n"
        "+-----------+--------------+\n"
        "| fd80::/64 | nat-outgoing |\n"
        "+-----------+--------------+\n"
    )
    assert calicoctl("pool", "show") == said(ipv4 + ipv6)
    assert calicoctl("pool", "show", "--ipv4") == said(ipv4)
    assert calicoctl("pool", "show", "--ipv6") == said(ipv6)


def test_show_reports_unreadable_pool_and_shows_the_rest(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/9.0.0.0-16", "{")
    etcd.put(f"{V4}/10.0.0.0-16", '{"cidr": "10.0.0.0/16"}')
    answer = calicoctl("pool", "show", "--ipv4")
    assert (answer.status, answer.stderr) == (1, f"Cannot read {V4}/9.0.0.0-16: it is not JSON.\n")
    assert "10.0.0.0/16" in answer.stdout


def test_no_assignment_from_disabled_pools(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24", "disabled": true}')
    etcd.put(f"{V4}/10.1.0.0-24", '{"cidr": "10.1.0.0/24", "ipam": false}')
    from calicoctl.commands.address_choice import AddressChoice
    from calicoctl.datastore.ipam import Ipam
    from calicoctl.environment import Environment
    from calicoctl.errors import CommandError
    from tests.conftest import _stream

    environment = Environment(calicoctl.environ, None, _stream(), _stream())
    ipam = Ipam(environment.client(), "h1")
    index = etcd.index()
    for wanted, message in (
        ("ipv4", "Failed to allocate any IPs (requested 1 IPv4s and 0 IPv6s). Pools are likely exhausted."),
        ("10.0.0.0/24", "Invalid CIDR specified for desired pool. No pool found for 10.0.0.0/24.\n"
                        "The pool exists, but no addresses may be assigned from it.\n"),
        ("10.1.0.0/24", "Invalid CIDR specified for desired pool. No pool found for 10.1.0.0/24.\n"
                        "The pool exists, but no addresses may be assigned from it.\n"),
        ("10.0.0.9", "10.0.0.9 is not in any configured pools\nPool 10.0.0.0/24 is disabled."),
    ):  # fmt: skip
        with pytest.raises(CommandError) as caught:
            AddressChoice(wanted, environment).claim(ipam, "w", [])
        assert caught.value.message == message
    assert etcd.index() == index
    assert str(AddressChoice("10.1.0.9", environment).claim(ipam, "w", [])) == "10.1.0.9"


@pytest.mark.parametrize(
    "inner", ['{"cidr": "10.0.0.0/25", "disabled": true}', '{"cidr": "10.0.0.0/25", "ipam": false}', "{"]
)
def test_no_assignment_from_disabled_inner_pool(inner: str, calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24"}')
    etcd.put(f"{V4}/10.0.0.0-25", inner)
    for host, cidr in (("h1", "10.0.0.0-26"), ("h2", "10.0.0.64-26")):
        etcd.put(f"/calico/ipam/v2/assignment/ipv4/block/{cidr}", block(cidr.replace("-", "/"), host, False))
        etcd.put(f"/calico/ipam/v2/host/{host}/ipv4/block/{cidr}", "")
    from calicoctl.commands.address_choice import AddressChoice
    from calicoctl.datastore.ipam import Ipam
    from calicoctl.environment import Environment
    from calicoctl.errors import CommandError
    from tests.conftest import _stream

    environment = Environment(calicoctl.environ, None, _stream(), _stream())
    ipam = Ipam(environment.client(), "h1")
    choice, of_outer = AddressChoice("ipv4", environment), AddressChoice("10.0.0.0/24", environment)
    closed, open_ = Address.parse("10.0.0.9"), Address.parse("10.0.0.130")
    assert choice.claim(ipam, "w", [closed, open_]) == open_  # a leftover claim is reused
    given = [(choice, of_outer)[number % 2].claim(ipam, "w", []) for number in range(128)]
    assert {address.value // 64 * 64 & 255 for address in given} == {128, 192}
    with pytest.raises(CommandError, match="Pools are likely exhausted"):
        choice.claim(ipam, "w", [])


def test_assign_given_address_within_nested_pools(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{V4}/10.0.0.0-24", '{"cidr": "10.0.0.0/24"}')
    etcd.put(f"{V4}/10.0.0.0-25", '{"cidr": "10.0.0.0/25", "disabled": true}')
    etcd.put(f"{V4}/10.0.0.64-28", '{"cidr": "10.0.0.64/28"}')
    from calicoctl.commands.address_choice import AddressChoice
    from calicoctl.datastore.ipam import Ipam
    from calicoctl.environment import Environment
    from calicoctl.errors import CommandError
    from tests.conftest import _stream

    environment = Environment(calicoctl.environ, None, _stream(), _stream())
    ipam = Ipam(environment.client(), "h1")
    index = etcd.index()
    with pytest.raises(CommandError) as caught:
        AddressChoice("10.0.0.9", environment).claim(ipam, "w", [])
    assert caught.value.message == "10.0.0.9 is not in any configured pools\nPool 10.0.0.0/25 is disabled."
    assert etcd.index() == index
    for wanted in ("10.0.0.65", "10.0.0.130"):
        assert str(AddressChoice(wanted, environment).claim(ipam, "w", [])) == wanted


def test_pool_stored_twice_by_legacy_is_in_use_if_either_copy_is(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    from calicoctl.commands.address_choice import AddressChoice
    from calicoctl.datastore.ipam import Ipam
    from calicoctl.environment import Environment
    from tests.conftest import _stream

    one, other = '{"cidr": "fd90::/64", "disabled": true}', '{"cidr": "fd90::/64"}'
    for in_v4, in_v6 in ((one, other), (other, one)):
        etcd.put(f"{V4}/fd90::-64", in_v4)
        etcd.put(f"{V6}/fd90::-64", in_v6)
        for wanted in ["ipv6"] + ["fd90::/64"] * 8:  # etcd lists them in either order
            environment = Environment(calicoctl.environ, None, _stream(), _stream())
            address = AddressChoice(wanted, environment).claim(Ipam(environment.client(), "h1"), "w", [])
            assert address.is_in(Network.parse("fd90::/64"))


def test_incomplete_range_is_completed(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    command = ("pool", "range", "add", "10.65.0.0", "10.65.2.255")
    assert calicoctl(*command) == Result(0, "", "")
    complete = etcd.keys()
    etcd.delete("/calico/v1/ipam/v4/pool/10.65.2.0-24")
    # With other options it is another command.
    conflict = Result(1, "", "Cannot add range - range conflicts with pool 10.65.0.0/23\n")
    assert calicoctl(*command, "--nat-outgoing") == conflict
    assert calicoctl(*command) == Result(0, "", "")
    assert etcd.keys() == complete
    assert calicoctl(*command) == conflict
