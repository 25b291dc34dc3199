"""Profile documents, and the messages of the commands on resources."""

from __future__ import annotations

import json
from typing import Any

from calicoctl.resources.kinds import KINDS
from tests.conftest import Result

PROFILES = "/calico/v1/policy/profile"
DEV_APPS = """\
apiVersion: projectcalico.org/v3
kind: Profile
metadata:
  name: dev-apps
spec:
  ingress:
  - action: Deny
    source:
      nets:
      - 10.0.20.0/24
  - action: Allow
    source:
      selector: stage == 'development'
  egress:
  - action: Allow
  labelsToApply:
    stage: development
"""
DEV_APPS_KEYS = {
    f"{PROFILES}/dev-apps/labels": '{"stage": "development"}',
    f"{PROFILES}/dev-apps/rules": '{"inbound_rules": [{"action": "deny", "src_net": "10.0.20.0/24"}, '
    '{"action": "allow", "src_selector": "stage == \'development\'"}], "outbound_rules": [{"action": "allow"}]}',
    f"{PROFILES}/dev-apps/tags": "[]",
}
NOTHING_WRITTEN = "Nothing was written.\n"


def profile(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Profile document; a keyword with the prefix `meta_` sets a field of the metadata."""
    metadata = {key.removeprefix("meta_"): spec.pop(key) for key in list(spec) if key.startswith("meta_")}
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "Profile",
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def stdin_of(*documents: dict[str, Any]) -> str:
    return json.dumps(list(documents))


def done(verb: str, count: int, *lines: str) -> Result:
    sentence = f"Successfully {verb} {count} 'Profile' resource(s)\n"
    return Result(0, sentence + "".join(line + "\n" for line in lines), "")


def failed(message: str, stdout: str = "") -> Result:
    return Result(1, stdout, message + "\n")


def deny_notice(name: str, verb: str) -> str:
    return (
        f"A rule that denies everything stands before the rules of Profile({name}): run 'calicoctl {verb}' again "
        "with a valid document without a resourceVersion to complete the change."
    )


def known_words() -> str:
    """The words for kinds, as messages list them."""
    return "; ".join(", ".join(row.words) for row in KINDS)


def known_kinds() -> str:
    """The kinds, as messages list them."""
    return ", ".join(f"{row.name} and {row.name}List of {row.api_version}" for row in KINDS)
