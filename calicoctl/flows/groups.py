"""Groups: endpoints, and addresses that no endpoint has, that no rule and no program tells apart.

A party is an endpoint at one of its addresses; Felix matches addresses, not endpoints, so an address has the tags and
labels of every endpoint that has it. Parties are one group if the same policies and profiles stand in their way and
the same tags, selectors and networks of rules hold for their addresses. What no rule names does not count: ten thousand
endpoints with a profile each way and labels of their own are often a few dozen groups.

Addresses without an endpoint are grouped by the regions that the networks of the rules make (``regions.py``).
"""

from __future__ import annotations

from calicoctl.felix.evaluation import FELIX_1, SelectorIndex
from calicoctl.felix.parameters import DNS_AND_DHCP
from calicoctl.flows.packets import Cuts
from calicoctl.flows.regions import Regions, joined, key_of, without
from calicoctl.model.address import Address
from calicoctl.model.protocols import PROTOCOLS
from calicoctl.model.selector import parse

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from calicoctl.felix.evaluation import Identity
    from calicoctl.felix.view import Felix
    from calicoctl.flows.programs import Condition
    from calicoctl.flows.regions import Holders, Range
    from calicoctl.flows.selection import Selection
    from calicoctl.model.endpoint import Endpoint
    from calicoctl.model.policy import Policy
    from calicoctl.model.rule import Rule
    from calicoctl.model.rules import Rules

    Membership = frozenset[Condition]  # what holds of an address, of all that rules test

_DENSE = 24  # with more bits than one of so many, the way over a text is shorter
NOBODY: Membership = frozenset()
CHAINS, NO_CHAINS, CHAINS_BY_CHANCE = "chains", "no chains", "chains by chance"


class Party:
    """An endpoint at one of its addresses."""

    __slots__ = ("endpoint", "address")

    def __init__(self, endpoint: Endpoint, address: Address) -> None:
        self.endpoint = endpoint
        self.address = address

    @property
    def name(self) -> str:
        """The full name of the endpoint."""
        return str(self.endpoint.name)


class Guard:
    """What is between an endpoint and the wire, and the same for many endpoints.

    ``endpoint`` is one of them. ``chains`` tells whether Felix makes rules for them at all. ``host`` is the host, where
    it makes a difference that two endpoints are on the same one, else None; ``lets_pass`` and ``standstill`` are what
    the parameters of the host do to its rules.
    """

    def __init__(
        self, endpoint: Endpoint, policies: tuple[Policy, ...], chains: str, host: str | None, lets_pass: bool,
        standstill: str,
    ) -> None:  # fmt: skip
        self.endpoint = endpoint
        self.policies = policies
        self.chains = chains
        self.host = host
        self.lets_pass = lets_pass
        self.standstill = standstill

    @property
    def likeness(self) -> object:
        """What is equal for guards that differ in nothing but their programs."""
        return self.chains, self.host, self.lets_pass, self.standstill, self.is_workload

    @property
    def is_workload(self) -> bool:
        """Whether it guards workloads, not a host."""
        return self.endpoint.name.workload is not None


class Group:
    """Parties, or ranges of addresses that no endpoint has, that are not told apart; these have no ``guard``.

    ``pieces`` are what its networks leave of the address space, ``ranges`` those without the addresses of endpoints.
    ``selected`` are the names of the selections that take it. ``host`` is the host of all its parties, if that host has
    endpoints of its own: other rules decide between these and the workloads there. ``imagined`` describes a new
    endpoint that nobody has made yet, of which only its tag or selector is known.
    """

    def __init__(
        self, membership: Membership, guard: Guard | None, selected: frozenset[str] = frozenset(), host: str = ""
    ) -> None:
        self.membership = membership
        self.guard = guard
        self.selected = selected
        self.host = host
        self.parties: list[Party] = []
        self.ranges: list[Range] = []
        self.pieces: list[Range] = []
        self.imagined = ""

    @property
    def is_one(self) -> bool:
        """Whether all its parties are one endpoint, which sends itself nothing."""
        return bool(self.parties) and all(party.endpoint is self.parties[0].endpoint for party in self.parties)


