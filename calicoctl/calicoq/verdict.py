"""calicoq verdict: whether a packet passes from one endpoint to another, and which rule decides."""

from __future__ import annotations

import re

from calicoctl.calicoq.formats import TEXT, say_document
from calicoctl.calicoq.journey import WORDS, Side
from calicoctl.calicoq.own_host import journey_between
from calicoctl.calicoq.parties import find, tunnel_problem
from calicoctl.calicoq.state import felix_version_of, read_snapshot
from calicoctl.errors import CommandError
from calicoctl.felix import questions
from calicoctl.felix.chances import Chances, judged
from calicoctl.felix.evaluation import FELIX_1, FELIX_2
from calicoctl.felix.parameters import disarming, remark
from calicoctl.felix.view import Felix
from calicoctl.felix.walk import DENY, Step
from calicoctl.model.protocols import PROTOCOLS
from calicoctl.output import visible

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calicoctl.calicoq.formats import Document
    from calicoctl.calicoq.journey import Journey
    from calicoctl.calicoq.parties import Party
    from calicoctl.datastore.snapshot import Snapshot
    from calicoctl.environment import Environment
    from calicoctl.felix.packet import Packet
    from calicoctl.grammar import Arguments

ALLOWED, DENIED, NO_ANSWER = 0, 1, 2
CERTAIN, NOT_CERTAIN = "certain", "not certain"
_NAMES = {FELIX_1: "Felix 1.4", FELIX_2: "Felix 2"}
_OF_ONE_VERSION = {PROTOCOLS["icmp"]: 4, PROTOCOLS["icmpv6"]: 6}


def run(arguments: Arguments, environment: Environment) -> int:
    """Print the verdict for each IP version that both ends have, and return the exit status.

    The status is 0 if the packet is allowed for all IP versions, 1 if it is denied for one, otherwise 2: not certain.
    Raises CommandError for invalid or ambiguous arguments.
    """
    question = Question(arguments)
    snapshot = read_snapshot(environment)
    answer = answer_to(question, Felix(snapshot), snapshot)
    if arguments["--output"] == TEXT:
        environment.say("\n".join(map(visible, answer.lines())), painter="verdict")
    else:
        say_document(answer.document(), arguments["--output"], environment)
    return answer.status


def answer_to(question: Question, felix: Felix, snapshot: Snapshot) -> Answer:
    """Return how Felix treats a packet. Raises CommandError if an end does not exist."""
    source, destination = (find(end, felix, snapshot) for end in question.ends)
    return Answer(question, source, destination, felix, tunnel_problem(source, destination, felix, snapshot))


class Question:
    """The packet that the arguments describe, and its two ends; omitted values are None."""

    def __init__(self, arguments: Arguments) -> None:
        """Raises CommandError for invalid arguments."""
        self.ends: tuple[str, str] = arguments["<from>"], arguments["<to>"]
        self.protocol_text: str | None = arguments["<protocol>"]
        self.protocol = _protocol(self.protocol_text)
        self.port = self.icmp_type = self.icmp_code = None
        self.port_text: str | None = arguments["<port>"]
        if self.port_text is not None and self.protocol in _OF_ONE_VERSION:
            self.icmp_type, self.icmp_code = _icmp(self.port_text)
        elif self.port_text is not None:
            self.port = _port(self.port_text)
        self.source_port = None if arguments["--source-port"] is None else _port(arguments["--source-port"])
        self.felix_versions = (FELIX_1, FELIX_2) if felix_version_of(arguments) == FELIX_1 else (FELIX_2, FELIX_1)

    def text(self) -> str:
        what = "ICMP type" if self.protocol in _OF_ONE_VERSION else "port"
        port = f", {what} {self.port_text}" if self.port_text is not None else ""
        source = f", source port {self.source_port}" if self.source_port is not None else ""
        return f"{self.protocol_text or 'a protocol that no rule names'}{port}{source}"

    def numbers(self) -> tuple[int | None, int | None, int | None, int | None, int | None]:
        """Return the protocol, port, source port, ICMP type and ICMP code; None for an omitted value."""
        return self.protocol, self.port, self.source_port, self.icmp_type, self.icmp_code


