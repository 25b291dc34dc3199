"""Who can open which connections to whom: for each pair of groups, the packets that pass, as ``calicoq verdict`` says.

A packet passes that the source's outbound program and the destination's inbound program allow. Each program is gone
through once for all peers (``passage.py``); what is left is to intersect, for each destination, the packets that it
lets in from a group with those that the group lets out to it. What else decides on the way is what ``Journey`` of
calicoq knows: untracked policies before a workload, the mark of next-tier between two workloads of a host, parameters
of hosts.

Where an outcome depends on questions that are not stored, every combination of answers is gone through. Packets that
pass in all of them *surely* pass; those that pass in some only *may*.
"""

from __future__ import annotations

from itertools import combinations

from calicoctl.felix import questions
from calicoctl.flows.groups import CHAINS_BY_CHANCE, NO_CHAINS, NOBODY, Groups, iterate
from calicoctl.flows.passage import Passage, mapped, paired
from calicoctl.flows.programs import Compiler

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from calicoctl.felix.view import Felix
    from calicoctl.flows.groups import Group, Guard, Membership
    from calicoctl.flows.packets import PacketSpace
    from calicoctl.flows.passage import ByGroup
    from calicoctl.flows.programs import Course, Program

    Passing = tuple[int, int]  # the packets that surely pass, and those that may, which include the former
    Outgoing = tuple[int, int, int]  # packets that have arrived; that go on without the mark; that go on with it
    Incoming = tuple[int, int]  # packets that pass if they come without the mark, and with it

_NO_CHANCE: frozenset[str] = frozenset()
MOST_QUESTIONS = 6  # of one pair, of which every combination of answers is gone through


