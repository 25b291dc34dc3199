"""calicoctl edit: change a resource in an editor, on condition that nobody else does so meanwhile."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile

from calicoctl.errors import CommandError
from calicoctl.resources import changes, comparison
from calicoctl.resources.manifest import Manifest
from calicoctl.resources.text import to_yaml

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.resources.kind import Record
    from calicoctl.resources.manifest import Item

_DEFAULT_EDITOR = "vi"
_UNCHANGED = "Edit cancelled: nothing was changed."
_NOTES = """\
# Lines that begin with # are left out. An empty file, or one that is not changed,
# changes nothing.
"""


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl edit`` and return the exit status. Raises CommandError."""
    named = Manifest(environment, environment.client(), identity_only=True)
    named.name(arguments["<KIND>"], [arguments["<NAME>"]])
    named.require_sound()
    return _Edit(named.items[0], environment).run()


class _Edit:
    """One resource in a file of its own, which stays where it holds changes that are not written."""

    def __init__(self, item: Item, environment: Environment) -> None:
        self._item = item
        self._environment = environment
        self._path = ""
        self._shown = ""  # what the file held when the editor was started

    def run(self) -> int:
        """Edit until it is written or given up. Raises CommandError."""
        record = self._record()
        with tempfile.NamedTemporaryFile(prefix="calicoctl-", suffix=".yaml", delete=False) as file:
            self._path = file.name
        self._write_file(_NOTES + self._document(record))
        is_needed = True
        try:
            status = self._edit(record)
            is_needed = False
            return status
        except CommandError as error:
            is_needed = self._read_file() != self._shown
            remark = f"\nThe changes are in {self._path}." if is_needed else ""
            raise CommandError(error.message + remark, error.status) from None
        finally:
            if not is_needed:
                os.remove(self._path)

    def _edit(self, record: Record) -> int:
        while True:
            self._start_editor()
            text = self._read_file()
            if text == self._shown or not _without_notes(text).strip():
                self._environment.say(_UNCHANGED)
                return 0
            try:
                return self._apply()
            except CommandError as error:
                self._offer_again(error, text)
            latest = self._record()
            if latest.version != record.version:
                self._show_others_changes(record, latest)
                record = latest

    def _record(self) -> Record:
        record: Record | None = self._item.kind.find([self._item.resource.name]).get(self._item.resource.name)
        if record is None:
            raise CommandError(f"resource does not exist: {self._item}")
        complaints = self._item.kind.complaints(record)
        if complaints:
            raise CommandError("\n".join(complaints))
        return record

    def _document(self, record: Record) -> str:
        return to_yaml(self._item.kind.to_document(record, export=False)) + "\n"

    def _apply(self) -> int:
        """Check what the file says, show what it changes and write it."""
        manifest = Manifest(self._environment, self._environment.client())
        manifest.read(self._path, recursive=False)
        manifest.require_sound()
        keys = [item.key for item in manifest.items]
        if keys != [self._item.key]:
            raise CommandError(f"the file is to hold {self._item} and nothing else")
        if manifest.items[0].resource.resource_version is None:
            raise CommandError("metadata.resourceVersion is missing: without it the changes of others would be lost")
        if comparison.run(manifest, self._environment) == 0:
            self._environment.say(_UNCHANGED)
            return 0
        status = changes.run(changes.APPLY, manifest, self._environment)
        if status:
            raise CommandError("It was not applied, or not all of it.")
        return status

    def _offer_again(self, error: CommandError, text: str) -> None:
        """Say what is wrong and ask whether to go on; without a terminal, or with no, raise the error."""
        self._environment.complain(error.message)
        stdin = self._environment.stdin
        if stdin is None or not stdin.isatty():
            raise CommandError("The edit ends here.")
        self._environment.complain("Edit it again? [Y/n]")
        if stdin.readline().strip().lower() not in ("", "y", "yes"):
            raise CommandError("The edit ends here.")
        notes = "".join(f"# {line}\n" for line in error.message.splitlines())
        self._write_file(notes + _without_notes(text))

    def _show_others_changes(self, before: Record, now: Record) -> None:
        """Show what others have changed, and let the file be applied on top of it."""
        from difflib import unified_diff

        names = (f"{self._item} as it was", f"{self._item} as others have changed it")
        texts = (self._document(before).splitlines(), self._document(now).splitlines())
        for line in unified_diff(*texts, *names, lineterm=""):
            self._environment.complain(line)
        text = self._read_file()
        version = re.compile(r"^(\s*resourceVersion:\s*).*$", re.MULTILINE)
        self._write_file(version.sub(rf'\g<1>"{now.version}"', text, count=1))

    def _start_editor(self) -> None:
        self._shown = self._read_file()
        variables = self._environment.variables
        editor = variables.get("VISUAL") or variables.get("EDITOR") or _DEFAULT_EDITOR
        try:
            words = shlex.split(editor)
            process = subprocess.Popen([*words, self._path], env=dict(variables))
        except (OSError, ValueError, IndexError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise CommandError(f"Cannot start the editor {editor}: {reason}. Set EDITOR.") from None
        interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the editor
        try:
            status = process.wait()
        finally:
            signal.signal(signal.SIGINT, interrupted)
        if status:
            raise CommandError(f"The editor {editor} ended with status {status}: nothing was written.")

    def _read_file(self) -> str:
        try:
            with open(self._path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                return file.read()
        except OSError as error:
            raise CommandError(f"Cannot read {self._path}: {error.strerror}.") from None

    def _write_file(self, text: str) -> None:
        with open(self._path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)


def _without_notes(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
