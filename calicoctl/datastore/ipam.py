"""Assignment and release of addresses (docs/data-model.md, section 5)."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.datastore.blocks import Blocks, BlockVanished
from calicoctl.datastore.handles import Handles
from calicoctl.errors import MalformedObject
from calicoctl.model.ipam import block_of, blocks_of, is_own_handle
from calicoctl.model.pool import is_open
from calicoctl.model.stored_json import decode

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from calicoctl.etcd.client import Client
    from calicoctl.model.address import Address
    from calicoctl.model.ipam import Block
    from calicoctl.model.network import Network
    from calicoctl.model.pool import Pool


class AddressTaken(Exception):
    """The address is already claimed."""


class ForeignBlock(Exception):
    """Affinity is strict and the block of the address has no affinity to this host.

    The message is the name of the host with affinity; it is empty if there is none.
    """


class Ipam:
    """Claims and releases addresses for the endpoints of a host.

    Only one command at a time may change a handle: hold the lock of the workload while claiming.

    Every method raises DatastoreError if etcd cannot be used, and MalformedObject if it needs a value that cannot be
    read. Every change is a compare-and-swap and is repeated after changes by others.
    """

    def __init__(self, client: Client, host: str = "") -> None:
        """``host`` is the host that claims addresses; it is not needed to read or release them."""
        self._client = client
        self._host = host
        self._blocks = Blocks(client)
        self._new_networks: list[Network] = []

    @property
    def _handles(self) -> Handles:
        return Handles(self._client)

    # Claiming

    def claim(self, address: Address, handle: str) -> None:
        """Claim a given address of a pool for a handle. Raises AddressTaken and ForeignBlock."""
        network = block_of(address)

        def chosen(block: Block) -> Address:
            if block.attributes_of(address) is not None:
                raise AddressTaken
            if not block.is_open_to(self._host):
                raise ForeignBlock(block.host or "")
            return address

        while True:
            block = self._blocks.get(network)
            if block is None:
                self._create(network, self._config()["strict_affinity"])
                continue
            chosen(block)
            if self._claim_in(block, handle, chosen) is not None:
                return

    def claim_any(self, pools: Sequence[Pool], handle: str, closed: Sequence[Network] = ()) -> Address | None:
        """Claim a free address for a handle and return it; None if there is none.

        The ``pools`` must have one IP version. Networks in ``closed`` are not used, except for pools within them. The
        blocks of this host are tried first, then new blocks, then, if affinity is not strict, blocks of other hosts.
        """
        config = self._config()
        choice = _Choice(self._host, pools, closed)
        return next(
            (
                address
                for blocks in (self._own_blocks(choice, config), self._new_blocks(choice, config),
                               self._blocks_of_others(choice, config))
                for block in blocks
                if (address := self._claim_in(block, handle, choice.first_free)) is not None
            ),
            None,
        )  # fmt: skip

    def _own_blocks(self, choice: _Choice, config: dict[str, bool]) -> Iterator[Block]:
        if not choice.pools:
            return
        for network, affinity in self._blocks.affinities(self._host, choice.pools[0].network.version):
            if not choice.has(network):
                continue
            try:
                block = self._blocks.get(network)
            except MalformedObject as error:
                self._client.remark(error.message)
                continue
            if block is None and config["auto_allocate_blocks"]:  # the creation of the block was interrupted
                block = self._create(network, config["strict_affinity"])
            if block is None:
                continue
            if block.host != self._host:
                self._blocks.remove_affinity(affinity)
            elif choice.first_free(block) is not None:
                yield block

    def _new_blocks(self, choice: _Choice, config: dict[str, bool]) -> Iterator[Block]:
        for pool in choice.pools if config["auto_allocate_blocks"] else ():
            taken = {network.key() for network, _ in self._blocks.all_in(pool.network)}
            for network in blocks_of(pool.network, self._host, choice.closed_in(pool)):
                if network.key() in taken or not choice.has(network):
                    continue
                if block := self._create(network, config["strict_affinity"]):
                    yield block

    def _blocks_of_others(self, choice: _Choice, config: dict[str, bool]) -> Iterator[Block]:
        for pool in choice.pools if not config["strict_affinity"] else ():
            for _, block in self._blocks.all_in(pool.network):
                if block is not None and choice.first_free(block) is not None:
                    yield block

    def _create(self, network: Network, strict: bool) -> Block | None:
        self._new_networks.append(network)
        return self._blocks.create(network, self._host, strict)

    def _claim_in(self, block: Block, handle: str, choose: Callable[[Block], Address | None]) -> Address | None:
        """Claim the address that ``choose`` returns for a block; None if it returns None or the block was removed."""
        address: Address | None = None
        claims_so_far = len(_claims_of(handle, block))

        def changed(block: Block) -> bool:
            nonlocal address
            address = choose(block)
            if address is not None:
                block.claim(address, handle)
            return address is not None

        self._handles.set_count(handle, block.network, claims_so_far + 1)
        try:
            self._blocks.edit(block.network, changed)
        except BlockVanished:
            address = None
        except (AddressTaken, ForeignBlock):
            self._handles.set_count(handle, block.network, claims_so_far)
            raise
        if address is None:
            self._handles.set_count(handle, block.network, claims_so_far)
        return address

    def _config(self) -> dict[str, bool]:
        config = {"auto_allocate_blocks": True, "strict_affinity": False}
        node = self._client.get(keys.IPAM_CONFIG, quorum=True)
        if node is not None:
            try:
                stored = decode(node.get("value", ""))
            except ValueError as error:
                raise MalformedObject(node["key"], error) from None
            if not isinstance(stored, dict):
                raise MalformedObject(node["key"], "it is not a JSON object")
            for name in config:
                if not isinstance(stored.get(name, False), bool):
                    raise MalformedObject(node["key"], f"{name} is neither true nor false")
            config.update({name: stored[name] for name in config if name in stored})
        return config

    # Claims

    def claimed_by(self, handle: str) -> list[Address]:
        """Return the addresses that a handle has claimed, in numeric order."""
        found = []
        for network in self._handles.blocks(handle):
            block = self._blocks.get(network)
            found += _claims_of(handle, block) if block else []
        return sorted(found)

    def attributes_of(self, address: Address) -> dict[str, Any] | None:
        """Return the attributes of the claim on an address (``handle_id``, ``secondary``); None if it is free."""
        block = self._blocks.get(block_of(address))
        return None if block is None else block.attributes_of(address)

    def handles_of(self, prefix: str) -> list[str]:
        """Return the names of the handles of a workload (see ``model.ipam.handle_prefix``)."""
        return self._handles.starting_with(prefix)

    def handles_of_host(self, host: str) -> list[str]:
        """Return the names of the handles under which calicoctl has claimed addresses for a host."""
        return self._handles.of_host(host)

    def take_over(self, address: Address, handle: str) -> None:
        """Give a claim that legacy calicoctl made without a handle to this handle; other claims are not changed."""
        network = block_of(address)
        block = self._blocks.get(network)
        if block is None or not _is_without_handle(block, address):
            return

        def changed(block: Block) -> bool:
            if not _is_without_handle(block, address):
                return False
            block.hand_over(address, handle)
            return True

        self._handles.set_count(handle, network, len(_claims_of(handle, block)) + 1)
        self._edit_if_there(network, changed)

    def adopt(self, addresses: Sequence[Address], handle: str) -> None:
        """Move claims to a handle of calicoctl, unless they are under one already.

        For addresses that are about to be released: a repeated command finds them by the handle after an interruption.
        Blocks that cannot be read are skipped, and MalformedObject is raised at the end.
        """
        failures = []
        networks = {block_of(address).key(): block_of(address) for address in addresses}
        for network in networks.values():
            try:
                self._adopt_in(network, [each for each in addresses if each.is_in(network)], handle)
            except MalformedObject as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _adopt_in(self, network: Network, addresses: Sequence[Address], handle: str) -> None:
        former: list[Any] = []

        def changed(block: Block) -> bool:
            foreign = [address for address in addresses if _is_foreign(block, address)]
            former[:] = [(block.attributes_of(address) or {}).get("handle_id") for address in foreign]
            for address in foreign:
                block.hand_over(address, handle)
            return bool(foreign)

        block = self._blocks.get(network)
        if block is None or not any(_is_foreign(block, address) for address in addresses):
            return
        self._handles.set_count(handle, network, len(_claims_of(handle, block)) + len(addresses))
        self._edit_if_there(network, changed)
        for name in former:
            if isinstance(name, str) and name:
                self._handles.count_one_less(name, network)

    # Releasing

    def release(self, address: Address) -> bool:
        """Release an address, regardless of who has claimed it; return False if it was not claimed.

        Raises MalformedHandle if the address has been released but its handle could not be updated.
        """
        network = block_of(address)
        handles: list[str | None] = []

        def changed(block: Block) -> bool:
            attributes = block.attributes_of(address)
            handles[:] = [] if attributes is None else [attributes.get("handle_id")]
            if attributes is not None:
                block.release(address)
            return bool(handles)

        self._edit_if_there(network, changed)
        for handle in handles:
            if isinstance(handle, str) and handle:
                self._handles.count_one_less(handle, network)
        return bool(handles)

    def give_back(self, address: Address, handle: str) -> bool:
        """Release an address if the handle has claimed it. No other command may be changing the handle.

        Returns False if nothing was changed, neither the block nor, after an earlier interruption, the count of the
        handle. Raises MalformedHandle if the address is free but the handle could not be updated.
        """
        network = block_of(address)
        left = 0

        def changed(block: Block) -> bool:
            nonlocal left
            claims = _claims_of(handle, block)
            left = len([claimed for claimed in claims if claimed != address])
            if address in claims:
                block.release(address)
            return address in claims

        self._edit_if_there(network, changed)
        return self._handles.set_count(handle, network, left)

    def release_all(self, handle: str, but: Sequence[Address] = (), known: Sequence[Address] = ()) -> None:
        """Release all addresses that a handle has claimed, except those in ``but``.

        An unreadable object does not stop the others: the first MalformedObject is raised at the end. The blocks of
        the ``known`` addresses are searched too, because the handle may be unreadable or may lack a block after a
        concurrent `release` (see ``handles``).
        """
        failures = []
        networks = list(map(block_of, known))
        try:
            networks += self._handles.blocks(handle)
        except MalformedObject as error:
            failures.append(error)
        for network in {network.key(): network for network in networks}.values():
            try:
                self._release_in(network, handle, but)
            except MalformedObject as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _release_in(self, network: Network, handle: str, but: Sequence[Address]) -> None:
        kept: list[Address] = []

        def changed(block: Block) -> bool:
            claims = _claims_of(handle, block)
            kept[:] = [address for address in claims if address in but]
            for address in claims:
                if address not in but:
                    block.release(address)
            return len(kept) < len(claims)

        self._edit_if_there(network, changed)
        self._handles.set_count(handle, network, len(kept))

    def undo_claims(self, handle: str, but: Sequence[Address]) -> None:
        """Release the addresses that a handle has claimed, except ``but``, and remove new blocks if they are empty."""
        self.release_all(handle, but)
        for network in self._new_networks:
            self._blocks.discard(network, self._host)

    def _edit_if_there(self, network: Network, change: Callable[[Block], bool]) -> None:
        try:
            self._blocks.edit(network, change)
        except BlockVanished:  # so no address of it is claimed
            pass


class _Choice:
    """The addresses that a host may claim: those of ``pools`` outside of closed networks."""

    def __init__(self, host: str, pools: Sequence[Pool], closed: Sequence[Network]) -> None:
        self._host = host
        self.pools = pools
        self._closed = closed

    def has(self, part: Network) -> bool:
        return is_open(part, self.pools, self._closed)

    def closed_in(self, pool: Pool) -> list[Network]:
        """Return the closed networks inside a pool; any pools inside these are handled by themselves."""
        return [part for part in self._closed if part.prefix_length > pool.network.prefix_length]

    def first_free(self, block: Block) -> Address | None:
        if not block.is_open_to(self._host):
            return None
        return next((address for address in block.free_addresses() if self.has(address.network)), None)


def _is_without_handle(block: Block, address: Address) -> bool:
    attributes = block.attributes_of(address)
    return attributes is not None and attributes.get("handle_id") is None


def _is_foreign(block: Block, address: Address) -> bool:
    attributes = block.attributes_of(address)
    return attributes is not None and not is_own_handle(attributes.get("handle_id"))


def _claims_of(handle: str, block: Block) -> list[Address]:
    return [address for address, attributes in block.claims() if attributes.get("handle_id") == handle]