class _Packet:
    """The answer for one IP version: the path of the packet with the requested version of Felix, and with the other."""

    def __init__(self, ip_version: int, question: Question, source: Party, destination: Party, felix: Felix) -> None:
        self.ip_version = ip_version
        versions = question.felix_versions
        journeys = [journey_between(source, destination, felix, ip_version, version) for version in versions]
        packets = [journey.packet(*question.numbers()) for journey in journeys]
        self.sides, self.doubts = judged(
            lambda chances: journeys[0].sides(packets[0], chances),
            lambda sides, others: sides[-1].allowed == others[-1].allowed,
        )
        self.others = journeys[1].sides(packets[1], Chances())
        self.addresses = source.addresses[ip_version], destination.addresses[ip_version]
        self.certainty = NOT_CERTAIN if self.doubts else CERTAIN
        self._reply_notes = list(_reply_notes(journeys[0], packets[0])) if self.sides[-1].allowed else []

    @property
    def allowed(self) -> bool | None:
        """Whether the packet passes; None if that is not certain."""
        return None if self.doubts else self.sides[-1].allowed

    def notes(self, other_felix: str) -> Iterator[str]:
        """Yield the notes; ``other_felix`` is the name of the other version of Felix."""
        version = self.ip_version
        yield from self._reply_notes
        ours, theirs = self.sides[-1], self.others[-1]
        if ours.allowed != theirs.allowed:
            yield f"{other_felix} decides otherwise for IPv{version}: {WORDS[theirs.allowed]}; {theirs.last_text()}."
        elif [side.steps[-1].place for side in self.sides] != [side.steps[-1].place for side in self.others]:
            yield f"{other_felix} decides the same for IPv{version} by another rule; {theirs.last_text()}."

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text output."""
        yield f"IPv{self.ip_version}, {self.addresses[0]} to {self.addresses[1]}"
        for side in self.sides:
            yield from side.lines()

    def document(self, other_felix: int) -> Document:
        """Return the answer as a document; ``other_felix`` is the number of the other version."""
        return {
            "ip_version": self.ip_version,
            "from_address": str(self.addresses[0]),
            "to_address": str(self.addresses[1]),
            "sides": [side.document() for side in self.sides],
            "allowed": self.allowed,
            "certainty": self.certainty,
            **({"uncertain_because": self.doubts} if self.doubts else {}),
            f"allowed_by_felix_{other_felix}": self.others[-1].allowed,
        }


def _reply_notes(journey: Journey, packet: Packet) -> Iterator[str]:
    """Yield a note if untracked policies drop replies to a packet, or may drop them."""
    found: dict[str, None] = {}

    def dropped_by(chances: Chances) -> str:
        by = journey.replies_dropped_by(packet, chances)
        if by:
            found[by] = None
        return by

    _, doubts = judged(dropped_by, lambda by, other: bool(by) == bool(other))
    for by in found:
        verb = "may be" if doubts else "are"
        because = "".join(f" {doubt}." for doubt in doubts)
        yield f"Replies over IPv{packet.version} {verb} dropped: {by}.{because}"
        return


class Answer:
    """The answer for all IP versions that both ends have, as text or as a document."""

    def __init__(
        self, question: Question, source: Party, destination: Party, felix: Felix, tunnel_problem: str
    ) -> None:
        self._question = question
        self._tunnel_problem = tunnel_problem
        self._source = source
        self._destination = destination
        self._felix = felix
        self._refused = [
            Side(party.title, direction, [Step("", party.refusal, DENY)])
            for party, direction in ((source, "outbound"), (destination, "inbound"))
            if party.refusal
        ]
        if not self._refused and not (source.endpoint or destination.endpoint):
            raise CommandError("Neither end is an endpoint: nothing that Calico stores decides about this packet.")
        versions = [] if self._refused else self._versions()
        self._packets = [_Packet(version, question, source, destination, felix) for version in versions]
        doubts = self._doubts_of_refusals()
        refusals = [None if doubts else False] if self._refused else []
        outcomes = [*refusals, *(packet.allowed for packet in self._packets)]
        self.allowed = False if False in outcomes else None if None in outcomes else True
        self._doubts = list(dict.fromkeys([*doubts, *(doubt for packet in self._packets for doubt in packet.doubts)]))
        self._felix_name, self._other_felix_name = map(_NAMES.__getitem__, question.felix_versions)
        self._notes = list(self._all_notes())

    @property
    def status(self) -> int:
        """The exit status."""
        return NO_ANSWER if self.allowed is None else ALLOWED if self.allowed else DENIED

    def _doubts_of_refusals(self) -> list[str]:
        """Return why the refusals may not be in force; an empty list if one of them certainly is."""
        if self._question.felix_versions[0] != FELIX_1:
            return []
        refused = (party.refused for party in (self._source, self._destination))
        reasons = [self._felix.standstill(name.host) for name in refused if name is not None]
        return [questions.standstill(reason) for reason in dict.fromkeys(reasons)] if all(reasons) else []

    def _versions(self) -> list[int]:
        common = sorted(set(self._source.addresses) & set(self._destination.addresses))
        needed = _OF_ONE_VERSION.get(self._question.protocol or 0)
        versions = [version for version in common if needed in (None, version)]
        if not versions:
            what = f"an IPv{needed} address" if needed else "an address of the same IP version"
            raise CommandError(f"{self._source.title} and {self._destination.title} do not both have {what}.")
        return versions

    def _all_notes(self) -> Iterator[str]:
        for key, reason in sorted(self._felix.refused.items()):
            if "/policy/tier/" in key or key.endswith(("/labels", "/tags")):
                yield f"Felix ignores {key}: {reason}."
        if self._question.felix_versions[0] == FELIX_1:
            yield from self._parameter_notes()
        for packet in self._packets:
            yield from packet.notes(self._other_felix_name)
        if self._tunnel_problem and any(packet.ip_version == 4 and packet.allowed for packet in self._packets):
            yield self._tunnel_problem

    def _parameter_notes(self) -> Iterator[str]:
        """Yield notes about odd and disarming parameters on the hosts of both ends."""
        parties = (self._source, self._destination)
        names = [party.endpoint.name if party.endpoint is not None else party.refused for party in parties]
        hosts = {name.host for name in names if name is not None}
        for host in sorted(hosts):
            for name, value in sorted(self._felix.stored_parameters(host).items()):
                if note := disarming(name, value) or remark(name, value):
                    yield f'{name} is "{value}" on {host}: {note}.'

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text output; if the answer is not certain, the reasons come first."""
        yield from (f"Not certain: {doubt}." for doubt in self._doubts)
        yield from [""] if self._doubts else []
        yield f"From {self._source.title} to {self._destination.title}: {self._question.text()}"
        for side in self._refused:
            yield ""
            yield from side.lines()
        for packet in self._packets:
            yield ""
            yield from packet.lines()
        yield ""
        yield from (f"Note: {note}" for note in self._notes)
        yield f"Verdict of {self._felix_name}: {self._words()}"

    def _words(self) -> str:
        if self.allowed is None:
            return NOT_CERTAIN
        nobody = [party for party in (self._source, self._destination) if party.pool] if self.allowed else []
        return f"{WORDS[self.allowed]}{''.join(f', but no endpoint has {party.address}' for party in nobody)}"

    def document(self) -> Document:
        """Return the answer as a document."""
        other = self._question.felix_versions[1]
        nobody = [str(party.address) for party in (self._source, self._destination) if party.pool]
        return {
            "from": self._source.title,
            "to": self._destination.title,
            "packet": self._question.text(),
            **({"refused": [side.document() for side in self._refused]} if self._refused else {}),
            "packets": [packet.document(other) for packet in self._packets],
            "notes": self._notes,
            **({"addresses_without_endpoint": nobody} if nobody else {}),
            "allowed": self.allowed,
            "certainty": NOT_CERTAIN if self.allowed is None else CERTAIN,
            **({"uncertain_because": self._doubts} if self._doubts else {}),
        }


def _protocol(text: str | None) -> int | None:
    if text is None or text in PROTOCOLS:
        return PROTOCOLS[text] if text else None
    if re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) and 1 <= int(text) <= 255:
        return int(text)
    raise CommandError(f'"{visible(text)}" is not a protocol: {", ".join(PROTOCOLS)} or a number from 1 to 255.')


def _port(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) and int(text) <= 65535:
        return int(text)
    raise CommandError(f'"{visible(text)}" is not a port: a number from 0 to 65535.')


def _icmp(text: str) -> tuple[int, int | None]:
    found = re.fullmatch(r"([0-9]{1,3})(?:/([0-9]{1,3}))?", text, re.ASCII)
    numbers = [int(number) for number in found.groups() if number is not None] if found else []
    if not numbers or max(numbers) > 255:
        raise CommandError(f'"{visible(text)}" is not an ICMP type or type/code: numbers from 0 to 255, as 8 or 3/1.')
    return numbers[0], numbers[1] if len(numbers) > 1 else None
