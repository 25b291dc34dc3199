"""Validation of new rules of the Profile resource: the rules of Calico 3.7 and the limits of the v1 data model.

Fields that the v1 data model cannot store are refused: without them, the rule would match more than its author wrote.
Rules that are already stored are not validated.
"""

from __future__ import annotations

import math
import re

from calicoctl.model import selector
from calicoctl.model.names import ALLOWED, is_tag
from calicoctl.model.network import Network, ambiguity, without
from calicoctl.model.protocols import V3_NAMES
from calicoctl.model.rule_fields import LAST_CODE, LAST_TYPE
from calicoctl.model.rule_validation import MOST_RULES
from calicoctl.resources.fields import below, shown
from calicoctl.resources.profile.rule_form import ENTITIES

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from calicoctl.resources.fields import Problems
    from calicoctl.resources.profile.rule_form import Form

ACTIONS = ("Allow", "Deny", "Log", "Pass")
NOT_IN_V1 = "cannot be stored in the Calico v1 data model"

_WITH_PORTS = ("TCP", "UDP", 6, 17)
_VERSION_OF_ICMP: dict[Any, int] = {"ICMP": 4, "ICMPv6": 6}
_NUMBER = "(?:0|[1-9][0-9]{0,2})"
_CIDR = re.compile(rf"(?:{_NUMBER}(?:\.{_NUMBER}){{3}}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)/{_NUMBER}")
_PORT = re.compile(r"(0|[1-9][0-9]{0,8})(?::(0|[1-9][0-9]{0,8}))?")
_NAMED_PORT = re.compile(r"(?=[0-9-]*[a-z])(?!-)(?!.*--)[a-z0-9-]{1,15}(?<!-)")


def check_form(form: Form, path: str, problems: Problems) -> None:
    """Add all problems of a new rule to ``problems``; ``path`` is the place of the rule in its document."""
    _Check(form, path, problems).rule()


class _Check:
    def __init__(self, form: Form, path: str, problems: Problems) -> None:
        self.form = form
        self.path = path
        self.problems = problems

    def add(self, field: str, text: str) -> None:
        self.problems.add(below(self.path, field), text)

    def rule(self) -> None:
        form = self.form
        if "action" not in form:
            self.add("action", f"is missing; one of {', '.join(ACTIONS)}")
        elif form["action"] not in ACTIONS:
            self.add("action", f"{shown(form['action'])} is not one of {', '.join(ACTIONS)}")
        if form.get("ipVersion", 4) not in (4, 6):
            self.add("ipVersion", f"{form['ipVersion']} is not 4 or 6")
        for field in ("protocol", "notProtocol"):
            if field in form:
                self.protocol(field, form[field])
        for field in ("icmp", "notICMP"):
            if field in form:
                self.icmp(field, form[field])
        for side in ENTITIES:
            self.entity(side, form.get(side, {}))
        self.ip_versions()
        if "protocol" in form and "notProtocol" in form:
            self.add("notProtocol", "Felix cannot program it beside protocol; leave one of them out")
        count = math.prod(len(nets_of(form.get(side, {}))) or 1 for side in ENTITIES)
        if count > MOST_RULES:
            self.problems.add(self.path, f"its networks make {count:,} rules, more than fit in one profile")
        if "http" in form:
            self.add("http", NOT_IN_V1)
        if "storedFields" in form:
            self.add("storedFields", "is only accepted in a rule that is already stored in this profile and unchanged")

    def protocol(self, field: str, protocol: int | str) -> None:
        if protocol not in V3_NAMES.values() and not (isinstance(protocol, int) and 1 <= protocol <= 255):
            self.add(field, f"{shown(protocol)} is not one of {', '.join(V3_NAMES.values())} or a number from 1 to 255")

    def icmp(self, field: str, icmp: dict[str, int]) -> None:
        for part, last in (("type", LAST_TYPE), ("code", LAST_CODE)):
            if not 0 <= icmp.get(part, 0) <= last:
                self.add(f"{field}.{part}", f"{icmp[part]} is not a number from 0 to {last}")
        if "code" in icmp and "type" not in icmp:
            self.add(f"{field}.code", "needs a type")
        if self.form.get("protocol") not in _VERSION_OF_ICMP and (field == "icmp" or icmp):
            self.add(field, "needs the protocol ICMP or ICMPv6")

    def entity(self, side: str, entity: Form) -> None:
        for field, check in _ENTITY_CHECKS.items():
            for negation in ("", "not"):
                name = field if not negation else negation + field[0].upper() + field[1:]
                items = entity.get(name, [])
                for position, item in enumerate(items if isinstance(items, list) else [items]):
                    problem = "" if item is None else check(item)  # None: the parser has already reported it
                    if problem:
                        where = f"{side}.{name}[{position}]" if isinstance(items, list) else f"{side}.{name}"
                        self.add(where, f"{shown(item)} {problem}")
        for field in ("ports", "notPorts"):
            if entity.get(field) and self.form.get("protocol") not in _WITH_PORTS:
                self.add(f"{side}.{field}", "needs the protocol TCP or UDP")
        if entity.get("nets") and entity.get("notNets"):
            if not nets_of(entity):
                self.add(f"{side}.notNets", "excludes all of nets: the rule would match nothing")
        elif len(entity.get("notNets", ())) > 1:
            self.add(f"{side}.notNets", f"more than one network {NOT_IN_V1}")
        if "serviceAccounts" in entity:
            self.add(f"{side}.serviceAccounts", NOT_IN_V1)
        if entity.get("namespaceSelector"):
            self.add(f"{side}.namespaceSelector", NOT_IN_V1)

    def ip_versions(self) -> None:
        expected = self.form.get("ipVersion")
        because = f"ipVersion is {expected}"
        for field in ("protocol", "notProtocol"):
            protocol = self.form.get(field)
            if expected in (4, 6) and _VERSION_OF_ICMP.get(protocol, expected) != expected:
                self.add("ipVersion", f"{expected} does not go with {field} {protocol}")
        protocol = self.form.get("protocol")
        if protocol in _VERSION_OF_ICMP and expected is None:
            expected, because = _VERSION_OF_ICMP[protocol], f"the protocol is {protocol}"
        for where, network in self.networks():
            if expected not in (None, network.version):
                self.add(where, f"{network} is IPv{network.version}, but {because}")
            elif expected is None:
                expected, because = network.version, f"{where} is IPv{network.version}"

    def networks(self) -> Iterator[tuple[str, Network]]:
        for side in ENTITIES:
            for field in ("nets", "notNets"):
                for position, item in enumerate(self.form.get(side, {}).get(field, ())):
                    if item is not None and not _cidr_problem(item):
                        yield f"{side}.{field}[{position}]", Network.parse(item)


