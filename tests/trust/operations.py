"""Operations of concurrent writers: the changes that each may make in etcd, and those that its report claims.

A report of success claims one change, which no other report may claim. A report that there was nothing to do, or that
something is missing, must have been true at some moment while the command ran.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from calicoctl.datastore.ipam import Ipam
from calicoctl.errors import CommandError
from calicoctl.etcd.client import Client
from calicoctl.etcd.settings import Settings
from calicoctl.model.network import Network
from calicoctl.model.pool import Pool
from tests.command_lines import ENDPOINT, NEW_RULES, PROFILES
from tests.conftest import Calicoctl, Result

Json = Any
Env = Mapping[str, "str | None"]
State = Mapping[str, Json]  # decoded values by key, without missing keys

PROFILE = f"{PROFILES}/P"
DEFAULTS: dict[str, Json] = {"tags": ["P"], "labels": {}, "rules": json.loads(NEW_RULES)}
NOTHING: dict[str, Any] = {"inbound_rules": [], "outbound_rules": []}
BLOCKS = "/calico/ipam/v2/assignment/ipv4/block/"
NOT_FOUND = "Profile P not found."


class Change(NamedTuple):
    """A change of a key in etcd's history, at its index; None for a missing key. A directory has no value.

    `undone` is the index at which the key created by this change was deleted again unchanged, by itself and not with
    its directory; 0 if it was not.
    """

    at: int
    key: str
    before: Json
    after: Json
    undone: int = 0


class Moment(NamedTuple):
    """The state from one index of etcd until the next change."""

    since: int
    state: State


class Run(NamedTuple):
    """A completed operation: etcd's index before and after, and the result."""

    operation: Operation
    began: int
    ended: int
    result: Result

    @property
    def said(self) -> str:
        return self.result.stdout + self.result.stderr


class Claim(NamedTuple):
    """A run's claim to have made a change; ``required``: it must have made one; ``many``: it may have made several."""

    run: Run
    makes: Callable[[Change], bool]
    required: bool
    many: bool = False


class Operation(Protocol):
    """An operation of a writer. ``moments`` are the states while it ran."""

    def carry_out(self, calicoctl: Calicoctl, env: Env) -> Result: ...

    def makes(self, change: Change, moments: Sequence[Moment]) -> bool:
        """Whether the operation may have made a change, at one of the moments."""

    def claims(self, run: Run, moments: Sequence[Moment]) -> list[Claim]:
        """Return the claims of the report. Raises AssertionError if the report was never true."""


class CommandLine:
    """An operation given by a command line."""

    line = ""
    stdin = ""

    def carry_out(self, calicoctl: Calicoctl, env: Env) -> Result:
        return calicoctl(*self.line.split(), stdin=self.stdin, env=env)

    def __repr__(self) -> str:
        return f"{self.line} {self.stdin}"


def exists(state: State) -> bool:
    return any(f"{PROFILE}/{part}" in state for part in (*DEFAULTS, "metadata"))


def is_whole(state: State) -> bool:
    return all(f"{PROFILE}/{part}" in state for part in DEFAULTS)


def state_before(change: Change, moments: Sequence[Moment]) -> State:
    return [state for since, state in moments if since < change.at][-1]


