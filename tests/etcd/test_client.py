"""Operations of the client with a real etcd, also with lost replies and unrelated answers."""

from __future__ import annotations

import threading

import pytest

from calicoctl.datastore import keys
from calicoctl.etcd.answers import is_node
from calicoctl.etcd.errors import Conflict, DatastoreError
from tests.conftest import Calicoctl, Result
from tests.etcd.clients import EMPTY_TABLE, KEY, NOT_KNOWN, client_of
from tests.etcd_server import EtcdServer
from tests.proxy import Behaviour, Proxy, Request, answer_raw, drop_reply, drop_request

# Operations


def test_get(etcd: EtcdServer) -> None:
    etcd.put("/test/a/b", "x")
    client = client_of(etcd.endpoint)
    tree = client.get("/test", recursive=True)
    assert tree is not None
    assert tree["nodes"][0]["nodes"][0]["value"] == "x"
    listing = client.get("/test")
    assert listing is not None
    assert listing["nodes"] == [{key: value for key, value in tree["nodes"][0].items() if key != "nodes"}]
    assert client.index == etcd.index()


def test_get_missing_key(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    assert client.get(KEY) is None
    assert client.index == etcd.index()


def test_quorum_read_is_one_request(etcd: EtcdServer, proxy: Proxy) -> None:
    asked = []

    def look(request: Request) -> bytes | None:
        asked.append(request.query)
        return request.forward()

    proxy.since(1, look)
    client_of(proxy.authority).get(KEY, quorum=True)
    client_of(proxy.authority).get(KEY, recursive=True)
    assert asked == ["quorum=true", "recursive=true"]


def test_create(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    client.create(KEY, "ä & = % + \n \x00")
    assert etcd.get(KEY) == "ä & = % + \n \x00"
    with pytest.raises(Conflict):
        client.create(KEY, "other")
    assert etcd.get(KEY) == "ä & = % + \n \x00"


def test_swap(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    etcd.put(KEY, "old")
    index = etcd.index()
    client.swap(KEY, "new", index)
    assert etcd.get(KEY) == "new"
    with pytest.raises(Conflict):
        client.swap(KEY, "newer", index)
    assert etcd.get(KEY) == "new"


@pytest.mark.parametrize(("field", "echo"), [(b"noValueOnSuccess", False), (b"unknownToOldEtcd", True)])
def test_only_old_etcd_returns_value(etcd: EtcdServer, proxy: Proxy, field: bytes, echo: bool) -> None:
    replies = []

    def by_version(request: Request) -> bytes:
        request.body = request.body.replace(b"noValueOnSuccess", field)
        replies.append(request.forward())
        return replies[-1]

    proxy.since(1, by_version)
    client = client_of(proxy.authority)
    client.create(KEY, "old" * 1000)
    client.swap(KEY, "new" * 1000, etcd.index())
    assert etcd.get(KEY) == "new" * 1000
    assert [b"oldold" in reply for reply in replies] == [echo, echo]
    assert [b"newnew" in reply for reply in replies] == [False, echo]


def test_swap_deleted_key(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    etcd.put(KEY, "old")
    index = etcd.index()
    etcd.delete(KEY)
    with pytest.raises(Conflict):
        client.swap(KEY, "new", index)
    assert etcd.get(KEY) is None


def test_swap_returns_index_of_own_change_during_other_writes(etcd: EtcdServer) -> None:
    etcd.put(KEY, "0")
    index: int | None = etcd.index()
    over = threading.Event()

    def write_others() -> None:
        while not over.is_set():
            etcd.put("/test/other", "x")

    others = threading.Thread(target=write_others)
    others.start()
    try:
        for number in range(100):
            client = client_of(etcd.endpoint)
            assert index is not None
            index = client.swap(KEY, str(number), index)  # another change's index would cause a Conflict
    finally:
        over.set()
        others.join()
    node = client_of(etcd.endpoint).get(KEY)
    assert node is not None
    assert (node["modifiedIndex"], node["value"]) == (index, "99")


def test_swap_returns_index_of_own_change_after_lost_reply(etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(KEY, "old")

    def lose_and_change(request: Request) -> bytes | None:
        request.forward()
        etcd.put(KEY, "of others")
        return None

    proxy.at(1, lose_and_change)
    index = etcd.index()
    assert client_of(proxy.authority).swap(KEY, "new", index) == index + 1
    assert etcd.get(KEY) == "of others"


def test_swap_returns_index_without_header_of_etcd(etcd: EtcdServer, proxy: Proxy) -> None:
    etcd.put(KEY, "old")
    index = etcd.index()
    proxy.since(1, lambda request: request.forward().replace(b"X-Etcd-Index", b"X-Other-Name"))
    assert client_of(proxy.authority).swap(KEY, "new", index) == index + 1


def test_create_returns_index_of_own_change(etcd: EtcdServer, proxy: Proxy) -> None:
    index = etcd.index() or 0
    assert client_of(proxy.authority).create(KEY, "new") == index + 1
    proxy.since(1, lambda request: request.forward().replace(b"X-Etcd-Index", b"X-Other-Name"))
    assert client_of(proxy.authority).create(f"{KEY}2", "new") == index + 2


@pytest.mark.parametrize("afterwards", ["of others", "", None])
def test_create_after_lost_reply_and_earlier_removal(etcd: EtcdServer, proxy: Proxy, afterwards: str | None) -> None:
    """The earlier removal of the directory must not make the client take the key for another writer's."""
    client = client_of(proxy.authority)
    etcd.put(f"{KEY}/other", "x")
    client.get(KEY)
    index = client.index

    def remove_create_and_lose(request: Request) -> bytes | None:
        etcd.delete(KEY)
        request.forward()
        if afterwards is not None:
            etcd.put(f"{KEY}/new", afterwards)
        return None

    proxy.at(2, remove_create_and_lose)
    assert client.create(f"{KEY}/new", "x") == index + 2
    assert etcd.get(f"{KEY}/new") == ("x" if afterwards is None else afterwards)


def test_create_conflicts_with_key_of_others_after_lost_reply(etcd: EtcdServer, proxy: Proxy) -> None:
    client = client_of(proxy.authority)
    etcd.put(f"{KEY}/other", "x")
    client.get(KEY)

    def lose_and_create_by_others(request: Request) -> bytes | None:
        etcd.delete(KEY)
        etcd.put(f"{KEY}/new", "of others")
        return None

    proxy.at(2, lose_and_create_by_others)
    with pytest.raises(Conflict):
        client.create(f"{KEY}/new", "x")
    assert etcd.get(f"{KEY}/new") == "of others"


@pytest.mark.parametrize("behaviour", [drop_request, drop_reply])
def test_delete_after_lost_reply_keeps_key_created_since(etcd: EtcdServer, proxy: Proxy, behaviour: Behaviour) -> None:
    etcd.put(KEY, "x")
    index = etcd.index() or 0

    def lose_and_recreate(request: Request) -> bytes | None:
        behaviour(request)
        if behaviour is drop_request:
            etcd.delete(KEY)
        etcd.put(KEY, "of others")
        return None

    proxy.at(1, lose_and_recreate)
    client_of(proxy.authority).delete(KEY, index)
    assert etcd.get(KEY) == "of others"


def test_delete_tree(etcd: EtcdServer) -> None:
    client = client_of(etcd.endpoint)
    etcd.put(KEY, "x")
    node = client.get("/test")
    assert node is not None
    assert client.delete_tree("/test", node) is True
    assert etcd.keys() == {}
    assert client.delete_tree("/test", node) is False


# Answers about a different key or value; a real etcd provides the keys and values


@pytest.mark.parametrize("name", ["a%2fb", "a%25b", "%", "é", "a b+c", "a\x00\x1b", "\udcff", "\ud800x", "...", "日本"])
def test_answer_about_requested_key_is_accepted(etcd: EtcdServer, proxy: Proxy, name: str) -> None:
    def as_of_old(request: Request) -> bytes:
        request.body = request.body.replace(b"noValueOnSuccess", b"unknownToOldEtcd")
        return request.forward()

    for authority in (etcd.endpoint, proxy.authority):
        proxy.since(1, as_of_old)
        client = client_of(authority)
        directory = f"/test/{keys.segment(name)}"
        key = f"{directory}/{keys.segment(name)}"
        client.create(key, "%26 & = + ä \n")
        node = client.get(key)
        assert node is not None
        assert node["value"] == "%26 & = + ä \n"
        client.swap(key, "new", node["modifiedIndex"])
        assert client._first_event(key, client.index, False) is not None
        client.put(key, "{}")
        tree = client.get("/test", recursive=True)
        assert tree is not None
        [[found]] = [each["nodes"] for each in tree["nodes"]]
        client.delete(key, found["modifiedIndex"])
        assert client._first_event(key, client.index, False) is not None
        client.create(key, "")
        assert client.delete_tree(directory, {"createdIndex": 0}) is True
        # The event belongs to the directory.
        event = client._first_event(key, client.index, False)
        assert event is not None
        assert event["node"]["key"] == found["key"].rpartition("/")[0]
        assert client.get(key) is None


def changed(old: str, new: str) -> Behaviour:
    """Return etcd's answer with a text replaced; the text must occur."""

    def behaviour(request: Request) -> bytes:
        request.body = request.body.replace(b"noValueOnSuccess", b"unknownToOldEtcd")
        head, _, body = request.forward().partition(b"\r\n\r\n")
        assert old.encode() in body
        assert len(old) == len(new)
        return head + b"\r\n\r\n" + body.replace(old.encode(), new.encode())

    return behaviour


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ('"/test/key"', '"/test/kez"', "its answer is about another key, /test/kez"),
        ('"compareAndSwap"', '"compareAndSwop"', "its answer is about another action"),
        ('"new"', '"old"', "its answer has a different value from the one written"),
        ('"node"', '"Node"', "its answer has no node"),
    ],
)
def test_write_with_unrelated_answer(etcd: EtcdServer, proxy: Proxy, old: str, new: str, cause: str) -> None:
    etcd.put(KEY, "was")
    index = etcd.index()
    proxy.at(1, changed(old, new))
    client = client_of(proxy.authority)
    client.swap(KEY, "new", index)  # the key's history shows that the write was applied
    assert (etcd.get(KEY), etcd.index()) == ("new", index + 1)
    proxy.reset()
    proxy.at(1, changed(old, new))
    proxy.since(2, drop_request)
    with pytest.raises(DatastoreError) as raised:
        client.swap(KEY, "new", index + 1)
    assert raised.value.message == f"Error accessing etcd at http://{proxy.authority} ({cause}).  {NOT_KNOWN}"


@pytest.mark.parametrize(
    ("key", "good"),
    [("/test/b", True), ("/test/.b", True), ("/test", False), ("/test/", False), ("/test/b/c", False),
     ("/testb", False), ("/b", False), ("b", False), ("", False), ("/test/.", False), ("/test/..", False)],
)  # fmt: skip
def test_children_must_be_below_their_directory(key: str, good: bool) -> None:
    child = {"key": key, "value": "", "modifiedIndex": 1}
    tree = {"key": "/test", "dir": True, "nodes": [child], "modifiedIndex": 1}
    assert is_node(child)
    assert is_node(tree) is good
    assert is_node({"key": "", "dir": True, "nodes": [tree], "modifiedIndex": 1}) is good


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 21, "-1", "", "\xb2", "1_0"])
def test_invalid_index_is_ignored(calicoctl: Calicoctl, proxy: Proxy, number: str) -> None:
    body = '{"action": "get", "node": {"key": "/calico/v1/policy/profile", "dir": true, "modifiedIndex": 1}}'
    head = f"HTTP/1.1 200 OK\r\nX-Etcd-Index: {number}\r\nConnection: close\r\n\r\n"
    proxy.since(1, answer_raw((head + body).encode("latin-1")))
    result = calicoctl("profile", "show", env={"ETCD_AUTHORITY": proxy.authority})
    assert result == Result(0, EMPTY_TABLE, "")
