"""The law of flows: a packet passes exactly when ``calicoq verdict`` allows it, and is uncertain when verdict is.

An address of a host that no endpoint has is the exception: flows take it for any other address. A note says so.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from calicoctl.calicoq.journey import Journey
from calicoctl.calicoq.own_host import journey_between
from calicoctl.calicoq.parties import Party as End
from calicoctl.datastore.snapshot import Snapshot, Stored
from calicoctl.felix.chances import Chances, judged
from calicoctl.felix.packet import Packet
from calicoctl.felix.view import Felix
from calicoctl.flows.analysis import FROM, TO, Analysis
from calicoctl.flows.atoms import Header
from calicoctl.flows.difference import CLOSES, OPENS, UNCERTAIN, Difference, JointGroups
from calicoctl.flows.flows import MOST_QUESTIONS, Flows
from calicoctl.flows.groups import Tests as TestsOfRules
from calicoctl.flows.groups import addresses_in_use
from calicoctl.flows.lint import findings_of
from calicoctl.flows.selection import Selection
from calicoctl.model.address import Address
from calicoctl.model.network import Network
from calicoctl.model.rules import Rules
from tests.flows.worlds import random_header, random_state
from tests.sampling import Sampling

pytestmark = pytest.mark.once

PACKETS_OF_A_STATE = 40


def felix_of(state: dict[str, Any], beside: Felix | None = None) -> Felix:
    """Return what Felix sees of a state: keys with texts, or with what is to be their JSON."""
    snapshot = Snapshot()
    for key, value in {"/calico/v1/Ready": "true", **state}.items():
        snapshot._add(Stored(key, value if isinstance(value, str) else json.dumps(value)))
    return Felix(snapshot, beside)


def random_world(dice: random.Random) -> tuple[int, dict[str, Any], Felix]:
    """Return a version of Felix, a state, and what Felix sees of it."""
    state = random_state(dice)
    return dice.choice([1, 1, 1, 2]), state, felix_of(state)


@pytest.mark.parametrize("part", range(4))
def test_flows_are_what_verdict_allows(part: int, dice: random.Random, sampling: Sampling) -> None:
    left = sampling.number(250_000, 500)
    while left > 0:
        felix_version, state, felix = random_world(dice)
        selections = dice.choice([{}, {}, {side: random_selection(dice, felix) for side in (FROM, TO)}])
        analysis = Analysis(felix, felix_version, selections=selections)
        for _ in range(PACKETS_OF_A_STATE):
            flows = analysis.flows.get(dice.choice([4, 4, 6]))
            if flows is None or not (pair := random_pair(dice, flows, felix)):
                continue
            source, destination = pair
            if not all(side in flows.groups[end[0]].selected for side, end in zip(selections, pair, strict=False)):
                continue
            header = random_header(dice, flows.ip_version, felix_version)
            expected = verdict(felix, flows.ip_version, felix_version, source, destination, header)
            if expected != "too many questions":
                found = flow(flows, source, destination, header)
                is_too_much = len(flows.questions(source[0], destination[0])) > MOST_QUESTIONS
                right = (expected, None) if is_too_much else (expected,)
                assert found in right, (describe(source, destination), header.text(), felix_version, state)
                left -= 1


def test_flows_between_workloads_and_endpoints_of_their_own_host(dice: random.Random, sampling: Sampling) -> None:
    left = sampling.number(50_000, 100)
    while left > 0:
        felix_version, state, felix = random_world(dice)
        for flows in Analysis(felix, felix_version).flows.values():
            for source, destination in pairs_on_one_host(flows):
                header = random_header(dice, flows.ip_version, felix_version)
                expected = verdict(felix, flows.ip_version, felix_version, source, destination, header)
                if expected == "too many questions":
                    continue
                found = flow(flows, source, destination, header)
                assert found == expected, (describe(source, destination), header.text(), felix_version, state)
                left -= 1


def pairs_on_one_host(flows: Flows) -> list[tuple[Any, Any]]:
    """Return the pairs of a workload and a host endpoint of one host, each with the number of its group."""
    ends = [
        (number, party.endpoint, party.address)
        for number, group in enumerate(flows.groups)
        for party in group.parties
    ]
    return [
        (one, other)
        for one in ends
        for other in ends
        if one[1].name.host == other[1].name.host
        and (one[1].name.workload is None) != (other[1].name.workload is None)
        and one[2] != other[2]
    ]


def test_packets_of_one_piece_are_decided_on_alike(dice: random.Random, sampling: Sampling) -> None:
    left = sampling.number(20_000, 200)
    while left > 0:
        felix_version, state, felix = random_world(dice)
        for flows in Analysis(felix, felix_version).flows.values():
            pair = random_pair(dice, flows, felix)
            if pair is None or len(flows.questions(pair[0][0], pair[1][0])) > MOST_QUESTIONS:
                continue
            pieces = flows.pieces(pair[0][0], pair[1][0])
            assert sum(pieces) == flows.universe
            for _ in range(10):
                packet = flows.space.of_header(header := random_header(dice, flows.ip_version, felix_version))
                example = flows.space.example(next(piece for piece in pieces if piece & packet))
                if packet & flows.space.opening[flows.ip_version]:
                    ways = [way(felix, flows.ip_version, felix_version, *pair, each) for each in (header, example)]
                    assert ways[0] == ways[1], (describe(*pair), header.text(), example.text(), felix_version, state)
                    left -= 1


def test_a_difference_is_where_the_verdicts_differ(dice: random.Random, sampling: Sampling) -> None:
    left = sampling.number(100_000, 500)
    while left > 0:
        felix_version = dice.choice([1, 1, 1, 2])
        state = random_state(dice)
        other = random_state(dice)
        changed = {**state, **{key: other[key] for key in dice.sample(sorted(other), len(other) // 3)}}
        for key in dice.sample(sorted(changed), dice.choice([0, 0, 1, 2])):
            del changed[key]
        felix = felix_of(state)
        both = [felix, felix_of(changed, felix)]
        first = Analysis(both[0], felix_version, tests=TestsOfRules.of(*both))
        analyses = [first, Analysis(both[1], felix_version, before=first)]
        for version in (4, 6):
            if not all(version in analysis.flows for analysis in analyses):
                continue
            flows = [analysis.flows[version] for analysis in analyses]
            groups = JointGroups(*(analysis.groups[version] for analysis in analyses))
            used = addresses_in_use(both[0], version)
            changes = Difference(flows[0], flows[1], groups).changes([(groups.mask, groups.mask)])
            for _ in range(20 if groups.all else 0):
                pair = random_pair(dice, groups, both[1])
                if pair is None or any(end is None and address.value in used for _, end, address in pair):
                    continue
                if any(is_too_much(each, groups, pair, side) for side, each in enumerate(flows)):
                    continue
                header = random_header(dice, version, felix_version)
                packet = flows[0].space.of_header(header)
                if not packet & flows[0].space.opening[version]:
                    continue
                kinds = {
                    change.kind
                    for change in changes
                    if change.sources >> pair[0][0] & change.destinations >> pair[1][0] & 1 and change.packets & packet
                }
                ways = [ends_in(felix, pair) for felix in both]
                before, after = (
                    verdict(felix, version, felix_version, ends[0], ends[1], header)
                    for felix, ends in zip(both, ways, strict=True)
                )
                assert kinds == kinds_of(before, after), (describe(*pair), header.text(), felix_version, state, changed)
                left -= 1


def test_nothing_changes_without_a_rule_that_does_nothing(dice: random.Random, sampling: Sampling) -> None:
    left = sampling.number(4_000, 40)
    while left > 0:
        felix_version, state, felix = random_world(dice)
        for key, value in state.items():
            if not key.endswith("/rules") and "/tier/" not in key or "/metadata" in key:
                continue
            for direction in ("inbound", "outbound"):
                rules = Rules.from_json(json.dumps(value))
                found = findings_of(rules, direction, felix_version, key.endswith("/rules"))
                numbers = [finding.number for finding in found]
                for removed in ([], *([number] for number in numbers), numbers):  # one by one, and all together
                    old = value[f"{direction}_rules"]
                    listed = [rule for number, rule in enumerate(old, start=1) if number not in removed]
                    changed = {**state, key: {**value, f"{direction}_rules": listed}}
                    described = removed, [(each.kind, each.number, each.others) for each in found], direction, value
                    if removed:
                        assert changes_between(felix, felix_of(changed), felix_version) == [], described
                        left -= 1


def changes_between(before: Felix, after: Felix, felix_version: int) -> list[Any]:
    """Return the changes that are certain."""
    old = Analysis(before, felix_version, tests=TestsOfRules.of(before, after))
    new = Analysis(after, felix_version, before=old)
    found = []
    for version in old.flows:
        groups = JointGroups(old.groups[version], new.groups[version])
        difference = Difference(old.flows[version], new.flows[version], groups)
        found += [change for change in difference.changes([(groups.mask, groups.mask)]) if change.kind != UNCERTAIN]
    return found


def is_too_much(flows: Flows, groups: JointGroups, pair: Any, side: int) -> bool:
    source, destination = (groups.pairs[end[0]][side] for end in pair)
    return len(flows.questions(source, destination)) > MOST_QUESTIONS


def ends_in(felix: Felix, pair: Any) -> list[Any]:
    """Return the ends of a pair in one of the states."""
    return [(number, end and felix.endpoints[str(end.name)], address) for number, end, address in pair]


def kinds_of(before: bool | None, after: bool | None) -> set[str]:
    if before == after:
        return set()
    if None in (before, after):
        return {UNCERTAIN}
    return {OPENS if after else CLOSES}


def journey_of(
    felix: Felix, ip_version: int, felix_version: int, source: Any, destination: Any, header: Header
) -> tuple[Journey, Packet]:
    ends = [End("", {ip_version: address}, endpoint) for _, endpoint, address in (source, destination)]
    journey = journey_between(ends[0], ends[1], felix, ip_version, felix_version)
    packet = journey.packet(header.protocol, header.port, header.source_port, header.icmp_type, header.icmp_code)
    return journey, packet


def way(felix: Felix, ip_version: int, felix_version: int, source: Any, destination: Any, header: Header) -> Any:
    """Return what decides on a packet on its likely way, and whether it passes."""
    journey, packet = journey_of(felix, ip_version, felix_version, source, destination, header)
    sides, doubts = judged(
        lambda chances: journey.sides(packet, chances), lambda one, other: one[-1].allowed == other[-1].allowed
    )
    return [side.last_text() for side in sides], doubts, sides[-1].allowed


def random_selection(dice: random.Random, felix: Felix) -> Selection:
    """Return some endpoints, or a network."""
    if dice.random() < 0.3:
        return Selection("", network=Network.parse(dice.choice(["0.0.0.0/0", "10.65.0.0/29", "fd65::/126"])))
    names = {name for name in felix.endpoints if dice.random() < 0.5}
    return Selection("", lambda endpoint: str(endpoint.name) in names)


def random_pair(dice: random.Random, flows: Flows | JointGroups, felix: Felix) -> tuple[Any, Any] | None:
    """Return two different ends: the group, the endpoint if there is one, and the address of each."""
    ends: list[Any] = []
    groups = flows.groups if isinstance(flows, Flows) else flows.all
    for number in dice.choices(range(len(groups)), k=2):
        group = groups[number]
        if group.guard is None:
            first, last = dice.choice(group.ranges)
            address = dice.choice([first, last, dice.randint(first, last)])
            ends.append((number, None, Address(flows.ip_version, address)))
        else:
            party = dice.choice(group.parties)
            ends.append((number, party.endpoint, party.address))
    (_, source, source_address), (_, destination, destination_address) = ends
    if source is destination or source_address == destination_address:
        return None
    return ends[0], ends[1]


def verdict(felix: Felix, ip_version: int, felix_version: int, source: Any, destination: Any, header: Header) -> Any:
    """Return what ``calicoq verdict`` does: True, False, or None for what is not certain."""
    journey, packet = journey_of(felix, ip_version, felix_version, source, destination, header)
    asked: dict[str, None] = {}

    def judge(chances: Chances) -> Any:
        sides = journey.sides(packet, chances)
        asked.update(chances.asked)
        return sides

    sides, doubts = judged(judge, lambda one, other: one[-1].allowed == other[-1].allowed)
    if len(asked) > MOST_QUESTIONS:
        return "too many questions"
    return None if doubts else sides[-1].allowed


def flow(flows: Flows, source: Any, destination: Any, header: Header) -> bool | None:
    """Return the same as the flows have it."""
    packet = flows.space.of_header(header)
    assert packet.bit_count() == 1
    surely = maybe = False
    for mask, (sure, may) in flows.into(destination[0]):
        if mask >> source[0] & 1:
            surely, maybe = bool(sure & packet), bool(may & packet)
    return True if surely else None if maybe else False


def describe(*ends: Any) -> str:
    return " to ".join(f"{endpoint.name if endpoint else 'nobody'} {address}" for _, endpoint, address in ends)