class Flows:
    """The flows of one IP version, as one version of Felix has them."""

    def __init__(self, felix: Felix, space: PacketSpace, groups: Groups, felix_version: int) -> None:
        self.ip_version = groups.ip_version
        self.groups = groups.all
        self.space = space
        self.universe = space.universe[self.ip_version]
        self._all = groups.mask
        self._guards = groups.guards
        self._compiler = Compiler(felix, self.ip_version, felix_version, space, groups.with_condition, self._all)
        self._outbound: dict[object, Outbound] = {}
        self._inbound: dict[object, Inbound] = {}
        self._of_sources = self._sources()
        self._are_sources_plain = all(outbound.is_plain for outbound, _ in self._of_sources if outbound)
        self._into: dict[object, ByGroup[Passing]] = {}

    def _sources(self) -> list[tuple[Outbound | None, int]]:
        """Return what packets meet on their way out, each once, with the groups of which that is so."""
        found: dict[object, tuple[Outbound | None, int]] = {}
        for number, group in enumerate(self.groups):
            outbound = self.outbound(group)
            key = outbound.identity if outbound else None
            known, mask = found.get(key, (outbound, 0))
            found[key] = known, mask | 1 << number
        return list(found.values())

    def outbound(self, group: Group) -> Outbound | None:
        """Return what a group's packets meet on their way out; None for addresses without an endpoint."""
        guard = group.guard
        if guard is None:
            return None
        key = id(guard), "own", group.membership
        known = self._outbound.get((id(guard), "any")) or self._outbound.get(key)
        if known is None:
            program = self._compiler.program(guard.endpoint, guard.policies, "outbound")
            own = program.looks_at_own_end()
            known = Outbound(self, guard, program, group.membership if own else NOBODY)
            self._outbound[key if own else (id(guard), "any")] = known
        return known

    def inbound(self, group: Group) -> Inbound | None:
        """Return what packets meet on their way into a group; None for addresses without an endpoint."""
        guard = group.guard
        if guard is None:
            return None
        key = id(guard), "own", group.membership
        known = self._inbound.get((id(guard), "any")) or self._inbound.get(key)
        if known is None:
            program = self._compiler.program(guard.endpoint, guard.policies, "inbound")
            before = self._before(guard)
            own = any(each.looks_at_own_end() for each in (program, *(each for _, each in before)))
            known = Inbound(self, guard, program, group.membership if own else NOBODY, before)
            self._inbound[key if own else (id(guard), "any")] = known
        return known

    def _before(self, guard: Guard) -> list[tuple[str, Program]]:
        """Return what stands before a workload on its host: questions on whether it does, and the programs."""
        if not guard.is_workload or guard.host is None:
            return []
        is_one_of_several = len(self._guards.host_endpoints.get(guard.host, ())) > 1
        return [
            (
                questions.interface(f"Host endpoint {endpoint.name}") if is_one_of_several else "",
                self._compiler.program(endpoint, policies, "inbound", only_untracked=True),
            )
            for endpoint, policies in self._guards.untracked_on(guard.host)
        ]

    def into(self, number: int, sources: int = -1) -> ByGroup[Passing]:
        """Return what passes into a group, by source; sources of which nothing passes are left out.

        ``sources`` are those that are asked for, as bits. The group itself is among them, also if it is one endpoint,
        which sends itself nothing.
        """
        key = self._key_of(number), sources
        if key not in self._into:
            self._into[key] = self._all_into(number, sources)
        return self._into[key]

    def questions(self, source: int, destination: int) -> frozenset[str]:
        """Return what may come up between two groups."""
        outbound, inbound = self.outbound(self.groups[source]), self.inbound(self.groups[destination])
        return (outbound.questions if outbound else frozenset()) | (inbound.questions if inbound else frozenset())

    def _key_of(self, number: int) -> object:
        """Return what is the same for two groups into which the same passes."""
        inbound = self.inbound(self.groups[number])
        if not self._are_sources_plain or (inbound and not inbound.is_plain):
            return number
        arriving = tuple(outbound.to(number, _NO_CHANCE, False) for outbound, _ in self._of_sources if outbound)
        return inbound and inbound.identity, arriving

    def _all_into(self, number: int, sources: int) -> ByGroup[Passing]:
        group = self.groups[number]
        found: dict[Passing, int] = {}
        for outbound, of_sources in self._of_sources:
            if group.guard is None and outbound is None:
                continue  # Calico does not police it
            asked = of_sources & sources
            for mask, passing in self._between(outbound, asked, group, number) if asked else ():
                if passing[1]:
                    found[passing] = found.get(passing, 0) | mask
        return [(mask, passing) for passing, mask in found.items()]

    def _between(
        self, outbound: Outbound | None, sources: int, group: Group, number: int
    ) -> Iterable[tuple[int, Passing]]:
        inbound = self.inbound(group)
        is_local = outbound is not None and inbound is not None and outbound.host_with(inbound)
        of_source = outbound.questions if outbound else frozenset()
        of_destination = inbound.questions if inbound else frozenset()
        asked = of_source | of_destination
        if not asked:
            yield from self._in_course(frozenset(), outbound, inbound, sources, number, is_local)
            return
        if len(asked) > MOST_QUESTIONS:
            yield from self._each_by_itself(outbound, inbound, sources, number, is_local)
            return
        together: ByGroup[Passing] = [(sources, (self.universe, 0))]
        for course in _courses(asked):
            found = list(self._in_course(course, outbound, inbound, sources, number, is_local))
            together = mapped(paired(together, found), _both)
        yield from together

    def _each_by_itself(
        self, outbound: Outbound | None, inbound: Inbound | None, sources: int, number: int, is_local: bool
    ) -> Iterable[tuple[int, Passing]]:
        """Yield what passes where there are too many questions to try: as if no two answers had to do with each other.

        What is then said to pass surely does so, and what is said not to pass does not; more counts as not certain
        than with every combination.
        """
        arriving, going = self._outgoing_in_all_courses(outbound, number, is_local)
        incoming: ByGroup[Passing] = [(sources, (0, self.universe))]
        if inbound is None or len(inbound.questions) <= MOST_QUESTIONS:
            incoming = [(sources, (self.universe, 0))]
            for course in _courses(inbound.questions if inbound else ()):
                of_course = inbound.of(course, is_local) if inbound else [(self._all, (self.universe, self.universe))]
                found = mapped(of_course, lambda each: (each[0] & each[1], each[0] | each[1]))
                incoming = mapped(paired(incoming, found), _both)
        for mask, (let_in, may_be_let_in) in incoming:
            yield mask, (arriving[0] | going[0] & let_in, arriving[1] | going[1] & may_be_let_in)

    def _outgoing_in_all_courses(
        self, outbound: Outbound | None, number: int, is_local: bool
    ) -> tuple[Passing, Passing]:
        """Return what has surely, and may have, arrived; and the same with what goes on to a group."""
        if outbound is None:
            return (0, 0), (self.universe, self.universe)
        if len(outbound.questions) > MOST_QUESTIONS:
            return (0, self.universe), (0, self.universe)
        arriving = going = self.universe, 0
        for course in _courses(outbound.questions):
            arrived, plain, marked = outbound.to(number, course, is_local)
            gone = arrived | plain | marked
            arriving, going = _both((arriving, (arrived, arrived))), _both((going, (gone, gone)))
        return arriving, going

    def _in_course(
        self, course: Course, outbound: Outbound | None, inbound: Inbound | None, sources: int, number: int,
        is_local: bool,
    ) -> Iterable[tuple[int, Passing]]:
        arrived, plain, marked = outbound.to(number, course, is_local) if outbound else (0, self.universe, 0)
        incoming = inbound.of(course, is_local) if inbound else [(self._all, (self.universe, self.universe))]
        for mask, (let_in, let_in_marked) in incoming:
            if from_here := mask & sources:
                passing = arrived | (plain & let_in) | (marked & let_in_marked)
                yield from_here, (passing, passing)


