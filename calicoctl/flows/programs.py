"""What stands in the way of packets into or out of an endpoint, made ready for sets of packets.

A program is the order in which Felix goes through policies and profiles (see ``calicoctl.felix.walk``, which does the
same for one packet): stages, of which the first may let failsafe ports in or drop what opens no connection, then a
stage for each tier, then one for the profiles. In a stage are lists of rules. Each rule is a rectangle: the peers that
it takes (a bit for each group) times the packets that it takes (a bit for each atom).

Rules are read as Felix generates them for one IP version, with its faults (``calicoctl.felix.rules``).
"""

from __future__ import annotations

from calicoctl.felix import questions
from calicoctl.felix.evaluation import FELIX_1
from calicoctl.felix.rules import faults
from calicoctl.felix.walk import (
    ALLOW,
    DENY,
    GO_ON,
    effect,
    is_for_direction,
    is_for_version,
    is_skipped,
    policy_title,
    refused_by_iptables,
)
from calicoctl.flows.regions import key_of
from calicoctl.model.protocols import PROTOCOLS
from calicoctl.model.selector import parse

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from calicoctl.felix.view import Felix
    from calicoctl.flows.groups import Membership
    from calicoctl.flows.packets import PacketSpace
    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.policy import Policy
    from calicoctl.model.rule import Fields, Rule
    from calicoctl.model.rules import Rules

    Condition = tuple[str, object]  # "net", "tag" or "selector", and what it is about
    Course = frozenset[str]  # the questions whose unlikely answer is taken

# In a question: the address or endpoint at this end, of which a program does not know the name
SOURCE, DESTINATION = "\0source", "\0destination"
_ENDS = {"src": SOURCE, "dst": DESTINATION}
_OUT_OF = {"inbound": "src", "outbound": "dst"}  # where the peer is


class Rectangle:
    """A rule: ``outcome`` for the ``packets`` of the ``peers``, if its conditions on this end hold.

    ``chances`` are conditions on the peer by misfiled selectors: the question, the peers if it is answered as is
    likely, and if not. ``own`` are conditions on this end: what, whether negated, and the question or nothing.
    ``number`` is the rule's in its list.
    """

    __slots__ = ("outcome", "packets", "peers", "chances", "own", "number")

    def __init__(self, outcome: str, packets: int, peers: int, number: int) -> None:
        self.outcome = outcome
        self.packets = packets
        self.peers = peers
        self.number = number
        self.chances: list[tuple[str, int, int]] = []
        self.own: list[tuple[Condition, bool, str]] = []

    def peers_in(self, course: Course, own: Membership) -> int:
        """Return the peers that the rule takes in a course of things, at an end with a membership."""
        for condition, negated, question in self.own:
            holds = condition in own and not (question and question in course)
            if holds == negated:
                return 0
        peers = self.peers
        for question, likely, unlikely in self.chances:
            peers &= unlikely if question in course else likely
        return peers


class RuleList:
    """The rules of one policy or profile in one ``direction``; ``where`` says which, as in a verdict.

    ``refusal`` is the question that stands in the place of rules that iptables refuses; ``is_missing`` tells that
    there are no rules, so that all is dropped. ``policy`` is the policy that they are of, None for a profile.
    ``looked_up`` has the peers of each condition that they test.
    """

    def __init__(self, where: str, name: str, direction: str, policy: Policy | None = None) -> None:
        self.where = where
        self.name = name
        self.direction = direction
        self.policy = policy
        self.rectangles: list[Rectangle] = []
        self.refusal = ""
        self.is_missing = False
        self.questions: set[str] = set()
        self.looked_up: dict[Condition, int] = {}

    @property
    def passes_on(self) -> bool:
        """Whether one of the rules is a next-tier rule."""
        return any(rectangle.outcome not in (ALLOW, DENY) for rectangle in self.rectangles)


class Tier:
    """A stage: the policies of one tier. At its end packets are dropped, unless it ``is_untracked``.

    ``chances`` are the questions on which it depends whether a policy counts, by the policy's place in ``lists``.
    """

    def __init__(self, is_untracked: bool) -> None:
        self.is_untracked = is_untracked
        self.lists: list[RuleList] = []
        self.chances: dict[int, str] = {}


