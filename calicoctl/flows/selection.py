"""Which parties and addresses an operator means: by a name, a network, a profile, a tag or a selector."""

from __future__ import annotations

from calicoctl.felix.view import address_from
from calicoctl.model.network import Network
from calicoctl.model.selector import SelectorError, parse

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable

    from calicoctl.felix.view import Felix
    from calicoctl.flows.regions import NetworkKey
    from calicoctl.model.address import Address
    from calicoctl.model.endpoint import Endpoint


class Selection:
    """``networks`` are those whose borders have to be told apart; ``text`` is what was given."""

    def __init__(
        self, text: str, of_endpoint: Callable[[Endpoint], bool] | None = None, network: Network | None = None,
        is_outside: bool = False,
    ) -> None:  # fmt: skip
        """``is_outside``: only addresses of the network that no endpoint has."""
        self.text = text
        self._is_outside = is_outside
        self._of_endpoint = of_endpoint
        self._network = network
        self.networks: list[NetworkKey] = [network.key()] if network is not None else []

    def takes(self, endpoint: Endpoint | None, address: Address) -> bool:
        """Tell whether an endpoint at an address is meant, or the address itself if no endpoint has it."""
        if self._network is not None:
            return address.is_in(self._network) and not (self._is_outside and endpoint)
        return endpoint is not None and self._of_endpoint is not None and self._of_endpoint(endpoint)


def selection(text: str, felix: Felix, felix_version: int) -> Selection:
    """Read ``profile:NAME``, ``tag:NAME``, ``selector:TEXT``, ``outside:NETWORK``, an address, a network, a full name
    of an endpoint or a part of one, or the name of a profile that no endpoint's name has in it.

    Raises ValueError for what means nobody.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind in _KINDS:
        found = Selection(text, _KINDS[kind](rest, felix, felix_version))
    elif kind == "outside" and (network := _network(rest)):
        return Selection(text, network=network, is_outside=True)
    elif network := _network(text):
        return Selection(text, network=network)
    elif any(str(endpoint.name) == text for endpoint in felix.endpoints.values()):
        return Selection(text, lambda endpoint: str(endpoint.name) == text)
    elif any(text in str(endpoint.name) for endpoint in felix.endpoints.values()):
        return Selection(text, lambda endpoint: text in str(endpoint.name))
    else:
        found = Selection(text, lambda endpoint: text in endpoint.profile_ids)
    if not any(found._of_endpoint(endpoint) for endpoint in felix.endpoints.values() if found._of_endpoint):
        raise ValueError(_nobody(text, kind if colon else ""))
    return found


def is_name(text: str) -> bool:
    """Tell whether the full name of an endpoint means this endpoint, and nothing else that has such a form."""
    return text.partition(":")[0] not in (*_KINDS, "outside") and _network(text) is None


def _nobody(text: str, kind: str) -> str:
    if kind in _KINDS:
        return f'No endpoint that Felix accepts has the {kind} "{text.partition(":")[2]}".'
    return (
        f'"{text}" is no IP address or network, no profile of an endpoint, and in the full name of no endpoint that '
        "Felix accepts."
    )


def _network(text: str) -> Network | None:
    address = address_from(text)
    if address is not None:
        return address.network
    if "/" not in text or not text.partition("/")[2].isdigit():
        return None
    try:
        return Network.parse(text)
    except ValueError:
        return None


def _by_profile(name: str, felix: Felix, felix_version: int) -> Callable[[Endpoint], bool]:
    return lambda endpoint: name in endpoint.profile_ids


def _by_tag(tag: str, felix: Felix, felix_version: int) -> Callable[[Endpoint], bool]:
    return lambda endpoint: tag in felix.identities[felix_version].of_endpoint(endpoint).tags


def _by_selector(text: str, felix: Felix, felix_version: int) -> Callable[[Endpoint], bool]:
    try:
        chosen = parse(text)
    except SelectorError as error:
        raise ValueError(f"selector: {error}.") from None
    return lambda endpoint: chosen.matches(felix.identities[felix_version].of_endpoint(endpoint).labels)


_KINDS = {"profile": _by_profile, "tag": _by_tag, "selector": _by_selector}
