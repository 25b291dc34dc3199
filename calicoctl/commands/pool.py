"""calicoctl pool: the networks from which addresses are assigned."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import partial

from calicoctl.datastore.pools import PoolNode, Pools
from calicoctl.errors import CommandError
from calicoctl.etcd.errors import Conflict, DatastoreError
from calicoctl.model.network import BLOCK_PREFIX_LENGTHS, Network, overlap
from calicoctl.model.pool import Pool, is_large_enough, networks_of_range
from calicoctl.output import complaint, table
from calicoctl.signals import wait
from calicoctl.undo import Undo

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.datastore.pools import UnreadablePool
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.address import Address

    Options = tuple[bool, bool]  # --ipip and --nat-outgoing
    Stored = tuple[list[PoolNode], list[UnreadablePool]]

_REMOVAL_TRIES = 5
_LONGEST_WAIT = 3600


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out a parsed ``pool`` command line and return the exit status. Raises CommandError."""
    if arguments["show"]:
        versions = [4] if arguments["--ipv4"] else [6] if arguments["--ipv6"] else [4, 6]
        return _show(versions, environment)
    if arguments["remove"]:
        return _remove(_networks(arguments["<CIDRS>"]), _seconds(arguments["--wait"]), environment)
    options = (arguments["--ipip"], arguments["--nat-outgoing"])
    if arguments["range"]:
        return _RangeAddition(arguments["<START_IP>"], arguments["<END_IP>"], options, environment).run()
    return _NetworksAddition(_networks(arguments["<CIDRS>"]), options, environment).run()


# Adding


class _Addition(ABC):
    """Adds the pools for some networks. A subclass checks which stored pools conflict with them.

    Other commands may add overlapping pools at the same time, because each pool has a key of its own. So the check is
    repeated whenever somebody else has changed one of the keys, and after the last write. If two new pools overlap,
    the command that added the younger one removes it again.
    """

    def __init__(self, networks: Sequence[Network], options: Options, environment: Environment) -> None:
        """Raises CommandError if the options are not possible for these networks."""
        ipip, _ = options
        if ipip and any(network.version == 6 for network in networks):
            raise CommandError("IP in IP not supported for IPv6 pools")
        self.networks = networks
        self.options = options
        self._environment = environment
        self._added: list[Network] = []
        self._created: list[Network] = []  # the added pools that did not exist before

    @abstractmethod
    def check(self, stored: Stored, is_repeated: bool) -> None:
        """Raise CommandError if stored pools conflict with the new ones; ``is_repeated`` after the first check."""

    @abstractmethod
    def conflict(self, network: Network, other: Network) -> str:
        """Return the message for a new pool that overlaps an older one."""

    def run(self) -> int:
        """Add the pools and return the exit status. Raises CommandError."""
        stored = _stored(self.networks, self._environment)
        _complain_of_unreadable(stored, self._environment)
        self.check(stored, is_repeated=False)
        ipip, _ = self.options
        if ipip:
            self._pools.enable_ipip()
        found, unreadable = stored
        try:
            self._write(found)
        except CommandError as error:
            raise CommandError(error.message + self._already_added(error), error.status) from None
        return 1 if unreadable else 0

    @property
    def _pools(self) -> Pools:
        return Pools(self._environment.client())

    def _write(self, found: Sequence[PoolNode]) -> None:
        for network in self.networks:
            if self._pools.save(network, found, partial(self._changed, network), self._check_again):
                self._created.append(network)
            self._added.append(network)
        if self._created:
            self._remove_conflicting()

    def _changed(self, network: Network, pool: Pool | None) -> Pool:
        return (pool or Pool.new(network)).with_options(*self.options)

    def _check_again(self) -> None:
        self.check(self._remove_conflicting(), is_repeated=True)

    def _remove_conflicting(self) -> Stored:
        """Read the pools again and return them. Remove those of this command that overlap older ones.

        Raises CommandError if there are such pools.
        """
        stored = _stored(self.networks, self._environment)
        conflicts = self._pools.give_way(self._created, stored[0])
        removed = [network for network, _ in conflicts]
        self._added = [network for network in self._added if network not in removed]
        if conflicts:
            raise CommandError(self.conflict(*conflicts[0]))
        return stored

    def _already_added(self, error: CommandError) -> str:
        """Return the end of a message about a failure: which pools were added before it."""
        if not self._added:
            return ""
        remedy = " Run the same command again to add the rest." if isinstance(error, DatastoreError) else ""
        return f"  Added before that: {', '.join(map(str, self._added))}.{remedy}"


