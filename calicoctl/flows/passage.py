"""The passage of all packets of all peers through a program at once.

It begins with one part: all peers, with all packets still on their way. Each rule cuts the parts in two: the peers that
it takes, of which some packets now have an outcome, and the rest. Parts in which the same packets are where they are
become one again, so there are never more parts than groups of peers that the program tells apart.
"""

from __future__ import annotations

from calicoctl.felix.walk import ALLOW, DENY

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from calicoctl.flows.groups import Membership
    from calicoctl.flows.programs import Course, Program, Rectangle, RuleList, Tier

    # Where the packets of a part are: on their way without the mark of next-tier, and with it; past this list of
    # rules, which they leave with the mark; allowed without it, and with it; denied with it. All others are denied.
    Places = tuple[int, int, int, int, int, int]
    Value = TypeVar("Value")
    Other = TypeVar("Other")
    # A value for each group: disjoint sets of groups, which together are all, with the value of each
    ByGroup = list[tuple[int, Value]]
    Trace = list[tuple[str, int | None, str, int]]  # where, number of the rule, outcome and packets


class Passage:
    """The passage in one course of things; ``trace`` is filled if all peers are one: with what decided on packets.

    ``reached`` is filled with the lists of rules that packets came to.
    """

    def __init__(
        self, own: Membership, course: Course, trace: Trace | None = None, reached: set[RuleList] | None = None
    ) -> None:
        self._own = own
        self._reached = reached
        self._course = course
        self._trace = trace
        self._parts: dict[Places, int] = {}

    def through(
        self, program: Program, peers: int, packets: int, is_marked: bool = False
    ) -> ByGroup[tuple[int, int, int]]:
        """Return the packets that are allowed without the mark, allowed with it, and denied with it, by peer.

        ``is_marked``: they come with the mark.
        """
        self._begin(program, peers, packets, is_marked)
        self._decide(program.invalid, DENY, "", "invalid")
        for tier in program.tiers:
            self._tier(tier)
        for rules in program.profiles:
            self._list(rules, is_profile=True)
            self._each(lambda p: (p[0], p[1] | p[2], 0, p[3], p[4], p[5]))
        self._decide(packets, DENY, "", "end of profiles")
        return _merged((mask, places[3:]) for places, mask in self._parts.items())

    def past_untracked(self, program: Program, peers: int, packets: int) -> ByGroup[tuple[int, int]]:
        """Return the packets that untracked policies allow, and those that they leave undecided, by peer.

        Failsafe packets are left undecided.
        """
        others = packets & ~program.failsafe
        self._begin(program, peers, others, False, with_failsafe=False)
        undecided = packets & program.failsafe
        return _merged((mask, (p[3] | p[4], p[0] | p[1] | undecided)) for p, mask in self._parts.items())

    def _begin(
        self, program: Program, peers: int, packets: int, is_marked: bool, with_failsafe: bool = True
    ) -> None:
        self._parts = {(0, packets, 0, 0, 0, 0) if is_marked else (packets, 0, 0, 0, 0, 0): peers}
        if with_failsafe:
            self._decide(program.failsafe, ALLOW, "Failsafe ports", "")
        for tier in program.untracked:
            self._tier(tier)

    def _tier(self, tier: Tier) -> None:
        places = [place for place in range(len(tier.lists)) if tier.chances.get(place) not in self._course]
        if not places:
            return
        if not tier.is_untracked:
            self._each(lambda p: (p[0] | p[1], 0, 0, p[3], p[4], p[5]))  # it takes the mark off
        for place in places:
            self._list(tier.lists[place], is_profile=False)
        if tier.is_untracked:
            self._each(lambda p: (p[0] | p[2], p[1], 0, p[3], p[4], p[5]))
        else:
            self._note_end(tier)
            self._each(lambda p: (0, p[2], 0, p[3], p[4], p[5]))

    def _list(self, rules: RuleList, is_profile: bool) -> None:
        if self._reached is not None and any(places[0] or places[1] for places in self._parts):
            self._reached.add(rules)
        if rules.is_missing:
            self._decide(-1, DENY, rules.where, "missing")
        elif rules.refusal:
            self._decide(-1, ALLOW if rules.refusal in self._course else DENY, rules.where, "refused")
        for rectangle in rules.rectangles:
            self._rule(rectangle, rules.where, is_profile)

    def _rule(self, rectangle: Rectangle, where: str, is_profile: bool) -> None:
        peers = rectangle.peers_in(self._course, self._own)
        if rectangle.outcome in (ALLOW, DENY):
            self._apply(peers, rectangle.packets, rectangle.outcome, where, rectangle.number)
            return
        self._apply(peers, rectangle.packets, rectangle.outcome, where, rectangle.number)
        if is_profile:  # Felix looks at the mark after the rule, whether that has matched or not
            self._each(lambda p: (p[0], 0, p[2] | p[1], p[3], p[4], p[5]))

    def _decide(self, packets: int, outcome: str, where: str, reason: str) -> None:
        self._apply(-1, packets, outcome, where or reason, None)

    def _apply(self, peers: int, packets: int, outcome: str, where: str, number: int | None) -> None:
        """Give the packets of the peers that are on their way an outcome."""
        parts: dict[Places, int] = {}
        for places, mask in self._parts.items():
            here = mask & peers
            plain, marked = places[0] & packets, places[1] & packets
            if not here or not (plain or marked):
                parts[places] = parts.get(places, 0) | mask
                continue
            if here != mask:
                parts[places] = parts.get(places, 0) | mask & ~here
            left, left_marked, passed, allowed, allowed_marked, denied_marked = places
            left, left_marked = left ^ plain, left_marked ^ marked
            if outcome == ALLOW:
                moved = left, left_marked, passed, allowed | plain, allowed_marked | marked, denied_marked
            elif outcome == DENY:
                moved = left, left_marked, passed, allowed, allowed_marked, denied_marked | marked
            else:
                moved = left, left_marked, passed | plain | marked, allowed, allowed_marked, denied_marked
            parts[moved] = parts.get(moved, 0) | here
            if self._trace is not None and outcome in (ALLOW, DENY):
                self._trace.append((where, number, outcome, plain | marked))
        self._parts = parts

    def _note_end(self, tier: Tier) -> None:
        if self._trace is not None:
            name = tier.lists[0].policy.tier if tier.lists[0].policy else ""
            for places in self._parts:
                if places[0]:
                    self._trace.append((f'End of tier "{name}"', None, DENY, places[0]))

    def _each(self, change: Callable[[Places], Places]) -> None:
        parts: dict[Places, int] = {}
        for places, mask in self._parts.items():
            changed = change(places)
            parts[changed] = parts.get(changed, 0) | mask
        self._parts = parts


def _merged(parts: Iterable[tuple[int, Value]]) -> ByGroup[Value]:
    found: dict[Value, int] = {}
    for mask, value in parts:
        found[value] = found.get(value, 0) | mask
    return [(mask, value) for value, mask in found.items()]


def mapped(by_group: ByGroup[Value], change: Callable[[Value], Other]) -> ByGroup[Other]:
    """Return what a function makes of each value."""
    return _merged((mask, change(value)) for mask, value in by_group)


def paired(one: ByGroup[Value], other: ByGroup[Other]) -> ByGroup[tuple[Value, Other]]:
    """Return both values of each group."""
    return _merged(
        (both, (value, of_other)) for mask, value in one for others, of_other in other if (both := mask & others)
    )
