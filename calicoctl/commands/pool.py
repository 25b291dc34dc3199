"""calicoctl pool: the networks that addresses are assigned from."""

from __future__ import annotations

import re

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
    from collections.abc import Callable, Sequence

    from calicoctl.datastore.pools import UnreadablePool
    from calicoctl.environment import Environment
    from calicoctl.etcd.client import Client
    from calicoctl.grammar import Arguments
    from calicoctl.model.address import Address

    Options = tuple[bool, bool]  # --ipip and --nat-outgoing
    Stored = tuple[list[PoolNode], list[UnreadablePool]]

_REMOVAL_TRIES = 5
_LONGEST_WAIT = 3600


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out one ``pool`` command line, parsed, and return the exit status. Raises CommandError."""
    if arguments["show"]:
        versions = [4] if arguments["--ipv4"] else [6] if arguments["--ipv6"] else [4, 6]
        return _show(versions, environment)
    if arguments["remove"]:
        return _remove(_networks(arguments["<CIDRS>"]), _seconds(arguments["--wait"]), environment)
    options = (arguments["--ipip"], arguments["--nat-outgoing"])
    if arguments["range"]:
        return _add_range(arguments["<START_IP>"], arguments["<END_IP>"], options, environment)
    return _add_networks(_networks(arguments["<CIDRS>"]), options, environment)


# Adding


def _add_networks(networks: Sequence[Network], options: Options, environment: Environment) -> int:
    _check_ipip(networks, options)
    for network in networks:
        if not is_large_enough(network):
            raise CommandError(
                f"An IPv{network.version} pool must have a prefix length of "
                f"{BLOCK_PREFIX_LENGTHS[network.version]} or lower.\nGiven: {network}.\nNo pools added."
            )

    def conflict(network: Network, other: Network, kind: str = "an existing pool") -> str:
        return f"Cannot add IP pool {network} - pool overlaps with {kind} {other}"

    def check(stored: Stored, again: bool) -> None:
        existing = _networks_of(stored)
        for position, network in enumerate(networks):
            for kind, others in (("an existing pool", existing), ("another new pool", networks[:position])):
                for other in others:
                    if overlap(network, other) and network.key() != other.key():
                        raise CommandError(conflict(network, other, kind))

    return _add(networks, check, conflict, options, environment)


def _add_range(start: str, end: str, options: Options, environment: Environment) -> int:
    first, last = _address(start, "START_IP"), _address(end, "END_IP")
    if first.version != last.version:
        raise CommandError("START_IP and END_IP must be the same ip version")
    if not first < last:
        raise CommandError("START_IP must be a smaller ip address than END_IP")
    networks = networks_of_range(first, last)
    _check_ipip(networks, options)
    wanted = {Pool.new(network).with_options(*options).to_json() for network in networks}

    def conflict(_: Network, other: Network) -> str:
        return f"Cannot add range - range conflicts with pool {other}"

    def check(stored: Stored, again: bool) -> None:
        def in_the_way(network: Network) -> bool:
            return any(overlap(each, network) for each in networks)

        conflicting = list(filter(in_the_way, _networks_of(stored)))
        found = [node.pool.to_json() for node in stored[0] if in_the_way(node.pool.network)]
        # Some of these very pools may be there: this command has begun, or was interrupted before.
        begun = len(found) == len(conflicting) and (set(found) < wanted or (again and set(found) == wanted))
        if conflicting and not begun:
            raise CommandError(conflict(networks[0], conflicting[0]))
        if not all(map(is_large_enough, networks)):
            raise CommandError(
                f"IPv{first.version} ranges are split into pools, with the smallest pool size allowed having a prefix "
                f"length of /{BLOCK_PREFIX_LENGTHS[first.version]}. One or more of the generated pools is too small "
                f"(prefix length is too high).\nRange given: {first} - {last}\n"
                f"Pools: {[str(each) for each in networks]}\nNo pools added."
            )

    return _add(networks, check, conflict, options, environment)


def _add(
    networks: Sequence[Network],
    check: Callable[[Stored, bool], None],
    conflict: Callable[[Network, Network], str],
    options: Options,
    environment: Environment,
) -> int:
    """Write pools, with what ``check`` allows; it is asked once more whenever somebody else was faster.

    ``conflict`` is the message for a pool that overlaps an older one which others made while it was written.
    """
    stored = _stored(networks, environment)
    _complain_of_unreadable(stored, environment)
    check(stored, False)
    pools = Pools(environment.client())
    if options[0]:
        pools.enable_ipip()
    added: list[Network] = []
    new: list[Network] = []

    def look_again() -> Stored:
        latest = _stored(networks, environment)
        gone = pools.give_way(new, latest[0])
        added[:] = [network for network in added if network not in [mine for mine, _ in gone]]
        if gone:
            raise CommandError(conflict(*gone[0]))
        return latest

    try:
        for network in networks:
            if _save(pools, network, stored, options, lambda: check(look_again(), True)):
                new.append(network)
            added.append(network)
        if new:
            look_again()
    except CommandError as error:
        done = f"  Added before that: {', '.join(map(str, added))}." if added else ""
        if done and isinstance(error, DatastoreError):
            done += " The same command completes it."
        raise CommandError(error.message + done, error.status) from None
    return 1 if stored[1] else 0


def _save(pools: Pools, network: Network, stored: Stored, options: Options, check_again: Callable[[], None]) -> bool:
    return pools.save(network, stored[0], lambda pool: (pool or Pool.new(network)).with_options(*options), check_again)


def _check_ipip(networks: Sequence[Network], options: Options) -> None:
    ipip, _ = options
    if ipip and any(network.version == 6 for network in networks):
        raise CommandError("IP in IP not supported for IPv6 pools")


# Removing


def _remove(networks: Sequence[Network], seconds: float, environment: Environment) -> int:
    """Remove the pools that exist and name the others, so that an interrupted command can be given again."""
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
    """Remove a pool; False if others have done so."""
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
    """Return a pool's nodes: two at most, for legacy calicoctl could put one of IPv6 in two places."""
    return [node for node in stored[0] if node.pool.network.key() == network.key()]


