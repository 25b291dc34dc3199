"""Stored rules and results for the tests of `calicoctl profile PROF rule`."""

from __future__ import annotations

from tests.conftest import Calicoctl, Result

RULES = "/calico/v1/policy/profile/P/rules"
DONE = Result(0, "", "")
THREE = (
    '{"inbound_rules": [{"action": "allow", "src_tag": "P"}, {"action": "deny", "protocol": "udp"}, '
    '{"action": "deny"}], "outbound_rules": [{"action": "allow"}]}'
)


def rule(calicoctl: Calicoctl, words: str) -> Result:
    """Run `calicoctl profile P rule`; ``words`` are the rest of the command line."""
    return calicoctl("profile", "P", "rule", *words.split())


def stored(inbound: str, outbound: str = '{"action": "allow"}') -> str:
    return f'{{"inbound_rules": [{inbound}], "outbound_rules": [{outbound}]}}'
