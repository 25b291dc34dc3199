"""calicoctl apply: create resources, or change those that exist."""

from __future__ import annotations

from calicoctl.commands import resource_changes
from calicoctl.resources.changes import APPLY

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out ``calicoctl apply`` and return the exit status. Raises CommandError."""
    return resource_changes.run(APPLY, arguments, environment)
