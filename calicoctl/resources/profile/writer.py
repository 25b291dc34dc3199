"""The writer of profiles. It writes the keys ``tags``, ``labels``, ``metadata`` and ``rules`` one by one.

Each key is written by compare-and-swap on the version that was read. etcd v2 has no transactions over several keys, so
an attempt may stop after some of them; `ProfileWriter` reports which.
"""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.resources.kind import Stopped
from calicoctl.resources.profile.stored import PARTS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.etcd.client import Client
    from calicoctl.resources.profile.plan import Plan
    from calicoctl.resources.profile.store import ProfileRecord


class ProfileWriter:
    """Writes one profile, in one attempt or several (see `calicoctl.resources.kind.Writer`)."""

    def __init__(self, name: str, client: Client) -> None:
        self._client = client
        self._key = {part: keys.profile_part(keys.escaped(name), part) for part in PARTS}
        self._written: list[str] = []  # the parts with their new value after an incomplete attempt
        self._barred = False  # the stored rules begin with the temporary rule that denies everything

    def write(self, plan: Plan, record: ProfileRecord | None) -> None:
        """Write the changes of a plan in order, each only if its key is unchanged since ``record``. Raises Stopped.

        If the plan has barring rules, they are written first. At the end they are replaced by the new rules, or by the
        old ones if the plan does not change the rules.
        """
        indexes = dict(record.indexes) if record is not None else {}
        changes = plan.changes
        written: list[str] = []
        barred = False
        part = "rules"
        try:
            if plan.barring_rules is not None and record is not None:
                indexes["rules"] = self._client.swap(self._key["rules"], plan.barring_rules, indexes["rules"])
                barred = True
                changes = {**changes, "rules": changes.get("rules", record.texts["rules"])}
            for part, value in changes.items():
                if part in indexes:
                    self._client.swap(self._key[part], value, indexes[part])
                else:
                    self._client.create(self._key[part], value)
                written.append(part)
        except (Conflict, DatastoreError) as error:
            # The old rules may be restored only if no other part was written. After a conflict that is certain; after
            # a DatastoreError it is not.
            if barred and record is not None and not written and isinstance(error, Conflict):
                barred = not self._swapped(self._key["rules"], record.texts["rules"], indexes["rules"])
            self._written += [name for name in written if name not in self._written]
            self._barred = (self._barred or barred) and "rules" not in written
            raise Stopped(error, (part, indexes.get(part)), bool(written)) from None

    def _swapped(self, key: str, value: str, index: int) -> bool:
        try:
            self._client.swap(key, value, index)
        except (Conflict, DatastoreError):
            return False
        return True

    def forget(self) -> None:
        """Forget earlier partial writes because the profile is no longer stored."""
        self._written, self._barred = [], False

    def left_behind(self, title: str, verb: str) -> str:
        """Say which parts have been written and whether the temporary deny rule is still stored."""
        lines = [f"Its {' and '.join(self._written)} were written before that."] if self._written else []
        return "\n".join([*lines, *([_bar("stands", title, verb)] if self._barred else [])])

    def may_be_left_behind(self, plan: Plan | None, title: str, verb: str) -> str:
        """Say that the temporary deny rule may still be stored; empty if no attempt can have stored it."""
        is_possible = self._barred or (plan is not None and plan.barring_rules is not None)
        return _bar("may stand", title, verb) if is_possible else ""


def _bar(stands: str, title: str, verb: str) -> str:
    return (
        f"A rule that denies everything {stands} before the rules of {title}: run 'calicoctl {verb}' again "
        "with a valid document without a resourceVersion to complete the change."
    )
