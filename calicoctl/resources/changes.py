"""How create, apply, replace and delete work: check all resources first, then write them one by one."""

from __future__ import annotations

from functools import cached_property

from calicoctl.datastore import edit
from calicoctl.errors import CommandError, status_of
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.resources.kind import Stopped
from calicoctl.resources.manifest import Item, Manifest, records_of
from calicoctl.resources.report import Report, failed_sentence

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Mapping

    from calicoctl.datastore.edit import Overtaken
    from calicoctl.environment import Environment
    from calicoctl.resources.kind import Plan, Record, Writer

_SHOWN_WARNINGS = 20

CREATE, APPLY, REPLACE, DELETE = "create", "apply", "replace", "delete"
DIFF, VALIDATE = "diff", "validate"


class Failure(CommandError):
    """A resource cannot be processed; the message is the text after ``Failed to ...:``."""


class Missing(Failure):
    """The resource to be deleted does not exist."""


class Change:
    """The change of one resource of the input; ``outcome`` says what happened, or would happen in a dry run."""

    def __init__(self, verb: str, item: Item, record: Record | None, skip: bool = False) -> None:
        """``record`` is the stored object, or None; ``skip`` as for `run`. Raises Failure."""
        self.verb = verb
        self.item = item
        self.record = record
        self.plan: Plan | None = None
        self.outcome = ""
        self.skipped = False
        self.problems: list[str] = []
        self.is_judged = False  # the effect of the change on the record was judged: it must not become another one
        self._skip = skip
        self._has_written = False  # stays True even if others have removed it since
        self._decide()

    @property
    def version(self) -> str | None:
        """The resourceVersion of the stored object; None if there is none."""
        return self.record.version if self.record else None

    @cached_property
    def _writer(self) -> Writer:
        return self.item.kind.writer(self.item.resource)

    def _decide(self) -> None:
        """Determine the outcome from the stored object. Raises Failure."""
        self.plan = None
        self.skipped = False
        existing = self.record if self.record is not None and not self.record.obstacle else None
        if self.verb == CREATE and self.item.resource.resource_version is not None:
            self._refuse_version()
        elif self.verb == CREATE and existing is not None and not self._is_partly_created(existing):
            self._skip_or_fail("exists, skipped", f"resource already exists: {self.item}")
        elif (self.verb == REPLACE and existing is None) or (self.verb == DELETE and self.record is None):
            missing = f"resource does not exist: {self.item}"
            self._skip_or_fail("does not exist, skipped", missing, Missing if self.verb == DELETE else Failure)
        else:
            self._require_version()
            if self.verb == DELETE:
                self.outcome = "deleted"
            else:
                self.plan = self.item.kind.plan(self.item.resource, self.record, self.verb in (CREATE, REPLACE))
                self.problems = [self.item.complaint(text) for text in self.plan.problems]
                is_new = self.record is None or self.verb == CREATE
                self.outcome = "created" if is_new else "changed" if self.plan.changes else "unchanged"

    def _is_partly_created(self, record: Record) -> bool:
        """Tell whether the stored object is an incomplete copy of this resource, left by an interrupted creation."""
        return self.item.kind.plan(self.item.resource, record, True).completes

    def _skip_or_fail(self, outcome: str, failure: str, kind: type[Failure] = Failure) -> None:
        if not self._skip:
            raise kind(failure)
        self.skipped = True
        self.outcome = outcome

    def _require_version(self) -> None:
        expected = self.item.resource.resource_version
        actual = self.version
        if expected not in (None, actual) and self.verb not in (CREATE, VALIDATE):
            state = f"is {actual} now" if actual else "does not exist any more"
            raise Failure(
                f"update conflict: {self.item}\n"
                f"The resourceVersion given is {expected}, and the resource {state}: get it again and repeat the "
                "change, or leave resourceVersion out to overwrite what others have written."
            )

    def _refuse_version(self) -> None:
        """Refuse a document with a version, even if no such resource exists, and list all other problems too."""
        problems = self.item.kind.plan(self.item.resource, None, True).problems
        problems = ["metadata.resourceVersion: must not be set to create a resource", *problems]
        self.problems = [self.item.complaint(text) for text in problems]

    def warn(self, environment: Environment) -> None:
        """Print warnings about the change on standard error, before it is carried out."""
        warnings = list(self.plan.warnings) if self.plan else []
        if self.record is not None and not self.skipped:
            warnings += self.item.kind.consequences(self.item.resource, self.plan, self.record)
        for warning in warnings[:_SHOWN_WARNINGS]:
            environment.complain(f"Warning: {self.item}: {warning}.")
        if len(warnings) > _SHOWN_WARNINGS:
            environment.complain(f"Warning: {self.item}: {len(warnings) - _SHOWN_WARNINGS} more warnings like these.")

    def carry_out(self, just_read: bool) -> None:
        """Write the change, if there is one. Raises Failure, DatastoreError.

        ``just_read`` tells that this command has written nothing since it read the record.
        """
        if self.verb == DELETE and self.record is not None:
            self._delete(just_read)
        elif self.plan is not None:
            self._write()

    def _delete(self, just_read: bool) -> None:
        if self.item.resource.resource_version is not None and not just_read:
            self._read_again()  # etcd v2 cannot remove a directory conditionally: compare the version right before
        overtaken = edit.Overtaken(str(self.item))
        while (record := self.record) is not None:
            try:
                if not self.item.kind.delete(record):
                    self.record = None
                    self._decide()
                return
            except Conflict:
                overtaken.wait(("the object", int(record.version)))
                self._read_again()

    def _write(self) -> None:
        """Write the plan. If that stops midway, the error message says what has been written."""
        try:
            self._write_until_done()
        except (Failure, DatastoreError) as error:
            message = error.message + self._left_behind(error)
            raise (Failure(message) if isinstance(error, Failure) else DatastoreError(message)) from None
        except KeyboardInterrupt as interruption:
            left_behind = self._writer.may_be_left_behind(self.plan, str(self.item), self.verb)
            if left_behind:
                raise CommandError(f"Aborted command.  {left_behind}", status_of(interruption)) from None
            raise

    def _write_until_done(self) -> None:
        """Write by compare-and-swap; after changes by others, plan and write again unless they conflict."""
        overtaken: Overtaken | None = None
        while self.plan is not None and self.plan.changes:
            try:
                self._writer.write(self.plan, self.record)
                break
            except Stopped as stopped:
                self._check_can_retry(stopped)
                place = stopped.place
            overtaken = overtaken or edit.Overtaken(str(self.item))
            overtaken.wait(place)
            self._read_again()
            if self.problems:
                raise Failure("\n".join(self.problems))
        if self._has_written and self.outcome == "unchanged":
            self.outcome = "changed"

    def _read_again(self) -> None:
        identity = self.item.resource.identity
        self.record = self.item.kind.find([identity]).get(identity)
        if self.record is None:
            self._writer.forget()
        self._decide()

    def _check_can_retry(self, stopped: Stopped) -> None:
        """Note what was written, and raise the error if the write must not be tried again."""
        self._has_written = self._has_written or stopped.has_written
        if isinstance(stopped.cause, DatastoreError):
            raise stopped.cause
        if self.verb == CREATE and not stopped.has_written:
            self._skip_or_fail("exists, skipped", f"resource already exists: {self.item}")
        elif self.verb == CREATE or self.is_judged or self.item.resource.resource_version is not None:
            raise Failure(f"update conflict: {self.item}\nSomebody else changed it at the same time.")

    def _left_behind(self, error: CommandError) -> str:
        """Return the last lines of a message, which say what was written; empty if nothing was."""
        text = self._writer.left_behind(str(self.item), self.verb)
        if text and self.verb == CREATE and isinstance(error, DatastoreError):
            text += "  'calicoctl create --skip-exists' with the same input completes it."
        return f"\n{text}" if text else ""


