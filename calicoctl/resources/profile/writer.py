"""Writes a profile part by part: the keys ``tags``, ``labels``, ``metadata`` and ``rules``.

Each key is written by compare-and-swap on the version that was read. etcd v2 has no transaction for several keys, so an
attempt may end with some of them written; `ProfileWriter` says which.
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
        self._written: list[str] = []  # parts that have their new value, where not all have
        self._barred = False  # a rule that denies everything stands before the rules

    def write(self, plan: Plan, record: ProfileRecord | None) -> None:
        """Write the changes of a plan in their order, each on condition that its key is still as in ``record``.

        Barring rules are stored first; after all else the new rules replace them, or the old ones where the plan does
        not change the rules. Raises Stopped.
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
            # Only a conflict makes it certain that the other parts, and so the old rules, are as they were.
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
        """Take note that the profile is no longer stored."""
        self._written, self._barred = [], False

    def left_behind(self, title: str, verb: str) -> str:
        """Say which parts have been written, and whether the rules are barred."""
        lines = [f"Its {' and '.join(self._written)} were written before that."] if self._written else []
        return "\n".join([*lines, *([_bar("stands", title, verb)] if self._barred else [])])

    def may_be_left_behind(self, plan: Plan | None, title: str, verb: str) -> str:
        """Say that the rules may be barred, if the interrupted attempt or one before may have barred them."""
        is_possible = self._barred or (plan is not None and plan.barring_rules is not None)
        return _bar("may stand", title, verb) if is_possible else ""


def _bar(stands: str, title: str, verb: str) -> str:
    return (
        f"A rule that denies everything {stands} before the rules of {title} until 'calicoctl {verb}' "
        "with a document that is accepted, without a resourceVersion, completes the change."
    )
