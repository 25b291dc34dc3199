"""Names and tags that `calicoctl profile` accepts or refuses, and its requests to etcd."""

from __future__ import annotations

import re

import pytest

from tests.commands.profiles import HOSTS, PROFILES, new_profile, put_all, put_endpoint
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy

NAME_REFUSED = """\
Profile names must be < 129 character long and can only contain numbers,
letters, dots, dashes and underscores.
Value provided is '{}'

"""
TAG_REFUSED = """\
Tags names can only contain numbers, letters, dots, dashes and underscores.
Value provided is '{}'; a tag has 1 to 128 characters

"""
BAD_NAMES = ["", ".", "..", "a/b", "a?b", "%41", "WEB\n", "a b", "a#b", "é", "\udcff", "a\x1b[2Jb"]


# Arguments: refused before etcd is read


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize(
    "command",
    [("add", "{}"), ("remove", "{}"), ("remove", "{}", "--no-check"), ("{}", "tag", "show"), ("{}", "rule", "json")],
)
def test_invalid_names(calicoctl: Calicoctl, proxy: Proxy, name: str, command: tuple[str, ...]) -> None:
    shown = {"WEB\n": "WEB\\x0a", "\udcff": "\\udcff", "a\x1b[2Jb": "a\\x1b[2Jb"}.get(name, name)
    result = calicoctl("profile", *(name if word == "{}" else word for word in command))
    assert result == Result(1, "", NAME_REFUSED.format(shown))
    assert proxy.requests == []


@pytest.mark.parametrize("length", [129, 5000])
def test_length_limit_applies_only_to_new_profiles(calicoctl: Calicoctl, proxy: Proxy, length: int) -> None:
    result = calicoctl("profile", "add", "x" * length)
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith(NAME_REFUSED.partition("Value")[0])
    assert proxy.requests == []


LONG = "x" * 300  # legacy accepted it, and so does Felix
COMMANDS_ON_EXISTING_PROFILES = [
    ("tag", "show"), ("tag", "add", "T"), ("tag", "remove", LONG), ("rule", "show"), ("rule", "json"),
    ("rule", "add", "inbound", "deny"), ("rule", "remove", "outbound", "--at=1"), ("rule", "update"),
]  # fmt: skip


