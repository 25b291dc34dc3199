"""`calicoctl edit`: the file for the editor, the result, invalid input and conflicts."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from calicoctl.cli import run
from tests.conftest import PROCESS_SECONDS, Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, drop_request

RULES = "/calico/v1/policy/profile/P/rules"
TAGS = "/calico/v1/policy/profile/P/tags"
CANCELLED = "Edit cancelled: nothing was changed.\n"


class Terminal(io.StringIO):
    """A standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def profile(etcd: EtcdServer, calicoctl: Calicoctl) -> EtcdServer:
    calicoctl("profile", "add", "P")
    return etcd


class ClosedPipe(io.StringIO):
    """A standard output whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class Editor:
    """An editor that runs Python code: ``text`` is the content of the file, ``turn`` counts its runs from 1."""

    def __init__(self, folder: Path, calicoctl: Calicoctl) -> None:
        self.folder = folder
        self.calicoctl = calicoctl

    def __call__(
        self, code: str, *arguments: str, stdin: io.StringIO | None = None, stdout: io.StringIO | None = None
    ) -> Result:
        stdout, stderr = stdout or io.StringIO(), io.StringIO()
        words = ["edit", *(arguments or ("profile", "P"))]
        return Result(run(words, self.variables(code), stdin, stdout, stderr), stdout.getvalue(), stderr.getvalue())

    def variables(self, code: str) -> dict[str, str]:
        script = self.folder / "editor.py"
        turns = self.folder / "turns"
        script.write_text(
            f"import sys\nturns = open({str(turns)!r}, 'a+')\nturns.write('x')\nturns.seek(0)\n"
            f"turn = len(turns.read())\npath = sys.argv[-1]\ntext = open(path).read()\n{code}\n"
            "open(path, 'w').write(text)\n"
        )
        return {
            **self.calicoctl.environ, "PATH": os.environ["PATH"], "TMPDIR": str(self.folder),
            "EDITOR": f"{sys.executable} -IS {script}",
        }  # fmt: skip

    def kept(self) -> list[Path]:
        return list(self.folder.glob("calicoctl-*.yaml"))


@pytest.fixture
def editor(tmp_path: Path, calicoctl: Calicoctl, profile: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> Editor:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Editor(tmp_path, calicoctl)


def test_shows_and_writes_change(editor: Editor, profile: EtcdServer) -> None:
    code = (
        "import os, stat\nassert stat.S_IMODE(os.stat(path).st_mode) == 0o600\n"
        "assert text.startswith('# Lines that begin with # are ignored.')\n"
        "text = text.replace('tags:\\n  - P', 'tags:\\n  - P\\n  - web')"
    )
    result = editor(code)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout == (
        "--- Profile(P) as it is stored\n+++ Profile(P) as the document says\n@@ -4,6 +4,7 @@\n"
        "   name: P\n   tags:\n   - P\n+  - web\n spec:\n   egress:\n   - action: Allow\n"
        "Successfully applied 1 'Profile' resource(s)\nProfile(P): changed\n"
    )
    assert profile.get(TAGS) == '["P", "web"]'
    assert editor.kept() == []


@pytest.mark.parametrize("code", ["", "text = ''", "text = '# nothing\\n\\n'", "text += '\\n'"])
def test_unchanged_file_cancels_edit(editor: Editor, profile: EtcdServer, code: str) -> None:
    index = profile.index()
    assert editor(code) == (0, CANCELLED, "")
    assert (profile.index(), editor.kept()) == (index, [])


def test_invalid_edit_without_terminal_keeps_file(editor: Editor, profile: EtcdServer) -> None:
    index = profile.index()
    result = editor("text = text.replace('Allow', 'Permit')")
    (path,) = editor.kept()
    assert (result.status, result.stdout) == (1, "")
    assert "spec.egress[0].action: \"Permit\" is not one of Allow, Deny, Log, Pass" in result.stderr
    assert result.stderr.endswith(f"The edit ends here.\nThe changes are in {path}.\n")
    assert "action: Permit" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert profile.index() == index


def test_invalid_edit_can_be_corrected(editor: Editor, profile: EtcdServer) -> None:
    code = (
        "if turn == 1:\n    text = text.replace('Allow', 'Permit')\n"
        "else:\n    assert text.startswith('# ') and 'is not one of Allow' in text.splitlines()[0], text\n"
        "    text = text.replace('action: Permit', 'action: Deny')"
    )
    result = editor(code, stdin=Terminal("y\n"))
    assert result.status == 0
    assert result.stderr.endswith("Edit it again? [Y/n]\n")
    assert [rule["action"] for rule in json.loads(profile.get(RULES) or "")["outbound_rules"]] == ["deny"]
    assert editor.kept() == []


def test_declining_second_edit_keeps_file(editor: Editor) -> None:
    result = editor("text = text.replace('Allow', 'Permit')", stdin=Terminal("n\n"))
    assert result.status == 1
    assert len(editor.kept()) == 1


OTHERS_CHANGE = """
if turn == 1:
    import urllib.request
    data = b"value=%5B%22P%22%2C+%22theirs%22%5D"
    urllib.request.urlopen(urllib.request.Request("http://{}/v2/keys{}", data, method="PUT")).read()