class _NetworksAddition(_Addition):
    """Adds pools for networks that the operator lists. A pool that exists already gets the new options."""

    def __init__(self, networks: Sequence[Network], options: Options, environment: Environment) -> None:
        super().__init__(networks, options, environment)
        for network in networks:
            if not is_large_enough(network):
                raise CommandError(
                    f"An IPv{network.version} pool must have a prefix length of "
                    f"{BLOCK_PREFIX_LENGTHS[network.version]} or lower.\nGiven: {network}.\nNo pools added."
                )

    def check(self, stored: Stored, is_repeated: bool) -> None:
        existing = _networks_of(stored)
        for position, network in enumerate(self.networks):
            self._check_overlap(network, existing, "an existing pool")
            self._check_overlap(network, self.networks[:position], "another new pool")

    def _check_overlap(self, network: Network, others: Sequence[Network], kind: str) -> None:
        for other in others:
            if overlap(network, other) and network.key() != other.key():
                raise CommandError(self._overlap(network, other, kind))

    def conflict(self, network: Network, other: Network) -> str:
        return self._overlap(network, other, "an existing pool")

    def _overlap(self, network: Network, other: Network, kind: str) -> str:
        return f"Cannot add IP pool {network} - pool overlaps with {kind} {other}"


class _RangeAddition(_Addition):
    """Adds the pools that together cover a range of addresses."""

    def __init__(self, start: str, end: str, options: Options, environment: Environment) -> None:
        self._first, self._last = _address(start, "START_IP"), _address(end, "END_IP")
        if self._first.version != self._last.version:
            raise CommandError("START_IP and END_IP must be the same ip version")
        if not self._first < self._last:
            raise CommandError("START_IP must be a smaller ip address than END_IP")
        super().__init__(networks_of_range(self._first, self._last), options, environment)

    def check(self, stored: Stored, is_repeated: bool) -> None:
        found, _ = stored
        conflicting = [network for network in _networks_of(stored) if self._overlaps(network)]
        readable = [node.pool for node in found if self._overlaps(node.pool.network)]
        are_all_readable = len(readable) == len(conflicting)
        if conflicting and not (are_all_readable and self._are_own(readable, is_repeated)):
            raise CommandError(self.conflict(self.networks[0], conflicting[0]))
        if not all(map(is_large_enough, self.networks)):
            version = self._first.version
            raise CommandError(
                f"IPv{version} ranges are split into pools, with the smallest pool size allowed having a prefix "
                f"length of /{BLOCK_PREFIX_LENGTHS[version]}. One or more of the generated pools is too small "
                f"(prefix length is too high).\nRange given: {self._first} - {self._last}\n"
                f"Pools: {[str(each) for each in self.networks]}\nNo pools added."
            )

    def _overlaps(self, network: Network) -> bool:
        return any(overlap(each, network) for each in self.networks)

    def _are_own(self, pools: Sequence[Pool], is_repeated: bool) -> bool:
        """Tell whether these pools are part of the range, added by this command or by an interrupted one.

        If the first check finds all pools of the range, the range exists already, so the result is False.
        """
        found = {pool.to_json() for pool in pools}
        wanted = {Pool.new(network).with_options(*self.options).to_json() for network in self.networks}
        return found <= wanted if is_repeated else found < wanted

    def conflict(self, network: Network, other: Network) -> str:
        return f"Cannot add range - range conflicts with pool {other}"


# Removing


def _remove(networks: Sequence[Network], seconds: float, environment: Environment) -> int:
    """Remove the pools that exist, and report the others. So an interrupted command can be repeated."""
    stored = _stored(networks, environment)
    present = [network for network in networks if _nodes_of(network, stored)]
    missing = [network for network in networks if network not in present]
    if not present:
        raise CommandError(_not_configured(missing))
    _complain_of_unreadable(stored, environment)
    removed: list[Network] = []
    try:
        for network in present:
            is_removed = _remove_with_retries(network, stored, seconds, environment)
            (removed if is_removed else missing).append(network)
    except CommandError as error:
        done = f"  Removed before that: {', '.join(map(str, removed))}." if removed else ""
        rest = f"\n{_not_configured(missing)}" if missing else ""
        raise CommandError(error.message + done + rest, error.status) from None
    if missing:
        raise CommandError(_not_configured(missing))
    return 1 if stored[1] else 0


def _not_configured(networks: Sequence[Network]) -> str:
    return "\n".join(f"{network} is not a configured pool." for network in networks)


def _remove_with_retries(network: Network, stored: Stored, seconds: float, environment: Environment) -> bool:
    """Remove a pool; False if another command has already removed it."""
    for attempt in range(_REMOVAL_TRIES):
        if attempt:
            stored = _stored([network], environment)
        try:
            nodes = _nodes_of(network, stored)
            for node in nodes:
                _remove_pool(node, seconds, environment)
            return bool(nodes)
        except Conflict:
            environment.complain(f"Somebody else has changed pool {network} meanwhile. Trying again.")
    raise CommandError(
        complaint(
            "Conflicting modifications have been made to the IPAM configuration for this pool.  Please retry the "
            "command."
        )
    )


