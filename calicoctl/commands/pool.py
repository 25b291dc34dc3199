"""calicoctl pool: the networks that addresses are assigned from."""

from __future__ import annotations

import re
import time

from calicoctl.datastore.errors import Conflict
from calicoctl.datastore.pools import PoolNode, Pools
from calicoctl.errors import CommandError
from calicoctl.model.network import BLOCK_PREFIX_LENGTHS, Network, overlap
from calicoctl.model.pool import Pool, is_large_enough, networks_of_range
from calicoctl.output import complaint, table

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.datastore.client import Client
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.address import Address

_REMOVAL_TRIES = 5
_LONGEST_WAIT = 3600


def run(arguments: Arguments, environment: Environment) -> int:
    """Carry out one ``pool`` command line, parsed, and return the exit status. Raises CommandError."""
    if arguments["show"]:
        versions = [4] if arguments["--ipv4"] else [6] if arguments["--ipv6"] else [4, 6]
        return _show(versions, environment)
    if arguments["remove"]:
        return _remove(_networks(arguments["<CIDRS>"]), _seconds(arguments["--wait"]), environment)
    ipip, masquerade = arguments["--ipip"], arguments["--nat-outgoing"]
    if arguments["range"]:
        networks = _range(arguments["<START_IP>"], arguments["<END_IP>"], ipip, masquerade, environment)
    else:
        networks = _networks(arguments["<CIDRS>"])
        _check_new(networks, ipip, environment)
    return _add(networks, ipip, masquerade, environment)


# Adding


def _add(networks: Sequence[Network], ipip: bool, masquerade: bool, environment: Environment) -> int:
    pools = Pools(environment.client())
    if ipip:
        pools.enable_ipip()
    for network in networks:
        _save(pools, network, ipip, masquerade)
    return 0


def _save(pools: Pools, network: Network, ipip: bool, masquerade: bool) -> None:
    pools.save(network, lambda stored: (stored or Pool.new(network)).with_options(ipip, masquerade))


def _check_new(networks: Sequence[Network], ipip: bool, environment: Environment) -> None:
    _check_ipip(networks, ipip)
    for network in networks:
        if not is_large_enough(network):
            raise CommandError(
                f"An IPv{network.version} pool must have a prefix length of "
                f"{BLOCK_PREFIX_LENGTHS[network.version]} or lower.\nGiven: {network}.\nNo pools added."
            )
    existing = [node.pool.network for node in _stored(environment)]
    for position, network in enumerate(networks):
        for kind, others in (("existing pool", existing), ("another new pool", networks[:position])):
            for other in others:
                if overlap(network, other) and network.key() != other.key():
                    article = "an " if kind.startswith("existing") else ""
                    raise CommandError(f"Cannot add IP pool {network} - pool overlaps with {article}{kind} {other}")


def _range(start: str, end: str, ipip: bool, masquerade: bool, environment: Environment) -> list[Network]:
    first, last = _address(start, "START_IP"), _address(end, "END_IP")
    if first.version != last.version:
        raise CommandError("START_IP and END_IP must be the same ip version")
    if not first < last:
        raise CommandError("START_IP must be a smaller ip address than END_IP")
    networks = networks_of_range(first, last)
    _check_ipip(networks, ipip)
    stored = [node.pool for node in _stored(environment)]
    in_the_way = {pool.to_json(): pool for pool in stored if any(overlap(each, pool.network) for each in networks)}
    wanted = {Pool.new(network).with_options(ipip, masquerade).to_json() for network in networks}
    if in_the_way and not in_the_way.keys() < wanted:  # some of these very pools: the command was interrupted before
        raise CommandError(f"Cannot add range - range conflicts with pool {next(iter(in_the_way.values()))}")
    if not all(map(is_large_enough, networks)):
        raise CommandError(
            f"IPv{first.version} ranges are split into pools, with the smallest pool size allowed having a prefix "
            f"length of /{BLOCK_PREFIX_LENGTHS[first.version]}. One or more of the generated pools is too small "
            f"(prefix length is too high).\nRange given: {first} - {last}\nPools: {[str(each) for each in networks]}\n"
            "No pools added."
        )
    return networks


def _check_ipip(networks: Sequence[Network], ipip: bool) -> None:
    if ipip and any(network.version == 6 for network in networks):
        raise CommandError("IP in IP not supported for IPv6 pools")


# Removing


def _remove(networks: Sequence[Network], seconds: float, environment: Environment) -> int:
    stored = {node.pool.network.key() for node in _stored(environment)}
    for network in networks:
        if network.key() not in stored:
            raise CommandError(f"{network} is not a configured pool.")
    for network in networks:
        _remove_with_retries(network, seconds, environment)
    return 0


def _remove_with_retries(network: Network, seconds: float, environment: Environment) -> None:
    for _ in range(_REMOVAL_TRIES):
        found = [node for node in _stored(environment) if node.pool.network.key() == network.key()]
        if not found:
            raise CommandError(f"{network} is not a configured pool.")
        try:
            for node in found:  # two at most: legacy calicoctl could put one of IPv6 in two places
                _remove_pool(node, seconds, environment)
            return
        except Conflict:
            environment.complain(f"Somebody else has changed pool {network} meanwhile. Trying again.")
    raise CommandError(
        complaint(
            "Conflicting modifications have been made to the IPAM configuration for this pool.  Please retry the "
            "command."
        )
    )


def _remove_pool(found: PoolNode, seconds: float, environment: Environment) -> None:
    """Disable a pool, wait for those who read it before, empty it and delete it; undo the first if a later one fails.

    Raises Conflict if somebody else changes the pool meanwhile.
    """
    from calicoctl.undo import Undo

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
            time.sleep(seconds)
        _release_blocks(found.pool.network, environment.client())
        pools.delete(disabled)
    environment.say("Deleted IP Pool")


def _release_blocks(pool: Network, client: Client) -> None:
    """Make the blocks of a pool nobody's own; those without claims are removed."""
    from calicoctl.datastore.blocks import Blocks

    blocks = Blocks(client)
    for network, _ in blocks.all_in(pool):
        blocks.release_affinity(network)
    for host, network in blocks.marks_in(pool):
        blocks.unmark(host, network)


# Showing


def _show(versions: Sequence[int], environment: Environment) -> int:
    found, complaints = Pools(environment.client()).read()
    for version in versions:
        rows = sorted((str(node.pool), _options(node.pool)) for node in found if node.pool.network.version == version)
        environment.say(table([f"IPv{version} CIDR", "Options"], rows))
    for line in complaints:
        environment.complain(line)
    return 1 if complaints else 0


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


def _stored(environment: Environment) -> list[PoolNode]:
    found, complaints = Pools(environment.client()).read()
    if complaints:
        raise CommandError("\n".join(complaints))
    return found
