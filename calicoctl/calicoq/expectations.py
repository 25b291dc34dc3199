"""Expectations about flows, as ``calicoq test`` reads them: which ends must reach which others, and which must not.

::

    - name: the shop reaches its database        # optional
      allow: tcp:5432                            # or deny; one filter, a list, or all
      from: [profile:WEB, profile:BACKUP]        # ends as for --from; one or a list
      to: profile:DB
      ip: 4                                      # 4 or 6; both if omitted
"""

from __future__ import annotations

from calicoctl.errors import CommandError
from calicoctl.flows.packet_filter import filters_from
from calicoctl.output import visible
from calicoctl.resources.documents import MalformedDocument, Mapping, each
from calicoctl.resources.files import texts

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from calicoctl.environment import Environment
    from calicoctl.flows.packet_filter import PacketFilter

ALLOW, DENY = "allow", "deny"
_FIELDS = ("name", ALLOW, DENY, "from", "to", "ip")


class Expectation:
    """Packets from each of the ``sources`` to each of the ``destinations`` must be allowed, or must be denied.

    ``ip_version`` is None if the expectation applies to both versions.
    """

    def __init__(
        self, name: str, verb: str, filters: list[PacketFilter], sources: list[str], destinations: list[str],
        place: str, ip_version: int | None,
    ) -> None:  # fmt: skip
        self.name = name
        self.verb = verb
        self.filters = filters
        self.sources = sources
        self.destinations = destinations
        self.place = place
        self.ip_version = ip_version


def read(paths: list[str], environment: Environment) -> list[Expectation]:
    """Read the expectations of files. Raises CommandError with all errors found in them."""
    problems: list[str] = []
    found: list[Expectation] = []
    for path in paths:
        for label, text in texts(path, False, environment, problems):
            try:
                for document, line in each(text):
                    found += _of_document(document, f"{label}:{line}", label, problems)
            except MalformedDocument as error:
                problems.append(f"{label}: {error}")
    if problems:
        raise CommandError("\n".join(map(visible, problems)))
    if not found:
        raise CommandError("There are no expectations in the input.")
    return found


def _of_document(document: Any, place: str, label: str, problems: list[str]) -> Iterator[Expectation]:
    if not isinstance(document, list):
        problems.append(f"{place}: it is not a list of expectations")
        return
    for number, value in enumerate(document, start=1):
        if not isinstance(value, Mapping):
            problems.append(f"{place}: expectation {number} is not a mapping")
            continue
        where = f"{label}:{value.line}"
        try:
            yield _expectation(value, where)
        except ValueError as error:
            problems.append(f"{where}: {error}")


def _expectation(value: dict[str, Any], place: str) -> Expectation:
    """Return the expectation of one mapping. Raises ValueError if it is invalid."""
    if unknown := [str(key) for key in value if key not in _FIELDS]:
        raise ValueError(f"{unknown[0]} is not a field: {', '.join(_FIELDS)}")
    verbs = [verb for verb in (ALLOW, DENY) if verb in value]
    if len(verbs) != 1:
        raise ValueError("it needs either allow or deny")
    packets, sources, destinations = (_texts(value, key) for key in (verbs[0], "from", "to"))
    filters = [found for text in packets for found in filters_from(text)]
    name = value.get("name")
    if name is not None and not isinstance(name, str):
        raise ValueError("name is not a text")
    version = str(value.get("ip", ""))
    if version not in ("", "4", "6"):
        raise ValueError("ip is neither 4 nor 6")
    said = f"{verbs[0]} {','.join(packets)} from {', '.join(sources)} to {', '.join(destinations)}"
    return Expectation(str(name or said), verbs[0], filters, sources, destinations, place, int(version or 0) or None)


def _texts(value: dict[str, Any], key: str) -> list[str]:
    given = value.get(key)
    listed = given if isinstance(given, list) else [given]
    if not listed or not all(isinstance(text, str) and text for text in listed):
        raise ValueError(f"{key} is neither a text nor a list of texts")
    return list(map(str, listed))
