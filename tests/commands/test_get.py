"""`calicoctl get`: all output formats, for profiles written by any tool, with a real etcd."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from calicoctl.datastore import keys
from tests.commands.resources import DEV_APPS, PROFILES, failed, profile, stdin_of
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.sampling import examples
from tests.stored_profiles import NAMES, profiles

# Keys that Felix 1.4 and libcalico-go read below the profiles (docs/data-model.md, section 1).
READ_BY_OTHERS = re.compile(r"/?calico/v1/policy/profile/([^/]+)/(tags|rules|labels)")
READ_BY_OTHERS_ELSEWHERE = [
    r"/?calico/v1/host/([^/]+)/workload/([^/]+)/([^/]+)/endpoint/([^/]+)",
    r"/?calico/v1/host/([^/]+)/endpoint/([^/]+)",
    r"/?calico/v1/policy/tier/([^/]+)/policy/([^/]+)",
    r"/?calico/v1/policy/tier/([^/]+)/metadata",
    r"/calico/v1/Ready",
    r"/calico/v1/config/([^/]+)",
    r"/calico/v1/host/([^/]+)/(config/([^/]+)|bird_ip)",
    r"/calico/v1/ipam/v(4|6)/pool/([^/]+)",
]


def test_metadata_key_is_ignored_by_other_programs(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("create", "-f", "-", stdin=stdin_of(profile("a", meta_labels={"x": "y"})))
    others = [key for key in etcd.keys(PROFILES) if not READ_BY_OTHERS.fullmatch(key)]
    assert others == [f"{PROFILES}/a/metadata"]
    assert [pattern for pattern in READ_BY_OTHERS_ELSEWHERE if re.fullmatch(pattern, others[0])] == []


def test_tables(calicoctl: Calicoctl) -> None:
    assert calicoctl("get", "profile") == Result(0, "NAME   \n\n", "")
    labels = profile("b", labelsToApply={"z": "1", "a": "3", "b": "2"}, meta_tags=["web", "db"])
    calicoctl("create", "-f", "-", stdin=stdin_of(labels))
    calicoctl("create", "-f", "-", stdin=DEV_APPS)
    assert calicoctl("get", "profiles") == Result(0, "NAME       \nb          \ndev-apps   \n\n", "")
    assert calicoctl("get", "profiles", "-o", "ps", "b") == Result(0, "NAME   \nb      \n\n", "")
    assert calicoctl("get", "pro", "-o", "wide") == Result(
        0,
        "NAME       LABELS                   \n"
        "b          map[a:3 b:2 z:1]         \n"
        "dev-apps   map[stage:development]   \n\n",
        "",
    )
    assert calicoctl("get", "pros", "-o", "custom-columns=tags,NAME") == Result(
        0, "TAGS     NAME       \nweb,db   b          \n         dev-apps   \n\n", ""
    )
    assert calicoctl("get", "pros", "-o", "name") == Result(0, "b\ndev-apps\n", "")


YAML = """\
apiVersion: projectcalico.org/v3
kind: Profile
metadata:
  name: dev-apps
  resourceVersion: "VERSION"
spec:
  egress:
  - action: Allow
    destination: {}
    source: {}
  ingress:
  - action: Deny
    destination: {}
    source:
      nets:
      - 10.0.20.0/24
  - action: Allow
    destination: {}
    source:
      selector: stage == 'development'
  labelsToApply:
    stage: development
