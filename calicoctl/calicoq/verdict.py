"""calicoq verdict: would a packet pass from one endpoint to another, and which rule decides."""

from __future__ import annotations

import re

from calicoctl.calicoq.formats import TEXT, say_document
from calicoctl.calicoq.parties import are_host_and_workload, find
from calicoctl.calicoq.state import read_snapshot
from calicoctl.errors import CommandError
from calicoctl.felix.packet import PROTOCOLS, End, Packet
from calicoctl.felix.view import Felix
from calicoctl.felix.walk import ALLOW, DENY, FELIX_1, FELIX_2, Step, Walk, identity_for
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.calicoq.formats import Document
    from calicoctl.calicoq.parties import Party
    from calicoctl.environment import Environment
    from calicoctl.grammar import Arguments
    from calicoctl.model.address import Address

ALLOWED, DENIED = 0, 1
_WORDS = {True: "allowed", False: "denied"}
_OF_ONE_VERSION = {PROTOCOLS["icmp"]: 4, PROTOCOLS["icmpv6"]: 6}


def run(arguments: Arguments, environment: Environment) -> int:
    """Answer for each IP version that both ends have; the status is 0 if all of it is allowed, else 1.

    Raises CommandError for arguments that mean nothing, or several things.
    """
    question = _Question(arguments)
    snapshot = read_snapshot(environment)
    felix = Felix(snapshot)
    source, destination = (find(arguments[end], felix, snapshot) for end in ("<from>", "<to>"))
    answer = _Answer(question, source, destination, felix)
    if arguments["--output"] == TEXT:
        environment.say("\n".join(map(visible, answer.lines())))
    else:
        say_document(answer.document(), arguments["--output"], environment)
    return ALLOWED if answer.allowed else DENIED


class _Question:
    """The packet as the arguments describe it; what they leave out is None."""

    def __init__(self, arguments: Arguments) -> None:
        self.protocol_text: str | None = arguments["<protocol>"]
        self.protocol = _protocol(self.protocol_text)
        self.port = self.icmp_type = self.icmp_code = None
        self.port_text: str | None = arguments["<port>"]
        if self.port_text is not None and self.protocol in _OF_ONE_VERSION:
            self.icmp_type, self.icmp_code = _icmp(self.port_text)
        elif self.port_text is not None:
            self.port = _port(self.port_text)
        self.source_port = None if arguments["--source-port"] is None else _port(arguments["--source-port"])

    def text(self) -> str:
        what = "ICMP type" if self.protocol in _OF_ONE_VERSION else "port"
        port = f", {what} {self.port_text}" if self.port_text is not None else ""
        source = f", source port {self.source_port}" if self.source_port is not None else ""
        return f"{self.protocol_text or 'a protocol that no rule names'}{port}{source}"

    def packet(self, version: int, source: End, destination: End) -> Packet:
        return Packet(version, source, destination, self.protocol, self.icmp_type, self.icmp_code)


class _Side:
    """What one endpoint does with the packet, in one version of Felix."""

    def __init__(self, title: str, direction: str, steps: list[Step]) -> None:
        self.title = title
        self.direction = direction
        self.steps = steps
        self.allowed = steps[-1].outcome == ALLOW

    def lines(self) -> Iterator[str]:
        yield f"{self.direction.capitalize()}, {self.title}:"
        for step in self.steps:
            yield f"  {step.text()}"
        yield f"  => {_WORDS[self.allowed]}"

    def document(self) -> Document:
        steps = [
            {
                "where": step.where,
                "what": step.what,
                **({"rule_number": step.number, "rule": step.rule} if step.rule is not None else {}),
                "outcome": step.outcome,
            }
            for step in self.steps
        ]
        return {"endpoint": self.title, "direction": self.direction, "steps": steps, "allowed": self.allowed}