def _courses(asked: Iterable[str]) -> Iterator[Course]:
    """Yield every set of questions, those whose unlikely answer is taken."""
    listed = sorted(asked)
    for size in range(len(listed) + 1):
        yield from map(frozenset, combinations(listed, size))


def _both(pair: tuple[Passing, Passing]) -> Passing:
    (surely, maybe), (also_surely, also_maybe) = pair
    return surely & also_surely, maybe | also_maybe


class Outbound:
    """What packets meet on their way out of an endpoint, by destination. Two that come to the same have an equal
    ``identity``.
    """

    def __init__(self, flows: Flows, guard: Guard, program: Program, own: Membership) -> None:
        self.guard = guard
        self.program = program
        self._own = own
        self._universe = flows.universe
        self._all = flows._all
        self.questions = frozenset(program.questions() | _of_guard(guard))
        self._by_number: dict[object, list[Outgoing]] = {}
        self._number_of_groups = len(flows.groups)
        self.identity: object = frozenset(self._decided(_NO_CHANCE, False)) if self.is_plain else self

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
            values = [parts[0][1]] * self._number_of_groups
            for mask, value in parts[1:]:
                for each in iterate(mask):
                    values[each] = value
            self._by_number[key] = values
        return self._by_number[key][number]

    def _decided(self, course: Course, is_local: bool) -> ByGroup[Outgoing]:
        if not _has_chains(self.guard, course):
            passed: ByGroup[tuple[int, int, int]] = [(self._all, (0, 0, 0))]
            overridden = False
        else:
            passed = Passage(self._own, course).through(self.program, self._all, self._universe)
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
        self, flows: Flows, guard: Guard, program: Program, own: Membership, before: list[tuple[str, Program]]
    ) -> None:
        self.guard = guard
        self.program = program
        self._own = own
        self._before = before
        self._universe = flows.universe
        self._all = flows._all
        on_interfaces = {question for question, _ in before if question}
        asked = program.questions().union(*(each.questions() for _, each in before))
        self.questions = frozenset(asked | _of_guard(guard) | on_interfaces)
        self._looks_at_mark = any(rules.passes_on for rules in program.profiles)
        self._known: dict[object, ByGroup[Incoming]] = {}
        self.identity: object = frozenset(self.of(_NO_CHANCE, False)) if self.is_plain else self

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

    def _decided(self, course: Course, is_local: bool) -> ByGroup[Incoming]:
        is_turned = _is_turned(self.guard, course)
        if not _has_chains(self.guard, course):
            return [(self._all, (self._universe, self._universe) if is_turned else (0, 0))]
        passage = Passage(self._own, course)
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
        past = Passage(self._own, course).past_untracked(program, self._all, self._universe)

        def both(pair: tuple[tuple[int, int], Incoming]) -> Incoming:
            (allowed, undecided), incoming = pair
            if self.guard.lets_pass:
                undecided = self._universe & ~allowed
            return allowed | (undecided & incoming[0]), allowed | (undecided & incoming[1])

        return mapped(paired(past, decided), both)


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
