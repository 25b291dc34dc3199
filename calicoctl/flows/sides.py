"""The two sides of a flow: what packets meet on their way out of an endpoint, and on their way into one.

Each side goes through its program once for all peers, in each course of things that is asked for, and adds what does
not stand in rules: whether Felix makes rules at all, the parameters of the host, and before a workload the untracked
policies of the host's own endpoints. ``Journey`` of calicoq does the same for one packet.
"""

from __future__ import annotations

from calicoctl.felix import questions
from calicoctl.flows.groups import CHAINS_BY_CHANCE, NO_CHAINS, iterate
from calicoctl.flows.passage import Passage, mapped, paired

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.flows.groups import Guard, Membership
    from calicoctl.flows.passage import ByGroup, Trace
    from calicoctl.flows.programs import Course, Program

    Outgoing = tuple[int, int, int]  # packets that have arrived; that go on without the mark; that go on with it
    Incoming = tuple[int, int]  # packets that pass if they come without the mark, and with it

NO_CHANCE: frozenset[str] = frozenset()  # the course of things that is likely


class Outbound:
    """What packets meet on their way out of an endpoint, by destination, of the ``groups`` that are asked about. Two
    that come to the same have an equal ``identity``.
    """

    def __init__(self, groups: int, universe: int, guard: Guard, program: Program, own: Membership) -> None:
        self.guard = guard
        self.program = program
        self.programs = [program]
        self.own = own
        self._universe = universe
        self._all = groups
        self.questions = frozenset(program.questions() | _of_guard(guard))
        self._by_number: dict[object, tuple[Outgoing, dict[int, Outgoing]]] = {}
        self.identity: object = frozenset(self._decided(NO_CHANCE, False)) if self.is_plain else self

    @property
    def is_plain(self) -> bool:
        """Whether it depends on no question, and not on the host of the destination."""
        return not self.questions and self.guard.host is None

    def host_with(self, inbound: Inbound) -> bool:
        """Tell whether it is on one host with a destination, as far as that makes a difference."""
        return self.guard.host is not None and self.guard.host == inbound.guard.host

    def to(self, number: int, course: Course, is_local: bool) -> Outgoing:
        """Return what becomes of the packets to a group; ``is_local`` if that is on the same host."""
        key = course & self.questions, is_local
        if key not in self._by_number:
            parts = sorted(self._decided(*key), key=lambda part: -part[0].bit_count())
            others = {each: value for mask, value in parts[1:] for each in iterate(mask)}
            self._by_number[key] = parts[0][1], others
        usual, others = self._by_number[key]
        return others.get(number, usual)

    def to_own_host(self, number: int, course: Course, is_taken: bool) -> int:
        """Return the packets of a workload that reach its own host; ``is_taken``: the host takes what the rules allow.
        """
        as_stored = course - {questions.standstill(self.guard.standstill)}
        arrived, plain, marked = self.to(number, as_stored, True)
        passing = arrived | (plain | marked if is_taken else 0)
        return self._universe & ~passing if _is_turned(self.guard, course) else passing

    def decisions(self, peer: int) -> list[int]:
        """Return the packets to one group in sets by what decides on them."""
        trace: Trace = []
        Passage(self.own, NO_CHANCE, trace).through(self.program, peer, self._universe)
        return [packets for _, _, _, packets in trace] + _atoms(self.program.failsafe)

    def _decided(self, course: Course, is_local: bool) -> ByGroup[Outgoing]:
        if not _has_chains(self.guard, course):
            passed: ByGroup[tuple[int, int, int]] = [(self._all, (0, 0, 0))]
            overridden = False
        else:
            passed = Passage(self.own, course).through(self.program, self._all, self._universe)
            overridden = self.guard.lets_pass
        is_turned = _is_turned(self.guard, course)
        return mapped(passed, lambda value: self._outgoing(value, overridden, is_turned, is_local))

    def _outgoing(self, passed: tuple[int, int, int], overridden: bool, is_turned: bool, is_local: bool) -> Outgoing:
        allowed, allowed_marked, denied_marked = passed
        denied = self._universe & ~(allowed | allowed_marked | denied_marked)
        if overridden and is_turned:
            return 0, 0, 0
        if is_turned:
            allowed, allowed_marked, denied, denied_marked = denied, denied_marked, allowed, allowed_marked
        arrived = 0
        if overridden and is_local:  # Felix lets it pass all that is on the host
            arrived = denied | denied_marked
        elif overridden:
            allowed |= denied | denied_marked
        if is_local and self.guard.is_workload:
            return arrived, allowed, allowed_marked
        return arrived, allowed | allowed_marked, 0