class Edit(CommandLine):
    """A change of one key of an existing profile or endpoint.

    `change` returns the new value, or None if the current value (None for a missing key) needs no change;
    `nothing_to_do` is the message in that case, or "" without a message.
    """

    def __init__(
        self, line: str, key: str, change: Callable[[Json], Json], nothing_to_do: str = "", stdin: str = ""
    ) -> None:
        self.line = line
        self.stdin = stdin
        self._key = key
        self._change = change
        self._nothing_to_do = nothing_to_do

    def _can_be(self, state: State) -> bool:
        return self._key in state or (self._key.startswith(f"{PROFILE}/") and exists(state))

    def makes(self, change: Change, moments: Sequence[Moment]) -> bool:
        """A missing key is written only if the profile was seen without it: a removed key must not come back."""
        if change.key != self._key or change.after is None or self._change(change.before) != change.after:
            return False
        return change.before is not None or any(
            since < change.at and self._can_be(state) and self._key not in state for since, state in moments
        )

    def _keeps(self, change: Change, moments: Sequence[Moment]) -> bool:
        """A part created after the profile's removal may stay only if others have removed, changed or completed it."""
        if change.undone or not self.makes(change, moments):
            return False
        if change.before is not None or exists(state_before(change, moments)):
            return True
        later = [state for since, state in moments if since > change.at]
        return any(state.get(self._key) != change.after or is_whole(state) for state in later)

    def _undoes(self, change: Change, moments: Sequence[Moment]) -> bool:
        """The created part no longer exists: it was undone, or others removed it with the profile."""
        if change.before is not None or not self.makes(change, moments):
            return False
        return any(since > change.at and self._key not in state for since, state in moments)

    def _prunes(self, change: Change, moments: Sequence[Moment]) -> bool:
        """The directory is deleted only if it is empty, and after the part in it was undone."""
        made = self._change(None)
        if change.key != PROFILE or made is None or exists(state_before(change, moments)):
            return False
        return any(since < change.at and state.get(self._key) == made for since, state in moments)

    def claims(self, run: Run, moments: Sequence[Moment]) -> list[Claim]:
        if NOT_FOUND in run.said:
            assert any(not self._can_be(state) for _, state in moments), run
            return [Claim(run, partial(each, moments=moments), False) for each in (self._undoes, self._prunes)]
        is_needless = any(self._can_be(state) and self._change(state.get(self._key)) is None for _, state in moments)
        if self._nothing_to_do and self._nothing_to_do in run.said:
            assert is_needless, run
            return []
        assert run.result.status == 0, run
        required = bool(self._nothing_to_do) or not is_needless
        return [Claim(run, partial(self._keeps, moments=moments), required)]


def rule(port: int) -> dict[str, Any]:
    return {"action": "allow", "protocol": "tcp", "dst_ports": [port]}


def add_rule(port: int) -> Operation:
    def change(rules: Json) -> Json:
        rules = rules or NOTHING
        listed = rules["inbound_rules"]
        return None if rule(port) in listed else {**rules, "inbound_rules": [*listed, rule(port)]}

    line = f"profile P rule add inbound allow tcp to ports {port}"
    return Edit(line, f"{PROFILE}/rules", change, "Rule already present")


def remove_rule(port: int) -> Operation:
    def change(rules: Json) -> Json:
        listed = (rules or NOTHING)["inbound_rules"]
        left = [each for each in listed if each != rule(port)]
        return None if left == listed else {**rules, "inbound_rules": left}

    line = f"profile P rule remove inbound allow tcp to ports {port}"
    return Edit(line, f"{PROFILE}/rules", change, "Rule not found.")


def update_rules(port: int) -> Operation:
    document = {"inbound_rules": [rule(port)], "outbound_rules": []}

    def change(rules: Json) -> Json:
        return None if rules == document else document

    return Edit("profile P rule update", f"{PROFILE}/rules", change, stdin=json.dumps(document))


def add_tag(tag: str) -> Operation:
    def change(tags: Json) -> Json:
        return None if tag in (tags or []) else [*(tags or []), tag]

    return Edit(f"profile P tag add {tag}", f"{PROFILE}/tags", change)


def remove_tag(tag: str) -> Operation:
    def change(tags: Json) -> Json:
        return [each for each in tags if each != tag] if tag in (tags or []) else None

    return Edit(f"profile P tag remove {tag}", f"{PROFILE}/tags", change, f"Tag {tag} is not on profile P")


def append_profile(name: str) -> Operation:
    def change(endpoint: Json) -> Json:
        ids = endpoint["profile_ids"]
        return None if name in ids else {**endpoint, "profile_ids": [*ids, name]}

    return Edit(f"endpoint e1 profile append {name}", ENDPOINT, change, f"Profile {name} is already in")


def remove_profile(name: str) -> Operation:
    def change(endpoint: Json) -> Json:
        ids = endpoint["profile_ids"]
        return {**endpoint, "profile_ids": [each for each in ids if each != name]} if name in ids else None

    return Edit(f"endpoint e1 profile remove {name}", ENDPOINT, change, f"Profile {name} is not in")


