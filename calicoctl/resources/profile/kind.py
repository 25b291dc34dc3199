"""The kind Profile, an implementation of `calicoctl.resources.kind.Kind`."""

from __future__ import annotations

from functools import cached_property

from calicoctl.etcd.form import excess_of
from calicoctl.package_data import read_text
from calicoctl.resources import profile
from calicoctl.resources.profile.resource import API_VERSION, KIND_NAME, ProfileResource, read_identity, read_profile
from calicoctl.resources.profile.store import ProfileRecord, ProfileResources
from calicoctl.resources.profile.writer import ProfileWriter

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from calicoctl.etcd.client import Client
    from calicoctl.resources.fields import Problems
    from calicoctl.resources.profile.plan import Plan

_MAX_USERS_SHOWN = 10  # in a warning


def _uses(users: list[str]) -> str:
    if not users:
        return "no endpoint uses it"
    names = sorted(users)[:_MAX_USERS_SHOWN] + (["..."] if len(users) > _MAX_USERS_SHOWN else [])
    return f"{len(users)} endpoint{'s use' if len(users) > 1 else ' uses'} it ({', '.join(names)})"


def _go_map(texts: dict[str, str]) -> str:
    """Return labels as Go's calicoctl prints them in a table."""
    return "map[" + " ".join(f"{key}:{texts[key]}" for key in sorted(texts)) + "]"


def _too_large(plan: Plan, record: ProfileRecord | None) -> Iterator[str]:
    """Yield a problem for each value that is too large for etcd.

    The check comes before the first write, because a refusal in the middle would leave the profile partly changed.
    """
    if not plan.changes:
        return
    for part, value in plan.changes.items():
        if excess := excess_of(value):
            yield f"its {part} are too large for etcd: {excess}; divide them among several profiles"
    if plan.barring_rules is not None and record is not None:
        if excess := excess_of(plan.barring_rules) or excess_of(record.texts["rules"]):
            yield (
                "its stored rules, with a temporary rule that denies everything while tags and labels change, are too "
                "large for "
                f"etcd: {excess}; change the rules first, without other changes"
            )


class ProfileKind:
    """Profiles (see `Kind`). Without a client, only methods that need no datastore can be called."""

    name = KIND_NAME
    api_version = API_VERSION
    columns: dict[str, Callable[[Any], str]] = {
        "NAME": lambda record: str(record.profile.name),
        "LABELS": lambda record: _go_map(record.profile.labels),
        "TAGS": lambda record: ",".join(record.profile.tags),
    }
    ps: tuple[str, ...] = ("NAME",)
    wide: tuple[str, ...] = ("NAME", "LABELS")
    of_identity: tuple[str, ...] = ("NAME",)

    def __init__(self, client: Client | None) -> None:
        self._client = client
        self._unreadable: list[str] = []  # the keys of unreadable endpoints, filled by ``_users``

    @property
    def _store(self) -> ProfileResources:
        assert self._client is not None
        return ProfileResources(self._client)

    def read(self, document: dict[str, Any], problems: Problems) -> ProfileResource:
        return read_profile(document, problems)

    def read_identity(self, document: dict[str, Any], problems: Problems) -> ProfileResource:
        return read_identity(document, problems)

    def schema(self) -> str:
        return read_text(profile, "schema.json").rstrip("\n")

    def names(self) -> Iterable[str]:
        from calicoctl.datastore.profiles import Profiles

        assert self._client is not None
        return Profiles(self._client).names()

    def all(self) -> tuple[list[ProfileRecord], list[str]]:
        return self._store.all()

    def find(self, identities: Iterable[str]) -> dict[str, ProfileRecord]:
        return self._store.find(identities)

    def plan(self, resource: ProfileResource, record: ProfileRecord | None, rewrite: bool) -> Plan:
        from calicoctl.resources.profile.plan import Plan

        plan = Plan(resource, record.profile if record and not record.obstacle else None, rewrite)
        if record is not None and record.obstacle:
            plan.problems.append(f"{record.node['key']} {record.obstacle}; 'calicoctl delete' removes it")
        elif record is not None:
            plan.problems += [
                f"{record.node['key']}/{part} is a directory, so it cannot be written; "
                "'calicoctl delete' removes the profile and everything below it"
                for part in record.profile.directories if part in plan.changes
            ]  # fmt: skip
        plan.problems += _too_large(plan, record)
        return plan

    def consequences(self, resource: ProfileResource, plan: Plan | None, record: ProfileRecord) -> list[str]:
        if plan is not None and not plan.erases_rules():
            return []
        users = self._users.get(record.profile.name, [])
        unreadable = len(self._unreadable)
        doubt = f"; endpoints that cannot be read (see 'calicoq check'): {unreadable}" if unreadable else ""
        if not users and not doubt and (plan is None or resource.has_spec):
            return []
        if plan is None:
            return [f"{_uses(users)}{doubt}. Felix will drop all their traffic that no earlier profile allows"]
        what = "the document has no spec" if not resource.has_spec else "the document has no rules"
        return [f"{what}, so all of its {record.profile.rules.count()} stored rules are removed; {_uses(users)}{doubt}"]

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        """The readable endpoints of each profile, read from etcd on first use."""
        from calicoctl.datastore.endpoints import Endpoints

        assert self._client is not None
        users: dict[str, list[str]] = {}
        for found in Endpoints(self._client).all():
            try:
                for profile in set(found.decode().profile_ids):
                    users.setdefault(profile, []).append(str(found.name))
            except ValueError:
                self._unreadable.append(found.key)
        return users

    def writer(self, resource: ProfileResource) -> ProfileWriter:
        assert self._client is not None
        return ProfileWriter(resource.name, self._client)

    def delete(self, record: ProfileRecord) -> bool:
        return self._store.delete(record)

    def identity_of(self, record: ProfileRecord) -> str:
        return record.profile.name

    def complaints(self, record: ProfileRecord) -> list[str]:
        if record.obstacle:
            return [f"Cannot read {record.node['key']}: it {record.obstacle}."]
        return [f"Cannot read {record.node['key']}/{part}: {reason}."
                for part, reason in record.profile.unreadable.items()]  # fmt: skip

    def to_document(self, record: ProfileRecord, export: bool) -> dict[str, Any]:
        resource = record.profile.to_resource()
        resource.resource_version = None if export else record.version
        return resource.to_document()

    def planned_document(self, plan: Plan, record: ProfileRecord | None) -> dict[str, Any]:
        return plan.result(record.texts if record else {}).to_resource().to_document()


KIND = ProfileKind