def run(
    verb: str,
    manifest: Manifest,
    environment: Environment,
    skip: bool = False,
    dry_run: bool = False,
    has_warned: bool = False,
    versions: Mapping[object, str | None] | None = None,
) -> int:
    """Carry out a verb for all resources of the input and return the exit status.

    All resources are checked before anything is written; then they are written in order up to the first failure.
    ``skip`` treats a resource that already exists (create) or does not exist (delete) as done. A delete of several
    resources removes those that exist and reports the others, so an interrupted delete can be repeated.
    ``has_warned`` tells that the warnings have already been printed. With ``versions``, by the keys of the items, the
    change is carried out only on objects with these resourceVersions. Raises CommandError.
    """
    missing: list[str] = []
    changes = prepared(verb, manifest, skip, missing)
    if versions is not None:
        _require_versions(changes, versions)
    report = Report(verb, manifest.items, environment, dry_run)
    for change in () if has_warned else changes:
        change.warn(environment)
    done: list[tuple[Item, str]] = []
    steps = environment.steps(f"Resources to {verb}")
    for change in changes:
        steps.show(len(done), len(changes))
        try:
            if not dry_run:
                change.carry_out(just_read=not done)
        except Missing as failure:  # removed by others since it was read
            missing.append(failure.message)
            continue
        except (Failure, DatastoreError) as failure:
            steps.erase()
            for message in missing:
                environment.complain(message)
            return report.failed(done, failure.message)
        except BaseException:
            steps.erase()
            raise
        done.append((change.item, change.outcome))
    steps.erase()
    if missing and not done:
        raise CommandError("\n".join([failed_sentence(verb, manifest.items, missing[0]), *missing[1:]]))
    status = report.succeeded(done, skipped=sum(change.skipped for change in changes) + len(missing))
    for message in missing:
        environment.complain(message)
    return 1 if missing else status


