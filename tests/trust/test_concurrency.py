"""A hundred concurrent writers, checked against etcd's own history: every report must fit one serial order."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.command_lines import ENDPOINTS, NEW_RULES, PROFILES
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request, drop_reply, drop_request
from tests.sampling import Sampling
from tests.trust.history import Event, History
from tests.trust.operations import (
    DEFAULTS,
    NOTHING,
    PROFILE,
    REMOVALS,
    AddProfile,
    Apply,
    ClaimAddress,
    Env,
    Moment,
    Operation,
    ReleaseAddress,
    Run,
    add_rule,
    add_tag,
    append_profile,
    assigned_in,
    denying,
    remove_profile,
    remove_rule,
    remove_tag,
    rule,
    update_rules,
)
from tests.trust.outcomes import fill
from tests.trust.serial_order import check_runs
from tests.trust.traffic import allowed

pytestmark = pytest.mark.once

WRITERS = 100
Kind = Callable[[random.Random], Operation]


def some(make: Callable[[int], Operation]) -> Kind:
    return lambda dice: make(dice.randrange(1, 13))


def some_document(dice: random.Random) -> Operation:
    """Some documents have labels of the profile and others annotations; what a document omits must stay."""
    number = str(dice.randrange(1, 13))
    metadata: dict[str, Any] = dice.choice(
        [{"tags": ["P", f"T{number}"]}, {"labels": {"l": number}}, {"annotations": {"a": number}}]
    )
    return Apply(dice.choice(["apply", "apply", "replace"]), int(number), dice.choice("xy"), metadata)


def some_claim(dice: random.Random) -> Operation:
    return ClaimAddress(f"h{dice.randrange(4)}", f"workload{dice.randrange(10**9)}")


def some_release(dice: random.Random) -> Operation:
    block = dice.randrange(8) * 64
    return ReleaseAddress(f"10.65.{block // 256}.{block % 256 + dice.randrange(6)}")


def add_it(dice: random.Random) -> Operation:
    return AddProfile()


def remove_it(dice: random.Random) -> Operation:
    return dice.choice(REMOVALS)


EDITS: list[Kind] = [
    some(add_rule), some(add_rule), some(remove_rule), some(lambda n: add_tag(f"T{n}")),
    some(lambda n: remove_tag(f"T{n}")), some(lambda n: append_profile(f"E{n}")),
    some(lambda n: remove_profile(f"E{n}")),
]  # fmt: skip
ALL_KINDS = [*EDITS, *EDITS, some(update_rules), some_document, some_document, add_it, remove_it, some_claim,
             some_claim, some_release]  # fmt: skip
MIXES: dict[str, list[Kind]] = {
    "all kinds": ALL_KINDS,
    "profiles come and go": [
        add_it, add_it, remove_it, some_document, some(lambda n: add_tag("T")), some(lambda n: remove_tag("P")),
        some(lambda n: add_rule(80)), some(lambda n: remove_rule(80)),
    ],
    "addresses": [some_claim, some_release],
}  # fmt: skip


def initial_state() -> dict[str, str | None]:
    profile = {f"{PROFILE}/{part}": json.dumps(value) for part, value in DEFAULTS.items()}
    return {**ENDPOINTS, **profile, **{f"{PROFILES}/E{number}/rules": NEW_RULES for number in range(1, 13)}}


def run_all(plans: Sequence[Sequence[Operation]], calicoctl: Calicoctl, etcd: EtcdServer, env: Env) -> list[Run]:
    """Let all writers carry out their operations concurrently."""
    runs: list[Run] = []
    together = threading.Barrier(len(plans))

    def write(plan: Sequence[Operation]) -> None:
        together.wait()
        for operation in plan:
            began = etcd.index()
            result = operation.carry_out(calicoctl, env)
            runs.append(Run(operation, began, etcd.index(), result))

    threads = [threading.Thread(target=write, args=[plan], daemon=True) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
        assert not thread.is_alive()
    assert len(runs) == sum(map(len, plans))
    return runs


def unreliable(chance: random.Random) -> Callable[[Request], bytes | None]:
    def behave(request: Request) -> bytes | None:
        fate = chance.random()
        if request.method == "GET" or fate > 0.1:
            return request.forward()
        return (drop_reply if fate < 0.05 else drop_request)(request)

    return behave


@pytest.mark.parametrize(
    "mix, faults",
    [
        *((mix, False) for mix in MIXES),
        *(pytest.param(mix, True, marks=[pytest.mark.torture][mix == "all kinds" :]) for mix in MIXES),
    ],
    ids=lambda value: value if isinstance(value, str) else "lost requests and replies" if value else "no faults",
)
def test_hundred_concurrent_writers(
    mix: str, faults: bool, etcd: EtcdServer, calicoctl: Calicoctl, dice: random.Random, sampling: Sampling
) -> None:
    initial = initial_state()
    for key, value in initial.items():
        etcd.put(key, value or "")
    plans = [[dice.choice(MIXES[mix])(dice) for _ in range(sampling.number(10, 2))] for _ in range(WRITERS)]
    with History(etcd) as history, Proxy(etcd) as proxy:
        if faults:
            proxy.since(1, unreliable(random.Random(dice.random())))
        runs = run_all(plans, calicoctl, etcd, {"ETCD_AUTHORITY": proxy.authority if faults else etcd.endpoint})
    moments = check_runs(runs, history.events, initial, faults)
    assert len(moments) > WRITERS // 2
    check_what_is_allowed(moments)
    check_handles(etcd, moments[-1], faults)


def check_what_is_allowed(moments: list[Moment]) -> None:
    """At every moment, a partial profile allows no more than the complete one with all added rules."""
    rules = {**NOTHING, "outbound_rules": [{"action": "allow"}]}
    rules["inbound_rules"] = [*DEFAULTS["rules"]["inbound_rules"], rule(80)]
    whole = {f"{PROFILE}/{part}": json.dumps(value) for part, value in {**DEFAULTS, "rules": rules}.items()}
    limit = allowed(whole)
    for state in {json.dumps(stored_profile(moment)) for moment in moments}:
        parts = json.loads(state)
        if set(parts) & set(whole) != set(whole):
            assert allowed({key: json.dumps(value) for key, value in parts.items()}) <= limit, parts


def stored_profile(moment: Moment) -> dict[str, object]:
    return {key: value for key, value in moment.state.items() if key.startswith(f"{PROFILE}/")}


def check_handles(etcd: EtcdServer, last: Moment, faults: bool) -> None:
    """Each handle counts its addresses; it may count too many if its last change was lost."""
    claimed = Counter(assigned_in(last.state).values())
    counted = {
        key.rpartition("/")[2]: sum(json.loads(value)["block"].values())
        for key, value in etcd.keys("/calico/ipam/v2/handle").items()
        if value
    }
    assert all(counted.get(handle, 0) >= count for handle, count in claimed.items())
    assert faults or counted == claimed


PARTLY = [
    parts
    for number in range(2 ** len(DEFAULTS) - 1)
    if (parts := [part for place, part in enumerate(DEFAULTS) if number >> place & 1])
]


@pytest.mark.parametrize("parts", PARTLY, ids=" ".join)
def test_next_add_or_remove_completes_partial_profile(parts: list[str], etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    """An add that races a removal may leave any part of a profile."""
    left = {f"{PROFILE}/{part}": json.dumps(DEFAULTS[part]) for part in parts}
    whole = {f"{PROFILE}/{part}": json.dumps(value) for part, value in DEFAULTS.items()}
    assert allowed(left) <= allowed(whole)
    fill(etcd, left)
    assert calicoctl("profile", "add", "P").status == 0
    assert etcd.keys(PROFILE) == whole
    fill(etcd, left)
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert etcd.keys(PROFILES) == {f"{PROFILES}/": None} or etcd.keys(PROFILE) == {}


# The checker itself


def done(operation: Operation, text: str = "", status: int = 0, error: str = "") -> Run:
    return Run(operation, 0, 9, Result(status, text, error))


TAGS, RULES = f"{PROFILE}/tags", f"{PROFILE}/rules"
WHOLE = {f"{PROFILE}/{part}": json.dumps(value) for part, value in DEFAULTS.items()}
ADD_T, REMOVE_P = done(add_tag("T"), "Tag T added to profile P\n"), done(remove_tag("P"), "Tag P removed\n")
T_ADDED, P_REMOVED = Event(1, TAGS, '["P"]', '["P", "T"]'), Event(1, TAGS, '["P"]', "[]")
RULE_ADDED = Event(1, RULES, NEW_RULES, json.dumps({**DEFAULTS["rules"], "inbound_rules": [
    *DEFAULTS["rules"]["inbound_rules"], rule(1)]}))  # fmt: skip
GONE = Event(1, PROFILE, None, None)
APPLIED = Apply("apply", 1, "x", {})
DENY_ADDED = Event(1, RULES, NEW_RULES, json.dumps(denying(DEFAULTS["rules"])))


@pytest.mark.parametrize(
    "runs, events",
    [
        ([ADD_T], [T_ADDED]),
        ([ADD_T, ADD_T], [T_ADDED]),
        ([REMOVE_P], [P_REMOVED]),
        ([done(add_rule(1)), done(add_rule(1), "Rule already present, skipping.\n")], [RULE_ADDED]),
        ([done(REMOVALS[0], "Deleted profile P\n"), done(add_tag("T"), "", 1, "Profile P not found.\n")], [GONE]),
    ],
)
def test_checker_accepts_true_reports(runs: list[Run], events: list[Event]) -> None:
    check_runs(runs, events, WHOLE)


def test_checker_accepts_apply_that_keeps_tags_missing() -> None:
    labels = Event(1, f"{PROFILE}/labels", None, '{"stage": "x"}')
    rules = Event(2, RULES, None, json.dumps({**NOTHING, "inbound_rules": [rule(1)]}))
    run = done(APPLIED, "Profile(P): changed\n")
    check_runs([run], [labels, rules], {f"{PROFILE}/metadata": "{}"})
    replaced = done(Apply("replace", 1, "x", {}), "Profile(P): changed\n")
    with pytest.raises(AssertionError):
        check_runs([replaced], [labels, rules], {f"{PROFILE}/metadata": "{}"})


# An edit creates a missing part, and the profile is removed before the write
PARTLY_STORED = {RULES: NEW_RULES}
REMOVED, NOT_FOUND = done(REMOVALS[0], "Deleted profile P\n"), done(add_tag("T"), "", 1, "Profile P not found.\n")
T_MADE, T_TAKEN_BACK = Event(2, TAGS, None, '["T"]'), Event(3, TAGS, '["T"]', None)
PRUNED, T_REMOVED = Event(4, PROFILE, None, None), Event(3, PROFILE, None, None)
T_CHANGED, COMPLETED = Event(3, TAGS, '["T"]', '["T", "U"]'), [
    Event(3, f"{PROFILE}/labels", None, "{}"), Event(4, RULES, None, NEW_RULES)]  # fmt: skip
ADD_U, ADD_P = done(add_tag("U"), "Tag U added\n"), done(AddProfile(), "Created profile P\n")


@pytest.mark.parametrize(
    "runs, events",
    [
        ([NOT_FOUND], [GONE, T_MADE, T_TAKEN_BACK, PRUNED]),
        ([NOT_FOUND], [GONE, T_MADE, T_TAKEN_BACK]),
        ([NOT_FOUND, NOT_FOUND], [GONE, T_MADE, T_TAKEN_BACK, PRUNED]),
        ([NOT_FOUND, REMOVED], [GONE, T_MADE, T_REMOVED]),
        ([ADD_T, REMOVED], [GONE, T_MADE, T_REMOVED]),
        ([ADD_T, ADD_U], [GONE, T_MADE, T_CHANGED]),
        ([ADD_T, ADD_P], [GONE, T_MADE, *COMPLETED]),
        ([ADD_T], [T_MADE._replace(at=1), GONE._replace(at=2)]),
    ],
)
def test_checker_accepts_undone_part_of_removed_profile(runs: list[Run], events: list[Event]) -> None:
    check_runs([REMOVED, *runs], events, PARTLY_STORED)


@pytest.mark.parametrize(
    "runs, events",
    [
        ([ADD_T], [GONE, T_MADE]),
        ([ADD_T, ADD_P], [GONE, T_MADE, COMPLETED[0]]),
        ([ADD_T], [GONE, T_MADE, T_TAKEN_BACK, PRUNED]),
        ([NOT_FOUND], [GONE, T_MADE]),
        ([NOT_FOUND, ADD_U], [GONE, T_MADE, T_CHANGED]),
        ([NOT_FOUND], [GONE, T_MADE, T_TAKEN_BACK, T_MADE._replace(at=4), T_TAKEN_BACK._replace(at=5)]),
        ([NOT_FOUND._replace(ended=2)], [GONE, T_MADE, T_TAKEN_BACK]),
        ([NOT_FOUND._replace(began=2)], [GONE, T_MADE, T_TAKEN_BACK]),
        ([], [GONE, T_MADE, T_TAKEN_BACK]),
        ([NOT_FOUND], [GONE, T_MADE, T_REMOVED]),
        ([NOT_FOUND], [GONE, Event(2, PROFILE, None, None)]),
        ([done(remove_tag("T"), "", 1, "Profile P not found.\n")], [GONE, Event(2, PROFILE, None, None)]),
        ([NOT_FOUND], [Event(1, RULES, NEW_RULES, None), Event(2, PROFILE, None, None)]),
        ([NOT_FOUND, ADD_U], [GONE, Event(2, TAGS, None, '["U"]'), Event(3, TAGS, '["U"]', None)]),
    ],
)
def test_checker_rejects_remaining_part_of_removed_profile(runs: list[Run], events: list[Event]) -> None:
    with pytest.raises(AssertionError):
        check_runs([REMOVED, *runs], events, PARTLY_STORED)


@pytest.mark.parametrize(
    "runs, events",
    [
        ([ADD_T], []),
        ([], [T_ADDED]),
        ([ADD_T], [Event(10, *T_ADDED[1:])]),
        ([ADD_T], [T_ADDED, Event(2, TAGS, '["P", "T"]', '["P"]')]),
        ([ADD_T, REMOVE_P], [T_ADDED, Event(2, TAGS, '["P"]', "[]")]),
        ([REMOVE_P, REMOVE_P], [P_REMOVED]),
        ([done(add_rule(1)), done(add_rule(1))], [RULE_ADDED]),
        ([done(remove_rule(1))], []),
        ([done(remove_rule(1), "", 1, "Internal error\n")], []),
        ([done(add_rule(1), "Rule already present, skipping.\n")], []),
        ([done(add_tag("T"), "", 1, "Profile P not found.\n")], []),
        ([done(REMOVALS[0], "Deleted profile P\n")] * 2, [GONE]),
        ([done(REMOVALS[0], "", 1, "Profile P not found.\n")], []),
        ([done(REMOVALS[0], "Deleted profile P\n"), ADD_T], [GONE, Event(2, TAGS, None, '["T"]')]),
        ([done(AddProfile(), "Created profile P\n")], []),
        ([done(APPLIED, "Profile(P): unchanged\n")], []),
        ([done(APPLIED, "Profile(P): changed\n")], [DENY_ADDED]),
        ([done(ReleaseAddress("10.65.0.1"), "Address successfully released\n")], []),
        ([done(ClaimAddress("h1", "one"), "10.65.0.1")], []),
    ],
)
def test_checker_rejects_lost_and_reverted_changes(runs: list[Run], events: list[Event]) -> None:
    with pytest.raises(AssertionError):
        check_runs(runs, events, WHOLE)