class RuleTests:
    """Everything that the rules in force test of packets and of addresses."""

    def __init__(self) -> None:
        self.cuts = Cuts()
        self.tags: set[str] = set()
        self.selectors: dict[str, None] = {}
        self.networks: set[tuple[int, int, int]] = set()
        self._added: dict[int, Rules] = {}  # by their identity: two states share most of them

    @classmethod
    def of(cls, *states: Felix) -> RuleTests:
        """Collect them from the policies and from the profiles that endpoints have, in one or more states."""
        found = cls()
        for felix in states:
            found._add_state(felix)
        return found

    def _add_state(self, felix: Felix) -> None:
        names = [endpoint.name for endpoint in felix.endpoints.values()]
        for host in {name.host for name in names if name.workload is None}:
            for direction in ("inbound", "outbound"):
                for port in felix.failsafe_ports(host, direction):
                    self.cuts.add_ports(PROTOCOLS["tcp"], "dst", port, port)
            for port in DNS_AND_DHCP:
                self.cuts.add_ports(PROTOCOLS["udp"], "dst", port, port)
        lists = [rules for name, rules in felix.profiles.items() if name in felix.used_profiles]
        for rules in (*lists, *(policy.rules for policy in felix.policies)):
            if id(rules) not in self._added:
                self._added[id(rules)] = rules
                for rule in (*rules.inbound, *rules.outbound):
                    self._add_rule(rule)

    def _add_rule(self, rule: Rule) -> None:
        self.cuts.add_rule(rule.fields)
        for key, value in rule.fields.items():
            if value is None:
                continue
            field = key.removeprefix("!")
            if field.endswith("_tag"):
                self.tags.add(value)
            elif field.endswith("_net"):
                self.networks.add(key_of(value))
            elif field.endswith("_selector"):
                self.selectors[value] = None


class Members:
    """Finds what holds of an address of one IP version."""

    def __init__(self, felix: Felix, tests: RuleTests, ip_version: int, felix_version: int) -> None:
        self._felix = felix
        self._identities = felix.identities[felix_version]
        self._tags = frozenset(tests.tags)
        self._selectors = list(tests.selectors)
        self._index = SelectorIndex(map(parse, self._selectors))
        self.regions = Regions(ip_version, tests.networks)
        self._known: dict[object, Membership] = {}

    def of(self, address: Address) -> Membership:
        """Return what holds of an address."""
        holders = self.regions.holders(address.value)
        identities = [self._identities.of_endpoint(endpoint) for endpoint in self._felix.at(address)]
        tags = frozenset(tag for who in identities for tag in who.tags & self._tags)
        matching = self._index.matching if self._selectors else _nothing
        selectors = frozenset(number for who in identities for number in matching(who))
        key = holders, tags, selectors
        if key not in self._known:
            self._known[key] = frozenset(
                [
                    *(("net", network) for network in holders),
                    *(("tag", tag) for tag in tags),
                    *(("selector", self._selectors[number]) for number in selectors),
                ]
            )
        return self._known[key]


def _nothing(who: Identity) -> tuple[int, ...]:
    return ()


