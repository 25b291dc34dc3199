"""Rules that do nothing, whatever endpoints there are: empty ones, and those whose packets other rules take.

Within a list a rule is a box: the packets that it takes, times the regions of source addresses, times those of
destination addresses, under its tags and selectors. What tags and selectors match is not looked at: a rule counts for
another one only if it has no tag or selector that the other one lacks. So what is found here holds for any set of
endpoints; what needs more than that is not found.

A rule is *shadowed* if the boxes before it cover its own, *contradicted* if one of these decides otherwise, and
*redundant* if the boxes behind it decide the same of all its packets. Rules are taken as Felix generates them, in both
IP versions. In profiles next-tier rules count for packets that they do not match, too: nothing is said of them there.
"""

from __future__ import annotations

from itertools import combinations

from calicoctl.felix.walk import GO_ON, NEXT_TIER, is_for_version, refused_by_iptables
from calicoctl.flows.groups import iterate
from calicoctl.flows.packets import Cuts, PacketSpace
from calicoctl.flows.passage import Passage
from calicoctl.flows.programs import generated
from calicoctl.flows.regions import Regions
from calicoctl.flows.sides import NO_CHANCE
from calicoctl.model.network import Network

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from calicoctl.flows.analysis import Analysis
    from calicoctl.flows.programs import RuleList
    from calicoctl.flows.regions import NetworkKey
    from calicoctl.model.rule import Fields, Rule
    from calicoctl.model.rules import Rules

    Piece = tuple[int, int, int]  # packets, regions of sources, regions of destinations: each a set as bits

EMPTY, SHADOWED, CONTRADICTED, REDUNDANT = "empty", "shadowed", "contradicted", "redundant"
_MOST_PIECES = 200  # of a rule that is cut into more nothing is said
_TRIED = 3  # elements in each dimension
_MOST_NAMED = 20  # up to which it is worth while to find out whether fewer do


class Box:
    """One rule of a list in one IP version: a piece, and the tags and selectors that it is under (``literals``)."""

    __slots__ = ("number", "outcome", "piece", "literals")

    def __init__(self, number: int, outcome: str, piece: Piece, literals: frozenset[tuple[str, str]]) -> None:
        self.number = number
        self.outcome = outcome
        self.piece = piece
        self.literals = literals


class Finding:
    """What is wrong with rule ``number`` of a list; ``others`` are the rules that take its packets."""

    __slots__ = ("kind", "number", "others")

    def __init__(self, kind: str, number: int, others: list[int]) -> None:
        self.kind = kind
        self.number = number
        self.others = others


def findings_of(rules: Rules, direction: str, felix_version: int, is_profile: bool) -> list[Finding]:
    """Return what is wrong with the rules of a profile or policy in every IP version that they have a say in.

    Nothing is said of rules that iptables refuses in one: that comes first.
    """
    if any(refused_by_iptables(rules, version) for version in (4, 6)):
        return []
    listed = rules.in_direction(direction)
    outcomes = [generated(rule, 4, felix_version)[0] for rule in listed]
    looks_at_mark = is_profile and NEXT_TIER in outcomes
    never = {GO_ON, NEXT_TIER} if looks_at_mark else {GO_ON}
    asked = [number for number, outcome in enumerate(outcomes, start=1) if outcome not in never]
    space = _space_of(listed)
    versions = [_OneVersion(_boxes(listed, version, felix_version, space)) for version in (4, 6)]
    found = {number: together for number in asked if (together := _together(number, versions, _OneVersion.dead))}
    dead = frozenset(found)
    for number in reversed(asked):  # what makes up for a rule is never one that is removed as well
        if number not in dead and not looks_at_mark:
            together = _together(number, versions, lambda each, of: each.redundant(of, dead, found))
            if together is not None:
                found[number] = together
    return [found[number] for number in sorted(found)]


def unreached_lists(analysis: Analysis) -> list[RuleList]:
    """Return the lists of rules that no packet comes to with the endpoints that there are.

    Where it depends on what is not stored, a list counts as reached.
    """
    reached: set[RuleList] = set()
    known: dict[RuleList, None] = {}
    for flows in analysis.flows.values():
        for side in flows.sides():
            for program in side.programs:
                known.update(dict.fromkeys(program.lists()))
                if program.questions():
                    reached.update(program.lists())
                    continue
                passage = Passage(side.own, NO_CHANCE, reached=reached)
                passage.through(program, flows.all_groups, flows.universe)
    places = {(rules.where, rules.direction) for rules in reached}
    unreached = [rules for rules in known if (rules.where, rules.direction) not in places and not rules.is_missing]
    return list({(rules.where, rules.direction): rules for rules in unreached}.values())


