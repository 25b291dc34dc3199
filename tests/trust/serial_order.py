"""The checker for concurrent writers: do their reports fit a serial order, namely that of etcd's own history?

Each change in the history must be the effect of exactly one command that ran at that time and claims the change, and
each command that claims a change must have one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from tests.trust.history import Event
from tests.trust.operations import BLOCKS, PROFILE, Change, Claim, Json, Moment, Run, assigned


def check_runs(
    runs: Sequence[Run], events: Sequence[Event], initial: Mapping[str, str | None], faults: bool = False
) -> list[Moment]:
    """Raise AssertionError if no serial order explains the reports; return the states in order.

    With ``faults``, requests and replies were lost; a run may then take another's identical change for its own. It is
    enough to match all changes, and separately all required claims: then one matching covers both (Mendelsohn and
    Dulmage).
    """
    changes, moments = _replayed(events, initial)
    claims = [claim for run in runs for claim in _claims(run, _while(run, moments), faults)]
    wanted = [change for change in changes if not _is_bookkeeping(change)]
    explaining = {
        change.at: [number for number, claim in enumerate(claims) if _explains(claim, change)] for change in wanted
    }
    single = {
        at: [number for number in found if not claims[number].many]
        for at, found in explaining.items()
        if not any(claims[number].many for number in found)
    }
    unexplained = _unmatched(single)
    assert not unexplained, f"changes without a report: {[change for change in wanted if change.at in unexplained]}"
    made: dict[int, list[int]] = {number: [] for number, claim in enumerate(claims) if claim.required}
    for at, found in explaining.items():
        for number in found:
            if number in made:
                made[number].append(at)
    lost = [number for number, found in made.items() if not found] if faults else _unmatched(made)
    assert not lost, f"reports without a change: {[claims[number].run for number in lost]}"
    return moments


def _replayed(events: Iterable[Event], initial: Mapping[str, str | None]) -> tuple[list[Change], list[Moment]]:
    """Return the changes, and the states from the first one on. A change that was undone includes its removal."""
    state = {key: json.loads(text) for key, text in initial.items() if text is not None}
    changes: list[Change] = []
    moments = [Moment(0, state)]
    for event in events:
        before, after = _decoded(event.before), _decoded(event.after)
        if event.key == PROFILE:
            state = {key: value for key, value in state.items() if not key.startswith(f"{PROFILE}/")}
        else:
            assert state.get(event.key) == before, event
            state = {key: value for key, value in state.items() if key != event.key}
            if after is not None:
                state[event.key] = after
        made = _made_by(changes, event.key) if after is None else None
        if made is None:
            changes.append(Change(event.at, event.key, before, after))
        else:
            changes[made] = changes[made]._replace(undone=event.at)
        moments.append(Moment(event.at, state))
    return changes, moments


def _made_by(changes: Sequence[Change], key: str) -> int | None:
    """Return the position of the change that created a part of the profile, if it was the latest of that key."""
    of_key = [place for place, change in enumerate(changes) if change.key == key]
    if not of_key or not key.startswith(f"{PROFILE}/"):
        return None
    latest = changes[of_key[-1]]
    return of_key[-1] if latest.before is None and latest.after is not None and not latest.undone else None


def _decoded(text: str | None) -> Json:
    """Decode a value; a marker without a value is an empty text."""
    return json.loads(text) if text else text


def _while(run: Run, moments: Sequence[Moment]) -> list[Moment]:
    last = max(number for number, moment in enumerate(moments) if moment.since <= run.began)
    return [moment for moment in moments[last:] if moment.since <= run.ended]


def _claims(run: Run, moments: Sequence[Moment], faults: bool) -> list[Claim]:
    def may_have_made(change: Change) -> bool:
        return run.operation.makes(change, moments)

    def may_have_created(change: Change) -> bool:
        return change.before is None and not change.undone and may_have_made(change)

    if faults and "Error accessing etcd" in run.result.stderr:
        return [Claim(run, may_have_made, False, True)]
    # A key created by a lost request and removed before the check is unknown to its creator.
    unseen = [Claim(run, may_have_created, False, True)] if faults else []
    return unseen + run.operation.claims(run, moments)


def _explains(claim: Claim, change: Change) -> bool:
    return claim.run.began < change.at and max(change.at, change.undone) <= claim.run.ended and claim.makes(change)


def _is_bookkeeping(change: Change) -> bool:
    """Whether a change concerns handles or hosts of addresses, or creates an empty block."""
    if not change.key.startswith("/calico/ipam/"):
        return False
    return not change.key.startswith(BLOCKS) or (change.before is None and assigned(change.after) == {})


def _unmatched(candidates: Mapping[int, Sequence[int]]) -> list[int]:
    """Match each item with one of its candidates, each candidate once, as often as possible; return the rest."""
    taken_by: dict[int, int] = {}

    def find(each: int, tried: set[int]) -> bool:
        for candidate in candidates[each]:
            if candidate not in tried:
                tried.add(candidate)
                if candidate not in taken_by or find(taken_by[candidate], tried):
                    taken_by[candidate] = each
                    return True
        return False

    return [each for each in candidates if not find(each, set())]