"""


@pytest.mark.parametrize("option", [["-o", "yaml"], ["-oyaml"], ["-o=yaml"], ["--output=yaml"], ["-o", "yml"]])
def test_yaml_of_one_profile(etcd: EtcdServer, calicoctl: Calicoctl, option: list[str]) -> None:
    calicoctl("create", "-f", "-", stdin=DEV_APPS)
    expected = YAML.replace("VERSION", str(etcd.index()))
    assert calicoctl("get", "profile", "dev-apps", *option) == Result(0, expected, "")
    exported = re.sub("  resourceVersion.*\n", "", expected)
    assert calicoctl("get", "profile", "dev-apps", *option, "--export") == Result(0, exported, "")


def test_json(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl(
        "create", "-f", "-", stdin=stdin_of(profile("a", meta_annotations={"l": "é"}, egress=[{"action": "Allow"}]))
    )
    version = etcd.index()
    one = f"""\
{{
  "kind": "Profile",
  "apiVersion": "projectcalico.org/v3",
  "metadata": {{
    "name": "a",
    "resourceVersion": "{version}",
    "annotations": {{
      "l": "é"
    }}
  }},
  "spec": {{
    "egress": [
      {{
        "action": "Allow",
        "source": {{}},
        "destination": {{}}
      }}
    ]
  }}
}}
"""
    assert calicoctl("get", "profile", "a", "-o", "json") == Result(0, one, "")
    listed = json.loads(calicoctl("get", "profile", "-o", "json").stdout)
    assert listed == {
        "kind": "ProfileList",
        "apiVersion": "projectcalico.org/v3",
        "metadata": {"resourceVersion": str(version)},
        "items": [json.loads(one)],
    }


def test_exported_list_has_no_version(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("create", "-f", "-", stdin=stdin_of(profile("a"), profile("b")))
    exported = calicoctl("get", "profiles", "-o", "yaml", "--export").stdout
    assert "resourceVersion" not in exported
    assert exported.endswith("kind: ProfileList\nmetadata: {}\n")
    etcd.clear()
    assert calicoctl("create", "-f", "-", stdin=exported).status == 0


def test_control_characters_are_escaped_in_documents(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    odd = "\x7f\x9b2J\u202e\U000e0001\ud800é"
    annotations = {"a": odd, "b": "\u202e"}
    assert calicoctl("create", "-f", "-", stdin=stdin_of(profile("a", meta_annotations=annotations))).status == 0
    index = etcd.index()
    in_json = r'"\u007f\u009b2J\u202e\udb40\udc01\ud800é"'
    shown = calicoctl("get", "profile", "a", "-o", "json")
    assert f'"a": {in_json},\n' in shown.stdout
    assert json.loads(shown.stdout)["metadata"]["annotations"] == annotations
    assert calicoctl("apply", "-f", "-", stdin=shown.stdout).status == 0
    in_yaml = r'"\x7F\x9B2J\u202e\U000E0001\uD800é"'
    shown = calicoctl("get", "profile", "a", "-o", "yaml")
    assert f'    a: {in_yaml}\n    b: "\\u202e"\n' in shown.stdout
    assert calicoctl("apply", "-f", "-", stdin=shown.stdout).status == 0
    assert etcd.index() == index


def test_several_names_or_files_give_a_list(calicoctl: Calicoctl) -> None:
    documents = stdin_of(profile("a"), profile("b"))
    calicoctl("create", "-f", "-", stdin=documents)
    by_name = json.loads(calicoctl("get", "profile", "b", "a", "-o", "json").stdout)
    assert [each["metadata"]["name"] for each in by_name] == ["b", "a"]
    by_file = json.loads(calicoctl("get", "-f", "-", "-o", "json", stdin=documents).stdout)
    assert [each["metadata"]["name"] for each in by_file] == ["a", "b"]
    assert calicoctl("get", "-f", "-", "-o", "name", stdin=documents).stdout == "a\nb\n"


def test_missing_profiles(calicoctl: Calicoctl) -> None:
    message = "Failed to get resources: resource does not exist: Profile({})"
    assert calicoctl("get", "profile", "nope") == failed(message.format("nope"))
    assert calicoctl("get", "profile", "nope", "-o", "yaml") == failed(message.format("nope"))
    calicoctl("create", "-f", "-", stdin=stdin_of(profile("a")))
    assert calicoctl("get", "profile", "nope", "a", "no", "-o", "name") == Result(
        1, "a\n", f"{message.format('nope')}\nresource does not exist: Profile(no)\n"
    )


KNOWN = "Known are: ps, wide, name, yaml, json, custom-columns=<COLUMN>[,<COLUMN>...]"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("xml", f"unrecognized output format 'xml'\n{KNOWN}"),
        ("custom-columns=", "need to specify at least one column"),
        ("custom-columns=NAME,AGE", "Unknown heading AGE, valid values are: LABELS, NAME, TAGS"),
    ],
)  # fmt: skip
def test_unknown_output_formats(calicoctl: Calicoctl, output: str, message: str) -> None:
    assert calicoctl("get", "profile", "-o", output) == failed(message)


def test_legacy_profile(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "WEB")
    calicoctl("profile", "WEB", "rule", "add", "inbound", "deny", "icmp", "type", "8", "to", "cidr", "10.1.2.3/24")
    rules = json.loads(etcd.get(f"{PROFILES}/WEB/rules") or "")
    rules["inbound_rules"].append(
        {"action": "reject", "!src_tag": "db", "log_prefix": "drop", "icmp_type": "8", "later": [1, None]}
    )
    etcd.put(f"{PROFILES}/WEB/rules", json.dumps({**rules, "id": "WEB"}))
    shown = calicoctl("get", "profile", "WEB", "-o", "yaml", "--export")
    assert (
        shown.stdout
        == """\