def _require_versions(changes: list[Change], versions: Mapping[object, str | None]) -> None:
    """Let changes be made only to objects with these versions. Raises CommandError if others have changed one."""
    for change in changes:
        change.is_judged = True
        if change.version != versions[change.item.key]:
            raise CommandError(
                f"update conflict: {change.item}\nSomebody else changed it at the same time. Nothing was written: "
                "repeat the command."
            )


def prepared(verb: str, manifest: Manifest, skip: bool = False, missing: list[str] | None = None) -> list[Change]:
    """Return the planned change of each resource of the input. Raises CommandError if one of them is not possible.

    With ``missing``, if some of the resources exist, the complaints about absent ones are added to that list instead.
    """
    changes, failures, absent = [], [], []
    items = [item for item in manifest.items if item.resource.identity]
    for item, record in zip(items, records_of(items), strict=True):
        try:
            changes.append(Change(verb, item, record, skip))
            item.problems += changes[-1].problems
        except Missing as failure:
            absent.append(failure.message)
        except Failure as failure:
            failures.append(failure.message)
    if missing is not None and changes:
        missing += absent
    else:
        failures += absent
    for item in manifest.items:
        if not item.resource.identity:  # refused anyway; report its other problems in the same run
            item.problems += Change(VALIDATE, item, None).problems
    manifest.require_sound("Nothing was written." if verb != DIFF else "")
    if failures:
        raise CommandError("\n".join([failed_sentence(verb, manifest.items, failures[0]), *failures[1:]]))
    return changes


def carry_out(verb: str, manifest: Manifest, skip: bool = False) -> dict[object, str | None]:
    """Carry out a verb without a word, for a copy of a datastore; absent resources are not deleted.

    Returns the resourceVersions of the objects as they were, by the keys of the items. Raises CommandError.
    """
    changes = prepared(verb, manifest, skip, [])
    versions: dict[object, str | None] = {change.item.key: change.version for change in changes}
    for number, change in enumerate(changes):
        change.carry_out(just_read=number == 0)
    return versions


def validate(manifest: Manifest, environment: Environment) -> int:
    """Check all resources of the input as new ones, without a datastore. Raises CommandError with all problems."""
    for item in manifest.items:
        item.problems += Change(VALIDATE, item, None).problems
    manifest.require_sound()
    return Report(VALIDATE, manifest.items, environment, False).succeeded([])