class Program:
    """The stages for one endpoint and direction: ``failsafe`` packets pass first; then come ``untracked`` tiers, the
    drop of ``invalid`` packets, ``tiers`` and ``profiles``.
    """

    def __init__(self) -> None:
        self.failsafe = 0
        self.untracked: list[Tier] = []
        self.invalid = 0
        self.tiers: list[Tier] = []
        self.profiles: list[RuleList] = []

    def identity(self) -> object:
        """Return what is equal for programs of the same stages with the same lists of rules."""
        tiers = [
            (tier.is_untracked, tuple(map(id, tier.lists)), tuple(sorted(tier.chances.items())))
            for tier in (*self.untracked, *self.tiers)
        ]
        return self.failsafe, self.invalid, tuple(tiers), tuple(map(id, self.profiles))

    def lists(self) -> list[RuleList]:
        """Return all lists of rules."""
        return [of for tier in (*self.untracked, *self.tiers) for of in tier.lists] + self.profiles

    def questions(self) -> set[str]:
        """Return every question that may come up."""
        found = {question for tier in (*self.untracked, *self.tiers) for question in tier.chances.values()}
        return found.union(*(rules.questions for rules in self.lists()))

    def looks_at_own_end(self) -> bool:
        """Tell whether a rule has a condition on this end, so that the program is not the same for all its users."""
        return any(rectangle.own for rules in self.lists() for rectangle in rules.rectangles)


def generated(rule: Rule, ip_version: int, felix_version: int) -> tuple[str, Fields, frozenset[str]]:
    """Return the outcome and the fields of a rule as Felix generates it, and those of them that it leaves out.

    One that becomes a drop of all traffic has no fields.
    """
    fields = {key: value for key, value in rule.fields.items() if value is not None}
    found = faults(fields, ip_version) if felix_version == FELIX_1 else []
    if any(fault.drops_all for fault in found):
        return DENY, {}, frozenset()
    outcome, _ = effect(fields)
    return outcome, fields, frozenset(key for fault in found for key in fault.left_out)