apiVersion: projectcalico.org/v3
kind: Profile
metadata:
  name: WEB
  tags:
  - WEB
spec:
  egress:
  - action: Allow
    destination: {}
    source: {}
  ingress:
  - action: Allow
    destination: {}
    source:
      tag: WEB
  - action: Deny
    destination:
      nets:
      - 10.1.2.3/24
    icmp:
      type: 8
    protocol: ICMP
    source: {}
  - destination: {}
    logPrefix: drop
    source:
      notTag: db
    storedFields:
      action: reject
      icmp_type: "8"
      later:
      - 1
      - null
  storedFields:
    id: WEB
"""
    )
    before = etcd.index()
    assert calicoctl("apply", "-f", "-", stdin=shown.stdout).stdout.endswith("Profile(WEB): unchanged\n")
    assert etcd.index() == before


def test_names_escaped_by_go(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    etcd.put(f"{PROFILES}/net%2fblue%25/rules", "{}")
    assert calicoctl("get", "profile", "-o", "name").stdout == "net/blue%\n"
    shown = calicoctl("get", "profile", "net/blue%", "-o", "yaml").stdout
    assert "  name: net/blue%\n" in shown
    changed = shown.replace("spec: {}", "spec:\n  egress:\n  - action: Allow")
    assert calicoctl("apply", "-f", "-", stdin=changed).stdout.endswith("Profile(net/blue%): changed\n")
    assert etcd.keys(PROFILES) == {
        f"{PROFILES}/net%2fblue%25/rules": '{"inbound_rules": [], "outbound_rules": [{"action": "allow"}]}'
    }
    assert calicoctl("delete", "profile", "net/blue%").status == 0
    assert etcd.keys() == {f"{PROFILES}/": None}


def test_hidden_profile_is_found_by_name(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    etcd.put(f"{PROFILES}/_x/rules", "{}")
    etcd.put(f"{PROFILES}/a/rules", "{}")
    assert calicoctl("get", "profile", "-o", "name").stdout == "a\n"
    assert calicoctl("get", "profile", "_x", "a", "-o", "name").stdout == "_x\na\n"
    assert calicoctl("delete", "profile", "_x", "a").status == 0


def test_unreadable_profiles_are_reported_and_the_rest_shown(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("create", "-f", "-", stdin=stdin_of(profile("good")))
    etcd.put(f"{PROFILES}/bad/rules", '{"inbound_rules": 3}')
    etcd.put(f"{PROFILES}/bad/labels", '["a"]')
    etcd.put(f"{PROFILES}/bad/metadata", '{"labels": {"a": 1}}')
    etcd.put(f"{PROFILES}/value", "x")
    etcd.put(f"{PROFILES}/a%41", "x")
    complaints = (
        f"Cannot read {PROFILES}/a%41: it is a value where the profile's directory should be.\n"
        f"Cannot read {PROFILES}/value: it is a value where the profile's directory should be.\n"
    )
    unreadable = (
        f"Cannot read {PROFILES}/bad/labels: it is not an object.\n"
        f"Cannot read {PROFILES}/bad/metadata: it is not an object of strings.\n"
        f"Cannot read {PROFILES}/bad/rules: inbound_rules is not a list of objects.\n"
    )
    assert calicoctl("get", "profile") == Result(1, "NAME   \nbad    \ngood   \n\n", complaints)
    shown = calicoctl("get", "profile", "-o", "json")
    assert [each["metadata"]["name"] for each in json.loads(shown.stdout)["items"]] == ["good"]
    assert (shown.status, shown.stderr) == (1, complaints + unreadable)
    assert calicoctl("get", "profile", "bad", "-o", "yaml") == Result(1, "", unreadable)


def test_directory_with_invalid_profile_name(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    etcd.put(f"{PROFILES}/a%2Fb/rules", "{}")
    message = f"Cannot read {PROFILES}/a%2Fb: this is not a valid profile name.\n"
    assert calicoctl("get", "profile") == Result(1, "NAME   \n\n", message)


def test_control_characters_are_escaped_in_tables(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    etcd.put(f"{PROFILES}/a\x1b[2J/labels", json.dumps({"k": "\x1b[2J"}))
    for output in ("ps", "wide", "name", "yaml", "json"):
        assert "\x1b" not in calicoctl("get", "profile", "-o", output).stdout


def test_get_makes_one_read_request(etcd: EtcdServer, calicoctl: Calicoctl, tmp_path: Path) -> None:
    calicoctl("create", "-f", "-", stdin=DEV_APPS)
    before = etcd.index()
    for output in ("ps", "wide", "name", "yaml", "json"):
        calicoctl("get", "profile", "-o", output)
    assert etcd.index() == before


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES, values=profiles())
def test_apply_of_get_output_writes_nothing(
    etcd: EtcdServer, calicoctl: Calicoctl, name: str, values: dict[str, str]
) -> None:
    etcd.clear()
    for part, text in values.items():
        etcd.put(f"{PROFILES}/{keys.escaped(name)}/{part}", text)
    before = etcd.index()
    forms = [[name, "-o", "yaml"], [name, "-o", "json"], [name, "-o", "yaml", "--export"]]
    for arguments in forms if name.startswith("_") else [*forms, ["-o", "yaml"]]:
        shown = calicoctl("get", "profile", *arguments)
        assert (shown.status, shown.stderr) == (0, "")
        applied = calicoctl("apply", "-f", "-", stdin=shown.stdout)
        expected = f"Successfully applied 1 'Profile' resource(s)\nProfile({name}): unchanged\n"
        assert (applied.status, applied.stdout) == (0, expected)
        difference = calicoctl("diff", "-f", "-", stdin=shown.stdout)
        assert (difference.status, difference.stdout) == (0, "")
    assert etcd.index() == before


@pytest.mark.parametrize("name", ["_hid", "a/b", "50%", "x y"])
def test_profile_without_rules_and_with_reserved_name(etcd: EtcdServer, calicoctl: Calicoctl, name: str) -> None:
    etcd.put(f"{PROFILES}/{keys.escaped(name)}/tags", '["t"]')
    shown = calicoctl("get", "profile", name, "-o", "yaml").stdout
    before = etcd.index()
    applied = calicoctl("apply", "-f", "-", stdin=shown)
    assert (applied.status, applied.stdout.splitlines()[-1]) == (0, f"Profile({name}): unchanged")
    assert applied.stderr.startswith(f"Warning: Profile({name}): it has no rules key")
    assert (etcd.index(), calicoctl("diff", "-f", "-", stdin=shown).status) == (before, 0)
    export = calicoctl("get", "profile", name, "-o", "yaml", "--export").stdout
    created = calicoctl("create", "-f", "-", stdin=export)
    assert created == failed(f"Failed to create 'Profile' resource: resource already exists: Profile({name})")
    assert calicoctl("replace", "-f", "-", stdin=shown).status == 0
    assert etcd.get(f"{PROFILES}/{keys.escaped(name)}/rules") == '{"inbound_rules": [], "outbound_rules": []}'