def _remove_pool(found: PoolNode, seconds: float, environment: Environment) -> None:
    """Disable a pool, wait for those who read it before, empty it and delete it; undo the first if a later one fails.

    Raises Conflict if somebody else changes the pool meanwhile.
    """
    pools = Pools(environment.client())
    environment.say("Disabling IP Pool")
    with Undo("Repeat the command, or enable the pool again with 'calicoctl pool add'.") as undo:
        undo.note(f"pool {found.pool} is disabled", lambda: pools.take_back_disabling(found))
        try:
            disabled = pools.disable(found)
        except Conflict:
            undo.forget()  # if it is disabled now, that was another command, perhaps one that removes it too
            raise
        environment.say("Removing IPAM configuration for pool")
        if seconds:
            environment.complain(f"Waiting {seconds:g} s for assignments that have begun (see --wait).")
            wait(seconds)
        _release_blocks(found.pool.network, environment.client())
        pools.delete(disabled)
    environment.say("Deleted IP Pool")


def _release_blocks(pool: Network, client: Client) -> None:
    from calicoctl.datastore.blocks import Blocks

    Blocks(client).release_all_in(pool)


# Showing


def _show(versions: Sequence[int], environment: Environment) -> int:
    found, unreadable = stored = Pools(environment.client()).read()
    if environment.listing:
        from calicoctl.rows import say_rows

        pools = sorted((node.pool for node in found), key=lambda pool: (pool.network.version, str(pool)))
        say_rows((_row(pool) for pool in pools if pool.network.version in versions), environment)
    for version in versions if not environment.listing else ():
        rows = sorted((str(node.pool), _options(node.pool)) for node in found if node.pool.network.version == version)
        environment.say(table([f"IPv{version} CIDR", "Options"], rows))
    _complain_of_unreadable(stored, environment)
    return 1 if unreadable else 0


def _row(pool: Pool) -> dict[str, object]:
    return {
        "cidr": str(pool),
        "ip_version": pool.network.version,
        "ipip": bool(pool.ipip),
        "nat_outgoing": bool(pool.masquerade),
        "disabled": bool(pool.disabled),
    }


def _options(pool: Pool) -> str:
    options = {"ipip": pool.ipip, "nat-outgoing": pool.masquerade, "disabled": pool.disabled}
    return ",".join(name for name, is_set in options.items() if is_set)


# Arguments and what is stored


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
    """Return what is stored. Raises CommandError if one of some networks has a pool that cannot be read."""
    stored = Pools(environment.client()).read()
    keys = [network.key() for network in networks]
    for unreadable in stored[1]:
        if unreadable.network is not None and unreadable.network.key() in keys:
            raise CommandError(unreadable.complaint)
    return stored


def _networks_of(stored: Stored) -> list[Network]:
    """Return the networks of all pools; of one that cannot be read its key tells it, or nothing does."""
    found, unreadable = stored
    return [node.pool.network for node in found] + [each.network for each in unreadable if each.network is not None]


def _complain_of_unreadable(stored: Stored, environment: Environment) -> None:
    for unreadable in stored[1]:
        environment.complain(unreadable.complaint)
