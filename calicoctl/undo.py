"""All or nothing: undo the steps of a command when a later one fails."""

from __future__ import annotations

from calicoctl.errors import CommandError, status_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Undo:
    """Context manager that undoes the steps of a command, the last one first, if its block fails.

    Note each step before you take it, because a step that fails may still have had an effect. Undoing a step must
    therefore also work if it had none. Steps that cannot be undone are added to the message of the failure. An
    interrupt while steps are undone leaves the remaining steps as they are: if a server does not answer, each of them
    would take as long as the timeout.
    """

    def __init__(self, remedy: str, outcome: str = "") -> None:
        """``remedy`` tells the operator what to do if a step cannot be undone.

        ``outcome`` is added to the message of the failure if all steps have been undone.
        """
        self._remedy = remedy
        self._outcome = outcome
        self._steps: list[tuple[str, Callable[[], None], bool]] = []

    def note(self, step: str, undo: Callable[[], None], only_after_all_else: bool = False) -> None:
        """Note a step. ``step`` is the text for the message if it cannot be undone, and ``undo`` undoes it.

        With ``only_after_all_else`` it is undone only if all later steps have been: an address must not be released
        while something still uses it.
        """
        self._steps.append((step, undo, only_after_all_else))

    def forget(self) -> None:
        """Do not undo the steps so far, because they turned out to have had no effect."""
        self._steps.clear()

    def __enter__(self) -> Undo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        remains = self._undo_all()
        remark = self._outcome if isinstance(error, (CommandError, KeyboardInterrupt)) else ""
        if remains:
            remark = f"Not undone: {'; '.join(remains)}.  {self._remedy}"
        if remark:
            message, status = str(error) or type(error).__name__, 1
            if isinstance(error, KeyboardInterrupt):
                message, status = "Aborted command.", status_of(error)
            if isinstance(error, CommandError):
                message, status = error.message, error.status
            raise CommandError(f"{message.rstrip()}  {remark}", status) from error

    def _undo_all(self) -> list[str]:
        remains: list[str] = []
        causes: set[str] = set()
        while self._steps:
            step, undo, only_after_all_else = self._steps.pop()
            if remains and only_after_all_else:
                remains.append(step)
                continue
            try:
                undo()
            except CommandError as error:
                cause = error.message.strip()
                remains.append(step if cause in causes else f"{step} ({cause})")
                causes.add(cause)
            except KeyboardInterrupt:
                return [*remains, f"{step} (interrupted)", *(step for step, *_ in reversed(self._steps))]
        return remains
