"""`calicoctl profile PROF tag`, with a real etcd."""

from __future__ import annotations

import json

import pytest

from tests.commands.profiles import PROFILES, new_profile, put_all
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer

# tags


def test_tag_show_keeps_stored_order(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P/tags", '["zeta", "P", "alpha", "a b", "é", "x\\u001b[2J"]')
    assert calicoctl("profile", "P", "tag", "show") == Result(0, "zeta\nP\nalpha\na b\né\nx\\x1b[2J\n", "")


@pytest.mark.parametrize("keys", [{"tags": "[]"}, {"labels": "{}"}])
def test_tag_show_without_tags(calicoctl: Calicoctl, etcd: EtcdServer, keys: dict[str, str]) -> None:
    put_all(etcd, {f"{PROFILES}/P/{part}": value for part, value in keys.items()})
    assert calicoctl("profile", "P", "tag", "show") == Result(0, "", "")


def test_tags_of_hidden_profile(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/_x/tags", '["t"]')
    assert calicoctl("profile", "_x", "tag", "show") == Result(0, "t\n", "")
    assert calicoctl("profile", "_x", "tag", "add", "u") == Result(0, "Tag u added to profile _x\n", "")
    assert etcd.get(f"{PROFILES}/_x/tags") == '["t", "u"]'
    assert calicoctl("profile", "remove", "_x") == Result(0, "Deleted profile _x\n", "")
    assert etcd.get(f"{PROFILES}/_x/tags") is None


def test_tag_add_appends(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    assert calicoctl("profile", "WEB", "tag", "add", "B") == Result(0, "Tag B added to profile WEB\n", "")
    assert calicoctl("profile", "WEB", "tag", "add", "A") == Result(0, "Tag A added to profile WEB\n", "")
    assert etcd.keys() == {**new_profile("WEB"), f"{PROFILES}/WEB/tags": '["WEB", "B", "A"]'}


def test_tag_add_of_existing_tag_writes_nothing(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    index = etcd.index()
    remark = "The profile already had this tag: nothing was written.\n"
    assert calicoctl("profile", "WEB", "tag", "add", "WEB") == Result(0, "Tag WEB added to profile WEB\n", remark)
    assert etcd.index() == index


def test_tag_add_to_profile_without_tags(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P/rules", "{}")
    assert calicoctl("profile", "P", "tag", "add", "A") == Result(0, "Tag A added to profile P\n", "")
    assert etcd.keys() == {f"{PROFILES}/P/rules": "{}", f"{PROFILES}/P/tags": '["A"]'}


def test_tag_edits_keep_stored_invalid_tags(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P/tags", '["a b", "é", "", "a b"]')
    assert calicoctl("profile", "P", "tag", "add", "A") == Result(0, "Tag A added to profile P\n", "")
    assert etcd.get(f"{PROFILES}/P/tags") == '["a b", "\\u00e9", "", "a b", "A"]'
    assert calicoctl("profile", "P", "tag", "remove", "a b") == Result(0, "Tag a b removed from profile P\n", "")
    assert etcd.get(f"{PROFILES}/P/tags") == '["\\u00e9", "", "A"]'
    assert calicoctl("profile", "P", "tag", "remove", "") == Result(0, "Tag  removed from profile P\n", "")
    assert etcd.get(f"{PROFILES}/P/tags") == '["\\u00e9", "A"]'


def test_tag_remove_of_last_tag_leaves_empty_list(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile("WEB"))
    assert calicoctl("profile", "WEB", "tag", "remove", "WEB") == Result(0, "Tag WEB removed from profile WEB\n", "")
    assert etcd.get(f"{PROFILES}/WEB/tags") == "[]"


@pytest.mark.parametrize("tag", ["A", "web", "a b"])
def test_tag_remove_of_missing_tag(calicoctl: Calicoctl, etcd: EtcdServer, tag: str) -> None:
    put_all(etcd, new_profile("WEB"))
    index = etcd.index()
    assert calicoctl("profile", "WEB", "tag", "remove", tag) == Result(1, "", f"Tag {tag} is not on profile WEB\n")
    assert etcd.index() == index


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("", "it is not JSON (Expecting value at line 1, column 1)"),
        ('["WEB"', "it is not JSON (Expecting ',' delimiter at line 1, column 7)"),
        ("{}", "it is not a list of strings"),
        ('["WEB", 1]', "it is not a list of strings"),
        ("null", "it is not a list of strings"),
    ],
)
def test_malformed_tags_are_reported_and_not_changed(
    calicoctl: Calicoctl, etcd: EtcdServer, value: str, cause: str
) -> None:
    etcd.put(f"{PROFILES}/P/tags", value)
    index = etcd.index()
    remedy = "'calicoctl apply -f FILE' of the whole profile, with metadata.tags, replaces them."
    expected = Result(1, "", f"Cannot read {PROFILES}/P/tags: {cause}.  {remedy}\n")
    assert calicoctl("profile", "P", "tag", "show") == expected
    assert calicoctl("profile", "P", "tag", "add", "A") == expected
    assert calicoctl("profile", "P", "tag", "remove", "A") == expected
    assert etcd.index() == index
    document = {"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "P", "tags": ["A"]}}
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(document)).status == 0
    assert calicoctl("profile", "P", "tag", "show") == Result(0, "A\n", "")


def test_directory_in_place_of_tags(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P/tags/x", "[]")
    expected = Result(1, "", f"Cannot read {PROFILES}/P/tags: it is a directory.\n")
    assert calicoctl("profile", "P", "tag", "show") == expected
    assert calicoctl("profile", "P", "tag", "add", "A") == expected
    assert etcd.keys() == {f"{PROFILES}/P/tags/x": "[]"}


def test_key_in_place_of_profile(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    etcd.put(f"{PROFILES}/P", "x")
    complaint = f"Cannot read {PROFILES}/P: it is a value where the profile's directory should be.\n"
    assert calicoctl("profile", "P", "tag", "show") == Result(1, "", complaint)
    assert calicoctl("profile", "P", "tag", "add", "A") == Result(1, "", complaint)


TAG_COMMANDS = [("tag", "show"), ("tag", "add", "T"), ("tag", "remove", "T")]


@pytest.mark.parametrize("command", TAG_COMMANDS)
def test_tags_of_missing_profile(calicoctl: Calicoctl, etcd: EtcdServer, command: tuple[str, ...]) -> None:
    index = etcd.index()
    assert calicoctl("profile", "NOPE", *command) == Result(1, "", "Profile NOPE not found.\n")
    assert etcd.index() == index


def test_names_that_look_like_keywords(calicoctl: Calicoctl) -> None:
    assert calicoctl("profile", "add", "show") == Result(0, "Created profile show\n", "")
    assert calicoctl("profile", "show", "tag", "show") == Result(0, "show\n", "")
    assert calicoctl("profile", "remove", "tag", "show") == Result(1, "", "Profile remove not found.\n")
    assert calicoctl("profile", "add", "rule", "json") == Result(1, "", "Profile add not found.\n")
