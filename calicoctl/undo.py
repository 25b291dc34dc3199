"""All or nothing: steps that are taken back when a later one fails."""

from __future__ import annotations

from calicoctl.errors import CommandError, status_of

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Undo:
    """Collects how to take back the steps of a command; a context manager that does so when its block fails.

    A step is noted before it is taken, for it may have been taken although it failed; so taking it back must be
    possible also where it was not. The latest step is taken back first. What could not be taken back is added to
    the message of the failure. An interrupt while they are taken back leaves the rest as it is: what answers no
    longer would hold up the operator with each step.
    """

    def __init__(self, remedy: str) -> None:
        """``remedy`` tells the operator what to do where something could not be taken back."""
        self._remedy = remedy
        self._steps: list[tuple[str, Callable[[], None], bool]] = []

    def note(self, step: str, take_back: Callable[[], None], only_after_all_else: bool = False) -> None:
        """Note a step: what of it remains if it cannot be taken back, and how to take it back.

        With ``only_after_all_else`` it is left as it is unless everything later was taken back: an address must not
        be given to others while somebody still uses it.
        """
        self._steps.append((step, take_back, only_after_all_else))

    def forget(self) -> None:
        """Leave all steps so far as they are: it turned out that they were not taken."""
        self._steps.clear()

    def __enter__(self) -> Undo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        remains = self._take_all_back()
        if remains:
            message, status = str(error) or type(error).__name__, 1
            if isinstance(error, KeyboardInterrupt):
                message, status = "Aborted command.", status_of(error)
            if isinstance(error, CommandError):
                message, status = error.message, error.status
            remedy = f"Not undone: {'; '.join(remains)}.  {self._remedy}"
            raise CommandError(f"{message.rstrip()}  {remedy}", status) from error

    def _take_all_back(self) -> list[str]:
        remains: list[str] = []
        causes: set[str] = set()
        while self._steps:
            step, take_back, only_after_all_else = self._steps.pop()
            if remains and only_after_all_else:
                remains.append(step)
                continue
            try:
                take_back()
            except CommandError as error:
                cause = error.message.strip()
                remains.append(step if cause in causes else f"{step} ({cause})")
                causes.add(cause)
            except KeyboardInterrupt:
                return [*remains, f"{step} (interrupted)", *(step for step, *_ in reversed(self._steps))]
        return remains