def _nodes_of(network: Network, stored: Stored) -> list[PoolNode]:
    """Return the nodes of a pool: at most two, because legacy calicoctl could store an IPv6 pool under two keys."""
    return [node for node in stored[0] if node.pool.network.key() == network.key()]


def _remove_pool(found: PoolNode, seconds: float, environment: Environment) -> None:
    """Disable a pool, wait for address assignments in progress, release its blocks and delete it.

    If a later step fails, the pool is enabled again. Raises Conflict if somebody else changes the pool meanwhile.
    """
    pools = Pools(environment.client())
    environment.say("Disabling IP Pool")
    with Undo("Repeat the command, or enable the pool again with 'calicoctl pool add'.") as undo:
        undo.note(f"pool {found.pool} is disabled", lambda: pools.take_back_disabling(found))
        try:
            disabled = pools.disable(found)
        except Conflict:
            undo.forget()  # if it is disabled now, another command has done so, perhaps to remove it too
            raise
        environment.say("Removing IPAM configuration for pool")
        if seconds:
            environment.complain(f"Waiting {seconds:g} s for address assignments in progress (see --wait).")
            wait(seconds)
        _release_blocks(found.pool.network, environment)
        pools.delete(disabled)
    environment.say("Deleted IP Pool")


def _release_blocks(pool: Network, environment: Environment) -> None:
    from calicoctl.datastore.blocks import Blocks

    steps = environment.steps(f"Blocks of {pool}")
    try:
        Blocks(environment.client()).release_all_in(pool, steps.show)
    finally:
        steps.erase()


# Showing


def _show(versions: Sequence[int], environment: Environment) -> int:
    found, unreadable = stored = Pools(environment.client()).read()
    shown = [node.pool for node in found if node.pool.network.version in versions]
    shown.sort(key=lambda pool: (pool.network.version, str(pool)))
    if not environment.say_rows(map(_row, shown)):
        for version in versions:
            rows = sorted((str(pool), _options(pool)) for pool in shown if pool.network.version == version)
            environment.say(table([f"IPv{version} CIDR", "Options"], rows))
    _complain_of_unreadable(stored, environment)
    return 1 if unreadable else 0


def _row(pool: Pool) -> dict[str, object]:
    return {
        "cidr": str(pool),
        "ip_version": pool.network.version,
        "ipip": pool.ipip,
        "masquerade": pool.masquerade,
        "ipam": pool.fields.get("ipam") is not False,
        "disabled": pool.disabled,
    }


def _options(pool: Pool) -> str:
    options = {"ipip": pool.ipip, "nat-outgoing": pool.masquerade, "disabled": pool.disabled}
    return ",".join(name for name, is_set in options.items() if is_set)


# Arguments and stored pools


def _networks(cidrs: Sequence[str]) -> list[Network]:
    networks = []
    for cidr in cidrs:
        try:
            network = Network.parse(cidr)
        except ValueError:
            raise CommandError(f"Invalid CIDR specified {cidr}") from None
        networks.append(Network(*network.key()))
    return list({network.key(): network for network in networks}.values())


def _address(text: str, name: str) -> Address:
    from calicoctl.model.address import Address

    try:
        return Address.parse(text)
    except ValueError:
        raise CommandError(f"Invalid {name} specified.\nValue provided is '{text}'") from None


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text, re.ASCII) or float(text) > _LONGEST_WAIT:
        raise CommandError(
            f"Invalid wait specified.\nValue provided is '{text}'; expecting seconds, from 0 to {_LONGEST_WAIT}"
        )
    return float(text)


def _stored(networks: Sequence[Network], environment: Environment) -> Stored:
    """Return all stored pools. Raises CommandError if the pool of one of the given networks cannot be read."""
    stored = Pools(environment.client()).read()
    keys = [network.key() for network in networks]
    for unreadable in stored[1]:
        if unreadable.network is not None and unreadable.network.key() in keys:
            raise CommandError(unreadable.complaint)
    return stored


def _networks_of(stored: Stored) -> list[Network]:
    """Return the networks of all pools. The network of an unreadable pool is known from its key, or not at all."""
    found, unreadable = stored
    return [node.pool.network for node in found] + [each.network for each in unreadable if each.network is not None]


def _complain_of_unreadable(stored: Stored, environment: Environment) -> None:
    for unreadable in stored[1]:
        environment.complain(unreadable.complaint)
