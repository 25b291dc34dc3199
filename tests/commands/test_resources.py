"""`create`, `apply`, `replace`, `delete` and `diff` on profiles, with a real etcd."""

from __future__ import annotations

import json

import pytest

from calicoctl.datastore import keys
from tests.commands.resources import DEV_APPS, DEV_APPS_KEYS, NOTHING_WRITTEN, PROFILES, done, failed, profile, stdin_of
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer

# create


def test_create_stores_example_of_documentation(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    assert calicoctl("create", "-f", "-", stdin=DEV_APPS) == done("created", 1, "Profile(dev-apps): created")
    assert etcd.keys(PROFILES) == DEV_APPS_KEYS


def test_create_existing_profile(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("create", "-f", "-", stdin=DEV_APPS)
    before = etcd.index()
    message = "resource already exists: Profile(dev-apps)"
    assert calicoctl("create", "-f", "-", stdin=DEV_APPS) == failed(f"Failed to create 'Profile' resource: {message}")
    both = stdin_of(profile("new"), profile("dev-apps"))
    assert calicoctl("create", "-f", "-", stdin=both) == failed(f"Failed to create any 'Profile' resources: {message}")
    assert etcd.index() == before


def test_create_skips_existing_profile(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("create", "-f", "-", stdin=DEV_APPS)
    both = stdin_of(profile("dev-apps"), profile("new"))
    expected = done("created", 1, "Profile(dev-apps): exists, skipped", "Profile(new): created")
    assert calicoctl("create", "-f", "-", "--skip-exists", stdin=both) == expected
    assert etcd.keys(f"{PROFILES}/dev-apps") == DEV_APPS_KEYS
    assert etcd.get(f"{PROFILES}/new/rules") == '{"inbound_rules": [], "outbound_rules": []}'


@pytest.mark.parametrize("name", ["_x", "a/b", "a b", ".", "..", "x" * 129, "é", "%2f"])
def test_create_refuses_reserved_names(etcd: EtcdServer, calicoctl: Calicoctl, name: str) -> None:
    for verb in ("create", "apply", "validate"):
        result = calicoctl(verb, "-f", "-", stdin=stdin_of(profile(name)))
        assert (result.status, result.stdout) == (1, "")
        assert ": metadata.name: " in result.stderr
    assert etcd.keys() == {}


@pytest.mark.parametrize("stored", [(), ("tags",), ("tags", "labels", "rules")])
@pytest.mark.parametrize("options", [(), ("--skip-exists",), ("--dry-run",)])
def test_create_refuses_resource_version_before_reading_etcd(
    etcd: EtcdServer, calicoctl: Calicoctl, stored: tuple[str, ...], options: tuple[str, ...]
) -> None:
    for part in stored:
        etcd.put(f"{PROFILES}/a/{part}", "[]" if part == "tags" else "{}")
    document = profile("a", meta_resourceVersion="5")
    problem = "stdin:1: Profile(a): metadata.resourceVersion: must not be set to create a resource\n"
    refused = Result(1, "", problem + NOTHING_WRITTEN)
    before = etcd.index()
    assert calicoctl("create", "-f", "-", *options, stdin=stdin_of(document)) == refused
    assert etcd.index() == before


def test_create_refuses_a_resource_version(calicoctl: Calicoctl) -> None:
    result = calicoctl("create", "-f", "-", stdin=stdin_of(profile("a", meta_resourceVersion="5")))
    problem = "stdin:1: Profile(a): metadata.resourceVersion: must not be set to create a resource\n"
    assert result == Result(1, "", problem + NOTHING_WRITTEN)
    document = profile("a", meta_resourceVersion="5", ingress=[{"action": "allow"}])
    another = 'stdin:1: Profile(a): spec.ingress[0].action: "allow" is not one of Allow, Deny, Log, Pass\n'
    result = calicoctl("create", "-f", "-", stdin=stdin_of(document))
    assert result == Result(1, "", problem + another + NOTHING_WRITTEN)


def test_object_labels_and_annotations_have_own_key(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    document = profile("a", meta_labels={"team": "x"}, meta_annotations={"why": "because"}, meta_tags=["web", "db"])
    calicoctl("create", "-f", "-", stdin=stdin_of(document))
    assert etcd.keys(PROFILES) == {
        f"{PROFILES}/a/labels": "{}",
        f"{PROFILES}/a/metadata": '{"labels": {"team": "x"}, "annotations": {"why": "because"}}',
        f"{PROFILES}/a/rules": '{"inbound_rules": [], "outbound_rules": []}',
        f"{PROFILES}/a/tags": '["web", "db"]',
    }


def test_other_commands_work_with_metadata_key(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("create", "-f", "-", stdin=stdin_of(profile("a", meta_labels={"team": "x"})))
    assert calicoctl("profile", "a", "rule", "add", "inbound", "allow").status == 0
    assert calicoctl("profile", "a", "tag", "add", "web").status == 0
    assert calicoctl("profile", "add", "a").stdout == "Profile a already exists.\n"
    assert etcd.get(f"{PROFILES}/a/metadata") == '{"labels": {"team": "x"}}'
    assert calicoctl("profile", "remove", "a").status == 0
    assert etcd.keys() == {f"{PROFILES}/": None}


# apply


def test_apply_creates_then_reports_unchanged_then_changes(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    assert calicoctl("apply", "-f", "-", stdin=DEV_APPS) == done("applied", 1, "Profile(dev-apps): created")
    before = etcd.index()
    assert calicoctl("apply", "-f", "-", stdin=DEV_APPS) == done("applied", 1, "Profile(dev-apps): unchanged")
    assert etcd.index() == before
    changed = DEV_APPS.replace("stage: development", "stage: production")
    assert calicoctl("apply", "-f", "-", stdin=changed) == done("applied", 1, "Profile(dev-apps): changed")
    assert etcd.keys(PROFILES) == {**DEV_APPS_KEYS, f"{PROFILES}/dev-apps/labels": '{"stage": "production"}'}
    assert etcd.index() == before + 1


def test_apply_keeps_unmentioned_fields(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    full = profile("a", meta_tags=["web"], meta_labels={"l": "1"}, meta_annotations={"n": "2"})
    calicoctl("apply", "-f", "-", stdin=stdin_of(full))
    for verb in ("apply", "replace"):
        calicoctl(verb, "-f", "-", stdin=stdin_of(profile("a", egress=[{"action": "Allow"}])))
        assert etcd.get(f"{PROFILES}/a/tags") == '["web"]'
        assert etcd.get(f"{PROFILES}/a/metadata") == '{"labels": {"l": "1"}, "annotations": {"n": "2"}}'
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a", meta_tags=[], meta_labels={})))
    assert etcd.get(f"{PROFILES}/a/tags") == "[]"
    assert etcd.get(f"{PROFILES}/a/metadata") == '{"annotations": {"n": "2"}}'


def test_apply_to_legacy_profile_keeps_tag(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "WEB")
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("WEB", labelsToApply={"role": "web"})))
    assert result == done("applied", 1, "Profile(WEB): changed")
    assert etcd.keys(PROFILES) == {
        f"{PROFILES}/WEB/labels": '{"role": "web"}',
        f"{PROFILES}/WEB/rules": '{"inbound_rules": [], "outbound_rules": []}',
        f"{PROFILES}/WEB/tags": '["WEB"]',
    }


def test_list_of_networks_becomes_one_rule_each_and_is_folded_again(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    rule = {
        "action": "Allow",
        "protocol": "TCP",
        "source": {"nets": ["10.0.0.0/8", "11.0.0.0/8"]},
        "destination": {"nets": ["12.0.0.0/8", "13.0.0.0/8"], "ports": [80]},
    }
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a", ingress=[rule])))
    stored = json.loads(etcd.get(f"{PROFILES}/a/rules") or "")["inbound_rules"]
    assert [(each["src_net"], each["dst_net"]) for each in stored] == [
        ("10.0.0.0/8", "12.0.0.0/8"),
        ("10.0.0.0/8", "13.0.0.0/8"),
        ("11.0.0.0/8", "12.0.0.0/8"),
        ("11.0.0.0/8", "13.0.0.0/8"),
    ]
    assert {tuple(each) for each in stored} == {("action", "dst_net", "protocol", "dst_ports", "src_net")}
    shown = json.loads(calicoctl("get", "profile", "a", "-o", "json").stdout)
    assert shown["spec"]["ingress"] == [rule]


# replace


def test_directories_in_place_of_keys(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    for part in ("tags", "rules", "labels", "metadata"):
        etcd.mkdir(f"{PROFILES}/D/{part}")
    before = etcd.index()
    complaints = "".join(
        f"Cannot read {PROFILES}/D/{part}: it is a directory.\n" for part in ("tags", "labels", "metadata", "rules")
    )
    assert calicoctl("get", "profile", "D", "-o", "yaml") == Result(1, "", complaints)
    document = stdin_of(profile("D"))
    problems = "".join(
        f"stdin:1: Profile(D): {PROFILES}/D/{part} is a directory, so it cannot be written; "
        "'calicoctl delete' removes the profile and everything below it\n"
        for part in ("labels", "rules")
    )
    for verb in ("apply", "replace"):
        for options in ((), ("--dry-run",)):
            assert calicoctl(verb, "-f", "-", *options, stdin=document) == failed(f"{problems}Nothing was written.")
    assert calicoctl("diff", "-f", "-", stdin=document) == Result(2, "", problems)
    exists = "Failed to create 'Profile' resource: resource already exists: Profile(D)"
    assert calicoctl("create", "-f", "-", stdin=document) == failed(exists)
    assert etcd.index() == before
    assert calicoctl("delete", "profile", "D").status == 0
    assert calicoctl("apply", "-f", "-", stdin=document).status == 0


@pytest.mark.parametrize("name", ["v", "_v", "a/b"])
def test_key_in_place_of_profile(etcd: EtcdServer, calicoctl: Calicoctl, name: str) -> None:
    key = f"{PROFILES}/{keys.escaped(name)}"
    etcd.put(key, "x")
    before = etcd.index()
    complaint = f"Cannot read {key}: it is a value where the profile's directory should be."
    for output in ("ps", "yaml"):
        assert calicoctl("get", "profile", name, "-o", output) == failed(complaint)
    problem = f"{key} is a value where the profile's directory should be; 'calicoctl delete' removes it"
    does_not_exist = f"resource does not exist: Profile({name})"
    for documents in ([profile(name)], [profile("a"), profile(name)]):
        stdin = stdin_of(*documents)
        for verb, options in (("apply", ()), ("apply", ("--dry-run",)), ("create", ()), ("create", ("--skip-exists",))):
            result = calicoctl(verb, "-f", "-", *options, stdin=stdin)
            assert (result.status, result.stdout) == (1, "")
            assert f"stdin:1: Profile({name}): {problem}\n" in result.stderr
        assert calicoctl("diff", "-f", "-", stdin=stdin).stderr.endswith(f"stdin:1: Profile({name}): {problem}\n")
        assert does_not_exist in calicoctl("replace", "-f", "-", stdin=stdin).stderr
    assert etcd.index() == before
    assert calicoctl("delete", "profile", name) == done("deleted", 1, f"Profile({name}): deleted")
    assert etcd.get(key) is None


def test_replace_missing_profile(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    assert calicoctl("replace", "-f", "-", stdin=DEV_APPS) == failed(
        "Failed to replace 'Profile' resource: resource does not exist: Profile(dev-apps)"
    )
    assert etcd.keys() == {}


def test_replace(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "dev-apps")
    assert calicoctl("replace", "-f", "-", stdin=DEV_APPS) == done("replaced", 1, "Profile(dev-apps): changed")
    assert etcd.keys(PROFILES) == {**DEV_APPS_KEYS, f"{PROFILES}/dev-apps/tags": '["dev-apps"]'}
    assert calicoctl("replace", "-f", "-", stdin=DEV_APPS) == done("replaced", 1, "Profile(dev-apps): unchanged")


# delete


def test_delete_by_name_and_alias(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    for name in "abcd":
        calicoctl("profile", "add", name)
    assert calicoctl("delete", "Profile", "a", "b", "a") == done(
        "deleted", 2, "Profile(a): deleted", "Profile(b): deleted"
    )
    for word, name in (("PROS", "c"), ("pro", "d")):
        assert calicoctl("delete", word, name).status == 0
    assert etcd.keys() == {f"{PROFILES}/": None}


def test_delete_by_file_needs_only_name(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "a")
    document = profile("a", ingress=[{"action": "nonsense"}], unknown=1)
    assert calicoctl("delete", "-f", "-", stdin=stdin_of(document)) == done("deleted", 1, "Profile(a): deleted")
    assert etcd.keys() == {f"{PROFILES}/": None}


def test_delete_by_file_refuses_misspelt_version(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "a")
    before = etcd.index()
    document = profile("a", meta_resourceVerison="1")
    problem = "stdin:1: Profile(a): metadata.resourceVerison: is not a field here; did you mean resourceVersion?\n"
    assert calicoctl("delete", "-f", "-", stdin=stdin_of(document)) == Result(1, "", problem + NOTHING_WRITTEN)
    assert etcd.index() == before


def test_delete_of_profile_in_use_warns(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "P")
    for number in range(11):
        key = f"/calico/v1/host/h/workload/o/w{number:02}/endpoint/e"
        etcd.put(key, json.dumps({"name": "cali1", "state": "active", "profile_ids": ["P", "P"]}))
    etcd.put("/calico/v1/host/h/workload/o/x/endpoint/e", "no JSON")
    names = ", ".join(f"h/o/w{number:02}/e" for number in range(10))
    warning = (
        f"Warning: Profile(P): 11 endpoints use it ({names}, ...); endpoints that cannot be read (see 'calicoq "
        "check'): 1. Felix will drop all their traffic that no earlier profile allows.\n"
    )
    assert calicoctl("delete", "profile", "P", "--dry-run").stderr == warning
    result = calicoctl("delete", "profile", "P")
    assert result == Result(0, done("deleted", 1, "Profile(P): deleted").stdout, warning)


def test_delete_missing_profiles(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "a")
    message = "resource does not exist: Profile(nope)"
    assert calicoctl("delete", "profile", "nope") == failed(f"Failed to delete 'Profile' resource: {message}")
    several = f"Failed to delete any 'Profile' resources: {message}\nresource does not exist: Profile(never)"
    assert calicoctl("delete", "profile", "nope", "never") == failed(several)
    # This happens when an interrupted command is run again.
    answer = "Successfully deleted 1 'Profile' resource(s)\nProfile(a): deleted\n"
    assert calicoctl("delete", "profile", "a", "nope") == failed(message, answer)
    calicoctl("profile", "add", "a")
    assert calicoctl("delete", "profile", "nope", "a", "--skip-not-exists") == done(
        "deleted", 1, "Profile(nope): does not exist, skipped", "Profile(a): deleted"
    )
    assert etcd.keys() == {f"{PROFILES}/": None}


@pytest.mark.parametrize("name", ["x" * 200_000, "_" + "x" * 200_000, "%" * 1500, "é" * 1000, "x" * 3974])
def test_name_too_long_for_any_key(etcd: EtcdServer, calicoctl: Calicoctl, name: str) -> None:
    calicoctl("profile", "add", "a")
    before = etcd.index()
    for verb in ("delete", "get"):
        for names in ((name,), (name, name + "x"), (name, "nope")):
            result = calicoctl(verb, "profile", *names)
            assert (result.status, result.stdout) == (1, "")
            assert " resource does not exist: Profile(" in result.stderr
    assert calicoctl("get", "profile", name, "a", "-o", "name").stdout == "a\n"
    document = stdin_of(profile(name))
    for verb in ("apply", "create"):
        assert ": metadata.name: " in calicoctl(verb, "-f", "-", stdin=document).stderr
    assert " resource does not exist: Profile(" in calicoctl("replace", "-f", "-", stdin=document).stderr
    assert etcd.index() == before


@pytest.mark.parametrize("name", [".", "..", ""])
def test_delete_refuses_path_as_name(etcd: EtcdServer, calicoctl: Calicoctl, name: str) -> None:
    calicoctl("profile", "add", "a")
    before = etcd.index()
    for verb in ("delete", "get"):
        result = calicoctl(verb, "profile", name)
        assert (result.status, result.stdout) == (1, "")
        assert result.stderr.startswith(f"command line: Profile(): metadata.name: {name or 'is missing'}"[:48])
    assert etcd.index() == before


# resourceVersion


def test_stale_resource_version(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    shown = json.loads(calicoctl("get", "profile", "dev-apps", "-o", "json").stdout)
    version = shown["metadata"]["resourceVersion"]
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(shown)).status == 0
    calicoctl("profile", "dev-apps", "tag", "add", "web")
    newer = etcd.index()
    for verb in ("apply", "replace", "delete"):
        assert calicoctl(verb, "-f", "-", stdin=json.dumps(shown)) == failed(
            f"Failed to {verb} 'Profile' resource: update conflict: Profile(dev-apps)\n"
            f"The resourceVersion given is {version}, and the resource is {newer} now: get it again and repeat the "
            "change, or leave resourceVersion out to overwrite what others have written."
        )
    assert etcd.index() == newer
    shown["metadata"]["resourceVersion"] = str(newer)
    assert calicoctl("delete", "-f", "-", stdin=json.dumps(shown)).status == 0
    assert calicoctl("apply", "-f", "-", stdin=json.dumps(shown)).stderr.startswith(
        "Failed to apply 'Profile' resource: update conflict: Profile(dev-apps)\n"
        f"The resourceVersion given is {newer}, and the resource does not exist any more"
    )


@pytest.mark.parametrize("part", ["tags", "labels", "metadata", "rules"])
def test_version_is_latest_of_all_keys(etcd: EtcdServer, calicoctl: Calicoctl, part: str) -> None:
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a", meta_labels={"x": "y"})))
    etcd.put(f"{PROFILES}/a/{part}", etcd.get(f"{PROFILES}/a/{part}") or "")
    shown = json.loads(calicoctl("get", "profile", "a", "-o", "json").stdout)
    assert shown["metadata"]["resourceVersion"] == str(etcd.index())


# --dry-run


def test_dry_run(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a"), profile("b")))
    before = etcd.index()
    documents = stdin_of(profile("a"), profile("b", egress=[{"action": "Allow"}]))
    lead = "Dry run, nothing was written: would have successfully"
    both = "Profile(a): unchanged\nProfile(b): changed\n"
    for verb, past in (("apply", "applied"), ("replace", "replaced")):
        result = calicoctl(verb, "-f", "-", "--dry-run", stdin=documents)
        assert result == Result(0, f"{lead} {past} 2 'Profile' resource(s)\n{both}", "")
    assert calicoctl("create", "-f", "-", "--dry-run", stdin=DEV_APPS) == Result(
        0, f"{lead} created 1 'Profile' resource(s)\nProfile(dev-apps): created\n", ""
    )
    assert calicoctl("delete", "profile", "a", "--dry-run") == Result(
        0, f"{lead} deleted 1 'Profile' resource(s)\nProfile(a): deleted\n", ""
    )
    assert calicoctl("create", "-f", "-", "--dry-run", stdin=documents).status == 1
    assert etcd.index() == before


# diff


def test_diff(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    assert calicoctl("diff", "-f", "-", stdin=stdin_of(profile("a"))) == Result(
        1,
        "--- /dev/null\n"
        "+++ Profile(a) as the document says\n"
        "@@ -0,0 +1,5 @@\n"
        "+apiVersion: projectcalico.org/v3\n"
        "+kind: Profile\n"
        "+metadata:\n"
        "+  name: a\n"
        "+spec: {}\n",
        "",
    )
    calicoctl("apply", "-f", "-", stdin=DEV_APPS)
    before = etcd.index()
    assert calicoctl("diff", "-f", "-", stdin=DEV_APPS) == Result(0, "", "")
    changed = DEV_APPS.replace("action: Deny", "action: Log")
    assert calicoctl("diff", "-f", "-", stdin=changed) == Result(
        1,
        "--- Profile(dev-apps) as it is stored\n"
        "+++ Profile(dev-apps) as the document says\n"
        "@@ -8,7 +8,7 @@\n"
        "     destination: {}\n"
        "     source: {}\n"
        "   ingress:\n"
        "-  - action: Deny\n"
        "+  - action: Log\n"
        "     destination: {}\n"
        "     source:\n"
        "       nets:\n",
        "",
    )
    assert etcd.index() == before


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ("rules", '{"inbound_rules": 3}', "its rules cannot be read (inbound_rules is not a list of objects)"),
        ("labels", "[]", "its labels cannot be read (it is not an object)"),
        ("tags", "{}", "its tags cannot be read (it is not a list of strings)"),
    ],
)
def test_diff_shows_replacement_of_unreadable_parts(
    etcd: EtcdServer, calicoctl: Calicoctl, part: str, value: str, reason: str
) -> None:
    document = stdin_of(profile("a", meta_tags=[]))
    calicoctl("create", "-f", "-", stdin=document)
    etcd.put(f"{PROFILES}/a/{part}", value)
    assert calicoctl("diff", "-f", "-", stdin=document) == Result(
        1,
        "--- Profile(a) as it is stored\n"
        "+++ Profile(a) as the document says\n"
        "@@ -1,4 +1,3 @@\n"
        f"-# {reason}\n"
        " apiVersion: projectcalico.org/v3\n"
        " kind: Profile\n"
        " metadata:\n",
        f"Warning: Profile(a): {reason} and are replaced.\n",
    )


def test_diff_fails_with_status_2(calicoctl: Calicoctl) -> None:
    usage = "Usage:\n  calicoctl diff --filename=<FILENAME> [--recursive] [--flows]\n"
    assert calicoctl("diff") == Result(2, "", f"--filename is missing after 'diff'\n{usage}")
    assert calicoctl("diff", "-f", "-", stdin=stdin_of(profile("a b"))).status == 2
    assert calicoctl("diff", "-f", "/nonexistent") == Result(
        2, "", "Failed to execute command: open /nonexistent: no such file or directory\n"
    )
    assert calicoctl("diff", "-f", "-", stdin=DEV_APPS, env={"ETCD_AUTHORITY": "nonsense"}).status == 2
    assert calicoctl("diff", "-f", "-", stdin=DEV_APPS, env={"ETCD_AUTHORITY": "127.0.0.1:1"}).status == 2
    assert calicoctl("diff", "--help").status == 0