class Compiler:
    """Makes the programs of one IP version, as one version of Felix has them.

    ``peers_with`` returns, for a condition, the groups with it as bits; ``all_peers`` has all groups. What comes out
    the same as for an ``earlier`` state is taken from that one's compiler.
    """

    def __init__(
        self, felix: Felix, ip_version: int, felix_version: int, space: PacketSpace,
        peers_with: Callable[[Condition], int], all_peers: int, earlier: Compiler | None = None,
    ) -> None:  # fmt: skip
        self._felix = felix
        self._ip_version = ip_version
        self._felix_version = felix_version
        self._space = space
        self._peers_with = peers_with
        self._all_peers = all_peers
        self._lists: dict[object, RuleList] = {}
        is_alike = earlier is not None and earlier._all_peers == all_peers
        self._earlier_lists = earlier._lists if earlier is not None and is_alike else {}
        self._programs: dict[object, Program] = earlier._programs if earlier is not None and is_alike else {}
        self._refusals: dict[int, str] = {}

    def program(
        self, endpoint: Endpoint, policies: Sequence[Policy], direction: str, only_untracked: bool = False
    ) -> Program:
        """Return the program of an endpoint to which policies apply; ``only_untracked``: for what passes a host
        endpoint on the way to a workload.
        """
        program = self._program(endpoint, policies, direction, only_untracked)
        return self._programs.setdefault(program.identity(), program)

    def _program(
        self, endpoint: Endpoint, policies: Sequence[Policy], direction: str, only_untracked: bool
    ) -> Program:
        program = Program()
        is_host_endpoint = endpoint.name.workload is None
        if is_host_endpoint:
            for port in self._felix.failsafe_ports(endpoint.name.host, direction):
                program.failsafe |= self._space.ports(PROTOCOLS["tcp"], "dst", [port])
            program.untracked = self._tiers(endpoint, policies, direction, is_untracked=True)
        if only_untracked:
            return program
        version = self._ip_version
        program.invalid = self._space.universe[version] & ~self._space.opening[version]
        program.tiers = self._tiers(endpoint, policies, direction, is_untracked=False)
        program.profiles = [self._of_profile(name, direction) for name in endpoint.profile_ids]
        return program

    def _tiers(
        self, endpoint: Endpoint, policies: Sequence[Policy], direction: str, is_untracked: bool
    ) -> list[Tier]:
        by_name: dict[str, list[Policy]] = {}
        for policy in sorted(policies, key=lambda policy: policy.position):
            if policy.untracked == is_untracked and is_for_direction(policy, direction, self._felix_version):
                by_name.setdefault(policy.tier, []).append(policy)
        found = []
        for tier in sorted((self._felix.tiers[name] for name in by_name), key=lambda tier: tier.position):
            if not is_skipped(tier, self._felix_version):
                found.append(Tier(is_untracked))
                for place, policy in enumerate(by_name[tier.name]):
                    found[-1].lists.append(self._of_policy(policy, direction))
                    if policy.selector.is_misfiled and self._felix_version == FELIX_1:
                        found[-1].chances[place] = questions.misfiled_policy(
                            policy_title(policy), self._own_end(endpoint, direction)
                        )
        return found

    def _own_end(self, endpoint: Endpoint, direction: str) -> str:
        if endpoint.name.workload is None:
            return str(endpoint.name)
        return DESTINATION if direction == "inbound" else SOURCE

    def _of_policy(self, policy: Policy, direction: str) -> RuleList:
        def compiled() -> RuleList:
            where = policy_title(policy) + (" [untracked]" if policy.untracked else "")
            return self._compiled(RuleList(where, policy.name, direction, policy), policy.rules, direction)

        return self._once(("policy", id(policy), direction), compiled)

    def _of_profile(self, name: str, direction: str) -> RuleList:
        rules = self._felix.profiles.get(name)

        def compiled() -> RuleList:
            found = RuleList(f'Profile "{name}"', name, direction)
            found.is_missing = rules is None
            return self._compiled(found, rules, direction) if rules is not None else found

        return self._once(("profile", name, id(rules), direction), compiled)

    def _once(self, key: object, compiled: Callable[[], RuleList]) -> RuleList:
        """Return a list of rules, which the earlier state may have with the same peers in its conditions."""
        if key not in self._lists:
            earlier = self._earlier_lists.get(key)
            if earlier is None or any(self._peers_with(what) != mask for what, mask in earlier.looked_up.items()):
                earlier = compiled()
            self._lists[key] = earlier
        return self._lists[key]

    def _refused(self, rules: Rules) -> str:
        if id(rules) not in self._refusals:
            self._refusals[id(rules)] = refused_by_iptables(rules, self._ip_version)
        return self._refusals[id(rules)]

    def _compiled(self, compiled: RuleList, rules: Rules, direction: str) -> RuleList:
        if refused := self._refused(rules):
            reason = questions.reason_of_refusal(self._ip_version, refused)
            compiled.refusal = questions.refused_rules(compiled.where, reason)
            compiled.questions.add(compiled.refusal)
            return compiled
        for number, rule in enumerate(rules.in_direction(direction), start=1):
            if is_for_version(rule, self._ip_version, self._felix_version):
                rectangle = self._rectangle(rule, number, compiled)
                if rectangle is not None:
                    compiled.rectangles.append(rectangle)
        return compiled

    def _rectangle(self, rule: Rule, number: int, rules: RuleList) -> Rectangle | None:
        """Return what a rule comes to; None for one that only logs. What it may depend on is added to ``rules``."""
        outcome, fields, left_out = generated(rule, self._ip_version, self._felix_version)
        if outcome == GO_ON:
            return None
        packets = self._space.of_rule(fields, self._ip_version, left_out)
        rectangle = Rectangle(outcome, packets, self._all_peers, number)
        for key, value in fields.items():
            field = key.removeprefix("!")
            if key not in left_out and field[:4] in ("src_", "dst_") and field[4:] in ("net", "tag", "selector"):
                self._add_condition(rectangle, field, value, key.startswith("!"), rules)
        return rectangle

    def _add_condition(
        self, rectangle: Rectangle, field: str, value: str, negated: bool, rules: RuleList
    ) -> None:
        side, what = field[:3], field[4:]
        condition: Condition = (what, key_of(value) if what == "net" else value)
        question = ""
        if what == "selector" and self._felix_version == FELIX_1 and parse(value).is_misfiled:
            question = questions.misfiled_selector(value, _ENDS[side])
        if side != _OUT_OF[rules.direction]:
            rectangle.own.append((condition, negated, question))
        else:
            found = rules.looked_up[condition] = self._peers_with(condition)
            likely = self._all_peers & ~found if negated else found
            if question and found:
                rectangle.chances.append((question, likely, self._all_peers if negated else 0))
            else:
                question = ""
                rectangle.peers &= likely
        if question:
            rules.questions.add(question)