class Inbound:
    """What packets meet on their way into an endpoint, by source; see ``Outbound``."""

    def __init__(
        self, groups: int, universe: int, guard: Guard, program: Program, own: Membership,
        before: list[tuple[str, Program]],
    ) -> None:  # fmt: skip
        self.guard = guard
        self.program = program
        self.programs = [program, *(each for _, each in before)]
        self.own = own
        self._before = before
        self._universe = universe
        self._all = groups
        on_interfaces = {question for question, _ in before if question}
        asked = program.questions().union(*(each.questions() for _, each in before))
        self.questions = frozenset(asked | _of_guard(guard) | on_interfaces)
        self.questions_of_guard = frozenset(_of_guard(guard))
        self._looks_at_mark = any(rules.passes_on for rules in program.profiles)
        self._known: dict[object, ByGroup[Incoming]] = {}
        self.identity: object = frozenset(self.of(NO_CHANCE, False)) if self.is_plain else self

    @property
    def is_plain(self) -> bool:
        """Whether it depends on no question, and not on the host of the source."""
        return not self.questions and self.guard.host is None

    def of(self, course: Course, is_local: bool) -> ByGroup[Incoming]:
        """Return what becomes of the packets from each group; ``is_local`` if that is on the same host."""
        key = course & self.questions, is_local
        if key not in self._known:
            decided = self._decided(*key)
            if not is_local:
                for question, program in reversed(self._before):  # the first one decides
                    if not (question and question in course):
                        decided = self._past(program, decided, key[0])
            self._known[key] = decided
        return self._known[key]

    def from_own_host(self, course: Course) -> int:
        """Return the packets that a workload gets from its own host, which no rule polices."""
        return self._universe if _has_chains(self.guard, course) or _is_turned(self.guard, course) else 0

    def decisions(self, peer: int) -> list[int]:
        """Return the packets from one group in sets by what decides on them."""
        trace: Trace = []
        passage = Passage(self.own, NO_CHANCE, trace)
        for is_marked in (False, True) if self._looks_at_mark else (False,):
            passage.through(self.program, peer, self._universe, is_marked)
        for _, program in self._before:
            passage.past_untracked(program, peer, self._universe)
        return [packets for _, _, _, packets in trace] + _atoms(self.program.failsafe)

    def _decided(self, course: Course, is_local: bool) -> ByGroup[Incoming]:
        is_turned = _is_turned(self.guard, course)
        if not _has_chains(self.guard, course):
            return [(self._all, (self._universe, self._universe) if is_turned else (0, 0))]
        passage = Passage(self.own, course)
        plain = passage.through(self.program, self._all, self._universe)
        marked = plain
        if is_local and self.guard.is_workload and self._looks_at_mark:
            marked = passage.through(self.program, self._all, self._universe, is_marked=True)

        def incoming(passed: tuple[int, int, int]) -> int:
            allowed = self._universe if self.guard.lets_pass else passed[0] | passed[1]
            return self._universe & ~allowed if is_turned else allowed

        return mapped(paired(plain, marked), lambda both: (incoming(both[0]), incoming(both[1])))

    def _past(self, program: Program, decided: ByGroup[Incoming], course: Course) -> ByGroup[Incoming]:
        """Put untracked policies before what is decided: what they allow is through, what they drop is not."""
        past = Passage(self.own, course).past_untracked(program, self._all, self._universe)

        def both(pair: tuple[tuple[int, int], Incoming]) -> Incoming:
            (allowed, undecided), incoming = pair
            if self.guard.lets_pass:
                undecided = self._universe & ~allowed
            return allowed | (undecided & incoming[0]), allowed | (undecided & incoming[1])

        return mapped(paired(past, decided), both)


def _atoms(packets: int) -> list[int]:
    return [1 << number for number in iterate(packets)]


def _of_guard(guard: Guard) -> set[str]:
    """Return the questions that a guard itself raises."""
    found = {questions.standstill(guard.standstill)} if guard.standstill else set()
    if guard.chains == CHAINS_BY_CHANCE:
        found.add(questions.unknown_prefix(guard.endpoint))
    return found


def _has_chains(guard: Guard, course: Course) -> bool:
    if guard.chains == CHAINS_BY_CHANCE:
        return questions.unknown_prefix(guard.endpoint) in course
    return guard.chains != NO_CHAINS


def _is_turned(guard: Guard, course: Course) -> bool:
    """Tell whether, as Felix stands still, the opposite of what is stored is in force."""
    return bool(guard.standstill) and questions.standstill(guard.standstill) in course