class _Answer:
    def __init__(self, question: _Question, source: Party, destination: Party, felix: Felix) -> None:
        self._question = question
        self._source = source
        self._destination = destination
        self._felix = felix
        self._refused = [
            _Side(party.title, direction, [Step("", f"Felix treats it as deleted: {party.refusal}", DENY)])
            for party, direction in ((source, "outbound"), (destination, "inbound"))
            if party.refusal
        ]
        if not self._refused and not (source.endpoint or destination.endpoint):
            raise CommandError("Neither end is an endpoint: nothing that Calico stores decides about this packet.")
        self._by_version = {} if self._refused else {version: self._both(version) for version in self._versions()}
        self.allowed = not self._refused and all(sides[-1].allowed for sides, _ in self._by_version.values())
        self._notes = list(self._all_notes())

    def _versions(self) -> list[int]:
        common = sorted(set(self._source.addresses) & set(self._destination.addresses))
        needed = _OF_ONE_VERSION.get(self._question.protocol or 0)
        versions = [version for version in common if needed in (None, version)]
        if not versions:
            what = f"an IPv{needed} address" if needed else "an address of the same IP version"
            raise CommandError(f"{self._source.title} and {self._destination.title} do not both have {what}.")
        return versions

    def _both(self, version: int) -> tuple[list[_Side], list[_Side]]:
        """Return the sides that the packet meets with Felix 1.4 and with Felix 2."""
        return self._sides(version, FELIX_1), self._sides(version, FELIX_2)

    def _sides(self, version: int, felix_version: int) -> list[_Side]:
        source = self._end(self._source.addresses[version], self._question.source_port, felix_version)
        destination = self._end(self._destination.addresses[version], self._question.port, felix_version)
        packet = self._question.packet(version, source, destination)
        sides: list[_Side] = []
        for party, direction in ((self._source, "outbound"), (self._destination, "inbound")):
            if sides and not sides[-1].allowed:
                break
            if party.endpoint is None:
                steps = [Step("", "It is no endpoint: Calico does not police it", ALLOW)]
            else:
                steps = Walk(self._felix, party.endpoint, direction, packet, felix_version).steps()
            sides.append(_Side(party.title, direction, steps))
        return sides

    def _end(self, address: Address, port: int | None, felix_version: int) -> End:
        identities = [
            identity_for(self._felix, endpoint, felix_version)
            for endpoint in self._felix.at(address)
        ]
        return End(address, port, identities)

    def _all_notes(self) -> Iterator[str]:
        for key, reason in sorted(self._felix.refused.items()):
            if "/policy/tier/" in key or key.endswith(("/labels", "/tags")):
                yield f"Felix ignores {key}: {reason}."
        if self._by_version and are_host_and_workload(self._source, self._destination, self._felix):
            yield (
                "Between a host and its own workloads more counts than this: what the host is sent, "
                "DefaultEndpointToHostAction and the host's own rules decide; what it sends is not policed."
            )
        yield from self._override_notes()
        for version, (sides, _) in self._by_version.items():
            for step in (step for side in sides for step in side.steps if step.doubt):
                yield f"For IPv{version}, {step.doubt}."
        for version, (sides, with_felix_2) in self._by_version.items():
            ours, theirs = sides[-1], with_felix_2[-1]
            if ours.allowed != theirs.allowed:
                yield f"Felix 2 decides otherwise for IPv{version}: {_WORDS[theirs.allowed]}; {_last(theirs)}."
            elif [side.steps[-1].place for side in sides] != [side.steps[-1].place for side in with_felix_2]:
                yield f"Felix 2 decides the same for IPv{version} by another rule; {_last(theirs)}."

    def _override_notes(self) -> Iterator[str]:
        hosts = {party.endpoint.name.host for party in (self._source, self._destination) if party.endpoint is not None}
        for host in sorted(hosts):
            action = self._felix.parameter(host, "DropActionOverride")
            if action and "accept" in action.lower():
                yield f"DropActionOverride is {action} on {host}: its Felix lets pass what it would drop."

    def lines(self) -> Iterator[str]:
        yield f"From {self._source.title} to {self._destination.title}: {self._question.text()}"
        for side in self._refused:
            yield ""
            yield from side.lines()
        for version, (sides, _) in self._by_version.items():
            yield ""
            yield f"IPv{version}, {self._source.addresses[version]} to {self._destination.addresses[version]}"
            for side in sides:
                yield from side.lines()
        yield ""
        yield from (f"Note: {note}" for note in self._notes)
        yield f"Verdict of Felix 1.4: {_WORDS[self.allowed]}"

    def document(self) -> Document:
        packets = [
            {
                "ip_version": version,
                "from_address": str(self._source.addresses[version]),
                "to_address": str(self._destination.addresses[version]),
                "sides": [side.document() for side in sides],
                "allowed": sides[-1].allowed,
                "allowed_by_felix_2": with_felix_2[-1].allowed,
            }
            for version, (sides, with_felix_2) in self._by_version.items()
        ]
        return {
            "from": self._source.title,
            "to": self._destination.title,
            "packet": self._question.text(),
            **({"refused": [side.document() for side in self._refused]} if self._refused else {}),
            "packets": packets,
            "notes": self._notes,
            "allowed": self.allowed,
        }


def _last(side: _Side) -> str:
    return f"{side.direction}, {side.steps[-1].text()}"


def _protocol(text: str | None) -> int | None:
    if text is None or text in PROTOCOLS:
        return PROTOCOLS[text] if text else None
    if re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) and 1 <= int(text) <= 255:
        return int(text)
    raise CommandError(f'"{visible(text)}" is no protocol: {", ".join(PROTOCOLS)} or a number from 1 to 255.')


def _port(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) and int(text) <= 65535:
        return int(text)
    raise CommandError(f'"{visible(text)}" is no port: a number from 0 to 65535.')


def _icmp(text: str) -> tuple[int, int | None]:
    found = re.fullmatch(r"([0-9]{1,3})(?:/([0-9]{1,3}))?", text, re.ASCII)
    numbers = [int(number) for number in found.groups() if number is not None] if found else []
    if not numbers or max(numbers) > 255:
        raise CommandError(f'"{visible(text)}" is no ICMP type or type/code: numbers from 0 to 255, as 8 or 3/1.')
    return numbers[0], numbers[1] if len(numbers) > 1 else None
