"""Endpoints in etcd: their keys, few reads, and edits by compare-and-swap."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from calicoctl.datastore import edit
from calicoctl.datastore.endpoints import Endpoints, EndpointVanished, Filter
from calicoctl.errors import MalformedObject
from calicoctl.etcd.client import Client
from calicoctl.etcd.errors import DatastoreError
from calicoctl.etcd.settings import Settings
from calicoctl.model.endpoint import Endpoint, EndpointName
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request, answer
from tests.sampling import examples

HOSTS = "/calico/v1/host"
KEY = f"{HOSTS}/h/workload/o/w/endpoint/e"
COMPARE_FAILED = '{"errorCode": 101, "message": "Compare failed", "cause": "[1 != 2]", "index": 3}'

NAMES = st.one_of(
    st.sampled_from(["a", "b", "A", "a%2fb", "a?b", "a#b", "a b", "é", "endpoint", "workload"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=8).filter(
        # etcd omits names with a leading underscore from listings.
        lambda name: name not in (".", "..") and not name.startswith("_")
    ),
)
FULL_NAMES = st.tuples(NAMES, NAMES, NAMES, NAMES)
# Each of the four names: the endpoint's, another one, or none.
OTHERS = st.one_of(st.none(), NAMES, st.sampled_from(["", "/", ".", "..", "a/b"]))
WANTED = st.lists(OTHERS, min_size=4, max_size=4)


@pytest.fixture
def endpoints(etcd: EtcdServer) -> Endpoints:
    return at(etcd.endpoint)


def at(authority: str) -> Endpoints:
    return Endpoints(Client(Settings([f"http://{authority}"])))


def filter_for(names: tuple[str, ...], others: list[str | None]) -> list[str]:
    """Return a filter made from an endpoint, with some names replaced or left out."""
    return [name if other is None else other for name, other in zip(names, others, strict=True)]


def only(endpoints: Endpoints) -> list[tuple[str, str]]:
    return sorted((str(found.name), found.key) for found in endpoints.all())


# Keys


@pytest.mark.parametrize(
    ("names", "place"),
    [
        ((), "/calico/v1/host"),
        (("h",), "/calico/v1/host/h/workload"),
        (("h", "o"), "/calico/v1/host/h/workload/o"),
        (("h", "o", "w"), "/calico/v1/host/h/workload/o/w"),
        (("h", "o", "w", "e"), "/calico/v1/host/h/workload/o/w/endpoint/e"),
        (("", "o", "w", "e"), "/calico/v1/host"),
        (("h", "", "w", "e"), "/calico/v1/host/h/workload"),
        (("h", "o", "", "e"), "/calico/v1/host/h/workload/o"),
        (("a/b",), None),
        (("..",), None),
        (("h", "."), None),
        (("h", "o", "w", "e/../x"), None),
    ],
)
def test_filter_has_narrowest_possible_path(names: tuple[str, ...], place: str | None) -> None:
    assert Filter(*names).place() == place


@settings(deadline=None)
@given(FULL_NAMES, WANTED)
def test_matching_endpoints_are_below_path_of_filter(names: tuple[str, ...], others: list[str | None]) -> None:
    wanted = filter_for(names, others)
    meant = Filter(*wanted)
    assert meant.matches(EndpointName(*names)) == all(
        want in ("", name) for want, name in zip(wanted, names, strict=True)
    )
    place = meant.place()
    if meant.matches(EndpointName(*names)):
        assert place is not None
        key = HOSTS + "/{}/workload/{}/{}/endpoint/{}/".format(*names)
        assert key.startswith(unquote(place) + "/")
    else:
        assert place is None or place.startswith(HOSTS)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FULL_NAMES, min_size=1, max_size=4, unique=True), WANTED)
def test_filter_finds_all_matches_in_etcd(
    etcd: EtcdServer, world: list[tuple[str, ...]], others: list[str | None]
) -> None:
    etcd.clear()
    for names in world:
        etcd.put(HOSTS + "/{}/workload/{}/{}/endpoint/{}".format(*names), "{}")
    wanted = filter_for(world[0], others)
    found = [str(node.name) for node in at(etcd.endpoint).matching(Filter(*wanted))]
    assert sorted(found) == sorted("/".join(names) for names in world if Filter(*wanted).matches(EndpointName(*names)))


def test_filter_never_matches_host_endpoint() -> None:
    name = EndpointName("h", None, None, "e")
    assert not Filter().matches(name)
    assert not Filter("h", "", "", "e").matches(name)


def test_reads_all_endpoints_and_nothing_else(etcd: EtcdServer, endpoints: Endpoints) -> None:
    assert only(endpoints) == []
    keys = [KEY, f"{HOSTS}/h/endpoint/eth0", f"{HOSTS}/h2/workload/o/w/endpoint/e"]
    for key in keys:
        etcd.put(key, "whatever it is")
    for key in ("h/bird_ip", "h/config/X", "h/workload/o/w/endpoint/dir/x", "h/endpoint/dir/x", "h/x/o/w/endpoint/e",
                "h/workload/o/w/x/e", "stray"):  # fmt: skip
        etcd.put(f"{HOSTS}/{key}", "{}")
    etcd.mkdir(f"{HOSTS}/h/workload/o/w/endpoint/empty")
    assert only(endpoints) == [("h/eth0", keys[1]), ("h/o/w/e", keys[0]), ("h2/o/w/e", keys[2])]
    assert [found.key for found in endpoints.matching(Filter(endpoint="e"))] in ([keys[0], keys[2]], [keys[2], keys[0]])
    assert list(endpoints.matching(Filter(endpoint="eth0"))) == []


def test_reads_before_edits_use_quorum(etcd: EtcdServer) -> None:
    queries: list[str] = []

    def note(request: Request) -> bytes | None:
        queries.append(request.query)
        return request.forward()

    with Proxy(etcd) as proxy:
        proxy.since(1, note)
        endpoints = at(proxy.authority)
        list(endpoints.all())
        list(endpoints.matching(Filter("h")))
        list(endpoints.matching(Filter("h"), latest=True))
        list(endpoints.matching(Filter("..")))
    assert queries == ["recursive=true&quorum=true", "recursive=true", "recursive=true&quorum=true"]


# Edits


def appended(endpoint: Endpoint) -> Endpoint:
    return endpoint.with_profiles([*endpoint.profile_ids, "NEW"])


def test_edit_is_repeated_after_concurrent_change(etcd: EtcdServer) -> None:
    seen: list[list[str]] = []
    reads: list[str] = []

    def note(request: Request) -> bytes | None:
        if request.method == "GET":
            reads.append(f"{request.path}?{request.query}")
        return request.forward()

    def change(endpoint: Endpoint) -> Endpoint:
        seen.append(endpoint.profile_ids)
        if len(seen) < 3:
            etcd.put(KEY, f'{{"profile_ids": ["other{len(seen)}"]}}')
        return appended(endpoint)

    etcd.put(KEY, '{"profile_ids": []}')
    with Proxy(etcd) as proxy:
        proxy.since(1, note)
        endpoints = at(proxy.authority)
        [found] = endpoints.matching(Filter())
        endpoints.edit(found, change)
    assert reads == [f"/v2/keys{HOSTS}?recursive=true", *[f"/v2/keys{KEY}?quorum=true"] * 2]
    assert seen == [[], ["other1"], ["other2"]]
    assert etcd.get(KEY) == '{"profile_ids": ["other2", "NEW"]}'


def test_edit_of_deleted_endpoint(etcd: EtcdServer, endpoints: Endpoints) -> None:
    etcd.put(KEY, "{}")
    [found] = endpoints.matching(Filter())
    etcd.delete(KEY)
    with pytest.raises(EndpointVanished):
        endpoints.edit(found, appended)
    assert etcd.get(KEY) is None


def test_edit_of_recreated_endpoint(etcd: EtcdServer, endpoints: Endpoints) -> None:
    etcd.put(KEY, '{"profile_ids": ["A"]}')
    [found] = endpoints.matching(Filter())
    etcd.delete(KEY)
    etcd.put(KEY, '{"profile_ids": ["B"]}')
    endpoints.edit(found, appended)
    assert etcd.get(KEY) == '{"profile_ids": ["B", "NEW"]}'


@pytest.mark.parametrize("value", ["", "[]", '{"profile_ids": 1}'])
def test_edit_of_unreadable_endpoint(etcd: EtcdServer, endpoints: Endpoints, value: str) -> None:
    etcd.put(KEY, value)
    [found] = endpoints.matching(Filter())
    with pytest.raises(MalformedObject, match=f"^Cannot read {KEY}: "):
        endpoints.edit(found, appended)
    assert etcd.get(KEY) == value


def test_edit_aborted_by_caller(etcd: EtcdServer, endpoints: Endpoints) -> None:
    def refuse(endpoint: Endpoint) -> Endpoint:
        raise LookupError(endpoint.name)

    etcd.put(KEY, "{}")
    [found] = endpoints.matching(Filter())
    with pytest.raises(LookupError):
        endpoints.edit(found, refuse)
    assert etcd.get(KEY) == "{}"


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FULL_NAMES, FULL_NAMES)
def test_edit_writes_key_that_was_read(etcd: EtcdServer, names: tuple[str, ...], others: tuple[str, ...]) -> None:
    assume(names != others)
    etcd.clear()
    keys = [HOSTS + "/{}/workload/{}/{}/endpoint/{}".format(*each) for each in (names, others)]
    for key in keys:
        etcd.put(key, "{}")
    endpoints = at(etcd.endpoint)
    [found] = endpoints.matching(Filter(*names))
    endpoints.edit(found, appended)
    assert etcd.keys() == {keys[0]: '{"profile_ids": ["NEW"]}', keys[1]: "{}"}


def test_edit_gives_up_if_etcd_refuses_without_a_change(etcd: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(edit, "wait", pauses.append)
    etcd.put(KEY, "{}")

    def refuse(request: Request) -> bytes | None:
        if request.method == "GET":
            return request.forward()
        return answer("412 Precondition Failed", COMPARE_FAILED, "application/json")(request)

    with Proxy(etcd) as proxy:
        proxy.since(1, refuse)
        endpoints = at(proxy.authority)
        [found] = endpoints.matching(Filter())
        with pytest.raises(DatastoreError) as caught:
            endpoints.edit(found, appended)
        requests = list(proxy.requests)
    assert caught.value.message == f"etcd refuses every change of {KEY} though nobody else changes it."
    read, write = f"GET /v2/keys{KEY}", f"PUT /v2/keys{KEY}"
    assert requests == [f"GET /v2/keys{HOSTS}", *[write, read] * 19, write]
    # Random waits, increasing up to 1 s
    assert len(pauses) == 19 and all(0 <= pause <= 0.01 * number for number, pause in enumerate(pauses, 1))
    assert etcd.get(KEY) == "{}"