"""


def test_conflict_keeps_changes_of_others(editor: Editor, profile: EtcdServer) -> None:
    code = OTHERS_CHANGE.format(profile.endpoint, TAGS) + "text = text.replace('tags:\\n  - P', 'tags:\\n  - mine')"
    result = editor(code)
    assert result.status == 1
    assert result.stderr.startswith("Somebody else has changed it meanwhile: nothing was written.\n")
    assert profile.get(TAGS) == '["P", "theirs"]'
    assert len(editor.kept()) == 1


OFFERED = """\
# Somebody else has changed it meanwhile: nothing was written.
# This is what is stored now. These were your changes:
# --- as it was
# +++ with your changes
"""


def test_file_after_conflict_shows_stored_version(editor: Editor, profile: EtcdServer) -> None:
    code = OTHERS_CHANGE.format(profile.endpoint, TAGS) + (
        "if turn == 1:\n    text = text.replace('tags:\\n  - P', 'tags:\\n  - mine')\n"
        f"else:\n    assert text.startswith({OFFERED!r}), text\n    assert '# +  - mine' in text, text\n"
        "    text = text.replace('  - theirs', '  - theirs\\n  - mine')"
    )
    result = editor(code, stdin=Terminal("\n"))
    assert (result.status, profile.get(TAGS)) == (0, '["P", "theirs", "mine"]')
    assert editor.kept() == []


@pytest.mark.parametrize("by_others", [False, True])
def test_unchanged_second_edit_keeps_file(editor: Editor, profile: EtcdServer, by_others: bool) -> None:
    code = OTHERS_CHANGE.format(profile.endpoint, TAGS) if by_others else ""
    wrong = "mine" if by_others else "not a tag"
    result = editor(f"{code}\nif turn == 1:\n    text = text.replace('  - P', '  - {wrong}')", stdin=Terminal("y\n"))
    (path,) = editor.kept()
    assert result.status == 1
    assert result.stderr.endswith(f"No further change was made: the edit ends here.\nThe changes are in {path}.\n")
    assert f"  - {wrong}" in path.read_text()
    assert profile.get(TAGS) == ('["P", "theirs"]' if by_others else '["P"]')


def test_end_of_input_declines_second_edit(editor: Editor) -> None:
    assert editor("text = text.replace('Allow', 'Permit')", stdin=Terminal("")).status == 1
    assert len(editor.kept()) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("text = text.replace('name: P', 'name: Q')", "The file must hold Profile(P) and nothing else."),
        ("text += '---\\n' + text.replace('name: P', 'name: Q')", "The file must hold Profile(P) and nothing else."),
        (
            "import re\ntext = re.sub('.*resourceVersion.*\\n', '', text)",
            "metadata.resourceVersion must stay 7. Otherwise changes made by others meanwhile could be lost.",
        ),
    ],
)
def test_edit_of_other_resource_or_version_is_refused(
    editor: Editor, profile: EtcdServer, code: str, message: str
) -> None:
    index = profile.index()
    result = editor(code)
    assert result.status == 1
    assert re.sub("[0-9]+", "7", result.stderr.splitlines()[0]) == message
    assert profile.index() == index


def test_missing_resource(editor: Editor) -> None:
    assert editor("", "profile", "nope") == (1, "", "resource does not exist: Profile(nope)\n")
    assert editor.kept() == []


def test_editor_fails(editor: Editor, calicoctl: Calicoctl) -> None:
    result = editor("sys.exit(3)")
    assert result.status == 1
    assert re.fullmatch("The editor .* ended with status 3: nothing was written.\n", result.stderr)
    result = calicoctl("edit", "profile", "P", env={"VISUAL": "/no/such editor", "EDITOR": "true"})
    assert result == (
        1, "", "Cannot start the editor /no/such editor: No such file or directory. Set EDITOR.\n"
    )  # fmt: skip
    assert editor.kept() == []


def test_file_cannot_be_rewritten(editor: Editor) -> None:
    code = "import os\nos.remove(path)\nos.symlink('/proc/version', path)\nturns.close()\nos._exit(0)"
    result = editor(code, stdin=Terminal("y\n"))
    (path,) = editor.kept()
    assert result.status == 1
    assert re.search(f"\\nCannot write {path}: [A-Z].*\\.\\nThe changes are in {path}\\.\\n$", result.stderr)


WEB_TAG = "text = text.replace('tags:\\n  - P', 'tags:\\n  - P\\n  - web')"


def test_makes_few_requests(proxy: Proxy, editor: Editor) -> None:
    before = len(proxy.requests)
    assert editor(WEB_TAG).status == 0
    # At the start, for the diff, and for the write.
    assert [request.split()[0] for request in proxy.requests[before:]] == ["GET", "GET", "GET", "PUT"]


def test_failed_write_keeps_file(proxy: Proxy, editor: Editor, profile: EtcdServer) -> None:
    proxy.since(len(proxy.requests) + 4, drop_request)
    result = editor(WEB_TAG, stdin=Terminal("y\n"))
    (path,) = editor.kept()
    assert result.status == 1
    assert "Edit it again?" not in result.stderr
    assert result.stderr.endswith(f"\nThe changes were not fully applied.\nThe changes are in {path}.\n")
    assert "  - web" in path.read_text()
    assert profile.get(TAGS) == '["P"]'


def test_closed_stdout_fails_without_change(editor: Editor, profile: EtcdServer) -> None:
    index = profile.index()
    result = editor(WEB_TAG, stdout=ClosedPipe())
    (path,) = editor.kept()
    assert (result.status, profile.index()) == (1, index)
    assert result.stderr == f"Standard output is closed: nothing was written.\nThe changes are in {path}.\n"


def test_editor_removes_file_and_fails(editor: Editor) -> None:
    result = editor("import os\nos.remove(path)\nsys.exit(3)")
    assert result.status == 1
    assert re.fullmatch("The editor .* ended with status 3: nothing was written.\n", result.stderr)


def test_empty_file_after_conflict_cancels_edit(editor: Editor, profile: EtcdServer) -> None:
    code = OTHERS_CHANGE.format(profile.endpoint, TAGS) + f"if turn == 1:\n    {WEB_TAG}\nelse:\n    text = ''"
    result = editor(code, stdin=Terminal("y\n"))
    assert (result.status, result.stdout, profile.get(TAGS)) == (0, CANCELLED, '["P", "theirs"]')


def test_signal_keeps_file_of_running_editor(editor: Editor, calicoctl: Calicoctl) -> None:
    code = (
        "import os, signal\nparent = os.getppid()\nos.kill(parent, signal.SIGTERM)\n"
        f"while os.getppid() == parent:\n    pass\n{WEB_TAG}"
    )
    done = subprocess.run(
        calicoctl.command("edit", "profile", "P"),
        env=editor.variables(code),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
    )  # the editor shares these streams, so it has ended by now
    (path,) = editor.kept()
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "")
    assert f"The editor still has {path}." in done.stderr
    assert "  - web" in path.read_text()
