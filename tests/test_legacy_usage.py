"""The help of legacy's commands is its usage text of v0.23.1, byte for byte, but for the options that were added."""

from __future__ import annotations

import hashlib

import pytest

from calicoctl.usage.table import COMMANDS, usage_of

DIGESTS = {
    "bgp": "8bccb6664d32a34650cd2703496efee5be0edd5fe4a1032cd7a158f01cea18fc",
    "config": "a20a919b4f17ddef2a4587fa63717d27ed94d515ceab8e3f167f35ece4c00ad0",
    "status": "3e0bc4cc0969b82b21d24c634f6b4491898c3ae4a1b440a83be9384e71b4db0f",
    "checksystem": "fc1a5ef0f82a8782fe484523f423439fec8a8812a177c63bafa4e9957299da8b",
    "diags": "b22150390ef164d88ca0320d1f3725eeffa1f2f92678f398597903d7eb41a7b0",
    "node": "995fc183fc62878ed5d7adfad862065f244557b2076940ca7a1de76633abd2a1",
}
# What was added, and what legacy has in its place
ADDED: dict[str, list[tuple[str, str]]] = {
    "status": [
        (" [--socket-dir=<FOLDER>]\n", "\n"),
        ("\n  --socket-dir=<FOLDER>     The directory for BIRD's sockets, if another.", ""),
    ],
    "diags": [
        (" [--output=<FILE>]\n", "\n"),
        ("\n  --output=<FILE>      The file for the bundle, if not one in a new directory.", ""),
    ],
    "config": [
        (" [--force]\n    [--hostname=<HOSTNAME>]\n", " [--force]\n"),
        (" recognized as valid.\n           Also for a host without a node.\n", " recognized as valid.\n"),
        (" --hostname=<HOSTNAME>  Whose configuration it is, else this host's.\n", ""),
    ],
    "node": [
        ("[--backend=(bird | gobgp | none)]\n    [--start-timeout=<SECONDS>] [--dryrun] [--init-system]\n",
         "[--backend=(bird | gobgp | none)]\n"),
        (" [--remove-endpoints] [--dry-run]\n", " [--remove-endpoints]\n"),
        ('  --dry-run                 With "remove": list what would be removed.\n', ""),
        ("  --dryrun                  Print the command line to start with, and do nothing.\n", ""),
        ("  --init-system             Print a systemd unit to start with, and do nothing.\n", ""),
        ("  --start-timeout=<SECONDS>  How long the node may take to start. [default: 60]\n", ""),
        (" as <AS_NUM>\n    [--hostname=<HOSTNAME>] [--force]\n", " as <AS_NUM>\n"),
        ("peer remove <PEER_IP> [--hostname=<HOSTNAME>]\n", "peer remove <PEER_IP>\n"),
        ("peer show [--ipv4 | --ipv6] [--hostname=<HOSTNAME>]\n", "peer show [--ipv4 | --ipv6]\n"),
        ('                            With "bgp peer add": also for a host without a node.\n', ""),
        ('                            With "bgp peer": whose peer it is, else this host\'s.\n', ""),
    ],
}


@pytest.mark.parametrize("name", DIGESTS)
def test_the_usage_text_is_legacys(name: str) -> None:
    text = usage_of(COMMANDS[name]).strip("\n")
    for new, old in ADDED.get(name, []):
        assert text.count(new) == 1, new
        text = text.replace(new, old)
    assert hashlib.sha256(text.encode()).hexdigest() == DIGESTS[name]