class Guards:
    """Finds the guard of an endpoint."""

    def __init__(self, felix: Felix, felix_version: int) -> None:
        self._felix = felix
        self._felix_version = felix_version
        self._policies = felix.policies
        self._index = SelectorIndex(policy.selector for policy in felix.policies)
        self._known: dict[object, Guard] = {}
        self._of_hosts: dict[str, tuple[str, bool, str]] = {}
        self.host_endpoints: dict[str, list[Endpoint]] = {}
        for endpoint in felix.endpoints.values():
            if endpoint.name.workload is None:
                self.host_endpoints.setdefault(endpoint.name.host, []).append(endpoint)
        self._marks_travel = self._may_marks_travel()

    def of(self, endpoint: Endpoint) -> Guard:
        """Return what guards an endpoint."""
        name = endpoint.name
        apart, lets_pass, standstill = self._of_host(name.host)
        policies = self.policies_of(endpoint)
        chains = self._chains(endpoint) if name.workload is not None else CHAINS
        host = name.host if apart or self._marks_travel else None
        by_chance = str(name) if chains == CHAINS_BY_CHANCE else ""
        owner = name.host if name.workload is None else None  # failsafe ports are a parameter of the host
        key = (
            tuple(endpoint.profile_ids), policies, chains, by_chance, host, owner, lets_pass, standstill,
            str(name) if name.workload is None and any(map(self._is_misfiled, policies)) else "",
        )  # fmt: skip
        if key not in self._known:
            applying = tuple(self._policies[number] for number in policies)
            self._known[key] = Guard(endpoint, applying, chains, host, lets_pass, standstill)
        return self._known[key]

    def policies_of(self, endpoint: Endpoint) -> tuple[int, ...]:
        """Return the numbers of the policies that select an endpoint."""
        if not self._policies:
            return ()
        return self._index.matching(self._felix.identities[self._felix_version].of_endpoint(endpoint))

    def untracked_on(self, host: str) -> list[tuple[Endpoint, list[Policy]]]:
        """Return the host endpoints of a host that untracked policies select, with all policies that select them."""
        found = [
            (endpoint, [self._policies[number] for number in self.policies_of(endpoint)])
            for endpoint in self.host_endpoints.get(host, ())
        ]
        return [each for each in found if any(policy.untracked for policy in each[1])]

    def _is_misfiled(self, number: int) -> bool:
        return self._policies[number].selector.is_misfiled

    def _chains(self, endpoint: Endpoint) -> str:
        """Tell whether Felix makes rules for a workload (``Walk`` says the same in words)."""
        if endpoint.state != "active":
            return NO_CHAINS
        if not self._felix.interface_problem(endpoint):
            return CHAINS
        is_known = self._felix.parameter(endpoint.name.host, "InterfacePrefix") is not None
        return NO_CHAINS if is_known else CHAINS_BY_CHANCE

    def _of_host(self, host: str) -> tuple[str, bool, str]:
        """Return for a host: a text if its endpoints are apart from others, what it lets pass, its standstill."""
        known = self._of_hosts.get(host)
        if known is None:
            lets_pass = self._felix.lets_pass(host, self._felix_version)
            standstill = self._felix.standstill(host) if self._felix_version == FELIX_1 else ""
            apart = host if lets_pass or self.untracked_on(host) else ""
            known = self._of_hosts[host] = apart, lets_pass, standstill
        return known

    def _may_marks_travel(self) -> bool:
        """Tell whether a mark of next-tier may come from an endpoint to a profile of another that looks at it."""
        profiles = [
            self._felix.profiles[name]
            for name in self._felix.used_profiles
            if name in self._felix.profiles
        ]
        leaving = (*profiles, *(policy.rules for policy in self._policies))
        return any(_passes_on(rules.inbound) for rules in profiles) and any(
            _passes_on(rules.outbound) for rules in leaving
        )


def _passes_on(rules: Sequence[Rule]) -> bool:
    return any(rule.fields.get("action") == "next-tier" for rule in rules)


