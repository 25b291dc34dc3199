"""A new kind of resource needs one file and one row: resource commands and completion then support it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calicoctl.resources import kinds
from tests.commands.resources import known_kinds
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, first
from tests.resources.note_kind import API_VERSION, NOTES


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = kinds.Row("Note", API_VERSION, ("note", "notes"), "tests.resources.note_kind")
    monkeypatch.setattr(kinds, "KINDS", [*kinds.KINDS, row])


def note(name: str, text: str) -> dict[str, Any]:
    return {"kind": "Note", "apiVersion": API_VERSION, "metadata": {"name": name}, "spec": {"text": text}}


PROFILE = {"kind": "Profile", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "web"}}
DOOR = note("host1/door", "closed")


def test_create_and_get(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    assert calicoctl("create", "-f", "-", stdin=json.dumps([DOOR, PROFILE])) == Result(
        0, "Successfully created 2 resource(s)\nNote(host1/door): created\nProfile(web): created\n", ""
    )
    assert etcd.get(f"{NOTES}/host1/door") == "closed"
    assert calicoctl("create", "-f", "-", stdin=json.dumps(DOOR)) == Result(
        1, "", "Failed to create 'Note' resource: resource already exists: Note(host1/door)\n"
    )
    assert calicoctl("get", "notes") == Result(0, "NODE    NAME   \nhost1   door   \n\n", "")
    assert calicoctl("get", "note", "host1/door", "-o", "wide").stdout == (
        "NODE    NAME   TEXT     \nhost1   door   closed   \n\n"
    )
    assert calicoctl("get", "note", "-o", "name").stdout == "host1/door\n"
    assert json.loads(calicoctl("get", "note", "host1/door", "-o", "json", "--export").stdout) == DOOR


def test_get_shows_file_with_two_kinds(calicoctl: Calicoctl) -> None:
    both = json.dumps([PROFILE, DOOR])
    calicoctl("create", "-f", "-", stdin=both)
    assert calicoctl("get", "-f", "-", stdin=both) == Result(
        0, "NAME   \nweb    \n\nNODE    NAME   \nhost1   door   \n\n", ""
    )
    documents = json.loads(calicoctl("get", "-f", "-", "-o", "json", "--export", stdin=both).stdout)
    assert [document["kind"] for document in documents] == ["Profile", "Note"]


def test_apply_and_diff(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    calicoctl("apply", "-f", "-", stdin=json.dumps(DOOR))
    opened = json.dumps(note("host1/door", "open"))
    assert calicoctl("diff", "-f", "-", stdin=opened) == Result(
        1,
        "--- Note(host1/door) as it is stored\n+++ Note(host1/door) as the document says\n@@ -3,4 +3,4 @@\n metadata:\n"
        "   name: host1/door\n spec:\n-  text: closed\n+  text: open\n",
        "",
    )
    assert calicoctl("apply", "-f", "-", stdin=opened) == Result(
        0, "Successfully applied 1 'Note' resource(s)\nNote(host1/door): changed\n", ""
    )
    assert etcd.get(f"{NOTES}/host1/door") == "open"
    assert calicoctl("apply", "-f", "-", stdin=opened).stdout.endswith("Note(host1/door): unchanged\n")
    stale = note("host1/door", "ajar")
    stale["metadata"]["resourceVersion"] = "1"
    result = calicoctl("apply", "-f", "-", stdin=json.dumps(stale))
    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith("Failed to apply 'Note' resource: update conflict: Note(host1/door)\n")


def test_delete(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    calicoctl("create", "-f", "-", stdin=json.dumps(DOOR))
    assert calicoctl("delete", "note", "host1/door", "host1/window") == Result(
        1,
        "Successfully deleted 1 'Note' resource(s)\nNote(host1/door): deleted\n",
        "Warning: Note(host1/door): somebody may want to read it.\nresource does not exist: Note(host1/window)\n",
    )
    assert f"{NOTES}/host1/door" not in etcd.keys(NOTES)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (note("door", "x"), "stdin:1: Note(): metadata.name: is not of the form node/name"),
        (note("door/..", "x"), "stdin:1: Note(): metadata.name: is not of the form node/name"),
        ({**DOOR, "spce": {}}, "stdin:1: Note(host1/door): spce: is not a field here; did you mean spec?"),
        (note("host1/door", ""), "stdin:1: Note(host1/door): spec.text: is missing"),
        ({**DOOR, "apiVersion": "v9"}, "stdin:1: Unknown resource type (Note) and/or version (v9); known are "
         f"{known_kinds()}, Note and NoteList of example.org/v1"),
    ],
)  # fmt: skip
def test_problems_are_reported_with_their_place(calicoctl: Calicoctl, document: dict[str, Any], problem: str) -> None:
    result = calicoctl("validate", "-f", "-", stdin=json.dumps(document))
    assert (result.status, result.stdout, result.stderr.splitlines()[0]) == (1, "", problem)


def test_completion(calicoctl: Calicoctl, etcd: EtcdServer) -> None:
    calicoctl("create", "-f", "-", stdin=json.dumps([DOOR, note("host2/door", "x")]))
    offered = calicoctl("completion", "candidates", "--", "calicoctl", "get", "").stdout.split()
    assert "note" in offered
    assert calicoctl("completion", "candidates", "--", "calicoctl", "delete", "note", "host1/door", "").stdout == (
        "host2/door\n"
    )


@pytest.mark.parametrize("row", kinds.KINDS, ids=lambda row: row.name)
def test_rows_of_table_agree_with_kinds(row: kinds.Row) -> None:
    kind = row.kind(None)
    assert (kind.name, kind.api_version) == (row.name, row.api_version)
    assert {*kind.ps, *kind.wide, *kind.of_identity} <= set(kind.columns)


def test_names_are_quoted_and_the_last_note_can_be_deleted(calicoctl: Calicoctl) -> None:
    odd = note("h/a?b", "x")
    assert calicoctl("create", "-f", "-", stdin=json.dumps(odd)).status == 0
    assert calicoctl("get", "note", "-o", "name").stdout == "h/a?b\n"
    assert calicoctl("delete", "note", "h/a?b").status == 0
    assert calicoctl("get", "note", "-o", "name") == Result(0, "", "")


def test_delete_after_a_change_by_others(calicoctl: Calicoctl, etcd: EtcdServer, proxy: Proxy) -> None:
    calicoctl("create", "-f", "-", stdin=json.dumps(DOOR))
    proxy.reset()
    proxy.at(2, first(lambda: etcd.put(f"{NOTES}/host1/door", "open")))
    result = calicoctl("delete", "note", "host1/door")
    assert (result.status, result.stdout.splitlines()[-1]) == (0, "Note(host1/door): deleted")
    assert f"{NOTES}/host1/door" not in etcd.keys("/calico")
