"""What etcd holds of one host for BGP: its addresses and its AS number."""

from __future__ import annotations

from calicoctl.datastore import keys
from calicoctl.model.bgp import DEFAULT_AS

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from calicoctl.etcd.client import Client


class BgpSettings:
    """A host's ``addresses`` by IP version, empty where it has none, and its ``as_number``, as they are stored.

    ``is_inherited`` says that the AS number is that of all nodes.
    """

    def __init__(self, addresses: dict[int, str], as_number: str, is_inherited: bool) -> None:
        self.addresses = addresses
        self.as_number = as_number
        self.is_inherited = is_inherited


def read_bgp_settings(host: str, client: Client) -> BgpSettings:
    """Return what is stored of a host. Raises DatastoreError."""
    directory = client.get(keys.bgp_settings(host)) or {}
    nodes = directory.get("nodes", ())
    texts = {keys.last_segment(node["key"]): str(node["value"]) for node in nodes if "value" in node}
    addresses = {version: texts.get(f"ip_addr_v{version}", "") for version in (4, 6)}
    own = texts.get("as_num")
    if own is not None:
        return BgpSettings(addresses, own, False)
    default = client.get(keys.DEFAULT_AS) or {}
    return BgpSettings(addresses, str(default.get("value", DEFAULT_AS)), True)