def nets_of(entity: Form) -> list[str]:
    """Return the networks to store: ``nets`` minus ``notNets``, because Felix cannot program both.

    Without ``notNets``, or if one of the networks is invalid, ``nets`` is returned unchanged.
    """
    nets, excluded = entity.get("nets") or [], entity.get("notNets") or []
    if not excluded or any(net is None or _cidr_problem(net) for net in [*nets, *excluded]):
        return nets
    return [str(net) for net in without([Network.parse(net) for net in nets], [Network.parse(net) for net in excluded])]


def _cidr_problem(text: str) -> str:
    allowed = "is not a CIDR such as 10.0.0.0/8 or fd80::/64"
    if not _CIDR.fullmatch(text):
        return allowed
    try:
        problem = ambiguity(text)
        Network.parse(text)
    except ValueError:
        return allowed
    return f"is not accepted: {problem}" if problem else ""


def _port_problem(port: int | str) -> str:
    allowed = "is not a port from 0 to 65535 or a range such as 8000:8080"
    match = _PORT.fullmatch(str(port))
    if match is None:
        return f"is a named port, which {NOT_IN_V1}" if _NAMED_PORT.fullmatch(str(port)) else allowed
    first, last = int(match[1]), int(match[2] or match[1])
    if not (first <= 65535 and last <= 65535):
        return allowed
    return "ends before it begins" if last < first else ""


def _tag_problem(tag: str) -> str:
    return "" if is_tag(tag) else f"is not a tag: {ALLOWED}"


def _selector_problem(text: str) -> str:
    try:
        selector.parse(text, new=True)
    except selector.SelectorError as error:
        return f"is not accepted as a selector: {error}"
    return ""


_ENTITY_CHECKS: dict[str, Callable[[Any], str]] = {
    "nets": _cidr_problem,
    "selector": _selector_problem,
    "ports": _port_problem,
    "tag": _tag_problem,
}