class AddProfile(CommandLine):
    line = "profile add P"

    def makes(self, change: Change, moments: Sequence[Moment]) -> bool:
        return any(self._creates(part, change) for part in DEFAULTS)

    def _creates(self, part: str, change: Change) -> bool:
        return change.key == f"{PROFILE}/{part}" and change.before is None and change.after == DEFAULTS[part]

    def claims(self, run: Run, moments: Sequence[Moment]) -> list[Claim]:
        for part in DEFAULTS:
            assert any(f"{PROFILE}/{part}" in state for _, state in moments), run
        if run.result == Result(0, "Created profile P\n", ""):
            certain, possible = ["rules"], list(DEFAULTS)
        else:
            assert run.result.stdout == "Profile P already exists.\n", run
            added = run.result.stderr.removeprefix("It was incomplete; added its ").removesuffix(".\n")
            certain = possible = added.split(" and ") if added else []
            assert all(part in DEFAULTS for part in added.split(" and ") if part), run
        return [
            *(Claim(run, partial(self._creates, part), True) for part in certain),
            *(Claim(run, partial(self._creates, part), False, True) for part in possible),
        ]


class RemoveProfile(CommandLine):
    def __init__(self, line: str, success: str, not_there: str) -> None:
        self.line = line
        self._success = success
        self._not_there = not_there

    def makes(self, change: Change, moments: Sequence[Moment]) -> bool:
        return change.key == PROFILE

    def claims(self, run: Run, moments: Sequence[Moment]) -> list[Claim]:
        if run.result.status:
            assert self._not_there in run.result.stderr and any(not exists(state) for _, state in moments), run
            return []
        assert self._success in run.result.stdout, run
        return [Claim(run, partial(self.makes, moments=moments), True)]


REMOVALS = [
    RemoveProfile("profile remove P", "Deleted profile P\n", NOT_FOUND),
    RemoveProfile("profile remove P --no-check", "Deleted profile P\n", NOT_FOUND),
    RemoveProfile("delete profile P", "Profile(P): deleted\n", "resource does not exist: Profile(P)"),
]


class Apply(CommandLine):
    """apply or replace of a document that has rules and labels, and perhaps further fields."""

    def __init__(self, verb: str, port: int, stage: str, metadata: dict[str, Any]) -> None:
        """``metadata`` may have tags, labels and annotations."""
        self.line = f"{verb} -f -"
        ingress = [{"action": "Allow", "protocol": "TCP", "destination": {"ports": [port]}}]
        self.stdin = json.dumps(
            {"apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "P", **metadata},
             "spec": {"ingress": ingress, "labelsToApply": {"stage": stage}}}
        )  # fmt: skip
        self._rules = {"inbound_rules": [rule(port)], "outbound_rules": []}
        self._labels = {"stage": stage}
        self._tags = metadata.get("tags")
        self._remarks = {name: metadata[name] for name in ("labels", "annotations") if name in metadata}

    def _wanted(self, key: str, before: Json) -> Json:
        """The new value of a part; None if it stays unchanged."""
        if key == f"{PROFILE}/metadata":
            return {**(before or {}), **self._remarks} if self._remarks else None
        if key == f"{PROFILE}/tags" and self._tags is None:
            return [] if before is None else None
        return {f"{PROFILE}/rules": self._rules, f"{PROFILE}/labels": self._labels, f"{PROFILE}/tags": self._tags}.get(
            key
        )

    def makes(self, change: Change, moments: Sequence[Moment]) -> bool:
        if change.after is None or change.after == change.before:
            return False
        return self._changes_temporary_deny(change) or bool(change.after == self._wanted(change.key, change.before))

    def _changes_temporary_deny(self, change: Change) -> bool:
        """Whether the temporary deny rules are added or removed."""
        if change.key != f"{PROFILE}/rules" or None in (change.before, change.after):
            return False
        return bool(change.after == denying(change.before) or change.before == denying(change.after))

    def claims(self, run: Run, moments: Sequence[Moment]) -> list[Claim]:
        outcome = run.result.stdout.rpartition("Profile(P): ")[2].strip()
        if outcome in ("created", "changed", "unchanged"):
            assert run.result.status == 0
            for part in (*DEFAULTS, "metadata"):
                assert any(self._has(f"{PROFILE}/{part}", state) for _, state in moments), (run, part)
        else:
            assert "resource does not exist: Profile(P)" in run.result.stderr, run
            assert self.line.startswith("replace") and any(not exists(state) for _, state in moments), run
        if outcome == "unchanged":
            return [Claim(run, self._changes_temporary_deny, False, True)]
        makes = partial(self.makes, moments=moments)
        return [Claim(run, makes, bool(outcome)), Claim(run, makes, False, True)]

    def _has(self, key: str, state: State) -> bool:
        """Whether a part is as requested; tags may be missing if apply found none and the document has none."""
        if key == f"{PROFILE}/tags" and self._tags is None and self.line.startswith("apply"):
            return True
        return self._wanted(key, state.get(key)) in (None, state.get(key))