class Groups:
    """All groups of one IP version; ``masks`` has the groups, as bits, of which a condition holds."""

    def __init__(
        self, felix: Felix, tests: RuleTests, ip_version: int, felix_version: int,
        selections: Mapping[str, Selection] | None = None, with_imagined: bool = False,
    ) -> None:  # fmt: skip
        """``selections`` are told apart from the rest; ``with_imagined`` adds new endpoints that rules wait for."""
        self.ip_version = ip_version
        self.all: list[Group] = []
        self.guards = Guards(felix, felix_version)
        self._selections = selections or {}
        self._members = Members(felix, tests, ip_version, felix_version)
        self._add_parties(felix)
        if self.all:
            self._add_regions(addresses_in_use(felix, ip_version))
        self.masks = self._masks()
        if self.all and with_imagined:
            self._add_imagined(tests)
            self.masks = self._masks()

    @property
    def mask(self) -> int:
        """All groups as bits."""
        return (1 << len(self.all)) - 1

    def with_condition(self, condition: Condition) -> int:
        """Return the groups of which a condition holds, as bits."""
        return self.masks.get(condition, 0)

    def selected(self, name: str) -> int:
        """Return the groups that a selection takes, as bits."""
        return mask_of(number for number, group in enumerate(self.all) if name in group.selected)

    def _add_parties(self, felix: Felix) -> None:
        groups: dict[tuple[Membership, Guard, frozenset[str], str], Group] = {}
        known: dict[Address, Membership] = {}
        for _, endpoint in sorted(felix.endpoints.items()):
            guard: Guard | None = None
            host = endpoint.name.host if endpoint.name.host in self.guards.host_endpoints else ""
            for address in addresses_of(endpoint, felix):
                if address.version != self.ip_version:
                    continue
                guard = guard or self.guards.of(endpoint)
                membership = known.get(address) or known.setdefault(address, self._members.of(address))
                key = membership, guard, self._selected(endpoint, address), host
                group = groups.get(key)
                if group is None:
                    group = groups[key] = Group(*key)
                    self.all.append(group)
                group.parties.append(Party(endpoint, address))

    def _selected(self, endpoint: Endpoint | None, address: Address) -> frozenset[str]:
        if not self._selections:
            return frozenset()
        takes = {name for name, selection in self._selections.items() if selection.takes(endpoint, address)}
        return frozenset(takes)

    def _add_regions(self, addresses: list[int]) -> None:
        by_holders: dict[Holders, list[Range]] = {}
        for piece, holders in self._members.regions.pieces():
            by_holders.setdefault(holders, []).append(piece)
        groups: dict[Holders, Group] = {}
        for holders, pieces in by_holders.items():
            if ranges := without(joined(pieces), addresses):
                one = Address(self.ip_version, ranges[0][0])
                group = Group(frozenset(("net", network) for network in holders), None, self._selected(None, one))
                group.ranges = ranges
                group.pieces = pieces
                groups[holders] = group
                self.all.append(group)
        for holders in sorted(by_holders.keys() - groups.keys(), key=len):
            around = max((each for each in groups if each <= holders), key=len, default=None)
            if around is not None:  # all addresses in between are endpoints': it need not have a hole there
                groups[around].pieces = joined(groups[around].pieces + by_holders[holders])

    def _add_imagined(self, tests: RuleTests) -> None:
        conditions = [*(("tag", tag) for tag in sorted(tests.tags)), *(("selector", each) for each in tests.selectors)]
        for what, text in conditions:
            if not self.with_condition((what, text)):
                group = Group(frozenset([(what, text)]), None)
                group.imagined = f"a new endpoint with tag {text}" if what == "tag" else f'a new endpoint for "{text}"'
                self.all.append(group)

    def _masks(self) -> dict[Condition, int]:
        masks: dict[Condition, int] = {}
        for number, group in enumerate(self.all):
            bit = 1 << number
            for condition in group.membership:
                masks[condition] = masks.get(condition, 0) | bit
        return masks


def addresses_of(endpoint: Endpoint, felix: Felix) -> list[Address]:
    """Return the addresses of an endpoint; of a host endpoint without any, that of its host if it is known."""
    found = felix.addresses_of(endpoint)
    if not found and endpoint.name.workload is None and (host := felix.host_address(endpoint.name.host)):
        return [host]
    return found


def addresses_in_use(felix: Felix, ip_version: int) -> list[int]:
    """Return, sorted, the addresses that endpoints have, also endpoints that Felix refuses."""
    found = {
        address.value
        for endpoint in felix.endpoints.values()
        for address in addresses_of(endpoint, felix)
        if address.version == ip_version
    }
    refused = (address for addresses in felix.addresses_of_refused().values() for address in addresses)
    return sorted(found.union(address.value for address in refused if address.version == ip_version))


def iterate(mask: int) -> Iterator[int]:
    """Yield the numbers of the bits of a mask, ascending."""
    if mask.bit_count() * _DENSE > mask.bit_length():
        yield from [number for number, bit in enumerate(bin(mask)[:1:-1]) if bit == "1"]
        return
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def mask_of(numbers: Iterable[int]) -> int:
    """Return the mask with the bits of these numbers."""
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask
