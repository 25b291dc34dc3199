"""Who can open which connections to whom: for each pair of groups, the packets that pass, as ``calicoq verdict`` says.

A packet passes that the source's outbound program and the destination's inbound program allow. Each program is gone
through once for all peers (``passage.py``); what is left is to intersect, for each destination, the packets that it
lets in from a group with those that the group lets out to it. What else decides on the way is what ``Journey`` of
calicoq knows: untracked policies before a workload, the mark of next-tier between two workloads of a host, parameters
of hosts, and what is decided otherwise between a workload and its own host (``own_hosts.py``).

Where an outcome depends on questions that are not stored, every combination of answers is gone through. Packets that
pass in all of them *surely* pass; those that pass in some only *may*.
"""

from __future__ import annotations

from itertools import combinations

from calicoctl.felix import questions
from calicoctl.flows.groups import NOBODY, Groups, iterate
from calicoctl.flows.own_hosts import OwnHosts
from calicoctl.flows.passage import mapped, paired
from calicoctl.flows.programs import Compiler
from calicoctl.flows.sides import NO_CHANCE, Inbound, Outbound

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from calicoctl.felix.view import Felix
    from calicoctl.flows.groups import Group, Guard
    from calicoctl.flows.packets import PacketSpace
    from calicoctl.flows.passage import ByGroup
    from calicoctl.flows.programs import Course, Program

    Side = TypeVar("Side", Outbound, Inbound)
    Block = tuple[int, int]  # sources and destinations, as bits
    Passing = tuple[int, int]  # the packets that surely pass, and those that may, which include the former

MOST_QUESTIONS = 6  # of one pair, of which every combination of answers is gone through


class Flows:
    """The flows of one IP version, as one version of Felix has them."""

    def __init__(
        self, felix: Felix, space: PacketSpace, groups: Groups, felix_version: int, earlier: Flows | None = None,
        asked: Block | None = None,
    ) -> None:  # fmt: skip
        """``asked`` are the sources and the destinations that are asked about, all if it is None."""
        self.ip_version = groups.ip_version
        self.groups = groups.all
        self.space = space
        self.universe = space.universe[self.ip_version]
        self.all_groups = groups.mask
        self._asked = asked or (groups.mask, groups.mask)
        self._guards = groups.guards
        self._compiler: Compiler = Compiler(
            felix, self.ip_version, felix_version, space, groups.with_condition, self.all_groups,
            earlier._compiler if earlier is not None else None,
        )  # fmt: skip
        is_alike = earlier is not None and (earlier.all_groups, earlier._asked) == (self.all_groups, self._asked)
        self._plain: dict[object, Any] = earlier._plain if earlier is not None and is_alike else {}
        self._own_hosts = OwnHosts(felix, felix_version, space, groups.all)
        self._outbound: dict[object, Outbound] = {}
        self._inbound: dict[object, Inbound] = {}
        self._of_sources = self._sources()
        self._are_sources_plain = all(outbound.is_plain for outbound, _ in self._of_sources if outbound)
        self._into: dict[object, ByGroup[Passing]] = {}

    def _sources(self) -> list[tuple[Outbound | None, int]]:
        """Return what packets meet on their way out, each once, with the groups of which that is so."""
        found: dict[object, tuple[Outbound | None, int]] = {}
        for number in iterate(self._asked[0]):
            outbound = self.outbound(self.groups[number])
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
            membership = group.membership if own else NOBODY
            known = self._once(
                ("outbound", id(program), guard.likeness, membership),
                lambda: Outbound(self._asked[1], self.universe, guard, program, membership),
            )
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
            membership = group.membership if own else NOBODY
            known = self._once(
                ("inbound", id(program), guard.likeness, membership, tuple(id(each) for _, each in before)),
                lambda: Inbound(self._asked[0], self.universe, guard, program, membership, before),
            )
            self._inbound[key if own else (id(guard), "any")] = known
        return known

    def _once(self, key: object, side: Callable[[], Side]) -> Side:
        """Return a side; of those that depend on nothing but what is in the ``key``, one that is there already, maybe
        from an earlier state.
        """
        known: Side | None = self._plain.get(key)
        if known is None:
            known = side()
            if known.is_plain:
                self._plain[key] = known
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

        ``sources`` are those of interest, as bits, among those that are asked about. The group itself is among them,
        also if it is one endpoint, which sends itself nothing.
        """
        key = self._key_of(number), sources
        if key not in self._into:
            self._into[key] = self._all_into(number, sources)
        own = self._own_hosts.opposite(self.groups[number]) & sources & self._asked[0]
        if not own:
            return self._into[key]
        others = [(mask & ~own, passing) for mask, passing in self._into[key] if mask & ~own]
        return others + self._from_own_host(number, own)

    def _from_own_host(self, number: int, own: int) -> ByGroup[Passing]:
        """Return what passes into a group from others, ``own``, that are its own host, or workloads there."""
        found: dict[Passing, int] = {}
        for source in iterate(own):
            asked = self.questions(source, number)
            passing = 0, self.universe
            if len(asked) <= MOST_QUESTIONS:
                passing = self.universe, 0
                for course in _courses(asked):
                    in_course = self._own_passing(source, number, course)
                    passing = _both((passing, (in_course, in_course)))
            if passing[1]:
                found[passing] = found.get(passing, 0) | 1 << source
        return [(mask, passing) for passing, mask in found.items()]

    def _own_passing(self, source: int, destination: int, course: Course) -> int:
        outbound, inbound = self.outbound(self.groups[source]), self.inbound(self.groups[destination])
        assert outbound is not None and inbound is not None  # groups of a host are endpoints
        return self._own_hosts.passing(outbound, inbound, self.groups[source].host, destination, course)

    def _are_own(self, source: int, destination: int) -> bool:
        return bool(self._own_hosts.opposite(self.groups[source]) >> destination & 1)

    def sides(self) -> list[Outbound | Inbound]:
        """Return what stands in the way out of all groups and into all groups, each once."""
        found: dict[Outbound | Inbound, None] = {}
        for group in self.groups:
            if (outbound := self.outbound(group)) is not None and (inbound := self.inbound(group)) is not None:
                found[outbound] = found[inbound] = None
        return list(found)

    def pieces(self, source: int, destination: int) -> list[int]:
        """Return the packets between two groups in pieces, each of which takes one way through the rules.

        Packets of a piece are decided on by the same rules, as far as is likely, and with the same certainty.
        """
        outbound, inbound = self.outbound(self.groups[source]), self.inbound(self.groups[destination])
        cutting = [
            *(outbound.decisions(1 << destination) if outbound else ()),
            *(inbound.decisions(1 << source) if inbound else ()),
        ]
        asked = self.questions(source, destination)
        are_own = self._are_own(source, destination)
        cutting += [self._own_hosts.services] if are_own else []
        is_local = outbound is not None and inbound is not None and outbound.host_with(inbound)
        for course in _courses(asked) if len(asked) <= MOST_QUESTIONS else ():
            if are_own:
                cutting.append(self._own_passing(source, destination, course))
                continue
            of_course = self._in_course(course, outbound, inbound, 1 << source, destination, is_local)
            cutting += [passing for _, (passing, _) in of_course]
        found = [self.universe]
        for packets in cutting:
            found = [part for piece in found for part in (piece & packets, piece & ~packets) if part]
        return found

    def questions(self, source: int, destination: int) -> frozenset[str]:
        """Return what may come up between two groups."""
        outbound, inbound = self.outbound(self.groups[source]), self.inbound(self.groups[destination])
        if outbound is not None and inbound is not None and self._are_own(source, destination):
            return self._own_hosts.questions(outbound, inbound, self.groups[source].host)
        return (outbound.questions if outbound else frozenset()) | (inbound.questions if inbound else frozenset())

    def _key_of(self, number: int) -> object:
        """Return what is the same for two groups into which the same passes."""
        inbound = self.inbound(self.groups[number])
        if not self._are_sources_plain or (inbound and not inbound.is_plain):
            return number
        arriving = tuple(outbound.to(number, NO_CHANCE, False) for outbound, _ in self._of_sources if outbound)
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
                of_course = inbound.of(course, is_local) if inbound else self._let_all_in()
                found = mapped(of_course, lambda each: (each[0] & each[1], each[0] | each[1]))
                incoming = mapped(paired(incoming, found), _both)
        for mask, (let_in, may_be_let_in) in incoming:
            yield mask, (arriving[0] | going[0] & let_in, arriving[1] | going[1] & may_be_let_in)

    def _let_all_in(self) -> ByGroup[tuple[int, int]]:
        return [(self.all_groups, (self.universe, self.universe))]

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
        incoming = inbound.of(course, is_local) if inbound else self._let_all_in()
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