def test_existing_profile_with_long_name(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    put_all(etcd, new_profile(LONG))
    for command in COMMANDS_ON_EXISTING_PROFILES:
        document = '{"inbound_rules": [], "outbound_rules": []}'
        result = calicoctl("profile", LONG, *command, stdin=document)
        tally = "Rules added: 0, removed: 2, kept: 0.\n" if command == ("rule", "update") else ""
        assert (result.status, result.stderr) == (0, tally), command
    assert etcd.get(f"{PROFILES}/{LONG}/tags") == '["T"]'
    assert etcd.get(f"{PROFILES}/{LONG}/rules") == document
    assert calicoctl("profile", "remove", LONG) == Result(0, f"Deleted profile {LONG}\n", "")
    assert etcd.keys(f"{PROFILES}/{LONG}") == {}


def test_unknown_profile_with_long_name(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    index = etcd.index()
    removals = [("remove", LONG), ("remove", LONG, "--no-check")]
    for words in [*removals, *((LONG, *command) for command in COMMANDS_ON_EXISTING_PROFILES)]:
        assert calicoctl("profile", *words) == Result(1, "", f"Profile {LONG} not found.\n")
    assert etcd.index() == index


@pytest.mark.parametrize("length", [5000, 100_000])
def test_name_too_long_for_etcd_request(calicoctl: Calicoctl, etcd: EtcdServer, length: int) -> None:
    name = "x" * length
    for words in (("remove", name), (name, "tag", "show"), (name, "rule", "add", "inbound", "deny")):
        result = calicoctl("profile", *words)
        assert (result.status, result.stdout) == (1, "")
        assert re.fullmatch(
            rf"Error accessing etcd at http://{etcd.endpoint} \([^();]*; a name is too long: the key has [0-9,]+ "
            r"bytes, and etcd may take no more than 4,000\)\.\n",
            result.stderr,
        )


@pytest.mark.parametrize("tag", ["", "a b", "a/b", "a,b", "é", "T\n", "x" * 129])
def test_invalid_tags(calicoctl: Calicoctl, proxy: Proxy, tag: str) -> None:
    assert calicoctl("profile", "P", "tag", "add", tag) == Result(1, "", TAG_REFUSED.format(tag.replace("\n", "\\x0a")))
    assert proxy.requests == []


@pytest.mark.parametrize("tag", ["x" * 128, ".", "..", "_x", "show"])
def test_valid_tags(calicoctl: Calicoctl, etcd: EtcdServer, tag: str) -> None:
    put_all(etcd, new_profile("P"))
    assert calicoctl("profile", "P", "tag", "add", tag) == Result(0, f"Tag {tag} added to profile P\n", "")
    assert etcd.get(f"{PROFILES}/P/tags") == f'["P", "{tag}"]'


def test_invalid_name_and_tag_are_reported_together(calicoctl: Calicoctl, proxy: Proxy) -> None:
    result = calicoctl("profile", "a/b", "tag", "add", "c d")
    assert result == Result(1, "", NAME_REFUSED.format("a/b") + TAG_REFUSED.format("c d"))
    assert proxy.requests == []


# Requests

DIRECTORY = f"/v2/keys{PROFILES}/P"


@pytest.mark.parametrize(
    ("command", "requests"),
    [
        (("show",), [f"GET /v2/keys{PROFILES}"]),
        (("show", "--detailed"), [f"GET /v2/keys{PROFILES}", f"GET /v2/keys{HOSTS}"]),
        (
            ("add", "NEW"),
            [
                f"GET /v2/keys{PROFILES}/NEW",
                f"PUT /v2/keys{PROFILES}/NEW/tags",
                f"PUT /v2/keys{PROFILES}/NEW/labels",
                f"PUT /v2/keys{PROFILES}/NEW/rules",
            ],
        ),
        (("add", "P"), [f"GET {DIRECTORY}"]),
        (("remove", "P"), [f"GET {DIRECTORY}", f"GET /v2/keys{HOSTS}", f"DELETE {DIRECTORY}"]),
        (("remove", "P", "--no-check"), [f"GET {DIRECTORY}", f"DELETE {DIRECTORY}"]),
        (("P", "tag", "show"), [f"GET {DIRECTORY}"]),
        (("P", "tag", "add", "T"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/tags"]),
        (("P", "tag", "add", "P"), [f"GET {DIRECTORY}"]),
        (("P", "tag", "remove", "P"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/tags"]),
        (("P", "rule", "show"), [f"GET {DIRECTORY}"]),
        (("P", "rule", "json"), [f"GET {DIRECTORY}"]),
        (("P", "rule", "add", "inbound", "deny"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/rules"]),
        (("P", "rule", "add", "outbound", "allow"), [f"GET {DIRECTORY}"]),
        (("P", "rule", "remove", "inbound", "--at=1"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/rules"]),
        (("P", "rule", "remove", "outbound", "allow"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/rules"]),
        (("P", "rule", "update"), [f"GET {DIRECTORY}", f"PUT {DIRECTORY}/rules"]),
        (("--help",), []),
    ],
)
def test_requests_to_etcd(
    calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy, command: tuple[str, ...], requests: list[str]
) -> None:
    put_all(etcd, new_profile("P"))
    for name in ("Q", "R"):
        put_all(etcd, new_profile(name))
        put_endpoint(etcd, "h", "w", name, name)
    result = calicoctl("profile", *command, stdin='{"inbound_rules": [], "outbound_rules": []}')
    assert result.status == 0
    assert proxy.requests == requests