def _together(
    number: int, versions: Sequence[_OneVersion], judge: Callable[[_OneVersion, int], Finding | None]
) -> Finding | None:
    """Return one finding for a rule that does nothing in any IP version that it is there for."""
    of_versions = [judge(each, number) for each in versions if number in each.places]
    findings = [finding for finding in of_versions if finding is not None]
    if not findings or len(findings) < len(of_versions):
        return None
    kinds = {finding.kind for finding in findings}
    kind = next(kind for kind in (REDUNDANT, CONTRADICTED, SHADOWED, EMPTY) if kind in kinds)
    return Finding(kind, number, sorted({other for finding in findings for other in finding.others}))


def _space_of(listed: Sequence[Rule]) -> PacketSpace:
    cuts = Cuts()
    for rule in listed:
        cuts.add_rule(rule.fields)
    return PacketSpace(cuts)


def _boxes(listed: Sequence[Rule], ip_version: int, felix_version: int, space: PacketSpace) -> list[Box]:
    masks = _region_masks(listed, ip_version)
    boxes = []
    for number, rule in enumerate(listed, start=1):
        if is_for_version(rule, ip_version, felix_version):
            outcome, fields, left_out = generated(rule, ip_version, felix_version)
            if outcome != GO_ON:
                kept = {key: value for key, value in fields.items() if key not in left_out}
                packets = space.of_rule(kept, ip_version, frozenset()) & space.opening[ip_version]
                piece = packets, _regions(kept, "src", masks), _regions(kept, "dst", masks)
                boxes.append(Box(number, outcome, piece, _literals(kept)))
    return boxes


def _region_masks(listed: Sequence[Rule], ip_version: int) -> dict[NetworkKey | None, int]:
    """Return the regions of each network of the rules, as bits; those of None are all."""
    networks = {
        Network.parse(value).key()
        for rule in listed
        for key, value in rule.fields.items()
        if key.endswith("_net") and value is not None
    }
    masks: dict[NetworkKey | None, int] = dict.fromkeys(networks, 0)
    pieces = list(Regions(ip_version, networks).pieces())
    for number, (_, holders) in enumerate(pieces):
        for network in holders:
            masks[network] |= 1 << number
    masks[None] = (1 << len(pieces)) - 1
    return masks


def _regions(fields: Fields, side: str, masks: dict[NetworkKey | None, int]) -> int:
    found = masks[None]
    if (net := fields.get(f"{side}_net")) is not None:
        found &= masks[Network.parse(net).key()]
    if (net := fields.get(f"!{side}_net")) is not None:
        found &= ~masks[Network.parse(net).key()]
    return found


def _literals(fields: Fields) -> frozenset[tuple[str, str]]:
    return frozenset((key, value) for key, value in fields.items() if key.endswith(("_tag", "_selector")))


class _OneVersion:
    """The boxes of a list in one IP version; ``places`` are theirs by the numbers of the rules."""

    def __init__(self, boxes: list[Box]) -> None:
        self._boxes = boxes
        self.places = {box.number: place for place, box in enumerate(boxes)}
        self._index = _Index(boxes)
        self._dead: dict[int, Finding] = {}
        alive = 0  # the places of the rules that are not dead: what a dead one covers, these cover
        for place, box in enumerate(boxes):
            finding = self._judged(place, alive)
            if finding is None:
                alive |= 1 << place
            else:
                self._dead[box.number] = finding

    def dead(self, number: int) -> Finding | None:
        """Return the finding for a rule that is empty, shadowed or contradicted."""
        return self._dead.get(number)

    def _judged(self, place: int, alive: int) -> Finding | None:
        box = self._boxes[place]
        number = box.number
        if not all(box.piece) or _contradicts_itself(box):
            return Finding(EMPTY, number, [])
        before = self._index.overlapping(place) & self._index.under(box.literals) & alive
        if self._index.misses_some(box, before):
            return None
        others = _covering(box, [self._boxes[each] for each in iterate(before)])
        if others is None:
            return None
        is_same = all(other.outcome == box.outcome for other in others)
        return Finding(SHADOWED if is_same else CONTRADICTED, number, [other.number for other in others])

    def redundant(self, number: int, dead: Container[int], removed: Container[int]) -> Finding | None:
        """Return the finding for a rule of whose packets the rules behind it decide the same, and none otherwise first.

        Rules that are ``dead`` do not count; those that are ``removed`` do not make up for it.
        """
        if (finding := self.dead(number)) is not None:
            return finding
        place = self.places[number]
        box = self._boxes[place]
        same = self._index.with_outcome(box.outcome)
        under = self._index.under(box.literals)
        behind = self._index.overlapping(place) & (-2 << place) & (~same | under)
        if self._index.misses_some(box, behind & same):
            return None
        pieces = [box.piece]
        used = []
        for other in (self._boxes[each] for each in iterate(behind)):
            is_gone = other.number in dead or (other.number in removed and other.outcome == box.outcome)
            if is_gone or not any(_common(piece, other.piece) for piece in pieces):
                continue
            if other.outcome != box.outcome:
                return None
            pieces = [rest for piece in pieces for rest in _without(piece, other.piece)]
            used.append(other.number)
            if not pieces:
                return Finding(REDUNDANT, number, used)
            if len(pieces) > _MOST_PIECES:
                return None
        return None


