"""A hundred writers at once, judged by etcd's own history: what was reported is what happened, once and in some order.

Each change in the history must be the effect of exactly one command that ran meanwhile and reported success, and each
command that reported a success must have such a change; one that reported that there was nothing to do, or that it
could not be done, must have been right at some moment while it ran.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from calicoctl.datastore.client import Client
from calicoctl.datastore.ipam import Ipam
from calicoctl.datastore.settings import Settings
from calicoctl.model.network import Network
from calicoctl.model.pool import Pool
from tests.conftest import Calicoctl, Result
from tests.etcd_server import EtcdServer
from tests.proxy import Proxy, Request, drop_reply, drop_request
from tests.trust.commands import ENDPOINT, ENDPOINTS, NEW_RULES, PROFILES
from tests.trust.history import Event, History

WRITERS = 100
NOTHING: dict[str, Any] = {"inbound_rules": [], "outbound_rules": []}
Json = Any


class Operation(NamedTuple):
    """A command line on one key, what it makes of the key's value, and what it says where there is nothing to do.

    `apply` returns the new value, or None where the value (None for no such key) leaves nothing to do.
    """

    line: str
    key: str
    apply: Callable[[Json], Json]
    nothing_to_do: tuple[str, ...]
    stdin: str = ""


class Run(NamedTuple):
    """An operation that was carried out: etcd's index before and after, and the result."""

    operation: Operation
    began: int
    ended: int
    result: Result

    def has_written(self) -> bool:
        said = self.result.stdout + self.result.stderr
        return self.result.status == 0 and not any(text in said for text in self.operation.nothing_to_do)


def rule(port: int) -> dict[str, Any]:
    return {"action": "allow", "protocol": "tcp", "dst_ports": [port]}


def add_rule(port: int) -> Operation:
    def apply(rules: Json) -> Json:
        rules = rules or NOTHING
        listed = rules["inbound_rules"]
        return None if rule(port) in listed else {**rules, "inbound_rules": [*listed, rule(port)]}

    line = f"profile P rule add inbound allow tcp to ports {port}"
    return Operation(line, f"{PROFILES}/P/rules", apply, ("Rule already present", "Profile P not found."))


def remove_rule(port: int) -> Operation:
    def apply(rules: Json) -> Json:
        listed = (rules or NOTHING)["inbound_rules"]
        return (
            {**rules, "inbound_rules": [each for each in listed if each != rule(port)]}
            if rule(port) in listed
            else None
        )

    line = f"profile P rule remove inbound allow tcp to ports {port}"
    return Operation(line, f"{PROFILES}/P/rules", apply, ("Rule not found.", "Profile P not found."))


def update_rules(port: int) -> Operation:
    document = {"inbound_rules": [rule(port)], "outbound_rules": []}
    return Operation(
        "profile P rule update", f"{PROFILES}/P/rules", lambda rules: None if rules == document else document,
        ("Profile P not found.",), json.dumps(document),
    )  # fmt: skip


def add_tag(tag: str) -> Operation:
    def apply(tags: Json) -> Json:
        return None if tag in (tags or []) else [*(tags or []), tag]

    return Operation(f"profile P tag add {tag}", f"{PROFILES}/P/tags", apply, ("Profile P not found.",))


def remove_tag(tag: str) -> Operation:
    def apply(tags: Json) -> Json:
        return [each for each in tags if each != tag] if tag in (tags or []) else None

    nothing = (f"Tag {tag} is not on profile P", "Profile P not found.")
    return Operation(f"profile P tag remove {tag}", f"{PROFILES}/P/tags", apply, nothing)


def append_profile(name: str) -> Operation:
    def apply(endpoint: Json) -> Json:
        ids = endpoint["profile_ids"]
        return None if name in ids else {**endpoint, "profile_ids": [*ids, name]}

    return Operation(f"endpoint e1 profile append {name}", ENDPOINT, apply, (f"Profile {name} is already in",))


def remove_profile(name: str) -> Operation:
    def apply(endpoint: Json) -> Json:
        ids = endpoint["profile_ids"]
        return {**endpoint, "profile_ids": [each for each in ids if each != name]} if name in ids else None

    return Operation(f"endpoint e1 profile remove {name}", ENDPOINT, apply, (f"Profile {name} is not in",))


def apply_labels(value: str) -> Operation:
    document = {
        "apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "Q"},
        "spec": {"labelsToApply": {"of": value}},
    }  # fmt: skip
    key = f"{PROFILES}/Q/labels"
    return Operation(
        "apply -f -", key, lambda labels: None if labels == {"of": value} else {"of": value}, (), json.dumps(document)
    )


