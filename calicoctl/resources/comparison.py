"""``diff``: what apply would change, as unified diffs of the documents that ``get`` shows."""

from __future__ import annotations

import difflib

from calicoctl.output import visible
from calicoctl.resources.changes import DIFF, prepared
from calicoctl.resources.text import to_yaml

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.environment import Environment
    from calicoctl.resources.changes import Change
    from calicoctl.resources.kind import Plan
    from calicoctl.resources.manifest import Manifest


def run(manifest: Manifest, environment: Environment) -> int:
    """Print the differences and return 0 if there are none, else 1. Raises CommandError."""
    differences = False
    for change in prepared(DIFF, manifest):
        change.warn(environment)
        if change.plan is not None and change.plan.changes:
            differences = True
            lines = _difference(change, change.plan, environment.takes_all_characters())
            environment.say("\n".join(lines), painter="difference")
    return 1 if differences else 0


def _difference(change: Change, plan: Plan, with_unicode: bool) -> Iterator[str]:
    kind, record, name = change.item.kind, change.record, str(change.item)
    before = to_yaml(kind.to_document(record, export=True), with_unicode).splitlines() if record else []
    before = [f"# {visible(remark)}" for remark in plan.replaced] + before  # unreadable parts are not in the document
    after = to_yaml(kind.planned_document(plan, record), with_unicode).splitlines()
    labels = (f"{name} as it is stored" if record else "/dev/null", f"{name} as the document says")
    return difflib.unified_diff(before, after, *labels, lineterm="")