def _contradicts_itself(box: Box) -> bool:
    return any((f"!{key}", value) in box.literals for key, value in box.literals)


def _covering(box: Box, candidates: list[Box]) -> list[Box] | None:
    """Return the rules that together take all packets of a rule; None if something is left."""
    for other in candidates:
        if not any(mine & ~its for mine, its in zip(box.piece, other.piece, strict=True)):
            return [other]
    used = _used(box, candidates)
    if used is None or len(used) > _MOST_NAMED:
        return used
    for other in list(used):  # those that others make up for are not named
        fewer = [each for each in used if each is not other]
        if _used(box, fewer) is not None:
            used = fewer
    return used


def _used(box: Box, candidates: list[Box]) -> list[Box] | None:
    pieces = [box.piece]
    used = []
    for other in candidates:
        if any(_common(piece, other.piece) for piece in pieces):
            used.append(other)
            pieces = [rest for piece in pieces for rest in _without(piece, other.piece)]
            if not pieces:
                return used
            if len(pieces) > _MOST_PIECES:
                return None
    return None


def _common(piece: Piece, other: Piece) -> bool:
    return bool(piece[0] & other[0] and piece[1] & other[1] and piece[2] & other[2])


def _without(piece: Piece, other: Piece) -> Iterator[Piece]:
    """Yield what is left of a piece, in pieces that do not overlap."""
    packets, sources, destinations = piece
    if not _common(piece, other):
        yield piece
        return
    if rest := packets & ~other[0]:
        yield rest, sources, destinations
    packets &= other[0]
    if rest := sources & ~other[1]:
        yield packets, rest, destinations
    sources &= other[1]
    if rest := destinations & ~other[2]:
        yield packets, sources, rest


class _Index:
    """Finds boxes without comparing all with all; sets of them are bits of their places."""

    def __init__(self, boxes: list[Box]) -> None:
        self._boxes = boxes
        self._values: list[dict[int, int]] = [{}, {}, {}]  # by dimension and value there
        self._literals: dict[frozenset[tuple[str, str]], int] = {}
        self._outcomes: dict[str, int] = {}
        for place, box in enumerate(boxes):
            bit = 1 << place
            for values, value in zip(self._values, box.piece, strict=True):
                values[value] = values.get(value, 0) | bit
            self._literals[box.literals] = self._literals.get(box.literals, 0) | bit
            self._outcomes[box.outcome] = self._outcomes.get(box.outcome, 0) | bit
        self._having = list(map(_by_element, self._values))
        self._rarest: list[dict[int, list[int]]] = [{}, {}, {}]
        self._overlapping: list[dict[int, int]] = [{}, {}, {}]
        self._under: dict[frozenset[tuple[str, str]], int] = {}

    def overlapping(self, place: int) -> int:
        """Return the boxes that overlap one, but for their literals."""
        found = -1
        for dimension, value in enumerate(self._boxes[place].piece):
            known = self._overlapping[dimension].get(value)
            if known is None:
                known = 0
                for element in iterate(value):
                    known |= self._having[dimension][element]
                self._overlapping[dimension][value] = known
            found &= known
        return found

    def misses_some(self, box: Box, others: int) -> bool:
        """Tell whether others leave something of a box, for certain if so: a few cells that few boxes have are tried.

        Most rules are covered by none, and to cut them to pieces would take long.
        """
        packets, sources, destinations = (
            [self._having[dimension][element] for element in self._rare(dimension, value)]
            for dimension, value in enumerate(box.piece)
        )
        return any(
            not (left & source & destination)
            for left in [others & packet for packet in packets]
            for source in sources
            for destination in destinations
        )

    def _rare(self, dimension: int, value: int) -> list[int]:
        """Return a few elements of a set that the fewest boxes have."""
        if value not in self._rarest[dimension]:
            having = self._having[dimension]
            by_number = sorted(iterate(value), key=lambda element: having[element].bit_count())
            self._rarest[dimension][value] = by_number[:_TRIED]
        return self._rarest[dimension][value]

    def under(self, literals: frozenset[tuple[str, str]]) -> int:
        """Return the boxes that have no literals but these."""
        if literals not in self._under:
            found = 0
            for size in range(len(literals) + 1):
                for some in combinations(literals, size):  # a rule has eight at most
                    found |= self._literals.get(frozenset(some), 0)
            self._under[literals] = found
        return self._under[literals]

    def with_outcome(self, outcome: str) -> int:
        """Return the boxes with an outcome."""
        return self._outcomes.get(outcome, 0)


def _by_element(values: dict[int, int]) -> dict[int, int]:
    """Return, for each element of sets, the places of the sets that have it."""
    having: dict[int, int] = {}
    for value, places in values.items():
        for element in iterate(value):
            having[element] = having.get(element, 0) | places
    return having