def denying(rules: Json) -> Json:
    deny = {"action": "deny"}
    return {**rules, **{way: [deny, *rules[way]] for way in NOTHING}}


class ClaimAddress:
    """A claim of an address for a workload on a host, with its own handle, as ``container`` makes it."""

    pools = [Pool.new(Network.parse("10.65.0.0/23"))]

    def __init__(self, host: str, handle: str) -> None:
        self._host = host
        self._handle = handle

    def __repr__(self) -> str:
        return f"claim on {self._host} for {self._handle}"

    def carry_out(self, calicoctl: Calicoctl, env: Env) -> Result:
        authority = env.get("ETCD_AUTHORITY") or calicoctl.environ["ETCD_AUTHORITY"]
        try:
            address = Ipam(Client(Settings([f"http://{authority}"])), self._host).claim_any(self.pools, self._handle)
        except CommandError as error:
            return Result(1, "", error.message)
        return Result(0, str(address), "")

    def makes(self, change: Change, moments: Sequence[Moment]) -> bool:
        taken = assigned(change.after).items() - assigned(change.before).items()
        return differs_by(change, 1) and [handle for _, handle in taken] == [self._handle]

    def claims(self, run: Run, moments: Sequence[Moment]) -> list[Claim]:
        assert run.result.status == 0, run

        def makes(change: Change) -> bool:
            return self.makes(change, moments) and run.result.stdout in assigned(change.after)

        return [Claim(run, makes, True)]


class ReleaseAddress(CommandLine):
    def __init__(self, address: str) -> None:
        self.line = f"ipam release {address}"
        self._address = address

    def makes(self, change: Change, moments: Sequence[Moment]) -> bool:
        freed = assigned(change.before).keys() - assigned(change.after).keys()
        return differs_by(change, -1) and freed == {self._address}

    def claims(self, run: Run, moments: Sequence[Moment]) -> list[Claim]:
        if run.result.status:
            assert f"IP {self._address} is not currently assigned" in run.result.stderr, run
            assert any(self._address not in assigned_in(state) for _, state in moments), run
            return []
        assert run.result.stdout == "Address successfully released\n", run
        return [Claim(run, partial(self.makes, moments=moments), True)]


def assigned(block: Json) -> dict[str, str]:
    """Return the handle of each assigned address of a block; empty for other values."""
    if not isinstance(block, dict) or "allocations" not in block:
        return {}
    base = Network.parse(block["cidr"]).address
    return {
        ".".join(map(str, (base + ordinal).to_bytes(4, "big"))): block["attributes"][place]["handle_id"]
        for ordinal, place in enumerate(block["allocations"])
        if place is not None
    }


def assigned_in(state: State) -> dict[str, str]:
    """Return the handle of each assigned address of a state."""
    return {
        address: handle
        for key, block in state.items()
        if key.startswith(BLOCKS)
        for address, handle in assigned(block).items()
    }


def differs_by(change: Change, count: int) -> bool:
    """Whether the number of assignments in a block changed by ``count``, while the others stayed."""
    if not change.key.startswith(BLOCKS):
        return False
    before, after = assigned(change.before).items(), assigned(change.after).items()
    return (before <= after or after <= before) and len(after) - len(before) == count