def random_operation(dice: random.Random) -> Operation:
    number = dice.randrange(12)
    kinds: list[Callable[[], Operation]] = [
        lambda: add_rule(number), lambda: add_rule(number), lambda: remove_rule(number), lambda: update_rules(number),
        lambda: add_tag(f"T{number}"), lambda: remove_tag(f"T{number}"), lambda: append_profile(f"E{number}"),
        lambda: remove_profile(f"E{number}"), lambda: apply_labels(f"v{number}"),
    ]  # fmt: skip
    return dice.choice(kinds)()


def run_all(
    plans: list[list[Operation]], calicoctl: Calicoctl, etcd: EtcdServer, env: dict[str, str | None]
) -> list[Run]:
    """Let each writer carry out its operations, all writers at once."""
    runs: list[Run] = []
    together = threading.Barrier(len(plans))

    def write(plan: list[Operation]) -> None:
        together.wait()
        for operation in plan:
            began = etcd.index()
            result = calicoctl(*operation.line.split(), stdin=operation.stdin, env=env)
            runs.append(Run(operation, began, etcd.index(), result))

    threads = [threading.Thread(target=write, args=[plan], daemon=True) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
        assert not thread.is_alive()
    return runs


def decoded(text: str | None) -> Json:
    return None if text is None else json.loads(text)


def check_runs(runs: list[Run], events: list[Event], initial: dict[str, str | None], may_be_unknown: bool) -> None:
    """Match the changes of the history with the runs, each with one that could end first; then judge the rest."""
    states: dict[str, list[tuple[int, Json]]] = {key: [(0, decoded(text))] for key, text in initial.items()}
    waiting = sorted((run for run in runs if run.has_written()), key=lambda run: run.ended)
    unknown = [run for run in runs if "It is not known" in run.result.stderr]
    for event in events:
        before, after = decoded(event.before), decoded(event.after)
        assert states.setdefault(event.key, [(0, None)])[-1][1] == before, event
        states[event.key].append((event.at, after))
        for candidates in (waiting, unknown):
            for place, run in enumerate(candidates):
                if explains(run, event, before, after):
                    del candidates[place]
                    break
            else:
                continue
            break
        else:
            raise AssertionError(f"nobody reported this: {event}")
    lost = [run for run in waiting if not is_right(run, states)]
    assert lost == []
    for run in runs:
        if run.has_written() or "It is not known" in run.result.stderr:
            assert may_be_unknown or run.has_written(), run
            continue
        said = run.result.stdout + run.result.stderr
        assert any(text in said for text in run.operation.nothing_to_do), run
        assert is_right(run, states), run


def explains(run: Run, event: Event, before: Json, after: Json) -> bool:
    in_time = run.began < event.at <= run.ended
    return in_time and run.operation.key == event.key and run.operation.apply(before) == after


def is_right(run: Run, states: dict[str, list[tuple[int, Json]]]) -> bool:
    """Whether there was nothing to do at some moment while it ran: right for who wrote nothing, whatever it says."""
    history = states[run.operation.key]
    for (begins, value), following in zip(history, [*history[1:], None], strict=True):
        ends = following[0] if following else run.ended + 1
        if begins <= run.ended and ends > run.began and run.operation.apply(value) is None:
            return True
    return False


def test_the_judge_sees_what_is_lost_and_what_comes_back() -> None:
    key = f"{PROFILES}/P/tags"
    runs = [Run(add_tag(f"T{n}"), 0, 9, Result(0, f"Tag T{n} added to profile P\n", "")) for n in (1, 2)]
    first, second = Event(1, key, "[]", '["T1"]'), Event(2, key, '["T1"]', '["T1", "T2"]')
    check_runs(runs, [first, second], {key: "[]"}, False)
    overwritten = Event(2, key, '["T1"]', '["T2"]')
    for events in ([first], [first, overwritten], [first, second, Event(3, key, '["T1", "T2"]', '["T1"]')]):
        with pytest.raises(AssertionError):
            check_runs(runs, events, {key: "[]"}, False)


def initial_state() -> dict[str, str | None]:
    state: dict[str, str | None] = {
        **ENDPOINTS, f"{PROFILES}/P/tags": '["P"]', f"{PROFILES}/P/labels": "{}", f"{PROFILES}/P/rules": NEW_RULES,
        f"{PROFILES}/Q/tags": "[]", f"{PROFILES}/Q/labels": "{}", f"{PROFILES}/Q/rules": json.dumps(NOTHING),
    }  # fmt: skip
    return state | {f"{PROFILES}/E{number}/rules": NEW_RULES for number in range(12)}


@pytest.mark.parametrize("faults", [False, True], ids=["no faults", "lost requests and replies"])
def test_a_hundred_writers(
    faults: bool, etcd: EtcdServer, calicoctl: Calicoctl, dice: random.Random, torture: bool
) -> None:
    initial = initial_state()
    for key, value in initial.items():
        etcd.put(key, value or "")
    plans = [[random_operation(dice) for _ in range(10 if torture else 2)] for _ in range(WRITERS)]
    chance = random.Random(dice.random())

    def unreliable(request: Request) -> bytes | None:
        fate = chance.random()
        if request.method == "GET" or fate > 0.1:
            return request.forward()
        return (drop_reply if fate < 0.05 else drop_request)(request)

    with History(etcd) as history, Proxy(etcd) as proxy:
        if faults:
            proxy.since(1, unreliable)
        env: dict[str, str | None] = {"ETCD_AUTHORITY": proxy.authority if faults else etcd.endpoint}
        runs = run_all(plans, calicoctl, etcd, env)
    assert len(runs) == sum(map(len, plans))
    assert len(history.events) > 20
    check_runs(runs, history.events, initial, faults)


def test_profiles_come_and_go(etcd: EtcdServer, calicoctl: Calicoctl, dice: random.Random, torture: bool) -> None:
    """Additions and removals of whole profiles, and of their tags and rules, all at once."""
    lines = ["profile add P", "profile add P", "profile remove P --no-check", "profile P tag add T",
             "profile P rule add inbound allow tcp to ports 80", "profile P tag remove P"]  # fmt: skip
    commands = [[dice.choice(lines) for _ in range(10 if torture else 2)] for _ in range(WRITERS)]
    plans = [[Operation(line, "", lambda _: None, ()) for line in plan] for plan in commands]
    with History(etcd) as history:
        runs = run_all(plans, calicoctl, etcd, {})
    created = [event for event in history.events if event.key.endswith("/rules") and event.before is None]
    removed = [event for event in history.events if event.key == f"{PROFILES}/P" and event.after is None]
    assert len([run for run in runs if run.result.stdout == "Deleted profile P\n"]) == len(removed) > 0
    reported = [run for run in runs if run.result.stdout == "Created profile P\n"]
    whole = [event.at for event in created if event.after == NEW_RULES]
    # Whoever finds its profile removed before it is whole begins again.
    assert 0 < len(reported) <= len(whole)
    assert all(any(run.began < at <= run.ended for at in whole) for run in reported)
    for run in runs:
        found = run.result.stderr in ("", "Profile P not found.\n", "Tag P is not on profile P\n")
        assert found or run.result.stderr.startswith("It was incomplete; added its "), run
    # What is left, whole or in part, allows no more than the finished profile and the rules that were added to it.
    allowed = [*json.loads(NEW_RULES)["inbound_rules"], rule(80)]
    for event in history.events:
        if event.key.endswith("/rules") and event.after is not None:
            assert all(each in allowed for each in json.loads(event.after)["inbound_rules"]), event
    assert calicoctl("profile", "add", "P").status == 0
    assert set(etcd.keys(f"{PROFILES}/P")) == {f"{PROFILES}/P/{part}" for part in ("tags", "labels", "rules")}
    assert calicoctl("profile", "remove", "P") == Result(0, "Deleted profile P\n", "")
    assert etcd.keys(f"{PROFILES}/P") == {}


def test_no_address_is_given_twice(etcd: EtcdServer, calicoctl: Calicoctl, dice: random.Random, torture: bool) -> None:
    """Writers on four hosts claim addresses of one pool and give some back."""
    assert calicoctl("pool", "add", "10.65.0.0/23").status == 0
    pools = [Pool.new(Network.parse("10.65.0.0/23"))]
    held: dict[str, str] = {}
    doubled: list[str] = []
    lock = threading.Lock()

    def claim_and_release(number: int) -> None:
        chance = random.Random(number)
        ipam = Ipam(Client(Settings([f"http://{etcd.endpoint}"])), f"h{number % 4}")
        for turn in range(6 if torture else 2):
            handle = f"writer{number}.{turn}"
            address = ipam.claim_any(pools, handle)
            with lock:
                if address is None or str(address) in held:
                    doubled.append(f"{handle}: {address}")
                    continue
                held[str(address)] = handle
            if chance.random() < 0.5:
                with lock:
                    del held[str(address)]
                assert ipam.release(address)

    threads = [threading.Thread(target=claim_and_release, args=[number], daemon=True) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
        assert not thread.is_alive()
    assert doubled == []
    stored = {}
    for text in etcd.keys("/calico/ipam/v2/assignment").values():
        block = json.loads(text) if text else {"allocations": []}
        for ordinal, place in enumerate(block["allocations"]):
            if place is not None:
                network = Network.parse(block["cidr"])
                octets = (network.address + ordinal).to_bytes(4, "big")
                stored[".".join(map(str, octets))] = block["attributes"][place]["handle_id"]
    assert stored == held
