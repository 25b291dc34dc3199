"""calicoq endpoint, host, policy and eval: order, numbers, names, labels, and data that is not as it should be."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from calicoctl.calicoq.formats import _pretty
from tests.calicoq.conftest import Calicoq, Store
from tests.sampling import examples

HEADING = "Policies that match each endpoint:\n"


def policies(calicoq: Calicoq, name: str = "") -> list[str]:
    """Return the lines of the policies of the one endpoint that a name means, without their indentation."""
    lines = calicoq("endpoint", name, "-rs").stdout.splitlines()
    assert sum("endpoint " in line for line in lines) == 1
    return [line.strip() for line in lines if line.startswith("    ") and not line.startswith("    Profile")]


def rule_matches(calicoq: Calicoq, name: str = "") -> list[str]:
    lines = calicoq("endpoint", name).stdout.partition("  Rule matches:\n")[2].splitlines()
    return [line.strip() for line in lines]


def titles(calicoq: Calicoq, *arguments: str) -> list[str]:
    return [line for line in calicoq(*arguments).stdout.splitlines()[1:] if line and not line.startswith(" ")]


class TestEndpoints:
    def test_nothing_matches(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/some/e")
        nobody = ' in its full name, <host>/<orchestrator>/<workload>/<endpoint>.'
        assert calicoq("endpoint", "nobody") == (1, "", f'No endpoint has "nobody"{nobody}\n')
        assert calicoq("endpoint", "sone") == (1, "", f'No endpoint has "sone"{nobody} Did you mean some?\n')

    def test_there_are_none(self, store: Store, calicoq: Calicoq) -> None:
        assert calicoq("endpoint", "") == (0, HEADING, "")

    def test_an_unknown_host(self, store: Store, calicoq: Calicoq) -> None:
        store.put("host/host-1/bird_ip", "192.0.2.1")
        store.host_endpoint("host-2/up")
        assert calicoq("host", "host-1") == (0, HEADING, "")
        assert calicoq("host", "nope") == (1, "", "Host nope is unknown to Calico.\n")
        unknown = "Host host1 is unknown to Calico. Did you mean host-1 or host-2?\n"
        assert calicoq("host", "host1", "-o", "json") == (1, "", unknown)

    def test_an_endpoint_with_nothing(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e")
        assert calicoq("endpoint", "") == (0, HEADING + "\nWorkload endpoint k8s/w/e\n  Policies:\n", "")

    def test_the_substring_is_of_the_full_name_and_nothing_else(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("host-a/k8s/web/eth0", name="cali-web")
        store.host_endpoint("host-b/uplink", name="eth1")
        assert titles(calicoq, "endpoint", "host-a/k8s/web/eth0") == ["Workload endpoint k8s/web/eth0"]
        assert titles(calicoq, "endpoint", "b/up") == ["Host endpoint uplink"]
        for substring in ("Host endpoint", "endpoint", "cali-", "/host-", "eth0/", "eth1", "WEB"):
            assert titles(calicoq, "endpoint", substring) == [], substring

    def test_order_by_title_then_host(self, store: Store, calicoq: Calicoq) -> None:
        for name in ("h2/k8s/a/e", "h1/k8s/a/e", "h1/k8s/B/e", "h1/k8s/10/e", "h1/k8s/9/e"):
            store.workload(name, profile_ids=[name[:2]])
        store.host_endpoint("h9/zz")
        listing = calicoq("endpoint", "").stdout
        assert [line for line in listing.splitlines() if "endpoint " in line or "Profile h" in line] == [
            "Host endpoint zz",
            "Workload endpoint k8s/10/e", "    Profile h1",
            "Workload endpoint k8s/9/e", "    Profile h1",
            "Workload endpoint k8s/B/e", "    Profile h1",
            "Workload endpoint k8s/a/e", "    Profile h1",
            "Workload endpoint k8s/a/e", "    Profile h2",
        ]  # fmt: skip

    def test_host_takes_the_whole_name(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("host1/k8s/a/e")
        store.workload("host11/k8s/b/e")
        store.host_endpoint("host1/up")
        assert titles(calicoq, "host", "host1") == ["Host endpoint up", "Workload endpoint k8s/a/e"]
        assert titles(calicoq, "host", "host") == []

    def test_profiles_keep_their_order_unknown_and_twice(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e", profile_ids=["z", "a", "z"])
        assert calicoq("endpoint", "").stdout.endswith("  Profiles:\n    Profile z\n    Profile a\n    Profile z\n")

    def test_the_old_single_profile(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e", profile_ids=None, profile_id="old")
        assert calicoq("endpoint", "").stdout.endswith("  Profiles:\n    Profile old\n")

    def test_escaped_names(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h%2f1/k8s/ns%2fpod/e%25 0", profile_ids=["kns/default"], labels={"ns": "default"})
        store.put("policy/profile/kns%2fdefault/labels", {"ns": "default"})
        store.policy("team%2fweb", "ns == 'default'", tier="a%2fb")
        store.tier("a%2fb", order=1)
        result = calicoq("endpoint", "h%2f1/k8s/ns/pod/e% 0")
        assert [line.split(":")[1] for line in result.stderr.splitlines()] == [
            " Felix refuses /calico/v1/policy/profile/kns%2fdefault/labels",
            " Felix refuses /calico/v1/policy/tier/a%2fb/metadata",
            " Felix refuses /calico/v1/policy/tier/a%2fb/policy/team%2fweb",
            " Felix refuses Workload endpoint h%2f1/k8s/ns/pod/e% 0",
        ]
        assert result._replace(stderr="") == (
            0,
            f"{HEADING}\nWorkload endpoint k8s/ns/pod/e% 0\n  Policies:\n"
            '    WARNING: tier "a/b" metadata missing; packets will skip tier\n'
            '    Tier "a/b" (order missing) Policy "team/web" (order default; selector "ns == \'default\'")\n'
            "  Profiles:\n    Profile kns/default\n",
            "",
        )

    def test_control_characters_do_not_reach_the_terminal(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w\x1b[2J/e", profile_ids=["p\n"])
        store.policy("x", "a != '\x07'")
        output = calicoq("endpoint", "").stdout
        assert "Workload endpoint k8s/w\\x1b[2J/e" in output
        assert "    Profile p\\x0a\n" in output
        assert "selector \"a != '\\x07'\"" in output


class TestPolicies:
    @pytest.fixture(autouse=True)
    def endpoint(self, store: Store) -> None:
        store.workload("h/k8s/w/e", labels={"a": "b"})

    def test_order(self, store: Store, calicoq: Calicoq) -> None:
        by_name: dict[str, dict[str, Any]] = {
            "zero": {"order": 0}, "minus": {"order": -1.5}, "tenth": {"order": 0.1}, "a": {"order": 5},
            "B": {"order": 5.0}, "none": {}, "null": {"order": None}, "word": {"order": "default"},
            "late": {"order": 2, "untracked": True},
        }  # fmt: skip
        for name, fields in by_name.items():
            store.policy(name, **fields)
        assert policies(calicoq) == [
            'Policy "late" (order 2) [untracked]', 'Policy "minus" (order -1.5)', 'Policy "zero" (order 0)',
            'Policy "tenth" (order 0.1)', 'Policy "B" (order 5)', 'Policy "a" (order 5)',
            'Policy "none" (order default)', 'Policy "null" (order default)', 'Policy "word" (order default)',
        ]  # fmt: skip

    def test_tiers(self, store: Store, calicoq: Calicoq) -> None:
        store.tier("sec", order=10)
        store.tier("early", order=5)
        store.tier("last")
        for tier in ("sec", "early", "last", "lost", "default"):
            store.policy("p", tier=tier, order=1)
        store.policy("raw", tier="lost", untracked=True)
        warning = 'WARNING: tier "lost" metadata missing; packets will skip tier'
        assert policies(calicoq) == [
            warning, 'Tier "lost" (order missing) Policy "raw" (order default) [untracked]',
            'Tier "early" (order 5) Policy "p" (order 1)',
            'Tier "sec" (order 10) Policy "p" (order 1)',
            'Policy "p" (order 1)',
            'Tier "last" (order default) Policy "p" (order 1)',
            warning, 'Tier "lost" (order missing) Policy "p" (order 1)',
        ]  # fmt: skip

    def test_names_are_quoted_as_go_does_and_selectors_as_stored(self, store: Store, calicoq: Calicoq) -> None:
        store.policy('we"ird\\', 'has( a )  && a == "b"')
        store.policy("café", "")
        assert calicoq("endpoint", "").stdout.splitlines()[4:6] == [
            '    Policy "café" (order default; selector "")',
            '    Policy "we\\"ird\\\\" (order default; selector "has( a )  && a == "b"")',
        ]


class TestLabels:
    def test_own_before_the_last_profile(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e", labels={"own": "1"}, profile_ids=["none", "first", "second"])
        store.profile("first", labels={"own": "2", "inherited": "first"})
        store.profile("second", labels={"inherited": "second", "late": "second"})
        store.profile("other", labels={"other": "x"})
        for selector in ("own == '1'", "inherited == 'second'", "late == 'second'", "!has(other)"):
            assert len(calicoq("eval", selector).stdout.splitlines()) == 2, selector
        for selector in ("own == '2'", "inherited == 'first'", "has(other)"):
            assert len(calicoq("eval", selector).stdout.splitlines()) == 1, selector

    def test_the_first_profile_with_felix_2(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e", profile_ids=["first", "second"])
        store.workload("h/k8s/x/e", profile_ids=["first"])
        store.profile("first", labels={"role": "first"}, tags=["TAG"])
        store.profile("second", labels={"role": "second"})
        store.policy("p", "role == 'first'")
        store.policy("q", "has(other)", outbound=[{"dst_selector": "role == 'second'"}])
        one = (
            "Note: Felix 2 (--felix=2) decides otherwise about h/k8s/w/e: of one label in several profiles it takes "
            "the first profile's, and to it a tag is a label without a value.\n"
        )
        other = (
            "Note: Felix 1.4 (--felix=1) decides otherwise about h/k8s/w/e: of one label in several profiles it takes "
            "the last profile's, and to it a tag is no label.\n"
        )
        for command in (("endpoint", "w/e"), ("host", "h"), ("policy", "p"), ("policy", "q")):
            assert calicoq(*command).stderr == one
            assert calicoq(*command, "--felix=2").stderr == other
        assert calicoq("endpoint", "x/e").stderr == ""
        assert '"p"' not in calicoq("endpoint", "w/e").stdout
        assert '"p"' in calicoq("endpoint", "w/e", "--felix=2").stdout
        assert calicoq("eval", "role == 'first'") == (
            0, "Endpoints matching selector role == 'first':\n  Workload endpoint h/k8s/x/e\n", one
        )  # fmt: skip

    def test_a_tag_is_a_label_to_felix_2(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e", profile_ids=["web"])
        store.profile("web", tags=["WEB"])
        store.policy("p", "WEB == ''")
        for command in (("endpoint", ""), ("eval", "WEB == ''")):
            assert "Felix 2 (--felix=2) decides otherwise about h/k8s/w/e" in calicoq(*command).stderr
        assert '"p"' in calicoq("endpoint", "", "--felix=2").stdout

    def test_the_default_tier_needs_no_metadata_with_felix_2(self, store: Store, calicoq: Calicoq) -> None:
        store.etcd.delete("/calico/v1/policy/tier/default/metadata")
        store.workload("h/k8s/w/e")
        store.policy("p")
        assert "WARNING" in calicoq("endpoint", "").stdout
        assert "WARNING" not in calicoq("endpoint", "", "--felix=2").stdout
        assert (calicoq("policy", "p").stderr == "", calicoq("policy", "p", "--felix=2").stderr == "") == (False, True)

    def test_tags_are_no_labels(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e", profile_ids=["web"])
        store.profile("web", tags=["WEB"])
        assert calicoq("eval", "has(WEB)").stdout == "Endpoints matching selector has(WEB):\n"

    def test_null_labels(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e", labels=None)
        assert calicoq("eval", "!has(a)").stdout == (
            "Endpoints matching selector !has(a):\n  Workload endpoint h/k8s/w/e\n"
        )


class TestRuleMatches:
    def test_rules_of_policies_and_profiles(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e", labels={"a": "1"}, profile_ids=["web"])
        store.profile(
            "web", tags=["WEB"], inbound=[{"src_tag": "WEB"}, {"src_tag": "DB"}], outbound=[{"!dst_tag": "WEB"}]
        )
        store.profile("unused", inbound=[{}, {"src_selector": "has(a)", "dst_tag": "WEB"}])
        store.policy("p", "has(b)", tier="x", inbound=[{"!src_selector": "all()", "dst_selector": "a in {'1','2'}"}])
        store.policy("q", "has(b)", outbound=[{"dst_tag": "WEB"}])
        assert rule_matches(calicoq) == [
            'Policy "p" inbound rule 1 !source match; selector "all()"',
            "Policy \"p\" inbound rule 1 destination match; selector \"a in {'1','2'}\"",
            'Policy "q" outbound rule 1 destination match; tag "WEB"',
            'Profile "unused" inbound rule 2 destination match; tag "WEB"',
            'Profile "unused" inbound rule 2 source match; selector "has(a)"',
            'Profile "web" inbound rule 1 source match; tag "WEB"',
            'Profile "web" outbound rule 1 !destination match; tag "WEB"',
        ]

    def test_rule_numbers_sort_as_numbers(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e")
        store.policy("p", "has(b)", inbound=[{"src_selector": "all()"}] * 11)
        assert rule_matches(calicoq) == [
            f'Policy "p" inbound rule {number} source match; selector "all()"' for number in range(1, 12)
        ]

    def test_one_line_for_two_tiers_but_two_in_the_document(self, store: Store, calicoq: Calicoq) -> None:
        store.workload("h/k8s/w/e")
        for tier in ("a", "b"):
            store.policy("p", "has(x)", tier=tier, inbound=[{"src_selector": "all()"}])
        assert rule_matches(calicoq) == ['Policy "p" inbound rule 1 source match; selector "all()"']
        (document,) = json.loads(calicoq("endpoint", "", "-o", "json").stdout)
        assert [match["tier_name"] for match in document["endpoints"][0]["rule_matches"]] == ["a", "b"]


class TestPolicy:
    @pytest.fixture(autouse=True)
    def endpoints(self, store: Store) -> None:
        store.workload("h/k8s/web/e", labels={"role": "web"}, profile_ids=["web"])
        store.workload("h/k8s/db/e", labels={"role": "db"})
        store.host_endpoint("h/up", labels={"role": "db"})
        store.profile("web", tags=["WEB"])

    def test_whom_it_selects_and_names(self, store: Store, calicoq: Calicoq) -> None:
        inbound = [{"src_selector": "role == 'web'"}, {"src_tag": "WEB"}]
        store.policy("db", "role == 'db'", inbound=inbound)
        assert calicoq("policy", "db") == (
            0,
            "Policy db applies to these endpoints:\n"
            "  Host endpoint h/up; selector \"role == 'db'\"\n"
            "  Workload endpoint h/k8s/db/e; selector \"role == 'db'\"\n"
            "\n"
            "Endpoints matching policy db rules:\n"
            "  Workload endpoint h/k8s/web/e\n"
            "    inbound rule 1 source match; selector \"role == 'web'\"\n"
            '    inbound rule 2 source match; tag "WEB"\n',
            "",
        )
        assert calicoq("policy", "db", "-rs").stdout == (
            "Policy db applies to these endpoints:\n  Host endpoint h/up\n  Workload endpoint h/k8s/db/e\n"
        )

    def test_the_empty_selector_selects_all(self, store: Store, calicoq: Calicoq) -> None:
        store.policy("all", "")
        assert len(calicoq("policy", "all", "-r").stdout.splitlines()) == 4

    def test_one_name_in_two_tiers(self, store: Store, calicoq: Calicoq) -> None:
        store.policy("p", "has(nothing)")
        store.policy("p", "has(nothing)", tier="sec")
        store.tier("sec", order=1)
        assert calicoq("policy", "p").stdout == (
            'Tier "sec" Policy "p" applies to these endpoints:\n\nEndpoints matching Tier "sec" Policy "p" rules:\n\n'
            "Policy p applies to these endpoints:\n\nEndpoints matching policy p rules:\n"
        )

    def test_no_such_policy(self, store: Store, calicoq: Calicoq) -> None:
        assert calicoq("policy", "nosuch") == (1, "", "Policy nosuch not found.\n")

    def test_as_a_document(self, store: Store, calicoq: Calicoq) -> None:
        store.policy("db", "role == 'db'", inbound=[{"src_tag": "WEB"}])
        (document,) = yaml.safe_load(calicoq("policy", "db", "-o", "yaml").stdout)
        assert document == {
            "policy_name": "db",
            "tier_name": "default",
            "tier_order": "default",
            "selector": "role == 'db'",
            "applies_to": [
                {"node": "h", "name": "up"},
                {"node": "h", "orchestrator": "k8s", "workload": "db", "name": "e"},
            ],
            "rule_matches": [
                {
                    "node": "h", "orchestrator": "k8s", "workload": "web", "name": "e",
                    "rules": [{"direction": "inbound", "order": 1, "selector_type": "source", "tag": "WEB"}],
                }
            ],
        }  # fmt: skip


class TestEval:
    def test_order(self, store: Store, calicoq: Calicoq) -> None:
        for name in ("h2/k8s/a/e", "h1/k8s/b/e"):
            store.workload(name)
        store.host_endpoint("h3/up")
        assert calicoq("eval", "all()") == (
            0,
            "Endpoints matching selector all():\n"
            "  Host endpoint h3/up\n  Workload endpoint h1/k8s/b/e\n  Workload endpoint h2/k8s/a/e\n",
            "",
        )

    @pytest.mark.parametrize(
        ("selector", "message"),
        [
            ("a = 'b'", "Invalid selector: \"a = 'b'\". expected == at column 3.\n"),
            ('a == "b', 'Invalid selector: "a == \\"b". string without closing " at column 6.\n'),
        ],
    )
    def test_no_selector(self, calicoq: Calicoq, selector: str, message: str) -> None:
        assert calicoq("eval", selector) == (1, "", message)

    def test_a_bad_policy_is_no_matter_here(self, store: Store, calicoq: Calicoq) -> None:
        store.put("policy/tier/default/policy/bad", "{")
        assert calicoq("eval", "all()") == (0, "Endpoints matching selector all():\n", "")


BAD_OBJECTS = [
    ("host/h/workload/k8s/bad/endpoint/e", "{", "it is not JSON"),
    ("host/h/workload/k8s/bad/endpoint/e", [], "it is not a JSON object"),
    ("host/h/workload/k8s/bad/endpoint/e", {"profile_ids": 5}, "profile_ids is not a list of strings"),
    ("host/h/workload/k8s/bad/endpoint/e", {"labels": {"a": 1}}, 'label "a" is not a string'),
    ("host/h/workload/k8s/bad/endpoint/e", {"mac": "ca:fe"}, "mac is not a MAC address"),
    ("host/h/workload/k8s/bad/endpoint/e", {"ipv4_nets": ["x"]}, '"x" is not an address'),
    ("host/h/endpoint/bad", {"labels": []}, "labels are not an object"),
    ("policy/tier/default/policy/bad", "{", "Expecting property name"),
    ("policy/tier/default/policy/bad", {"selector": "a = b"}, "selector: expected == at column 3"),
    ("policy/tier/default/policy/bad", {"selector": 1}, "selector is not a string"),
    ("policy/tier/default/policy/bad", {"selector": "", "order": "soon"}, "order is not a number"),
    (
        "policy/tier/default/policy/bad",
        {"selector": "", "inbound_rules": [{}, {"src_selector": "a == b"}]},
        "inbound rule 2: src_selector: expected a string after == at column 6",
    ),
    (
        "policy/tier/default/policy/bad",
        {"selector": "", "outbound_rules": [{"dst_net": "nonsense"}]},
        "outbound rule 1: dst_net is not a network",
    ),
    ("policy/tier/bad/metadata", {"order": "soon"}, "order is not a number"),
    ("policy/tier/bad/metadata", "[]", "it is not a JSON object"),
    ("policy/profile/bad/labels", {"a": None}, 'label "a" is not a string'),
    ("policy/profile/bad/tags", {}, "it is not a list of strings"),
    ("policy/profile/bad/rules", {"inbound_rules": [{"src_tag": 5}]}, "inbound rule 1: src_tag is not a string"),
    ("policy/profile/bad/rules", {"inbound_rules": None}, "inbound_rules is not a list of objects"),
]


@pytest.mark.parametrize(("key", "value", "reason"), BAD_OBJECTS)
def test_what_cannot_be_read_is_reported_and_left_out(
    store: Store, calicoq: Calicoq, key: str, value: object, reason: str
) -> None:
    store.workload("h/k8s/good/e")
    store.policy("good")
    whole = store.put(key, value)
    result = calicoq("endpoint", "")
    assert result.status == 1
    assert result.stdout == (
        f'{HEADING}\nWorkload endpoint k8s/good/e\n  Policies:\n    Policy "good" (order default; selector "all()")\n'
    )
    assert result.stderr.startswith(f"Cannot read {whole}: ")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host/h/workload/k8s/x/endpoint/e/extra", "x"),
        ("host/h/workload/k8s/x/endpoint", "x"),
        ("policy/profile/x/notes", "{"),
        ("policy/tier/default/policy/a/b", "{"),
        ("config/LogFilePath", "none"),
        ("ipam/v4/pool/10.0.0.0-8", "{"),
        ("host/h/bird_ip", "x"),
        ("unknown", "x"),
    ],
)
def test_other_keys_are_passed_over(store: Store, calicoq: Calicoq, key: str, value: str) -> None:
    store.put(key, value)
    assert calicoq("endpoint", "") == (0, HEADING, "")


def test_an_inactive_endpoint_and_one_without_a_mac_are_listed(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/k8s/a/e", state="inactive", mac=None)
    assert titles(calicoq, "endpoint", "") == ["Workload endpoint k8s/a/e"]


@pytest.mark.parametrize(("value", "found"), [(None, "does not exist"), ("false", 'is "false"'), ("True", 'is "True"')])
@pytest.mark.parametrize("command", [("endpoint", ""), ("host", "h"), ("eval", "all()")])
def test_not_ready_is_a_warning(
    store: Store, calicoq: Calicoq, value: str | None, found: str, command: tuple[str, str]
) -> None:
    if value is None:
        store.etcd.delete("/calico/v1/Ready")
    else:
        store.etcd.put("/calico/v1/Ready", value)
    store.put("host/h/bird_ip", "192.0.2.1")
    result = calicoq(*command)
    assert result.status == 0
    assert result.stderr == (
        f'Warning: /calico/v1/Ready {found}, not "true": Felix applies nothing of this until it is.\n'
    )


def test_an_empty_datastore(store: Store, calicoq: Calicoq) -> None:
    store.etcd.clear()
    assert calicoq("endpoint", "")[:2] == (0, HEADING)


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_documents_hold_all_that_the_text_has(store: Store, calicoq: Calicoq, output: str) -> None:
    store.workload("h/k8s/w/e", labels={"a": "1"}, profile_ids=["web"])
    store.host_endpoint("h/up", labels={"a": "1"})
    store.profile("web", tags=["WEB"], inbound=[{"src_tag": "WEB"}])
    store.policy("lost", "a == '1'", tier="x", order=1_000_000, untracked=True)
    result = calicoq("endpoint", "", "--output", output)
    document = json.loads(result.stdout) if output == "json" else yaml.safe_load(result.stdout)
    policy = {
        "name": "lost", "order": "1e+06", "selector": "a == '1'",
        "tier_name": "x", "tier_order": "missing", "untracked": True,
    }  # fmt: skip
    tag = {"profile_name": "web", "direction": "inbound", "order": 1, "selector_type": "source", "tag": "WEB"}
    assert document == [
        {
            "description": "Policies that match each endpoint",
            "endpoints": [
                {"node": "h", "name": "up", "policies": [policy], "profiles": [], "rule_matches": []},
                {
                    "node": "h", "orchestrator": "k8s", "workload": "w", "name": "e",
                    "policies": [policy], "profiles": [{"name": "web"}], "rule_matches": [tag],
                },
            ],
        }
    ]  # fmt: skip
    assert result.status == 0


def test_documents_without_what_is_hidden(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/k8s/w/e")
    store.policy("p", inbound=[{"src_selector": "all()"}])
    (document,) = json.loads(calicoq("endpoint", "", "-s", "-o", "json").stdout)
    (endpoint,) = document["endpoints"]
    assert "selector" not in endpoint["policies"][0]
    assert endpoint["rule_matches"] == [
        {"policy_name": "p", "tier_name": "default", "direction": "inbound", "order": 1, "selector_type": "source"}
    ]
    (document,) = json.loads(calicoq("endpoint", "", "-r", "-o", "json").stdout)
    assert "rule_matches" not in document["endpoints"][0]


def test_complaints_are_in_the_order_of_their_keys(store: Store, calicoq: Calicoq) -> None:
    bad = [f"host/h/workload/k8s/{letter}/endpoint/e" for letter in "dcbaef"]
    bad += [f"policy/tier/default/policy/{letter}" for letter in "zyx"]
    for key in bad:
        store.put(key, "{")
    found = [line.split(":")[0] for line in calicoq("endpoint", "").stderr.splitlines()]
    assert found == [f"Cannot read /calico/v1/{key}" for key in sorted(bad)]


def test_the_old_profile_id_does_not_count_beside_profile_ids(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/k8s/both/e", profile_id="old", profile_ids=["new"])
    store.put("host/h/workload/k8s/empty/endpoint/e", {"profile_id": "old", "profile_ids": []})
    store.put("host/h/workload/k8s/old/endpoint/e", {"profile_id": "old"})
    lines = calicoq("endpoint", "").stdout.splitlines()
    assert [line for line in lines if line.startswith("    Profile")] == ["    Profile new", "    Profile old"]


def test_yaml_quotes_texts_that_yaml_1_2_reads_as_numbers(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/k8s/w/e", profile_ids=["1e6", "0o17", "6th"])
    store.policy("p", order=1000000)
    lines = [line.strip() for line in calicoq("endpoint", "", "-o", "yaml").stdout.splitlines()]
    assert {'order: "1e+06"', '- name: "1e6"', '- name: "0o17"', "- name: 6th"} <= set(lines)


def test_half_a_surrogate_pair(store: Store, calicoq: Calicoq) -> None:
    store.put("host/h/workload/k8s/w/endpoint/e", '{"profile_ids": ["\\ud800"]}')
    assert calicoq("endpoint", "").stdout.endswith("    Profile \\ud800\n")
    for output, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        (document,) = load(calicoq("endpoint", "", "-o", output).stdout)
        assert document["endpoints"][0]["profiles"] in ([{"name": "\ud800"}], [{"name": "\\ud800"}])


def test_documents_when_nothing_matches(store: Store, calicoq: Calicoq) -> None:
    expected = [{"description": "Policies that match each endpoint", "endpoints": []}]
    assert json.loads(calicoq("endpoint", "", "-o", "json").stdout) == expected
    assert yaml.safe_load(calicoq("endpoint", "", "-o", "yaml").stdout) == expected


@settings(max_examples=examples(125))
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
        lambda values: st.one_of(st.lists(values), st.dictionaries(st.text(), values)),
    )
)
def test_json_is_written_as_python_writes_it(value: Any) -> None:
    assert _pretty(value, 0) == json.dumps(value, indent=2)


REFUSED = [
    ("policy/profile/web/rules", {"inbound_rules": [{"protocol": "tcp", "dst_ports": ["80"]}]},
     'inbound rule 1: dst_ports: "80" is neither a port as a number nor a range as "80:90"'),
    ("policy/profile/web/tags", ["a b"], '"a b" is not a tag: letters, digits and ._-'),
    ("policy/profile/web/labels", {"a b": ""}, 'label "a b" has other characters than letters, digits and ._-/'),
    ("policy/tier/default/policy/p", {"selector": "all()", "colour": 1, "inbound_rules": [{"colour": 1}]},
     'inbound rule 1: "colour" is not a field of a rule'),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "reason"), REFUSED)
def test_what_felix_refuses_is_told(store: Store, calicoq: Calicoq, key: str, value: Any, reason: str) -> None:
    store.workload("h/k8s/w/e", profile_ids=["web"])
    whole = store.put(key, value)
    warning = f"Warning: Felix refuses {whole}: {reason}. 'calicoq check' says what it does instead.\n"
    for command in (("endpoint", ""), ("host", "h"), ("endpoint", "", "-o", "json")):
        assert calicoq(*command).stderr == warning
    if key.endswith("policy/p"):
        assert calicoq("policy", "p").stderr == warning


def test_an_endpoint_that_felix_refuses_is_told(store: Store, calicoq: Calicoq) -> None:
    store.workload("h/k8s/w/e", state="up")
    warning = (
        'Warning: Felix refuses Workload endpoint h/k8s/w/e: state: "up" is neither active nor inactive. '
        "'calicoq check' says what it does instead.\n"
    )
    assert calicoq("endpoint", "w").stderr == warning
    assert calicoq("eval", "all()").stderr == warning


@pytest.mark.parametrize("fields", [{"order": True}, {"order": 10**400}, {"untracked": "yes"}])
def test_what_only_felix_reads_is_shown(store: Store, calicoq: Calicoq, fields: dict[str, Any]) -> None:
    store.workload("h/k8s/w/e")
    store.policy("p", **fields)
    result = calicoq("endpoint", "")
    assert (result.status, result.stderr, 'Policy "p"' in result.stdout) == (0, "", True)
