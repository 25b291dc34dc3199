"""Documents and files as input of the commands on resources: forms, limits and every kind of error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calicoctl.etcd.form import LONGEST_CONDITION, MAX_FORM_BYTES
from tests.commands.resources import (
    DEV_APPS,
    NOTHING_WRITTEN,
    PROFILES,
    done,
    failed,
    known_kinds,
    known_words,
    profile,
    stdin_of,
)
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer


def test_invalid_document_prevents_all_writes(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    text = """\
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: good}
---
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: bad, tag: web}
spec:
  ingress:
  - action: allow
    protocol: TCP
    source: {ports: [80, 010, 65536]}
---
apiVersion: v1
kind: profile
metadata: {name: older}
"""
    for verb in ("create", "apply"):
        assert calicoctl(verb, "-f", "-", stdin=text) == Result(
            1,
            "",
            "stdin:14: Unknown resource type (profile) and/or version (v1); known are "
            f"{known_kinds()}\n"
            "stdin:5: Profile(bad): metadata.tag: is not a field here; did you mean tags?\n"
            "stdin:5: Profile(bad): spec.ingress[0].source.ports[1]: 010 is not accepted as a number: some programs "
            "read it as octal, others as decimal; write it without leading zeros\n"
            'stdin:5: Profile(bad): spec.ingress[0].action: "allow" is not one of Allow, Deny, Log, Pass\n'
            "stdin:5: Profile(bad): spec.ingress[0].source.ports[2]: 65536 is not a port from 0 to 65535 or a range "
            "such as 8000:8080\n" + NOTHING_WRITTEN,
        )
    assert etcd.keys() == {}


def test_all_problems_of_document_without_name(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    document = {**profile("a", ingress=[{"action": "allow"}]), "metadata": {}}
    problems = (
        "stdin:1: Profile(): metadata.name: is missing\n"
        'stdin:1: Profile(): spec.ingress[0].action: "allow" is not one of Allow, Deny, Log, Pass\n'
    )
    for verb in ("create", "apply", "replace"):
        assert calicoctl(verb, "-f", "-", stdin=stdin_of(document)) == Result(1, "", problems + NOTHING_WRITTEN)
    assert calicoctl("validate", "-f", "-", stdin=stdin_of(document)) == Result(1, "", problems)
    assert etcd.keys() == {}


def test_control_characters_in_names_are_escaped(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    etcd.put(f"{PROFILES}/a\x1b\nb/rules", "{}")
    stdin = stdin_of(profile("a\x1b\nb"))
    shown = "Profile(a\\x1b\\x0ab)"
    assert calicoctl("apply", "-f", "-", stdin=stdin) == done("applied", 1, f"{shown}: unchanged")
    changed = stdin_of(profile("a\x1b\nb", labelsToApply={"a": "b"}))
    assert calicoctl("diff", "-f", "-", stdin=changed).stdout.splitlines()[0] == f"--- {shown} as it is stored"
    assert calicoctl("delete", "profile", "a\x1b\nb") == done("deleted", 1, f"{shown}: deleted")
    missing = f"resource does not exist: {shown}"
    assert calicoctl("delete", "-f", "-", stdin=stdin) == failed(f"Failed to delete 'Profile' resource: {missing}")
    assert calicoctl("get", "profile", "a\x1b\nb") == failed(f"Failed to get resources: {missing}")


def test_duplicate_resource(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a"), profile("a")))
    problem = "stdin:1: Profile(a): appears twice in the input, first at stdin:1\n"
    assert result == Result(1, "", problem + NOTHING_WRITTEN)
    assert etcd.keys() == {}


@pytest.mark.parametrize("text", ["", "---\n# nothing\n---\n", "[]", "null"])
def test_empty_input(calicoctl: Calicoctl, text: str) -> None:
    for verb in ("create", "apply", "replace", "delete", "get", "validate"):
        assert calicoctl(verb, "-f", "-", stdin=text) == failed("No resources specified in file")
    assert calicoctl("diff", "-f", "-", stdin=text) == Result(2, "", "No resources specified in file\n")


def test_list_and_profile_list(calicoctl: Calicoctl) -> None:
    items = [{"metadata": {"name": "a"}}, profile("b")]
    listed = {"kind": "ProfileList", "apiVersion": "projectcalico.org/v3", "metadata": {"resourceVersion": "9"}}
    text = json.dumps({**listed, "items": items})
    assert calicoctl("apply", "-f", "-", stdin=text) == done("applied", 2, "Profile(a): created", "Profile(b): created")
    bad = calicoctl("apply", "-f", "-", stdin=json.dumps({**listed, "items": {"a": 1}, "more": 1}))
    assert bad.stderr == (
        'stdin:1: ProfileList: more: is not a field here\nstdin:1: ProfileList: items: {"a": 1} is not a list\n'
        + NOTHING_WRITTEN
    )


@pytest.mark.once
def test_values_too_large_for_etcd_are_refused_before_any_write(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    log = {"action": "Log", "logPrefix": "a%" * 3_000_000}
    big = profile("big", ingress=[log], meta_tags=["t" * 128] * 80_000, labelsToApply={"a b": "c"})
    result = calicoctl("apply", "-f", "-", stdin=stdin_of(profile("okay"), big))
    assert result == Result(
        1,
        "",
        'stdin:1: Profile(big): spec.labelsToApply["a b"]: "a b" is not accepted: a key has 1 to 63 letters, digits, '
        "dashes, underscores and dots, the first and last a letter or digit; a domain name and / may stand before it\n"
        "stdin:1: Profile(big): its tags are too large for etcd: 10,560,059 bytes in the form that etcd's v2 API "
        "takes, of at most 10,485,760; divide them among several profiles\n"
        "stdin:1: Profile(big): its rules are too large for etcd: 12,000,137 bytes in the form that etcd's v2 API "
        "takes, of at most 10,485,760; divide them among several profiles\n" + NOTHING_WRITTEN,
    )
    big = profile("big", ingress=[log])
    problem = result.stderr.splitlines()[2]
    for verb in ("create", "apply"):
        for options in ((), ("--dry-run",)):
            refused = calicoctl(verb, "-f", "-", *options, stdin=stdin_of(profile("okay"), big))
            assert refused == failed(f"{problem}\nNothing was written.")
    assert calicoctl("validate", "-f", "-", stdin=stdin_of(big)) == failed(problem)
    assert calicoctl("diff", "-f", "-", stdin=stdin_of(big)) == Result(2, "", problem + "\n")
    assert etcd.keys() == {}


@pytest.mark.once
def test_size_limit_of_etcd(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    largest = '{"inbound_rules": [{"action": "log", "log_prefix": ""}], "outbound_rules": []}'
    room = MAX_FORM_BYTES - LONGEST_CONDITION - len(f"value={largest}")
    for more, status in ((0, 0), (1, 1)):
        log = {"action": "Log", "logPrefix": "a" * (room + more)}
        assert calicoctl("apply", "-f", "-", stdin=stdin_of(profile("a", ingress=[log]))).status == status
    # Other rules could replace these, but a change of tags first adds a temporary deny rule, which is too much.
    before = etcd.index()
    other = profile("a", egress=[{"action": "Allow"}], meta_tags=["web"])
    assert calicoctl("apply", "-f", "-", stdin=stdin_of(other)) == failed(
        "stdin:1: Profile(a): its stored rules, with a temporary rule that denies everything while tags and labels "
        "change, are too large for etcd: 10,485,798 bytes in the form that etcd's v2 API takes, of at most 10,485,760; "
        "change the rules first, without other changes\n" + NOTHING_WRITTEN.rstrip()
    )
    assert etcd.index() == before
    for document in (profile("a", egress=[{"action": "Allow"}]), other):
        assert calicoctl("apply", "-f", "-", stdin=stdin_of(document)).status == 0


def test_invalid_items_are_reported_with_their_place(calicoctl: Calicoctl) -> None:
    text = """\
