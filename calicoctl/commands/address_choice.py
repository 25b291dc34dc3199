"""The ``<IP>`` argument of the container commands: an address, a pool's CIDR, ``ipv4`` or ``ipv6``."""

from __future__ import annotations

from calicoctl.datastore.ipam import AddressTaken, ForeignBlock
from calicoctl.datastore.pools import Pools
from calicoctl.errors import CommandError
from calicoctl.model.address import Address
from calicoctl.model.network import Network
from calicoctl.model.pool import is_open
from calicoctl.output import complaint

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calicoctl.datastore.ipam import Ipam
    from calicoctl.environment import Environment
    from calicoctl.model.pool import Pool

_VERSIONS = {"ipv4": 4, "ipv6": 6}


class AddressChoice:
    """The address that the operator asks for: a given one, or any free one from some pools.

    ``address`` is None for any free address. ``version`` is 4 or 6. ``pools`` holds all pools of that version, or
    the one asked for. ``closed`` holds the networks of pools that must not be used; they may lie inside other pools.
    """

    def __init__(self, text: str, environment: Environment) -> None:
        """Parse an ``<IP>`` and read the pools. Raises CommandError with legacy's messages."""
        self.address: Address | None = None
        wanted: Network | None = None
        if text.lower() in _VERSIONS:
            self.version = _VERSIONS[text.lower()]
        elif "/" in text:
            wanted = _network(text)
            self.version = wanted.version
        else:
            self.address = parse_address(text)
            self.version = self.address.version
        found, unreadable = Pools(environment.client()).read()
        for each in unreadable:
            environment.complain(each.complaint)
        pools = [node.pool for node in found if node.pool.network.version == self.version]
        self.pools = pools if wanted is None else [_pool_of(wanted, text, pools)]
        self.closed = [pool.network for pool in pools if not pool.is_assignable]
        self.closed += [each.network for each in unreadable if each.network is not None]

    def claim(self, ipam: Ipam, handle: str, own: Sequence[Address]) -> Address:
        """Claim a suitable address for a handle and return it.

        ``own`` holds addresses that the handle still has from an interrupted command. A suitable one among them is
        returned instead of a new claim. Raises CommandError.
        """
        pool = None if self.address is None else self._pool_of_address(self.address)
        for address in own:
            if self._accepts(address):
                return address
        if self.address is None:
            return self._claim_any(ipam, handle)
        try:
            ipam.claim(self.address, handle)
        except AddressTaken:
            raise CommandError(complaint(f"IP address is already assigned in pool {pool}.")) from None
        except ForeignBlock as error:
            owner = f"that is reserved for host {error}" if str(error) else "with strict affinity that no host owns"
            raise CommandError(f"IP address {self.address} is in a block of addresses {owner}.") from None
        return self.address

    def _claim_any(self, ipam: Ipam, handle: str) -> Address:
        address = ipam.claim_any(self._assignable(), handle, self.closed)
        if address is None:
            ipv4, ipv6 = (1, 0) if self.version == 4 else (0, 1)
            raise CommandError(
                f"Failed to allocate any IPs (requested {ipv4} IPv4s and {ipv6} IPv6s). Pools are likely exhausted."
            )
        return address

    def _accepts(self, address: Address) -> bool:
        if self.address is not None:
            return address == self.address
        return is_open(address.network, self._assignable(), self.closed)

    def _assignable(self) -> list[Pool]:
        return [pool for pool in self.pools if pool.is_assignable]

    def _pool_of_address(self, address: Address) -> Pool:
        pools = [pool for pool in self.pools if pool.has(address)]
        # The smallest pool that contains the address counts. Legacy calicoctl could store an IPv6 pool twice.
        pool = max(pools, key=lambda pool: (pool.network.prefix_length, not pool.disabled), default=None)
        if pool is None or pool.disabled:
            hint = f"\nPool {pool} is disabled." if pool else ""
            raise CommandError(f"{address} is not in any configured pools{hint}")
        return pool


def parse_address(text: str) -> Address:
    """Parse an address. Raises CommandError with legacy's message."""
    try:
        return Address.parse(text)
    except ValueError:
        raise CommandError(_invalid(text)) from None


def _network(text: str) -> Network:
    try:
        return Network.parse(text)
    except ValueError:
        raise CommandError(_invalid(text)) from None


def _invalid(text: str) -> str:
    return complaint(
        "Invalid IP address specified.  Argument must be a valid IP or CIDR.", f"Value provided is '{text}'"
    )


def _pool_of(network: Network, text: str, pools: Sequence[Pool]) -> Pool:
    """Return the pool of a network from which addresses may be assigned. Raises CommandError if there is none.

    Legacy calicoctl could store an IPv6 pool twice.
    """
    matching = [pool for pool in pools if pool.network.key() == network.key()]
    for pool in matching:
        if pool.is_assignable:
            return pool
    sentence = f"Invalid CIDR specified for desired pool. No pool found for {text}."
    hint = "The pool exists, but no addresses may be assigned from it." if matching else ""
    raise CommandError(complaint(sentence, hint))
