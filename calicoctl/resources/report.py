"""The final report of the writing commands: the sentences of Go's calicoctl, and the outcome for each resource."""

from __future__ import annotations

from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.environment import Environment
    from calicoctl.resources.manifest import Item

    Outcomes = Sequence[tuple[Item, str]]

_PAST = {"create": "created", "apply": "applied", "replace": "replaced", "delete": "deleted", "validate": "validated"}


class Report:
    """The report on a verb and the resources of its input."""

    def __init__(self, verb: str, items: list[Item], environment: Environment, dry_run: bool) -> None:
        self._verb = verb
        self._items = items
        self._environment = environment
        self._dry_run = dry_run

    def succeeded(self, outcomes: Outcomes, skipped: int = 0) -> int:
        """Report success and the outcome for each resource; return the exit status.

        ``skipped`` resources are not counted.
        """
        lead = "Dry run, nothing was written: would have successfully" if self._dry_run else "Successfully"
        count = len(self._items) - skipped
        self._environment.say(f"{lead} {_PAST[self._verb]} {count} {_kind_of(self._items)}resource(s)")
        self._list(outcomes)
        return 0

    def failed(self, outcomes: Outcomes, failure: str) -> int:
        """Report a failure, and on standard output the outcomes before it; return the exit status."""
        self._list(outcomes)
        if outcomes:
            text = (
                f"Partial success: {_PAST[self._verb]} the first {len(outcomes)} out of {len(self._items)} "
                f"{_kind_of(self._items)}resources:\nHit error: {failure}"
            )
        else:
            text = failed_sentence(self._verb, self._items, failure)
        self._environment.complain(text)
        return 1

    def _list(self, outcomes: Outcomes) -> None:
        for item, outcome in outcomes:
            self._environment.say(f"{visible(str(item))}: {outcome}")


def failed_sentence(verb: str, items: list[Item], failure: str) -> str:
    """Return the message for a failure before anything was written."""
    if len(items) == 1:
        return f"Failed to {verb} {_kind_of(items)}resource: {failure}"
    return f"Failed to {verb} any {_kind_of(items)}resources: {failure}"


def _kind_of(items: list[Item]) -> str:
    kinds = {item.kind.name for item in items}
    return f"'{next(iter(kinds))}' " if len(kinds) == 1 else ""