kind: ProfileList
apiVersion: projectcalico.org/v3
items:
- metadata: {name: a}
- b
---
- apiVersion: projectcalico.org/v3
  kind: Profile
  metadata: {name: c}
- 3
- kind: [a]
  apiVersion: {b: 1}
---

text
"""
    assert calicoctl("validate", "-f", "-", stdin=text) == failed(
        "stdin:1: ProfileList: items[1]: b is not a resource: a mapping with apiVersion and kind\n"
        "stdin:7: [1]: 3 is not a resource: a mapping with apiVersion and kind\n"
        'stdin:11: Unknown resource type (["a"]) and/or version ({"b": 1}); known are '
        f"{known_kinds()}\n"
        "stdin:15: text is not a resource: a mapping with apiVersion and kind"
    )


def test_stream_of_json_documents(etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("profile", "add", "a")
    calicoctl("profile", "add", "b")
    items = json.loads(calicoctl("get", "profile", "-o", "json").stdout)["items"]
    stream = "\n".join(json.dumps(item, indent=2) for item in items)  # the output format of jq '.items[]'
    unchanged = ("Profile(a): unchanged", "Profile(b): unchanged")
    assert calicoctl("apply", "-f", "-", stdin=stream) == done("applied", 2, *unchanged)
    close = "".join(json.dumps(item) for item in items)
    assert calicoctl("validate", "-f", "-", stdin=close).status == 0
    line = json.dumps(items[0], indent=2).count("\n") + 2
    bad = stream.replace('"name": "b"', '"nam": "b"')
    assert calicoctl("validate", "-f", "-", stdin=bad).stderr.startswith(f"stdin:{line}: ")


def test_unknown_kind(calicoctl: Calicoctl) -> None:
    for verb in ("get", "delete"):
        assert calicoctl(verb, "prof", "x") == failed(
            f"resource type 'prof' is not supported\nKnown are: {known_words()}"
        )


# validate


def test_validate_needs_no_etcd(calicoctl: Calicoctl) -> None:
    nowhere = {"ETCD_AUTHORITY": "nonsense"}
    assert calicoctl("validate", "-f", "-", stdin=DEV_APPS, env=nowhere) == Result(
        0, "Successfully validated 1 'Profile' resource(s)\n", ""
    )
    result = calicoctl("validate", "-f", "-", stdin=DEV_APPS.replace("Deny", "deny"), env=nowhere)
    assert result == failed(
        'stdin:1: Profile(dev-apps): spec.ingress[0].action: "deny" is not one of Allow, Deny, Log, Pass'
    )


def test_validate_accepts_document_with_version(calicoctl: Calicoctl) -> None:
    assert calicoctl("validate", "-f", "-", stdin=stdin_of(profile("a", meta_resourceVersion="7"))).status == 0


# Files


def test_files(calicoctl: Calicoctl, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(json.dumps(profile("b")), encoding="utf-8-sig")
    (tmp_path / "c" / "d").mkdir(parents=True)
    (tmp_path / "c" / "d" / "x.yml").write_text("---\n" + json.dumps(profile("x")) + "\n---\n" + DEV_APPS)
    (tmp_path / "a.JSON").write_text(json.dumps([profile("a")]))
    (tmp_path / "README.md").write_text("no resource")
    (tmp_path / ".hidden.yaml").write_text("no resource")
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "a.yaml").write_text("no resource")
    assert calicoctl("create", "-f", str(tmp_path), "--recursive") == done(
        "created", 4, *(f"Profile({name}): created" for name in ("a", "b", "x", "dev-apps"))
    )
    assert calicoctl("apply", "-f", str(tmp_path / "b.yaml")) == done("applied", 1, "Profile(b): unchanged")
    assert calicoctl("apply", "-f", str(tmp_path)) == failed(
        f"Failed to execute command: read {tmp_path}: is a directory\nUse --recursive to read the files in it."
    )


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="this system has no /proc/self/mem")
def test_file_opens_but_cannot_be_read(calicoctl: Calicoctl) -> None:
    complaint = "Failed to execute command: read /proc/self/mem: input/output error\n"
    assert calicoctl("apply", "-f", "/proc/self/mem") == Result(1, "", complaint)


def test_unreadable_files(calicoctl: Calicoctl, tmp_path: Path) -> None:
    missing = str(tmp_path / "nofile.yaml")
    assert calicoctl("create", "-f", missing) == failed(
        f"Failed to execute command: open {missing}: no such file or directory"
    )
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: \xe9")
    assert calicoctl("create", "-f", str(latin)) == failed(f"Failed to execute command: {latin} is not UTF-8: byte 4")
    broken = tmp_path / "broken.yaml"
    broken.write_text("kind: Profile\nmetadata: a: b\n")
    assert calicoctl("create", "-f", str(broken)) == Result(
        1,
        "",
        f"{broken}: error parsing document: line 2, column 12: mapping values are not allowed in this context\n"
        + NOTHING_WRITTEN,
    )
    (tmp_path / "empty").mkdir()
    assert calicoctl("create", "-f", str(tmp_path / "empty"), "--recursive") == failed("No resources specified in file")


def test_invalid_document_does_not_hide_problems_of_others(calicoctl: Calicoctl) -> None:
    a, b = (json.dumps(profile(name, more=1)) for name in "ab")
    text = f"{a}\n---\nkind: Pod\n---\na: b: c\n---\n{b}\n"
    assert calicoctl("apply", "-f", "-", stdin=text) == Result(
        1,
        "",
        "stdin:3: Unknown resource type (Pod) and/or version (); known are "
        f"{known_kinds()}\n"
        "stdin: error parsing document: line 5, column 5: mapping values are not allowed in this context\n"
        "stdin:1: Profile(a): spec.more: is not a field here\n" + NOTHING_WRITTEN,
    )


def test_unreadable_file_does_not_hide_problems_of_others(calicoctl: Calicoctl, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xe9")
    (tmp_path / "b.yaml").symlink_to("nowhere")
    (tmp_path / "c.yaml").write_text(json.dumps(profile("c", more=1)))
    assert calicoctl("apply", "-f", str(tmp_path), "--recursive") == Result(
        1,
        "",
        f"{tmp_path}/a.yaml is not UTF-8: byte 4\n"
        f"open {tmp_path}/b.yaml: no such file or directory\n"
        f"{tmp_path}/c.yaml:1: Profile(c): spec.more: is not a field here\n" + NOTHING_WRITTEN,
    )


def test_problems_of_all_files_are_reported(etcd: EtcdServer, calicoctl: Calicoctl, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text(json.dumps(profile("b", more=1)))
    (tmp_path / "c.yaml").write_text(json.dumps([1, profile("c")]))
    assert calicoctl("apply", "-f", str(tmp_path), "--recursive") == Result(
        1,
        "",
        f"{tmp_path}/a.yaml: error parsing document: line 2, column 1: did not find expected node content\n"
        f"{tmp_path}/c.yaml:1: [0]: 1 is not a resource: a mapping with apiVersion and kind\n"
        f"{tmp_path}/b.yaml:1: Profile(b): spec.more: is not a field here\n" + NOTHING_WRITTEN,
    )
    assert etcd.keys() == {}
