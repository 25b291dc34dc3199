"""calicoctl edit: change a resource in an editor. It is written only if nobody else has changed it meanwhile."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from difflib import unified_diff

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
_OVERTAKEN = "Somebody else has changed it meanwhile: nothing was written."
_UNCHANGED = "Edit cancelled: nothing was changed."
_NOTES = """\
# Lines that begin with # are ignored. To cancel, leave the file unchanged or
# save it empty.
"""


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl edit`` and return the exit status. Raises CommandError."""
    if arguments["--flows"] and not arguments["--dry-run"]:
        raise CommandError("--flows goes with --dry-run. Nothing was written.")
    if arguments["--flows"]:
        from calicoctl.commands.trial import Trial, say_flow_changes

        trial = Trial(environment)
        edit = _edit(arguments, environment)
        status = edit.run()
        if edit.tried is not None:
            changes.carry_out(changes.APPLY, edit.tried)
        say_flow_changes(trial.flow_changes()[0], environment)
        return status
    return _edit(arguments, environment).run()


def _edit(arguments: Arguments, environment: Environment) -> _Edit:
    named = Manifest(environment, environment.client(), identity_only=True)
    named.name(arguments["<KIND>"], [arguments["<NAME>"]])
    named.require_sound()
    return _Edit(named.items[0], environment, arguments["--dry-run"])


