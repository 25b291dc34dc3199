"""Keys and how a real etcd interprets them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calicoctl.datastore import keys
from calicoctl.etcd.client import Client
from calicoctl.etcd.settings import Settings
from tests.etcd_server import EtcdServer
from tests.sampling import examples

# Everything that etcd can store, including control characters; lone surrogates are not text.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)


def test_profile_keys() -> None:
    assert keys.PROFILES == "/calico/v1/policy/profile"
    assert keys.HOSTS == "/calico/v1/host"
    assert keys.profile("WEB_1.a-B") == "/calico/v1/policy/profile/WEB_1.a-B"
    assert keys.profile_part("WEB", "rules") == "/calico/v1/policy/profile/WEB/rules"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/"])
def test_names_that_cannot_be_path_segments(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a segment of an etcd key"):
        keys.segment(name)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("a?b", "a%3Fb"), ("%41", "%2541"), ("a b", "a%20b"), ("a#b", "a%23b"), ("é", "%C3%A9"), ("...", "...")],
)
def test_characters_special_in_paths_are_quoted(name: str, quoted: str) -> None:
    assert keys.segment(name) == quoted


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES)
def test_every_name_has_its_own_key_in_etcd(etcd: EtcdServer, name: str) -> None:
    etcd.clear()
    client = Client(Settings([f"http://{etcd.endpoint}"]))
    client.create(keys.profile_part(name, "tags"), "[]")
    directory = client.get(keys.profile(name))
    assert directory is not None
    assert keys.last_segment(directory["key"]) == name
    assert [node["key"] for node in directory["nodes"]] == [f"{keys.PROFILES}/{name}/tags"]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("/calico/v1/host/h/workload/o/w/endpoint/e", ("h", "o", "w", "e")),
        ("/calico/v1/host/h/endpoint/eth0", ("h", None, None, "eth0")),
        ("/calico/v1/host/h/workload/o/w/endpoint/e/x", None),
        ("/calico/v1/host/h/workload/o/w/endpoints/e", None),
        ("/calico/v1/host/h/workload/o/endpoint/e", None),
        ("/calico/v1/host/h/bird_ip", None),
        ("/calico/v1/host/h/config/endpoint", None),
    ],
)
def test_endpoint_name_of_key(key: str, name: tuple[str | None, ...] | None) -> None:
    assert keys.endpoint_names(key) == name