class _Edit:
    """The edit of one resource in a temporary file. The file is kept if it has changes that were not written.

    Nothing is written if ``is_dry``.
    """

    def __init__(self, item: Item, environment: Environment, is_dry: bool) -> None:
        self._item = item
        self._is_dry = is_dry
        self.tried: Manifest | None = None  # the result of a dry run, if it has changes
        self._environment = environment
        self._path = ""
        self._record: Record  # the resource as it was stored when the file was written
        self._stored = ""  # the record as YAML
        self._notes = _NOTES
        self._is_open = False  # whether the editor is running and may still save the file

    def run(self) -> int:
        """Let the operator edit the file until it is applied or the edit is cancelled. Raises CommandError."""
        self._take(self._read_record())
        try:
            with tempfile.NamedTemporaryFile(prefix="calicoctl-", suffix=".yaml", delete=False) as file:
                self._path = file.name
        except OSError as error:
            raise CommandError(f"Cannot make a file for the editor: {error.strerror}. Set TMPDIR.") from None
        try:
            self._write_file(_NOTES + self._stored)
            manifest = self._edited()
            if manifest and self._is_dry:
                return self._end_dry_run(manifest)
            if manifest and changes.run(changes.APPLY, manifest, self._environment, has_warned=True):
                raise CommandError("The changes were not fully applied.")
        except CommandError as error:
            raise CommandError(error.message + self._kept(), error.status) from None
        except KeyboardInterrupt:
            if kept := self._kept():
                self._environment.complain(kept.strip())
            raise
        self._remove_file()
        return 0

    def _end_dry_run(self, manifest: Manifest) -> int:
        """Say what would be done. Raises CommandError."""
        status = changes.run(changes.APPLY, manifest, self._environment, dry_run=True, has_warned=True)
        self.tried = manifest
        self._environment.say(f"The changes are in {self._path}.")
        return status

    def _kept(self) -> str:
        """Return a line that says where the unwritten changes are. Without such changes, remove the file."""
        try:
            content = _content(self._read_file())
        except CommandError:
            return ""  # the editor has removed the file
        if self._is_open:
            return f"\nThe editor still has {self._path}."
        if content in ("", _content(self._stored)) and self._notes == _NOTES:
            self._remove_file()
            return ""
        return f"\nThe changes are in {self._path}."

    def _edited(self) -> Manifest | None:
        """Run the editor until its result is valid, and return that; None if nothing is to be changed."""
        while True:
            before = self._read_file()
            self._start_editor()
            text = self._read_file()
            if not _content(text) or (_content(text) == _content(self._stored) and self._notes == _NOTES):
                self._environment.say(_UNCHANGED)
                return None
            if text == before:
                raise CommandError("No further change was made: the edit ends here.")
            try:
                return self._checked()
            except BrokenPipeError:
                raise CommandError("Standard output is closed: nothing was written.") from None
            except CommandError as error:
                latest = self._read_record()
                is_overtaken = latest.version != self._record.version
                problem = _OVERTAKEN if is_overtaken else error.message
                self._ask_whether_to_go_on(problem)
                if is_overtaken:
                    self._offer_latest(latest, text)
                else:
                    self._write_file(_as_notes(problem.splitlines()) + _without_notes(text))

    def _read_record(self) -> Record:
        identity = self._item.resource.identity
        record: Record | None = self._item.kind.find([identity]).get(identity)
        if record is None:
            raise CommandError(f"resource does not exist: {self._item}")
        complaints = self._item.kind.complaints(record)
        if complaints:
            raise CommandError("\n".join(complaints))
        return record

    def _take(self, record: Record) -> None:
        """Remember a record and its YAML. The YAML is made now, because imports may fail after an interrupt."""
        self._record = record
        self._stored = to_yaml(self._item.kind.to_document(record, export=False)) + "\n"

    def _checked(self) -> Manifest | None:
        """Validate the file and show what it changes. Returns None if it changes nothing. Raises CommandError."""
        manifest = Manifest(self._environment, self._environment.client())
        manifest.read(self._path, recursive=False)
        manifest.require_sound()
        if [item.key for item in manifest.items] != [self._item.key]:
            raise CommandError(f"The file must hold {self._item} and nothing else.")
        if manifest.items[0].resource.resource_version != self._record.version:
            raise CommandError(
                f"metadata.resourceVersion must stay {self._record.version}. Otherwise changes made by others "
                "meanwhile could be lost."
            )
        if comparison.run(manifest, self._environment) == 0:
            self._environment.say(_UNCHANGED)
            return None
        return manifest

    def _ask_whether_to_go_on(self, problem: str) -> None:
        """Print the problem and ask. Raises CommandError if the answer is no, or if there is no terminal."""
        self._environment.complain(problem)
        stdin = self._environment.stdin
        if stdin is not None and stdin.isatty():
            self._environment.complain("Edit it again? [Y/n]")
            answer = stdin.readline()
            if answer and answer.strip().lower() in ("", "y", "yes"):
                return
        raise CommandError("The edit ends here.")

    def _offer_latest(self, latest: Record, text: str) -> None:
        """Write the file again from the latest stored resource, with the operator's own changes as notes.

        So the operator cannot undo the changes of others by mistake.
        """
        own = unified_diff(
            _content(self._stored).splitlines(), _content(text).splitlines(), "as it was", "with your changes",
            lineterm="",
        )  # fmt: skip
        self._take(latest)
        self._notes = _as_notes([_OVERTAKEN, "This is what is stored now. These were your changes:", *own])
        self._write_file(self._notes + self._stored)

    def _start_editor(self) -> None:
        variables = self._environment.variables
        named = (variables.get(name, "").strip() for name in ("VISUAL", "EDITOR"))
        editor = next(filter(None, named), _DEFAULT_EDITOR)
        try:
            words = shlex.split(editor)
            process = subprocess.Popen([*words, self._path], env=dict(variables))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise CommandError(f"Cannot start the editor {editor}: {reason}. Set EDITOR.") from None
        interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the editor
        self._is_open = True
        try:
            status = process.wait()
            self._is_open = False
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

    def _remove_file(self) -> None:
        with suppress(OSError):
            os.remove(self._path)

    def _write_file(self, text: str) -> None:
        try:
            with open(self._path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(text)
        except OSError as error:
            raise CommandError(f"Cannot write {self._path}: {error.strerror}.") from None


def _as_notes(lines: list[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)


def _content(text: str) -> str:
    """Return a text without its notes, and without blank lines at its beginning and end."""
    return _without_notes(text).strip()


def _without_notes(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
